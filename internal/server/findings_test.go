package server_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/internal/server"
)

type findingsAnswer struct {
	APIVersion, Kind, ScanID, NextCursor string
	Findings                             []finding.Finding
	Matched                              int
	Summary                              finding.Summary
	Coverage                             []finding.Coverage
	Errors                               []finding.Problem
}

func (s *service) findings(t *testing.T, query string) findingsAnswer {
	t.Helper()
	a := s.get(t, "/v1/findings"+query)
	if a.StatusCode != http.StatusOK {
		t.Fatalf("GET /v1/findings%s: %d %s", query, a.StatusCode, a.body)
	}
	return decode[findingsAnswer](t, a.body)
}

// told is a finding in short.
func told(findings []finding.Finding) []string {
	list := []string{}
	for _, f := range findings {
		list = append(list, fmt.Sprintf("%s %s %s %s", f.Workload, f.Check, f.Status, f.Severity))
	}
	slices.Sort(list)
	return list
}

func TestFindingsAndTheirFilters(t *testing.T) {
	t.Parallel()
	s := start(t, newCluster(shop()...))
	all := []string{
		"Pod/cart image-latest-tag fail medium", "Pod/cart run-as-root fail medium", "Pod/odd image-latest-tag error medium",
		"Pod/pay run-as-root fail high", "Pod/stock image-latest-tag fail medium", "Pod/stock run-as-root fail high",
	}
	for query, want := range map[string][]string{
		"":                                   all,
		"?check=run-as-root":                 {all[1], all[3], all[5]},
		"?severity=high":                     {all[3], all[5]},
		"?severity=high&severity=low":        {all[3], all[5]},
		"?min_severity=high":                 {all[2], all[3], all[5]}, // an error can't be too slight
		"?status=error":                      {all[2]},
		"?status=fail&check=run-as-root":     {all[1], all[3], all[5]},
		"?kind=Deployment":                   {},
		"?kind=pod&severity=high":            {all[3], all[5]},
		"?kind=Pod&severity=high":            {all[3], all[5]},
		"?namespace=kube-system":             {},
		"?selector=app%3Dpay":                {all[3]},
		"?status=pass&namespace=kube-system": {"Pod/dns image-latest-tag pass medium", "Pod/dns run-as-root pass high"},
	} {
		t.Run(query, func(t *testing.T) {
			got := s.findings(t, query)
			if diff := cmp.Diff(want, told(got.Findings)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if got.Matched != len(want) || got.NextCursor != "" || !got.Summary.Complete || got.Kind != "FindingList" {
				t.Errorf("matched %d, cursor %q, complete %v", got.Matched, got.NextCursor, got.Summary.Complete)
			}
		})
	}
}

func TestPagesComeFromOneScan(t *testing.T) {
	t.Parallel()
	c := newCluster(shop()...)
	s := start(t, c)
	whole := s.findings(t, "?status=fail")
	opened := c.opened.Load()

	var pages []finding.Finding
	query, id := "?status=fail&limit=2", ""
	for n := 0; ; n++ {
		got := s.findings(t, query)
		if n > 0 && got.ScanID != id {
			t.Errorf("page %d is of another scan", n)
		}
		id = got.ScanID
		if got.Matched != whole.Matched {
			t.Errorf("page %d: matched %d of %d", n, got.Matched, whole.Matched)
		}
		pages = append(pages, got.Findings...)
		if got.NextCursor == "" {
			break
		}
		// The parameters may be left out with a cursor, or repeated.
		query = "?limit=2&cursor=" + got.NextCursor
		if n == 0 {
			query += "&status=fail"
		}
	}
	if diff := cmp.Diff(whole.Findings, pages); diff != "" {
		t.Errorf("the pages are not the whole (-whole +pages):\n%s", diff)
	}
	if n := c.opened.Load(); n != opened+1 {
		t.Errorf("%d scans for all pages", n-opened)
	}
}

func TestCursorOfAnotherQuery(t *testing.T) {
	t.Parallel()
	s := start(t, newCluster(shop()...))
	next := s.findings(t, "?limit=1").NextCursor
	p := s.get(t, "/v1/findings?severity=high&cursor="+url.QueryEscape(next)).problem(t, "bad-query", http.StatusUnprocessableEntity)
	if !strings.Contains(fmt.Sprint(p["errors"]), "another query") {
		t.Errorf("%v", p)
	}
}

func TestCursorExpires(t *testing.T) {
	t.Parallel()
	t.Run("after its time", func(t *testing.T) {
		s := start(t, newCluster(shop()...), func(cfg *server.Config) { cfg.KeepFor = time.Millisecond })
		next := s.findings(t, "?limit=1").NextCursor
		var a answer
		eventually(t, "the cursor has expired", func() bool {
			a = s.get(t, "/v1/findings?cursor="+next)
			return a.StatusCode != http.StatusOK
		})
		a.problem(t, "cursor-expired", http.StatusGone)
	})
	t.Run("when there are too many", func(t *testing.T) {
		s := start(t, newCluster(shop()...), func(cfg *server.Config) { cfg.MaxResultBytes = 8 << 10 })
		first := s.findings(t, "?limit=1").NextCursor
		last := ""
		for range 4 {
			last = s.findings(t, "?limit=1").NextCursor
		}
		s.get(t, "/v1/findings?cursor="+first).problem(t, "cursor-expired", http.StatusGone)
		s.findings(t, "?cursor="+last) // the newest is always kept
	})
}

func TestChecks(t *testing.T) {
	t.Parallel()
	s := start(t, newCluster())
	got := decode[struct {
		Checks []struct {
			finding.Rule
			Fields []string
		}
	}](t, s.get(t, "/v1/checks").body)
	ids := []string{}
	for _, c := range got.Checks {
		ids = append(ids, c.ID)
		if c.Title == "" || c.Severity == "" || c.Description == "" || c.Fix == "" || len(c.Fields) == 0 {
			t.Errorf("%s lacks something: %+v", c.ID, c)
		}
	}
	for _, id := range []string{"image-latest-tag", "image-tag-drift", "run-as-root"} {
		if !slices.Contains(ids, id) {
			t.Errorf("%s is not among %v", id, ids)
		}
	}
}
