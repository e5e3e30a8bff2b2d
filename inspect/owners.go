package inspect

import (
	"context"
	"errors"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/kube"
)

// owners finds the workload that a person edits above a pod. Of the kinds that
// stand in between, ReplicaSets and Jobs, each is asked for once.
type owners struct {
	client *kube.Client
	known  map[finding.Workload]owner
	// bulk: all of a kind are listed as soon as one is needed. That is quicker
	// where many pods are looked at, and takes the right to list.
	bulk bool
	done map[scopeOf]bool // listed, or tried to
	// closed are the kinds that can't be read, so that it is not tried again.
	closed   map[scopeOf]bool
	coverage []finding.Coverage
}

// owner is what stands above a ReplicaSet or Job. Unknown: that could not be read.
type owner struct {
	above   *finding.Workload // nil: nothing
	unknown bool
}

type scopeOf struct {
	resource  kube.Resource
	namespace string
}

func newOwners(client *kube.Client) *owners {
	return &owners{client: client, known: map[finding.Workload]owner{}, done: map[scopeOf]bool{}, closed: map[scopeOf]bool{}}
}

// climb lists a pod and its owners, up to the top. It is not whole where an
// owner could not be read: then there may be more above.
func (o *owners) climb(ctx context.Context, pod *corev1.Pod) (way []finding.Workload, whole bool) {
	way = []finding.Workload{{APIVersion: "v1", Kind: "Pod", Namespace: pod.Namespace, Name: pod.Name}}
	next := owner{above: controller(&pod.ObjectMeta)}
	for next.above != nil && !slices.Contains(way, *next.above) {
		way = append(way, *next.above)
		next = o.next(ctx, *next.above)
	}
	return way, !next.unknown
}

// controller is the owner that controls an object. A static pod's mirror is
// "owned" by its node, which nobody edits to change the pod.
func controller(m *metav1.ObjectMeta) *finding.Workload {
	r := metav1.GetControllerOfNoCopy(m)
	if r == nil || r.Kind == kube.Nodes.Kind && r.APIVersion == kube.Nodes.APIVersion() {
		return nil
	}
	return &finding.Workload{APIVersion: r.APIVersion, Kind: r.Kind, Namespace: m.Namespace, Name: r.Name}
}

// next is the owner of a ReplicaSet or Job; other kinds that own pods are the top.
func (o *owners) next(ctx context.Context, w finding.Workload) owner {
	s := scopeOf{namespace: w.Namespace}
	for _, r := range []kube.Resource{kube.ReplicaSets, kube.Jobs} {
		if w.Kind == r.Kind && w.APIVersion == r.APIVersion() {
			s.resource = r
		}
	}
	if s.resource.Resource == "" {
		return owner{}
	}
	if known, ok := o.known[w]; ok {
		return known
	}
	if o.bulk && !o.done[s] {
		o.done[s] = true
		o.list(ctx, s)
		if known, ok := o.known[w]; ok {
			return known
		}
	}
	if o.closed[s] {
		return owner{unknown: true}
	}
	o.known[w] = o.read(ctx, s, w.Name)
	return o.known[w]
}

// list learns all owners of one kind in a namespace. If that is not to be had,
// they are asked for one by one, and it is then that a refusal is told of.
func (o *owners) list(ctx context.Context, s scopeOf) {
	for page, err := range o.client.Pages(ctx, s.resource, kube.ListOptions{Namespace: s.namespace, MetadataOnly: true}) {
		if err != nil {
			return
		}
		for raw := range page.Items() {
			var m metav1.PartialObjectMetadata
			if m.Unmarshal(raw) != nil {
				continue // it is asked for if it is needed
			}
			w := finding.Workload{APIVersion: s.resource.APIVersion(), Kind: s.resource.Kind, Namespace: m.Namespace, Name: m.Name}
			o.known[w] = owner{above: controller(&m.ObjectMeta)}
		}
	}
}

// read asks for one object's owner.
func (o *owners) read(ctx context.Context, s scopeOf, name string) owner {
	var m metav1.PartialObjectMetadata
	err := o.client.Read(ctx, kube.Ref{Resource: s.resource, Namespace: s.namespace, Name: name}, &m)
	var unreachable *kube.UnreachableError
	switch {
	case err == nil:
		return owner{above: controller(&m.ObjectMeta)}
	case apierrors.IsNotFound(err):
		return owner{} // an orphan: nothing is above it
	case ctx.Err() != nil:
		return owner{unknown: true} // the run is over, and says so
	case apierrors.IsForbidden(err), errors.As(err, &unreachable):
		o.closed[s] = true
	}
	o.coverage = append(o.coverage, finding.Coverage{Scope: "namespace/" + s.namespace, State: finding.OwnerUnresolved, Detail: err.Error()})
	return owner{unknown: true}
}
