package profile_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/kubeassay/assay/inspect/profile"
)

// load loads p.yaml of files.
func load(files map[string]string) (*profile.Profile, error) {
	fsys := fstest.MapFS{}
	for name, text := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return profile.Load(fsys, "p.yaml")
}

const head = "name: p\ntitle: P\n"

// one is a profile of one control with these lines added to it, indented by two.
func one(lines string) string {
	return head + "controls:\n- id: a\n  title: A\n  impact: 0.5\n" + lines
}

func TestMistakesAreNamedWithTheirPlace(t *testing.T) {
	const test = "  tests:\n  - expression: 'true'\n    message: m\n"
	for name, c := range map[string]struct{ text, want string }{
		"empty":                    {"", "p.yaml: the file is empty"},
		"no YAML":                  {"a: [\n", "p.yaml:1: not valid YAML: did not find expected node content"},
		"tab":                      {"a:\n\tb: 1\n", "p.yaml:2: not valid YAML: found character that cannot start any token; the line starts with a tab: indent it with spaces"},
		"two documents":            {head + "controls: []\n---\nname: q\n", "p.yaml:4:1: a second document begins here: make them one, or give it a file of its own"},
		"a list":                   {"- a\n", "p.yaml:1:1: a profile must be keys with values, not a list"},
		"alias":                    {"name: &a p\ntitle: *a\n", "p.yaml:2:8: an alias (*a) is not supported here: write it out"},
		"unknown key":              {head + "control: []\n", `p.yaml:3:1: unknown key "control" in a profile (did you mean controls?)`},
		"key twice":                {head + "title: Q\n", `p.yaml:3:1: "title" is given twice; the other is in line 2`},
		"no name":                  {"title: P\ncontrols: []\n", "p.yaml:1:1: the profile has no name"},
		"bad name":                 {"name: a b\ntitle: P\ncontrols: []\n", `p.yaml:1:7: the name "a b" must be made of`},
		"nothing in it":            {head, "p.yaml:1:1: the profile has no controls, and includes none"},
		"control without id":       {head + "controls:\n- title: A\n  impact: 1\n" + test, "p.yaml:4:3: the control has no id"},
		"control no mapping":       {head + "controls:\n- a\n", `p.yaml:4:3: a control must be keys with values, not the text "a"`},
		"controls no list":         {head + "controls: a\n", "p.yaml:3:11: controls must be a list"},
		"id twice":                 {one(test) + "- id: a\n  title: A\n  impact: 1\n" + test, `p.yaml:10:3: there is a control "a" already, at p.yaml:4:3`},
		"unknown key of a control": {one("  severity: high\n" + test), `p.yaml:7:3: unknown key "severity" in a control`},
		"no impact":                {head + "controls:\n- id: a\n  title: A\n" + test, "p.yaml:4:3: control a has no impact"},
		"impact too large":         {head + "controls:\n- id: a\n  title: A\n  impact: 7\n" + test, "p.yaml:6:11: impact must be a number from 0.0 to 1.0"},
		"impact NaN":               {head + "controls:\n- id: a\n  title: A\n  impact: .nan\n" + test, "p.yaml:6:11: impact must be"},
		"no tests":                 {one(""), "p.yaml:4:3: control a has no tests"},
		"empty tests":              {one("  tests: []\n"), "p.yaml:7:10: control a has no tests"},
		"neither":                  {one("  tests:\n  - message: m\n"), "p.yaml:8:5: a test has an expression that must be true, or under none"},
		"both":                     {one("  tests:\n  - {message: m, none: users, expression: 'true'}\n"), "p.yaml:8:5: a test has an expression"},
		"no message":               {one("  tests:\n  - expression: 'true'\n"), "p.yaml:8:5: a test has no message"},
		"title a bool":             {head + "controls:\n- id: a\n  title: yes\n  impact: 1\n" + test, ""},
		"title true":               {head + "controls:\n- id: a\n  title: true\n  impact: 1\n" + test, "p.yaml:5:10: title must be text, not true: put it into quotes"},
		"applies":                  {one("  applies: [contaner]\n" + test), `p.yaml:7:12: a control applies to container, to host, or to both, not to "contaner" (did you mean container?)`},
		"when without reason":      {one("  when: {expression: 'true'}\n" + test), "p.yaml:7:9: when has no reason"},
		"when a text":              {one("  when: 'true'\n" + test), "p.yaml:7:9: when has an expression, and the reason"},
		"reference":                {one("  references: [{id: x}]\n" + test), "p.yaml:7:16: a reference has a framework and an id, or a url"},
		"input type":               {head + "inputs: {a: {type: strng}}\ncontrols: []\n", `p.yaml:3:20: there is no input type "strng" (did you mean string or strings?)`},
		"input default":            {head + "inputs: {a: {type: int, default: x}}\ncontrols: []\n", "p.yaml:3:34: the default of a must be a int"},
		"input element":            {head + "inputs: {a: {type: ints, default: [1, x]}}\ncontrols: []\n", "p.yaml:3:39: each of the default of a must be a int"},
		"input name":               {head + "inputs: {in: {}}\ncontrols: []\n", `p.yaml:3:10: "in" can't be the name of an input`},
		"tag":                      {one("  tags: {nist: [{}]}\n" + test), "p.yaml:7:17: each of the tag nist must be text"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := load(map[string]string{"p.yaml": c.text})
			if c.want == "" {
				if err != nil {
					t.Errorf("unexpected error: %v", err)
				}
				return
			}
			var wrong *profile.LoadError
			if !errors.As(err, &wrong) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

// Expressions stand in YAML scalars of all styles, and mistakes in them are
// found at their place in the file.
func TestMistakesInExpressions(t *testing.T) {
	for name, c := range map[string]struct{ lines, want string }{
		"plain":              {"  - expression: usrs.size() == 0\n", "8:17: usrs is not known (did you mean users?)"},
		"single quotes":      {"  - expression: 'size(''x'') == 1 && usrs.size() == 0'\n", "8:38: usrs is not known"},
		"double quotes":      {"  - expression: \"size(\\\"x\\\") == 1 && usrs == []\"\n", "8:38: usrs"},
		"literal block":      {"  - expression: |\n      size(users) == 0\n        && usrs.size() == 0\n", "10:12: usrs"},
		"literal, indented":  {"  - expression: |2-\n        true &&\n        usrs.size() == 0\n", "10:9: usrs"},
		"folded block":       {"  - expression: >-\n      size(users) == 0\n      &&\n\n      usrs.size() == 0\n", "12:7: usrs"},
		"plain, two lines":   {"  - expression: size(users) == 0\n      && usrs.size() == 0\n", "9:10: usrs"},
		"after wide letters": {"  - expression: '\"äöü\" == \"\" || usrs == []'\n", "8:33: usrs"},
		"field":              {"  - expression: file(\"/x\").exist\n", "8:27: there is no field exist (did you mean exists?)"},
		"field in a loop":    {"  - expression: users.all(u, u.nam == \"\")\n", "8:31: there is no field nam (did you mean name?)"},
		"syntax":             {"  - expression: 'true &&'\n", "8:25: Syntax error:"},
		"type":               {"  - expression: size(users)\n", "8:17: the expression must be true or false, and is of type int"},
		"none of a bool":     {"  - none: 'true'\n", "8:12: none wants a list, and the expression is of type bool"},
		"arguments":          {"  - expression: file().exists\n", "file(string) takes 1 argument"},
		"argument's type":    {"  - expression: file(7).exists\n", "no matching overload for 'file' applied to '(int)'"},
		"input":              {"  - expression: inputs.x == 1\n", "8:23: there is no field x"},
		"regular expression": {"  - expression: '\"a\".matches(\"(\")'\n", "8:30: invalid matches argument"},
		"too long":           {"  - expression: '" + strings.Repeat("x", 20_000) + "'\n", "8:18: the expression has 20000 characters"},
		"too deep":           {"  - expression: '" + strings.Repeat("(", 200) + "'\n", "expression recursion limit exceeded"},
		"not to be written":  {"  - expression: '@known(users).size() == 0'\n", "Syntax error"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := load(map[string]string{"p.yaml": one("  tests:\n" + c.lines + "    message: m\n")})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
	for name, c := range map[string]struct{ message, want string }{
		"in a message":          {"m {{ usrs }}", "9:20: usrs is not known"},
		"offenders elsewhere":   {"m {{ offenders }}", "9:20: offenders is not known"},
		"open":                  {"m {{ users", "9:17: {{ has no }}"},
		"string with braces":    {"m {{ \"}}\" + usrs }}", "9:27: usrs"},
		"the second of the two": {"{{ users }} {{ usrs }}", "9:30: usrs"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := load(map[string]string{"p.yaml": one("  tests:\n  - expression: 'true'\n    message: '" + c.message + "'\n")})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestAllMistakesAtOnce(t *testing.T) {
	_, err := load(map[string]string{"p.yaml": one("  colour: red\n  tests:\n  - expression: a\n    message: '{{ b }}'\n  - none: c\n    message: m\n")})
	var wrong *profile.LoadError
	if !errors.As(err, &wrong) || len(wrong.Problems) != 4 {
		t.Errorf("want four problems, got %v", err)
	}
}

const base = `name: base
title: Base
inputs:
  n: {type: int, default: 1}
  s: {type: string, default: x}
controls:
- id: one
  title: One
  impact: 0.9
  tests:
  - expression: inputs.n == 1
    message: n is {{ inputs.n }}
- id: two
  title: Two
  impact: 0.9
  tests:
  - expression: inputs.s == "x"
    message: s is {{ inputs.s }}
`

func TestInclude(t *testing.T) {
	files := map[string]string{"base.yaml": base, "p.yaml": head + `inputs:
  s: {type: string, default: y}
include:
- profile: ./base.yaml
  skip: [one]
  impact: {two: 0.1}
`}
	p, err := load(files)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Controls) != 1 || p.Controls[0].ID != "two" || p.Controls[0].Impact != 0.1 {
		t.Errorf("controls: %+v", p.Controls)
	}
	var names []string
	for _, in := range p.Inputs {
		names = append(names, in.Name)
	}
	if got := strings.Join(names, " "); got != "s n" {
		t.Errorf("inputs: %s", got)
	}
	if strings.Join(p.Files, " ") != "p.yaml base.yaml" {
		t.Errorf("files: %v", p.Files)
	}
	// The outer default wins, and a given value over both.
	if got := message(t, p, "two"); got != "s is y." {
		t.Errorf("message: %q", got)
	}
	if p, err = p.WithInputs(map[string]any{"s": "x"}); err != nil {
		t.Fatal(err)
	}
	if got := message(t, p, "two"); got != "" {
		t.Errorf("message: %q", got)
	}
	// What is included counts for the hash.
	files["base.yaml"] += "# changed\n"
	q, err := load(files)
	if err != nil {
		t.Fatal(err)
	}
	if p.SHA256 == q.SHA256 || len(p.SHA256) != 64 {
		t.Errorf("hashes: %s, %s", p.SHA256, q.SHA256)
	}
}

func TestIncludeFixesInputs(t *testing.T) {
	p, err := load(map[string]string{"sub/base.yaml": base, "p.yaml": head + "include:\n- {profile: sub/base.yaml, inputs: {n: 2}}\n"})
	if err != nil {
		t.Fatal(err)
	}
	if got := message(t, p, "one"); got != "n is 2." {
		t.Errorf("message: %q", got)
	}
	if _, err := p.WithInputs(map[string]any{"n": 1}); err == nil || !strings.Contains(err.Error(), `profile p has no input "n"`) {
		t.Errorf("a fixed input could be set: %v", err)
	}
}

func TestIncludesThatAreRefused(t *testing.T) {
	for name, c := range map[string]struct{ include, want string }{
		"out of the folder":   {"{profile: ../base.yaml}", "p.yaml:4:13: \"../base.yaml\" leads out of the profile's folder"},
		"round about":         {"{profile: a/../../base.yaml}", "leads out"},
		"absolute":            {"{profile: /etc/base.yaml}", "leads out"},
		"backslashes":         {"{profile: 'a\\..\\base.yaml'}", "leads out"},
		"itself":              {"{profile: ./p.yaml}", "p.yaml:4:13: profiles include each other in a circle: p.yaml → p.yaml"},
		"not there":           {"{profile: ./none.yaml}", "p.yaml:4:13: none.yaml: there is no such file"},
		"no built-in profile": {"{profile: container-cor}", `p.yaml:4:13: there is no built-in profile "container-cor" (did you mean container-core?)`},
		"skips nothing":       {"{profile: ./base.yaml, skip: [on]}", `p.yaml:4:32: the profile base has no control "on" (did you mean one?)`},
		"rates nothing":       {"{profile: ./base.yaml, impact: {x: 1}}", `p.yaml:4:35: the profile base has no control "x"`},
		"input of other type": {"{profile: ./base.yaml, inputs: {n: x}}", "p.yaml:4:38: the input n must be a int"},
		"unknown input":       {"{profile: ./base.yaml, inputs: {m: 1}}", `p.yaml:4:35: the profile base has no input "m"`},
		"the same twice":      {"{profile: ./base.yaml}\n- {profile: ./base.yaml}", `p.yaml:5:13: there is a control "one" already, at base.yaml:7:3`},
		"a broken one":        {"{profile: ./broken.yaml}", "broken.yaml:1:1: the profile has no title"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := load(map[string]string{"base.yaml": base, "broken.yaml": "name: b\ncontrols: []\n", "p.yaml": head + "include:\n- " + c.include + "\n"})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
	t.Run("inputs of two types", func(t *testing.T) {
		_, err := load(map[string]string{"base.yaml": base, "p.yaml": head + "inputs: {n: {type: string}}\ninclude:\n- profile: ./base.yaml\n"})
		if err == nil || !strings.Contains(err.Error(), "p.yaml:5:12: the input n is of type string here, and of type int in the profile base") {
			t.Errorf("got %v", err)
		}
	})
}

func TestLoadFile(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("outside.yaml", base)
	write("in/base.yaml", base)
	write("in/p.yaml", head+"include: [{profile: ./base.yaml}]\n")
	write("in/q.yaml", head+"include: [{profile: ./link.yaml}]\n")
	if err := os.Symlink("../outside.yaml", filepath.Join(dir, "in", "link.yaml")); err != nil {
		t.Fatal(err)
	}
	p, err := profile.LoadFile(filepath.Join(dir, "in", "p.yaml"))
	if err != nil || len(p.Controls) != 2 {
		t.Fatalf("%v, %v", p, err)
	}
	if _, err := profile.LoadFile(filepath.Join(dir, "in", "q.yaml")); err == nil || !strings.Contains(err.Error(), "q.yaml:3:21: reading ") || !strings.Contains(err.Error(), "link.yaml: path escapes from parent") {
		t.Errorf("a link out of the folder: %v", err)
	}
	if _, err := profile.LoadFile(filepath.Join(dir, "none.yaml")); err == nil || strings.Count(err.Error(), "none.yaml") != 1 || !strings.Contains(err.Error(), "none.yaml: there is no such file") {
		t.Errorf("no such file: %v", err)
	}
	if _, err := profile.Find("container-cor"); err == nil || !strings.Contains(err.Error(), "did you mean container-core?") {
		t.Errorf("no such profile: %v", err)
	}
	write("big.yaml", strings.Repeat("#", 5<<20))
	if _, err := profile.LoadFile(filepath.Join(dir, "big.yaml")); err == nil || !strings.Contains(err.Error(), "larger than 4 MiB") {
		t.Errorf("a huge file: %v", err)
	}
}

func TestBuiltinsLoad(t *testing.T) {
	all, err := profile.Builtins()
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range all {
		if p.Name != profile.BuiltinNames()[i] {
			t.Errorf("the profile %s is in a file of another name", p.Name)
		}
		for _, c := range p.Controls {
			if c.Check == "" || c.Fix == "" || c.Desc == "" {
				t.Errorf("%s: control %s lacks a text", p.Name, c.ID)
			}
		}
	}
}
