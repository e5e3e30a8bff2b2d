package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/kubeassay/assay/framework"
)

// writeFrameworkMarkdown writes GitHub's Markdown: the numbers first, then a
// table with a line an item.
func writeFrameworkMarkdown(w io.Writer, r *framework.Report) error {
	out := output{w: w}
	out.WriteString("# " + mdText(frameworkTitle(r)) + "\n\n")
	for _, lines := range [][]string{frameworkScan(r.Scan), frameworkSummary(&r.Summary)} {
		for _, line := range lines {
			out.WriteString(mdText(line) + "\n")
		}
		if len(lines) > 0 {
			out.WriteByte('\n')
		}
	}
	out.WriteString("| item | status | title | why | checks |\n| --- | --- | --- | --- | --- |\n")
	for i := range r.Items {
		item := &r.Items[i]
		if item.Heading {
			_, _ = fmt.Fprintf(&out, "| %s | | **%s** | | |\n", mdText(item.ID), mdText(item.Title))
			continue
		}
		checks := make([]string, len(item.Checks))
		for c := range item.Checks {
			checks[c] = mdCode(item.Checks[c].ID)
		}
		_, _ = fmt.Fprintf(&out, "| %s | %s | %s | %s | %s |\n", mdText(item.ID), itemStatus(item), mdText(item.Title), mdText(item.Reason), strings.Join(checks, ", "))
	}
	for _, note := range r.Notes {
		out.WriteString("\n" + mdText(note) + "\n")
	}
	return out.flush()
}
