package posture

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
)

// sum adds up what one check said about one container in a workload's
// templates and in its pods, and lets the stronger evidence decide:
//
//   - A pod's own verdict already rests on the strongest evidence about it.
//   - Of pods with one template, those that report nothing are taken to be like
//     those that do: a "may" among them is cleared when some report that all is
//     well, from a spec that leaves it open too, and none reports the contrary.
//   - The template's own "may" is cleared when pods of the current template report
//     that all is well and none of the template's pods, old or new, reports the contrary.
//   - Whatever is not cleared stands.
type sum struct {
	part *part
	nth  int // check
	// template is the gravest verdict of the templates, and clears what refutes
	// it; pod is the gravest of the pods. Each is nil where there is none.
	template, clears, pod *rung
	count                 [statuses]int
	names                 [statuses][]string
	reports               []*rung // all that the kubelet reports, the gravest first
}

// rung is a verdict with where it comes from.
type rung struct {
	*tally
	image string
	owner *owner // of the template, or of the pods
	age   age    // of the pods; unrelated for a template
}

func newSum(p *part, nth int) *sum {
	s := &sum{part: p, nth: nth}
	for _, in := range p.groups {
		s.addPods(&in)
	}
	slices.SortStableFunc(s.reports, func(a, b *rung) int {
		switch {
		case graver(a.verdict, b.verdict):
			return -1
		case graver(b.verdict, a.verdict):
			return 1
		}
		return 0
	})
	for _, in := range p.templates {
		s.addTemplate(&in)
	}
	return s
}

// addPods adds what the pods of a group say.
func (s *sum) addPods(in *inGroup) {
	tallies := in.tallies(s.nth, in.pods)
	well := slices.ContainsFunc(tallies, func(t *tally) bool { return t.refutes() && t.May })
	ill := slices.ContainsFunc(tallies, (*tally).proves)
	for _, t := range tallies {
		r := rank(t.Status)
		at := &rung{tally: t, image: in.image, owner: in.group.owner, age: in.group.nearest()}
		if t.open() && well && !ill {
			r = rank(finding.Pass)
		} else if s.pod == nil || graver(t.verdict, s.pod.verdict) {
			s.pod = at
		}
		s.count[r] += t.pods
		room := max(namesKept-len(s.names[r]), 0)
		s.names[r] = append(s.names[r], t.names[:min(len(t.names), room)]...)
		if t.reported() {
			s.reports = append(s.reports, at)
		}
	}
}

// addTemplate adds what a template says, unless another one says worse. In a
// file two containers may have the same name; then there is more than one verdict.
func (s *sum) addTemplate(in *inTemplate) {
	for _, t := range in.tallies(s.nth, in.pods) {
		at := &rung{tally: t, image: in.image, owner: s.part.of.templates[in.index].owner}
		var clears *rung
		if at.open() {
			clears = s.refutation(in)
		}
		if s.template == nil || graver(effective(at, clears), effective(s.template, s.clears)) {
			s.template, s.clears = at, clears
		}
	}
}

func effective(template, clears *rung) *check.Verdict {
	if clears != nil {
		return clears.verdict
	}
	return template.verdict
}

// refutation is what pods of the current template report against its "may";
// nil where there is no such report, or one to the contrary.
func (s *sum) refutation(in *inTemplate) (found *rung) {
	for _, pods := range s.part.groups {
		a := pods.group.ages[in.index]
		if a == unrelated {
			continue
		}
		for _, t := range pods.tallies(s.nth, pods.pods) {
			switch {
			case t.proves():
				return nil
			case found != nil || !t.refutes():
			case a == current, a == unlabelled && pods.image == in.image && t.May:
				// Where nothing tells templates apart, the same image has to do: what
				// the spec leaves open, it decides.
				found = &rung{tally: t, image: pods.image, owner: pods.group.owner, age: a}
			}
		}
	}
	return found
}

// open: it fails only because the spec leaves the matter open.
func (t *tally) open() bool { return t.Status == finding.Fail && t.May && !t.reported() }

// proves: it fails by more than the spec.
func (t *tally) proves() bool { return t.Status == finding.Fail && t.reported() }

// refutes: it passes by more than the spec.
func (t *tally) refutes() bool { return t.Status == finding.Pass && t.reported() }

// stands is the verdict that stands: the graver of the template's (or what
// cleared it) and the pods'. It is nil where there is neither.
func (s *sum) stands() *rung {
	t := s.template
	if s.clears != nil {
		t = s.clears
	}
	if t == nil || s.pod != nil && graver(s.pod.verdict, t.verdict) {
		return s.pod
	}
	return t
}

// templateAlone reports whether the template's verdict is worse than that of any pod.
func (s *sum) templateAlone() bool {
	return s.template != nil && s.clears == nil && (s.pod == nil || graver(s.template.verdict, s.pod.verdict))
}

// finding is the verdict that stands, with all that it rests on.
func (s *sum) finding(ch *check.Check) *finding.Finding {
	v := s.stands()
	f := s.part.finding(ch, v.verdict, v.image)
	r := rank(v.Status)
	f.Pods, f.PodNames = s.count[r], s.names[r]
	declared := s.declared(v)
	f.Location = v.location
	if t := s.template; t != nil && t != v {
		switch ofTemplate := s.declared(t); {
		case alike(declared, ofTemplate): // in the words of what a person edits
			declared, f.Location = ofTemplate, t.location
		case t.Status == finding.Fail:
			declared = append(declared, ofTemplate...)
		}
	}
	if v.reported() {
		f.Basis = slices.Concat(s.reported(), declared)
	} else {
		f.Basis = slices.Concat(declared, s.reported())
	}
	if v == s.pod && v.age == older && s.template != nil && s.template.Status == finding.Pass {
		f.Message += fmt.Sprintf(" The template of %s is in order: these pods are of another revision.", f.Workload)
	}
	s.part.origin().tell(f)
	return f
}

// alike reports whether two objects declare the same values.
func alike(a, b []finding.Basis) bool {
	return len(a) > 0 && slices.EqualFunc(a, b, func(a, b finding.Basis) bool {
		return a.Value == b.Value && lastOf(a.Field) == lastOf(b.Field)
	})
}

func lastOf(field string) string { return field[strings.LastIndexByte(field, '.')+1:] }

// declared lists what a template or pod declares.
func (s *sum) declared(r *rung) (basis []finding.Basis) {
	for _, b := range r.Basis {
		if b.Evidence == finding.Declared {
			b.Object = s.object(r)
			basis = append(basis, b)
		}
	}
	return basis
}

// reported lists what the kubelet reports and what was seen inside, with the count of pods for each value.
func (s *sum) reported() (basis []finding.Basis) {
	for _, r := range s.reports {
		for _, b := range r.Basis {
			if b.Evidence == finding.Declared {
				continue
			}
			i := slices.IndexFunc(basis, func(x finding.Basis) bool { return x.Value == b.Value })
			if i < 0 {
				if b.Evidence == finding.Reported {
					b.Object = s.object(r)
				} else if b.Object == s.part.of.ref.String() {
					b.Object = "" // seen in the very pod that the finding is about
				}
				basis = append(basis, b)
				i = len(basis) - 1
			}
			basis[i].Pods += r.pods
		}
	}
	return basis
}

// object names the object that has a rung's fields, where that is not the workload itself.
func (s *sum) object(r *rung) string {
	name := r.owner.ref.String()
	if len(r.names) > 0 {
		name = "Pod/" + r.names[0]
	}
	if name == s.part.of.ref.String() {
		return ""
	}
	return name
}
