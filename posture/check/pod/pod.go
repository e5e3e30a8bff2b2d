// Package pod holds the checks about pods as a whole: the namespaces and paths
// of the node that they share, their volumes, and how they are run. What the
// Pod Security Standards forbid is judged by the standards themselves (package
// pss), never by a copy of their rules.
//
// What is about one container is not here, nor what a pod's service account may
// do: that is for packages container and rbac.
//
//	for _, c := range pod.All() {
//		...
//	}
package pod

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/framework"
	"github.com/kubeassay/assay/posture/check"
)

// All returns every check of this package, in the order in which they are listed.
func All() []*check.Check {
	return []*check.Check{
		hostPID(), hostIPC(), hostNetwork(), hostUsers(), shareProcessNamespace(), unsafeSysctl(),
		hostPathVolume(), containerRuntimeSocket(), volumeTypeNotAllowed(),
		projectedTokenLifetime(), projectedTokenAudience(), defaultServiceAccount(),
		deviceAdminAccess(), runtimeClassNotSandboxed(), systemPriorityClass(),
		barePod(), noTopologySpread(), noDisruptionBudget(), hostAliases(), nodeNameSet(), controlPlaneToleration(), debugContainerLeft(),
	}
}

const docs = "https://kubernetes.io/docs/"

// references are the items of frameworks that a check serves, and a page of
// Kubernetes' documentation.
func references(id, page string) []finding.Reference {
	return append(framework.References(id), finding.Reference{URL: docs + page})
}

// declared is a verdict by the spec alone; fail says whether it is a failure.
func declared(fail bool, s finding.Severity) check.Verdict {
	v := check.Verdict{Status: finding.Pass, Severity: s, Evidence: finding.Declared}
	if fail {
		v.Status = finding.Fail
	}
	return v
}

// notApplicable says why the check is not about this.
func notApplicable(s finding.Severity, why string) check.Verdict {
	return check.Verdict{Status: finding.NotApplicable, Severity: s, Evidence: finding.Declared, Message: why}
}

// denies asks one of the standards' checks that read nothing of containers,
// which costs less than to ask it about the pod without them.
func denies(v *check.View, id string, spec *corev1.PodSpec) bool {
	c := v.Standards.Control(id)
	if c == nil {
		return false
	}
	_, denied := c.Denies(v.Meta, spec)
	return denied
}
