package strictyaml_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/kubeassay/assay/internal/strictyaml"
)

var (
	form   = strictyaml.Form{What: "a list of teams", MaxBytes: 1 << 20}
	headed = strictyaml.Form{What: "a list of teams", MaxBytes: 300 << 10, APIVersion: "example.com/v1", Kind: "Teams"}
)

// mistakes are those in what no file may have.
func mistakes(t *testing.T, f strictyaml.Form, text string) string {
	t.Helper()
	d, err := f.Parse("f", strings.NewReader(text))
	if err == nil {
		err = d.Err()
	}
	if err == nil {
		return ""
	}
	var wrong *strictyaml.Error
	if !errors.As(err, &wrong) || len(wrong.Problems) == 0 || wrong.Problems[0].File != "f" {
		t.Errorf("%T: %v", err, err)
	}
	return err.Error()
}

func TestWhatNoFileMayHave(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"all that there is":        {"a: 1\n'b': [c, 2.5, true, ~, 2027-01-31]\n3: {4.5: d}\ne: |\n  x\n", ""},
		"an anchor":                {"a: &a 1\n", ""},
		"tags of its own":          {"a: !!str 5\nb: !!map {c: !!seq [d]}\n", ""},
		"nothing":                  {"", "f: the file is empty"},
		"comments":                 {"# a\n", "f: the file is empty"},
		"no YAML":                  {"a: 1\nb: [\n", "f:2: not valid YAML: did not find expected node content"},
		"a second document":        {"a: 1\n---\nb: 2\n", "f:2:1: a second document begins here: make them one, or give it a file of its own"},
		"a second, of nothing":     {"a: 1\n---\n", "f:2:1: a second document begins here: make them one, or give it a file of its own"},
		"an alias":                 {"a: &a 1\nb: [*a]\n", "f:2:5: an alias (*a) is not supported here: write it out"},
		"an alias as a key":        {"a: &a x\n*a : 1\n", "f:2:1: an alias (*a) is not supported here: write it out"},
		"an alias of itself":       {"a: &a [*a]\n", "f:1:8: an alias (*a) is not supported here: write it out"},
		"an alias of nothing":      {"a: 1\nb: *x\n", "f:2:4: an alias (*x) is not supported here: write it out"},
		"a merge key":              {"a: &a {x: 1}\nb: {<<: *a}\n", "f:2:5: a merge key (<<) is not supported here: write it out"},
		"a merge key of its own":   {"b: {<<: {x: 1}}\n", "f:1:5: a merge key (<<) is not supported here: write it out"},
		"a merge key in quotes":    {"b: {'<<': {x: 1}}\n", ""},
		"a tag":                    {"a: !secret x\n", "f:1:4: a tag (!secret) is not supported here: leave it out"},
		"a tag of a list":          {"a: !x [*b]\n", "f:1:8: an alias (*b) is not supported here: write it out"},
		"a tag that does not fit":  {"a: !!str [b]\nc: !!seq {d: e}\n", "f:1:4: a tag (!!str) is not supported here: leave it out\nf:2:4: a tag (!!seq) is not supported here: leave it out"},
		"bytes":                    {"a: !!binary eA==\n", "f:1:4: a tag (!!binary) is not supported here: leave it out"},
		"a tag with a line break":  {"a: !<x%0Ay> b\n", `f:1:4: a tag ("x\ny") is not supported here: leave it out`},
		"a key twice":              {"a: 1\nb: {c: 1, c: 2}\n'a': 3\n", "f:2:11: \"c\" is given twice; the other is in line 2\nf:3:1: \"a\" is given twice; the other is in line 1"},
		"a list as a key":          {"? [a]\n: b\n", "f:1:3: a key must be a plain word, not a list"},
		"a mapping as a key":       {"{a: b}: c\n", "f:1:1: a key must be a plain word, not keys with values"},
		"nothing as a key":         {"~: a\n", "f:1:1: a key must be a plain word, not nothing"},
		"a bool as a key":          {"true: a\n", "f:1:1: a key must be a plain word, not true: put it into quotes"},
		"all at once, in order":    {"z: *z\n", "f:1:4: an alias (*z) is not supported here: write it out"},
		"as deep as it may be":     {strings.Repeat("[", 100) + "x" + strings.Repeat("]", 100), ""},
		"too deep":                 {"a: 1\nb: " + strings.Repeat("[", 200) + strings.Repeat("]", 200), "f:2:103: this is nested deeper than 100 levels, which a list of teams never needs"},
		"too deep for the library": {"a: 1\nb: " + strings.Repeat("[", 20_000), "f:2: this is nested too deeply"},
		"deep keys":                {strings.Repeat("{a: ", 101) + strings.Repeat("}", 101), "f:1:401: this is nested deeper than 100 levels, which a list of teams never needs"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := mistakes(t, form, c.text); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestHeader(t *testing.T) {
	const head = "apiVersion: example.com/v1\nkind: Teams\n"
	for name, c := range map[string]struct {
		text, want string
		ok         bool
		rest       int
	}{
		"it is there":     {head + "a: 1\nb: 2\n", "", true, 2},
		"an empty file":   {"", "f: the file is empty: it begins with apiVersion: example.com/v1 and kind: Teams", false, 0},
		"a list":          {"- a\n", "f:1:1: a list of teams must be keys with values, not a list", false, 0},
		"no version":      {"kind: Teams\n", "f:1:1: apiVersion is missing: a list of teams says apiVersion: example.com/v1", true, 0},
		"no kind":         {"apiVersion: example.com/v1\na: 1", "f:1:1: kind is missing: a list of teams says kind: Teams", true, 1},
		"another version": {"apiVersion: v2\nkind: Teams\na: 1", `f:1:13: apiVersion is "v2", and must be example.com/v1`, false, 1},
		"another kind":    {"apiVersion: example.com/v1\nkind: Pod\n", `f:2:7: kind is "Pod", and must be Teams`, false, 0},
		"a number":        {"apiVersion: 1\nkind: Teams\n", "f:1:13: apiVersion must be text, not 1: put it into quotes", true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := headed.Parse("f", strings.NewReader(c.text))
			if err == nil {
				rest, ok := d.Header()
				if ok != c.ok || len(rest) != c.rest {
					t.Errorf("%d fields, %v", len(rest), ok)
				}
				err = d.Err()
			}
			if got := text(err); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestValues(t *testing.T) {
	d, err := form.Parse("f", strings.NewReader("text: a\nquoted: '5'\nday: 2027-01-31\nint: 1_0\nfloat: 1.10\nbool: true\nnone:\nlist: [a, 2]\nmap: {a: b}\n"))
	if err != nil {
		t.Fatal(err)
	}
	values := d.Keys(d.Root(), "a team", "text", "quoted", "day", "int", "float", "bool", "none", "list", "map", "absent")
	texts := func(read func(*yaml.Node, string) (string, bool)) string {
		var all []string
		for _, key := range []string{"text", "quoted", "day", "int", "float", "bool", "none", "list", "map", "absent"} {
			if s, ok := read(values[key], key); ok {
				all = append(all, s)
			}
		}
		return strings.Join(all, " ")
	}
	if got := texts(d.Text); got != "a 5 2027-01-31" {
		t.Errorf("texts: %s", got)
	}
	if got := texts(d.Written); got != "a 5 2027-01-31 1_0 1.10" {
		t.Errorf("as it is written: %s", got)
	}
	if got := len(d.List(values["list"], "list")) + len(d.List(values["absent"], "absent")) + len(d.List(values["map"], "map")); got != 2 {
		t.Errorf("%d entries", got)
	}
	if got := len(d.Fields(values["map"], "map")) + len(d.Fields(values["absent"], "absent")) + len(d.Fields(values["text"], "the text")); got != 1 {
		t.Errorf("%d fields", got)
	}
	want := `f:1:7: the text must be keys with values, not the text "a"
f:4:6: int must be text, not 1_0: put it into quotes
f:5:8: float must be text, not 1.10: put it into quotes
f:6:7: bool must be text, not true: put it into quotes
f:6:7: bool must be text, not true: put it into quotes
f:7:6: none must be text, not nothing
f:7:6: none must be text, not nothing
f:8:7: list must be text, not a list
f:8:7: list must be text, not a list
f:9:6: map must be text, not keys with values
f:9:6: map must be text, not keys with values
f:9:6: map must be a list, not keys with values`
	if got := text(d.Err()); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if d.Count() != 12 || d.Name() != "f" {
		t.Errorf("%d mistakes in %s", d.Count(), d.Name())
	}
}

func TestUnknownKeys(t *testing.T) {
	d, err := form.Parse("f", strings.NewReader("ownr: a\nname: b\nzebra: c\n"))
	if err != nil {
		t.Fatal(err)
	}
	if values := d.Keys(d.Root(), "a team", "name", "owner"); len(values) != 1 || values["name"].Value != "b" {
		t.Errorf("%v", values)
	}
	want := "f:1:1: unknown key \"ownr\" in a team (did you mean owner?)\nf:3:1: unknown key \"zebra\" in a team: use name, owner"
	if got := text(d.Err()); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestWhatIsRefusedIsGone: nothing can be read of it, and it is told once.
func TestWhatIsRefusedIsGone(t *testing.T) {
	d, err := form.Parse("f", strings.NewReader("a: &a {b: c}\nd: *a\ne: [*a, f]\ng: !x {h: i}\na: twice\n"))
	if err != nil {
		t.Fatal(err)
	}
	before := d.Count()
	values := d.Keys(d.Root(), "it", "a", "d", "e", "g")
	d.Text(values["d"], "d")
	d.Fields(values["g"], "g")
	for _, e := range d.List(values["e"], "e") {
		d.Text(e, "each")
	}
	if before != 4 || d.Count() != before {
		t.Errorf("%d mistakes, then %d: %v", before, d.Count(), d.Err())
	}
	if s, ok := d.Text(values["d"], "d"); ok || values["d"].Alias != nil || values["g"].Content != nil || len(values) != 4 {
		t.Errorf("something is left: %q, %v", s, values)
	}
	if f := d.Fields(values["a"], "a"); len(f) != 1 || f[0].Name != "b" {
		t.Errorf("what the alias named is gone: %v", f)
	}
}

func TestTooManyMistakes(t *testing.T) {
	d, err := form.Parse("f", strings.NewReader(strings.Repeat("- x\n", 1000)))
	if err != nil {
		t.Fatal(err)
	}
	entries := d.List(d.Root(), "it")
	for i := range entries { // the last ones first: they are told in their order all the same
		d.Bad(entries[len(entries)-1-i], "%s", strings.Repeat("x", 5000))
	}
	problems := d.Problems()
	if last := len(problems) - 1; last != strictyaml.MaxProblems || d.Count() != 1000 || problems[last].String() != "f: and 950 more" {
		t.Errorf("%d told of %d, the last %s", len(problems), d.Count(), problems[last])
	}
	for i, p := range problems[:strictyaml.MaxProblems] {
		if p.Line != 951+i || p.Column != 3 || len(p.Message) > 1010 {
			t.Errorf("%.100s", p)
		}
	}
	if d.Hint("nam", []string{"name"}) != "" {
		t.Error("a hint that nobody sees")
	}
	if err := d.Err(); len(strings.Split(err.Error(), "\n")) != strictyaml.MaxProblems+1 {
		t.Errorf("%.300v", err)
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestAReadThatFails(t *testing.T) {
	if _, err := form.Parse("f", broken{}); !errors.Is(err, io.ErrUnexpectedEOF) || err.Error() != "reading f: unexpected EOF" {
		t.Error(err)
	}
	if _, err := form.Read("f", broken{}); !errors.Is(err, io.ErrUnexpectedEOF) || err.Error() != "unexpected EOF" {
		t.Error(err)
	}
}

func TestDescribe(t *testing.T) {
	for text, want := range map[string]string{
		"a": `the text "a"`, "5": "5", "true": "true", "~": "nothing", "[]": "a list", "{}": "keys with values", "2027-01-31": "2027-01-31",
		`!!int "a b"`: `"a b"`, "!!float " + strings.Repeat("x", 100): strings.Repeat("x", 60) + "…",
	} {
		d, err := form.Parse("f", strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if got := strictyaml.Describe(d.Root()); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}

func ExampleForm() {
	form := strictyaml.Form{What: "a list of teams", MaxBytes: 1 << 20}
	d, err := form.Parse("teams.yaml", strings.NewReader("shop:\n  ownr: Kim\n"))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, f := range d.Fields(d.Root(), form.What) {
		values := d.Keys(f.Value, "a team", "owner")
		if owner, ok := d.Text(values["owner"], "owner"); ok {
			fmt.Println(f.Name, owner)
		}
	}
	fmt.Println(d.Err())
	// Output: teams.yaml:2:3: unknown key "ownr" in a team (did you mean owner?)
}
