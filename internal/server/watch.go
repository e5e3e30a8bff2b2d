package server

import (
	"context"
	"iter"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/source"
)

// watched passes a source's items on and notes whether anything was read at
// all. The report can't tell: it counts neither a namespace that is empty nor
// one that could not be read.
type watched struct {
	source.Source
	podsOnly bool
	objects  bool
	done     map[string]bool // namespaces that were gone through
	gaps     []finding.Coverage
}

func watch(src source.Source, podsOnly bool) *watched {
	return &watched{Source: src, podsOnly: podsOnly, done: map[string]bool{}}
}

// Describe is the source's.
func (w *watched) Describe() source.Description {
	if d, ok := w.Source.(source.Described); ok {
		return d.Describe()
	}
	return source.Description{Gives: func(schema.GroupKind) bool { return false }}
}

// Items is the source's.
func (w *watched) Items(ctx context.Context) iter.Seq2[source.Item, error] {
	return func(yield func(source.Item, error) bool) {
		for item, err := range w.Source.Items(ctx) {
			w.note(&item)
			if !yield(item, err) {
				return
			}
		}
	}
}

func (w *watched) note(item *source.Item) {
	switch {
	case item.Object != nil:
		// Where pods are asked for, an owner alone is not yet an answer.
		w.objects = w.objects || !w.podsOnly || item.Object.Status != nil
	case item.Unjudged, item.Problem != nil:
		w.objects = true
	case item.NamespaceDone != "":
		w.done[item.NamespaceDone] = true
	case item.Coverage != nil:
		switch item.Coverage.State {
		case finding.Forbidden, finding.TimedOut, finding.Unreadable:
			w.gaps = append(w.gaps, *item.Coverage)
		}
	}
}

// nothingRead returns an error when nothing was read because nothing could be.
// A namespace that was read to its end, and is empty, is an answer.
func (w *watched) nothingRead() error {
	if w.objects || len(w.gaps) == 0 {
		return nil
	}
	e := &nothingReadError{coverage: w.gaps, forbidden: true}
	unread := map[string]bool{}
	everywhere := false
	for _, gap := range w.gaps {
		name, isNamespace := strings.CutPrefix(gap.Scope, "namespace/")
		switch {
		case gap.State == finding.Unreadable:
			// That may also be said of a namespace in which nothing was found.
			e.forbidden = false
			continue
		case gap.State != finding.Forbidden:
			e.forbidden = false
		}
		everywhere = everywhere || gap.Scope == "cluster"
		if isNamespace {
			name, _, _ = strings.Cut(name, "/")
			unread[name] = true
		}
	}
	for name := range w.done {
		if !everywhere && !unread[name] {
			return nil
		}
	}
	return e
}
