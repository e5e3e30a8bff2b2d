package rbac

import (
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
)

// bootstrapLabel is what the API server puts on the roles and bindings that it
// makes for itself.
const bootstrapLabel, bootstrapValue = "kubernetes.io/bootstrapping", "rbac-defaults"

// Wildcard is a rule that names no verbs, groups or resources but takes all.
type Wildcard struct {
	Role       Ref
	Rule       int // its place in the role
	PolicyRule *rbacv1.PolicyRule
	// Which of the fields is a wildcard. A wildcard subresource is none.
	Verbs, Groups, Resources, URLs bool
	// Default: the API server made the role itself.
	Default bool
	// Bound: somebody has it.
	Bound bool
}

// Wildcards are all rules with a wildcard, sorted by role.
func (g *Graph) Wildcards() []Wildcard {
	var all []Wildcard
	for _, r := range g.sortedRoles() {
		for i := range r.rules {
			rule := &r.rules[i]
			w := Wildcard{Role: r.Ref, Rule: i, PolicyRule: rule, Default: isDefault(r.labels), Bound: r.bound()}
			w.Verbs, w.Groups = slices.Contains(rule.Verbs, "*"), slices.Contains(rule.APIGroups, "*")
			w.Resources, w.URLs = slices.Contains(rule.Resources, "*"), slices.Contains(rule.NonResourceURLs, "*")
			if w.Verbs || w.Groups || w.Resources || w.URLs {
				all = append(all, w)
			}
		}
	}
	return all
}

func isDefault(labels map[string]string) bool { return labels[bootstrapLabel] == bootstrapValue }

// bootstraps reports whether the API server makes the role for itself: it has
// the label, and a name of those that such roles have.
func (r *role) bootstraps() bool { return r.builtin || Bootstraps(r.Ref, r.labels) }

// Bootstraps reports whether the API server makes a role of this name for
// itself. The label alone does not tell: anybody can put it on a role.
func Bootstraps(role Ref, labels map[string]string) bool {
	if !isDefault(labels) {
		return false
	}
	if strings.HasPrefix(role.Name, "system:") {
		return role.Namespace == "" || role.Namespace == "kube-system" || role.Namespace == "kube-public"
	}
	switch role.Name {
	case "cluster-admin", "admin", "edit", "view":
		return role.Namespace == ""
	case "extension-apiserver-authentication-reader":
		return role.Namespace == "kube-system"
	}
	return false
}

func (r *role) bound() bool {
	return slices.ContainsFunc(r.bindings, func(b *binding) bool { return len(b.subjects) > 0 })
}

// sortedRoles are the roles of the objects, without those that Defaults added.
func (g *Graph) sortedRoles() []*role {
	var all []*role
	for _, r := range g.roles {
		if !r.builtin {
			all = append(all, r)
		}
	}
	slices.SortFunc(all, compareRoles)
	return all
}

// Bound is one subject of one binding.
type Bound struct {
	Subject Subject
	Binding Ref
	Role    Ref
	// Default: the API server made the binding itself, as it does for what
	// everybody may see (its version, its health).
	Default bool
	// Rights are those of the role where it is bound, the most dangerous first.
	Rights []Right
}

// Public are the bindings to everybody: to the user system:anonymous and to the
// groups system:unauthenticated, system:authenticated and
// system:serviceaccounts (all, or those of a namespace).
func (g *Graph) Public() []Bound {
	return g.boundTo(Subject.Public)
}

// DefaultAccounts are the bindings to service accounts named default, which
// every pod runs as that says nothing else.
func (g *Graph) DefaultAccounts() []Bound {
	return g.boundTo(func(s Subject) bool { return s.Kind == rbacv1.ServiceAccountKind && s.Name == "default" })
}

func (g *Graph) boundTo(want func(Subject) bool) []Bound {
	m := g.powers().match
	var all []Bound
	for _, b := range g.bindings {
		for _, s := range b.subjects {
			if !want(s) {
				continue
			}
			rights := m.rights(b, s)
			slices.SortFunc(rights, compareRights)
			all = append(all, Bound{s, b.Ref, b.roleRef, isDefault(b.labels), rights})
		}
	}
	return all
}

// Unbound is a role that nobody has.
type Unbound struct {
	Role Ref
	// Default: the API server made it itself. Aggregated: other roles are made of
	// it, so that its rights are not without effect.
	Default, Aggregated bool
}

// Unbound are the roles that no binding gives to anybody, sorted. Where
// bindings could not be read it leaves out those that they might be for.
func (g *Graph) Unbound() []Unbound {
	used := map[*role]bool{}
	for _, r := range g.aggregated() {
		for _, part := range g.parts(g.index(), r) {
			used[part] = true
		}
	}
	var all []Unbound
	for _, r := range g.sortedRoles() {
		if r.bound() || g.maybeBound(r) {
			continue
		}
		all = append(all, Unbound{r.Ref, isDefault(r.labels), used[r]})
	}
	return all
}

// maybeBound reports whether a binding that was not read may be for the role.
func (g *Graph) maybeBound(r *role) bool {
	if r.Kind == RoleKind {
		return g.unread(RoleBindingKind, r.Namespace)
	}
	for gap := range g.gaps {
		if gap.Kind == RoleBindingKind || gap.Kind == ClusterRoleBindingKind {
			return true
		}
	}
	return false
}

// Dangling is a binding that refers to something that is not there.
type Dangling struct {
	Binding Ref
	// Role is what is missing; or Subject is, and Role is empty.
	Role    Ref
	Subject Subject
	// Nowhere: a subject that can't mean anybody, as it stands in the binding.
	Nowhere *rbacv1.Subject
	Default bool
}

// MissingRoles are the bindings to roles that are not there. Whoever may make
// such a role decides what the binding gives. Those that could not be read are
// not among them.
func (g *Graph) MissingRoles() []Dangling {
	var all []Dangling
	for _, b := range g.bindings {
		if b.role == nil && !g.unread(b.roleRef.Kind, b.roleRef.Namespace) {
			all = append(all, Dangling{Binding: b.Ref, Role: b.roleRef, Default: isDefault(b.labels)})
		}
	}
	return all
}

// MissingAccounts are the subjects of bindings that are service accounts which
// are not there, and those that can't be anybody. Whoever may make such an
// account gets the rights. Accounts that could not be read are not among them.
func (g *Graph) MissingAccounts() []Dangling {
	var all []Dangling
	for _, b := range g.bindings {
		seen := map[Subject]bool{}
		for i := range b.written {
			s, ok := bound(b.written[i], b.Namespace)
			if !ok {
				all = append(all, Dangling{Binding: b.Ref, Nowhere: &b.written[i], Default: isDefault(b.labels)})
				continue
			}
			if s.Kind != rbacv1.ServiceAccountKind || seen[s] || g.unread(ServiceAccountKind, s.Namespace) {
				continue
			}
			seen[s] = true
			if _, there := g.accounts[s.key()]; !there {
				all = append(all, Dangling{Binding: b.Ref, Subject: s, Default: isDefault(b.labels)})
			}
		}
	}
	return all
}

// Empty are the bindings that give a role to nobody.
func (g *Graph) Empty() []Ref {
	var all []Ref
	for _, b := range g.bindings {
		if len(b.written) == 0 {
			all = append(all, b.Ref)
		}
	}
	return all
}

// Absent reports whether a service account is known not to be there.
func (g *Graph) Absent(s Subject) bool {
	_, there := g.accounts[s.key()]
	return s.Kind == rbacv1.ServiceAccountKind && !there && !g.unread(ServiceAccountKind, s.Namespace)
}
