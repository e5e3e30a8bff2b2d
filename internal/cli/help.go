package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// group is the annotation of flags that stand under a heading of their own.
const group = "group"

// inGroup puts the flags that bind adds under a heading.
func inGroup(flags *pflag.FlagSet, heading string, bind func(*pflag.FlagSet)) {
	own := pflag.NewFlagSet("", pflag.ContinueOnError)
	own.SortFlags = false
	bind(own)
	own.VisitAll(func(f *pflag.Flag) {
		if f.Annotations == nil {
			f.Annotations = map[string][]string{}
		}
		f.Annotations[group] = []string{heading}
		flags.AddFlag(f)
	})
}

// helpWidth is for when the terminal does not tell; wider than most is hard to read.
const helpWidth, mostHelpWidth = 80, 110

// writeUsage is the usage text of every command: cobra's own, but as wide as the
// terminal, and with flags under headings.
func writeUsage(w io.Writer, cmd *cobra.Command, width int) {
	if width == 0 {
		width = helpWidth
	}
	width = min(width, mostHelpWidth)
	p := func(format string, args ...any) { _, _ = fmt.Fprintf(w, format, args...) }
	p("Usage:\n")
	if cmd.Runnable() && !cmd.HasAvailableSubCommands() {
		p("  %s\n", cmd.UseLine())
	}
	if cmd.HasAvailableSubCommands() {
		p("  %s COMMAND\n", cmd.CommandPath())
	}
	if cmd.HasExample() {
		p("\nExamples:\n%s\n", cmd.Example)
	}
	if cmd.HasAvailableSubCommands() {
		p("\nCommands:\n")
		widest := 0
		for _, c := range cmd.Commands() {
			widest = max(widest, len(c.Name()))
		}
		for _, c := range cmd.Commands() {
			if c.IsAvailableCommand() || c.Name() == "help" {
				p("  %-*s  %s\n", widest, c.Name(), c.Short)
			}
		}
	}
	for _, flags := range []*pflag.FlagSet{cmd.LocalFlags(), cmd.InheritedFlags()} {
		for _, section := range sections(flags) {
			p("\n%s:\n%s", section.heading, section.flags.FlagUsagesWrapped(width))
		}
	}
	if cmd.HasAvailableSubCommands() {
		p("\nMore about a command: %s COMMAND --help\n", cmd.CommandPath())
	}
}

type section struct {
	heading string
	flags   *pflag.FlagSet
}

func sections(flags *pflag.FlagSet) []*section {
	var all []*section
	flags.VisitAll(func(f *pflag.Flag) {
		heading := "Flags"
		if own := f.Annotations[group]; len(own) > 0 {
			heading = own[0]
		}
		for _, s := range all {
			if s.heading == heading {
				s.flags.AddFlag(f)
				return
			}
		}
		s := &section{heading, pflag.NewFlagSet("", pflag.ContinueOnError)}
		s.flags.SortFlags = false
		s.flags.AddFlag(f)
		all = append(all, s)
	})
	return all
}
