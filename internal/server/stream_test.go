package server_test

import (
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/kubeassay/assay/internal/server"
	"github.com/kubeassay/assay/kube"
)

const ndjson = "application/x-ndjson"

func TestAStreamGivesEntriesAsTheyComeAndEndsWithTheSummary(t *testing.T) {
	t.Parallel()
	gate := make(chan struct{})
	s := start(t, newCluster(
		pod("a", "first", "nginx:latest", user(5)), done("a"), wait(gate),
		pod("b", "second", "tool:1", user(0)), done("b"),
	))
	l := s.open(t, t.Context(), "/scan", "Accept", ndjson)
	if got := l.Header.Get("Content-Type"); got != ndjson {
		t.Errorf("content type %q", got)
	}
	// This line comes while the scan still waits at the gate.
	first := decode[map[string]any](t, l.next(t))
	if first["list"] != "latest_tag_containers" || first["pod"] != "first" {
		t.Errorf("first line %v", first)
	}
	close(gate)
	second := decode[map[string]any](t, l.next(t))
	if second["list"] != "root_containers" || second["pod"] != "second" || second["run_as_user"] != 0.0 {
		t.Errorf("second line %v", second)
	}
	last := decode[map[string]any](t, l.next(t))
	sum, _ := last["summary"].(map[string]any)
	if last["complete"] != true || last["scan_id"] == "" || sum["pods"] != 2.0 {
		t.Errorf("last line %v", last)
	}
	if rest := l.next(t); rest != "" {
		t.Errorf("after the last line: %q", rest)
	}
}

func TestAStreamThatBreaksEndsWithAProblem(t *testing.T) {
	t.Parallel()
	steps := append(shop(), fails(&kube.UnreachableError{Server: "https://cluster.test:6443", Err: errors.New("gone")}))
	s := start(t, newCluster(steps...))
	a := s.get(t, "/scan", "Accept", ndjson)
	if a.StatusCode != http.StatusOK {
		t.Fatalf("%d %s", a.StatusCode, a.body)
	}
	lines := strings.Split(strings.TrimSpace(a.body), "\n")
	if len(lines) != 7 {
		t.Errorf("%d lines, want 6 entries and a problem: %s", len(lines), a.body)
	}
	p := decode[map[string]any](t, lines[len(lines)-1])
	if p["type"] != "urn:assay:problem:cluster-unreachable" || p["status"] != 502.0 || p["list"] != nil || p["summary"] != nil {
		t.Errorf("last line %v", p)
	}
}

func TestAStreamOfNothingIsTheSummary(t *testing.T) {
	t.Parallel()
	s := start(t, newCluster(done("empty")))
	a := s.get(t, "/scan", "Accept", ndjson)
	if lines := strings.Split(strings.TrimSpace(a.body), "\n"); len(lines) != 1 || !strings.Contains(lines[0], `"summary"`) {
		t.Errorf("%s", a.body)
	}
}

func TestALateReaderGetsAllLines(t *testing.T) {
	t.Parallel()
	gate := make(chan struct{})
	c := newCluster(pod("a", "first", "nginx:latest", user(5)), done("a"), wait(gate), pod("b", "second", "x:1", user(0)), done("b"))
	s := start(t, c)
	early := s.open(t, t.Context(), "/scan", "Accept", ndjson)
	early.next(t)
	late := s.open(t, t.Context(), "/scan", "Accept", ndjson)
	if line := late.next(t); !strings.Contains(line, `"first"`) {
		t.Errorf("the late one's first line: %s", line)
	}
	close(gate)
	for _, l := range []*lines{early, late} {
		if line := l.next(t); !strings.Contains(line, `"second"`) {
			t.Errorf("second line: %s", line)
		}
		if line := l.next(t); !strings.Contains(line, `"summary"`) {
			t.Errorf("last line: %s", line)
		}
	}
	if n := c.opened.Load(); n != 1 {
		t.Errorf("%d scans", n)
	}
}

// A reader that reads nothing must not hold up the scan or another reader. The
// lines are more than sockets and buffers hold.
func TestASlowReaderHoldsUpNobody(t *testing.T) {
	t.Parallel()
	const many = 5_000
	name := strings.Repeat("long", 500)
	steps := make([]step, 0, many+1)
	for range many {
		steps = append(steps, pod("a", name, "nginx:latest", user(0)))
	}
	gate := make(chan struct{})
	s := start(t, newCluster(append([]step{pod("0", "first", "x:latest", user(1)), done("0"), wait(gate)}, append(steps, done("a"))...)...), quick)
	slow := s.open(t, t.Context(), "/scan", "Accept", ndjson)
	slow.next(t) // and then no more
	other := s.open(t, t.Context(), "/scan", "Accept", ndjson)
	close(gate)
	n := 0
	for line := other.next(t); line != ""; line = other.next(t) {
		n++
	}
	if n != 2*many+2 {
		t.Errorf("the other got %d lines, want %d", n, 2*many+2)
	}
	n = 1
	for line := slow.next(t); line != ""; line = slow.next(t) {
		n++
	}
	if n != 2*many+2 {
		t.Errorf("the slow one got %d lines, want %d", n, 2*many+2)
	}
}

func TestCompressedStreamsComeAtOnceToo(t *testing.T) {
	t.Parallel()
	gate := make(chan struct{})
	s := start(t, newCluster(pod("a", "first", "nginx:latest", user(5)), done("a"), wait(gate), done("b")))
	l := s.open(t, t.Context(), "/scan", "Accept", ndjson, "Accept-Encoding", "gzip")
	if l.Header.Get("Content-Encoding") != "gzip" {
		t.Fatalf("not compressed: %v", l.Header)
	}
	z, err := gzip.NewReader(l.r)
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 4096)
	n, err := z.Read(b)
	if err != nil || !strings.Contains(string(b[:n]), `"first"`) {
		t.Errorf("before the gate: %q, %v", b[:n], err)
	}
	close(gate)
	rest, err := io.ReadAll(z)
	if err != nil || !strings.Contains(string(rest), `"summary"`) {
		t.Errorf("after the gate: %q, %v", rest, err)
	}
}

func TestCompression(t *testing.T) {
	t.Parallel()
	s := start(t, newCluster(shop()...))
	plain := s.get(t, "/scan")
	if plain.Header.Get("Content-Encoding") != "" {
		t.Error("compressed though nobody asked")
	}
	zipped := s.get(t, "/scan", "Accept-Encoding", "gzip")
	if zipped.Header.Get("Content-Encoding") != "gzip" {
		t.Fatalf("not compressed: %v", zipped.Header)
	}
	z, err := gzip.NewReader(strings.NewReader(zipped.body))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	if got := decode[scanAnswer](t, string(body)); len(got.Root) != 3 {
		t.Errorf("%s", body)
	}
	if !strings.Contains(strings.Join(zipped.Header.Values("Vary"), ","), "Accept-Encoding") {
		t.Errorf("Vary: %v", zipped.Header.Values("Vary"))
	}
}

func TestFormatOfScan(t *testing.T) {
	t.Parallel()
	s := start(t, newCluster(shop()...))
	for accept, want := range map[string]string{
		"":                                       "application/json",
		"*/*":                                    "application/json",
		"application/*":                          "application/json",
		"text/html, */*;q=0.1":                   "application/json",
		"application/x-ndjson":                   ndjson,
		"APPLICATION/X-NDJSON":                   ndjson,
		"application/x-ndjson, */*":              "application/json",
		"application/x-ndjson, */*;q=0.5":        ndjson,
		"application/json;q=0.5, " + ndjson:      ndjson,
		"application/json, " + ndjson + ";q=0.9": "application/json",
		"application/json;q=0, */*":              ndjson,
	} {
		t.Run(accept, func(t *testing.T) {
			a := s.get(t, "/scan", "Accept", accept)
			if got := a.Header.Get("Content-Type"); a.StatusCode != http.StatusOK || got != want {
				t.Errorf("%d %q, want %q", a.StatusCode, got, want)
			}
		})
	}
	for _, accept := range []string{"text/html", "application/json;q=0", "application/json;q=0, " + ndjson + ";q=0"} {
		s.get(t, "/scan", "Accept", accept).problem(t, "not-acceptable", http.StatusNotAcceptable)
	}
}

func TestShutdownTellsStreamsThatItStoppedThem(t *testing.T) {
	t.Parallel()
	never := make(chan struct{})
	c := newCluster(pod("a", "first", "nginx:latest", user(5)), done("a"), wait(never))
	s := start(t, c, quick, func(cfg *server.Config) { cfg.MaxScans = 2 })
	stream := s.open(t, t.Context(), "/scan", "Accept", ndjson)
	stream.next(t)
	waiting := make(chan answer, 1)
	go func() { waiting <- s.get(t, "/v1/findings") }()
	receive(t, c.waiting, "the first scan")
	receive(t, c.waiting, "the second scan")
	s.stop()
	last := decode[map[string]any](t, stream.next(t))
	if last["type"] != "urn:assay:problem:shutting-down" || last["status"] != 503.0 {
		t.Errorf("last line %v", last)
	}
	receive(t, waiting, "the other answer").problem(t, "shutting-down", http.StatusServiceUnavailable)
}

func TestShutdownLetsRequestsFinish(t *testing.T) {
	t.Parallel()
	gate := make(chan struct{})
	c := newCluster(append([]step{wait(gate)}, shop()...)...)
	s := start(t, c)
	answers := make(chan scanAnswer, 1)
	go func() { answers <- s.scan(t, "") }()
	receive(t, c.waiting, "the scan to begin")
	s.stop()
	eventually(t, "no new connection is taken", func() bool {
		resp, err := client.Get(s.URL() + "/healthz")
		if err == nil {
			resp.Body.Close()
		}
		return err != nil
	})
	close(gate)
	if got := receive(t, answers, "the answer"); !got.Complete || len(got.Root) != 3 {
		t.Errorf("complete %v, %v", got.Complete, got.Root)
	}
	if err := receive(t, s.ended, "the server to end"); err != nil {
		t.Error(err)
	}
	s.ended <- nil // for the cleanup
}
