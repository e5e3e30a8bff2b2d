package network

import (
	"fmt"
	"net/netip"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// The fields of sigs.k8s.io/network-policy-api: v1alpha2 and v1beta1 of
// ClusterNetworkPolicy, v1alpha1 of AdminNetworkPolicy and
// BaselineAdminNetworkPolicy. An object with any other field was written for
// another version, and is not understood.
type policySpec struct {
	Tier     string       `json:"tier"`
	Priority int64        `json:"priority"`
	Subject  subjectSpec  `json:"subject"`
	Ingress  []policyRule `json:"ingress"`
	Egress   []policyRule `json:"egress"`
}

type subjectSpec struct {
	Namespaces *metav1.LabelSelector `json:"namespaces"`
	Pods       *podsSpec             `json:"pods"`
}

type podsSpec struct {
	NamespaceSelector metav1.LabelSelector `json:"namespaceSelector"`
	PodSelector       metav1.LabelSelector `json:"podSelector"`
}

type policyRule struct {
	Name   string     `json:"name"`
	Action string     `json:"action"`
	From   []peerSpec `json:"from"`
	To     []peerSpec `json:"to"`
	// Protocols (ClusterNetworkPolicy) and Ports say which traffic; without them it is all.
	Protocols []protocolSpec `json:"protocols"`
	Ports     []portSpec     `json:"ports"`
}

type peerSpec struct {
	Namespaces  *metav1.LabelSelector `json:"namespaces"`
	Pods        *podsSpec             `json:"pods"`
	Nodes       *metav1.LabelSelector `json:"nodes"`
	Networks    []string              `json:"networks"`
	DomainNames []string              `json:"domainNames"`
}

type protocolSpec struct {
	TCP                  map[string]any `json:"tcp"`
	UDP                  map[string]any `json:"udp"`
	SCTP                 map[string]any `json:"sctp"`
	DestinationNamedPort string         `json:"destinationNamedPort"`
}

type portSpec struct {
	PortNumber map[string]any      `json:"portNumber"`
	PortRange  map[string]any      `json:"portRange"`
	NamedPort  *intstr.IntOrString `json:"namedPort"`
}

func readClusterPolicy(u *unstructured.Unstructured, ref Ref, s standing) (*clusterPolicy, []Problem) {
	p := &clusterPolicy{Ref: ref}
	if s == afterPolicies {
		p.tier = baselineTier
	}
	raw, _ := u.Object["spec"].(map[string]any)
	var spec policySpec
	err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(raw, &spec, true)
	if raw == nil || err != nil {
		p.unclear = "its spec is not that of a version that is known"
		if raw == nil {
			err = fmt.Errorf("there is no spec")
		}
		return p, []Problem{{"spec", "", err.Error()}}
	}
	switch {
	case s != byTier:
	case spec.Tier == "Baseline":
		p.tier = baselineTier
	case spec.Tier != "Admin":
		p.unclear = "its tier is neither Admin nor Baseline"
		return p, []Problem{{"spec.tier", spec.Tier, p.unclear}}
	}
	p.priority = spec.Priority
	var problems []Problem
	p.subject(&spec.Subject, &problems)
	p.ingress = readRules(spec.Ingress, Ingress, &problems)
	p.egress = readRules(spec.Egress, Egress, &problems)
	return p, problems
}

func (p *clusterPolicy) subject(s *subjectSpec, problems *[]Problem) {
	namespaces, pods := s.Namespaces, &metav1.LabelSelector{}
	at := "spec.subject.namespaces"
	switch {
	case s.Namespaces != nil && s.Pods == nil:
	case s.Pods != nil && s.Namespaces == nil:
		namespaces, pods = &s.Pods.NamespaceSelector, &s.Pods.PodSelector
		at = "spec.subject.pods.namespaceSelector"
	default:
		p.unclear = "its subject needs one of namespaces and pods"
		*problems = append(*problems, Problem{"spec.subject", "", p.unclear})
		return
	}
	p.namespaces = compile(namespaces, at, problems)
	p.pods = compile(pods, "spec.subject.pods.podSelector", problems)
	if p.namespaces == nil || p.pods == nil {
		p.unclear = "its subject has a selector that does not parse"
	}
}

func readRules(rules []policyRule, d Direction, problems *[]Problem) []clusterRule {
	var out []clusterRule
	for i := range rules {
		r := &rules[i]
		path, peers := fmt.Sprintf("spec.ingress[%d].from", i), r.From
		if d == Egress {
			path, peers = fmt.Sprintf("spec.egress[%d].to", i), r.To
		}
		if len(r.Protocols)+len(r.Ports) > 0 {
			continue
		}
		rule := clusterRule{action: actions[r.Action], index: i}
		if rule.action == 0 {
			*problems = append(*problems, Problem{fmt.Sprintf("spec.%s[%d].action", directionField(d), i), r.Action, "not an action that is known"})
			rule.unclear = true
		}
		rule.peers(peers, path, problems)
		if rule.reach != 0 || rule.unclear {
			out = append(out, rule)
		}
	}
	return out
}

func directionField(d Direction) string {
	if d == Ingress {
		return "ingress"
	}
	return "egress"
}

// actions by name: ClusterNetworkPolicy says Accept where the older kinds say Allow.
var actions = map[string]action{"Accept": accept, "Allow": accept, "Deny": deny, "Pass": pass}

// peers adds up whom a rule matches. One that matches no unlabelled pod is an
// exception from the default, whatever its action.
func (r *clusterRule) peers(peers []peerSpec, path string, problems *[]Problem) {
	var blocks []netip.Prefix
	for i := range peers {
		p := &peers[i]
		at := fmt.Sprintf("%s[%d]", path, i)
		switch {
		case p.Namespaces != nil:
			r.pods(p.Namespaces, &metav1.LabelSelector{}, at+".namespaces", problems)
		case p.Pods != nil:
			r.pods(&p.Pods.NamespaceSelector, &p.Pods.PodSelector, at+".pods", problems)
		case len(p.Networks) > 0:
			for j, n := range p.Networks {
				prefix, err := netip.ParsePrefix(n)
				if err != nil {
					*problems = append(*problems, Problem{fmt.Sprintf("%s.networks[%d]", at, j), n, "not an IP address range such as 10.0.0.0/8"})
					r.unclear = true
				}
				blocks = append(blocks, prefix)
			}
		case p.Nodes != nil, len(p.DomainNames) > 0: // single hosts
		default:
			*problems = append(*problems, Problem{at, "{}", "a peer that names nobody, or in a way that is not known"})
			r.unclear = true
		}
	}
	if !r.unclear {
		r.reach |= families(blocks) // "0.0.0.0/0" holds the pods as well, says the API
	}
}

func (r *clusterRule) pods(namespaces, pods *metav1.LabelSelector, path string, problems *[]Problem) {
	n, p := compile(namespaces, path, problems), compile(pods, path+".podSelector", problems)
	if n == nil || p == nil {
		r.unclear = true
	} else if byDefault(n) && byDefault(p) {
		r.reach |= Pods
	}
}
