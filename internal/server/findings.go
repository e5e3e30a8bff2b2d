package server

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/internal/server/problem"
	"github.com/kubeassay/assay/posture"
)

type findingsInput struct {
	ScopeQuery
	Check       []string           `query:"check,explode" doc:"Only findings of this check; may be repeated. See /v1/checks." example:"run-as-root"`
	Severity    []finding.Severity `query:"severity,explode" enum:"critical,high,medium,low,info" doc:"Only findings of this severity; may be repeated."`
	MinSeverity finding.Severity   `query:"min_severity" enum:"critical,high,medium,low,info" doc:"Only findings of this severity or graver. What could not be judged is always there."`
	Status      []finding.Status   `query:"status,explode" enum:"fail,pass,error,not-applicable,not-reviewed" doc:"Only findings of this status; may be repeated. Without it, fail and error."`
	Kind        []string           `query:"kind,explode" doc:"Only findings about workloads of this kind; may be repeated." example:"Deployment"`
	Limit       int                `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"How many findings a page has at most."`
	Cursor      string             `query:"cursor" maxLength:"8192" doc:"The nextCursor of the page before. It carries the other parameters; they may be left out, or given as they were."`
}

// findingList is a page of findings.
type findingList struct {
	APIVersion string             `json:"apiVersion" example:"assay.dev/v1alpha1"`
	Kind       string             `json:"kind" example:"FindingList"`
	ScanID     string             `json:"scanId" doc:"Identifies the scan; all pages of one list come from the same"`
	Findings   encodedFindings    `json:"findings" nullable:"false"`
	Matched    int                `json:"matched" doc:"Findings on all pages together"`
	NextCursor string             `json:"nextCursor,omitempty" doc:"Asks for the next page. It is good for some minutes. The last page has none."`
	Summary    finding.Summary    `json:"summary" doc:"About the whole scan, whatever the filters"`
	Coverage   []finding.Coverage `json:"coverage" nullable:"false" doc:"What was not, or not wholly, looked at, and why"`
	Errors     []finding.Problem  `json:"errors" nullable:"false" doc:"Inputs that could not be read"`
}

// encodedFindings were encoded when they were found.
type encodedFindings []json.RawMessage

// Schema says what they are to a reader.
func (encodedFindings) Schema(r huma.Registry) *huma.Schema {
	return r.Schema(reflect.TypeFor[[]finding.Finding](), true, "Finding")
}

type findingsOutput struct {
	Body findingList
}

// defaultStatuses are always scanned for, so that the summary and the metrics
// of every scan of everything are about the same.
func defaultStatuses() []finding.Status { return []finding.Status{finding.Fail, finding.Error} }

// getFindings answers GET /v1/findings: with a cursor from a result that is
// kept, else from a scan.
func (s *Server) getFindings(ctx context.Context, in *findingsInput) (*findingsOutput, error) {
	scope, errs := in.scope()
	f, more := in.filter(&s.cfg)
	if errs = append(errs, more...); len(errs) > 0 {
		return nil, badQuery(errs)
	}
	if in.Cursor != "" {
		return s.continueFindings(in, f, scope)
	}
	// The statuses to scan for; which of them are shown is the filter's.
	if len(f.Statuses) == 0 {
		f.Statuses = defaultStatuses()
	}
	r, err := s.findings(ctx, scope, f.Statuses)
	if err != nil {
		return nil, err
	}
	return s.findingsPage(r, &cursor{Scan: r.id, Filter: f, Scope: scope}, in.Limit), nil
}

func (s *Server) continueFindings(in *findingsInput, f filter, scope Scope) (*findingsOutput, error) {
	c, err := parseCursor(in.Cursor)
	if err != nil {
		return nil, badQuery([]error{&huma.ErrorDetail{Location: "query.cursor", Message: err.Error()}})
	}
	if !(&cursor{}).sameQuery(f, scope) {
		if len(f.Statuses) == 0 {
			f.Statuses = defaultStatuses()
		}
		if !c.sameQuery(f, scope) {
			return nil, badQuery([]error{&huma.ErrorDetail{Location: "query.cursor",
				Message: "the cursor belongs to another query: leave the other parameters out, or give them as they were"}})
		}
	}
	r := s.kept.get(c.Scan)
	if r == nil {
		return nil, problem.CursorExpired.Because("results are kept for %s after their last page was read, and fewer when there are many; ask again without a cursor", s.cfg.KeepFor)
	}
	return s.findingsPage(r, c, in.Limit), nil
}

// findings scans, or takes part in a scan that is under way.
func (s *Server) findings(ctx context.Context, scope Scope, wanted []finding.Status) (*result, error) {
	j := &job{API: "findings", Scope: scope, Statuses: ordered(append(defaultStatuses(), wanted...)), per: "workload", encode: findingRecord}
	j.options = posture.Options{Checks: s.cfg.Checks, Statuses: j.Statuses}
	r, err := s.join(j)
	if err != nil {
		return nil, problemOf(err)
	}
	defer r.Close()
	s.metrics.ReaderJoined()
	defer s.metrics.ReaderLeft()
	o, err := r.Result(ctx)
	switch {
	case ctx.Err() != nil:
		return nil, gone(err)
	case err != nil:
		return nil, problemOf(err)
	}
	records, bytes := r.Records()
	return &result{outcome: o, records: records, bytes: bytes}, nil
}

func (s *Server) findingsPage(r *result, c *cursor, limit int) *findingsOutput {
	found, matched, next := r.page(&c.Filter, c.Offset, limit)
	out := &findingsOutput{Body: findingList{
		APIVersion: finding.APIVersion, Kind: "FindingList", ScanID: r.id, Findings: found, Matched: matched,
		Summary: r.report.Summary, Coverage: r.report.Coverage, Errors: r.report.Errors,
	}}
	b := &out.Body
	b.Summary.Cluster = r.cluster
	if b.Coverage == nil {
		b.Coverage = []finding.Coverage{}
	}
	if b.Errors == nil {
		b.Errors = []finding.Problem{}
	}
	if next >= 0 {
		s.kept.put(r)
		b.NextCursor = (&cursor{Scan: c.Scan, Offset: next, Filter: c.Filter, Scope: c.Scope}).String()
	}
	return out
}

func findingRecord(f *finding.Finding) (record, bool, error) {
	b, err := encode(f)
	return record{list: listFindings, json: b,
		about: &about{check: f.Check, status: f.Status, severity: f.Severity, kind: f.Workload.Kind}}, true, err
}

func (s *Server) registerFindings(api huma.API) {
	huma.Register(api, huma.Operation{
		OperationID: "findings", Method: http.MethodGet, Path: pathFindings, Tags: []string{"v1"},
		Summary: "Findings of all checks, one per workload, container and check",
		Description: "Scans now, and answers when the scan has ended. Pages after the first come from the same scan, which is kept for some minutes. " +
			"A complete summary with no findings means that nothing was found; an incomplete one means that it is not known.",
		Errors: []int{403, 410, 429, 502, 503, 507},
	}, s.getFindings)
}
