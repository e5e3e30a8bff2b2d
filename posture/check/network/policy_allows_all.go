package network

import (
	"fmt"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/index"
	graph "github.com/kubeassay/assay/posture/network"
)

// policyAllowsAll fails where a NetworkPolicy lets everything through.
func policyAllowsAll() *check.Check {
	const id = "network-policy-allows-all"
	return &check.Check{
		Rule: finding.Rule{
			ID:       id,
			Title:    "Network policy that lets everything through",
			Severity: finding.Medium,
			Description: "A rule of the policy names no peers and no ports, or peers that together are everybody. What policies allow adds up, so this one undoes every other that selects the same pods: " +
				"they look protected and are open.",
			Check: "A rule without from (or to) and without ports lets through everything (medium). So do rules without ports that have an empty namespaceSelector together with all addresses of IPv4 or IPv6 as ipBlock. " +
				"An empty namespaceSelector alone lets in every pod of the cluster, and an ipBlock of all addresses everybody outside of it (both low). " +
				"Rules with ports, and exceptions, are no failure, but for ports that are all of TCP. What a policy lets out to all addresses is cloud-metadata-reachable's. Fields that can't be read are an error, but for podSelector, which is network-policy-selects-nothing's.",
			Fix: "Name who may come, and on which port:\n\n" +
				"    apiVersion: networking.k8s.io/v1\n    kind: NetworkPolicy\n    metadata:\n      name: cart\n      namespace: shop\n    spec:\n" +
				"      podSelector:\n        matchLabels:\n          app.kubernetes.io/name: cart\n      policyTypes: [Ingress]\n      ingress:\n" +
				"      - from:\n        - podSelector:\n            matchLabels:\n              app.kubernetes.io/name: web\n        ports:\n        - port: 8080\n",
			References: references(id, "https://kubernetes.io/docs/concepts/services-networking/network-policies/#allow-all-ingress-traffic"),
		},
		Fields:      []string{"spec.policyTypes", "spec.ingress[*].from", "spec.ingress[*].ports", "spec.egress[*].to", "spec.egress[*].ports"},
		Kinds:       []schema.GroupKind{policyKind},
		JudgeObject: judgeAllowsAll,
	}
}

func judgeAllowsAll(o *index.Object, _ *index.Index) check.Verdict {
	p, ok := o.Object.(*networkingv1.NetworkPolicy)
	if !ok {
		return say(finding.NotApplicable, finding.Medium, "Not a NetworkPolicy that can be read.")
	}
	read := graph.ReadPolicy(p)
	if problems := read.ProblemsBelow("spec.policyTypes", "spec.ingress", "spec.egress"); len(problems) > 0 {
		return broken(finding.Medium, problems, refused, declared("metadata.name", p.Name))
	}
	v := say(finding.Pass, finding.Medium, "No rule lets everybody through on every port.", declared("metadata.name", p.Name))
	var said []string
	var basis []finding.Basis
	severity := finding.Low
	for _, d := range []graph.Direction{graph.Ingress, graph.Egress} {
		allowed := read.Allowed(d)
		if d == graph.Egress && !allowed.Reach.Has(graph.Pods) {
			continue // see cloudMetadata
		}
		if allowed.Reach == 0 {
			continue
		}
		if allowed.Reach.Has(graph.Pods) && allowed.Reach&graph.Outside != 0 {
			severity = finding.Medium
		}
		said = append(said, map[graph.Direction]string{graph.Ingress: "Lets in ", graph.Egress: "Lets out to "}[d]+allowed.Reach.String()+", on every port.")
		for _, f := range allowed.Fields {
			basis = append(basis, ruleBasis(p, f))
		}
	}
	if len(said) == 0 {
		return v
	}
	return say(finding.Fail, severity, strings.Join(said, " "), basis...)
}

// ruleBasis says what stands where a rule opens: a CIDR, or a selector that is
// empty, or nothing at all.
func ruleBasis(p *networkingv1.NetworkPolicy, field string) finding.Basis {
	for i := range p.Spec.Ingress {
		if b, ok := peerBasis(p.Spec.Ingress[i].From, fmt.Sprintf("spec.ingress[%d].from", i), field); ok {
			return b
		}
	}
	for i := range p.Spec.Egress {
		if b, ok := peerBasis(p.Spec.Egress[i].To, fmt.Sprintf("spec.egress[%d].to", i), field); ok {
			return b
		}
	}
	if strings.HasPrefix(field, "spec.ingress") {
		return declared(field+".from", check.Unset)
	}
	return declared(field+".to", check.Unset)
}

func peerBasis(peers []networkingv1.NetworkPolicyPeer, path, field string) (finding.Basis, bool) {
	for i := range peers {
		switch at := fmt.Sprintf("%s[%d]", path, i); field {
		case at + ".ipBlock":
			return declared(at+".ipBlock.cidr", peers[i].IPBlock.CIDR), true
		case at:
			return declared(at+".namespaceSelector.matchLabels", check.Unset), true
		}
	}
	return finding.Basis{}, false
}
