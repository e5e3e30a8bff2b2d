package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"runtime/pprof"
	"sync"
	"testing"
	"time"

	"github.com/kubeassay/assay/kube"
	"github.com/kubeassay/assay/posture/source"
)

// stacks of all goroutines.
func stacks(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&b, 2); err != nil {
		t.Error(err)
	}
	return b.Bytes()
}

// leftBehind fails when goroutines of readings and lists are still there after
// a while: what ends needs a moment to be gone.
func leftBehind(t *testing.T) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for {
		all := stacks(t)
		if !bytes.Contains(all, []byte("cluster.(*walker)")) && !bytes.Contains(all, []byte("kube.(*lister)")) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("goroutines were left behind:\n%s", all)
		}
		time.Sleep(time.Millisecond)
	}
}

// Who stops reading leaves nothing behind, wherever it is.
func TestStopEarly(t *testing.T) {
	for _, mode := range []struct {
		name   string
		server func(*server)
		o      Options
	}{
		{"all at once", func(*server) {}, Options{PageSize: 1, Nodes: true}},
		{"one by one", func(s *server) { s.forbidKinds(Kinds()...) }, Options{PageSize: 1}},
		{"gaps", func(s *server) { s.forbidKinds(append(Kinds(), kube.Namespaces)...) }, Options{}},
		{"named", func(*server) {}, Options{Namespaces: []string{"a", "b", "nowhere"}}},
	} {
		t.Run(mode.name, func(t *testing.T) {
			s := shop(t)
			s.add(kube.Nodes, named("/n1"))
			mode.server(s)
			src, err := New(s.client(t), mode.o)
			if err != nil {
				t.Fatal(err)
			}
			total := 0
			for _, err := range src.Items(t.Context()) {
				if err != nil {
					t.Fatal(err)
				}
				total++
			}
			leftBehind(t)
			for stop := 1; stop <= total; stop++ {
				n := 0
				for range src.Items(t.Context()) {
					if n++; n == stop {
						break
					}
				}
				if n != stop {
					t.Fatalf("stopped after %d of %d", n, total)
				}
				leftBehind(t)
			}
		})
	}
	t.Run("pulled", func(t *testing.T) {
		s := shop(t)
		src, err := New(s.client(t), Options{PageSize: 1})
		if err != nil {
			t.Fatal(err)
		}
		next, stop := iter.Pull2(src.Items(t.Context()))
		if _, err, ok := next(); err != nil || !ok {
			t.Fatal(err, ok)
		}
		stop()
		leftBehind(t)
	})
	t.Run("panic", func(t *testing.T) {
		s := shop(t)
		src, err := New(s.client(t), Options{PageSize: 1})
		if err != nil {
			t.Fatal(err)
		}
		func() {
			defer func() { _ = recover() }()
			for range src.Items(t.Context()) {
				panic("in the middle")
			}
		}()
		leftBehind(t)
	})
}

// An ended context ends the reading at once, wherever the server is silent, and
// takes the requests with it.
func TestCancel(t *testing.T) {
	for _, tt := range []struct {
		name     string
		silent   place
		after    int
		oneByOne bool
		o        Options
	}{
		{"while namespaces are listed", place{kube.Namespaces, ""}, 0, false, Options{}},
		{"while a namespace is looked for", place{kube.Namespaces, "a"}, 0, false, Options{Namespaces: []string{"a"}}},
		{"while nodes are listed", place{kube.Nodes, ""}, 0, false, Options{Nodes: true}},
		{"at the first page", place{kube.Pods, ""}, 0, false, Options{}},
		{"in the middle", place{kube.Pods, ""}, 2, false, Options{PageSize: 1}},
		{"one by one", place{kube.Jobs, "b"}, 0, true, Options{}},
		{"looking for an empty namespace", place{kube.Namespaces, "c"}, 0, true, Options{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := shop(t)
			if tt.oneByOne {
				s.forbidKinds(Kinds()...)
			}
			arrived, gone := make(chan struct{}), make(chan struct{})
			var once sync.Once
			s.faults[tt.silent] = later(tt.after, func(w http.ResponseWriter, r *request) bool {
				once.Do(func() {
					close(arrived)
					stalls(w, r)
					close(gone)
				})
				return true
			})
			src, err := New(s.client(t), tt.o)
			if err != nil {
				t.Fatal(err)
			}
			why := errors.New("no longer wanted")
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			go func() {
				<-arrived
				cancel(why)
			}()
			result := make(chan error, 1)
			go func() {
				var last error
				for _, err := range src.Items(ctx) {
					last = err
				}
				result <- last
			}()
			for _, wait := range []struct {
				what string
				c    <-chan struct{}
			}{{"the request to come", arrived}, {"the request to be given up", gone}} {
				select {
				case <-wait.c:
				case <-time.After(20 * time.Second):
					t.Fatalf("waited for %s", wait.what)
				}
			}
			select {
			case err := <-result:
				if !errors.Is(err, why) && !errors.Is(err, context.Canceled) {
					t.Errorf("err = %v", err)
				}
			case <-time.After(20 * time.Second):
				t.Fatal("the reading goes on")
			}
			leftBehind(t)
		})
	}
}

// As many requests are under way as was said, and no more: in lists of all
// namespaces and one by one.
func TestConcurrency(t *testing.T) {
	for _, oneByOne := range []bool{false, true} {
		for _, n := range []int{0, 1, 2, 3, 6} {
			t.Run(fmt.Sprintf("one by one=%v %d", oneByOne, n), func(t *testing.T) {
				want := n
				if n == 0 {
					want = DefaultConcurrency
				}
				s := shop(t)
				if oneByOne {
					s.forbidKinds(Kinds()...)
				}
				var mu sync.Mutex
				underWay, most := 0, 0
				// The first requests are held until every kind has sent one or waits for its turn.
				settled := make(chan struct{})
				go func() {
					defer close(settled)
					for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
						mu.Lock()
						all := underWay + bytes.Count(stacks(t), []byte("semaphore.(*Weighted).Acquire("))
						mu.Unlock()
						if all >= len(Kinds()) {
							return
						}
					}
					t.Error("not all kinds are read at the same time")
				}()
				s.always = func(_ http.ResponseWriter, r *request) bool {
					if r.resource == kube.Namespaces && !r.get || oneByOne && r.namespace == "" {
						return false
					}
					mu.Lock()
					underWay++
					most = max(most, underWay)
					mu.Unlock()
					<-settled
					mu.Lock()
					underWay--
					mu.Unlock()
					return false
				}
				got := read(t, s.client(t), Options{Concurrency: n, PageSize: 2})
				if len(got.objects) != 8 || !got.complete() {
					t.Errorf("got %v %+v", got.objects, got.coverage)
				}
				if most != want {
					t.Errorf("%d requests at the same time, want %d", most, want)
				}
			})
		}
	}
}

var _ source.Source = (*Source)(nil)
