package gate

import (
	"fmt"
	"hash/maphash"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/internal/excerpt"
	"github.com/kubeassay/assay/internal/nearest"
	"github.com/kubeassay/assay/internal/strictyaml"
)

// Annotations are the waivers that objects carry themselves. Whoever owns an
// object can write them, so they count only in namespaces that were chosen for
// it. The zero value accepts none, and counts them.
//
//	metadata:
//	  annotations:
//	    waive.assay.dev/run-as-root: |
//	      reason: The tools are started by hand only.
//	      owner: platform-team@example.com
//	      expires: 2027-01-31
type Annotations struct {
	// Accept chooses the namespaces in which annotations count; nil: none.
	Accept *Namespaces
	// Rules are all checks that are known, in the run or not. An annotation
	// about another one is a violation; without Rules none is.
	Rules []finding.Rule

	mu         sync.Mutex
	seed       maphash.Seed
	objects    map[objectKey]*carrier
	last       objectKey
	kept       *carrier // the object of last
	violations problems
	refused    struct {
		objects, unlabelled int
		first               finding.Workload
	}
}

// objectKey tells objects apart: in files, two can have the same name.
type objectKey struct {
	finding.Workload
	sum uint64
}

// carrier is an object with annotations that are waivers.
type carrier struct {
	of       finding.Workload
	accepted bool
	waivers  []*waiver
}

const (
	// maxObjects are kept apart; those beyond are judged all the same, but may be
	// counted twice, and whether they are needed is not told.
	maxObjects = 50_000
	// maxAnnotation is far more than a reason needs.
	maxAnnotation = 4 << 10
	// maxTold is how many of one kind are told of.
	maxTold = 20
)

// problems are the first few violations, and how many more there were.
type problems struct {
	all  []Violation
	more int
}

func (p *problems) add(v Violation) {
	if len(p.all) == maxTold {
		p.more++
		return
	}
	p.all = append(p.all, v)
}

// Apply gives a finding the waiver that its object carries, where that counts,
// and reports whether there is one. What a waiver file has given it stays. It
// is safe for use by several goroutines.
func (a *Annotations) Apply(f *finding.Finding, now time.Time) bool {
	if a == nil || len(f.Annotations) == 0 || f.Check == "" {
		return false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	waived := false
	for _, x := range a.carrier(f, now).waivers {
		if x.rule != f.Check || !glob(x.target.container, f.Container) {
			continue
		}
		if f.Status != finding.Fail && f.Status != finding.NotReviewed {
			x.idle.Store(true)
			continue
		}
		x.used.Store(true)
		if f.Waiver == nil && now.Before(x.expires) {
			copied := x.Waiver
			f.Waiver, waived = &copied, true
		}
	}
	return waived
}

// See reads what an object carries, whether or not there is anything to apply
// it to. Only the finding's Workload, Annotations and NamespaceLabels count.
func (a *Annotations) See(f *finding.Finding, now time.Time) {
	if a == nil || len(f.Annotations) == 0 {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.carrier(f, now)
}

// carrier is the object of a finding. Findings of one object mostly come one
// after the other.
func (a *Annotations) carrier(f *finding.Finding, now time.Time) *carrier {
	key := objectKey{f.Workload, a.sum(f.Annotations)}
	if a.kept != nil && key == a.last {
		return a.kept
	}
	c := a.objects[key]
	if c == nil {
		c = a.read(f, now)
		if a.objects == nil {
			a.objects = map[objectKey]*carrier{}
		}
		if len(a.objects) < maxObjects {
			a.objects[key] = c
		}
	}
	a.last, a.kept = key, c
	return c
}

func (a *Annotations) sum(annotations map[string]string) uint64 {
	if a.seed == (maphash.Seed{}) {
		a.seed = maphash.MakeSeed()
	}
	var sum uint64 // whatever the order
	for key, value := range annotations {
		sum += maphash.Comparable(a.seed, [2]string{key, value})
	}
	return sum
}

// none is an object whose annotations do not count.
var none = &carrier{}

func (a *Annotations) read(f *finding.Finding, now time.Time) *carrier {
	own := finding.WaiverAnnotations(f.Annotations)
	if len(own) == 0 {
		return none
	}
	w, labels := f.Workload, f.NamespaceLabels
	namespace := w.Namespace
	if w.Kind == "Namespace" && w.APIVersion == "v1" {
		namespace = w.Name
	}
	if !a.Accept.Selects(namespace, labels) {
		if a.refused.objects == 0 {
			a.refused.first = w
		}
		a.refused.objects++
		if a.Accept != nil && namespace != "" && labels == nil {
			a.refused.unlabelled++
		}
		return none
	}
	c := &carrier{of: w, accepted: true}
	for _, key := range slices.Sorted(maps.Keys(own)) {
		if x := a.waiver(w, key, own[key], now); x != nil {
			c.waivers = append(c.waivers, x)
		}
	}
	return c
}

// waiver reads one annotation. What is wrong with it is a violation: an
// exception that was not understood must not be passed over.
func (a *Annotations) waiver(of finding.Workload, key, value string, now time.Time) *waiver {
	x, err := parseAnnotation(key, value)
	if err == nil && len(a.Rules) > 0 && !slices.ContainsFunc(a.Rules, func(r finding.Rule) bool { return idOf(&r) == x.rule }) {
		known := make([]string, len(a.Rules))
		for i := range a.Rules {
			known[i] = idOf(&a.Rules[i])
		}
		err = fmt.Errorf("there is no check %s%s", excerpt.Quote(x.rule), nearest.Hint(x.rule, known))
	}
	switch {
	case err != nil:
		a.violations.add(Violation{Demand: place(of), Message: fmt.Sprintf("its annotation %s waives nothing: %s", key, err)})
		return nil
	case !now.Before(x.expires):
		a.violations.add(Violation{Demand: place(of), Message: fmt.Sprintf(
			"the waiver by %s in its annotation %s expired (%s), and waives nothing any more: fix what it was for, or have it signed off anew", x.Owner, key, x.Expires)})
	}
	return x
}

// place names an object in a message.
func place(w finding.Workload) string {
	if w.Namespace == "" {
		return w.String()
	}
	return w.String() + " in namespace " + w.Namespace
}

// parseAnnotation reads the value of an annotation: the fields of a waiver that
// neither its key nor its place says.
func parseAnnotation(key, value string) (*waiver, error) {
	x := &waiver{rule: strings.TrimPrefix(key, finding.WaiverAnnotation)}
	if len(value) > maxAnnotation {
		return nil, fmt.Errorf("it is longer than %d KiB", maxAnnotation>>10)
	}
	if strings.TrimSpace(value) == "" {
		return nil, fmt.Errorf("it is empty; %s", annotationForm)
	}
	d, err := annotationYAML.Parse("its text", strings.NewReader(value))
	if err != nil {
		return nil, fmt.Errorf("%w; %s", err, annotationForm)
	}
	p := waiverParser{d}
	values := p.Keys(d.Root(), "a waiver", "reason", "owner", "expires", "container")
	p.signature(values, x)
	x.target.container = p.pattern(values, "container")
	p.whole(d.Root(), values, []string{"reason", "owner", "expires"}, "every waiver says why, who answers for it and until when")
	if err := p.Err(); err != nil {
		return nil, fmt.Errorf("%s; %s", strings.ReplaceAll(err.Error(), "\n", "; "), annotationForm)
	}
	x.Annotation = key
	return x, nil
}

var annotationYAML = strictyaml.Form{What: "a waiver in an annotation", MaxBytes: maxAnnotation}

const annotationForm = "write {reason: WHY, owner: WHO, expires: 2027-01-31}"

// Violations are the annotations that count and have expired, can't be read,
// or name a check that does not exist.
func (a *Annotations) Violations() []Violation {
	if a == nil {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	all := slices.Clone(a.violations.all)
	if a.violations.more > 0 {
		all = append(all, Violation{Demand: "annotations", Message: fmt.Sprintf("%d more have expired or can't be read", a.violations.more)})
	}
	return all
}

// Notes say, after all findings went through Apply, how many objects carry
// waivers that do not count, and which of those that count are not needed. The
// rules are those of the run.
func (a *Annotations) Notes(rules ...finding.Rule) []string {
	if a == nil {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	notes := a.notNeeded(rules)
	if n := a.refused.objects; n > 0 {
		note := fmt.Sprintf("%d objects carry waivers that were not accepted, such as %s", n, place(a.refused.first))
		if n == 1 {
			note = place(a.refused.first) + " carries waivers that were not accepted"
		}
		note += ": --accept-annotations says in which namespaces they count"
		if u := a.refused.unlabelled; u > 0 {
			note += fmt.Sprintf(" (the labels of the namespaces of %d of them are not known)", u)
		}
		notes = append(notes, note)
	}
	return notes
}

func (a *Annotations) notNeeded(rules []finding.Rule) []string {
	made := map[string]bool{}
	for i := range rules {
		made[idOf(&rules[i])] = true
	}
	var notes []string
	for _, c := range a.objects {
		for _, x := range c.waivers {
			if x.used.Load() || !made[x.rule] {
				continue
			}
			why := "covers nothing that failed here"
			if x.idle.Load() {
				why = "is not needed here: nothing that it covers has failed"
			}
			notes = append(notes, fmt.Sprintf("%s: its annotation %s %s", place(c.of), x.Annotation, why))
		}
	}
	slices.Sort(notes)
	if more := len(notes) - maxTold; more > 0 {
		notes = append(notes[:maxTold], fmt.Sprintf("%d more annotations waive nothing", more))
	}
	return notes
}
