package server

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/internal/server/flight"
	"github.com/kubeassay/assay/internal/server/metrics"
	"github.com/kubeassay/assay/posture"
)

// outcome is what a scan has to say besides its records.
type outcome struct {
	id       string
	cluster  string
	started  time.Time
	finished time.Time
	report   *finding.Report
	counts   [listings]int
}

// job is a scan to be shared: the key is the same for requests that want the same.
type job struct {
	API         string           `json:"api"`
	Scope       Scope            `json:"scope"`
	MinSeverity finding.Severity `json:"minSeverity,omitempty"`
	Statuses    []finding.Status `json:"statuses,omitempty"`

	options posture.Options
	// per and encode say what becomes of a finding.
	per    string
	encode func(*finding.Finding) (record, bool, error)
}

func (j *job) key() string {
	b, err := json.Marshal(j)
	if err != nil {
		panic(fmt.Sprintf("a job is made of strings: %v", err)) // can't be
	}
	return string(b)
}

type (
	reader  = flight.Reader[record, *outcome]
	scanLog = flight.Log[record]
)

// join gives a reader of the scan: of one that is under way, or of a new one.
func (s *Server) join(j *job) (*reader, error) {
	r, err := s.scans.Join(j.key(), func(ctx context.Context, log *scanLog) (*outcome, error) {
		return s.scan(ctx, j, log)
	})
	if errors.Is(err, flight.ErrBusy) {
		s.metrics.ScanRefused()
	}
	return r, err
}

// scan runs one scan. It counts and logs it, and turns what can go wrong into
// errors that problemOf knows.
func (s *Server) scan(ctx context.Context, j *job, log *scanLog) (o *outcome, err error) {
	o = &outcome{id: rand.Text(), cluster: s.cfg.Backend.Cluster(), started: time.Now().UTC()}
	logger := s.logger.With("scan_id", o.id, "api", j.API)
	logger.Info("scan started", "scope", j.Scope)
	ended := s.metrics.ScanStarted(j.API)
	result := metrics.Failed // also after a panic
	defer func() {
		ended(result)
		logScan(ctx, logger, o, result, err)
	}()
	defer flight.Recover(&err)

	limited, cancel := context.WithTimeoutCause(ctx, s.cfg.ScanTimeout, errTimeLimit)
	defer cancel()
	sink := &sink{job: j, log: log, outcome: o, counts: metrics.Counts{}}
	err = s.run(limited, j, o, sink)
	o.finished = time.Now().UTC()
	result = resultOf(ctx, o, err)
	if result == metrics.Complete && j.Scope.everything() && j.MinSeverity == "" {
		var checks []string
		for _, c := range j.options.Checks {
			checks = append(checks, c.ID)
		}
		s.metrics.Findings(j.per, checks, sink.counts, o.finished)
	}
	return o, err
}

func (s *Server) run(ctx context.Context, j *job, o *outcome, sink *sink) error {
	src, err := s.cfg.Backend.Source(ctx, j.Scope)
	if err != nil {
		return err
	}
	w := watch(src, j.Scope.PodsOnly)
	o.report, err = s.cfg.Scan(ctx, w, j.options, sink)
	cause := context.Cause(ctx)
	switch {
	case errors.Is(cause, errShuttingDown), errors.Is(cause, flight.ErrAbandoned):
		return cause
	case err != nil && !errors.Is(cause, errTimeLimit):
		return err
	case o.report == nil:
		return errors.Join(errors.New("the scan ended without a report"), err)
	case errors.Is(err, flight.ErrTooLarge):
		return err
	case cause != nil:
		stoppedByLimit(o.report, s.cfg.ScanTimeout)
	}
	return w.nothingRead()
}

// sink encodes findings into the log as they come.
type sink struct {
	job     *job
	log     *scanLog
	outcome *outcome
	counts  metrics.Counts
}

// Finding is called by the scan.
func (s *sink) Finding(f *finding.Finding) error {
	if f.Status == finding.Fail {
		if s.counts[f.Check] == nil {
			s.counts[f.Check] = map[finding.Severity]int{}
		}
		s.counts[f.Check][f.Severity]++
	}
	r, wanted, err := s.job.encode(f)
	if err != nil || !wanted {
		return err
	}
	if err := s.log.Append(r); err != nil {
		return err
	}
	s.outcome.counts[r.list]++
	return nil
}

// Flush has nothing to do: every record is handed on at once.
func (s *sink) Flush() error { return nil }

func logScan(ctx context.Context, logger *slog.Logger, o *outcome, result metrics.Result, err error) {
	attrs := []any{"result", result, "duration", time.Since(o.started)}
	if o.report != nil {
		sum := o.report.Summary
		attrs = append(attrs, "namespaces", sum.Namespaces, "pods", sum.Pods, "containers", sum.Containers, "coverage_gaps", len(o.report.Coverage))
	}
	var panicked *flight.PanicError
	switch {
	case result == metrics.Abandoned:
		logger.Info("scan stopped: nobody was waiting for it any more", attrs...)
	case err != nil:
		if errors.As(err, &panicked) {
			attrs = append(attrs, "stack", string(panicked.Stack))
		}
		logger.WarnContext(ctx, "scan failed", append(attrs, "error", err)...)
	default:
		logger.Info("scan ended", attrs...)
	}
}
