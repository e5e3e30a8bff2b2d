package gate

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"github.com/kubeassay/assay/finding"
)

// entry is what is kept of an earlier finding to tell whether a later run would
// have found it again.
type entry struct {
	rule                  string
	namespace, kind, file string
	look                  *look  // of a control
	node                  string // whose kubelet it is about
	observed              bool
}

// kubeletKind is the kind of objects that only a node's kubelet tells.
const kubeletKind = "KubeletConfiguration"

func entryOf(f *finding.Finding) entry {
	e := entry{rule: ruleOf(f), namespace: f.Workload.Namespace, kind: f.Workload.Kind, observed: f.Evidence == finding.Observed}
	if e.kind == kubeletKind {
		e.node = f.Workload.Name
	}
	if f.Location != nil {
		e.file = path.Base(f.Location.File)
	}
	if f.Control != "" {
		e.look = &look{f.Workload, f.Container, f.Profile}
	} else if f.Workload.Kind == "Namespace" && e.namespace == "" {
		e.namespace = f.Workload.Name
	}
	return e
}

// missed says why the absence of an earlier finding from this report does not
// mean that it is gone; empty where it does. Old is the report that has it.
func (s *Saved) missed(e *entry, old *Saved) string {
	switch {
	case s.cut:
		return "the report was cut off before its end"
	case s.Summary.Interrupted:
		return "the run was interrupted"
	case s.rules != nil && !s.rules[e.rule]:
		return e.rule + " was not asked"
	case s.unread[e.rule] && !old.unread[e.rule]:
		return e.rule + " was not reviewed everywhere"
	}
	if why := unselected(e, old.Summary.Selection, s.Summary.Selection); why != "" {
		return why
	}
	if e.look != nil {
		if !s.looks[*e.look] {
			return "the container was not looked into"
		}
		return s.unlisted(e)
	}
	if why := s.uncovered(e, old); why != "" {
		return why
	}
	if e.observed && !s.Summary.Inspected {
		return "it was seen inside the container, and nobody looked inside this time"
	}
	return s.unlisted(e)
}

// notAsked notes a verdict that says of no object, but of the cluster as a
// whole, that a rule could not be asked everywhere.
func (s *Saved) notAsked(f *finding.Finding) {
	if f.Workload.Kind != "Cluster" || f.Workload.APIVersion != "v1" || f.Status != finding.NotReviewed && f.Status != finding.Error {
		return
	}
	if s.unread == nil {
		s.unread = map[string]bool{}
	}
	s.unread[ruleOf(f)] = true
}

// unselected says why a finding was not among what was asked for.
func unselected(e *entry, old, now *finding.Selection) string {
	if old == nil {
		old = &finding.Selection{}
	}
	switch {
	case now == nil:
	case len(now.Checks) > 0 && !slices.Contains(now.Checks, e.rule):
		return e.rule + " was not asked"
	case slices.Contains(now.ExcludeNamespaces, e.namespace):
		return "namespace " + e.namespace + " was left out"
	case len(now.Namespaces) > 0 && e.namespace != "" && !slices.Contains(now.Namespaces, e.namespace):
		return "namespace " + e.namespace + " was not asked for"
	case len(now.Namespaces) > 0 && e.namespace == "" && !slices.Equal(old.Namespaces, now.Namespaces):
		return "only some namespaces were asked for"
	case now.Selector != "" && now.Selector != old.Selector, now.FieldSelector != "" && now.FieldSelector != old.FieldSelector:
		return "only objects that a selector chooses were asked for"
	case len(now.Kinds) > 0 && !slices.Equal(old.Kinds, now.Kinds) && !slices.ContainsFunc(now.Kinds, func(k string) bool { return isKind(k, e.kind) }):
		return "only some kinds of objects were asked for"
	}
	return ""
}

// isKind reports whether a resource ("deployments.apps") is that of a kind.
func isKind(resource, kind string) bool {
	name, _, _ := strings.Cut(resource, ".")
	kind = strings.ToLower(kind)
	for _, plural := range []string{kind + "s", kind + "es", strings.TrimSuffix(kind, "y") + "ies", kind} {
		if name == plural {
			return true
		}
	}
	return false
}

// ownKind are the objects that nothing else depends on: where they can't be
// read, findings about others are what they are.
var ownKind = []string{"deployments", "statefulsets", "daemonsets", "cronjobs", "replicationcontrollers", "podtemplates", "kubeletconfigurations"}

// gaps are what a run could not read.
type gaps struct {
	in    map[string][]finding.Coverage // by namespace; what may be in any is under ""
	all   map[finding.Coverage]bool     // without details
	lines []finding.Coverage            // the same, in order
	files map[string]string             // that could not be read, by the last part of their path
	some  string                        // such a file of which the name says nothing, or a folder
	// explained: it is said what makes the report incomplete.
	explained bool
}

func (g *gaps) add(c finding.Coverage) {
	g.explained = g.explained || !c.State.Complete()
	c.Detail = ""
	if c.State == finding.Inconsistent || g.all[c] {
		return
	}
	if g.all == nil {
		g.all, g.in = map[finding.Coverage]bool{}, map[string][]finding.Coverage{}
	}
	g.all[c] = true
	g.lines = append(g.lines, c)
	namespace := ""
	if parts := strings.Split(c.Scope, "/"); (parts[0] == "namespace" || parts[0] == "target") && len(parts) > 1 {
		namespace = parts[1]
	}
	g.in[namespace] = append(g.in[namespace], c)
}

func (g *gaps) file(name string) {
	g.explained = true
	if path.Ext(name) == "" {
		g.some = cmp.Or(name, "one without a name")
		return
	}
	if g.files == nil {
		g.files = map[string]string{}
	}
	g.files[path.Base(name)] = name
}

// uncovered says what could not be read of which the finding may be a part.
func (s *Saved) uncovered(e *entry, old *Saved) string {
	may := [][]finding.Coverage{s.gaps.in[e.namespace], s.gaps.in[""]}
	if e.namespace == "" { // it may rest on what is in any namespace, as a role on its bindings
		may = [][]finding.Coverage{s.gaps.lines}
	}
	for _, lines := range may {
		for _, c := range lines {
			switch {
			case c.State == finding.NotFound: // there is none: whatever was there is gone
			case c.State == finding.NotObserved && !e.observed:
			case c.State == finding.NotJudged: // what is in it never was
			case c.State != finding.TimedOut && c.State != finding.Unreadable && old.gaps.all[c]:
				// It was the same then, and the finding was found all the same.
			case reaches(c.Scope, e):
				return c.Scope + ": " + string(c.State)
			}
		}
	}
	switch unread := s.gaps.files[e.file]; {
	case e.file == "":
	case unread != "":
		return "an input could not be read: " + unread
	case s.gaps.some != "":
		return "an input could not be read: " + s.gaps.some
	}
	if !s.Summary.Complete && !s.gaps.explained {
		return "the report is incomplete"
	}
	return ""
}

// reaches reports whether what a line of coverage names may hold a finding in
// its namespace. What is not known is taken for everything.
func reaches(scope string, e *entry) bool {
	parts := strings.Split(scope, "/")
	switch {
	case parts[0] == "grant":
		return false // the look itself was taken
	case parts[0] == "node" && len(parts) > 1:
		return e.node == parts[1]
	case parts[0] == "kind" && len(parts) > 1:
		name, _, _ := strings.Cut(parts[1], ".")
		return !slices.Contains(ownKind, name) || isKind(name, e.kind)
	}
	return true
}

// unlisted says what the report counts and does not show: the finding may be there.
func (s *Saved) unlisted(e *entry) string {
	sum := &s.Summary
	switch {
	case sum.Known > 0:
		return "the report was made with a baseline, and leaves out what that has"
	case sum.Checks[e.rule] > s.listed.fails[e.rule]:
		return "the report leaves out failures of " + e.rule
	case sum.Statuses[finding.Error] > s.listed.errors:
		return "the report leaves out verdicts with status error"
	case sum.Waived > s.listed.waived:
		return "the report leaves out verdicts that are waived"
	}
	return ""
}

// unreviewed counts the verdicts that were not reviewed, and that the report
// does not list: they may be about anything.
func (s *Saved) unreviewed() int {
	return s.Summary.Statuses[finding.NotReviewed] - s.listed.unreviewed
}
