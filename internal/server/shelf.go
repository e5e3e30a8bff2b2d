package server

import (
	"container/list"
	"sync"
	"time"
)

// result is a scan that has ended, as /v1/findings gives it out page by page.
type result struct {
	*outcome
	records []record
	bytes   int64
}

// shelf keeps results for those who will ask for the next page. It is bounded
// in bytes and in time; what was used longest ago goes first.
type shelf struct {
	limit   int64
	keepFor time.Duration

	mu    sync.Mutex
	byID  map[string]*list.Element // of *kept
	order *list.List               // the last used in front
	bytes int64
}

type kept struct {
	result *result
	expiry *time.Timer
}

func newShelf(limit int64, keepFor time.Duration) *shelf {
	return &shelf{limit: limit, keepFor: keepFor, byID: map[string]*list.Element{}, order: list.New()}
}

// put keeps a result. Of several requests that shared a scan the first does.
func (s *shelf) put(r *result) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.byID[r.id]; e != nil {
		s.touch(e)
		return
	}
	for s.bytes+r.bytes > s.limit && s.order.Len() > 0 {
		s.remove(s.order.Back())
	}
	k := &kept{result: r}
	k.expiry = time.AfterFunc(s.keepFor, func() { s.expire(r.id, k) })
	s.byID[r.id] = s.order.PushFront(k)
	s.bytes += r.bytes
}

// get returns a kept result, and keeps it for longer.
func (s *shelf) get(id string) *result {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.byID[id]
	if e == nil {
		return nil
	}
	s.touch(e)
	return e.Value.(*kept).result
}

// touch, remove: the mutex is held.
func (s *shelf) touch(e *list.Element) {
	s.order.MoveToFront(e)
	e.Value.(*kept).expiry.Reset(s.keepFor)
}

func (s *shelf) remove(e *list.Element) {
	k := s.order.Remove(e).(*kept)
	k.expiry.Stop()
	delete(s.byID, k.result.id)
	s.bytes -= k.result.bytes
}

func (s *shelf) expire(id string, k *kept) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.byID[id]; e != nil && e.Value.(*kept) == k {
		s.remove(e)
	}
}

// close forgets everything.
func (s *shelf) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.order.Len() > 0 {
		s.remove(s.order.Front())
	}
}
