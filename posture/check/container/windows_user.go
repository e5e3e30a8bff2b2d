package container

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/workload"
)

// containerAdministrator is the account that the kubelet takes for root.
const containerAdministrator = "ContainerAdministrator"

// judgeWindowsUser judges a container for Windows nodes, where users have names.
// https://kubernetes.io/docs/tasks/configure-pod-container/configure-runasusername/
// https://kubernetes.io/docs/tasks/configure-pod-container/create-hostprocess-pod/
func judgeWindowsUser(u *workload.User, brief bool) check.Verdict {
	out := check.Verdict{Status: finding.Fail, Severity: finding.High, Evidence: finding.Declared}
	nonRoot := u.RunAsNonRoot != nil && *u.RunAsNonRoot
	if u.RunAsUserName == nil || *u.RunAsUserName == "" {
		unnamed(&out, u.HostProcess, nonRoot)
		return out
	}
	name := *u.RunAsUserName
	named := func(format string) {
		if !brief {
			out.Message = fmt.Sprintf(format, name)
		}
	}
	switch account := workload.WindowsAccount(name); {
	case strings.EqualFold(name, containerAdministrator) && nonRoot:
		out.Severity = finding.Low
		out.Message = "Will not start: runAsUserName is ContainerAdministrator, but runAsNonRoot is true. The kubelet refuses to start it."
	case !administers(account) && u.HostProcess && !limited(account):
		out.Severity, out.May = finding.Medium, true
		named("May run as administrator of the Windows host: hostProcess is true, and the rights are those of %s on the host.")
	case !administers(account):
		out.Status = finding.Pass
		named("Does not run as administrator: runAsUserName is %s.")
	case u.HostProcess:
		named("Runs as administrator of the Windows host: hostProcess is true and runAsUserName is %s.")
	default:
		named("Runs as administrator: runAsUserName is %s.")
	}
	return out
}

// unnamed is the verdict where no user is named. The image's user then decides,
// and runAsNonRoot is little help: the kubelet refuses only images that name
// ContainerAdministrator themselves, and not those that have it by default.
func unnamed(out *check.Verdict, hostProcess, nonRoot bool) {
	if hostProcess {
		out.Message = "Runs as a process of the Windows host itself, and runAsUserName sets no limit to what it may do there."
		return
	}
	out.Severity, out.May = finding.Medium, true
	out.Message = "May run as administrator: runAsUserName is not set, so the image decides."
	if nonRoot {
		out.Message += " runAsNonRoot is true, but on Windows that stops only images that name ContainerAdministrator themselves."
	}
}

// administers reports whether a Windows account is an administrator's.
func administers(account string) bool {
	switch account {
	case "containeradministrator", "system", "localsystem", "administrator", "administrators":
		return true
	}
	return false
}

// limited reports whether a Windows account is one of the two that have few rights on a host.
func limited(account string) bool { return account == "localservice" || account == "networkservice" }

// judgeOnAnyNode judges a container that has Windows' options, while nothing
// says that it is for Windows nodes: a Linux node would start it too, and
// ignore those options. The graver verdict stands.
func judgeOnAnyNode(u *workload.User, brief bool) (out check.Verdict, onWindows bool) {
	out, other, where := judgeUser(u, brief), judgeWindowsUser(u, brief), "Linux"
	if onWindows = graver(&other, &out); onWindows {
		out, other, where = other, out, "Windows"
	}
	if out.Status == finding.Fail && other.Status != finding.Fail {
		out.May = true
		if !brief {
			out.Message += fmt.Sprintf(" This is so on %s nodes; the pod does not say which nodes it is for.", where)
		}
	}
	return out, onWindows
}

// graver reports whether a is worse than b, by status, then severity.
func graver(a, b *check.Verdict) bool {
	if a.Status != b.Status {
		return slices.Index(finding.Statuses, a.Status) < slices.Index(finding.Statuses, b.Status)
	}
	return a.Status == finding.Fail && a.Severity.Rank() < b.Severity.Rank()
}
