package access

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/kube"
)

// Clean looks for everything of ours: grants, whole and half ones, pods, and
// ephemeral containers that were added to others' pods. What may not be read is
// returned as coverage: only without any of it does no Left mean clean. The
// error says that nothing could be read at all. No namespaces means all.
func Clean(ctx context.Context, client *kube.Client, namespaces ...string) ([]Left, []finding.Coverage, error) {
	s := scope{client: client, namespaces: namespaces}
	found, gaps := s.find(ctx, grantKinds[:])
	read := 0
	gaps = append(gaps, s.each(ctx, kube.Pods, func(namespace string) error {
		err := s.pods(ctx, namespace, &found)
		if err == nil {
			read++
		}
		return err
	})...)
	slices.SortFunc(found, func(a, b Left) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Container, b.Container))
	})
	if read == 0 && len(found) == 0 && len(gaps) > len(grantKinds) {
		return nil, gaps, fmt.Errorf("nothing could be read: %s", gaps[0].Detail)
	}
	return found, gaps, nil
}

// pods goes through all pods, page by page.
func (s *scope) pods(ctx context.Context, namespace string, found *[]Left) error {
	var pod corev1.Pod
	for page, err := range s.client.Pages(ctx, kube.Pods, kube.ListOptions{Namespace: namespace}) {
		if err != nil {
			return err
		}
		for raw := range page.Items() {
			pod.Reset()
			if err := pod.Unmarshal(raw); err != nil {
				return fmt.Errorf("reading a pod: %w", err)
			}
			*found = append(*found, ofPod(&pod)...)
		}
	}
	return nil
}

// ofPod is what of a pod is ours: all of it, or ephemeral containers in it.
func ofPod(p *corev1.Pod) []Left {
	_, run := p.Labels[LabelRun]
	if run && p.Labels[LabelManagedBy] == ManagedBy {
		return []Left{(&item{ObjectMeta: p.ObjectMeta}).left(kube.Pods)}
	}
	var all []Left
	for i := range p.Spec.EphemeralContainers {
		name := p.Spec.EphemeralContainers[i].Name
		if !strings.HasPrefix(name, ObjectPrefix) {
			continue
		}
		all = append(all, Left{
			Kind: "EphemeralContainer", Namespace: p.Namespace, Name: p.Name, Container: name, UID: p.UID,
			Problem: stateOf(p, name) + "; its entry in the pod's spec goes only with the pod: delete or restart the pod",
		})
	}
	return all
}

// stateOf says whether an ephemeral container still runs.
func stateOf(p *corev1.Pod, name string) string {
	for i := range p.Status.EphemeralContainerStatuses {
		s := &p.Status.EphemeralContainerStatuses[i]
		switch {
		case s.Name != name:
		case s.State.Running != nil:
			return "it still runs"
		case s.State.Terminated != nil:
			return "it has ended"
		case s.State.Waiting != nil:
			return "it could not start (" + clip(s.State.Waiting.Reason) + ")"
		}
	}
	return "nothing is reported of it yet"
}
