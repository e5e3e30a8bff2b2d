package server

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/kubeassay/assay/internal/server/problem"
)

// readiness asks whether the API server answers, but not more often than once
// a second, however many ask us. Nobody needs a token for it, so it must not
// be a way to make the cluster work.
type readiness struct {
	probe func(context.Context) error
	turn  chan struct{} // held by the one who asks, or reads the answer

	answer error
	at     time.Time
}

func newReadiness(probe func(context.Context) error) *readiness {
	return &readiness{probe: probe, turn: make(chan struct{}, 1)}
}

func (r *readiness) ask(ctx context.Context) error {
	select {
	case r.turn <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-r.turn }()
	if !r.at.IsZero() && time.Since(r.at) < readyFor {
		return r.answer
	}
	// Others will read the answer: it must not depend on whether this one stays.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readyTimeout)
	defer cancel()
	r.answer = r.probe(ctx)
	r.at = time.Now()
	return r.answer
}

type healthOutput struct {
	Body struct {
		Status string `json:"status" enum:"ok,ready"`
	} `nameHint:"Health"`
}

func (s *Server) getHealth(context.Context, *struct{}) (*healthOutput, error) {
	out := &healthOutput{}
	out.Body.Status = "ok"
	return out, nil
}

func (s *Server) getReady(ctx context.Context, _ *struct{}) (*healthOutput, error) {
	if err := s.ready.ask(ctx); err != nil {
		if !errors.Is(err, context.Canceled) {
			s.logger.Warn("not ready: the API server does not answer", "error", err)
		}
		// Anybody may ask this, so the answer names no hosts.
		return nil, problem.NotReady.Because("the cluster's API server does not answer; the log of this server says more")
	}
	out := &healthOutput{}
	out.Body.Status = "ready"
	return out, nil
}

func (s *Server) registerHealth(api huma.API) {
	huma.Register(api, huma.Operation{
		OperationID: "healthz", Method: http.MethodGet, Path: pathHealth, Tags: []string{"operation"},
		Summary: "This server runs", Security: []map[string][]string{},
	}, s.getHealth)
	huma.Register(api, huma.Operation{
		OperationID: "readyz", Method: http.MethodGet, Path: pathReady, Tags: []string{"operation"},
		Summary: "The cluster's API server answers", Security: []map[string][]string{}, Errors: []int{503},
	}, s.getReady)
}
