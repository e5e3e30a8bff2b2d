package inspect

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/inspect/collect"
	"github.com/kubeassay/assay/inspect/risk"
	"github.com/kubeassay/assay/inspect/snapshot"
)

// mostRounds of collecting: what the profiles ask for, what the answer shows to
// be missing, and once more.
const mostRounds = 3

// rounds collects and judges until nothing that can be collected is missing.
func (l *look) rounds(ctx context.Context, c collect.Collector) (all []*finding.Inspection, err error) {
	l.tried = append(l.tried, c.Approach())
	l.origin = snapshot.Origin{StartedAt: time.Now().UTC(), Approaches: []snapshot.Approach{c.Approach()}}
	// Its rights may be taken back right after this, so it must be done by then.
	defer l.close(ctx, c)
	asked, plan := clone(&l.run.plan), clone(&l.run.plan)
	builder := snapshot.NewBuilder(l.run.options.Limits)
	for round := 1; ; round++ {
		usage, err := c.Collect(ctx, &plan, builder)
		l.note(&usage)
		if err != nil {
			return nil, unfit(err)
		}
		l.origin.FinishedAt = time.Now().UTC()
		builder.SetTarget(l.id)
		builder.SetOrigin(l.origin)
		if declared, err := json.Marshal(l.pod); err == nil {
			builder.SetDeclared(declared)
		}
		l.snapshot = builder.Snapshot()
		all, missing, err := evaluate(ctx, l.snapshot, l.run.options.Profiles)
		if err != nil {
			return nil, err
		}
		// What was asked for already is not to be had: asking again would not help.
		if missing.Empty() || round == mostRounds || covers(&asked, &missing) {
			return all, nil
		}
		asked.Add(missing)
		plan, builder = clone(&missing), snapshot.From(l.snapshot)
		plan.Limits = l.run.plan.Limits
	}
}

// close takes away what the collector has made, and keeps what of it stays.
func (l *look) close(ctx context.Context, c collect.Collector) {
	err := c.Close(context.WithoutCancel(ctx))
	if err != nil {
		l.used.Remains = append(l.used.Remains, err.Error())
		l.run.uncovered("target/"+l.target.String(), finding.Unreadable, "something of ours may be left: "+err.Error())
	}
	if left, ok := c.(interface{ Remains() []string }); ok {
		l.used.Remains = append(l.used.Remains, left.Remains()...)
	}
}

// clone copies a plan, so that adding to it changes no other: looks share the run's.
func clone(p *snapshot.Plan) snapshot.Plan {
	var own snapshot.Plan
	own.Add(*p)
	own.Limits = p.Limits
	return own
}

// covers reports whether all that is missing was asked for already.
func covers(asked, missing *snapshot.Plan) bool {
	before, both, more := clone(asked), clone(asked), clone(missing)
	more.Stats = slices.DeleteFunc(more.Stats, func(path string) bool { return slices.Contains(asked.Files, path) })
	both.Add(more)
	return reflect.DeepEqual(before, both)
}

// note keeps what one round used.
func (l *look) note(u *collect.Usage) {
	o := &l.origin
	o.RoundTrips += u.RoundTrips
	o.Bytes += u.Bytes
	l.used.RoundTrips += u.RoundTrips
	l.used.Bytes += u.Bytes
	if u.Method != "" {
		o.Method, l.method = u.Method, u.Method
	}
	if u.UID != nil {
		o.UID, o.GID = u.UID, u.GID
	}
	for _, n := range u.Notes {
		if !slices.Contains(o.Notes, n) {
			o.Notes = append(o.Notes, n)
		}
	}
	for _, argv := range u.Commands {
		argv = shorten(argv)
		o.Commands = withCommand(o.Commands, argv)
		l.used.Commands = withCommand(l.used.Commands, argv)
	}
}

func withCommand(all [][]string, argv []string) [][]string {
	if slices.ContainsFunc(all, func(known []string) bool { return slices.Equal(known, argv) }) {
		return all
	}
	return append(all, argv)
}

// longestArgument of a command is shown as it is; a script is named by its digest.
const longestArgument = 200

func shorten(argv []string) []string {
	out := slices.Clone(argv)
	for i, a := range out {
		if len(a) > longestArgument {
			out[i] = fmt.Sprintf("(Assay's script of %d bytes, SHA-256 %x)", len(a), sha256.Sum256([]byte(a)))
		}
	}
	return out
}

// sum sums up what the look used so far; nil where it did not come to anything.
// Approaches are those that the evidence is from, or else those that were tried.
func (l *look) sum() *finding.Used {
	if len(l.tried) == 0 {
		return nil
	}
	u := l.used
	from := l.tried
	if l.snapshot != nil {
		from = l.origin.Approaches
	}
	for _, a := range from {
		u.Approaches = append(u.Approaches, string(a))
	}
	u.Why = strings.Join(l.why, "; ")
	u.UID, u.GID = l.origin.UID, l.origin.GID
	u.Duration = time.Since(l.start)
	use := l.run.use(l.with, l.tried, l.method, l.origin.UID)
	use.Remains = len(u.Remains) > 0
	rated := risk.Rate(use)
	u.Risk = &rated
	return &u
}
