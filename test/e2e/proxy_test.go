package e2e

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"testing"

	"k8s.io/client-go/rest"
)

// wire is a proxy between assay and the API server that knows nothing of what
// goes through it. It can be cut, and break connections.
type wire struct {
	address, target string
	// resetAfter so many bytes from the server a connection is reset; 0 for never.
	resetAfter int64

	mu       sync.Mutex
	listener net.Listener // nil while cut
	open     map[net.Conn]bool
	resets   int
	done     sync.WaitGroup
}

// wire makes a proxy on an address of its own. It is cut until it is joined.
func (c *cluster) wire(t *testing.T) *wire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{address: l.Addr().String(), target: c.address, open: map[net.Conn]bool{}}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		w.cut()
		w.done.Wait()
	})
	return w
}

// join lets connections through from now on.
func (w *wire) join(t *testing.T) {
	t.Helper()
	l, err := net.Listen("tcp", w.address)
	if err != nil {
		t.Fatal(err)
	}
	w.mu.Lock()
	w.listener = l
	w.mu.Unlock()
	w.done.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return // cut
			}
			w.done.Go(func() { w.carry(client) })
		}
	})
}

// cut refuses new connections, and resets those that are open.
func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.listener != nil {
		_ = w.listener.Close()
		w.listener = nil
	}
	for conn := range w.open {
		reset(conn)
	}
}

// reset ends a connection as a crash would: without a goodbye.
func reset(conn net.Conn) {
	_ = conn.(*net.TCPConn).SetLinger(0)
	_ = conn.Close()
}

func (w *wire) carry(client net.Conn) {
	defer w.leave(client)
	server, err := net.Dial("tcp", w.target)
	if err != nil || !w.enter(client) {
		reset(client)
		return
	}
	w.done.Go(func() {
		_, _ = io.Copy(server, client)
		_ = server.Close()
	})
	if w.resetAfter == 0 {
		_, _ = io.Copy(client, server)
	} else if n, _ := io.CopyN(client, server, w.resetAfter); n == w.resetAfter {
		w.mu.Lock()
		w.resets++
		w.mu.Unlock()
		reset(client)
	}
	_ = server.Close()
	_ = client.Close()
}

// enter takes note of a connection, unless the wire has been cut meanwhile.
func (w *wire) enter(conn net.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.listener == nil {
		return false
	}
	w.open[conn] = true
	return true
}

func (w *wire) leave(conn net.Conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.open, conn)
}

func (w *wire) broken() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.resets
}

// gate is a proxy that sees each request, and can hold it back. It is the
// administrator to the API server.
type gate struct {
	url string
	// pick says which request, of those not picked before, is held.
	pick func(*http.Request) bool
	// reached is closed when the first request is held, open when they may go on.
	reached, open chan struct{}
	once          sync.Once
}

// gate makes a proxy that holds the requests that pick picks, until it is opened.
func (c *cluster) gate(t *testing.T, pick func(*http.Request) bool) *gate {
	t.Helper()
	transport, err := rest.TransportFor(c.config)
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{pick: pick, reached: make(chan struct{}), open: make(chan struct{})}
	proxy := &httputil.ReverseProxy{
		Transport: transport,
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(&url.URL{Scheme: "https", Host: c.address}) },
		// Who was held too long has gone: nothing to say to nobody.
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if g.pick(r) {
			g.once.Do(func() { close(g.reached) })
			select {
			case <-g.open:
			case <-r.Context().Done():
				return
			}
		}
		proxy.ServeHTTP(w, r)
	}))
	g.url = server.URL
	t.Cleanup(server.Close)
	return g
}

// flags connect assay through the gate. Plain HTTP, for which no credentials are needed.
func (g *gate) flags() []string { return []string{"--server", g.url} }
