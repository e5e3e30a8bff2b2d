package kube

import (
	"errors"
	"io"
	"maps"
	"net/http"
	"sync"
	"time"

	"github.com/kubeassay/assay/kube/audit"
)

// Stats counts the API calls that were made, every attempt for itself.
type Stats struct {
	// Calls by HTTP status; 0 stands for calls that got no answer.
	Calls map[int]int
	// Bytes of the answers' bodies, as sent (compressed, where they were).
	Bytes int64
}

// Total is the number of calls of every status.
func (s Stats) Total() int {
	n := 0
	for _, c := range s.Calls {
		n += c
	}
	return n
}

type tally struct {
	mu    sync.Mutex
	calls map[int]int
	bytes int64
}

func newTally() *tally { return &tally{calls: map[int]int{}} }

func (t *tally) add(status int, bytes int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.calls[status]++
	t.bytes += bytes
}

func (t *tally) snapshot() Stats {
	t.mu.Lock()
	defer t.mu.Unlock()
	return Stats{Calls: maps.Clone(t.calls), Bytes: t.bytes}
}

// observer counts every call and writes it to the audit log. It sits below
// client-go's authentication, so that it sees each attempt, and looks at
// nothing but method and path.
type observer struct {
	next   http.RoundTripper
	stats  *tally
	log    *audit.Log // nil: none
	prefix string
	// kubelets: it is they who are asked, and not the API server.
	kubelets bool
}

func (o *observer) RoundTrip(req *http.Request) (*http.Response, error) {
	call := &observed{o: o, start: time.Now()}
	if o.log != nil {
		if err := o.log.Err(); err != nil {
			return nil, err
		}
		call.record = o.describe(req)
		call.record.Time = call.start
	}
	exec := execOf(req.Context())
	resp, err := o.next.RoundTrip(req)
	if err != nil {
		call.record.Incomplete = true
		call.record.Status = refusal(err)
		exec.answered(call.record.Status)
		if failed := call.finish(); failed != nil {
			err = failed
		}
		return nil, err
	}
	call.record.Status = resp.StatusCode
	exec.answered(resp.StatusCode)
	if resp.StatusCode == http.StatusSwitchingProtocols && exec.follow(call) {
		return resp, nil // written down by Exec.End
	}
	if resp.StatusCode == http.StatusSwitchingProtocols {
		// From here on it is a stream of both directions: not ours to wrap.
		if err := call.finish(); err != nil {
			_ = resp.Body.Close()
			return nil, err
		}
		return resp, nil
	}
	call.body = resp.Body
	resp.Body = call
	return resp, nil
}

// describe says what a request asks for. One to a kubelet is named by the
// permission that it takes, and has the address in its path.
func (o *observer) describe(req *http.Request) audit.Record {
	node, ok := req.Context().Value(kubeletKey{}).(string)
	if !ok || !o.kubelets {
		return audit.Describe(req.Method, req.URL, o.prefix)
	}
	return audit.Record{Verb: "get", Resource: "nodes/configz", Name: node, Path: req.URL.String()}
}

// WrappedRoundTripper lets client-go find the transport below.
func (o *observer) WrappedRoundTripper() http.RoundTripper { return o.next }

// observed is a call under way, and the body of its answer. The call is
// written down once the body has been read or closed.
type observed struct {
	o      *observer
	body   io.ReadCloser
	start  time.Time
	record audit.Record

	mu   sync.Mutex // Close may come while a Read is waiting
	done bool
	err  error
}

func (c *observed) Read(p []byte) (int, error) {
	n, err := c.body.Read(p)
	c.mu.Lock()
	c.record.Bytes += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		c.record.Incomplete = true
	}
	c.mu.Unlock()
	if err != nil {
		if failed := c.finish(); failed != nil {
			return n, failed // and not io.EOF: what was not written down was not read
		}
	}
	return n, err
}

func (c *observed) Close() error {
	err := c.body.Close()
	c.mu.Lock()
	if !c.done {
		c.record.Incomplete = true
	}
	c.mu.Unlock()
	return errors.Join(c.finish(), err)
}

func (c *observed) finish() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.done {
		return c.err
	}
	c.done = true
	c.record.Duration = time.Since(c.start)
	c.o.stats.add(c.record.Status, c.record.Bytes)
	if c.o.log != nil {
		c.err = c.o.log.Append(c.record)
	}
	return c.err
}
