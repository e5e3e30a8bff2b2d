package gate_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/gate"
)

const (
	waiverHead = "apiVersion: assay.dev/v1alpha1\nkind: Waivers\nwaivers:\n"
	rest       = "  reason: known\n  owner: team@example.com\n  expires: 2027-01-31\n"
)

func waivers(t *testing.T, entries string) *gate.Waivers {
	t.Helper()
	w, err := gate.ParseWaivers("w.yaml", strings.NewReader(waiverHead+entries))
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func at(t *testing.T, s string) time.Time {
	t.Helper()
	v, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// observed is a finding of inspect, declared one of posture.
func observed() finding.Finding {
	return finding.Finding{Control: "process-uid", Profile: "core", Status: finding.Fail, Severity: finding.High,
		Workload:  finding.Workload{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "shop", Name: "cart"},
		Container: "app", Image: "ghcr.io/example/shop/cart:2.4.1",
		Targets: []finding.InspectionTarget{{Namespace: "shop", Pod: "cart-5d9", Container: "app", Image: "ghcr.io/example/shop/cart:2.4.1"}}}
}

func declared() finding.Finding {
	f := observed()
	f.Control, f.Profile, f.Targets, f.Check = "", "", nil, "run-as-root"
	return f
}

func TestWaiverTargets(t *testing.T) {
	now := at(t, "2026-11-22T12:00:00Z")
	for name, c := range map[string]struct {
		rule, target string
		f            func() finding.Finding
		want         bool
	}{
		"namespace":                        {"core/process-uid", "namespace: shop", observed, true},
		"another namespace":                {"core/process-uid", "namespace: web", observed, false},
		"a pattern of namespaces":          {"core/process-uid", "namespace: sh*", observed, true},
		"everything":                       {"core/process-uid", `namespace: "*"`, observed, true},
		"a workload":                       {"core/process-uid", "workload: cart", observed, true},
		"a workload with its kind":         {"core/process-uid", "workload: Deployment/cart", observed, true},
		"a workload of another kind":       {"core/process-uid", "workload: StatefulSet/cart", observed, false},
		"all of a kind":                    {"core/process-uid", "workload: Deployment/*", observed, true},
		"a container":                      {"core/process-uid", "container: app", observed, true},
		"a container that begins the same": {"core/process-uid", "container: ap", observed, false},
		"a letter left open":               {"core/process-uid", `container: "a?p"`, observed, true},
		"an image":                         {"core/process-uid", `image: "ghcr.io/example/shop/cart:*"`, observed, true},
		"all images below a path":          {"core/process-uid", `image: "ghcr.io/example/*"`, observed, true},
		"images below a pattern":           {"core/process-uid", `image: "*.io/example/*"`, observed, true},
		"images below another path":        {"core/process-uid", `image: "ghcr.io/exam/*"`, observed, false},
		"the path itself":                  {"core/process-uid", `image: "ghcr.io/example/shop/cart:2.4.1/*"`, observed, false},
		"a star does not leave its part":   {"core/process-uid", `image: "ghcr.io/*/cart:2.4.1"`, observed, false},
		"all of several":                   {"core/process-uid", "{namespace: shop, workload: cart, container: app}", observed, true},
		"one of several does not match":    {"core/process-uid", "{namespace: shop, workload: cart, container: b}", observed, false},
		"a check":                          {"run-as-root", "namespace: shop", declared, true},
		"a check's image":                  {"run-as-root", `image: "ghcr.io/*"`, declared, true},
		"another check":                    {"image-latest-tag", "namespace: shop", declared, false},
		"another profile":                  {"gpos/process-uid", "namespace: shop", observed, false},
		"a control without its profile":    {"process-uid", "namespace: shop", observed, false},
		"a check is no control":            {"core/run-as-root", "namespace: shop", declared, false},
		"a pass":                           {"run-as-root", "namespace: shop", func() finding.Finding { f := declared(); f.Status = finding.Pass; return f }, false},
		"an error":                         {"run-as-root", "namespace: shop", func() finding.Finding { f := declared(); f.Status = finding.Error; return f }, false},
		"not reviewed":                     {"run-as-root", "namespace: shop", func() finding.Finding { f := declared(); f.Status = finding.NotReviewed; return f }, true},
		"one of two containers": {"core/process-uid", "namespace: shop", func() finding.Finding {
			f := observed()
			f.Targets = append(f.Targets, finding.InspectionTarget{Namespace: "web", Container: "app"})
			return f
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			target := "  target: {" + c.target + "}\n"
			if strings.HasPrefix(c.target, "{") {
				target = "  target: " + c.target + "\n"
			}
			w := waivers(t, "- rule: "+c.rule+"\n"+target+rest)
			f := c.f()
			status := f.Status
			if got := w.Apply(&f, now); got != c.want || (f.Waiver != nil) != c.want {
				t.Errorf("waived: %v, want %v (%+v)", got, c.want, f.Waiver)
			}
			if f.Status != status {
				t.Errorf("the status became %s: a waived finding keeps its own", f.Status)
			}
			if c.want && *f.Waiver != (finding.Waiver{Reason: "known", Owner: "team@example.com", Expires: "2027-01-31"}) {
				t.Errorf("%+v", *f.Waiver)
			}
		})
	}
}

func TestWaiverExpiry(t *testing.T) {
	for _, c := range []struct {
		expires, now string
		holds        bool
	}{
		{"2027-01-31", "2027-01-31T23:59:59Z", true},
		{"2027-01-31", "2027-02-01T00:00:00Z", false},
		{"2027-01-31", "2027-02-01T00:30:00+01:00", true}, // still January in UTC
		{"'2027-01-31'", "2026-01-01T00:00:00Z", true},
		{"2027-01-31T12:00:00Z", "2027-01-31T11:59:59Z", true},
		{"2027-01-31T12:00:00Z", "2027-01-31T12:00:00Z", false},
		{"2027-01-31T12:00:00+02:00", "2027-01-31T10:30:00Z", false},
		{"2020-01-01", "2026-11-22T00:00:00Z", false},
	} {
		t.Run(c.expires+" at "+c.now, func(t *testing.T) {
			w := waivers(t, "- rule: run-as-root\n  target: {namespace: shop}\n  reason: known\n  owner: team@example.com\n  expires: "+c.expires+"\n")
			f, now := declared(), at(t, c.now)
			if got := w.Apply(&f, now); got != c.holds {
				t.Errorf("waived: %v, want %v", got, c.holds)
			}
			expired := w.Expired(now)
			if (len(expired) == 0) != c.holds {
				t.Fatalf("expired: %v", expired)
			}
			if c.holds {
				return
			}
			for _, part := range []string{"w.yaml:4", "run-as-root", "team@example.com", "expired"} {
				if !strings.Contains(expired[0].String(), part) {
					t.Errorf("%q does not say %q", expired[0], part)
				}
			}
			if code := gate.ExitCode(finding.Summary{Complete: true}, gate.Policy{FailOn: gate.None, Violations: expired}); code != gate.Failed {
				t.Errorf("exit code %d: an expired waiver must not go unheard", code)
			}
		})
	}
}

func TestWaiverAfterAnExpiredOne(t *testing.T) {
	w := waivers(t, "- rule: run-as-root\n  target: {namespace: shop}\n  reason: old\n  owner: a\n  expires: 2020-01-01\n- rule: run-as-root\n  target: {namespace: shop}\n"+rest)
	f := declared()
	if !w.Apply(&f, at(t, "2026-11-22T00:00:00Z")) || f.Waiver.Reason != "known" {
		t.Errorf("%+v", f.Waiver)
	}
}

func TestUnusedWaivers(t *testing.T) {
	w := waivers(t, "- rule: run-as-root\n  target: {namespace: shop}\n"+rest+"- rule: run-as-root\n  target: {namespace: web}\n"+rest+"- rule: core/process-uid\n  target: {namespace: shop}\n"+rest)
	now := at(t, "2026-11-22T00:00:00Z")
	failed, passed := declared(), observed()
	passed.Status = finding.Pass
	w.Apply(&failed, now)
	w.Apply(&passed, now)
	got := strings.Join(w.Unused(), "\n")
	want := "w.yaml:9: the waiver of run-as-root covers nothing that failed here\n" +
		"w.yaml:14: the waiver of core/process-uid is not needed here: nothing that it covers has failed"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	core := finding.Rule{ID: "process-uid", Profile: "core"}
	for name, c := range map[string]struct {
		rules []finding.Rule
		want  []string
	}{
		"checks that were run":     {[]finding.Rule{{ID: "run-as-root"}, core}, []string{"w.yaml:9: the waiver of run-as-root covers nothing that failed here"}},
		"checks without this one":  {[]finding.Rule{{ID: "image-latest-tag"}, core}, nil},
		"no checks, only profiles": {[]finding.Rule{core}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			want := append(c.want, "w.yaml:14: the waiver of core/process-uid is not needed here: nothing that it covers has failed")
			if got := w.Unused(c.rules...); !slices.Equal(got, want) {
				t.Errorf("%q, want %q", got, want)
			}
		})
	}
	var none *gate.Waivers
	if none.Apply(&failed, now) || none.Expired(now) != nil || none.Unused() != nil {
		t.Error("no waivers must waive nothing")
	}
}

func TestWaiversConcurrently(t *testing.T) {
	w := waivers(t, "- rule: run-as-root\n  target: {namespace: shop}\n"+rest)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 100 {
				f := declared()
				if !w.Apply(&f, time.Unix(0, 0)) {
					t.Error("not waived")
				}
			}
		})
	}
	group.Wait()
}

func TestWaiverErrors(t *testing.T) {
	const good = "- rule: run-as-root\n  target: {namespace: shop}\n" + rest
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"empty":             {"", []string{"w.yaml: the file is empty"}},
		"a list":            {"- a", []string{"w.yaml:1:1: a waiver file must be keys with values, not a list"}},
		"no version":        {"waivers: []", []string{"w.yaml:1:1: apiVersion is missing: a waiver file says apiVersion: assay.dev/v1alpha1", "w.yaml:1:1: kind is missing: a waiver file says kind: Waivers"}},
		"another version":   {"apiVersion: v2\nkind: Waivers\nwaivers: []", []string{`w.yaml:1:13: apiVersion is "v2", and must be assay.dev/v1alpha1`}},
		"no list":           {"apiVersion: assay.dev/v1alpha1\nkind: Waivers", []string{"waivers is missing"}},
		"unknown key":       {waiverHead + good + "extra: 1", []string{`unknown key "extra"`}},
		"unknown field":     {waiverHead + good + "  until: 2027-01-01\n", []string{`w.yaml:9:3: unknown key "until" in a waiver: use rule, target, reason, owner, expires`}},
		"nothing in it":     {waiverHead + "- {}", []string{"w.yaml:4:3: the waiver has no rule, no target, no reason, no owner, no expires"}},
		"text for a waiver": {waiverHead + "- run-as-root", []string{`a waiver must be keys with values, not the text "run-as-root"`}},
		"no owner":          {waiverHead + strings.Replace(good, "  owner: team@example.com\n", "", 1), []string{"the waiver has no owner"}},
		"empty reason":      {waiverHead + strings.Replace(good, "known", "' '", 1), []string{"w.yaml:6:11: reason is empty"}},
		"no reason":         {waiverHead + strings.Replace(good, "known", "", 1), []string{"reason must be text, not nothing"}},
		"a number":          {waiverHead + strings.Replace(good, "known", "4711", 1), []string{"reason must be text, not 4711: put it into quotes"}},
		"no day":            {waiverHead + strings.Replace(good, "2027-01-31", "next year", 1), []string{"w.yaml:8:12: expires must be a day such as 2027-01-31"}},
		"a day that isn't":  {waiverHead + strings.Replace(good, "2027-01-31", "2027-02-30", 1), []string{"expires must be a day"}},
		"never":             {waiverHead + strings.Replace(good, "2027-01-31", "never", 1), []string{"expires must be a day"}},
		"a rule's pattern":  {waiverHead + strings.Replace(good, "run-as-root", "core/*", 1), []string{"rule must be one rule, not a pattern"}},
		"half a rule":       {waiverHead + strings.Replace(good, "run-as-root", "core/", 1), []string{"rule must be the ID of a check"}},
		"an empty target":   {waiverHead + strings.Replace(good, "namespace: shop", "", 1), []string{"target is empty", `namespace: "*"`}},
		"an empty pattern":  {waiverHead + strings.Replace(good, "namespace: shop", "namespace: ''", 1), []string{"namespace is empty"}},
		"a broken pattern":  {waiverHead + strings.Replace(good, "namespace: shop", "namespace: '[a'", 1), []string{`"[a" is no pattern`}},
		"an unknown target": {waiverHead + strings.Replace(good, "namespace: shop", "pod: shop", 1), []string{`unknown key "pod" in target: use namespace, workload, container, image, labels`}},
		"a text for target": {waiverHead + strings.Replace(good, "{namespace: shop}", "shop", 1), []string{"target must be keys with values"}},
		"an alias":          {waiverHead + "- &a " + strings.TrimPrefix(good, "- ") + "- *a", []string{"an alias (*a)"}},
		"twice":             {waiverHead + good + "  owner: b\n", []string{`"owner" is given twice; the other is in line 7`}},
		"two mistakes":      {waiverHead + "- rule: a\n- rule: b\n", []string{"w.yaml:4:3", "w.yaml:5:3"}},
		"broken YAML":       {waiverHead + "- rule: 'a", []string{"w.yaml:", "not valid YAML"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := gate.ParseWaivers("w.yaml", strings.NewReader(c.text))
			for _, part := range c.want {
				if err == nil || !strings.Contains(err.Error(), part) {
					t.Errorf("%v\ndoes not say %q", err, part)
				}
			}
		})
	}
}

func FuzzWaivers(f *testing.F) {
	f.Add(waiverHead + "- rule: run-as-root\n  target: {namespace: 'sh*'}\n" + rest)
	f.Add(waiverHead + "- rule: core/process-uid\n  target: {image: 'ghcr.io/*', workload: 'D*/c[a-z]rt'}\n" + rest)
	f.Add(waiverHead + "- &a [*a]")
	f.Add(waiverHead + "- rule: run-as-root\n  target: {labels: 'app in (cart, shop),tier!=db,!canary'}\n" + rest)
	f.Add(waiverHead + "- rule: run-as-root\n  target: {labels: {app: cart, tier: ''}}\n" + rest)
	now := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text string) {
		w, err := gate.ParseWaivers("w.yaml", strings.NewReader(text))
		if err != nil {
			if !strings.HasPrefix(err.Error(), "w.yaml:") && !strings.HasPrefix(err.Error(), "reading w.yaml: ") {
				t.Errorf("%q does not begin with the file", err)
			}
			return
		}
		labelled := declared()
		labelled.Labels = map[string]string{"app": "cart", "tier": "web"}
		for _, v := range []finding.Finding{observed(), declared(), labelled} {
			if w.Apply(&v, now) && (v.Waiver.Owner == "" || v.Waiver.Reason == "" || v.Waiver.Expires == "") {
				t.Errorf("waived by %+v", v.Waiver)
			}
		}
		_ = fmt.Sprint(w.Expired(now), w.Unused(), w.Unknown(finding.Rule{ID: "run-as-root"}), w)
	})
}
