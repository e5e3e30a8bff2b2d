package access

import (
	"cmp"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/index"
	"github.com/kubeassay/assay/posture/rbac"
)

// survey is what the checks of roles and bindings have in common: every binding
// with what it means, and as whom pods run.
type survey struct {
	*world
	x        *index.Index
	graph    *rbac.Graph // with the pods
	bindings []*bound
	running  map[rbac.Subject]bool
	// has counts the bindings that give a role to somebody.
	has map[rbac.Ref]int
}

// bound is one binding.
type bound struct {
	*rbac.Binding
	in *index.Object
	// judged are the subjects that are nobody's but the person's who wrote the
	// binding: not those that the API server gives its own roles.
	judged []rbac.BoundSubject
	// unclear says why it is not known what the role gives.
	unclear string
	leads   []rbac.Lead
	led     bool // leads are found
}

// surveyOf prepares the survey, once. All pods must have been seen.
func surveyOf(x *index.Index) *survey {
	return index.Memo(x, surveyKey, func() *survey {
		w := worldOf(x)
		s := &survey{
			world: w, x: x, graph: w.withPods(x), running: map[rbac.Subject]bool{}, has: map[rbac.Ref]int{},
		}
		for _, p := range pods(x) {
			s.running[rbac.ServiceAccount(p.Namespace, p.ServiceAccount)] = true
		}
		for _, b := range w.clusterWide {
			s.add(b.in, s.graph.ClusterRoleBinding(b.is))
		}
		for _, b := range w.bindings {
			s.add(b.in, s.graph.RoleBinding(b.is))
		}
		return s
	})
}

func (s *survey) add(in *index.Object, b *rbac.Binding) {
	one := &bound{Binding: b, in: in}
	if len(b.Subjects) > 0 {
		s.has[b.Role]++
	}
	for _, subject := range b.Subjects {
		if !subject.Default && subject.Subject != rbac.Group(rbac.Masters) && !component(b, subject.Subject) && !s.platform(b, subject.Subject) {
			one.judged = append(one.judged, subject)
		}
	}
	switch reason, missing := s.x.Missing(kindOf(b.Role.Kind), b.Role.Namespace); {
	case b.Known:
	case missing:
		one.unclear = "What " + b.Role.String() + " gives is not known: " + reason + "."
	case s.x.Partial:
		one.unclear = b.Role.String() + " is not among what was asked for, so what it gives is not known."
	case !s.x.Live:
		one.unclear = b.Role.String() + " is in none of the files, so what it gives is not known."
	}
	s.bindings = append(s.bindings, one)
}

// component reports whether a subject is part of Kubernetes and has one of the
// roles that are made for such parts.
func component(b *rbac.Binding, s rbac.Subject) bool {
	const system = "system:"
	if !b.RoleDefault() || !strings.HasPrefix(b.Role.Name, system) || s.Public() {
		return false
	}
	if s.Kind == rbacv1.ServiceAccountKind {
		return s.Namespace == "kube-system"
	}
	if b.Role.Name == "system:kubelet-api-admin" && s.Kind == rbacv1.UserKind {
		// As this the API server talks to kubelets. Whoever makes the cluster chooses
		// the name, but it mostly has this in it.
		return strings.Contains(s.Name, "kube-apiserver")
	}
	return strings.HasPrefix(s.Name, system) && len(s.Name) > len(system)
}

// platform reports whether a subject is part of the platform that runs the
// control plane, by a binding of its own. Amazon EKS makes all objects whose
// name begins with eks, for users of such names
// (docs.aws.amazon.com/eks/latest/userguide/default-roles-users.html). Elsewhere
// such a name means nothing.
func (s *survey) platform(b *rbac.Binding, subject rbac.Subject) bool {
	const eks = "eks:"
	return strings.Contains(s.x.Server, "-eks-") && strings.HasPrefix(b.Ref.Name, eks) &&
		subject.Kind == rbacv1.UserKind && strings.HasPrefix(subject.Name, eks)
}

// dangerous are those of the rights that are not given away lightly: such as
// are at least medium, and are over all objects, or critical all the same.
func dangerous(all []rbac.Held) []rbac.Held {
	return slices.DeleteFunc(slices.Clone(all), func(h rbac.Held) bool {
		return !h.Severity.AtLeast(finding.Medium) || len(h.Names) > 0 && h.Severity != finding.Critical
	})
}

// ways are the leads of a binding, found once.
func (b *bound) ways() []rbac.Lead {
	if !b.led {
		b.leads, b.led = b.Leads(), true
		for i := range b.leads {
			if first := &b.leads[i].Steps[0]; first.If == "" && b.onlyOnceMade(first) {
				first.If = notThere
			}
		}
	}
	return b.leads
}

// notThere is the condition of a way that begins with making a secret of a given
// name. What is in one that is there can't be made a token any more.
const notThere = "if a secret that it may read is not there (yet)"

// onlyOnceMade reports whether a step makes a secret and reads it, and may read
// only some by name, none of which it may delete.
func (b *bound) onlyOnceMade(s *rbac.Step) bool {
	if s.Technique != rbac.MakeTokenSecret {
		return false
	}
	h := b.held(rbac.SecretAccess)
	return h != nil && len(h.Names) > 0 && !slices.ContainsFunc(h.Names, func(name string) bool {
		for i := range b.Rules() {
			if r, _, _ := b.Rule(i); rbac.Allows(r, rbac.Request{Verb: "delete", Resource: "secrets", Name: name}) {
				return true
			}
		}
		return false
	})
}

// held is what the binding gives of a kind of access; nil where that is nothing.
func (b *bound) held(a rbac.Access) *rbac.Held {
	all := b.Held()
	i := slices.IndexFunc(all, func(h rbac.Held) bool { return h.Access == a })
	if i < 0 {
		return nil
	}
	return &all[i]
}

// whole is the access by which a binding gives everything, in the cluster or in
// its namespace; empty where it does not. That is one cause, and reported once.
func (b *bound) whole() rbac.Access {
	for _, a := range []rbac.Access{rbac.EverythingAccess, rbac.CoreAccess} {
		if h := b.held(a); h != nil && len(h.Names) == 0 {
			return a
		}
	}
	return ""
}

// editor reports whether the binding gives one of the two roles that are made
// for those who work in a namespace.
func (b *bound) editor() bool {
	return b.Role.Kind == "ClusterRole" && (b.Role.Name == "admin" || b.Role.Name == "edit") && b.RoleDefault()
}

// reportedBy is the check that reports a binding that gives everything there is,
// so that no other need say what that includes; empty for any other.
func (b *bound) reportedBy() string {
	switch all := b.whole() != ""; {
	case all && b.Ref.Namespace == "":
		return clusterAdminID
	case all || b.editor():
		return namespaceAdminID
	}
	return ""
}

// class says how near a subject is to whoever attacks.
type class int

const (
	person  class = iota // a user or group: somebody must lose their credentials
	account              // a service account that no pod is known to run as
	running              // a service account that pods run as
	public               // everybody
)

func (s *survey) classOf(of rbac.Subject) class {
	switch {
	case of.Public():
		return public
	case of.Kind != rbacv1.ServiceAccountKind:
		return person
	case s.running[of]:
		return running
	}
	return account
}

// nearest is the subject that is nearest to an attacker, among those that
// want takes (nil: all); nil where there is none.
func (s *survey) nearest(b *bound, want func(rbac.Subject) bool) *rbac.BoundSubject {
	var best *rbac.BoundSubject
	for i := range b.judged {
		one := &b.judged[i]
		if want != nil && !want(one.Subject) {
			continue
		}
		if best == nil || s.classOf(one.Subject) > s.classOf(best.Subject) {
			best = one
		}
	}
	return best
}

// way is the best lead of a binding that begins with a kind of access, and who
// is nearest to an attacker among those who can go it.
func (s *survey) way(b *bound, of func(rbac.Access) bool) (*rbac.Lead, *rbac.BoundSubject) {
	leads := b.ways()
	for i := range leads {
		l := &leads[i]
		if !of(l.Steps[0].Technique.Access()) {
			continue
		}
		if who := s.nearest(b, l.For); who != nil {
			return l, who
		}
	}
	return nil, nil
}

// graver is what a way on makes of a severity.
func (s *survey) graver(base finding.Severity, l *rbac.Lead, who *rbac.BoundSubject) finding.Severity {
	if l == nil {
		return base
	}
	near := s.classOf(who.Subject)
	to := finding.Medium
	switch {
	case !l.Certain():
	case l.Goal == rbac.NodeControl:
		if near >= running {
			to = finding.High
		}
	case len(l.Steps) == 1, near >= running:
		to = finding.Critical
	case near == account:
		to = finding.High
	}
	return gravest(base, to)
}

func gravest(a, b finding.Severity) finding.Severity {
	if cmp.Compare(a.Rank(), b.Rank()) <= 0 {
		return a
	}
	return b
}

// surveyBindings makes a check's survey of a judgement about one binding.
func surveyBindings(judge func(*survey, *bound) check.Verdict) func(*index.Index, check.Yield) {
	return func(x *index.Index, yield check.Yield) {
		s := surveyOf(x)
		for _, b := range s.bindings {
			yield(b.in, judge(s, b))
		}
		for _, kind := range []string{"ClusterRoleBinding", "RoleBinding"} {
			s.yieldBroken(kind, yield)
		}
	}
}

// yieldBroken hands on what could not be read as what it says it is.
func (s *survey) yieldBroken(kind string, yield check.Yield) {
	if len(s.broken) == 0 {
		return
	}
	for _, in := range s.x.Objects(kindOf(kind)) {
		if err := s.broken[in]; err != nil {
			yield(in, check.Verdict{
				Status: finding.Error, Severity: finding.Medium, Evidence: finding.Declared, Message: check.Sentence(err.Error()),
				Basis: []finding.Basis{{Evidence: finding.Declared, Field: "apiVersion", Value: in.APIVersion}},
			})
		}
	}
}
