package inspect

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/inspect/collect/debugcontainer"
	"github.com/kubeassay/assay/inspect/profile"
	"github.com/kubeassay/assay/inspect/snapshot"
)

// TestLadder: where an approach does not fit, the next one is tried, with
// rights of its own; any other error is the end.
func TestLadder(t *testing.T) {
	fails := func(err error) func(context.Context, *look, *snapshot.Plan, *snapshot.Builder) error {
		return func(context.Context, *look, *snapshot.Plan, *snapshot.Builder) error { return err }
	}
	motd := map[string]string{"/etc/motd": "welcome"}
	for name, tt := range map[string]struct {
		exec, debug, image *inside
		opened             string // of exec, debug, image
		err, why           string
		grants             int
	}{
		"the first answers": {exec: &inside{files: motd}, opened: "100", why: "kubernetes-api: a test made it up", grants: 1},
		"the second does": {exec: &inside{answer: none}, debug: &inside{files: motd}, opened: "110", grants: 2,
			why: "kubernetes-api does not fit: "},
		"nobody agrees to the second": {exec: &inside{answer: none}, debug: &inside{agreed: func(context.Context, *Target) error { return errNotAgreed }},
			image: &inside{files: motd}, opened: "101", grants: 2, why: "debug-container does not fit: it adds an entry"},
		"the second is refused": {exec: &inside{answer: none}, debug: &inside{answer: fails(debugcontainer.ErrRefused)}, image: &inside{files: motd}, opened: "111", grants: 3,
			why: "debug-container does not fit: the API server refuses"},
		"the second breaks": {exec: &inside{answer: none}, debug: &inside{answer: fails(errors.New("no luck")), remains: []string{"an entry"}},
			image: &inside{files: motd}, opened: "110", grants: 2, err: "debug-container: no luck"},
		"the first breaks": {exec: &inside{answer: fails(errors.New("no luck"))}, opened: "100", grants: 1, err: "kubernetes-api: no luck"},
		"none answers": {exec: &inside{answer: none}, debug: &inside{possible: func() error { return errors.New("no image") }}, image: &inside{possible: func() error { return errors.New("no namespace") }},
			opened: "100", grants: 1, err: "no approach answers: kubernetes-api: nothing can be run in the container, none of sh (no such file); debug-container: no image; image-volume: no namespace"},
	} {
		t.Run(name, func(t *testing.T) {
			c := shop(t)
			for i, w := range []**inside{&tt.exec, &tt.debug, &tt.image} {
				if *w == nil {
					*w = &inside{}
				}
				(*w).approach = []snapshot.Approach{snapshot.KubernetesAPI, snapshot.DebugContainer, snapshot.ImageVolume}[i]
			}
			x := c.trial(tt.exec, tt.debug, tt.image)
			x.options.ScannerNamespace = "scan"
			rep := x.wantRun(refs(t, "web/front"))
			i := x.sink.of("web/front/app")
			opened := ""
			for _, w := range x.ways {
				opened += string('0' + rune(len(w.opened)))
			}
			if opened != tt.opened || len(rep.Access.Grants) != tt.grants {
				t.Errorf("%s were taken with %d grants, want %s with %d", opened, len(rep.Access.Grants), tt.opened, tt.grants)
			}
			if tt.err == "" && i.Error != "" || !strings.HasPrefix(i.Error, tt.err) {
				t.Errorf("error %q, want %q", i.Error, tt.err)
			}
			if i.Used == nil || !strings.Contains(i.Used.Why, tt.why) {
				t.Errorf("used: %+v, want why %q", i.Used, tt.why)
			}
			if tt.err == "" {
				last := x.ways[strings.LastIndex(opened, "1")].approach
				if statuses(i) != "motd-there pass, motd-kind pass" || !slices.Equal(i.Used.Approaches, []string{string(last)}) {
					t.Errorf("%s through %v, want %s", statuses(i), i.Used.Approaches, last)
				}
			} else if !slices.Equal(i.Used.Remains, tt.debug.remains) {
				t.Errorf("what stays behind is not said: %+v", i.Used)
			}
		})
	}
}

// TestLadderNoAccess: rights that can't be had for one approach leave the next.
func TestLadderNoAccess(t *testing.T) {
	c := shop(t)
	roles := 0
	c.fault = func(w http.ResponseWriter, call string) bool {
		if !strings.HasPrefix(call, "POST") || !strings.HasSuffix(call, "/roles") {
			return false
		}
		roles++
		return roles == 2 && forbid("")(w, call)
	}
	x := c.trial(&inside{approach: snapshot.KubernetesAPI, answer: none}, &inside{approach: snapshot.DebugContainer},
		&inside{approach: snapshot.ImageVolume, files: map[string]string{"/etc/motd": "welcome"}})
	x.options.ScannerNamespace = "scan"
	x.wantRun(refs(t, "web/front"))
	if i := x.sink.of("web/front/app"); i.Error != "" || len(x.ways[1].opened) != 0 || !strings.Contains(i.Used.Why, "debug-container does not fit: making grant") {
		t.Errorf("%q, %+v", i.Error, i.Used)
	}
}

// TestOnlyApproach: whether the approach that was asked for can be taken is
// found out before any access is made.
func TestOnlyApproach(t *testing.T) {
	yes := func(context.Context, string) bool { return true }
	for name, tt := range map[string]struct {
		options Options
		want    string
		asked   int
	}{
		"a debug container without image":   {Options{Approach: snapshot.DebugContainer, Confirm: yes}, "debug-container: it needs our collector's image: give --debug-image", 0},
		"one that nobody agrees to":         {Options{Approach: snapshot.DebugContainer, Image: "i:1"}, "debug-container: it adds an entry to the pod's spec that stays until the pod is replaced, and that was not agreed to (--yes)", 1},
		"an image volume without image":     {Options{Approach: snapshot.ImageVolume}, "image-volume: it needs our collector's image: give --debug-image", 0},
		"one without a namespace":           {Options{Approach: snapshot.ImageVolume, Image: "i:1"}, "image-volume: it needs a namespace for a pod of ours: make assay-system, or give --scanner-namespace", 0},
		"one that could not answer anyhow":  {Options{Approach: snapshot.ImageVolume, Image: "i:1", ScannerNamespace: "scan", Profiles: []*profile.Profile{}}, "image-volume: no files are asked for, and an image shows nothing else", 0},
		"a debug container with a question": {Options{Approach: snapshot.DebugContainer, Image: "i:1"}, "debug-container: it adds an entry", 1},
	} {
		t.Run(name, func(t *testing.T) {
			c := shop(t)
			x := c.trial()
			o := tt.options
			if o.Profiles == nil {
				o.Profiles = x.options.Profiles
			}
			var questions []string
			if o.Confirm == nil {
				o.Confirm = func(_ context.Context, q string) bool { questions = append(questions, q); return false }
			}
			rep, err := Run(t.Context(), c.client, refs(t, "web/front"), o, x.sink)
			if err != nil {
				t.Fatal(err)
			}
			var got string
			if len(o.Profiles) > 0 {
				got = x.sink.of("web/front/app").Error
			} else {
				got = rep.Coverage[0].Detail
			}
			if !strings.HasPrefix(got, tt.want) || c.count("POST") != 0 || len(questions) != tt.asked {
				t.Errorf("%q after %q and %q, want %q", got, questions, c.calls, tt.want)
			}
			if tt.asked > 0 && !strings.Contains(questions[0], "Add a debug container to pod web/front, to look into container app?") {
				t.Errorf("asked %q", questions[0])
			}
		})
	}
}

// TestRounds: what only the evidence shows to be missing is fetched by further
// rounds, in which only that is asked for, and no thing twice.
func TestRounds(t *testing.T) {
	for name, tt := range map[string]struct {
		files  map[string]string
		plans  []string
		status finding.Status
	}{
		"three":          {map[string]string{"/etc/first": "/etc/second\n", "/etc/second": "welcome"}, []string{"files /etc/first", "stats /etc/second", "files /etc/second"}, finding.Pass},
		"absent at last": {map[string]string{"/etc/first": "/etc/second\n"}, []string{"files /etc/first", "stats /etc/second"}, ""},
		"absent at once": {nil, []string{"files /etc/first"}, ""},
		"itself":         {map[string]string{"/etc/first": "/etc/first"}, []string{"files /etc/first"}, finding.Fail},
	} {
		t.Run(name, func(t *testing.T) {
			c := shop(t)
			x := c.trial(&inside{approach: snapshot.KubernetesAPI, files: tt.files})
			x.options.Profiles = []*profile.Profile{loadProfile(t, chain)}
			x.options.Limits.Files = 1234
			x.wantRun(refs(t, "web/front"))
			i := x.sink.of("web/front/app")
			var plans []string
			for _, p := range x.ways[0].plans {
				if len(p.Files) > 0 {
					plans = append(plans, "files "+strings.Join(p.Files, " "))
				}
				if len(p.Stats) > 0 {
					plans = append(plans, "stats "+strings.Join(p.Stats, " "))
				}
				if p.Limits.Files != 1234 {
					t.Errorf("limits %+v", p.Limits)
				}
			}
			if !slices.Equal(plans, tt.plans) || tt.status != "" && i.Findings[0].Status != tt.status || i.Used.RoundTrips != len(tt.plans) {
				t.Errorf("plans %q, %s: %s", plans, i.Findings[0].Status, i.Findings[0].Message)
			}
		})
	}
}

// TestRoundsInVain: what the collector says nothing of is not asked for again.
func TestRoundsInVain(t *testing.T) {
	c := shop(t)
	deaf := byExec()
	deaf.files = nil
	deaf.answer = func(_ context.Context, _ *look, plan *snapshot.Plan, _ *snapshot.Builder) error {
		plan.Files = nil // also: a collector that spoils its plan spoils nothing else
		return nil
	}
	x := c.trial(deaf)
	x.wantRun(refs(t, "web/front", "shop/tool"))
	if len(deaf.plans) != 3 {
		t.Errorf("%d rounds for three targets", len(deaf.plans))
	}
	for _, i := range x.sink.all {
		if i.Findings[0].Status == finding.Pass {
			t.Errorf("%s passes, and nothing was read", i.Target)
		}
	}
}

// TestPlansAreApart: looks that run at once share no plan, whatever they add to theirs.
func TestPlansAreApart(t *testing.T) {
	p := snapshot.Plan{Globs: []snapshot.Glob{{Pattern: "/etc/*"}}, Trees: []snapshot.Tree{{Path: "/", Contents: []string{"*.pem"}}}, Files: []string{"/a"}}
	q := clone(&p)
	q.Add(snapshot.Plan{Globs: []snapshot.Glob{{Pattern: "/etc/*", Contents: true}}, Trees: []snapshot.Tree{{Path: "/", Contents: []string{"*.key"}}}, Files: []string{"/b"}})
	if p.Globs[0].Contents || len(p.Trees[0].Contents) != 1 || len(p.Files) != 1 {
		t.Errorf("adding to the copy changed the plan: %+v", p)
	}
	if !covers(&q, &p) || covers(&p, &q) || p.Globs[0].Contents {
		t.Error("what was asked for is not known, or asking changed it")
	}
}

// TestRemains: what can't be taken away again is said, also where the look went well.
func TestRemains(t *testing.T) {
	c := shop(t)
	way := byExec()
	way.remains, way.closing = []string{"an entry"}, errors.New("our pod could not be deleted")
	x := c.trial(way)
	rep := x.wantRun(refs(t, "web/front"))
	i := x.sink.of("web/front/app")
	if i.Error != "" || !slices.Equal(i.Used.Remains, []string{"our pod could not be deleted", "an entry"}) || i.Used.Risk.Factors[5].Likelihood != 5 {
		t.Errorf("%q, %+v, %+v", i.Error, i.Used, i.Used.Risk)
	}
	if len(rep.Coverage) != 1 || !strings.Contains(rep.Coverage[0].Detail, "something of ours may be left: our pod could not be deleted") || rep.Summary.Complete {
		t.Errorf("%+v", rep.Coverage)
	}
}

func TestShorten(t *testing.T) {
	long := strings.Repeat("x", 4000)
	got := shorten([]string{"sh", "-c", long})
	if got[1] != "-c" || len(got[2]) > longestArgument || !strings.Contains(got[2], "4000 bytes, SHA-256 ") {
		t.Errorf("%q", got)
	}
}
