package framework

import (
	"bytes"
	"encoding/json"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/kubeassay/assay/finding"
)

// say makes findings of a check: "fail", "pass", … and "waived" for a failure that is.
func say(check string, words ...string) []finding.Finding {
	all := make([]finding.Finding, len(words))
	for i, word := range words {
		all[i] = finding.Finding{
			Check: check, Status: finding.Status(word), Message: "Nobody may read it.",
			Workload: finding.Workload{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "shop", Name: "cart-" + strconv.Itoa(i)},
		}
		if word == "waived" {
			all[i].Status, all[i].Waiver = finding.Fail, &finding.Waiver{Reason: "r", Owner: "o"}
		}
	}
	return all
}

// report tallies findings and reports, with all checks that serve the framework
// asked but for some.
func report(t *testing.T, name string, complete bool, notAsked []string, findings ...[]finding.Finding) Report {
	t.Helper()
	f, err := Get(name)
	if err != nil {
		t.Fatal(err)
	}
	tally, err := NewTally(f, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range slices.Concat(findings...) {
		tally.Add(&f)
	}
	return tally.Report(rules(t, f, notAsked...), complete)
}

func rules(t *testing.T, f *Framework, but ...string) []finding.Rule {
	t.Helper()
	checks, err := Checks(f, "")
	if err != nil {
		t.Fatal(err)
	}
	var all []finding.Rule
	for _, id := range checks {
		if !slices.Contains(but, id) {
			all = append(all, finding.Rule{ID: id})
		}
	}
	return all
}

func find(t *testing.T, r *Report, id string) *Reviewed {
	t.Helper()
	for i := range r.Items {
		if r.Items[i].ID == id {
			return &r.Items[i]
		}
	}
	t.Fatalf("%s is not in the report", id)
	return nil
}

func TestReview(t *testing.T) {
	tests := []struct {
		name, framework, item string
		findings              [][]finding.Finding
		notAsked              []string
		incomplete            bool
		status                finding.Status
		waived                bool
		reason                string
	}{
		{
			name: "all pass", framework: "cis", item: "5.2.2", findings: [][]finding.Finding{say("privileged-container", "pass", "pass", "not-applicable")},
			status: finding.Pass,
		},
		{
			name: "one fails among many", framework: "cis", item: "5.2.2", findings: [][]finding.Finding{say("privileged-container", "pass", "fail", "error", "not-reviewed")},
			status: finding.Fail, reason: "privileged-container failed once",
		},
		{
			name: "a failure stands though the scan was not complete", framework: "cis", item: "5.2.2",
			findings: [][]finding.Finding{say("privileged-container", "fail", "fail")}, incomplete: true,
			status: finding.Fail, reason: "privileged-container failed 2 times",
		},
		{
			name: "no pass where the scan was not complete", framework: "cis", item: "5.2.2",
			findings: [][]finding.Finding{say("privileged-container", "pass")}, incomplete: true,
			status: finding.NotReviewed, reason: "the scan was not complete: what was not read may break it",
		},
		{
			name: "an error", framework: "cis", item: "5.2.2", findings: [][]finding.Finding{say("privileged-container", "pass", "error", "error")},
			status: finding.Error, reason: "privileged-container could not be judged 2 times: Nobody may read it",
		},
		{
			name: "something was not reviewed", framework: "cis", item: "5.2.2", findings: [][]finding.Finding{say("privileged-container", "pass", "not-reviewed")},
			status: finding.NotReviewed, reason: "privileged-container was not reviewed: Nobody may read it",
		},
		{
			name: "nothing was reviewed", framework: "pss", item: "baseline/hostNamespaces",
			findings: [][]finding.Finding{say("host-pid", "not-reviewed"), say("host-ipc", "not-reviewed", "not-reviewed"), say("host-network", "pass")},
			status:   finding.NotReviewed, reason: "Nobody may read it",
		},
		{
			name: "one of several checks heard nothing", framework: "pss", item: "baseline/hostNamespaces",
			findings: [][]finding.Finding{say("host-pid", "pass"), say("host-ipc", "pass")},
			status:   finding.NotReviewed, reason: "had nothing to judge: host-network",
		},
		{
			name: "not asked", framework: "cis", item: "5.2.2", notAsked: []string{"privileged-container"},
			status: finding.NotReviewed, reason: "no check for it was part of the scan",
		},
		{
			name: "it heard nothing", framework: "cis", item: "5.2.2",
			status: finding.NotReviewed, reason: "its checks had nothing to judge",
		},
		{
			name: "the control plane's flags do not show", framework: "cis", item: "1.2.1",
			status: finding.NotReviewed, reason: "its checks had nothing to judge (flags of the control plane show only where it runs as pods)",
		},
		{
			name: "the kubelets were not asked", framework: "cis", item: "4.2.1", notAsked: []string{"kubelet-anonymous-auth"},
			status: finding.NotReviewed, reason: "no check for it was part of the scan (it needs --read-kubelet)",
		},
		{
			name: "does not apply anywhere", framework: "cis", item: "5.2.10", findings: [][]finding.Finding{say("windows-host-process", "not-applicable", "not-applicable")},
			status: finding.NotApplicable, reason: "nothing that was scanned is of the kind that it is about",
		},
		{
			name: "every failure is waived", framework: "cis", item: "5.2.2", findings: [][]finding.Finding{say("privileged-container", "pass", "waived", "waived")},
			status: finding.Fail, waived: true, reason: "waived: privileged-container 2 times",
		},
		{
			name: "not every failure is waived", framework: "cis", item: "5.2.2", findings: [][]finding.Finding{say("privileged-container", "waived", "fail")},
			status: finding.Fail, reason: "privileged-container failed once",
		},
		{
			name: "waived, and the scan was not complete", framework: "cis", item: "5.2.2", incomplete: true,
			findings: [][]finding.Finding{say("privileged-container", "waived")},
			status:   finding.NotReviewed, reason: "the scan was not complete: what was not read may break it",
		},
		{
			name: "one of several checks fails", framework: "pss", item: "baseline/hostNamespaces",
			findings: [][]finding.Finding{say("host-pid", "pass"), say("host-ipc", "fail"), say("host-network", "pass")},
			status:   finding.Fail, reason: "host-ipc failed once",
		},
		{
			name: "all of several checks pass", framework: "pss", item: "baseline/hostNamespaces",
			findings: [][]finding.Finding{say("host-pid", "pass"), say("host-ipc", "pass"), say("host-network", "pass")},
			status:   finding.Pass,
		},
		{
			name: "one of several checks was not asked", framework: "pss", item: "baseline/hostNamespaces", notAsked: []string{"host-network"},
			findings: [][]finding.Finding{say("host-pid", "pass"), say("host-ipc", "pass")},
			status:   finding.NotReviewed, reason: "not part of the scan: host-network",
		},
		{
			name: "a part never passes", framework: "cis", item: "5.2.9",
			findings: [][]finding.Finding{say("capabilities-not-dropped", "pass"), say("capabilities-added", "pass")},
			status:   finding.NotReviewed, reason: "only a part can be seen, and nothing is wrong with that part",
		},
		{
			name: "a part fails", framework: "cis", item: "5.2.9",
			findings: [][]finding.Finding{say("capabilities-not-dropped", "pass"), say("capabilities-added", "fail")},
			status:   finding.Fail, reason: "capabilities-added failed once",
		},
		{
			name: "a part that is waived", framework: "cis", item: "5.2.9",
			findings: [][]finding.Finding{say("capabilities-not-dropped", "pass"), say("capabilities-added", "waived")},
			status:   finding.NotReviewed, reason: "only a part can be seen, and nothing is wrong with that part but what is waived: capabilities-added once",
		},
		{
			name: "a stricter check fails", framework: "stig", item: "V-242414", findings: [][]finding.Finding{say("host-port", "fail")},
			status: finding.NotReviewed, reason: "for people to judge: host-port asks for more than this and failed once",
		},
		{
			name: "a stricter check fails beside one that is not", framework: "cis", item: "5.2.8",
			findings: [][]finding.Finding{say("capability-net-raw", "pass"), say("capabilities-not-dropped", "fail")},
			status:   finding.Pass,
		},
		{
			name: "a stricter check passes", framework: "stig", item: "V-242414", findings: [][]finding.Finding{say("host-port", "pass")},
			status: finding.Pass,
		},
		{
			name: "a hint fails", framework: "pci", item: "7.2.3", findings: [][]finding.Finding{say("privileged-container", "fail"), say("rbac-wildcard", "pass")},
			status: finding.NotReviewed, reason: "for people to judge: privileged-container bears on it and failed once",
		},
		{
			name: "hints pass", framework: "pci", item: "7.2.3", findings: [][]finding.Finding{say("privileged-container", "pass"), say("rbac-wildcard", "pass")},
			status: finding.NotReviewed, reason: "for people to judge: what checks see only bears on it, and they found nothing",
		},
		{
			name: "a hint beside a check that decides", framework: "pss", item: "baseline/capabilities_baseline",
			findings: [][]finding.Finding{say("capabilities-added", "pass"), say("capability-net-raw", "fail")},
			status:   finding.Pass,
		},
		{
			name: "nothing serves it", framework: "cis", item: "1.1.1",
			status: finding.NotReviewed, reason: "it takes files of the node, which the API does not show",
		},
		{
			name: "a heading", framework: "nist-190", item: "4.1",
			status: finding.NotReviewed, reason: "a heading: its items follow",
		},
		{
			name: "findings of other checks and of controls are not counted", framework: "cis", item: "5.2.2",
			findings: [][]finding.Finding{say("privileged-container", "pass"), say("no-such-check", "fail"), {{Control: "privileged-container", Status: finding.Fail}}},
			status:   finding.Pass,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := report(t, tt.framework, !tt.incomplete, tt.notAsked, tt.findings...)
			got := find(t, &r, tt.item)
			if got.Status != tt.status || got.Waived != tt.waived || got.Reason != tt.reason {
				t.Errorf("got %s, waived %v, %q\nwant %s, waived %v, %q", got.Status, got.Waived, got.Reason, tt.status, tt.waived, tt.reason)
			}
		})
	}
}

func TestLongReasonsAreCut(t *testing.T) {
	r := report(t, "nist-53", true, nil, say("privileged-container", "pass"))
	if got := find(t, &r, "CM-6").Reason; !strings.HasSuffix(got, "more") || len(got) > 300 {
		t.Errorf("many checks serve CM-6, and the reason is %q", got)
	}
}

func TestSummary(t *testing.T) {
	r := report(t, "pss", true, nil,
		say("privileged-container", "pass"), say("probe-host", "fail"), say("host-port", "waived"),
		say("windows-host-process", "not-applicable"), say("unsafe-sysctl", "error"))
	s := r.Summary
	if s.Items != 19 || s.Pass != 1 || s.Fail != 1 || s.Waived != 1 || s.Error != 1 || s.NotApplicable != 1 || s.NotReviewed != 14 || s.Reviewed != 3 {
		t.Errorf("the summary is %+v", s)
	}
	if *s.PercentPassed != 33 || *s.PercentReviewed != 16 { // 1 of 3, 3 of 18
		t.Errorf("passed %d %%, reviewed %d %%", *s.PercentPassed, *s.PercentReviewed)
	}
	empty := report(t, "pss", true, nil)
	if empty.Summary.PercentPassed != nil || *empty.Summary.PercentReviewed != 0 {
		t.Errorf("nothing was reviewed, and the summary is %+v", empty.Summary)
	}
}

func TestPercentIs100OnlyWhereAllIs(t *testing.T) {
	if p := percent(999, 1000); *p != 99 {
		t.Errorf("999 of 1000 is %d %%", *p)
	}
	if p := percent(1000, 1000); *p != 100 {
		t.Errorf("all is %d %%", *p)
	}
}

func TestExamplesAndMessagesAreBounded(t *testing.T) {
	f, err := Get("cis")
	if err != nil {
		t.Fatal(err)
	}
	tally, err := NewTally(f, "")
	if err != nil {
		t.Fatal(err)
	}
	long := finding.Finding{Check: "privileged-container", Status: finding.Error, Message: strings.Repeat("€", 1000)}
	for range 100 {
		for _, x := range say("privileged-container", "fail") {
			tally.Add(&x)
		}
		tally.Add(&long)
	}
	c := tally.counts["privileged-container"]
	if len(c.failing) != failingKept || c.statuses[finding.Fail] != 100 {
		t.Errorf("%d examples of %d failures", len(c.failing), c.statuses[finding.Fail])
	}
	if got := c.messages[finding.Error]; len(got) > messageKept+3 || !strings.HasSuffix(got, "€…") {
		t.Errorf("the message kept is %q", got)
	}
	if got, want := c.failing[0].Fingerprint, finding.Fingerprint(&say("privileged-container", "fail")[0]); got != want {
		t.Errorf("the fingerprint is %s, want %s", got, want)
	}
}

func TestReportDoesNotChangeTheTally(t *testing.T) {
	f, err := Get("cis")
	if err != nil {
		t.Fatal(err)
	}
	tally, err := NewTally(f, "1")
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range say("privileged-container", "fail", "pass") {
		tally.Add(&x)
	}
	write := func() []byte {
		b, err := json.Marshal(tally.Report(rules(t, f), true))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	first := write()
	if !bytes.Equal(first, write()) {
		t.Error("the second report differs from the first")
	}
	if !bytes.Contains(first, []byte(`"apiVersion":"assay.dev/v1alpha1","kind":"FrameworkReport"`)) {
		t.Errorf("it does not say what it is: %.100s", first)
	}
}

// TestRandomScans: whatever the findings, no item passes that something stands
// against, every item is there once, and the numbers add up.
func TestRandomScans(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	words := []string{"fail", "pass", "pass", "pass", "error", "not-applicable", "not-reviewed", "waived"}
	for range 300 {
		f := All()[random.IntN(len(All()))]
		checks, err := Checks(f, "")
		if err != nil {
			t.Fatal(err)
		}
		said, notAsked := map[string][]string{}, []string{}
		var findings [][]finding.Finding
		for _, id := range checks {
			if random.IntN(10) == 0 {
				notAsked = append(notAsked, id)
				continue
			}
			some := words
			if random.IntN(2) == 0 {
				some = []string{"pass", "not-applicable"}
			}
			for range random.IntN(4) {
				said[id] = append(said[id], some[random.IntN(len(some))])
			}
			findings = append(findings, say(id, said[id]...))
		}
		complete := random.IntN(4) > 0
		r := report(t, f.ID, complete, notAsked, findings...)
		if len(r.Items) != len(f.Items) {
			t.Fatalf("%s: %d of %d items", f.ID, len(r.Items), len(f.Items))
		}
		for i := range r.Items {
			checkItem(t, f, &r.Items[i], said, complete)
		}
		s := r.Summary
		if s.Pass+s.Fail+s.Waived+s.Error+s.NotReviewed+s.NotApplicable != s.Items || s.Reviewed != s.Pass+s.Fail+s.Waived {
			t.Fatalf("%s: the numbers do not add up: %+v", f.ID, s)
		}
	}
}

// checkItem states the rules anew, from the words that were said.
func checkItem(t *testing.T, f *Framework, r *Reviewed, said map[string][]string, complete bool) {
	t.Helper()
	fails, clean, decides := false, complete, false
	whole := slices.ContainsFunc(f.Serving(r.ID), func(m Mapping) bool { return m.Covers == Whole })
	heard := map[string]bool{}
	for _, m := range f.Serving(r.ID) {
		if m.Covers == Hint || m.Covers == Stricter && whole {
			continue
		}
		decides = decides || m.Covers != Part
		fails = fails || m.Covers != Stricter && slices.Contains(said[m.Check], "fail")
		clean = clean && len(said[m.Check]) > 0
		for _, word := range said[m.Check] {
			heard[word] = true
			clean = clean && word != "fail" && word != "error" && word != "not-reviewed"
		}
	}
	want := []finding.Status{finding.Error, finding.NotReviewed}
	switch {
	case fails:
		want = []finding.Status{finding.Fail}
	case clean && decides && heard["waived"]:
		want = []finding.Status{finding.Fail}
	case clean && decides && heard["pass"]:
		want = []finding.Status{finding.Pass}
	case clean && decides:
		want = []finding.Status{finding.NotApplicable}
	}
	if !slices.Contains(want, r.Status) || r.Waived != (r.Status == finding.Fail && !fails) || (r.Reason == "") != (r.Status == finding.Pass) {
		t.Errorf("%s %s is %s, waived %v (%s), want %v; of what was said %v, complete %v",
			f.ID, r.ID, r.Status, r.Waived, r.Reason, want, slices.Sorted(maps.Keys(heard)), complete)
	}
}
