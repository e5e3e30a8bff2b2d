package cli

import (
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/charmbracelet/x/ansi"
	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/check/builtin"
)

func newChecks(s *streams) *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:     "checks",
		Short:   "List the checks",
		Example: "  assay checks\n  assay checks -o json",
		Args:    args(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			rules := builtin.Rules(builtin.All())
			switch format {
			case "table":
				w := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
				_, _ = fmt.Fprintln(w, "CHECK\tSEVERITY\tTITLE")
				for _, r := range rules {
					_, _ = fmt.Fprintf(w, "%s\t%s\t%s\n", r.ID, r.Severity, r.Title)
				}
				return w.Flush()
			case "json":
				e := json.NewEncoder(s.out)
				e.SetIndent("", "  ")
				e.SetEscapeHTML(false)
				return e.Encode(rules)
			case "yaml":
				b, err := yaml.Marshal(rules)
				if err != nil {
					return err
				}
				_, err = s.out.Write(b)
				return err
			}
			return usagef("unknown format %q: use one of table, json, yaml", format)
		},
	}
	cmd.Flags().StringVarP(&format, "output", "o", "table", "table, json or yaml")
	return cmd
}

func newExplain(s *streams) *cobra.Command {
	return &cobra.Command{
		Use:     "explain CHECK",
		Short:   "Explain a check: what it finds, how it decides, what to do",
		Example: "  assay explain run-as-root",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("name one check: one of %s; see %s --help", strings.Join(checkIDs(), ", "), cmd.CommandPath())
			}
			return nil
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return checkIDs(), cobra.ShellCompDirectiveNoFileComp
		},
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

func checkIDs() []string {
	var all []string
	for _, c := range builtin.All() {
		all = append(all, c.ID)
	}
	return all
}

const textWidth = 80

func explanation(c *check.Check) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s (%s)\n\n", c.ID, c.Title, c.Severity)
	b.WriteString(ansi.Wordwrap(c.Description, textWidth, "") + "\n")
	b.WriteString("\nHOW IT DECIDES\n" + ansi.Wordwrap(c.Rule.Check, textWidth, "") + "\n")
	b.WriteString("\nWHAT TO DO\n" + ansi.Wordwrap(strings.TrimSpace(c.Fix), textWidth, "") + "\n")
	b.WriteString("\nFIELDS\n")
	for _, f := range c.Fields {
		b.WriteString("  " + f + "\n")
	}
	b.WriteString("\nREFERENCES\n")
	for _, r := range c.References {
		b.WriteString("  " + reference(r) + "\n")
	}
	return b.String()
}

func reference(r finding.Reference) string {
	return strings.TrimSpace(strings.TrimSpace(r.Framework+" "+r.ID) + " " + r.URL)
}
