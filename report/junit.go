package report

import (
	"cmp"
	"encoding/xml"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/kubeassay/assay/finding"
)

// junitWriter writes a test suite for each target and profile, and in it a
// test case for each control, in the form that both Ant's and Jenkins' schemas
// allow. What is not applicable, not reviewed or waived is skipped there, and
// says why: the format knows nothing else that is neither passed nor failed.
type junitWriter struct {
	out   output
	rules rulesByID
	suite int
}

type (
	junitSuite struct {
		XMLName    xml.Name        `xml:"testsuite"`
		Package    string          `xml:"package,attr"`
		ID         int             `xml:"id,attr"`
		Name       string          `xml:"name,attr"`
		Timestamp  string          `xml:"timestamp,attr"`
		Hostname   string          `xml:"hostname,attr"`
		Tests      int             `xml:"tests,attr"`
		Failures   int             `xml:"failures,attr"`
		Errors     int             `xml:"errors,attr"`
		Skipped    int             `xml:"skipped,attr"`
		Time       string          `xml:"time,attr"`
		Properties []junitProperty `xml:"properties>property"`
		Cases      []junitCase     `xml:"testcase"`
		SystemOut  string          `xml:"system-out"`
		SystemErr  string          `xml:"system-err"`
	}
	junitProperty struct {
		Name  string `xml:"name,attr"`
		Value string `xml:"value,attr"`
	}
	junitCase struct {
		Name      string        `xml:"name,attr"`
		ClassName string        `xml:"classname,attr"`
		Time      string        `xml:"time,attr"`
		Skipped   *junitSkipped `xml:"skipped"`
		Error     *junitProblem `xml:"error"`
		Failure   *junitProblem `xml:"failure"`
	}
	junitSkipped struct {
		Message string `xml:"message,attr"`
	}
	junitProblem struct {
		Type    string `xml:"type,attr"`
		Message string `xml:"message,attr"`
		Text    string `xml:",cdata"`
	}
)

func (j *junitWriter) Begin(h Header) error {
	j.rules = rulesOf(h)
	j.out.WriteString(xml.Header + "<testsuites>\n")
	return nil
}

func (j *junitWriter) Inspection(i *finding.Inspection) error {
	b, err := xml.MarshalIndent(j.suiteOf(i), "  ", "  ")
	if err != nil {
		return fmt.Errorf("writing the result of %s as JUnit: %w", i.Target, err)
	}
	j.out.Write(b)
	j.out.WriteByte('\n')
	j.suite++
	return j.out.spill()
}

func (j *junitWriter) End(r *finding.Report) error {
	if gaps := gapsOf(r); len(gaps) > 0 {
		// What was not looked at must not vanish where only test cases are seen.
		s := junitSuite{Package: "coverage", ID: j.suite, Name: "coverage", Hostname: "localhost", Timestamp: junitTime(r.Summary.StartedAt),
			Time: "0", Tests: len(gaps), Errors: len(gaps)}
		for _, g := range gaps {
			s.Cases = append(s.Cases, junitCase{Name: printable(g.scope), ClassName: "coverage", Time: "0",
				Error: &junitProblem{Type: printable(g.state), Message: printable(g.detail)}})
		}
		b, err := xml.MarshalIndent(s, "  ", "  ")
		if err != nil {
			return fmt.Errorf("writing the coverage as JUnit: %w", err)
		}
		j.out.Write(b)
		j.out.WriteByte('\n')
	}
	j.out.WriteString("</testsuites>\n")
	return j.out.flush()
}

func (j *junitWriter) suiteOf(i *finding.Inspection) *junitSuite {
	profile := cmp.Or(printable(i.Profile.Name), "no profile")
	s := &junitSuite{
		Package: profile, ID: j.suite, Name: printable(i.Target.String()), Hostname: cmp.Or(printable(i.Target.Node), "localhost"),
		Timestamp: junitTime(i.StartedAt), Time: junitSeconds(i.FinishedAt.Sub(i.StartedAt)),
		SystemOut: printableLines(strings.Join(i.Notes, "\n")), SystemErr: printableLines(i.Error),
	}
	for _, p := range []junitProperty{
		{"profile", i.Profile.Name}, {"profile.version", i.Profile.Version}, {"profile.sha256", i.Profile.SHA256},
		{"cluster", i.Target.Cluster}, {"image", i.Target.Image}, {"imageDigest", i.Target.ImageDigest}, {"containerID", i.Target.ContainerID},
	} {
		if p.Value != "" {
			s.Properties = append(s.Properties, junitProperty{p.Name, printable(p.Value)})
		}
	}
	for n := range i.Findings {
		f := &i.Findings[n]
		c := j.caseOf(f, profile)
		switch {
		case c.Error != nil:
			s.Errors++
		case c.Failure != nil:
			s.Failures++
		case c.Skipped != nil:
			s.Skipped++
		}
		s.Cases = append(s.Cases, c)
	}
	if len(s.Cases) == 0 {
		s.Errors = 1
		s.Cases = []junitCase{{Name: "inspection", ClassName: profile, Time: "0",
			Error: &junitProblem{Type: string(finding.Error), Message: "No control was evaluated.", Text: printableLines(i.Error)}}}
	}
	s.Tests = len(s.Cases)
	return s
}

func (j *junitWriter) caseOf(f *finding.Finding, profile string) junitCase {
	rule := j.rules.of(f)
	name := ruleID(f)
	if rule.Title != "" {
		name += ": " + rule.Title
	}
	c := junitCase{Name: printable(name), ClassName: profile, Time: "0"}
	message := printable(f.Message)
	problem := &junitProblem{Type: printable(string(f.Severity)), Message: message, Text: junitText(f, rule)}
	switch {
	case f.Status == finding.Pass:
	case f.Status == finding.NotApplicable, f.Status == finding.NotReviewed:
		if w := f.Waiver; w != nil {
			message = "waived: " + printable(w.Reason) + " (" + message + ")"
		}
		c.Skipped = &junitSkipped{string(f.Status) + ": " + message}
	case f.Status == finding.Fail && f.Waiver != nil:
		c.Skipped = &junitSkipped{"waived by " + printable(f.Waiver.Owner) + " until " + printable(f.Waiver.Expires) + ": " +
			printable(f.Waiver.Reason) + " (it fails: " + message + ")"}
	case f.Status == finding.Fail:
		c.Failure = problem
	default:
		c.Error = problem
	}
	return c
}

// junitText is what a person wants to read beside a failure: the tests, and what to do.
func junitText(f *finding.Finding, rule *finding.Rule) string {
	var b strings.Builder
	b.WriteString("\n" + f.Message + "\n")
	for _, t := range f.Tests {
		b.WriteString("- " + string(t.Status) + ": " + t.Description)
		if t.Message != "" && t.Message != f.Message {
			b.WriteString(": " + t.Message)
		}
		b.WriteByte('\n')
	}
	if rule.Fix != "" {
		b.WriteString("What to do: " + strings.TrimSpace(rule.Fix) + "\n")
	}
	return printableLines(b.String())
}

// printable is text from outside in one line; XML can't hold most control
// characters, not even as references.
func printable(s string) string { return escape(strings.TrimSpace(s)) }

func printableLines(s string) string { return Printable(s) }

// junitTime is without a zone, as Ant's schema wants it, and means UTC.
func junitTime(t time.Time) string {
	t = t.UTC()
	if y := t.Year(); y < 1 || y > 9999 {
		t = time.Unix(0, 0).UTC()
	}
	return t.Format("2006-01-02T15:04:05")
}

func junitSeconds(d time.Duration) string {
	return strconv.FormatFloat(max(0, d.Seconds()), 'f', 3, 64)
}

// missing is something that was asked for and not looked at, in the words of the report.
type missing struct{ scope, state, detail string }

// gapsOf lists what is missing in a report.
func gapsOf(r *finding.Report) []missing {
	var all []missing
	for _, c := range r.Coverage {
		if !c.State.Complete() {
			all = append(all, missing{c.Scope, string(c.State), cmp.Or(c.Detail, stateMeaning(c.State))})
		}
	}
	for _, p := range r.Errors {
		all = append(all, missing{cmp.Or(p.File, "input"), string(finding.Unreadable), p.String()})
	}
	switch {
	case r.Summary.Interrupted:
		all = append(all, missing{"run", string(finding.Interrupted), "The run was stopped before its end."})
	case !r.Summary.Complete && len(all) == 0:
		all = append(all, missing{"run", "incomplete", "Not everything that was asked for could be looked into."})
	}
	return all
}
