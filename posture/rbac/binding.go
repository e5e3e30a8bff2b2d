package rbac

import (
	"cmp"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/kubeassay/assay/finding"
)

// Binding is what a binding means: who gets what by it.
type Binding struct {
	Ref Ref
	// Role is what it refers to, Known whether that is there.
	Role  Ref
	Known bool
	// Unread: the role is not known, and may be there.
	Unread bool
	// Subjects are those that mean somebody, in the order in which they are
	// written; one that stands there twice is there twice.
	Subjects []BoundSubject
	// Nowhere are the places of subjects that can't mean anybody.
	Nowhere []int

	graph   *Graph
	binding *binding
}

// BoundSubject is a subject of a binding.
type BoundSubject struct {
	Subject
	At int // its place in the binding
	// Default: the API server itself gives it this role.
	Default bool
}

// Held is a kind of access that a role gives where it is bound.
type Held struct {
	Access Access
	// Rule is the place of the rule that gives most, Names are the objects that
	// it is limited to, of all rules together; none: it is over all objects.
	Rule  int
	Names []string
	// Severity of the gravest of what it allows, and in words all that it allows.
	Severity finding.Severity
	Why      []string
}

// RoleBinding tells what a RoleBinding means. It need not be one of the graph's.
func (g *Graph) RoleBinding(o *rbacv1.RoleBinding) *Binding {
	return g.bindingOf(&binding{Ref: Ref{RoleBindingKind, o.Namespace, o.Name}, roleRef: roleRefOf(o.Namespace, &o.RoleRef), written: o.Subjects, labels: o.Labels})
}

// ClusterRoleBinding tells what a ClusterRoleBinding means.
func (g *Graph) ClusterRoleBinding(o *rbacv1.ClusterRoleBinding) *Binding {
	return g.bindingOf(&binding{Ref: Ref{ClusterRoleBindingKind, "", o.Name}, roleRef: roleRefOf("", &o.RoleRef), written: o.Subjects, labels: o.Labels})
}

func roleRefOf(namespace string, of *rbacv1.RoleRef) Ref {
	ref := Ref{Kind: of.Kind, Name: of.Name}
	if ref.Kind == RoleKind {
		ref.Namespace = namespace
	}
	return ref
}

func (g *Graph) bindingOf(b *binding) *Binding {
	if b.Kind == ClusterRoleBindingKind || b.Namespace != "" { // no server keeps one without, and it would pass for one of the cluster
		b.role = g.role(b.roleRef)
	}
	out := &Binding{Ref: b.Ref, Role: b.roleRef, Known: b.role != nil, graph: g, binding: b}
	out.Unread = !out.Known && g.unread(b.roleRef.Kind, b.roleRef.Namespace)
	for i, w := range b.written {
		s, ok := bound(w, b.Namespace)
		if !ok {
			out.Nowhere = append(out.Nowhere, i)
			continue
		}
		b.subjects = append(b.subjects, s)
		out.Subjects = append(out.Subjects, BoundSubject{s, i, b.bootstraps(s)})
	}
	return out
}

// Held lists what the binding gives that is dangerous, by access.
func (b *Binding) Held() []Held {
	if !b.Known {
		return nil
	}
	held := b.graph.powers().held[b.binding.role]
	if b.Ref.Namespace != "" {
		return held.space
	}
	return held.cluster
}

// Rules is how many rules its role has.
func (b *Binding) Rules() int {
	if !b.Known {
		return 0
	}
	return len(b.binding.role.rules)
}

// Rule is a rule of its role, by its place there, and the role that the rule is
// written in: where roles were put together here, that is another one, and
// the place there is -1.
func (b *Binding) Rule(i int) (rule *rbacv1.PolicyRule, in Ref, at int) {
	r := b.binding.role
	rule = &r.rules[i]
	if r.aggregation == nil || !b.graph.objects.Aggregate && !b.graph.objects.Defaults {
		return rule, r.Ref, i
	}
	if from := b.graph.Origin(r.Ref, i); len(from) > 0 {
		return rule, from[0], -1
	}
	return rule, r.Ref, -1
}

// RoleDefault reports whether the role is one that the API server makes for itself.
func (b *Binding) RoleDefault() bool { return b.Known && b.binding.role.bootstraps() }

// Public reports whether a subject is everybody, or as good as: the user
// system:anonymous, the groups of those who did and did not authenticate, and
// those of all service accounts, or all of a namespace.
func (s Subject) Public() bool {
	switch s.Kind {
	case rbacv1.UserKind:
		return s.Name == Anonymous
	case rbacv1.GroupKind:
		return s.Name == Unauthenticated || s.Name == Authenticated || s.Name == accountsGroup || strings.HasPrefix(s.Name, accountsGroup+":")
	}
	return false
}

// bootstraps reports whether the API server itself makes this binding, and for
// this subject. Whoever adds a subject to such a binding leaves the label, so the
// label alone does not tell.
func (b *binding) bootstraps(s Subject) bool {
	if !isDefault(b.labels) {
		return false
	}
	const system = "kube-system"
	if b.Namespace != "" {
		// The few of kube-system and kube-public let the control plane elect its
		// leaders and sign what bootstraps nodes.
		if b.Namespace != system && b.Namespace != "kube-public" || !strings.HasPrefix(b.Name, "system:") {
			return false
		}
		switch s.Kind {
		case rbacv1.UserKind:
			return componentUser(s.Name)
		case rbacv1.ServiceAccountKind:
			return s.Namespace == system && (strings.HasSuffix(b.Name, ":"+s.Name) || strings.HasSuffix(b.Name, "-"+s.Name) || s.Name == "leader-election-controller")
		}
		return false
	}
	if b.roleRef.Name != b.Name {
		return false
	}
	if controller, ok := strings.CutPrefix(b.Name, "system:controller:"); ok {
		return s == ServiceAccount(system, controller)
	}
	switch b.Name {
	case "cluster-admin":
		return s == Group(Masters)
	case "system:basic-user", "system:discovery":
		return s == Group(Authenticated)
	case "system:public-info-viewer":
		return s == Group(Authenticated) || s == Group(Unauthenticated)
	case "system:service-account-issuer-discovery":
		return s == Group(accountsGroup)
	case "system:monitoring":
		return s == Group("system:monitoring")
	case "system:kube-dns":
		return s == ServiceAccount(system, "kube-dns")
	}
	return strings.HasPrefix(b.Name, "system:") && s.Kind == rbacv1.UserKind && componentUser(s.Name)
}

func componentUser(name string) bool {
	return name == "system:kube-controller-manager" || name == "system:kube-scheduler" || name == "system:kube-proxy"
}

// powersByRole are the powers of every role.
type powersByRole struct {
	match  *matcher
	powers map[*role]powers
	full   map[*role]bool // roles with a rule for everything
	held   map[*role]heldBy
}

// heldBy is what a role gives, bound in the cluster and in a namespace.
type heldBy struct{ cluster, space []Held }

func (g *Graph) newPowers() *powersByRole {
	p := &powersByRole{match: g.objects.newMatcher(), powers: map[*role]powers{}, full: map[*role]bool{}, held: map[*role]heldBy{}}
	for _, r := range g.roles {
		all := p.match.powersOf(r.rules)
		if len(all) == 0 {
			continue
		}
		p.powers[r] = all
		for _, h := range all {
			p.full[r] = p.full[r] || h.power == everything && len(h.names) == 0
		}
		p.held[r] = heldBy{p.summary(all, false), p.summary(all, true)}
	}
	return p
}

// summary puts the powers of a role together by access.
func (p *powersByRole) summary(all powers, inNamespace bool) []Held {
	at := map[Access]int{}
	forAll := map[Access]bool{}
	var out []Held
	for _, h := range all {
		info := &p.match.table[h.power]
		if inNamespace && info.cluster {
			continue
		}
		access := h.power.access()
		n, known := at[access]
		if !known {
			n = len(out)
			at[access] = n
			out = append(out, Held{Access: access, Rule: h.rule, Severity: finding.Info})
		}
		o := &out[n]
		switch {
		case len(h.names) > 0:
			if !forAll[access] {
				o.Names = append(o.Names, h.names...)
			}
		case !forAll[access]:
			forAll[access], o.Names, o.Rule = true, nil, h.rule
		}
		if severe := info.severity; severe.Rank() < o.Severity.Rank() {
			o.Severity = severe
		}
		if !slices.Contains(o.Why, info.why) {
			o.Why = append(o.Why, info.why)
		}
	}
	slices.SortStableFunc(out, func(a, b Held) int { return cmp.Compare(a.Severity.Rank(), b.Severity.Rank()) })
	return out
}

// Written are the subjects as they stand in the binding.
func (b *Binding) Written() []rbacv1.Subject { return b.binding.written }

// Bootstraps reports whether the API server makes a binding of this name for itself.
func (b *Binding) Bootstraps() bool {
	return isDefault(b.binding.labels) && (strings.HasPrefix(b.Ref.Name, "system:") || b.Ref == Ref{ClusterRoleBindingKind, "", "cluster-admin"})
}
