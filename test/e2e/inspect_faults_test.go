package e2e

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/inspect/collect"
	"github.com/kubeassay/assay/inspect/snapshot"
)

// afterTheLook holds the last request of a look: that for the pod, to see that
// it is still the same. The first two are to find it, and to see it before.
func (c *cluster) afterTheLook(t *testing.T, ns, pod string) *gate {
	t.Helper()
	var n atomic.Int32
	return c.gate(t, func(r *http.Request) bool {
		return r.Method == http.MethodGet && r.URL.Path == "/api/v1/namespaces/"+ns+"/pods/"+pod && n.Add(1) == 3
	})
}

// TestInspectChangedInTheMiddle: what was read of a container that is not the
// same any more is not used, whatever it was.
func TestInspectChangedInTheMiddle(t *testing.T) {
	t.Parallel()
	c := startOnNode(t)
	// Its first process ends when it is told to.
	const obedient = `command: [sh, -c, "trap 'exit 0' TERM; while :; do sleep 0.1; done"]`
	for name, tt := range map[string]struct {
		change func(t *testing.T, ns string)
		want   string
	}{
		"deleted": {func(t *testing.T, ns string) {
			c.remove(t, collect.Target{Target: snapshot.Target{Namespace: ns, Pod: "cart"}})
		}, "pod %s/cart is gone"},
		"replaced": {func(t *testing.T, ns string) {
			c.remove(t, collect.Target{Target: snapshot.Target{Namespace: ns, Pod: "cart"}})
			c.apply(t, ns, podOf("cart", "registry.test/busybox:1", sleeper))
			c.pods(t, ns, "", 1)
		}, "pod %s/cart was replaced by another of the same name"},
		"restarted": {func(t *testing.T, ns string) {
			c.inMain(t, ns, "cart", "kill", "1")
			eventually(t, "the container to be started anew", func(ctx context.Context) (bool, string, error) {
				p, err := getOf[corev1.Pod](ctx, c, ns, "cart")
				if err != nil {
					return false, "", err
				}
				s := p.Status.ContainerStatuses[0]
				return s.RestartCount > 0 && s.State.Running != nil, fmt.Sprintf("%+v", s), nil
			})
		}, "container main of pod %s/cart was restarted (1 restarts, before 0)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns := c.namespace(t, "e2e-changed-")
			c.apply(t, ns, podOf("cart", "registry.test/busybox:1", obedient))
			c.pods(t, ns, "", 1)
			g := c.afterTheLook(t, ns, "cart")
			p := c.launch(t, flags([]string{"inspect", ns + "/cart", "--as-me", "-o", "json", "--save-snapshot", t.TempDir() + "/"}, g.flags())...)
			select {
			case <-g.reached:
			case <-p.ended:
				t.Fatalf("ended before the look was over: %v", p.wait(t))
			}
			tt.change(t, ns)
			close(g.open)
			report := p.wait(t).exits(t, 2).report(t)
			if len(report.Inspections) != 1 || !strings.HasPrefix(report.Inspections[0].Error, "what was collected is not used: "+fmt.Sprintf(tt.want, ns)) || report.Inspections[0].Snapshot != "" {
				t.Errorf("%+v", report.Inspections)
			}
			for _, f := range report.Findings {
				if f.Status != finding.Error {
					t.Errorf("%s is %s of a container that was gone", f.Control, f.Status)
				}
			}
			if report.Summary.Complete || len(report.Findings) == 0 {
				t.Errorf("summary: %+v", report.Summary)
			}
		})
	}
}

// lookRules are what looks by exec take, grantRules what making access takes.
func lookRules() []rbacv1.PolicyRule {
	return []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"get", "list"}},
		{APIGroups: []string{""}, Resources: []string{"pods/exec"}, Verbs: []string{"get", "create"}},
	}
}

func grantRules() []rbacv1.PolicyRule {
	return []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{"serviceaccounts"}, Verbs: []string{"create", "delete"}},
		{APIGroups: []string{""}, Resources: []string{"serviceaccounts/token"}, Verbs: []string{"create"}},
		{APIGroups: []string{rbacv1.GroupName}, Resources: []string{"roles", "rolebindings"}, Verbs: []string{"create", "delete"}},
	}
}

// TestInspectNamespacesOnTheirOwn: one run goes into a namespace by access that
// is made for it, into the next by the user's own rights, and says why it can't
// look into the third; nothing of it stays.
func TestInspectNamespacesOnTheirOwn(t *testing.T) {
	t.Parallel()
	c := startOnNode(t)
	granted, own, forbidden := c.namespace(t, "e2e-granted-"), c.namespace(t, "e2e-own-"), c.namespace(t, "e2e-forbidden-")
	for _, ns := range []string{granted, own, forbidden} {
		c.apply(t, ns, podOf("cart", "registry.test/busybox:1", sleeper))
		c.pods(t, ns, "", 1)
	}
	a := c.account(t, granted, "inspector")
	a.grant(t, granted, append(lookRules(), grantRules()...)...)
	a.grant(t, own, lookRules()...)
	a.grant(t, forbidden, lookRules()[0]) // without exec
	run := flags([]string{"inspect", "-n", granted, "-n", own, "-n", forbidden, "-o", "json"}, a.flags())
	report := c.assay(t, run...).exits(t, 2).report(t)
	if len(report.Inspections) != 3 || len(report.Access.Grants) != 1 || report.Access.Grants[0].Namespace != granted || report.Access.Grants[0].RevokedAt.IsZero() {
		t.Fatalf("%d inspections, grants %+v", len(report.Inspections), report.Access.Grants)
	}
	for _, i := range report.Inspections {
		if i.Target.Namespace != forbidden && i.Error != "" {
			t.Errorf("%s: %s", i.Target, i.Error)
		}
		if i.Target.Namespace == forbidden && (!strings.Contains(i.Error, "pods/exec") || !strings.Contains(i.Error, forbidden)) {
			t.Errorf("%s: %s", i.Target, i.Error)
		}
	}
	names := []string{own, forbidden}
	slices.Sort(names)
	if !slices.ContainsFunc(report.Notes, func(n string) bool {
		return strings.HasPrefix(n, "your own rights were used in namespaces "+strings.Join(names, ", ")+": ")
	}) {
		t.Errorf("notes: %q", report.Notes)
	}

	// Insisting on access of its own, it leaves the other two alone.
	report = c.assay(t, append(run, "--least-privilege")...).exits(t, 2).report(t)
	for _, i := range report.Inspections {
		if (i.Error == "") != (i.Target.Namespace == granted) || i.Error != "" && !strings.Contains(i.Error, "temporary access can't be made: ") {
			t.Errorf("%s: %q", i.Target, i.Error)
		}
	}
	for _, ns := range []string{granted, own, forbidden} {
		c.wantClean(t, ns)
	}
}
