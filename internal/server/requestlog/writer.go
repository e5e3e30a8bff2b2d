package requestlog

import (
	"net/http"
	"time"
)

// rearm is how old a write's deadline may be before it is set anew; setting it
// for every small write would cost more than the write.
const rearm = time.Second

// writer notes status and size, and gives every write a deadline.
type writer struct {
	http.ResponseWriter
	control *http.ResponseController
	timeout time.Duration
	armed   time.Time
	status  int
	bytes   int64
}

func (w *writer) WriteHeader(status int) {
	if w.status == 0 && status >= 200 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *writer) Write(b []byte) (int, error) {
	w.arm()
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(b)
	w.bytes += int64(n)
	return n, err
}

// Flush is for those who ask for an http.Flusher.
func (w *writer) Flush() { _ = w.FlushError() }

// FlushError is what http.ResponseController calls.
func (w *writer) FlushError() error {
	w.arm()
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.control.Flush()
}

// SetWriteDeadline is what http.ResponseController calls. A handler that waits
// before it writes again takes the deadline off: with HTTP/2 it would end the
// stream even when nothing is being written.
func (w *writer) SetWriteDeadline(t time.Time) error {
	w.armed = time.Time{}
	return w.control.SetWriteDeadline(t)
}

// Unwrap is for http.ResponseController.
func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *writer) arm() {
	if w.timeout <= 0 {
		return
	}
	now := time.Now()
	if now.Sub(w.armed) < rearm {
		return
	}
	w.armed = now
	// Not every writer knows deadlines (a test's recorder does not); then there is none.
	_ = w.control.SetWriteDeadline(now.Add(w.timeout))
}

func (w *writer) code() int {
	if w.status == 0 {
		return http.StatusOK
	}
	return w.status
}
