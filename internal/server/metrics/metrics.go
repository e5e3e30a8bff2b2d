// Package metrics counts what the server does, for Prometheus. It has a
// registry of its own, so that nothing which some library registers globally
// gets in.
//
//	m := metrics.New(version, backend.APICalls)
//	mux.Handle("GET /metrics", m.Handler())
package metrics

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/kubeassay/assay/finding"
)

// Result is how a scan ended.
type Result string

// The results.
const (
	Complete  Result = "complete"
	Partial   Result = "partial"
	Forbidden Result = "forbidden"
	Failed    Result = "failed"
	Abandoned Result = "abandoned" // nobody was waiting for it any more
)

// Counts are findings by check and severity.
type Counts map[string]map[finding.Severity]int

// Metrics are the server's counters.
type Metrics struct {
	registry *prometheus.Registry

	scans     *prometheus.CounterVec
	durations *prometheus.HistogramVec
	running   prometheus.Gauge
	readers   prometheus.Gauge
	refused   prometheus.Counter
	findings  *prometheus.GaugeVec
	last      *prometheus.GaugeVec

	requests    *prometheus.CounterVec
	requestTime *prometheus.HistogramVec
	inFlight    prometheus.Gauge
}

// New registers everything. apiCalls tells the calls to the cluster's API
// server by HTTP status so far, 0 for those without an answer.
func New(version string, apiCalls func() map[int]int) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		scans: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "assay_scans_total",
			Help: "Scans that have ended, by API and result (complete, partial, forbidden, failed, abandoned)."}, []string{"api", "result"}),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "assay_scan_duration_seconds",
			Help: "How long scans took.", Buckets: prometheus.ExponentialBucketsRange(0.01, 600, 16)}, []string{"api", "result"}),
		running: prometheus.NewGauge(prometheus.GaugeOpts{Name: "assay_scans_in_flight",
			Help: "Scans that are running."}),
		readers: prometheus.NewGauge(prometheus.GaugeOpts{Name: "assay_scan_readers",
			Help: "Requests that wait for a scan or read its result; several may share one scan."}),
		refused: prometheus.NewCounter(prometheus.CounterOpts{Name: "assay_scans_refused_total",
			Help: "Requests refused because too many scans were running."}),
		findings: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "assay_findings",
			Help: "Failures in the last complete scan of all namespaces. per=workload: merged, from /v1/findings; per=pod: for every pod and container, from /scan."},
			[]string{"per", "check", "severity"}),
		last: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "assay_last_complete_scan_timestamp_seconds",
			Help: "When the scan that assay_findings is about ended."}, []string{"per"}),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "assay_http_requests_total",
			Help: "Requests by route, method and status."}, []string{"route", "method", "code"}),
		requestTime: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "assay_http_request_duration_seconds",
			Help: "How long requests took.", Buckets: prometheus.ExponentialBucketsRange(0.001, 600, 16)}, []string{"route"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{Name: "assay_http_requests_in_flight",
			Help: "Requests that are being answered."}),
	}
	info := prometheus.NewGauge(prometheus.GaugeOpts{Name: "assay_build_info", Help: "Always 1; the version is a label.",
		ConstLabels: prometheus.Labels{"version": version}})
	info.Set(1)
	m.registry.MustRegister(m.scans, m.durations, m.running, m.readers, m.refused, m.findings, m.last,
		m.requests, m.requestTime, m.inFlight, info,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		apiCallCollector{apiCalls})
	return m
}

// Handler serves the metrics.
func (m *Metrics) Handler() http.Handler {
	// The server compresses everything in one place.
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{DisableCompression: true})
}

// ScanStarted counts a scan in; the returned function counts it out.
func (m *Metrics) ScanStarted(api string) (ended func(Result)) {
	start := time.Now()
	m.running.Inc()
	return func(r Result) {
		m.running.Dec()
		m.scans.WithLabelValues(api, string(r)).Inc()
		m.durations.WithLabelValues(api, string(r)).Observe(time.Since(start).Seconds())
	}
}

// ReaderJoined and ReaderLeft count those who wait for a scan.
func (m *Metrics) ReaderJoined() { m.readers.Inc() }

// ReaderLeft is the other half of ReaderJoined.
func (m *Metrics) ReaderLeft() { m.readers.Dec() }

// ScanRefused counts a request that was refused for want of room.
func (m *Metrics) ScanRefused() { m.refused.Inc() }

// Findings replaces what is known about the whole cluster. Every check that
// was asked is there, with zero where it found nothing.
func (m *Metrics) Findings(per string, checks []string, counts Counts, at time.Time) {
	m.findings.DeletePartialMatch(prometheus.Labels{"per": per})
	for _, check := range checks {
		for _, severity := range finding.Severities {
			m.findings.WithLabelValues(per, check, string(severity)).Set(float64(counts[check][severity]))
		}
	}
	m.last.WithLabelValues(per).Set(float64(at.UnixNano()) / 1e9)
}

// RequestStarted and RequestDone count requests.
func (m *Metrics) RequestStarted() { m.inFlight.Inc() }

// RequestDone is the other half of RequestStarted. The route is the mux's
// pattern, never the path, which anybody can make up.
func (m *Metrics) RequestDone(method, route string, status int, took time.Duration) {
	m.inFlight.Dec()
	if route == "" {
		route = "none"
	}
	if method != http.MethodGet && method != http.MethodHead {
		method = "other"
	}
	m.requests.WithLabelValues(route, method, strconv.Itoa(status)).Inc()
	m.requestTime.WithLabelValues(route).Observe(took.Seconds())
}

// apiCallCollector asks for the numbers when they are wanted: somebody else counts.
type apiCallCollector struct{ calls func() map[int]int }

var apiCallDesc = prometheus.NewDesc("assay_api_calls_total",
	"Calls to the cluster's API server, by HTTP status; \"none\" for those without an answer.", []string{"code"}, nil)

func (apiCallCollector) Describe(ch chan<- *prometheus.Desc) { ch <- apiCallDesc }

func (c apiCallCollector) Collect(ch chan<- prometheus.Metric) {
	for status, n := range c.calls() {
		code := "none"
		if status != 0 {
			code = strconv.Itoa(status)
		}
		ch <- prometheus.MustNewConstMetric(apiCallDesc, prometheus.CounterValue, float64(n), code)
	}
}
