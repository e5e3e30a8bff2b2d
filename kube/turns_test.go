package kube

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/semaphore"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Lists that share turns never have more requests under way than there are
// turns, and as many where they can; a request that fails gives its turn back.
func TestTurnsBoundRequests(t *testing.T) {
	const turns, lists = 2, 6
	f := newFake(t, numbered(9))
	shared := semaphore.NewWeighted(turns)
	meeting := make(chan struct{})
	meet := func(r *http.Request) {
		select {
		case meeting <- struct{}{}:
		case <-meeting:
		case <-r.Context().Done():
			t.Errorf("there were never %d requests at the same time", turns)
		}
	}
	var underWay, most atomic.Int32
	f.fault = func(w http.ResponseWriter, r *http.Request, n int) bool {
		now := underWay.Add(1)
		defer underWay.Add(-1)
		for seen := most.Load(); now > seen && !most.CompareAndSwap(seen, now); seen = most.Load() {
		}
		if n <= turns { // the first ones wait for each other
			meet(r)
			if shared.TryAcquire(1) {
				t.Errorf("a turn is left though %d requests are under way", turns)
				shared.Release(1)
			}
			meet(r)
		}
		if n == turns+1 {
			f.status(w, http.StatusForbidden, metav1.StatusReasonForbidden, "")
			return true
		}
		return false
	}
	c, _ := f.client(t)
	var failed atomic.Int32
	var all sync.WaitGroup
	for i := range lists {
		all.Go(func() {
			got := 0
			for page, err := range c.Pages(t.Context(), Pods, ListOptions{PageSize: 2, Prefetch: i%2 == 0, Turns: shared}) {
				if err != nil {
					failed.Add(1)
					return
				}
				got += page.Len()
			}
			if got != 9 {
				t.Errorf("got %d pods, want 9", got)
			}
		})
	}
	all.Wait()
	if most.Load() != turns {
		t.Errorf("%d requests were under way at the same time, want %d", most.Load(), turns)
	}
	if failed.Load() != 1 {
		t.Errorf("%d lists failed, want the one that was made to", failed.Load())
	}
	if !shared.TryAcquire(turns) {
		t.Error("turns were kept")
	}
}

func TestWaitingForATurnEnds(t *testing.T) {
	f := newFake(t, numbered(1))
	c, _ := f.client(t)
	none := semaphore.NewWeighted(1)
	if !none.TryAcquire(1) {
		t.Fatal("no turn to take")
	}
	why := errors.New("no longer wanted")
	ctx, cancel := context.WithCancelCause(t.Context())
	defer time.AfterFunc(10*time.Millisecond, func() { cancel(why) }).Stop()
	var last error
	for _, err := range c.Pages(ctx, Pods, ListOptions{Turns: none}) {
		last = err
	}
	if !errors.Is(last, why) || !strings.HasPrefix(last.Error(), "listing pods") || f.count() != 0 {
		t.Errorf("err = %v after %d requests", last, f.count())
	}
}
