package access

import (
	"fmt"
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/index"
	"github.com/kubeassay/assay/posture/rbac"
)

// wildcard fails where a role takes all verbs, groups, resources or paths.
//
// Fields: rules[*] of roles, aggregationRule, metadata.labels; and whether a
// binding gives the role to anybody.
func wildcard() *check.Check {
	return &check.Check{
		Rule: finding.Rule{
			ID: "rbac-wildcard", Title: "Role with a wildcard", Severity: finding.Medium,
			Description: "A \"*\" in a role takes all there is, and all that will ever be: resources that a later version or an add-on brings are in it from the day they come, and so are verbs such as escalate, bind and impersonate, of which nobody thought.",
			Check: "A role fails that has \"*\" among the verbs, apiGroups, resources or nonResourceURLs of a rule. It is medium where all resources of the core group or of every group are taken and somebody has the role, else low. " +
				"A \"*\" for subresources (such as pods/*) is not looked at here; what it gives is reported at the bindings. " +
				"Roles that the API server makes for itself pass, and so do aggregated ones, whose rules stand in other roles.",
			Fix: "Name what is needed:\n\n" +
				aRole + "    - apiGroups: [\"\"]\n      resources: [configmaps, services]\n      verbs: [get, list, watch]\n",
			References: references("rbac-wildcard", goodPractices),
		},
		Fields: []string{
			"rules[*].verbs", "rules[*].apiGroups", "rules[*].resources", "rules[*].nonResourceURLs", "aggregationRule", "metadata.labels",
			"roleRef.kind", "roleRef.name", "subjects",
		},
		Kinds: rightsKinds(), KnowsGaps: true,
		SurveyCluster: func(x *index.Index, yield check.Yield) {
			s := surveyOf(x)
			s.eachRole(func(in *index.Object, r *role) { yield(in, s.judgeWildcard(r)) })
			s.yieldBroken("ClusterRole", yield)
			s.yieldBroken("Role", yield)
		},
	}
}

// role is a Role or a ClusterRole.
type role struct {
	rbac.Ref
	labels     map[string]string
	rules      []rbacv1.PolicyRule
	aggregated bool
}

func (s *survey) eachRole(do func(*index.Object, *role)) {
	for _, r := range s.clusters {
		do(r.in, &role{rbac.Ref{Kind: rbac.ClusterRoleKind, Name: r.is.Name}, r.is.Labels, r.is.Rules, r.is.AggregationRule != nil})
	}
	for _, r := range s.roles {
		do(r.in, &role{rbac.Ref{Kind: rbac.RoleKind, Namespace: r.is.Namespace, Name: r.is.Name}, r.is.Labels, r.is.Rules, false})
	}
}

func (s *survey) judgeWildcard(r *role) check.Verdict {
	switch {
	case rbac.Bootstraps(r.Ref, r.labels):
		return verdict(finding.Pass, finding.Medium, "The API server makes this role for itself.", declared("metadata.name", r.Name, ""))
	case r.aggregated:
		return verdict(finding.Pass, finding.Medium, "Its rules come from other roles, and are judged there.", declared("metadata.name", r.Name, ""))
	}
	var found []finding.Basis
	var said []string
	count, wide := 0, false
	for i := range r.rules {
		rule := &r.rules[i]
		fields := stars(rule)
		if len(fields) == 0 {
			continue
		}
		count++
		wide = wide || slices.Contains(rule.Resources, "*") && (slices.Contains(rule.APIGroups, "*") || slices.Contains(rule.APIGroups, ""))
		if len(said) < mostNamed {
			said = append(said, fmt.Sprintf("all %s in rules[%d] (%s)", few(words(fields), len(fields)), i, brief(rbac.Describe(rule))))
			found = append(found, declared(fmt.Sprintf("rules[%d].%s[%d]", i, fields[0].field, fields[0].at), "*", ""))
		}
	}
	if count == 0 {
		return verdict(finding.Pass, finding.Medium, "It names what it allows.", declared("metadata.name", r.Name, ""))
	}
	severity, who := finding.Low, "No binding that is known gives it to anybody."
	if n := s.has[r.Ref]; n > 0 {
		who = fmt.Sprintf("%d bindings give it to somebody.", n)
		if n == 1 {
			who = "One binding gives it to somebody."
		}
		if wide {
			severity = finding.Medium
		}
	}
	return verdict(finding.Fail, severity, "It takes "+few(said, count)+". "+who, found...)
}

// star is a field that is a wildcard: how it is written, what it is of, and
// where the wildcard stands in it.
type star struct {
	field, of string
	at        int
}

// stars lists the fields of a rule that are a wildcard.
func stars(r *rbacv1.PolicyRule) []star {
	var all []star
	for _, f := range [...]struct {
		field, of string
		list      []string
	}{
		{"resources", "resources", r.Resources}, {"verbs", "verbs", r.Verbs}, {"apiGroups", "API groups", r.APIGroups}, {"nonResourceURLs", "paths", r.NonResourceURLs},
	} {
		if at := slices.Index(f.list, "*"); at >= 0 {
			all = append(all, star{f.field, f.of, at})
		}
	}
	return all
}

func words(all []star) []string {
	var said []string
	for _, s := range all {
		said = append(said, s.of)
	}
	return said
}
