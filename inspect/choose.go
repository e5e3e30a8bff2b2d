package inspect

import (
	"cmp"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/inspect/access"
	"github.com/kubeassay/assay/inspect/collect/sidecar"
	"github.com/kubeassay/assay/kube"
	"github.com/kubeassay/assay/workload"
)

// resolver chooses the containers to look into out of the pods that it is shown.
type resolver struct {
	client   *kube.Client
	owners   *owners
	all      bool // replicas
	targets  []*Target
	coverage []finding.Coverage
	// first are the targets that stand for others too, by workload, container and image.
	first map[string]*Target
	// counted are the containers that are targets, or that one stands for.
	counted map[string]bool
	// runs are the containers of workloads of which a replica was found that runs.
	runs map[string]bool
	// leaving are containers of pods that are being deleted.
	leaving []leaving
}

type leaving struct{ key, scope string }

func newResolver(client *kube.Client, all bool) *resolver {
	return &resolver{
		client: client, owners: newOwners(client), all: all,
		first: map[string]*Target{}, counted: map[string]bool{}, runs: map[string]bool{},
	}
}

// pick says what is wanted of a pod.
type pick struct {
	container string // only this one, of whatever type
	// exact: the pod itself was named, so it is told of whatever keeps us from it.
	exact bool
}

// picked says what became of a pod. Found: it has such a container. Ended: all
// of it has ended for good.
type picked struct{ found, ended bool }

func (r *resolver) uncovered(scope string, state finding.CoverageState, detail string) {
	r.coverage = append(r.coverage, finding.Coverage{Scope: scope, State: state, Detail: detail})
}

// pod takes the containers of a pod.
func (r *resolver) pod(pod *corev1.Pod, top finding.Workload, p pick) (got picked) {
	pod.ManagedFields = nil
	got.ended = pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
	_, run := pod.Labels[access.LabelRun]
	ours := run && pod.Labels[access.LabelManagedBy] == access.ManagedBy
	for c := range workload.Containers(&pod.Spec) {
		if c.Type == finding.ImageVolume || p.container != "" && c.Name != p.container {
			continue
		}
		got.found = true
		switch {
		case p.container == "" && (c.Type == finding.InitContainer || c.Type == finding.EphemeralContainer):
			// Init containers have done their work, and ephemeral ones are
			// somebody's tools: they are looked into only when they are named.
		case p.container == "" && c.Type == finding.SidecarContainer && strings.HasPrefix(c.Name, sidecar.Name("")):
			// Our own collector, put there to look into the others.
		case !p.exact && (ours || got.ended):
			// A pod that another run of ours has just made, or one in which
			// nothing will run again.
		default:
			r.container(pod, top, c, p.exact)
		}
	}
	return got
}

func containerNames(pod *corev1.Pod) string {
	var names []string
	for c := range workload.Containers(&pod.Spec) {
		if c.Type != finding.ImageVolume {
			names = append(names, c.Name)
		}
	}
	return strings.Join(names, ", ")
}

// mostPodNames are named of those that one target stands for.
const mostPodNames = 5

// container makes a target of a container, or counts it with the one that
// stands for it. Exact: its pod was named, so nothing else stands for it.
func (r *resolver) container(pod *corev1.Pod, top finding.Workload, c *workload.Container, exact bool) {
	scope := "target/" + pod.Namespace + "/" + pod.Name + "/" + c.Name
	id := string(pod.UID) + "/" + c.Name
	if r.counted[id] {
		return
	}
	r.counted[id] = true
	replica := strings.Join([]string{top.APIVersion, top.Kind, top.Namespace, top.Name, c.Name}, "\x00")
	status := workload.Status(&pod.Status, c)
	switch {
	case workload.OS(&pod.Spec) == corev1.Windows:
		r.uncovered(scope, finding.Unsupported, "a Windows container: there is no approach for it")
		return
	case status == nil || status.State.Running == nil || status.ContainerID == "":
		r.uncovered(scope, finding.NotRunning, notRunning(pod, status))
		return
	case pod.DeletionTimestamp != nil && !exact:
		r.leaving = append(r.leaving, leaving{replica, scope})
		return
	}
	r.runs[replica] = true
	t := &Target{Pod: pod, Container: c.Name, Type: c.Type, Workload: top, Replicas: 1, PodNames: []string{pod.Name}}
	if !exact && !r.all {
		key := replica + "\x00" + cmp.Or(status.ImageID, status.ContainerID)
		if first := r.first[key]; first != nil {
			first.Replicas++
			if len(first.PodNames) < mostPodNames {
				first.PodNames = append(first.PodNames, pod.Name)
			}
			return
		}
		r.first[key] = t
	}
	r.targets = append(r.targets, t)
}

// finish tells of what only the whole shows.
func (r *resolver) finish() {
	for _, l := range r.leaving {
		// Where others of the workload run, a pod that goes is no gap.
		if r.all || !r.runs[l.key] {
			r.uncovered(l.scope, finding.NotRunning, "its pod is being deleted")
		}
	}
	r.coverage = append(r.coverage, r.owners.coverage...)
}

func notRunning(pod *corev1.Pod, s *corev1.ContainerStatus) string {
	text := "not running"
	switch {
	case s == nil:
		text = fmt.Sprintf("not started: the pod is %s, and the kubelet has said nothing of this container", cmp.Or(pod.Status.Phase, "in an unknown phase"))
	case s.State.Waiting != nil:
		text += ": waiting (" + cmp.Or(s.State.Waiting.Reason, "no reason given") + ")"
	case s.State.Terminated != nil:
		text += fmt.Sprintf(": ended with exit code %d (%s)", s.State.Terminated.ExitCode, cmp.Or(s.State.Terminated.Reason, "no reason given"))
	}
	if pod.Status.Reason != "" { // Evicted, NodeLost
		text += "; the pod: " + pod.Status.Reason
	}
	return text
}
