package server_test

import (
	"net/http"
	"strings"
	"testing"
)

func (s *service) metrics(t *testing.T) string {
	t.Helper()
	a := s.get(t, "/metrics")
	if a.StatusCode != http.StatusOK {
		t.Fatalf("GET /metrics: %d %s", a.StatusCode, a.body)
	}
	return a.body
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	s := start(t, newCluster(shop()...))
	s.scan(t, "?namespace=shop") // a part of the cluster must not set the gauges
	if text := s.metrics(t); strings.Contains(text, "assay_findings{") {
		t.Error("the scan of one namespace passes for the whole cluster")
	}
	s.scan(t, "")
	s.get(t, "/v1/findings")
	s.get(t, "/nowhere/at/all")
	text := s.metrics(t)
	for _, want := range []string{
		`assay_scans_total{api="scan",result="complete"} 2`,
		`assay_scans_total{api="findings",result="complete"} 1`,
		`assay_scan_duration_seconds_count{api="scan",result="complete"} 2`,
		`assay_scans_in_flight 0`,
		`assay_findings{check="image-latest-tag",per="pod",severity="medium"} 2`,
		`assay_findings{check="run-as-root",per="pod",severity="high"} 2`,
		`assay_findings{check="run-as-root",per="pod",severity="low"} 0`,
		`assay_findings{check="run-as-root",per="workload",severity="high"} 2`,
		`assay_api_calls_total{code="200"} 7`,
		`assay_api_calls_total{code="403"} 2`,
		`assay_api_calls_total{code="none"} 1`,
		`assay_http_requests_total{code="404",method="GET",route="none"} 1`,
		`assay_http_requests_total{code="200",method="GET",route="GET /scan"} 2`,
		`assay_build_info{version="test"} 1`,
		"go_goroutines", "process_resident_memory_bytes",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("/metrics lacks %s", want)
		}
	}
	if strings.Contains(text, "nowhere") {
		t.Error("a path that anybody can make up is a label")
	}
}
