//go:build unix

package manifest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func namedPipe(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestANamedPipeIsRead(t *testing.T) {
	path := namedPipe(t)
	written := make(chan error, 1)
	go func() { written <- os.WriteFile(path, []byte(pod), 0o600) }()
	if diff := cmp.Diff([]string{"v1 Pod p spec [x]"}, read(t, New([]string{path}, Options{}))); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if err := <-written; err != nil {
		t.Error(err)
	}
}

// Nobody writes to the pipe, so it can't even be opened.
func TestStopsWhileAPipeWaits(t *testing.T) {
	path := namedPipe(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	var last error
	for _, err := range New([]string{path}, Options{}).Items(ctx) {
		last = err
	}
	if !errors.Is(last, context.DeadlineExceeded) {
		t.Error(last)
	}
	// Ends the one open that nothing could interrupt.
	w, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
}
