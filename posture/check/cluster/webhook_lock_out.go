package cluster

import (
	"fmt"
	"maps"
	"slices"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/index"
)

// webhookLockOut fails where a webhook that does not answer keeps its own pods
// from starting, or those of the cluster.
func webhookLockOut() *check.Check {
	const id = "webhook-blocks-own-namespace"
	by := newConditions()
	return &check.Check{
		Rule: finding.Rule{
			ID:       id,
			Title:    "Admission webhook that can lock out itself or the cluster",
			Severity: finding.Medium,
			Description: "The webhook must agree to every new pod of its own namespace, or of kube-system, and pods are refused while it does not answer. Once none of its own pods runs, " +
				"none can be started to answer: nothing new runs until somebody takes the configuration away. In kube-system that also holds for DNS and the network. " +
				"People in such a hurry switch policies off altogether, and whoever can crash the webhook can bring the cluster to that point.",
			Check: "Looks at webhooks with failurePolicy Fail (or none) that are asked when a pod is created. Their namespaceSelector is matched with the labels of the namespace of their Service " +
				"(medium) and with those of kube-system (low). Match conditions are followed as far as they go by the operation, the resource and the namespace. What an objectSelector and other conditions leave out is not known here, so such a webhook is not-reviewed. " +
				"In files a namespace that is not there has at least the label kubernetes.io/metadata.name; where the selector asks for others too, that is not-reviewed.",
			Fix: "Leave out the webhook's own namespace and kube-system:\n\n" +
				"    apiVersion: admissionregistration.k8s.io/v1\n    kind: ValidatingWebhookConfiguration\n    metadata:\n      name: policy\n    webhooks:\n" +
				"    - name: pods.policy.example\n      namespaceSelector:\n        matchExpressions:\n" +
				"        - key: kubernetes.io/metadata.name\n          operator: NotIn\n          values: [policy-system, kube-system]\n",
			References: references(id, webhookGoodPage),
		},
		Fields: []string{
			"webhooks[*].failurePolicy", "webhooks[*].rules", "webhooks[*].namespaceSelector", "webhooks[*].objectSelector",
			"webhooks[*].matchConditions", "webhooks[*].clientConfig.service.namespace", "metadata.labels",
		},
		Kinds: webhookKinds(namespaceKind),
		SurveyCluster: func(x *index.Index, yield check.Yield) {
			for _, o := range slices.Concat(everyOf(x, validatingKind), everyOf(x, mutatingKind)) {
				yield(o, eachHook(o, finding.Medium, func(h *hook) remark { return judgeLockOut(x, h, by.of(h)) }))
			}
		},
	}
}

func judgeLockOut(x *index.Index, h *hook, by weighed) remark {
	newPod := &request{operation: admissionv1.Create, resource: "pods"}
	basis := []finding.Basis{h.failure()}
	switch {
	case h.open():
		return remark{finding.Pass, finding.Medium, "pods start also while it does not answer: failurePolicy is Ignore", basis}
	case !h.mayBeAsked(newPod, by):
		return remark{finding.NotApplicable, finding.Medium, "it is not asked about new pods", nil}
	}
	selector, err := metav1.LabelSelectorAsSelector(h.namespaces)
	if err != nil {
		return remark{finding.Error, finding.Medium, "its namespaceSelector can't be read: " + err.Error(), []finding.Basis{h.declared("namespaceSelector", "(can't be read)")}}
	}
	if h.namespaces == nil {
		selector = labels.Everything()
		basis = append(basis, h.declared("namespaceSelector", check.Unset))
	} else {
		basis = append(basis, h.declared("namespaceSelector", "("+selectorText(selector)+")"))
	}
	if n := len(h.conditions); n > 0 {
		basis = append(basis, h.declared("matchConditions", fmt.Sprintf("(%d)", n)))
	}
	if h.labelled() {
		basis = append(basis, h.declared("objectSelector", "(set)"))
	}
	// Of a namespace: whether its new pods are asked about, and whether it depends
	// on the pod which of them.
	pods := func(namespace string) (asked answer, narrowed bool) {
		allowed := by.hold(newPod, namespace)
		if asked = matches(x, selector, namespace); asked == no || allowed == no {
			return no, false
		}
		return asked, h.labelled() || allowed == unknown
	}
	own, ownNarrowed := no, false
	if h.client.Service != nil {
		own, ownNarrowed = pods(h.client.Service.Namespace)
	}
	system, systemNarrowed := pods(metav1.NamespaceSystem)
	switch {
	case own == no && system == no:
		return remark{finding.Pass, finding.Medium, "its own namespace and kube-system are left out", basis}
	case own == yes && !ownNarrowed:
		return remark{finding.Fail, finding.Medium, "once none of its pods runs none can start, since it must agree to every pod of its own namespace (" + h.client.Service.Namespace + ")", basis}
	case ownNarrowed || systemNarrowed:
		return remark{finding.NotReviewed, finding.Medium, "objectSelector or match conditions narrow down what it is asked about, and whether its own pods, or those of kube-system, are among that is not looked at", basis}
	case own == unknown || system == unknown:
		return remark{finding.NotReviewed, finding.Medium, "whether its namespaceSelector chooses its own namespace or kube-system depends on labels that are not in the files", basis}
	}
	return remark{finding.Fail, finding.Low, "while it does not answer no pod of kube-system can start, such as those for DNS and the network", basis}
}

func selectorText(s labels.Selector) string {
	if s.Empty() {
		return "chooses everything"
	}
	return s.String()
}

// answer is one that may not be known.
type answer int

const (
	no answer = iota
	yes
	unknown
)

// matches reports whether a selector chooses a namespace.
func matches(x *index.Index, selector labels.Selector, namespace string) answer {
	o := x.Find(namespaceKind, "", namespace)
	if o == nil && x.Live {
		if x.Partial {
			return unknown
		}
		return no // there is no such namespace, and no pod in it
	}
	set := labels.Set{}
	if o != nil {
		set = maps.Clone(o.GetLabels())
		if set == nil {
			set = labels.Set{}
		}
	}
	if !x.Live { // the API server sets it
		set[corev1.LabelMetadataName] = namespace
	}
	if o == nil {
		requirements, _ := selector.Requirements()
		for _, r := range requirements {
			if r.Key() != corev1.LabelMetadataName {
				return unknown
			}
		}
	}
	if selector.Matches(set) {
		return yes
	}
	return no
}
