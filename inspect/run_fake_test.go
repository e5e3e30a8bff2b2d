package inspect

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/fstest"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/inspect/collect"
	"github.com/kubeassay/assay/inspect/collect/exec"
	"github.com/kubeassay/assay/inspect/profile"
	"github.com/kubeassay/assay/inspect/snapshot"
	"github.com/kubeassay/assay/kube"
)

// rules is a profile with a control that passes and one that fails, where
// /etc/motd is there and holds no "welcome".
const rules = `
name: rules
title: Rules
version: 1.0.0
summary: For tests.
controls:
  - {id: motd-there, title: There is a message, desc: d, impact: 0.7, check: c, fix: f,
     tests: [{expression: 'file("/etc/motd").exists', message: "There is none."}]}
  - {id: motd-kind, title: It is kind, desc: d, impact: 0.5, check: c, fix: f,
     tests: [{expression: 'file("/etc/motd").content.contains("welcome")', message: "It is not."}]}
`

// chain is a profile for a file whose name stands in a file.
const chain = `
name: chain
title: Chain
version: 1.0.0
summary: For tests.
controls:
  - {id: chain, title: The second is kind, desc: d, impact: 0.7, check: c, fix: f,
     tests: [{expression: 'file(file("/etc/first").content.trim()).content.contains("welcome")', message: "It is not."}]}
`

func loadProfile(t *testing.T, text string) *profile.Profile {
	t.Helper()
	p, err := profile.Load(fstest.MapFS{"p.yaml": {Data: []byte(text)}}, "p.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// inside is a way into containers that a test makes up.
type inside struct {
	approach snapshot.Approach
	// answer, where set, takes the place of files: what Collect does.
	answer func(ctx context.Context, l *look, plan *snapshot.Plan, into *snapshot.Builder) error
	files  map[string]string
	// possible and agreed as in way.
	possible func() error
	agreed   func(context.Context, *Target) error
	remains  []string
	closing  error

	mu     sync.Mutex
	plans  []snapshot.Plan
	opened []string // targets
	closed int
}

func (i *inside) way() *way {
	return &way{
		approach: i.approach, possible: i.possible, agreed: i.agreed, why: "a test made it up",
		calls: func(*look) []string { return []string{"what " + string(i.approach) + " asks"} },
		open: func(l *look, c *kube.Client) collect.Collector {
			i.mu.Lock()
			defer i.mu.Unlock()
			i.opened = append(i.opened, l.target.String())
			return &collector{inside: i, look: l}
		},
	}
}

type collector struct {
	*inside
	look *look
}

func (c *collector) Approach() snapshot.Approach { return c.approach }
func (c *collector) Remains() []string           { return c.remains }

func (c *collector) Close(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed++
	if ctx.Err() != nil {
		return fmt.Errorf("closed with a context that has ended: %w", ctx.Err())
	}
	return c.closing
}

func (c *collector) Collect(ctx context.Context, plan *snapshot.Plan, into *snapshot.Builder) (collect.Usage, error) {
	c.mu.Lock()
	c.plans = append(c.plans, clone(plan))
	c.mu.Unlock()
	uid := int64(7)
	usage := collect.Usage{RoundTrips: 1, Bytes: 10, Method: "sh", Commands: [][]string{{"look", string(c.approach)}}, UID: &uid, Notes: []string{"a note"}}
	if c.answer != nil {
		if err := c.answer(ctx, c.look, plan, into); err != nil {
			return usage, err
		}
	}
	here, absent := snapshot.Fact{State: snapshot.Present}, snapshot.Fact{State: snapshot.Absent}
	for _, path := range slices.Concat(plan.Files, plan.Stats) {
		text, ok := c.files[path]
		if !ok {
			into.Add(snapshot.Entry{Path: path, Meta: absent})
			continue
		}
		into.Add(snapshot.Entry{Path: path, Meta: here, Mode: snapshot.ModeRegular | 0o644, Size: int64(len(text))})
		if slices.Contains(plan.Files, path) {
			into.SetContent(path, []byte(text), here)
		}
	}
	return usage, nil
}

// none is what exec says where it finds nothing to run.
func none(context.Context, *look, *snapshot.Plan, *snapshot.Builder) error {
	return fmt.Errorf("wrapped: %w", &exec.NoToolsError{Container: "app", Tried: []string{"sh"}, Err: fmt.Errorf("no such file")})
}

func byExec() *inside {
	return &inside{approach: snapshot.KubernetesAPI, files: map[string]string{"/etc/motd": "go away"}}
}

// sink keeps inspections, and checks that each target comes once a profile.
type sink struct {
	t    *testing.T
	all  []*finding.Inspection
	each func(*finding.Inspection) error
	seen map[string]bool
}

func (s *sink) Inspection(i *finding.Inspection) error {
	if key := i.Target.String() + " " + i.Profile.Name; s.seen[key] {
		s.t.Errorf("%s came twice", key)
	} else {
		s.seen[key] = true
	}
	s.all = append(s.all, i)
	if s.each != nil {
		return s.each(i)
	}
	return nil
}

func (s *sink) of(target string) *finding.Inspection {
	s.t.Helper()
	for _, i := range s.all {
		if i.Target.String() == target {
			return i
		}
	}
	s.t.Fatalf("no inspection of %s", target)
	return nil
}

// trial is one run in a test.
type trial struct {
	*cluster
	ctx     context.Context
	options Options
	ways    []*inside
	sink    *sink
	run     *run
}

func (c *cluster) trial(ways ...*inside) *trial {
	t := &trial{cluster: c, ctx: c.t.Context(), ways: ways, sink: &sink{t: c.t, seen: map[string]bool{}}}
	t.options.Profiles = []*profile.Profile{loadProfile(c.t, rules)}
	return t
}

func (t *trial) runs(s Selection) (*finding.Report, error) {
	t.t.Helper()
	t.run = newRun(t.client, t.options, t.sink)
	t.run.ways = nil
	for _, i := range t.ways {
		t.run.ways = append(t.run.ways, i.way())
	}
	rep, err := t.run.run(t.ctx, s)
	if left := t.left(); len(left) > 0 {
		t.t.Errorf("of the access is left: %q", left)
	}
	for _, i := range t.ways {
		if i.closed != len(i.opened) {
			t.t.Errorf("%s: %d collectors were opened, and %d closed", i.approach, len(i.opened), i.closed)
		}
	}
	return rep, err
}

// wantRun is runs without an error.
func (t *trial) wantRun(s Selection) *finding.Report {
	t.t.Helper()
	rep, err := t.runs(s)
	if err != nil {
		t.t.Fatal(err)
	}
	return rep
}

// snapshots is an Options.Snapshot that counts.
type snapshots struct {
	mu  sync.Mutex
	all []*snapshot.Snapshot
	err error
}

func (s *snapshots) keep(snap *snapshot.Snapshot, pod *corev1.Pod) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, snap)
	return "digest-of-" + pod.Name, s.err
}
