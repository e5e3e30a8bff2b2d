package imagevolume

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/kubeassay/assay/image"
	"github.com/kubeassay/assay/inspect/access"
	"github.com/kubeassay/assay/inspect/collect"
	"github.com/kubeassay/assay/inspect/collect/internal/remote"
	"github.com/kubeassay/assay/inspect/snapshot"
	"github.com/kubeassay/assay/kube"
)

// Options say how the pod is made.
type Options struct {
	// Namespace of ours in which the pod is made.
	Namespace string
	// Image of the collector.
	Image string
	// PullSecrets in that namespace: for the collector's image, and for the
	// target's where the node lets only those use an image who may pull it.
	PullSecrets []string
	// Run marks the pod; empty for a name of its own.
	Run string
	// Lifetime after which the pod ends by itself, and may be removed by anybody; 0 for 10 minutes.
	Lifetime time.Duration
	// Start is how long the pod may take until it runs; 0 for two minutes.
	Start time.Duration
}

// Note goes with all evidence of this approach.
const Note = "files are those of the image, not what the container changed since it started"

// unseen is the reason for what an image does not show.
const unseen = "the image does not show it: this takes an approach that looks into the running container"

// Collector reads an image by a pod of ours.
type Collector struct {
	client  *kube.Client
	target  *collect.Target
	options Options
	made    *corev1.Pod // ours, once made
	ready   bool
	orphan  bool // no kubelet has taken the pod up
}

var _ collect.Collector = (*Collector)(nil)

// New makes a Collector. It calls nobody yet.
func New(client *kube.Client, target collect.Target, o Options) *Collector {
	if o.Lifetime < time.Second {
		o.Lifetime = 10 * time.Minute
	}
	if o.Start <= 0 {
		o.Start = 2 * time.Minute
	}
	if o.Run == "" {
		o.Run = access.NewRun()
	}
	return &Collector{client: client, target: &target, options: o}
}

// Approach is the image volume.
func (c *Collector) Approach() snapshot.Approach { return snapshot.ImageVolume }

// Needs are the permissions that a Collector takes.
func Needs(t collect.Target, namespace string) []access.Need {
	return access.ForApproach(snapshot.ImageVolume, t.Namespace, []string{t.Pod}, namespace)
}

// Calls lists in words every call of the API that a Collector may make.
func Calls(t collect.Target, namespace string) []string {
	in := " in namespace " + namespace
	return []string{
		"create pods" + in + ", as a dry run",
		"create pods" + in + ": one pod on node " + t.Node,
		"get and watch that pod until it runs",
		"exec in that pod, once for each round: " + remote.Program + " collect",
		"delete that pod, and watch until it is gone",
	}
}

// Preflight finds out whether the pod could be made, and changes nothing.
func (c *Collector) Preflight(ctx context.Context) error {
	pod, err := c.prepare()
	if err != nil {
		return c.fail(err)
	}
	return c.fail(c.try(ctx, pod))
}

// Collect gathers what the plan asks for. The first call makes the pod.
func (c *Collector) Collect(ctx context.Context, plan *snapshot.Plan, into *snapshot.Builder) (collect.Usage, error) {
	if !c.ready {
		if err := c.open(ctx); err != nil {
			return collect.Usage{Notes: []string{Note}}, c.fail(err)
		}
	}
	files := *plan
	files.Processes, files.Mounts, files.Sockets = false, false, false
	at := remote.Place{Namespace: c.options.Namespace, Pod: c.made.Name, Container: containerName}
	whole := snapshot.NewBuilder(snapshot.Limits{FileBytes: math.MaxInt64, TotalBytes: math.MaxInt64, Files: math.MaxInt32})
	usage, commit, err := remote.Collect(ctx, c.client, at, remote.CollectRoot(mountPath), &files, whole)
	usage.Notes = append(usage.Notes, Note)
	if err != nil {
		return usage, c.fail(err)
	}
	commit()
	takeOver(whole.Snapshot(), mounts(c.target), into)
	fact := snapshot.Fact{State: snapshot.NotCollected, Detail: unseen}
	if plan.Processes {
		into.SetProcesses(nil, fact)
	}
	if plan.Mounts {
		into.SetMounts(nil, fact)
	}
	if plan.Sockets {
		into.SetSockets(nil, fact)
	}
	return usage, nil
}

func (c *Collector) prepare() (*corev1.Pod, error) {
	if _, err := image.Parse(c.options.Image); err != nil {
		return nil, fmt.Errorf("the collector's image: %w", err)
	}
	if c.options.Namespace == "" {
		return nil, errors.New("no namespace is given for the pod")
	}
	if c.target.Node == "" {
		return nil, errors.New("the container is on no node")
	}
	ref, err := reference(c.target.ImageID)
	if err != nil {
		return nil, err
	}
	return c.pod(ref), nil
}

func (c *Collector) ref(name string) kube.Ref {
	return kube.Ref{Resource: kube.Pods, Namespace: c.options.Namespace, Name: name}
}

// try makes the pod as a dry run.
func (c *Collector) try(ctx context.Context, pod *corev1.Pod) error {
	var answer corev1.Pod
	if err := c.client.Create(ctx, c.ref(""), pod, &answer, kube.WriteOptions{DryRun: true}); err != nil {
		return refusal(err, c.options.Namespace)
	}
	for _, v := range answer.Spec.Volumes {
		if v.Name == volumeName && v.Image != nil {
			return nil
		}
	}
	return fmt.Errorf("%w: it dropped the volume from the pod", ErrUnsupported)
}

// open makes the pod and waits until it runs.
func (c *Collector) open(ctx context.Context) error {
	if c.made != nil {
		return fmt.Errorf("pod %s did not start, and another is not made", c.made.Name)
	}
	pod, err := c.prepare()
	if err != nil {
		return err
	}
	if err := c.try(ctx, pod); err != nil {
		return err
	}
	c.made = pod
	answer := &corev1.Pod{}
	if err := c.client.Create(ctx, c.ref(""), pod, answer, kube.WriteOptions{}); err != nil {
		return refusal(err, c.options.Namespace)
	}
	c.made = answer
	if err := c.await(ctx); err != nil {
		return err
	}
	c.ready = true
	return nil
}

// taken is how long a kubelet that is alive needs at most to see a new pod.
const taken = 20 * time.Second

// await waits until the pod runs.
func (c *Collector) await(ctx context.Context) error {
	errNode := fmt.Errorf("node %s has not taken it up within %v: is the node gone, or not ready?", c.target.Node, min(taken, c.options.Start))
	if err := c.watch(ctx, min(taken, c.options.Start), errNode, func(p *corev1.Pod) (bool, error) {
		return p.Status.StartTime != nil || p.Status.Phase == corev1.PodFailed, nil
	}); err != nil {
		c.orphan = errors.Is(err, errNode)
		return err
	}
	last := "nothing"
	errSlow := fmt.Errorf("it did not run within %v", c.options.Start)
	err := c.watch(ctx, c.options.Start, errSlow, func(p *corev1.Pod) (bool, error) {
		s := remote.Status(p, containerName)
		if s != nil && s.State.Waiting != nil {
			last = s.State.Waiting.Reason + " " + s.State.Waiting.Message
		}
		if p.Status.Phase == corev1.PodFailed && (s == nil || s.State.Terminated == nil) {
			return false, &remote.StartError{Reason: p.Status.Reason, Message: p.Status.Message}
		}
		return remote.Started(s)
	})
	if errors.Is(err, errSlow) {
		return fmt.Errorf("%w (last seen: %s)", err, last)
	}
	return c.explain(err)
}

func (c *Collector) watch(ctx context.Context, limit time.Duration, cause error, done func(*corev1.Pod) (bool, error)) error {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, cause)
	defer cancel()
	err := kube.Await(ctx, c.client, c.ref(c.made.Name), func(p *corev1.Pod) (bool, error) {
		if p.DeletionTimestamp != nil {
			return false, errors.New("somebody is deleting it")
		}
		return done(p)
	})
	if err != nil {
		return fmt.Errorf("pod %s of ours in namespace %s: %w", c.made.Name, c.options.Namespace, err)
	}
	return nil
}

const (
	// closing bounds how long Close may take, polite how long it waits for the kubelet.
	closing = 30 * time.Second
	polite  = 10 * time.Second
)

// Close deletes the pod and waits until it is gone.
func (c *Collector) Close(ctx context.Context) error {
	if c.made == nil {
		return nil
	}
	// It is to go also when the run was interrupted.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closing)
	defer cancel()
	pod := c.made
	c.ready = false
	// Without an answer to its making we know no UID, but nobody else has that name.
	gone, err := false, error(nil)
	if !c.orphan {
		gone, err = c.remove(ctx, pod, nil)
	}
	if err == nil && !gone {
		// Its node does not answer: the pod's object can go all the same.
		gone, err = c.remove(ctx, pod, new(int64))
	}
	if err == nil && !gone {
		err = errors.New("it is still there")
	}
	if err != nil {
		return c.fail(fmt.Errorf("deleting pod %s in namespace %s: %w; it ends by itself after %v", pod.Name, c.options.Namespace, err, c.options.Lifetime))
	}
	c.made = nil
	return nil
}

// remove deletes the pod and waits a while until it is gone.
func (c *Collector) remove(ctx context.Context, pod *corev1.Pod, grace *int64) (gone bool, err error) {
	ref := c.ref(pod.Name)
	err = c.client.Delete(ctx, ref, kube.WriteOptions{UID: pod.UID, GracePeriod: grace})
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return true, nil // a conflict: what has the name now is not ours
	}
	if err != nil {
		return false, err
	}
	waiting, cancel := context.WithTimeout(ctx, polite)
	defer cancel()
	err = kube.Await(waiting, c.client, ref, func(p *corev1.Pod) (bool, error) { return p.UID != pod.UID && pod.UID != "", nil })
	switch {
	case err == nil, apierrors.IsNotFound(err):
		return true, nil
	case waiting.Err() != nil && ctx.Err() == nil:
		return false, nil
	}
	return false, err
}

// fail says what could not be done, and for which container. Nil stays nil.
func (c *Collector) fail(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("image volume for %s/%s/%s: %w", c.target.Namespace, c.target.Pod, c.target.Container, err)
}
