package container

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
)

// ownIDs is where the numbers begin that no user of a node has.
const ownIDs = 10000

// lowUserID fails where a container's user or group may also be one of the node.
//
// Fields: runAsUser and runAsGroup of pod and container; hostUsers.
func lowUserID() *check.Check {
	return &check.Check{
		Rule: finding.Rule{
			ID:       "low-user-id",
			Title:    "User or group that the node may have, too",
			Severity: finding.Info,
			Description: "The container runs with a low user or group number. Nodes have users of their own with such numbers. Should the container ever reach files or processes of the node, " +
				"it has the rights of the user with the same number there.",
			Check: "The runAsUser and runAsGroup that take effect (the container's, else the pod's) must be at least 10000. Root (0) is for run-as-root and root-group. " +
				"Where no number is set there is nothing to judge. With hostUsers false, the numbers are not those of the node.",
			Fix: "Use numbers from 10000 on, and take out where a container says otherwise:\n\n" +
				"    spec:\n" +
				"      securityContext:\n" +
				"        runAsUser: 10001\n" +
				"        runAsGroup: 10001\n",
			References: references("low-user-id", aboutSecurityContext),
		},
		Fields: append(inEvery("securityContext.runAsUser", "securityContext.runAsGroup"),
			"spec.securityContext.runAsUser", "spec.securityContext.runAsGroup", "spec.hostUsers", "spec.os.name"),
		Judge: running(finding.Info, judgeLowUserID),
	}
}

func judgeLowUserID(v check.View) check.Verdict {
	g := groupsOf(&v)
	if g.user.OS == corev1.Windows {
		return notApplicable(finding.Info, "Windows has no user numbers.")
	}
	user, group := numbered(g.user.RunAsUser), numbered(g.own)
	if !user && !group {
		return notApplicable(finding.Info, "Neither runAsUser nor runAsGroup is a number other than root's.")
	}
	user, group = user && *g.user.RunAsUser < ownIDs, group && *g.own < ownIDs
	out := failIf((user || group) && !g.user.OwnUsers, finding.Info)
	if v.Brief {
		return out
	}
	asUser := v.Declared("runAsUser", g.user.RunAsUserFromPod, check.Int(g.user.RunAsUser))
	asGroup := v.Declared("runAsGroup", g.fromPod, check.Int(g.own))
	out.Basis = []finding.Basis{asUser, asGroup}
	if group && !user || !numbered(g.user.RunAsUser) {
		out.Basis = []finding.Basis{asGroup, asUser}
	}
	var low []string
	if user {
		low = append(low, "runAsUser is "+asUser.Value)
	}
	if group {
		low = append(low, "runAsGroup is "+asGroup.Value)
	}
	switch {
	case low == nil:
		out.Message = fmt.Sprintf("Its user and group numbers are not below %d.", ownIDs)
	case g.user.OwnUsers:
		out.Message = "hostUsers is false, so its numbers are not those of the node's users."
		out.Basis = append([]finding.Basis{v.InPod("hostUsers", "false")}, out.Basis...)
	default:
		out.Message = fmt.Sprintf("The node may have a user or group of the same number: %s.", strings.Join(low, ", "))
	}
	return out
}

// numbered reports whether an ID is set, valid and not root's.
func numbered(id *int64) bool { return id != nil && *id > 0 }
