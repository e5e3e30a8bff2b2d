package snapshot

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"
)

func within(t *testing.T, most time.Duration, do func()) {
	t.Helper()
	began := time.Now()
	do()
	if took := time.Since(began); took > most {
		t.Errorf("it took %v", took)
	}
}

// TestLoadBombs: a small file can't make a large snapshot, whatever it says.
func TestLoadBombs(t *testing.T) {
	t.Run("empty items", func(t *testing.T) {
		for _, list := range []string{"processes", "mounts", "sockets"} {
			text := fmt.Sprintf(`{"format":"assay-snapshot","version":1,"secrets":"kept","entries":0,"contents":0,%q:{"fact":{"state":"present"},"items":[{}%s]}}`, list, strings.Repeat(",{}", mostItems))
			if _, err := Load(bytes.NewReader(archive(t, "manifest.json", text)), LoadLimits{}); err == nil || !strings.Contains(err.Error(), "more than 262144 items") {
				t.Errorf("%s: %v", list, err)
			}
		}
	})
	t.Run("folders that only a path implies", func(t *testing.T) {
		var lines strings.Builder
		const n = 20
		for i := range n {
			fmt.Fprintf(&lines, `{"path":"/%02d%s","meta":{"state":"present"},"mode":33188}`+"\n", i, strings.Repeat("/a", 30_000))
		}
		data := archive(t, "manifest.json", manifestWith(t, func(m *manifest) { m.Entries, m.Contents = n, 0 }), "entries/000001.jsonl", lines.String())
		within(t, 10*time.Second, func() {
			s, err := Load(bytes.NewReader(data), LoadLimits{})
			if err != nil {
				t.Fatal(err)
			}
			if len(s.recs) > 2*n {
				t.Errorf("%d records of %d entries", len(s.recs), n)
			}
			// It is there all the same.
			if e := s.Entry("/03" + strings.Repeat("/a", 30_000)); e.Meta.State == Absent {
				t.Errorf("%+v", e.Meta)
			}
		})
	})
}

// TestImpliedFoldersAreBounded: many paths of which each stands for many folders.
func TestImpliedFoldersAreBounded(t *testing.T) {
	b := NewBuilder(Limits{})
	for i := range 400 {
		b.Add(Entry{Path: fmt.Sprintf("/%d%s", i, strings.Repeat("/a", 4000)), Meta: Fact{State: Present}, Mode: ModeRegular})
	}
	if s := b.Snapshot(); len(s.recs) > mostImplied+401 {
		t.Errorf("%d records", len(s.recs))
	}
}

// TestLinksThatMakeALongPath: forty links, each with a long way behind it.
func TestLinksThatMakeALongPath(t *testing.T) {
	b := NewBuilder(Limits{})
	for i := range maxLinks - 1 {
		b.Add(Entry{Path: fmt.Sprintf("/l%d", i), Meta: Fact{State: Present}, Mode: ModeSymlink, Link: fmt.Sprintf("l%d%s", i+1, strings.Repeat("/a", 2000))})
	}
	b.Add(Entry{Path: fmt.Sprintf("/l%d", maxLinks-1), Meta: Fact{State: Present}, Mode: ModeDir})
	s := b.Snapshot()
	within(t, 5*time.Second, func() {
		for range 20 {
			if e := s.Resolve("/l0/x"); e.Meta.State != Failed || len(e.Path) > longestPath {
				t.Fatalf("%d bytes, %+v", len(e.Path), e.Meta)
			}
		}
	})
}
