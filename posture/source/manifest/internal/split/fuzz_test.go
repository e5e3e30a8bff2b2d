package split_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/kubeassay/assay/posture/source/manifest/internal/split"
	"github.com/kubeassay/assay/posture/source/manifest/internal/tree"
)

var streams = []string{
	"", "a: 1\n---\nb: 2\n...\n%YAML 1.1\n---\nc: 3\n", "# c\n\n---\n---\n--- text\n--- |\n  x\n",
	"apiVersion: v1\nitems:\n- a: 1\n  b: |\n    - x\n    ---\n- c\nkind: List\n",
	"kind: List\nitems:\n  - a: [1,\n    2]\n  -\n    b: 'x\n\n      y'\n\n  # c\nmetadata: {}\n",
	"items:\n- a: \"x\n- y\"\n", "items:\n- a: \"x\n  - y\"\n- - 1\n  - 2\n- |\n  t\n- ? k\n  : v\n- !!map {}\n- &x y\n- *x\n",
	"items:\n\t- a\n", "items:\n-\ta: 1\n", "items:\n - a: 1\n- b: 2\n", "items:\n- a\nitems:\n- b\n", "items:\n- a\nb\n- c\n",
	"a: |\n  x\nitems:\n- y\nz: 1\n", "a: |\nitems:\n- y\n", "a: 'x\nitems:\n- y'\n", "items: # c\n- # c\n  a: 1\n#c\n- {b: 2}\n", "\"items\":\n- a\n",
	`{"items":[{"a":1},{"b":[2,{"c":"]"}]}],"kind":"List"}`, `{"items":[1,"x",true,null,[]]} {"items":[]}`, `{"a":{"items":[1]},"items":2}`,
	`{"items":[1,]}`, `{"items":[1 2]}`, `{"items":[1}`, `{"items":[[1]]]}`, `{"it\u0065ms":[1]}`, `{"items":{"items":[1]}}`, "{a: 'x}', items: [b]}\n",
	"--- {\"items\":\n[1,\n2]\n}\n---\na: 1\n", "{\"a\":1}\n# c\n{\"b\":2}\n", "{\"a\":1}x", "items:\r\n- a: 1\r\n- b: 2\r\nkind: List\r\n",
}

// FuzzSplit: whatever the text, no line of it gets lost.
func FuzzSplit(f *testing.F) {
	for _, s := range streams {
		for _, large := range []byte{0, 8, 60, 255} {
			f.Add([]byte(s), large)
		}
	}
	f.Fuzz(func(t *testing.T, text []byte, large byte) {
		lines := bytes.SplitAfter(text, []byte{'\n'})
		seen := make([]bool, len(lines))
		isJSON := false
		err := split.Split(bytes.NewReader(text), split.Limits{Large: int(large), Max: 1 << 20}, func(p split.Part) error {
			if p.Line < 1 || p.Column < 1 || p.Line > len(lines)+1 {
				t.Fatalf("a part at %d:%d of %d lines", p.Line, p.Column, len(lines))
			}
			isJSON = isJSON || p.Column > 1 || p.Kind == split.Broken || bytes.HasPrefix(p.Text, []byte("{")) || p.List != nil && p.List.JSON
			if isJSON {
				return nil
			}
			for i, line := range bytes.SplitAfter(p.Text, []byte{'\n'}) {
				at := p.Line - 1 + i
				if p.Kind == split.Rest && i >= p.GapLine {
					at += p.Gap
				}
				if len(line) == 0 {
					continue
				}
				want := lines[at]
				if p.Kind == split.Item && i == 0 {
					want = []byte(strings.Replace(string(want), "-", " ", 1))
				}
				if !bytes.Equal(line, want) && !bytes.HasSuffix(want, line) {
					t.Fatalf("line %d of a part is %q, and of the text %q", at+1, line, want)
				}
				seen[at] = true
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if isJSON {
			return
		}
		for i, line := range lines {
			trimmed := bytes.TrimLeft(line, " \t\r\n\ufeff")
			if !seen[i] && len(trimmed) > 0 && trimmed[0] != '#' && !bytes.HasPrefix(line, []byte("...")) {
				t.Errorf("line %d is lost: %q", i+1, line)
			}
		}
	})
}

// FuzzItems: a list cut into its elements says what the whole list says, or
// else some part of it does not parse.
func FuzzItems(f *testing.F) {
	for _, s := range streams {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		// YAML has more line breaks than lines are cut at. An item with one of
		// those may come out as a list, which no object is.
		plain := bytes.ReplaceAll(text, []byte("\r\n"), nil)
		if bytes.ContainsAny(plain, "\r\u0085\u2028\u2029") {
			return
		}
		whole, ok := values(text, split.Limits{Large: 1 << 30, Max: 1 << 30}, t)
		if !ok {
			return
		}
		cut, ok := values(text, split.Limits{Large: 1, Max: 1 << 20}, t)
		if ok && !reflect.DeepEqual(whole, cut) {
			t.Errorf("whole: %v\ncut:   %v", whole, cut)
		}
	})
}

// values are the documents of a text as JSON values, with what stands in the
// items of a document before the document.
func values(text []byte, limits split.Limits, t *testing.T) (all []any, ok bool) {
	ok = true
	var items int
	err := split.Split(bytes.NewReader(text), limits, func(p split.Part) error {
		if p.Kind == split.TooLarge || p.Kind == split.Broken {
			ok = false
			return nil
		}
		docs, err := parse(p.Text)
		if err == nil && p.List != nil {
			_, err = parse(p.List.Head)
		}
		if err != nil {
			ok = false
			return nil
		}
		if p.Kind == split.Item && len(docs) == 0 {
			all, items = append(all, nil), items+1 // an element that is null
		}
		for _, doc := range docs {
			out, err := tree.AppendJSON(nil, doc)
			if err != nil {
				ok = false
				return nil
			}
			var v any
			if err := json.Unmarshal(out, &v); err != nil {
				ok = false // a number that no float64 holds
				return nil
			}
			switch m, isMap := v.(map[string]any); {
			case p.Kind == split.Item:
				items++
			case isMap && p.Kind == split.Rest:
				list, isList := m["items"].([]any) // what could not be cut
				all = append(all, list...)
				items += len(list)
				if v, exists := m["items"]; exists && v == nil || isList || items > 0 {
					m["items"], items = items, 0
				}
			case isMap:
				if list, isList := m["items"].([]any); isList {
					all = append(all, list...)
					m["items"] = len(list)
				} else if x, exists := m["items"]; exists && x == nil {
					m["items"] = 0
				}
			}
			all = append(all, v)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all, ok
}

func parse(text []byte) ([]*tree.Node, error) {
	if bytes.HasPrefix(bytes.TrimLeft(text, " \r\n\t"), []byte("{")) {
		if docs, err := tree.JSON(text); err == nil {
			return docs, nil
		}
	}
	return tree.YAML(text)
}
