package cluster

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/index"
)

// limitRange fails where nothing gives containers that ask for nothing a bound.
func limitRange() *check.Check {
	const id = "limit-range-missing"
	return &check.Check{
		Rule: finding.Rule{
			ID:       id,
			Title:    "Namespace without a limit range",
			Severity: finding.Info,
			Description: "No LimitRange gives containers that name no limits some of their own, or bounds what one container may ask for. " +
				"One container whose author forgot the limits can then use all memory of its node.",
			Check: "Passes where a LimitRange of the namespace has an item for containers or pods with a default, a maximum or a ratio. " +
				"Kubernetes' own namespaces, one that is being deleted, and a default namespace in which nothing runs are not applicable. " +
				"In files a LimitRange that is not there may be in the cluster, so that is not-reviewed. " +
				"Whether containers name limits of their own is another check's.",
			Fix: "Give containers limits where they name none:\n\n" +
				"    apiVersion: v1\n    kind: LimitRange\n    metadata:\n      name: defaults\n      namespace: shop\n    spec:\n      limits:\n" +
				"      - type: Container\n        default:\n          memory: 256Mi\n        defaultRequest:\n          cpu: 100m\n          memory: 128Mi\n",
			References: references(id, "https://kubernetes.io/docs/concepts/policy/limit-range/"),
		},
		Fields:          []string{"spec.limits[*].type", "spec.limits[*].default", "spec.limits[*].max", "spec.limits[*].maxLimitRequestRatio", "metadata.name", "metadata.deletionTimestamp"},
		Kinds:           []schema.GroupKind{limitsKind},
		SurveyNamespace: surveyLimits,
	}
}

func surveyLimits(n *index.Namespace, yield check.Yield) {
	o, _ := n.Object()
	if v, ok := aside(n, o); ok {
		yield(o, v)
		return
	}
	for _, l := range n.Objects(limitsKind) {
		limits, ok := l.Object.(*corev1.LimitRange)
		if !ok {
			continue
		}
		for i := range limits.Spec.Limits {
			item := &limits.Spec.Limits[i]
			if item.Type != corev1.LimitTypeContainer && item.Type != corev1.LimitTypePod {
				continue
			}
			if len(item.Default) > 0 || len(item.Max) > 0 || len(item.MaxLimitRequestRatio) > 0 {
				yield(o, say(finding.Pass, finding.Info, fmt.Sprintf("The LimitRange %s bounds each %s.", l.GetName(), typeName(item.Type)), finding.Basis{
					Evidence: finding.Declared, Field: fmt.Sprintf("spec.limits[%d].type", i), Value: string(item.Type), Object: l.Ref().String(),
				}))
				return
			}
		}
	}
	yield(o, absent(n, finding.Info, "LimitRange that bounds containers or pods",
		"The namespace has no LimitRange that bounds containers or pods: one that names no limits may use up its node."))
}

func typeName(t corev1.LimitType) string {
	if t == corev1.LimitTypePod {
		return "pod"
	}
	return "container"
}
