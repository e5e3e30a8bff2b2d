package access

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/cel-go/cel"
)

// holds evaluates a command's expression as an API server would.
func holds(t *testing.T, env *cel.Env, c *Command, argv []string) bool {
	t.Helper()
	ast, issues := env.Compile(c.cel("command"))
	if issues.Err() != nil {
		t.Fatalf("%s: %v", c.cel("command"), issues.Err())
	}
	program, err := env.Program(ast)
	if err != nil {
		t.Fatal(err)
	}
	indexes := make([]int, MostWords)
	for i := range indexes {
		indexes[i] = i
	}
	out, _, err := program.Eval(map[string]any{"command": argv, "variables": map[string]any{"indexes": indexes}})
	if err != nil {
		t.Fatalf("%s: %v", c.cel("command"), err)
	}
	return out.Value() == true
}

func environment(t testing.TB) *cel.Env {
	t.Helper()
	env, err := cel.NewEnv(cel.Variable("command", cel.ListType(cel.StringType)), cel.Variable("variables", cel.MapType(cel.StringType, cel.DynType)))
	if err != nil {
		t.Fatal(err)
	}
	return env
}

func TestCommands(t *testing.T) {
	env := environment(t)
	script := "IFS=\"$'\\n\"\nprintf '%s\\0' \t\"$@\" # ünïcödé \x1b \U0001f512"
	fixed := Fixed("sh", "-c", script, "assay")
	patterned := Command{Words: []Word{{Text: "/c"}, {Pattern: "[0-9a-f]{4}"}, {Text: "x"}}}
	more := Command{Words: []Word{{Text: "cat"}}, More: "(?s:/.*)"}
	for _, tt := range []struct {
		name string
		c    Command
		argv []string
		want bool
	}{
		{"fixed", fixed, []string{"sh", "-c", script, "assay"}, true},
		{"one word more", fixed, []string{"sh", "-c", script, "assay", ""}, false},
		{"one word less", fixed, []string{"sh", "-c", script}, false},
		{"nothing", fixed, nil, false},
		{"script changed", fixed, []string{"sh", "-c", script + "\n", "assay"}, false},
		{"words moved", fixed, []string{"-c", "sh", script, "assay"}, false},
		{"pattern", patterned, []string{"/c", "00ff", "x"}, true},
		{"pattern is of the whole word", patterned, []string{"/c", "00ff0", "x"}, false},
		{"pattern does not end at a line", patterned, []string{"/c", "00ff\n", "x"}, false},
		{"behind the pattern", patterned, []string{"/c", "00ff", "y"}, false},
		{"no more", more, []string{"cat"}, true},
		{"more", more, []string{"cat", "/a", "/b\n-c"}, true},
		{"more, but an option", more, []string{"cat", "/a", "-c"}, false},
		{"more, the last one bad", more, append([]string{"cat"}, slices.Concat(slices.Repeat([]string{"/a"}, MostWords-2), []string{"-x"})...), false},
		{"as many as can be", more, append([]string{"cat"}, slices.Repeat([]string{"/a"}, MostWords-1)...), true},
		{"too many", more, append([]string{"cat"}, slices.Repeat([]string{"/a"}, MostWords)...), false},
	} {
		if got := tt.c.Matches(tt.argv); got != tt.want {
			t.Errorf("%s: Matches says %v", tt.name, got)
		}
		if got := holds(t, env, &tt.c, tt.argv); got != tt.want {
			t.Errorf("%s: CEL says %v", tt.name, got)
		}
	}
}

func TestCommandsThatAreNoLimit(t *testing.T) {
	hold := Fixed("/c", "hold")
	for name, o := range map[string]PolicyOptions{
		"none":             {Hold: hold},
		"an empty one":     {Hold: hold, Exec: []Command{{More: ".*"}}},
		"any first word":   {Hold: hold, Exec: []Command{{Words: []Word{{Pattern: ".*"}}}}},
		"a broken pattern": {Hold: hold, Exec: []Command{{Words: []Word{{Text: "a"}, {Pattern: "("}}}}},
		"no UTF-8":         {Hold: hold, Exec: []Command{Fixed("\xff")}},
		"no hold":          {Exec: []Command{hold}},
		"an open hold":     {Hold: Command{Words: hold.Words, More: ".*"}, Exec: []Command{hold}},
	} {
		if _, err := Policies(o); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

// FuzzCommand: a policy lets through the very words that it was made of, and
// judges all others as Matches does. Words are separated by line breaks.
func FuzzCommand(f *testing.F) {
	f.Add("sh\n-c\nid", "sh\n-c\nid")
	f.Add("a\"b\\\n${x}", "a\"b\\\n${x}\nmore")
	f.Add("\x00\x7f\u0085\u2028\U0010ffff", "x")
	env := environment(f)
	f.Fuzz(func(t *testing.T, fixed, argv string) {
		if !utf8.ValidString(fixed) || !utf8.ValidString(argv) {
			return
		}
		words, other := strings.Split(fixed, "\n"), strings.Split(argv, "\n")
		c := Fixed(words...)
		if !c.Matches(words) || !holds(t, env, &c, words) {
			t.Errorf("%q does not match itself", words)
		}
		same := slices.Equal(words, other)
		if c.Matches(other) != same || holds(t, env, &c, other) != same {
			t.Errorf("%q against %q: %v by Matches, %v by CEL", words, other, c.Matches(other), holds(t, env, &c, other))
		}
	})
}
