package report

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/internal/hdf"
)

// These are the parts of HDF's exec-json that Assay writes. Their readers tell
// a control's status from its results, impact and waiver; internal/hdf has the
// table, and hdfResults keeps to it.
type (
	hdfFile struct {
		Platform    hdfPlatform    `json:"platform"`
		Version     string         `json:"version"`
		Statistics  hdfStatistics  `json:"statistics"`
		Profiles    []hdfProfile   `json:"profiles"`
		Passthrough hdfPassthrough `json:"passthrough"`
	}
	hdfPlatform struct {
		Name     string `json:"name"`
		Release  string `json:"release"`
		TargetID string `json:"target_id"`
	}
	hdfStatistics struct {
		Duration float64             `json:"duration"`
		Controls map[string]hdfTotal `json:"controls"`
	}
	hdfTotal struct {
		Total int `json:"total"`
	}
	hdfPassthrough struct {
		AuxiliaryData []hdfAuxiliary `json:"auxiliary_data"`
	}
	hdfAuxiliary struct {
		Name string              `json:"name"`
		Data *finding.Inspection `json:"data"`
	}
	hdfProfile struct {
		Name          string         `json:"name"`
		Title         string         `json:"title,omitempty"`
		Version       string         `json:"version,omitempty"`
		Summary       string         `json:"summary,omitempty"`
		SHA256        string         `json:"sha256"`
		Status        string         `json:"status"`
		StatusMessage string         `json:"status_message,omitempty"`
		Supports      []struct{}     `json:"supports"`
		Attributes    []hdfAttribute `json:"attributes"`
		Groups        []hdfGroup     `json:"groups"`
		Controls      []hdfControl   `json:"controls"`
	}
	hdfAttribute struct {
		Name    string `json:"name"`
		Options struct {
			Value json.RawMessage `json:"value"`
		} `json:"options"`
	}
	hdfGroup struct {
		ID       string   `json:"id"`
		Title    string   `json:"title,omitempty"`
		Controls []string `json:"controls"`
	}
	hdfControl struct {
		ID             string           `json:"id"`
		Title          string           `json:"title,omitempty"`
		Desc           string           `json:"desc,omitempty"`
		Descriptions   []hdfDescription `json:"descriptions"`
		Impact         float64          `json:"impact"`
		Refs           []hdfRef         `json:"refs"`
		Tags           map[string]any   `json:"tags"`
		Code           string           `json:"code"`
		SourceLocation hdfLocation      `json:"source_location"`
		WaiverData     *hdfWaiver       `json:"waiver_data,omitempty"`
		Results        []hdfResult      `json:"results"`
	}
	hdfDescription struct {
		Label string `json:"label"`
		Data  string `json:"data"`
	}
	hdfRef struct {
		Ref string `json:"ref,omitempty"`
		URL string `json:"url,omitempty"`
	}
	hdfLocation struct {
		Ref  string `json:"ref,omitempty"`
		Line int    `json:"line,omitempty"`
	}
	hdfWaiver struct {
		Justification      string `json:"justification"`
		ExpirationDate     string `json:"expiration_date"`
		Run                bool   `json:"run"`
		SkippedDueToWaiver bool   `json:"skipped_due_to_waiver"`
		Message            string `json:"message"`
	}
	hdfResult struct {
		Status      string   `json:"status"`
		CodeDesc    string   `json:"code_desc"`
		Message     string   `json:"message,omitempty"`
		SkipMessage string   `json:"skip_message,omitempty"`
		Exception   string   `json:"exception,omitempty"`
		Backtrace   []string `json:"backtrace,omitempty"`
		StartTime   string   `json:"start_time"`
	}
)

// hdfPlatformName says what was looked into, and is the scheme of its ID.
const hdfPlatformName = "k8s-container"

func hdfOf(i *finding.Inspection, h *hdfHeader) *hdfFile {
	p := hdfProfile{
		Name: i.Profile.Name, Title: i.Profile.Title, Version: i.Profile.Version, Summary: i.Profile.Summary,
		SHA256: i.Profile.SHA256, Status: "loaded",
		Supports: []struct{}{}, Attributes: []hdfAttribute{}, Controls: []hdfControl{},
		Groups: []hdfGroup{{ID: i.Profile.Name, Title: i.Profile.Title, Controls: []string{}}},
	}
	if i.Error != "" {
		p.StatusMessage = i.Error
	}
	for _, input := range i.Profile.Inputs {
		a := hdfAttribute{Name: input.Name}
		if a.Options.Value = json.RawMessage(input.Value); !json.Valid(a.Options.Value) {
			a.Options.Value, _ = json.Marshal(input.Value) // a string always can be
		}
		p.Attributes = append(p.Attributes, a)
	}
	totals := map[string]hdfTotal{"passed": {}, "failed": {}, "skipped": {}, "error": {}}
	for n := range i.Findings {
		f := &i.Findings[n]
		c := hdfControlOf(f, h.rules.of(f), i.StartedAt)
		p.Controls = append(p.Controls, c)
		p.Groups[0].Controls = append(p.Groups[0].Controls, c.ID)
		status := hdf.StatusOf(f)
		if status == hdf.NoImpact {
			status = hdf.Skipped
		}
		totals[string(status)] = hdfTotal{totals[string(status)].Total + 1}
	}
	look := *i
	look.Findings = nil
	return &hdfFile{
		Platform:    hdfPlatform{Name: hdfPlatformName, TargetID: hdfPlatformName + "://" + i.Target.String()},
		Version:     h.version,
		Statistics:  hdfStatistics{Duration: max(0, i.FinishedAt.Sub(i.StartedAt).Seconds()), Controls: totals},
		Profiles:    []hdfProfile{p},
		Passthrough: hdfPassthrough{[]hdfAuxiliary{{"assay", &look}}},
	}
}

func hdfControlOf(f *finding.Finding, rule *finding.Rule, start time.Time) hdfControl {
	c := hdfControl{
		ID: ruleID(f), Title: rule.Title, Desc: rule.Description, Impact: hdf.ImpactOf(f, rule), Code: rule.Code,
		Descriptions: []hdfDescription{}, Refs: []hdfRef{}, Tags: hdfTags(f, rule),
		Results: hdfResults(f, start),
	}
	for _, d := range []hdfDescription{{"default", rule.Description}, {"check", rule.Check}, {"fix", rule.Fix}} {
		if d.Data != "" {
			c.Descriptions = append(c.Descriptions, d)
		}
	}
	for _, r := range rule.References {
		if ref := (hdfRef{Ref: strings.TrimSpace(r.Framework + " " + r.ID), URL: r.URL}); ref != (hdfRef{}) {
			c.Refs = append(c.Refs, ref)
		}
	}
	if rule.Location != nil {
		c.SourceLocation = hdfLocation{rule.Location.File, rule.Location.Line}
	}
	if w := f.Waiver; w != nil {
		c.WaiverData = &hdfWaiver{Justification: w.Reason, ExpirationDate: w.Expires, Run: true, SkippedDueToWaiver: true,
			Message: "Waived by " + w.Owner + " until " + w.Expires + ". It was evaluated all the same: the results are what came out."}
	}
	return c
}

// hdfTags are the rule's own, as the format's users write them: lists for nist
// and cci, else a string where there is one value. Those by which readers
// decide the severity are ours alone.
func hdfTags(f *finding.Finding, rule *finding.Rule) map[string]any {
	tags := map[string]any{}
	for name, values := range rule.Tags {
		switch key := strings.ToLower(name); {
		case key == "severity" || key == "severityoverride":
		case len(values) == 1 && key != "nist" && key != "cci":
			tags[name] = values[0]
		default:
			tags[name] = slices.Concat([]string{}, values)
		}
	}
	tags["severity"] = hdf.SeverityOf(f)
	return tags
}

// hdfResults are the control's tests. Readers make the control's status from
// those of its results: one error makes it an error, else one failure fails it,
// else one pass passes it. That is not how Assay decides: what was half read
// is not reviewed, and never passes. So a result keeps its own status where
// that leaves the control's as it is; else it is skipped, and says what it was.
func hdfResults(f *finding.Finding, start time.Time) []hdfResult {
	at := start.UTC().Format(time.RFC3339Nano)
	var own finding.Status
	switch hdf.StatusOf(f) {
	case hdf.Error:
		own = finding.Error
	case hdf.Skipped:
		own = finding.NotReviewed
	default:
		own = f.Status // also where waiver or impact take it out of the count
	}
	var results []hdfResult
	carried := false
	for _, t := range f.Tests {
		r := hdfResult{CodeDesc: t.Description, Message: t.Message, StartTime: at}
		carried = carried || t.Status == own
		if hdfKeeps(own, t.Status) {
			hdfFill(&r, t.Status)
		} else {
			hdfFill(&r, finding.NotReviewed)
			r.SkipMessage = strings.TrimSuffix("This test's own status is "+string(t.Status)+". "+t.Message, " ")
		}
		results = append(results, r)
	}
	if carried {
		return results
	}
	r := hdfResult{CodeDesc: f.Message, Message: f.Message, StartTime: at}
	hdfFill(&r, own)
	return append([]hdfResult{r}, results...)
}

// hdfKeeps reports whether a result may keep its status without changing the control's.
func hdfKeeps(control, test finding.Status) bool {
	switch test {
	case finding.NotApplicable, finding.NotReviewed:
		return true
	case finding.Fail:
		return control == finding.Error || control == finding.Fail
	case finding.Pass:
		return control == finding.Error || control == finding.Fail || control == finding.Pass
	}
	return control == finding.Error
}

// hdfFill gives a result its status, with what goes with it.
func hdfFill(r *hdfResult, s finding.Status) {
	switch s {
	case finding.Pass:
		r.Status = "passed"
	case finding.Fail:
		r.Status = "failed"
	case finding.NotApplicable, finding.NotReviewed:
		r.Status, r.SkipMessage = "skipped", r.Message
		if r.SkipMessage == "" {
			r.SkipMessage = r.CodeDesc
		}
	default:
		if r.Message == "" {
			r.Message = r.CodeDesc
		}
		r.Status, r.Exception, r.Backtrace = "error", "could not be judged", []string{r.Message}
	}
}
