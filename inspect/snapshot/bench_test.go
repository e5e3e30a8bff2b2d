package snapshot

import (
	"bytes"
	"fmt"
	"io/fs"
	"runtime"
	"testing"
)

// large is what a folder tree with n files looks like.
func large(n int) *Builder {
	b := NewBuilder(Limits{Files: 2 * n})
	b.Add(dir("/", Present))
	for i := range n / 100 {
		if i%100 == 0 {
			b.Add(dir(fmt.Sprintf("/d%d", i/100), Present))
		}
		folder := fmt.Sprintf("/d%d/folder-%d", i/100, i)
		b.Add(dir(folder, Present))
		for j := range 99 {
			e := Entry{Path: fmt.Sprintf("%s/a-file-with-a-name-%d.txt", folder, j), Meta: present(), Mode: ModeRegular | 0o644, Size: int64(j), ModTime: epoch, ChangeTime: epoch, Inode: uint64(i*100 + j)}
			e.CapabilitiesFact.State = Absent
			b.Add(e)
		}
	}
	return b
}

const entries = 100_000

func BenchmarkBuild(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		large(entries).Snapshot()
	}
}

// BenchmarkMemory is what one entry of a snapshot keeps.
func BenchmarkMemory(b *testing.B) {
	var before, after runtime.MemStats
	for b.Loop() {
		runtime.GC()
		runtime.ReadMemStats(&before)
		s := large(entries).Snapshot()
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/entries, "B/entry")
		runtime.KeepAlive(s)
	}
}

func BenchmarkResolve(b *testing.B) {
	s := large(entries).Snapshot()
	for name, path := range map[string]string{"found": "/d3/folder-350/a-file-with-a-name-42.txt", "absent": "/d3/folder-350/nothing", "dots": "/d3/../d3/folder-350/./a-file-with-a-name-42.txt"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_ = s.Resolve(path)
			}
		})
	}
}

func BenchmarkWalk(b *testing.B) {
	s := large(entries).Snapshot()
	b.Run("Entries", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			for e := range s.Entries() {
				_ = e
			}
		}
	})
	b.Run("WalkDir", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_ = fs.WalkDir(s, ".", func(_ string, d fs.DirEntry, err error) error {
				if err == nil {
					_, err = d.Info()
				}
				return err
			})
		}
	})
}

func BenchmarkGlob(b *testing.B) {
	s := large(entries).Snapshot()
	b.ReportAllocs()
	for b.Loop() {
		s.Glob("/d3/*/*-42.txt")
	}
}

func BenchmarkSaveAndLoad(b *testing.B) {
	s := large(entries).Snapshot()
	data := saved(b, s)
	b.Run("Save", func(b *testing.B) {
		b.ReportAllocs()
		b.ReportMetric(float64(len(data)), "file-bytes")
		for b.Loop() {
			saved(b, s)
		}
	})
	b.Run("Load", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := Load(bytes.NewReader(data), LoadLimits{}); err != nil {
				b.Fatal(err)
			}
		}
	})
}
