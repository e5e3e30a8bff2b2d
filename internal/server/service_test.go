package server_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/kubeassay/assay/internal/server"
)

// patience is how long a test waits for what must come. It is long because
// only a test that fails waits so long.
const patience = 30 * time.Second

// service is a server under test that listens on a port of its own.
type service struct {
	*server.Server
	logs  *logs
	stop  context.CancelFunc
	ended chan error
}

func start(t *testing.T, backend server.Backend, configure ...func(*server.Config)) *service {
	t.Helper()
	return startTuned(t, backend, func(*server.Server) {}, configure...)
}

// startTuned lets a test change what is no setting before the server runs.
func startTuned(t *testing.T, backend server.Backend, tune func(*server.Server), configure ...func(*server.Config)) *service {
	t.Helper()
	s := &service{logs: &logs{}, ended: make(chan error, 1)}
	cfg := server.Config{
		Addr: "127.0.0.1:0", Backend: backend, Checks: few(), Version: "test",
		Logger: slog.New(slog.NewJSONHandler(s.logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	for _, f := range configure {
		f(&cfg)
	}
	var err error
	if s.Server, err = server.New(cfg); err != nil {
		t.Fatal(err)
	}
	tune(s.Server)
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.stop = cancel
	go func() { s.ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-s.ended; err != nil {
			t.Errorf("Run: %v", err)
		}
		s.ended <- nil
		if t.Failed() {
			t.Logf("the server's log:\n%s", s.logs)
		}
	})
	return s
}

// quick ends requests that still run soon after a test is over.
func quick(cfg *server.Config) { cfg.GracePeriod = 10 * time.Millisecond }

// client keeps no connections, so that a server can stop at once.
var client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

// answer is a response that has been read to its end.
type answer struct {
	*http.Response
	body string
}

func (s *service) request(t *testing.T, ctx context.Context, method, path string, headers ...string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, method, s.URL()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		if headers[i] == "Host" {
			r.Host = headers[i+1]
		}
		r.Header.Add(headers[i], headers[i+1])
	}
	return r
}

func (s *service) get(t *testing.T, path string, headers ...string) answer {
	t.Helper()
	return s.do(t, s.request(t, t.Context(), http.MethodGet, path, headers...))
}

func (s *service) do(t *testing.T, r *http.Request) answer {
	t.Helper()
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("reading the answer to %s: %v (so far %q)", r.URL, err, body)
	}
	return answer{resp, string(body)}
}

// open starts a request and returns its lines as they come.
func (s *service) open(t *testing.T, ctx context.Context, path string, headers ...string) *lines {
	t.Helper()
	resp, err := client.Do(s.request(t, ctx, http.MethodGet, path, headers...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	return &lines{resp, bufio.NewReader(resp.Body)}
}

type lines struct {
	*http.Response
	r *bufio.Reader
}

// next returns the next line, or "" at the end.
func (l *lines) next(t *testing.T) string {
	t.Helper()
	line, err := l.r.ReadString('\n')
	if err != nil && err != io.EOF {
		t.Fatalf("reading a line: %v", err)
	}
	return strings.TrimSuffix(line, "\n")
}

func decode[T any](t *testing.T, text string) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return v
}

// problem checks that an answer is a problem document of that type.
func (a answer) problem(t *testing.T, kind string, status int) map[string]any {
	t.Helper()
	if a.StatusCode != status {
		t.Errorf("status %d, want %d: %s", a.StatusCode, status, a.body)
	}
	if got := a.Header.Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("content type %q", got)
	}
	p := decode[map[string]any](t, a.body)
	if p["type"] != "urn:assay:problem:"+kind {
		t.Errorf("type %v, want %s", p["type"], kind)
	}
	if p["status"] != float64(status) || p["title"] == "" || p["detail"] == "" {
		t.Errorf("incomplete problem: %s", a.body)
	}
	if id := a.Header.Get("X-Request-Id"); id == "" || p["instance"] != "urn:assay:request:"+id {
		t.Errorf("instance %v is not request %q", p["instance"], id)
	}
	return p
}

// receive waits for a value.
func receive[T any](t *testing.T, c <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatalf("waited in vain for %s", what)
		panic("unreachable")
	}
}

// eventually waits for a condition that nothing announces.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain until %s", what)
		}
		time.Sleep(time.Millisecond) // between looks; the condition decides
	}
}
