package inspect

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/image"
	"github.com/kubeassay/assay/inspect/profile"
	"github.com/kubeassay/assay/inspect/snapshot"
	"github.com/kubeassay/assay/workload"
)

// Evaluate judges a snapshot by profiles, without a cluster: one inspection a profile.
func Evaluate(ctx context.Context, s *snapshot.Snapshot, profiles []*profile.Profile) ([]*finding.Inspection, error) {
	all, _, err := evaluate(ctx, s, profiles)
	return all, err
}

// evaluate also returns what the profiles asked for in vain.
func evaluate(ctx context.Context, s *snapshot.Snapshot, profiles []*profile.Profile) ([]*finding.Inspection, snapshot.Plan, error) {
	var all []*finding.Inspection
	var missing snapshot.Plan
	for _, p := range profiles {
		result, err := p.Evaluate(ctx, s, profile.Options{})
		if err != nil {
			return nil, missing, fmt.Errorf("judging %s/%s/%s by profile %s: %w", s.Target.Namespace, s.Target.Pod, s.Target.Container, p.Name, err)
		}
		missing.Add(result.Missing)
		i := &finding.Inspection{
			Target: targetOf(&s.Target), Workload: workloadOf(&s.Target), Profile: p.Finding(),
			StartedAt: s.Origin.StartedAt, FinishedAt: s.Origin.FinishedAt,
			Notes: s.Origin.Notes, Findings: result.Findings,
		}
		complete(i, &s.Target)
		all = append(all, i)
	}
	return all, missing, nil
}

// unjudged is the inspection of a container that could not be looked into:
// every control has status error, with the reason.
func unjudged(t *snapshot.Target, p *profile.Profile, reason string) *finding.Inspection {
	i := &finding.Inspection{Target: targetOf(t), Workload: workloadOf(t), Profile: p.Finding(), Error: reason}
	for _, rule := range p.Rules() {
		i.Findings = append(i.Findings, finding.Finding{
			Control: rule.ID, Profile: p.Name, Status: finding.Error, Severity: rule.Severity,
			Evidence: finding.Observed, Message: reason,
		})
	}
	complete(i, t)
	return i
}

// complete fills in what all findings of one inspection have in common.
func complete(i *finding.Inspection, t *snapshot.Target) {
	for n := range i.Findings {
		f := &i.Findings[n]
		f.Workload, f.Container, f.ContainerType, f.Image = i.Workload, t.Container, t.ContainerType, t.Image
		f.Pods, f.PodsTotal, f.PodNames = 1, 1, []string{t.Pod}
		f.Targets = []finding.InspectionTarget{i.Target}
		f.Fingerprint = finding.Fingerprint(f)
	}
}

func targetOf(t *snapshot.Target) finding.InspectionTarget {
	return finding.InspectionTarget{
		Cluster: t.Cluster, Namespace: t.Namespace, Pod: t.Pod, UID: t.PodUID,
		Container: t.Container, ContainerID: t.ContainerID,
		Image: t.Image, ImageDigest: digest(t.ImageID), Node: t.Node,
	}
}

// digest is that under which a registry serves the image, or that of the
// image's configuration where the node has never pulled it.
func digest(imageID string) string {
	if d := image.RepositoryDigest(imageID); d != "" || !strings.HasPrefix(imageID, "sha256:") {
		return d
	}
	return imageID
}

// workloadOf is the pod itself where the owner was not recorded.
func workloadOf(t *snapshot.Target) finding.Workload {
	if t.Workload.Kind != "" {
		return t.Workload
	}
	return finding.Workload{APIVersion: "v1", Kind: "Pod", Namespace: t.Namespace, Name: t.Pod}
}

// identity is what a snapshot says of its target.
func identity(cluster string, t *Target, pod *corev1.Pod) snapshot.Target {
	id := snapshot.Target{
		Cluster: cluster, Namespace: pod.Namespace, Pod: pod.Name, PodUID: string(pod.UID), Node: pod.Spec.NodeName,
		Container: t.Container, ContainerType: t.Type, Workload: t.Workload,
	}
	if s := containerStatus(pod, t.Container); s != nil {
		id.ContainerID, id.ImageID, id.Image = s.ContainerID, s.ImageID, s.Image
	}
	if declared := declaredImage(pod, t.Container); declared != "" {
		id.Image = declared
	}
	return id
}

func declaredImage(pod *corev1.Pod, container string) string {
	for c := range workload.Containers(&pod.Spec) {
		if c.Name == container && c.Type != finding.ImageVolume {
			return c.Image
		}
	}
	return ""
}
