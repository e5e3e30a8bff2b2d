package network

import (
	"fmt"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/internal/excerpt"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/index"
)

// policySelectsNothing fails where a NetworkPolicy is about no pod.
func policySelectsNothing() *check.Check {
	const id = "network-policy-selects-nothing"
	return &check.Check{
		Rule: finding.Rule{
			ID:          id,
			Title:       "Network policy that selects no pod",
			Severity:    finding.Low,
			Description: "The policy's podSelector matches no pod of its namespace. Often a label was renamed or misspelt: people believe that the pods are protected, and they are not.",
			Check: "The podSelector is evaluated against the labels of all pods of the namespace and of everything that makes pods (Deployments, CronJobs and so on, also those that want no pods now). " +
				"Pods with their node's network don't count: policies are not about them. A podSelector that is empty passes, it is for whatever comes. " +
				"One that does not parse is an error. Not-reviewed where only a part of the pods was read, and in files.",
			Fix: "Name the labels that the pods have (kubectl get pods --show-labels), or delete the policy:\n\n" +
				"    apiVersion: networking.k8s.io/v1\n    kind: NetworkPolicy\n    metadata:\n      name: cart\n      namespace: shop\n    spec:\n" +
				"      podSelector:\n        matchLabels:\n          app.kubernetes.io/name: cart\n      policyTypes: [Ingress]\n",
			References: references(id, "https://kubernetes.io/docs/concepts/services-networking/network-policies/#networkpolicy-resource"),
		},
		Fields: []string{"spec.podSelector", "metadata.labels of pods and templates", "spec.hostNetwork of pods and templates"},
		Kinds:  []schema.GroupKind{policyKind},
		SurveyNamespace: func(n *index.Namespace, yield check.Yield) {
			for _, o := range n.Objects(policyKind) {
				if p, ok := o.Object.(*networkingv1.NetworkPolicy); ok {
					yield(o, surveySelector(n, p))
				}
			}
		},
	}
}

func surveySelector(n *index.Namespace, p *networkingv1.NetworkPolicy) check.Verdict {
	s := spaceOf(n)
	read := s.Policy(p.Name) // of two with one name, the later one
	basis := declared("spec.podSelector", metav1.FormatLabelSelector(&p.Spec.PodSelector))
	if problems := read.ProblemsBelow(basis.Field); len(problems) > 0 {
		basis.Value = excerpt.Of(problems[0].Value, shown)
		return broken(finding.Low, problems, refused, basis)
	}
	if read.Selector.Empty() {
		basis.Value = "{}"
		return say(finding.Pass, finding.Low, "The policy is for every pod of the namespace.", basis)
	}
	switch count := s.Selected(p.Name); {
	case count > 0:
		return say(finding.Pass, finding.Low, "The policy selects pods.", basis)
	case partial(n) != "":
		return say(finding.NotReviewed, finding.Low, "The policy selects nothing of what was read. "+partial(n), basis)
	}
	return say(finding.Fail, finding.Low, fmt.Sprintf("The policy selects no pod: nothing in the namespace that it could be about has labels that match %s.", basis.Value), basis)
}
