package audit

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Record is one API call: one attempt, when a call was repeated.
type Record struct {
	Time time.Time
	// Verb is the API's word: get, list, watch, create, delete…
	Verb string
	// Resource is "pods", "deployments.apps" or, with a subresource, "pods/exec".
	Resource  string
	Namespace string
	Name      string
	// Path is set for what is no resource, such as /version, and has the whole
	// address of what was not asked of the API server (a node's kubelet).
	Path string
	// Status is the HTTP status; 0 when no answer came.
	Status int
	// Bytes of the answer's body, as they came over the wire where the caller
	// unpacks them itself.
	Bytes    int64
	Duration time.Duration
	// Incomplete: the answer was not read to its end.
	Incomplete bool
	// Argv is the command that the call ran in a container, if it ran one.
	Argv []string
}

// line is how a record is written. The order of the fields is the order in the file.
type line struct {
	N          int       `json:"n"`
	Time       time.Time `json:"time"`
	Verb       string    `json:"verb"`
	Resource   string    `json:"resource,omitempty"`
	Namespace  string    `json:"namespace,omitempty"`
	Name       string    `json:"name,omitempty"`
	Path       string    `json:"path,omitempty"`
	Status     int       `json:"status"`
	Bytes      int64     `json:"bytes"`
	Duration   string    `json:"duration"`
	Incomplete bool      `json:"incomplete,omitempty"`
	Argv       []string  `json:"argv,omitempty"`
	Prev       string    `json:"prev"`
}

// longestText keeps a line short whatever a path holds; no name that the API
// accepts is longer.
const longestText = 512

func (r *Record) encode(n int, prev string) ([]byte, error) {
	return json.Marshal(line{
		N: n, Time: r.Time.UTC(), Verb: clip(r.Verb), Resource: clip(r.Resource), Namespace: clip(r.Namespace),
		Name: clip(r.Name), Path: clip(r.Path), Status: r.Status, Bytes: r.Bytes,
		Duration: r.Duration.Round(time.Microsecond).String(), Incomplete: r.Incomplete, Argv: shorten(r.Argv), Prev: prev,
	})
}

func clip(s string) string {
	if len(s) > longestText {
		return s[:longestText] + "…"
	}
	return s
}

// Describe says what a request asks of the Kubernetes API, from its method and
// path alone. prefix is what the server's address has before /api and /apis;
// usually nothing.
func Describe(method string, u *url.URL, prefix string) Record {
	path := strings.TrimPrefix(u.Path, strings.TrimSuffix(prefix, "/"))
	parts := strings.Split(strings.Trim(path, "/"), "/")
	group := ""
	switch {
	case parts[0] == "api" && len(parts) > 2:
		parts = parts[2:]
	case parts[0] == "apis" && len(parts) > 3:
		group, parts = parts[1], parts[3:]
	default:
		return Record{Verb: strings.ToLower(method), Path: path}
	}
	r := Record{}
	// /namespaces/NAME is an object; /namespaces/NAME/pods is a list inside it.
	// The subresources of a namespace are the only exception.
	if parts[0] == "namespaces" && len(parts) > 2 && parts[2] != "status" && parts[2] != "finalize" {
		r.Namespace, parts = parts[1], parts[2:]
	}
	r.Resource = parts[0]
	if group != "" {
		r.Resource += "." + group
	}
	if len(parts) > 1 {
		r.Name = parts[1]
	}
	if len(parts) > 2 {
		r.Resource += "/" + strings.Join(parts[2:], "/")
	}
	r.Verb = verb(method, r.Name != "", u.Query().Get("watch"))
	return r
}

func verb(method string, named bool, watch string) string {
	switch {
	case method == http.MethodGet && (watch == "true" || watch == "1"):
		return "watch"
	case method == http.MethodGet && named:
		return "get"
	case method == http.MethodGet:
		return "list"
	case method == http.MethodPost:
		return "create"
	case method == http.MethodPut:
		return "update"
	case method == http.MethodDelete && !named:
		return "deletecollection"
	default:
		return strings.ToLower(method)
	}
}
