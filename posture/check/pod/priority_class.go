package pod

import (
	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
)

// systemPriorityClass fails where a pod outside kube-system has the priority of
// the cluster's own components.
//
// Fields: spec.priorityClassName, metadata.namespace.
func systemPriorityClass() *check.Check {
	return &check.Check{
		Rule: finding.Rule{
			ID: "system-priority-class", Title: "Pod has the priority of the cluster's own components", Severity: finding.Low,
			Description: "The pod has one of the two priorities that are meant for what the cluster can't do without. Where a node is short of room, other pods are ended for it, " +
				"and it is the last to go itself: with enough of its copies it drives everything else out, the cluster's own components among it.",
			Check:      "priorityClassName system-node-critical or system-cluster-critical fails in any namespace but kube-system. A manifest without a namespace is not judged.",
			Fix:        "Make a priority class of your own with a lower value, or leave the field out:\n\n    spec:\n      priorityClassName: important\n",
			References: references("system-priority-class", "concepts/scheduling-eviction/pod-priority-preemption/"),
		},
		Fields: []string{"spec.priorityClassName", "metadata.namespace"},
		Join:   joinPriority,
	}
}

func joinPriority(j *check.Joint) check.Verdict {
	out := declared(false, finding.Low)
	out.Basis = []finding.Basis{{Evidence: finding.Declared, Field: j.SpecPath + ".priorityClassName", Value: check.OrUnset(j.PriorityClass)}}
	switch {
	case j.PriorityClass != "system-node-critical" && j.PriorityClass != "system-cluster-critical":
		out.Message = "The pod does not have the priority of the cluster's own components."
	case j.Namespace.Name == "kube-system":
		out.Message = "The pod is in kube-system, where the cluster's own components are."
	case j.Namespace.Name == "":
		out.Status, out.Message = finding.NotReviewed, "The priority class "+j.PriorityClass+" is meant for kube-system, and the manifest names no namespace."
	default:
		out.Status, out.Message = finding.Fail, "The pod has the priority class "+j.PriorityClass+": where room is short, other pods are ended for it, and it is the last to go."
	}
	return out
}
