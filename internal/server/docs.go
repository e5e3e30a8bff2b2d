package server

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/swaggest/swgui/v5emb"

	"github.com/kubeassay/assay/internal/server/problem"
	"github.com/kubeassay/assay/internal/server/requestlog"
)

// docsHandler serves the API browser. All its parts are in the binary. Its
// content security policy lets the page run exactly the scripts that are in
// it, and load nothing from elsewhere.
func docsHandler() (http.Handler, error) {
	browser := v5emb.New("Assay", pathOpenAPI, pathDocs)
	page := &caught{header: http.Header{}}
	browser.ServeHTTP(page, &http.Request{Method: http.MethodGet, URL: &url.URL{Path: pathDocs}, Header: http.Header{}})
	scripts := regexp.MustCompile(`(?s)<script>(.*?)</script>`).FindAllSubmatch(page.body, -1)
	if page.status != http.StatusOK || len(scripts) == 0 {
		return nil, errors.New("the API browser has no page")
	}
	allowed := []string{"'self'"}
	for _, script := range scripts {
		sum := sha256.Sum256(script[1])
		allowed = append(allowed, "'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'")
	}
	policy := strings.Join([]string{
		"default-src 'none'", "script-src " + strings.Join(allowed, " "),
		"style-src 'self' 'unsafe-inline'", // the browser styles its parts as it goes
		"img-src 'self' data:", "font-src 'self'", "connect-src 'self'",
		"base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
	}, "; ")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("Cache-Control", "no-cache") // may be kept, but is asked for again
		if r.URL.Path == pathDocs {
			h.Set("Content-Type", "text/html; charset=utf-8")
			_, _ = w.Write(page.body) // the client may have gone
			return
		}
		browser.ServeHTTP(&noPlainNotFound{ResponseWriter: w, request: r}, r)
	}), nil
}

// noPlainNotFound makes a problem of the file server's plain 404.
type noPlainNotFound struct {
	http.ResponseWriter
	request *http.Request
	missing bool
}

func (n *noPlainNotFound) WriteHeader(status int) {
	if status == http.StatusNotFound {
		n.missing = true
		problem.Write(n.ResponseWriter, problem.NotFound.Because("the API browser has no such file"), requestlog.ID(n.request.Context()))
		return
	}
	n.ResponseWriter.WriteHeader(status)
}

func (n *noPlainNotFound) Write(b []byte) (int, error) {
	if n.missing {
		return len(b), nil
	}
	return n.ResponseWriter.Write(b)
}
