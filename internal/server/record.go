package server

import (
	"bytes"
	"encoding/json"
	"unsafe"

	"github.com/kubeassay/assay/finding"
)

// listing says where a record of a scan belongs.
type listing uint8

const (
	listLatestTag listing = iota
	listRoot
	listErrors
	listFindings
	listings
)

// String is the list's name in the JSON of GET /scan.
func (l listing) String() string {
	return [listings]string{"latest_tag_containers", "root_containers", "errors", "findings"}[l]
}

// record is one finding as its readers get it. It is encoded once, however
// many readers there are.
type record struct {
	list listing
	json []byte
	// about is what /v1/findings filters by; nil for GET /scan.
	about *about
}

type about struct {
	check    string
	status   finding.Status
	severity finding.Severity
	kind     string
}

func (r record) size() int {
	n := int(unsafe.Sizeof(r)) + cap(r.json)
	if r.about != nil {
		n += int(unsafe.Sizeof(*r.about)) // its strings are the checks' own, or parts of what is encoded
	}
	return n
}

// encode is JSON without the newline, and with < and > as they are: image
// references and messages are not for HTML.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.Clone(bytes.TrimRight(b.Bytes(), "\n")), nil
}
