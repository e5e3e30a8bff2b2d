package flight_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/kubeassay/assay/internal/server/flight"
)

type (
	group  = flight.Group[string, int]
	logOf  = flight.Log[string]
	reader = flight.Reader[string, int]
)

func newGroup(limits flight.Limits) *group {
	return flight.New[string, int](limits, func(s string) int { return len(s) })
}

var roomy = flight.Limits{Running: 10, Alive: 10, Bytes: 1 << 20}

// said returns work that says some words, and the length of all.
func said(words ...string) flight.Work[string, int] {
	return func(_ context.Context, log *logOf) (int, error) {
		n := 0
		for _, w := range words {
			if err := log.Append(w); err != nil {
				return n, err
			}
			n += len(w)
		}
		return n, nil
	}
}

// until returns work that goes on until its context ends.
func until(causes chan<- error) flight.Work[string, int] {
	return func(ctx context.Context, log *logOf) (int, error) {
		_ = log.Append("begun")
		<-ctx.Done()
		causes <- context.Cause(ctx)
		return 0, context.Cause(ctx)
	}
}

func join(t *testing.T, g *group, key string, work flight.Work[string, int]) *reader {
	t.Helper()
	r, err := g.Join(key, work)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// all reads to the end.
func all(t *testing.T, r *reader) []string {
	t.Helper()
	var words []string
	for {
		next, err := r.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(next) == 0 {
			return words
		}
		words = append(words, next...)
	}
}

func TestReadersAtTheirOwnPaceGetTheSame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGroup(roomy)
		more := make(chan string)
		work := func(_ context.Context, log *logOf) (int, error) {
			n := 0
			for w := range more {
				_ = log.Append(w)
				n++
			}
			return n, nil
		}
		eager := join(t, g, "k", work)
		more <- "a"
		if got, err := eager.Next(t.Context()); err != nil || len(got) != 1 || got[0] != "a" {
			t.Errorf("%v, %v", got, err)
		}
		if eager.Ready() {
			t.Error("there is nothing to read")
		}
		lazy := join(t, g, "k", nil)
		more <- "b"
		more <- "c"
		close(more)
		late := join(t, g, "k", func(context.Context, *logOf) (int, error) { return 0, nil })
		synctest.Wait()
		for name, c := range map[string]struct {
			r    *reader
			want int
		}{"eager": {eager, 2}, "lazy": {lazy, 3}} {
			if got := all(t, c.r); len(got) != c.want {
				t.Errorf("%s: %v", name, got)
			}
			if n, err := c.r.Result(t.Context()); n != 3 || err != nil {
				t.Errorf("%s: %d, %v", name, n, err)
			}
			c.r.Close()
		}
		late.Close()
		g.Close(nil)
	})
}

func TestManyReaders(t *testing.T) {
	g := newGroup(roomy)
	gate := make(chan struct{})
	var readers []*reader
	for range 100 {
		readers = append(readers, join(t, g, "k", func(ctx context.Context, log *logOf) (int, error) {
			<-gate
			for range 1000 {
				_ = log.Append("word")
			}
			return 1000, nil
		}))
	}
	if g.Running() != 1 {
		t.Errorf("%d are running", g.Running())
	}
	close(gate)
	var wg sync.WaitGroup
	for _, r := range readers {
		wg.Go(func() {
			defer r.Close()
			if got := all(t, r); len(got) != 1000 {
				t.Errorf("%d records", len(got))
			}
		})
	}
	wg.Wait()
	g.Close(nil)
}

func TestOneWhoLeavesEndsOnlyItsOwnWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGroup(roomy)
		causes := make(chan error, 1)
		stays, leaves := join(t, g, "k", until(causes)), join(t, g, "k", nil)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := leaves.Result(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
		leaves.Close()
		leaves.Close() // twice counts once
		synctest.Wait()
		if len(causes) > 0 {
			t.Error("the work has ended, though one is waiting")
		}
		stays.Close()
		if cause := <-causes; !errors.Is(cause, flight.ErrAbandoned) {
			t.Errorf("%v", cause)
		}
		g.Close(nil)
	})
}

func TestAbandonedWorkGetsNoNewReaders(t *testing.T) {
	g := newGroup(roomy)
	causes, hold := make(chan error, 1), make(chan struct{})
	first := join(t, g, "k", func(ctx context.Context, _ *logOf) (int, error) {
		<-ctx.Done()
		causes <- context.Cause(ctx)
		<-hold // slow to stop
		return 0, context.Cause(ctx)
	})
	first.Close()
	<-causes
	second := join(t, g, "k", said("new"))
	if got := all(t, second); len(got) != 1 || got[0] != "new" {
		t.Errorf("%v", got)
	}
	close(hold)
	second.Close()
	g.Close(nil)
}

func TestFinishedWorkIsNotKept(t *testing.T) {
	g := newGroup(roomy)
	first := join(t, g, "k", said("old"))
	if _, err := first.Result(t.Context()); err != nil {
		t.Fatal(err)
	}
	second := join(t, g, "k", said("new"))
	if got := all(t, second); len(got) != 1 || got[0] != "new" {
		t.Errorf("%v", got)
	}
	if got := all(t, first); len(got) != 1 || got[0] != "old" {
		t.Errorf("the first still reads %v", got)
	}
	first.Close()
	second.Close()
	g.Close(nil)
}

func TestLimits(t *testing.T) {
	t.Run("running", func(t *testing.T) {
		g := newGroup(flight.Limits{Running: 1, Alive: 10, Bytes: 100})
		causes := make(chan error, 1)
		r := join(t, g, "a", until(causes))
		if _, err := g.Join("b", said()); !errors.Is(err, flight.ErrBusy) {
			t.Errorf("%v", err)
		}
		same := join(t, g, "a", nil) // the same is no more work
		r.Close()
		same.Close()
		<-causes
		g.Close(nil)
	})
	t.Run("held for readers", func(t *testing.T) {
		g := newGroup(flight.Limits{Running: 1, Alive: 2, Bytes: 100})
		var held []*reader
		for _, key := range []string{"a", "b"} {
			r := join(t, g, key, said(key))
			if _, err := r.Result(t.Context()); err != nil {
				t.Fatal(err)
			}
			held = append(held, r)
		}
		if _, err := g.Join("c", said()); !errors.Is(err, flight.ErrBusy) {
			t.Errorf("%v", err)
		}
		held[0].Close()
		held = append(held, join(t, g, "c", said()))
		held[1].Close()
		held[2].Close()
		g.Close(nil)
	})
	t.Run("bytes", func(t *testing.T) {
		g := newGroup(flight.Limits{Running: 1, Alive: 1, Bytes: 5})
		r := join(t, g, "a", said("one", "two"))
		if _, err := r.Result(t.Context()); !errors.Is(err, flight.ErrTooLarge) {
			t.Errorf("%v", err)
		}
		if records, bytes := r.Records(); len(records) != 1 || bytes != 3 {
			t.Errorf("%v, %d", records, bytes)
		}
		r.Close()
		g.Close(nil)
	})
}

func TestAPanicIsAnError(t *testing.T) {
	g := newGroup(roomy)
	r := join(t, g, "a", func(context.Context, *logOf) (int, error) { panic("oh") })
	var p *flight.PanicError
	if _, err := r.Result(t.Context()); !errors.As(err, &p) || p.Value != "oh" || len(p.Stack) == 0 {
		t.Errorf("%v", err)
	}
	r.Close()
	g.Close(nil)
}

func TestCloseStopsAndWaits(t *testing.T) {
	g := newGroup(roomy)
	causes, over := make(chan error, 1), errors.New("over")
	r := join(t, g, "a", until(causes))
	g.Close(over)
	if g.Running() != 0 || !errors.Is(<-causes, over) {
		t.Error("the work has not been stopped")
	}
	if _, err := r.Result(t.Context()); !errors.Is(err, over) {
		t.Errorf("%v", err)
	}
	if _, err := g.Join("b", said()); !errors.Is(err, flight.ErrClosed) {
		t.Errorf("%v", err)
	}
	r.Close()
}
