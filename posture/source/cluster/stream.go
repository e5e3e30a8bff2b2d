package cluster

import (
	"context"
	"errors"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubeassay/assay/kube"
	"github.com/kubeassay/assay/posture/source"
)

// stream decodes one kind, object by object, namespace after namespace.
type stream struct {
	list list
	in   <-chan batch
	back chan<- struct{}

	lent  bool     // items are of a page that was not given back yet
	items [][]byte // of the page, all of them
	at    int      // the next item
	head  *head
	last  string // the namespace of the newest object

	read         int // objects
	listed       int // namespaces that were listed by themselves
	inconsistent bool
	failures     []failure
	broken       broken
}

// head is the next object of a stream.
type head struct {
	namespace string
	item      source.Item
}

// startStream begins to read a kind. The stream must be drained in the end.
func (r *reader) startStream(ctx context.Context, l list) *stream {
	batches := make(chan batch)
	back := make(chan struct{}, 1) // giving back never waits
	w := &walker{
		list: l, client: r.client, turns: r.turns, pageSize: r.o.PageSize, scope: &r.scope,
		out: batches, back: back,
	}
	go w.run(ctx)
	return &stream{list: l, in: batches, back: back}
}

// drain waits for the end of the walker, whose context has been cancelled.
func (s *stream) drain() {
	s.giveBack()
	for b := range s.in {
		s.lent = b.page != nil
		s.giveBack()
	}
}

func (s *stream) giveBack() {
	if s.lent {
		s.lent = false
		s.back <- struct{}{}
	}
}

// next decodes the next object into head, or finds that there is none. After
// that it must not be called again.
func (s *stream) next(ctx context.Context, ownersOnly func(*metav1.ObjectMeta) bool) (bool, error) {
	s.head = nil
	for {
		for s.at < len(s.items) {
			raw := s.items[s.at]
			s.at++
			h, err := s.decode(raw, ownersOnly)
			if err != nil {
				s.broken.add(s.list.resource, raw, err)
				continue
			}
			if s.read > 0 && kube.CompareNamespaces(h.namespace, s.last) < 0 {
				// A namespace that was taken to be complete may not have been.
				s.failures = append(s.failures, failure{err: fmt.Errorf(
					"listing %s: the server does not list in the order of names (namespace %s came after %s), so the rest was not read",
					s.list.resource, h.namespace, s.last)})
				return false, nil
			}
			s.read++
			s.last = h.namespace
			s.head = h
			return true, nil
		}
		if more, err := s.nextPage(ctx); !more {
			return false, err
		}
	}
}

// decode reads an object of the list's kind.
func (s *stream) decode(raw []byte, ownersOnly func(*metav1.ObjectMeta) bool) (*head, error) {
	if s.list.other != nil {
		o, err := decodeOther(s.list.other, raw)
		if err != nil {
			return nil, err
		}
		return &head{o.GetNamespace(), source.Item{Other: o}}, nil
	}
	o, err := decode(s.list.resource, raw, ownersOnly)
	if err == nil && (o.Meta.Name == "" || o.Meta.Namespace == "") {
		err = errors.New("it has no name or no namespace")
	}
	if err != nil {
		return nil, err
	}
	return &head{o.Meta.Namespace, source.Item{Object: &o}}, nil
}

// nextPage gives the page back and waits for the next.
func (s *stream) nextPage(ctx context.Context) (bool, error) {
	s.giveBack()
	b, ok := <-s.in
	if !ok {
		return false, ctx.Err()
	}
	s.listed += b.listed
	for _, f := range b.failures {
		if f.onward && f.namespace == "" {
			f.namespace = s.last // as far as it came
		}
		s.failures = append(s.failures, f)
	}
	s.items, s.at = s.items[:0], 0
	if b.page == nil {
		return false, b.err
	}
	s.lent = true
	s.inconsistent = s.inconsistent || b.page.Inconsistent
	for raw := range b.page.Items() {
		s.items = append(s.items, raw)
	}
	return true, nil
}

func (s *stream) failedIn(namespace string) bool {
	for i := range s.failures {
		if s.failures[i].in(namespace) {
			return true
		}
	}
	return false
}
