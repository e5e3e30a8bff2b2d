package report

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/framework"
)

// FrameworkFormats lists the names that [WriteFramework] knows.
func FrameworkFormats() []string { return []string{Table, Wide, JSON, Markdown} }

// WriteFramework writes what a scan means for a framework. An unknown format is
// an error that lists [FrameworkFormats].
func WriteFramework(format string, w io.Writer, r *framework.Report, o Options) error {
	switch format {
	case Table, Wide:
		return writeFrameworkTable(w, r, o, format == Wide)
	case JSON:
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		e.SetEscapeHTML(false)
		return e.Encode(r)
	case Markdown:
		return writeFrameworkMarkdown(w, r)
	}
	return fmt.Errorf("unknown format %q: use one of %s", format, strings.Join(FrameworkFormats(), ", "))
}

// frameworkTable writes for people. Items that were reviewed have a line each,
// the others stand below, sorted by the reason; wide gives each its own lines,
// with its checks.
type frameworkTable struct {
	out    output
	width  int
	colors colors
	id     int // width of the widest ID
}

func writeFrameworkTable(w io.Writer, r *framework.Report, o Options, wide bool) error {
	t := &frameworkTable{out: output{w: w}, colors: colors(o.Color), width: o.Width}
	if t.width > 0 {
		t.width = max(t.width, minWidth)
	} else if !wide {
		t.width = frameworkWidth
	}
	for i := range r.Items {
		t.id = max(t.id, len(r.Items[i].ID))
	}
	t.out.WriteString(t.colors.bold(frameworkTitle(r)) + "\n")
	for _, line := range frameworkScan(r.Scan) {
		t.text("", line)
	}
	t.out.WriteByte('\n')
	shown := 0
	for i := range r.Items {
		if item := &r.Items[i]; !item.Heading && (wide || item.Status != finding.NotReviewed) {
			t.writeItem(item, wide)
			shown++
		}
	}
	if shown > 0 {
		t.out.WriteByte('\n')
	}
	if !wide {
		t.writeUnreviewed(r.Items)
	}
	for _, line := range frameworkSummary(&r.Summary) {
		t.text("", line)
	}
	return t.out.flush()
}

// frameworkWidth is for where there is no terminal: reasons are long.
const frameworkWidth = 80

func frameworkTitle(r *framework.Report) string {
	title := r.Framework.Title + " " + r.Framework.Version
	if r.Level != "" {
		title += ", level " + r.Level
	}
	return title
}

// frameworkScan says what was scanned, when, and what was left out.
func frameworkScan(s *framework.Scan) []string {
	if s == nil {
		return nil
	}
	lines := []string{lookedAt(s.Workloads, s.Pods, s.Containers, s.Namespaces) + "."}
	if !s.StartedAt.IsZero() {
		text := "Scanned at " + s.StartedAt.UTC().Format(time.RFC3339)
		if s.Assay != "" {
			text += ", with Assay " + s.Assay
		}
		lines = append(lines, text+".")
	}
	if s.Cluster != "" {
		lines = append(lines, "Cluster: "+s.Cluster)
	}
	if l := s.Selection; l != nil {
		var parts []string
		for _, part := range []struct {
			name   string
			values []string
		}{
			{"namespaces", l.Namespaces}, {"not namespaces", l.ExcludeNamespaces}, {"labels", []string{l.Selector}},
			{"fields", []string{l.FieldSelector}}, {"kinds", l.Kinds},
		} {
			if values := strings.Join(part.values, ", "); values != "" {
				parts = append(parts, part.name+" "+values)
			}
		}
		lines = append(lines, "Limited to: "+strings.Join(parts, "; ")+".")
	}
	return lines
}

// itemStatus is the word that stands for an item's verdict.
func itemStatus(i *framework.Reviewed) string {
	if i.Waived {
		return "waived"
	}
	return string(i.Status)
}

// itemStatusWidth holds "not-applicable".
const itemStatusWidth = 14

func (t *frameworkTable) writeItem(i *framework.Reviewed, wide bool) {
	first := pad(i.ID, t.id) + "  "
	status := itemStatus(i)
	f := finding.Finding{Status: i.Status, Severity: finding.High}
	if i.Waived {
		f.Waiver = &finding.Waiver{}
	}
	indent := strings.Repeat(" ", t.id+itemStatusWidth+4)
	if t.id > frameworkWidth/3 { // long IDs would leave no room beside them
		t.out.WriteString(i.ID + "\n")
		first, indent = "  ", strings.Repeat(" ", itemStatusWidth+4)
	}
	for n, line := range wrap(escape(i.Title), t.room(indent)) {
		if n == 0 {
			t.out.WriteString(first + t.colors.verdict(&f, pad(status, itemStatusWidth)) + "  " + line + "\n")
		} else {
			t.out.WriteString(indent + line + "\n")
		}
	}
	if i.Reason != "" {
		t.text(indent, i.Reason)
	}
	if wide {
		for c := range i.Checks {
			t.writeCheck(indent, &i.Checks[c])
		}
	}
}

// writeCheck says what one check said, for wide.
func (t *frameworkTable) writeCheck(indent string, c *framework.CheckResult) {
	text := fmt.Sprintf("%s (%s): ", c.ID, c.Covers)
	var parts []string
	for _, s := range finding.Statuses {
		if n := c.Findings[s]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, s))
		}
	}
	if c.Waived > 0 {
		parts = append(parts, fmt.Sprintf("%d waived", c.Waived))
	}
	switch {
	case len(parts) > 0:
		text += strings.Join(parts, ", ")
	case c.Asked:
		text += "nothing to judge"
	default:
		text += "not asked"
	}
	t.text(indent, text)
	for _, f := range c.Failing {
		t.text(indent+"  ", exampleText(&f))
	}
}

// exampleText is "shop Deployment/cart app".
func exampleText(f *framework.Failing) string {
	return strings.Join(slices.DeleteFunc([]string{f.Workload.Namespace, f.Workload.String(), f.Container}, func(s string) bool { return s == "" }), " ")
}

// writeUnreviewed lists what was not reviewed, by reason.
func (t *frameworkTable) writeUnreviewed(items []framework.Reviewed) {
	reasons, byReason := unreviewed(items)
	if len(reasons) == 0 {
		return
	}
	t.out.WriteString(t.colors.bold("Not reviewed") + "\n\n")
	for _, reason := range reasons {
		t.text("  ", reason)
		t.ids("    ", byReason[reason])
	}
	t.out.WriteByte('\n')
}

// ids writes identifiers, none of them cut in two.
func (t *frameworkTable) ids(indent string, ids []string) {
	line := indent
	for i, id := range ids {
		if i < len(ids)-1 {
			id += ","
		}
		if line != indent && t.width > 0 && len(line)+1+len(id) > t.width {
			t.out.WriteString(line + "\n")
			line = indent
		}
		if line != indent {
			line += " "
		}
		line += id
	}
	t.out.WriteString(line + "\n")
}

// unreviewed groups the items that were not reviewed, in the order in which
// their reasons come first.
func unreviewed(items []framework.Reviewed) (reasons []string, byReason map[string][]string) {
	byReason = map[string][]string{}
	for i := range items {
		item := &items[i]
		if item.Heading || item.Status != finding.NotReviewed {
			continue
		}
		if byReason[item.Reason] == nil {
			reasons = append(reasons, item.Reason)
		}
		byReason[item.Reason] = append(byReason[item.Reason], item.ID)
	}
	return reasons, byReason
}

func (t *frameworkTable) room(indent string) int {
	if t.width == 0 {
		return 0
	}
	return max(t.width-len(indent)-1, minWidth/3) // a comma may stand behind the last column
}

// text writes words from outside, wrapped.
func (t *frameworkTable) text(indent, s string) {
	for _, line := range wrap(escape(s), t.room(indent)) {
		t.out.WriteString(indent + strings.TrimRight(line, " ") + "\n")
	}
}

// frameworkSummary says how many passed, and next to it of how many that is.
func frameworkSummary(s *framework.Summary) []string {
	passed := "Nothing was reviewed."
	if s.PercentPassed != nil {
		passed = fmt.Sprintf("Passed: %d of %d reviewed (%d %%).", s.Pass, s.Reviewed, *s.PercentPassed)
	}
	reviewed := "No item applies."
	if s.PercentReviewed != nil {
		reviewed = fmt.Sprintf("Reviewed: %d of %d (%d %%).", s.Reviewed, s.Items-s.NotApplicable, *s.PercentReviewed)
	}
	lines := []string{passed + " " + reviewed, fmt.Sprintf(
		"%d failed, %d waived, %d could not be judged, %d not reviewed, %d not applicable.",
		s.Fail, s.Waived, s.Error, s.NotReviewed, s.NotApplicable)}
	if !s.Complete {
		lines = append(lines, "The scan was not complete, so that nothing counts as passed.")
	}
	return lines
}
