package kube

import (
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/rest"

	"github.com/kubeassay/assay/kube/audit"
)

func TestTrafficIsCounted(t *testing.T) {
	f := newFake(t, numbered(400))
	f.zip = true
	c, _ := f.client(t)
	if _, err := list(t, c, ListOptions{PageSize: 400}); err != nil {
		t.Fatal(err)
	}
	plain := c.Stats()
	c.gzip = true
	if _, err := list(t, c, ListOptions{PageSize: 400}); err != nil {
		t.Fatal(err)
	}
	both := c.Stats()
	if both.Calls[200] != 2 || both.Total() != 2 {
		t.Errorf("calls = %v", both.Calls)
	}
	if zipped := both.Bytes - plain.Bytes; zipped <= 0 || zipped > plain.Bytes/2 {
		t.Errorf("%d bytes packed, %d plain: what counts is what was sent", zipped, plain.Bytes)
	}
}

func TestAuditTrail(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	log, err := audit.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	f := newFake(t, numbered(4))
	f.fault = func(w http.ResponseWriter, r *http.Request, n int) bool {
		switch n {
		case 2:
			answers(503)(f, w, r)
		case 3:
			cuts(f, w, r)
		case 4:
			drops(f, w, r)
		default:
			return false
		}
		return true
	}
	c, _ := f.client(t, func(o *Options) { o.Audit = log })
	if _, err := list(t, c, ListOptions{Namespace: "shop", PageSize: 2, LabelSelector: "private"}); err != nil {
		t.Fatal(err)
	}
	_, head, _ := readTrail(t, log, path)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	var statuses []string
	for line := range strings.Lines(text) {
		_, after, _ := strings.Cut(line, `"status":`)
		status, _, _ := strings.Cut(after, ",")
		if strings.Contains(line, `"incomplete":true`) {
			status += " incomplete"
		}
		statuses = append(statuses, status)
	}
	if diff := cmp.Diff([]string{"200", "503", "200 incomplete", "0 incomplete", "200"}, statuses); diff != "" {
		t.Errorf("%s\n%s", diff, text)
	}
	for _, secret := range []string{"very-secret", "private", "continue", "limit"} {
		if strings.Contains(text, secret) {
			t.Errorf("the trail holds %q:\n%s", secret, text)
		}
	}
	if !strings.Contains(text, `"verb":"list","resource":"pods","namespace":"shop"`) || head == "" {
		t.Errorf("trail: %s", text)
	}
}

func readTrail(t *testing.T, log *audit.Log, path string) (lines int, head string, err error) {
	t.Helper()
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	lines, head, err = audit.Verify(file)
	if err != nil {
		t.Fatal(err)
	}
	return lines, head, err
}

// What can't be written down is not done, and never looks like an empty cluster.
func TestNoCallWithoutTrail(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("this system has no /dev/full")
	}
	for _, zip := range []bool{false, true} {
		log, err := audit.Open("/dev/full")
		if err != nil {
			t.Fatal(err)
		}
		f := newFake(t, numbered(4))
		f.zip = zip
		c, waits := f.client(t, func(o *Options) { o.Audit = log })
		c.gzip = zip
		var write *audit.WriteError
		got, err := list(t, c, ListOptions{PageSize: 2})
		if !errors.As(err, &write) || len(got.keys) > 0 {
			t.Errorf("got %v, %v: want nothing and a WriteError", got.keys, err)
		}
		if _, err := c.ServerVersion(t.Context()); !errors.As(err, &write) {
			t.Errorf("ServerVersion: %v", err)
		}
		if f.count() != 1 || len(*waits) > 0 {
			t.Errorf("%d requests, waits %v: want the one that could not be written down", f.count(), *waits)
		}
	}
}

// Clients that others make from RESTConfig are under the same rule: they may
// read a body, but never to its end as if all were well.
func TestNoCallWithoutTrailForOthers(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("this system has no /dev/full")
	}
	log, err := audit.Open("/dev/full")
	if err != nil {
		t.Fatal(err)
	}
	f := newFake(t, nil)
	f.fault = func(w http.ResponseWriter, _ *http.Request, _ int) bool { _, _ = w.Write([]byte("hello")); return true }
	c, _ := f.client(t, func(o *Options) { o.Audit = log })
	other, err := rest.HTTPClientFor(c.RESTConfig())
	if err != nil {
		t.Fatal(err)
	}
	resp, err := other.Get(f.URL + "/version")
	if err != nil {
		t.Fatal(err)
	}
	var write *audit.WriteError
	if _, err := io.ReadAll(resp.Body); !errors.As(err, &write) {
		t.Errorf("reading: %v", err)
	}
	if err := resp.Body.Close(); !errors.As(err, &write) {
		t.Errorf("closing: %v", err)
	}
	if c.Stats().Calls[200] != 1 {
		t.Errorf("calls: %v", c.Stats().Calls)
	}
}

// What ends in a stream of both directions is written down when it begins.
func TestUpgradeIsWrittenDown(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	log, err := audit.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	f := newFake(t, nil)
	f.fault = func(w http.ResponseWriter, _ *http.Request, _ int) bool {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return true
		}
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nhello")
		_ = conn.Close()
		return true
	}
	c, _ := f.client(t, func(o *Options) { o.Audit = log })
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, f.URL+"/api/v1/namespaces/shop/pods/cart/exec?command=secret", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Connection", "Upgrade")
	req.Header.Set("Upgrade", "x")
	config := c.RESTConfig()
	config.NextProtos = []string{"http/1.1"}
	other, err := rest.HTTPClientFor(config)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := other.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if _, both := resp.Body.(io.ReadWriteCloser); !both {
		t.Errorf("the stream can't be written to: %T", resp.Body)
	}
	if _, lines := log.Head(); lines != 1 {
		t.Errorf("%d lines before the stream ends, want 1", lines)
	}
	readTrail(t, log, path)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if want := `"resource":"pods/exec","namespace":"shop","name":"cart","status":101`; !strings.Contains(string(b), want) || strings.Contains(string(b), "secret") {
		t.Errorf("trail: %s, want %s", b, want)
	}
}
