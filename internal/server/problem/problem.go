package problem

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
)

// ContentType is the media type of a problem document.
const ContentType = "application/problem+json"

// Because returns a problem of this type with what happened this time.
func (t Type) Because(format string, args ...any) *huma.ErrorModel {
	return &huma.ErrorModel{Type: t.URI, Title: t.Title, Status: t.Status, Detail: fmt.Sprintf(format, args...)}
}

// Complete fills in what a problem document lacks: one that the framework made
// knows only its status. The request's ID becomes the instance, by which the
// log can be searched.
func Complete(p *huma.ErrorModel, requestID string) {
	if p.Type == "" {
		t := ofStatus(p.Status)
		p.Type, p.Title = t.URI, t.Title
	}
	if p.Instance == "" && requestID != "" {
		p.Instance = "urn:assay:request:" + requestID
	}
}

// Write answers a request with a problem.
func Write(w http.ResponseWriter, p *huma.ErrorModel, requestID string) {
	Complete(p, requestID)
	body, err := json.Marshal(p)
	if err != nil {
		// Only a value under errors could do that, and those are strings.
		body = []byte(`{"type":"` + Internal.URI + `","status":500}`)
		p.Status = http.StatusInternalServerError
	}
	h := w.Header()
	h.Set("Content-Type", ContentType)
	h.Del("Content-Length")
	h.Del("Content-Encoding")
	w.WriteHeader(p.Status)
	_, _ = w.Write(append(body, '\n')) // the client may have gone: there is nobody to tell
}
