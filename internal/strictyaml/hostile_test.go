package strictyaml_test

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/kubeassay/assay/internal/strictyaml"
)

// large takes as much as any file of ours.
var large = strictyaml.Form{What: "a list of teams", MaxBytes: 4 << 20}

// endless is one line of 100 MB.
type endless struct{ read int }

func (e *endless) Read(p []byte) (int, error) {
	if e.read >= 100<<20 {
		return 0, errors.New("all of it was read")
	}
	for i := range p {
		p[i] = 'x'
	}
	e.read += len(p)
	return len(p), nil
}

// allocated is how much memory do takes in all.
func allocated(do func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func TestALineWithoutEnd(t *testing.T) {
	in := &endless{}
	var err error
	used := allocated(func() { _, err = large.Parse("f", in) })
	if text(err) != "f: the file is larger than 4 MiB, which is too large for a list of teams: is it the right one?" {
		t.Error(err)
	}
	if in.read > 2*large.MaxBytes || used > uint64(8*large.MaxBytes) {
		t.Errorf("it read %d MiB, and took %d MiB", in.read>>20, used>>20)
	}
}

// TestHostileFiles: the largest file that is read at all takes neither much
// memory nor long, whatever is in it.
func TestHostileFiles(t *testing.T) {
	const tooMuch = "f: there is too much in it for a list of teams: "
	for name, c := range map[string]struct{ sign, want string }{
		"a list":                {"a,", tooMuch},
		"no values":             {"?,", tooMuch},
		"pairs":                 {"a:,", tooMuch},
		"keys":                  {" a:\n", tooMuch},
		"an alias":              {"*a,", tooMuch},
		"anchors":               {"&a a,", tooMuch},
		"lists":                 {"[", tooMuch},
		"mappings":              {"{a: ", tooMuch},
		"entries":               {"- ", tooMuch},
		"keys of keys":          {"? ", tooMuch},
		"entries with comments": {"- #\n", tooMuch},
		"empty lists":           {"[],", tooMuch},
		"tags":                  {"!a b,", tooMuch},
		"documents":             {"---\n", tooMuch},
		"directives":            {"%a\n", tooMuch},
		"comments":              {"#\n", tooMuch},
		"lines":                 {"\n", tooMuch},
		"carriage returns":      {"\r", ""},
		"no UTF-8":              {"\xff", ""},
		"no text":               {"\x00", ""},
		"one long value":        {"x", ""},
		"one long tag":          {"!", ""},
		"one long anchor":       {"&", ""},
		"an open quote":         {"'", ""},
		"escapes":               {`\u0041`, ""},
	} {
		for _, open := range []string{"", "a: 1\nb: [", "a: &a {b: \"", "a: |\n ", "- &a a\n- {"} {
			for _, part := range []int{large.MaxBytes - 100, 400_000} {
				if part > 400_000 && open != "" {
					continue // once is enough
				}
				t.Run(fmt.Sprintf("%s after %q, %d", name, open, part), func(t *testing.T) {
					file := open + strings.Repeat(c.sign, part/len(c.sign))
					var err error
					start := time.Now()
					used := allocated(func() {
						var d *strictyaml.Document
						if d, err = large.Parse("f", strings.NewReader(file)); err == nil {
							err = d.Err()
						}
					})
					took := time.Since(start)
					if part > 400_000 && !strings.HasPrefix(text(err), c.want) {
						t.Errorf("got %.200v", err)
					}
					if len(text(err)) > 60_000 {
						t.Errorf("an error of %d bytes", len(text(err)))
					}
					if used > 160<<20 || took > 20*time.Second {
						t.Errorf("%d MiB, %v", used>>20, took)
					}
				})
			}
		}
	}
}

// FuzzParse: whatever a file holds, it is refused with a place that is in it,
// or nothing is left in it that could surprise.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"", "a: 1", "a: &a [*a]\n", "? [a]\n: b\n<<: {c: d}\n", "a: !x {b: *c}", "---\n---\n", "- - - [[[{a: {b: c}}]]]", "a: 1\na: 2\n'a': 3",
		"apiVersion: example.com/v1\nkind: Teams\nx: y", "{\"a\": null, \"b\": [1e3, 0x10, .inf, 2027-01-31]}", "a: |2-\n   x\n\n", "!!map {!!str a: !!int '1'}", "%x\n\t\xff",
		strings.Repeat("[", 101) + strings.Repeat("]", 101),
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, file string) {
		d, err := headed.Parse("f", strings.NewReader(file))
		if err == nil {
			surprises(t, d, d.Root(), 0)
			before := d.Count()
			fields, ok := d.Header()
			if !ok && d.Count() == 0 {
				t.Error("no file of ours, and nobody is told")
			}
			for _, f := range fields {
				d.Known(f, "it", []string{"x"})
				if text, ok := d.Text(f.Value, "it"); ok {
					if written, same := d.Written(f.Value, "it"); !same || written != text {
						t.Errorf("%q is written %q", text, written)
					}
				}
				d.List(f.Value, "it")
			}
			if d.Count() < before {
				t.Error("mistakes are gone")
			}
			if err = d.Err(); err == nil {
				return
			}
		}
		var wrong *strictyaml.Error
		if !errors.As(err, &wrong) || len(wrong.Problems) == 0 || len(wrong.Problems) > strictyaml.MaxProblems+1 {
			t.Fatalf("%T %v", err, err)
		}
		lines := 2 + strings.Count(file, "\n") + strings.Count(file, "\r") + strings.Count(file, "\u0085") + strings.Count(file, "\u2028") + strings.Count(file, "\u2029")
		for _, p := range wrong.Problems {
			if p.File != "f" || p.Message == "" || strings.Contains(p.Message, "\n") || p.Line > lines || p.Line == 0 && p.Column != 0 {
				t.Errorf("%+v in %d lines", p, lines)
			}
		}
	})
}

// surprises are what strict YAML has none of, where no mistake was told.
func surprises(t *testing.T, d *strictyaml.Document, n *yaml.Node, depth int) {
	t.Helper()
	switch {
	case depth > 101:
		t.Errorf("line %d: too deep", n.Line)
		return
	case n.Alias != nil, n.Kind == yaml.AliasNode, n.Kind == yaml.DocumentNode:
		t.Errorf("line %d: %v", n.Line, n.Kind)
	case n.Kind == 0 && d.Count() == 0:
		t.Errorf("line %d: taken away without a word", n.Line)
	}
	if n.Kind == yaml.MappingNode {
		seen := map[string]bool{}
		for _, f := range d.Fields(n, "it") {
			if seen[f.Name] || f.Key.Kind != yaml.ScalarNode {
				t.Errorf("line %d: the key %q", f.Key.Line, f.Name)
			}
			seen[f.Name] = true
		}
	}
	for _, e := range n.Content {
		surprises(t, d, e, depth+1)
	}
}
