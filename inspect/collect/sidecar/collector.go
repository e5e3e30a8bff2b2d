package sidecar

import (
	"context"
	"errors"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubeassay/assay/inspect/access"
	"github.com/kubeassay/assay/inspect/collect"
	"github.com/kubeassay/assay/inspect/collect/internal/remote"
	"github.com/kubeassay/assay/inspect/snapshot"
	"github.com/kubeassay/assay/kube"
)

// ErrNoSidecar means that the pod has no sidecar of ours for the container.
var ErrNoSidecar = errors.New("the pod has no sidecar of ours for this container")

// Options say how to ask; there is nothing to choose yet.
type Options struct{}

// Collector asks the sidecar that a pod has.
type Collector struct {
	client *kube.Client
	target *collect.Target
}

var _ collect.Collector = (*Collector)(nil)

// New makes a Collector. It calls nobody yet.
func New(client *kube.Client, target collect.Target, _ Options) *Collector {
	return &Collector{client: client, target: &target}
}

// Approach is the sidecar container.
func (c *Collector) Approach() snapshot.Approach { return snapshot.SidecarContainer }

// Needs are the permissions that a Collector takes.
func Needs(t collect.Target) []access.Need {
	return access.ForApproach(snapshot.SidecarContainer, t.Namespace, []string{t.Pod}, "")
}

// Calls lists in words every call of the API that a Collector may make.
func Calls(t collect.Target) []string {
	pod := "pods/" + t.Pod + " in namespace " + t.Namespace
	return []string{
		"get " + pod + ", before and after each round",
		"exec in container " + Name(t.Container) + " of " + pod + ", once for each round: " + remote.Program + " collect",
	}
}

// Find says whether a pod has a sidecar of ours for a container, and why it can't be asked.
func Find(pod *corev1.Pod, container string) error {
	name := Name(container)
	for i := range pod.Spec.InitContainers {
		c := &pod.Spec.InitContainers[i]
		if c.Name != name || !isOurs(c) {
			continue
		}
		s := remote.Status(pod, name)
		ok, err := remote.Started(s)
		switch {
		case err != nil:
			var start *remote.StartError
			_ = errors.As(err, &start)
			return fmt.Errorf("the sidecar %s does not run: %w. %s", name, err, remote.Hint(start.Reason, c.Image))
		case !ok:
			return fmt.Errorf("the sidecar %s does not run yet", name)
		}
		return nil
	}
	return fmt.Errorf("%w (it would be called %s): assay sidecar inject puts one into the workload's YAML, to be applied by you", ErrNoSidecar, name)
}

// Preflight finds out whether there is a sidecar to ask.
func (c *Collector) Preflight(ctx context.Context) error {
	pod, err := remote.Check(ctx, c.client, c.target)
	if err == nil {
		err = Find(pod, c.target.Container)
	}
	if err != nil {
		return c.fail(err)
	}
	return nil
}

// Collect gathers what the plan asks for.
func (c *Collector) Collect(ctx context.Context, plan *snapshot.Plan, into *snapshot.Builder) (collect.Usage, error) {
	if err := c.Preflight(ctx); err != nil {
		return collect.Usage{}, err
	}
	at := remote.Place{Namespace: c.target.Namespace, Pod: c.target.Pod, Container: Name(c.target.Container)}
	usage, commit, err := remote.Collect(ctx, c.client, at, remote.CollectContainer(remote.BareID(c.target.ContainerID), false), plan, into)
	if err == nil {
		_, err = remote.Check(ctx, c.client, c.target)
	}
	if err != nil {
		return usage, c.fail(err)
	}
	commit()
	return usage, nil
}

// Close does nothing: the sidecar stays as long as its pod.
func (c *Collector) Close(context.Context) error { return nil }

func (c *Collector) fail(err error) error {
	where := strings.Join([]string{c.target.Namespace, c.target.Pod, c.target.Container}, "/")
	return fmt.Errorf("sidecar of %s: %w", where, err)
}
