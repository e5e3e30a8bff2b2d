package container

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
)

// capabilitiesNotDropped fails where a container keeps capabilities that it
// was given by default, or takes some of those back.
//
// Fields: securityContext.capabilities of the container; os.name.
func capabilitiesNotDropped() *check.Check {
	unset := silence{control: "capabilities_restricted"}
	return &check.Check{
		Rule: finding.Rule{
			ID:       "capabilities-not-dropped",
			Title:    "Capabilities kept",
			Severity: finding.Low,
			Description: "The container keeps Linux capabilities that every container gets from the runtime and that most programs never need: " +
				"changing the owner of any file, ignoring file permissions, becoming any user. With containerd NET_RAW is among them, with which a process can forge packets. " +
				"They only help whoever has broken in.",
			Check: "securityContext.capabilities.drop must hold ALL, and of the usual capabilities only NET_BIND_SERVICE may be added back, " +
				"by the check of the Pod Security Standards (restricted). A container that drops ALL and adds some of the usual ones back is info. " +
				"So is one that drops \"all\" in other letters than capital ones: runtimes take it for ALL, the standards do not. " +
				"What it adds beyond those is for capabilities-added. A privileged container has every capability whatever it drops, and is judged all the same. Windows has no capabilities.",
			Fix: "Take away all of them, and give back only what the program needs:\n\n" +
				"    containers:\n" +
				"    - name: app\n" +
				"      securityContext:\n" +
				"        capabilities:\n" +
				"          drop: [ALL]\n",
			References: references("capabilities-not-dropped", aboutSecurityContext),
		},
		Fields: append(inEvery("securityContext.capabilities.drop", "securityContext.capabilities.add"), "spec.os.name"),
		Judge: running(finding.Low, func(v check.View) check.Verdict {
			return judgeCapabilitiesNotDropped(v, &unset)
		}),
	}
}

func judgeCapabilitiesNotDropped(v check.View, unset *silence) check.Verdict {
	bad, wrong := keepsCapabilities(&v, unset)
	if !bad && declaresWindows(&v) {
		return notApplicable(finding.Low, "Windows has no capabilities.")
	}
	keeps := len(wrong) == 0 || slices.Contains(wrong, "securityContext.capabilities.drop")
	out := failIf(bad, finding.Low)
	small := bad && keeps && dropsAllInSmall(&v)
	if bad && (!keeps || small) {
		out.Severity = finding.Info
	}
	if v.Brief {
		softenWindows(&v, &out, finding.Info)
		return out
	}
	var drop []corev1.Capability
	if v.Container.Security != nil && v.Container.Security.Capabilities != nil {
		drop = v.Container.Security.Capabilities.Drop
	}
	out.Basis = entries(&v, "drop", drop, nil)
	if len(drop) == 0 {
		out.Basis = []finding.Basis{v.Declared("capabilities.drop", false, check.Unset)}
	}
	back := []finding.Basis{}
	if wrong != nil {
		back = entries(&v, "add", added(&v), wrong)
	}
	switch {
	case !bad:
		out.Message = "Drops all of the usual capabilities."
	case !keeps:
		out.Message = fmt.Sprintf("Drops all capabilities, and takes %s back.", values(back))
		out.Basis = append(back, out.Basis...)
	case small:
		out.Message = fmt.Sprintf("Drops %s. Runtimes take that for ALL, but the Pod Security Standards refuse it: write it in capital letters.", values(out.Basis))
	case len(drop) == 0:
		out.Message = "Drops none of the capabilities that a container gets from the runtime; with containerd NET_RAW is one of them, which lets it forge packets."
	default:
		out.Message = fmt.Sprintf("Drops only %s, and keeps the other capabilities that a container gets from the runtime.", values(out.Basis))
	}
	if bad && isPrivileged(&v) {
		out.Message += " The container is privileged, and has every capability until that is gone."
	}
	softenWindows(&v, &out, finding.Info)
	return out
}

// dropsAllInSmall reports whether a container drops "all", in other letters
// than the standards want.
func dropsAllInSmall(v *check.View) bool {
	if v.Container.Security == nil || v.Container.Security.Capabilities == nil {
		return false
	}
	return slices.ContainsFunc(v.Container.Security.Capabilities.Drop, func(c corev1.Capability) bool {
		return c != "ALL" && strings.EqualFold(string(c), "ALL")
	}) && !slices.Contains(v.Container.Security.Capabilities.Drop, "ALL")
}

// keepsCapabilities also says which fields are wrong, where something was added.
func keepsCapabilities(v *check.View, unset *silence) (bad bool, wrong []string) {
	if v.Container.Security == nil || v.Container.Security.Capabilities == nil {
		return unset.denied(v), nil
	}
	if !denied(v, unset.control) {
		return false, nil
	}
	if len(added(v)) == 0 {
		return true, nil
	}
	// What is dangerous about it capabilities-added says.
	dangerous := wrongFields(v, "capabilities_baseline")
	wrong = slices.DeleteFunc(wrongFields(v, unset.control), func(f string) bool { return slices.Contains(dangerous, f) })
	return len(wrong) > 0, wrong
}

// values lists what fields hold.
func values(basis []finding.Basis) string {
	all := make([]string, len(basis))
	for i, b := range basis {
		all[i] = b.Value
	}
	return strings.Join(all, ", ")
}
