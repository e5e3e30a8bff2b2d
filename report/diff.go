package report

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"github.com/kubeassay/assay/finding"
)

// DiffFormats lists the formats that [WriteDiff] knows.
func DiffFormats() []string { return []string{Table, JSON, Markdown} }

// WriteDiff writes what became of the findings of one report in another.
// Findings that are as they were are only counted, but for JSON, which has all.
func WriteDiff(format string, w io.Writer, d *finding.Diff, o Options) error {
	out := &output{w: w}
	switch format {
	case Table:
		t := diffTable{out, o, colors(o.Color)}
		if t.o.Width > 0 {
			t.o.Width = max(t.o.Width, minWidth)
		}
		t.write(d)
	case JSON:
		var enc jsonEncoder
		b, err := enc.encode(d, "", "  ")
		if err != nil {
			return err
		}
		out.Write(b)
		out.WriteByte('\n')
	case Markdown:
		writeDiffMarkdown(out, d)
	default:
		return fmt.Errorf("unknown format %q: use one of %s", format, strings.Join(DiffFormats(), ", "))
	}
	return out.flush()
}

// changeWords say what a kind of change is, above the findings of that kind.
func changeWords(kind finding.ChangeKind) string {
	switch kind {
	case finding.New:
		return "New"
	case finding.Changed:
		return "Changed"
	case finding.NotLookedAt:
		return "Not looked at: nobody knows whether these are gone"
	case finding.Gone:
		return "Gone"
	}
	return string(kind)
}

// sections calls do for each kind of change that is shown, with its changes,
// which come in order.
func sections(d *finding.Diff, do func(finding.ChangeKind, []finding.Change)) {
	for start := 0; start < len(d.Changes); {
		end := start + 1
		for end < len(d.Changes) && d.Changes[end].Change == d.Changes[start].Change {
			end++
		}
		if kind := d.Changes[start].Change; kind != finding.Still {
			do(kind, d.Changes[start:end])
		}
		start = end
	}
}

// diffCounts is the whole result in one line.
func diffCounts(s *finding.DiffSummary) string {
	text := strconv.Itoa(s.New) + " new, " + strconv.Itoa(s.Changed) + " changed"
	if s.Graver > 0 {
		text += " (" + strconv.Itoa(s.Graver) + " for the worse)"
	}
	text += ", " + strconv.Itoa(s.Gone) + " gone, "
	if s.NotLookedAt > 0 {
		text += strconv.Itoa(s.NotLookedAt) + " not looked at, "
	}
	return text + strconv.Itoa(s.Still) + " as before."
}

// diffWhere names what a finding is about.
func diffWhere(f *finding.Finding) string {
	where := f.Workload.String()
	if f.Workload.Namespace != "" {
		where = f.Workload.Namespace + "/" + where
	}
	if label := containerLabel(f); label != "" {
		where += ", " + label
	}
	return where
}

func diffRule(f *finding.Finding) string {
	if f.Control != "" {
		return f.Profile + "/" + f.Control
	}
	return f.Check
}

// diffVerdict is the severity of a failure, else the status.
func diffVerdict(f *finding.Finding) string {
	if f.Status == finding.Fail {
		return string(f.Severity)
	}
	return string(f.Status)
}

// diffLines say about a change what its first line does not.
func diffLines(c *finding.Change) []string {
	var lines []string
	message := c.Finding.Message
	for _, d := range c.Differences {
		if d.Field == "message" {
			lines = append(lines, "before: "+d.Old)
			continue
		}
		lines = append(lines, d.Field+": "+d.Old+" → "+d.New)
	}
	if message != "" {
		lines = append([]string{message}, lines...)
	}
	if w := c.Finding.Waiver; w != nil {
		lines = append(lines, "waived by "+w.Owner+" until "+w.Expires+": "+w.Reason)
	}
	if c.Reason != "" {
		lines = append(lines, "why: "+c.Reason)
	}
	return lines
}

// diffSide names a report.
func diffSide(r *finding.DiffReport) string {
	text := r.Name
	if !r.StartedAt.IsZero() {
		text += " of " + r.StartedAt.UTC().Format(time.RFC3339)
	}
	if r.Cluster != "" {
		text += ", " + r.Cluster
	}
	return text
}

// diffTable writes for people.
type diffTable struct {
	out    *output
	o      Options
	colors colors
}

func (t *diffTable) lines(indent int, text string, paint func(string) string) {
	width := 0
	if t.o.Width > 0 {
		width = t.o.Width - indent
	}
	for _, line := range wrap(escape(text), width) {
		if paint != nil {
			line = paint(line)
		}
		t.out.WriteString(strings.Repeat(" ", indent) + line + "\n")
	}
}

func (t *diffTable) write(d *finding.Diff) {
	t.lines(0, "old: "+diffSide(&d.Old), nil)
	t.lines(0, "new: "+diffSide(&d.New), nil)
	t.out.WriteByte('\n')
	if !d.New.Complete {
		t.lines(0, "INCOMPLETE: the new report has not seen all. There may be more that is new.", t.colors.alarm)
		t.out.WriteByte('\n')
	}
	sections(d, func(kind finding.ChangeKind, all []finding.Change) {
		t.lines(0, changeWords(kind)+" ("+strconv.Itoa(len(all))+")", t.colors.bold)
		for i := range all {
			t.change(&all[i])
		}
		t.out.WriteByte('\n')
	})
	t.lines(0, diffCounts(&d.Summary), t.colors.bold)
	for _, note := range d.Notes {
		t.lines(0, "note: "+note, nil)
	}
}

func (t *diffTable) change(c *finding.Change) {
	f := &c.Finding
	verdict := pad(diffVerdict(f), verdictWidth)
	below := 2 + ansi.StringWidth(verdict) + gap
	t.out.WriteString("  " + t.colors.verdict(f, verdict) + strings.Repeat(" ", gap) + escape(diffRule(f)) + "\n")
	t.lines(below, diffWhere(f), nil)
	for _, line := range diffLines(c) {
		t.lines(below, line, t.colors.faint)
	}
}

// What a comment on a pull request can hold: rows of one kind, and columns of one text.
const maxDiffRows, maxDiffText = 50, 400

// writeDiffMarkdown writes GitHub's Markdown, for a pull request.
func writeDiffMarkdown(out *output, d *finding.Diff) {
	out.WriteString("**" + mdText(diffCounts(&d.Summary)) + "**\n\n")
	if !d.New.Complete {
		out.WriteString("**The new report has not seen all.** There may be more that is new.\n\n")
	}
	sections(d, func(kind finding.ChangeKind, all []finding.Change) {
		out.WriteString("### " + mdText(changeWords(kind)) + " (" + strconv.Itoa(len(all)) + ")\n\n")
		out.WriteString("| verdict | rule | where | what |\n| --- | --- | --- | --- |\n")
		for i := range all[:min(len(all), maxDiffRows)] {
			c := &all[i]
			var lines []string
			for _, line := range diffLines(c) {
				lines = append(lines, mdText(cut(line, maxDiffText)))
			}
			verdict := diffVerdict(&c.Finding)
			if c.Finding.Waiver != nil {
				verdict += ", waived"
			}
			out.WriteString("| " + mdText(verdict) + " | " + mdCode(diffRule(&c.Finding)) + " | " + mdCode(diffWhere(&c.Finding)) + " | " + strings.Join(lines, "<br>") + " |\n")
		}
		if more := len(all) - maxDiffRows; more > 0 {
			out.WriteString("\n… and " + strconv.Itoa(more) + " more.\n")
		}
		out.WriteByte('\n')
	})
	for _, note := range d.Notes {
		out.WriteString("- " + mdText(note) + "\n")
	}
	out.WriteString("\n" + mdText("Old: "+diffSide(&d.Old)) + "<br>" + mdText("New: "+diffSide(&d.New)) + "\n")
}
