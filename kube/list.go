package kube

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strconv"

	"golang.org/x/sync/semaphore"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// DefaultPageSize is how many objects are asked for at a time.
const DefaultPageSize = 500

// ListOptions says which objects to list.
type ListOptions struct {
	Namespace     string // empty: all
	LabelSelector string
	FieldSelector string
	PageSize      int // 0: DefaultPageSize
	// MetadataOnly lists names, labels and owners without specs; the items are
	// then PartialObjectMetadata.
	MetadataOnly bool
	// Prefetch reads the next page while the caller works on the one before,
	// for the memory of a second page.
	Prefetch bool
	// Turns, where set, bounds the requests under way of all lists that share
	// it: each takes one from the first attempt to the last.
	Turns *semaphore.Weighted
}

// Pages lists objects page by page, in the order of CompareKeys. A page is
// read whole before it is handed out; a connection that breaks costs nothing
// but time. An error is the last thing it yields, and says what was listed.
func (c *Client) Pages(ctx context.Context, r Resource, o ListOptions) iter.Seq2[*Page, error] {
	return func(yield func(*Page, error) bool) {
		l := c.newLister(r, o)
		if o.Prefetch {
			l.prefetch(ctx, yield)
			return
		}
		buffer := c.buffer()
		defer c.buffers.Put(buffer)
		for {
			page, err := l.next(ctx, buffer)
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(page, nil) || page.Continue == "" {
				return
			}
		}
	}
}

func (c *Client) buffer() *[]byte {
	if b, ok := c.buffers.Get().(*[]byte); ok {
		return b
	}
	return new([]byte)
}

// prefetch does what Pages does with two buffers in turn.
func (l *lister) prefetch(ctx context.Context, yield func(*Page, error) bool) {
	ctx, cancel := context.WithCancel(ctx)
	type result struct {
		page *Page
		err  error
	}
	// Room for both buffers: sending never waits, so no result is ever lost.
	results := make(chan result, 2)
	free := make(chan *[]byte, 2) // the buffers that may be written to
	buffers := [2]*[]byte{l.client.buffer(), l.client.buffer()}
	free <- buffers[0]
	free <- buffers[1]
	go func() {
		defer close(results)
		for buffer := range free {
			page, err := l.next(ctx, buffer)
			results <- result{page, err}
			if err != nil || page.Continue == "" {
				return
			}
		}
	}()
	defer func() {
		cancel()
		close(free)
		for range results { // the reader is done when this is
		}
		l.client.buffers.Put(buffers[0])
		l.client.buffers.Put(buffers[1])
	}()
	for turn := 0; ; turn++ {
		r, ok := <-results
		if !ok {
			return
		}
		if r.err != nil {
			yield(nil, r.err)
			return
		}
		if !yield(r.page, nil) {
			return
		}
		free <- buffers[turn%2]
	}
}

type key struct{ namespace, name string }

// lister is one list under way.
type lister struct {
	client   *Client
	resource Resource
	options  ListOptions
	what     string
	kind     string
	accept   string

	limit int
	token string
	// seen are the tokens that came, to notice a server that goes in circles.
	seen map[string]bool
	last *key // the last object handed out
	// unordered: objects came in another order than by key, so that it can't be
	// told which were handed out before a new start.
	unordered bool
	restarted bool // objects up to last are passed over
	moved     bool // pages from here on show another moment
	expired   int  // tokens that expired since the last new object
}

// mostExpired tokens in a row, without a new object between them, end a list.
const mostExpired = 5

func (c *Client) newLister(r Resource, o ListOptions) *lister {
	l := &lister{client: c, resource: r, options: o, limit: o.PageSize, kind: r.Kind + "List", accept: protobufType, seen: map[string]bool{}}
	if l.limit <= 0 {
		l.limit = DefaultPageSize
	}
	if o.MetadataOnly {
		l.kind = "PartialObjectMetadataList"
		l.accept += ";as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
	}
	l.what = "listing " + r.String()
	switch {
	case o.Namespace != "" && r.Namespaced:
		l.what += " in namespace " + o.Namespace
	case r.Namespaced:
		l.what += " in all namespaces"
	}
	return l
}

// next reads the next page into the buffer.
func (l *lister) next(ctx context.Context, buffer *[]byte) (*Page, error) {
	for {
		page, err := l.fetch(ctx, buffer)
		switch {
		case err == nil:
		case apierrors.IsResourceExpired(err) || apierrors.IsGone(err):
			if err := l.resume(err); err != nil {
				return nil, err
			}
			continue
		case errors.Is(err, errTooLarge) && l.limit > 1:
			l.limit = (l.limit + 1) / 2
			continue
		default:
			return nil, err
		}
		if err := l.advance(page); err != nil {
			return nil, err
		}
		if page.len > 0 || page.Continue == "" {
			return page, nil
		}
	}
}

// fetch asks for the page at the present token.
func (l *lister) fetch(ctx context.Context, buffer *[]byte) (*Page, error) {
	query := url.Values{"limit": {strconv.Itoa(l.limit)}}
	for name, value := range map[string]string{
		"continue": l.token, "labelSelector": l.options.LabelSelector, "fieldSelector": l.options.FieldSelector,
	} {
		if value != "" {
			query.Set(name, value)
		}
	}
	var page *Page
	call := &call{
		what: l.what, method: http.MethodGet, path: l.resource.path(l.options.Namespace), query: query, accept: l.accept,
		into: *buffer,
		parse: func(a *answer) (err error) {
			if !a.isType(protobufType) {
				return fmt.Errorf("asked for protobuf, got %q; is this the API server itself, or a proxy that changes what is asked for?", a.contentType)
			}
			page, err = parsePage(a.body, l.kind)
			return err
		},
	}
	if turns := l.options.Turns; turns != nil {
		if err := turns.Acquire(ctx, 1); err != nil {
			return nil, fmt.Errorf("%s: %w", l.what, stopped(ctx, err))
		}
		defer turns.Release(1)
	}
	_, err := l.client.do(ctx, call)
	*buffer = call.into
	return page, err
}

// resume goes on after the token has expired: with the one that the error
// carries, or from the beginning, passing over what was handed out.
func (l *lister) resume(expired error) error {
	if l.token == "" {
		return expired // there is nothing that could have expired
	}
	l.expired++
	if l.expired > mostExpired {
		return fmt.Errorf("%w; %d times in a row: the server forgets faster than this list can be read", expired, l.expired)
	}
	l.moved = true
	var status apierrors.APIStatus
	if errors.As(expired, &status) {
		if token := status.Status().Continue; token != "" && !l.seen[token] {
			l.seen[token] = true
			l.token = token
			return nil
		}
	}
	if l.unordered {
		return fmt.Errorf("%w; it can't be started again, because the server does not list in the order of names", expired)
	}
	l.token = ""
	clear(l.seen)
	l.restarted = l.last != nil
	return nil
}

// advance takes note of where a page ends, and makes sure that it got us further.
func (l *lister) advance(p *Page) error {
	p.Inconsistent = l.moved
	if p.Continue != "" && l.seen[p.Continue] {
		return fmt.Errorf("%s: the server goes in circles: it gave the same mark for the next page twice", l.what)
	}
	l.seen[p.Continue] = true
	l.token = p.Continue
	if p.len == 0 {
		return nil
	}
	namespace, name, err := ObjectKey(p.last)
	if err != nil {
		return fmt.Errorf("%s: %w", l.what, err)
	}
	order := 1
	if l.last != nil {
		order = CompareKeys(namespace, name, l.last.namespace, l.last.name)
	}
	if l.restarted {
		p.passOver(l.last)
		if order <= 0 {
			return nil // all of it was handed out before
		}
		l.restarted = false
	} else if order == 0 {
		return fmt.Errorf("%s: the server goes in circles: two pages end with %s", l.what, name)
	} else if order < 0 {
		l.unordered = true
	}
	l.last = &key{namespace, name}
	l.expired = 0
	return nil
}

// passOver takes the objects up to k out of the page.
func (p *Page) passOver(k *key) {
	p.after = k
	p.len = 0
	for range p.Items() {
		p.len++
	}
}
