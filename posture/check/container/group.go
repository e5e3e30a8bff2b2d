package container

import (
	"fmt"
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/workload"
)

// rootGroup fails where a container that is not root is in root's group.
//
// Fields: runAsGroup, runAsUser and runAsNonRoot of pod and container,
// supplementalGroups and fsGroup of the pod, hostUsers; and from the status
// containerStatuses[*].user.linux.
func rootGroup() *check.Check {
	return &check.Check{
		Rule: finding.Rule{
			ID:       "root-group",
			Title:    "Container is in root's group",
			Severity: finding.Low,
			Description: "The container does not run as root but is in root's group (gid 0). Many files, in images and on mounted host paths, can be read or written by that group, " +
				"so part of what the other user should prevent is open again.",
			Check: "The group that takes effect is the container's runAsGroup, else the pod's; 0 fails, and so does 0 in the pod's supplementalGroups or fsGroup. " +
				"Where no group is set, the image decides, and a user that the image does not know gets group 0: the container may be in it (info) until the kubelet " +
				"reports, in status.containerStatuses[].user.linux, what it is. Containers that run as root, or may, are for run-as-root. " +
				"With hostUsers false, the group is an ordinary one of the host (info).",
			Fix: "Give the containers a group of their own, and take group 0 out wherever it stands, also as fsGroup and among supplementalGroups:\n\n" +
				"    spec:\n" +
				"      securityContext:\n" +
				"        runAsUser: 10001\n" +
				"        runAsGroup: 10001\n",
			References: references("root-group", aboutSecurityContext),
		},
		Fields: append(inEvery("securityContext.runAsGroup", "securityContext.runAsUser", "securityContext.runAsNonRoot"),
			"spec.securityContext.runAsGroup", "spec.securityContext.runAsUser", "spec.securityContext.runAsNonRoot",
			"spec.securityContext.supplementalGroups", "spec.securityContext.fsGroup", "spec.hostUsers", "spec.os.name",
			"status.containerStatuses[*].user.linux.gid", "status.containerStatuses[*].user.linux.supplementalGroups"),
		Judge: running(finding.Low, judgeRootGroup),
	}
}

// groups are what spec and status say about a container's groups.
type groups struct {
	user     workload.User
	own      *int64 // runAsGroup that takes effect
	fromPod  bool
	pod      *corev1.PodSecurityContext
	reported *corev1.LinuxContainerUser
}

func groupsOf(v *check.View) groups {
	g := groups{user: workload.EffectiveUser(v.Spec, v.Container), pod: v.Spec.SecurityContext}
	if g.pod != nil && g.pod.RunAsGroup != nil {
		g.own, g.fromPod = g.pod.RunAsGroup, true
	}
	if own := v.Container.Security; own != nil && own.RunAsGroup != nil {
		g.own, g.fromPod = own.RunAsGroup, false
	}
	if s := workload.Status(v.Status, v.Container); s != nil && s.User != nil {
		g.reported = s.User.Linux
	}
	return g
}

// mayBeRoot: then the user says it all.
func (g *groups) mayBeRoot() bool {
	switch {
	case g.reported != nil:
		return g.reported.UID == 0
	case g.user.RunAsUser != nil:
		return *g.user.RunAsUser == 0
	}
	return g.user.RunAsNonRoot == nil || !*g.user.RunAsNonRoot
}

// also are the pod's further groups that are root's.
func (g *groups) also() (fields []string) {
	if g.pod == nil {
		return nil
	}
	for i, id := range g.pod.SupplementalGroups {
		if id == 0 {
			fields = append(fields, "supplementalGroups["+strconv.Itoa(i)+"]")
		}
	}
	if g.pod.FSGroup != nil && *g.pod.FSGroup == 0 {
		fields = append(fields, "fsGroup")
	}
	return fields
}

func judgeRootGroup(v check.View) check.Verdict {
	g := groupsOf(&v)
	switch {
	case g.user.OS == corev1.Windows && g.reported == nil:
		return notApplicable(finding.Low, "Windows has no group 0.")
	case g.mayBeRoot():
		return notApplicable(finding.Low, "Runs as root or may, which run-as-root says.")
	}
	also := g.also()
	out := failIf(g.own != nil && *g.own == 0 || len(also) > 0, finding.Low)
	if out.Status == finding.Pass && g.own == nil {
		out.Status, out.Severity, out.May = finding.Fail, finding.Info, true
	}
	if g.reported != nil && (out.Status == finding.Fail || g.inRootGroup()) {
		return reportedGroup(&v, &g, out.May)
	}
	if !v.Brief {
		switch {
		case out.May:
			out.Message = "May be in root's group: runAsGroup is not set, so the image decides, and a user that it does not know gets group 0."
		case out.Status == finding.Pass:
			out.Message = fmt.Sprintf("Is not in root's group: runAsGroup is %d.", *g.own)
		case g.own != nil && *g.own == 0:
			out.Message = "Is in root's group: runAsGroup is 0."
		default:
			out.Message = fmt.Sprintf("Is in root's group by the pod's %s.", also[0])
		}
		out.Basis = g.basis(&v, also)
	}
	softenOwnUsers(&v, &out, finding.Info, "outside of the pod it is an ordinary group.")
	return out
}

func (g *groups) inRootGroup() bool {
	return g.reported.GID == 0 || slices.Contains(g.reported.SupplementalGroups, 0)
}

// reportedGroup is the verdict by what the kubelet reports.
func reportedGroup(v *check.View, g *groups, may bool) check.Verdict {
	out := failIf(g.inRootGroup(), finding.Low)
	out.Evidence, out.May = finding.Reported, may
	path := "supplementalGroups"
	switch {
	case g.reported.GID == 0:
		out.Value = "0"
	case out.Status == finding.Fail:
		out.Value = "also 0"
	default:
		out.Value = strconv.FormatInt(g.reported.GID, 10)
	}
	if !v.Brief {
		value := "0"
		switch {
		case g.reported.GID == 0:
			path = "gid"
			out.Message = "Is in root's group: the kubelet reports gid 0."
		case out.Status == finding.Fail:
			path += fmt.Sprintf("[%d]", slices.Index(g.reported.SupplementalGroups, 0))
			out.Message = "Is in root's group: the kubelet reports it among the further groups."
		default:
			path, value = "gid", out.Value
			out.Message = fmt.Sprintf("Is not in root's group: the kubelet reports gid %d.", g.reported.GID)
		}
		field := workload.StatusPath(v.Status, v.Container) + ".user.linux." + path
		out.Basis = append([]finding.Basis{{Evidence: finding.Reported, Field: field, Value: value}}, g.basis(v, nil)...)
	}
	softenOwnUsers(v, &out, finding.Info, "outside of the pod it is an ordinary group.")
	return out
}

// basis lists what the spec declares, further groups of root's first unless
// runAsGroup is root's itself.
func (g *groups) basis(v *check.View, also []string) []finding.Basis {
	basis := []finding.Basis{v.Declared("runAsGroup", g.fromPod, check.Int(g.own))}
	for _, field := range also {
		basis = append(basis, v.Declared(field, true, "0"))
	}
	if len(also) > 0 && (g.own == nil || *g.own != 0) {
		basis[0], basis[1] = basis[1], basis[0]
	}
	return basis
}
