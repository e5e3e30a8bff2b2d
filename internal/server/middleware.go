package server

import (
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/compress/gzhttp"

	"github.com/kubeassay/assay/internal/server/guard"
	"github.com/kubeassay/assay/internal/server/problem"
	"github.com/kubeassay/assay/internal/server/requestlog"
)

// wrap puts around the routes what concerns every request. The outermost comes last.
func (s *Server) wrap(mux *http.ServeMux) (http.Handler, error) {
	compress, err := gzhttp.NewWrapper(gzhttp.EnableZstd(false))
	if err != nil {
		return nil, err
	}
	h := s.recoverPanics(problems(mux))
	h = compress(h)
	h = s.admit(h)
	h = securityHeaders(h)
	return requestlog.Middleware(requestlog.Options{
		Logger: s.logger, WriteTimeout: writeTimeout, Quiet: quiet,
		Started: s.metrics.RequestStarted, Done: s.metrics.RequestDone,
	}, h), nil
}

// quiet are the routes that probes and scrapers ask all the time.
func quiet(pattern string) bool {
	return pattern == "GET "+pathHealth || pattern == "GET "+pathReady || pattern == "GET "+pathMetrics
}

func securityHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		next.ServeHTTP(w, r)
	})
}

// admit lets in who may ask, with nothing but a question.
func (s *Server) admit(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := requestlog.ID(r.Context())
		open := r.URL.Path == pathHealth || r.URL.Path == pathReady
		switch {
		case s.token != nil && !open:
			switch ok, err := s.token.Allows(r); {
			case err != nil:
				problem.Write(w, problem.AuthenticationUnavailable.Because("the server can't read its token file; its log says why"), id)
				return
			case !ok:
				w.Header().Set("WWW-Authenticate", `Bearer realm="assay"`)
				problem.Write(w, problem.Unauthenticated.Because("the request has no valid token"), id)
				return
			}
		case s.hosts != nil && !s.hosts.Knows(r.Host):
			// A health probe may come by any name; there is nothing to learn from it.
			if !open {
				problem.Write(w, problem.WrongHost.Because("the Host header says %q; without authentication this server answers only for localhost and the names it was given", r.Host), id)
				return
			}
		case s.hosts != nil && !open && guard.CrossSite(r):
			problem.Write(w, problem.CrossSite.Because("the browser says that a page of another site asks"), id)
			return
		}
		if r.ContentLength != 0 {
			// The body is not read: the connection can't be used again, and is not waited for.
			w.Header().Set("Connection", "close")
			_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(time.Second))
			problem.Write(w, problem.BodyNotExpected.Because("the request has a body, and no request of this API has one"), id)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// recoverPanics turns a panic into a problem, if nothing has been sent yet; else
// it breaks the connection, so that nobody takes half an answer for a whole one.
func (s *Server) recoverPanics(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t := &touched{ResponseWriter: w}
		defer func() {
			v := recover()
			if v == nil {
				return
			}
			err, _ := v.(error)
			if errors.Is(err, http.ErrAbortHandler) {
				panic(v)
			}
			if r.Context().Err() == nil {
				s.logger.LogAttrs(r.Context(), slog.LevelError, "panic",
					slog.String("request_id", requestlog.ID(r.Context())), slog.Any("value", v), slog.String("stack", string(debug.Stack())))
			}
			if t.begun {
				panic(http.ErrAbortHandler)
			}
			problem.Write(w, problem.Internal.Because("the request met a fault in Assay"), requestlog.ID(r.Context()))
		}()
		next.ServeHTTP(t, r)
	})
}

// touched knows whether an answer has begun.
type touched struct {
	http.ResponseWriter
	begun bool
}

func (t *touched) WriteHeader(status int) {
	t.begun = true
	t.ResponseWriter.WriteHeader(status)
}

func (t *touched) Write(b []byte) (int, error) {
	t.begun = true
	return t.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (t *touched) Unwrap() http.ResponseWriter { return t.ResponseWriter }

// scanPaths are the paths that scan a cluster. HEAD is refused there: it would
// be a whole scan of which nobody sees the result.
func scanPaths() []string { return []string{pathScan, pathFindings} }

// problems answers what the mux would answer in plain text.
func problems(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handler, pattern := mux.Handler(r)
		scans := slices.Contains(scanPaths(), r.URL.Path)
		if pattern != "" && (r.Method != http.MethodHead || !scans) {
			mux.ServeHTTP(w, r) // which also notes the pattern in the request
			return
		}
		answer := &caught{header: http.Header{}}
		if pattern == "" {
			handler.ServeHTTP(answer, r)
		}
		id := requestlog.ID(r.Context())
		allow := answer.header.Get("Allow")
		if scans {
			answer.status, allow = http.StatusMethodNotAllowed, http.MethodGet
		}
		if answer.status == http.StatusMethodNotAllowed {
			w.Header().Set("Allow", allow)
			problem.Write(w, problem.MethodNotAllowed.Because("%s is not possible at %s, only %s", r.Method, r.URL.Path, allow), id)
			return
		}
		problem.Write(w, problem.NotFound.Because("there is nothing at %s; /openapi.json says what there is", strings.ToValidUTF8(r.URL.Path, "?")), id)
	})
}

// caught keeps a handler's answer.
type caught struct {
	header http.Header
	status int
	body   []byte
}

func (c *caught) Header() http.Header { return c.header }

func (c *caught) WriteHeader(status int) {
	if c.status == 0 {
		c.status = status
	}
}

func (c *caught) Write(b []byte) (int, error) {
	c.WriteHeader(http.StatusOK)
	c.body = append(c.body, b...)
	return len(b), nil
}
