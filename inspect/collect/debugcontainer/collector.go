package debugcontainer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/kubeassay/assay/image"
	"github.com/kubeassay/assay/inspect/access"
	"github.com/kubeassay/assay/inspect/collect"
	"github.com/kubeassay/assay/inspect/collect/internal/remote"
	"github.com/kubeassay/assay/inspect/collect/stream"
	"github.com/kubeassay/assay/inspect/snapshot"
	"github.com/kubeassay/assay/kube"
)

// Options say how the ephemeral container is made.
type Options struct {
	// Image of the collector.
	Image string
	// AllowPtrace gives the container CAP_SYS_PTRACE, and makes it run as root.
	AllowPtrace bool
	// Timeout is how long the container waits to be asked before it ends by
	// itself; 0 for 10 minutes.
	Timeout time.Duration
	// Start is how long the container may take until it runs; 0 for two minutes.
	Start time.Duration
	// Confirmed: somebody knows that the entry stays in the pod's spec, see Remains.
	Confirmed bool
}

// ErrNotConfirmed means that an ephemeral container would have to be added and
// nobody has agreed to what stays of it.
var ErrNotConfirmed = errors.New("adding an ephemeral container was not confirmed")

// Collector asks a collector in an ephemeral container.
type Collector struct {
	client  *kube.Client
	target  *collect.Target
	options Options
	// container is that of ours, once it runs. added: this collector has added
	// it, whether it runs or not.
	container string
	added     string
	closed    bool
	// alone: the pod's containers don't see each other's processes.
	alone bool
}

var _ collect.Collector = (*Collector)(nil)

// New makes a Collector. It calls nobody yet.
func New(client *kube.Client, target collect.Target, o Options) *Collector {
	if o.Timeout <= 0 {
		o.Timeout = 10 * time.Minute
	}
	if o.Start <= 0 {
		o.Start = 2 * time.Minute
	}
	return &Collector{client: client, target: &target, options: o}
}

// Approach is the debug container.
func (c *Collector) Approach() snapshot.Approach { return snapshot.DebugContainer }

// Needs are the permissions that a Collector takes.
func Needs(t collect.Target) []access.Need {
	return access.ForApproach(snapshot.DebugContainer, t.Namespace, []string{t.Pod}, "")
}

// Calls lists in words every call of the API that a Collector may make.
func Calls(t collect.Target) []string {
	pod := "pods/" + t.Pod + " in namespace " + t.Namespace
	return []string{
		"get " + pod,
		"patch " + pod + ", subresource ephemeralcontainers, as a dry run",
		"patch " + pod + ", subresource ephemeralcontainers: adds one container",
		"watch " + pod + " until the container runs",
		"exec in our container of " + pod + ", once for each round: " + remote.Program + " collect",
		"get " + pod + " after each round, to see that it is still the same",
		"exec in our container of " + pod + " at the end: " + remote.Program + " stop",
		"watch " + pod + " until our container has ended",
	}
}

// Remains says in words what stays in the cluster once a container was added.
func Remains(t collect.Target) string {
	return fmt.Sprintf("the entry of an ephemeral container stays in the spec of pod %s in namespace %s until the pod is replaced; nobody can remove it (the container itself ends)", t.Pod, t.Namespace)
}

// Remains lists what this collector has left that nobody can remove.
func (c *Collector) Remains() []string {
	if c.added == "" {
		return nil
	}
	return []string{Remains(*c.target) + ": " + c.added}
}

// Preflight finds out whether a container could be added, and changes nothing.
func (c *Collector) Preflight(ctx context.Context) error {
	pod, err := remote.Check(ctx, c.client, c.target)
	if err != nil {
		return c.fail(err)
	}
	plan, err := c.prepare(pod)
	if err != nil {
		return c.fail(err)
	}
	if plan.running != "" {
		return nil
	}
	return c.fail(c.patch(ctx, &plan.container, true))
}

// Collect gathers what the plan asks for. The first call adds the container.
func (c *Collector) Collect(ctx context.Context, plan *snapshot.Plan, into *snapshot.Builder) (collect.Usage, error) {
	if c.closed {
		return collect.Usage{}, c.fail(errors.New("it is closed already"))
	}
	if c.container == "" {
		if err := c.open(ctx); err != nil {
			return collect.Usage{}, c.fail(err)
		}
	}
	at := remote.Place{Namespace: c.target.Namespace, Pod: c.target.Pod, Container: c.container}
	// What is found goes into a builder of its own: of a target that changed
	usage, commit, err := remote.Collect(ctx, c.client, at, remote.CollectContainer(remote.BareID(c.target.ContainerID), c.alone), plan, into)
	if err != nil {
		return usage, c.fail(c.explain(ctx, err))
	}
	if _, err := remote.Check(ctx, c.client, c.target); err != nil {
		return usage, c.fail(err)
	}
	commit()
	return usage, nil
}

// explain finds the reason behind a command that could not be run.
func (c *Collector) explain(ctx context.Context, err error) error {
	var gone *stream.GoneError
	if !errors.As(err, &gone) {
		return err
	}
	pod, checked := remote.Check(ctx, c.client, c.target)
	if checked != nil {
		return checked
	}
	if s := remote.Status(pod, c.container); s != nil && s.State.Terminated != nil {
		return fmt.Errorf("our ephemeral container %s has ended (%s); it waits no longer than %v for a question: %w", c.container, s.State.Terminated.Reason, c.options.Timeout, err)
	}
	return err
}

// open takes a container of ours that runs, or adds one.
func (c *Collector) open(ctx context.Context) error {
	pod, err := remote.Check(ctx, c.client, c.target)
	if err != nil {
		return err
	}
	plan, err := c.prepare(pod)
	if err != nil {
		return err
	}
	share := pod.Spec.ShareProcessNamespace
	c.alone = !pod.Spec.HostPID && (share == nil || !*share)
	if plan.running != "" {
		c.container = plan.running
		return nil
	}
	if c.added != "" {
		return fmt.Errorf("our ephemeral container %s did not start, and another is not added", c.added)
	}
	if !c.options.Confirmed {
		return fmt.Errorf("%w: %s", ErrNotConfirmed, Remains(*c.target))
	}
	if err := c.patch(ctx, &plan.container, true); err != nil {
		return err
	}
	if err := c.patch(ctx, &plan.container, false); err != nil {
		if !refused(err) {
			c.added = plan.container.Name // perhaps
		}
		return err
	}
	c.added = plan.container.Name
	return c.await(ctx)
}

// await waits until the container that was added runs.
func (c *Collector) await(ctx context.Context) error {
	errSlow := fmt.Errorf("it did not start within %v", c.options.Start)
	waiting, cancel := context.WithTimeoutCause(ctx, c.options.Start, errSlow)
	defer cancel()
	last := "the kubelet has not looked at it yet"
	err := kube.Await(waiting, c.client, remote.Ref(c.target), func(p *corev1.Pod) (bool, error) {
		if err := remote.Same(c.target, p); err != nil {
			return false, err
		}
		s := remote.Status(p, c.added)
		if s != nil && s.State.Waiting != nil {
			last = s.State.Waiting.Reason
		}
		return remote.Started(s)
	})
	if err == nil {
		c.container = c.added
		return nil
	}
	var start *remote.StartError
	switch {
	case errors.As(err, &start):
		err = fmt.Errorf("our ephemeral container %s does not start: %w. %s", c.added, err, remote.Hint(start.Reason, c.options.Image))
	case errors.Is(err, errSlow):
		err = fmt.Errorf("our ephemeral container %s: %w (last seen: %s)", c.added, err, last)
	}
	return fmt.Errorf("%w; %s", err, Remains(*c.target))
}

const (
	// closing bounds how long Close may take.
	closing = 30 * time.Second
	// killed is the exit code of a stop that its container took along when it ended.
	killed = 137
)

// Close ends the container that this collector has added, also when it starts
// only now. One that was there before ends by itself. The entry in the pod's
// spec stays.
func (c *Collector) Close(ctx context.Context) error {
	if c.added == "" || c.closed {
		return nil
	}
	// Ours is to be ended also when the run was interrupted.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closing)
	defer cancel()
	c.container, c.closed = "", true
	if err := c.end(ctx); err != nil {
		return c.fail(fmt.Errorf("ending our ephemeral container %s: %w; it ends by itself after %v", c.added, err, c.options.Timeout))
	}
	return nil
}

func (c *Collector) end(ctx context.Context) error {
	running := false
	err := kube.Await(ctx, c.client, remote.Ref(c.target), func(p *corev1.Pod) (bool, error) {
		if !c.has(p) {
			return true, nil
		}
		var hopeless error
		running, hopeless = remote.Started(remote.Status(p, c.added))
		return running || hopeless != nil, nil
	})
	if err != nil || !running {
		return ignoreGone(err)
	}
	result, err := stream.New(c.client).Run(ctx, stream.Command{Namespace: c.target.Namespace, Pod: c.target.Pod, Container: c.added, Argv: remote.Stop()})
	var gone *stream.GoneError
	switch {
	case err != nil && !errors.As(err, &gone):
		return err
	case err == nil && result.ExitCode != 0 && result.ExitCode != killed:
		return fmt.Errorf("%q failed with exit code %d: %s", strings.Join(remote.Stop(), " "), result.ExitCode, strings.TrimSpace(string(result.Stderr)))
	}
	return ignoreGone(kube.Await(ctx, c.client, remote.Ref(c.target), func(p *corev1.Pod) (bool, error) {
		s := remote.Status(p, c.added)
		return !c.has(p) || s != nil && s.State.Terminated != nil, nil
	}))
}

// has reports whether a pod is the target's and has the container that was
// added. A pod of the same name has not, and one that is gone took ours along.
func (c *Collector) has(p *corev1.Pod) bool {
	return string(p.UID) == c.target.PodUID && slices.ContainsFunc(p.Spec.EphemeralContainers, func(e corev1.EphemeralContainer) bool { return e.Name == c.added })
}

func ignoreGone(err error) error {
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// fail says what could not be done, and with which container. Nil stays nil.
func (c *Collector) fail(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("debug container for %s/%s/%s: %w", c.target.Namespace, c.target.Pod, c.target.Container, err)
}

// checkImage refuses what the kubelet would refuse only when it is too late.
func checkImage(name string) error {
	if _, err := image.Parse(name); err != nil {
		return fmt.Errorf("the collector's image: %w", err)
	}
	return nil
}
