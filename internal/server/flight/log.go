package flight

import (
	"context"
	"sync"
)

// Log is the list of records that the work has brought forth so far. It only
// grows, so what a reader has been given never changes.
type Log[R any] struct {
	limit int64
	size  func(R) int
	end   chan struct{} // closed when the work has ended

	mu      sync.Mutex
	records []R
	bytes   int64
	grown   chan struct{} // closed at the next append; nil while nobody waits for one
}

// Append adds a record, or returns [ErrTooLarge] when the log is full. It never
// waits for a reader.
func (l *Log[R]) Append(r R) error {
	size := int64(l.size(r))
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.bytes+size > l.limit {
		return ErrTooLarge
	}
	l.bytes += size
	l.records = append(l.records, r)
	if l.grown != nil {
		close(l.grown)
		l.grown = nil
	}
	return nil
}

// since returns the records from that position on, and where there are none a
// channel that is closed when there are.
func (l *Log[R]) since(position int) ([]R, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := len(l.records); position < n {
		return l.records[position:n:n], nil
	}
	if l.grown == nil {
		l.grown = make(chan struct{})
	}
	return nil, l.grown
}

// Reader goes through the log of one piece of work. It is not for use by
// several goroutines at once.
type Reader[R, V any] struct {
	flight   *flight[R, V]
	position int
	closed   bool
}

// Next returns the records that this reader has not seen yet, and waits until
// there are some. No records and no error mean that the work has ended: ask
// [Reader.Result] how. The error is ctx's.
func (r *Reader[R, V]) Next(ctx context.Context) ([]R, error) {
	log := r.flight.log
	for {
		records, grown := log.since(r.position)
		if len(records) == 0 {
			select {
			case <-grown:
				continue
			case <-log.end:
				// Records may have come between the look and the end.
				records, _ = log.since(r.position)
			case <-ctx.Done():
				return nil, context.Cause(ctx)
			}
		}
		r.position += len(records)
		return records, nil
	}
}

// Ready reports whether Next would return at once.
func (r *Reader[R, V]) Ready() bool {
	if records, _ := r.flight.log.since(r.position); len(records) > 0 {
		return true
	}
	select {
	case <-r.flight.log.end:
		return true
	default:
		return false
	}
}

// Result waits until the work has ended and returns what it returned, or ctx's
// error.
func (r *Reader[R, V]) Result(ctx context.Context) (V, error) {
	select {
	case <-r.flight.log.end:
		return r.flight.result, r.flight.err
	case <-ctx.Done():
		var none V
		return none, context.Cause(ctx)
	}
}

// Records returns all records so far, and how many bytes they are.
func (r *Reader[R, V]) Records() ([]R, int64) {
	l := r.flight.log
	l.mu.Lock()
	defer l.mu.Unlock()
	n := len(l.records)
	return l.records[:n:n], l.bytes
}

// Close gives the reader's place up. The last one to go ends the work.
func (r *Reader[R, V]) Close() {
	if !r.closed {
		r.closed = true
		r.flight.leave()
	}
}
