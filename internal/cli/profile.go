package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/charmbracelet/x/ansi"
	"github.com/spf13/cobra"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/gate"
	"github.com/kubeassay/assay/inspect/profile"
	"github.com/kubeassay/assay/report"
)

func newProfile(s *streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "profile",
		Short: "List, check and try profiles of controls",
		Args:  args(cobra.NoArgs),
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newProfileList(s), newProfileCheck(s), newProfileTest(s))
	return cmd
}

func newProfileList(s *streams) *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:     "list [PROFILE]",
		Short:   "List the built-in profiles, or the controls of one profile",
		Example: "  assay profile list\n  assay profile list container-core\n  assay profile list my.yaml -o json",
		Args:    args(cobra.MaximumNArgs(1)),
		RunE: func(_ *cobra.Command, names []string) error {
			if format != "table" && format != "json" {
				return usagef("unknown format %q: use one of table, json", format)
			}
			if len(names) == 0 {
				all, err := profile.Builtins()
				if err != nil {
					return err
				}
				if format == "json" {
					return writeJSON(s.out, profileViews(all))
				}
				return listProfiles(s, all)
			}
			p, err := profile.Find(names[0])
			if err != nil {
				return usage(err)
			}
			if format == "json" {
				return writeJSON(s.out, profileViews([]*profile.Profile{p})[0])
			}
			return listControls(s, p)
		},
	}
	cmd.Flags().StringVarP(&format, "output", "o", "table", "table or json")
	return cmd
}

// profileView is a profile as JSON has it.
type profileView struct {
	finding.Profile

	Inputs   []inputView    `json:"inputs,omitempty"`
	Controls []finding.Rule `json:"controls"`
}

type inputView struct {
	Name        string            `json:"name"`
	Type        profile.InputType `json:"type"`
	Description string            `json:"description,omitempty"`
	Default     any               `json:"default,omitempty"`
}

func profileViews(all []*profile.Profile) []profileView {
	views := make([]profileView, len(all))
	for i, p := range all {
		views[i] = profileView{Profile: p.Finding(), Controls: p.Rules()}
		for _, in := range p.Inputs {
			views[i].Inputs = append(views[i].Inputs, inputView(in))
		}
	}
	return views
}

// listProfiles keeps to 80 columns.
func listProfiles(s *streams, all []*profile.Profile) error {
	return table(s, []string{"PROFILE", "VERSION", "CONTROLS", "TITLE"}, func(row func(...string)) {
		for _, p := range all {
			row(p.Name, p.Version, fmt.Sprint(len(p.Controls)), p.Title)
		}
	})
}

func listControls(s *streams, p *profile.Profile) error {
	return table(s, []string{"CONTROL", "SEVERITY", "TITLE"}, func(row func(...string)) {
		for _, c := range p.Controls {
			row(c.ID, string(finding.SeverityOf(c.Impact)), c.Title)
		}
	})
}

// table writes rows under a head, cut to the width of a terminal.
func table(s *streams, head []string, rows func(row func(...string))) error {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	row := func(cells ...string) {
		for i, c := range cells {
			cells[i] = report.Printable(c)
		}
		_, _ = fmt.Fprintln(w, strings.Join(cells, "\t")) // a Builder can't fail
	}
	row(head...)
	rows(row)
	if err := w.Flush(); err != nil {
		return err
	}
	for line := range strings.Lines(b.String()) {
		if _, err := fmt.Fprintln(s.out, ansi.Truncate(strings.TrimRight(line, " \n"), textWidth, "…")); err != nil {
			return err
		}
	}
	return nil
}

func newProfileCheck(s *streams) *cobra.Command {
	return &cobra.Command{
		Use:   "check FILE|FOLDER...",
		Short: "Say what is wrong with profiles, with file, line and column",
		Long: `Load profiles and all that they include, compile every expression, and say what
is wrong. In a folder, and those below it, the files with controls or an include
are checked. Ends with exit code 2 if a profile is broken.`,
		Example: "  assay profile check web.yaml\n  assay profile check profiles/",
		Args:    args(cobra.MinimumNArgs(1)),
		RunE: func(_ *cobra.Command, names []string) error {
			files, err := profileFiles(names)
			if err != nil {
				return usage(err)
			}
			broken := false
			for _, name := range files {
				p, err := profile.LoadFile(name)
				if err != nil {
					broken = true
					_, _ = fmt.Fprintln(s.err, report.Printable(err.Error()))
					continue
				}
				if _, err := fmt.Fprintf(s.out, "%s: %s, %d controls, nothing wrong\n", report.Printable(name), report.Printable(p.Name), len(p.Controls)); err != nil {
					return err
				}
			}
			if broken {
				return exit(gate.Incomplete)
			}
			return nil
		},
	}
}

// profileFiles are the files that are named, and in folders those that look
// like a profile.
func profileFiles(names []string) ([]string, error) {
	var all []string
	for _, name := range names {
		info, err := os.Stat(name)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			all = append(all, name)
			continue
		}
		before := len(all)
		err = filepath.WalkDir(name, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if ext := filepath.Ext(path); !d.Type().IsRegular() || ext != ".yaml" && ext != ".yml" {
				return nil
			}
			if ok, err := profile.Looks(path); err != nil || !ok {
				return err
			}
			all = append(all, path)
			return nil
		})
		if err != nil {
			return nil, err
		}
		if len(all) == before {
			return nil, fmt.Errorf("%s: no file in it has controls or an include", name)
		}
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

// testFlags are those of profile test.
type testFlags struct {
	resultFlags

	expect string
}

// writeVerdict is a line about one control, with its message below.
func writeVerdict(s *streams, f *finding.Finding) error {
	_, err := fmt.Fprintf(s.out, "%-14s  %-8s  %s\n", f.Status, f.Severity, f.Control)
	if err != nil || f.Message == "" {
		return err
	}
	const indent = "    "
	text := ansi.Wordwrap(report.Printable(f.Message), textWidth-len(indent), "")
	_, err = fmt.Fprintln(s.out, indent+strings.ReplaceAll(text, "\n", "\n"+indent))
	return err
}

func newProfileTest(s *streams) *cobra.Command {
	var f testFlags
	cmd := &cobra.Command{
		Use:   "test PROFILE SNAPSHOT",
		Short: "Evaluate a profile over saved evidence, and show every control",
		Long: `Evaluate a profile over a snapshot that assay inspect --save-snapshot has kept,
and print every control with its status. With --expect it is a test: a YAML file
says which status each control must have (control: status), the others may have
any, and exit code 1 means that some have another.`,
		Example: "  assay profile test web.yaml cart.snapshot\n  assay profile test web.yaml cart.snapshot --expect cart.expected.yaml",
		Args:    args(cobra.ExactArgs(2)),
		RunE:    func(cmd *cobra.Command, args []string) error { return f.run(cmd.Context(), s, args[0], args[1]) },
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringArrayVar(&f.inputs, "input", nil, "Value of one of the profile's inputs, as NAME=VALUE; repeatable")
	flags.StringVar(&f.expect, "expect", "", "YAML file with the statuses that controls must have")
	flags.StringVar(&f.failOn, "fail-on", string(gate.DefaultFailOn), "End with exit code 1 if there is a failure of this severity or graver; none: never")
	flags.BoolVar(&f.strict, "strict", false, "Controls that could not be reviewed count as not judged: exit code 2")
	return cmd
}

func (f *testFlags) run(ctx context.Context, s *streams, name, snapshot string) error {
	f.profiles = []string{name}
	j, err := f.judge()
	if err != nil {
		return err
	}
	var expected map[string]finding.Status
	if f.expect != "" {
		if expected, err = j.profiles[0].Expectations(f.expect); err != nil {
			return usagef("--expect: %w", err)
		}
	}
	all, err := evaluateFile(ctx, snapshot, j)
	if err != nil {
		return fmt.Errorf("evaluating %s: %w", snapshot, err)
	}
	var tally gate.Tally
	var wrong []error
	for _, i := range all {
		tally.Add(i)
		for _, x := range i.Findings {
			if err := writeVerdict(s, &x); err != nil {
				return err
			}
			if want, ok := expected[x.Control]; ok && want != x.Status {
				wrong = append(wrong, fmt.Errorf("control %s: status %s, expected %s: %s", x.Control, x.Status, want, x.Message))
			}
		}
	}
	if f.expect != "" {
		if err := errors.Join(wrong...); err != nil {
			_, _ = fmt.Fprintln(s.err, report.Printable(err.Error()))
			return exit(gate.Failed)
		}
		return nil
	}
	if code := gate.ExitCode(tally.Summary(), j.policy); code != gate.OK {
		return exit(code)
	}
	return nil
}
