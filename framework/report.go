package framework

import (
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/kubeassay/assay/finding"
)

// ReportKind is the kind of a framework's report.
const ReportKind = "FrameworkReport"

// Report is what one scan means for one framework, item by item.
type Report struct {
	APIVersion string     `json:"apiVersion"`
	Kind       string     `json:"kind"`
	Framework  Identity   `json:"framework"`
	Level      string     `json:"level,omitempty"`
	Scan       *Scan      `json:"scan,omitempty"`
	Summary    Summary    `json:"summary"`
	Items      []Reviewed `json:"items"`
	// Notes say in words what a reader should know.
	Notes []string `json:"notes,omitempty"`
}

// Scan says what a report is about, so that it stands for itself.
type Scan struct {
	// Assay is the version that scanned.
	Assay      string    `json:"assay,omitempty"`
	StartedAt  time.Time `json:"startedAt,omitzero"`
	FinishedAt time.Time `json:"finishedAt,omitzero"`
	// Cluster is the server that was scanned; empty for files.
	Cluster    string `json:"cluster,omitempty"`
	Namespaces int    `json:"namespaces"`
	Objects    int    `json:"objects"`
	Workloads  int    `json:"workloads"`
	Pods       int    `json:"pods"`
	Containers int    `json:"containers"`
	// Selection says what the scan was limited to, but for checks: those of each
	// item stand with it.
	Selection *finding.Selection `json:"selection,omitempty"`
}

// ScanOf is what a report says of a scan, made by a version of Assay.
func ScanOf(s *finding.Summary, version string) *Scan {
	scan := &Scan{
		Assay: version, StartedAt: s.StartedAt, FinishedAt: s.FinishedAt, Cluster: s.Cluster,
		Namespaces: s.Namespaces, Objects: s.Objects, Workloads: s.Workloads, Pods: s.Pods, Containers: s.Containers,
	}
	if s.Selection != nil {
		limits := *s.Selection
		limits.Checks = nil
		if !reflect.ValueOf(limits).IsZero() {
			scan.Selection = &limits
		}
	}
	return scan
}

// Identity says which framework, in which version.
type Identity struct {
	ID      string `json:"id"`
	Title   string `json:"title"`
	Version string `json:"version"`
	URL     string `json:"url,omitempty"`
}

// Identity names the framework in reports.
func (f *Framework) Identity() Identity { return Identity{f.ID, f.Title, f.Version, f.URL} }

// Summary counts items. Headings are in none of its counts.
type Summary struct {
	Items         int `json:"items"`
	Pass          int `json:"pass"`
	Fail          int `json:"fail"`
	Waived        int `json:"waived"` // failed, and every failure has a waiver; not in Fail
	Error         int `json:"error"`
	NotReviewed   int `json:"notReviewed"`
	NotApplicable int `json:"notApplicable"`
	// Reviewed is Pass, Fail and Waived together.
	Reviewed int `json:"reviewed"`
	// PercentPassed is Pass of Reviewed, rounded down; nil where nothing was reviewed.
	PercentPassed *int `json:"percentPassed,omitempty"`
	// PercentReviewed is Reviewed of all items that apply, rounded down; nil where none does.
	PercentReviewed *int `json:"percentReviewed,omitempty"`
	// Complete: the scan read everything that it was asked to read.
	Complete bool `json:"complete"`
}

// Reviewed is one item with what the scan means for it.
type Reviewed struct {
	Item

	Status finding.Status `json:"status"`
	// Waived: it failed, and every failure has a waiver.
	Waived bool `json:"waived,omitempty"`
	// Reason says why it has this status; empty for a pass.
	Reason string        `json:"reason,omitempty"`
	Checks []CheckResult `json:"checks,omitempty"`
}

// CheckResult is what one check said that serves the item.
type CheckResult struct {
	ID     string `json:"id"`
	Covers Covers `json:"covers"`
	Source string `json:"source"`
	// Asked: the check was part of the scan.
	Asked bool `json:"asked"`
	// Findings counts its findings by status, without those that are waived.
	Findings map[finding.Status]int `json:"findings,omitempty"`
	Waived   int                    `json:"waived,omitempty"`
	// Failing holds the first few failures.
	Failing []Failing `json:"failing,omitempty"`
}

// Report says item by item what was found. Rules are those of the scan;
// complete is whether it read everything that it was asked to read.
func (t *Tally) Report(rules []finding.Rule, complete bool) Report {
	asked := map[string]bool{}
	for _, r := range rules {
		asked[r.ID] = true
	}
	r := Report{
		APIVersion: finding.APIVersion, Kind: ReportKind, Framework: t.framework.Identity(), Level: t.level,
		Summary: Summary{Complete: complete}, Items: make([]Reviewed, 0, len(t.items)),
	}
	if t.framework.Note != "" {
		r.Notes = append(r.Notes, t.framework.Note)
	}
	for _, item := range t.items {
		reviewed := t.review(item, asked, complete)
		r.Items = append(r.Items, reviewed)
		r.Summary.add(&reviewed)
	}
	s := &r.Summary
	s.Reviewed = s.Pass + s.Fail + s.Waived
	s.PercentPassed = percent(s.Pass, s.Reviewed)
	s.PercentReviewed = percent(s.Reviewed, s.Items-s.NotApplicable)
	return r
}

func (s *Summary) add(r *Reviewed) {
	if r.Heading {
		return
	}
	s.Items++
	switch {
	case r.Waived:
		s.Waived++
	case r.Status == finding.Pass:
		s.Pass++
	case r.Status == finding.Fail:
		s.Fail++
	case r.Status == finding.Error:
		s.Error++
	case r.Status == finding.NotApplicable:
		s.NotApplicable++
	default:
		s.NotReviewed++
	}
}

// percent rounds down, so that it is 100 only where all is done.
func percent(n, of int) *int {
	if of <= 0 {
		return nil
	}
	p := n * 100 / of
	return &p
}

// review judges one item. The gravest that is known stands: a failure, then
// what could not be judged, then what was not looked at.
func (t *Tally) review(item Item, asked map[string]bool, complete bool) Reviewed {
	r := Reviewed{Item: item, Status: finding.NotReviewed}
	serving := t.framework.Serving(item.ID)
	switch {
	case item.Heading:
		r.Reason = headingReason
		return r
	case len(serving) == 0:
		r.Reason = item.Unserved()
		return r
	}
	v := verdicts{item: &item}
	whole := slices.ContainsFunc(serving, func(m Mapping) bool { return m.Covers == Whole })
	for _, m := range serving {
		c := t.counts[m.Check]
		r.Checks = append(r.Checks, CheckResult{
			ID: m.Check, Covers: m.Covers, Source: m.Source, Asked: asked[m.Check],
			Findings: someOf(c.statuses), Waived: c.waived, Failing: c.failing,
		})
		if m.Covers == Stricter && whole {
			continue // others ask for exactly what the item asks for
		}
		v.add(&m, c, asked[m.Check])
	}
	r.Status, r.Waived, r.Reason = v.decide(complete)
	return r
}

func someOf(statuses map[finding.Status]int) map[finding.Status]int {
	if len(statuses) == 0 {
		return nil
	}
	return maps.Clone(statuses)
}
