package excerpt_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/kubeassay/assay/internal/excerpt"
)

func TestOf(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		most int
		want string
	}{
		"short":             {"abc", 3, "abc"},
		"long":              {"abcd", 3, "abc…"},
		"nothing":           {"", 0, ""},
		"a letter cut":      {"aé", 2, "a…"},
		"garbage stays":     {"\xff", 3, "\xff"},
		"garbage cut":       {"\xff\xffabc", 3, "a…"},
		"nothing of it all": {"é", 1, "…"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := excerpt.Of(c.text, c.most); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestForms(t *testing.T) {
	long := strings.Repeat("é", 100)
	for _, c := range []struct{ name, got, want string }{
		{"a line", excerpt.Line(" a\n\tb ", 10), "a b"},
		{"a long line", excerpt.Line("a\nb c", 3), "a b…"},
		{"a word", excerpt.Word("3.5"), "3.5"},
		{"two words", excerpt.Word("a b"), `"a b"`},
		{"two lines", excerpt.Word("a\nb"), `"a\nb"`},
		{"no word", excerpt.Word(""), `""`},
		{"a long word", excerpt.Word(long), strings.Repeat("é", 30) + "…"},
		{"quotes", excerpt.Quote("a\"\x1b"), `"a\"\x1b"`},
		{"long quotes", excerpt.Quote(long), `"` + strings.Repeat("é", 30) + `…"`},
	} {
		if c.got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, c.got, c.want)
		}
	}
}

func FuzzOf(f *testing.F) {
	f.Add("aé\xff\n", 2)
	f.Fuzz(func(t *testing.T, s string, most int) {
		most = max(0, most%1000)
		got := excerpt.Of(s, most)
		if len(got) > most+len("…") || utf8.ValidString(s) && !utf8.ValidString(got) {
			t.Errorf("%q to %d: %q", s, most, got)
		}
		for _, text := range []string{excerpt.Word(s), excerpt.Quote(s), excerpt.Line(s, most)} {
			if strings.Contains(text, "\n") {
				t.Errorf("%q: more than one line: %q", s, text)
			}
		}
	})
}
