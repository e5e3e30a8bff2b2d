package kube

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/klauspost/compress/gzip"
)

// largestAnswer bounds the memory that one answer may take, whatever the
// server sends. Objects may be 1.5 MiB each; pages get smaller when it is passed.
const largestAnswer = 128 << 20

var errTooLarge = errors.New("the answer is too large to be held in memory")

// call is one request, which may take several attempts.
type call struct {
	what   string // "listing pods in namespace shop": begins every error
	method string
	path   string
	query  url.Values
	accept string
	body   []byte // nil for none
	// contentType of the body; empty for JSON.
	contentType string
	// into is a buffer to read the answer into; it may grow.
	into []byte
	// parse, where set, looks at the answer; an errMalformed makes it worth another attempt.
	parse func(*answer) error
	// hasty calls are attempted once.
	hasty bool
	// attempts at most, fewer than are else worth it; 0: as many as are.
	attempts int
	// once: the call changes something, and is repeated only when it is certain
	// that the server has not done it.
	once bool
}

type answer struct {
	body        []byte
	contentType string
}

// do makes the call, again and again where that may help.
func (c *Client) do(ctx context.Context, call *call) (*answer, error) {
	var tries tries
	for {
		if c.limiter != nil {
			if err := c.limiter.Wait(ctx); err != nil {
				return nil, fmt.Errorf("%s: %w", call.what, stopped(ctx, err))
			}
		}
		answer, err := c.once(ctx, call)
		if err == nil {
			return answer, nil
		}
		if ctx.Err() != nil {
			return nil, fmt.Errorf("%s: %w", call.what, stopped(ctx, err))
		}
		delay, again := c.patience.next(&tries, err, c.answered.Load(), c.config.ExecProvider != nil)
		if !again || call.hasty || tries.made == call.attempts || call.once && !undone(err) {
			return nil, fmt.Errorf("%s: %w", call.what, c.explain(err, tries.made))
		}
		if err := c.patience.wait(ctx, delay); err != nil {
			return nil, fmt.Errorf("%s: %w", call.what, err)
		}
	}
}

// stopped gives the reason why the caller's context ended, if it did.
func stopped(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	return context.Cause(ctx)
}

// once makes one attempt: the answer is read to its end, or there is an error.
func (c *Client) once(ctx context.Context, call *call) (*answer, error) {
	if c.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.timeout)
		defer cancel()
	}
	req, err := c.request(ctx, call)
	if err != nil {
		return nil, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, newLinkError(err)
	}
	body, err := c.read(resp, call.into)
	call.into = body[:0] // may have grown
	if cerr := resp.Body.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return nil, newLinkError(err)
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return nil, c.statusError(call, resp, body)
	}
	c.answered.Store(true)
	a := &answer{body: body, contentType: resp.Header.Get("Content-Type")}
	if call.parse != nil {
		if err := call.parse(a); err != nil {
			return nil, err
		}
	}
	return a, nil
}

func (c *Client) request(ctx context.Context, call *call) (*http.Request, error) {
	var body io.Reader
	if call.body != nil {
		body = bytes.NewReader(call.body)
	}
	req, err := http.NewRequestWithContext(ctx, call.method, c.url(call.path, call.query), body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", call.accept)
	if call.body != nil {
		req.Header.Set("Content-Type", cmp.Or(call.contentType, "application/json"))
	}
	// Said here, so that Go's transport does not unpack the answer itself: our
	// unpacker is kept from page to page, and the bytes that count are those sent.
	if c.gzip {
		req.Header.Set("Accept-Encoding", "gzip")
	} else {
		req.Header.Set("Accept-Encoding", "identity")
	}
	return req, nil
}

// read reads the whole body into the buffer, which it returns in any case.
func (c *Client) read(resp *http.Response, into []byte) ([]byte, error) {
	into = into[:0]
	switch encoding := resp.Header.Get("Content-Encoding"); encoding {
	case "", "identity":
		return readAll(resp.Body, into, c.largest)
	case "gzip":
	default:
		return into, fmt.Errorf("the answer is packed in a way that was not asked for: %q", encoding)
	}
	z, _ := c.unzips.Get().(*gzip.Reader)
	if z == nil {
		z = new(gzip.Reader)
	}
	defer c.unzips.Put(z)
	if err := z.Reset(resp.Body); err != nil {
		return into, err
	}
	return readAll(z, into, c.largest)
}

// readAll is io.ReadAll with the caller's buffer and a bound.
func readAll(r io.Reader, b []byte, most int) ([]byte, error) {
	for {
		if len(b) == cap(b) {
			b = append(b, 0)[:len(b)]
		}
		n, err := r.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		switch {
		case errors.Is(err, io.EOF):
			return b, nil
		case err != nil:
			return b, err
		case len(b) > most:
			return b, errTooLarge
		}
	}
}

// isType compares a Content-Type without its parameters.
func (a *answer) isType(want string) bool {
	got, _, _ := strings.Cut(a.contentType, ";")
	return strings.TrimSpace(got) == want
}
