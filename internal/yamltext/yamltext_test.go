package yamltext_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/kubeassay/assay/internal/yamltext"
)

// read is each document's place, and the error.
func read(text string) (documents []string, wrong *yamltext.Error) {
	for doc, err := range yamltext.Documents([]byte(text)) {
		if err != nil {
			errors.As(err, &wrong)
			return documents, wrong
		}
		documents = append(documents, fmt.Sprintf("%d:%s", doc.Line, doc.Content[0].ShortTag()))
	}
	return documents, nil
}

func TestDocuments(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"nothing":        {"", "[]"},
		"comments":       {"# a\n# b\n", "[]"},
		"one":            {"a: 1\n", "[1:!!map]"},
		"several":        {"a: 1\n---\n- b\n---\nc\n", "[1:!!map 2:!!seq 4:!!str]"},
		"one is nothing": {"---\n---\na: 1\n", "[1:!!null 2:!!map]"},
		"JSON":           {"{\"a\": [1]}", "[1:!!map]"},
	} {
		t.Run(name, func(t *testing.T) {
			got, wrong := read(c.text)
			if fmt.Sprint(got) != c.want || wrong != nil {
				t.Errorf("got %v, %v, want %s", got, wrong, c.want)
			}
		})
	}
	for range yamltext.Documents([]byte("a\n---\nb\n")) {
		break // and nothing more is read
	}
}

func TestMistakesHaveTheirPlace(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"the parser counts from 0":   {"a: 1\nb: [\n", "2:0 not valid YAML: did not find expected node content"},
		"its scanner counts from 1":  {"a: 1\nb: c: d\n", "2:0 not valid YAML: mapping values are not allowed in this context"},
		"in the first line":          {"a: [", "1:0 not valid YAML: did not find expected node content"},
		"far below the block's head": {"a:\n  b: 1\n  c: 2\n  d: 3\n   e: 4\n", "5:0 not valid YAML: mapping values are not allowed in this context"},
		"a tab":                      {"a:\n\tb: 1\n", "2:0 not valid YAML: found character that cannot start any token; the line starts with a tab: indent it with spaces"},
		"a quote without its end":    {"a: 'x\nb: 1\n", "2:0 not valid YAML: found unexpected end of stream"},
		"no UTF-8":                   {"a: 1\nb: [\xff", "2:5 a character is not valid UTF-8: save the file as UTF-8 text"},
		"a control character":        {"a: 1\nbé: \x01", "2:5 there is a control character: this is no text, or a damaged one"},
		"an alias of nothing":        {"a: 1\nb: [c, *d]\n", "2:8 *d refers to an anchor &d that is not in this document"},
		"not a longer one":           {"a: &dd 1\nb: *dd\nx: '*d'\nc: *d\n", "4:4 *d refers to an anchor &d that is not in this document"},
		"deep":                       {"a: " + strings.Repeat("[", 20_000), "1:0 this is nested too deeply"},
		"a later document":           {"a: 1\n---\nb: c: d\n", "3:0 not valid YAML: mapping values are not allowed in this context"},
	} {
		t.Run(name, func(t *testing.T) {
			_, wrong := read(c.text)
			if wrong == nil {
				t.Fatal("no error")
			}
			if got := fmt.Sprintf("%d:%d %s", wrong.Line, wrong.Column, wrong.Message); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestALongNameIsCut(t *testing.T) {
	_, wrong := read("a: *" + strings.Repeat("x", 100_000))
	if wrong == nil || len(wrong.Message) > 300 || len(wrong.Alias) != 100_000 || wrong.Column != 4 {
		t.Errorf("%.500v", wrong)
	}
}

// FuzzDocuments: whatever the text, reading ends without a panic, and an error
// has a place that is in the text.
func FuzzDocuments(f *testing.F) {
	for _, s := range []string{"", "a: 1\n---\nb: [", "a: *b\n*b", "\t- &a [*a]", "%YAML 9\n---\n", "a: \x00\xff", "? !!binary x\n: |+\n\n", "\ufeffa: {b: 'c''d', e: \"\\u0041\"}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for doc, err := range yamltext.Documents([]byte(text)) {
			if err == nil {
				if len(doc.Content) != 1 {
					t.Errorf("a document with %d roots", len(doc.Content))
				}
				continue
			}
			var wrong *yamltext.Error
			if !errors.As(err, &wrong) {
				t.Fatalf("%T", err)
			}
			if wrong.Message == "" || strings.Contains(wrong.Message, "\n") || len(wrong.Message) > 500 || wrong.Line > 1+strings.Count(text, "\n") || wrong.Column > len(text)+1 {
				t.Errorf("%d:%d %q", wrong.Line, wrong.Column, wrong.Message)
			}
		}
	})
}
