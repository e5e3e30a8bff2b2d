package rbac

import (
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"
)

// nodeKind says what a place in the graph of escalations is.
type nodeKind uint8

const (
	admin        nodeKind = iota // may do everything in the cluster
	host                         // has a node
	anyAccount                   // can be any service account, or any of a namespace
	runningAs                    // the same, of those that pods run as
	spaceAdmin                   // may do everything in a namespace
	anyUser                      // any user that a binding names
	anybody                      // any user, group or account, save system:masters
	somebody                     // a subject
	tokenHolders                 // any account that a secret has a token of
)

// place is something that an attacker can get to be.
type place struct {
	kind      nodeKind
	namespace string // empty: of the whole cluster
	subject   Subject
}

// edge leads from one place to another, by a technique or, where that is
// empty, by what the place is.
type edge struct {
	from, to  int32
	technique Technique
	namespace string
	by        []Grant
	// condition is what else must be true, where that is not known.
	condition string
}

// with is the same edge, allowed by these.
func (e edge) with(by []Grant) edge {
	e.by = by
	return e
}

// search is the graph of escalations: places, edges, and from every place the
// way to each goal. It has an edge for every right that matters, not for every
// pair of subjects: "any account of the namespace" is a place of its own.
type search struct {
	g *Graph
	*powersByRole
	ids    map[place]int32
	places []place
	out    [][]edge
	toward [2]ways // the goals admin and host
	spaces []string
	// hosts has the namespaces with a pod that reaches its node.
	hosts  map[string]bool
	named  map[string][]Subject // accounts, by name alone
	groups map[string]*holdings // what groups hold in the whole cluster
	pods   map[string][]*Pod    // by name
	// fullBindings are cluster-wide bindings of such roles; fullBinding: there is one.
	fullBindings map[string]bool
	fullBinding  bool
	// easiest are the edges for a pod in whichever namespace makes it easiest,
	// without and with changing the namespace's labels.
	easiest, easiestLifted *edge
}

func (g *Graph) newSearch() *search {
	s := &search{
		g: g, powersByRole: g.powers(), ids: map[place]int32{}, hosts: map[string]bool{}, named: map[string][]Subject{}, groups: map[string]*holdings{}, pods: map[string][]*Pod{}, fullBindings: map[string]bool{},
	}
	s.place(place{kind: admin})
	s.place(place{kind: host})
	for _, b := range g.bindings {
		if b.Namespace == "" && b.role != nil && s.full[b.role] {
			s.fullBindings[b.Name], s.fullBinding = true, true
		}
	}
	s.addPods()
	s.addPools()
	s.addHosts()
	for _, subject := range g.Subjects() {
		s.place(place{kind: somebody, subject: subject})
	}
	s.link(place{kind: somebody, subject: Group(Masters)}, edge{ // also where no binding names it
		to: s.place(place{kind: admin}), technique: HasEverything,
		by: []Grant{{Subject: Group(Masters), Rule: -1}},
	})
	for i := 0; i < len(s.places); i++ { // more come while this goes on
		if p := s.places[i]; p.kind == somebody {
			s.addSubject(p)
		}
	}
	s.toward = [2]ways{s.waysTo(s.place(place{kind: admin})), s.waysTo(s.place(place{kind: host}))}
	return s
}

// place returns the number of a place, which it makes where it is new.
func (s *search) place(p place) int32 {
	id, ok := s.ids[p]
	if !ok {
		id = int32(len(s.places))
		s.ids[p] = id
		s.places = append(s.places, p)
		s.out = append(s.out, nil)
	}
	return id
}

func (s *search) link(from place, e edge) {
	e.from = s.place(from)
	s.out[e.from] = append(s.out[e.from], e)
}

func (s *search) addPods() {
	for i := range s.g.objects.Pods {
		p := &s.g.objects.Pods[i]
		s.pods[p.Name] = append(s.pods[p.Name], p)
		if p.Host {
			s.hosts[p.Namespace], s.hosts[""] = true, true
		}
	}
}

// addHosts finds where a pod gets hold of its node most easily.
func (s *search) addHosts() {
	better := func(best *edge, e *edge) *edge {
		if e == nil || best != nil && (best.condition == "" || e.condition != "") {
			return best
		}
		return e
	}
	for _, namespace := range s.spaces {
		s.easiest = better(s.easiest, s.hostPod(namespace, false))
		s.easiestLifted = better(s.easiestLifted, s.hostPod(namespace, true))
	}
	if len(s.spaces) == 0 || s.g.unread(NamespaceKind, "") {
		e := &edge{to: s.place(place{kind: host}), technique: PrivilegedPod, condition: "unless Pod Security forbids it in every namespace; not all namespaces are known here"}
		s.easiest, s.easiestLifted = better(s.easiest, e), better(s.easiestLifted, e)
	}
}

// addPools links the places that stand for many subjects to those.
func (s *search) addPools() {
	accounts := s.knownAccounts()
	running := s.runningAccounts(accounts)
	for _, a := range accounts {
		s.named[a.Name] = append(s.named[a.Name], a)
	}
	s.addPool(anyAccount, accounts)
	s.addPool(runningAs, running)
	var holders []Subject
	for _, a := range s.g.accounts {
		if a.TokenSecrets {
			holders = append(holders, ServiceAccount(a.Namespace, a.Name))
		}
	}
	slices.SortFunc(holders, compareSubjects)
	s.addPool(tokenHolders, holders)
	s.spaces = s.knownSpaces(accounts)
	s.link(place{kind: host}, edge{to: s.place(place{kind: runningAs}), technique: NodeTokens, condition: s.ifRunning("")})
	for _, namespace := range s.spaces {
		s.addSpaceAdmin(namespace)
	}
	for _, subject := range s.g.Subjects() {
		if subject == Group(Masters) || subject == User(Anonymous) || subject == Group(Unauthenticated) {
			continue
		}
		to := s.place(place{kind: somebody, subject: subject})
		s.link(place{kind: anybody}, edge{to: to})
		if subject.Kind == rbacv1.UserKind {
			s.link(place{kind: anyUser}, edge{to: to})
		}
	}
}

// addPool links a pool of all namespaces to one of each, and that to accounts.
func (s *search) addPool(kind nodeKind, accounts []Subject) {
	s.place(place{kind: kind})
	last := ""
	for _, a := range accounts { // sorted by namespace
		if a.Namespace != last {
			last = a.Namespace
			s.link(place{kind: kind}, edge{to: s.place(place{kind: kind, namespace: a.Namespace})})
		}
		s.link(place{kind: kind, namespace: a.Namespace}, edge{to: s.place(place{kind: somebody, subject: a})})
	}
}

// knownAccounts are those that are there; where they were not read, those that
// bindings name.
func (s *search) knownAccounts() []Subject {
	all := map[Subject]bool{}
	for _, a := range s.g.accounts {
		all[ServiceAccount(a.Namespace, a.Name)] = true
	}
	for _, subject := range s.g.subjects {
		if subject.Kind == ServiceAccountKind && s.g.unread(ServiceAccountKind, subject.Namespace) {
			all[subject] = true
		}
	}
	return sortedSubjects(all)
}

func sortedSubjects(set map[Subject]bool) []Subject {
	all := make([]Subject, 0, len(set))
	for s := range set {
		all = append(all, s)
	}
	slices.SortFunc(all, compareSubjects)
	return all
}

// runningAccounts are those that pods run as; where pods were not read, all.
func (s *search) runningAccounts(accounts []Subject) []Subject {
	all := map[Subject]bool{}
	for _, p := range s.g.objects.Pods {
		all[p.account()] = true
	}
	for _, a := range accounts {
		if s.g.unread(PodKind, a.Namespace) {
			all[a] = true
		}
	}
	return sortedSubjects(all)
}

// ifRunning is the condition of what needs a running pod of the account.
func (s *search) ifRunning(namespace string) string {
	if s.g.unread(PodKind, namespace) {
		return "if a pod of the account runs; not all pods are known here"
	}
	return ""
}

// knownSpaces are all namespaces that anything stands in, sorted.
func (s *search) knownSpaces(accounts []Subject) []string {
	var all []string
	for _, n := range s.g.objects.Namespaces {
		all = append(all, n.Name)
	}
	for _, a := range accounts {
		all = append(all, a.Namespace)
	}
	for _, b := range s.g.bindings {
		if b.Namespace != "" {
			all = append(all, b.Namespace)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// addSpaceAdmin links what one may do who may do everything in a namespace.
func (s *search) addSpaceAdmin(namespace string) {
	from := place{kind: spaceAdmin, namespace: namespace}
	s.link(from, edge{to: s.place(place{kind: anyAccount, namespace: namespace}), technique: NamespaceAdmin, namespace: namespace})
	e := s.hostPod(namespace, true) // its own namespace's labels are among what it may change
	s.link(from, *e)
}

// hostPod is the edge by which a pod of a namespace gets hold of its node; nil
// where Pod Security is in the way. Lift says that the namespace can be changed.
func (s *search) hostPod(namespace string, lift bool) *edge {
	e := &edge{to: s.place(place{kind: host}), technique: PrivilegedPod, namespace: namespace}
	labels, known := s.g.labels[namespace]
	switch labels["pod-security.kubernetes.io/enforce"] {
	case "baseline", "restricted":
		if !lift {
			return nil
		}
		e.technique = LiftPodSecurity
	}
	if !known {
		e.condition = "unless Pod Security forbids it; the namespace is not known here"
	}
	return e
}
