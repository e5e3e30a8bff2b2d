// Package hdf holds the one table from Assay's words to those of HDF, the
// format of Heimdall and the SAF CLI: which of their five statuses a verdict
// has, which severity and which impact. Writers of HDF and the threshold gate
// both ask it, so that a file and the gate can't disagree.
//
// It neither writes files (package report does) nor judges (package gate does).
//
//	hdf.StatusOf(&f) // "failed"
package hdf

import (
	"slices"

	"github.com/kubeassay/assay/finding"
)

// Status is one of the five that a threshold file names.
type Status string

// The statuses. Their readers show Skipped as "Not Reviewed", NoImpact as "Not
// Applicable" and Error as "Profile Error".
const (
	Passed   Status = "passed"
	Failed   Status = "failed"
	Skipped  Status = "skipped"
	NoImpact Status = "no_impact"
	Error    Status = "error"
)

// Statuses lists all of them.
func Statuses() []Status { return []Status{Passed, Failed, Skipped, NoImpact, Error} }

// None is the severity of a control without impact.
const None = "none"

// Severities lists all of them, the gravest first.
func Severities() []string { return []string{"critical", "high", "medium", "low", None} }

// StatusOf is what HDF's readers make of a verdict. An error stays one, whatever
// else is so. What is waived, and what has no impact, doesn't count for them.
func StatusOf(f *finding.Finding) Status {
	switch {
	case f.Status == finding.Error, !slices.Contains(finding.Statuses, f.Status): // one from another version is not for us to judge
		return Error
	case f.Waiver != nil, f.Status == finding.NotApplicable, SeverityOf(f) == None:
		return NoImpact
	case f.Status == finding.Fail:
		return Failed
	case f.Status == finding.Pass:
		return Passed
	}
	return Skipped
}

// SeverityOf is the verdict's severity in HDF's words. One that is not known
// is taken for the gravest: nothing becomes harmless for being misunderstood.
func SeverityOf(f *finding.Finding) string {
	switch {
	case f.Severity == finding.Info:
		return None
	case slices.Contains(finding.Severities, f.Severity):
		return string(f.Severity)
	}
	return string(finding.Critical)
}

// ImpactOf is the number that goes with severity and status: that of the rule
// where it has one of that severity, else the usual one. Readers take a control
// with an impact of 0 for not applicable.
func ImpactOf(f *finding.Finding, rule *finding.Rule) float64 {
	severity := SeverityOf(f)
	switch {
	case f.Status == finding.NotApplicable, severity == None:
		return 0
	case rule != nil && rule.Impact != nil && *rule.Impact <= 1 && string(finding.SeverityOf(*rule.Impact)) == severity:
		return *rule.Impact
	}
	switch finding.Severity(severity) {
	case finding.High:
		return 0.7
	case finding.Medium:
		return 0.5
	case finding.Low:
		return 0.3
	}
	return 0.9
}
