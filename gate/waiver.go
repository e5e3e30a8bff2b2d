package gate

import (
	"fmt"
	"path"
	"strings"
	"sync/atomic"
	"time"

	"github.com/kubeassay/assay/finding"
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
	// but nothing was there to be waived.
	used, idle atomic.Bool
}

// pattern says which containers are meant; an empty field means any.
type pattern struct{ namespace, workload, container, image string }

// Apply gives a finding the first waiver that covers it, and reports whether
// there is one. Only failures, and what was not reviewed, can be waived: there
// is nothing to except in a pass, and an error is no verdict. It is safe for
// use by several goroutines.
func (w *Waivers) Apply(f *finding.Finding, now time.Time) bool {
	if w == nil {
		return false
	}
	waived := false
	for _, x := range w.all {
		if !x.covers(f) {
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
// run: a file is for the whole tool, so waivers for profiles, or for checks,
// that were not in the run are passed over. Without rules none is.
func (w *Waivers) Unused(rules ...finding.Rule) []string {
	if w == nil {
		return nil
	}
	ids, sets := map[string]bool{}, map[string]bool{}
	for i := range rules {
		id := rules[i].ID
		if rules[i].Profile != "" {
			id = rules[i].Profile + "/" + id
		}
		ids[id], sets[rules[i].Profile] = true, true
	}
	var notes []string
	for _, x := range w.all {
		set := ""
		if profile, _, ok := strings.Cut(x.rule, "/"); ok {
			set = profile
		}
		about := fmt.Sprintf("%s:%d: the waiver of %s ", w.name, x.line, x.rule)
		switch {
		case x.used.Load():
		case x.idle.Load():
			notes = append(notes, about+"is not needed here: nothing that it covers has failed")
		case len(rules) > 0 && !sets[set]:
		case len(rules) > 0 && !ids[x.rule]:
			notes = append(notes, about+"covers nothing: there is no such rule")
		default:
			notes = append(notes, about+"covers nothing that was judged")
		}
	}
	return notes
}

// covers reports whether rule and target are those of the finding. A finding
// about several containers is covered only with all of them.
func (x *waiver) covers(f *finding.Finding) bool {
	rule := f.Check
	if f.Control != "" {
		rule = f.Profile + "/" + f.Control
	}
	if rule != x.rule {
		return false
	}
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
