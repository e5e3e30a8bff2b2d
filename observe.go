package assay

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/inspect"
	"github.com/kubeassay/assay/inspect/snapshot"
	"github.com/kubeassay/assay/kube"
	"github.com/kubeassay/assay/posture/source"
	"github.com/kubeassay/assay/workload"
)

// Observations are what was seen inside running containers. Their method Of is
// for posture.Options.Observed, so that what was seen decides over what is
// declared and reported.
type Observations struct {
	mu  sync.Mutex
	all map[place]workload.Observed
}

// place is a container of a pod, or of all pods that one owner has made from
// one template, with one image.
type place struct {
	uid                types.UID
	container, imageID string
}

// Observe looks into the containers of a selection, and keeps who their
// processes run as. The report says what could not be looked into, and what
// the looking used.
func Observe(ctx context.Context, client *kube.Client, s inspect.Selection, o inspect.Options) (*Observations, *finding.Report, error) {
	seen := &Observations{all: map[place]workload.Observed{}}
	o.Profiles, o.Plan = nil, snapshot.Plan{Processes: true}
	o.Snapshot = func(snap *snapshot.Snapshot, pod *corev1.Pod) (string, error) { return "", seen.add(snap, pod) }
	report, err := inspect.Run(ctx, client, s, o, nobody{})
	return seen, report, err
}

// nobody takes no inspections: without profiles there are none.
type nobody struct{}

func (nobody) Inspection(*finding.Inspection) error { return nil }

// add keeps what a snapshot shows, if it shows enough for a verdict.
func (s *Observations) add(snap *snapshot.Snapshot, pod *corev1.Pod) error {
	if pod.Spec.HostPID || pod.Spec.ShareProcessNamespace != nil && *pod.Spec.ShareProcessNamespace {
		return fmt.Errorf("the pod's containers share their processes (shareProcessNamespace or hostPID), so it can't be told whose they are")
	}
	observed, err := processOf(snap)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	own := place{pod.UID, snap.Target.Container, snap.Target.ImageID}
	s.all[own] = *observed
	others := own
	others.uid = ownerUID(&pod.ObjectMeta)
	if seen, ok := s.all[others]; !ok || seen.Process.UID != 0 {
		s.all[others] = *observed // where one replica runs as root, the others may
	}
	return nil
}

// processOf finds the process that decides who a container runs as: one that is
// root, or can become it, else the first.
func processOf(snap *snapshot.Snapshot) (*workload.Observed, error) {
	all, fact := snap.Processes()
	all = slices.DeleteFunc(slices.Clone(all), func(p snapshot.Process) bool { return p.Own })
	if len(all) == 0 {
		return nil, fmt.Errorf("no process of the container was seen%s", because(fact))
	}
	slices.SortFunc(all, func(a, b snapshot.Process) int { return a.PID - b.PID })
	observed := &workload.Observed{Pod: snap.Target.Pod, Processes: len(all)}
	unknown := fact.State != snapshot.Present
	for i, p := range all {
		if p.Status.State != snapshot.Present {
			unknown = true
			continue
		}
		least := min(p.UID[0], p.UID[1], p.UID[2])
		if i == 0 || least == 0 {
			observed.Process = workload.ObservedProcess{PID: p.PID, Name: p.Name, UID: least}
		}
		if least == 0 {
			return observed, nil // whatever the others are
		}
	}
	if unknown {
		return nil, fmt.Errorf("not all of the container's processes could be seen%s", because(fact))
	}
	return observed, nil
}

func because(f snapshot.Fact) string {
	if f.State == snapshot.Present {
		return ""
	}
	return strings.TrimRight(": "+string(f.State)+", "+f.Detail, ", ")
}

// ownerUID stands for all pods of one template: those of a ReplicaSet or Job,
// and those of a DaemonSet or StatefulSet with the same revision. Other pods
// speak each for itself.
func ownerUID(m *metav1.ObjectMeta) types.UID {
	c := metav1.GetControllerOfNoCopy(m)
	if c == nil {
		return m.UID
	}
	switch revision := m.Labels["controller-revision-hash"]; {
	case c.Kind == "ReplicaSet" || c.Kind == "Job":
		return c.UID
	case (c.Kind == "DaemonSet" || c.Kind == "StatefulSet") && revision != "":
		return c.UID + "/" + types.UID(revision)
	}
	return m.UID
}

// Of is what was seen inside a container of a pod, or of one that has the same
// owner and image and stands for it; nil where nothing was.
func (s *Observations) Of(o *source.Object, c *workload.Container) *workload.Observed {
	status := workload.Status(o.Status, c)
	if status == nil || status.State.Running == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, uid := range []types.UID{o.Meta.UID, ownerUID(o.Meta)} {
		if seen, ok := s.all[place{uid, c.Name, status.ImageID}]; ok {
			return &seen
		}
	}
	return nil
}
