package settings

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"sigs.k8s.io/yaml"
)

func compiled(t testing.TB, c *Catalog) *jsonschema.Schema {
	t.Helper()
	b, err := c.Schema()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("settings.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := compiler.Compile("settings.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestSchemaAgrees: what the schema accepts is what is read, and the other way round.
func TestSchemaAgrees(t *testing.T) {
	c := Of(tree(), rules())
	s := compiled(t, c)
	var files []string
	for _, setting := range []string{"fail-on", "namespace", "all-namespaces", "output", "quiet", "parallel", "qps", "timeout", "max-bytes", "waivers", "token", "config", "help", "life", "zebra"} {
		for _, value := range []string{
			`"low"`, `""`, `"5"`, "5", "-5", "5.5", "true", "null", "[]", `["a"]`, `["a", ""]`, "[1]", `[["a"]]`, "{}", `{"a": "b"}`,
			`"10m"`, `"1h30m"`, `"-1.5h"`, `"10"`, `"m"`, `"0"`, `"10 m"`, `"5Mi"`, `"5e3"`, `"5Zi"`, `"Mi"`, `"1.5Gi"`, `"5 Mi"`, `"1k"`, `"true"`,
		} {
			for _, section := range []string{`"scan": {%}`, `"judge": {%}`, `"common": {%}`, `"grant": {"create": {%}}`, `"grant": {%}`, `"explain": {%}`, `%`} {
				files = append(files, `{"apiVersion": "assay.dev/v1alpha1", "kind": "Settings", `+strings.Replace(section, "%", `"`+setting+`": `+value, 1)+`}`)
			}
		}
	}
	files = append(files, `{}`, `[]`, `"x"`, `{"apiVersion": "assay.dev/v1alpha1"}`, `{"kind": "Settings"}`, `{"apiVersion": "assay.dev/v1alpha1", "kind": "Settings"}`,
		`{"apiVersion": "assay.dev/v1", "kind": "Settings"}`, `{"apiVersion": "assay.dev/v1alpha1", "kind": "Settings", "scan": null}`)
	accepted := 0
	for _, text := range files {
		_, wrong := c.Parse("f", folder, strings.NewReader(text))
		var v any
		if err := json.Unmarshal([]byte(text), &v); err != nil {
			t.Fatal(err)
		}
		against := s.Validate(v)
		if (wrong == nil) != (against == nil) {
			t.Errorf("%s\nparser: %v\nschema: %v", text, wrong, against)
		}
		if wrong == nil {
			accepted++
		}
	}
	if accepted < 40 || accepted > len(files)/4 {
		t.Errorf("%d of %d files are accepted: these are no good examples", accepted, len(files))
	}
}

// FuzzSchema: what is read is what the schema accepts, also of what nobody has
// thought of. The other way round it can't be: YAML has values that JSON has not.
func FuzzSchema(f *testing.F) {
	for _, s := range []string{"fail-on: low", "output: [a]", "qps: 1e3", "timeout: 1h", "max-bytes: 5e3", "parallel: 0x1f", "timeout: +.5h", "max-bytes: +1.m"} {
		f.Add(s)
	}
	c := Of(tree(), rules())
	schema := compiled(f, c)
	f.Fuzz(func(t *testing.T, setting string) {
		text := head + "scan: {" + setting + "}"
		if _, err := c.Parse("f", folder, strings.NewReader(text)); err != nil {
			t.Skip()
		}
		b, err := yaml.YAMLToJSON([]byte(text))
		if err != nil {
			t.Skip() // it reads YAML 1.1
		}
		v, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(v); err != nil {
			t.Errorf("%s\nis read, and the schema says: %v", text, err)
		}
	})
}
