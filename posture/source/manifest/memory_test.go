package manifest

import (
	"fmt"
	"io"
	"runtime"
	"sync/atomic"
	"testing"
)

// counted counts what was read.
type counted struct {
	io.Reader
	n atomic.Int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n.Add(int64(n))
	return n, err
}

// peak reads a whole dump and returns the most memory that Go took from the
// system while it did, beyond what it had before.
func peak(t testing.TB, dump io.Reader, pods int) (heap uint64, size int64) {
	t.Helper()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	before := m.HeapInuse
	in := &counted{Reader: dump}
	n := 0
	for item, err := range New([]string{"-"}, Options{Stdin: in}).Items(t.Context()) {
		if err != nil || item.Object == nil {
			t.Fatal(err, item.Problem)
		}
		if n++; n%100 == 0 {
			runtime.ReadMemStats(&m)
			heap = max(heap, m.HeapInuse-min(m.HeapInuse, before))
		}
	}
	if n != pods {
		t.Fatalf("%d pods of %d", n, pods)
	}
	return heap, in.n.Load()
}

// TestDump: the memory that a dump takes has nothing to do with its size. The
// benchmark below does the same with 300 MB.
func TestDump(t *testing.T) {
	for _, test := range []struct {
		name string
		dump func(int) io.Reader
		pods int
	}{{"YAML", dumpYAML, 3000}, {"JSON", dumpJSON, 8000}} {
		t.Run(test.name, func(t *testing.T) {
			heap, size := peak(t, test.dump(test.pods), test.pods)
			t.Logf("%d MiB took %d MiB of heap", size>>20, heap>>20)
			if size < 4<<20 {
				t.Errorf("the dump has only %d bytes", size)
			}
			if heap > 48<<20 {
				t.Errorf("%d MiB took %d MiB of heap", size>>20, heap>>20)
			}
		})
	}
}

// TestSlowReader: who reads slowly does not make the rest of the dump pile up.
func TestSlowReader(t *testing.T) {
	in := &counted{Reader: dumpYAML(20_000)}
	for item, err := range New([]string{"-"}, Options{Stdin: in}).Items(t.Context()) {
		if err != nil || item.Object == nil {
			t.Fatal(err, item.Problem)
		}
		for in.n.Load() < inFlight/2 { // it reads ahead of the first item
			runtime.Gosched()
		}
		for range 10 { // time enough to read all of it
			runtime.GC()
		}
		if n := in.n.Load(); n > inFlight+1<<20 {
			t.Errorf("%d bytes were read ahead", n)
		}
		break
	}
}

func BenchmarkDump(b *testing.B) {
	for _, pods := range []int{15_000, 130_000} {
		for name, dump := range map[string]func(int) io.Reader{"YAML": dumpYAML, "JSON": dumpJSON} {
			b.Run(fmt.Sprint(name, pods), func(b *testing.B) {
				measured(b, func() {
					heap, size := peak(b, dump(pods), pods)
					b.ReportMetric(float64(heap>>20), "heap-MiB")
					b.SetBytes(size)
				})
			})
		}
	}
}
