package posture

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check/builtin"
	"github.com/kubeassay/assay/posture/source"
)

// mixed has a failure of each severity that the checks know, an error, and passes.
func mixed() []any {
	return []any{
		pod("high", withUser(0)), pod("medium"), pod("latest", withUser(1), withImage("nginx")),
		pod("error", withUser(1), withImage("Nginx")), pod("fine", withUser(1)),
	}
}

func TestFiltersHideButTheSummaryCounts(t *testing.T) {
	tests := []struct {
		name     string
		severity finding.Severity
		statuses []finding.Status
		want     string
	}{
		{"by default", "", nil, "error:image high:root latest:image medium:root"},
		{"high and above", finding.High, nil, "error:image high:root"},
		{"medium and above", finding.Medium, nil, "error:image high:root latest:image medium:root"},
		{"failures only", "", []finding.Status{finding.Fail}, "high:root latest:image medium:root"},
		{"passes only", finding.High, []finding.Status{finding.Pass}, "error:root fine:image fine:root high:image latest:root medium:image"},
	}
	short := map[string]string{"image-latest-tag": "image", "run-as-root": "root"}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			checks, err := builtin.Select([]string{"image-latest-tag", "run-as-root"}, nil)
			if err != nil {
				t.Fatal(err)
			}
			got, report := scanned(t, Options{Checks: checks, MinSeverity: tt.severity, Statuses: tt.statuses}, mixed()...)
			var names []string
			for _, f := range got {
				names = append(names, f.Workload.Name+":"+short[f.Check])
			}
			if s := strings.Join(names, " "); s != tt.want {
				t.Errorf("got %s, want %s", s, tt.want)
			}
			s := report.Summary
			if !maps.Equal(s.Findings, map[finding.Severity]int{finding.High: 1, finding.Medium: 2}) {
				t.Errorf("findings by severity: %v", s.Findings)
			}
			if !maps.Equal(s.Checks, map[string]int{"run-as-root": 2, "image-latest-tag": 1}) {
				t.Errorf("findings by check: %v", s.Checks)
			}
			if !maps.Equal(s.Statuses, map[finding.Status]int{finding.Fail: 3, finding.Error: 1, finding.Pass: 6}) {
				t.Errorf("verdicts by status: %v", s.Statuses)
			}
			if !s.Complete {
				t.Error("the scan is not complete")
			}
		})
	}
}

func TestFingerprintsStay(t *testing.T) {
	print := func(src ...any) string {
		got, _ := scanned(t, only(t, "run-as-root"), src...)
		if len(got) != 1 {
			t.Fatalf("%d findings", len(got))
		}
		return got[0].Fingerprint
	}
	cart := deployment("cart", "2")
	set := replicaSet("cart-2", cart, "2")
	first := print(cart)
	for name, again := range map[string]string{
		"with pods":          print(cart, set, pod("a", ownedBy(set))),
		"with other pods":    print(cart, set, pod("b", ownedBy(set))),
		"stronger evidence":  print(cart, set, pod("a", ownedBy(set), reports(0))),
		"another severity":   print(deployment("cart", "7", withUser(0))),
		"in a file":          print(file(cart, "cart.yaml")),
		"with another image": print(deployment("cart", "2", withImage("registry.example/cart:9"))),
	} {
		if again != first {
			t.Errorf("%s: another fingerprint", name)
		}
	}
	if print(deployment("card", "2")) == first || len(first) != 64 {
		t.Error("another workload has the same fingerprint")
	}
}

func TestNamespacesAreHandedOnWhenTheyAreDone(t *testing.T) {
	var k kept
	var at []int
	look := func() { at = append(at, len(k.findings)) }
	p := func(namespace, name string) any {
		p := pod(name, withUser(0))
		p.Namespace = namespace
		return p
	}
	src := given{p("a", "1"), p("a", "2"), look, done("a"), look, p("b", "3"), done("b"), look, done("empty"), p("c", "4"), look}
	report, err := Scan(t.Context(), src, only(t, "run-as-root"), &k)
	if err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(at) != "[0 2 3 3]" || len(k.findings) != 4 || k.flushes != 4 {
		t.Errorf("findings after each step: %v, then %d; %d flushes", at, len(k.findings), k.flushes)
	}
	if s := report.Summary; s.Namespaces != 4 || s.Workloads != 4 {
		t.Errorf("%d namespaces, %d workloads", s.Namespaces, s.Workloads)
	}
}

func TestNothingIsKeptOfANamespaceThatIsDone(t *testing.T) {
	s := newScan(Options{Checks: few()}, describe(given{}), &kept{})
	s.Statuses = everyStatus
	s.report.Summary = finding.Summary{Findings: map[finding.Severity]int{}, Checks: map[string]int{}, Statuses: map[finding.Status]int{}}
	s.gatherer = newGatherer(&s.Options)
	for n := range 50 {
		cart := deployment("cart", "2")
		set := replicaSet("cart-2", cart, "2")
		for _, x := range []any{cart, set, pod("a", ownedBy(set), reports(10001)), pod("b")} {
			o := object(x)
			if err := s.item(&source.Item{Object: &o}); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.item(&source.Item{NamespaceDone: fmt.Sprint("ns", n)}); err != nil {
			t.Fatal(err)
		}
		g := s.gatherer
		if left := len(g.owners) + len(g.templates) + len(g.groups) + len(g.order) + len(s.namespaces); left != 0 {
			t.Fatalf("after namespace %d, %d things are left", n, left)
		}
	}
}

// fails is a sink whose n-th finding, or flush, fails.
type fails struct {
	kept
	finding, flush int
	err            error
}

func (s *fails) Finding(f *finding.Finding) error {
	_ = s.kept.Finding(f)
	if len(s.findings) == s.finding {
		return s.err
	}
	return nil
}

func (s *fails) Flush() error {
	_ = s.kept.Flush()
	if s.flushes == s.flush {
		return s.err
	}
	return nil
}

func TestScanEndsEarly(t *testing.T) {
	broken := errors.New("connection lost")
	full := errors.New("disk full")
	a, b, c := pod("a", withUser(0)), pod("b", withUser(0)), pod("c", withUser(0))
	tests := []struct {
		name string
		src  func(cancel func()) given
		sink fails
		err  error
		// What is true afterwards.
		findings    int
		interrupted bool
		complete    bool
	}{
		{"to the end", func(func()) given { return given{a, b, c} }, fails{}, nil, 3, false, true},
		{"the source fails", func(func()) given { return given{a, b, broken, c} }, fails{}, broken, 2, false, false},
		{"the source fails at once", func(func()) given { return given{broken} }, fails{}, broken, 0, false, false},
		{"cancelled", func(cancel func()) given { return given{a, cancel, b, c} }, fails{}, nil, 2, true, false},
		{"cancelled, and the source says so", func(cancel func()) given { return given{a, cancel, fmt.Errorf("listing pods: %w", context.Canceled)} }, fails{}, nil, 1, true, false},
		{"cancelled, and the source hides it", func(cancel func()) given { return given{a, cancel, broken} }, fails{}, nil, 1, true, false},
		{"cancelled, and the source just ends", func(cancel func()) given { return given{a, cancel} }, fails{}, nil, 1, true, false},
		{"the sink fails", func(func()) given { return given{a, b, done("shop"), c} }, fails{finding: 1, err: full}, full, 1, false, false},
		{"the sink fails to flush", func(func()) given { return given{a, b, done("shop"), c} }, fails{flush: 1, err: full}, full, 2, false, false},
		{"the sink fails at the end", func(func()) given { return given{a} }, fails{flush: 1, err: full}, full, 1, false, false},
		{"the sink fails when cancelled", func(cancel func()) given { return given{a, cancel, b} }, fails{finding: 1, err: full}, full, 1, true, false},
		{"source and sink fail", func(func()) given { return given{a, broken} }, fails{finding: 1, err: full}, broken, 1, false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			report, err := Scan(ctx, tt.src(cancel), only(t, "run-as-root"), &tt.sink)
			if !errors.Is(err, tt.err) {
				t.Errorf("the error is %v, want %v", err, tt.err)
			}
			if tt.name == "source and sink fail" && !errors.Is(err, full) {
				t.Errorf("the sink's error is lost: %v", err)
			}
			s := report.Summary
			if s.Interrupted != tt.interrupted || s.Complete != tt.complete {
				t.Errorf("interrupted: %v, complete: %v", s.Interrupted, s.Complete)
			}
			if len(tt.sink.findings) != tt.findings {
				t.Errorf("%d findings, want %d", len(tt.sink.findings), tt.findings)
			}
			told := slices.ContainsFunc(report.Coverage, func(c finding.Coverage) bool { return c.State == finding.Interrupted })
			if told != tt.interrupted {
				t.Errorf("coverage: %v", report.Coverage)
			}
			if s.StartedAt.IsZero() || s.FinishedAt.Before(s.StartedAt) {
				t.Errorf("from %s to %s", s.StartedAt, s.FinishedAt)
			}
		})
	}
}

func TestGapsMakeAScanIncomplete(t *testing.T) {
	gap := func(s finding.CoverageState) source.Item {
		return source.Item{Coverage: &finding.Coverage{Scope: "namespace/shop", State: s}}
	}
	problem := source.Item{Problem: &finding.Problem{File: "a.yaml", Line: 2, Message: "a string where a number belongs"}}
	tests := []struct {
		name     string
		item     source.Item
		ignore   bool
		complete bool
	}{
		{"nothing", source.Item{Unjudged: true}, false, true},
		{"forbidden", gap(finding.Forbidden), false, false},
		{"vanished", gap(finding.Vanished), false, false},
		{"inconsistent", gap(finding.Inconsistent), false, true},
		{"owners unresolved", gap(finding.OwnerUnresolved), false, true},
		{"a problem", problem, false, false},
		{"a problem to ignore", problem, true, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, report := scanned(t, Options{IgnoreErrors: tt.ignore}, pod("a"), tt.item, node("n", "amd64"))
			if report.Summary.Complete != tt.complete {
				t.Errorf("complete: %v", report.Summary.Complete)
			}
			if tt.item.Problem != nil && (report.Summary.Errors != 1 || len(report.Errors) != 1) {
				t.Errorf("%d errors", report.Summary.Errors)
			}
			if tt.item.Unjudged && (report.Summary.Unjudged != 1 || report.Summary.Objects != 2) {
				t.Errorf("%d unjudged of %d objects", report.Summary.Unjudged, report.Summary.Objects)
			}
		})
	}
}

func TestProgress(t *testing.T) {
	var now time.Time
	var told []Progress
	o := only(t, "run-as-root")
	o.Now = func() time.Time { now = now.Add(time.Millisecond); return now }
	o.Progress = func(p Progress) { told = append(told, p) }
	src := given{}
	for i := range 1000 {
		src = append(src, pod(fmt.Sprint("p", i), withUser(1)))
	}
	if _, err := Scan(t.Context(), append(src, done("shop")), o, &kept{}); err != nil {
		t.Fatal(err)
	}
	if len(told) < 2 {
		t.Fatalf("told %d times", len(told))
	}
	if last := told[len(told)-1]; last.Pods != 1000 || last.Objects != 1000 || last.Namespaces != 1 || last.Elapsed <= 0 {
		t.Errorf("the last: %+v", last)
	}
	for i := 1; i < len(told); i++ {
		if told[i].Pods < told[i-1].Pods || told[i].Elapsed < told[i-1].Elapsed {
			t.Errorf("progress goes back: %+v, %+v", told[i-1], told[i])
		}
	}
}
