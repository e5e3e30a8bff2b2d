package cluster

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/index"
)

// defaultNamespace fails where something runs in the default namespace.
func defaultNamespace() *check.Check {
	const id = "default-namespace-used"
	return &check.Check{
		Rule: finding.Rule{
			ID:       id,
			Title:    "Default namespace in use",
			Severity: finding.Low,
			Description: "Pods run in the namespace default. Everything that names no namespace lands there, so that programs which have nothing to do with each other " +
				"share their rights, their Secrets, their network rules and their quotas. Whoever takes over one of them is a neighbour of all.",
			Check: "Fails where a pod, or an object that makes pods, is in the namespace default. " +
				"Objects in files that name no namespace don't count: where they go is said elsewhere. " +
				"Where only a part of the cluster was asked for, or in files, finding nothing is not-reviewed.",
			Fix: "Make a namespace for each program or team, and name it in every object:\n\n" +
				"    apiVersion: apps/v1\n    kind: Deployment\n    metadata:\n      name: cart\n      namespace: shop\n",
			References: references(id, "https://kubernetes.io/docs/concepts/overview/working-with-objects/namespaces/"),
		},
		Fields: []string{"metadata.namespace"},
		SurveyNamespace: func(n *index.Namespace, yield check.Yield) {
			if n.Name == metav1.NamespaceDefault {
				surveyUse(n, yield, finding.Low, "the default namespace")
			}
		},
	}
}

// systemNamespace fails where something runs in a namespace of Kubernetes' own
// that has no pods by itself.
func systemNamespace() *check.Check {
	const id = "system-namespace-used"
	return &check.Check{
		Rule: finding.Rule{
			ID:       id,
			Title:    "Namespace of Kubernetes itself in use",
			Severity: finding.Medium,
			Description: "Pods run in kube-public or kube-node-lease. Kubernetes keeps data there and runs nothing. Those namespaces are often left out of policies and of what people look at, " +
				"so they are a good place to hide, and kube-public may be read by everybody, without a login.",
			Check: "Fails where a pod, or an object that makes pods, is in kube-public or kube-node-lease. " +
				"In kube-system the cluster's own components run, and nothing tells for sure which pods are theirs: where pods run in it, that is not-reviewed. " +
				"Where only a part of the cluster was asked for, or in files, finding nothing is not-reviewed.",
			Fix: "Move it to a namespace of its own:\n\n" +
				"    apiVersion: apps/v1\n    kind: Deployment\n    metadata:\n      name: cart\n      namespace: shop\n",
			References: references(id, "https://kubernetes.io/docs/concepts/overview/working-with-objects/namespaces/#initial-namespaces"),
		},
		Fields: []string{"metadata.namespace"},
		SurveyNamespace: func(n *index.Namespace, yield check.Yield) {
			switch n.Name {
			case metav1.NamespacePublic, corev1.NamespaceNodeLease:
				surveyUse(n, yield, finding.Medium, n.Name)
			case metav1.NamespaceSystem:
				o, _ := n.Object()
				if len(n.Pods()) == 0 {
					surveyUse(n, yield, finding.Medium, n.Name)
					return
				}
				yield(o, say(finding.NotReviewed, finding.Medium,
					"Pods run in kube-system, and nothing tells for sure which of them are the cluster's own components. For people to judge.",
					declared("metadata.name", n.Name)))
			}
		},
	}
}

// surveyUse fails where something runs in a namespace.
func surveyUse(n *index.Namespace, yield check.Yield, severity finding.Severity, what string) {
	o, _ := n.Object()
	pods := n.Pods()
	reason, missing := n.Missing(podKind, n.Name)
	switch {
	case len(pods) > 0:
		var names []string
		var basis []finding.Basis
		for _, p := range pods {
			names = append(names, p.Name)
			if len(basis) < named {
				kind := "Pod"
				if p.Template {
					kind = p.Owner
				}
				basis = append(basis, finding.Basis{Evidence: finding.Declared, Field: "metadata.namespace", Value: n.Name, Object: kind + "/" + p.Name})
			}
		}
		yield(o, say(finding.Fail, severity, fmt.Sprintf("These run in %s: %s.", what, listed(names)), basis...))
	case missing:
		yield(o, say(finding.NotReviewed, severity, fmt.Sprintf("Nothing that was read runs in %s, but not all pods could be read. %s", what, check.Sentence(reason)), declared("metadata.name", n.Name)))
	case n.Live && !n.Partial:
		yield(o, say(finding.Pass, severity, fmt.Sprintf("Nothing runs in %s.", what), declared("metadata.name", n.Name)))
	default:
		yield(o, say(finding.NotReviewed, severity, fmt.Sprintf("Nothing that was read runs in %s, but not everything was read.", what), declared("metadata.name", n.Name)))
	}
}
