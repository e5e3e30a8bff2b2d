package cli

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/charmbracelet/x/ansi"
	"sigs.k8s.io/yaml"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/pss"
	"github.com/kubeassay/assay/posture/pss/survey"
	"github.com/kubeassay/assay/report"
)

// psaReport is what -o json prints.
type psaReport struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	// Server is the API server's version, absent for files.
	Server string `json:"server,omitempty"`
	// Latest is what "latest" means.
	Latest     string              `json:"latest"`
	Namespaces []*survey.Namespace `json:"namespaces"`
	Commands   []string            `json:"commands,omitempty"`
	Coverage   []finding.Coverage  `json:"coverage,omitempty"`
	Errors     []finding.Problem   `json:"errors,omitempty"`
	Complete   bool                `json:"complete"`
}

func (f *psaFlags) write(s *streams, all *survey.Survey, server string) error {
	r := psaReport{
		APIVersion: finding.APIVersion, Kind: "PodSecurityReport", Server: server, Latest: all.Latest.String(),
		Namespaces: orEmpty(all.Namespaces()), Coverage: all.Coverage, Errors: all.Problems, Complete: all.Complete(),
	}
	for _, n := range r.Namespaces {
		if len(n.Labels) > 0 {
			r.Commands = append(r.Commands, "kubectl label --overwrite namespace "+shellWord(n.Name)+" "+strings.Join(n.Labels, " "))
		}
	}
	switch {
	case f.commands:
		return writeLines(s.out, r.Commands)
	case f.output == report.JSON:
		return writeJSON(s.out, r)
	case f.output == report.YAML:
		b, err := yaml.Marshal(r)
		if err != nil {
			return err
		}
		_, err = s.out.Write(b)
		return err
	}
	return f.writeTable(s.out, &r)
}

// shellWord makes a name, which in a file may be anything, one word of a shell.
func shellWord(name string) string {
	plain := func(r rune) bool {
		return r == '-' || r == '.' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
	}
	if name != "" && strings.IndexFunc(name, func(r rune) bool { return !plain(r) }) < 0 && name[0] != '-' {
		return name
	}
	return "'" + strings.ReplaceAll(report.Printable(name), "'", `'\''`) + "'"
}

func writeLines(out io.Writer, lines []string) error {
	for _, l := range lines {
		if _, err := fmt.Fprintln(out, l); err != nil {
			return err
		}
	}
	return nil
}

func (f *psaFlags) writeTable(out io.Writer, r *psaReport) error {
	if len(r.Namespaces) == 0 {
		if !r.Complete {
			return nil // what is said about that is enough
		}
		_, err := fmt.Fprintln(out, "No namespaces.")
		return err
	}
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "NAMESPACE\tENFORCES\tCOULD ENFORCE TODAY\tIN THE WAY OF THE NEXT LEVEL")
	for _, n := range r.Namespaces {
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", report.Printable(n.Name), enforces(n), couldEnforce(n), inTheWay(n))
	}
	_ = w.Flush() // to memory
	table := strings.SplitAfter(strings.TrimSuffix(b.String(), "\n"), "\n")
	if f.output == report.Wide {
		for i, n := range r.Namespaces {
			table[i+1] = strings.TrimSuffix(table[i+1], "\n") + "\n" + details(n, report.Terminal(out).Width)
		}
	}
	text := strings.TrimSuffix(strings.Join(table, ""), "\n") + "\n"
	for _, n := range r.Namespaces {
		for _, p := range n.Problems {
			text += fmt.Sprintf("\nnamespace %s, label %s: %s\n", report.Printable(n.Name), p.Label, report.Printable(p.Message))
		}
	}
	text += fmt.Sprintf("\nlatest is %s%s.\n", r.Latest, whose(r))
	if f.version != "" {
		text += "All are judged by " + f.version + ".\n"
	}
	if len(r.Commands) > 0 {
		text += "\nTo raise what can be raised today:\n\n" + strings.Join(r.Commands, "\n") + "\n"
	}
	_, err := io.WriteString(out, text)
	return err
}

func whose(r *psaReport) string {
	if r.Server != "" {
		return ", the server is " + report.Printable(r.Server)
	}
	return ", the newest version that is known here"
}

func enforces(n *survey.Namespace) string {
	if n.Enforces == nil {
		return "unknown"
	}
	return n.Enforces.String()
}

func couldEnforce(n *survey.Namespace) string {
	switch {
	case n.CouldEnforce == "":
		return "unknown"
	case n.TemplatesUnread:
		return string(n.CouldEnforce) + ", by its pods"
	}
	return string(n.CouldEnforce)
}

func inTheWay(n *survey.Namespace) string {
	next := n.Next()
	if next == nil {
		if n.CouldEnforce == "" {
			return "pods could not be read"
		}
		if n.Pods+n.Templates == 0 {
			return "- (there are no pods)"
		}
		return "-"
	}
	text := string(next.Level) + ": " + counts(next.Pods, next.Templates)
	if n.Violated() {
		text += ", against what is enforced"
	}
	return text
}

// counts is "3 pods, 1 template".
func counts(pods, templates int) string {
	var parts []string
	if pods > 0 {
		parts = append(parts, plural(pods, "pod"))
	}
	if templates > 0 {
		parts = append(parts, plural(templates, "template"))
	}
	return strings.Join(parts, ", ")
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// details says below a namespace what it still lets in, and names what stands in the way.
func details(n *survey.Namespace, width int) string {
	var b strings.Builder
	line := func(format string, args ...any) {
		text := report.Printable(fmt.Sprintf(format, args...))
		if width > 0 {
			text = ansi.Wrap(text, max(width-4, 20), "/,")
		}
		b.WriteString("  " + strings.ReplaceAll(text, "\n", "\n    ") + "\n")
	}
	if len(n.StillAdmits) > 0 {
		what := strings.Join(n.StillAdmits, ", ")
		if len(n.StillAdmits) == len(pss.Checks()) {
			what = "everything"
		}
		line("still admits: %s", what)
	}
	next := n.Next()
	if next == nil {
		return b.String()
	}
	for _, blocker := range next.Blockers {
		line("%s: %s %s%s: %s", next.Level, blocker.Kind, blocker.Name, which(blocker), reasons(blocker))
	}
	if next.More > 0 {
		line("%s: and %d more pods or templates, of other objects", next.Level, next.More)
	}
	return b.String()
}

// which says whether it is pods of the object, its template, or both.
func which(b *pss.Blocker) string {
	var parts []string
	if b.Pods > 0 && (b.Kind != "Pod" || b.Pods > 1) {
		parts = append(parts, plural(b.Pods, "pod"))
	}
	if b.Template {
		parts = append(parts, "its template")
	}
	if len(parts) == 0 {
		return ""
	}
	return " (" + strings.Join(parts, " and ") + ")"
}

func reasons(b *pss.Blocker) string {
	texts := make([]string, len(b.Denials))
	for i := range b.Denials {
		texts[i] = b.Denials[i].String()
	}
	return strings.Join(texts, ", ")
}
