package inspect

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/gate"
	"github.com/kubeassay/assay/inspect/access"
	"github.com/kubeassay/assay/inspect/snapshot"
	"github.com/kubeassay/assay/kube"
)

// mostPerGrant targets share one grant: its role stays small, and its token is
// needed for a short time only.
const mostPerGrant = 50

// Run looks into the containers of a selection. The error is about what ends
// everything (no connection, a sink that fails); what concerns one target is
// in its inspection, or in the report's coverage. Every target that was found
// is handed on once, also where the run was interrupted. The report holds
// everything but the inspections, which went to the sink; it is there also with
// an error.
func Run(ctx context.Context, client *kube.Client, s Selection, o Options, sink Sink) (*finding.Report, error) {
	return newRun(client, o, sink).run(ctx, s)
}

func newRun(client *kube.Client, o Options, sink Sink) *run {
	o = o.withDefaults()
	r := &run{
		client: client, options: o, name: access.NewRun(), sink: sink,
		turns: semaphore.NewWeighted(int64(o.Parallel)), nodes: map[string]*semaphore.Weighted{},
		pending: map[*Target]bool{}, lent: map[string]lending{}, now: time.Now,
	}
	r.ways = r.waysOf(o.Approach)
	r.plan.Add(o.Plan)
	for _, p := range o.Profiles {
		r.plan.Add(p.Plan())
	}
	r.plan.Limits = o.Limits
	return r
}

// run is one run under way.
type run struct {
	client  *kube.Client
	options Options
	name    string // of the run, on all that it makes
	// ways into a container, in the order in which they are tried.
	ways []*way
	now  func() time.Time // by which the life of tokens is counted
	// turns bounds the targets under way in all, nodes those on each node.
	turns *semaphore.Weighted
	// plan is what all profiles together ask for.
	plan snapshot.Plan
	// home is the namespace for service accounts; empty: the target's. Scanner
	// is that for pods of ours; empty: there is none.
	home, scanner string

	mu      sync.Mutex // for all below
	nodes   map[string]*semaphore.Weighted
	sink    Sink
	report  finding.Report
	tally   gate.Tally
	pending map[*Target]bool // not handed on yet
	total   int
	lent    map[string]lending // by namespace
	grants  []finding.Grant
	// interrupted: something was not done because the context had ended.
	interrupted bool
	broken      error // the first error of the sink, or of another function of the caller's
	stop        context.CancelCauseFunc
}

func (r *run) run(ctx context.Context, s Selection) (*finding.Report, error) {
	r.report.APIVersion, r.report.Kind = finding.APIVersion, finding.ReportKind
	r.report.Summary.StartedAt, r.report.Summary.Cluster = time.Now().UTC(), r.client.Server()
	for _, p := range r.options.Profiles {
		r.report.Rules = append(r.report.Rules, p.Rules()...)
	}
	err := r.all(ctx, s)
	r.finish()
	return &r.report, err
}

func (r *run) all(ctx context.Context, s Selection) error {
	targets, coverage, err := Resolve(ctx, r.client, s)
	r.report.Coverage = append(r.report.Coverage, coverage...)
	if err != nil {
		if ctx.Err() == nil {
			return err
		}
		r.interrupted = true
		r.report.Coverage = append(r.report.Coverage, finding.Coverage{
			Scope: "targets", State: finding.Interrupted, Detail: "the run was interrupted before all targets were found",
		})
	}
	r.total = len(targets)
	for _, t := range targets {
		r.pending[t] = true
	}
	if err := r.lookInto(ctx, targets); err != nil {
		return err
	}
	for _, t := range targets { // those whose turn never came
		if err := r.fail(ctx, t, errors.New("the run was interrupted before this container was looked into"), nil); err != nil {
			return err
		}
	}
	return nil
}

// lookInto looks into all targets. The error is the sink's; ctx goes on to be
// the caller's, so that its end can be told from the sink's.
func (r *run) lookInto(ctx context.Context, targets []*Target) error {
	if len(targets) == 0 || ctx.Err() != nil {
		return nil
	}
	inner, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	r.stop = stop
	r.settle(inner)
	var g errgroup.Group // without a limit: each waits until there is room for one of its targets
	pruned := make(chan struct{})
	go func() {
		defer close(pruned)
		_ = guard(func() error { r.prune(inner, targets); return nil })
	}()
	for batch := range batches(targets) {
		g.Go(func() error { return r.batch(inner, batch) })
	}
	err := g.Wait()
	<-pruned
	return err
}

// batches are targets of one namespace each, and not too many.
func batches(targets []*Target) func(func([]*Target) bool) {
	sorted := slices.Clone(targets)
	slices.SortStableFunc(sorted, func(a, b *Target) int { return cmp.Compare(a.Pod.Namespace, b.Pod.Namespace) })
	return func(yield func([]*Target) bool) {
		for len(sorted) > 0 {
			n := 1
			for n < len(sorted) && n < mostPerGrant && sorted[n].Pod.Namespace == sorted[0].Pod.Namespace {
				n++
			}
			if !yield(sorted[:n]) {
				return
			}
			sorted = sorted[n:]
		}
	}
}

// batch looks into targets of one namespace. Whatever goes wrong with it is
// theirs alone; the error is the sink's.
func (r *run) batch(ctx context.Context, targets []*Target) error {
	err := guard(func() error { return r.together(ctx, targets) })
	var mistake *panicError
	if over := r.over(); err == nil || over != nil || ctx.Err() != nil && !errors.As(err, &mistake) {
		return over // an interruption is told of later, of all that are left
	}
	for _, t := range targets { // but for those that are done already
		if err := r.fail(ctx, t, err, nil); err != nil {
			return err
		}
	}
	return nil
}

// together looks into targets of one namespace with one grant, or with the
// next one where its token would not live long enough.
func (r *run) together(ctx context.Context, targets []*Target) error {
	targets, err := r.fitting(ctx, targets)
	for err == nil && len(targets) > 0 && ctx.Err() == nil {
		targets, err = r.shift(ctx, targets)
	}
	return err
}

// shift looks into targets with one grant, and returns those for which it does
// not last. The grant is made once there is room for one of them: one that
// waits would be access for nothing.
func (r *run) shift(ctx context.Context, targets []*Target) (late []*Target, err error) {
	first, leave := r.roomForOne(ctx, targets)
	if leave == nil {
		return nil, nil
	}
	defer leave()
	l := r.lending(ctx, first)
	if l.err != nil {
		return nil, l.err
	}
	var mu sync.Mutex
	needs := r.needs(r.ways[0].approach, targets)
	err = r.with(ctx, needs, l.own, func(with *lease) error {
		var g errgroup.Group
		for _, t := range targets {
			g.Go(func() error {
				return guard(func() error {
					own := leave
					if t != first {
						own = r.room(ctx, t)
					}
					if own == nil {
						return nil // the context has ended
					}
					defer own()
					if ctx.Err() == nil && !with.late(r.now()) {
						return r.look(ctx, with, t)
					}
					mu.Lock()
					defer mu.Unlock()
					late = append(late, t)
					return nil
				})
			})
		}
		return g.Wait()
	})
	return late, err
}

// fitting hands on those targets for which the first way is out of the question,
// before any access is made for it, and returns the others.
func (r *run) fitting(ctx context.Context, targets []*Target) ([]*Target, error) {
	first := r.ways[0]
	if len(r.ways) > 1 { // another one may fit
		return targets, nil
	}
	var fit []*Target
	for _, t := range targets {
		unfit := first.fits(ctx, t)
		if ctx.Err() != nil { // who was asked may have said no for that alone
			return nil, ctx.Err()
		}
		if unfit == nil {
			fit = append(fit, t)
		} else if err := r.fail(ctx, t, fmt.Errorf("%s: %w", first.approach, unfit), nil); err != nil {
			return nil, err
		}
	}
	return fit, nil
}

// room waits until there is room for a look, in all and on the target's node.
// What it returns gives it up again; nil means that the context has ended.
func (r *run) room(ctx context.Context, t *Target) (leave func()) {
	node := r.node(t.Pod.Spec.NodeName)
	if node.Acquire(ctx, 1) != nil {
		return nil
	}
	return r.roomOn(ctx, node)
}

// roomOn waits for room in all, where there is room on the node.
func (r *run) roomOn(ctx context.Context, node *semaphore.Weighted) (leave func()) {
	if r.turns.Acquire(ctx, 1) != nil {
		node.Release(1)
		return nil
	}
	return sync.OnceFunc(func() {
		r.turns.Release(1)
		node.Release(1)
	})
}

// roomForOne is room for one of some targets: one whose node has room now, or
// else the first.
func (r *run) roomForOne(ctx context.Context, targets []*Target) (*Target, func()) {
	full := map[string]bool{}
	for _, t := range targets {
		name := t.Pod.Spec.NodeName
		if full[name] {
			continue
		}
		if node := r.node(name); node.TryAcquire(1) {
			return t, r.roomOn(ctx, node)
		}
		full[name] = true
	}
	return targets[0], r.room(ctx, targets[0])
}

func (r *run) node(name string) *semaphore.Weighted {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.nodes[name] == nil {
		r.nodes[name] = semaphore.NewWeighted(int64(r.options.PerNode))
	}
	return r.nodes[name]
}
