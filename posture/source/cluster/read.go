package cluster

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"golang.org/x/sync/semaphore"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/kube"
	"github.com/kubeassay/assay/posture/index"
	"github.com/kubeassay/assay/posture/source"
)

// Items yields nodes, then namespace after namespace, owners before their pods.
func (s *Source) Items(ctx context.Context) iter.Seq2[source.Item, error] {
	return func(yield func(source.Item, error) bool) {
		r := s.newReader(yield)
		if err := r.read(ctx); err != nil && !errors.Is(err, errStopped) {
			yield(source.Item{}, err)
		}
	}
}

// errStopped: the caller wants no more items.
var errStopped = errors.New("stopped")

// reader is one reading of a source.
type reader struct {
	*Source
	yield   func(source.Item, error) bool
	turns   *semaphore.Weighted // to send a request
	scope   scope
	found   []source.Item // namespaces, to be told of once the version is known
	streams []*stream
}

func (s *Source) newReader(yield func(source.Item, error) bool) *reader {
	return &reader{Source: s, yield: yield, turns: semaphore.NewWeighted(int64(s.o.Concurrency))}
}

func (r *reader) item(i source.Item) error {
	if !r.yield(i, nil) {
		return errStopped
	}
	return nil
}

func (r *reader) gap(scope string, state finding.CoverageState, format string, args ...any) error {
	return r.item(source.Item{Coverage: &finding.Coverage{Scope: scope, State: state, Detail: fmt.Sprintf(format, args...)}})
}

func (r *reader) read(ctx context.Context) error {
	if err := r.findNamespaces(ctx); err != nil {
		return err
	}
	if err := r.readVersion(ctx); err != nil {
		return err
	}
	for _, i := range r.found {
		if err := r.item(i); err != nil {
			return err
		}
	}
	if r.o.Nodes {
		if err := r.readNodes(ctx); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer func() {
		cancel()
		for _, s := range r.streams {
			s.drain()
		}
	}()
	for _, l := range r.lists() {
		r.streams = append(r.streams, r.startStream(ctx, l))
	}
	if err := r.readOthers(ctx); err != nil {
		return err
	}
	if err := r.merge(ctx); err != nil {
		return err
	}
	for _, s := range r.streams {
		for _, c := range r.coverage(s) {
			if err := r.item(source.Item{Coverage: &c}); err != nil {
				return err
			}
		}
	}
	return nil
}

// readVersion asks for the server's version. Where it does not tell, checks
// that go by it do without.
func (r *reader) readVersion(ctx context.Context) error {
	version, err := r.client.ServerVersion(ctx)
	if err != nil {
		return ctx.Err()
	}
	return r.item(source.Item{Version: version})
}

// merge yields the objects of all streams, namespace after namespace.
func (r *reader) merge(ctx context.Context) error {
	for _, s := range r.streams {
		if err := r.advance(ctx, s); err != nil {
			return err
		}
	}
	known := r.known() // in the order of CompareNamespaces
	for {
		namespace, ok := r.nextNamespace(known)
		if !ok {
			return nil
		}
		if len(known) > 0 && known[0] == namespace {
			known = known[1:]
		}
		objects := 0
		for _, s := range r.streams {
			for s.head != nil && s.head.namespace == namespace {
				if err := r.item(s.head.item); err != nil {
					return err
				}
				objects++
				if err := r.advance(ctx, s); err != nil {
					return err
				}
			}
		}
		if err := r.done(ctx, namespace, objects); err != nil {
			return err
		}
	}
}

// known are the namespaces of which something is to be said even where nothing is in them.
func (r *reader) known() []string {
	if len(r.scope.names) == 0 && r.scope.unknown && r.oneByOne() && r.scope.wants(r.client.Namespace()) {
		return []string{r.client.Namespace()}
	}
	return r.scope.names
}

// oneByOne reports whether what is required had to be listed namespace by namespace.
func (r *reader) oneByOne() bool {
	return slices.ContainsFunc(r.streams, func(s *stream) bool { return s.list.required && s.listed > 0 })
}

// nextNamespace is the first one of which anything is left to say.
func (r *reader) nextNamespace(known []string) (name string, ok bool) {
	if len(known) > 0 {
		name, ok = known[0], true
	}
	for _, s := range r.streams {
		if s.head != nil && (!ok || kube.CompareNamespaces(s.head.namespace, name) < 0) {
			name, ok = s.head.namespace, true
		}
	}
	return name, ok
}

// advance moves a stream to its next object that is asked for.
func (r *reader) advance(ctx context.Context, s *stream) error {
	ownersOnly := func(m *metav1.ObjectMeta) bool { return r.ownersOnly(s, m) }
	for {
		more, err := s.next(ctx, ownersOnly)
		if err != nil || !more || r.scope.wants(s.head.namespace) {
			return err
		}
	}
}

// ownersOnly reports whether an object is of use only to tell who owns whom.
func (r *reader) ownersOnly(s *stream, m *metav1.ObjectMeta) bool {
	owner, ok := between(s.list.resource)
	switch {
	case !ok || s.list.other != nil:
		return false
	case s.list.ownersOnly, !r.selector.Matches(labels.Set(m.Labels)):
		return true
	}
	c := metav1.GetControllerOfNoCopy(m)
	return c != nil && c.Kind == owner.Kind && c.APIVersion == owner.APIVersion() && r.judged(owner, m.Namespace)
}

// judged reports whether the templates of a kind are judged, so that copies of them need not be.
func (r *reader) judged(k kube.Resource, namespace string) bool {
	return slices.ContainsFunc(r.streams, func(s *stream) bool {
		return s.list.resource == k && !s.failedIn(namespace)
	})
}

// done tells that a namespace is complete, unless nothing of it could be read.
func (r *reader) done(ctx context.Context, namespace string, objects int) error {
	if objects == 0 {
		found := false // something that can't be decoded
		for _, s := range r.streams {
			if s.list.required && s.failedIn(namespace) {
				return nil // not looked at; coverage says so
			}
			found = found || s.broken.in[namespace]
		}
		if !found {
			if err := r.checkEmpty(ctx, namespace); err != nil {
				return err
			}
		}
	}
	for _, s := range r.streams {
		if err := r.missedIn(s, namespace); err != nil {
			return err
		}
	}
	return r.item(source.Item{NamespaceDone: namespace})
}

// missedIn tells that pods, what makes them, or objects which checks ask about,
// could not be read there. Coverage tells it too, once for all namespaces.
func (r *reader) missedIn(s *stream, namespace string) error {
	kind := schema.GroupKind{Group: s.list.resource.Group, Kind: s.list.resource.Kind}
	miss := func(reason string) error {
		return r.item(source.Item{Gap: &index.Gap{Kind: kind, Namespace: namespace, Reason: reason}})
	}
	for i := range s.failures {
		if f := &s.failures[i]; f.in(namespace) {
			return miss(f.err.Error())
		}
	}
	if s.broken.in[namespace] {
		return miss(fmt.Sprintf("not all %s of namespace %s can be decoded", s.list.resource, namespace))
	}
	return nil
}
