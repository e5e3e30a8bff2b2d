package server

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/kubeassay/assay/finding"
)

// filter is which findings of a scan a request wants. Its lists are sorted;
// an empty one wants all.
type filter struct {
	Checks      []string           `json:"c,omitempty"`
	Severities  []finding.Severity `json:"v,omitempty"`
	MinSeverity finding.Severity   `json:"m,omitempty"`
	Statuses    []finding.Status   `json:"s,omitempty"`
	Kinds       []string           `json:"k,omitempty"`
}

func (f *filter) wants(a *about) bool {
	return oneOf(f.Checks, a.check) && oneOf(f.Severities, a.severity) && oneOf(f.Statuses, a.status) && f.ofKind(a.kind) &&
		// What could not be judged has no true severity, so none can hide it.
		(f.MinSeverity == "" || a.status == finding.Error || a.severity.AtLeast(f.MinSeverity))
}

// ofKind compares as kubectl does, without regard to case: there is no list of
// all kinds to find a slip of the pen by, and it must not look like a pass.
func (f *filter) ofKind(kind string) bool {
	return len(f.Kinds) == 0 || slices.ContainsFunc(f.Kinds, func(wanted string) bool { return strings.EqualFold(wanted, kind) })
}

func oneOf[T comparable](wanted []T, v T) bool { return len(wanted) == 0 || slices.Contains(wanted, v) }

// cursor is a place in a result. It carries the filter, so that all pages are
// of the same list.
type cursor struct {
	Scan   string `json:"i"`
	Offset int    `json:"o"`
	Filter filter `json:"f"`
	Scope  Scope  `json:"w"`
}

func (c *cursor) String() string {
	b, err := json.Marshal(c)
	if err != nil {
		panic(fmt.Sprintf("a cursor is made of strings: %v", err)) // can't be
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

func parseCursor(s string) (*cursor, error) {
	c := &cursor{}
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err == nil {
		err = json.Unmarshal(b, c)
	}
	if err != nil || c.Scan == "" || c.Offset < 0 {
		return nil, errors.New("this is no cursor: use the nextCursor of an answer, unchanged")
	}
	return c, nil
}

// same compares cursors by what they are about. JSON is their canonical form.
func (c *cursor) sameQuery(f filter, scope Scope) bool {
	a := cursor{Filter: c.Filter, Scope: c.Scope}
	b := cursor{Filter: f, Scope: scope}
	return a.String() == b.String()
}

// page picks up to limit findings from the offset on. next is where the next
// page begins, or -1; matched counts all that the filter wants.
func (r *result) page(f *filter, offset, limit int) (found []json.RawMessage, matched, next int) {
	found, next = []json.RawMessage{}, -1
	for i := range r.records {
		if !f.wants(r.records[i].about) {
			continue
		}
		matched++
		switch {
		case i < offset:
		case len(found) < limit:
			found = append(found, r.records[i].json)
		case next < 0:
			next = i
		}
	}
	return found, matched, next
}

// filter checks the parameters against what there is.
func (in *findingsInput) filter(cfg *Config) (filter, []error) {
	var errs []error
	for _, id := range in.Check {
		if cfg.check(id) == nil {
			errs = append(errs, &huma.ErrorDetail{Location: "query.check", Value: id,
				Message: "there is no such check: use one of " + strings.Join(cfg.checkIDs(), ", ")})
		}
	}
	return filter{
		Checks: ordered(in.Check), Severities: ordered(in.Severity), MinSeverity: in.MinSeverity,
		Statuses: ordered(in.Status), Kinds: ordered(in.Kind),
	}, errs
}
