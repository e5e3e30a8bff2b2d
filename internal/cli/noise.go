package cli

import (
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/gate"
	"github.com/kubeassay/assay/posture"
	"github.com/kubeassay/assay/posture/check/builtin"
	"github.com/kubeassay/assay/report"
)

// exceptions reads waivers and baseline, and has the scan ask them.
func (f *judgingFlags) exceptions(o *posture.Options, p *gate.Policy) error {
	now := time.Now()
	f.annotations.Rules = builtin.Rules(builtin.All())
	if f.waiverFile != "" {
		var err error
		if f.waivers, err = parseFile(f.waiverFile, gate.ParseWaivers); err != nil {
			return usagef("--waivers: %w", err)
		}
		if err := f.waivers.Unknown(f.annotations.Rules...); err != nil {
			return usagef("--waivers: %w", err)
		}
		p.Violations = f.waivers.Expired(now)
	}
	if f.accept != "" {
		var err error
		if f.annotations.Accept, err = gate.ParseNamespaces(f.accept); err != nil {
			return usagef("--accept-annotations: %w", err)
		}
	}
	o.Labels = true
	o.Carrier = func(x *finding.Finding) { f.annotations.See(x, now) }
	o.Waive = func(x *finding.Finding) {
		f.waivers.Apply(x, now)
		f.annotations.Apply(x, now)
	}
	if f.baselineFile == "" {
		return nil
	}
	var err error
	if f.baseline, err = parseFile(f.baselineFile, gate.ParseBaseline); err != nil {
		return usagef("--baseline: %w", err)
	}
	switch {
	case f.baseline.PerPod() && !f.perPod:
		return usagef("--baseline: %s has a finding for each pod: give --per-pod as well", f.baselineFile)
	case f.perPod && !f.baseline.PerPod():
		return usagef("--baseline: %s was not made with --per-pod: leave it out here as well", f.baselineFile)
	}
	o.Known = f.baseline.Known
	return nil
}

// kinds are what annotations need beside what checks ask about: namespaces,
// where their labels choose.
func (f *judgingFlags) kinds() []schema.GroupKind {
	if f.accept == "" || f.accept == "*" {
		return nil
	}
	return []schema.GroupKind{{Kind: "Namespace"}}
}

// sum completes the report by what only the flags know: what was asked for, and
// what became of the baseline.
func (f *scanFlags) sum(r *finding.Report) {
	s := &r.Summary
	s.PerPod, s.Inspected = f.judging.perPod, f.inspect
	selection := finding.Selection{
		Namespaces: f.what.namespaces, ExcludeNamespaces: f.what.exclude,
		Selector: f.what.selector, FieldSelector: f.what.fieldSelector,
	}
	for _, k := range f.what.kinds {
		if kinds, err := parseKinds([]string{k}); err == nil { // they were good when the scan began
			k = kinds[0].String()
		}
		selection.Kinds = append(selection.Kinds, k)
	}
	if len(f.judging.checks)+len(f.judging.skip) > 0 {
		for i := range r.Rules {
			selection.Checks = append(selection.Checks, r.Rules[i].ID)
		}
	}
	if len(selection.Namespaces)+len(selection.ExcludeNamespaces)+len(selection.Kinds)+len(selection.Checks) > 0 ||
		selection.Selector+selection.FieldSelector != "" {
		s.Selection = &selection
	}
	s.Gone, _ = f.judging.baseline.Gone(r)
	r.Notes = slices.Concat(r.Notes, f.judging.reading.notes(), f.judging.annotations.Notes(r.Rules...), f.judging.baseline.Notes(r))
}

// told says what waivers have expired, and which covered nothing.
func (f *judgingFlags) told(s *streams, p *gate.Policy, r *finding.Report, quiet bool) {
	p.Violations = slices.Concat(p.Violations, f.annotations.Violations())
	for _, v := range p.Violations {
		_, _ = fmt.Fprintf(s.err, "assay: %s\n", report.Printable(v.String()))
	}
	if quiet || !r.Summary.Complete { // what was not judged may be what a waiver is for
		return
	}
	for _, note := range f.waivers.Unused(r.Rules...) {
		_, _ = fmt.Fprintf(s.err, "assay: note: %s\n", report.Printable(note))
	}
}
