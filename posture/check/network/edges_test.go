package network_test

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/check/network"
	"github.com/kubeassay/assay/posture/index"
)

// TestKubernetesOwnNamespaces: every cluster has them, and none has policies for
// them by itself.
func TestKubernetesOwnNamespaces(t *testing.T) {
	for _, tt := range []struct {
		name  string
		pods  int
		want  finding.Status
		grave finding.Severity
	}{
		{"kube-system", 1, finding.Fail, finding.Low},
		{"kube-system", 0, finding.Fail, finding.Low},
		{"kube-public", 0, finding.NotApplicable, finding.Medium},
		{"kube-node-lease", 0, finding.NotApplicable, finding.Medium},
		{"kube-node-lease", 1, finding.Fail, finding.Medium},
		{"shop", 1, finding.Fail, finding.Medium},
	} {
		x := index.New()
		x.Live = true
		x.Add(&index.Object{APIVersion: "v1", Kind: "Namespace", Object: &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: tt.name}}})
		for range tt.pods {
			x.See(&index.Pod{Namespace: tt.name, Name: "a"})
		}
		for _, c := range network.All() {
			if c.ID != "no-network-policy" {
				continue
			}
			c.SurveyNamespace(x.Namespace(tt.name), func(_ *index.Object, v check.Verdict) {
				if v.Status != tt.want || v.Severity != tt.grave {
					t.Errorf("%s with %d pods: %s %s: %s", tt.name, tt.pods, v.Status, v.Severity, v.Message)
				}
			})
		}
	}
}

// TestRoutesThatWereNotAskedFor: of a part of a cluster nobody can say that a
// listener does nothing but send clients to https.
func TestRoutesThatWereNotAskedFor(t *testing.T) {
	for _, partial := range []bool{false, true} {
		x := index.New()
		x.Live, x.Partial = true, partial
		for _, text := range []string{
			`{apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, metadata: {namespace: edge, name: public}, spec: {listeners: [{name: http, protocol: HTTP, port: 80, allowedRoutes: {namespaces: {from: All}}}]}}`,
			`{apiVersion: gateway.networking.k8s.io/v1, kind: HTTPRoute, metadata: {namespace: edge, name: r}, spec: {parentRefs: [{name: public}], rules: [{filters: [{type: RequestRedirect, requestRedirect: {scheme: https}}]}]}}`,
		} {
			u := &unstructured.Unstructured{}
			if err := yaml.Unmarshal([]byte(text), &u.Object); err != nil {
				t.Fatal(err)
			}
			x.Add(&index.Object{APIVersion: u.GetAPIVersion(), Kind: u.GetKind(), Object: u})
		}
		want := map[bool]finding.Status{false: finding.Pass, true: finding.NotReviewed}[partial]
		for _, c := range network.All() {
			if c.ID != "gateway-without-tls" {
				continue
			}
			seen := 0
			c.SurveyCluster(x, func(_ *index.Object, v check.Verdict) {
				seen++
				if v.Status != want {
					t.Errorf("partial %v: %s: %s", partial, v.Status, v.Message)
				}
			})
			if seen != 1 {
				t.Errorf("%d verdicts", seen)
			}
		}
	}
}
