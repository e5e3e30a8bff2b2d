package gate_test

import (
	"strings"
	"testing"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/gate"
)

func TestExitCode(t *testing.T) {
	counts := func(s finding.Severity, n int) map[finding.Severity]int { return map[finding.Severity]int{s: n} }
	for name, c := range map[string]struct {
		summary finding.Summary
		policy  gate.Policy
		want    int
	}{
		"nothing found": {finding.Summary{Complete: true}, gate.Policy{}, gate.OK},
		"high, by default": {finding.Summary{Complete: true, Findings: counts(finding.High, 1)},
			gate.Policy{}, gate.Failed},
		"medium, by default": {finding.Summary{Complete: true, Findings: counts(finding.Medium, 9)},
			gate.Policy{}, gate.OK},
		"graver than the threshold": {finding.Summary{Complete: true, Findings: counts(finding.Critical, 1)},
			gate.Policy{FailOn: finding.Medium}, gate.Failed},
		"at the threshold": {finding.Summary{Complete: true, Findings: counts(finding.Info, 1)},
			gate.Policy{FailOn: finding.Info}, gate.Failed},
		"below the threshold": {finding.Summary{Complete: true, Findings: counts(finding.High, 1)},
			gate.Policy{FailOn: finding.Critical}, gate.OK},
		"a count of zero": {finding.Summary{Complete: true, Findings: counts(finding.Critical, 0)},
			gate.Policy{}, gate.OK},
		"fail-on none": {finding.Summary{Complete: true, Findings: counts(finding.Critical, 3)},
			gate.Policy{FailOn: gate.None}, gate.OK},
		"incomplete": {finding.Summary{}, gate.Policy{}, gate.Incomplete},
		"incomplete, with fail-on none and errors ignored": {finding.Summary{Errors: 1},
			gate.Policy{FailOn: gate.None, IgnoreErrors: true}, gate.Incomplete},
		"incomplete wins over failures": {finding.Summary{Findings: counts(finding.Critical, 1)},
			gate.Policy{}, gate.Incomplete},
		"interrupted": {finding.Summary{Complete: true, Interrupted: true}, gate.Policy{}, gate.Incomplete},
		"broken document": {finding.Summary{Complete: true, Errors: 1, Findings: counts(finding.High, 1)},
			gate.Policy{}, gate.Incomplete},
		"broken document, ignored": {finding.Summary{Complete: true, Errors: 1},
			gate.Policy{IgnoreErrors: true}, gate.OK},
		"broken document, ignored, and a failure": {finding.Summary{Complete: true, Errors: 1, Findings: counts(finding.High, 1)},
			gate.Policy{IgnoreErrors: true}, gate.Failed},
		"a verdict of status error": {finding.Summary{Complete: true, Statuses: map[finding.Status]int{finding.Error: 1}},
			gate.Policy{IgnoreErrors: true}, gate.Incomplete},
		"other statuses": {finding.Summary{Complete: true, Statuses: map[finding.Status]int{
			finding.Pass: 5, finding.NotApplicable: 2, finding.NotReviewed: 1, finding.Error: 0}}, gate.Policy{}, gate.OK},
		"not reviewed, strictly": {finding.Summary{Complete: true, Statuses: map[finding.Status]int{finding.NotReviewed: 1}},
			gate.Policy{Strict: true}, gate.Incomplete},
		"not reviewed, but waived, strictly": {finding.Summary{Complete: true, Waived: 1}, gate.Policy{Strict: true}, gate.OK},
		"a violation": {finding.Summary{Complete: true},
			gate.Policy{FailOn: gate.None, Violations: []gate.Violation{{Message: "x"}}}, gate.Failed},
		"incomplete wins over a violation": {finding.Summary{},
			gate.Policy{Violations: []gate.Violation{{Message: "x"}}}, gate.Incomplete},
	} {
		t.Run(name, func(t *testing.T) {
			if got := gate.ExitCode(c.summary, c.policy); got != c.want {
				t.Errorf("ExitCode(%+v, %+v) = %d, want %d", c.summary, c.policy, got, c.want)
			}
		})
	}
}

func TestParseFailOn(t *testing.T) {
	for _, s := range append([]finding.Severity{gate.None}, finding.Severities...) {
		if got, err := gate.ParseFailOn(string(s)); got != s || err != nil {
			t.Errorf("ParseFailOn(%q) = %q, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "hihg", "High"} {
		_, err := gate.ParseFailOn(s)
		if err == nil {
			t.Fatalf("ParseFailOn(%q): no error", s)
		}
		for _, part := range []string{`"` + s + `"`, "critical", "info", "none"} {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("ParseFailOn(%q): %q does not mention %s", s, err, part)
			}
		}
	}
}
