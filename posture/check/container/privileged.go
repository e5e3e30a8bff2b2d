package container

import (
	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
)

// privilegedContainer fails where a container is privileged.
//
// Fields: securityContext.privileged of the container; hostUsers.
func privilegedContainer() *check.Check {
	return &check.Check{
		Rule: finding.Rule{
			ID:       "privileged-container",
			Title:    "Privileged container",
			Severity: finding.Critical,
			Description: "The container is privileged: it has every capability, sees every device of the node, and neither seccomp nor AppArmor holds it back. " +
				"Whoever gets into it can mount the node's disks, load code into the kernel, and so own the node with everything that runs there.",
			Check: "securityContext.privileged of the container, by the check of the Pod Security Standards (baseline). " +
				"With hostUsers false, those powers end at the pod's own user namespace, which is less grave (medium). Windows has no privileged containers (low).",
			Fix: "Leave it out, and grant the single thing that the container needs instead, such as one capability or one device plugin:\n\n" +
				"    containers:\n" +
				"    - name: app\n" +
				"      securityContext:\n" +
				"        privileged: false\n" +
				"        allowPrivilegeEscalation: false\n" +
				"        capabilities:\n" +
				"          drop: [ALL]\n",
			References: references("privileged-container", aboutSecurityContext),
		},
		Fields: append(inEvery("securityContext.privileged"), "spec.hostUsers"),
		Judge:  running(finding.Critical, judgePrivileged),
	}
}

// isPrivileged reports whether the container says that it is.
func isPrivileged(v *check.View) bool {
	c := v.Container.Security
	return c != nil && c.Privileged != nil && *c.Privileged
}

func judgePrivileged(v check.View) check.Verdict {
	out := failIf(denied(&v, "privileged"), finding.Critical)
	if !v.Brief {
		out.Message = "Is not privileged."
		if out.Status == finding.Fail {
			out.Message = "Is privileged: it has all capabilities and all devices of the node"
			if !ownUsers(&v) {
				out.Message += ", and can take the node over"
			}
			out.Message += "."
		}
		var set *bool
		if v.Container.Security != nil {
			set = v.Container.Security.Privileged
		}
		out.Basis = []finding.Basis{v.Declared("privileged", false, check.Bool(set))}
	}
	softenOwnUsers(&v, &out, finding.Medium, "those powers end at the pod's own user namespace.")
	softenWindows(&v, &out, finding.Low)
	return out
}
