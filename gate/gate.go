// Package gate decides what becomes of findings: which are waived, whether the
// counts keep to a threshold, and the exit code. Every command that judges asks
// it, so that all give the same one for the same result.
//
// It neither finds nor filters: it looks at the counts of a summary, and what
// a filter hides from the output still counts.
//
//	waivers.Apply(&f, time.Now())                  // for each finding
//	violations := threshold.CheckInspection(&look) // for each target and profile
//	os.Exit(gate.ExitCode(report.Summary, gate.Policy{FailOn: finding.High, Violations: violations}))
package gate

import (
	"fmt"
	"strings"

	"github.com/kubeassay/assay/finding"
)

// The exit codes. Where several apply, the highest stands.
const (
	OK         = 0 // everything was judged, nothing failed at or above the threshold
	Failed     = 1 // something failed at or above the threshold
	Incomplete = 2 // something could not be judged; also a run that was interrupted
	Usage      = 3 // the command was called wrongly: nothing was judged at all
)

// None is the threshold that no failure reaches.
const None finding.Severity = "none"

// DefaultFailOn is the threshold where none is given.
const DefaultFailOn = finding.High

// Policy says what counts.
type Policy struct {
	// FailOn is the least severity of a failure that gives [Failed]; empty
	// means [DefaultFailOn], [None] means that no failure does.
	FailOn finding.Severity
	// IgnoreErrors lets inputs that are broken (a report's Errors) pass. It
	// does not let pass what could not be read from a cluster, verdicts with
	// status error, or an interruption.
	IgnoreErrors bool
	// Strict: a verdict with status not-reviewed gives [Incomplete].
	Strict bool
	// Violations of a threshold, and waivers that have expired, give [Failed].
	Violations []Violation
}

// ExitCode returns the exit code for a run that ended with this summary. Its
// counts must be of everything that was judged, whatever a filter shows, but
// without failures that are waived.
func ExitCode(s finding.Summary, p Policy) int {
	switch {
	case !s.Complete, s.Interrupted, s.Statuses[finding.Error] > 0, s.Errors > 0 && !p.IgnoreErrors:
		return Incomplete
	case p.Strict && s.Statuses[finding.NotReviewed] > 0:
		return Incomplete
	case len(p.Violations) > 0, failed(s.Findings, p.FailOn):
		return Failed
	}
	return OK
}

func failed(failures map[finding.Severity]int, threshold finding.Severity) bool {
	switch threshold {
	case None:
		return false
	case "":
		threshold = DefaultFailOn
	}
	for severity, n := range failures {
		if n > 0 && severity.AtLeast(threshold) {
			return true
		}
	}
	return false
}

// ParseFailOn reads the value of --fail-on: a severity, or "none".
func ParseFailOn(s string) (finding.Severity, error) {
	if s == string(None) {
		return None, nil
	}
	severity, err := finding.ParseSeverity(s)
	if err != nil {
		names := make([]string, 0, len(finding.Severities)+1)
		for _, known := range finding.Severities {
			names = append(names, string(known))
		}
		return "", fmt.Errorf("unknown severity %q: use one of %s, or %s", s, strings.Join(names, ", "), None)
	}
	return severity, nil
}
