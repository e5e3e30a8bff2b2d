package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// root is the module's folder.
const root = "../.."

// part is a piece of a page that a test looks at.
type part struct {
	kind     string // sh, test, output, cluster output, node output, generated
	arg      string // of the comment before it
	language string // of the block
	text     string
	line     int // of the text's first line, counted from 0
	end      int // the line behind its last
}

var comment = regexp.MustCompile(`^<!-- (test|output|cluster output|node output|generated): (.+) -->$`)

// parts finds the pieces of a page. Blocks of other languages are no pieces.
func parts(t *testing.T, page string, lines []string) []part {
	t.Helper()
	var all []part
	next := part{}
	for i := 0; i < len(lines); i++ {
		if m := comment.FindStringSubmatch(lines[i]); m != nil {
			next = part{kind: m[1], arg: m[2]}
			if next.kind != "generated" {
				continue
			}
		} else if strings.HasPrefix(lines[i], "<!--") && lines[i] != "<!-- end -->" {
			t.Fatalf("%s:%d: this comment is not understood; see the package's comment", page, i+1)
		}
		closing, language := "<!-- end -->", ""
		if next.kind != "generated" {
			closing = "```"
			var fenced bool
			if language, fenced = strings.CutPrefix(lines[i], "```"); !fenced {
				if next.kind != "" {
					t.Fatalf("%s:%d: a block must follow the comment at once", page, i)
				}
				continue
			}
		}
		end := i + 1
		for end < len(lines) && lines[end] != closing {
			end++
		}
		if end == len(lines) {
			t.Fatalf("%s:%d: there is no %q behind this", page, i+1, closing)
		}
		p := next
		p.language, p.line, p.end, p.text = language, i+1, end, strings.Join(lines[i+1:end], "\n")
		next, i = part{}, end
		switch {
		case p.kind == "" && language == "sh":
			p.kind = "sh"
			all = append(all, p)
		case p.kind == "test" && language != "sh":
			t.Fatalf("%s:%d: only the commands of a block of sh are run", page, p.line)
		case p.kind != "":
			all = append(all, p)
		}
	}
	return all
}

// commands splits a block into its commands: one a line, unless a \ joins two.
func commands(text string) []string {
	var all []string
	joined := ""
	for line := range strings.Lines(text + "\n") {
		joined += line
		if strings.HasSuffix(line, "\\\n") {
			continue
		}
		if c := strings.TrimSpace(joined); c != "" && !strings.HasPrefix(c, "#") {
			all = append(all, c)
		}
		joined = ""
	}
	return all
}

// pages lists what is tested: the README and all of docs/.
func pages(t *testing.T) []string {
	t.Helper()
	all := []string{"README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"}
	err := filepath.WalkDir(filepath.Join(root, "docs"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".md") {
			rel, relErr := filepath.Rel(root, path)
			all, err = append(all, filepath.ToSlash(rel)), relErr
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func read(t *testing.T, page string) []string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, page))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(string(b), "\n")
}

func TestParts(t *testing.T) {
	page := strings.Split("# A\n```sh\none \\\n  two\n# not\nthree\n```\n```yaml\na: 1\n```\n<!-- test: server -->\n```sh\ncurl x\n```\n"+
		"<!-- output: assay version -->\n```text\nv1\n```\n<!-- generated: checks -->\n| a |\n<!-- end -->\n", "\n")
	got := parts(t, "page", page)
	want := []part{
		{"sh", "", "sh", "one \\\n  two\n# not\nthree", 2, 6},
		{"test", "server", "sh", "curl x", 12, 13},
		{"output", "assay version", "text", "v1", 16, 17},
		{"generated", "checks", "", "| a |", 19, 20},
	}
	if len(got) != len(want) {
		t.Fatalf("got %+v", got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("part %d: got %+v, want %+v", i, got[i], want[i])
		}
	}
	if c := commands(got[0].text); len(c) != 2 || c[0] != "one \\\n  two" || c[1] != "three" {
		t.Errorf("commands: %q", c)
	}
}
