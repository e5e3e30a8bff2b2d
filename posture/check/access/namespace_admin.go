package access

import (
	"fmt"
	"strings"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/rbac"
)

const namespaceAdminID = "rbac-namespace-admin"

// namespaceAdmin fails where a binding gives everything in a namespace, or one
// of the roles for those who work in one.
//
// Fields: roleRef and subjects of bindings, the rules of the role, the label
// kubernetes.io/bootstrapping of the role, and as whom pods run.
func namespaceAdmin() *check.Check {
	return &check.Check{
		Rule: finding.Rule{
			ID: namespaceAdminID, Title: "Has all rights of a namespace", Severity: finding.Medium,
			Description: "The roles admin and edit, and roles with a rule for everything, give all that there is in a namespace: its secrets, its pods and commands inside them, tokens of its service accounts. " +
				"In one namespace that is what its owners need. For a program it is mostly far more than that, and in the whole cluster it is cluster-admin by another name.",
			Check: "A binding fails that gives the API server's own role admin or edit, or, in a namespace, a role with a rule for every verb on every resource (of every group, or of the core group). " +
				"In a namespace admin and edit are low, other such roles medium; in the whole cluster they are high. " +
				"It is critical where the way leads on to cluster-admin and pods run as the service account, or everybody has it; high for a service account that no pod runs as; medium for users and groups.",
			Fix: "Give a program the few rights that it needs:\n\n" +
				aRole + "    - apiGroups: [apps]\n      resources: [deployments]\n      resourceNames: [cart]\n      verbs: [get, patch]\n",
			References: references(namespaceAdminID, rbacPage+"#user-facing-roles"),
		},
		Fields: bindingFields(), Kinds: allKinds(), KnowsGaps: true,
		SurveyCluster: surveyBindings(judgeNamespaceAdmin),
	}
}

func judgeNamespaceAdmin(s *survey, b *bound) check.Verdict {
	switch {
	case b.unclear != "":
		return verdict(finding.NotReviewed, finding.Medium, b.unclear, roleBasis(b))
	case b.reportedBy() == clusterAdminID:
		return verdict(finding.NotApplicable, finding.Medium, "It gives everything in the whole cluster: "+clusterAdminID+" says so.", roleBasis(b))
	case b.reportedBy() == "":
		return verdict(finding.Pass, finding.Medium, "It does not give everything in a namespace.", roleBasis(b))
	case len(b.judged) == 0:
		return verdict(finding.Pass, finding.Medium, "It gives this to nobody, or to system:masters, which has it anyway.", roleBasis(b))
	}
	severity := finding.Medium
	switch {
	case b.Ref.Namespace == "":
		severity = finding.High
	case b.editor():
		severity = finding.Low
	}
	lead, who := s.way(b, func(rbac.Access) bool { return true })
	severity = s.graver(severity, lead, who)
	if who == nil {
		who = s.nearest(b, nil)
	}
	h := b.held(b.whole()) // of admin and edit, that are made of many rules, none says it all
	var m strings.Builder
	what := "may do everything in namespace " + b.Ref.Namespace
	switch {
	case b.whole() == rbac.CoreAccess:
		what = "may do everything with what is in the core group (pods, secrets and more) in namespace " + b.Ref.Namespace
	case b.editor() && b.Ref.Namespace == "":
		what = "may read secrets, run pods and take tokens in every namespace"
	case b.editor():
		what = "may read secrets, run pods and take tokens in namespace " + b.Ref.Namespace
	}
	fmt.Fprintf(&m, "%s %s, by %s.%s", upper(names(who, b.judged)), what, b.Role, s.asPod(who))
	if lead != nil {
		m.WriteString(" " + onward(lead, who.Subject))
	}
	return verdict(finding.Fail, severity, m.String(), basis(b, h, who)...)
}
