package stream

import (
	"context"
	"errors"
	"io"
	"sync"
)

var errOver = errors.New("the command is over")

// output is where one of the command's streams goes. The goroutine that writes
// may outlast the call, so it is shut when Run returns; and as client-go goes
// on reading when writing fails, it ends the call itself.
type output struct {
	failed context.CancelCauseFunc

	mu    sync.Mutex
	to    io.Writer // nil: nowhere
	bytes int64
	shut  bool
	first error
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.shut {
		return 0, errOver
	}
	o.bytes += int64(len(p))
	if o.to == nil || o.first != nil {
		return len(p), nil
	}
	n, err := o.to.Write(p)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	if err != nil {
		o.first = err
		o.failed(err)
	}
	return n, err
}

// close waits for a write under way, and allows no other.
func (o *output) close() int64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.shut = true
	return o.bytes
}

func (o *output) err() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.first
}
