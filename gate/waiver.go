package gate

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/internal/excerpt"
	"github.com/kubeassay/assay/internal/nearest"
)

// Waivers are the signed-off exceptions of one file. See [ParseWaivers].
type Waivers struct {
	name string
	all  []*waiver
}

type waiver struct {
	finding.Waiver
	rule    string
	line    int
	target  pattern
	expires time.Time // the first moment at which it holds no more
	// used says that it waived something, idle that it met its rule and target,
	// but nothing was there to be waived; blind that only the labels of what it
	// met are not known.
	used, idle, blind atomic.Bool
}

// pattern says which containers are meant; an empty field means any.
type pattern struct {
	namespace, workload, container, image string
	labels                                labels.Selector // nil: any
}

// Apply gives a finding the first waiver that covers it, and reports whether
// there is one. Only failures, and what was not reviewed, can be waived: there
// is nothing to except in a pass, and an error is no verdict. It is safe for
// use by several goroutines.
func (w *Waivers) Apply(f *finding.Finding, now time.Time) bool {
	if w == nil {
		return false
	}
	waived, rule := false, ruleOf(f)
	for _, x := range w.all {
		if x.rule != rule || !x.covers(f) {
			continue
		}
		if f.Status != finding.Fail && f.Status != finding.NotReviewed {
			x.idle.Store(true)
			continue
		}
		x.used.Store(true)
		if !waived && now.Before(x.expires) {
			copied := x.Waiver
			f.Waiver, waived = &copied, true
		}
	}
	return waived
}

// Expired lists the waivers that hold no more. Each is a violation, whether or
// not anything still needs it: somebody promised to have an answer by then.
func (w *Waivers) Expired(now time.Time) []Violation {
	if w == nil {
		return nil
	}
	var all []Violation
	for _, x := range w.all {
		if now.Before(x.expires) {
			continue
		}
		all = append(all, Violation{
			Demand: fmt.Sprintf("%s:%d", w.name, x.line),
			Message: fmt.Sprintf("the waiver of %s by %s expired (%s), and waives nothing any more: fix what it was for, or have it signed off anew",
				x.rule, x.Owner, x.Expires),
		})
	}
	return all
}

// Unused says, after all findings went through Apply, which waivers covered
// nothing. That is worth a note, and no failure. The rules are those of the
// run: a file is for the whole tool, so waivers of rules that were not in the
// run are passed over (see [Waivers.Unknown] for those that exist nowhere).
// Without rules none is.
func (w *Waivers) Unused(rules ...finding.Rule) []string {
	if w == nil {
		return nil
	}
	made := map[string]bool{}
	for i := range rules {
		made[idOf(&rules[i])] = true
	}
	var notes []string
	for _, x := range w.all {
		about := fmt.Sprintf("%s:%d: the waiver of %s ", w.name, x.line, x.rule)
		switch {
		case x.used.Load():
		case x.idle.Load():
			notes = append(notes, about+"is not needed here: nothing that it covers has failed")
		case len(rules) > 0 && !made[x.rule]:
		case x.blind.Load():
			notes = append(notes, about+"covers nothing: it chooses by labels, and those of what was judged are not known")
		default:
			notes = append(notes, about+"covers nothing that failed here")
		}
	}
	return notes
}

// Unknown lists the waivers of rules that do not exist, as one error with a
// line for each; nil where there is none. The rules are all that are known, in
// the run or not: where none of them is a check, waivers of checks are passed
// over, and so are those of controls whose profile has no rule among them.
func (w *Waivers) Unknown(rules ...finding.Rule) error {
	if w == nil {
		return nil
	}
	sets := map[string][]string{} // rules by their profile; checks have none
	for i := range rules {
		sets[rules[i].Profile] = append(sets[rules[i].Profile], idOf(&rules[i]))
	}
	var all []error
	more := 0
	for _, x := range w.all {
		what, set := "check", ""
		if profile, _, ok := strings.Cut(x.rule, "/"); ok {
			what, set = "control", profile
		}
		if known := sets[set]; len(known) > 0 && !slices.Contains(known, x.rule) {
			if len(all) == maxTold {
				more++
				continue
			}
			all = append(all, fmt.Errorf("%s:%d: there is no %s %s%s", w.name, x.line, what, excerpt.Quote(x.rule), nearest.Hint(x.rule, known)))
		}
	}
	if more > 0 {
		all = append(all, fmt.Errorf("%s: and %d more", w.name, more))
	}
	return errors.Join(all...)
}

// idOf is what a waiver calls a rule.
func idOf(r *finding.Rule) string {
	if r.Profile != "" {
		return r.Profile + "/" + r.ID
	}
	return r.ID
}

// ruleOf is what a waiver calls the rule of a finding.
func ruleOf(f *finding.Finding) string {
	if f.Control != "" {
		return f.Profile + "/" + f.Control
	}
	return f.Check
}

// covers reports whether the target is that of the finding. A finding about
// several containers is covered only with all of them.
func (x *waiver) covers(f *finding.Finding) bool {
	switch {
	case !x.places(f):
		return false
	case x.target.labels == nil:
		return true
	case f.Labels == nil:
		x.blind.Store(true)
		return false
	}
	return x.target.labels.Matches(labels.Set(f.Labels))
}

// places reports whether the finding is about what the target names.
func (x *waiver) places(f *finding.Finding) bool {
	if len(f.Targets) == 0 {
		return x.target.matches(f.Workload, f.Workload.Namespace, f.Container, f.Image)
	}
	for _, t := range f.Targets {
		image := t.Image
		if image == "" {
			image = f.Image
		}
		if !x.target.matches(f.Workload, t.Namespace, t.Container, image) {
			return false
		}
	}
	return true
}

func (p *pattern) matches(w finding.Workload, namespace, container, image string) bool {
	workload := w.Name
	if strings.Contains(p.workload, "/") {
		workload = w.String()
	}
	return glob(p.namespace, namespace) && glob(p.workload, workload) && glob(p.container, container) && glob(p.image, image)
}

// glob reports whether a name matches a pattern; "" and "*" match any name,
// also one with slashes, and so does a /* at the end with whatever follows.
func glob(pattern, name string) bool {
	if pattern == "" || pattern == "*" {
		return true
	}
	if folder, ok := strings.CutSuffix(pattern, "/*"); ok {
		// As many parts of the name as the folder has, and at least one more.
		parts := strings.Split(name, "/")
		n := strings.Count(folder, "/") + 1
		return len(parts) > n && match(folder, strings.Join(parts[:n], "/"))
	}
	return match(pattern, name)
}

// match is [path.Match] for a pattern that was found good when it was read.
func match(pattern, name string) bool {
	ok, err := path.Match(pattern, name)
	return err == nil && ok
}
