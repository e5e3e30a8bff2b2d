package cluster_test

import (
	"fmt"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/check/cluster"
	"github.com/kubeassay/assay/posture/index"
)

// BenchmarkChecks tells what each check costs: for an object by itself, for a
// namespace, or for a cluster with a thousand of them.
func BenchmarkChecks(b *testing.B) {
	for _, c := range cluster.All() {
		b.Run(c.ID, func(b *testing.B) {
			b.ReportAllocs()
			switch {
			case c.JudgeVersion != nil:
				in := check.Versioned{APIVersion: "v1", Kind: "Pod", Meta: &metav1.ObjectMeta{Name: "cart", Labels: map[string]string{"app": "cart"}}, Live: true, Server: "v1.36.2", Brief: true}
				for b.Loop() {
					c.JudgeVersion(in)
				}
			case c.JudgeObject != nil:
				x := world(1)
				o := x.Objects(c.Kinds[0])[0]
				for b.Loop() {
					c.JudgeObject(o, x)
				}
			case c.SurveyNamespace != nil:
				// A fresh index each time, since some look at all others once.
				for b.Loop() {
					b.StopTimer()
					x := world(1)
					n := x.Namespace("shop-0")
					b.StartTimer()
					c.SurveyNamespace(n, func(*index.Object, check.Verdict) {})
				}
			default:
				x := world(1000)
				for b.Loop() {
					c.SurveyCluster(x, func(*index.Object, check.Verdict) {})
				}
			}
		})
	}
}

// world is an index with so many namespaces, and one of everything else.
func world(namespaces int) *index.Index {
	x := index.New()
	x.Live, x.Server = true, "v1.36.2"
	add := func(apiVersion, kind string, o metav1.Object) {
		x.Add(&index.Object{APIVersion: apiVersion, Kind: kind, Object: o})
	}
	for i := range namespaces {
		name := fmt.Sprintf("shop-%d", i)
		add("v1", "Namespace", &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{corev1.LabelMetadataName: name}}})
		x.See(&index.Pod{Namespace: name, Name: "cart"})
	}
	port := int32(443)
	add("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", &admissionv1.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: "policy"},
		Webhooks: []admissionv1.ValidatingWebhook{{
			Name:         "pods.policy.example",
			ClientConfig: admissionv1.WebhookClientConfig{Service: &admissionv1.ServiceReference{Namespace: "shop-0", Name: "webhook", Port: &port}},
			Rules: []admissionv1.RuleWithOperations{{
				Operations: []admissionv1.OperationType{"*"}, Rule: admissionv1.Rule{APIGroups: []string{"*"}, APIVersions: []string{"*"}, Resources: []string{"*/*"}},
			}},
		}},
	})
	add("v1", "PersistentVolume", &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: "disk-1"}})
	add("v1", "Node", &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "worker-1"}, Status: corev1.NodeStatus{NodeInfo: corev1.NodeSystemInfo{KubeletVersion: "v1.36.2"}}})
	for kind, spec := range map[string]map[string]any{
		"ValidatingAdmissionPolicy":        {"failurePolicy": "Fail"},
		"ValidatingAdmissionPolicyBinding": {"policyName": "policy", "validationActions": []any{"Deny"}},
	} {
		add("admissionregistration.k8s.io/v1", kind, &unstructured.Unstructured{Object: map[string]any{"metadata": map[string]any{"name": "policy"}, "spec": spec}})
	}
	add("apiregistration.k8s.io/v1", "APIService", &unstructured.Unstructured{Object: map[string]any{
		"metadata": map[string]any{"name": "v1.example"}, "spec": map[string]any{"service": map[string]any{"namespace": "shop-0", "name": "api"}},
	}})
	return x
}
