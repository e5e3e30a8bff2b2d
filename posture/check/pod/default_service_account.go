package pod

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
)

var serviceAccountKind = schema.GroupKind{Kind: "ServiceAccount"}

// defaultServiceAccount fails where a pod runs as its namespace's default
// service account, and gets a token of it.
//
// Fields: spec.serviceAccountName, spec.automountServiceAccountToken,
// spec.volumes[*].projected.sources[*].serviceAccountToken, and
// automountServiceAccountToken of the ServiceAccount.
func defaultServiceAccount() *check.Check {
	return &check.Check{
		Rule: finding.Rule{
			ID: "default-service-account", Title: "Pod runs as the default service account", Severity: finding.Low,
			Description: "The pod has no service account of its own: it shares its namespace's default one with every other pod that names none. " +
				"A right that one of them needs is then a right of all of them, and the audit log can't tell them apart.",
			Check: "A pod fails whose serviceAccountName is unset or \"default\", unless no token of it is mounted: automountServiceAccountToken is false, in the pod or else in the ServiceAccount, " +
				"and no projected volume asks for a token. In files the ServiceAccount counts only where it is in the files. Pods that a kubelet runs from a file of its node have no service account.",
			Fix:        "Make a service account for the workload, and name it:\n\n    spec:\n      serviceAccountName: cart\n",
			References: references("default-service-account", "tasks/configure-pod-container/configure-service-account/"),
		},
		Fields: []string{
			"spec.serviceAccountName", "spec.automountServiceAccountToken",
			"spec.volumes[*].projected.sources[*].serviceAccountToken", "automountServiceAccountToken",
		},
		Kinds: []schema.GroupKind{serviceAccountKind},
		Join:  joinServiceAccount,
	}
}

func joinServiceAccount(j *check.Joint) check.Verdict {
	const severity = finding.Low
	if j.Mirror {
		return notApplicable(severity, "The kubelet runs the pod from a file of its node. Such a pod has no service account.")
	}
	out := declared(false, severity)
	out.Basis = []finding.Basis{{Evidence: finding.Declared, Field: j.SpecPath + ".serviceAccountName", Value: j.ServiceAccount}}
	if j.ServiceAccount != "default" {
		out.Message = "The pod has a service account that was chosen for it: " + j.ServiceAccount + "."
		return out
	}
	mounts, by := automounts(j)
	if by != nil {
		out.Basis = append(out.Basis, *by)
	}
	if !mounts && !j.TokenVolume {
		out.Message = "The pod names no service account, but gets no token of the default one either."
		return out
	}
	out.Status = finding.Fail
	out.Message = "The pod runs as the default service account, which it shares with every other pod of the namespace that names none, and gets a token of it."
	return out
}

// automounts says whether the pod gets a token without asking for one, and by
// which field; nil where none is set.
func automounts(j *check.Joint) (bool, *finding.Basis) {
	if j.Automount != nil {
		return *j.Automount, &finding.Basis{Evidence: finding.Declared, Field: j.SpecPath + ".automountServiceAccountToken", Value: check.Bool(j.Automount)}
	}
	found := j.Find(serviceAccountKind, j.Namespace.Name, j.ServiceAccount)
	if found == nil {
		return true, nil
	}
	account, ok := found.Object.(*corev1.ServiceAccount)
	if !ok || account.AutomountServiceAccountToken == nil {
		return true, nil
	}
	return *account.AutomountServiceAccountToken, &finding.Basis{
		Evidence: finding.Declared, Field: "automountServiceAccountToken", Value: check.Bool(account.AutomountServiceAccountToken), Object: "ServiceAccount/" + j.ServiceAccount,
	}
}
