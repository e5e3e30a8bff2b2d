package inspect

import (
	"context"
	"fmt"
	"path"
	"runtime"
	"strings"
	"time"

	"github.com/kubeassay/assay/finding"
)

// fail hands on why a target could not be looked into: an inspection of each
// profile, all of whose controls have status error. Used is what was used all
// the same, if anything was.
func (r *run) fail(ctx context.Context, t *Target, why error, used *finding.Used) error {
	state := finding.Unreadable
	if ctx.Err() != nil {
		state = finding.Interrupted
		r.mu.Lock()
		r.interrupted = r.interrupted || r.broken == nil
		r.mu.Unlock()
	}
	id := identity(r.client.Server(), t, t.Pod)
	var all []*finding.Inspection
	for _, p := range r.options.Profiles {
		i := unjudged(&id, p, why.Error())
		i.FinishedAt = time.Now().UTC()
		i.StartedAt = i.FinishedAt
		if used != nil {
			i.Used, i.StartedAt = used, i.FinishedAt.Add(-used.Duration)
		}
		all = append(all, i)
	}
	if len(all) > 0 {
		return r.hand(t, all)
	}
	// Only evidence was asked for.
	return r.hand(t, nil, finding.Coverage{Scope: "target/" + t.String(), State: state, Detail: why.Error()})
}

// hand gives a target's inspections to the sink and counts them. A target is
// handed on once: whatever comes after that is passed over.
func (r *run) hand(t *Target, all []*finding.Inspection, coverage ...finding.Coverage) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.broken != nil || !r.pending[t] {
		return r.broken
	}
	delete(r.pending, t)
	r.report.Coverage = append(r.report.Coverage, coverage...)
	r.broken = guard(func() error { return r.give(t, all) })
	if r.broken != nil && r.stop != nil {
		r.stop(r.broken) // nobody would get the others
	}
	return r.broken
}

// give calls the caller's functions, for whoever holds the lock.
func (r *run) give(t *Target, all []*finding.Inspection) error {
	for _, i := range all {
		for n := range i.Findings {
			f := &i.Findings[n]
			f.Pods, f.PodsTotal, f.PodNames = t.Replicas, t.Replicas, t.PodNames
			if r.options.Waive != nil {
				r.options.Waive(f)
			}
		}
		r.tally.Add(i)
		if err := r.sink.Inspection(i); err != nil {
			return err
		}
	}
	if r.options.Progress != nil {
		r.options.Progress(Progress{Done: r.total - len(r.pending), Total: r.total})
	}
	return nil
}

// over is the sink's error, if it had one.
func (r *run) over() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.broken
}

// uncovered adds to the coverage.
func (r *run) uncovered(scope string, state finding.CoverageState, detail string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.Coverage = append(r.report.Coverage, finding.Coverage{Scope: scope, State: state, Detail: detail})
}

// finish sums up.
func (r *run) finish() {
	r.mu.Lock()
	defer r.mu.Unlock()
	before, s := r.report.Summary, &r.report.Summary
	*s = r.tally.Summary()
	s.StartedAt, s.FinishedAt, s.Cluster, s.Interrupted = before.StartedAt, time.Now().UTC(), before.Cluster, r.interrupted
	for _, c := range r.report.Coverage {
		s.Complete = s.Complete && c.State.Complete()
	}
	s.Complete = s.Complete && !s.Interrupted && s.Statuses[finding.Error] == 0
	r.addOwnRights()
	stats := r.client.Stats()
	r.report.Access = &finding.Access{APICalls: stats.Total(), Bytes: stats.Bytes, Grants: r.grants}
}

// panicError is a panic that was caught: one in a goroutine would end the
// program before access could be taken back.
type panicError struct {
	value any
	at    string // "exec/proc.go:120"
}

func (e *panicError) Error() string {
	return fmt.Sprintf("a mistake in Assay itself: %v (%s); please report it", e.value, e.at)
}

// guard runs do, and makes an error of a panic.
func guard(do func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			caught, ok := v.(*panicError)
			if !ok {
				caught = &panicError{v, panicked()}
			}
			err = caught
		}
	}()
	return do()
}

// panicked says where the panic was that is being recovered from.
func panicked() string {
	var pcs [64]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs[:])])
	for {
		f, more := frames.Next()
		if f.File != "" && !strings.HasPrefix(f.Function, "runtime.") {
			return path.Join(path.Base(path.Dir(f.File)), path.Base(f.File)) + fmt.Sprintf(":%d", f.Line)
		}
		if !more {
			return "at an unknown place"
		}
	}
}
