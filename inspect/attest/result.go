package attest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/kubeassay/assay/finding"
)

// Result is what one inspection came to, without its words.
type Result struct {
	Target     finding.InspectionTarget
	Workload   finding.Workload
	Profile    finding.Profile
	Snapshot   string
	Approaches []string
	Verdicts   []Verdict
}

// Verdict is the status of one control.
type Verdict struct {
	Control string
	Status  finding.Status
	Waived  bool
}

// ResultOf takes from an inspection what a statement is about.
func ResultOf(i *finding.Inspection) Result {
	r := Result{Target: i.Target, Workload: i.Workload, Profile: i.Profile, Snapshot: i.Snapshot}
	if i.Used != nil {
		r.Approaches = i.Used.Approaches
	}
	for n := range i.Findings {
		f := &i.Findings[n]
		r.Verdicts = append(r.Verdicts, Verdict{Control: f.Control, Status: f.Status, Waived: f.Waiver != nil})
	}
	return r
}

// Digest is the SHA-256, in hex, over the lines "CONTROL STATUS\n", sorted by
// bytes, with " waived" behind the status of a waived verdict. Whoever has the
// verdicts from elsewhere (a report with all statuses, say) can compute it.
func (r *Result) Digest() string {
	lines := make([]string, len(r.Verdicts))
	for i, v := range r.Verdicts {
		lines[i] = fmt.Sprintf("%s %s", v.Control, v.Status)
		if v.Waived {
			lines[i] += " waived"
		}
		lines[i] += "\n"
	}
	slices.Sort(lines)
	sum := sha256.Sum256([]byte(strings.Join(lines, "")))
	return hex.EncodeToString(sum[:])
}

// The results of the test-result predicate.
const (
	Passed = "PASSED"
	Warned = "WARNED"
	Failed = "FAILED"
)

// sorted are the verdicts as the predicate has them.
func (r *Result) sorted() (result string, passed, warned, failed, unseen []string) {
	for _, v := range r.Verdicts {
		switch {
		case v.Status == finding.Pass:
			passed = append(passed, v.Control)
		case v.Status == finding.NotApplicable:
		case v.Waived:
			warned = append(warned, v.Control)
		case v.Status == finding.NotReviewed:
			unseen = append(unseen, v.Control)
		default: // also a status that is not known here
			failed = append(failed, v.Control)
		}
	}
	switch {
	case len(failed) > 0 || len(r.Verdicts) == 0:
		result = Failed
	case len(warned)+len(unseen) > 0:
		result = Warned
	default:
		result = Passed
	}
	return result, passed, warned, failed, unseen
}
