package posture

import (
	"fmt"

	"github.com/kubeassay/assay/finding"
)

// origin says how a container comes to be in the pods; the later ones outweigh
// the earlier where pods differ.
type origin int

const (
	outdated  origin = iota // only an older template had it
	foreign                 // the template has not, but the pods may be of an older one
	injected                // the current template has not: something adds it to the pods
	templated               // the template has it, or nothing is known of a template
)

// originIn says how the pods of a group came to have a container.
func (p *part) originIn(gr *owned) origin {
	if p.kind == finding.EphemeralContainer {
		return templated // no template can have one
	}
	for _, in := range p.templates {
		if gr.ages[in.index] != unrelated {
			return templated
		}
	}
	switch gr.nearest() {
	case unrelated:
		return templated
	case current:
		return injected
	case older:
		return outdated
	default:
		return foreign
	}
}

func (p *part) origin() origin {
	if len(p.groups) == 0 {
		return templated
	}
	from := outdated
	for _, in := range p.groups {
		from = max(from, p.originIn(in.group))
	}
	return from
}

// tell adds to a finding how the container comes to be there, where that is
// not from the template.
func (from origin) tell(f *finding.Finding) {
	noun := "container"
	if f.ContainerType == finding.ImageVolume {
		noun = "volume"
	}
	switch from {
	case injected:
		f.Message += fmt.Sprintf(" The template of %s does not have this %s: something adds it to the pods.", f.Workload, noun)
	case foreign:
		f.Message += fmt.Sprintf(" The template of %s does not have this %s: something adds it to the pods, or the pods are older than the template.", f.Workload, noun)
	case outdated:
		f.Message += fmt.Sprintf(" The template of %s no longer has this %s: only older pods do.", f.Workload, noun)
	}
	f.Injected = from == injected || from == foreign
}
