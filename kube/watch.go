package kube

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"strconv"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
)

// Event is one change of an object.
type Event struct {
	Type   watch.EventType
	Object any // what newObject made, filled in
}

// longestWatch is how long the server keeps one watch open. It bounds how long
// a connection that is dead without a sign goes unnoticed.
const longestWatch = 2 * time.Minute

// Watch yields the changes of objects after a resource version, until the
// server ends it, which it does every few minutes and which is no error, or
// the context does. Bookmarks are passed over.
func (c *Client) Watch(ctx context.Context, r Resource, o ListOptions, resourceVersion string, newObject func() any) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		what := "watching " + r.String()
		if o.Namespace != "" {
			what += " in namespace " + o.Namespace
		}
		fail := func(err error) { yield(Event{}, fmt.Errorf("%s: %w", what, err)) }
		body, err := c.openWatch(ctx, r, o, resourceVersion)
		if err != nil {
			fail(stopped(ctx, c.explain(err, 1)))
			return
		}
		defer func() { _ = body.Close() }()
		decoder := json.NewDecoder(body)
		for {
			var e metav1.WatchEvent
			if err := decoder.Decode(&e); err != nil {
				if !errors.Is(err, io.EOF) {
					fail(stopped(ctx, newLinkError(err)))
				}
				return
			}
			event, err := readEvent(&e, newObject)
			if err != nil {
				fail(err)
				return
			}
			if event.Type != watch.Bookmark && !yield(event, nil) {
				return
			}
		}
	}
}

func (c *Client) openWatch(ctx context.Context, r Resource, o ListOptions, resourceVersion string) (io.ReadCloser, error) {
	q := o.selectors()
	q.Set("watch", "true")
	q.Set("resourceVersion", resourceVersion)
	q.Set("timeoutSeconds", strconv.Itoa(int(longestWatch/time.Second)))
	call := &call{method: http.MethodGet, path: r.path(o.Namespace), query: q, accept: "application/json"}
	req, err := c.request(ctx, call)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept-Encoding", "identity")
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, newLinkError(err)
	}
	if resp.StatusCode == http.StatusOK {
		return resp.Body, nil
	}
	body, _ := readAll(io.LimitReader(resp.Body, 1<<20), nil, 1<<20)
	_ = resp.Body.Close()
	return nil, c.statusError(call, resp, body)
}

func readEvent(e *metav1.WatchEvent, newObject func() any) (Event, error) {
	event := Event{Type: watch.EventType(e.Type)}
	switch event.Type {
	case watch.Bookmark:
		return event, nil
	case watch.Error:
		var s metav1.Status
		if err := json.Unmarshal(e.Object.Raw, &s); err != nil {
			return event, &malformedError{err.Error()}
		}
		return event, &apierrors.StatusError{ErrStatus: s}
	}
	event.Object = newObject()
	if err := json.Unmarshal(e.Object.Raw, event.Object); err != nil {
		return event, &malformedError{err.Error()}
	}
	return event, nil
}

// object is a pointer to a typed object, such as *corev1.Pod.
type object[T any] interface {
	*T
	metav1.Object
}

// Await reads an object and then watches it until done says so, or fails, or
// the context ends. A deleted object ends it with an error for which
// apierrors.IsNotFound holds. It needs get, list and watch on the object.
//
//	err := kube.Await(ctx, client, ref, func(p *corev1.Pod) (bool, error) { return p.Status.Phase == corev1.PodRunning, nil })
func Await[T any, P object[T]](ctx context.Context, c *Client, ref Ref, done func(P) (bool, error)) error {
	for {
		current := P(new(T))
		if err := c.Read(ctx, ref, current); err != nil {
			return err
		}
		if ok, err := done(current); ok || err != nil {
			return err
		}
		o := ListOptions{Namespace: ref.Namespace, FieldSelector: "metadata.name=" + ref.Name}
		for event, err := range c.Watch(ctx, ref.Resource, o, current.GetResourceVersion(), func() any { return P(new(T)) }) {
			switch {
			case ctx.Err() != nil:
				return fmt.Errorf("waiting for %s: %w", ref, context.Cause(ctx))
			case apierrors.IsForbidden(err), apierrors.IsUnauthorized(err):
				return err
			case err != nil:
				// Too old, or a connection that broke: the object is read anew, and
				// reading knows what is worth another attempt.
				if err := c.patience.wait(ctx, c.patience.first); err != nil {
					return fmt.Errorf("waiting for %s: %w", ref, err)
				}
				continue
			case event.Type == watch.Deleted:
				return fmt.Errorf("waiting for %s: %w", ref, apierrors.NewNotFound(ref.groupResource(), ref.Name))
			}
			if ok, err := done(event.Object.(P)); ok || err != nil {
				return err
			}
		}
	}
}
