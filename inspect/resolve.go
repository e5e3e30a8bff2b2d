package inspect

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/kube"
	"github.com/kubeassay/assay/workload"
)

// Selection says which containers to look into: the targets named, or else
// all pods of the namespaces that the selectors fit.
type Selection struct {
	Targets []TargetRef
	// Namespaces to take pods from where no target is named; empty for all.
	Namespaces []string
	// Exclude are namespaces that are left out then.
	Exclude []string
	// Selector is a label selector for pods, FieldSelector one of fields. Neither
	// holds for pods that are named, and the latter not for named workloads.
	Selector, FieldSelector string
	// AllReplicas looks into every pod. Otherwise one running container stands
	// for all that have the same workload, name and image digest.
	AllReplicas bool
}

// Target is one container to look into.
type Target struct {
	// Pod is as the API server had it when the targets were chosen.
	Pod       *corev1.Pod
	Container string
	Type      finding.ContainerType
	Workload  finding.Workload
	// Replicas counts the containers that this one stands for, itself included;
	// PodNames are the first few of their pods.
	Replicas int
	PodNames []string
}

// String is "namespace/pod/container".
func (t *Target) String() string {
	return t.Pod.Namespace + "/" + t.Pod.Name + "/" + t.Container
}

// status is the target container's; never nil for a target that was resolved.
func (t *Target) status() *corev1.ContainerStatus { return containerStatus(t.Pod, t.Container) }

func containerStatus(pod *corev1.Pod, name string) *corev1.ContainerStatus {
	for c := range workload.Containers(&pod.Spec) {
		if c.Name == name && c.Type != finding.ImageVolume {
			return workload.Status(&pod.Status, c)
		}
	}
	return nil
}

// Resolve finds the containers of a selection. What can't be looked into (not
// running, Windows, forbidden) becomes coverage, and so does a target that was
// named and is not there: the others are looked into all the same. An error
// ends everything: the cluster does not answer, or the context is over. What
// was found until then is returned with it.
func Resolve(ctx context.Context, client *kube.Client, s Selection) ([]*Target, []finding.Coverage, error) {
	r := newResolver(client, s.AllReplicas)
	var err error
	if len(s.Targets) > 0 {
		err = r.allNamed(ctx, s)
	} else {
		err = r.namespaces(ctx, s)
	}
	r.finish()
	return r.targets, r.coverage, err
}

// allNamed takes named pods first: they are looked into themselves, so no
// other replica stands for them.
func (r *resolver) allNamed(ctx context.Context, s Selection) error {
	for _, t := range s.Targets {
		if t.Kind != kube.Pods {
			continue
		}
		if err := r.namedPod(ctx, t); err != nil {
			return err
		}
	}
	for _, t := range s.Targets {
		if t.Kind == kube.Pods {
			continue
		}
		if err := r.namedWorkload(ctx, t, s.Selector); err != nil {
			return err
		}
	}
	return nil
}

// namespaces takes all pods of some namespaces, or of all.
func (r *resolver) namespaces(ctx context.Context, s Selection) error {
	spaces := slices.Compact(slices.Sorted(slices.Values(s.Namespaces)))
	if len(spaces) == 0 {
		spaces = []string{""}
	}
	r.owners.bulk = true
	for _, ns := range spaces {
		o := kube.ListOptions{Namespace: ns, LabelSelector: s.Selector, FieldSelector: s.FieldSelector}
		err := r.list(ctx, o, func(p *corev1.Pod) {
			if !slices.Contains(s.Exclude, p.Namespace) {
				way, _ := r.owners.climb(ctx, p)
				r.pod(p, way[len(way)-1], pick{})
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// list goes through the pods of a namespace.
func (r *resolver) list(ctx context.Context, o kube.ListOptions, each func(*corev1.Pod)) error {
	scope := "cluster"
	if o.Namespace != "" {
		scope = "namespace/" + o.Namespace
	}
	for page, err := range r.client.Pages(ctx, kube.Pods, o) {
		if err != nil {
			return r.failed(ctx, scope, err)
		}
		for raw := range page.Items() {
			pod := &corev1.Pod{}
			if err := pod.Unmarshal(raw); err != nil {
				r.uncovered(scope, finding.Unreadable, "a pod that can't be decoded: "+err.Error())
				continue
			}
			each(pod)
		}
	}
	return ctx.Err()
}

// failed makes coverage of what only concerns one scope; a cluster that does
// not answer, and a run that is over, end everything.
func (r *resolver) failed(ctx context.Context, scope string, err error) error {
	var unreachable *kube.UnreachableError
	switch {
	case ctx.Err() != nil, errors.As(err, &unreachable), kube.IsUnauthenticated(err):
		return err
	case apierrors.IsForbidden(err):
		r.uncovered(scope, finding.Forbidden, err.Error())
	case apierrors.IsNotFound(err):
		r.uncovered(scope, finding.NotFound, err.Error())
	case kube.IsTimeout(err):
		r.uncovered(scope, finding.TimedOut, err.Error())
	default:
		r.uncovered(scope, finding.Unreadable, err.Error())
	}
	return nil
}

// namedPod takes a pod that is named.
func (r *resolver) namedPod(ctx context.Context, t TargetRef) error {
	pod := &corev1.Pod{}
	if err := r.client.Read(ctx, kube.Ref{Resource: kube.Pods, Namespace: t.Namespace, Name: t.Name}, pod); err != nil {
		return r.failed(ctx, scopeOfTarget(t), err)
	}
	way, _ := r.owners.climb(ctx, pod)
	if got := r.pod(pod, way[len(way)-1], pick{container: t.Container, exact: true}); !got.found {
		r.uncovered(scopeOfTarget(t), finding.NotFound, "the pod has no container of that name: it has "+containerNames(pod))
	}
	return ctx.Err()
}

// namedWorkload takes the pods of a workload that is named.
func (r *resolver) namedWorkload(ctx context.Context, t TargetRef, selector string) error {
	told := len(r.coverage)
	var pods, found, ended, unsure int
	names := ""
	err := r.list(ctx, kube.ListOptions{Namespace: t.Namespace, LabelSelector: selector}, func(p *corev1.Pod) {
		way, whole := r.owners.climb(ctx, p)
		if !slices.ContainsFunc(way, t.means) {
			if !whole {
				unsure++
			}
			return
		}
		got := r.pod(p, way[len(way)-1], pick{container: t.Container})
		pods++
		if got.found {
			found++
		}
		if got.ended {
			ended++
		}
		names = containerNames(p)
	})
	if err != nil || len(r.coverage) > told {
		return err // what is the matter is said already
	}
	scope := scopeOfTarget(t)
	switch {
	case pods == 0 && unsure > 0:
		r.uncovered(scope, finding.Unreadable, fmt.Sprintf("whose pods it has is not known: %d pods in namespace %s have owners that could not be read", unsure, t.Namespace))
	case pods == 0:
		of := ""
		if selector != "" {
			of = " and has the labels " + selector
		}
		r.uncovered(scope, finding.NotFound, "no pod in namespace "+t.Namespace+" belongs to it"+of)
	case found == 0:
		r.uncovered(scope, finding.NotFound, "its pods have no container of that name: they have "+names)
	case ended == pods:
		r.uncovered(scope, finding.NotRunning, fmt.Sprintf("its pods (%d) have ended: there is no running container to look into", pods))
	}
	return nil
}

// means reports whether the reference is to this workload.
func (t TargetRef) means(w finding.Workload) bool {
	return w.Kind == t.Kind.Kind && w.Name == t.Name && w.APIVersion == t.Kind.APIVersion()
}

// scopeOfTarget names a target in the coverage, as "target/shop/cart-5d9/app"
// or "target/shop/deployment/cart".
func scopeOfTarget(t TargetRef) string {
	parts := []string{"target", t.Namespace}
	if t.Kind != kube.Pods {
		parts = append(parts, strings.ToLower(t.Kind.Kind))
	}
	parts = append(parts, t.Name)
	if t.Container != "" {
		parts = append(parts, t.Container)
	}
	return strings.Join(parts, "/")
}
