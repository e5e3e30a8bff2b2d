package tree

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// TestRefused: what kubectl may take, but nobody can mean.
func TestRefused(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"a key twice", "a: 1\nb: 2\na: 3\n", `3:1 the key "a" stands twice: only one can count, so remove the other`},
		{"a key twice, written differently", "1: a\n\"1\": b\n", `2:1 the key "1" stands twice: only one can count, so remove the other`},
		{"a key twice among many", "{" + strings.Repeat("a, ", 1) + many(40) + "k7: x}", `1:195 the key "k7" stands twice: only one can count, so remove the other`},
		{"an anchor that contains itself", "a: &a [*a]\n", "1:8 this is nested too deeply, or an anchor contains itself"},
		{"deep", strings.Repeat("[", 400) + strings.Repeat("]", 400), "1:301 this is nested too deeply, or an anchor contains itself"},
		{"aliases of aliases", "a: &a [" + strings.Repeat("1,", 999) + "1]\nb: &b [" + strings.Repeat("*a,", 300) + "]\n",
			"1:1608 the aliases in this document repeat too much: write the values out"},
		{"merge of a list", "<<: [a]\n", "1:6 a merge key (<<) needs a map, or a list of maps"},
		{"merge of nothing", "<<: 1\n", "1:5 a merge key (<<) needs a map, or a list of maps"},
		{"infinity", "a: .inf\n", `1:4 ".inf" is not a value that JSON has: write it in another way, or in quotes`},
		{"a null key", "~: a\n", "1:1 a key must be text, not null"},
		{"a list as a key", "? [a]\n: b\n", "1:3 a key must be text, not a list or a map"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			docs, err := YAML([]byte(test.text))
			if err != nil || len(docs) != 1 {
				t.Fatal(docs, err)
			}
			_, err = AppendJSON(nil, docs[0])
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("no error, but %v", err)
			}
			if got := fmt.Sprintf("%d:%d %s", e.Line, e.Column, e.Message); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

func many(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "k%d, ", i)
	}
	return b.String()
}

// BenchmarkPod is one pod, as a dump has it: with the quick reader, with the
// library alone, and the way into its type.
func BenchmarkPod(b *testing.B) {
	text := []byte(objects[0])
	plain := []byte(strings.NewReplacer("\"1\": \"2\"", "c: \"2\"", "yes", "true").Replace(objects[0]))
	p, d := NewParser(), NewDecoder()
	b.Run("quick", func(b *testing.B) {
		b.SetBytes(int64(len(plain)))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := p.YAML(plain); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("library", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := YAML(text); err != nil {
				b.Fatal(err)
			}
		}
	})
	docs, err := YAML(text)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var pod corev1.Pod
			if err := d.Decode(docs[0], "", &pod); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// TestQuickIsUsed: the quick reader does read what kubectl prints, or nobody
// would notice that it never runs.
func TestQuickIsUsed(t *testing.T) {
	for _, text := range []string{
		"apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\n  labels: {app: a, \"b\": 'c'}\nspec:\n  containers:\n  - name: a\n    image: a:1.2@sha256:00\n    args: [\"-x\", --y]\n    command:\n    - sh\n    - -c\n",
		"---\n# c\ndata:\n  a.conf: |\n    x\n\n      y # z\n",
		"    apiVersion: v1\n    items: []\n    metadata:\n      annotations:\n        a/b: '{\"c\": \"d\"}'\n",
	} {
		p := NewParser()
		p.quick = quick{text: []byte(text), keys: p.keys}
		if p.document() == nil {
			t.Errorf("not read: %s", text)
		}
	}
}
