package server_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kubeassay/assay/internal/server"
)

const secret = "0123456789abcdef-secret"

func tokenFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(path, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// certificate writes a certificate for loopback that vouches for itself.
func certificate(t *testing.T) (cert, key string, pool *x509.CertPool) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "assay"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool = x509.NewCertPool()
	pool.AddCert(parsed)
	return write("tls.crt", "CERTIFICATE", der), write("tls.key", "PRIVATE KEY", keyDER), pool
}

func TestWhatMayBeListenedOn(t *testing.T) {
	t.Parallel()
	cert, key, _ := certificate(t)
	token := tokenFile(t)
	const tlsMissing, tokenMissing = "there is no TLS", "there is no authentication"
	for _, addr := range []string{"0.0.0.0:8080", "[::]:8080", ":8080", "192.0.2.1:8080"} {
		for name, c := range map[string]struct {
			configure func(*server.Config)
			lacks     []string
		}{
			"nothing":            {func(*server.Config) {}, []string{tlsMissing, tokenMissing, addr, "--tls-cert", "--token-file", "--insecure"}},
			"insecure":           {func(c *server.Config) { c.Insecure = true }, []string{tokenMissing, "--token-file"}},
			"TLS":                {func(c *server.Config) { c.TLSCert, c.TLSKey = cert, key }, []string{tokenMissing}},
			"token":              {func(c *server.Config) { c.TokenFile = token }, []string{tlsMissing, "--insecure"}},
			"token and insecure": {func(c *server.Config) { c.TokenFile, c.Insecure = token, true }, nil},
			"token and TLS":      {func(c *server.Config) { c.TokenFile, c.TLSCert, c.TLSKey = token, cert, key }, nil},
		} {
			t.Run(addr+" with "+name, func(t *testing.T) {
				cfg := server.Config{Addr: addr, Backend: newCluster(), Checks: few()}
				c.configure(&cfg)
				_, err := server.New(cfg)
				if (err == nil) != (len(c.lacks) == 0) {
					t.Fatalf("error %v", err)
				}
				for _, word := range c.lacks {
					if !strings.Contains(err.Error(), word) {
						t.Errorf("%q does not say %q", err, word)
					}
				}
				if err != nil && len(c.lacks) < 4 && strings.Contains(err.Error(), tlsMissing) && strings.Contains(err.Error(), tokenMissing) {
					t.Errorf("%q names what is not missing", err)
				}
			})
		}
	}
	for _, addr := range []string{"", "127.0.0.1:0", "[::1]:0", "localhost:0", "127.1.2.3:0"} {
		if _, err := server.New(server.Config{Addr: addr, Backend: newCluster(), Checks: few()}); err != nil {
			t.Errorf("%q: %v", addr, err)
		}
	}
	for name, configure := range map[string]func(*server.Config){
		"no port":             func(c *server.Config) { c.Addr = "127.0.0.1" },
		"certificate, no key": func(c *server.Config) { c.TLSCert = cert },
		"no such certificate": func(c *server.Config) { c.TLSCert, c.TLSKey = "/nowhere", key },
		"no such token file":  func(c *server.Config) { c.TokenFile = "/nowhere" },
		"no checks":           func(c *server.Config) { c.Checks = nil },
	} {
		cfg := server.Config{Addr: "127.0.0.1:0", Backend: newCluster(), Checks: few()}
		configure(&cfg)
		if _, err := server.New(cfg); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestPortInUse(t *testing.T) {
	t.Parallel()
	first := start(t, newCluster())
	second, err := server.New(server.Config{Addr: first.Addr().String(), Backend: newCluster(), Checks: few()})
	if err != nil {
		t.Fatal(err)
	}
	if err := second.Run(t.Context()); err == nil || !strings.Contains(err.Error(), first.Addr().String()) {
		t.Errorf("%v", err)
	}
}

func TestToken(t *testing.T) {
	t.Parallel()
	s := start(t, newCluster(shop()...), func(cfg *server.Config) { cfg.TokenFile = tokenFile(t) })
	for _, path := range []string{"/scan", "/v1/findings", "/v1/checks", "/metrics", "/openapi.json", "/docs/", "/nowhere"} {
		for name, header := range map[string]string{
			"none": "", "wrong": "Bearer " + secret + "x", "half": "Bearer " + secret[:8], "another scheme": "Basic " + secret, "bare": secret, "empty": "Bearer ",
		} {
			a := s.get(t, path, "Authorization", header)
			a.problem(t, "unauthenticated", http.StatusUnauthorized)
			if !strings.HasPrefix(a.Header.Get("WWW-Authenticate"), "Bearer") {
				t.Errorf("%s with token %s: WWW-Authenticate %q", path, name, a.Header.Get("WWW-Authenticate"))
			}
		}
	}
	for _, path := range []string{"/scan", "/v1/checks", "/metrics"} {
		if a := s.get(t, path, "Authorization", "bearer "+secret); a.StatusCode != http.StatusOK {
			t.Errorf("%s with the token: %d %s", path, a.StatusCode, a.body)
		}
	}
	for _, path := range []string{"/healthz", "/readyz"} {
		if a := s.get(t, path); a.StatusCode != http.StatusOK {
			t.Errorf("%s needs no token: %d %s", path, a.StatusCode, a.body)
		}
	}
	// With a token, the name does not matter: a web page does not have it.
	if a := s.get(t, "/v1/checks", "Authorization", "Bearer "+secret, "Host", "assay.example.test"); a.StatusCode != http.StatusOK {
		t.Errorf("another host name: %d", a.StatusCode)
	}
	if strings.Contains(s.logs.String(), secret[:8]) {
		t.Error("the log has the token")
	}
}

func TestHostNamesWithoutToken(t *testing.T) {
	t.Parallel()
	s := start(t, newCluster(), func(cfg *server.Config) { cfg.Hosts = []string{"assay.Local"} })
	for host, status := range map[string]int{
		"localhost": 200, "LOCALHOST:99": 200, "127.0.0.1:1": 200, "[::1]:8080": 200, "127.9.9.9": 200, "localhost.": 200, "assay.local:1": 200,
		"evil.test": 421, "localhost.evil.test": 421, "127.0.0.1.evil.test": 421, "10.0.0.1": 421, "0.0.0.0": 421,
	} {
		a := s.get(t, "/v1/checks", "Host", host)
		if a.StatusCode != status {
			t.Errorf("%s: %d, want %d", host, a.StatusCode, status)
		}
		if status == http.StatusMisdirectedRequest {
			a.problem(t, "wrong-host", status)
		}
	}
}

func TestOtherSitesWithoutToken(t *testing.T) {
	t.Parallel()
	c := newCluster(shop()...)
	s := start(t, c)
	s.get(t, "/scan", "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Dest", "image").problem(t, "cross-site", http.StatusForbidden)
	if c.opened.Load() != 0 {
		t.Error("the page has begun a scan")
	}
	for _, headers := range [][]string{{"Sec-Fetch-Site", "same-origin"}, {"Sec-Fetch-Site", "none"}, {"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Dest", "document"}} {
		if a := s.get(t, "/v1/checks", headers...); a.StatusCode != http.StatusOK {
			t.Errorf("%v: %d", headers, a.StatusCode)
		}
	}
}

func TestTLS(t *testing.T) {
	t.Parallel()
	cert, key, pool := certificate(t)
	s := start(t, newCluster(shop()...), func(cfg *server.Config) { cfg.TLSCert, cfg.TLSKey = cert, key })
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport}).Do(s.request(t, t.Context(), http.MethodGet, "/scan", "Accept", ndjson))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.ProtoMajor != 2 || resp.StatusCode != http.StatusOK || !strings.HasPrefix(s.URL(), "https://") {
		t.Errorf("%s %s at %s", resp.Proto, resp.Status, s.URL())
	}
	l := &lines{resp, bufio.NewReader(resp.Body)}
	n, last := 0, ""
	for line := l.next(t); line != ""; line = l.next(t) {
		n, last = n+1, line
	}
	if n != 7 || !strings.Contains(last, `"summary"`) {
		t.Errorf("%d lines, the last is %s", n, last)
	}
}

func TestAFaultInAHandlerIsAProblem(t *testing.T) {
	t.Parallel()
	c := newCluster()
	c.readyPanics = true
	s := start(t, c)
	for range 2 { // and the next request is answered too
		s.get(t, "/readyz").problem(t, "internal", http.StatusInternalServerError)
	}
	if !strings.Contains(s.logs.String(), "a fault in the probe") {
		t.Error("the log does not tell of it")
	}
}

func TestBodiesAreRefused(t *testing.T) {
	t.Parallel()
	s := start(t, newCluster())
	r := s.request(t, t.Context(), http.MethodGet, "/v1/checks")
	r.Body, r.ContentLength = http.NoBody, 0
	if a := s.do(t, r); a.StatusCode != http.StatusOK {
		t.Errorf("no body: %d", a.StatusCode)
	}
	for _, length := range []int64{5, -1} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL()+"/v1/checks", strings.NewReader("hello"))
		if err != nil {
			t.Fatal(err)
		}
		r.ContentLength = length
		s.do(t, r).problem(t, "body-not-expected", http.StatusRequestEntityTooLarge)
	}
}

func TestHeadersAreLimited(t *testing.T) {
	t.Parallel()
	s := start(t, newCluster())
	if a := s.get(t, "/healthz", "X-Large", strings.Repeat("x", 64<<10)); a.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("%d", a.StatusCode)
	}
}

func TestNotFoundAndNotAllowed(t *testing.T) {
	t.Parallel()
	s := start(t, newCluster())
	for _, path := range []string{"/", "/scan/", "/v1", "/v2/findings", "/docs/nothing.js"} {
		s.get(t, path).problem(t, "not-found", http.StatusNotFound)
	}
	for _, method := range []string{http.MethodPost, http.MethodDelete, http.MethodOptions} {
		a := s.do(t, s.request(t, t.Context(), method, "/scan"))
		a.problem(t, "method-not-allowed", http.StatusMethodNotAllowed)
		if allow := a.Header.Get("Allow"); !strings.Contains(allow, "GET") {
			t.Errorf("Allow: %q", allow)
		}
	}
}

// HEAD would be a whole scan of which nobody sees the result. Where it costs
// nothing, it is answered.
func TestHeadDoesNotScan(t *testing.T) {
	t.Parallel()
	c := newCluster(shop()...)
	s := start(t, c)
	for path, want := range map[string]int{
		"/scan": http.StatusMethodNotAllowed, "/v1/findings?limit=1": http.StatusMethodNotAllowed,
		"/healthz": http.StatusOK, "/v1/checks": http.StatusOK, "/nowhere": http.StatusNotFound,
	} {
		a := s.do(t, s.request(t, t.Context(), http.MethodHead, path))
		if a.StatusCode != want || len(a.body) > 0 {
			t.Errorf("%s: %d, body %q", path, a.StatusCode, a.body)
		}
		if allow := a.Header.Get("Allow"); want == http.StatusMethodNotAllowed && allow != http.MethodGet {
			t.Errorf("%s: Allow: %q", path, allow)
		}
	}
	if n := c.opened.Load(); n != 0 {
		t.Errorf("%d scans", n)
	}
}

// Connections beyond the limit wait, and are answered when others end.
func TestConnectionsAreLimited(t *testing.T) {
	t.Parallel()
	s := startTuned(t, newCluster(), func(s *server.Server) { s.SetConnections(1) })
	ask := func() (net.Conn, *bufio.Reader) {
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", s.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		if _, err := conn.Write([]byte("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")); err != nil {
			t.Fatal(err)
		}
		return conn, bufio.NewReader(conn)
	}
	read := func(conn net.Conn, b *bufio.Reader, within time.Duration) (string, error) {
		if err := conn.SetReadDeadline(time.Now().Add(within)); err != nil {
			t.Fatal(err)
		}
		return b.ReadString('\n')
	}
	first, of1 := ask()
	if line, err := read(first, of1, time.Minute); err != nil || !strings.Contains(line, "200") {
		t.Fatalf("%q, %v", line, err)
	}
	second, of2 := ask()
	if line, err := read(second, of2, 200*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("answered beside another: %q, %v", line, err)
	}
	_ = first.Close()
	if line, err := read(second, of2, time.Minute); err != nil || !strings.Contains(line, "200") {
		t.Errorf("%q, %v", line, err)
	}
}

func TestSecurityHeaders(t *testing.T) {
	t.Parallel()
	s := start(t, newCluster())
	for _, path := range []string{"/scan", "/nowhere", "/metrics", "/scan?bad=1"} {
		h := s.get(t, path).Header
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store",
			"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'", "Referrer-Policy": "no-referrer",
		} {
			if got := h.Get(name); got != want {
				t.Errorf("%s: %s is %q", path, name, got)
			}
		}
	}
}

func TestReadyAsksTheClusterButNotForEachCaller(t *testing.T) {
	t.Parallel()
	c := newCluster()
	s := start(t, c)
	for range 20 {
		if a := s.get(t, "/readyz"); a.StatusCode != http.StatusOK {
			t.Fatalf("%d %s", a.StatusCode, a.body)
		}
	}
	if n := c.probes.Load(); n == 0 || n > 10 {
		t.Errorf("20 questions were passed on as %d", n)
	}
	down := errors.New("dial tcp 10.1.2.3:6443: connection refused")
	c.ready.Store(&down)
	var a answer
	eventually(t, "it is not ready", func() bool {
		a = s.get(t, "/readyz")
		return a.StatusCode != http.StatusOK
	})
	a.problem(t, "not-ready", http.StatusServiceUnavailable)
	if strings.Contains(a.body, "10.1.2.3") {
		t.Errorf("anybody may ask, and learns %s", a.body)
	}
	if a := s.get(t, "/healthz"); a.StatusCode != http.StatusOK {
		t.Error("healthy all the same")
	}
}

func TestRequestLog(t *testing.T) {
	t.Parallel()
	s := start(t, newCluster(shop()...))
	a := s.get(t, "/v1/checks?unknown=sensitive", "X-Request-Id", "from-outside.1", "Authorization", "Bearer "+secret)
	if a.Header.Get("X-Request-Id") != "from-outside.1" {
		t.Errorf("X-Request-Id %q", a.Header.Get("X-Request-Id"))
	}
	for _, bad := range []string{"with space", strings.Repeat("x", 200), `quote"`} {
		if got := s.get(t, "/healthz", "X-Request-Id", bad).Header.Get("X-Request-Id"); got == bad || got == "" {
			t.Errorf("the ID %q came back as %q", bad, got)
		}
	}
	var line map[string]any
	eventually(t, "the line is written", func() bool {
		for l := range strings.Lines(s.logs.String()) {
			if m := decode[map[string]any](t, l); m["request_id"] == "from-outside.1" {
				line = m
			}
		}
		return line != nil
	})
	if line["method"] != "GET" || line["path"] != "/v1/checks" || line["status"] != 422.0 || line["bytes"].(float64) < 10 || line["duration"] == nil {
		t.Errorf("%v", line)
	}
	if log := s.logs.String(); strings.Contains(log, secret) || strings.Contains(log, "sensitive") {
		t.Error("the log has a token or a query")
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	t.Parallel()
	s, err := server.New(server.Config{Addr: "127.0.0.1:0", Backend: newCluster(), Checks: few()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Run(ctx); err != nil {
		t.Error(err)
	}
}
