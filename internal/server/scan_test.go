package server_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/internal/server"
	"github.com/kubeassay/assay/kube"
)

type scanAnswer struct {
	ScanID     string           `json:"scan_id"`
	Cluster    string           `json:"cluster"`
	StartedAt  time.Time        `json:"started_at"`
	FinishedAt time.Time        `json:"finished_at"`
	Complete   bool             `json:"complete"`
	Latest     []map[string]any `json:"latest_tag_containers"`
	Root       []map[string]any `json:"root_containers"`
	Errors     []map[string]any `json:"errors"`
	Summary    struct {
		Namespaces, Pods, Containers, Errors int
		Counts                               map[string]int
	}
	Coverage []finding.Coverage
}

func (s *service) scan(t *testing.T, query string) scanAnswer {
	t.Helper()
	a := s.get(t, "/scan"+query)
	if a.StatusCode != http.StatusOK {
		t.Fatalf("GET /scan%s: %d %s", query, a.StatusCode, a.body)
	}
	return decode[scanAnswer](t, a.body)
}

func pods(entries []map[string]any) []string {
	names := []string{}
	for _, e := range entries {
		names = append(names, fmt.Sprint(e["pod"]))
	}
	slices.Sort(names)
	return names
}

func TestScanSaysEverythingAboutEachContainer(t *testing.T) {
	t.Parallel()
	s := start(t, newCluster(shop()...))
	got := s.scan(t, "")

	if !got.Complete || got.Cluster != "https://cluster.test:6443" || got.ScanID == "" {
		t.Errorf("complete %v, cluster %q, id %q", got.Complete, got.Cluster, got.ScanID)
	}
	if got.StartedAt.IsZero() || got.FinishedAt.Before(got.StartedAt) {
		t.Errorf("from %v to %v", got.StartedAt, got.FinishedAt)
	}
	stock := func(more map[string]any) map[string]any {
		e := map[string]any{"namespace": "shop", "pod": "stock", "container": "app", "container_type": "container", "image": "stock", "workload": "Pod/stock"}
		for k, v := range more {
			e[k] = v
		}
		return e
	}
	find := func(entries []map[string]any, name string) map[string]any {
		for _, e := range entries {
			if e["pod"] == name {
				delete(e, "reason") // the check's words, tested there
				return e
			}
		}
		t.Fatalf("no entry for %s in %v", name, entries)
		return nil
	}
	want := stock(map[string]any{"evidence": "declared", "severity": "medium", "field": "spec.containers[0].image"})
	if diff := cmp.Diff(want, find(got.Latest, "stock")); diff != "" {
		t.Errorf("latest_tag_containers (-want +got):\n%s", diff)
	}
	want = stock(map[string]any{"evidence": "reported", "severity": "high", "field": "status.containerStatuses[0].user.linux.uid",
		"run_as_user": 0.0, "run_as_non_root": nil})
	if diff := cmp.Diff(want, find(got.Root, "stock")); diff != "" {
		t.Errorf("root_containers (-want +got):\n%s", diff)
	}
	cart := find(got.Root, "cart")
	if cart["run_as_user"] != nil || cart["run_as_non_root"] != false || cart["field"] != "spec.securityContext.runAsNonRoot" {
		t.Errorf("cart: %v", cart)
	}
	if pay := find(got.Root, "pay"); pay["run_as_user"] != 0.0 || pay["field"] != "spec.containers[0].securityContext.runAsUser" {
		t.Errorf("pay: %v", pay)
	}
	if diff := cmp.Diff([]string{"cart", "stock"}, pods(got.Latest)); diff != "" {
		t.Errorf("latest_tag_containers: %s", diff)
	}
	if diff := cmp.Diff([]string{"cart", "pay", "stock"}, pods(got.Root)); diff != "" {
		t.Errorf("root_containers: %s", diff)
	}
	if odd := find(got.Errors, "odd"); odd["check"] != "image-latest-tag" || len(got.Errors) != 1 {
		t.Errorf("what can't be judged must not vanish: %v", got.Errors)
	}
	sum := got.Summary
	if sum.Namespaces != 2 || sum.Pods != 6 || sum.Containers != 6 || sum.Errors != 1 || sum.Counts["latest_tag_containers"] != 2 || sum.Counts["root_containers"] != 3 {
		t.Errorf("summary %+v", sum)
	}
	if got.Coverage == nil || len(got.Coverage) > 0 {
		t.Errorf("coverage %v, want []", got.Coverage)
	}
}

func TestScanOfNothingHasListsNotNull(t *testing.T) {
	t.Parallel()
	s := start(t, newCluster(done("empty")))
	body := s.get(t, "/scan").body
	for _, list := range []string{"latest_tag_containers", "root_containers", "errors", "coverage"} {
		if !strings.Contains(body, `"`+list+`":[]`) {
			t.Errorf("%s is not an empty list: %s", list, body)
		}
	}
}

func TestScanQuery(t *testing.T) {
	t.Parallel()
	s := start(t, newCluster(shop()...))
	for name, c := range map[string]struct {
		query string
		root  []string
	}{
		"one namespace":       {"?namespace=kube-system", []string{}},
		"several namespaces":  {"?namespace=kube-system&namespace=shop", []string{"cart", "pay", "stock"}},
		"an excluded one":     {"?exclude_namespace=shop", []string{}},
		"a selector":          {"?selector=" + url.QueryEscape("app in (pay,mail)"), []string{"pay"}},
		"a minimum severity":  {"?min_severity=high", []string{"pay", "stock"}},
		"everything together": {"?namespace=shop&exclude_namespace=other&selector=app%21%3Dpay&min_severity=high", []string{"stock"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := s.scan(t, c.query)
			if diff := cmp.Diff(c.root, pods(got.Root)); diff != "" {
				t.Errorf("root_containers (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("a minimum severity hides no error", func(t *testing.T) {
		if got := s.scan(t, "?min_severity=critical"); len(got.Errors) != 1 || got.Summary.Errors != 1 {
			t.Errorf("errors %v", got.Errors)
		}
	})
}

func TestBadQueries(t *testing.T) {
	t.Parallel()
	c := newCluster(shop()...)
	s := start(t, c)
	for query, location := range map[string]string{
		"/scan?namespaces=shop":                 "query.namespaces",
		"/scan?namespace=":                      "query.namespace",
		"/scan?namespace=&namespace=shop":       "query.namespace",
		"/scan?namespace=a,b":                   "query.namespace",
		"/scan?namespace=UPPER":                 "query.namespace",
		"/scan?exclude_namespace=a/b":           "query.exclude_namespace",
		"/scan?namespace=a&exclude_namespace=a": "query.namespace",
		"/scan?selector=a%20b":                  "query.selector",
		"/scan?selector=a&selector=b":           "query.selector",
		"/scan?min_severity=huge":               "query.min_severity",
		"/scan?namespace=%zz":                   "",
		"/v1/findings?check=no-such-check":      "query.check",
		"/v1/findings?severity=bad":             "query.severity[0]",
		"/v1/findings?status=bad":               "query.status[0]",
		"/v1/findings?limit=0":                  "query.limit",
		"/v1/findings?limit=1001":               "query.limit",
		"/v1/findings?limit=many":               "query.limit",
		"/v1/findings?cursor=rubbish":           "query.cursor",
		"/v1/findings?cursor=e30":               "query.cursor",
		"/v1/checks?unknown=1":                  "query.unknown",
		"/healthz?unknown=1":                    "query.unknown",
	} {
		t.Run(query, func(t *testing.T) {
			p := s.get(t, query).problem(t, "bad-query", http.StatusUnprocessableEntity)
			b, _ := json.Marshal(p["errors"])
			if !strings.Contains(string(b), `"location":"`+location+`"`) && location != "" {
				t.Errorf("errors %s do not name %s", b, location)
			}
		})
	}
	if n := c.opened.Load(); n != 0 {
		t.Errorf("%d scans were begun for queries that are not valid", n)
	}
}

func TestScanFailures(t *testing.T) {
	t.Parallel()
	forbidden := apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, "", errors.New("no"))
	unreachable := &kube.UnreachableError{Server: "https://cluster.test:6443", Err: errors.New("connection refused")}
	for name, c := range map[string]struct {
		cluster *cluster
		kind    string
		status  int
	}{
		"the source can't be made: unreachable": {&cluster{err: unreachable}, "cluster-unreachable", 502},
		"the source breaks: unreachable":        {newCluster(fails(unreachable)), "cluster-unreachable", 502},
		"the source breaks after some pods":     {newCluster(append(shop(), fails(unreachable))...), "cluster-unreachable", 502},
		"time-out":                              {newCluster(fails(apierrors.NewTimeoutError("slow", 1))), "cluster-unreachable", 502},
		"credentials":                           {newCluster(fails(apierrors.NewUnauthorized("expired"))), "credentials-rejected", 502},
		"forbidden as an error":                 {newCluster(fails(fmt.Errorf("listing pods: %w", forbidden))), "nothing-permitted", 403},
		"forbidden everywhere":                  {newCluster(gap("cluster", finding.Forbidden)), "nothing-permitted", 403},
		"forbidden in each namespace":           {newCluster(gap("namespace/a", finding.Forbidden), gap("namespace/b", finding.Forbidden)), "nothing-permitted", 403},
		"timed out in each namespace":           {newCluster(gap("namespace/a", finding.TimedOut), gap("namespace/b", finding.Forbidden)), "cluster-unreachable", 502},
		"something else":                        {newCluster(fails(errors.New("a riddle"))), "scan-failed", 502},
		"a panic":                               {&cluster{panics: true}, "internal", 500},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, c.cluster)
			for _, path := range []string{"/scan", "/v1/findings"} {
				s.get(t, path).problem(t, c.kind, c.status)
			}
			if !strings.HasPrefix(name, "the source breaks after") {
				s.get(t, "/scan", "Accept", "application/x-ndjson").problem(t, c.kind, c.status)
			}
			if c.kind == "internal" && !strings.Contains(s.logs.String(), "a fault in a check") {
				t.Error("the log does not tell of the panic")
			}
		})
	}
}

func TestPartialScansAreAnswersThatSayWhatIsMissing(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		steps    []step
		complete bool
	}{
		"a forbidden namespace":            {append(shop(), gap("namespace/secret", finding.Forbidden)), false},
		"an empty one beside a forbidden":  {[]step{done("empty"), gap("namespace/secret", finding.Forbidden)}, false},
		"a namespace that does not exist":  {[]step{gap("namespace/nowhere", finding.Vanished)}, false},
		"an owner that can't be read":      {append(shop(), gap("kind/deployments.apps", finding.OwnerUnresolved)), true},
		"empty, and not known to be there": {[]step{gap("kind/namespaces", finding.Forbidden), gap("namespace/x", finding.Unreadable), done("x")}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, newCluster(c.steps...))
			got := s.scan(t, "")
			if got.Complete != c.complete || len(got.Coverage) == 0 {
				t.Errorf("complete %v, coverage %v", got.Complete, got.Coverage)
			}
		})
	}
}

func TestScanTimeLimit(t *testing.T) {
	t.Parallel()
	never := make(chan struct{})
	s := start(t, newCluster(append(shop(), wait(never))...), func(cfg *server.Config) { cfg.ScanTimeout = 50 * time.Millisecond })
	got := s.scan(t, "")
	if got.Complete || len(got.Root) != 3 || len(got.Coverage) != 1 || got.Coverage[0].State != finding.Interrupted || !strings.Contains(got.Coverage[0].Detail, "50ms") {
		t.Errorf("a scan that takes too long: complete %v, %d entries, coverage %v", got.Complete, len(got.Root), got.Coverage)
	}
}

func TestResultTooLarge(t *testing.T) {
	t.Parallel()
	s := start(t, newCluster(shop()...), func(cfg *server.Config) { cfg.MaxResultBytes = 600 })
	s.get(t, "/scan").problem(t, "result-too-large", http.StatusInsufficientStorage)
}
