package cluster

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"golang.org/x/sync/semaphore"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/kubeassay/assay/kube"
)

// walker goes through the lists of one kind in a goroutine of its own: all
// namespaces at once where that is permitted, else one by one. It hands on one
// page at a time and is one page ahead, so that all kinds wait for the server
// together; what is empty or fails does not hold it up.
type walker struct {
	list     list
	client   *kube.Client
	turns    *semaphore.Weighted
	pageSize int
	scope    *scope

	out  chan<- batch
	back <-chan struct{}
	// finish, while a page is lent, is what to do once it is given back.
	finish func()
	// next is what has come together since the last page.
	next batch
}

// batch is a page, and what happened before it.
type batch struct {
	// page is lent: it must be given back. The last batch has none.
	page     *kube.Page
	failures []failure
	listed   int // namespaces that were listed by themselves
	// err ends the reading: nothing else will work either.
	err error
}

func (w *walker) run(ctx context.Context) {
	defer close(w.out)
	w.next.err = w.walk(ctx)
	if w.next.err != nil && ctx.Err() != nil {
		// Whatever else went wrong at the same moment is not why it ends.
		w.next.err = context.Cause(ctx)
	}
	w.takeBack()
	w.out <- w.next
}

func (w *walker) walk(ctx context.Context) error {
	if w.scope.byName {
		return w.each(ctx, w.scope.names)
	}
	some, err := w.pages(ctx, "")
	switch {
	case err == nil || ends(ctx, err):
		return err
	case some || !apierrors.IsForbidden(err):
		w.fail(failure{onward: true, err: err})
		return nil
	case len(w.scope.names) == 0 && w.scope.unknown:
		return w.only(ctx, w.client.Namespace(), err)
	}
	return w.each(ctx, w.scope.names)
}

// only lists the one namespace that can be named when namespaces can't be listed either.
func (w *walker) only(ctx context.Context, namespace string, forbidden error) error {
	if !w.scope.wants(namespace) {
		w.fail(failure{err: forbidden})
		return nil
	}
	_, err := w.pages(ctx, namespace)
	w.next.listed++
	switch {
	case ends(ctx, err):
		return err
	case err != nil:
		w.fail(failure{err: fmt.Errorf("%w; %w", forbidden, err)})
	default:
		w.fail(failure{but: namespace, err: fmt.Errorf("%w; only namespace %s was read, since which others there are is not known (name them with --namespace)", forbidden, namespace)})
	}
	return nil
}

func (w *walker) each(ctx context.Context, names []string) error {
	for i, n := range names {
		_, err := w.pages(ctx, n)
		w.next.listed++
		var gone *kube.UnreachableError
		switch {
		case err == nil:
		case ends(ctx, err):
			return err
		case errors.As(err, &gone) && !gone.Timeout && i < len(names)-1:
			// It was waited for long enough; not again for every namespace.
			w.fail(failure{namespace: n, onward: true, err: err})
			return nil
		default:
			w.fail(failure{namespace: n, err: err})
		}
	}
	return nil
}

func (w *walker) fail(f failure) { w.next.failures = append(w.next.failures, f) }

// ends reports whether nothing else will work after this error.
func ends(ctx context.Context, err error) bool {
	return err != nil && ctx.Err() != nil || kube.IsUnauthenticated(err)
}

// pages hands on all pages of one list, and says whether there were any. The
// last one is still lent when it returns, so that the next list begins meanwhile.
func (w *walker) pages(ctx context.Context, namespace string) (some bool, err error) {
	o := kube.ListOptions{
		Namespace: namespace, LabelSelector: w.list.labels, FieldSelector: w.list.fields,
		PageSize: w.pageSize, MetadataOnly: w.list.metadata, Prefetch: true, Turns: w.turns,
	}
	if namespace == "" {
		o.FieldSelector = w.scope.excludeSelector(w.list.fields)
	}
	// Pulled, since the end of the loop would be the end of the last page too.
	next, stop := iter.Pull2(w.client.Pages(ctx, w.list.resource, o))
	for {
		page, err, more := next()
		if err != nil || !more || page.Len() == 0 {
			stop()
			return some, err
		}
		some = true
		w.takeBack() // of the list before
		if page.Continue == "" {
			w.lend(page, stop)
			return some, nil
		}
		w.lend(page, func() {})
		w.takeBack()
	}
}

func (w *walker) lend(page *kube.Page, finish func()) {
	b := w.next
	b.page, w.next = page, batch{}
	w.finish = finish
	w.out <- b
}

// takeBack waits until the page that is lent, if one is, is no longer needed.
func (w *walker) takeBack() {
	if w.finish == nil {
		return
	}
	<-w.back
	w.finish()
	w.finish = nil
}
