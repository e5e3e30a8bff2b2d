package inspect

import (
	"context"
	"errors"
	"fmt"

	"github.com/kubeassay/assay/inspect/collect"
	"github.com/kubeassay/assay/inspect/collect/debugcontainer"
	"github.com/kubeassay/assay/inspect/collect/exec"
	"github.com/kubeassay/assay/inspect/collect/imagevolume"
	"github.com/kubeassay/assay/inspect/collect/sidecar"
	"github.com/kubeassay/assay/inspect/risk"
	"github.com/kubeassay/assay/inspect/snapshot"
	"github.com/kubeassay/assay/kube"
)

// way is an approach as this run would take it.
type way struct {
	approach snapshot.Approach
	// possible says, without asking anybody, why the approach is out of the question.
	possible func() error
	// agreed asks whoever has to agree to it; nil where nobody has to.
	agreed func(context.Context, *Target) error
	open   func(*look, *kube.Client) collect.Collector
	// calls lists what is asked of the API in words; why says what speaks for the approach.
	calls func(*look) []string
	why   string
}

// fits says, before anything is done, why the way can't be taken.
func (w *way) fits(ctx context.Context, t *Target) error {
	if w.possible != nil {
		if err := w.possible(); err != nil {
			return err
		}
	}
	if w.agreed == nil {
		return nil
	}
	return w.agreed(ctx, t)
}

// waysOf are the approaches to try, in this order.
//
// Exec comes first although an image volume touches the target less: only what
// is in the container itself can answer for the container. The image volume is
// what is left for containers in which nothing can be run, and where nobody
// agreed to a debug container. A sidecar is never chosen unasked.
func (r *run) waysOf(a snapshot.Approach) []*way {
	switch a {
	case snapshot.KubernetesAPI:
		return []*way{r.byExec()}
	case snapshot.DebugContainer:
		return []*way{r.byDebugContainer()}
	case snapshot.ImageVolume:
		return []*way{r.byImageVolume()}
	case snapshot.SidecarContainer:
		return []*way{r.bySidecar()}
	}
	return []*way{r.byExec(), r.byDebugContainer(), r.byImageVolume()}
}

func (r *run) byExec() *way {
	return &way{
		approach: snapshot.KubernetesAPI,
		open:     func(l *look, c *kube.Client) collect.Collector { return exec.New(c, l.collectTarget()) },
		calls: func(l *look) []string {
			return []string{fmt.Sprintf("exec in container %s of pods/%s in namespace %s: a fixed command, 1 to 3 times", l.id.Container, l.id.Pod, l.id.Namespace)}
		},
		why: "it sees the container itself, adds nothing to the pod, and needs a shell, tar or cat in the container",
	}
}

func (r *run) byDebugContainer() *way {
	return &way{
		approach: snapshot.DebugContainer,
		possible: r.image,
		agreed:   r.confirm,
		open: func(l *look, c *kube.Client) collect.Collector {
			return debugcontainer.New(c, l.collectTarget(), debugcontainer.Options{
				Image: r.options.Image, AllowPtrace: r.options.AllowPtrace, Confirmed: true,
			})
		},
		calls: func(l *look) []string { return debugcontainer.Calls(l.collectTarget()) },
		why:   "it sees the container itself, and needs nothing in it",
	}
}

func (r *run) byImageVolume() *way {
	return &way{
		approach: snapshot.ImageVolume,
		possible: func() error {
			switch {
			case r.image() != nil:
				return r.image()
			case r.scanner == "":
				return errors.New("it needs a namespace for a pod of ours: make assay-system, or give --scanner-namespace")
			case !asksForFiles(&r.plan):
				return errors.New("no files are asked for, and an image shows nothing else")
			}
			return nil
		},
		open: func(l *look, c *kube.Client) collect.Collector {
			return imagevolume.New(c, l.collectTarget(), imagevolume.Options{Namespace: r.scanner, Image: r.options.Image, Run: r.name})
		},
		calls: func(l *look) []string { return imagevolume.Calls(l.collectTarget(), r.scanner) },
		why:   "it does not touch the container, and sees only its image: nothing that runs, nothing that was changed",
	}
}

func (r *run) bySidecar() *way {
	return &way{
		approach: snapshot.SidecarContainer,
		open: func(l *look, c *kube.Client) collect.Collector {
			return sidecar.New(c, l.collectTarget(), sidecar.Options{})
		},
		calls: func(l *look) []string { return sidecar.Calls(l.collectTarget()) },
		why:   "our container is in the pod already",
	}
}

func (r *run) image() error {
	if r.options.Image == "" {
		return errors.New("it needs our collector's image: give --debug-image")
	}
	return nil
}

func asksForFiles(p *snapshot.Plan) bool {
	return len(p.Files)+len(p.Stats)+len(p.Globs)+len(p.Trees) > 0
}

var errNotAgreed = errors.New("it adds an entry to the pod's spec that stays until the pod is replaced, and that was not agreed to (--yes)")

// confirm asks before an ephemeral container is added to a pod.
func (r *run) confirm(ctx context.Context, t *Target) error {
	question := fmt.Sprintf("Add a debug container to pod %s/%s, to look into container %s? Its entry stays in the pod's spec until the pod is replaced.",
		t.Pod.Namespace, t.Pod.Name, t.Container)
	if !r.options.Confirm(ctx, question) {
		return errNotAgreed
	}
	return nil
}

// unfitError means that an approach does not fit the target, so that another
// one may; other errors end the look.
type unfitError struct{ err error }

func (e *unfitError) Error() string { return e.err.Error() }
func (e *unfitError) Unwrap() error { return e.err }

// unfit marks the errors after which another approach may do: those that were
// found out before anything was changed, and that lie in the approach itself.
func unfit(err error) error {
	var noTool *exec.NoToolsError
	if errors.As(err, &noTool) {
		return &unfitError{err}
	}
	for _, e := range []error{debugcontainer.ErrRefused, debugcontainer.ErrNeedsPtrace, debugcontainer.ErrUserUnknown, imagevolume.ErrUnsupported, imagevolume.ErrImageMissing, imagevolume.ErrRefused} {
		if errors.Is(err, e) {
			return &unfitError{err}
		}
	}
	return err
}

// use is what the risk of a look is rated by.
func (r *run) use(with *lease, approaches []snapshot.Approach, method string, uid *int64) risk.Use {
	u := risk.Use{Approaches: approaches, Ptrace: r.options.AllowPtrace, Script: method == "sh", Root: uid != nil && *uid == 0}
	if !with.own {
		u.Pods, u.TokenLife, u.SharedHome = with.pods, with.life, with.sharedHome
	}
	return u
}
