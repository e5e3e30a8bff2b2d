package container

import (
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
)

// fixResources limits the CPU, too, which not everybody wants.
const fixResources = "    containers:\n" +
	"    - name: app\n" +
	"      resources:\n" +
	"        requests:\n" +
	"          cpu: 100m\n" +
	"          memory: 128Mi\n" +
	"        limits:\n" +
	"          cpu: 500m\n" +
	"          memory: 256Mi\n" +
	"          ephemeral-storage: 1Gi\n"

// resourceLimitsMissing fails where a container may take all memory, or all
// computing time, of its node.
//
// Fields: resources.limits of the container, and of the pod.
func resourceLimitsMissing() *check.Check {
	return &check.Check{
		Rule: finding.Rule{
			ID:       "resource-limits-missing",
			Title:    "No limit for memory or CPU",
			Severity: finding.Low,
			Description: "Nothing limits how much memory or computing time the container takes. One that leaks memory, or that an attacker keeps busy, " +
				"takes it away from all others on the node, and the kernel may kill those instead.",
			Check: "The container's resources.limits must have memory and cpu, or the pod's must. Without a memory limit it is low. Where only the CPU limit is missing it is info, " +
				"since many leave it out on purpose: CPU time, unlike memory, can be taken back. A LimitRange of the namespace can add limits when a pod is created; " +
				"pods in a cluster have those already, manifests have not. Ephemeral containers can have none.",
			Fix:        "Set limits that the program does not reach when all is well:\n\n" + fixResources,
			References: references("resource-limits-missing", aboutResources),
		},
		Fields: []string{
			"spec.containers[*].resources.limits", "spec.initContainers[*].resources.limits", "spec.resources.limits",
		},
		Judge: running(finding.Low, judgeLimits),
	}
}

func judgeLimits(v check.View) check.Verdict {
	if v.Container.Type == finding.EphemeralContainer {
		return notApplicable(finding.Low, "An ephemeral container can have no limits.")
	}
	memory, cpu := isLimited(&v, corev1.ResourceMemory), isLimited(&v, corev1.ResourceCPU)
	out := failIf(!memory || !cpu, finding.Low)
	if memory && !cpu {
		out.Severity = finding.Info
	}
	if v.Brief {
		return out
	}
	switch {
	case !memory && !cpu:
		out.Message = "Nothing limits its memory or its CPU time: it can take all that the node has."
	case !memory:
		out.Message = "Nothing limits its memory: it can take all that the node has."
	case !cpu:
		out.Message = "Nothing limits its CPU time: it can take all that the others leave."
	default:
		out.Message = "Memory and CPU time are limited."
	}
	if !cpu && memory {
		out.Basis = []finding.Basis{limit(&v, corev1.ResourceCPU), limit(&v, corev1.ResourceMemory)}
	} else {
		out.Basis = []finding.Basis{limit(&v, corev1.ResourceMemory), limit(&v, corev1.ResourceCPU)}
	}
	return out
}

// isLimited reports whether the container, or the pod as a whole, has a limit.
// Nothing is no limit.
func isLimited(v *check.View, of corev1.ResourceName) bool {
	return has(v.Container.Spec.Resources.Limits, of) || v.Spec.Resources != nil && has(v.Spec.Resources.Limits, of)
}

func has(list corev1.ResourceList, name corev1.ResourceName) bool {
	q, ok := list[name]
	return ok && !q.IsZero()
}

// limit is the limit that takes effect: the pod's, where only that has one.
func limit(v *check.View, of corev1.ResourceName) finding.Basis {
	if v.Spec.Resources != nil && has(v.Spec.Resources.Limits, of) && !has(v.Container.Spec.Resources.Limits, of) {
		return v.InPod("resources.limits."+string(of), quantity(v.Spec.Resources.Limits, of))
	}
	return v.InContainer("resources.limits."+string(of), quantity(v.Container.Spec.Resources.Limits, of))
}

func quantity(list corev1.ResourceList, of corev1.ResourceName) string {
	q, ok := list[of]
	if !ok {
		return check.Unset
	}
	return q.String()
}

// resourceRequestsMissing fails where the scheduler does not know what a
// container needs.
//
// Fields: resources.requests and limits of the container, and of the pod.
func resourceRequestsMissing() *check.Check {
	return &check.Check{
		Rule: finding.Rule{
			ID:       "resource-requests-missing",
			Title:    "No request for memory or CPU",
			Severity: finding.Info,
			Description: "The scheduler does not know what the container needs, so too many such pods can end up on one node. " +
				"When memory runs short there, those without requests are the first to be killed.",
			Check: "The container's resources.requests must have memory and cpu, or the pod's must, and more than 0 of each. Where only a limit is set, Kubernetes takes it as the request, too. " +
				"Ephemeral containers can have none.",
			Fix:        "Request what the program usually needs:\n\n" + fixResources,
			References: references("resource-requests-missing", aboutResources),
		},
		Fields: []string{
			"spec.containers[*].resources", "spec.initContainers[*].resources", "spec.resources",
		},
		Judge: running(finding.Info, judgeRequests),
	}
}

func judgeRequests(v check.View) check.Verdict {
	if v.Container.Type == finding.EphemeralContainer {
		return notApplicable(finding.Info, "An ephemeral container can have no requests.")
	}
	memory, cpu := isRequested(&v, corev1.ResourceMemory), isRequested(&v, corev1.ResourceCPU)
	out := failIf(!memory || !cpu, finding.Info)
	if v.Brief {
		return out
	}
	var missing []string
	for _, r := range []struct {
		name corev1.ResourceName
		ok   bool
		word string
	}{{corev1.ResourceMemory, memory, "memory"}, {corev1.ResourceCPU, cpu, "CPU time"}} {
		if r.ok {
			out.Basis = append(out.Basis, request(&v, r.name))
		} else {
			missing = append(missing, r.word)
			out.Basis = append([]finding.Basis{request(&v, r.name)}, out.Basis...)
		}
	}
	out.Message = "Memory and CPU time are requested."
	if missing != nil {
		out.Message = "No request says how much " + strings.Join(missing, " and ") + " it needs."
	}
	return out
}

func isRequested(v *check.View, of corev1.ResourceName) bool {
	return asks(&v.Container.Spec.Resources, of) || v.Spec.Resources != nil && asks(v.Spec.Resources, of)
}

// asks reports whether something is requested, or limited: a limit becomes the
// request where there is none. A request of nothing is one, and asks for nothing.
func asks(r *corev1.ResourceRequirements, of corev1.ResourceName) bool {
	if _, said := r.Requests[of]; said {
		return has(r.Requests, of)
	}
	return has(r.Limits, of)
}

// request is the field that carries what was found out.
func request(v *check.View, of corev1.ResourceName) finding.Basis {
	own := &v.Container.Spec.Resources
	for _, level := range []struct {
		of *corev1.ResourceRequirements
		at func(string, string) finding.Basis
	}{{own, v.InContainer}, {v.Spec.Resources, v.InPod}} {
		switch {
		case level.of == nil || !asks(level.of, of):
		case has(level.of.Requests, of):
			return level.at("resources.requests."+string(of), quantity(level.of.Requests, of))
		default:
			return level.at("resources.limits."+string(of), quantity(level.of.Limits, of))
		}
	}
	return v.InContainer("resources.requests."+string(of), quantity(own.Requests, of))
}

// ephemeralStorageUnlimited fails where a container may fill its node's disk.
//
// Fields: resources.limits.ephemeral-storage of the container.
func ephemeralStorageUnlimited() *check.Check {
	return &check.Check{
		Rule: finding.Rule{
			ID:       "ephemeral-storage-limit-missing",
			Title:    "No limit for what it writes to the node's disk",
			Severity: finding.Info,
			Description: "Nothing limits what the container writes to its own file system, to emptyDir volumes and to its log, all of which lie on the node's disk. " +
				"When that is full, pods of others are thrown out.",
			Check:      "The container's resources.limits must have ephemeral-storage. Ephemeral containers can have none.",
			Fix:        "Set a limit that the program does not reach when all is well:\n\n" + fixResources,
			References: references("ephemeral-storage-limit-missing", aboutResources),
		},
		Fields: []string{"spec.containers[*].resources.limits", "spec.initContainers[*].resources.limits"},
		Judge:  running(finding.Info, judgeStorage),
	}
}

func judgeStorage(v check.View) check.Verdict {
	if v.Container.Type == finding.EphemeralContainer {
		return notApplicable(finding.Info, "An ephemeral container can have no limits.")
	}
	limits := v.Container.Spec.Resources.Limits
	out := failIf(!has(limits, corev1.ResourceEphemeralStorage), finding.Info)
	if v.Brief {
		return out
	}
	out.Message = "What it writes to the node's disk is limited."
	if out.Status == finding.Fail {
		out.Message = "Nothing limits what it writes to the node's disk."
	}
	out.Basis = []finding.Basis{v.InContainer("resources.limits['ephemeral-storage']", quantity(limits, corev1.ResourceEphemeralStorage))}
	return out
}
