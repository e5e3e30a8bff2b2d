package inspect

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/inspect/collect"
	"github.com/kubeassay/assay/inspect/collect/exec"
	"github.com/kubeassay/assay/inspect/collect/stream"
	"github.com/kubeassay/assay/inspect/snapshot"
	"github.com/kubeassay/assay/kube"
)

// look is one look into one container.
type look struct {
	run    *run
	target *Target
	with   *lease
	id     snapshot.Target
	pod    *corev1.Pod // as it was just before the look
	start  time.Time

	snapshot *snapshot.Snapshot
	origin   snapshot.Origin // of the evidence
	used     finding.Used    // by all approaches that were tried
	method   string
	tried    []snapshot.Approach
	why      []string
}

// look looks into a target, and hands on what came of it.
func (r *run) look(ctx context.Context, with *lease, t *Target) error {
	l := &look{run: r, target: t, with: with, start: time.Now().UTC()}
	var all []*finding.Inspection
	err := guard(func() (err error) {
		all, err = l.inspections(ctx)
		return err
	})
	switch {
	case err == nil:
		return r.hand(t, all)
	case ctx.Err() != nil:
		err = errors.New("the run was interrupted while this container was looked into")
	}
	return r.fail(ctx, t, err, l.sum())
}

func (l *look) inspections(ctx context.Context) ([]*finding.Inspection, error) {
	if err := l.identify(ctx); err != nil {
		return nil, err
	}
	all, err := l.collect(ctx)
	if err != nil {
		// That the container is another by now says more than what came of it.
		var changed *changedError
		if now := l.identify(ctx); errors.As(now, &changed) {
			return nil, fmt.Errorf("%w (%w)", now, err)
		}
		return nil, err
	}
	// An exec can't be bound to a UID: what was read may be from a pod, or a
	// container, that has taken the name since.
	if err := l.identify(ctx); err != nil {
		return nil, fmt.Errorf("what was collected is not used: %w", err)
	}
	digest := ""
	if keep := l.run.options.Snapshot; keep != nil {
		if digest, err = keep(l.snapshot, l.pod); err != nil {
			return nil, err
		}
	}
	used := l.sum()
	for _, i := range all {
		i.Snapshot, i.Used = digest, used
	}
	return all, nil
}

// changedError means that a pod or container is not the one that was chosen.
type changedError struct{ text string }

func (e *changedError) Error() string { return e.text }

// Is makes it one of the errors that collectors have for it.
func (e *changedError) Is(target error) bool { return target == collect.ErrChanged }

func changedf(format string, args ...any) error {
	return &changedError{fmt.Sprintf(format, args...)}
}

// identify reads the pod and checks that it and its container are still those
// that were chosen.
func (l *look) identify(ctx context.Context) error {
	t := l.target
	pod := &corev1.Pod{}
	name := t.Pod.Namespace + "/" + t.Pod.Name
	err := l.with.client.Read(ctx, kube.Ref{Resource: kube.Pods, Namespace: t.Pod.Namespace, Name: t.Pod.Name}, pod)
	switch {
	case apierrors.IsNotFound(err):
		return changedf("pod %s is gone", name)
	case err != nil:
		return err
	case pod.UID != t.Pod.UID:
		return changedf("pod %s was replaced by another of the same name (UID %s, before %s)", name, pod.UID, t.Pod.UID)
	}
	now, before := containerStatus(pod, t.Container), t.status()
	switch {
	case pod.Status.Phase == corev1.PodFailed && pod.Status.Reason != "":
		return changedf("pod %s has ended (%s)", name, strings.TrimSpace(pod.Status.Reason+": "+pod.Status.Message))
	case now == nil:
		return changedf("nothing is reported of container %s of pod %s any more", t.Container, name)
	case now.ContainerID != before.ContainerID:
		return changedf("container %s of pod %s was restarted (%d restarts, before %d)", t.Container, name, now.RestartCount, before.RestartCount)
	case now.State.Running == nil:
		return changedf("container %s of pod %s no longer runs", t.Container, name)
	case pod.DeletionTimestamp != nil:
		return changedf("pod %s is being deleted", name)
	}
	pod.ManagedFields = nil
	l.pod, l.id = pod, identity(l.run.client.Server(), t, pod)
	return nil
}

func (l *look) collectTarget() collect.Target {
	return collect.Target{Target: l.id, ContainerType: l.target.Type, Declared: l.pod}
}

// collect takes the ways into the container one after the other until one
// answers, and judges what it gave.
func (l *look) collect(ctx context.Context) ([]*finding.Inspection, error) {
	var refused []string
	for n, w := range l.run.ways {
		all, err := l.take(ctx, w, n == 0)
		var unfit *unfitError
		switch {
		case err == nil:
			l.why = append(l.why, fmt.Sprintf("%s: %s", w.approach, w.why))
			return all, nil
		case ctx.Err() != nil:
			return nil, err
		case errors.As(err, &unfit):
			why := l.short(unfit.err)
			l.why = append(l.why, fmt.Sprintf("%s does not fit: %s", w.approach, why))
			refused = append(refused, fmt.Sprintf("%s: %s", w.approach, why))
		default:
			return nil, fmt.Errorf("%s: %w", w.approach, err)
		}
	}
	if len(refused) == 1 {
		return nil, errors.New(refused[0])
	}
	return nil, fmt.Errorf("no approach answers: %s", strings.Join(refused, "; "))
}

// short leaves out, where there are other approaches, what an error says about them.
func (l *look) short(err error) string {
	var tools *exec.NoToolsError
	var missing *stream.NoCommandError
	if len(l.run.ways) < 2 || !errors.As(err, &tools) {
		return err.Error()
	}
	none := fmt.Sprintf("nothing can be run in the container, none of %s", strings.Join(tools.Tried, ", "))
	if errors.As(tools.Err, &missing) {
		return none
	}
	return none + fmt.Sprintf(" (%v)", tools.Err)
}

// take goes one way: the first one with the rights that are there, the others
// with rights of their own.
func (l *look) take(ctx context.Context, w *way, first bool) (all []*finding.Inspection, err error) {
	if len(l.run.ways) > 1 { // where it is the only one, that was asked before rights were made
		if err := w.fits(ctx, l.target); err != nil {
			return nil, &unfitError{err}
		}
	}
	if first {
		return l.rounds(ctx, w.open(l, l.with.client))
	}
	needs := l.run.needs(w.approach, []*Target{l.target})
	err = l.run.with(ctx, needs, l.with.own, func(own *lease) error {
		all, err = l.rounds(ctx, w.open(l, own.client))
		return err
	})
	var denied *accessError
	if errors.As(err, &denied) {
		return nil, &unfitError{denied}
	}
	return all, err
}
