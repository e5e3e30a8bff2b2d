package gate

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/internal/hdf"
)

// Violation is one demand of a threshold or a waiver file that is not met.
type Violation struct {
	// Target is the container, as "namespace/pod/container", and Profile the
	// profile that it is about; empty where it is about neither.
	Target  string
	Profile string
	// Demand is what was asked for, such as "failed.high.max: 0".
	Demand  string
	Message string
}

// String is a whole sentence about it, in one line.
func (v Violation) String() string {
	text := v.Demand + ": " + v.Message
	if v.Profile != "" {
		text = v.Profile + ": " + text
	}
	if v.Target != "" {
		text = v.Target + ": " + text
	}
	return text
}

// Threshold is what a threshold file of the SAF CLI demands of the counts of
// one target and profile. See [ParseThreshold].
type Threshold struct {
	conditions []condition
}

// condition is one line of a threshold file.
type condition struct {
	path     string // "failed.high.max"
	what     string // min, max, exact or controls
	status   hdf.Status
	severity string // "" for the total; both are empty for the compliance
	number   float64
	text     string // the number as it stands in the file
	controls []string
}

func (c *condition) demand() string {
	if c.what == controlsKey {
		return c.path
	}
	return c.path + ": " + c.text
}

// Counts are the verdicts of one target and profile, by what HDF's readers
// make of them.
type Counts struct {
	controls map[hdf.Status]map[string][]string // IDs by status and severity
}

// Count counts the verdicts of one inspection.
func Count(findings []finding.Finding) Counts {
	c := Counts{map[hdf.Status]map[string][]string{}}
	for i := range findings {
		f := &findings[i]
		status, severity := hdf.StatusOf(f), hdf.SeverityOf(f)
		if c.controls[status] == nil {
			c.controls[status] = map[string][]string{}
		}
		c.controls[status][severity] = append(c.controls[status][severity], cmp.Or(f.Control, f.Check))
	}
	return c
}

// of lists the controls of a status; severity "" means all.
func (c Counts) of(status hdf.Status, severity string) []string {
	if severity != "" {
		return c.controls[status][severity]
	}
	var all []string
	for _, s := range hdf.Severities() {
		all = append(all, c.controls[status][s]...)
	}
	return all
}

// Compliance is the share of controls that passed, in percent, rounded half up.
// Those that don't count (not applicable, no impact, waived) are left out; it
// is 0 where nothing is left.
func (c Counts) Compliance() int {
	passed, total := len(c.of(hdf.Passed, "")), 0
	for _, s := range hdf.Statuses() {
		if s != hdf.NoImpact {
			total += len(c.of(s, ""))
		}
	}
	if total == 0 {
		return 0
	}
	return (200*passed + total) / (2 * total)
}

// Check returns every violation, in the order of the file.
func (t *Threshold) Check(counts Counts) []Violation {
	var all []Violation
	for i := range t.conditions {
		c := &t.conditions[i]
		for _, message := range c.check(counts) {
			all = append(all, Violation{Demand: c.demand(), Message: message})
		}
	}
	return all
}

// CheckInspection is Check for one target and profile. A target without a
// single verdict meets no threshold.
func (t *Threshold) CheckInspection(i *finding.Inspection) []Violation {
	var all []Violation
	if len(i.Findings) == 0 {
		message := "no control was evaluated, so there is nothing to count"
		if i.Error != "" {
			message += ": " + i.Error
		}
		all = append(all, Violation{Demand: "threshold", Message: message})
	} else {
		all = t.Check(Count(i.Findings))
	}
	for n := range all {
		all[n].Target, all[n].Profile = i.Target.String(), i.Profile.Name
	}
	return all
}

func (c *condition) check(counts Counts) []string {
	if c.status == "" {
		if got := counts.Compliance(); broken(c.what, float64(got), c.number) {
			return []string{fmt.Sprintf("the compliance is %d %%", got)}
		}
		return nil
	}
	controls := counts.of(c.status, c.severity)
	if c.what == controlsKey {
		return c.compare(controls)
	}
	if !broken(c.what, float64(len(controls)), c.number) {
		return nil
	}
	message := fmt.Sprintf("%d %s", len(controls), c.words(len(controls)))
	if len(controls) > 0 {
		message += ": " + some(controls)
	}
	return []string{message}
}

func broken(what string, got, want float64) bool {
	switch what {
	case "min":
		return got < want
	case "max":
		return got > want
	}
	return got != want
}

// compare says which controls are missing, and which should not be there.
func (c *condition) compare(controls []string) []string {
	var all, missing, extra []string
	for _, id := range c.controls {
		if !slices.Contains(controls, id) {
			missing = append(missing, id)
		}
	}
	for _, id := range controls {
		if !slices.Contains(c.controls, id) {
			extra = append(extra, id)
		}
	}
	if len(missing) > 0 {
		all = append(all, "listed, but not among those that are "+c.state()+": "+some(missing))
	}
	if len(extra) > 0 {
		all = append(all, "not listed, but "+c.state()+": "+some(extra))
	}
	if len(all) == 0 && len(controls) != len(c.controls) { // one ID, several controls
		all = append(all, fmt.Sprintf("%d are listed, but %d %s", len(c.controls), len(controls), c.words(len(controls))))
	}
	return all
}

// words is "controls of severity high failed" for that many.
func (c *condition) words(n int) string {
	noun, are := "controls", "are"
	if n == 1 {
		noun, are = "control", "is"
	}
	if c.severity != "" {
		noun += " of severity " + c.severity
	}
	return noun + " " + are + " " + c.state()
}

// state puts a status of a threshold file into words.
func (c *condition) state() string {
	switch c.status {
	case hdf.Skipped:
		return "not reviewed (skipped)"
	case hdf.NoImpact:
		return "without impact, waived or not applicable (no_impact)"
	case hdf.Error:
		return "in error"
	}
	return string(c.status)
}

// some lists a few IDs.
func some(ids []string) string {
	const most = 10
	if len(ids) <= most {
		return strings.Join(ids, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(ids[:most], ", "), len(ids)-most)
}
