package cluster_test

import (
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/check/cluster"
	"github.com/kubeassay/assay/posture/index"
)

// TestWhatWasLeftOut: where only a part of a cluster was asked for, what is not
// there may have been left out. With all of it the same checks do fail.
func TestWhatWasLeftOut(t *testing.T) {
	for _, partial := range []bool{true, false} {
		x := index.New()
		x.Live, x.Partial = true, partial
		add := func(apiVersion, kind string, o metav1.Object) {
			x.Add(&index.Object{APIVersion: apiVersion, Kind: kind, Object: o})
		}
		add("v1", "Namespace", &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "default"}})
		add("v1", "Service", &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "kubernetes", Namespace: "default"}})
		add("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", &admissionv1.ValidatingWebhookConfiguration{
			ObjectMeta: metav1.ObjectMeta{Name: "policy"},
			Webhooks: []admissionv1.ValidatingWebhook{{
				Name: "pods.policy.example", ClientConfig: admissionv1.WebhookClientConfig{Service: &admissionv1.ServiceReference{Namespace: "gone", Name: "webhook"}},
			}},
		})
		for _, kind := range []string{"ValidatingAdmissionPolicy", "MutatingAdmissionPolicyBinding"} {
			add("admissionregistration.k8s.io/v1", kind, &unstructured.Unstructured{Object: map[string]any{
				"metadata": map[string]any{"name": "policy"}, "spec": map[string]any{"policyName": "policy"},
			}})
		}
		wants := map[string]finding.Status{
			"webhook-service-missing": finding.Fail, "admission-policy-without-binding": finding.Fail, "admission-policy-missing": finding.Fail,
			"default-namespace-used": finding.Pass, "resource-quota-missing": finding.NotApplicable, "limit-range-missing": finding.NotApplicable,
		}
		if partial {
			for id := range wants {
				wants[id] = finding.NotReviewed
			}
		}
		for _, c := range cluster.All() {
			want, ok := wants[c.ID]
			if !ok {
				continue
			}
			said := 0
			yield := func(_ *index.Object, v check.Verdict) {
				said++
				if v.Status != want {
					t.Errorf("partial %v: %s says %s, not %s: %s", partial, c.ID, v.Status, want, v.Message)
				}
			}
			if c.SurveyCluster != nil {
				c.SurveyCluster(x, yield)
			} else {
				c.SurveyNamespace(x.Namespace("default"), yield)
			}
			if said != 1 {
				t.Errorf("partial %v: %s said %d things", partial, c.ID, said)
			}
		}
	}
}
