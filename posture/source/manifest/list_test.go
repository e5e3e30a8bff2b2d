package manifest

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubeassay/assay/posture/source/manifest/internal/split"
)

// TestLargeLists: whether a list is read as a whole or cut into its items
// makes no difference.
func TestLargeLists(t *testing.T) {
	wrong := "apiVersion: v1\nkind: Pod\nmetadata:\n  name: p\nspec:\n  hostPID: x\n"
	tests := []struct{ name, text string }{
		{"as kubectl prints it", "apiVersion: v1\nitems:\n" + indent(pod) + indent(pod) + "kind: List\nmetadata:\n  resourceVersion: \"\"\n"},
		{"indented", "apiVersion: v1\nkind: List\nitems:\n  " + strings.ReplaceAll(indent(pod), "\n", "\n  ") + "\n"},
		{"with wrong items", "apiVersion: v1\nkind: List\nitems:\n- 3\n" + indent(wrong) + indent(pod) + "- {a: 1}\n"},
		{"typed", "apiVersion: v1\nkind: PodList\nitems:\n- metadata: {name: p}\n- metadata: {name: q}\n  spec: {hostPID: x}\n"},
		{"with items in brackets", "apiVersion: v1\nkind: List\nitems:\n  [{apiVersion: v1, kind: Node},\n  {apiVersion: v1, kind: Pod, metadata: {name: p}}]\n"},
		{"with an anchor before the items", "apiVersion: v1\nkind: List\nitems:\n  &a\n" + indent(pod)},
		{"with items that are a map", "apiVersion: v1\nkind: List\nitems:\n  a: b\n"},
		{"custom kind with items", "apiVersion: x/v1\nkind: Box\nitems:\n- {apiVersion: v1, kind: Pod, metadata: {name: p}}\n"},
		{"the items twice", "apiVersion: v1\nkind: List\nmetadata: {}\nmetadata: {}\nitems: []\n"},
		{"followed by more", "apiVersion: v1\nkind: List\nitems:\n" + indent(pod) + "---\n" + pod + "---\na: b: c\n"},
		{"JSON", `{"apiVersion":"v1","items":[{"apiVersion":"v1","kind":"Node"},` + "\n" + `  {"apiVersion":"v1","kind":"Pod","metadata":{"name":"p"},"spec":{"hostPID":"x"}}],"kind":"List"}`},
		{"JSON typed", `{"apiVersion":"v1","kind":"PodList","items":[{"metadata":{"name":"p"}}, {"metadata":{"name":null}}]}`},
		{"JSON with wrong items", `{"apiVersion":"v1","kind":"List","items":[1, [], {}]}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			whole := read(t, fromText(test.text, Options{}))
			s := fromText(test.text, Options{})
			s.limits.Large = 1
			cut := read(t, s)
			if diff := cmp.Diff(whole, cut); diff != "" {
				t.Errorf("(-whole +cut)\n%s", diff)
			}
		})
	}
}

// TestLargeListsOnly: what only lists can say that are cut.
func TestLargeListsOnly(t *testing.T) {
	tests := []struct {
		name, text string
		want       []string
	}{
		{"kind after items without one", "apiVersion: v1\nitems:\n- metadata: {name: p}\n- metadata: {name: q}\nkind: PodList\n",
			[]string{"problem stdin:3:3: this item names no kind, and the list names its own only below: put apiVersion and kind before the items"}},
		{"no list at all", "items:\n- a: 1\n- b: 2\n", []string{"unjudged", "problem stdin: there is no Kubernetes object in it: an object has an apiVersion and a kind"}},
		{"items twice", "apiVersion: v1\nkind: List\nitems:\n" + indent(pod) + "items:\n" + indent(pod),
			[]string{"v1 Pod p spec [x]", `problem stdin:8:1: the key "items" stands twice: only one can count, so remove the other`}},
		{"JSON items twice", `{"apiVersion":"v1","kind":"List","items":[{"apiVersion":"v1","kind":"Node"}],` + "\n" + `"items":[]}`,
			[]string{"unjudged", `problem stdin:2:1: the key "items" stands twice: only one can count, so remove the other`}},
		{"broken below the items", "apiVersion: v1\nkind: List\nitems:\n" + indent(pod) + "metadata: a: b\n",
			[]string{"v1 Pod p spec [x]", "problem stdin:8: not valid YAML: mapping values are not allowed in this context"}},
		{"items inside of a string", "apiVersion: v1\nkind: List\nx: 'y\nitems:\n" + indent(pod) + "z'\n",
			[]string{"problem stdin:4: not valid YAML: found unexpected end of stream"}},
		{"broken item", "apiVersion: v1\nitems:\n- a: b: c\n" + indent(pod) + "kind: List\n",
			[]string{"problem stdin:3: not valid YAML: mapping values are not allowed in this context", "v1 Pod p spec [x]"}},
		{"items of null", "kind: List\napiVersion: v1\nitems:\n-\n- ~\n", []string{"problem stdin:4:1: this item is null: it must be an object", "problem stdin:5:1: this item is null: it must be an object"}},
		{"unfinished JSON", `{"apiVersion":"v1","kind":"List","items":[{"apiVersion":"v1","kind":"Node"},`,
			[]string{"unjudged", "problem stdin:1:77: not valid JSON: the JSON ends too early: a closing bracket or quote is missing"}},
		{"JSON that is none", "{\"items\":[{'a': 1}], \"kind\":\"List\",\"apiVersion\":\"v1\"}\n",
			[]string{"problem stdin:1:11: this item has no apiVersion and no kind: it can't be told what it is"}},
		{"a great item", "apiVersion: v1\nitems:\n- x: " + strings.Repeat("y", 2000) + "\n" + indent(pod) + "kind: List\n",
			[]string{"problem stdin:3:1: this item is larger than 8 MiB, and was not read: no API server takes such an object (a large list is cut into its items where they begin on lines of their own)", "v1 Pod p spec [x]"}},
		{"a great document", "kind: X\nx: " + strings.Repeat("y", 2000) + "\n---\n" + pod,
			[]string{"problem stdin:1:1: this document is larger than 8 MiB, and was not read: no API server takes such an object (a large list is cut into its items where they begin on lines of their own)", "v1 Pod p spec [x]"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := fromText(test.text, Options{})
			s.limits = split.Limits{Large: 1, Max: 1000}
			if diff := cmp.Diff(test.want, read(t, s)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}
