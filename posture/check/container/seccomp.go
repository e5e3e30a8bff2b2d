package container

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
)

const fixSeccomp = "    spec:\n" +
	"      securityContext:\n" +
	"        seccompProfile:\n" +
	"          type: RuntimeDefault\n"

// seccompMissing fails where neither pod nor container choose a seccomp profile.
//
// Fields: securityContext.seccompProfile.type of pod and container; os.name.
func seccompMissing() *check.Check {
	unset := silence{control: "seccompProfile_restricted"}
	return &check.Check{
		Rule: finding.Rule{
			ID:       "seccomp-missing",
			Title:    "No seccomp profile",
			Severity: finding.Low,
			Description: "Nothing says which system calls the container may make, so it may make all of them, unless the node's kubelet has seccompDefault switched on. " +
				"Most holes in the kernel are reached through system calls that no ordinary program needs; the runtime's own profile keeps those shut.",
			Check: "Where neither the container's nor the pod's securityContext has a seccompProfile, the Pod Security Standards (restricted) deny the pod, and so does this check. " +
				"Whether a profile that is set is a good one is for seccomp-unconfined. Windows has no seccomp.",
			Fix:        "Choose the runtime's own profile, for the whole pod:\n\n" + fixSeccomp,
			References: references("seccomp-missing", aboutSeccomp),
		},
		Fields: append(inEvery("securityContext.seccompProfile"), "spec.securityContext.seccompProfile", "spec.os.name"),
		Judge: running(finding.Low, func(v check.View) check.Verdict {
			return judgeSeccompMissing(v, &unset)
		}),
	}
}

func judgeSeccompMissing(v check.View, unset *silence) check.Verdict {
	in := seccomp()
	own, pod := in.has(v.Container.Security), in.podHas(v.Spec)
	out := failIf(!own && !pod && unset.denied(&v), finding.Low)
	if out.Status == finding.Pass && !own && !pod && declaresWindows(&v) {
		return notApplicable(finding.Low, "Windows has no seccomp.")
	}
	if !v.Brief {
		field, value := seccompType(&v)
		out.Message = fmt.Sprintf("A seccomp profile is set: %s.", value)
		if out.Status == finding.Fail {
			out.Message = "No seccomp profile is set, so every system call is open unless the kubelet sets a default."
		}
		out.Basis = []finding.Basis{field}
	}
	softenWindows(&v, &out, finding.Info)
	return out
}

// seccompUnconfined fails where seccomp is switched off.
//
// Fields: securityContext.seccompProfile.type of pod and container.
func seccompUnconfined() *check.Check {
	return &check.Check{
		Rule: finding.Rule{
			ID:       "seccomp-unconfined",
			Title:    "Seccomp switched off",
			Severity: finding.Medium,
			Description: "Somebody switched seccomp off for the container, so it may make every system call, also those that only attacks on the kernel use. " +
				"That holds even on nodes whose kubelet has a default profile.",
			Check: "The profile that takes effect is the container's, else the pod's. A type that the Pod Security Standards (baseline) do not let through fails; " +
				"that is Unconfined. Where the pod's own profile is such a one but every container has a better one, the first container says so (low), " +
				"because the standards still deny the pod. No profile at all is for seccomp-missing.",
			Fix:        "Use the runtime's own profile, or one of your own with Localhost, and take out where a container says otherwise:\n\n" + fixSeccomp,
			References: references("seccomp-unconfined", aboutSeccomp),
		},
		Fields: append(inEvery("securityContext.seccompProfile.type"), "spec.securityContext.seccompProfile.type"),
		Judge:  running(finding.Medium, judgeSeccompUnconfined),
	}
}

func judgeSeccompUnconfined(v check.View) check.Verdict {
	in := seccomp()
	at := in.denied(&v)
	out := failIf(at != nowhere, finding.Medium)
	if at == unused {
		out.Severity = finding.Low
	}
	if !v.Brief {
		field, value := seccompType(&v)
		out.Basis = []finding.Basis{field}
		switch {
		case at == unused:
			inPod := v.Declared("seccompProfile.type", true, check.OrUnset(string(v.Spec.SecurityContext.SeccompProfile.Type)))
			out.Message = fmt.Sprintf("The pod's seccomp profile is %s.%s", inPod.Value, unusedWords)
			out.Basis = []finding.Basis{inPod, field}
		case at != nowhere && value == string(corev1.SeccompProfileTypeUnconfined):
			out.Message = "Seccomp is switched off: the profile is Unconfined, so every system call is open."
		case at != nowhere:
			out.Message = fmt.Sprintf("The seccomp profile %q is none that the Pod Security Standards let through.", value)
		case value == check.Unset:
			out.Message = "Seccomp is not switched off: no profile is set."
		default:
			out.Message = fmt.Sprintf("Seccomp is on: the profile is %s.", value)
		}
	}
	softenWindows(&v, &out, finding.Low)
	return out
}

func seccomp() inheritable {
	return inheritable{
		control: "seccompProfile_baseline",
		own:     func(c *corev1.SecurityContext) bool { return c.SeccompProfile != nil },
		pod:     func(p *corev1.PodSecurityContext) bool { return p.SeccompProfile != nil },
	}
}

// seccompType is the profile that takes effect, and where it stands.
func seccompType(v *check.View) (finding.Basis, string) {
	in := seccomp()
	switch {
	case in.has(v.Container.Security):
		value := check.OrUnset(string(v.Container.Security.SeccompProfile.Type))
		return v.Declared("seccompProfile.type", false, value), value
	case in.podHas(v.Spec):
		value := check.OrUnset(string(v.Spec.SecurityContext.SeccompProfile.Type))
		return v.Declared("seccompProfile.type", true, value), value
	}
	return v.Declared("seccompProfile.type", false, check.Unset), check.Unset
}
