package server

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/kubeassay/assay/finding"
)

// checkDoc is a check as /v1/checks shows it.
type checkDoc struct {
	finding.Rule
	Fields []string `json:"fields" nullable:"false" doc:"The fields that the check reads"`
}

type checksOutput struct {
	Body struct {
		Checks []checkDoc `json:"checks" nullable:"false"`
	} `nameHint:"CheckList"`
}

func (c *Config) checkIDs() []string {
	ids := make([]string, len(c.Checks))
	for i, known := range c.Checks {
		ids[i] = known.ID
	}
	return ids
}

func (s *Server) getChecks(context.Context, *struct{}) (*checksOutput, error) {
	out := &checksOutput{}
	out.Body.Checks = []checkDoc{}
	for _, c := range s.cfg.Checks {
		doc := checkDoc{Rule: c.Rule, Fields: c.Fields}
		if doc.Fields == nil {
			doc.Fields = []string{}
		}
		out.Body.Checks = append(out.Body.Checks, doc)
	}
	return out, nil
}

func (s *Server) registerChecks(api huma.API) {
	huma.Register(api, huma.Operation{
		OperationID: "checks", Method: http.MethodGet, Path: "/v1/checks", Tags: []string{"v1"},
		Summary: "The built-in checks: what each looks at, why, and how to fix what it finds",
	}, s.getChecks)
}
