package local

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kubeassay/assay/inspect/snapshot"
)

func TestLimits(t *testing.T) {
	root := t.TempDir()
	must(t, os.WriteFile(filepath.Join(root, "small"), []byte("12345"), 0o644), os.WriteFile(filepath.Join(root, "sparse"), nil, 0o644),
		os.Truncate(filepath.Join(root, "sparse"), 1<<40))
	for i := range 50 {
		must(t, os.WriteFile(filepath.Join(root, fmt.Sprintf("f%02d", i)), bytes.Repeat([]byte{'x'}, 100), 0o644))
	}
	t.Run("one file", func(t *testing.T) {
		s := collectFolder(t, root, &snapshot.Plan{Files: []string{"/sparse", "/small"}, Limits: snapshot.Limits{FileBytes: 1 << 20}})
		data, e := s.Content("/sparse")
		if len(data) != 1<<20 || e.Content.State != snapshot.Truncated || e.Size != 1<<40 || !strings.Contains(e.Content.Detail, "1048576 bytes") {
			t.Errorf("%d bytes of a file of 1 TiB: %+v", len(data), e)
		}
		if _, e := s.Content("/small"); e.Content.State != snapshot.Present || e.SHA256 == "" {
			t.Errorf("a small file: %+v", e)
		}
	})
	t.Run("exactly as large as the limit", func(t *testing.T) {
		s := collectFolder(t, root, &snapshot.Plan{Files: []string{"/small"}, Limits: snapshot.Limits{FileBytes: 5}})
		if data, e := s.Content("/small"); string(data) != "12345" || e.Content.State != snapshot.Present {
			t.Errorf("%q, %+v", data, e)
		}
	})
	t.Run("all contents", func(t *testing.T) {
		s := collectFolder(t, root, &snapshot.Plan{Globs: []snapshot.Glob{{Pattern: "/f*", Contents: true}}, Limits: snapshot.Limits{TotalBytes: 1050}})
		states := map[snapshot.State]int{}
		for e := range s.Entries() {
			if e.IsRegular() && strings.HasPrefix(e.Path, "/f") {
				states[e.Content.State]++
			}
		}
		if states[snapshot.Present] != 10 || states[snapshot.Truncated] != 40 {
			t.Errorf("contents: %v", states)
		}
	})
	t.Run("entries", func(t *testing.T) {
		s := collectFolder(t, root, &snapshot.Plan{Trees: []snapshot.Tree{{Path: "/"}}, Limits: snapshot.Limits{Files: 20}})
		n := 0
		for range s.Entries() {
			n++
		}
		if e := s.Entry("/"); n != 20 || e.Listing.State != snapshot.Truncated || !strings.Contains(e.Listing.Detail, "20 entries") {
			t.Errorf("%d entries, listing %v", n, e.Listing)
		}
		if e := s.Entry("/small"); e.Meta.State == snapshot.Absent {
			t.Error("what the limit cut off is said to be absent")
		}
	})
	t.Run("time", func(t *testing.T) {
		s := collectFolder(t, root, &snapshot.Plan{Files: []string{"/small", "/nope"}, Stats: []string{"/"}, Globs: []snapshot.Glob{{Pattern: "/f*"}},
			Trees: []snapshot.Tree{{Path: "/"}}, Limits: snapshot.Limits{Time: 1}})
		for _, name := range []string{"/small", "/nope", "/"} {
			if e := s.Entry(name); e.Meta.State != snapshot.Truncated || !strings.Contains(e.Meta.Detail, "time was up") {
				t.Errorf("%s: %v", name, e.Meta)
			}
		}
	})
	t.Run("a caller who gives up", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := Collect(ctx, Source{Root: root}, &snapshot.Plan{Files: []string{"/small"}}); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
	})
	t.Run("contents of a tree", func(t *testing.T) {
		s := collectFolder(t, root, &snapshot.Plan{Trees: []snapshot.Tree{{Path: "/", Contents: []string{"s*"}, ContentsUpTo: 100}}})
		if _, e := s.Content("/small"); e.Content.State != snapshot.Present {
			t.Errorf("small: %v", e.Content)
		}
		if _, e := s.Content("/sparse"); e.Content.State != snapshot.NotCollected || !strings.Contains(e.Content.Detail, "larger than 100 bytes") {
			t.Errorf("sparse: %v", e.Content)
		}
		if _, e := s.Content("/f00"); e.Content.State != snapshot.NotCollected {
			t.Errorf("f00: %v", e.Content)
		}
	})
}

func TestAFileThatChangesAllTheTime(t *testing.T) {
	root := t.TempDir()
	name := filepath.Join(root, "log")
	must(t, os.WriteFile(name, bytes.Repeat([]byte{'x'}, 32<<20), 0o644))
	f, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY, 0)
	must(t, err)
	done, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-done:
				return
			default:
				_, _ = f.WriteString("y")
			}
		}
	}()
	s := collectFolder(t, root, &snapshot.Plan{Files: []string{"/log"}})
	close(done)
	<-stopped
	must(t, f.Close())
	if data, e := s.Content("/log"); e.Content.State != snapshot.Failed || len(data) > 0 || !strings.Contains(e.Content.Detail, "changed") {
		t.Errorf("%d bytes, %v", len(data), e.Content)
	}
}
