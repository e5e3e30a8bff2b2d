package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	sigsjson "sigs.k8s.io/json"

	"github.com/kubeassay/assay/finding"
)

// service is assay serve, while it runs.
type service struct {
	url string
	*process
}

// serve starts assay serve on a port of its own. After the test it is told to
// stop, and must do so in good order.
func (c *cluster) serve(t *testing.T, args ...string) *service {
	t.Helper()
	p := c.launch(t, flags([]string{"serve", "--listen", "127.0.0.1:0"}, args)...)
	address := regexp.MustCompile(`serving on (http://\S+)`)
	url := p.await(t, &p.stderr, "it serves", func(line string) (string, bool) {
		m := address.FindStringSubmatch(line)
		if m == nil {
			return "", false
		}
		return m[1], true
	})
	t.Cleanup(func() {
		if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
			t.Errorf("assay serve ended early: %v", err)
		}
		if r := p.wait(t); r.code != 0 {
			t.Errorf("assay serve did not stop in good order: %v", r)
		}
	})
	return &service{url, p}
}

// answer is what came back for one request.
type answer struct {
	status      int
	contentType string
	body        string
}

func (s *service) get(ctx context.Context, path, accept string) (*answer, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+path, nil)
	if err != nil {
		return nil, err
	}
	if accept != "" {
		r.Header.Set("Accept", accept)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	return &answer{resp.StatusCode, resp.Header.Get("Content-Type"), string(body)}, err
}

func (s *service) ask(t *testing.T, path, accept string, status int) *answer {
	t.Helper()
	a, err := s.get(t.Context(), path, accept)
	if err != nil {
		t.Fatalf("GET %s: %v; assay said:\n%s", path, err, s.stderr.String())
	}
	if a.status != status {
		t.Fatalf("GET %s: status %d, want %d: %s; assay said:\n%s", path, a.status, status, a.body, s.stderr.String())
	}
	return a
}

// metric is the value of a series.
func (s *service) metric(ctx context.Context, series string) (string, error) {
	a, err := s.get(ctx, "/metrics", "")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(a.body) {
		if value, ok := strings.CutPrefix(line, series+" "); ok {
			return strings.TrimSpace(value), nil
		}
	}
	return "", nil
}

// scanned is the answer of GET /scan as its users know it.
type scanned struct {
	ScanID              string             `json:"scan_id"`
	Cluster             string             `json:"cluster"`
	StartedAt           string             `json:"started_at"`
	FinishedAt          string             `json:"finished_at"`
	Complete            bool               `json:"complete"`
	LatestTagContainers []scanEntry        `json:"latest_tag_containers"`
	RootContainers      []rootEntry        `json:"root_containers"`
	Errors              []any              `json:"errors"`
	Summary             scanSummary        `json:"summary"`
	Coverage            []finding.Coverage `json:"coverage"`
}

type scanSummary struct {
	Namespaces int            `json:"namespaces"`
	Pods       int            `json:"pods"`
	Containers int            `json:"containers"`
	Counts     map[string]int `json:"counts"`
	Errors     int            `json:"errors"`
}

type scanEntry struct {
	Namespace     string `json:"namespace"`
	Pod           string `json:"pod"`
	Container     string `json:"container"`
	ContainerType string `json:"container_type"`
	Image         string `json:"image"`
	Workload      string `json:"workload"`
	Reason        string `json:"reason"`
	Evidence      string `json:"evidence"`
	Severity      string `json:"severity"`
	Field         string `json:"field"`
}

type rootEntry struct {
	scanEntry
	RunAsUser    *int64 `json:"run_as_user"`
	RunAsNonRoot *bool  `json:"run_as_non_root"`
}

func (s *service) scan(t *testing.T, query string) *scanned {
	t.Helper()
	return parseScan(t, s.ask(t, "/scan?"+query, "", http.StatusOK).body)
}

func parseScan(t *testing.T, body string) *scanned {
	t.Helper()
	var out scanned
	strict, err := sigsjson.UnmarshalStrict([]byte(body), &out)
	if err := errors.Join(append(strict, err)...); err != nil {
		t.Fatalf("GET /scan: %v\n%s", err, body)
	}
	return &out
}

// TestServeSharesScans sends fifty callers at once: those who want the same share one scan.
func TestServeSharesScans(t *testing.T) {
	t.Parallel()
	c := start(t)
	a, b := c.namespace(t, "e2e-callers-"), c.namespace(t, "e2e-callers-")
	c.idlePods(t, a, 2)
	c.idlePods(t, b, 3)
	// Nobody gets an answer before all have come.
	g := c.gate(t, func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/pods") })
	s := c.serve(t, g.flags()...)
	const callers = 50
	queries := []string{
		"/scan?namespace=" + a + "&namespace=" + b,
		"/scan?namespace=" + b + "&namespace=" + a, // the same wish in other words
		"/scan?namespace=" + a,
		"/scan?namespace=" + b,
	}
	answers := make(chan *answer, callers)
	failed := make(chan error, callers)
	for i := range callers {
		accept := ""
		if i%5 == 0 {
			accept = "application/x-ndjson"
		}
		go func() {
			answer, err := s.get(context.WithoutCancel(t.Context()), queries[i%len(queries)], accept)
			answers <- answer
			failed <- err
		}()
	}
	eventually(t, "all callers to wait", func(ctx context.Context) (bool, string, error) {
		waiting, err := s.metric(ctx, "assay_scan_readers")
		return waiting == fmt.Sprint(callers), waiting + " callers", err
	})
	close(g.open)
	scans := map[string]int{}
	for range callers {
		answer, err := <-answers, <-failed
		if err != nil {
			t.Fatal(err)
		}
		scans[scanID(t, answer)]++
	}
	counts := []int{}
	for _, n := range scans {
		counts = append(counts, n)
	}
	slices.Sort(counts)
	// 13, 13, 12 and 12 callers; the first two ask for the same.
	if want := []int{12, 12, 26}; !slices.Equal(counts, want) {
		t.Errorf("callers that shared a scan: %v, want %v", counts, want)
	}
	if n, err := s.metric(t.Context(), `assay_scans_total{api="scan",result="complete"}`); err != nil || n != "3" {
		t.Errorf("%q scans, %v; want 3", n, err)
	}
}

// scanID reads which scan an answer is of, and makes sure that it is whole.
func scanID(t *testing.T, a *answer) string {
	t.Helper()
	if a.status != http.StatusOK {
		t.Fatalf("status %d: %s", a.status, a.body)
	}
	end := a.body
	if strings.HasPrefix(a.contentType, "application/x-ndjson") {
		lines := strings.Split(strings.TrimSpace(a.body), "\n")
		end = lines[len(lines)-1]
	}
	s := parseScan(t, end)
	if !s.Complete || s.Summary.Pods == 0 || len(s.Coverage) > 0 {
		t.Errorf("complete %v, %d pods, coverage %v", s.Complete, s.Summary.Pods, s.Coverage)
	}
	if entries := strings.Count(a.body, `"run_as_user"`); entries != s.Summary.Pods {
		t.Errorf("%d entries, want one for each of %d pods:\n%s", entries, s.Summary.Pods, a.body)
	}
	return s.ScanID
}

// TestServeTooManyScans: a wish more than the server takes is refused, and says when to come again.
func TestServeTooManyScans(t *testing.T) {
	t.Parallel()
	c := start(t)
	a, b := c.namespace(t, "e2e-busy-"), c.namespace(t, "e2e-busy-")
	g := c.gate(t, func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/pods") })
	s := c.serve(t, flags(g.flags(), []string{"--max-scans", "1"})...)
	first := make(chan error, 1)
	go func() {
		answer, err := s.get(context.WithoutCancel(t.Context()), "/scan?namespace="+a, "")
		if err == nil && answer.status != http.StatusOK {
			err = fmt.Errorf("status %d: %s", answer.status, answer.body)
		}
		first <- err
	}()
	<-g.reached
	if refused := s.ask(t, "/scan?namespace="+b, "", http.StatusTooManyRequests); !strings.Contains(refused.body, "urn:assay:problem:too-many-scans") {
		t.Error(refused.body)
	}
	close(g.open)
	if err := <-first; err != nil {
		t.Error(err)
	}
	s.ask(t, "/scan?namespace="+b, "", http.StatusOK)
}

// TestServeUnreachable cuts the wire to the API server, joins it, and cuts it again.
func TestServeUnreachable(t *testing.T) {
	t.Parallel()
	c := start(t)
	ns := c.namespace(t, "e2e-cut-")
	c.idlePods(t, ns, 1)
	w := c.wire(t)
	s := c.serve(t, flags(c.admin(), []string{"--server", "https://" + w.address})...)
	s.ask(t, "/healthz", "", http.StatusOK)
	s.ask(t, "/readyz", "", http.StatusServiceUnavailable)
	for _, accept := range []string{"", "application/x-ndjson"} {
		a := s.ask(t, "/scan?namespace="+ns, accept, http.StatusBadGateway)
		if !strings.Contains(a.body, "urn:assay:problem:cluster-unreachable") || !strings.Contains(a.body, w.address) {
			t.Errorf("GET /scan without a cluster: %s", a.body)
		}
	}
	w.join(t)
	s.awaitReady(t, http.StatusOK)
	if got := s.scan(t, "namespace="+ns); !got.Complete || got.Summary.Pods != 1 {
		t.Errorf("%+v", got)
	}
	w.cut()
	s.awaitReady(t, http.StatusServiceUnavailable)
	s.ask(t, "/healthz", "", http.StatusOK)
}

// awaitReady waits for an answer of /readyz, which may be a second old.
func (s *service) awaitReady(t *testing.T, status int) {
	t.Helper()
	eventually(t, fmt.Sprintf("/readyz to answer %d", status), func(ctx context.Context) (bool, string, error) {
		a, err := s.get(ctx, "/readyz", "")
		if err != nil {
			return false, "", err
		}
		return a.status == status, a.body, nil
	})
}

// TestServePodsOnly: GET /scan needs permission for pods and namespaces, and is complete with that.
func TestServePodsOnly(t *testing.T) {
	t.Parallel()
	c := start(t)
	ns := c.namespace(t, "e2e-podsonly-")
	c.deployment(t, ns, "web", 2)
	c.idlePods(t, ns, 1)
	a := c.account(t, ns, "scanner")
	a.grant(t, "", allow("list", "pods", "namespaces")...)
	s := c.serve(t, a.flags()...)
	got := s.scan(t, "")
	if !got.Complete {
		t.Errorf("complete is false: %+v", got.Coverage)
	}
	owners := map[string]int{}
	for _, e := range got.RootContainers {
		if e.Namespace == ns {
			kind, _, _ := strings.Cut(e.Workload, "/")
			owners[kind]++
		}
	}
	// Which Deployment it is that owns a ReplicaSet may not be asked.
	if owners["ReplicaSet"] != 2 || owners["Pod"] != 1 || len(owners) != 2 {
		t.Errorf("entries by workload: %v, want two pods of a ReplicaSet and one of its own", owners)
	}
	for _, g := range got.Coverage {
		if g.State != finding.OwnerUnresolved {
			t.Errorf("coverage: %+v", g)
		}
	}
	// Whatever else was asked for was only to find owners.
	events, err := a.readEvents()
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		if e.RequestURI == askVersion {
			continue
		}
		if kind := e.ObjectRef.Resource; e.Verb != "list" || !slices.Contains([]string{"pods", "namespaces", "replicasets", "jobs"}, kind) {
			t.Errorf("%s %s: %s", e.Verb, kind, e.RequestURI)
		}
	}
}

// httpGet reads an address that must answer 200.
func httpGet(t *testing.T, client *http.Client, url string) string {
	t.Helper()
	resp, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: %s, %v: %s", url, resp.Status, err, body)
	}
	return string(body)
}
