package settings

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Source is what set a flag.
type Source string

// The sources, from the one that wins down.
const (
	FromFlag        Source = "flag"
	FromEnvironment Source = "environment"
	FromFile        Source = "file"
	FromDefault     Source = "default"
)

// Origin is what set a flag, and where: a variable's name, or a file's with
// line and column.
type Origin struct {
	Source Source
	Place  string
}

// origin is the annotation of flags that the command line did not set.
const origin = "origin"

// OriginOf says where the value of a flag comes from.
func OriginOf(f *pflag.Flag) Origin {
	switch a := f.Annotations[origin]; {
	case len(a) == 2:
		return Origin{Source(a[0]), a[1]}
	case f.Changed:
		return Origin{FromFlag, "--" + f.Name}
	}
	return Origin{Source: FromDefault}
}

// VariableOf is the variable that sets a flag.
func VariableOf(flag string) string {
	return "ASSAY_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// Apply gives the flags of a command that were not given on the command line
// the values of variables, and what is left those of a file, which may be nil.
func (c *Catalog) Apply(cmd *cobra.Command, lookup func(string) (string, bool), file *File) error {
	s := c.of(cmd)
	if s == nil {
		return nil
	}
	if err := c.applyVariables(s, lookup); err != nil || file == nil {
		return err
	}
	return c.applyFile(s, file)
}

func (c *Catalog) applyVariables(s *section, lookup func(string) (string, bool)) error {
	flags, every := s.cmd.Flags(), c.rules.EveryVariable(s.name)
	for _, f := range c.open(s) {
		if !every && c.common.flag(f.Name) == nil {
			continue
		}
		name := VariableOf(f.Name)
		value, ok := lookup(name)
		if !ok {
			continue
		}
		if err := flags.Set(f.Name, value); err != nil {
			return fmt.Errorf("%s=%q: %w", name, value, err)
		}
		if err := flags.SetAnnotation(f.Name, origin, []string{string(FromEnvironment), name}); err != nil {
			return err
		}
	}
	return nil
}

// applyFile takes what a command's own section says, and then what all share.
func (c *Catalog) applyFile(s *section, file *File) error {
	flags := s.cmd.Flags()
	for _, part := range []string{s.name, Common} {
		for _, f := range c.open(s) {
			v, ok := file.values[part][f.Name]
			if !ok {
				continue
			}
			place := fmt.Sprintf("%s:%d:%d", file.name, v.line, v.column)
			if err := v.set(flags, f); err != nil {
				return fmt.Errorf("%s: %s: %w", place, f.Name, err)
			}
			if err := flags.SetAnnotation(f.Name, origin, []string{string(FromFile), place}); err != nil {
				return err
			}
		}
	}
	return nil
}

// open lists the flags that nothing has set yet, and no rival of theirs.
func (c *Catalog) open(s *section) (all []*pflag.Flag) {
	for _, f := range s.flags {
		if !f.Changed && !c.silenced(s, f.Name) {
			all = append(all, f)
		}
	}
	return all
}

// silenced reports whether a flag is set that can't be given together with this
// one. One that is switched off says nothing.
func (c *Catalog) silenced(s *section, name string) bool {
	for _, rivals := range c.rules.Rivals {
		if !slices.Contains(rivals, name) {
			continue
		}
		for _, r := range rivals {
			if f := s.flag(r); r != name && f != nil && f.Changed && f.Value.String() != "false" {
				return true
			}
		}
	}
	return false
}

// Whence says where the values were set that an error is about, when that was
// not on the command line: who has not typed --fail-on must learn who did.
func Whence(flags *pflag.FlagSet, message string) string {
	var all []string
	flags.VisitAll(func(f *pflag.Flag) {
		from := OriginOf(f)
		if from.Source != FromEnvironment && from.Source != FromFile || strings.Contains(message, from.Place) || !mentions(message, f) {
			return
		}
		by := "by"
		if from.Source == FromFile {
			by = "in"
		}
		all = append(all, fmt.Sprintf("--%s is set %s %s", f.Name, by, from.Place))
	})
	if len(all) == 0 {
		return ""
	}
	return " (" + strings.Join(all, ", ") + ")"
}

// mentions reports whether a message names a flag, or quotes its value.
func mentions(message string, f *pflag.Flag) bool {
	name := "--" + f.Name
	for rest := message; ; {
		_, after, ok := strings.Cut(rest, name)
		if !ok {
			break
		}
		if after == "" || !strings.ContainsRune("abcdefghijklmnopqrstuvwxyz0123456789-", rune(after[0])) {
			return true
		}
		rest = after
	}
	values := []string{f.Value.String()}
	if l, ok := f.Value.(pflag.SliceValue); ok {
		values = l.GetSlice()
	}
	return slices.ContainsFunc(values, func(v string) bool {
		switch form := formOf(f); {
		case v == "" || form != text && form != list:
			return false
		case filepath.IsAbs(v) && strings.Contains(message, v):
			return true
		}
		return strings.Contains(message, fmt.Sprintf("%q", v))
	})
}
