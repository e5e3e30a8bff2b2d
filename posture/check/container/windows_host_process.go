package container

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/workload"
)

// windowsHostProcess fails where a container is a process of the Windows host.
//
// Fields: securityContext.windowsOptions.hostProcess and runAsUserName of pod
// and container; os, nodeSelector and affinity, for the system of the nodes.
func windowsHostProcess() *check.Check {
	return &check.Check{
		Rule: finding.Rule{
			ID:       "windows-host-process",
			Title:    "Process of the Windows host",
			Severity: finding.Critical,
			Description: "The container is no container but a process of the Windows node, with the node's files, network and devices. " +
				"Whoever gets into it has the node, as far as the account reaches under which it runs.",
			Check: "securityContext.windowsOptions.hostProcess of the container, else of the pod, must not be true, by the check of the Pod Security Standards (baseline). " +
				"With the accounts LocalService and NetworkService, which have few rights on a host, it is high. In a pod for Linux nodes it takes no effect (low). " +
				"Where the pod says true but every container says otherwise, the first container says so (low), because the standards still deny the pod.",
			Fix: "Leave it out, in the pod and in its containers; only programs that manage the node itself need it:\n\n" +
				"    containers:\n" +
				"    - name: app\n" +
				"      securityContext:\n" +
				"        windowsOptions:\n" +
				"          hostProcess: false\n",
			References: references("windows-host-process", aboutHostProcess),
		},
		Fields: append(inEvery("securityContext.windowsOptions.hostProcess", "securityContext.windowsOptions.runAsUserName"),
			"spec.securityContext.windowsOptions.hostProcess", "spec.securityContext.windowsOptions.runAsUserName",
			"spec.os.name", "spec.nodeSelector", "spec.affinity.nodeAffinity"),
		Judge: running(finding.Critical, judgeHostProcess),
	}
}

func judgeHostProcess(v check.View) check.Verdict {
	in := inheritable{
		control: "windowsHostProcess",
		own: func(c *corev1.SecurityContext) bool {
			return c.WindowsOptions != nil && c.WindowsOptions.HostProcess != nil
		},
		pod: func(p *corev1.PodSecurityContext) bool {
			return p.WindowsOptions != nil && p.WindowsOptions.HostProcess != nil
		},
	}
	at := in.denied(&v)
	out := failIf(at != nowhere, finding.Critical)
	var u workload.User
	if at != nowhere || !v.Brief {
		u = workload.EffectiveUser(v.Spec, v.Container)
	}
	few := u.RunAsUserName != nil && limited(workload.WindowsAccount(*u.RunAsUserName))
	onLinux := u.OS == corev1.Linux
	switch {
	case at == unused || at != nowhere && onLinux:
		out.Severity = finding.Low
	case at != nowhere && few:
		out.Severity = finding.High
	}
	if v.Brief {
		return out
	}
	value := check.Unset
	if in.has(v.Container.Security) || in.podHas(v.Spec) {
		value = check.Bool(&u.HostProcess)
	}
	out.Basis = []finding.Basis{v.Declared("windowsOptions.hostProcess", u.HostProcessFromPod, value)}
	switch {
	case at == unused:
		out.Message = "The pod's own hostProcess is true." + unusedWords
		out.Basis = append([]finding.Basis{v.Declared("windowsOptions.hostProcess", true, "true")}, out.Basis...)
	case at != nowhere && onLinux:
		out.Message = "hostProcess is true. The pod is for Linux nodes, where this has no effect."
	case at != nowhere && few:
		out.Message = "Is a process of the Windows host itself, under an account with few rights."
	case at != nowhere:
		out.Message = "Is a process of the Windows host itself, with the host's files, network and devices."
	default:
		out.Message = "Is no process of the Windows host."
	}
	if out.Status == finding.Fail && u.OS == "" && at != unused {
		out.Message += " This is so on Windows nodes; the pod does not say which nodes it is for."
	}
	if at != nowhere && at != unused {
		out.Basis = append(out.Basis, v.Declared("windowsOptions.runAsUserName", u.RunAsUserNameFromPod, check.String(u.RunAsUserName)))
	}
	return out
}
