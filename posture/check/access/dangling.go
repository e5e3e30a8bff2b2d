package access

import (
	"fmt"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/rbac"
)

// missingRole fails where a binding refers to a role that is not there.
//
// Fields: roleRef of bindings, and which roles there are.
func missingRole() *check.Check {
	return &check.Check{
		Rule: finding.Rule{
			ID: "rbac-missing-role", Title: "Binding to a role that is not there", Severity: finding.Medium,
			Description: "The binding gives nothing today. Whoever makes a role of that name decides what its subjects get, and needs no right to bind anything for it: only the rights that they write into the role.",
			Check: "A binding fails whose roleRef names a Role of its namespace, or a ClusterRole, that does not exist; it is low where the binding has no subjects. " +
				"In files a role that is in none of them is not reviewed, since the cluster may have it.",
			Fix: "Delete the binding, or make the role that it was meant for:\n\n" +
				aRole + "    - apiGroups: [\"\"]\n      resources: [configmaps]\n      verbs: [get]\n",
			References: references("rbac-missing-role", rbacPage),
		},
		Fields: []string{"roleRef.kind", "roleRef.name", "subjects"}, Kinds: rightsKinds(), KnowsGaps: true,
		SurveyCluster: surveyBindings(judgeMissingRole),
	}
}

func judgeMissingRole(_ *survey, b *bound) check.Verdict {
	switch {
	case b.Known:
		return verdict(finding.Pass, finding.Medium, "Its role is there.", roleBasis(b))
	case b.unclear != "":
		return verdict(finding.NotReviewed, finding.Medium, b.unclear, roleBasis(b))
	case len(b.Subjects) == 0:
		return verdict(finding.Fail, finding.Low, b.Role.String()+" is not there, and the binding is for nobody.", roleBasis(b))
	}
	return verdict(finding.Fail, finding.Medium, fmt.Sprintf(
		"%s is not there. Whoever makes it decides what it gives to %s %s.", b.Role, names(nil, b.Subjects), where(b),
	), roleBasis(b))
}

// missingAccount fails where a binding names a service account that is not
// there, or a subject that can't be anybody.
//
// Fields: subjects of bindings, which service accounts there are, and the rules
// of the role.
func missingAccount() *check.Check {
	return &check.Check{
		Rule: finding.Rule{
			ID: "rbac-missing-account", Title: "Binding to a service account that is not there", Severity: finding.Medium,
			Description: "The rights wait for a service account that does not exist. Whoever may make service accounts in its namespace gets them, and so does whoever makes the namespace, where that is gone too.",
			Check: "A binding fails that names a service account which does not exist: medium where its role allows something dangerous, else low. " +
				"A subject without a namespace, or of a kind that there isn't, is low: it means nobody. What the API server binds for itself passes. In files an account that is in none of them is not reviewed, since the cluster may have it.",
			Fix: "Take the subject out of the binding, or make the account:\n\n" +
				"    apiVersion: v1\n    kind: ServiceAccount\n    metadata:\n      name: cart\n      namespace: shop\n    automountServiceAccountToken: false\n",
			References: references("rbac-missing-account", rbacPage),
		},
		Fields: []string{"subjects[*].kind", "subjects[*].name", "subjects[*].namespace", "roleRef.name", "rules"},
		Kinds:  append(rightsKinds(), accountKind()), KnowsGaps: true,
		SurveyCluster: surveyBindings(judgeMissingAccount),
	}
}

func judgeMissingAccount(s *survey, b *bound) check.Verdict {
	var gone []rbac.BoundSubject
	unknown := ""
	some := false
	for _, one := range b.Subjects {
		if one.Kind != rbacv1.ServiceAccountKind {
			continue
		}
		some = true
		switch absent, reason := s.absent(one.Subject); {
		case one.Default:
		case absent:
			gone = append(gone, one)
		case reason != "":
			unknown = reason
		}
	}
	switch {
	case len(gone) > 0:
		severity, note := finding.Low, ""
		if held := dangerous(b.Held()); len(held) > 0 {
			severity, note = finding.Medium, ": "+strings.Join(whys(held), "; ")
		}
		return verdict(finding.Fail, severity, fmt.Sprintf(
			"%s: no such account is there. Whoever makes one has what %s gives %s%s.", upper(names(nil, gone)), b.Role, where(b), note,
		), basis(b, nil, &gone[0])...)
	case len(b.Nowhere) > 0:
		at := fmt.Sprintf("subjects[%d].kind", b.Nowhere[0])
		w := b.Written()[b.Nowhere[0]]
		return verdict(finding.Fail, finding.Low, fmt.Sprintf(
			"subjects[%d] (%s %q) means nobody: a subject is a User, a Group, or a ServiceAccount with a namespace.", b.Nowhere[0], check.OrUnset(w.Kind), w.Name,
		), declared(at, check.OrUnset(w.Kind), ""))
	case unknown != "":
		return verdict(finding.NotReviewed, finding.Medium, unknown, roleBasis(b))
	case !some:
		return verdict(finding.NotApplicable, finding.Medium, "It names no service account.", roleBasis(b))
	}
	return verdict(finding.Pass, finding.Medium, "The service accounts that it names are there, or the API server names them itself.", roleBasis(b))
}

// absent reports whether a service account is known not to be there, or why
// that is not known.
func (s *survey) absent(of rbac.Subject) (absent bool, unknown string) {
	if s.accounts[of] != nil {
		return false, ""
	}
	switch reason, missing := s.x.Missing(accountKind(), of.Namespace); {
	case missing:
		return false, check.Sentence(reason)
	case !s.x.Live:
		return false, upper(name(of)) + " is in none of the files; the cluster may have it."
	case s.x.Partial:
		return false, upper(name(of)) + " is not among what was asked for."
	}
	return true, ""
}

// emptyBinding fails where a binding is for nobody.
//
// Fields: subjects of bindings, metadata.labels.
func emptyBinding() *check.Check {
	return &check.Check{
		Rule: finding.Rule{
			ID: "rbac-empty-binding", Title: "Binding for nobody", Severity: finding.Info,
			Description: "The binding gives a role to nobody. Mostly it is left over, and whoever looks for who has a role has one more to read.",
			Check:       "A binding without subjects fails. The API server's own ones pass: it keeps system:node so.",
			Fix: "Delete the binding, or name those that it is for:\n\n" +
				aBinding +
				"    roleRef:\n      apiGroup: rbac.authorization.k8s.io\n      kind: Role\n      name: cart\n" +
				"    subjects:\n    - kind: ServiceAccount\n      name: cart\n      namespace: shop\n",
			References: references("rbac-empty-binding", rbacPage),
		},
		Fields: []string{"subjects", "metadata.labels"}, Kinds: rightsKinds(), KnowsGaps: true,
		SurveyCluster: surveyBindings(func(_ *survey, b *bound) check.Verdict {
			at := declared("subjects", check.Unset, "")
			switch n := len(b.Written()); {
			case n > 0:
				at.Value = fmt.Sprint(n)
				return verdict(finding.Pass, finding.Info, "It is for somebody.", at)
			case b.Bootstraps():
				return verdict(finding.Pass, finding.Info, "It is the API server's own binding.", at)
			}
			return verdict(finding.Fail, finding.Info, "It gives "+b.Role.String()+" to nobody.", at)
		}),
	}
}
