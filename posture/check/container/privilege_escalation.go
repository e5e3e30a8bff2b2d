package container

import (
	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
)

// privilegeEscalation fails where nothing stops a process from gaining rights.
//
// Fields: securityContext.allowPrivilegeEscalation and privileged of the
// container; os.name, hostUsers.
func privilegeEscalation() *check.Check {
	unset := silence{control: "allowPrivilegeEscalation"}
	return &check.Check{
		Rule: finding.Rule{
			ID:       "privilege-escalation-allowed",
			Title:    "Processes may gain rights",
			Severity: finding.Medium,
			Description: "A process of the container may get more rights than the one that started it: programs that are set-uid root, such as su or sudo, work. " +
				"So an attacker who has broken into a program without rights can still become root in the container, if the image has one weak program of that kind.",
			Check: "securityContext.allowPrivilegeEscalation of the container must be false, by the check of the Pod Security Standards (restricted). " +
				"Where it is unset, Kubernetes allows it (low, since hardly anybody sets it); where somebody set it to true, it is medium. " +
				"In a privileged container, beside which the API server takes no false, it is low: privileged-container comes first. " +
				"With hostUsers false, root is an ordinary user outside of the pod (low). Windows has no such setting.",
			Fix: "Forbid it; only programs that must change their user at run time need it:\n\n" +
				"    containers:\n" +
				"    - name: app\n" +
				"      securityContext:\n" +
				"        allowPrivilegeEscalation: false\n",
			References: references("privilege-escalation-allowed", aboutSecurityContext),
		},
		Fields: append(inEvery("securityContext.allowPrivilegeEscalation", "securityContext.privileged"), "spec.os.name", "spec.hostUsers"),
		Judge: running(finding.Medium, func(v check.View) check.Verdict {
			return judgePrivilegeEscalation(v, &unset)
		}),
	}
}

func judgePrivilegeEscalation(v check.View, unset *silence) check.Verdict {
	var set *bool
	if v.Container.Security != nil {
		set = v.Container.Security.AllowPrivilegeEscalation
	}
	bad := set == nil && unset.denied(&v) || set != nil && denied(&v, unset.control)
	out := failIf(bad, finding.Medium)
	if out.Status == finding.Pass && declaresWindows(&v) {
		return notApplicable(finding.Medium, "Windows has no such setting.")
	}
	if out.Status == finding.Fail && (set == nil || isPrivileged(&v)) {
		out.Severity = finding.Low
	}
	if !v.Brief {
		switch {
		case out.Status == finding.Pass:
			out.Message = "Processes can't gain rights: allowPrivilegeEscalation is false."
		case set == nil:
			out.Message = "Processes may gain rights: allowPrivilegeEscalation is not set, and then it is allowed."
		default:
			out.Message = "Processes may gain rights: allowPrivilegeEscalation is true."
		}
		out.Basis = []finding.Basis{v.Declared("allowPrivilegeEscalation", false, check.Bool(set))}
		if out.Status == finding.Fail && isPrivileged(&v) {
			out.Message += " The container is privileged, which has to go first: beside it the API server takes no false."
			out.Basis = append(out.Basis, v.Declared("privileged", false, "true"))
		}
	}
	softenOwnUsers(&v, &out, finding.Low, "outside of the pod even root is an ordinary user.")
	softenWindows(&v, &out, finding.Info)
	return out
}
