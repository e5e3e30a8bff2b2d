package network

import (
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/index"
	graph "github.com/kubeassay/assay/posture/network"
)

// clusterPolicyAllowsAll fails where a policy for the whole cluster decides
// before all NetworkPolicies that everybody may come, or go anywhere.
func clusterPolicyAllowsAll() *check.Check {
	const id = "cluster-network-policy-allows-all"
	return &check.Check{
		Rule: finding.Rule{
			ID:       id,
			Title:    "Policy of the whole cluster that lets everything through",
			Severity: finding.Medium,
			Description: "A ClusterNetworkPolicy of the tier Admin, or an AdminNetworkPolicy, accepts traffic of every pod before any NetworkPolicy is asked. " +
				"NetworkPolicies that deny by default have no effect for the pods that it selects.",
			Check: "Goes through the rules in order. Fails where one accepts traffic with all namespaces, or with all addresses, whatever the port, that no rule before it denies or passes on. " +
				"Policies of the tier Baseline and BaselineAdminNetworkPolicies come after NetworkPolicies and pass. Fields that can't be read are an error. " +
				"Policies of the same kind with a lower priority number, which may decide first, are not looked at.",
			Fix: "Pass the traffic on to the NetworkPolicies instead of accepting it:\n\n" +
				"    apiVersion: policy.networking.k8s.io/v1alpha2\n    kind: ClusterNetworkPolicy\n    metadata:\n      name: monitoring\n    spec:\n" +
				"      tier: Admin\n      priority: 10\n      subject:\n        namespaces: {}\n      ingress:\n      - action: Pass\n        from:\n        - namespaces: {}\n",
			References: references(id, "https://network-policy-api.sigs.k8s.io/"),
		},
		Fields:      []string{"spec.tier", "spec.subject", "spec.ingress[*].action", "spec.ingress[*].from", "spec.ingress[*].ports", "spec.ingress[*].protocols", "spec.egress[*].action", "spec.egress[*].to", "spec.egress[*].ports", "spec.egress[*].protocols"},
		Kinds:       clusterPolicyKinds(),
		JudgeObject: judgeClusterPolicy,
	}
}

func judgeClusterPolicy(o *index.Object, _ *index.Index) check.Verdict {
	u, ok := o.Object.(*unstructured.Unstructured)
	if !ok {
		return say(finding.NotApplicable, finding.Medium, "Not a policy that can be read.")
	}
	p, ok := graph.ReadClusterPolicy(u)
	if !ok {
		return say(finding.NotApplicable, finding.Medium, "Not a policy that can be read.")
	}
	name := declared("metadata.name", u.GetName())
	if len(p.Problems) > 0 {
		return broken(finding.Medium, p.Problems, "What the policy does to traffic is not known.", name)
	}
	if !p.BeforePolicies {
		return say(finding.Pass, finding.Medium, "The policy comes after all NetworkPolicies, and can't overrule one.", name)
	}
	var said []string
	var basis []finding.Basis
	for _, a := range []struct {
		what string
		graph.Allowance
	}{{"Accepts what comes from ", p.AcceptedIngress}, {"Accepts what goes to ", p.AcceptedEgress}} {
		if a.Reach == 0 {
			continue
		}
		said = append(said, a.what+a.Reach.String()+", on every port, before any NetworkPolicy is asked.")
		for _, f := range a.Fields {
			action := "Accept"
			if u.GetKind() != "ClusterNetworkPolicy" {
				action = "Allow"
			}
			basis = append(basis, declared(f+".action", action))
		}
	}
	if len(said) == 0 {
		return say(finding.Pass, finding.Medium, "No rule accepts traffic of everybody on every port.", name)
	}
	return say(finding.Fail, finding.Medium, strings.Join(said, " "), basis...)
}
