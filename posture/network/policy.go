package network

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// Ref names an object.
type Ref struct {
	APIVersion, Kind, Namespace, Name string
}

// String is "NetworkPolicy/deny-all", as in the basis of a finding.
func (r Ref) String() string { return r.Kind + "/" + r.Name }

// Problem is a field that can't be read: a selector that does not parse, a
// CIDR that is none. The API server refuses such an object.
type Problem struct {
	Field   string // its path in the object
	Value   string
	Message string
}

// Allowance is what a policy lets through whatever the port (of TCP).
type Allowance struct {
	Reach Reach
	// Fields are the paths of the peers, or of the rules without any, that give the reach.
	Fields []string
}

// Policy is what a NetworkPolicy says.
type Policy struct {
	Ref
	// Selector is the podSelector; nil where it does not parse.
	Selector labels.Selector
	// Ingress and Egress: the policy isolates the pods that it selects for this
	// direction. Where policyTypes is not set, that is ingress always, and egress
	// where there are rules for it (networking.k8s.io/v1, NetworkPolicySpec.policyTypes).
	Ingress, Egress bool
	// Allowed says what is let through wholly. It is empty for a direction that
	// the policy is not about.
	AllowedIngress, AllowedEgress Allowance
	// Metadata are the paths of egress peers, or of rules without any, that let
	// through to the address and port at which cloud providers serve the metadata
	// of a machine. Rules that let through everything are not among them.
	Metadata []string
	Problems []Problem
}

// MetadataAddress is where the large cloud providers serve the metadata of a machine.
const MetadataAddress = "169.254.169.254"

// ProblemsBelow are those in fields with one of these paths, or below.
func (p *Policy) ProblemsBelow(paths ...string) []Problem {
	return slices.DeleteFunc(slices.Clone(p.Problems), func(one Problem) bool {
		return !slices.ContainsFunc(paths, func(path string) bool { return strings.HasPrefix(one.Field, path) })
	})
}

// About reports whether the policy isolates for a direction.
func (p *Policy) About(d Direction) bool {
	if d == Ingress {
		return p.Ingress
	}
	return p.Egress
}

// Allowed is what the policy lets through in a direction, whatever the port.
func (p *Policy) Allowed(d Direction) Allowance {
	if d == Ingress {
		return p.AllowedIngress
	}
	return p.AllowedEgress
}

// ReadPolicy reads a NetworkPolicy.
func ReadPolicy(p *networkingv1.NetworkPolicy) Policy {
	out := Policy{Ref: Ref{networkingv1.SchemeGroupVersion.String(), "NetworkPolicy", p.Namespace, p.Name}}
	out.Selector = out.selector(&p.Spec.PodSelector, "spec.podSelector")
	out.Ingress, out.Egress = directions(&p.Spec)
	for i, t := range p.Spec.PolicyTypes {
		if t != networkingv1.PolicyTypeIngress && t != networkingv1.PolicyTypeEgress {
			out.Problems = append(out.Problems, Problem{fmt.Sprintf("spec.policyTypes[%d]", i), string(t), "neither Ingress nor Egress"})
		}
	}
	ingress, egress := &reading{policy: &out}, &reading{policy: &out}
	for i := range p.Spec.Ingress {
		r := &p.Spec.Ingress[i]
		ingress.rule(fmt.Sprintf("spec.ingress[%d]", i), "from", r.From, r.Ports)
	}
	for i := range p.Spec.Egress {
		r := &p.Spec.Egress[i]
		egress.rule(fmt.Sprintf("spec.egress[%d]", i), "to", r.To, r.Ports)
	}
	if out.Ingress {
		out.AllowedIngress = ingress.allowance()
	}
	if out.Egress {
		out.AllowedEgress = egress.allowance()
		out.Metadata = egress.metadata
	}
	return out
}

// directions are those that a policy is about, with the API's default.
func directions(spec *networkingv1.NetworkPolicySpec) (ingress, egress bool) {
	if len(spec.PolicyTypes) == 0 {
		return true, len(spec.Egress) > 0
	}
	return slices.Contains(spec.PolicyTypes, networkingv1.PolicyTypeIngress),
		slices.Contains(spec.PolicyTypes, networkingv1.PolicyTypeEgress)
}

// selector compiles a selector, or notes why that can't be done.
func (p *Policy) selector(s *metav1.LabelSelector, path string) labels.Selector {
	compiled, err := metav1.LabelSelectorAsSelector(s)
	if err != nil {
		p.Problems = append(p.Problems, Problem{path, written(s), err.Error()})
		return nil
	}
	return compiled
}

// reading gathers what the rules of one direction let through.
type reading struct {
	policy   *Policy
	reach    Reach
	fields   []string
	metadata []string
	// blocks of all rules without ports: it may take several to be everything.
	blocks      []netip.Prefix
	blockFields []string
}

func (r *reading) rule(path, peersName string, peers []networkingv1.NetworkPolicyPeer, ports []networkingv1.NetworkPolicyPort) {
	anyPort := everyPort(ports)
	switch {
	case len(peers) > 0:
	case anyPort: // "matches all sources", says the API
		r.reach |= Everything
		r.fields = append(r.fields, path)
	case holdMetadataPort(ports): // and no address is left out
		r.metadata = append(r.metadata, path)
	}
	for i := range peers {
		peer := &peers[i]
		at := fmt.Sprintf("%s.%s[%d]", path, peersName, i)
		if peer.IPBlock != nil {
			r.block(peer.IPBlock, at+".ipBlock", ports)
			continue
		}
		r.pods(peer, at, anyPort)
	}
}

func (r *reading) pods(peer *networkingv1.NetworkPolicyPeer, path string, anyPort bool) {
	if peer.NamespaceSelector == nil && peer.PodSelector == nil {
		// No server keeps it; a plugin may take it for anything.
		r.policy.Problems = append(r.policy.Problems, Problem{path, "{}", "a peer needs a podSelector, a namespaceSelector or an ipBlock"})
		return
	}
	all := anyPort && peer.NamespaceSelector != nil // else it is the policy's own namespace
	if peer.NamespaceSelector != nil {
		s := r.policy.selector(peer.NamespaceSelector, path+".namespaceSelector")
		all = all && s != nil && everyNamespace(s)
	}
	if peer.PodSelector != nil {
		s := r.policy.selector(peer.PodSelector, path+".podSelector")
		all = all && s != nil && s.Empty()
	}
	if all {
		r.reach |= Pods
		r.fields = append(r.fields, path)
	}
}

// everyNamespace: the selector asks for nothing, or for the one label that every
// namespace has.
func everyNamespace(s labels.Selector) bool {
	requirements, selectable := s.Requirements()
	return selectable && !slices.ContainsFunc(requirements, func(r labels.Requirement) bool {
		return r.Key() != metadataName || r.Operator() != selection.Exists
	})
}

func (r *reading) block(b *networkingv1.IPBlock, path string, ports []networkingv1.NetworkPolicyPort) {
	prefix, err := netip.ParsePrefix(b.CIDR)
	if err != nil {
		r.policy.Problems = append(r.policy.Problems, Problem{path + ".cidr", b.CIDR, "not an IP address range such as 10.0.0.0/8"})
		return
	}
	metadata := netip.MustParseAddr(MetadataAddress)
	reaches := prefix.Contains(metadata) && holdMetadataPort(ports)
	for i, e := range b.Except {
		except, err := netip.ParsePrefix(e)
		if err != nil {
			r.policy.Problems = append(r.policy.Problems, Problem{fmt.Sprintf("%s.except[%d]", path, i), e, "not an IP address range such as 10.0.0.0/8"})
			return
		}
		reaches = reaches && !except.Contains(metadata)
	}
	if reaches {
		r.metadata = append(r.metadata, path)
	}
	if everyPort(ports) && len(b.Except) == 0 {
		r.blocks = append(r.blocks, prefix)
		r.blockFields = append(r.blockFields, path)
	}
}

// everyPort reports whether ports leave out none of TCP's: there are none, or one
// names no number, or a range is of all of them. What UDP and SCTP may do besides
// is not asked: who has every port of TCP has what is worth having.
func everyPort(ports []networkingv1.NetworkPolicyPort) bool {
	const last = 65535
	return len(ports) == 0 || slices.ContainsFunc(ports, func(p networkingv1.NetworkPolicyPort) bool {
		switch {
		case p.Protocol != nil && *p.Protocol != corev1.ProtocolTCP:
			return false
		case p.Port == nil:
			return true
		}
		return p.Port.Type == intstr.Int && p.Port.IntVal == 1 && p.EndPort != nil && *p.EndPort == last
	})
}

// metadataPort is where that address answers.
const metadataPort = 80

// holdMetadataPort reports whether ports let TCP port 80 through. A port by name
// is one of a pod's, which an address outside of the cluster does not have.
func holdMetadataPort(ports []networkingv1.NetworkPolicyPort) bool {
	return len(ports) == 0 || slices.ContainsFunc(ports, func(p networkingv1.NetworkPolicyPort) bool {
		switch {
		case p.Protocol != nil && *p.Protocol != corev1.ProtocolTCP:
			return false
		case p.Port == nil:
			return true
		case p.Port.Type != intstr.Int:
			return false
		case p.EndPort != nil:
			return p.Port.IntVal <= metadataPort && metadataPort <= *p.EndPort
		}
		return p.Port.IntVal == metadataPort
	})
}

// allowance adds up. That ip blocks hold pods as well is not said by the API:
// they are meant for addresses outside of the cluster.
func (r *reading) allowance() Allowance {
	if outside := families(r.blocks) & Outside; outside != 0 {
		r.reach |= outside
		r.fields = append(r.fields, r.blockFields...)
	}
	return Allowance{Reach: r.reach, Fields: r.fields}
}
