package server

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/internal/server/problem"
	"github.com/kubeassay/assay/posture"
)

// scanResult documents the JSON of GET /scan. It is written piece by piece,
// see writeScan, so that a large one is never in memory twice.
type scanResult struct {
	ScanID              string             `json:"scan_id" doc:"Identifies the scan, also in the log; requests that shared it have the same"`
	Cluster             string             `json:"cluster" doc:"The server that was scanned"`
	StartedAt           time.Time          `json:"started_at"`
	FinishedAt          time.Time          `json:"finished_at"`
	Complete            bool               `json:"complete" doc:"Everything that was asked for was read, to the end. Where it is false, coverage says what is missing, and nothing found does not mean nothing there."`
	LatestTagContainers []ScanEntry        `json:"latest_tag_containers" nullable:"false" doc:"Containers whose image has the tag latest, or neither tag nor digest"`
	RootContainers      []RootEntry        `json:"root_containers" nullable:"false" doc:"Containers that run as root, or may"`
	Errors              []errorEntry       `json:"errors" nullable:"false" doc:"Containers that could not be judged, and why"`
	Summary             scanSummary        `json:"summary"`
	Coverage            []finding.Coverage `json:"coverage" nullable:"false" doc:"What was not, or not wholly, looked at, and why"`
}

type scanSummary struct {
	Namespaces int        `json:"namespaces"`
	Pods       int        `json:"pods"`
	Containers int        `json:"containers" doc:"Containers that were looked at, of every type"`
	Counts     scanCounts `json:"counts" doc:"Entries of each list"`
	Errors     int        `json:"errors" doc:"Containers that could not be judged, and inputs that could not be read"`
}

type scanCounts struct {
	LatestTagContainers int `json:"latest_tag_containers"`
	RootContainers      int `json:"root_containers"`
}

// scanEnd is the last line of the stream.
type scanEnd struct {
	ScanID     string             `json:"scan_id"`
	Cluster    string             `json:"cluster"`
	StartedAt  time.Time          `json:"started_at"`
	FinishedAt time.Time          `json:"finished_at"`
	Complete   bool               `json:"complete"`
	Summary    scanSummary        `json:"summary"`
	Coverage   []finding.Coverage `json:"coverage" nullable:"false"`
}

// scanLine documents the other lines of the stream.
type scanLine struct {
	RootEntry
	List  string `json:"list" enum:"latest_tag_containers,root_containers,errors" doc:"The list of the JSON answer that the entry belongs to"`
	Check string `json:"check,omitempty" doc:"Only with list errors"`
	_     struct{}
}

type scanInput struct {
	ScopeQuery
	Accepted
	MinSeverity string `query:"min_severity" enum:"critical,high,medium,low,info" doc:"Only entries of this severity or graver. What could not be judged is always there."`
}

type rawOutput struct {
	Body func(huma.Context)
}

func (in *scanInput) job(checks *Config) (*job, []error) {
	scope, errs := in.scope()
	scope.PodsOnly = true
	j := &job{API: "scan", Scope: scope, MinSeverity: finding.Severity(in.MinSeverity), per: "pod", encode: scanRecord}
	j.options = posture.Options{PerPod: true, MinSeverity: j.MinSeverity}
	for _, id := range scanChecks() {
		j.options.Checks = append(j.options.Checks, checks.check(id))
	}
	return j, errs
}

// getScan answers GET /scan. It waits until it is known whether there will be
// an answer at all; a stream only until there is a first line.
func (s *Server) getScan(ctx context.Context, in *scanInput) (*rawOutput, error) {
	media := negotiate(in.accept, mediaJSON, mediaNDJSON)
	if media == "" {
		return nil, problem.NotAcceptable.Because("there is %s and %s, and the request accepts neither", mediaJSON, mediaNDJSON)
	}
	j, errs := in.job(&s.cfg)
	if len(errs) > 0 {
		return nil, badQuery(errs)
	}
	r, err := s.join(j)
	if err != nil {
		return nil, problemOf(err)
	}
	s.metrics.ReaderJoined()
	leave := func() {
		s.metrics.ReaderLeft()
		r.Close()
	}
	answer, err := s.scanAnswer(ctx, r, media)
	if err != nil {
		leave()
		return nil, err
	}
	return &rawOutput{Body: func(hc huma.Context) {
		defer leave()
		hc.AppendHeader("Vary", "Accept")
		answer(hc)
	}}, nil
}

func (s *Server) scanAnswer(ctx context.Context, r *reader, media string) (func(huma.Context), error) {
	if media == mediaNDJSON {
		first, err := r.Next(ctx)
		if err != nil {
			return nil, gone(err)
		}
		if len(first) > 0 {
			return func(hc huma.Context) { streamScan(hc, r, first) }, nil
		}
	}
	o, err := r.Result(ctx)
	switch {
	case ctx.Err() != nil:
		return nil, gone(err)
	case err != nil:
		return nil, problemOf(err)
	case media == mediaNDJSON:
		return func(hc huma.Context) { streamScan(hc, r, nil) }, nil
	}
	return func(hc huma.Context) { writeScan(hc, r, o) }, nil
}

// statusGone is what the log shows for a client that did not wait. There is
// nobody to read it.
const statusGone = 499

func gone(err error) error {
	return &huma.ErrorModel{Type: problem.Internal.URI, Title: "The client has gone", Status: statusGone, Detail: err.Error()}
}

func badQuery(errs []error) error {
	p := problem.BadQuery.Because("validation failed")
	for _, err := range errs {
		p.Add(err)
	}
	return p
}

func (o *outcome) end() scanEnd {
	sum := o.report.Summary
	end := scanEnd{ScanID: o.id, Cluster: o.cluster, StartedAt: o.started, FinishedAt: o.finished, Complete: sum.Complete,
		Summary: scanSummary{
			Namespaces: sum.Namespaces, Pods: sum.Pods, Containers: sum.Containers,
			Counts: scanCounts{LatestTagContainers: o.counts[listLatestTag], RootContainers: o.counts[listRoot]},
			Errors: o.counts[listErrors] + len(o.report.Errors),
		},
	}
	end.Coverage = append([]finding.Coverage{}, o.report.Coverage...)
	for _, p := range o.report.Errors {
		end.Coverage = append(end.Coverage, finding.Coverage{Scope: "input", State: finding.Unreadable, Detail: p.String()})
	}
	return end
}

func (s *Server) registerScan(api huma.API) {
	registry := api.OpenAPI().Components.Schemas
	op := huma.Operation{
		OperationID: "scan", Method: http.MethodGet, Path: pathScan, Tags: []string{"scan"},
		Summary: "Containers with a latest tag, and containers that run as root",
		Description: "Scans now, and answers when the scan has ended. One entry per pod and container. Requests that ask for the same at the same time share one scan.\n\n" +
			"With `Accept: application/x-ndjson` the entries come as they are found, one JSON object a line, each with its `list`. " +
			"The last line has `summary`; or, where the scan broke off, it is a problem document, which has `type` and `status`. A stream that ends with neither was cut off.",
		Responses: map[string]*huma.Response{"200": {
			Description: "What was found. `complete` says whether everything was looked at.",
			Content: map[string]*huma.MediaType{
				mediaJSON: {Schema: schemaOf[scanResult](registry, "ScanResult")},
				mediaNDJSON: {Schema: &huma.Schema{Description: "One line.", AnyOf: []*huma.Schema{
					schemaOf[scanLine](registry, "ScanLine"), schemaOf[scanEnd](registry, "ScanEnd"), schemaOf[huma.ErrorModel](registry, "ErrorModel"),
				}}},
			},
		}},
		Errors: []int{403, 406, 429, 502, 503, 507},
	}
	huma.Register(api, op, s.getScan)
}
