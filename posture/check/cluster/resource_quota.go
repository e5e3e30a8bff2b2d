package cluster

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/index"
)

// resourceQuota fails where nothing bounds what a namespace may use.
func resourceQuota() *check.Check {
	const id = "resource-quota-missing"
	return &check.Check{
		Rule: finding.Rule{
			ID:       id,
			Title:    "Namespace without a resource quota",
			Severity: finding.Low,
			Description: "No ResourceQuota bounds what the namespace may use as a whole. Whoever may create pods in it, or takes over a program that may, " +
				"can take all CPU and memory of the nodes, and with that stop the programs of everybody else.",
			Check: "Passes where a ResourceQuota of the namespace has a hard bound for CPU, for memory or for the number of pods. " +
				"One that bounds only other things (such as the number of Services) fails with severity info. " +
				"Kubernetes' own namespaces, one that is being deleted, and a default namespace in which nothing runs are not applicable. " +
				"In files a quota that is not there may be in the cluster, so that is not-reviewed.",
			Fix: "Say what the namespace may use at most:\n\n" +
				"    apiVersion: v1\n    kind: ResourceQuota\n    metadata:\n      name: bounds\n      namespace: shop\n    spec:\n      hard:\n" +
				"        requests.cpu: \"8\"\n        requests.memory: 16Gi\n        limits.memory: 32Gi\n        pods: \"50\"\n",
			References: references(id, "https://kubernetes.io/docs/concepts/policy/resource-quotas/"),
		},
		Fields:          []string{"spec.hard", "metadata.name", "metadata.deletionTimestamp"},
		Kinds:           []schema.GroupKind{quotaKind},
		SurveyNamespace: surveyQuota,
	}
}

func surveyQuota(n *index.Namespace, yield check.Yield) {
	o, _ := n.Object()
	if v, ok := aside(n, o); ok {
		yield(o, v)
		return
	}
	quotas := n.Objects(quotaKind)
	for _, q := range quotas {
		quota, ok := q.Object.(*corev1.ResourceQuota)
		if !ok {
			continue
		}
		for _, resource := range computeResources() {
			if amount, ok := quota.Spec.Hard[resource]; ok {
				yield(o, say(finding.Pass, finding.Low, fmt.Sprintf("The ResourceQuota %s bounds %s to %s.", q.GetName(), resource, amount.String()), finding.Basis{
					Evidence: finding.Declared, Field: fmt.Sprintf("spec.hard['%s']", resource), Value: amount.String(), Object: q.Ref().String(),
				}))
				return
			}
		}
	}
	if len(quotas) > 0 && n.Live {
		yield(o, say(finding.Fail, finding.Info, "No ResourceQuota of the namespace bounds CPU, memory or the number of pods; they bound only other things.",
			finding.Basis{Evidence: finding.Declared, Field: "spec.hard", Value: keysOf(quotas[0]), Object: quotas[0].Ref().String()}))
		return
	}
	yield(o, absent(n, finding.Low, "ResourceQuota", "The namespace has no ResourceQuota: what runs in it may use up all nodes."))
}

// computeResources are the bounds that keep a namespace from using up nodes.
func computeResources() []corev1.ResourceName {
	return []corev1.ResourceName{
		corev1.ResourceRequestsMemory, corev1.ResourceMemory, corev1.ResourceLimitsMemory,
		corev1.ResourceRequestsCPU, corev1.ResourceCPU, corev1.ResourceLimitsCPU, corev1.ResourcePods, "count/pods",
	}
}

// keysOf lists what a quota bounds.
func keysOf(o *index.Object) string {
	quota, ok := o.Object.(*corev1.ResourceQuota)
	if !ok || len(quota.Spec.Hard) == 0 {
		return check.Unset
	}
	var names []string
	for name := range quota.Spec.Hard {
		names = append(names, string(name))
	}
	slices.Sort(names)
	return listed(names)
}
