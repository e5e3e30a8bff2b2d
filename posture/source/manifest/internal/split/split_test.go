package split

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var kindNames = map[Kind]string{Document: "document", Item: "item", Rest: "rest", TooLarge: "too large", Broken: "broken"}

// parts splits a text and shows each part as "kind line:column text".
func parts(t *testing.T, text string, limits Limits) []string {
	t.Helper()
	var got []string
	err := Split(strings.NewReader(text), limits, func(p Part) error {
		s := fmt.Sprintf("%s %d:%d %s", kindNames[p.Kind], p.Line, p.Column, p.Text)
		if p.Kind == Rest {
			s += fmt.Sprintf("|gap %d after %d", p.Gap, p.GapLine)
		}
		if p.Kind == TooLarge && p.Object {
			s += "object"
		}
		got = append(got, s)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestSplit(t *testing.T) {
	small := Limits{Large: 1, Max: 60}
	tests := []struct {
		name   string
		text   string
		limits Limits
		want   []string
	}{
		{"nothing", "", Defaults, nil},
		{"only comments", "# a\n\n# b\n---\n# c\n", Defaults, []string{"document 4:1 ---\n# c\n"}},
		{"one", "a: 1\n", Defaults, []string{"document 1:1 a: 1\n"}},
		{"two", "a: 1\n---\nb: 2\n", Defaults, []string{"document 1:1 a: 1\n", "document 2:1 ---\nb: 2\n"}},
		{"content beside the marker", "--- {a: 1}\n--- # c\nb: 2", Defaults, []string{"document 1:1 --- {a: 1}\n", "document 2:1 --- # c\nb: 2"}},
		{"indented dashes are text", "a: |\n  ---\n ---\n", Defaults, []string{"document 1:1 a: |\n  ---\n ---\n"}},
		{"dashes that go on are text", "---a: 1\n----\n", Defaults, []string{"document 1:1 ---a: 1\n----\n"}},
		{"end marker", "a: 1\n...\n# c\n---\nb: 2\n...\n", Defaults, []string{"document 1:1 a: 1\n", "document 4:1 ---\nb: 2\n"}},
		{"directive belongs to what follows", "%YAML 1.1\n# c\n---\na: 1\n---\nb: 1\n", Defaults,
			[]string{"document 1:1 %YAML 1.1\n# c\n---\na: 1\n", "document 5:1 ---\nb: 1\n"}},
		{"CRLF", "a: 1\r\n---\r\nb: 2\r\n", Defaults, []string{"document 1:1 a: 1\r\n", "document 2:1 ---\r\nb: 2\r\n"}},

		{"items indented", "kind: List\nitems:\n  - a: 1\n    b: 2\n  # c\n  -  a: 3\nmetadata: {}\n", small,
			[]string{"item 3:1     a: 1\n    b: 2\n  # c\n", "item 6:1      a: 3\n", "rest 1:1 kind: List\nitems:\nmetadata: {}\n|gap 4 after 2"}},
		{"items at the margin", "items: # c\n\n# d\n- a: |\n    - text\n  b: 2\n-\n  a: 3\nkind: List\n", small,
			[]string{"item 4:1   a: |\n    - text\n  b: 2\n", "item 7:1  \n  a: 3\n", "rest 1:1 items: # c\nkind: List\n|gap 7 after 1"}},
		{"items null", "items:\nkind: List\n", small, []string{"rest 1:1 items:\nkind: List\n|gap 0 after 1"}},
		{"items a map", "items:\n  a: 1\n", small, []string{"rest 1:1 items:\n  a: 1\n|gap 0 after 1"}},
		{"items empty", "items: []\nkind: List\n", small, []string{"document 1:1 items: []\nkind: List\n"}},
		{"list in a stream", "---\nitems:\n- a\n---\nb: 1\n", small,
			[]string{"item 3:1   a\n", "rest 1:1 ---\nitems:\n|gap 0 after 2", "document 4:1 ---\nb: 1\n"}},
		{"wrong indent stays with its item", "items:\n  - a: 1\n b: 2\n- c\nkind: List\n", small,
			[]string{"item 2:1     a: 1\n b: 2\n- c\n", "rest 1:1 items:\nkind: List\n|gap 3 after 1"}},
		{"item too large", "items:\n- a: " + strings.Repeat("x", 70) + "\n- b\n", small,
			[]string{"too large 2:1 object", "item 3:1   b\n", "rest 1:1 items:\n|gap 0 after 1"}},
		{"document too large", "kind: A\nb: " + strings.Repeat("x", 70) + "\n---\nc: 1\n", small,
			[]string{"too large 1:1 object", "document 3:1 ---\nc: 1\n"}},
		{"no object and too large", "b: " + strings.Repeat("x", 70) + "\n", small, []string{"too large 1:1 "}},

		{"JSON list", `{"kind":"List", "items": [ {"a": "]}\"{"}, 2,"x" ],` + "\n" + `"metadata":{}}`, small,
			[]string{`item 1:28 {"a": "]}\"{"}`, "item 1:44 2", `item 1:46 "x"`, `rest 1:1 {"kind":"List", "items": [],` + "\n" + `"metadata":{}}|gap 0 after 1`}},
		{"JSON list over lines", "# c\n--- {\n \"items\": [\n  {\"é\": 1},\n  []\n ]\n}\n", small,
			[]string{"item 4:3 {\"é\": 1}", "item 5:3 []", "rest 2:5 {\n \"items\": []\n}|gap 3 after 2"}},
		{"JSON items elsewhere", `{"spec":{"items":[1]},"x":"items","y":[2]}`, small, []string{`document 1:1 {"spec":{"items":[1]},"x":"items","y":[2]}`}},
		{"JSON values", `{"a":1}{"b":2}` + "\n" + ` {"c":3}`, small, []string{`document 1:1 {"a":1}`, `document 1:8 {"b":2}`, `document 2:2 {"c":3}`}},
		{"JSON unfinished", `{"a":[`, small, []string{"broken 1:7 the JSON ends too early: a closing bracket or quote is missing"}},
		{"JSON unfinished before another", "{\"a\":[\n---\nb: 1\n", small,
			[]string{"broken 2:1 the JSON ends too early: a closing bracket or quote is missing", "document 2:1 ---\nb: 1\n"}},
		{"JSON commas", `{"items":[1 2,,3,]}`, small, []string{"item 1:11 1", "broken 1:13 a comma is missing between two values", "item 1:13 2",
			"broken 1:15 a comma without a value before it", "item 1:16 3", "broken 1:18 a comma without a value after it", `rest 1:1 {"items":[]}|gap 0 after 1`}},
		{"JSON and then not", "{\"a\":1} x\ny: 1\n---\nz: 1\n", small,
			[]string{`document 1:1 {"a":1}`, "broken 1:9 after a JSON object comes something that is none", "document 1:1 x\ny: 1\n", "document 3:1 ---\nz: 1\n"}},
		{"JSON item too large", `{"items":["` + strings.Repeat("x", 70) + `",1]}`, small,
			[]string{"too large 1:11 object", "item 1:84 1", `rest 1:1 {"items":[]}|gap 0 after 1`}},
		{"JSON second items", `{"items":[1],"items":[2]}`, small, []string{"item 1:11 1", `rest 1:1 {"items":[],"items":[2]}|gap 0 after 1`}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, parts(t, test.text, test.limits)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}
