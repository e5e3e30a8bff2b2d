package interop

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/gate"
	"github.com/kubeassay/assay/internal/hdf"
	"github.com/kubeassay/assay/report"
)

// run is one inspection with its file.
type run struct {
	inspection finding.Inspection
	rules      []finding.Rule
	file       string
}

// generate makes an inspection of up to 24 controls, and its HDF file. All
// statuses, impacts, waivers and mixtures of tests come up.
func generate(t *testing.T, r *rand.Rand) *run {
	t.Helper()
	start := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	g := &run{inspection: finding.Inspection{
		Target:  finding.InspectionTarget{Namespace: "shop", Pod: "cart", Container: "app"},
		Profile: finding.Profile{Name: "generated", SHA256: "00"}, StartedAt: start, FinishedAt: start.Add(time.Second)}}
	status := func() finding.Status { return finding.Statuses[r.IntN(len(finding.Statuses))] }
	// Mostly passes, so that the compliance is not always low.
	mostly := r.Float64()
	for n := range r.IntN(25) {
		impact := []float64{0, 0.05, 0.1, 0.3, 0.39, 0.4, 0.5, 0.69, 0.7, 0.89, 0.9, 1, r.Float64()}[r.IntN(13)]
		rule := finding.Rule{ID: "C-" + strconv.Itoa(n), Profile: "generated", Title: "Control", Impact: &impact, Severity: finding.SeverityOf(impact), Tags: map[string][]string{}}
		if r.IntN(4) == 0 {
			rule.Tags["severity"] = []string{"critical"} // what a profile's author might write
		}
		if r.IntN(4) == 0 {
			rule.Tags["nist"] = []string{"AC-6", "CM-6 (1)"}
		}
		f := finding.Finding{Control: rule.ID, Profile: "generated", Severity: rule.Severity, Status: status(), Message: "What came out."}
		if r.Float64() < mostly {
			f.Status = finding.Pass
		}
		for range r.IntN(4) {
			f.Tests = append(f.Tests, finding.Test{Status: status(), Description: "A test.", Message: "What it said."})
		}
		if r.IntN(8) == 0 && (f.Status == finding.Fail || f.Status == finding.NotReviewed) {
			f.Waiver = &finding.Waiver{Reason: "because", Owner: "somebody@example.com", Expires: "2027-01-31"}
		}
		g.rules = append(g.rules, rule)
		g.inspection.Findings = append(g.inspection.Findings, f)
	}
	g.file = hdfFile(t, g)
	return g
}

// hdfFile writes the run as Assay does.
func hdfFile(t *testing.T, g *run) string {
	t.Helper()
	var out bytes.Buffer
	w, err := report.NewInspection(report.HDF, &out, report.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{w.Begin(report.Header{Rules: g.rules, Version: "test"}), w.Inspection(&g.inspection), w.End(&finding.Report{})} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return write(t, "results.json", out.String())
}

// controls lists the IDs of a status and severity; "" is any severity.
func (g *run) controls(status hdf.Status, severity string) []string {
	var ids []string
	for i := range g.inspection.Findings {
		f := &g.inspection.Findings[i]
		if hdf.StatusOf(f) == status && (severity == "" || hdf.SeverityOf(f) == severity) {
			ids = append(ids, f.Control)
		}
	}
	return ids
}

// demand is a line of a threshold file.
type demand struct {
	status, severity, what string // status is compliance, severity total
	value                  string
	safLooks               bool // at it, in a nested file
}

// demands makes some, near what is true of the run, so that about half hold.
func (g *run) demands(r *rand.Rand) []demand {
	var all []demand
	near := func(n int) int { return max(0, n+[]int{0, 0, 0, 0, -1, 1, 2}[r.IntN(7)]) }
	if r.IntN(2) == 0 {
		c := gate.Count(g.inspection.Findings).Compliance()
		value := fmt.Sprint(min(100, near(c)))
		if r.IntN(3) == 0 && c < 100 {
			value += ".5"
		}
		what := []string{"min", "max"}[r.IntN(2)]
		all = append(all, demand{"compliance", "", what, value, value != "0"})
	}
	for _, status := range hdf.Statuses() {
		for _, severity := range append([]string{"total"}, hdf.Severities()...) {
			if r.IntN(6) > 0 {
				continue
			}
			ids := g.controls(status, severity)
			if severity == "total" {
				ids = g.controls(status, "")
			}
			d := demand{string(status), severity, []string{"min", "max", "", "exact", "controls"}[r.IntN(5)], strconv.Itoa(near(len(ids))), true}
			switch {
			case d.what == "controls" && (severity == "total" || len(ids) == 0):
				d.what = "min"
			case d.what == "controls":
				if r.IntN(3) == 0 {
					ids = ids[1:]
				}
				if r.IntN(3) == 0 || len(ids) == 0 {
					ids = append(ids, "X-"+strconv.Itoa(len(all)))
				}
				d.value = "["
				for _, id := range ids {
					d.value += id + ", "
				}
				d.value += "]"
			}
			total, none := severity == "total", severity == hdf.None
			switch d.what {
			case "exact":
				d.safLooks = false
			case "": // the number itself
				d.safLooks = total
			case "controls":
				d.safLooks = !none || status == hdf.NoImpact
			default:
				d.safLooks = !total && !none || total && status != hdf.NoImpact || none && status == hdf.NoImpact
			}
			all = append(all, d)
			if other := (demand{d.status, severity, "max", strconv.Itoa(len(ids) + 1), d.safLooks}); d.what == "min" && r.IntN(2) == 0 {
				all = append(all, other)
			}
		}
	}
	return all
}

func (d *demand) path() string {
	path := d.status
	for _, part := range []string{d.severity, d.what} {
		if part != "" {
			path += "." + part
		}
	}
	return path
}

// flat writes a threshold file with dots in its keys.
func flat(demands []demand) string {
	var b bytes.Buffer
	for _, d := range demands {
		fmt.Fprintf(&b, "%s: %s\n", d.path(), d.value)
	}
	return b.String()
}

// nested writes the same with a level for each part of a key.
func nested(demands []demand) string {
	var b bytes.Buffer
	var status, severity string
	for _, d := range demands {
		if d.status != status {
			fmt.Fprintf(&b, "%s:\n", d.status)
			status, severity = d.status, ""
		}
		switch {
		case d.severity == "":
			fmt.Fprintf(&b, "  %s: %s\n", d.what, d.value)
			continue
		case d.what == "":
			fmt.Fprintf(&b, "  %s: %s\n", d.severity, d.value)
			continue
		case d.severity != severity:
			fmt.Fprintf(&b, "  %s:\n", d.severity)
			severity = d.severity
		}
		fmt.Fprintf(&b, "    %s: %s\n", d.what, d.value)
	}
	return b.String()
}

// flatSAF are the demands that SAF looks at in a flat file: of those that
// differ in their last part alone it keeps the last one, and where a value is
// no number it does not look at the compliance.
func flatSAF(demands []demand) []demand {
	numbers := true
	for _, d := range demands {
		numbers = numbers && d.what != "controls"
	}
	var all []demand
	for i, d := range demands {
		keep := d.safLooks
		switch {
		case d.status == "compliance":
			keep = keep && numbers
		case numbers:
			for _, later := range demands[i+1:] {
				keep = keep && (later.status != d.status || later.severity != d.severity)
			}
		}
		if keep {
			all = append(all, d)
		}
	}
	return all
}

func nestedSAF(demands []demand) []demand {
	var all []demand
	for _, d := range demands {
		if d.safLooks {
			all = append(all, d)
		}
	}
	return all
}
