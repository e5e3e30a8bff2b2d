package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"
	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/framework"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/check/builtin"
	"github.com/kubeassay/assay/report"
)

// checksFlags are those of checks.
type checksFlags struct{ output, framework, level, minSeverity string }

func newChecks(s *streams) *cobra.Command {
	var f checksFlags
	cmd := &cobra.Command{
		Use:   "checks [CHECK]",
		Short: "List the checks, or explain one",
		Long: `List the checks by subject, or those that serve a framework. With the ID of a
check, explain it, as assay explain does. What needs a flag is off in a cluster
unless assay scan is given that flag: it reads what may be secret, or takes wide
rights.`,
		Example:           "  assay checks\n  assay checks --framework cis --level 1\n  assay checks --min-severity high\n  assay checks run-as-root",
		Args:              args(cobra.MaximumNArgs(1)),
		ValidArgsFunction: completeChecks,
		RunE: func(_ *cobra.Command, ids []string) error {
			subjects, err := f.chosen(ids)
			if err != nil {
				return usage(err)
			}
			return f.write(s, ids, subjects)
		},
	}
	cmd.Flags().SortFlags = false
	cmd.Flags().StringVarP(&f.output, "output", "o", report.Table, "table, json or yaml")
	cmd.Flags().StringVar(&f.framework, "framework", "", "Only checks that serve a framework, such as cis (see assay frameworks)")
	cmd.Flags().StringVar(&f.level, "level", "", "Only checks that serve items of this level of the framework, such as 1 of cis")
	cmd.Flags().StringVar(&f.minSeverity, "min-severity", "", "Only checks of this severity or graver")
	return cmd
}

func newExplain(s *streams) *cobra.Command {
	return &cobra.Command{
		Use:     "explain CHECK",
		Short:   "Explain a check: what it finds, how it decides, what to do",
		Example: "  assay explain run-as-root",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("name one check, as in %s run-as-root: assay checks lists them all; see %[1]s --help", cmd.CommandPath())
			}
			return nil
		},
		ValidArgsFunction: completeChecks,
		RunE: func(_ *cobra.Command, args []string) error {
			found, err := builtin.Select(args, nil)
			if err != nil {
				return usage(err)
			}
			_, err = fmt.Fprint(s.out, explanation(found[0]))
			return err
		},
	}
}

func completeChecks(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return checkIDs(), cobra.ShellCompDirectiveNoFileComp
}

func checkIDs() []string { return builtin.IDs(builtin.All()) }

// chosen are the checks that the flags leave, by subject. A subject of which
// nothing is left is left out.
func (f *checksFlags) chosen(ids []string) ([]builtin.Subject, error) {
	if formats := []string{report.Table, report.JSON, report.YAML}; !slices.Contains(formats, f.output) {
		return nil, fmt.Errorf("unknown format %q: use one of %s", f.output, strings.Join(formats, ", "))
	}
	if len(ids) > 0 && f.framework+f.level+f.minSeverity != "" {
		return nil, fmt.Errorf("--framework, --level and --min-severity choose from the list: leave them out, or %s", ids[0])
	}
	checks, err := builtin.Select(ids, nil)
	if err != nil {
		return nil, err
	}
	if checks, err = f.serving(checks); err != nil {
		return nil, err
	}
	if f.minSeverity != "" {
		least, err := finding.ParseSeverity(f.minSeverity)
		if err != nil {
			return nil, fmt.Errorf("--min-severity: %w", err)
		}
		checks = slices.DeleteFunc(checks, func(c *check.Check) bool { return !c.Severity.AtLeast(least) })
	}
	left := builtin.IDs(checks)
	var subjects []builtin.Subject
	for _, s := range builtin.Subjects() {
		s.Checks = slices.DeleteFunc(s.Checks, func(c *check.Check) bool { return !slices.Contains(left, c.ID) })
		if len(s.Checks) > 0 {
			subjects = append(subjects, s)
		}
	}
	return subjects, nil
}

// serving are those of the checks that serve the framework, if one was named.
func (f *checksFlags) serving(checks []*check.Check) ([]*check.Check, error) {
	switch {
	case f.framework == "" && f.level != "":
		return nil, fmt.Errorf("--level %q: a level is one of a framework: give --framework as well", f.level)
	case f.framework == "":
		return checks, nil
	}
	fw, err := framework.Get(f.framework)
	if err != nil {
		return nil, fmt.Errorf("--framework: %w", err)
	}
	ids, err := framework.Checks(fw, f.level)
	if err != nil {
		return nil, fmt.Errorf("--level: %w", err)
	}
	return slices.DeleteFunc(checks, func(c *check.Check) bool { return !slices.Contains(ids, c.ID) }), nil
}

func (f *checksFlags) write(s *streams, ids []string, subjects []builtin.Subject) error {
	var err error
	switch f.output {
	case report.JSON:
		return writeJSON(s.out, describe(subjects))
	case report.YAML:
		var b []byte
		if b, err = yaml.Marshal(describe(subjects)); err == nil {
			_, err = s.out.Write(b)
		}
		return err
	}
	text := checkTable(subjects, tableWidth(s.out))
	if len(ids) > 0 {
		text = explanation(subjects[0].Checks[0])
	}
	_, err = fmt.Fprint(s.out, text)
	return err
}

// described is a check as JSON has it.
type described struct {
	finding.Rule

	Subject string `json:"subject"`
	// About says what the check looks at, Kinds which objects besides pods.
	About  string             `json:"about"`
	Kinds  []schema.GroupKind `json:"kinds,omitempty"`
	Fields []string           `json:"fields"`
	// Flag is the one that permits the reading that the check needs.
	Flag string `json:"flag,omitempty"`
}

func describe(subjects []builtin.Subject) []described {
	all := []described{}
	for _, s := range subjects {
		for _, c := range s.Checks {
			all = append(all, described{c.Rule, s.Title, builtin.About(c), c.Kinds, c.Fields, c.OptIn})
		}
	}
	return all
}

// checkTable lists checks under their subjects; those that are off by default
// stand apart.
func checkTable(subjects []builtin.Subject, width int) string {
	var b strings.Builder
	count := 0
	for _, s := range subjects {
		flags := []string{""}
		for _, c := range s.Checks {
			if count++; !slices.Contains(flags, c.OptIn) {
				flags = append(flags, c.OptIn)
			}
		}
		for _, flag := range flags {
			writeChecks(&b, s, flag, width)
		}
	}
	b.WriteString(plural(count, "check") + ". All about one: assay explain CHECK\n")
	return b.String()
}

// writeChecks writes those of a subject that need a flag, or none.
func writeChecks(b *strings.Builder, s builtin.Subject, flag string, width int) {
	// IDs are copied, so they are never broken: the title of one that is longer
	// stands below it.
	const severity, id = 8, 32
	indent := severity + id + 2*len(gap)
	line := func(first, second, third string) {
		lines := strings.Split(ansi.Wordwrap(third, max(width-indent, narrowest), ""), "\n")
		start := fmt.Sprintf("%-*s%s%-*s", severity, first, gap, id, second)
		if len(second) > id {
			b.WriteString(start + "\n")
			start = strings.Repeat(" ", indent-len(gap))
		}
		for _, l := range lines {
			b.WriteString(start + gap + l + "\n")
			start = strings.Repeat(" ", indent-len(gap))
		}
	}
	title, begun := strings.ToUpper(s.Title), false
	if flag != "" {
		title += ", with --" + flag
	}
	for _, c := range s.Checks {
		if c.OptIn != flag {
			continue
		}
		if !begun {
			b.WriteString(title + "\n")
		}
		begun = true
		line(string(c.Severity), c.ID, c.Title)
	}
	if begun {
		b.WriteString("\n")
	}
}

const textWidth = 80

func explanation(c *check.Check) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s (%s)\n\n", c.ID, c.Title, c.Severity)
	wrapped := func(text string) { b.WriteString(ansi.Wordwrap(text, textWidth, "") + "\n") }
	wrapped(c.Description)
	b.WriteString("\nWHAT IT LOOKS AT\n")
	wrapped(sentence(builtin.About(c)))
	if c.OptIn != "" {
		wrapped("In a cluster it is made only with --" + c.OptIn + ".")
	}
	b.WriteString("\nHOW IT DECIDES\n")
	wrapped(c.Rule.Check)
	b.WriteString("\nWHAT TO DO\n")
	wrapped(strings.TrimSpace(c.Fix))
	b.WriteString("\nFIELDS\n")
	for _, f := range c.Fields {
		b.WriteString("  " + f + "\n")
	}
	b.WriteString("\nREFERENCES\n")
	for _, r := range c.References {
		b.WriteString(ansi.Wordwrap("  "+reference(r), textWidth, "") + "\n")
	}
	return b.String()
}

// sentence makes one of words that begin small and end without a stop.
func sentence(s string) string { return strings.ToUpper(s[:1]) + s[1:] + "." }

// reference is a page to read, or an item of a framework with its title.
func reference(r finding.Reference) string {
	title := ""
	if fw, err := framework.Get(r.Framework); err == nil {
		if item, err := fw.Item(r.ID); err == nil {
			title = ": " + item.Title
		}
	}
	return strings.TrimSpace(strings.TrimSpace(r.Framework+" "+r.ID+title) + " " + r.URL)
}
