package access

import (
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/rbac"
)

// anonymousSubject fails where a binding gives something to everybody.
//
// Fields: roleRef and subjects of bindings, the rules of the role, metadata.labels.
func anonymousSubject() *check.Check {
	return &check.Check{
		Rule: finding.Rule{
			ID: "rbac-anonymous-subject", Title: "Rights for everybody", Severity: finding.High,
			Description: "The user system:anonymous and the group system:unauthenticated are everybody who can reach the API server, without any credentials. The group system:authenticated is everybody with any account, " +
				"which every pod has, and system:serviceaccounts every pod. What these have, an attacker has first.",
			Check: "A binding fails that names system:anonymous, system:unauthenticated, system:authenticated, or the groups of all service accounts (in the cluster or a namespace), save for the API server's own bindings for its version and health. " +
				"Without credentials: critical where the role allows something that is critical, or leads to cluster-admin; high for other dangerous rights; else medium, but low for reading the ConfigMap cluster-info alone, which kubeadm lets nodes read that join. " +
				"For those with any account it is as grave as the gravest right, and low for what is harmless. What is dangerous in the role is also reported by itself.",
			Fix: "Name those who need it:\n\n" +
				aBinding +
				"    roleRef:\n      apiGroup: rbac.authorization.k8s.io\n      kind: Role\n      name: cart\n" +
				"    subjects:\n    - kind: ServiceAccount\n      name: cart\n      namespace: shop\n",
			References: references("rbac-anonymous-subject", goodPractices),
		},
		Fields: bindingFields(), Kinds: allKinds(), KnowsGaps: true,
		SurveyCluster: surveyBindings(judgePublic),
	}
}

func judgePublic(s *survey, b *bound) check.Verdict {
	var who *rbac.BoundSubject
	own := false
	for i := range b.Subjects {
		one := &b.Subjects[i]
		switch {
		case !one.Public():
		case one.Default && len(b.Held()) == 0:
			own = true
		case who == nil || withoutCredentials(one.Subject) && !withoutCredentials(who.Subject):
			who = one
		}
	}
	switch {
	case who == nil && own:
		return verdict(finding.Pass, finding.High, "It is the API server's own binding, for what everybody may see.", roleBasis(b))
	case who == nil:
		return verdict(finding.Pass, finding.High, "It is not for everybody.", roleBasis(b))
	case b.unclear != "":
		return verdict(finding.NotReviewed, finding.High, b.unclear, basis(b, nil, who)...)
	case b.Rules() == 0:
		return verdict(finding.Pass, finding.High, "It is for everybody, and gives nothing.", basis(b, nil, who)...)
	}
	severity, lead := s.publicSeverity(b, who)
	var m strings.Builder
	fmt.Fprintf(&m, "%s has what %s gives %s", upper(name(who.Subject)), b.Role, where(b))
	var top *rbac.Held
	if held := b.Held(); len(held) > 0 {
		top = &held[0]
		fmt.Fprintf(&m, ": %s", strings.Join(whys(held), "; "))
	} else {
		rule, _, _ := b.Rule(0)
		top = &rbac.Held{Rule: 0}
		fmt.Fprintf(&m, ": %s", brief(rbac.Describe(rule)))
		if n := b.Rules(); n > 1 {
			fmt.Fprintf(&m, ", and %d more of its rules", n-1)
		}
	}
	m.WriteByte('.')
	if lead != nil {
		m.WriteString(" " + onward(lead, who.Subject))
	}
	if joining(b) {
		severity = finding.Low
		m.WriteString(" It is ranked low because kubeadm makes it, for nodes that join: the ConfigMap tells the API server's address and its certificate authority, which are no secrets.")
	}
	v := verdict(finding.Fail, severity, m.String(), basis(b, top, who)...)
	last := len(v.Basis) - 1
	v.Basis[0], v.Basis[last] = v.Basis[last], v.Basis[0] // the subject is what is wrong
	return v
}

// publicSeverity is how grave it is that everybody has what a binding gives.
func (s *survey) publicSeverity(b *bound, who *rbac.BoundSubject) (finding.Severity, *rbac.Lead) {
	top := finding.Info
	for _, h := range b.Held() {
		top = gravest(top, h.Severity)
	}
	if top == finding.Critical && b.Ref.Namespace != "" {
		top = finding.High
	}
	var lead *rbac.Lead
	for i, leads := 0, b.ways(); i < len(leads) && lead == nil; i++ {
		if leads[i].For(who.Subject) {
			lead = &leads[i]
		}
	}
	if lead != nil && lead.Goal == rbac.ClusterAdmin && lead.Certain() {
		top = finding.Critical
	}
	if !withoutCredentials(who.Subject) {
		return gravest(top, finding.Low), lead
	}
	if top == finding.Info {
		return finding.Medium, lead
	}
	return gravest(top, finding.High), lead
}

// joining reports whether a binding gives no more than what a node reads that is
// to join: the ConfigMap cluster-info.
func joining(b *bound) bool {
	if b.Ref.Namespace != metav1.NamespacePublic || b.Rules() == 0 {
		return false
	}
	for i := range b.Rules() {
		r, _, _ := b.Rule(i)
		one := slices.Equal(r.APIGroups, []string{""}) && slices.Equal(r.Resources, []string{"configmaps"}) && slices.Equal(r.ResourceNames, []string{"cluster-info"})
		if !one || slices.ContainsFunc(r.Verbs, func(v string) bool { return v != "get" && v != "list" && v != "watch" }) {
			return false
		}
	}
	return true
}

// withoutCredentials reports whether a subject is everybody, with or without an account.
func withoutCredentials(s rbac.Subject) bool {
	return s.Public() && (s.Name == rbac.Anonymous || s.Name == rbac.Unauthenticated)
}

// whys are what a binding gives that is dangerous, in words, the first few.
func whys(held []rbac.Held) []string {
	var all []string
	if len(held) > 0 && len(held[0].Names) == 0 && (held[0].Access == rbac.EverythingAccess || held[0].Access == rbac.CoreAccess) {
		return held[0].Why // what that includes is not worth saying
	}
	for _, h := range held {
		if len(h.Names) > 0 {
			all = append(all, fmt.Sprintf("%s (only for %s)", strings.Join(h.Why, "; "), firstFew(h.Names)))
			continue
		}
		all = append(all, h.Why...)
	}
	if more := len(all) - mostNamed; more > 0 {
		all = append(all[:mostNamed], fmt.Sprintf("and %d more", more))
	}
	return all
}
