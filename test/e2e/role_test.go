package e2e

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check/builtin"
)

// The printed roles are for this account; a cluster can have it only once.
const (
	planNamespace = "assay"
	planAccount   = "assay-scan"
)

// TestPrintedRole grants exactly what --plan prints, and scans with nothing
// more: inside a pod, from outside, and in some namespaces only. The API
// server's own audit log tells whether it was too little or too much.
func TestPrintedRole(t *testing.T) {
	t.Parallel()
	c := start(t)
	// Whoever scans a cluster must not be an exception to its rules.
	c.namespace(t, planNamespace, "pod-security.kubernetes.io/enforce=restricted")
	a, b := c.namespace(t, "e2e-plan-"), c.namespace(t, "e2e-plan-")
	c.deployment(t, a, "web", 2)
	c.idlePods(t, b, 1)
	want := []string{"Deployment/web app run-as-root fail medium declared 2/2"}

	t.Run("of the whole cluster", func(t *testing.T) {
		account, granted := c.grantPlan(t)
		// Other tests' pods are in it too, so nothing fails by what is found.
		report := c.scanWide(t, account.flags(), "--fail-on", "none").exits(t, 0).report(t)
		wantComplete(t, report, true)
		wantVerdicts(t, ofFew(report), a, want...)
		wantVerdicts(t, ofFew(report), b, "Pod/idle-0 app run-as-root fail medium declared 1/1")
		wantExactly(t, account, report.Access.APICalls, granted)
		t.Run("in a pod", func(t *testing.T) { scanInPod(t, startOnNode(t), a, want) })
	})
	t.Run("of two namespaces", func(t *testing.T) {
		account, granted := c.grantPlan(t, "-n", a, "-n", b)
		report := c.scanWide(t, account.flags(), "-n", b, "-n", a).exits(t, 0).report(t)
		wantComplete(t, report, true)
		wantGaps(t, report)
		wantVerdicts(t, ofFew(report), a, want...)
		wantVerdicts(t, ofFew(report), b, "Pod/idle-0 app run-as-root fail medium declared 1/1")
		wantExactly(t, account, report.Access.APICalls, granted)
		for _, p := range granted {
			if p.namespace == "" && p.resource != "nodes" {
				t.Errorf("to scan two namespaces, the plan wants in all of them: %v", p)
			}
		}
		// What it allows here, it allows nowhere else.
		c.scan(t, account.flags(), "-n", planNamespace).exits(t, 2)
	})
}

// grantPlan applies the printed roles as they are, and returns what they allow.
func (c *cluster) grantPlan(t *testing.T, args ...string) (*account, []permission) {
	t.Helper()
	roles := c.assay(t, flags([]string{"scan", "--plan", "-o", "yaml", "-q"}, c.admin(), args)...).exits(t, 0).stdout
	account := c.account(t, planNamespace, planAccount)
	c.apply(t, "", roles)
	granted := permissionsIn(t, roles)
	for _, p := range granted {
		account.awaitAllowed(t, p)
	}
	return account, granted
}

// wantExactly wants that an account has used all of its permissions, and asked
// for nothing else, by the API server's own audit log.
func wantExactly(t *testing.T, a *account, calls int, granted []permission) {
	t.Helper()
	events := a.events(t, calls)
	asked, refused := used(events)
	// A kind that the server does not have, it need not be asked for twice.
	granted = slices.DeleteFunc(slices.Clone(granted), func(p permission) bool {
		return !slices.Contains(asked, p) && slices.ContainsFunc(events, func(e event) bool {
			return e.ResponseStatus.Code == http.StatusNotFound && e.permission().kind() == p.kind() && e.Verb == p.verb
		})
	})
	wantPermissions(t, "refused", nil, refused)
	wantPermissions(t, "used", granted, asked)
}

func wantPermissions(t *testing.T, what string, want, got []permission) {
	t.Helper()
	text := func(all []permission) (lines []string) {
		for _, p := range sorted(slices.Clone(all)) {
			lines = append(lines, p.String())
		}
		return lines
	}
	if d := cmp.Diff(text(want), text(got)); d != "" {
		t.Errorf("permissions %s (-want +got):\n%s", what, d)
	}
}

// TestNothingInThePlanIsSpare takes each permission away from the role, one at
// a time. It is not beside other tests: it reads all of the cluster many times.
func TestNothingInThePlanIsSpare(t *testing.T) {
	c := start(t)
	ns := c.namespace(t, "e2e-spare-")
	c.deployment(t, ns, "web", 1)
	plan := permissionsIn(t, c.assay(t, flags([]string{"scan", "--plan", "-o", "yaml", "-q"}, c.admin())...).exits(t, 0).stdout)
	if len(plan) < 10 {
		t.Fatalf("the plan is %v", plan)
	}
	whole := c.scanWide(t, c.admin(), spareFlags...).report(t)
	wantComplete(t, whole, true)
	wantGaps(t, whole)
	for _, missing := range plan {
		t.Run("without "+strings.ReplaceAll(missing.String(), " ", "-"), func(t *testing.T) {
			t.Parallel()
			a := c.account(t, ns, strings.TrimSuffix("without-"+missing.resource+"."+missing.group, "."))
			var rules []rbacv1.PolicyRule
			for _, p := range plan {
				if p != missing {
					rules = append(rules, p.rule())
				}
			}
			a.grant(t, "", rules...)
			r := c.scanWide(t, a.flags(), spareFlags...)
			report := r.report(t)
			_, refused := used(a.events(t, report.Access.APICalls))
			if !slices.ContainsFunc(refused, func(p permission) bool { return p.resource == missing.resource && p.group == missing.group }) {
				t.Errorf("nothing was refused, so %v was not used", missing)
			}
			checkWithout(t, ns, r, report, missing)
			if missing.resource != "pods" && missing.resource != "namespaces" && !slices.Contains(ownerKinds, missing.kind()) {
				checkUnreviewed(t, ns, whole, report, missing)
			}
		})
	}
}

var spareFlags = []string{"--status", "fail,error,not-reviewed", "--fail-on", "none"}

// checkWithout checks what a scan says that lacked one permission.
func checkWithout(t *testing.T, namespace string, r *result, report *finding.Report, missing permission) {
	t.Helper()
	switch kind := missing.kind(); {
	case kind == "nodes":
		// It is also for telling digests apart, which is said where that matters.
		wantComplete(t, report, true)
		r.exits(t, 0)
	case kind == "namespaces":
		wantComplete(t, report, false)
		wantGap(t, report, "kind/namespaces forbidden")
		r.exits(t, 2)
	case kind == "pods":
		wantComplete(t, report, false)
		wantGap(t, report, "cluster forbidden")
		r.exits(t, 2)
	case slices.Contains(ownerKinds, kind):
		wantComplete(t, report, true)
		wantGap(t, report, "kind/"+kind+" owner-unresolved")
	default:
		wantComplete(t, report, true)
		// What is needed beyond a namespace may be asked for in each of them then.
		if g := gaps(report); !slices.Contains(g, "kind/"+kind+" not-reviewed") && !slices.Contains(g, "namespace/"+namespace+"/"+kind+" not-reviewed") {
			t.Errorf("coverage: %+v", report.Coverage)
		}
		r.exits(t, 0)
	}
}

// checkUnreviewed wants that exactly the checks that need a kind are
// not-reviewed without it, and that the others say what they say with it.
func checkUnreviewed(t *testing.T, namespace string, whole, report *finding.Report, missing permission) {
	t.Helper()
	need, may := map[string]bool{}, map[string]bool{}
	for _, c := range builtin.Default() {
		for _, k := range c.Kinds {
			if g := resourceOf(k.WithVersion("v1")).GroupResource(); g.Group == missing.group && g.Resource == missing.resource {
				need[c.ID], may[c.ID] = !c.KnowsGaps, true
			}
		}
	}
	here := func(r *finding.Report) (unreviewed map[string]bool, others []string) {
		unreviewed = map[string]bool{}
		for i := range r.Findings {
			f := &r.Findings[i]
			switch about := f.Workload; {
			case about.Namespace != namespace && about.Kind != "Cluster":
			case f.Status == finding.NotReviewed:
				unreviewed[f.Check] = true
			case !may[f.Check]:
				others = append(others, verdict(f))
			}
		}
		slices.Sort(others)
		return unreviewed, others
	}
	before, said := here(whole)
	after, says := here(report)
	for _, c := range builtin.Default() {
		switch changed := after[c.ID] && !before[c.ID]; {
		case need[c.ID] && !after[c.ID]:
			t.Errorf("%s needs %s, and is reviewed without", c.ID, missing.kind())
		case changed && !may[c.ID]:
			t.Errorf("%s does not need %s, and is not reviewed without", c.ID, missing.kind())
		}
	}
	if d := cmp.Diff(said, says); d != "" {
		t.Errorf("what the other checks say (-with +without):\n%s", d)
	}
}
