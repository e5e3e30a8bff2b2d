package cluster_test

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check/checktest"
	"github.com/kubeassay/assay/posture/check/cluster"
	"github.com/kubeassay/assay/posture/index"
)

func TestFixtures(t *testing.T) { checktest.Run(t, cluster.All(), "testdata") }

// TestNumbersAlone: what serves metrics, as metrics-server does by its own
// manifest, gives away less than any other API.
func TestNumbersAlone(t *testing.T) {
	for group, want := range map[string]finding.Severity{
		"metrics.k8s.io": finding.Low, "custom.metrics.k8s.io": finding.Low, "external.metrics.k8s.io": finding.Low,
		"carts.example.com": finding.Medium, "metrics.example.com": finding.Medium, "badmetrics.k8s.io": finding.Medium,
	} {
		for _, c := range cluster.All() {
			if c.ID != "api-service-insecure-tls" {
				continue
			}
			o := &index.Object{APIVersion: "apiregistration.k8s.io/v1", Kind: "APIService", Object: &unstructured.Unstructured{Object: map[string]any{
				"spec": map[string]any{"group": group, "insecureSkipTLSVerify": true, "service": map[string]any{"namespace": "kube-system", "name": "s"}},
			}}}
			if v := c.JudgeObject(o, index.New()); v.Status != finding.Fail || v.Severity != want {
				t.Errorf("%s: %s %s: %s", group, v.Status, v.Severity, v.Message)
			}
		}
	}
}

// TestNetworkPluginsNeedPrivileges: their namespaces are made for them. That holds
// for no other namespace, and for none that merely lacks the label.
func TestNetworkPluginsNeedPrivileges(t *testing.T) {
	for _, tt := range []struct {
		name, level string
		want        finding.Severity
	}{
		{"calico-system", "privileged", finding.Low}, {"kube-flannel", "privileged", finding.Low},
		{"calico-system", "", finding.Medium}, {"shop", "privileged", finding.Medium},
	} {
		meta := metav1.ObjectMeta{Name: tt.name}
		if tt.level != "" {
			meta.Labels = map[string]string{"pod-security.kubernetes.io/enforce": tt.level}
		}
		o := &index.Object{APIVersion: "v1", Kind: "Namespace", Object: &corev1.Namespace{ObjectMeta: meta}}
		for _, c := range cluster.All() {
			if c.ID != "pod-security-admission-missing" {
				continue
			}
			if v := c.JudgeObject(o, index.New()); v.Status != finding.Fail || v.Severity != tt.want {
				t.Errorf("%s with %q: %s %s: %s", tt.name, tt.level, v.Status, v.Severity, v.Message)
			}
		}
	}
}
