package settings

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/kubeassay/assay/internal/nearest"
)

// File is what a file of settings says. Nil stands for none, which says nothing.
type File struct {
	name   string
	values map[string]map[string]value // by section, by flag
}

// Name is what the file is called in messages.
func (f *File) Name() string { return f.name }

// parser reads one file.
type parser struct {
	document
	*Catalog
	folder string
	file   *File
}

// Parse reads a file of settings. Every mistake in it is told with its place,
// also those about other commands than the one that is run: who has a file
// wants all of it to hold. Relative paths in it are those below folder.
func (c *Catalog) Parse(name, folder string, r io.Reader) (*File, error) {
	p := &parser{document{name: name}, c, folder, &File{name, map[string]map[string]value{}}}
	root, err := p.parse(r)
	if err != nil {
		return nil, err
	}
	p.top(root)
	if err := p.err(); err != nil {
		return nil, err
	}
	return p.file, nil
}

// top reads what is not below a section.
func (p *parser) top(root *yaml.Node) {
	fields := p.fields(root, "settings")
	if root.Kind != yaml.MappingNode {
		return
	}
	wanted := map[string]string{"apiVersion": APIVersion, "kind": Kind}
	for _, f := range fields {
		if want, ok := wanted[f.name]; ok {
			if got, ok := p.text(f.value, f.name); ok && got != want {
				p.bad(f.value, "%s is %s, and must be %s", f.name, quoted(got), want)
			}
			delete(wanted, f.name)
		} else if f.name == Common {
			p.section(p.common, f.value)
		} else if s := p.Catalog.root.below(f.name); s != nil {
			p.section(s, f.value)
		} else {
			p.bad(f.key, "there is no section %s%s", quoted(f.name), p.otherSection(f.name))
		}
	}
	for _, key := range []string{"apiVersion", "kind"} {
		if want, ok := wanted[key]; ok {
			p.bad(root, "%s is missing: a file of settings says %s: %s", key, key, want)
		}
	}
}

// section reads the settings of a command, or the sections of a group of them.
func (p *parser) section(s *section, n *yaml.Node) {
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" {
		p.bad(n, "%s is empty: give it settings, or leave it out", s.name)
		return
	}
	for _, f := range p.fields(n, s.name) {
		if below := s.below(f.name); below != nil {
			p.section(below, f.value)
			continue
		}
		flag := s.flag(f.name)
		if why := p.rules.Refuse(f.name); why != "" {
			p.bad(f.key, "%s can't be set by a file: %s", f.name, why)
			continue
		}
		if flag == nil {
			p.bad(f.key, "%s", p.unknown(s, f.name))
			continue
		}
		v, ok := p.value(f.value, flag)
		if !ok || !p.resolve(f, &v) {
			continue
		}
		if p.file.values[s.name] == nil {
			p.file.values[s.name] = map[string]value{}
		}
		p.file.values[s.name][f.name] = v
	}
}

// resolve makes relative paths those below the file's folder.
func (p *parser) resolve(f field, v *value) bool {
	for i := range v.texts {
		path, err := p.rules.Resolve(f.name, v.texts[i], p.folder)
		if err != nil {
			p.bad(f.value, "%s: %v", f.name, err)
			return false
		}
		v.texts[i] = path
	}
	return true
}

// Below is a relative path made one below a folder. "-", which stands for
// standard input or output, and the empty path stay as they are.
func Below(folder, path string) (string, error) {
	if path == "" || path == "-" || filepath.IsAbs(path) {
		return path, nil
	}
	if strings.HasPrefix(path, "~") {
		return "", fmt.Errorf("%s: ~ means nothing in a file: write the whole path, or ./%s for a file that is called so", quoted(path), shortened(path))
	}
	return filepath.Join(folder, path), nil
}

// unknown says what may have been meant by a key that a section does not have.
func (p *parser) unknown(s *section, key string) string {
	if s == p.common {
		switch all := p.having(key); {
		case len(all) == 1:
			return fmt.Sprintf("%s is a setting of one command: put it under %s", key, nested(all[0].section))
		case len(all) > 1:
			return fmt.Sprintf("%s does not mean the same in all commands: put it under %s", key, anyOf(all.commands()))
		}
	}
	var names []string
	for _, f := range s.flags {
		if p.rules.Refuse(f.Name) == "" {
			names = append(names, f.Name)
		}
	}
	for _, b := range s.sections {
		names = append(names, b.key())
	}
	what := fmt.Sprintf("%s has no setting %s", s.name, quoted(key))
	if hint := nearest.Hint(key, names); hint != "" {
		return what + hint
	}
	if all := p.having(key); len(all) > 0 {
		return fmt.Sprintf("%s: that is a setting of %s", what, anyOf(all.commands()))
	}
	if len(s.flags) == 0 {
		return fmt.Sprintf("%s: it is in sections of its own: %s", what, strings.Join(names, ", "))
	}
	return fmt.Sprintf("%s; see assay %s --help, or assay config schema", what, s.help())
}

// help is the command whose help shows what a section can hold.
func (s *section) help() string {
	if s.name == Common {
		return "scan"
	}
	return s.name
}

// nested is how a command's section is written.
func nested(s *section) string { return strings.ReplaceAll(s.name, " ", ": ") }

// anyOf lists a few names.
func anyOf(names []string) string {
	const most = 4
	if len(names) > most {
		return fmt.Sprintf("%s and %d others", strings.Join(names[:most], ", "), len(names)-most)
	}
	if len(names) == 1 {
		return names[0]
	}
	return strings.Join(names[:len(names)-1], ", ") + " or " + names[len(names)-1]
}

// otherSection says what may have been meant by a section that is not there.
func (p *parser) otherSection(name string) string {
	names := []string{Common, "apiVersion", "kind"}
	for _, s := range p.Catalog.root.sections {
		names = append(names, s.name)
	}
	if hint := nearest.Hint(name, names); hint != "" {
		return hint
	}
	if all := p.having(name); len(all) > 0 {
		return fmt.Sprintf(": %s is a setting: put it under %s, or another command's section", name, nested(all[0].section))
	}
	return ": use one of " + strings.Join(slices.DeleteFunc(names, func(s string) bool { return s == "apiVersion" || s == "kind" }), ", ")
}
