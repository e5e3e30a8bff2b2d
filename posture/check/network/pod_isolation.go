package network

import (
	"strings"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
	graph "github.com/kubeassay/assay/posture/network"
)

// podIngress fails where no policy holds back what comes to a pod, although
// policies are about others of its namespace.
func podIngress() *check.Check {
	const id = "pod-ingress-not-isolated"
	return &check.Check{
		Rule: finding.Rule{
			ID:       id,
			Title:    "Pod that any other may reach",
			Severity: finding.Medium,
			Description: "The namespace has network policies, but none of them is about traffic to this pod. It was left out, often by a label that is missing or misspelt, " +
				"and every pod of the cluster can reach it on every port.",
			Check: isolationCheck("comes to the pod", "Ingress, or that has no policyTypes") +
				" A policy of the whole cluster that denies all pods counts, although what comes from outside of the cluster is not held back by it.",
			Fix: "Select all pods of the namespace by a policy that denies by default:\n\n" +
				"    apiVersion: networking.k8s.io/v1\n    kind: NetworkPolicy\n    metadata:\n      name: default-deny-ingress\n      namespace: shop\n    spec:\n" +
				"      podSelector: {}\n      policyTypes: [Ingress]\n",
			References: references(id, "https://kubernetes.io/docs/concepts/services-networking/network-policies/#default-deny-all-ingress-traffic"),
		},
		Fields: isolationFields(), Kinds: isolationKinds(), KnowsGaps: true,
		Join: func(j *check.Joint) check.Verdict { return joinIsolation(j, graph.Ingress, finding.Medium) },
	}
}

// podEgress is the same for what a pod sends.
func podEgress() *check.Check {
	const id = "pod-egress-not-isolated"
	return &check.Check{
		Rule: finding.Rule{
			ID:       id,
			Title:    "Pod that may reach anything",
			Severity: finding.Low,
			Description: "The namespace has network policies, but none of them is about traffic from this pod. It can connect to every pod of the cluster, to the nodes, to a cloud's metadata service " +
				"and to the internet. Whoever takes it over can fetch tools, carry data out and go on from there.",
			Check: isolationCheck("the pod sends", "Egress, or that has egress rules and no policyTypes") +
				" A policy of the whole cluster that denies pods alone is not enough: the way out is open.",
			Fix: "Deny by default, and let through DNS and what the program needs:\n\n" +
				"    apiVersion: networking.k8s.io/v1\n    kind: NetworkPolicy\n    metadata:\n      name: default-deny-egress\n      namespace: shop\n    spec:\n" +
				"      podSelector: {}\n      policyTypes: [Egress]\n      egress:\n      - to:\n        - namespaceSelector:\n            matchLabels:\n              kubernetes.io/metadata.name: kube-system\n" +
				"        ports:\n        - {protocol: UDP, port: 53}\n        - {protocol: TCP, port: 53}\n",
			References: references(id, "https://kubernetes.io/docs/concepts/services-networking/network-policies/#default-deny-all-egress-traffic"),
		},
		Fields: isolationFields(), Kinds: isolationKinds(), KnowsGaps: true,
		Join: func(j *check.Joint) check.Verdict { return joinIsolation(j, graph.Egress, finding.Low) },
	}
}

func isolationCheck(traffic, types string) string {
	return "What " + traffic + " is held back by default where a NetworkPolicy of the namespace selects it whose policyTypes have " + types + ". " +
		"Selectors are evaluated as Kubernetes does. ClusterNetworkPolicy, AdminNetworkPolicy and BaselineAdminNetworkPolicy count where they deny by default; " +
		"where one of them lets everybody through before any NetworkPolicy is asked, that is said about it (cluster-network-policy-allows-all). " +
		"Not applicable to pods with their node's network, with which policies do what they like, and in namespaces without any policy, which is said once about the namespace. " +
		"Policies of network plugins, selectors that don't parse and what could not be read make it not-reviewed, and so do files, where the cluster may have more policies."
}

func isolationFields() []string {
	return []string{
		"metadata.labels", "spec.hostNetwork", "NetworkPolicy spec.podSelector", "NetworkPolicy spec.policyTypes", "NetworkPolicy spec.egress",
		"ClusterNetworkPolicy spec.tier", "ClusterNetworkPolicy spec.priority", "ClusterNetworkPolicy spec.subject", "ClusterNetworkPolicy spec.ingress", "ClusterNetworkPolicy spec.egress",
	}
}

func joinIsolation(j *check.Joint, d graph.Direction, severity finding.Severity) check.Verdict {
	basis := []finding.Basis{declared(strings.TrimSuffix(j.SpecPath, "spec")+"metadata.labels", check.OrUnset(labels.FormatLabels(j.Labels)))}
	if len(j.Labels) == 0 {
		basis[0].Value = check.Unset
	}
	if j.HostNetwork {
		return say(finding.NotApplicable, severity, "The pod has its node's network, and what policies do with such a pod is not defined.", declared(j.SpecPath+".hostNetwork", "true"))
	}
	s := spaceOf(j.Namespace)
	if !s.Governed() && len(uncertain(s)) == 0 {
		if !j.Live {
			return say(finding.NotReviewed, severity, "No policy about the network of this namespace is in the files; the cluster may have one.", basis...)
		}
		return say(finding.NotApplicable, severity, "No policy is about the namespace at all, which is said about the namespace.", basis...)
	}
	i := s.Isolation(podOf(j.Pod), d)
	for n, ref := range i.By {
		if n == named {
			break
		}
		basis = append(basis, finding.Basis{Evidence: finding.Declared, Field: "metadata.name", Value: ref.Name, Object: ref.String()})
	}
	v := say(finding.Pass, severity, "", basis...)
	v.Status, v.Severity, v.Message = isolated(&i, d, severity)
	if v.Status == finding.Fail && !j.Live {
		v.Status = finding.NotReviewed
		v.Message = "No policy in the files selects the pod for this direction; the cluster may have one."
	}
	return v
}

// isolated puts an answer into words.
func isolated(i *graph.Isolation, d graph.Direction, severity finding.Severity) (finding.Status, finding.Severity, string) {
	to := map[graph.Direction]string{graph.Ingress: "to", graph.Egress: "from"}[d]
	switch i.State {
	case graph.Isolated:
		return finding.Pass, severity, "Traffic " + to + " the pod is held back by default, by " + byNames(i.By) + "."
	case graph.Unknown:
		return finding.NotReviewed, severity, "Whether traffic " + to + " the pod is held back is not known. " + doubts(i.Doubts)
	case graph.Partly:
		if d == graph.Ingress && i.Denied.Has(graph.Pods) {
			return finding.Pass, severity, "What other pods send to the pod is held back by default, by " + byNames(i.By) + ". What comes from outside of the cluster is not."
		}
		if d == graph.Egress && i.Denied.Has(graph.Outside) {
			return finding.Pass, severity, "What the pod sends out of the cluster is held back by default, by " + byNames(i.By) + ". What it sends to other pods is not."
		}
	}
	switch {
	case i.Accepted != 0:
		peers := map[graph.Direction]string{graph.Ingress: " from ", graph.Egress: " to "}[d] + i.Accepted.String()
		return finding.NotApplicable, severity, "Traffic " + to + " the pod" + peers + " is let through before any NetworkPolicy is asked, by " + byNames(i.AcceptedBy) + ". That is said about the policy."
	case d == graph.Ingress:
		return finding.Fail, severity, "No policy is about traffic to the pod: every pod of the cluster can reach it."
	case i.Denied != 0:
		return finding.Fail, severity, "What the pod sends out of the cluster is not held back: pods alone are, by " + byNames(i.By) + "."
	default:
		return finding.Fail, severity, "No policy is about traffic from the pod: it can reach everything."
	}
}
