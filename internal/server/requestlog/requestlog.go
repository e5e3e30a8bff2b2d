// Package requestlog gives every request an ID and writes one line about it
// when it is done. The line has the path but never the query, a header or a
// body, so no secret can get into it.
//
// It also puts a time limit on each write, because a server that streams can't
// limit the whole answer.
//
//	handler = requestlog.Middleware(requestlog.Options{Logger: logger}, next)
package requestlog

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"time"
)

// Header carries the request's ID, both ways.
const Header = "X-Request-Id"

type key struct{}

// ID returns the ID of the request that the context belongs to, or "".
func ID(ctx context.Context) string {
	id, _ := ctx.Value(key{}).(string)
	return id
}

// Options of the middleware.
type Options struct {
	Logger *slog.Logger
	// WriteTimeout is how long the client may take to accept one write.
	WriteTimeout time.Duration
	// Quiet says which routes are logged at debug level only.
	Quiet func(pattern string) bool
	// Started and Done, where set, are called for every request.
	Started func()
	Done    func(method, pattern string, status int, took time.Duration)
}

// Middleware wraps the handler.
func Middleware(o Options, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		id := r.Header.Get(Header)
		if !sane(id) {
			id = rand.Text()
		}
		w.Header().Set(Header, id)
		ww := &writer{ResponseWriter: w, control: http.NewResponseController(w), timeout: o.WriteTimeout}
		// The mux notes the pattern in the very request that it is given.
		r = r.WithContext(context.WithValue(r.Context(), key{}, id))
		if o.Started != nil {
			o.Started()
		}
		aborted := true
		defer func() {
			took := time.Since(start)
			if o.Done != nil {
				o.Done(r.Method, r.Pattern, ww.code(), took)
			}
			level := slog.LevelInfo
			if o.Quiet != nil && o.Quiet(r.Pattern) {
				level = slog.LevelDebug
			}
			o.Logger.LogAttrs(r.Context(), level, "request",
				slog.String("request_id", id), slog.String("method", r.Method), slog.String("path", r.URL.Path),
				slog.Int("status", ww.code()), slog.Int64("bytes", ww.bytes), slog.Duration("duration", took),
				slog.String("remote", r.RemoteAddr), slog.Bool("aborted", aborted || r.Context().Err() != nil))
		}()
		next.ServeHTTP(ww, r)
		aborted = false
	})
}

// sane reports whether an ID from outside may go into the log and back out.
func sane(id string) bool {
	if len(id) == 0 || len(id) > 128 {
		return false
	}
	for _, c := range []byte(id) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_', c == '.':
		default:
			return false
		}
	}
	return true
}
