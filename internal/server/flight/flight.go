// Package flight shares one piece of work among everybody who asks for it at
// the same time. The work appends records to a log; each reader goes through
// the log at its own pace, from the first record on, so a late or slow reader
// misses nothing and holds up nobody.
//
// A reader that leaves ends only its own wait. When the last one has left, the
// work's context is cancelled. Finished work is not kept: the next caller
// starts anew.
//
// It does not know what the work is, and it caches nothing.
//
//	reader, err := group.Join("all namespaces", work)
//	defer reader.Close()
//	for records, err := reader.Next(ctx); len(records) > 0; records, err = reader.Next(ctx) {
//		...
//	}
package flight

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
)

// What can go wrong besides the work itself.
var (
	// ErrBusy: the group runs, or holds for its readers, as much as it may.
	ErrBusy = errors.New("too much work at once")
	// ErrTooLarge: the log has reached its limit. The work should end with it.
	ErrTooLarge = errors.New("the result is larger than the limit")
	// ErrClosed: the group has been closed.
	ErrClosed = errors.New("closed")
	// ErrAbandoned is the cause of the work's context when nobody reads any more.
	ErrAbandoned = errors.New("nobody is waiting for it any more")
)

// PanicError is what the readers get when the work panics.
type PanicError struct {
	Value any
	Stack []byte
}

// Error says what the panic said.
func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// Recover turns a panic into a [PanicError], when it is deferred.
func Recover(err *error) {
	if v := recover(); v != nil {
		*err = &PanicError{Value: v, Stack: debug.Stack()}
	}
}

// Limits bound what a group holds. All must be positive.
type Limits struct {
	// Running is how many pieces of work may run at once.
	Running int
	// Alive also counts work that has ended but still has readers, because its
	// records stay in memory until they have gone.
	Alive int
	// Bytes is how large one log may grow.
	Bytes int64
}

// Work appends records to the log and returns the result.
type Work[R, V any] func(ctx context.Context, log *Log[R]) (V, error)

// Group is a set of flights, each known by its key. Make one with [New].
type Group[R, V any] struct {
	limits Limits
	size   func(R) int
	base   context.Context
	cancel context.CancelCauseFunc
	work   sync.WaitGroup

	mu      sync.Mutex
	flights map[string]*flight[R, V]
	running int
	alive   int
	closed  bool
}

// New returns an empty group. The size of a record, in bytes, counts towards
// the limit.
func New[R, V any](limits Limits, size func(R) int) *Group[R, V] {
	g := &Group[R, V]{limits: limits, size: size, flights: map[string]*flight[R, V]{}}
	g.base, g.cancel = context.WithCancelCause(context.Background())
	return g
}

// Join returns a reader of the work with that key: of the one under way, or of
// a new one. Every reader must be closed.
func (g *Group[R, V]) Join(key string, work Work[R, V]) (*Reader[R, V], error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return nil, ErrClosed
	}
	if f := g.flights[key]; f != nil {
		f.readers++
		return &Reader[R, V]{flight: f}, nil
	}
	if g.running >= g.limits.Running || g.alive >= g.limits.Alive {
		return nil, ErrBusy
	}
	ctx, cancel := context.WithCancelCause(g.base)
	f := &flight[R, V]{group: g, key: key, readers: 1, cancel: cancel,
		log: &Log[R]{limit: g.limits.Bytes, size: g.size, end: make(chan struct{})}}
	g.flights[key] = f
	g.running++
	g.alive++
	g.work.Go(func() { f.run(ctx, work) })
	return &Reader[R, V]{flight: f}, nil
}

// Running counts the pieces of work under way.
func (g *Group[R, V]) Running() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.running
}

// Close cancels all work with that cause, lets none start any more, and waits
// until all has ended.
func (g *Group[R, V]) Close(cause error) {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	g.cancel(cause)
	g.work.Wait()
}

// flight is one piece of work and its readers.
type flight[R, V any] struct {
	group   *Group[R, V]
	key     string
	cancel  context.CancelCauseFunc
	log     *Log[R]
	readers int // guarded by the group's mutex

	// Set before log.end is closed, and not changed after.
	result V
	err    error
}

func (f *flight[R, V]) run(ctx context.Context, work Work[R, V]) {
	defer f.cancel(nil)
	f.result, f.err = protect(ctx, f.log, work)

	g := f.group
	g.mu.Lock()
	g.running--
	f.forget()
	g.mu.Unlock()
	close(f.log.end)
}

// protect turns a panic of the work into an error: it runs on a goroutine of
// its own, where a panic would end the whole program.
func protect[R, V any](ctx context.Context, log *Log[R], work Work[R, V]) (result V, err error) {
	defer Recover(&err)
	return work(ctx, log)
}

// forget lets the next caller with this key start anew. The group's mutex is held.
func (f *flight[R, V]) forget() {
	if f.group.flights[f.key] == f {
		delete(f.group.flights, f.key)
	}
}

func (f *flight[R, V]) leave() {
	g := f.group
	g.mu.Lock()
	defer g.mu.Unlock()
	f.readers--
	if f.readers > 0 {
		return
	}
	// Work that is being cancelled must not get new readers.
	f.forget()
	g.alive--
	f.cancel(ErrAbandoned)
}
