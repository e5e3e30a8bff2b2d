package manifest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kubeassay/assay/posture/source/manifest/internal/split"
)

// TestStops: leaving early, or a context that ends, stops all goroutines, even
// while a read is waiting for input that never comes.
func TestStops(t *testing.T) {
	before := runtime.NumGoroutine()
	t.Run("left early", func(t *testing.T) {
		for item, err := range New([]string{"-"}, Options{Stdin: dumpYAML(100_000)}).Items(t.Context()) {
			if err != nil || item.Object == nil {
				t.Fatal(err)
			}
			break
		}
	})
	t.Run("cancelled", func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		stop := errors.New("stop it")
		n, last := 0, error(nil)
		for item, err := range New([]string{"-"}, Options{Stdin: dumpYAML(100_000)}).Items(ctx) {
			if last = err; err == nil && item.Object != nil {
				n++
				cancel(stop)
			}
		}
		if !errors.Is(last, stop) || n > 1000 {
			t.Errorf("after %d objects: %v", n, last)
		}
	})
	in, out := io.Pipe()
	t.Run("waiting for input", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		var last error
		for _, err := range New([]string{"-"}, Options{Stdin: in}).Items(ctx) {
			last = err
		}
		if !errors.Is(last, context.DeadlineExceeded) {
			t.Error(last)
		}
	})
	out.Close() // the one read that nothing could interrupt
	for deadline := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before; runtime.Gosched() {
		if time.Now().After(deadline) {
			buf := make([]byte, 1<<20)
			t.Fatalf("goroutines are left:\n%s", buf[:runtime.Stack(buf, true)])
		}
	}
}

func TestReadError(t *testing.T) {
	in := io.MultiReader(strings.NewReader(pod+"---\n"), iotest.ErrReader(errors.New("the disk is gone")))
	got := read(t, New([]string{"-"}, Options{Stdin: in}))
	want := []string{"v1 Pod p spec [x]", "problem stdin: it can't be read: the disk is gone"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// FuzzDocuments: nothing that a file holds can stop the source.
func FuzzDocuments(f *testing.F) {
	for _, s := range []string{pod, bomb(), "apiVersion: v1\nkind: List\nitems:\n" + indent(pod), "{\"kind\":\"List\",\"apiVersion\":\"v1\",\"items\":[{}]}", "a: &a [*a]\n", "{{ x }}"} {
		f.Add([]byte(s), false)
		f.Add([]byte(s), true)
	}
	f.Fuzz(func(t *testing.T, text []byte, small bool) {
		s := New([]string{"-"}, Options{Stdin: bytes.NewReader(text)})
		if small {
			s.limits = split.Limits{Large: 10, Max: 1000}
		}
		lines := bytes.Count(text, []byte{'\n'}) + bytes.Count(text, []byte{'\r'}) + bytes.Count(text, []byte{0xc2, 0x85}) + bytes.Count(text, []byte{0xe2, 0x80}) + 1
		if bytes.HasPrefix(text, []byte{0xff, 0xfe}) || bytes.HasPrefix(text, []byte{0xfe, 0xff}) {
			lines = len(text) + 1
		}
		for item, err := range s.Items(t.Context()) {
			switch {
			case err != nil:
				t.Fatal(err)
			case item.Problem != nil:
				if p := item.Problem; p.Message == "" || p.Line > lines || p.Line < 0 {
					t.Errorf("problem %q in a text of %d lines", p, lines)
				}
			case item.Object != nil:
				if at := item.Object.Locate("spec.containers[0].image"); at.Line < 1 || at.Line > lines || at.Column < 1 {
					t.Errorf("found at %s in a text of %d lines", at, lines)
				}
			}
		}
	})
}
