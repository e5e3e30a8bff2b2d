package gate_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/gate"
	"github.com/kubeassay/assay/report"
)

func listed(t *testing.T, name, format string, r *finding.Report) *gate.Listed {
	t.Helper()
	l, err := gate.ReadListed(name, strings.NewReader(save(t, format, r)))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func compare(t *testing.T, old, now *finding.Report) *finding.Diff {
	t.Helper()
	d, err := gate.Compare(listed(t, "old.json", report.JSON, old), listed(t, "new.json", report.JSON, now))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// changesOf is "new high", "changed high>low severity", "gone high because …" of each change.
func changesOf(d *finding.Diff) []string {
	var all []string
	for _, c := range d.Changes {
		text := string(c.Change) + " " + string(c.Finding.Severity)
		if c.Graver {
			text += " graver"
		}
		for _, x := range c.Differences {
			text += fmt.Sprintf(", %s %s>%s", x.Field, x.Old, x.New)
		}
		if c.Reason != "" {
			text += " because " + c.Reason
		}
		all = append(all, text)
	}
	return all
}

func TestCompare(t *testing.T) {
	root := func(severity finding.Severity, changes ...func(*finding.Finding)) finding.Finding {
		return failure("run-as-root", severity, changes...)
	}
	onPod := func(name string) func(*finding.Finding) {
		return func(f *finding.Finding) { f.PodNames = []string{name} }
	}
	says := func(evidence finding.Evidence, message string) func(*finding.Finding) {
		return func(f *finding.Finding) { f.Evidence, f.Message = evidence, message }
	}
	type all = []finding.Finding
	for name, c := range map[string]struct {
		old, now all
		want     []string
		code     int
	}{
		"nothing":               {nil, nil, nil, gate.OK},
		"the same":              {all{root("high")}, all{root("high")}, []string{"still high"}, gate.OK},
		"new":                   {nil, all{root("high")}, []string{"new high"}, gate.Failed},
		"new, not grave":        {nil, all{root("medium")}, []string{"new medium"}, gate.OK},
		"new, waived":           {nil, all{root("high", waivedNow)}, []string{"new high"}, gate.OK},
		"new, an error":         {nil, all{root("", with(finding.Error))}, []string{"new "}, gate.Incomplete},
		"gone":                  {all{root("high")}, nil, []string{"gone high"}, gate.OK},
		"passes now":            {all{root("high")}, all{root("high", with(finding.Pass))}, []string{"gone high"}, gate.OK},
		"passed then":           {all{root("high", with(finding.Pass))}, all{root("high")}, []string{"new high"}, gate.Failed},
		"graver":                {all{root("medium")}, all{root("high")}, []string{"changed high graver, severity medium>high"}, gate.Failed},
		"graver, below":         {all{root("low")}, all{root("medium")}, []string{"changed medium graver, severity low>medium"}, gate.OK},
		"less grave":            {all{root("high")}, all{root("medium")}, []string{"changed medium, severity high>medium"}, gate.OK},
		"waived now":            {all{root("high")}, all{root("high", waivedNow)}, []string{"changed high, waiver none>waived"}, gate.OK},
		"waived no more":        {all{root("high", waivedNow)}, all{root("high")}, []string{"changed high graver, waiver waived>none"}, gate.Failed},
		"other evidence":        {all{root("high")}, all{root("high", says(finding.Reported, "It is."))}, []string{"changed high, evidence declared>reported, message It is so.>It is."}, gate.OK},
		"could not be judged":   {all{root("high")}, all{root("high", with(finding.Error))}, []string{"changed high, status fail>error"}, gate.Incomplete},
		"still can't be judged": {all{root("high", with(finding.Error))}, all{root("high", with(finding.Error))}, []string{"still high"}, gate.OK},
		"one of two more":       {all{root("high")}, all{root("high"), root("high")}, []string{"new high", "still high"}, gate.Failed},
		"one of two less":       {all{root("high"), root("high")}, all{root("high")}, []string{"gone high", "still high"}, gate.OK},
		"by pod, in another order": {all{root("high", onPod("a"), says("declared", "x")), root("low", onPod("b"))}, all{root("low", onPod("b")), root("medium", onPod("a"), says("declared", "x"))},
			[]string{"changed medium, severity high>medium", "still low"}, gate.OK},
		"new pods of the same":    {all{root("high", onPod("a")), root("high", onPod("b"))}, all{root("high", onPod("c")), root("high", onPod("d"))}, []string{"still high", "still high"}, gate.OK},
		"the most like it":        {all{root("critical"), root("low")}, all{root("low"), root("high")}, []string{"changed high, severity critical>high", "still low"}, gate.OK},
		"as few graver as can be": {all{root("medium"), root("critical")}, all{root("high"), root("low")}, []string{"changed high, severity critical>high", "changed low, severity medium>low"}, gate.OK},
		"in order": {all{root("low", in("a", "a"))}, all{root("low", in("b", "b")), root("critical", in("z", "z")), failure("image-latest-tag", "critical", in("z", "a")), root("critical", in("y", "z"), waivedNow)},
			[]string{"new critical", "new critical", "new low", "new critical", "gone low"}, gate.Failed},
	} {
		t.Run(name, func(t *testing.T) {
			d := compare(t, reportOf(c.old...), reportOf(c.now...))
			if got := changesOf(d); !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if code := gate.DiffExitCode(d, finding.High); code != c.code {
				t.Errorf("exit code %d, want %d", code, c.code)
			}
			if s := d.Summary; s.New+s.Changed+s.Gone+s.NotLookedAt+s.Still != len(d.Changes) {
				t.Errorf("%+v of %d", s, len(d.Changes))
			}
		})
	}
}

func TestGoneOrNotLookedAt(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*finding.Report)
		want   string
		code   int
	}{
		"all was looked at": {func(*finding.Report) {}, "gone high", gate.OK},
		"its namespace": {func(r *finding.Report) {
			r.Summary.Complete, r.Coverage = false, []finding.Coverage{{Scope: "namespace/shop", State: finding.Forbidden}}
		}, "not-looked-at high because namespace/shop: forbidden", gate.Incomplete},
		"another namespace": {func(r *finding.Report) {
			r.Summary.Complete, r.Coverage = false, []finding.Coverage{{Scope: "namespace/web", State: finding.Forbidden}}
		}, "gone high", gate.Incomplete},
		"a filter by severity": {func(r *finding.Report) { r.Summary.Checks["run-as-root"] = 2 },
			"not-looked-at high because the report leaves out failures of run-as-root", gate.Incomplete},
		"a filter, of another check": {func(r *finding.Report) { r.Summary.Checks["image-latest-tag"] = 2 }, "gone high", gate.OK},
		"errors are left out": {func(r *finding.Report) { r.Summary.Statuses[finding.Error] = 1 },
			"not-looked-at high because the report leaves out verdicts with status error", gate.Incomplete},
		"what is waived is left out": {func(r *finding.Report) { r.Summary.Waived = 1 },
			"not-looked-at high because the report leaves out verdicts that are waived", gate.Incomplete},
		"made with a baseline": {func(r *finding.Report) { r.Summary.Known = 1 },
			"not-looked-at high because the report was made with a baseline, and leaves out what that has", gate.Incomplete},
		"more was not reviewed": {func(r *finding.Report) { r.Summary.Statuses[finding.NotReviewed] = 3 },
			"not-looked-at high because 3 verdicts were not reviewed, more than before, and the report does not list them", gate.Incomplete},
		"as much was not reviewed": {func(r *finding.Report) { r.Summary.Statuses[finding.NotReviewed] = 2 }, "gone high", gate.OK},
		"it passes, and not all was seen": {func(r *finding.Report) {
			r.Findings = append(r.Findings, failure("run-as-root", "high", with(finding.Pass)))
			r.Summary.Complete, r.Summary.Interrupted = false, true
		}, "gone high", gate.Incomplete},
		"only another namespace": {func(r *finding.Report) { r.Summary.Selection = &finding.Selection{Namespaces: []string{"web"}} },
			"not-looked-at high because namespace shop was not asked for", gate.Incomplete},
		"the check was not made": {func(r *finding.Report) { r.Rules = nil; r.Rules = []finding.Rule{{ID: "image-latest-tag"}} },
			"not-looked-at high because run-as-root was not asked", gate.Incomplete},
	} {
		t.Run(name, func(t *testing.T) {
			old, now := reportOf(failure("run-as-root", "high")), reportOf()
			old.Summary.Statuses[finding.NotReviewed] = 2
			c.change(now)
			d := compare(t, old, now)
			if got := changesOf(d); len(got) != 1 || got[0] != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if code := gate.DiffExitCode(d, finding.High); code != c.code {
				t.Errorf("exit code %d, want %d", code, c.code)
			}
		})
	}
}

func TestCompareInspections(t *testing.T) {
	control := func(pod string, status finding.Status) finding.Finding {
		f := observed()
		f.Status, f.ContainerType = status, finding.Container
		f.Targets[0].Pod = pod
		f.Fingerprint = finding.Fingerprint(&f)
		return f
	}
	inspected := func(problem string, findings ...finding.Finding) *finding.Report {
		r := reportOf(findings...)
		f := observed()
		r.Rules = []finding.Rule{{ID: "process-uid", Profile: "core"}}
		r.Inspections = []finding.Inspection{{Target: f.Targets[0], Workload: f.Workload, Profile: finding.Profile{Name: "core"}, Error: problem}}
		r.Summary.Complete = problem == ""
		r.Summary.Checks = map[string]int{"core/process-uid": r.Summary.Statuses[finding.Fail]}
		return r
	}
	other := inspected("")
	other.Inspections[0].Target.Container = "sidecar"
	for name, c := range map[string]struct {
		now  *finding.Report
		want string
		code int
	}{
		"gone":              {inspected(""), "gone high", gate.OK},
		"still":             {inspected("", control("cart-6f8", finding.Fail)), "still high", gate.OK},
		"not looked into":   {inspected("it could not be"), "not-looked-at high because the container was not looked into", gate.Incomplete},
		"another container": {other, "not-looked-at high because the container was not looked into", gate.Incomplete},
		"a scan":            {reportOf(), "not-looked-at high because core/process-uid was not asked", gate.Incomplete},
	} {
		for _, format := range []string{report.JSON, report.NDJSON} {
			t.Run(name+" in "+format, func(t *testing.T) {
				d, err := gate.Compare(listed(t, "old", format, inspected("", control("cart-5d9", finding.Fail))), listed(t, "new", format, c.now))
				if err != nil {
					t.Fatal(err)
				}
				want := c.want
				if format == report.NDJSON && name == "a scan" { // which has no rules
					want = "not-looked-at high because the container was not looked into"
				}
				if got := changesOf(d); len(got) != 1 || got[0] != want {
					t.Errorf("got %q, want %q", got, want)
				}
				if code := gate.DiffExitCode(d, finding.High); code != c.code {
					t.Errorf("exit code %d, want %d", code, c.code)
				}
			})
		}
	}
}

func TestCompareNotes(t *testing.T) {
	for name, c := range map[string]struct {
		change func(old, now *finding.Report)
		want   []string
	}{
		"nothing to say": {func(_, _ *finding.Report) {}, nil},
		"clusters":       {func(old, _ *finding.Report) { old.Summary.Cluster = "https://a" }, []string{"old.json is of cluster https://a, new.json of files"}},
		"order": {func(old, _ *finding.Report) { old.Summary.StartedAt = old.Summary.StartedAt.Add(time.Hour) },
			[]string{"new.json is older than old.json: were they given in the wrong order?"}},
		"the old one lacks some": {func(old, _ *finding.Report) { old.Summary.Complete = false }, []string{"old.json is incomplete: what is new may have been there before"}},
		"the new one lacks some": {func(_, now *finding.Report) { now.Summary.Complete = false }, []string{"new.json is incomplete: there may be more that is new"}},
		"what is gone may not have been reviewed": {func(old, now *finding.Report) {
			old.Findings = append(old.Findings, failure("image-latest-tag", "low"))
			old.Summary.Findings["low"]++
			old.Summary.Statuses[finding.NotReviewed], now.Summary.Statuses[finding.NotReviewed] = 2, 2
		}, []string{"new.json does not list its 2 verdicts that were not reviewed, and what is gone may be among them; reports written with --status fail,error,not-reviewed leave no doubt"}},
	} {
		t.Run(name, func(t *testing.T) {
			old, now := reportOf(failure("run-as-root", "high")), reportOf(failure("run-as-root", "high"))
			c.change(old, now)
			if d := compare(t, old, now); !slices.Equal(d.Notes, c.want) {
				t.Errorf("%q", d.Notes)
			}
		})
	}
}

func TestPerPodAgainstWorkloads(t *testing.T) {
	old, now := reportOf(), reportOf()
	now.Summary.PerPod = true
	_, err := gate.Compare(listed(t, "old.json", report.JSON, old), listed(t, "new.json", report.JSON, now))
	if err == nil || err.Error() != "old.json and new.json can't be compared: one was made with --per-pod, the other was not" {
		t.Errorf("%v", err)
	}
}

// TestCompareAndBaselineAgree holds random reports against each other in both ways.
func TestCompareAndBaselineAgree(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 1))
	random := func() *finding.Report {
		var all []finding.Finding
		for range r.IntN(8) {
			f := failure([]string{"run-as-root", "image-latest-tag"}[r.IntN(2)], finding.Severities[r.IntN(3)], in("shop", []string{"cart", "web"}[r.IntN(2)]))
			f.Status = []finding.Status{finding.Fail, finding.Fail, finding.Fail, finding.NotReviewed, finding.Pass}[r.IntN(5)]
			if r.IntN(5) == 0 && (f.Status == finding.Fail || f.Status == finding.NotReviewed) {
				waivedNow(&f)
			}
			all = append(all, f)
		}
		return reportOf(all...)
	}
	for range 2000 {
		old, now := random(), random()
		b := baselineOf(t, report.NDJSON, old)
		fresh := 0
		for i := range now.Findings {
			f := now.Findings[i]
			if known := b.Known(&f); !known && f.Status != finding.Pass {
				fresh++
			}
		}
		worse := 0
		d := compare(t, old, now)
		for _, c := range d.Changes {
			if c.Change == finding.New || c.Graver {
				worse++
			}
		}
		if fresh != worse {
			t.Fatalf("seed %d: the baseline says %d are new, the comparison %d\n%+v\n%+v", seed, fresh, worse, old.Findings, now.Findings)
		}
	}
}
