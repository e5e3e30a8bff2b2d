package standard

import (
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/workload"
)

// capabilityNetRaw fails where a container has NET_RAW: it is one of those that
// containerd and Docker give to every container that does not drop it.
//
// Fields: capabilities.add, capabilities.drop and privileged of a container's
// securityContext; os, nodeSelector and affinity, for the system of the nodes.
func capabilityNetRaw() *check.Check {
	c := &check.Check{
		Rule: finding.Rule{
			ID: "capability-net-raw", Title: "Container may send raw packets", Severity: finding.Low,
			Description: "With NET_RAW a process can send packets with forged addresses to whatever shares its network.",
			Check: "A container has NET_RAW where it adds it (or ALL), is privileged, or drops neither it nor ALL: most runtimes give it to every container. " +
				"What is added and dropped at once is added. A name that begins with CAP_ drops nothing where containerd runs the container. Windows has no capabilities.",
			Fix:        "Drop all capabilities, and add back the few that are needed:\n\n    securityContext:\n      capabilities:\n        drop: [ALL]\n",
			References: references("capability-net-raw", contexts),
		},
		Fields: []string{
			"spec.containers[*].securityContext.capabilities.add", "spec.containers[*].securityContext.capabilities.drop",
			"spec.containers[*].securityContext.privileged",
		},
		ForFramework: true,
	}
	c.Judge = func(v check.View) check.Verdict { return judgeNetRaw(&v, c.Severity) }
	return c
}

func judgeNetRaw(v *check.View, severity finding.Severity) check.Verdict {
	out := check.Verdict{Status: finding.Fail, Severity: severity, Evidence: finding.Declared}
	if v.Container.Type == finding.ImageVolume || workload.OS(v.Spec) == corev1.Windows {
		out.Status, out.Message = finding.NotApplicable, "Nothing here has capabilities."
		return out
	}
	security := v.Container.Security
	if security == nil {
		security = &corev1.SecurityContext{}
	}
	caps := security.Capabilities
	if caps == nil {
		caps = &corev1.Capabilities{}
	}
	field, set := "capabilities.drop", caps.Drop
	switch {
	case security.Privileged != nil && *security.Privileged:
		out.Message, field = "It is privileged, and so has every capability.", "privileged"
	case has(caps.Add):
		out.Message, field, set = "It adds NET_RAW.", "capabilities.add", caps.Add
	case drops(caps.Drop):
		out.Status, out.Message = finding.Pass, "It drops NET_RAW."
	case has(caps.Drop):
		out.Message = "It drops NET_RAW by a name that begins with CAP_, by which containerd drops nothing."
	default:
		out.Message = "It does not drop NET_RAW, which most runtimes give to every container."
	}
	if v.Brief {
		out.Message = ""
		return out
	}
	value := names(set)
	if field == "privileged" {
		value = "true"
	}
	out.Basis = []finding.Basis{v.Declared(field, false, value)}
	return out
}

// has reports whether a list names NET_RAW or ALL, as some runtime reads it.
func has(list []corev1.Capability) bool {
	for _, c := range list {
		switch strings.TrimPrefix(strings.ToUpper(string(c)), "CAP_") {
		case "NET_RAW", "ALL":
			return true
		}
	}
	return false
}

// drops reports the same of a list whose names must be as every runtime takes
// them: containerd puts CAP_ before each, also before one that has it.
func drops(list []corev1.Capability) bool {
	for _, c := range list {
		switch strings.ToUpper(string(c)) {
		case "NET_RAW", "ALL":
			return true
		}
	}
	return false
}

// names is the value of a list, as it is shown for others.
func names(list []corev1.Capability) string {
	if len(list) == 0 {
		return check.Unset
	}
	texts := make([]string, len(list))
	for i, c := range list {
		texts[i] = string(c)
	}
	return "[" + strings.Join(texts, " ") + "]"
}
