package rbac

import (
	"cmp"
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"
)

// Grant is one way from a subject to a right: a binding that names the
// subject, the role that it binds, and the rule of the role.
type Grant struct {
	// Subject as the binding names it: where a group is, its members have the right.
	Subject Subject `json:"subject"`
	// Binding and Role are empty for system:masters, which is not asked for rights.
	Binding Ref `json:"binding,omitzero"`
	Role    Ref `json:"role,omitzero"`
	// Rule is the rule's place in the role, counted from 0.
	Rule       int                `json:"ruleIndex"`
	PolicyRule *rbacv1.PolicyRule `json:"rule,omitempty"`
	// Namespace where the right counts; empty for the whole cluster.
	Namespace string `json:"namespace,omitempty"`
}

// Bypass reports whether the right comes from no rule at all.
func (g *Grant) Bypass() bool { return g.PolicyRule == nil }

// Decision answers a request.
type Decision struct {
	Allowed bool `json:"allowed"`
	// Grants are all ways by which it is allowed.
	Grants []Grant `json:"grants,omitempty"`
	// Unknown: it is not allowed by what was read, but something was not read
	// that might allow it.
	Unknown bool `json:"unknown,omitempty"`
}

// Allowed decides a request of a subject that is also in groups that nothing
// in the cluster tells of (those of its certificate, say). For a group it
// decides what any member may, whatever other groups it is in.
func (g *Graph) Allowed(s Subject, r Request, groups ...string) Decision {
	var d Decision
	for _, m := range memberships(s, groups) {
		if m == Group(Masters) {
			d.Grants = append(d.Grants, Grant{Subject: m, Rule: -1})
		}
		for _, b := range g.bindingsOf(m.key(), &r) {
			d.Grants = appendGrants(d.Grants, b, m, &r, r.named)
		}
	}
	d.Allowed = len(d.Grants) > 0
	d.Unknown = !d.Allowed && !g.complete(&r)
	sortGrants(d.Grants)
	return d
}

// bindingsOf are those of a subject that count for a request.
func (g *Graph) bindingsOf(key string, r *Request) []*binding {
	all := g.at[scopeKey{key, ""}]
	switch {
	case r.inCluster():
	case r.Namespace == Anywhere:
		all = slices.Clone(all)
		for _, namespace := range g.spaces[key] {
			all = append(all, g.at[scopeKey{key, namespace}]...)
		}
	default:
		all = slices.Concat(all, g.at[scopeKey{key, r.Namespace}])
	}
	return all
}

// appendGrants adds the rules of a binding that match and are chosen.
func appendGrants(all []Grant, b *binding, s Subject, r *Request, chosen func(*rbacv1.PolicyRule) bool) []Grant {
	if b.role == nil {
		return all
	}
	for i := range b.role.rules {
		if rule := &b.role.rules[i]; r.matches(rule) && chosen(rule) {
			all = append(all, b.grant(s, i))
		}
	}
	return all
}

func (b *binding) grant(s Subject, rule int) Grant {
	return Grant{Subject: s, Binding: b.Ref, Role: b.role.Ref, Rule: rule, PolicyRule: &b.role.rules[rule], Namespace: b.Namespace}
}

// complete reports whether all was read that could allow a request.
func (g *Graph) complete(r *Request) bool {
	if g.gaps[Gap{ClusterRoleBindingKind, ""}] || g.gaps[Gap{ClusterRoleKind, ""}] {
		return false
	}
	if r.inCluster() {
		return true
	}
	for gap := range g.gaps {
		if gap.Kind != RoleKind && gap.Kind != RoleBindingKind {
			continue
		}
		if r.Namespace == Anywhere || gap.Namespace == "" || gap.Namespace == r.Namespace {
			return false
		}
	}
	return true
}

// Complete reports whether all was read that the answer to a request rests on.
func (g *Graph) Complete(r Request) bool { return g.complete(&r) }

// WhoCan finds every way by which a request is allowed to anybody, sorted by
// scope and subject. The group system:masters is always among them. Rules that
// name objects count only where the request names one of them; see WhoCanSome.
func (g *Graph) WhoCan(r Request) []Grant {
	return append([]Grant{{Subject: Group(Masters), Rule: -1}}, g.whoCan(&r, r.named)...)
}

// WhoCanSome finds, for a request that names no object, the ways by which it is
// allowed for objects of certain names.
func (g *Graph) WhoCanSome(r Request) []Grant {
	if r.Name != "" || r.NonResourceURL != "" {
		return nil
	}
	return g.whoCan(&r, func(rule *rbacv1.PolicyRule) bool { return !r.named(rule) })
}

func (g *Graph) whoCan(r *Request, chosen func(*rbacv1.PolicyRule) bool) []Grant {
	var all []Grant
	for _, role := range g.roles {
		if len(role.bindings) == 0 {
			continue
		}
		for i := range role.rules {
			rule := &role.rules[i]
			if !r.matches(rule) || !chosen(rule) {
				continue
			}
			for _, b := range role.bindings {
				if b.Namespace != "" && (r.inCluster() || r.Namespace != Anywhere && r.Namespace != b.Namespace) {
					continue
				}
				for _, s := range b.subjects {
					all = append(all, b.grant(s, i))
				}
			}
		}
	}
	sortGrants(all)
	return all
}

func sortGrants(all []Grant) {
	slices.SortFunc(all, func(a, b Grant) int {
		return cmp.Or(
			cmp.Compare(a.Namespace, b.Namespace), compareSubjects(a.Subject, b.Subject),
			compareRefs(a.Binding, b.Binding), compareRefs(a.Role, b.Role), cmp.Compare(a.Rule, b.Rule),
		)
	})
}
