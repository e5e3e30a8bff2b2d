package kube

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	utilnet "k8s.io/apimachinery/pkg/util/net"
)

// Ref names one object, or a subresource of it.
type Ref struct {
	Resource
	Namespace, Name string
	// Subresource such as "token" or "ephemeralcontainers"; usually empty.
	Subresource string
}

// String is "pods/cart in namespace shop", or "pods/cart/exec in namespace shop".
func (r Ref) String() string {
	s := r.Resource.String()
	if r.Name != "" {
		s += "/" + r.Name
	}
	if r.Subresource != "" {
		s += "/" + r.Subresource
	}
	if r.Namespaced {
		s += " in namespace " + r.Namespace
	}
	return s
}

func (r Ref) path() string {
	p := r.Resource.path(r.Namespace)
	if r.Name != "" {
		p += "/" + url.PathEscape(r.Name)
	}
	if r.Subresource != "" {
		p += "/" + r.Subresource
	}
	return p
}

// check refuses what would address something else than was meant: without its
// name, an object's path is that of the whole list.
func (r Ref) check(named bool) error {
	switch {
	case r.Resource.Resource == "":
		return errors.New("no resource is named")
	case r.Namespaced && r.Namespace == "":
		return fmt.Errorf("%s: no namespace is named", r.Resource)
	case named && r.Name == "":
		return fmt.Errorf("%s: no object is named", r.Resource)
	}
	return nil
}

// WriteOptions says how something is changed.
type WriteOptions struct {
	// DryRun lets the server go through everything, admission too, but store nothing.
	DryRun bool
	// UID, where set, is that of the object to delete: one that has taken its name is left alone.
	UID types.UID
	// GracePeriod in seconds that a deleted pod gets to end; nil for its own.
	GracePeriod *int64
}

func (o WriteOptions) query() url.Values {
	q := url.Values{}
	if o.DryRun {
		q.Set("dryRun", metav1.DryRunAll)
	}
	return q
}

// Read reads one object into a typed value, such as a corev1.Pod.
func (c *Client) Read(ctx context.Context, ref Ref, into any) error {
	if err := ref.check(true); err != nil {
		return fmt.Errorf("reading: %w", err)
	}
	return c.exchange(ctx, &call{what: "reading " + ref.String(), method: http.MethodGet, path: ref.path()}, nil, into)
}

// List reads a list in one answer into a typed value, such as a
// corev1.PodList. It is for short lists: use Pages where it may be long.
func (c *Client) List(ctx context.Context, r Resource, o ListOptions, into any) error {
	l := c.newLister(r, o)
	call := &call{what: l.what, method: http.MethodGet, path: r.path(o.Namespace), query: o.selectors()}
	return c.exchange(ctx, call, nil, into)
}

func (o *ListOptions) selectors() url.Values {
	q := url.Values{}
	if o.LabelSelector != "" {
		q.Set("labelSelector", o.LabelSelector)
	}
	if o.FieldSelector != "" {
		q.Set("fieldSelector", o.FieldSelector)
	}
	return q
}

// Create makes an object and reads what the server made of it into out, which
// may be in, or nil. With a subresource it is posted to that of the object
// named (a TokenRequest, say). It is attempted again only where it is certain
// that the server has not done it.
func (c *Client) Create(ctx context.Context, ref Ref, in, out any, o WriteOptions) error {
	if err := ref.check(ref.Subresource != ""); err != nil {
		return fmt.Errorf("creating: %w", err)
	}
	call := &call{what: "creating " + ref.String(), method: http.MethodPost, path: ref.path(), query: o.query(), once: true}
	if ref.Subresource == "" {
		// The name is in the object; the path is that of the list.
		call.path = ref.Resource.path(ref.Namespace)
	}
	return c.exchange(ctx, call, in, out)
}

// Patch changes an object, or a subresource of it. Make the patch one that may
// be applied twice (with metadata.uid in it, say): it may be attempted again.
func (c *Client) Patch(ctx context.Context, ref Ref, kind types.PatchType, patch []byte, out any, o WriteOptions) error {
	if err := ref.check(true); err != nil {
		return fmt.Errorf("changing: %w", err)
	}
	call := &call{what: "changing " + ref.String(), method: http.MethodPatch, path: ref.path(), query: o.query(), contentType: string(kind), once: true}
	return c.exchange(ctx, call, json.RawMessage(patch), out)
}

// Delete deletes an object. That it is gone already is an error
// (apierrors.IsNotFound); that another has taken its name is a conflict.
func (c *Client) Delete(ctx context.Context, ref Ref, o WriteOptions) error {
	if err := ref.check(true); err != nil {
		return fmt.Errorf("deleting: %w", err)
	}
	options := metav1.DeleteOptions{TypeMeta: metav1.TypeMeta{Kind: "DeleteOptions", APIVersion: "v1"}, GracePeriodSeconds: o.GracePeriod}
	if o.UID != "" {
		options.Preconditions = &metav1.Preconditions{UID: &o.UID}
	}
	call := &call{what: "deleting " + ref.String(), method: http.MethodDelete, path: ref.path(), query: o.query()}
	return c.exchange(ctx, call, options, nil)
}

// exchange makes a call whose body and answer are JSON.
func (c *Client) exchange(ctx context.Context, call *call, in, out any) error {
	call.accept = "application/json"
	if in != nil {
		body, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("%s: %w", call.what, err)
		}
		call.body = body
	}
	if out != nil {
		call.parse = func(a *answer) error {
			if err := json.Unmarshal(a.body, out); err != nil {
				return &malformedError{err.Error()}
			}
			return nil
		}
	}
	_, err := c.do(ctx, call)
	return err
}

// undone reports whether an error shows that the server has not done what it was asked.
func undone(err error) bool {
	return apierrors.IsTooManyRequests(err) || utilnet.IsConnectionRefused(err) || noSuchHost(err)
}

func (r Ref) groupResource() schema.GroupResource {
	return schema.GroupResource{Group: r.Group, Resource: r.Resource.Resource}
}
