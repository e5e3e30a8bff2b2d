// Package report turns a report into bytes: one file a format.
//
// It formats; it does not decide. Which findings of a scan reach it is the
// scan's to say; an inspection comes whole, and [Options] say what of it is
// shown. What findings mean for the exit code is the gate package's.
//
//	w, err := report.New("table", os.Stdout, report.Terminal(os.Stdout))           // of scans
//	w, err := report.NewInspection("table", os.Stdout, report.Terminal(os.Stdout)) // of inspections
//
// Names, images and messages come from whoever may write to a cluster or a
// file. No format lets their control characters through: a terminal never
// gets an escape sequence that is not Assay's own.
package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/kubeassay/assay/finding"
)

// Writer writes one report as it comes about. The calls come in this order:
// Begin once, Finding for every finding (those of one workload one after the
// other, those of one namespace one after the other), Flush after each
// namespace, End once, also when the run was interrupted. No writer keeps
// more than one workload's findings.
type Writer interface {
	Begin(Header) error
	Finding(*finding.Finding) error
	// Flush hands everything so far to the underlying writer.
	Flush() error
	// End gets the report without its findings, and flushes. Its rules are those of the header.
	End(*finding.Report) error
}

// Header is what is known before the first finding.
type Header struct {
	Rules []finding.Rule
	// Off is how many of them are stated but not made.
	Off int
	// Version is that of Assay.
	Version string
}

// Options are what a format may want to know about its reader.
type Options struct {
	// Width is the terminal's width in columns; 0 for no terminal: nothing is wrapped or cut.
	Width int
	// Color allows ANSI colours.
	Color bool
	// MinSeverity is that of the least failures that are shown to people; empty
	// means all. The others are counted, and said to be left out.
	MinSeverity finding.Severity
	// PerPod: findings are per pod, not per workload.
	PerPod bool
	// Statuses are those whose findings of inspections are shown; none means
	// fail and error. Formats for compliance (hdf, junit, markdown) hold all.
	Statuses []finding.Status
}

// The names of the formats.
const (
	Table  = "table"
	Wide   = "wide"
	JSON   = "json"
	NDJSON = "ndjson"
	YAML   = "yaml"
)

// Formats lists the names that [New] knows.
func Formats() []string { return []string{Table, Wide, JSON, NDJSON, YAML} }

// New returns a writer of the named format, or an error that lists [Formats].
func New(format string, w io.Writer, o Options) (Writer, error) {
	switch format {
	case Table:
		return newTable(w, o, false), nil
	case Wide:
		return newTable(w, o, true), nil
	case JSON:
		return newJSON(w), nil
	case NDJSON:
		return newNDJSON(w), nil
	case YAML:
		return newYAML(w), nil
	}
	return nil, fmt.Errorf("unknown format %q: use one of %s", format, strings.Join(Formats(), ", "))
}

// head and tail are a report without its findings, cut where they stand.
// Together with the findings they are finding.Report, field by field.
type head struct {
	APIVersion string         `json:"apiVersion"`
	Kind       string         `json:"kind"`
	Rules      []finding.Rule `json:"rules,omitempty"`
}

type tail struct {
	Inspections []finding.Inspection `json:"inspections,omitempty"`
	Summary     finding.Summary      `json:"summary"`
	Coverage    []finding.Coverage   `json:"coverage,omitempty"`
	Errors      []finding.Problem    `json:"errors,omitempty"`
	Notes       []string             `json:"notes,omitempty"`
	Access      *finding.Access      `json:"access,omitempty"`
}

func headOf(h Header) head { return head{finding.APIVersion, finding.ReportKind, h.Rules} }

func tailOf(r *finding.Report) tail {
	return tail{r.Inspections, r.Summary, r.Coverage, r.Errors, r.Notes, r.Access}
}
