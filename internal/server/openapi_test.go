package server_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"github.com/kubeassay/assay/internal/server/problem"
)

// document is as much of the OpenAPI description as the tests look at.
type document struct {
	OpenAPI    string                                       `json:"openapi"`
	Info       struct{ Title, Version, Description string } `json:"info"`
	Paths      map[string]map[string]operation              `json:"paths"`
	Components struct {
		Schemas map[string]json.RawMessage
	} `json:"components"`
}

type operation struct {
	OperationID string
	Parameters  []struct{ Name, In, Description string }
	Responses   map[string]struct {
		Description string
		Content     map[string]struct{ Schema json.RawMessage }
	}
}

func TestOpenAPI(t *testing.T) {
	t.Parallel()
	s := start(t, newCluster())
	a := s.get(t, "/openapi.json")
	doc := decode[document](t, a.body)
	if !strings.HasPrefix(doc.OpenAPI, "3.1.") || doc.Info.Version != "test" || doc.Info.Title == "" {
		t.Errorf("openapi %q, info %+v", doc.OpenAPI, doc.Info)
	}
	paths := []string{}
	for path, methods := range doc.Paths {
		paths = append(paths, path)
		for method, op := range methods {
			if op.OperationID == "" || len(op.Responses) == 0 {
				t.Errorf("%s %s is not described: %+v", method, path, op)
			}
			for _, p := range op.Parameters {
				if p.Description == "" {
					t.Errorf("%s: the parameter %s is not described", path, p.Name)
				}
			}
		}
	}
	slices.Sort(paths)
	if want := []string{"/healthz", "/metrics", "/readyz", "/scan", "/v1/checks", "/v1/findings"}; !slices.Equal(paths, want) {
		t.Errorf("paths %v, want %v", paths, want)
	}
	for _, m := range regexp.MustCompile(`"\$ref":"([^"]*)"`).FindAllStringSubmatch(a.body, -1) {
		name, ok := strings.CutPrefix(m[1], "#/components/schemas/")
		if _, there := doc.Components.Schemas[name]; !ok || !there {
			t.Errorf("the reference %s leads nowhere", m[1])
		}
	}
	if _, both := doc.Paths["/scan"]["get"].Responses["200"].Content[ndjson]; !both {
		t.Error("/scan does not describe its stream")
	}
	names := []string{}
	for _, p := range doc.Paths["/scan"]["get"].Parameters {
		names = append(names, p.Name)
	}
	slices.Sort(names)
	if want := []string{"exclude_namespace", "min_severity", "namespace", "selector"}; !slices.Equal(names, want) {
		t.Errorf("/scan has the parameters %v, want %v", names, want)
	}
}

func TestEveryProblemIsDocumented(t *testing.T) {
	t.Parallel()
	s := start(t, newCluster())
	doc := decode[document](t, s.get(t, "/openapi.json").body)
	model := decode[struct {
		Properties struct{ Type struct{ Enum []string } }
	}](t, string(doc.Components.Schemas["ErrorModel"]))
	seen := map[string]bool{}
	for _, kind := range problem.All() {
		if seen[kind.URI] {
			t.Errorf("%s is there twice", kind.URI)
		}
		seen[kind.URI] = true
		if _, err := url.Parse(kind.URI); err != nil || kind.Title == "" || kind.Meaning == "" || http.StatusText(kind.Status) == "" {
			t.Errorf("%+v is not complete", kind)
		}
		if !slices.Contains(model.Properties.Type.Enum, kind.URI) || !strings.Contains(doc.Info.Description, "`"+kind.URI+"`") {
			t.Errorf("%s is not documented", kind.URI)
		}
	}
	if len(model.Properties.Type.Enum) != len(seen) {
		t.Errorf("documented are %v", model.Properties.Type.Enum)
	}
	for _, status := range []string{"403", "429", "502"} {
		if d := doc.Paths["/scan"]["get"].Responses[status].Description; !strings.Contains(d, "urn:assay:problem:") {
			t.Errorf("/scan's %s says %q", status, d)
		}
	}
}

// What the API answers is what its description says.
func TestAnswersAreAsDescribed(t *testing.T) {
	t.Parallel()
	s := start(t, newCluster(shop()...))
	doc := decode[map[string]any](t, s.get(t, "/openapi.json").body)
	for path, media := range map[string]string{
		"/scan": "application/json", "/v1/findings?limit=2": "application/json", "/v1/checks": "application/json", "/healthz": "application/json", "/readyz": "application/json",
	} {
		route, _, _ := strings.Cut(path, "?")
		schema := dig(t, doc, "paths", route, "get", "responses", "200", "content", media, "schema")
		conforms(t, doc, path, schema, decode[any](t, s.get(t, path).body))
	}
	stream := dig(t, doc, "paths", "/scan", "get", "responses", "200", "content", ndjson, "schema")
	for line := range strings.Lines(s.get(t, "/scan", "Accept", ndjson).body) {
		conforms(t, doc, "a line of /scan", stream, decode[any](t, line))
	}
	conforms(t, doc, "a problem", map[string]any{"$ref": "#/components/schemas/ErrorModel"}, decode[any](t, s.get(t, "/nowhere").body))
}

func dig(t *testing.T, v any, path ...string) any {
	t.Helper()
	for _, name := range path {
		m, ok := v.(map[string]any)
		if !ok || m[name] == nil {
			t.Fatalf("there is no %s of %v", name, path)
		}
		v = m[name]
	}
	return v
}

// conforms checks a value against a schema of the document, read back from its
// JSON, with the validator of the framework.
func conforms(t *testing.T, doc map[string]any, what string, schema, value any) {
	t.Helper()
	registry := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	read := func(v any) *huma.Schema { return readSchema(t, v) }
	for name, s := range dig(t, doc, "components", "schemas").(map[string]any) {
		registry.Map()[name] = read(s)
	}
	result := &huma.ValidateResult{}
	huma.Validate(registry, read(schema), huma.NewPathBuffer([]byte{}, 0), huma.ModeReadFromServer, value, result)
	for _, err := range result.Errors {
		t.Errorf("%s: %v", what, err)
	}
}

// readSchema is as much of JSON Schema as the description uses.
func readSchema(t *testing.T, v any) *huma.Schema {
	t.Helper()
	s := &huma.Schema{}
	for key, v := range v.(map[string]any) {
		switch key {
		case "type":
			switch v := v.(type) {
			case string:
				s.Type = v
			case []any:
				s.Type, s.Nullable = v[0].(string), slices.Contains(v, any("null"))
			}
		case "$ref":
			s.Ref = v.(string)
		case "enum":
			s.Enum = v.([]any)
		case "items":
			s.Items = readSchema(t, v)
		case "format":
			s.Format = v.(string)
		case "required":
			for _, name := range v.([]any) {
				s.Required = append(s.Required, name.(string))
			}
		case "properties":
			s.Properties = map[string]*huma.Schema{}
			for name, p := range v.(map[string]any) {
				s.Properties[name] = readSchema(t, p)
			}
		case "additionalProperties":
			if m, ok := v.(map[string]any); ok {
				s.AdditionalProperties = readSchema(t, m)
			} else {
				s.AdditionalProperties = v
			}
		case "anyOf":
			for _, one := range v.([]any) {
				s.AnyOf = append(s.AnyOf, readSchema(t, one))
			}
		case "description", "examples", "default":
		default:
			t.Fatalf("the test does not know %q of %s", key, reflect.ValueOf(v))
		}
	}
	s.PrecomputeMessages()
	return s
}

func TestDocsWorkOffline(t *testing.T) {
	t.Parallel()
	s := start(t, newCluster())
	page := s.get(t, "/docs") // which leads to /docs/
	policy := page.Header.Get("Content-Security-Policy")
	if page.StatusCode != http.StatusOK || !strings.HasPrefix(policy, "default-src 'none'; ") || strings.Contains(policy, "http") || strings.Contains(policy, "'unsafe-eval'") {
		t.Fatalf("%d, policy %q", page.StatusCode, policy)
	}
	if !strings.Contains(page.body, "/openapi.json") {
		t.Error("the page does not know the description")
	}
	found := regexp.MustCompile(`(?:src|href)="([^"]*)"`).FindAllStringSubmatch(page.body, -1)
	if len(found) < 4 {
		t.Errorf("the page loads only %v", found)
	}
	for _, m := range found {
		if !strings.HasPrefix(m[1], "/docs/") {
			t.Errorf("the page loads %s", m[1])
			continue
		}
		if a := s.get(t, m[1]); a.StatusCode != http.StatusOK || len(a.body) == 0 || a.Header.Get("Content-Type") == "" {
			t.Errorf("%s: %d, %d bytes, type %q", m[1], a.StatusCode, len(a.body), a.Header.Get("Content-Type"))
		}
	}
	// Nothing that names another host can be fetched: not by the page itself,
	// and the policy forbids it to its scripts.
	for _, script := range regexp.MustCompile(`(?s)<script>.*?</script>|<style>.*?</style>`).FindAllString(page.body, -1) {
		for _, link := range regexp.MustCompile(`https?://[a-zA-Z0-9.]+`).FindAllString(script, -1) {
			t.Errorf("the page itself names %s", link)
		}
	}
}
