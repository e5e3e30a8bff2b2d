package network

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/index"
	graph "github.com/kubeassay/assay/posture/network"
)

// noNetworkPolicy fails where no policy at all is about the pods of a namespace.
func noNetworkPolicy() *check.Check {
	const id = "no-network-policy"
	return &check.Check{
		Rule: finding.Rule{
			ID:       id,
			Title:    "Namespace without a network policy",
			Severity: finding.Medium,
			Description: "No NetworkPolicy is in the namespace, so that every pod of the cluster can talk to every pod in it, on every port, " +
				"and its pods can talk to anybody. Whoever takes over one program anywhere in the cluster can try all of these next, and can carry data out.",
			Check: "Passes where the namespace has a NetworkPolicy, or where a ClusterNetworkPolicy, AdminNetworkPolicy or BaselineAdminNetworkPolicy denies traffic of its pods by default; " +
				"which pods these cover is another check's. Where the cluster has policies of a network plugin (Cilium, Calico, Antrea) that may be about the namespace, or where policies could not be read, " +
				"that is not-reviewed; so is a namespace in files, since the cluster may have a policy for it. A namespace in which nothing runs is low, and so is kube-system, whose pods mostly have their node's network or must be reached by everybody. " +
				"kube-public and kube-node-lease, in which nothing ever runs, are not applicable. " +
				"Whether the cluster's network plugin enforces policies can't be seen.",
			Fix: "Deny by default, and then let through what is needed:\n\n" +
				"    apiVersion: networking.k8s.io/v1\n    kind: NetworkPolicy\n    metadata:\n      name: default-deny\n      namespace: shop\n    spec:\n" +
				"      podSelector: {}\n      policyTypes: [Ingress, Egress]\n",
			References: references(id, "https://kubernetes.io/docs/concepts/services-networking/network-policies/"),
		},
		Fields: []string{"metadata.name", "metadata.labels", "NetworkPolicy spec.podSelector", "ClusterNetworkPolicy spec.subject", "ClusterNetworkPolicy spec.ingress", "ClusterNetworkPolicy spec.egress"},
		Kinds:  isolationKinds(), KnowsGaps: true,
		SurveyNamespace: func(n *index.Namespace, yield check.Yield) {
			if n.Name == "" {
				return // in files: where these objects go is not known
			}
			o, _ := n.Object()
			yield(o, surveyPolicies(n, o))
		},
	}
}

func surveyPolicies(n *index.Namespace, o *index.Object) check.Verdict {
	s := spaceOf(n)
	basis := declared("metadata.name", n.Name)
	if o.GetDeletionTimestamp() != nil {
		return say(finding.NotApplicable, finding.Medium, "The namespace is being deleted.", basis)
	}
	if count := s.Policies(); count == 1 {
		return say(finding.Pass, finding.Medium, "The namespace has a NetworkPolicy.", basis)
	} else if count > 1 {
		return say(finding.Pass, finding.Medium, fmt.Sprintf("The namespace has %d NetworkPolicies.", count), basis)
	}
	if s.Governed() {
		return say(finding.Pass, finding.Medium, "The namespace has no NetworkPolicy, but a policy of the whole cluster denies traffic of its pods by default.", basis)
	}
	if why := uncertain(s); len(why) > 0 {
		return say(finding.NotReviewed, finding.Medium, "The namespace has no NetworkPolicy that is known, but something else may hold its traffic back. "+doubts(why), basis)
	}
	if !n.Live {
		return say(finding.NotReviewed, finding.Medium, "No NetworkPolicy for this namespace is in the files; the cluster may have one.", basis)
	}
	empty := len(n.Pods()) == 0 && partial(n) == ""
	switch {
	case empty && (n.Name == metav1.NamespacePublic || n.Name == corev1.NamespaceNodeLease):
		return say(finding.NotApplicable, finding.Medium, "Kubernetes keeps data in "+n.Name+", and nothing runs in it.", basis)
	case empty:
		return say(finding.Fail, finding.Low, "The namespace has no NetworkPolicy. Nothing runs in it now; what will is open to every pod of the cluster.", basis)
	case n.Name == metav1.NamespaceSystem:
		return say(finding.Fail, finding.Low, "The namespace has no NetworkPolicy: every pod of the cluster can reach the pods in it. "+
			"It is ranked low because most of those have their node's network, which no policy holds, or must be reached by everybody, as DNS.", basis)
	}
	return say(finding.Fail, finding.Medium, "The namespace has no NetworkPolicy: every pod of the cluster can reach the pods in it, and they can reach everything.", basis)
}

// uncertain is why it is not known whether traffic of the namespace is held
// back; nil where it is open in some direction.
func uncertain(s *graph.Space) []graph.Doubt {
	in, out := s.Default(graph.Ingress), s.Default(graph.Egress)
	all := in.Doubts
	for _, d := range out.Doubts {
		if !slices.Contains(all, d) {
			all = append(all, d)
		}
	}
	return all
}
