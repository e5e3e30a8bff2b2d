package server

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/kubeassay/assay/internal/server/problem"
	"github.com/kubeassay/assay/internal/server/requestlog"
)

// The paths that scan.
const (
	pathScan     = "/scan"
	pathFindings = "/v1/findings"
)

// The paths that are not part of the API proper.
const (
	pathHealth  = "/healthz"
	pathReady   = "/readyz"
	pathMetrics = "/metrics"
	pathOpenAPI = "/openapi.json"
	pathDocs    = "/docs/"
)

// routes builds the whole handler.
func (s *Server) routes() (http.Handler, error) {
	mux := http.NewServeMux()
	api := humago.New(mux, s.openAPI())
	api.UseMiddleware(withPlainJSON, strictQuery(api))
	s.registerScan(api)
	s.registerFindings(api)
	s.registerChecks(api)
	s.registerHealth(api)
	documentMetrics(api.OpenAPI())
	documentProblems(api.OpenAPI())

	mux.Handle("GET "+pathMetrics, s.metrics.Handler())
	spec, err := json.Marshal(api.OpenAPI())
	if err != nil {
		return nil, fmt.Errorf("writing the OpenAPI description: %w", err)
	}
	mux.HandleFunc("GET "+pathOpenAPI, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", mediaJSON)
		_, _ = w.Write(spec) // the client may have gone
	})
	docs, err := docsHandler()
	if err != nil {
		return nil, err
	}
	mux.Handle("GET "+pathDocs, docs)
	return s.wrap(mux)
}

func (s *Server) openAPI() huma.Config {
	schemas := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	config := huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title: "Assay", Version: s.cfg.Version,
				Description: "Scans Kubernetes workloads. Every finding says how it is known (`evidence`); what could not be read is said in `coverage`, and is never a pass.\n\n" +
					"Errors are problem documents (RFC 9457). Decide by their `type`:\n\n" + problemTable(),
			},
			Components: &huma.Components{Schemas: schemas},
		},
		Formats:                      map[string]huma.Format{mediaJSON: huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat},
		DefaultFormat:                mediaJSON,
		RejectUnknownQueryParameters: true,
		Transformers:                 []huma.Transformer{completeProblem},
	}
	config.AllowAdditionalPropertiesByDefault = true // answers may get new fields
	if s.token != nil {
		config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{"token": {Type: "http", Scheme: "bearer"}}
		config.Security = []map[string][]string{{"token": {}}}
	}
	return config
}

// completeProblem gives the framework's own errors a type.
func completeProblem(ctx huma.Context, _ string, v any) (any, error) {
	if p, ok := v.(*huma.ErrorModel); ok {
		problem.Complete(p, requestlog.ID(ctx.Context()))
	}
	return v, nil
}

func schemaOf[T any](r huma.Registry, name string) *huma.Schema {
	return r.Schema(reflect.TypeFor[T](), true, name)
}

func problemTable() string {
	var b strings.Builder
	b.WriteString("| type | status | meaning |\n|---|---|---|\n")
	for _, t := range problem.All() {
		fmt.Fprintf(&b, "| `%s` | %d | %s. %s |\n", t.URI, t.Status, t.Title, t.Meaning)
	}
	return b.String()
}

// documentProblems says at the schema, and at every answer, which types there are.
func documentProblems(api *huma.OpenAPI) {
	model := api.Components.Schemas.Map()["ErrorModel"]
	kind := model.Properties["type"]
	kind.Description = "What went wrong. It stays the same, whatever the words; see the description of the API."
	kind.Default, kind.Examples = nil, []any{problem.ClusterUnreachable.URI}
	kind.Enum = nil
	for _, t := range problem.All() {
		kind.Enum = append(kind.Enum, t.URI)
	}
	for _, path := range api.Paths {
		op := path.Get
		if op == nil {
			continue
		}
		for code, response := range op.Responses {
			var titles []string
			for _, t := range problem.All() {
				if strconv.Itoa(t.Status) == code {
					titles = append(titles, "`"+t.URI+"`: "+t.Title)
				}
			}
			if len(titles) > 0 {
				slices.Sort(titles)
				response.Description = strings.Join(titles, "; ")
			}
		}
	}
}

func documentMetrics(api *huma.OpenAPI) {
	api.AddOperation(&huma.Operation{
		OperationID: "metrics", Method: http.MethodGet, Path: pathMetrics, Tags: []string{"operation"},
		Summary: "Counters for Prometheus",
		Responses: map[string]*huma.Response{"200": {Description: "Prometheus' text format",
			Content: map[string]*huma.MediaType{"text/plain": {Schema: &huma.Schema{Type: huma.TypeString}}}}},
	})
}
