package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/kubeassay/assay/finding"
)

// nasty are names that do something where they are evaluated. MARK is replaced
// by the path of a file that must never be there.
var nasty = []string{
	"$(touch MARK)", "`touch MARK`", "; touch MARK ;", "| touch MARK", "&& touch MARK", "\ntouch MARK\n", "' ; touch MARK ; '", `" ; touch MARK ; "`,
	"--checkpoint=1", "--checkpoint-action=exec=touch MARK", "-exec", "*", "?", "[a-z]", `\0012touch MARK`, `\n`, "%n%s%d", "$((1/0))", "${IFS}", "~", "!!", "{a,b}",
	" leading and trailing ", "tab\tand\rreturn", "bad \xff\xfe bytes", escapes, "a -> b", "x' -> 'y",
}

// escapes change a terminal's title, clear it, hide text, and end a sequence in one byte.
const escapes = "\x1b]0;pwned\x07\x1b[2J\x1b[8mhidden\u009b31m\u202egnp"

// celText writes a string for CEL, yamlText one for YAML, shellText one for bash.
func celText(s string) string { return strconv.QuoteToASCII(s) }

func yamlText(s string) string {
	b, _ := json.Marshal(s) // a string can always be written
	return string(b)
}

func shellText(s string) string {
	var b strings.Builder
	b.WriteString("$'")
	for i := range len(s) {
		fmt.Fprintf(&b, `\%03o`, s[i])
	}
	return b.String() + "'"
}

// plant makes files with nasty names, each with its number in it, and says of
// each what is true of it.
func plant(mark string) (commands string, controls map[string]string) {
	var b strings.Builder
	b.WriteString("mkdir -p /plant\n")
	controls = map[string]string{}
	for i, name := range nasty {
		path := "/plant/" + strings.ReplaceAll(name, "MARK", mark)
		read := fmt.Sprintf(`file(%s).exists && file(%s).content == "%d"`, celText(path), celText(path), i)
		id := fmt.Sprintf("name-%d", i)
		if strings.Contains(name, "\xff") { // CEL can't write that name
			id = "tree-" + id
			read = fmt.Sprintf(`tree("/plant").files.exists(f, f.name.startsWith("bad ") && f.size == %d)`, len(fmt.Sprint(i)))
		}
		fmt.Fprintf(&b, "mkdir -p -- %s; printf %d >%s\n", shellText(filepath.Dir(path)), i, shellText(path))
		controls[id] = "expression: " + yamlText(read)
	}
	return b.String(), controls
}

// The rungs of the ladder, by what a container holds.
var rungs = []struct {
	name, path string
	tools      map[string]string
}{
	{"shell", oursFirst, only("exit 0", "unused")},
	{"tar", oursOnly, only(`exec /bin/tar "$@"`, "tar")},
	{"cat", oursOnly, map[string]string{"cat": "#!/bin/dash\nexec /bin/cat \"$@\"\n", "stat": "#!/bin/dash\nexec /usr/bin/stat \"$@\"\n"}},
}

// byDebugContainer are the flags for looking by a container of ours.
func byDebugContainer(t *testing.T) []string {
	t.Helper()
	return []string{"--approach", "debug-container", "--yes", "--debug-image", nodeImage(t)}
}

// TestNothingIsEvaluated: names in the container and paths in a profile are
// data, on every rung and in every approach. Each file is found by its name.
func TestNothingIsEvaluated(t *testing.T) {
	t.Parallel()
	c := startOnNode(t)
	ns := c.namespace(t, "e2e-evaluated-")
	mark := "/tmp/pwned-" + ns
	commands, controls := plant(mark)
	profile := writeProfile(t, falseClaims, controls)
	look := func(t *testing.T, pod string, whole bool, more ...string) {
		passed := 0
		for id, f := range c.claimed(t, ns, pod, profile, more...) {
			switch {
			case f.Status == finding.Pass:
				passed++
			// Without a shell, programs write some names in ways of their own.
			case whole || f.Status != finding.Error && f.Status != finding.NotReviewed:
				t.Errorf("%s is %s: %s", id, f.Status, f.Message)
			}
		}
		if passed < len(nasty)/2 {
			t.Errorf("only %d of %d files were found", passed, len(nasty))
		}
		if out := c.inMain(t, ns, pod, "/bin/ls", "-A", "/tmp"); out != "" {
			t.Errorf("something was made in the container's /tmp: %s", out)
		}
		if _, err := os.Lstat(mark); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is on this machine: %v", mark, err)
		}
	}
	for _, rung := range rungs {
		t.Run(rung.name, func(t *testing.T) {
			t.Parallel()
			c.hostile(t, ns, rung.name, rung.tools, rung.path, commands+"exec sleep 1000000")
			look(t, rung.name, rung.name == "shell")
		})
	}
	t.Run("a path that can't be", func(t *testing.T) {
		t.Parallel()
		c.hostile(t, ns, "impossible", only("exit 0", "unused"), oursFirst, "exec sleep 1000000")
		impossible := writeProfile(t, falseClaims, map[string]string{"nul": "expression: " + yamlText(`!file("/etc/x\x00y").exists`)})
		for id, f := range c.claimed(t, ns, "impossible", impossible) {
			if f.Status != finding.Error {
				t.Errorf("%s is %s: %s", id, f.Status, f.Message)
			}
		}
	})
	t.Run("debug container", func(t *testing.T) {
		t.Parallel()
		c.hostile(t, ns, "debug", only("exit 0", "unused"), oursFirst, commands+"exec sleep 1000000")
		look(t, "debug", true, byDebugContainer(t)...)
	})
}

// TestHostileLinks: links lead where they lead in the container, never to the
// machine below it, and a tree does not follow them.
func TestHostileLinks(t *testing.T) {
	t.Parallel()
	c := startOnNode(t)
	ns := c.namespace(t, "e2e-links-")
	// A file that is on the node, outside of every container.
	outside := filepath.Join(c.state, "admin.kubeconfig")
	up := strings.Repeat("../", 40)
	const top = "root" // the kernel's link, below a process, to where that has its "/"
	commands := `mkdir -p /links/deep/deeper && cd /links && echo inside >/secret
ln -s /proc proc; ln -s / top; ln -s ` + up + `etc/passwd up; ln -s /links/up again; ln -s loop loop; ln -s b a; ln -s a b; ln -s ` + up + `proc/1/` + top + `/secret magic
ln -s ` + outside + ` outside; ln -s ` + up + strings.TrimPrefix(outside, "/") + ` outside-up; ln -s /proc/self/cwd cwd; ln -s /proc/1/fd fd
ln -s ../../../../../../secret deep/deeper/up; ln -s /links deep/deeper/round
ln -s c1 c0; for i in $(seq 1 60); do ln -s c$((i+1)) c$i; done; ln -s /secret c61
for i in $(seq 1 300); do ln -s /proc/self/` + top + `/links farm$i; done
exec sleep 1000000`
	controls := map[string]string{
		"up":          `file("/links/up").sha256 == file("/etc/passwd").sha256`,
		"again":       `file("/links/again").target == "/etc/passwd"`,
		"deep":        `file("/links/deep/deeper/up").content.trim() == "inside"`,
		"round":       `file("/links/deep/deeper/round/deep/deeper/round/up").target == "/etc/passwd"`,
		"through-top": `file("/links/top/links/top/secret").content.trim() == "inside"`,
		"not-outside": `!file("/links/outside").exists && !file("/links/outside-up").exists`,
		// 300 that lead back, and not one of them followed.
		"tree":  `tree("/links").entries.size() < 400 && tree("/links").links.filter(l, l.name.startsWith("farm")).size() == 300`,
		"files": `files("/links/*").filter(f, f.isLink).size() > 300`,
	}
	open := map[string]string{
		"loop":  `file("/links/loop").exists`,
		"pair":  `file("/links/a").exists`,
		"chain": `file("/links/c0").content == ""`,
	}
	all := map[string]string{}
	for id, text := range controls {
		all[id] = "expression: " + yamlText(text)
	}
	for id, text := range open {
		all["open-"+id] = "expression: " + yamlText(text)
		all["open-not-"+id] = "expression: " + yamlText("!("+text+")")
	}
	profile := writeProfile(t, falseClaims, all)
	for name, more := range map[string]func(*testing.T) []string{"shell": func(*testing.T) []string { return nil }, "debug": byDebugContainer} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.hostile(t, ns, name, only("exit 0", "unused"), oursFirst, commands)
			for id, f := range c.claimed(t, ns, name, profile, more(t)...) {
				switch {
				case strings.HasPrefix(id, "open-"):
					if f.Status == finding.Pass {
						t.Errorf("%s passes: %s", id, f.Message)
					}
				case f.Status != finding.Pass:
					t.Errorf("%s is %s: %s", id, f.Status, f.Message)
				}
			}
		})
	}
}

// TestHostileNames: what a container calls its files, processes, users and
// variables reaches a reader as text, never as an order to his terminal.
func TestHostileNames(t *testing.T) {
	t.Parallel()
	c := startOnNode(t)
	ns := c.namespace(t, "e2e-names-")
	commands, _ := plant("/tmp/pwned-" + ns)
	commands += "printf %s:x:0:0:::/bin/sh >>/etc/passwd " + shellText(escapes) + "\n" +
		"printf %s " + shellText(escapes) + " >/plant/content; ln -s " + shellText(escapes) + " /plant/link\n" +
		"exec -a " + shellText(escapes) + " sleep 1000000"
	profile := writeFile(t, filepath.Join(t.TempDir(), "profile.yaml"), falseClaims+`
- {id: files, title: t, desc: d, impact: 0.9, check: c, fix: f, tests: [{none: 'tree("/plant").entries', message: "{{ offenders }}", description: d}]}
- {id: processes, title: t, desc: d, impact: 0.9, check: c, fix: f, tests: [{none: 'processes.map(p, p.command)', message: "{{ offenders }}", description: d}]}
- {id: users, title: t, desc: d, impact: 0.9, check: c, fix: f, tests: [{none: 'users.filter(u, u.uid == 0).map(u, u.name)', message: "{{ offenders }}", description: d}]}
- {id: content, title: t, desc: d, impact: 0.9, check: c, fix: f, tests: [{expression: 'file("/plant/content").content == ""', message: "{{ file('/plant/content').content }}", description: d}]}
- {id: link, title: t, desc: d, impact: 0.9, check: c, fix: f, tests: [{none: 'tree("/plant").links.map(l, l.link)', message: "{{ offenders }}", description: d}]}
`)
	c.hostile(t, ns, "names", only("exit 0", "unused"), oursFirst, commands)
	for id, f := range c.claimed(t, ns, "names", profile) {
		if f.Status != finding.Fail || !strings.Contains(f.Message, "pwned") {
			t.Errorf("%s is %s, and should name what it has found: %s", id, f.Status, f.Message)
		}
	}
	for _, format := range []string{"table", "wide", "json", "ndjson", "yaml", "markdown", "junit"} {
		r := c.assay(t, flags([]string{"inspect", ns + "/names/main", "--profile", profile, "-o", format}, c.admin())...).exits(t, 1)
		for what, text := range map[string]string{"output": r.stdout, "error": r.stderr} {
			if i := strings.IndexFunc(text, func(r rune) bool { return r != '\n' && !strconv.IsPrint(r) }); i >= 0 {
				t.Errorf("%s: in standard %s stands raw: %q", format, what, text[i:min(i+40, len(text))])
			}
		}
		if !strings.Contains(r.stdout, "pwned") {
			t.Errorf("%s does not show what was found: %v", format, r)
		}
	}
}
