package server_test

import (
	"bytes"
	"context"
	"iter"
	"slices"
	"sync"
	"sync/atomic"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/internal/server"
	"github.com/kubeassay/assay/posture/source"
)

// step is something that a source does: yield an item, wait, or fail.
type step struct {
	item source.Item
	wait <-chan struct{}
	err  error
}

// cluster is a backend made of pods in memory. It counts what is asked of it.
type cluster struct {
	steps       []step
	err         error // of Source itself
	panics      bool
	readyPanics bool
	ready       atomic.Pointer[error]
	probes      atomic.Int32
	opened      atomic.Int32
	waiting     chan struct{} // gets a value when a scan comes to a wait
	cancelled   chan error    // gets the cause when a wait is cancelled
}

func newCluster(steps ...step) *cluster {
	return &cluster{steps: steps, waiting: make(chan struct{}, 1000), cancelled: make(chan error, 1000)}
}

func (c *cluster) Source(_ context.Context, scope server.Scope) (source.Source, error) {
	c.opened.Add(1)
	if c.err != nil {
		return nil, c.err
	}
	return &items{c, scope}, nil
}

func (c *cluster) Ready(context.Context) error {
	c.probes.Add(1)
	if c.readyPanics {
		panic("a fault in the probe")
	}
	if err := c.ready.Load(); err != nil {
		return *err
	}
	return nil
}

func (c *cluster) Cluster() string       { return "https://cluster.test:6443" }
func (c *cluster) APICalls() map[int]int { return map[int]int{200: 7, 403: 2, 0: 1} }

type items struct {
	*cluster
	scope server.Scope
}

func (s *items) wants(o *source.Object, namespace string) bool {
	if o != nil {
		selector, err := labels.Parse(s.scope.Selector)
		if err != nil || !selector.Matches(labels.Set(o.Meta.Labels)) {
			return false
		}
		namespace = o.Meta.Namespace
	}
	return namespace == "" || !slices.Contains(s.scope.ExcludeNamespaces, namespace) &&
		(len(s.scope.Namespaces) == 0 || slices.Contains(s.scope.Namespaces, namespace))
}

func (s *items) Items(ctx context.Context) iter.Seq2[source.Item, error] {
	return func(yield func(source.Item, error) bool) {
		if s.panics {
			panic("a fault in a check")
		}
		for _, st := range s.steps {
			switch {
			case st.err != nil:
				yield(source.Item{}, st.err)
				return
			case st.wait != nil:
				s.waiting <- struct{}{}
				select {
				case <-st.wait:
				case <-ctx.Done():
					s.cancelled <- context.Cause(ctx)
					yield(source.Item{}, ctx.Err())
					return
				}
			case s.wants(st.item.Object, st.item.NamespaceDone):
				if !yield(st.item, nil) {
					return
				}
			}
		}
	}
}

type podOption func(*corev1.Pod)

func pod(namespace, name, image string, options ...podOption) step {
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: map[string]string{"app": name}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: image}}},
		Status:     corev1.PodStatus{Phase: corev1.PodRunning},
	}
	for _, o := range options {
		o(p)
	}
	object := source.FromPod(p)
	return step{item: source.Item{Object: &object}}
}

func user(uid int64) podOption {
	return func(p *corev1.Pod) {
		p.Spec.Containers[0].SecurityContext = &corev1.SecurityContext{RunAsUser: &uid}
	}
}

func nonRoot(v bool) podOption {
	return func(p *corev1.Pod) { p.Spec.SecurityContext = &corev1.PodSecurityContext{RunAsNonRoot: &v} }
}

func reported(uid int64) podOption {
	return func(p *corev1.Pod) {
		p.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "app",
			User: &corev1.ContainerUser{Linux: &corev1.LinuxContainerUser{UID: uid}}}}
	}
}

func done(namespace string) step { return step{item: source.Item{NamespaceDone: namespace}} }

func wait(c <-chan struct{}) step { return step{wait: c} }

func fails(err error) step { return step{err: err} }

func gap(scope string, state finding.CoverageState) step {
	return step{item: source.Item{Coverage: &finding.Coverage{Scope: scope, State: state, Detail: "as the test wants"}}}
}

// shop is a cluster with something of everything.
func shop() []step {
	return []step{
		pod("kube-system", "dns", "registry.test/dns:1.2", user(1000)), done("kube-system"),
		pod("shop", "cart", "nginx:latest", nonRoot(false)),
		pod("shop", "mail", "mail:2.0", nonRoot(true)),
		pod("shop", "odd", "Not A Reference", user(7)),
		pod("shop", "pay", "pay:1.0", user(0)),
		pod("shop", "stock", "stock", reported(0)),
		done("shop"),
	}
}

// logs is a logger's output.
type logs struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logs) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
