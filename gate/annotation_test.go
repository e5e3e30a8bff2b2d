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

const signed = "{reason: by hand only, owner: team@example.com, expires: 2027-01-31}"

// annotated is a finding about an object that carries a waiver of its check.
func annotated(value string) finding.Finding {
	f := declared()
	f.Annotations = map[string]string{"waive.assay.dev/run-as-root": value}
	f.NamespaceLabels = map[string]string{"team": "platform"}
	return f
}

func namespaces(t *testing.T, s string) *gate.Namespaces {
	t.Helper()
	n, err := gate.ParseNamespaces(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func accepting(t *testing.T, selector string) *gate.Annotations {
	t.Helper()
	return &gate.Annotations{Accept: namespaces(t, selector), Rules: []finding.Rule{{ID: "run-as-root"}, {ID: "image-latest-tag"}}}
}

func TestAnnotations(t *testing.T) {
	now := at(t, "2026-11-22T12:00:00Z")
	for name, c := range map[string]struct {
		value  string
		change func(*finding.Finding)
		want   bool
	}{
		"one line":     {signed, nil, true},
		"JSON":         {`{"reason": "by hand only", "owner": "team@example.com", "expires": "2027-01-31"}`, nil, true},
		"several":      {"reason: by hand only\nowner: team@example.com\nexpires: 2027-01-31\n", nil, true},
		"a container":  {"{container: app, " + signed[1:], nil, true},
		"a pattern":    {"{container: 'a*', " + signed[1:], nil, true},
		"another one":  {"{container: db, " + signed[1:], nil, false},
		"a pass":       {signed, func(f *finding.Finding) { f.Status = finding.Pass }, false},
		"an error":     {signed, func(f *finding.Finding) { f.Status = finding.Error }, false},
		"not reviewed": {signed, func(f *finding.Finding) { f.Status = finding.NotReviewed }, true},
		"another check": {signed, func(f *finding.Finding) {
			f.Annotations = map[string]string{"waive.assay.dev/image-latest-tag": signed}
		}, false},
		"a control": {signed, func(f *finding.Finding) { f.Check, f.Control, f.Profile = "", "run-as-root", "core" }, false},
		"not ours": {signed, func(f *finding.Finding) {
			f.Annotations = map[string]string{"waive.example.com/run-as-root": signed}
		}, false},
		"another namespace": {signed, func(f *finding.Finding) { f.NamespaceLabels = map[string]string{"team": "shop"} }, false},
		"unknown labels":    {signed, func(f *finding.Finding) { f.NamespaceLabels = nil }, false},
		"of the whole pod":  {"{container: app, " + signed[1:], func(f *finding.Finding) { f.Container = "" }, false},
		"of a namespace": {signed, func(f *finding.Finding) {
			f.Workload = finding.Workload{APIVersion: "v1", Kind: "Namespace", Name: "shop"}
		}, true},
		"of what is in none":  {signed, func(f *finding.Finding) { f.Workload.Namespace = "" }, false},
		"expired":             {strings.Replace(signed, "2027", "2025", 1), nil, false},
		"not a waiver at all": {"true", nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			a := accepting(t, "team=platform")
			f := annotated(c.value)
			if c.change != nil {
				c.change(&f)
			}
			status := f.Status
			if got := a.Apply(&f, now); got != c.want || (f.Waiver != nil) != c.want || f.Status != status {
				t.Errorf("waived: %v, want %v (%+v, %s)", got, c.want, f.Waiver, f.Status)
			}
			if want := (finding.Waiver{Reason: "by hand only", Owner: "team@example.com", Expires: "2027-01-31", Annotation: "waive.assay.dev/run-as-root"}); c.want && *f.Waiver != want {
				t.Errorf("%+v", *f.Waiver)
			}
		})
	}
}

func TestAWaiverFileComesFirst(t *testing.T) {
	now := at(t, "2026-11-22T12:00:00Z")
	a, f := accepting(t, "*"), annotated(signed)
	waivers(t, "- rule: run-as-root\n  target: {namespace: shop}\n"+rest).Apply(&f, now)
	if a.Apply(&f, now) || f.Waiver.Reason != "known" {
		t.Errorf("%+v", f.Waiver)
	}
	if notes := a.Notes(a.Rules...); notes != nil {
		t.Errorf("it covers a failure: %q", notes)
	}
}

func TestNamespaces(t *testing.T) {
	labels := map[string]string{"team": "platform", "kubernetes.io/metadata.name": "kube-system"}
	for _, c := range []struct {
		selector, namespace string
		labels              map[string]string
		want                bool
	}{
		{"*", "shop", nil, true},
		{"*", "", nil, true},
		{"team=platform", "shop", labels, true},
		{"team", "shop", labels, true},
		{"team!=shop", "shop", labels, true},
		{"team!=shop", "shop", nil, false}, // nobody knows
		{"!team", "shop", nil, false},
		{"!team", "shop", map[string]string{}, true},
		{"team=platform", "", labels, false},
		{"kubernetes.io/metadata.name=shop", "shop", nil, true},
		{"kubernetes.io/metadata.name=shop", "shop", labels, true}, // not what the labels claim
		{"kubernetes.io/metadata.name=kube-system", "shop", labels, false},
		{"kubernetes.io/metadata.name!=kube-system", "shop", nil, true},
		{"kubernetes.io/metadata.name in (web, shop),team=platform", "shop", labels, true},
		{"kubernetes.io/metadata.name in (web, shop),team=platform", "shop", nil, false},
	} {
		if got := namespaces(t, c.selector).Selects(c.namespace, c.labels); got != c.want {
			t.Errorf("%s selects %q (%v): %v, want %v", c.selector, c.namespace, c.labels, got, c.want)
		}
	}
	var none *gate.Namespaces
	if none.Selects("shop", labels) {
		t.Error("no selector must select nothing")
	}
	for _, bad := range []string{"", " ", "team=~x", "**", "a in (b", strings.Repeat("x", 10_000) + "=~"} {
		if _, err := gate.ParseNamespaces(bad); err == nil || len(err.Error()) > 500 {
			t.Errorf("%.20q: %v", bad, err)
		}
	}
}

func TestBadAnnotations(t *testing.T) {
	now := at(t, "2026-11-22T12:00:00Z")
	for name, c := range map[string]struct {
		key, value string
		want       []string
	}{
		"empty":          {"run-as-root", "", []string{"it is empty", "write {reason: WHY"}},
		"a word":         {"run-as-root", "true", []string{"a waiver must be keys with values, not true"}},
		"no owner":       {"run-as-root", "{reason: x, expires: 2027-01-31}", []string{"the waiver has no owner"}},
		"nothing in it":  {"run-as-root", "{}", []string{"no reason, no owner, no expires"}},
		"an empty owner": {"run-as-root", "{reason: x, owner: ' ', expires: 2027-01-31}", []string{"owner is empty"}},
		"no day":         {"run-as-root", "{reason: x, owner: y, expires: soon}", []string{"expires must be a day"}},
		"unknown key":    {"run-as-root", "{until: x, " + signed[1:], []string{`unknown key "until" in a waiver: use reason, owner, expires, container`}},
		"a target":       {"run-as-root", "{target: x, " + signed[1:], []string{`unknown key "target"`}},
		"twice":          {"run-as-root", "{owner: x, " + signed[1:], []string{`"owner" is given twice`}},
		"a pattern":      {"run-as-root", "{container: '[', " + signed[1:], []string{"is no pattern"}},
		"broken YAML":    {"run-as-root", "{reason: 'x", []string{"not valid YAML"}},
		"an alias":       {"run-as-root", "{reason: &a x, owner: *a, expires: 2027-01-31}", []string{"an alias (*a)"}},
		"a bomb":         {"run-as-root", strings.Repeat("[", 4000), []string{"its text"}},
		"very long":      {"run-as-root", "reason: " + strings.Repeat("x", 5000), []string{"it is longer than 4 KiB"}},
		"no such check":  {"run-as-rot", signed, []string{`there is no check "run-as-rot" (did you mean run-as-root?)`}},
		"no check":       {"", signed, []string{`there is no check ""`}},
		"expired":        {"run-as-root", strings.Replace(signed, "2027", "2025", 1), []string{"the waiver by team@example.com in its annotation waive.assay.dev/run-as-root expired (2025-01-31)"}},
	} {
		t.Run(name, func(t *testing.T) {
			a, f := accepting(t, "team"), declared()
			f.Annotations = map[string]string{"waive.assay.dev/" + c.key: c.value}
			f.NamespaceLabels = map[string]string{"team": "platform"}
			other := f // of the same object
			other.Check, other.Container = "image-latest-tag", "b"
			for _, x := range []*finding.Finding{&f, &other} {
				if a.Apply(x, now) {
					t.Errorf("waived by %+v", x.Waiver)
				}
			}
			got := a.Violations()
			if len(got) != 1 || !strings.HasPrefix(got[0].String(), "Deployment/cart in namespace shop: ") {
				t.Fatalf("violations: %q", got)
			}
			for _, part := range c.want {
				if !strings.Contains(got[0].String(), part) {
					t.Errorf("%q\ndoes not say %q", got[0], part)
				}
			}
			if code := gate.ExitCode(finding.Summary{Complete: true}, gate.Policy{FailOn: gate.None, Violations: got}); code != gate.Failed {
				t.Errorf("exit code %d", code)
			}
		})
	}
}

func TestAnnotationsThatDoNotCount(t *testing.T) {
	now := at(t, "2026-11-22T12:00:00Z")
	for name, c := range map[string]struct {
		a      *gate.Annotations
		labels map[string]string
		want   []string
	}{
		"nobody asked": {&gate.Annotations{}, nil, []string{
			"3 objects carry waivers that were not accepted, such as Deployment/cart-0 in namespace shop: --accept-annotations says in which namespaces they count"}},
		"elsewhere": {accepting(t, "team=shop"), map[string]string{"team": "platform"}, []string{
			"3 objects carry waivers that were not accepted, such as Deployment/cart-0 in namespace shop: --accept-annotations says in which namespaces they count"}},
		"labels are not known": {accepting(t, "team"), nil, []string{
			"3 objects carry waivers that were not accepted, such as Deployment/cart-0 in namespace shop: --accept-annotations says in which namespaces they count (the labels of the namespaces of 3 of them are not known)"}},
	} {
		t.Run(name, func(t *testing.T) {
			for range 2 { // also when they come again later
				for i := range 3 {
					f := annotated("whatever")
					f.Workload.Name, f.NamespaceLabels = fmt.Sprintf("cart-%d", i), c.labels
					if c.a.Apply(&f, now) {
						t.Errorf("waived by %+v", f.Waiver)
					}
				}
			}
			if got := c.a.Notes(); !slices.Equal(got, c.want) {
				t.Errorf("notes: %q", got)
			}
			if v := c.a.Violations(); v != nil {
				t.Errorf("what does not count violates nothing: %v", v)
			}
		})
	}
	one := &gate.Annotations{}
	f := annotated(signed)
	one.Apply(&f, now)
	if got := one.Notes(); len(got) != 1 || !strings.HasPrefix(got[0], "Deployment/cart in namespace shop carries waivers that were not accepted: ") {
		t.Errorf("notes: %q", got)
	}
	var none *gate.Annotations
	if none.Apply(&f, now) || none.Notes() != nil || none.Violations() != nil {
		t.Error("no annotations must waive nothing")
	}
}

func TestAnnotationsThatAreNotNeeded(t *testing.T) {
	now := at(t, "2026-11-22T12:00:00Z")
	a := accepting(t, "*")
	passed, elsewhere, needed := annotated(signed), annotated("{container: db, "+signed[1:]), annotated(signed)
	passed.Status, passed.Workload.Name, elsewhere.Workload.Name = finding.Pass, "a", "b"
	for _, f := range []*finding.Finding{&passed, &elsewhere, &needed} {
		a.Apply(f, now)
	}
	want := []string{
		"Deployment/a in namespace shop: its annotation waive.assay.dev/run-as-root is not needed here: nothing that it covers has failed",
		"Deployment/b in namespace shop: its annotation waive.assay.dev/run-as-root covers nothing that failed here",
	}
	if got := a.Notes(a.Rules...); !slices.Equal(got, want) {
		t.Errorf("notes: %q", got)
	}
	if got := a.Notes(finding.Rule{ID: "image-latest-tag"}); got != nil {
		t.Errorf("the check was not asked: %q", got)
	}
}

func TestManyAnnotations(t *testing.T) {
	now := at(t, "2026-11-22T12:00:00Z")
	a := accepting(t, "*")
	for i := range 1000 {
		f := annotated("nonsense")
		f.Workload.Name = fmt.Sprint(i)
		a.Apply(&f, now)
	}
	got := a.Violations()
	if len(got) != 21 || !strings.Contains(got[20].String(), "980 more") {
		t.Errorf("%d violations, the last %q", len(got), got[len(got)-1])
	}
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 100 {
				f := annotated(signed)
				if !a.Apply(&f, now) {
					t.Error("not waived")
				}
			}
		})
	}
	group.Wait()
}

func TestTwoObjectsOfOneName(t *testing.T) {
	now := at(t, "2026-11-22T12:00:00Z")
	a := accepting(t, "*")
	for range 3 {
		with, without, other := annotated(signed), declared(), annotated(strings.Replace(signed, "by hand", "by night", 1))
		if !a.Apply(&with, now) || a.Apply(&without, now) || !a.Apply(&other, now) || other.Waiver.Reason != "by night only" {
			t.Errorf("%+v, %+v, %+v", with.Waiver, without.Waiver, other.Waiver)
		}
	}
}

func FuzzAnnotations(f *testing.F) {
	f.Add("run-as-root", signed, "team=platform")
	f.Add("run-as-root", "reason: a\nowner: b\nexpires: 2027-01-31\ncontainer: 'a*'", "*")
	f.Add("profile/control", signed, "*") // no key of an object in a cluster
	f.Add("run-as-rot", "{reason: &a x, owner: *a}", "!team,kubernetes.io/metadata.name in (shop)")
	now := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, check, value, selector string) {
		n, err := gate.ParseNamespaces(selector)
		if err != nil {
			return
		}
		a := &gate.Annotations{Accept: n, Rules: []finding.Rule{{ID: "run-as-root"}}}
		x := declared()
		x.Annotations, x.NamespaceLabels = map[string]string{"waive.assay.dev/" + check: value}, map[string]string{"team": "platform"}
		waived := a.Apply(&x, now)
		if waived && (x.Waiver.Owner == "" || x.Waiver.Reason == "" || x.Waiver.Expires == "" || check != "run-as-root") {
			t.Errorf("waived by %+v", x.Waiver)
		}
		// It is waived, or somebody is told why not.
		if !waived && len(a.Violations()) == 0 && len(a.Notes(a.Rules...)) == 0 {
			t.Errorf("%q: %q with %q waives nothing, and nobody is told", check, value, selector)
		}
	})
}
