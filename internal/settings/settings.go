// Package settings says where the values of a command's flags come from: the
// command line, an ASSAY_ variable, a file of settings, or the default, in this
// order. What can be set is derived from the flags themselves, so that a new
// flag is a new setting with nothing more to do.
//
// It is not for what the values mean: that is the commands' own affair. And it
// looks for no file where strangers may have put one: not in the current
// folder, and not in what is scanned.
//
//	catalog := settings.Of(root, rules)
//	place, err := settings.Locate(root.PersistentFlags().Lookup("config"), os.LookupEnv)
//	file, err := catalog.Load(place)
//	err = catalog.Apply(cmd, os.LookupEnv, file)
package settings

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kubeassay/assay/finding"
)

// APIVersion and Kind stand at the top of a file of settings.
const (
	APIVersion = finding.APIVersion
	Kind       = "Settings"
)

// Common is the section whose settings hold for every command that has them.
const Common = "common"

// Rules are what the flags themselves can't tell.
type Rules struct {
	// Refuse says why no file may set a flag; it is empty where one may.
	Refuse func(flag string) string
	// Resolve returns a value from a file, with relative paths in it made those
	// below the file's folder.
	Resolve func(flag, value, folder string) (string, error)
	// Rivals are flags of which only one can be given. One that is set by more
	// weight silences the others.
	Rivals [][]string
	// EveryVariable reports whether the variables of all its flags hold for a
	// command. For the others, those of common settings do.
	EveryVariable func(command string) bool
}

// Catalog is what can be set: commands with their flags.
type Catalog struct {
	rules    Rules
	root     *section
	commands []*section // those with flags, in the order of their names
	common   *section
}

// section is a part of the file: a command, a group of commands, or Common.
type section struct {
	name     string // as in "grant create"
	cmd      *cobra.Command
	sections []*section
	flags    []*pflag.Flag // in the order of --help
}

// Of lists what can be set for the commands below a root.
func Of(root *cobra.Command, rules Rules) *Catalog {
	c := &Catalog{rules: rules, root: &section{}}
	for _, cmd := range root.Commands() {
		if s := c.section(cmd, cmd.Name()); s != nil {
			c.root.sections = append(c.root.sections, s)
		}
	}
	c.common = &section{name: Common}
	for _, name := range c.names() {
		if of := c.having(name); len(of) > 1 && same(of) {
			c.common.flags = append(c.common.flags, of[0].flag(name))
		}
	}
	return c
}

// section lists a command and those below it; nil where nothing can be set.
func (c *Catalog) section(cmd *cobra.Command, name string) *section {
	if cmd.Hidden || name == "help" || name == "completion" { // what cobra adds
		return nil
	}
	s := &section{name: name, cmd: cmd}
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
		if f.Name != "help" {
			s.flags = append(s.flags, f)
		}
	})
	if len(s.flags) > 0 {
		c.commands = append(c.commands, s)
	}
	for _, below := range cmd.Commands() {
		if b := c.section(below, name+" "+below.Name()); b != nil {
			s.sections = append(s.sections, b)
		}
	}
	if len(s.flags) == 0 && len(s.sections) == 0 {
		return nil
	}
	return s
}

// same reports whether a flag takes the same kind of value in all commands, and
// is the same where it is not given. The words of its help may differ.
func same(flags holders) bool {
	first := flags[0].flag(flags.name())
	return !slices.ContainsFunc(flags, func(h holder) bool {
		f := h.flag(h.name)
		return f.Value.Type() != first.Value.Type() || f.DefValue != first.DefValue
	})
}

// holder is a command that has a flag of some name.
type holder struct {
	*section
	name string
}

type holders []holder

func (h holders) name() string { return h[0].name }

func (h holders) commands() []string {
	all := make([]string, len(h))
	for i := range h {
		all[i] = h[i].section.name
	}
	return all
}

// having lists the commands that have a flag.
func (c *Catalog) having(flag string) (all holders) {
	for _, s := range c.commands {
		if s.flag(flag) != nil {
			all = append(all, holder{s, flag})
		}
	}
	return all
}

// Having counts the commands that have a flag.
func (c *Catalog) Having(flag string) int { return len(c.having(flag)) }

// names are those of all flags, in the order in which commands first have them.
func (c *Catalog) names() (all []string) {
	seen := map[string]bool{}
	for _, s := range c.commands {
		for _, f := range s.flags {
			if !seen[f.Name] {
				seen[f.Name] = true
				all = append(all, f.Name)
			}
		}
	}
	return all
}

// of finds the section of a command; nil where it has nothing to set.
func (c *Catalog) of(cmd *cobra.Command) *section {
	i := slices.IndexFunc(c.commands, func(s *section) bool { return s.cmd == cmd })
	if i < 0 {
		return nil
	}
	return c.commands[i]
}

// Has reports whether a command has anything to set.
func (c *Catalog) Has(cmd *cobra.Command) bool { return c.of(cmd) != nil }

func (s *section) flag(name string) *pflag.Flag {
	i := slices.IndexFunc(s.flags, func(f *pflag.Flag) bool { return f.Name == name })
	if i < 0 {
		return nil
	}
	return s.flags[i]
}

func (s *section) below(name string) *section {
	i := slices.IndexFunc(s.sections, func(b *section) bool { return b.key() == name })
	if i < 0 {
		return nil
	}
	return s.sections[i]
}

// key is the section's name in the section above it.
func (s *section) key() string { return s.name[strings.LastIndex(s.name, " ")+1:] }

// Setting is a flag of a command, with what it is set to.
type Setting struct {
	Command string
	Flag    *pflag.Flag
}

// Settings lists what can be set for a command; for nil, for all of them.
func (c *Catalog) Settings(cmd *cobra.Command) (all []Setting) {
	for _, s := range c.commands {
		if cmd != nil && s.cmd != cmd {
			continue
		}
		for _, f := range s.flags {
			all = append(all, Setting{s.name, f})
		}
	}
	return all
}

// Commands are the commands that have something to set.
func (c *Catalog) Commands() (all []*cobra.Command) {
	for _, s := range c.commands {
		all = append(all, s.cmd)
	}
	return all
}
