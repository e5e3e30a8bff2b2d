package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kubeassay/assay/framework"
	"github.com/kubeassay/assay/posture/check/builtin"
	"github.com/kubeassay/assay/report"
)

// frameworksFlags are those of frameworks.
type frameworksFlags struct{ output, level string }

func newFrameworks(s *streams) *cobra.Command {
	var f frameworksFlags
	cmd := &cobra.Command{
		Use:   "frameworks [FRAMEWORK]",
		Short: "List the frameworks that checks serve, or the items of one",
		Long: `List the frameworks that are known, how many items each has, how many of them
a check serves, and what has to be looked at to see the others. With the name of
a framework, list its items and the checks that serve them.

The titles are Assay's own words. They stand for the framework's own text, and
do not replace it.`,
		Example: "  assay frameworks\n  assay frameworks cis --level 1\n  assay frameworks pss -o json",
		Args:    args(cobra.MaximumNArgs(1)),
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return frameworkIDs(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, names []string) error { return f.run(s, names) },
	}
	cmd.Flags().StringVarP(&f.output, "output", "o", report.Table, "table, json or markdown")
	cmd.Flags().StringVar(&f.level, "level", "", "Only items of this level of the framework, such as 1 of cis")
	return cmd
}

func frameworkIDs() []string {
	var ids []string
	for _, f := range framework.All() {
		ids = append(ids, f.ID)
	}
	return ids
}

func (f *frameworksFlags) run(s *streams, names []string) error {
	if formats := []string{report.Table, report.JSON, report.Markdown}; !slices.Contains(formats, f.output) {
		return usagef("unknown format %q: use one of %s", f.output, strings.Join(formats, ", "))
	}
	has := hasCheck()
	if len(names) == 0 {
		if f.level != "" {
			return usagef("--level is one of a framework: name it, as in assay frameworks cis --level %s", f.level)
		}
		return f.list(s, has)
	}
	fw, err := framework.Get(names[0])
	if err != nil {
		return usage(err)
	}
	items, err := fw.At(f.level)
	if err != nil {
		return usage(err)
	}
	level, err := fw.Level(f.level)
	if err != nil {
		return usage(err)
	}
	v := frameworkView{frameworkEntry: entryOf(fw, has), Level: level, Items: make([]itemView, len(items))}
	for i, item := range items {
		v.Items[i] = itemView{Item: item}
		for _, m := range fw.Serving(item.ID) {
			if has(m.Check) {
				v.Items[i].Checks = append(v.Items[i].Checks, servingView{m.Check, m.Covers, m.Source})
			}
		}
	}
	switch f.output {
	case report.JSON:
		return writeJSON(s.out, v)
	case report.Markdown:
		return writeLines(s.out, v.markdown())
	}
	return v.table(s)
}

// hasCheck tells which checks this program has.
func hasCheck() func(id string) bool {
	all := map[string]bool{}
	for _, id := range builtin.IDs(builtin.All()) {
		all[id] = true
	}
	return func(id string) bool { return all[id] }
}

// frameworkEntry is a framework without its items, as JSON has it.
type frameworkEntry struct {
	framework.Identity

	Aliases []string         `json:"aliases,omitempty"`
	Levels  []string         `json:"levels,omitempty"`
	Note    string           `json:"note,omitempty"`
	Counts  framework.Counts `json:"counts"`
}

func entryOf(fw *framework.Framework, has func(string) bool) frameworkEntry {
	return frameworkEntry{fw.Identity(), fw.Aliases, fw.Levels, fw.Note, fw.Count(has)}
}

// frameworkView is a framework with its items.
type frameworkView struct {
	frameworkEntry

	// Level is the one that was asked for.
	Level string     `json:"level,omitempty"`
	Items []itemView `json:"items"`
}

type itemView struct {
	framework.Item

	Checks []servingView `json:"checks,omitempty"`
}

type servingView struct {
	ID     string           `json:"id"`
	Covers framework.Covers `json:"covers"`
	Source string           `json:"source"`
}

func (f *frameworksFlags) list(s *streams, has func(string) bool) error {
	var entries []frameworkEntry
	for _, fw := range framework.All() {
		entries = append(entries, entryOf(fw, has))
	}
	switch f.output {
	case report.JSON:
		return writeJSON(s.out, entries)
	case report.Markdown:
		return writeLines(s.out, frameworkList(entries))
	}
	// One column less: a comma may stand behind the last one.
	t := textTable{width: tableWidth(s.out) - 1, columns: []string{"FRAMEWORK", "VERSION", "ITEMS", "SERVED", "SEEN BY"}}
	for _, e := range entries {
		t.add(e.ID, e.Version, fmt.Sprint(e.Counts.Items), fmt.Sprint(e.Counts.Served), strings.Join(seenBy(&e.Counts), ", "))
	}
	_, err := fmt.Fprint(s.out, t.String()+"\nItems of one: assay frameworks FRAMEWORK\n")
	return err
}
