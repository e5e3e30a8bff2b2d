package network

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
)

// Space is one namespace: its policies, its Services, and which of them select
// pods. It is built first and asked then; asking changes nothing, but for [Space.See].
type Space struct {
	Name string

	cluster     *Cluster
	labels      labels.Set
	labelsKnown bool

	policies []*spacePolicy
	// about finds the policies that isolate for a direction, by their podSelector.
	ingress, egress matcher[*spacePolicy]
	// all finds them, whatever the direction, for See.
	all      matcher[*spacePolicy]
	broken   []Ref // policies whose podSelector does not parse
	foreign  []Ref // policies that nothing here understands
	gaps     []string
	byName   map[string]*spacePolicy
	services matcher[*selected]
	service  map[string]*selected
}

type spacePolicy struct {
	Policy
	pods int
}

type selected struct{ pods int }

// Pod is what is asked about.
type Pod struct {
	Labels labels.Set
	// HostNetwork: it has the network of its node.
	HostNetwork bool
}

// Space returns a namespace without anything in it. The labels are nil where
// the namespace itself could not be read.
func (c *Cluster) Space(name string, namespaceLabels map[string]string) *Space {
	s := &Space{
		Name: name, cluster: c, labelsKnown: namespaceLabels != nil,
		byName: map[string]*spacePolicy{}, service: map[string]*selected{},
	}
	// The API server sets this label itself; in a file it is not there.
	s.labels = make(labels.Set, len(namespaceLabels)+1)
	maps.Copy(s.labels, namespaceLabels)
	s.labels[metadataName] = name
	return s
}

// AddPolicy takes a NetworkPolicy of the namespace and returns what it says.
func (s *Space) AddPolicy(p *networkingv1.NetworkPolicy) *Policy {
	read := &spacePolicy{Policy: ReadPolicy(p)}
	s.policies = append(s.policies, read)
	s.byName[p.Name] = read
	if read.Selector == nil {
		s.broken = append(s.broken, read.Ref)
		return &read.Policy
	}
	s.all.add(read.Selector, read)
	if read.Ingress {
		s.ingress.add(read.Selector, read)
	}
	if read.Egress {
		s.egress.add(read.Selector, read)
	}
	return &read.Policy
}

// Add takes an object of the namespace that is of any other kind, and reports
// whether it is a policy about network traffic.
func (s *Space) Add(u *unstructured.Unstructured) (policy bool) {
	gvk := u.GroupVersionKind()
	standing, known := standingOf(gvk.GroupKind())
	if standing == notUnderstood && !mirrored(u) {
		s.foreign = append(s.foreign, Ref{u.GetAPIVersion(), gvk.Kind, u.GetNamespace(), u.GetName()})
	}
	return known
}

// Miss notes that policies of some kind, which may be about the namespace,
// could not be read. No answer is Open then.
func (s *Space) Miss(reason string) { s.gaps = append(s.gaps, reason) }

// Governed reports whether a policy that is understood is about pods of the
// namespace: a NetworkPolicy in it, or one of the whole cluster that denies or
// may select some of its pods.
func (s *Space) Governed() bool {
	if len(s.policies) > 0 {
		return true
	}
	for _, tier := range s.cluster.tiers {
		for _, p := range tier {
			if p.unclear == "" && p.denies() && p.selects(s, nil) != no {
				return true
			}
		}
	}
	return false
}

func (p *clusterPolicy) denies() bool {
	return slices.ContainsFunc(slices.Concat(p.ingress, p.egress), func(r clusterRule) bool { return r.action == deny })
}

// Policies counts the NetworkPolicies of the namespace, also those that can't be read.
func (s *Space) Policies() int { return len(s.policies) }

// Policy returns what the NetworkPolicy of that name says; nil where there is none.
func (s *Space) Policy(name string) *Policy {
	if p := s.byName[name]; p != nil {
		return &p.Policy
	}
	return nil
}

// AddService takes a Service of the namespace. A selector that is none is the
// API server's to refuse; it selects nothing.
func (s *Space) AddService(svc *corev1.Service) {
	if !Selects(svc) {
		return
	}
	selector, err := labels.ValidatedSelectorFromSet(svc.Spec.Selector)
	if err != nil {
		selector = labels.Nothing()
	}
	one := &selected{}
	s.service[svc.Name] = one
	if err == nil {
		s.services.add(selector, one)
	}
}

// Selects reports whether a Service finds its pods by a selector. One without,
// or of type ExternalName, has EndpointSlices that somebody else writes, or none.
func Selects(svc *corev1.Service) bool {
	return svc.Spec.Type != corev1.ServiceTypeExternalName && len(svc.Spec.Selector) > 0
}

// See notes that there is a pod, or what will make pods, for Selected.
func (s *Space) See(p Pod) {
	for one := range s.services.matches(p.Labels) {
		one.pods++
	}
	if p.HostNetwork {
		return // policies are not about it
	}
	for one := range s.all.matches(p.Labels) {
		one.pods++
	}
}

// Selected is how many of the pods that were seen a NetworkPolicy selects.
func (s *Space) Selected(policy string) int {
	if p := s.byName[policy]; p != nil {
		return p.pods
	}
	return 0
}

// ServiceSelected is how many of the pods that were seen a Service selects.
func (s *Space) ServiceSelected(service string) int {
	if one := s.service[service]; one != nil {
		return one.pods
	}
	return 0
}
