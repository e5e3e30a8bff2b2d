package server_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/kubeassay/assay/internal/server"
)

func TestFiftyCallersShareOneScan(t *testing.T) {
	t.Parallel()
	gate := make(chan struct{})
	c := newCluster(append([]step{wait(gate)}, shop()...)...)
	s := start(t, c)
	const callers = 50
	ids := make(chan string, callers)
	for i := range callers {
		// The same wish in different words, and in both formats.
		query := "?namespace=shop&namespace=kube-system&selector=app%21%3Dx,app"
		if i%2 == 0 {
			query = "?selector=app,app%21%3Dx&namespace=kube-system&namespace=shop&namespace=shop"
		}
		go func() {
			if i%3 == 0 {
				l := s.open(t, t.Context(), "/scan"+query, "Accept", "application/x-ndjson")
				last := ""
				for line := l.next(t); line != ""; line = l.next(t) {
					last = line
				}
				ids <- decode[scanAnswer](t, last).ScanID
				return
			}
			ids <- s.scan(t, query).ScanID
		}()
	}
	eventually(t, "all callers wait for the scan", func() bool {
		return strings.Contains(s.metrics(t), fmt.Sprintf("assay_scan_readers %d\n", callers))
	})
	close(gate)
	first := receive(t, ids, "the first answer")
	for range callers - 1 {
		if id := receive(t, ids, "an answer"); id != first {
			t.Errorf("scans %s and %s", first, id)
		}
	}
	if n := c.opened.Load(); n != 1 {
		t.Errorf("%d scans for %d callers", n, callers)
	}
	if s.scan(t, "").ScanID == first || c.opened.Load() != 2 {
		t.Error("a scan that has ended must not answer later callers")
	}
}

func TestDifferentQueriesAreDifferentScans(t *testing.T) {
	t.Parallel()
	gate := make(chan struct{})
	c := newCluster(append([]step{wait(gate)}, shop()...)...)
	s := start(t, c)
	answers := make(chan scanAnswer, 3)
	for _, query := range []string{"", "?namespace=shop", "?min_severity=high"} {
		go func() { answers <- s.scan(t, query) }()
	}
	for range 3 {
		receive(t, c.waiting, "three scans")
	}
	close(gate)
	for range 3 {
		receive(t, answers, "three answers")
	}
}

func TestACallerThatLeavesEndsOnlyItsOwnWait(t *testing.T) {
	t.Parallel()
	gate := make(chan struct{})
	c := newCluster(append([]step{wait(gate)}, shop()...)...)
	s := start(t, c)
	answers := make(chan scanAnswer, 1)
	go func() { answers <- s.scan(t, "") }()
	receive(t, c.waiting, "the scan to begin")

	ctx, leave := context.WithCancel(t.Context())
	left := make(chan error, 1)
	go func() {
		_, err := client.Do(s.request(t, ctx, http.MethodGet, "/scan"))
		left <- err
	}()
	eventually(t, "both wait", func() bool { return strings.Contains(s.metrics(t), "assay_scan_readers 2\n") })
	leave()
	if err := receive(t, left, "the one who leaves"); !errors.Is(err, context.Canceled) {
		t.Errorf("the one who left: %v", err)
	}
	eventually(t, "the server has noticed", func() bool { return strings.Contains(s.metrics(t), "assay_scan_readers 1\n") })
	close(gate)
	if got := receive(t, answers, "the other's answer"); len(got.Root) != 3 {
		t.Errorf("the one who stayed got %v", got)
	}
	if n := c.opened.Load(); n != 1 {
		t.Errorf("%d scans", n)
	}
}

func TestTheLastReaderThatLeavesStopsTheScan(t *testing.T) {
	t.Parallel()
	for name, accept := range map[string]string{"waiting": "application/json", "streaming": "application/x-ndjson"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			never := make(chan struct{})
			c := newCluster(append(shop(), wait(never))...)
			s := start(t, c)
			ctx, leave := context.WithCancel(t.Context())
			go func() {
				if resp, err := client.Do(s.request(t, ctx, http.MethodGet, "/scan", "Accept", accept)); err == nil {
					<-ctx.Done()
					resp.Body.Close()
				}
			}()
			receive(t, c.waiting, "the scan to begin")
			leave()
			if cause := receive(t, c.cancelled, "the scan to be cancelled"); !strings.Contains(cause.Error(), "nobody") {
				t.Errorf("cancelled because %v", cause)
			}
			eventually(t, "it is counted", func() bool {
				return strings.Contains(s.metrics(t), `assay_scans_total{api="scan",result="abandoned"} 1`)
			})
		})
	}
}

// The limits on how long a request may take to arrive are none on how long its
// answer may take.
func TestAScanMayTakeLongerThanARequestMayTakeToArrive(t *testing.T) {
	t.Parallel()
	gate := make(chan struct{})
	c := newCluster(append([]step{wait(gate)}, shop()...)...)
	const headerTimeout = 500 * time.Millisecond
	s := startTuned(t, c, func(s *server.Server) { s.SetHeaderTimeout(headerTimeout) })
	answers := make(chan scanAnswer, 1)
	go func() { answers <- s.scan(t, "") }()
	receive(t, c.waiting, "the scan to begin")
	time.AfterFunc(3*headerTimeout, func() { close(gate) })
	if got := receive(t, answers, "the answer"); !got.Complete {
		t.Error("incomplete")
	}
}

func TestTooManyScans(t *testing.T) {
	t.Parallel()
	gate := make(chan struct{})
	c := newCluster(append([]step{wait(gate)}, shop()...)...)
	s := start(t, c, func(cfg *server.Config) { cfg.MaxScans = 2 })
	answers := make(chan scanAnswer, 3)
	for _, query := range []string{"?namespace=shop", "?namespace=kube-system"} {
		go func() { answers <- s.scan(t, query) }()
		receive(t, c.waiting, "the scan to begin")
	}
	refused := s.get(t, "/scan")
	refused.problem(t, "too-many-scans", http.StatusTooManyRequests)
	if refused.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	s.get(t, "/v1/findings").problem(t, "too-many-scans", http.StatusTooManyRequests)
	go func() { answers <- s.scan(t, "?namespace=shop") }() // shared: no scan more
	eventually(t, "it takes part", func() bool { return strings.Contains(s.metrics(t), "assay_scan_readers 3\n") })
	close(gate)
	for range 3 {
		receive(t, answers, "the answers")
	}
	s.scan(t, "") // there is room again
}
