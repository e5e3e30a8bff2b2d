package container

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/workload"
)

// runAsRoot fails where a container runs as root, or may: where the image decides.
//
// Fields: runAsUser, runAsNonRoot and windowsOptions of the pod's and the
// container's securityContext, hostUsers; os, nodeSelector and affinity, for
// the system of the nodes; and from the status
// containerStatuses[*].user.linux.uid (KEP-3619).
func runAsRoot() *check.Check {
	return &check.Check{
		Rule: finding.Rule{
			ID:       "run-as-root",
			Title:    "Container runs as root",
			Severity: finding.High,
			Description: "The container's first process runs as root (uid 0), or may. Root in a container is root of the host, " +
				"held back only by the container's walls: a hole in the kernel or in the runtime, or a mounted host path, and the whole node is lost. " +
				"Root can also change every file of the container.",
			Check: "The user that takes effect is the container's runAsUser, else the pod's; likewise runAsNonRoot. " +
				"runAsUser 0 is root. runAsNonRoot true without a user is safe, because the kubelet refuses to start such a container as root; with runAsUser 0 it can't start (low). " +
				"Where neither is set, the image decides: the container may run as root (medium) until the kubelet reports, in " +
				"status.containerStatuses[].user.linux.uid, what it is. A reported 0 makes it certain (high); another uid, reported by pods of the current template and " +
				"0 by none, clears it. Where somebody looked inside (assay scan --inspect), the users of the container's processes decide: one that runs as root " +
				"makes it certain, and an image that starts as root and then becomes another user is cleared. With hostUsers false, root is an unprivileged user of the host (low). " +
				"Pods for Windows nodes (spec.os, nodeSelector or node affinity say so) are judged by runAsUserName and hostProcess; a pod that sets " +
				"windowsOptions and does not say which nodes it is for is judged for both.",
			Fix: "Give the containers a user of their own and forbid root, and take out where one of them says otherwise. (Windows goes by windowsOptions.runAsUserName, where ContainerUser is an ordinary user.) For the whole pod:\n\n" +
				"    spec:\n" +
				"      securityContext:\n" +
				"        runAsNonRoot: true\n" +
				"        runAsUser: 10001\n" +
				"        runAsGroup: 10001\n",
			References: references("run-as-root", aboutSecurityContext),
		},
		Fields: []string{
			"spec.securityContext.runAsUser", "spec.containers[*].securityContext.runAsUser",
			"spec.securityContext.runAsNonRoot", "spec.containers[*].securityContext.runAsNonRoot",
			"spec.securityContext.windowsOptions.runAsUserName", "spec.containers[*].securityContext.windowsOptions.runAsUserName",
			"spec.securityContext.windowsOptions.hostProcess", "spec.containers[*].securityContext.windowsOptions.hostProcess",
			"spec.hostUsers", "spec.os.name", "spec.nodeSelector", "spec.affinity.nodeAffinity", "status.containerStatuses[*].user.linux.uid",
		},
		Judge: judgeRunAsRoot,
	}
}

func judgeRunAsRoot(v check.View) check.Verdict {
	if v.Container.Type == finding.ImageVolume {
		return check.Verdict{Status: finding.NotApplicable, Severity: finding.High, Evidence: finding.Declared, Message: "An image volume runs nothing."}
	}
	u := workload.EffectiveUser(v.Spec, v.Container)
	uid := reportedUID(&v)
	var out check.Verdict
	var onWindows bool
	switch {
	case v.Observed != nil:
		out = observe(judgeUser(&u, v.Brief), &u, v.Observed, v.Brief)
	case uid != nil: // Only a Linux node reports one, whatever the spec says.
		out = settle(judgeUser(&u, v.Brief), &u, *uid, v.Brief)
	case u.OS == corev1.Windows:
		out, onWindows = judgeWindowsUser(&u, v.Brief), true
	case u.OS == "" && u.WindowsOptions:
		out, onWindows = judgeOnAnyNode(&u, v.Brief)
	default:
		out = judgeUser(&u, v.Brief)
	}
	if v.Brief {
		return out
	}
	if onWindows {
		out.Basis = windowsBasis(&v, &u)
	} else {
		out.Basis = linuxBasis(&v, &u)
	}
	if uid != nil {
		out.Basis = append([]finding.Basis{{
			Evidence: finding.Reported, Field: workload.StatusPath(v.Status, v.Container) + ".user.linux.uid", Value: strconv.FormatInt(*uid, 10),
		}}, out.Basis...)
	}
	if v.Observed != nil {
		out.Basis = append([]finding.Basis{{
			Evidence: finding.Observed, Field: fmt.Sprintf("/proc/%d/status", v.Observed.Process.PID), Value: "uid " + out.Value, Object: "Pod/" + v.Observed.Pod,
		}}, out.Basis...)
	}
	if v.Observed == nil && uid == nil && u.OS == "" && u.WindowsOptions {
		out.Basis = append(out.Basis, finding.Basis{Evidence: finding.Declared, Field: v.Path("os.name"), Value: check.Unset})
	}
	return out
}

// reportedUID is the user that the runtime started the container's first
// process with, as the kubelet reports it; nil where it does not.
func reportedUID(v *check.View) *int64 {
	s := workload.Status(v.Status, v.Container)
	if s == nil || s.User == nil || s.User.Linux == nil {
		return nil
	}
	return &s.User.Linux.UID
}

// judgeUser goes by the spec alone, with the kubelet's rules for Linux: it
// compares with 0, and only where runAsNonRoot is true.
func judgeUser(u *workload.User, brief bool) check.Verdict {
	out := check.Verdict{Status: finding.Fail, Severity: finding.High, Evidence: finding.Declared}
	nonRoot := u.RunAsNonRoot != nil && *u.RunAsNonRoot
	switch {
	case u.RunAsUser == nil && nonRoot:
		out.Status = finding.Pass
		out.Message = "Does not run as root: runAsNonRoot is true, and the kubelet would not start it as root."
	case u.RunAsUser == nil && u.RunAsNonRoot != nil:
		out.Severity, out.May = finding.Medium, true
		out.Message = "May run as root: runAsNonRoot is false and runAsUser is not set, so the image decides."
	case u.RunAsUser == nil:
		out.Severity, out.May = finding.Medium, true
		out.Message = "May run as root: neither runAsUser nor runAsNonRoot is set, so the image decides."
	case len(validation.IsValidUserID(*u.RunAsUser)) > 0:
		out.Status = finding.Error
		if !brief {
			out.Message = fmt.Sprintf("runAsUser is %d, and Kubernetes takes only 0 to %d. It could not be judged.", *u.RunAsUser, math.MaxInt32)
		}
	case *u.RunAsUser == 0 && nonRoot:
		out.Severity = finding.Low
		out.Message = "Will not start: runAsUser is 0, which is root, but runAsNonRoot is true. The kubelet refuses to start it."
		return out
	case *u.RunAsUser == 0:
		out.Message = "Runs as root: runAsUser is 0."
	default:
		out.Status = finding.Pass
		if !brief {
			out.Message = fmt.Sprintf("Does not run as root: runAsUser is %d.", *u.RunAsUser)
		}
	}
	soften(&out, u)
	return out
}

// settle replaces what the spec declares with what the kubelet reports about
// the same pod.
func settle(declared check.Verdict, u *workload.User, uid int64, brief bool) check.Verdict {
	out := check.Verdict{
		Status: finding.Pass, Severity: finding.High, Evidence: finding.Reported,
		May: declared.May, Value: strconv.FormatInt(uid, 10),
	}
	if uid == 0 {
		out.Status = finding.Fail
	}
	if !brief {
		out.Message = settled(declared, u, uid)
	}
	soften(&out, u)
	return out
}

// observe replaces what was declared and reported with what was seen inside.
func observe(declared check.Verdict, u *workload.User, seen *workload.Observed, brief bool) check.Verdict {
	out := check.Verdict{
		Status: finding.Pass, Severity: finding.High, Evidence: finding.Observed,
		May: declared.May, Value: strconv.FormatUint(uint64(seen.Process.UID), 10),
	}
	if seen.Process.UID == 0 {
		out.Status = finding.Fail
	}
	switch {
	case brief:
	case out.Status == finding.Fail:
		out.Message = fmt.Sprintf("Runs as root: process %d (%s) was seen with uid 0.", seen.Process.PID, seen.Process.Name)
	case seen.Processes == 1:
		out.Message = fmt.Sprintf("Does not run as root: its one process (%s) was seen with uid %d.", seen.Process.Name, seen.Process.UID)
	default:
		out.Message = fmt.Sprintf("Does not run as root: none of its %d processes was seen with uid 0; the first has uid %d.", seen.Processes, seen.Process.UID)
	}
	soften(&out, u)
	return out
}

// settled says what came out, and where spec and kubelet disagree.
func settled(declared check.Verdict, u *workload.User, uid int64) string {
	switch {
	case uid != 0 && u.RunAsUser != nil && *u.RunAsUser == 0:
		return fmt.Sprintf("Does not run as root: the kubelet reports uid %d, although runAsUser is 0.", uid)
	case uid != 0:
		return fmt.Sprintf("Does not run as root: the kubelet reports uid %d.", uid)
	case declared.May:
		return "Runs as root: the spec leaves it to the image, and the kubelet reports uid 0."
	case u.RunAsUser == nil:
		return "Runs as root: the kubelet reports uid 0, although runAsNonRoot is true."
	case *u.RunAsUser == 0:
		return "Runs as root: runAsUser is 0, and the kubelet reports uid 0."
	default:
		return fmt.Sprintf("Runs as root: the kubelet reports uid 0, although runAsUser is %d.", *u.RunAsUser)
	}
}

// soften lowers a failed verdict where root is an unprivileged user of the host.
func soften(out *check.Verdict, u *workload.User) {
	if out.Status != finding.Fail || !u.OwnUsers {
		return
	}
	out.Severity = finding.Low
	if out.Message != "" {
		out.Message += " hostUsers is false, so outside of the pod this root is an ordinary user."
	}
}

// linuxBasis lists what the spec declares for Linux, the field that decides first.
func linuxBasis(v *check.View, u *workload.User) []finding.Basis {
	basis := []finding.Basis{
		v.Declared("runAsUser", u.RunAsUserFromPod, check.Int(u.RunAsUser)),
		v.Declared("runAsNonRoot", u.RunAsNonRootFromPod, check.Bool(u.RunAsNonRoot)),
	}
	if u.RunAsUser == nil {
		slices.Reverse(basis)
	}
	if u.OwnUsers {
		basis = append(basis, finding.Basis{Evidence: finding.Declared, Field: v.Path("hostUsers"), Value: "false"})
	}
	return basis
}

// windowsBasis lists what the spec declares for Windows.
func windowsBasis(v *check.View, u *workload.User) []finding.Basis {
	basis := []finding.Basis{v.Declared("windowsOptions.runAsUserName", u.RunAsUserNameFromPod, check.String(u.RunAsUserName))}
	if u.HostProcess {
		basis = append(basis, v.Declared("windowsOptions.hostProcess", u.HostProcessFromPod, "true"))
	}
	return append(basis, v.Declared("runAsNonRoot", u.RunAsNonRootFromPod, check.Bool(u.RunAsNonRoot)))
}
