package inspect

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/inspect/collect"
	"github.com/kubeassay/assay/inspect/snapshot"
)

func statuses(i *finding.Inspection) string {
	var all []string
	for _, f := range i.Findings {
		all = append(all, f.Control+" "+string(f.Status))
	}
	return strings.Join(all, ", ")
}

func TestRun(t *testing.T) {
	c := shop(t)
	x := c.trial(byExec())
	var kept snapshots
	var progress []Progress
	x.options.Snapshot = kept.keep
	x.options.Waive = func(f *finding.Finding) {
		if f.Status == finding.Fail && f.Workload.Name == "cart" {
			f.Waiver = &finding.Waiver{Reason: "known"}
		}
	}
	x.options.Progress = func(p Progress) { progress = append(progress, p) }
	rep := x.wantRun(refs(t, "deploy/cart", "shop/tool/one"))
	if s := rep.Summary; !s.Complete || s.Interrupted || s.Containers != 3 || s.Waived != 2 || s.Findings[finding.Medium] != 1 || s.Statuses[finding.Pass] != 3 || s.Cluster == "" {
		t.Errorf("summary: %+v", s)
	}
	if len(rep.Rules) != 2 || rep.APIVersion != finding.APIVersion || rep.Kind != finding.ReportKind || len(rep.Coverage) != 0 {
		t.Errorf("report: %+v", rep)
	}
	if want := []Progress{{1, 3}, {2, 3}, {3, 3}}; !slices.Equal(progress, want) {
		t.Errorf("progress: %v", progress)
	}
	i := x.sink.of("shop/cart-b-1/app")
	if statuses(i) != "motd-there pass, motd-kind fail" || i.Snapshot != "digest-of-cart-b-1" || i.Error != "" || len(kept.all) != 3 {
		t.Errorf("inspection: %+v, %s", i, statuses(i))
	}
	if f := i.Findings[0]; f.Pods != 2 || f.PodsTotal != 2 || !slices.Equal(f.PodNames, []string{"cart-b-1", "cart-b-2"}) || f.Workload.String() != "Deployment/cart" || f.Fingerprint == "" {
		t.Errorf("finding: %+v", f)
	}
	u := i.Used
	if u == nil || !slices.Equal(u.Approaches, []string{"kubernetes-api"}) || u.RoundTrips != 1 || u.Bytes != 10 || *u.UID != 7 || u.Risk == nil || len(u.Remains) != 0 ||
		!strings.Contains(u.Why, "a test made it up") || len(u.Commands) != 1 || !slices.Equal(i.Notes, []string{"a note"}) {
		t.Errorf("used: %+v, notes %q", u, i.Notes)
	}
	if !strings.Contains(u.Risk.Factors[0].Reason, "3 pods by name") {
		t.Errorf("the risk does not count the pods that the access reaches: %+v", u.Risk.Factors[0])
	}
	g := rep.Access.Grants
	if len(g) != 1 || g[0].RevokedAt.IsZero() || len(g[0].Rules) != 6 || rep.Access.APICalls == 0 {
		t.Errorf("access: %+v", rep.Access)
	}
	if len(rep.Notes) != 1 || !strings.Contains(rep.Notes[0], "whoever may create pods there") {
		t.Errorf("the report says nothing of where the account was: %q", rep.Notes)
	}
}

// TestRunNothing: without targets no access is made, nor asked about.
func TestRunNothing(t *testing.T) {
	c := newCluster(t)
	rep := c.trial(byExec()).wantRun(Selection{})
	if c.count("") != 1 || !rep.Summary.Complete || rep.Summary.Containers != 0 {
		t.Errorf("%q, %+v", c.calls, rep.Summary)
	}
}

// TestRunChanged: what was read of a pod that is not the same afterwards is not used.
func TestRunChanged(t *testing.T) {
	now := metav1.Now()
	for name, tt := range map[string]struct {
		change func(*corev1.Pod)
		want   string
	}{
		"replaced":       {func(p *corev1.Pod) { p.UID = "another" }, "was replaced by another of the same name (UID another, before uid-of-front)"},
		"gone":           {func(p *corev1.Pod) { p.Name = "renamed" }, "pod web/front is gone"},
		"being deleted":  {func(p *corev1.Pod) { p.DeletionTimestamp = &now }, "is being deleted"},
		"evicted":        {func(p *corev1.Pod) { p.Status.Phase, p.Status.Reason = corev1.PodFailed, "Evicted" }, "pod web/front has ended (Evicted:)"},
		"no status left": {func(p *corev1.Pod) { p.Status.ContainerStatuses = nil }, "nothing is reported of container app"},
		"ended":          {func(p *corev1.Pod) { p.Status.ContainerStatuses[0].State = corev1.ContainerState{} }, "no longer runs"},
		"restarted": {func(p *corev1.Pod) {
			p.Status.ContainerStatuses[0].ContainerID, p.Status.ContainerStatuses[0].RestartCount = "containerd://2", 1
		}, "was restarted (1 restarts, before 0)"},
	} {
		check := func(t *testing.T, x *trial, kept *snapshots, want string) {
			t.Helper()
			rep := x.wantRun(Selection{Namespaces: []string{"web"}})
			i := x.sink.of("web/front/app")
			if statuses(i) != "motd-there error, motd-kind error" || !strings.Contains(i.Error, want) || !strings.Contains(i.Findings[0].Message, want) {
				t.Errorf("%s: %q, want %q", statuses(i), i.Error, want)
			}
			if rep.Summary.Complete || rep.Summary.Interrupted || len(kept.all) != 0 {
				t.Errorf("summary %+v, %d snapshots were kept", rep.Summary, len(kept.all))
			}
		}
		t.Run(name+" before", func(t *testing.T) {
			c := shop(t)
			x, kept := c.trial(byExec()), &snapshots{}
			x.options.Snapshot = kept.keep
			done := false
			c.fault = func(_ http.ResponseWriter, call string) bool {
				if !done && strings.HasSuffix(call, "/rolebindings") {
					done = true
					i := slices.IndexFunc(c.pods, func(p *corev1.Pod) bool { return p.Name == "front" })
					c.pods[i] = c.pods[i].DeepCopy()
					tt.change(c.pods[i])
				}
				return false
			}
			check(t, x, kept, tt.want)
			if len(x.ways[0].opened) != 0 {
				t.Error("it was looked into all the same")
			}
		})
		for what, answer := range map[string]error{"after": nil, "in the middle": errors.New("the stream broke")} {
			t.Run(name+" "+what, func(t *testing.T) {
				c := shop(t)
				x, kept := c.trial(byExec()), &snapshots{}
				x.options.Snapshot = kept.keep
				x.ways[0].answer = func(context.Context, *look, *snapshot.Plan, *snapshot.Builder) error {
					c.change("front", tt.change)
					return answer
				}
				check(t, x, kept, tt.want)
				if i := x.sink.of("web/front/app"); i.Used == nil || i.Used.RoundTrips != 1 {
					t.Errorf("it is not said what was used: %+v", i.Used)
				} else if answer != nil && !strings.Contains(i.Error, "the stream broke") {
					t.Errorf("%q does not say what happened", i.Error)
				}
			})
		}
	}
}

// TestRunEndings: in every ending the access is taken back (which runs checks),
// and every target is handed on once.
func TestRunEndings(t *testing.T) {
	var null *snapshot.Snapshot
	for name, tt := range map[string]struct {
		set         func(x *trial, cancel func())
		err         string // of the run
		target      string // of shop/tool/one
		interrupted bool
	}{
		"an error of the look": {func(x *trial, _ func()) {
			x.ways[0].answer = func(_ context.Context, l *look, _ *snapshot.Plan, _ *snapshot.Builder) error {
				return fmt.Errorf("no luck with %s", l.target)
			}
		}, "", "kubernetes-api: no luck with shop/tool/one", false},
		"a panic in one look": {func(x *trial, _ func()) {
			x.ways[0].answer = func(_ context.Context, l *look, _ *snapshot.Plan, _ *snapshot.Builder) error {
				if l.target.Container == "one" {
					panic("ouch")
				}
				return nil
			}
		}, "", "a mistake in Assay itself: ouch (inspect/run_test.go:", false},
		"a panic in the look": {func(x *trial, _ func()) {
			x.ways[0].answer = func(context.Context, *look, *snapshot.Plan, *snapshot.Builder) error {
				_ = null.Target
				return nil
			}
		}, "", "a mistake in Assay itself: runtime error: invalid memory address or nil pointer dereference (inspect/run_test.go:", false},
		"an error of keeping the evidence": {func(x *trial, _ func()) {
			x.options.Snapshot = (&snapshots{err: errors.New("the disk is full")}).keep
		}, "", "the disk is full", false},
		"a panic in keeping the evidence": {func(x *trial, _ func()) {
			x.options.Snapshot = func(*snapshot.Snapshot, *corev1.Pod) (string, error) { panic("ouch") }
		}, "", "a mistake in Assay itself: ouch (inspect/run_test.go:", false},
		"an error of the sink": {func(x *trial, _ func()) {
			x.sink.each = func(*finding.Inspection) error { return errors.New("the pipe broke") }
		}, "the pipe broke", "", false},
		"a panic in the sink": {func(x *trial, _ func()) {
			x.sink.each = func(*finding.Inspection) error { panic("ouch") }
		}, "a mistake in Assay itself: ouch (inspect/run_test.go:", "", false},
		"a panic in the waivers": {func(x *trial, _ func()) {
			x.options.Waive = func(*finding.Finding) { panic("ouch") }
		}, "a mistake in Assay itself: ouch (inspect/run_test.go:", "", false},
		"a panic in the progress": {func(x *trial, _ func()) {
			x.options.Progress = func(Progress) { panic("ouch") }
		}, "a mistake in Assay itself: ouch (inspect/run_test.go:", "", false},
		"interrupted in the middle": {func(x *trial, cancel func()) {
			x.ways[0].answer = func(ctx context.Context, _ *look, _ *snapshot.Plan, _ *snapshot.Builder) error {
				cancel()
				return ctx.Err()
			}
		}, "", "the run was interrupted ", true},
		"interrupted while access is made": {func(x *trial, cancel func()) {
			x.fault = func(_ http.ResponseWriter, call string) bool {
				if strings.Contains(call, "/token") {
					cancel()
				}
				return false
			}
		}, "", "the run was interrupted before", true},
	} {
		t.Run(name, func(t *testing.T) {
			c := shop(t)
			x := c.trial(byExec())
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			x.ctx = ctx
			x.options.Parallel = 2
			tt.set(x, cancel)
			rep, err := x.runs(Selection{})
			if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
				t.Errorf("error %v, want %q", err, tt.err)
			}
			if tt.err != "" {
				if len(x.sink.all) > 1 || len(x.ways[0].opened) > x.options.Parallel {
					t.Errorf("after the first that could not be taken, %d inspections came, of %d looks", len(x.sink.all)-1, len(x.ways[0].opened))
				}
			} else if i := x.sink.of("shop/tool/one"); !strings.Contains(i.Error, tt.target) || len(x.sink.all) != 6 {
				t.Errorf("error %q, %d inspections", i.Error, len(x.sink.all))
			}
			if rep.Summary.Interrupted != tt.interrupted || tt.err == "" && rep.Summary.Complete {
				t.Errorf("summary: %+v", rep.Summary)
			}
			if name == "a panic in one look" && x.sink.of("shop/tool/two").Error != "" {
				t.Error("the others are lost with it")
			}
			if len(rep.Coverage) != 0 {
				t.Errorf("coverage: %+v", rep.Coverage)
			}
		})
	}
}

// TestRunInterruptedEarly: a run may end before a single target is known, or found.
func TestRunInterruptedEarly(t *testing.T) {
	c := shop(t)
	x := c.trial(byExec())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	x.ctx = ctx
	rep := x.wantRun(Selection{})
	if !rep.Summary.Interrupted || rep.Summary.Complete || len(rep.Coverage) != 1 || rep.Coverage[0].State != finding.Interrupted {
		t.Errorf("%+v, %+v", rep.Summary, rep.Coverage)
	}
	ctx, cancel = context.WithCancel(t.Context())
	x = c.trial(byExec())
	x.ctx = ctx
	c.fault = func(_ http.ResponseWriter, call string) bool {
		if strings.HasSuffix(call, "/web/pods/front") {
			cancel()
		}
		return false
	}
	rep = x.wantRun(refs(t, "shop/tool", "web/front"))
	if i := x.sink.of("shop/tool/one"); !rep.Summary.Interrupted || i.Error != "the run was interrupted before this container was looked into" {
		t.Errorf("%+v, %q", rep.Summary, i.Error)
	}
}

// TestRunBounds: no more targets at once than allowed, in all and on one node,
// and no fewer where there are enough.
func TestRunBounds(t *testing.T) {
	c := newCluster(t)
	for i := range 24 {
		// Every second one in a namespace of its own.
		namespace := "shop"
		if i%2 == 0 {
			namespace = fmt.Sprintf("ns-%02d", i)
		}
		c.pods = append(c.pods, with(running(fmt.Sprintf("%s/pod-%02d", namespace, i)), func(p *corev1.Pod) {
			p.Spec.NodeName = fmt.Sprint("node-", max(0, (i-5)/7)) // most of the first ones on one node
		}))
	}
	const most, mostOfNode = 5, 2
	var mu sync.Mutex
	changed := sync.NewCond(&mu)
	now, peak, nodes, peakOfNode := 0, 0, map[string]int{}, 0
	x := c.trial(byExec())
	x.options.Parallel, x.options.PerNode = most, mostOfNode
	x.ways[0].answer = func(ctx context.Context, l *look, _ *snapshot.Plan, _ *snapshot.Builder) error {
		mu.Lock()
		defer mu.Unlock()
		node := l.pod.Spec.NodeName
		now++
		nodes[node]++
		peak, peakOfNode = max(peak, now), max(peakOfNode, nodes[node])
		changed.Broadcast()
		stop := context.AfterFunc(ctx, changed.Broadcast)
		defer stop()
		for peak < most && ctx.Err() == nil { // the first wait for as many as there may be
			changed.Wait()
		}
		now--
		nodes[node]--
		return ctx.Err()
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	x.ctx = ctx
	rep := x.wantRun(Selection{})
	if peak != most || peakOfNode > mostOfNode || len(x.sink.all) != 24 || !rep.Summary.Complete {
		t.Errorf("%d at once, %d on one node, %d inspections; want %d and at most %d", peak, peakOfNode, len(x.sink.all), most, mostOfNode)
	}
}

// TestRunManyTargets: a grant is for no more than a few pods, and lives long enough.
func TestRunManyTargets(t *testing.T) {
	c := newCluster(t)
	for i := range 120 {
		c.pods = append(c.pods, running(fmt.Sprintf("shop/pod-%03d", i)))
	}
	x := c.trial(byExec())
	rep := x.wantRun(Selection{})
	if len(rep.Access.Grants) != 3 || len(x.sink.all) != 120 || len(rep.Access.Grants[0].Rules) > 2*mostPerGrant {
		t.Errorf("%d grants, %d inspections", len(rep.Access.Grants), len(x.sink.all))
	}
}

// TestRunTokenLife: where a token would not live until the end, the targets
// that are left get another.
func TestRunTokenLife(t *testing.T) {
	c := newCluster(t)
	for i := range 4 {
		c.pods = append(c.pods, running(fmt.Sprintf("shop/pod-%d", i)))
	}
	x := c.trial(byExec())
	x.options.Parallel = 1
	r := newRun(c.client, x.options, x.sink)
	r.ways = []*way{x.ways[0].way()}
	clock := time.Now()
	r.now = func() time.Time { return clock }
	x.ways[0].answer = func(context.Context, *look, *snapshot.Plan, *snapshot.Builder) error {
		clock = clock.Add(4 * time.Minute) // of ten
		return nil
	}
	rep, err := r.run(t.Context(), Selection{})
	if err != nil || len(rep.Access.Grants) != 2 || len(x.sink.all) != 4 || !rep.Summary.Complete || len(c.left()) != 0 {
		t.Errorf("%v, %d grants, %d inspections, %q left", err, len(rep.Access.Grants), len(x.sink.all), c.left())
	}
	for _, i := range x.sink.all {
		if i.Error != "" {
			t.Error(i.Error)
		}
	}
}

// TestRunEvidenceOnly: without profiles there are no inspections, and what
// could not be looked into is in the coverage.
func TestRunEvidenceOnly(t *testing.T) {
	c := shop(t)
	x := c.trial(byExec())
	var kept snapshots
	x.options.Profiles, x.options.Plan, x.options.Snapshot = nil, snapshot.Plan{Files: []string{"/etc/motd"}}, kept.keep
	x.ways[0].answer = func(_ context.Context, l *look, _ *snapshot.Plan, _ *snapshot.Builder) error {
		if l.target.Container == "two" {
			return errors.New("no luck")
		}
		return nil
	}
	rep := x.wantRun(refs(t, "shop/tool"))
	if len(kept.all) != 1 || len(x.sink.all) != 0 || len(rep.Coverage) != 1 || rep.Coverage[0].Scope != "target/shop/tool/two" || rep.Summary.Complete {
		t.Errorf("%d snapshots, %d inspections, %+v", len(kept.all), len(x.sink.all), rep.Coverage)
	}
	if text, fact := kept.all[0].Content("/etc/motd"); string(text) != "go away" {
		t.Errorf("%s, %+v", text, fact)
	}
	if d := kept.all[0].Target; d.Pod != "tool" || d.Container != "one" || d.ImageID != "one@sha256:1" {
		t.Errorf("%+v", d)
	}
}

var _ collect.Collector = (*collector)(nil)
