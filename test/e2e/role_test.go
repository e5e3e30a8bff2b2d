package e2e

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubeassay/assay/finding"
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
		report := c.scan(t, account.flags(), "--fail-on", "none").exits(t, 0).report(t)
		wantComplete(t, report, true)
		wantVerdicts(t, report, a, want...)
		wantVerdicts(t, report, b, "Pod/idle-0 app run-as-root fail medium declared 1/1")
		asked, refused := used(account.events(t, report.Access.APICalls))
		wantPermissions(t, "refused", nil, refused)
		wantPermissions(t, "used", granted, asked)
		t.Run("in a pod", func(t *testing.T) { scanInPod(t, startOnNode(t), a, want) })
	})
	t.Run("of two namespaces", func(t *testing.T) {
		account, granted := c.grantPlan(t, "-n", a, "-n", b)
		report := c.scan(t, account.flags(), "-n", b, "-n", a).exits(t, 0).report(t)
		wantComplete(t, report, true)
		wantGaps(t, report)
		wantVerdicts(t, report, a, want...)
		wantVerdicts(t, report, b, "Pod/idle-0 app run-as-root fail medium declared 1/1")
		asked, refused := used(account.events(t, report.Access.APICalls))
		wantPermissions(t, "refused", nil, refused)
		wantPermissions(t, "used", granted, asked)
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

// TestNothingInThePlanIsSpare takes each permission away from the role, one at a time.
func TestNothingInThePlanIsSpare(t *testing.T) {
	t.Parallel()
	c := start(t)
	ns := c.namespace(t, "e2e-spare-")
	c.deployment(t, ns, "web", 1)
	plan := permissionsIn(t, c.assay(t, flags([]string{"scan", "--plan", "-o", "yaml", "-q"}, c.admin())...).exits(t, 0).stdout)
	if len(plan) < 10 {
		t.Fatalf("the plan is %v", plan)
	}
	for _, missing := range plan {
		t.Run("without "+strings.ReplaceAll(missing.String(), " ", "-"), func(t *testing.T) {
			t.Parallel()
			a := c.account(t, ns, "without-"+missing.resource)
			for _, p := range plan {
				if p != missing {
					a.grant(t, "", p.rule())
				}
			}
			r := c.scan(t, a.flags())
			report := r.report(t)
			_, refused := used(a.events(t, report.Access.APICalls))
			if !slices.ContainsFunc(refused, func(p permission) bool { return p.resource == missing.resource }) {
				t.Errorf("nothing was refused, so %v was not used", missing)
			}
			checkWithout(t, r, report, missing)
		})
	}
}

// checkWithout checks what a scan says that lacked one permission.
func checkWithout(t *testing.T, r *result, report *finding.Report, missing permission) {
	t.Helper()
	kind := missing.resource
	if missing.group != "" {
		kind += "." + missing.group
	}
	switch kind {
	case "nodes":
		// It is for telling digests apart, and said where that matters.
		wantComplete(t, report, true)
	case "namespaces":
		wantComplete(t, report, false)
		wantGap(t, report, "kind/namespaces forbidden")
		r.exits(t, 2)
	case "pods":
		wantComplete(t, report, false)
		wantGap(t, report, "cluster forbidden")
		r.exits(t, 2)
	default:
		wantComplete(t, report, true)
		wantGap(t, report, "kind/"+kind+" owner-unresolved")
	}
}
