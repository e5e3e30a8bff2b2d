package network

import (
	"cmp"
	"encoding/json"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
)

// Cluster has the policies that are not bound to one namespace.
type Cluster struct {
	tiers [2][]*clusterPolicy // sorted by kind and priority
	// foreign are policies that nothing here understands, by the namespace that
	// they may select pods of; "" for those that may select any.
	foreign map[string][]Ref
}

// NewCluster returns a cluster without policies.
func NewCluster() *Cluster { return &Cluster{foreign: map[string][]Ref{}} }

// Add takes an object of any kind, and reports whether it is a policy about
// network traffic. Those of a namespace may be given here or to its [Space]. Problems are its selectors that don't parse, and the like;
// what is around them counts all the same. The object must not be changed afterwards.
func (c *Cluster) Add(u *unstructured.Unstructured) (problems []Problem, policy bool) {
	gvk := u.GroupVersionKind()
	ref := Ref{u.GetAPIVersion(), gvk.Kind, u.GetNamespace(), u.GetName()}
	switch standing, known := standingOf(gvk.GroupKind()); {
	case !known:
		return nil, false
	case standing == notUnderstood:
		if namespace, concerned := foreignNamespace(u); concerned {
			c.foreign[namespace] = append(c.foreign[namespace], ref)
		}
		return nil, true
	default:
		p, problems := readClusterPolicy(u, ref, standing)
		t := &c.tiers[p.tier]
		at, _ := slices.BinarySearchFunc(*t, p, compareRank)
		*t = slices.Insert(*t, at, p)
		return problems, true
	}
}

func compareRank(a, b *clusterPolicy) int {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.priority, b.priority))
}

// tier is when a policy is asked: before all NetworkPolicies, or after them.
type tier uint8

const (
	adminTier tier = iota
	baselineTier
)

// action is what a rule does with the traffic that it matches.
type action uint8

const (
	accept action = iota + 1
	deny
	pass // to the next tier
)

// clusterPolicy is a ClusterNetworkPolicy, AdminNetworkPolicy or
// BaselineAdminNetworkPolicy.
type clusterPolicy struct {
	Ref
	tier     tier
	priority int64
	// unclear says why it is not known whom the policy selects, or what it means;
	// it may then mean anything.
	unclear string
	// namespaces and pods are the subject's selectors.
	namespaces, pods labels.Selector
	ingress, egress  []clusterRule
}

// clusterRule is a rule about all ports. Rules that name ports single traffic
// out, and are no part of the default.
type clusterRule struct {
	action action
	reach  Reach
	index  int // in the object's list
	// unclear: whom it matches is not known.
	unclear bool
}

func (p *clusterPolicy) rules(d Direction) []clusterRule {
	if d == Ingress {
		return p.ingress
	}
	return p.egress
}

// selects says whether the policy is about a pod. A nil pod stands for any pod
// of the namespace.
func (p *clusterPolicy) selects(s *Space, pod *Pod) tri {
	if p.unclear != "" {
		return maybe
	}
	in := s.matched(p.namespaces)
	if in == no || p.pods.Empty() {
		return in
	}
	if pod == nil {
		return in.and(maybe)
	}
	return in.and(known(p.pods.Matches(pod.Labels)))
}

// matched says whether the namespace has the labels that a selector wants.
// Where they could not be read, its name is the only one that is known.
func (s *Space) matched(selector labels.Selector) tri {
	if s.labelsKnown {
		return known(selector.Matches(s.labels))
	}
	requirements, selectable := selector.Requirements()
	if !selectable {
		return no
	}
	out := yes
	for i := range requirements {
		if requirements[i].Key() == metadataName {
			out = out.and(known(requirements[i].Matches(s.labels)))
		} else {
			out = out.and(maybe)
		}
	}
	return out
}

// metadataName is a label that the API server puts on every namespace.
const metadataName = "kubernetes.io/metadata.name"

func compile(s *metav1.LabelSelector, path string, problems *[]Problem) labels.Selector {
	compiled, err := metav1.LabelSelectorAsSelector(s)
	if err != nil {
		*problems = append(*problems, Problem{path, written(s), err.Error()})
		return nil
	}
	return compiled
}

// written is a selector as it stands in the object.
func written(s *metav1.LabelSelector) string {
	raw, err := json.Marshal(s)
	if err != nil { // strings alone: it can't be
		return err.Error()
	}
	return string(raw)
}
