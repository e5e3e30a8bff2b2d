package e2e

import (
	"context"
	"net/http"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestNamespaceVanishes deletes a namespace that is being scanned, just before
// it is listed.
func TestNamespaceVanishes(t *testing.T) {
	t.Parallel()
	c := start(t)
	ns := c.two(t)
	g := c.gate(t, func(r *http.Request) bool { return strings.Contains(r.URL.Path, "/namespaces/"+ns.b+"/") })
	p := c.launch(t, flags(scanJSON, few, g.flags(), []string{"-n", ns.a, "-n", ns.b, "-n", ns.empty})...)
	<-g.reached
	if err := c.resource("v1", "Namespace", "").Delete(t.Context(), ns.b, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the end of namespace "+ns.b, func(ctx context.Context) (bool, string, error) {
		n, err := getOf[corev1.Namespace](ctx, c, "", ns.b)
		if apierrors.IsNotFound(err) {
			return true, "", nil
		}
		if err != nil {
			return false, "", err
		}
		return false, string(n.Status.Phase), nil
	})
	close(g.open)
	report := p.wait(t).exits(t, 2).report(t)
	wantComplete(t, report, false)
	wantGaps(t, report, "namespace/"+ns.b+" vanished")
	wantVerdicts(t, report, ns.a, webOfDeployment)
	wantVerdicts(t, report, ns.b)
	if report.Summary.Namespaces != 3 && report.Summary.Namespaces != 2 {
		t.Errorf("%d namespaces", report.Summary.Namespaces)
	}
}
