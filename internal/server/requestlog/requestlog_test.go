package requestlog_test

import (
	"bytes"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/kubeassay/assay/internal/server/requestlog"
)

// A client that accepts nothing must not hold a request for ever.
func TestAWriteThatTakesTooLongFails(t *testing.T) {
	t.Parallel()
	failed := make(chan error, 1)
	web := httptest.NewServer(requestlog.Middleware(requestlog.Options{
		Logger: slog.New(slog.DiscardHandler), WriteTimeout: 100 * time.Millisecond,
	}, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		block := bytes.Repeat([]byte("x"), 1<<20)
		for {
			if _, err := w.Write(block); err != nil {
				failed <- err
				return
			}
		}
	})))
	defer web.Close()
	conn, err := net.Dial("tcp", web.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	// And then nothing is read.
	select {
	case err := <-failed:
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%v", err)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("the write never ended")
	}
}
