package access

import (
	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/index"
	"github.com/kubeassay/assay/posture/rbac"
)

// unusedRole fails where no binding gives a role to anybody.
//
// Fields: roleRef and subjects of all bindings, aggregationRule and
// metadata.labels of cluster roles.
func unusedRole() *check.Check {
	return &check.Check{
		Rule: finding.Rule{
			ID: "rbac-unused-role", Title: "Role that nobody has", Severity: finding.Info,
			Description: "No binding gives the role to anybody. It does no harm until somebody binds it without looking into it, and whoever reviews rights has one more to read.",
			Check: "A role fails that no RoleBinding or ClusterRoleBinding with a subject refers to. Roles that others are aggregated from pass, and so do those that the API server makes for itself. " +
				"In files it is not reviewed, since the cluster may have the binding; likewise a ClusterRole where only some namespaces were asked for.",
			Fix: "Delete the role, or bind it:\n\n" +
				aBinding +
				"    roleRef:\n      apiGroup: rbac.authorization.k8s.io\n      kind: Role\n      name: cart\n" +
				"    subjects:\n    - kind: ServiceAccount\n      name: cart\n      namespace: shop\n",
			References: references("rbac-unused-role", rbacPage),
		},
		Fields: []string{"roleRef.kind", "roleRef.name", "subjects", "aggregationRule.clusterRoleSelectors", "metadata.labels"},
		Kinds:  rightsKinds(), KnowsGaps: true,
		SurveyCluster: func(x *index.Index, yield check.Yield) {
			s := surveyOf(x)
			parts := map[rbac.Ref]bool{}
			for _, u := range s.graph.Unbound() {
				parts[u.Role] = u.Aggregated
			}
			s.eachRole(func(in *index.Object, r *role) { yield(in, s.judgeUnused(r, parts[r.Ref])) })
		},
	}
}

func (s *survey) judgeUnused(r *role, part bool) check.Verdict {
	at := declared("metadata.name", r.Name, "")
	switch {
	case s.has[r.Ref] > 0:
		return verdict(finding.Pass, finding.Info, "Somebody has it.", at)
	case rbac.Bootstraps(r.Ref, r.labels):
		return verdict(finding.Pass, finding.Info, "The API server makes this role for itself.", at)
	case part:
		return verdict(finding.Pass, finding.Info, "Other roles are made of it.", at)
	case !s.x.Live:
		return verdict(finding.NotReviewed, finding.Info, "No binding in these files gives it to anybody; the cluster may have one.", at)
	case s.x.Partial && r.Kind == rbac.ClusterRoleKind:
		return verdict(finding.NotReviewed, finding.Info, "No binding among what was asked for gives it to anybody; others may.", at)
	}
	kinds := rightsKinds()[2:]
	if r.Kind == rbac.RoleKind {
		kinds = kinds[:1]
	}
	for _, kind := range kinds {
		if reason, missing := s.x.Missing(kind, r.Namespace); missing {
			return verdict(finding.NotReviewed, finding.Info, check.Sentence(reason), at)
		}
	}
	return verdict(finding.Fail, finding.Info, "No binding gives it to anybody.", at)
}

// aggregation fails where it can't be said which rules an aggregated role has.
//
// Fields: aggregationRule of cluster roles, and the labels of all.
func aggregation() *check.Check {
	return &check.Check{
		Rule: finding.Rule{
			ID: "rbac-aggregation", Title: "Aggregated role that can't be followed", Severity: finding.Low,
			Description: "An aggregated role is made of all roles that its selectors choose. Where a selector can't be read, the role keeps the rules that it has, also after the ones it should be made of have changed. " +
				"Where roles are made of each other in a circle, it depends on the order in which a controller looks which rules they end with, and rules that were deleted may stay for ever.",
			Check: "A ClusterRole with an aggregationRule fails that is made, by way of others, of itself. One whose selectors can't be read, or that would have more rules than can be followed, is an error.",
			Fix: "Let the selectors choose roles by a label that no aggregated role has:\n\n" +
				"    apiVersion: rbac.authorization.k8s.io/v1\n    kind: ClusterRole\n    metadata:\n      name: cart\n" +
				"    aggregationRule:\n      clusterRoleSelectors:\n      - matchLabels:\n          example.com/aggregate-to-cart: \"true\"\n",
			References: references("rbac-aggregation", rbacPage+"#aggregated-clusterroles"),
		},
		Fields: []string{"aggregationRule.clusterRoleSelectors", "metadata.labels"}, Kinds: rightsKinds()[1:2], KnowsGaps: true,
		SurveyCluster: func(x *index.Index, yield check.Yield) {
			w := worldOf(x)
			problems := map[rbac.Ref]rbac.Problem{}
			for _, p := range w.graph.Problems() {
				if _, told := problems[p.Object]; !told {
					problems[p.Object] = p
				}
			}
			for _, r := range w.clusters {
				p, found := problems[rbac.Ref{Kind: rbac.ClusterRoleKind, Name: r.is.Name}]
				yield(r.in, judgeAggregation(&p, found, r.is.AggregationRule != nil))
			}
		},
	}
}

func judgeAggregation(p *rbac.Problem, found, aggregated bool) check.Verdict {
	at := declared("aggregationRule.clusterRoleSelectors", check.Unset, "")
	switch {
	case found && p.Circle:
		at.Value = "set"
		return verdict(finding.Fail, finding.Low, check.Sentence(p.Message), at)
	case found:
		at.Value = "set"
		return verdict(finding.Error, finding.Low, check.Sentence(p.Message), at)
	case aggregated:
		at.Value = "set"
		return verdict(finding.Pass, finding.Low, "Its selectors can be read, and it is not made of itself.", at)
	}
	return verdict(finding.NotApplicable, finding.Low, "It is not made of others.", at)
}
