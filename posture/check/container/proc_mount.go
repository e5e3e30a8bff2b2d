package container

import (
	"fmt"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
)

// procMountUnmasked fails where a container sees all of /proc.
//
// Fields: securityContext.procMount of the container; hostUsers.
func procMountUnmasked() *check.Check {
	return &check.Check{
		Rule: finding.Rule{
			ID:       "proc-mount-unmasked",
			Title:    "All of /proc is open",
			Severity: finding.High,
			Description: "The runtime hides parts of /proc from containers, and makes others read-only: through them a process learns about the kernel, and with rights can change it. " +
				"This container sees all of it.",
			Check: "securityContext.procMount must be Default, by the checks of the Pod Security Standards. With hostUsers false, baseline lets it through from Kubernetes 1.35 on " +
				"(containers that start containers need it there), and only restricted does not: then it is low.",
			Fix: "Leave it at the default:\n\n" +
				"    containers:\n" +
				"    - name: app\n" +
				"      securityContext:\n" +
				"        procMount: Default\n",
			References: references("proc-mount-unmasked", aboutStandards),
		},
		Fields: append(inEvery("securityContext.procMount"), "spec.hostUsers"),
		Judge:  running(finding.High, judgeProcMount),
	}
}

func judgeProcMount(v check.View) check.Verdict {
	out := failIf(denied(&v, "procMount") || denied(&v, "procMount_restricted"), finding.High)
	if !v.Brief {
		value := check.Unset
		if v.Container.Security != nil && v.Container.Security.ProcMount != nil {
			value = check.OrUnset(string(*v.Container.Security.ProcMount))
		}
		out.Message = "Parts of /proc are hidden from it."
		if out.Status == finding.Fail {
			out.Message = fmt.Sprintf("Nothing of /proc is hidden from it or read-only: procMount is %s.", value)
		}
		out.Basis = []finding.Basis{v.Declared("procMount", false, value)}
	}
	softenOwnUsers(&v, &out, finding.Low, "the kernel lets its root change nothing there that belongs to the node.")
	softenWindows(&v, &out, finding.Low)
	return out
}
