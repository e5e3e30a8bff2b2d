package access

import (
	"fmt"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/rbac"
)

const clusterAdminID = "rbac-cluster-admin"

// clusterAdmin fails where a binding gives everything in the whole cluster.
//
// Fields: roleRef and subjects of ClusterRoleBindings, the rules of the role, and
// as whom pods run.
func clusterAdmin() *check.Check {
	return &check.Check{
		Rule: finding.Rule{
			ID: clusterAdminID, Title: "Has the rights of cluster-admin", Severity: finding.Critical,
			Description: "The binding gives every right there is: to read every secret, to run anything on every node, to give more rights to anybody, and to hide it. " +
				"A program with such rights hands the cluster to whoever breaks into it.",
			Check: "A ClusterRoleBinding fails whose role has a rule for every verb on every resource of every group, as cluster-admin has, or of the core group, which comes to the same: " +
				"acting as a member of system:masters is among it. It is critical for service accounts that pods run as and for groups that are everybody, high for other service accounts, and medium for users " +
				"and groups: somebody must administer the cluster, and it is to be looked at who. The group that kubeadm makes for that is low. The API server's own binding, to system:masters, passes, and so does that of Amazon EKS to its own addon manager.",
			Fix: "Bind a role with the rights that are needed, in the namespace where they are needed:\n\n" +
				aBinding +
				"    roleRef:\n      apiGroup: rbac.authorization.k8s.io\n      kind: Role\n      name: cart\n" +
				"    subjects:\n    - kind: ServiceAccount\n      name: cart\n      namespace: shop\n",
			References: references(clusterAdminID, goodPractices),
		},
		Fields: bindingFields(), Kinds: allKinds(), KnowsGaps: true,
		SurveyCluster: surveyBindings(judgeClusterAdmin),
	}
}

func judgeClusterAdmin(s *survey, b *bound) check.Verdict {
	all := b.whole()
	switch {
	case b.Ref.Namespace != "":
		return verdict(finding.NotApplicable, finding.Critical, "It counts in one namespace only.", roleBasis(b))
	case b.unclear != "":
		return verdict(finding.NotReviewed, finding.Critical, b.unclear, roleBasis(b))
	case all == "":
		return verdict(finding.Pass, finding.Critical, "Its role does not give everything.", roleBasis(b))
	case len(b.judged) == 0 && len(b.Subjects) == 0:
		return verdict(finding.Pass, finding.Critical, "It gives everything to nobody.", roleBasis(b))
	case len(b.judged) == 0:
		return verdict(finding.Pass, finding.Critical, "It gives everything to system:masters, or to parts of Kubernetes itself or of the platform that runs it, which have it anyway.", roleBasis(b))
	}
	who := s.nearest(b, nil)
	severity, note := finding.Medium, " Whoever gets hold of one of their credentials has the cluster."
	switch s.classOf(who.Subject) {
	case public:
		severity, note = finding.Critical, " Every pod of theirs that has a token has this."
		if withoutCredentials(who.Subject) || who.Subject == rbac.Group(rbac.Authenticated) {
			note = " That is everybody."
		}
	case running:
		severity, note = finding.Critical, s.asPod(who)
	case account:
		severity, note = finding.High, " No pod is known to run as it; whoever can make one there, or a token, has the cluster."
		if s.graph.Absent(who.Subject) {
			note = " The account is not there: whoever makes it has the cluster."
		}
	case person:
		if len(b.judged) == 1 && who.Subject == rbac.Group("kubeadm:cluster-admins") {
			severity, note = finding.Low, " It is the group that kubeadm makes for administrators; see that few are in it."
		}
	}
	h := b.held(all)
	how := "may do everything in the cluster"
	if all == rbac.CoreAccess {
		how = "may do everything with what is in the core group, acting as a member of system:masters among it, and so everything in the cluster"
	}
	return verdict(finding.Fail, severity, fmt.Sprintf("%s %s, by %s.%s", upper(names(who, b.judged)), how, b.Role, note), basis(b, h, who)...)
}
