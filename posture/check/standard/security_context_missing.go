package standard

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
)

// securityContextMissing fails where neither the pod nor the container sets
// anything in a security context.
//
// Fields: securityContext of the pod and of the container.
func securityContextMissing() *check.Check {
	c := &check.Check{
		Rule: finding.Rule{
			ID: "security-context-missing", Title: "Nothing is set in a security context", Severity: finding.Low,
			Description: "Neither the pod nor the container has a security context, so everything is left to defaults, most of which are wide open. What exactly is open, other checks say one by one.",
			Check:       "It fails where securityContext is empty both for the pod and for the container. An image volume runs nothing.",
			Fix:         "Begin with what every pod can have:\n\n    securityContext:\n      allowPrivilegeEscalation: false\n      capabilities:\n        drop: [ALL]\n",
			References:  references("security-context-missing", contexts),
		},
		Fields:       []string{"spec.securityContext", "spec.containers[*].securityContext"},
		ForFramework: true,
	}
	c.Judge = func(v check.View) check.Verdict {
		out := check.Verdict{Status: finding.Pass, Severity: c.Severity, Evidence: finding.Declared}
		pod, own := v.Spec.SecurityContext, v.Container.Security
		podSet := pod != nil && !equality.Semantic.DeepEqual(pod, &corev1.PodSecurityContext{})
		ownSet := own != nil && !equality.Semantic.DeepEqual(own, &corev1.SecurityContext{})
		switch {
		case v.Container.Type == finding.ImageVolume:
			out.Status, out.Message = finding.NotApplicable, "An image volume runs nothing."
			return out
		case !podSet && !ownSet:
			out.Status, out.Message = finding.Fail, "Neither the pod nor the container has a security context."
		case ownSet:
			out.Message = "The container has a security context."
		default:
			out.Message = "The pod has a security context."
		}
		if v.Brief {
			out.Message = ""
			return out
		}
		out.Basis = []finding.Basis{
			v.InContainer("securityContext", said(own != nil, ownSet)), v.InPod("securityContext", said(pod != nil, podSet)),
		}
		return out
	}
	return c
}

// said describes a field whose value is too large to show.
func said(there, set bool) string {
	switch {
	case set:
		return "(set)"
	case there:
		return "(empty)"
	}
	return check.Unset
}
