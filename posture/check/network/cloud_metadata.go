package network

import (
	"fmt"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/index"
	graph "github.com/kubeassay/assay/posture/network"
)

// cloudMetadata fails where a policy that holds back what pods send lets them
// talk to the machine's metadata service.
func cloudMetadata() *check.Check {
	const id = "cloud-metadata-reachable"
	return &check.Check{
		Rule: finding.Rule{
			ID:       id,
			Title:    "Policy that lets pods reach a cloud's metadata service",
			Severity: finding.Medium,
			Description: "The policy holds back what its pods send, but one of the address ranges that it lets through holds " + graph.MetadataAddress + ". " +
				"There the large cloud providers answer questions of their machines, and often give out the machine's own credentials to whoever asks. " +
				"A pod that is taken over can then act as its node.",
			Check: "Fails where a rule for egress has an ipBlock that contains " + graph.MetadataAddress + ", no exception that does, and no ports or TCP port 80 among them; or where it names port 80 and nobody to whom. " +
				"Where rules can't be read, which is network-policy-allows-all's to tell, it is not-reviewed. Passes for all other policies that have egress among their types, and is not applicable to those that have not. " +
				"Rules without any peer and port are network-policy-allows-all's, pods without such a policy pod-egress-not-isolated's. Whether the cluster runs in a cloud, and whether the service wants more than a plain request, is not known here.",
			Fix: "Leave the link-local addresses out:\n\n" +
				"    apiVersion: networking.k8s.io/v1\n    kind: NetworkPolicy\n    metadata:\n      name: internet\n      namespace: shop\n    spec:\n" +
				"      podSelector: {}\n      policyTypes: [Egress]\n      egress:\n      - to:\n        - ipBlock:\n            cidr: 0.0.0.0/0\n            except:\n            - 169.254.0.0/16\n",
			References: references(id, "https://kubernetes.io/docs/concepts/services-networking/network-policies/#behavior-of-to-and-from-selectors"),
		},
		Fields:      []string{"spec.policyTypes", "spec.egress[*].to[*].ipBlock.cidr", "spec.egress[*].to[*].ipBlock.except", "spec.egress[*].ports"},
		Kinds:       []schema.GroupKind{policyKind},
		JudgeObject: judgeMetadata,
	}
}

func judgeMetadata(o *index.Object, _ *index.Index) check.Verdict {
	p, ok := o.Object.(*networkingv1.NetworkPolicy)
	if !ok {
		return say(finding.NotApplicable, finding.Medium, "Not a NetworkPolicy that can be read.")
	}
	read := graph.ReadPolicy(p)
	name := declared("metadata.name", p.Name)
	switch {
	case !read.Egress:
		return say(finding.NotApplicable, finding.Medium, "The policy is not about what pods send.")
	case len(read.ProblemsBelow("spec.egress")) > 0:
		return say(finding.NotReviewed, finding.Medium, "The policy has rules that can't be read, which network-policy-allows-all tells of.", name)
	case len(read.Metadata) == 0:
		return say(finding.Pass, finding.Medium, "No rule of the policy singles out a way to "+graph.MetadataAddress+", port 80.", name)
	}
	var basis []finding.Basis
	for _, f := range read.Metadata {
		basis = append(basis, ruleBasis(p, f))
	}
	where := "it is in " + basis[0].Value + ", and no exception leaves it out"
	if basis[0].Value == check.Unset {
		where = "port 80 is open to every address"
	}
	return say(finding.Fail, finding.Medium, fmt.Sprintf("Lets pods reach %s, where clouds give out the node's credentials: %s.", graph.MetadataAddress, where), basis...)
}
