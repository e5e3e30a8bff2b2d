package posture

import (
	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/index"
	"github.com/kubeassay/assay/posture/source"
	"github.com/kubeassay/assay/workload"
)

// podRecord is what stays of pods that are alike, or of a template, until the
// other objects of the namespace are known.
type podRecord struct {
	index.Pod
	pods     int
	names    []string // of the first few pods
	specPath string
	at       *finding.Location
}

// record keeps what is needed of a pod or template. The pods of one owner are
// nearly always alike.
func (g *gatherer) record(list []*podRecord, o *source.Object) []*podRecord {
	p := index.PodOf(o.PodMeta, o.Spec)
	p.Namespace, p.Name, p.Owner = o.Meta.Namespace, nameOf(o.Meta), ownerKind(o)
	p.Template, p.Replicas = o.Status == nil, replicas(o)
	if g.refs {
		p.Secrets, p.ConfigMaps = index.Refs(o.Spec)
	}
	for _, r := range list {
		if r.Like(&p) {
			r.pods++
			if !p.Template {
				r.Replicas = int32(min(r.pods, 1<<30))
				if len(r.names) < namesKept {
					r.names = append(r.names, p.Name)
				}
			}
			return list
		}
	}
	r := &podRecord{Pod: p, pods: 1, specPath: o.SpecPath}
	if !p.Template {
		r.names = []string{p.Name}
	}
	if o.Locate != nil {
		at := o.Locate("metadata.name")
		r.at = &at
	}
	return append(list, r)
}

// joiner is what is known besides pods, and why some of it is not.
type joiner struct {
	index   *index.Index
	missing func(*check.Check, string) (reason string, ok bool)
}

// join asks the checks that look at pods together with other objects, now that
// those are known. Their verdicts join those about the pod as a whole.
func (g *gatherer) join(all []*merged, with joiner) {
	if !g.joins {
		return
	}
	for _, w := range all {
		for _, t := range w.templates {
			for _, r := range t.pods {
				with.index.See(&r.Pod)
			}
		}
		for _, gr := range w.groups {
			for _, r := range gr.records {
				with.index.See(&r.Pod)
			}
		}
	}
	for i, ch := range g.whole {
		if ch.Join == nil {
			continue
		}
		for _, w := range all {
			for _, t := range w.templates {
				g.judgeRecords(&t.containers, t.pods, i, ch, with)
			}
			for _, gr := range w.groups {
				g.judgeRecords(&gr.containers, gr.records, i, ch, with)
			}
		}
	}
}

func (g *gatherer) judgeRecords(list *[]*judged, records []*podRecord, nth int, ch *check.Check, with joiner) {
	j := judgedOf(list, &workload.Container{}, len(g.whole))
	before := 0
	for _, r := range records {
		v := with.judge(ch, r)
		if g.quiet(&v) {
			j.count(nth, v.Status, r.pods, before)
			before += r.pods
			continue
		}
		s := j.of(nth, before)
		before += r.pods
		t := s.find(&v)
		if t == nil {
			t = s.start(g.share(&v), r.at)
		}
		t.pods += r.pods
		t.names = append(t.names, r.names[:min(len(r.names), max(namesKept-len(t.names), 0))]...)
		if g.perPod && !r.Template {
			s.each = append(s.each, tally{verdict: &v, pods: r.pods, names: r.names, location: r.at})
		}
	}
}

func (with *joiner) judge(ch *check.Check, r *podRecord) check.Verdict {
	if reason, missing := with.missing(ch, r.Namespace); missing {
		return unread(ch, reason)
	}
	return ch.Join(&check.Joint{Pod: &r.Pod, Namespace: with.index.Namespace(r.Namespace), SpecPath: r.specPath})
}

// unread is the verdict of a check that lacks what it needs.
func unread(ch *check.Check, reason string) check.Verdict {
	return check.Verdict{
		Status: finding.NotReviewed, Severity: ch.Severity, Evidence: finding.Declared,
		Message: check.Sentence(reason),
	}
}
