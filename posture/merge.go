package posture

import (
	"cmp"
	"slices"
	"strings"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
)

// merged is a workload with everything that belongs to it: the templates of
// the objects that a person edits, and the pods, by template.
type merged struct {
	ref finding.Workload
	// labels and annotations are those of the object, where it was read.
	labels, annotations map[string]string
	templates           []*template
	groups              []*owned
	pods                int
}

// owned is a group of pods and its age against each of the workload's templates.
type owned struct {
	*group
	ages []age
}

// nearest is the age against the template that fits best.
func (o *owned) nearest() age {
	best := unrelated
	for _, a := range o.ages {
		best = max(best, a)
	}
	return best
}

// part is one container of a workload: where templates have it, and the pods.
type part struct {
	of        *merged
	kind      finding.ContainerType
	name      string
	image     string
	templates []inTemplate
	groups    []inGroup
}

// inTemplate is a part in one of the workload's templates.
type inTemplate struct {
	*judged
	index int // of the template
}

// inGroup is a part in one of the workload's groups of pods.
type inGroup struct {
	*judged
	group *owned
}

// totals is what merge adds up.
type totals struct{ workloads, containers int }

// merge hands on the findings of everything that was gathered, and forgets it.
// What would be no more than a status is only counted.
//
// Where there are several namespaces, done is called behind each but the last.
func (g *gatherer) merge(join joiner, count func(*check.Check, finding.Status), emit func(*finding.Finding) error, done func(namespace string) error) (totals, error) {
	all := g.workloads()
	g.reset()
	g.join(all, join)
	sum := totals{workloads: len(all)}
	var found []*finding.Finding // of one workload
	namespace := ""
	for i, w := range all {
		if i > 0 && w.ref.Namespace != namespace {
			if err := done(namespace); err != nil {
				return sum, err
			}
		}
		namespace = w.ref.Namespace
		all[i] = nil // once it is handed on, nobody needs it
		if g.carries != nil {
			g.carries(w.ref, w.annotations)
		}
		clear(found)
		found = found[:0]
		for _, p := range w.parts() {
			sum.containers += p.containers()
			checks := g.containers
			if p.kind == "" {
				checks = g.whole
			}
			for i, ch := range checks {
				if status, ok := p.quiet(i, ch); ok {
					if status != "" {
						count(ch, status)
					}
					continue
				}
				found = append(found, g.findings(p, i, ch)...)
			}
		}
		g.sortFindings(found)
		for _, f := range found {
			if err := emit(f); err != nil {
				return sum, err
			}
		}
	}
	return sum, nil
}

// sortFindings puts the gravest failures of a workload first; what is equally
// grave stays by container, as checks are listed. Where every pod has findings
// of its own, they stay together.
func (g *gatherer) sortFindings(found []*finding.Finding) {
	for _, f := range found {
		rankLower(f)
	}
	if g.perPod {
		return
	}
	slices.SortStableFunc(found, func(a, b *finding.Finding) int { return cmp.Compare(grave(a), grave(b)) })
}

// grave is less for a finding that comes first: failures by severity, then the
// other statuses.
func grave(f *finding.Finding) int {
	if f.Status != finding.Fail {
		return len(finding.Severities) + rank(f.Status)
	}
	return f.Severity.Rank()
}

// quiet is the status of a verdict that only has to be counted; ok is false
// where there is more to say, and the status empty where there is nothing.
func (p *part) quiet(i int, ch *check.Check) (status finding.Status, ok bool) {
	if ch.Compare != nil {
		return "", false
	}
	worst := statuses
	add := func(c *cells) bool {
		s, only := c.only(i)
		if s != "" {
			worst = min(worst, rank(s))
		}
		return only
	}
	for _, in := range p.templates {
		if !add(&in.cells) {
			return "", false
		}
	}
	for _, in := range p.groups {
		if !add(&in.cells) {
			return "", false
		}
	}
	if worst == statuses {
		return "", true
	}
	return finding.Statuses[worst], true
}

// workloads sorts templates and groups under their workloads, in the order of
// namespace, kind and name.
func (g *gatherer) workloads() []*merged {
	byRef := map[finding.Workload]*merged{}
	var all []*merged
	find := func(ref *owner, alone bool) *merged {
		w := byRef[ref.ref]
		if w == nil || alone {
			w = &merged{ref: ref.ref, labels: ref.labels, annotations: ref.annotations}
			all = append(all, w)
			byRef[ref.ref] = w
		}
		return w
	}
	for _, t := range g.templates {
		way := g.climb(t.owner)
		if len(way) > 1 && way[1].template && t.copies(way[1]) {
			continue // its owner's is judged
		}
		// Objects from files have no UID: two of the same name are two workloads.
		w := find(way[len(way)-1], t.uid == "")
		w.templates = append(w.templates, t)
	}
	for _, gr := range g.order {
		way := g.climb(gr.owner)
		w := find(way[len(way)-1], gr.bare)
		w.pods += gr.pods
		ages := make([]age, len(w.templates))
		for i, t := range w.templates {
			ages[i] = ageOf(gr, way, t)
		}
		w.groups = append(w.groups, &owned{gr, ages})
	}
	slices.SortStableFunc(all, func(a, b *merged) int {
		return cmp.Or(strings.Compare(a.ref.Namespace, b.ref.Namespace), strings.Compare(a.ref.Kind, b.ref.Kind), strings.Compare(a.ref.Name, b.ref.Name))
	})
	return all
}

// parts lists a workload's containers: those of the templates first, then
// those that only pods have.
func (w *merged) parts() []*part {
	var parts []*part
	find := func(j *judged) *part {
		for _, p := range parts {
			if p.name == j.name && p.kind == j.kind {
				return p
			}
		}
		p := &part{of: w, kind: j.kind, name: j.name, image: j.image}
		parts = append(parts, p)
		return p
	}
	for i, t := range w.templates {
		for _, j := range t.containers {
			p := find(j)
			p.templates = append(p.templates, inTemplate{j, i})
		}
	}
	for _, gr := range w.groups {
		for _, j := range gr.containers {
			p := find(j)
			p.groups = append(p.groups, inGroup{j, gr})
		}
	}
	return parts
}

// containers counts the pods' containers, or the template's where there are no pods.
func (p *part) containers() (n int) {
	if p.kind == finding.ImageVolume || p.kind == "" { // the latter is the pod as a whole
		return 0
	}
	if p.of.pods == 0 {
		for _, in := range p.templates {
			n += in.pods
		}
		return n
	}
	for _, in := range p.groups {
		n += in.pods
	}
	return n
}

// findings says what one check makes of one container of a workload.
func (g *gatherer) findings(p *part, i int, ch *check.Check) []*finding.Finding {
	if ch.Compare != nil {
		return g.compared(p, ch)
	}
	s := newSum(p, i)
	if g.perPod && p.of.pods > 0 {
		all := p.eachPod(i, ch)
		if s.templateAlone() {
			all = append(all, s.finding(ch))
		}
		return all
	}
	if s.stands() == nil {
		return nil
	}
	return []*finding.Finding{s.finding(ch)}
}

func (p *part) finding(ch *check.Check, v *check.Verdict, image string) *finding.Finding {
	return &finding.Finding{
		Check: ch.ID, Status: v.Status, Severity: v.Severity, Evidence: v.Evidence,
		Workload: p.of.ref, Container: p.name, ContainerType: p.kind, Image: image,
		Message: v.Message, PodsTotal: p.of.pods, Labels: p.of.labels, Annotations: p.of.annotations,
	}
}

// eachPod gives a finding for each pod. The workload is named all the same.
func (p *part) eachPod(i int, ch *check.Check) []*finding.Finding {
	var all []*finding.Finding
	for _, in := range p.groups {
		from := p.originIn(in.group)
		each := in.each(i)
		for n := range each {
			t := &each[n]
			f := p.finding(ch, t.verdict, in.image)
			f.Basis = t.Basis
			f.Location = t.location
			f.Pods, f.PodNames = 1, t.names
			from.tell(f)
			all = append(all, f)
		}
	}
	return all
}

// compared asks a check that compares copies, template by template, and keeps
// the gravest answer.
func (g *gatherer) compared(p *part, ch *check.Check) []*finding.Finding {
	var worst *check.Verdict
	var at inGroup
	for _, in := range p.groups {
		v := ch.Compare(check.Copies{Image: in.image, Of: in.copies, Images: &g.images})
		if worst == nil || graver(&v, worst) {
			worst, at = &v, in
		}
	}
	if worst == nil {
		return nil
	}
	f := p.finding(ch, worst, at.image)
	f.Basis = worst.Basis
	for _, c := range at.copies {
		f.Pods += c.Pods
		if len(f.PodNames) < namesKept {
			f.PodNames = append(f.PodNames, c.Pod)
		}
	}
	return []*finding.Finding{f}
}
