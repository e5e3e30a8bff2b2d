package access

import (
	"fmt"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/rbac"
)

// defaultAccount fails where a binding gives rights to a service account named
// default.
//
// Fields: subjects of bindings, and the rules of their roles.
func defaultAccount() *check.Check {
	return &check.Check{
		Rule: finding.Rule{
			ID: "rbac-default-account", Title: "Rights for a default service account", Severity: finding.Medium,
			Description: "Every pod that names no service account runs as the one named default, and gets its token. What one program of the namespace needs, all of them then have, also those that come later.",
			Check: "A binding fails that names a service account called default and whose role has any rule: medium where the role allows something dangerous, else low. " +
				"What is dangerous in the role is also reported by itself.",
			Fix: "Give the program an account of its own, name it in the pod, and bind that:\n\n" +
				aBinding +
				"    roleRef:\n      apiGroup: rbac.authorization.k8s.io\n      kind: Role\n      name: cart\n" +
				"    subjects:\n    - kind: ServiceAccount\n      name: cart\n      namespace: shop\n",
			References: references("rbac-default-account", accountsPage),
		},
		Fields: bindingFields(), Kinds: rightsKinds(), KnowsGaps: true,
		SurveyCluster: surveyBindings(judgeDefaultAccount),
	}
}

func judgeDefaultAccount(_ *survey, b *bound) check.Verdict {
	i := slices.IndexFunc(b.Subjects, func(s rbac.BoundSubject) bool {
		return s.Kind == rbacv1.ServiceAccountKind && s.Name == "default"
	})
	switch {
	case i < 0:
		return verdict(finding.Pass, finding.Medium, "It names no default service account.", roleBasis(b))
	case b.unclear != "":
		return verdict(finding.NotReviewed, finding.Medium, b.unclear, basis(b, nil, &b.Subjects[i])...)
	case b.Rules() == 0:
		return verdict(finding.Pass, finding.Medium, "It gives a default service account nothing.", basis(b, nil, &b.Subjects[i])...)
	}
	who := &b.Subjects[i]
	severity := finding.Low
	h := &rbac.Held{}
	rule, _, _ := b.Rule(0)
	what := "among it " + brief(rbac.Describe(rule))
	if held := dangerous(b.Held()); len(held) > 0 {
		severity, h = finding.Medium, &held[0]
		what = strings.Join(whys(held), "; ")
	}
	return verdict(finding.Fail, severity, fmt.Sprintf(
		"Every pod of namespace %s that names no service account has what %s gives %s: %s.", who.Namespace, b.Role, where(b), what,
	), basis(b, h, who)...)
}
