package kube

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

type fault = func(f *fakeServer, w http.ResponseWriter, r *http.Request)

func answers(code int, header ...string) fault {
	return func(_ *fakeServer, w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
		_, _ = fmt.Fprintln(w, "made for this test")
	}
}

func answersStatus(code int, reason metav1.StatusReason) fault {
	return func(f *fakeServer, w http.ResponseWriter, _ *http.Request) { f.status(w, code, reason, "") }
}

// cuts sends the first half of the page and drops the connection.
func cuts(f *fakeServer, w http.ResponseWriter, r *http.Request) {
	body := encode(f.t, "PodList", f.page(r))
	w.Header().Set("Content-Type", protobufType)
	_, _ = w.Write(body[:len(body)/2])
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

// truncates sends the first half of the page as if it were all.
func truncates(f *fakeServer, w http.ResponseWriter, r *http.Request) {
	body := encode(f.t, "PodList", f.page(r))
	w.Header().Set("Content-Type", protobufType)
	_, _ = w.Write(body[:len(body)/2])
}

func drops(*fakeServer, http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

func stalls(_ *fakeServer, _ http.ResponseWriter, r *http.Request) { stall(r) }

// Faults in the middle of a list that pass by: the list must be whole, each pod once.
func TestFaultsThatPass(t *testing.T) {
	const ms = time.Millisecond
	for _, tt := range []struct {
		name  string
		fault fault
		times int // in a row, at the second page
		waits []time.Duration
	}{
		{"too many requests", answersStatus(429, metav1.StatusReasonTooManyRequests), 3, []time.Duration{250 * ms, 500 * ms, 1000 * ms}},
		{"too many requests, come back in 2 s", answers(429, "Retry-After", "2"), 2, []time.Duration{2250 * ms, 2250 * ms}},
		{"come back in a year", answers(503, "Retry-After", "31536000"), 1, []time.Duration{33750 * ms}},
		{"come back who knows when", answers(503, "Retry-After", "soon"), 1, []time.Duration{250 * ms}},
		{"come back yesterday", answers(503, "Retry-After", "-5"), 1, []time.Duration{250 * ms}},
		{"away for long", answers(503), 9, []time.Duration{250 * ms, 500 * ms, 1000 * ms, 2000 * ms, 4000 * ms, 8000 * ms, 10000 * ms, 10000 * ms, 10000 * ms}},
		{"an error without code", func(_ *fakeServer, w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusTooManyRequests)
			_, _ = w.Write([]byte(`{"kind":"Status","apiVersion":"v1","status":"Failure","message":"slow down","details":{"retryAfterSeconds":1}}`))
		}, 1, []time.Duration{1125 * ms}},
		{"bad gateway", answers(502), 2, []time.Duration{250 * ms, 500 * ms}},
		{"gateway timed out", answers(504), 2, []time.Duration{250 * ms, 500 * ms}},
		{"etcd chooses a leader", answersStatus(500, metav1.StatusReasonInternalError), 2, []time.Duration{250 * ms, 500 * ms}},
		{"reset before the answer", drops, 3, []time.Duration{250 * ms, 500 * ms, 1000 * ms}},
		{"reset in the middle of the body", cuts, 3, []time.Duration{250 * ms, 500 * ms, 1000 * ms}},
		{"half a body", truncates, 2, []time.Duration{250 * ms, 500 * ms}},
	} {
		for _, http2 := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s http2=%v", tt.name, http2), func(t *testing.T) {
				f := newFake(t, numbered(6))
				f.fault = func(w http.ResponseWriter, r *http.Request, n int) bool {
					if n < 2 || n >= 2+tt.times {
						return false
					}
					tt.fault(f, w, r)
					return true
				}
				c, waits := f.client(t)
				if !http2 {
					c.speakHTTP1(t)
				}
				got, err := list(t, c, ListOptions{PageSize: 2})
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(f.keys(), got.keys); diff != "" {
					t.Error(diff)
				}
				// Over HTTP/1 Go's transport itself sends again, once and at once,
				// what an old connection swallowed.
				if diff := cmp.Diff(tt.waits, *waits); diff != "" && (http2 || tt.name != "reset before the answer") {
					t.Errorf("waits: %s", diff)
				}
				if f.count() != 3+tt.times {
					t.Errorf("%d requests, want %d: an attempt must not be made twice", f.count(), 3+tt.times)
				}
			})
		}
	}
}

// speakHTTP1 takes HTTP/2 away from a client, as some proxies do.
func (c *Client) speakHTTP1(t *testing.T) {
	t.Helper()
	again := *c.config
	again.NextProtos = []string{"http/1.1"}
	o := Options{Version: "v9"}
	plain, err := newClient(&again, &o, &target{}, "default", DefaultTimeout)
	if err != nil {
		t.Fatal(err)
	}
	c.http = plain.http
	t.Cleanup(c.http.CloseIdleConnections)
}

// Faults that stay: the error says what it was, and no time is wasted.
func TestFaultsThatStay(t *testing.T) {
	for _, tt := range []struct {
		name     string
		fault    fault
		requests int // after the first page, which is fine
		is       func(error) bool
		want     string
	}{
		{"always too many", answersStatus(429, metav1.StatusReasonTooManyRequests), 10, apierrors.IsTooManyRequests, "tried 10 times"},
		{"always come back in 30 s", answers(429, "Retry-After", "30"), 3, apierrors.IsTooManyRequests, "tried 3 times"},
		{"always away", answers(503), 10, apierrors.IsServiceUnavailable, "503 Service Unavailable: made for this test (tried 10 times)"},
		{"always broken", answersStatus(500, metav1.StatusReasonInternalError), 3, apierrors.IsInternalError, "tried 3 times"},
		{"always timed out at the server", answersStatus(504, metav1.StatusReasonTimeout), 10, IsTimeout, "tried 10 times"},
		{"always reset", drops, 10, unreachable(false), "cannot reach https://127.0.0.1"},
		{"always half a body", truncates, 3, nil, "can't be understood"},
		{"always stalled", stalls, 3, unreachable(true), "no whole answer in time"},
		{"unauthorized", answersStatus(401, metav1.StatusReasonUnauthorized), 1, apierrors.IsUnauthorized, "does not take our credentials; have they expired"},
		{"forbidden", answersStatus(403, metav1.StatusReasonForbidden), 1, apierrors.IsForbidden, "made for this test"},
		{"forbidden by a proxy", answers(403), 1, apierrors.IsForbidden, "403 Forbidden: made for this test"},
		{"not found", answersStatus(404, metav1.StatusReasonNotFound), 1, apierrors.IsNotFound, "made for this test"},
		{"not acceptable", answersStatus(406, metav1.StatusReasonNotAcceptable), 1, apierrors.IsNotAcceptable, "made for this test"},
		{"JSON", func(_ *fakeServer, w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(`{"kind":"PodList","items":[]}`))
		}, 1, nil, `asked for protobuf, got "application/json"`},
		{"JSON error", func(_ *fakeServer, w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json; charset=utf-8")
			w.WriteHeader(http.StatusForbidden)
			_, _ = w.Write([]byte(`{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Forbidden","code":403,"message":"no way"}`))
		}, 1, apierrors.IsForbidden, "no way"},
		{"another kind", func(f *fakeServer, w http.ResponseWriter, r *http.Request) {
			f.send(w, r, "NodeList", f.page(r))
		}, 3, nil, "asked for a PodList, got a \"NodeList\""},
		{"redirect", answers(302, "Location", "https://elsewhere.example/login"), 1, nil, "sends us elsewhere"},
		{"unknown packing", func(f *fakeServer, w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Encoding", "br")
			f.send(w, r, "PodList", f.page(r))
		}, 1, nil, `"br"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFake(t, numbered(6))
			f.fault = func(w http.ResponseWriter, r *http.Request, n int) bool {
				if n == 1 {
					return false
				}
				tt.fault(f, w, r)
				return true
			}
			c, _ := f.client(t)
			c.timeout = 300 * time.Millisecond
			_, err := list(t, c, ListOptions{PageSize: 2})
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), "listing pods in all namespaces: ") {
				t.Fatalf("err = %v, want %q", err, tt.want)
			}
			if tt.is != nil && !tt.is(err) {
				t.Errorf("err = %#v is of the wrong kind", err)
			}
			if strings.Contains(err.Error(), "continue=") || strings.Contains(err.Error(), "very-secret") {
				t.Errorf("err = %v tells too much", err)
			}
			if got := f.count() - 1; got != tt.requests {
				t.Errorf("%d requests, want %d", got, tt.requests)
			}
		})
	}
}

func unreachable(timeout bool) func(error) bool {
	return func(err error) bool {
		var u *UnreachableError
		return errors.As(err, &u) && u.Timeout == timeout && IsTimeout(err) == timeout
	}
}

// A server that never answered is not waited for as long as one that is known to be there.
func TestServerIsDown(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := closed.Addr().String()
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	notTLS := httptest.NewServer(http.NotFoundHandler())
	defer notTLS.Close()
	other := newFake(t, nil)
	for _, tt := range []struct {
		name, server, want string
		waits              int
	}{
		{"nothing listens", "https://" + address, "connection refused; is the cluster up", 3},
		{"unknown name", "https://no-such-host.invalid", "the name no-such-host.invalid is not known", 0},
		{"plain HTTP", strings.Replace(notTLS.URL, "http:", "https:", 1), "does not speak TLS", 0},
		{"unknown authority", other.URL, "not from an authority that we trust", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFake(t, nil)
			c, waits := f.client(t, func(o *Options) {
				o.Overrides.ClusterInfo.Server = tt.server
				if tt.name == "unknown authority" {
					o.Overrides.ClusterInfo.CertificateAuthority = selfSigned(t)
				}
			})
			_, err := list(t, c, ListOptions{})
			if !unreachable(false)(err) || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), tt.server) {
				t.Errorf("err = %v, want %q", err, tt.want)
			}
			if len(*waits) != tt.waits {
				t.Errorf("waited %v, want %d times", *waits, tt.waits)
			}
		})
	}
	t.Run("load balancer in front of nothing", func(t *testing.T) {
		f := newFake(t, nil)
		f.fault = func(w http.ResponseWriter, r *http.Request, _ int) bool { answers(503)(f, w, r); return true }
		c, waits := f.client(t)
		if _, err := list(t, c, ListOptions{}); !apierrors.IsServiceUnavailable(err) || len(*waits) != 3 {
			t.Errorf("err = %v after %v", err, *waits)
		}
	})
	t.Run("API server that is starting up", func(t *testing.T) {
		f := newFake(t, nil)
		f.fault = func(w http.ResponseWriter, _ *http.Request, _ int) bool {
			f.status(w, 503, metav1.StatusReasonServiceUnavailable, "")
			return true
		}
		c, waits := f.client(t)
		if _, err := list(t, c, ListOptions{}); !apierrors.IsServiceUnavailable(err) || len(*waits) != 9 {
			t.Errorf("err = %v after %v: it is there, so it is worth waiting for", err, *waits)
		}
	})
	t.Run("swallows everything", func(t *testing.T) {
		f := newFake(t, nil)
		f.fault = func(w http.ResponseWriter, r *http.Request, _ int) bool { stall(r); return true }
		c, waits := f.client(t)
		c.timeout = 100 * time.Millisecond
		if _, err := list(t, c, ListOptions{}); !unreachable(true)(err) || len(*waits) != 0 {
			t.Errorf("err = %v after %v", err, *waits)
		}
	})
}

func TestCancelWhileWaiting(t *testing.T) {
	f := newFake(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	f.fault = func(w http.ResponseWriter, r *http.Request, _ int) bool {
		answers(429, "Retry-After", "30")(f, w, r)
		return true
	}
	c, _ := f.client(t)
	c.patience.wait = func(ctx context.Context, d time.Duration) error {
		cancel()
		return wait(ctx, d)
	}
	start := time.Now()
	if _, err := c.Get(ctx, "/version"); !errors.Is(err, context.Canceled) {
		t.Errorf("err = %v", err)
	}
	if d := time.Since(start); d > 5*time.Second {
		t.Errorf("took %v", d)
	}
}

func TestQPS(t *testing.T) {
	f := newFake(t, numbered(5))
	c, _ := f.client(t, func(o *Options) { o.QPS = 20 })
	if c.limiter == nil || c.RESTConfig().RateLimiter != c.limiter {
		t.Error("the limit is not shared with clients made from RESTConfig")
	}
	ctx, cancel := context.WithCancel(t.Context())
	for range 40 { // use up what may come at once
		c.limiter.TryAccept()
	}
	cancel()
	for _, err := range c.Pages(ctx, Pods, ListOptions{}) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("err = %v", err)
		}
	}
	if c, _ := f.client(t); c.limiter != nil || c.RESTConfig().QPS != -1 {
		t.Error("there is a limit that nobody asked for")
	}
}

func TestReview(t *testing.T) {
	f := newFake(t, nil)
	f.fault = func(w http.ResponseWriter, r *http.Request, n int) bool {
		switch {
		case r.Method != http.MethodPost || r.URL.Path != "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews":
			t.Errorf("%s %s", r.Method, r.URL.Path)
		case n == 1:
			answersStatus(500, metav1.StatusReasonInternalError)(f, w, r)
		case n == 2:
			_, _ = w.Write([]byte(`{"status":`))
		default:
			w.WriteHeader(http.StatusCreated)
			_, _ = w.Write([]byte(`{"status":{"allowed":true}}`))
		}
		return true
	}
	c, _ := f.client(t)
	var in, out authorizationv1.SelfSubjectAccessReview
	if err := c.Review(t.Context(), SelfSubjectAccessReviews, &in, &out); err != nil || !out.Status.Allowed {
		t.Errorf("Review = %v, %v", out.Status, err)
	}
}

func TestReady(t *testing.T) {
	for _, tt := range []struct {
		name  string
		fault fault
		want  string // in the error; empty: ready
	}{
		{"ready", answers(200), ""},
		{"forbidden is an answer", answersStatus(403, metav1.StatusReasonForbidden), ""},
		{"credentials are not taken", answersStatus(401, metav1.StatusReasonUnauthorized), "does not take our credentials"},
		{"not ready", answers(500), "is not ready"},
		{"away", drops, "cannot reach"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFake(t, nil)
			f.fault = func(w http.ResponseWriter, r *http.Request, _ int) bool { tt.fault(f, w, r); return true }
			c, waits := f.client(t)
			err := c.Ready(t.Context())
			if (tt.want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Ready = %v, want %q", err, tt.want)
			}
			if len(*waits) > 0 || f.count() != 1 {
				t.Errorf("%d requests, waits %v: want one attempt", f.count(), *waits)
			}
		})
	}
}

func TestServerVersion(t *testing.T) {
	f := newFake(t, nil)
	var mu sync.Mutex
	body := `{"gitVersion":"v1.36.3"}`
	f.fault = func(w http.ResponseWriter, _ *http.Request, _ int) bool {
		mu.Lock()
		defer mu.Unlock()
		_, _ = w.Write([]byte(body))
		return true
	}
	c, _ := f.client(t)
	if v, err := c.ServerVersion(t.Context()); err != nil || v != "v1.36.3" {
		t.Errorf("ServerVersion = %q, %v", v, err)
	}
	mu.Lock()
	body = "<html>Welcome to\n nginx"
	mu.Unlock()
	if _, err := c.ServerVersion(t.Context()); err == nil || !strings.Contains(err.Error(), "does not look like") || !strings.Contains(err.Error(), "Welcome to nginx") {
		t.Errorf("err = %v", err)
	}
}
