package pod_test

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/check/checktest"
	"github.com/kubeassay/assay/posture/check/pod"
)

func TestFixtures(t *testing.T) { checktest.Run(t, pod.All(), "testdata") }

// A PodTemplate is what pods can be made from, and nothing that looks after them.
func TestBarePodLeavesPodTemplatesOut(t *testing.T) {
	for kind, want := range map[string]finding.Status{"PodTemplate": finding.NotApplicable, "ReplicaSet": finding.Pass, "": finding.Fail} {
		view := check.View{Meta: &metav1.ObjectMeta{}, Spec: &corev1.PodSpec{}, Owner: kind, SpecPath: "template.spec"}
		if got := byID(t, "bare-pod").JudgePod(view); got.Status != want || got.Message == "" {
			t.Errorf("%q: %s: %s", kind, got.Status, got.Message)
		}
	}
}
