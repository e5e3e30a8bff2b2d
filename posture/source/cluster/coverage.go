package cluster

import (
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/kube"
)

// failure is a list that could not be read, or not to its end.
type failure struct {
	namespace string // the one it is about; empty: all of them
	onward    bool   // also all namespaces after it
	but       string // except this one
	err       error
}

// in reports whether objects of a namespace may be missing.
func (f *failure) in(namespace string) bool {
	switch {
	case f.namespace == "" && !f.onward:
		return namespace != f.but
	case f.onward && kube.CompareNamespaces(namespace, f.namespace) > 0:
		return true
	}
	return namespace == f.namespace
}

// covers reports whether nothing is missing by g that is not missing by f.
func (f *failure) covers(g *failure) bool {
	switch {
	case f.namespace == "":
		return f.but == "" || f.but == g.but
	case g.onward && !f.onward:
		return false
	}
	return f.in(g.namespace)
}

// broken are objects that can't be decoded.
type broken struct {
	lines []finding.Coverage
	more  int
	in    map[string]bool // namespaces
}

// mostBroken objects of a kind are named; the others are counted.
const mostBroken = 20

func (b *broken) add(r kube.Resource, raw []byte, err error) {
	namespace, name, unnamed := kube.ObjectKey(raw)
	if b.in == nil {
		b.in = map[string]bool{}
	}
	b.in[namespace] = true
	if len(b.lines) == mostBroken {
		b.more++
		return
	}
	line := finding.Coverage{Scope: "kind/" + r.String(), State: finding.Unreadable}
	if unnamed != nil || name == "" || namespace == "" {
		line.Detail = fmt.Sprintf("decoding a %s without a name: %v", r.Kind, err)
	} else {
		line.Scope = "namespace/" + namespace + "/" + r.String() + "/" + name
		line.Detail = fmt.Sprintf("decoding %s %s in namespace %s: %v", r.Kind, name, namespace, err)
	}
	b.lines = append(b.lines, line)
}

// coverage says what of a kind was not read.
func (r *reader) coverage(s *stream) []finding.Coverage {
	var lines []finding.Coverage
	if s.inconsistent {
		lines = append(lines, finding.Coverage{
			Scope: "kind/" + s.list.resource.String(), State: finding.Inconsistent,
			Detail: "the list took so long that the server forgot its first state: what was created or deleted meanwhile may be missing or counted",
		})
	}
	lines = append(lines, r.failures(s)...)
	lines = append(lines, s.broken.lines...)
	if s.broken.more > 0 {
		lines = append(lines, finding.Coverage{
			Scope: "kind/" + s.list.resource.String(), State: finding.Unreadable,
			Detail: fmt.Sprintf("%d more %s can't be decoded", s.broken.more, s.list.resource),
		})
	}
	return lines
}

func (r *reader) failures(s *stream) []finding.Coverage {
	failures := slices.DeleteFunc(slices.Clone(s.failures), func(f failure) bool { return r.saidByPods(s, &f) })
	if len(failures) > 1 && s.nowhere() {
		// Everywhere the same: one line instead of one a namespace.
		all := failure{err: fmt.Errorf("in none of %d namespaces: %w", s.listed, failures[0].err)}
		failures = []failure{all}
	}
	var lines []finding.Coverage
	for i := range failures {
		lines = append(lines, s.line(&failures[i]))
	}
	return lines
}

// saidByPods reports whether pods are missing for the same namespaces. Where
// they are, it goes without saying that what owns them is missing too.
func (r *reader) saidByPods(s *stream, f *failure) bool {
	if s.list.required || s.list.other != nil {
		return false
	}
	for _, p := range r.streams {
		if p.list.resource == kube.Pods && slices.ContainsFunc(p.failures, func(g failure) bool { return g.covers(f) }) {
			return true
		}
	}
	return false
}

// nowhere reports whether a kind could be read in no namespace, for the same reason.
func (s *stream) nowhere() bool {
	if s.read > 0 || len(s.failures) != s.listed {
		return false
	}
	state := stateOf(s.failures[0].err)
	return !slices.ContainsFunc(s.failures, func(f failure) bool { return f.onward || stateOf(f.err) != state })
}

func (s *stream) line(f *failure) finding.Coverage {
	detail := f.err.Error()
	if f.onward && f.namespace != "" {
		detail += fmt.Sprintf("; namespace %s and those after it were not read, or not to their end", f.namespace)
	}
	return finding.Coverage{Scope: s.scopeOf(f), State: s.state(f.err), Detail: s.explain(detail)}
}

// scopeOf names a gap. Pods are what a scan is about, so a namespace without
// them is the namespace's own gap.
func (s *stream) scopeOf(f *failure) string {
	pods := s.list.resource == kube.Pods
	switch everywhere := f.namespace == "" || f.onward; {
	case everywhere && pods && f.but == "":
		return "cluster"
	case everywhere:
		return "kind/" + s.list.resource.String()
	case pods:
		return "namespace/" + f.namespace
	}
	return "namespace/" + f.namespace + "/" + s.list.resource.String()
}

func (s *stream) state(err error) finding.CoverageState {
	state := stateOf(err)
	if !s.list.required && (state == finding.Forbidden || state == finding.Unsupported) {
		if s.list.other != nil {
			return finding.Unreviewed
		}
		return finding.OwnerUnresolved
	}
	return state
}

func (s *stream) explain(detail string) string {
	if s.list.other != nil {
		return detail + "; the checks that need it are not-reviewed there"
	}
	if s.list.required {
		return detail
	}
	if s.list.ownersOnly {
		return detail + "; pods that they own are shown under their direct owner"
	}
	return detail + "; their pods are judged, templates without pods are not"
}

// stateOf says in the words of coverage why something could not be read.
func stateOf(err error) finding.CoverageState {
	switch {
	case apierrors.IsForbidden(err):
		return finding.Forbidden
	case kube.IsTimeout(err):
		return finding.TimedOut
	case apierrors.IsNotFound(err):
		return finding.Unsupported
	}
	return finding.Unreadable
}
