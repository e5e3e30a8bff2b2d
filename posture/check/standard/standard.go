// Package standard holds checks that answer a framework in its own terms. Each
// is about a matter that another check says better, or only in part as a matter
// of taste, so they are made only where a framework is asked for, or where they
// are named.
//
//	for _, c := range standard.All() {
//		...
//	}
package standard

import (
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/framework"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/pss"
	"github.com/kubeassay/assay/workload"
)

// All returns every check of this package, in the order in which they are listed.
func All() []*check.Check {
	return []*check.Check{runAsNonRootUnset(), runAsUserZero(), capabilityNetRaw(), securityContextMissing()}
}

func references(id, url string) []finding.Reference {
	return append(framework.References(id), finding.Reference{URL: url})
}

const (
	standards = "https://kubernetes.io/docs/concepts/security/pod-security-standards/"
	contexts  = "https://kubernetes.io/docs/tasks/configure-pod-container/security-context/"
)

// runAsNonRootUnset is the check runAsNonRoot of the Pod Security Standards.
func runAsNonRootUnset() *check.Check {
	return bySettings(&check.Check{
		Rule: finding.Rule{
			ID: "run-as-non-root-unset", Title: "Container does not promise to run as non-root", Severity: finding.Low,
			Description: "Nothing in the spec forbids root: runAsNonRoot is not true. The container may well run as another user, which run-as-root judges; the Pod Security Standards want the promise.",
			Check:       "The verdict is that of the Pod Security Standards' own check runAsNonRoot, in the version that the server judges by.",
			Fix:         "Make the promise for all containers of the pod:\n\n    spec:\n      securityContext:\n        runAsNonRoot: true\n",
			References:  references("run-as-non-root-unset", standards),
		},
		Fields: []string{"spec.securityContext.runAsNonRoot", "spec.containers[*].securityContext.runAsNonRoot", "spec.hostUsers"},
	}, "runAsNonRoot", "The Pod Security Standards want runAsNonRoot to be true, for the pod or for the container.")
}

// runAsUserZero is the check runAsUser of the Pod Security Standards.
func runAsUserZero() *check.Check {
	return bySettings(&check.Check{
		Rule: finding.Rule{
			ID: "run-as-user-zero", Title: "User 0 is asked for", Severity: finding.Low,
			Description: "The spec names user 0, which is root. Whether the container then runs as root is what run-as-root judges; the Pod Security Standards refuse the setting itself.",
			Check:       "The verdict is that of the Pod Security Standards' own check runAsUser, in the version that the server judges by.",
			Fix:         "Name another user:\n\n    spec:\n      securityContext:\n        runAsUser: 10001\n",
			References:  references("run-as-user-zero", standards),
		},
		Fields: []string{"spec.securityContext.runAsUser", "spec.containers[*].securityContext.runAsUser", "spec.hostUsers"},
	}, "runAsUser", "The Pod Security Standards refuse user 0.")
}

// bySettings completes a check whose verdict is a whole pod's, by the standards.
func bySettings(c *check.Check, control, says string) *check.Check {
	c.ForFramework = true
	c.JudgePod = func(v check.View) check.Verdict {
		out := check.Verdict{Status: finding.Pass, Severity: c.Severity, Evidence: finding.Declared}
		of := v.Standards.Control(control)
		if of == nil {
			out.Status, out.Message = finding.NotApplicable, "This version of the Pod Security Standards does not ask for it."
			return out
		}
		if _, denied := of.Denies(v.Meta, v.Spec); denied {
			out.Status = finding.Fail
		}
		if v.Brief {
			return out
		}
		if out.Status == finding.Pass {
			out.Message = "The Pod Security Standards find nothing wrong."
			out.Basis = []finding.Basis{v.InPod("securityContext."+control, podValue(v.Spec, control))}
			return out
		}
		out.Message = says
		for _, x := range of.Violations(v.Meta, v.Spec) {
			for _, field := range x.Fields {
				out.Basis = append(out.Basis, finding.Basis{Evidence: finding.Declared, Field: pss.FieldPath(v.SpecPath, field), Value: value(v.Spec, field)})
			}
		}
		return out
	}
	return c
}

// podValue is what the pod's own security context says.
func podValue(spec *corev1.PodSpec, control string) string {
	if spec.SecurityContext == nil {
		return check.Unset
	}
	if control == "runAsUser" {
		return check.Int(spec.SecurityContext.RunAsUser)
	}
	return check.Bool(spec.SecurityContext.RunAsNonRoot)
}

// value is what a field of a security context says, by its path below the spec.
func value(spec *corev1.PodSpec, field string) string {
	control := field[strings.LastIndexByte(field, '.')+1:]
	for c := range workload.Containers(spec) {
		if !strings.HasPrefix(field, c.Path()+".") || c.Security == nil {
			continue
		}
		if control == "runAsUser" {
			return check.Int(c.Security.RunAsUser)
		}
		return check.Bool(c.Security.RunAsNonRoot)
	}
	if strings.HasPrefix(field, "securityContext.") {
		return podValue(spec, control)
	}
	return check.Unset
}
