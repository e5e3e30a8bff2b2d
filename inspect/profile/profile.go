package profile

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/inspect/profile/builtin"
	"github.com/kubeassay/assay/internal/nearest"
)

// Profile is a set of controls, ready to be evaluated. It never changes, and
// may be used by many goroutines at once.
type Profile struct {
	Name, Title, Version, Summary string
	// Inputs are the profile's own and those of included profiles that the
	// inclusion leaves open.
	Inputs []Input
	// Controls are in the order of the files; those of included profiles come first.
	Controls []*Control
	// SHA256, in hex, is over all files that the profile is made of.
	SHA256 string
	// Files are those files: the first is the profile's own.
	Files []string

	language *language
	units    []*unit
	// given are values of inputs, see WithInputs.
	given map[string]any
}

// Control is one rule of a profile.
type Control struct {
	ID, Title, Desc string
	// Impact is from 0.0 to 1.0, see finding.SeverityOf.
	Impact     float64
	Tags       map[string][]string
	Check, Fix string
	References []finding.Reference
	Applies    []Applies
	When       []Condition
	Tests      []Test
	// Location is where the control stands.
	Location finding.Location

	unit *unit
}

// Applies says what kind of system a control is about.
type Applies string

// The kinds of system.
const (
	ToContainer Applies = "container"
	ToHost      Applies = "host"
)

// Condition is one under which a control applies.
type Condition struct {
	Expression string
	// Reason is the finding's message where the condition is false.
	Reason string

	compiled *expression
	reason   *template
}

// Test is one of the tests that a control is made of.
type Test struct {
	// Expression must be true; or, with None, is a list that must be empty.
	Expression string
	None       bool
	// Message is what a failure says; parts in {{ }} are expressions.
	Message string
	// Description says what is tested; the expression, if not given.
	Description string

	compiled *expression
	message  *template
}

// Finding names the profile in reports.
func (p *Profile) Finding() finding.Profile {
	f := finding.Profile{Name: p.Name, Title: p.Title, Version: p.Version, Summary: p.Summary, SHA256: p.SHA256}
	for _, in := range p.Inputs {
		v, ok := p.given[in.Name]
		if !ok {
			v = in.Default
		}
		if v == nil {
			continue // not given: what asks for it is in error
		}
		if text, err := json.Marshal(v); err == nil {
			f.Inputs = append(f.Inputs, finding.Input{Name: in.Name, Value: string(text)})
		}
	}
	return f
}

// Rules are the controls as reports state them.
func (p *Profile) Rules() []finding.Rule {
	rules := make([]finding.Rule, len(p.Controls))
	for i, c := range p.Controls {
		impact := c.Impact
		rules[i] = finding.Rule{
			ID: c.ID, Title: c.Title, Severity: finding.SeverityOf(impact), Description: c.Desc, Check: c.Check, Fix: c.Fix,
			References: c.References, Profile: p.Name, Impact: &impact, Tags: c.Tags, Code: c.code(),
		}
		if at := c.Location; at.File != "" {
			rules[i].Location = &at
		}
	}
	return rules
}

// code is what decides: the conditions and the tests, a line each.
func (c *Control) code() string {
	var lines []string
	for _, w := range c.When {
		lines = append(lines, "when: "+w.Expression)
	}
	for _, t := range c.Tests {
		if t.None {
			lines = append(lines, "none: "+t.Expression)
		} else {
			lines = append(lines, t.Expression)
		}
	}
	return strings.Join(lines, "\n")
}

// Control returns the control of that ID, or nil.
func (p *Profile) Control(id string) *Control {
	if i := slices.IndexFunc(p.Controls, func(c *Control) bool { return c.ID == id }); i >= 0 {
		return p.Controls[i]
	}
	return nil
}

// WithInputs returns the profile with values for its inputs, which are checked
// against their types. Values that were given before stay.
func (p *Profile) WithInputs(values map[string]any) (*Profile, error) {
	given := maps.Clone(p.given)
	if given == nil {
		given = map[string]any{}
	}
	maps.Copy(given, values)
	if _, err := p.bind(given); err != nil {
		return nil, err
	}
	q := *p
	q.given = given
	return &q, nil
}

// BuiltinNames are the names of the built-in profiles.
func BuiltinNames() []string {
	files, err := fs.Glob(builtin.Files, "*"+extension)
	if err != nil {
		return nil // the pattern is well-formed
	}
	for i, f := range files {
		files[i] = strings.TrimSuffix(f, extension)
	}
	return files
}

// Builtin loads a built-in profile by its name.
func Builtin(name string) (*Profile, error) {
	if !slices.Contains(BuiltinNames(), name) {
		return nil, fmt.Errorf("there is no built-in profile %q%s: use one of %s, or the path of a file", name,
			nearest.Hint(name, BuiltinNames()), strings.Join(BuiltinNames(), ", "))
	}
	return Load(builtin.Files, name+extension)
}

// Builtins loads all built-in profiles.
func Builtins() ([]*Profile, error) {
	names := BuiltinNames()
	all := make([]*Profile, len(names))
	for i, name := range names {
		var err error
		if all[i], err = Builtin(name); err != nil {
			return nil, fmt.Errorf("loading the built-in profile %s: %w", name, err)
		}
	}
	return all, nil
}

// LoadFile loads a profile from a file. What it includes must be in the
// file's folder or below.
func LoadFile(name string) (*Profile, error) {
	dir, base := filepath.Split(name)
	if dir == "" {
		dir = "."
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("loading the profile %s: %w", name, err)
	}
	defer func() { _ = root.Close() }() // nothing was written
	return load(root.FS(), filepath.ToSlash(base), filepath.ToSlash(dir))
}

// extension is that of profiles' files.
const extension = ".yaml"

// Find loads a profile by what a user calls it: the name of a built-in
// profile, or the path of a file.
func Find(name string) (*Profile, error) {
	if slices.Contains(BuiltinNames(), name) {
		return Builtin(name)
	}
	if ext := path.Ext(name); ext != extension && ext != ".yml" && !strings.ContainsAny(name, `/\`) {
		return Builtin(name) // says which there are
	}
	return LoadFile(name)
}
