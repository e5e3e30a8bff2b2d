package profile

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/inspect/profile/builtin"
	"github.com/kubeassay/assay/internal/excerpt"
	"github.com/kubeassay/assay/internal/strictyaml"
)

// What a profile may consist of at most.
const (
	maxFiles    = 64
	maxControls = 10_000
)

// Load reads a profile and all that it includes. What is wrong with it comes
// back as a *LoadError, with every problem's place.
func Load(fsys fs.FS, name string) (*Profile, error) { return load(fsys, name, "") }

// load names files in problems as the user would, below dir.
func load(fsys fs.FS, name, dir string) (*Profile, error) {
	lang, err := newLanguage()
	if err != nil {
		return nil, err
	}
	l := &loader{language: lang, hash: sha256.New()}
	p := l.profile(source{fsys: fsys, dir: dir}, name, finding.Location{File: path.Join(dir, name)}, nil)
	if len(l.problems) > 0 {
		return nil, &LoadError{l.problems}
	}
	p.SHA256 = hex.EncodeToString(l.hash.Sum(nil))
	p.Files = l.files
	return p, nil
}

// source is where files come from.
type source struct {
	fsys    fs.FS
	dir     string // how the user calls it
	builtin bool
}

func (s source) display(name string) string {
	if s.builtin {
		return "builtin:" + name
	}
	return path.Join(s.dir, name)
}

type loader struct {
	language *language
	hash     hash.Hash
	files    []string
	problems []finding.Problem
}

func (l *loader) problemAt(at finding.Location, format string, args ...any) {
	l.problems = append(l.problems, finding.Problem{File: at.File, Line: at.Line, Column: at.Column, Message: fmt.Sprintf(format, args...)})
}

// read returns a file's bytes, and makes them part of the profile's hash.
func (l *loader) read(s source, name string) ([]byte, error) {
	if len(l.files) >= maxFiles {
		return nil, fmt.Errorf("a profile is made of at most %d files", maxFiles)
	}
	f, err := s.fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // nothing was written
	display := s.display(name)
	data, err := profileForm.Read(display, f)
	if err != nil {
		return nil, err
	}
	l.files = append(l.files, display)
	if display = name; s.builtin {
		display = "builtin:" + name
	}
	// Lengths first: no two lists of files look the same. The folder is no part of it.
	_, _ = fmt.Fprintf(l.hash, "%d:%s%d:", len(display), display, len(data)) // a hash can't fail
	_, _ = l.hash.Write(data)
	return data, nil
}

// profile loads one file. At is where it was asked for, stack what is being loaded.
func (l *loader) profile(s source, name string, at finding.Location, stack []string) *Profile {
	p := &Profile{language: l.language}
	display := s.display(name)
	if slices.Contains(stack, display) {
		l.problemAt(at, "profiles include each other in a circle: %s", strings.Join(append(stack, display), " → "))
		return p
	}
	data, err := l.read(s, name)
	if err != nil {
		l.wrong(display, err, at)
		return p
	}
	d, err := parse(profileForm, display, data)
	if err != nil {
		l.wrong(display, err, at)
		return p
	}
	defer func() { l.problems = append(l.problems, d.Problems()...) }()
	root := d.Root()
	values := d.Keys(root, profileForm.What, "name", "title", "version", "summary", "inputs", "include", "controls")
	if root.Kind != yaml.MappingNode {
		return p
	}
	p.Name = d.required(root, values, "name", "the profile")
	if p.Name != "" && !word(p.Name) {
		d.Bad(values["name"], "the name %s must be made of letters, digits, dots, dashes and underscores", excerpt.Quote(p.Name))
	}
	p.Title = d.required(root, values, "title", "the profile")
	p.Version = d.text(values["version"], "version")
	p.Summary = strings.TrimSpace(d.text(values["summary"], "summary"))
	u := &unit{inputs: d.inputs(values["inputs"])}
	p.Inputs = slices.Clone(u.inputs)
	for _, n := range d.List(values["include"], "include") {
		l.include(d, p, s, name, n, append(slices.Clone(stack), display))
	}
	compiler, err := l.language.forUnit(u)
	if err != nil {
		d.Bad(cmp.Or(values["inputs"], root), "%v", err)
		return p
	}
	p.units = append(p.units, u)
	if values["controls"] == nil && values["include"] == nil {
		d.Bad(root, "the profile has no controls, and includes none")
	}
	for _, n := range d.List(values["controls"], "controls") {
		c := d.control(n, compiler)
		c.unit = u
		if !l.add(d, p, c, n) {
			break
		}
	}
	return p
}

// wrong tells why a file can't be read: at the place that is to blame for it in
// the file itself, else where it was asked for.
func (l *loader) wrong(name string, err error, at finding.Location) {
	var wrong *strictyaml.Error
	if errors.As(err, &wrong) {
		l.problems = append(l.problems, wrong.Problems...)
		return
	}
	why := unreadable(name, err)
	if at.File == name { // which stands before it already
		why = strings.TrimPrefix(why, name+": ")
	}
	l.problemAt(at, "%s", why)
}

// unreadable says why in words.
func unreadable(name string, err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Sprintf("%s: there is no such file", name)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Sprintf("%s: no permission to read it", name)
	}
	if pathError := (*fs.PathError)(nil); errors.As(err, &pathError) {
		err = pathError.Err
	}
	return fmt.Sprintf("reading %s: %v", name, err)
}

// add appends a control, unless its ID is taken. False: there are too many.
func (l *loader) add(d *document, p *Profile, c *Control, n *yaml.Node) bool {
	if len(p.Controls) >= maxControls {
		d.Bad(n, "a profile has at most %d controls", maxControls)
		return false
	}
	if other := p.Control(c.ID); other != nil && c.ID != "" {
		d.Bad(n, "there is a control %q already, at %s: skip that one, or choose another id", c.ID, other.Location)
		return true
	}
	p.Controls = append(p.Controls, c)
	return true
}

// include adds the controls of another profile.
func (l *loader) include(d *document, p *Profile, s source, from string, n *yaml.Node, stack []string) {
	values := d.Keys(n, "an entry of include", "profile", "skip", "impact", "inputs")
	ref := d.required(n, values, "profile", "an entry of include")
	if ref == "" {
		return
	}
	at := values["profile"]
	var name string
	if strings.Contains(ref, "/") || path.Ext(ref) == extension || path.Ext(ref) == ".yml" {
		name = path.Join(path.Dir(from), ref)
		if path.IsAbs(ref) || strings.Contains(ref, `\`) || !fs.ValidPath(name) {
			d.Bad(at, "%s leads out of the profile's folder: what is included must be in it, or below", excerpt.Quote(ref))
			return
		}
	} else {
		if !slices.Contains(BuiltinNames(), ref) {
			d.Bad(at, "there is no built-in profile %s%s: a file's name ends in %s", excerpt.Quote(ref), d.Hint(ref, BuiltinNames()), extension)
			return
		}
		s, name = source{fsys: builtin.Files, builtin: true}, ref+extension
	}
	before := len(l.problems)
	q := l.profile(s, name, finding.Location{File: d.Name(), Line: at.Line, Column: at.Column}, stack)
	if len(l.problems) > before {
		return // its controls are not all there
	}
	skip := d.texts(values["skip"], "skip")
	for _, id := range skip {
		d.known(values["skip"], id, q)
	}
	impacts := map[string]float64{}
	for _, f := range d.Fields(values["impact"], "impact") {
		d.known(f.Key, f.Name, q)
		impacts[f.Name] = d.impact(f.Value, "the impact of "+f.Name)
	}
	fixed := d.fixed(values["inputs"], q)
	l.open(d, at, p, q, fixed)
	p.units = append(p.units, q.units...)
	for _, c := range q.Controls {
		if slices.Contains(skip, c.ID) {
			continue
		}
		if impact, ok := impacts[c.ID]; ok {
			c.Impact = impact
		}
		if !l.add(d, p, c, at) {
			return
		}
	}
}

// known says where an ID is no control's.
func (d *document) known(n *yaml.Node, id string, p *Profile) {
	if p.Control(id) != nil {
		return
	}
	var ids []string
	for i := 0; i < len(p.Controls) && !d.Full(); i++ {
		ids = append(ids, p.Controls[i].ID)
	}
	d.Bad(n, "the profile %s has no control %s%s", p.Name, excerpt.Quote(id), d.Hint(id, ids))
}

// fixed reads the values that an inclusion gives to inputs.
func (d *document) fixed(n *yaml.Node, q *Profile) map[string]any {
	fixed := map[string]any{}
	names := make([]string, len(q.Inputs))
	for i, in := range q.Inputs {
		names[i] = in.Name
	}
	for _, f := range d.Fields(n, "inputs") {
		i := slices.Index(names, f.Name)
		if i < 0 {
			d.Bad(f.Key, "the profile %s has no input %s%s", q.Name, excerpt.Quote(f.Name), d.Hint(f.Name, names))
			continue
		}
		fixed[f.Name] = d.inputValue(f.Value, q.Inputs[i].Type, "the input "+f.Name)
	}
	return fixed
}

// open makes the inputs of an included profile that are not fixed inputs of
// the including one. A name that both have must be of one type, and is one input.
func (l *loader) open(d *document, at *yaml.Node, p, q *Profile, fixed map[string]any) {
	for _, in := range q.Inputs {
		if v, ok := fixed[in.Name]; ok {
			for _, u := range q.units {
				u.fix(in.Name, v)
			}
			continue
		}
		i := slices.IndexFunc(p.Inputs, func(other Input) bool { return other.Name == in.Name })
		switch {
		case i < 0:
			p.Inputs = append(p.Inputs, in)
		case p.Inputs[i].Type != in.Type:
			d.Bad(at, "the input %s is of type %s here, and of type %s in the profile %s: give it a value under inputs", in.Name, p.Inputs[i].Type, in.Type, q.Name)
		}
	}
}

func (u *unit) fix(name string, v any) {
	if _, ok := u.fixed[name]; ok {
		return // closer inclusions know better
	}
	if u.fixed == nil {
		u.fixed = map[string]any{}
	}
	u.fixed[name] = v
}

// word reports whether a name needs no quoting anywhere.
func word(s string) bool {
	for i, c := range []byte(s) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case (c == '-' || c == '_' || c == '.') && i > 0:
		default:
			return false
		}
	}
	return s != "" && len(s) <= 128
}
