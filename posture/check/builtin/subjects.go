package builtin

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/check/access"
	"github.com/kubeassay/assay/posture/check/cluster"
	"github.com/kubeassay/assay/posture/check/container"
	"github.com/kubeassay/assay/posture/check/controlplane"
	"github.com/kubeassay/assay/posture/check/network"
	"github.com/kubeassay/assay/posture/check/pod"
	"github.com/kubeassay/assay/posture/check/sensitive"
)

// Subject is what some checks have in common, for lists that people read.
type Subject struct {
	Title  string
	Checks []*check.Check
}

// Subjects returns every check, by its subject.
func Subjects() []Subject {
	return []Subject{
		{"Containers", container.All()},
		{"Pods", pod.All()},
		{"Control plane and kubelets", controlplane.All()},
		{"Network", network.All()},
		{"Access rights", access.All()},
		{"Namespaces, admission and the cluster", cluster.All()},
		{"Secrets and ConfigMaps", sensitive.All()},
	}
}

// About says what a check looks at, as the end of "It is about".
func About(c *check.Check) string {
	const pods = "pods and pod templates"
	switch {
	case c.Judge != nil:
		return "each container of " + pods
	case c.Compare != nil:
		return "each container of running pods of one template, compared with each other"
	case c.JudgePod != nil:
		return pods
	case c.Join != nil:
		return pods + ", together with " + names(c.Kinds)
	case c.JudgeObject != nil:
		return "each object by itself: " + names(c.Kinds)
	case c.SurveyNamespace != nil:
		return "what is in a namespace, together: " + names(c.Kinds)
	case c.SurveyCluster != nil:
		return "the whole cluster, together: " + names(c.Kinds)
	}
	return "every object, by its API version"
}

// Evidence says what the verdicts of a check can rest on, the weakest first.
func Evidence(c *check.Check) []finding.Evidence {
	all := []finding.Evidence{finding.Declared}
	if c.Compare != nil || slices.ContainsFunc(c.Fields, func(f string) bool { return strings.HasPrefix(f, "status.") }) {
		all = append(all, finding.Reported)
	}
	if slices.Contains(c.Fields, check.ObservedProcesses) {
		all = append(all, finding.Observed)
	}
	return all
}

// names lists kinds: with its group where that tells two of one name apart.
func names(kinds []schema.GroupKind) string {
	var all []string
	for _, k := range kinds {
		name := k.Kind
		if slices.ContainsFunc(kinds, func(other schema.GroupKind) bool { return other.Kind == k.Kind && other.Group != k.Group }) {
			name = strings.TrimSuffix(k.Kind+"."+k.Group, ".")
		}
		all = append(all, name)
	}
	return strings.Join(all, ", ")
}
