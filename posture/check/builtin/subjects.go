package builtin

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/check/access"
	"github.com/kubeassay/assay/posture/check/cluster"
	"github.com/kubeassay/assay/posture/check/container"
	"github.com/kubeassay/assay/posture/check/controlplane"
	"github.com/kubeassay/assay/posture/check/network"
	"github.com/kubeassay/assay/posture/check/pod"
	"github.com/kubeassay/assay/posture/check/sensitive"
	"github.com/kubeassay/assay/posture/check/standard"
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
		{"In a framework's own terms", standard.All()},
	}
}

// About says what a check looks at.
func About(c *check.Check) string {
	const pods = "pods and pod templates"
	with := ""
	if len(c.Kinds) > 0 {
		with = ", together with " + kinds(c)
	}
	switch {
	case c.Compare != nil:
		return "each container, in all running pods of one template"
	case c.Judge != nil:
		return "each container of " + pods + with
	case c.JudgePod != nil, c.Join != nil:
		return pods + with
	case c.SurveyNamespace != nil && with == "":
		return "what is in a namespace, pods too"
	case c.SurveyNamespace != nil:
		return "what is in a namespace, pods too: " + kinds(c)
	case c.SurveyCluster != nil && with == "":
		return "the whole cluster, pods too"
	case c.SurveyCluster != nil:
		return "the whole cluster: " + kinds(c)
	case c.JudgeVersion != nil:
		return "every object, by its API version"
	}
	return "each " + kinds(c)
}

// kinds lists those that a check asks about; with their group where two have
// one name.
func kinds(c *check.Check) string {
	names := make([]string, len(c.Kinds))
	for i, k := range c.Kinds {
		names[i] = k.Kind
		if slices.ContainsFunc(c.Kinds, func(other schema.GroupKind) bool { return other.Kind == k.Kind && other.Group != k.Group }) {
			names[i] = k.String()
		}
	}
	return strings.Join(names, ", ")
}
