package container

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
)

// capabilitiesAdded fails where a container adds capabilities that a container
// does not usually have.
//
// Fields: securityContext.capabilities.add of the container; hostPID,
// hostNetwork and hostUsers for how grave it is.
func capabilitiesAdded() *check.Check {
	return &check.Check{
		Rule: finding.Rule{
			ID:       "capabilities-added",
			Title:    "Dangerous capabilities added",
			Severity: finding.High,
			Description: "The container has Linux capabilities beyond those that containers usually have. Some of them are as good as root of the node: " +
				"an attacker in such a container can leave it, read the node's files or forge network packets.",
			Check: "Every entry of securityContext.capabilities.add must be one of those that the Pod Security Standards (baseline) let through. How grave it is " +
				"depends on the worst one: ALL, SYS_ADMIN, SYS_MODULE and DAC_READ_SEARCH are critical; SYS_RAWIO, SYS_BOOT, BPF, PERFMON, MAC_ADMIN and MAC_OVERRIDE high; " +
				"NET_ADMIN, NET_RAW, SYS_PTRACE, SYS_TIME, SYSLOG, AUDIT_CONTROL and CHECKPOINT_RESTORE medium; the rest low. " +
				"SYS_PTRACE together with hostPID is critical, NET_ADMIN and NET_RAW together with hostNetwork are high. With hostUsers false, " +
				"all but those about the network hold only over what belongs to the pod (low). What a container keeps of the usual ones is for capabilities-not-dropped.",
			Fix: "Take away all capabilities, and give back only what the program needs:\n\n" +
				"    containers:\n" +
				"    - name: app\n" +
				"      securityContext:\n" +
				"        capabilities:\n" +
				"          drop: [ALL]\n" +
				"          add: [NET_BIND_SERVICE]\n",
			References: references("capabilities-added", aboutSecurityContext),
		},
		Fields: append(inEvery("securityContext.capabilities.add"), "spec.hostPID", "spec.hostNetwork", "spec.hostUsers"),
		Judge:  running(finding.High, judgeCapabilitiesAdded),
	}
}

func judgeCapabilitiesAdded(v check.View) check.Verdict {
	out := failIf(denied(&v, "capabilities_baseline"), finding.High)
	if out.Status == finding.Fail {
		out.Severity = finding.Low
		for _, name := range added(&v) {
			out.Severity = higher(out.Severity, gravityHere(&v, name))
		}
	}
	if !v.Brief {
		if out.Status == finding.Pass {
			out.Message, out.Basis = addsNothing(&v)
		} else {
			out.Message, out.Basis = addsPowers(&v)
		}
	}
	softenWindows(&v, &out, finding.Low)
	return out
}

func added(v *check.View) []corev1.Capability {
	if v.Container.Security == nil || v.Container.Security.Capabilities == nil {
		return nil
	}
	return v.Container.Security.Capabilities.Add
}

func gravityHere(v *check.View, name corev1.Capability) finding.Severity {
	return gravity(string(name), v.Spec.HostPID, v.Spec.HostNetwork, ownUsers(v))
}

func addsNothing(v *check.View) (string, []finding.Basis) {
	if len(added(v)) == 0 {
		return "Adds no capabilities.", []finding.Basis{v.Declared("capabilities.add", false, check.Unset)}
	}
	return "Adds only capabilities that containers usually have.", entries(v, "add", added(v), nil)
}

// entries are elements of a list of capabilities; only says which, nil all.
func entries(v *check.View, list string, names []corev1.Capability, only []string) []finding.Basis {
	var basis []finding.Basis
	for i, name := range names {
		field := fmt.Sprintf("securityContext.capabilities.%s[%d]", list, i)
		if only == nil || slices.Contains(only, field) {
			basis = append(basis, v.InContainer(field, check.OrUnset(string(name))))
		}
	}
	return basis
}

// addsPowers names what is added and what it allows, the gravest first.
func addsPowers(v *check.View) (string, []finding.Basis) {
	basis := entries(v, "add", added(v), wrongFields(v, "capabilities_baseline"))
	slices.SortStableFunc(basis, func(a, b finding.Basis) int {
		return cmp.Compare(gravityHere(v, corev1.Capability(a.Value)).Rank(), gravityHere(v, corev1.Capability(b.Value)).Rank())
	})
	const most = 5
	worst := basis[:min(len(basis), most)]
	var text strings.Builder
	fmt.Fprintf(&text, "Adds capabilities that the Pod Security Standards (baseline) do not let through: %s", values(worst))
	if n := len(basis) - len(worst); n > 0 {
		fmt.Fprintf(&text, ", and %d more", n)
	}
	text.WriteByte('.')
	for _, b := range worst {
		p, known := powers(plainName(b.Value))
		switch {
		case known && p.ofPod && v.Spec.HostNetwork:
			fmt.Fprintf(&text, " %s lets it %s, and that is the node's own.", b.Value, p.allows)
		case known && plainName(b.Value) == "SYS_PTRACE" && v.Spec.HostPID:
			fmt.Fprintf(&text, " %s lets it %s, and hostPID shows it those of the node.", b.Value, p.allows)
		case known:
			fmt.Fprintf(&text, " %s lets it %s.", b.Value, p.allows)
		}
	}
	if v.Spec.HostPID {
		basis = append(basis, v.InPod("hostPID", "true"))
	}
	if v.Spec.HostNetwork {
		basis = append(basis, v.InPod("hostNetwork", "true"))
	}
	if ownUsers(v) {
		text.WriteString(" hostUsers is false, so they hold only over what belongs to the pod.")
		basis = append(basis, v.InPod("hostUsers", "false"))
	}
	return text.String(), basis
}
