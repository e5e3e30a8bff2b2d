package rbac

import (
	"cmp"
	"slices"

	"github.com/kubeassay/assay/finding"
)

// Right is a rule that a subject has, and how dangerous that is.
type Right struct {
	Grant
	// Severity of the gravest that the rule allows; info for what is harmless.
	Severity finding.Severity `json:"severity"`
	// Why says what it allows that is dangerous, the gravest first.
	Why []string `json:"why,omitempty"`
}

// Rights lists all that a subject may do, with the groups that it is in (see
// Allowed): the most dangerous first, then by namespace, role and rule.
func (g *Graph) Rights(s Subject, groups ...string) []Right {
	m := g.powers().match
	var all []Right
	for _, member := range memberships(s, groups) {
		if member == Group(Masters) {
			all = append(all, Right{
				Grant: Grant{Subject: member, Rule: -1}, Severity: finding.Critical,
				Why: []string{"members of this group may do everything; nothing that stands in the cluster can take it away"},
			})
		}
		for _, namespace := range slices.Concat([]string{""}, g.spaces[member.key()]) {
			for _, b := range g.at[scopeKey{member.key(), namespace}] {
				all = append(all, m.rights(b, member)...)
			}
		}
	}
	slices.SortFunc(all, compareRights)
	return all
}

func compareRights(a, b Right) int {
	return cmp.Or(
		cmp.Compare(a.Severity.Rank(), b.Severity.Rank()), cmp.Compare(a.Namespace, b.Namespace),
		compareSubjects(a.Subject, b.Subject), compareRefs(a.Role, b.Role), compareRefs(a.Binding, b.Binding), cmp.Compare(a.Rule, b.Rule),
	)
}

func (m *matcher) rights(b *binding, s Subject) []Right {
	if b.role == nil {
		return nil
	}
	all := make([]Right, len(b.role.rules))
	for i := range b.role.rules {
		all[i] = Right{Grant: b.grant(s, i)}
		all[i].Severity, all[i].Why = m.danger(&all[i].Grant)
	}
	return all
}

// danger says how grave a rule is where it is bound.
func (m *matcher) danger(g *Grant) (finding.Severity, []string) {
	var found []*powerInfo
	for _, p := range m.of(g.PolicyRule) {
		info := &m.table[p]
		if info.cluster && g.Namespace != "" {
			continue // a RoleBinding does not give it
		}
		if p == everything && len(g.PolicyRule.ResourceNames) == 0 {
			if g.Namespace != "" {
				return finding.High, []string{info.why + " of the namespace"}
			}
			return info.severity, []string{info.why}
		}
		if info.severity != finding.Info {
			found = append(found, info)
		}
	}
	slices.SortStableFunc(found, func(a, b *powerInfo) int { return cmp.Compare(a.severity.Rank(), b.severity.Rank()) })
	severity := finding.Info
	var why []string
	for _, info := range found {
		severe := info.severity
		if severe == finding.Critical && g.Namespace != "" {
			severe = finding.High
		}
		if severe.Rank() < severity.Rank() {
			severity = severe
		}
		if !slices.Contains(why, info.why) {
			why = append(why, info.why)
		}
	}
	return severity, why
}
