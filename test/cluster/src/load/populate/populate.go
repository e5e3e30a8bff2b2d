package populate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	clientv3 "go.etcd.io/etcd/client/v3"
	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	_ "k8s.io/kubernetes/pkg/apis/apps/install" // fill legacyscheme with these kinds and their defaults
	_ "k8s.io/kubernetes/pkg/apis/batch/install"
	_ "k8s.io/kubernetes/pkg/apis/core/install"
	_ "k8s.io/kubernetes/pkg/apis/networking/install"
	_ "k8s.io/kubernetes/pkg/apis/policy/install"
	_ "k8s.io/kubernetes/pkg/apis/rbac/install"
)

// Report says what a cluster was filled with, and so what a scan should find.
type Report struct {
	Pods       int            `json:"pods"`
	Containers int            `json:"containers"` // of pods, all types
	Namespaces int            `json:"namespaces"`
	Nodes      int            `json:"nodes"`
	Objects    map[string]int `json:"objects"`   // by kind
	Workloads  map[string]int `json:"workloads"` // by kind: top owners alone
	// By problem: how many workloads have it, and how many pods these have.
	// It is always one container's, "app".
	Problems map[string]Affected `json:"problems"`
	PodBytes Sizes               `json:"podBytes"` // in etcd, as protobuf
}

// Affected counts workloads with one problem, and their pods.
type Affected struct {
	Workloads int `json:"workloads"`
	Pods      int `json:"pods"`
}

// Sizes is a distribution.
type Sizes struct {
	Median int `json:"median"`
	P10    int `json:"p10"`
	P90    int `json:"p90"`
}

// Run fills the cluster whose etcd this is. It wants an empty one, which no
// controllers look after: they would act on what they see.
func Run(ctx context.Context, etcd *clientv3.Client, o Options) (*Report, error) {
	o.setDefaults()
	if err := checkUnused(ctx, etcd); err != nil {
		return nil, err
	}
	w := &writer{etcd: etcd, report: Report{
		Pods: o.Pods, Namespaces: o.Namespaces, Nodes: o.Nodes,
		Objects: map[string]int{}, Workloads: map[string]int{}, Problems: map[string]Affected{},
	}}
	if err := w.write(ctx, surroundings(o)); err != nil {
		return nil, err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(o.Writers)
	for _, load := range newPlan(o) {
		w.report.count(load)
		group.Go(func() error {
			objects, err := build(load, o)
			if err != nil {
				return err
			}
			return w.write(ctx, objects)
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	slices.Sort(w.podBytes)
	if n := len(w.podBytes); n > 0 {
		w.report.PodBytes = Sizes{Median: w.podBytes[n/2], P10: w.podBytes[n/10], P90: w.podBytes[n*9/10]}
	}
	return &w.report, nil
}

func (r *Report) count(w workload) {
	r.Workloads[w.kind]++
	if w.problem != noProblem {
		a := r.Problems[string(w.problem)]
		r.Problems[string(w.problem)] = Affected{a.Workloads + 1, a.Pods + w.pods}
	}
}

// checkUnused refuses a cluster that was filled before, or that has controllers.
func checkUnused(ctx context.Context, etcd *clientv3.Client) error {
	for key, problem := range map[string]string{
		"/registry/namespaces/" + namespaceName(0): "this cluster has been filled before; start a new one",
		// A controller makes it, seconds after its start.
		"/registry/serviceaccounts/default/default": "this cluster has a controller manager, which would act on these objects; start one with up --bench",
	} {
		found, err := etcd.Get(ctx, key, clientv3.WithCountOnly())
		if err != nil {
			return fmt.Errorf("reading %s from etcd at %v: %w", key, etcd.Endpoints(), err)
		}
		if found.Count > 0 {
			return errors.New(problem)
		}
	}
	return nil
}

// surroundings are the namespaces and nodes.
func surroundings(o Options) []stored {
	b := &builder{rng: newRand(o.Seed, 0), nodes: o.Nodes}
	for i := range o.Namespaces {
		meta := b.meta(namespaceName(i), map[string]string{"kubernetes.io/metadata.name": namespaceName(i), "load": "true"})
		b.add("namespaces", &corev1.Namespace{
			ObjectMeta: meta,
			Spec:       corev1.NamespaceSpec{Finalizers: []corev1.FinalizerName{corev1.FinalizerKubernetes}},
			Status:     corev1.NamespaceStatus{Phase: corev1.NamespaceActive},
		}, kubectl, "")
		b.limits(i)
	}
	room := corev1.ResourceList{
		corev1.ResourceCPU: resource.MustParse("64"), corev1.ResourceMemory: resource.MustParse("256Gi"), corev1.ResourcePods: resource.MustParse("1000"),
	}
	for i := range o.Nodes {
		b.add("minions", &corev1.Node{
			ObjectMeta: b.meta(NodeName(i), map[string]string{
				"kubernetes.io/hostname": NodeName(i), "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64",
			}),
			Status: corev1.NodeStatus{
				Allocatable: room, Capacity: room,
				Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue, Reason: "KubeletReady"}},
				NodeInfo:   corev1.NodeSystemInfo{Architecture: "amd64", OperatingSystem: "linux"},
			},
		}, kubelet, "")
	}
	return b.made
}

// writer stores objects, and counts them.
type writer struct {
	etcd *clientv3.Client

	mu       sync.Mutex
	report   Report
	podBytes []int
}

// inOneGo is how many objects a transaction writes; etcd allows 128.
const inOneGo = 64

func (w *writer) write(ctx context.Context, objects []stored) error {
	for chunk := range slices.Chunk(objects, inOneGo) {
		var puts []clientv3.Op
		for _, s := range chunk {
			value, kind, err := encode(s)
			if err != nil {
				return fmt.Errorf("encoding %s: %w", s.key(), err)
			}
			puts = append(puts, clientv3.OpPut(s.key(), string(value)))
			w.note(s, kind, len(value))
		}
		if _, err := w.etcd.Txn(ctx).Then(puts...).Commit(); err != nil {
			return fmt.Errorf("writing %d objects to etcd at %v: %w", len(puts), w.etcd.Endpoints(), err)
		}
	}
	return nil
}

func (w *writer) note(s stored, kind string, size int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.report.Objects[kind]++
	if pod, ok := s.object.(*corev1.Pod); ok {
		w.report.Containers += len(pod.Spec.InitContainers) + len(pod.Spec.Containers)
		w.podBytes = append(w.podBytes, size)
	}
}

// encode gives an object what the API server gives it before it stores it
// (defaults, managed fields), and encodes it as the API server does.
func encode(s stored) (value []byte, kind string, err error) {
	scheme := legacyscheme.Scheme
	scheme.Default(s.object)
	gvks, _, err := scheme.ObjectKinds(s.object)
	if err != nil {
		return nil, "", err
	}
	apiVersion, kind := gvks[0].ToAPIVersionAndKind()
	if err := manage(s.object, apiVersion, s.maker, s.keeper); err != nil {
		return nil, "", err
	}
	s.object.GetObjectKind().SetGroupVersionKind(gvks[0])
	var buffer bytes.Buffer
	err = protobuf.NewSerializer(scheme, scheme).Encode(s.object, &buffer)
	return buffer.Bytes(), kind, err
}
