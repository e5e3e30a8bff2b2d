package rbac

import (
	"cmp"
	"slices"
	"sync"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// Graph is the RBAC of a cluster. It does not change, and may be asked by
// several goroutines at once.
type Graph struct {
	roles    map[roleKey]*role
	bindings []*binding // sorted by Ref
	// at are the bindings of one subject, by where they count.
	at map[scopeKey][]*binding
	// spaces are, for each subject, the namespaces that it has bindings in, sorted.
	spaces   map[string][]string
	subjects map[string]Subject           // that bindings name, by key
	accounts map[string]Account           // by key of the subject
	labels   map[string]map[string]string // of namespaces
	objects  Objects
	gaps     map[Gap]bool
	problems []Problem
	// index, powers and search are made when somebody asks for them.
	index  func() *labelIndex
	powers func() *powersByRole
	search func() *search
}

type roleKey struct{ namespace, name string } // without a namespace: a ClusterRole

type scopeKey struct {
	subject   string
	namespace string // empty: the whole cluster
}

type role struct {
	Ref
	labels map[string]string
	rules  []rbacv1.PolicyRule
	// aggregation: where the role is made of others.
	aggregation *rbacv1.AggregationRule
	selectors   []labels.Selector
	builtin     bool // added by Objects.Defaults
	bindings    []*binding
}

// binding is a RoleBinding or ClusterRoleBinding.
type binding struct {
	Ref
	roleRef  Ref
	role     *role // nil: there is none, or it could not be read
	subjects []Subject
	written  []rbacv1.Subject
	labels   map[string]string
}

// Problem is an object that can't mean what it says.
type Problem struct {
	Object  Ref
	Message string
	// Circle: it is one of several roles that are made of each other, which the
	// message names. Else something could not be read, or was too much.
	Circle bool
}

// New builds the graph. Objects that stand there twice count once, the first.
func New(o Objects) *Graph {
	g := &Graph{
		roles: map[roleKey]*role{}, at: map[scopeKey][]*binding{}, spaces: map[string][]string{},
		subjects: map[string]Subject{}, accounts: map[string]Account{}, gaps: map[Gap]bool{},
		labels: map[string]map[string]string{}, objects: o,
	}
	for _, n := range o.Namespaces {
		g.labels[n.Name] = n.Labels
	}
	for _, gap := range o.Gaps {
		g.gaps[gap] = true
	}
	for _, a := range o.ServiceAccounts {
		key := ServiceAccount(a.Namespace, a.Name).key()
		if known, ok := g.accounts[key]; ok {
			a.TokenSecrets = a.TokenSecrets || known.TokenSecrets
		}
		g.accounts[key] = a
	}
	g.index = sync.OnceValue(g.newLabelIndex)
	g.powers = sync.OnceValue(g.newPowers)
	g.search = sync.OnceValue(g.newSearch)
	g.addRoles()
	g.addBindings()
	sortProblems(g.problems)
	return g
}

// WithPods is the same graph with other pods. What it takes to build a graph is
// done only once, for what is asked before all pods are known.
func (g *Graph) WithPods(pods []Pod) *Graph {
	other := *g
	other.objects.Pods = pods
	other.search = sync.OnceValue(other.newSearch)
	return &other
}

func (g *Graph) addRoles() {
	for i := range g.objects.Roles {
		r := &g.objects.Roles[i]
		g.addRole(&role{Ref: Ref{RoleKind, r.Namespace, r.Name}, labels: r.Labels, rules: r.Rules})
	}
	add := func(list []rbacv1.ClusterRole, builtin bool) {
		for i := range list {
			r := &list[i]
			g.addRole(&role{
				Ref: Ref{ClusterRoleKind, "", r.Name}, labels: r.Labels, rules: r.Rules,
				aggregation: r.AggregationRule, builtin: builtin,
			})
		}
	}
	add(g.objects.ClusterRoles, false)
	if g.objects.Defaults {
		add(Defaults(), true)
	}
	g.aggregate()
}

func (g *Graph) addRole(r *role) {
	key := roleKey{r.Namespace, r.Name}
	if r.Kind == RoleKind && r.Namespace == "" {
		return // it would pass for a ClusterRole, and no server keeps it
	}
	if g.roles[key] == nil {
		g.roles[key] = r
	}
}

func (g *Graph) addBindings() {
	for i := range g.objects.ClusterRoleBindings {
		b := &g.objects.ClusterRoleBindings[i]
		g.bindings = append(g.bindings, &binding{
			Ref: Ref{ClusterRoleBindingKind, "", b.Name}, roleRef: Ref{Kind: b.RoleRef.Kind, Name: b.RoleRef.Name}, written: b.Subjects, labels: b.Labels,
		})
	}
	for i := range g.objects.RoleBindings {
		b := &g.objects.RoleBindings[i]
		if b.Namespace == "" {
			continue // as above
		}
		ref := Ref{Kind: b.RoleRef.Kind, Name: b.RoleRef.Name}
		if ref.Kind == RoleKind {
			ref.Namespace = b.Namespace
		}
		g.bindings = append(g.bindings, &binding{Ref: Ref{RoleBindingKind, b.Namespace, b.Name}, roleRef: ref, written: b.Subjects, labels: b.Labels})
	}
	slices.SortStableFunc(g.bindings, func(a, b *binding) int { return compareRefs(a.Ref, b.Ref) })
	g.bindings = slices.CompactFunc(g.bindings, func(a, b *binding) bool { return a.Ref == b.Ref })
	for _, b := range g.bindings {
		b.role = g.role(b.roleRef)
		if b.role != nil {
			b.role.bindings = append(b.role.bindings, b)
		}
		g.addSubjects(b)
	}
}

// addSubjects resolves whom a binding is for. One that is named twice counts once.
func (g *Graph) addSubjects(b *binding) {
	for _, w := range b.written {
		s, ok := bound(w, b.Namespace)
		if !ok {
			continue
		}
		key := s.key()
		at := scopeKey{key, b.Namespace}
		list := g.at[at]
		if n := len(list); n > 0 && list[n-1] == b {
			continue
		}
		if len(list) == 0 && b.Namespace != "" {
			g.spaces[key] = append(g.spaces[key], b.Namespace) // bindings come sorted by namespace
		}
		g.at[at] = append(list, b)
		g.subjects[key] = s
		b.subjects = append(b.subjects, s)
	}
}

// bound is the subject that a binding means; false where it means nobody.
func bound(w rbacv1.Subject, namespace string) (Subject, bool) {
	switch w.Kind {
	case rbacv1.UserKind:
		return User(w.Name), true
	case rbacv1.GroupKind:
		return Group(w.Name), true
	case rbacv1.ServiceAccountKind:
		namespace = cmp.Or(w.Namespace, namespace)
		return ServiceAccount(namespace, w.Name), namespace != ""
	}
	return Subject{}, false
}

// role finds what a binding refers to.
func (g *Graph) role(ref Ref) *role {
	switch {
	case ref.Kind == RoleKind && ref.Namespace != "", ref.Kind == ClusterRoleKind:
		return g.roles[roleKey{ref.Namespace, ref.Name}]
	}
	return nil
}

// unread reports whether objects of a kind, in a namespace, may be missing.
func (g *Graph) unread(kind, namespace string) bool {
	return g.gaps[Gap{kind, ""}] || g.gaps[Gap{kind, namespace}]
}

// Problems are the objects that can't mean what they say, sorted by object.
func (g *Graph) Problems() []Problem { return slices.Clone(g.problems) }

// Subjects are all that bindings name and all service accounts that are there, sorted.
func (g *Graph) Subjects() []Subject {
	all := make([]Subject, 0, len(g.subjects)+len(g.accounts))
	for _, s := range g.subjects {
		all = append(all, s)
	}
	for key, a := range g.accounts {
		if _, ok := g.subjects[key]; !ok {
			all = append(all, ServiceAccount(a.Namespace, a.Name))
		}
	}
	slices.SortFunc(all, compareSubjects)
	return all
}

func compareRefs(a, b Ref) int {
	return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
}

func compareSubjects(a, b Subject) int {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
}
