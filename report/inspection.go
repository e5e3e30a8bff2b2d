package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/kubeassay/assay/finding"
)

// InspectionWriter writes one report about the inside of containers as it
// comes about: Begin once, Inspection for each target and profile with all of
// its findings, End once, also when the run was interrupted. Nothing of an
// inspection's findings is kept but what the format must write later.
type InspectionWriter interface {
	Begin(Header) error
	Inspection(*finding.Inspection) error
	// End gets the report without findings and inspections, and flushes.
	End(*finding.Report) error
}

// The names of the formats that only inspections have.
const (
	HDF      = "hdf"
	JUnit    = "junit"
	Markdown = "markdown"
)

// InspectionFormats lists the names that [NewInspection] knows.
func InspectionFormats() []string { return append(Formats(), HDF, JUnit, Markdown) }

// NewInspection returns a writer of the named format, or an error that lists
// [InspectionFormats]. HDF holds one target and one profile: see [HDFFiles] for more.
func NewInspection(format string, w io.Writer, o Options) (InspectionWriter, error) {
	switch format {
	case Table:
		return newInspectionTable(w, o, false), nil
	case Wide:
		return newInspectionTable(w, o, true), nil
	case JSON:
		return &structured{w: newJSON(w), o: o}, nil
	case NDJSON:
		return &structured{w: newNDJSON(w), o: o}, nil
	case YAML:
		return &structured{w: newYAML(w), o: o}, nil
	case HDF:
		return &hdfWriter{out: output{w: w}}, nil
	case JUnit:
		return &junitWriter{out: output{w: w}}, nil
	case Markdown:
		return &markdownWriter{out: output{w: w}}, nil
	}
	return nil, fmt.Errorf("unknown format %q: use one of %s", format, strings.Join(InspectionFormats(), ", "))
}

// shows reports whether findings of that status are wanted.
func (o *Options) shows(s finding.Status) bool {
	if len(o.Statuses) == 0 {
		return s == finding.Fail || s == finding.Error
	}
	return slices.Contains(o.Statuses, s)
}

// structured writes inspections in a format that scans have as well: the
// findings as they come about, and at the end what was looked into.
type structured struct {
	w     Writer
	o     Options
	looks []finding.Inspection
}

func (s *structured) Begin(h Header) error { return s.w.Begin(h) }

func (s *structured) Inspection(i *finding.Inspection) error {
	for n := range i.Findings {
		if !s.o.shows(i.Findings[n].Status) {
			continue
		}
		if err := s.w.Finding(&i.Findings[n]); err != nil {
			return err
		}
	}
	look := *i
	look.Findings = nil
	s.looks = append(s.looks, look)
	return s.w.Flush()
}

func (s *structured) End(r *finding.Report) error {
	whole := *r
	whole.Inspections = s.looks
	return s.w.End(&whole)
}

// rulesByID finds the rule of a finding.
type rulesByID map[[2]string]*finding.Rule

func rulesOf(h Header) rulesByID {
	rules := rulesByID{}
	for i := range h.Rules {
		r := &h.Rules[i]
		rules[[2]string{r.Profile, r.ID}] = r
	}
	return rules
}

// of returns the rule, or one that has nothing but its ID.
func (r rulesByID) of(f *finding.Finding) *finding.Rule {
	if rule := r[[2]string{f.Profile, ruleID(f)}]; rule != nil {
		return rule
	}
	return &finding.Rule{ID: ruleID(f), Profile: f.Profile, Severity: f.Severity}
}

// ruleID is the ID of a finding's control or check.
func ruleID(f *finding.Finding) string {
	if f.Control != "" {
		return f.Control
	}
	return f.Check
}

// worstFirst sorts indexes of findings by status, then severity, the gravest
// first; waived ones come after those that are not. Else the order stays.
func worstFirst(findings []finding.Finding) []int {
	rank := func(i int) [3]int {
		f := &findings[i]
		r := [3]int{len(finding.Statuses), 0, f.Severity.Rank()}
		if n := slices.Index(finding.Statuses, f.Status); n >= 0 {
			r[0] = n
		}
		if f.Waiver != nil {
			r[1] = 1
		}
		return r
	}
	order := make([]int, len(findings))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		ra, rb := rank(a), rank(b)
		return slices.Compare(ra[:], rb[:])
	})
	return order
}
