package access

import (
	"slices"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/rbac"
)

// systemMasters fails where somebody binds a role to system:masters.
//
// Fields: subjects of bindings, metadata.labels.
func systemMasters() *check.Check {
	return &check.Check{
		Rule: finding.Rule{
			ID: "rbac-system-masters", Title: "Group system:masters in use", Severity: finding.Low,
			Description: "The API server asks members of system:masters for no rights at all: no role gives them theirs, and none can take them away. " +
				"Whoever has a certificate with this group keeps the cluster until the certificate ends. A binding that names the group gives its members nothing, and shows that somebody reckons with them.",
			Check: "A binding fails that names the group system:masters, other than the API server's own one (cluster-admin). Who is in the group stands in certificates and in what authenticates users, and can't be seen in the cluster.",
			Fix: "Make a group of your own for administrators, and bind that:\n\n" +
				"    apiVersion: rbac.authorization.k8s.io/v1\n    kind: ClusterRoleBinding\n    metadata:\n      name: administrators\n" +
				"    roleRef:\n      apiGroup: rbac.authorization.k8s.io\n      kind: ClusterRole\n      name: cluster-admin\n" +
				"    subjects:\n    - apiGroup: rbac.authorization.k8s.io\n      kind: Group\n      name: example:administrators\n",
			References: references("rbac-system-masters", goodPractices),
		},
		Fields: []string{"subjects[*].kind", "subjects[*].name", "metadata.labels"}, Kinds: rightsKinds(), KnowsGaps: true,
		SurveyCluster: surveyBindings(judgeMasters),
	}
}

func judgeMasters(_ *survey, b *bound) check.Verdict {
	i := slices.IndexFunc(b.Subjects, func(s rbac.BoundSubject) bool { return s.Subject == rbac.Group(rbac.Masters) })
	switch {
	case i < 0:
		return verdict(finding.Pass, finding.Low, "It does not name system:masters.", roleBasis(b))
	case b.Subjects[i].Default:
		return verdict(finding.Pass, finding.Low, "It is the API server's own binding.", basis(b, nil, &b.Subjects[i])...)
	}
	v := verdict(finding.Fail, finding.Low, "It binds a role to system:masters, whose members the API server asks for no rights: they have all, and nothing in the cluster can take them away.", basis(b, nil, &b.Subjects[i])...)
	slices.Reverse(v.Basis)
	return v
}
