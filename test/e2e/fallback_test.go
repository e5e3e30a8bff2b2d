package e2e

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kubeassay/assay/finding"
)

// two are two namespaces with the same Deployment in each, and a third that is empty.
type two struct{ a, b, empty string }

func (c *cluster) two(t *testing.T) two {
	t.Helper()
	ns := two{c.namespace(t, "e2e-a-"), c.namespace(t, "e2e-b-"), c.namespace(t, "e2e-empty-")}
	c.deployment(t, ns.a, "web", 1)
	c.deployment(t, ns.b, "web", 1)
	return ns
}

const (
	webOfDeployment = "Deployment/web app run-as-root fail medium declared 1/1"
	readsNothing    = "Nothing was judged: no container could be looked at."
)

// TestSomeNamespaces: an account that may list namespaces, and pods in one of them.
func TestSomeNamespaces(t *testing.T) {
	t.Parallel()
	c := start(t)
	ns := c.two(t)
	a := c.account(t, ns.a, "scanner")
	a.grant(t, "", allow("list", "namespaces")...)
	a.grant(t, ns.a, allow("list", append(slices.Clone(ownerKinds), "pods")...)...)

	report := c.scan(t, a.flags()).exits(t, 2).report(t)
	wantComplete(t, report, false)
	wantVerdicts(t, report, ns.a, webOfDeployment)
	wantVerdicts(t, report, ns.b)
	wantGap(t, report, "namespace/"+ns.b+" forbidden")
	wantGap(t, report, "namespace/kube-system forbidden")
	if slices.Contains(gaps(report), "namespace/"+ns.a+" forbidden") || report.Summary.Pods != 1 || report.Summary.Namespaces != 1 {
		t.Errorf("%d pods in %d namespaces, want one in one; coverage %+v", report.Summary.Pods, report.Summary.Namespaces, report.Coverage)
	}
	// Named alone, the namespace that may be read is all there is to read.
	report = c.scan(t, a.flags(), "-n", ns.a).exits(t, 0).report(t)
	wantComplete(t, report, true)
	wantGaps(t, report)
	report = c.scan(t, a.flags(), "-n", ns.a, "-n", ns.b).exits(t, 2).report(t)
	wantComplete(t, report, false)
	wantVerdicts(t, report, ns.a, webOfDeployment)
	wantGap(t, report, "namespace/"+ns.b+" forbidden")

	plan := c.assay(t, flags([]string{"scan", "--plan"}, few, a.flags())...).exits(t, 2).stdout
	wantLine(t, plan, ns.a, "pods")
	wantLine(t, plan, ns.b, "-  ")
	if !strings.Contains(plan, "A scan would not be complete") {
		t.Error(plan)
	}
	plan = c.assay(t, flags([]string{"scan", "--plan", "-n", ns.a}, few, a.flags())...).exits(t, 0).stdout
	if !strings.Contains(plan, "A scan would be complete") {
		t.Error(plan)
	}
}

// wantLine wants a line that begins with a word and holds a text.
func wantLine(t *testing.T, text, word, holds string) {
	t.Helper()
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, word+" ") && strings.Contains(line, holds) {
			return
		}
	}
	t.Errorf("no line for %s with %q in:\n%s", word, holds, text)
}

// TestNothingPermitted: what could not be looked at is never "all is well".
func TestNothingPermitted(t *testing.T) {
	t.Parallel()
	c := start(t)
	ns := c.two(t)
	a := c.account(t, ns.a, "nobody")
	r := c.scan(t, a.flags()).exits(t, 2)
	report := r.report(t)
	wantComplete(t, report, false)
	wantGap(t, report, "kind/namespaces forbidden")
	if len(report.Findings) > 0 || report.Summary.Pods > 0 {
		t.Errorf("%v", r)
	}
	table := c.assay(t, flags([]string{"scan"}, few, a.flags())...).exits(t, 2).stdout
	// Without findings, the summary is all there is.
	if !strings.HasPrefix(strings.TrimSpace(table), "INCOMPLETE") {
		t.Errorf("the summary does not begin with what was not seen:\n%s", table)
	}
	if !strings.Contains(table, readsNothing) || strings.Contains(table, "Nothing was found") {
		t.Errorf("the summary takes not seen for not there:\n%s", table)
	}
	for _, args := range [][]string{{"-n", ns.a}, {"-n", ns.a, "-n", ns.b}, {"--kinds", "deployments"}} {
		report := c.scan(t, a.flags(), args...).exits(t, 2).report(t)
		wantComplete(t, report, false)
	}
	plan := c.assay(t, flags([]string{"scan", "--plan"}, few, a.flags())...).exits(t, 2).stdout
	if strings.Contains(plan, "yes") || !strings.Contains(plan, "A scan would not be complete") {
		t.Error(plan)
	}
}

// TestOwnersForbidden: pods are judged, under the owner that they name themselves.
func TestOwnersForbidden(t *testing.T) {
	t.Parallel()
	c := start(t)
	ns := c.two(t)
	a := c.account(t, ns.a, "podsonly")
	a.grant(t, "", allow("list", "namespaces", "pods")...)
	report := c.scan(t, a.flags(), "-n", ns.a).exits(t, 0).report(t)
	wantComplete(t, report, true)
	wantGap(t, report, "namespace/"+ns.a+"/replicasets.apps owner-unresolved")
	wantGap(t, report, "namespace/"+ns.a+"/deployments.apps owner-unresolved")
	if len(report.Findings) != 1 {
		t.Fatalf("findings: %+v", report.Findings)
	}
	w := report.Findings[0].Workload
	if w.Kind != "ReplicaSet" || w.APIVersion != "apps/v1" || !strings.HasPrefix(w.Name, "web-") {
		t.Errorf("the workload is %+v, want the ReplicaSet that owns the pod", w)
	}
	// Kinds that are asked for by name are what the scan is about.
	report = c.scan(t, a.flags(), "-n", ns.a, "--kinds", "pods,deployments").exits(t, 2).report(t)
	wantComplete(t, report, false)
	wantGap(t, report, "namespace/"+ns.a+"/deployments.apps forbidden")
}

// TestContextNamespace: who may not list namespaces gets the one of the kubeconfig's context.
func TestContextNamespace(t *testing.T) {
	t.Parallel()
	c := start(t)
	ns := c.two(t)
	a := c.account(t, ns.b, "local")
	a.grant(t, ns.b, allow("list", append(slices.Clone(ownerKinds), "pods")...)...)
	kubeconfig := writeFile(t, filepath.Join(t.TempDir(), "config"), fmt.Sprintf(`
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "https://%s", certificate-authority: "%s"}}]
users: [{name: u, user: {token: "%s"}}]
contexts: [{name: here, context: {cluster: c, user: u, namespace: %s}}]
current-context: here
`, c.address, c.caFile, a.token, ns.b))
	r := c.scan(t, []string{"--kubeconfig", kubeconfig}).exits(t, 2)
	if !strings.Contains(r.stderr, "context here") {
		t.Errorf("how it connected is not said: %s", r.stderr)
	}
	report := r.report(t)
	wantComplete(t, report, false)
	wantGap(t, report, "kind/namespaces forbidden")
	wantVerdicts(t, report, ns.b, webOfDeployment)
	if report.Summary.Pods != 1 {
		t.Errorf("%d pods, want one", report.Summary.Pods)
	}
	// Who names it has asked for no more.
	wantComplete(t, c.scan(t, []string{"--kubeconfig", kubeconfig}, "-n", ns.b).exits(t, 0).report(t), true)
}

// TestNamesOfNamespaces: a namespace that does not exist is not an empty one.
func TestNamesOfNamespaces(t *testing.T) {
	t.Parallel()
	c := start(t)
	ns := c.two(t)
	report := c.scan(t, c.admin(), "-n", "e2e-does-not-exist").exits(t, 2).report(t)
	wantComplete(t, report, false)
	wantGaps(t, report, "namespace/e2e-does-not-exist not-found")
	report = c.scan(t, c.admin(), "-n", "e2e-does-not-exist", "-n", ns.a).exits(t, 2).report(t)
	wantGaps(t, report, "namespace/e2e-does-not-exist not-found")
	wantVerdicts(t, report, ns.a, webOfDeployment)
	report = c.scan(t, c.admin(), "-n", ns.empty).exits(t, 0).report(t)
	wantComplete(t, report, true)
	wantGaps(t, report)
	// An account that may not ask whether it exists can't tell it from an empty one.
	a := c.account(t, ns.a, "blind")
	a.grant(t, "", allow("list", append(slices.Clone(ownerKinds), "pods")...)...)
	report = c.scan(t, a.flags(), "-n", "e2e-does-not-exist").exits(t, 2).report(t)
	wantComplete(t, report, false)
	wantGap(t, report, "namespace/e2e-does-not-exist unreadable")
	report = c.scan(t, c.admin(), "--exclude-namespace", ns.a).report(t)
	wantVerdicts(t, report, ns.a)
	wantVerdicts(t, report, ns.b, webOfDeployment)
}

// TestImpersonation: --as sees what the other one sees.
func TestImpersonation(t *testing.T) {
	t.Parallel()
	c := start(t)
	ns := c.two(t)
	a := c.account(t, ns.a, "other")
	a.grant(t, ns.a, allow("list", append(slices.Clone(ownerKinds), "pods")...)...)
	as := flags(c.admin(), []string{"--as", a.user()})
	wantComplete(t, c.scan(t, as, "-n", ns.a).exits(t, 0).report(t), true)
	report := c.scan(t, as, "-n", ns.a, "-n", ns.b).exits(t, 2).report(t)
	wantVerdicts(t, report, ns.a, webOfDeployment)
	wantGap(t, report, "namespace/"+ns.b+" forbidden")
	detail := ""
	for _, g := range report.Coverage {
		if g.State == finding.Forbidden && g.Scope == "namespace/"+ns.b {
			detail = g.Detail
		}
	}
	if !strings.Contains(detail, a.user()) {
		t.Errorf("who was refused is not said: %q", detail)
	}
	// A group can have the permission, too.
	group := flags(as, []string{"--as-group", "system:masters"})
	wantComplete(t, c.scan(t, group, "-n", ns.b).exits(t, 0).report(t), true)
}
