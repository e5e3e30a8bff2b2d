package settings

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/kubeassay/assay/internal/excerpt"
	"github.com/kubeassay/assay/internal/strictyaml"
)

// File is what a file of settings says. Nil stands for none, which says nothing.
type File struct {
	name   string
	values map[string]map[string]value // by section, by flag
}

// Name is what the file is called in messages.
func (f *File) Name() string { return f.name }

// fileForm is what files of settings have in common. A person writes far less.
var fileForm = strictyaml.Form{What: "a file of settings", MaxBytes: 256 << 10, APIVersion: APIVersion, Kind: Kind}

// parser reads one file.
type parser struct {
	*strictyaml.Document
	*Catalog
	folder string
	file   *File
}

// Parse reads a file of settings. Every mistake in it is told with its place,
// also those about other commands than the one that is run: who has a file
// wants all of it to hold. Relative paths in it are those below folder.
func (c *Catalog) Parse(name, folder string, r io.Reader) (*File, error) {
	d, err := fileForm.Parse(name, r)
	if err != nil {
		return nil, err
	}
	p := &parser{d, c, folder, &File{name, map[string]map[string]value{}}}
	p.top()
	if err := p.Err(); err != nil {
		return nil, err
	}
	return p.file, nil
}

// top reads what is not below a section.
func (p *parser) top() {
	fields, ok := p.Header()
	if !ok {
		return
	}
	for _, f := range fields {
		if f.Name == Common {
			p.section(p.common, f.Value)
		} else if s := p.Catalog.root.below(f.Name); s != nil {
			p.section(s, f.Value)
		} else {
			p.Bad(f.Key, "there is no section %s%s", excerpt.Quote(f.Name), p.otherSection(f.Name))
		}
	}
}

// section reads the settings of a command, or the sections of a group of them.
func (p *parser) section(s *section, n *yaml.Node) {
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" {
		p.Bad(n, "%s is empty: give it settings, or leave it out", s.name)
		return
	}
	for _, f := range p.Fields(n, s.name) {
		if below := s.below(f.Name); below != nil {
			p.section(below, f.Value)
			continue
		}
		flag := s.flag(f.Name)
		if why := p.rules.Refuse(f.Name); why != "" {
			p.Bad(f.Key, "%s can't be set by a file: %s", f.Name, why)
			continue
		}
		if flag == nil {
			p.Bad(f.Key, "%s", p.unknown(s, f.Name))
			continue
		}
		v, ok := p.value(f.Value, flag)
		if !ok || !p.resolve(f, &v) {
			continue
		}
		if p.file.values[s.name] == nil {
			p.file.values[s.name] = map[string]value{}
		}
		p.file.values[s.name][f.Name] = v
	}
}

// resolve makes relative paths those below the file's folder.
func (p *parser) resolve(f strictyaml.Field, v *value) bool {
	for i := range v.texts {
		path, err := p.rules.Resolve(f.Name, v.texts[i], p.folder)
		if err != nil {
			p.Bad(f.Value, "%s: %v", f.Name, err)
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
		return "", fmt.Errorf("%s: ~ means nothing in a file: write the whole path, or ./%s for a file that is called so", excerpt.Quote(path), excerpt.Of(path, 60))
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
	what := fmt.Sprintf("%s has no setting %s", s.name, excerpt.Quote(key))
	if hint := p.Hint(key, names); hint != "" {
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
	if hint := p.Hint(name, names); hint != "" {
		return hint
	}
	if all := p.having(name); len(all) > 0 {
		return fmt.Sprintf(": %s is a setting: put it under %s, or another command's section", name, nested(all[0].section))
	}
	return ": use one of " + strings.Join(slices.DeleteFunc(names, func(s string) bool { return s == "apiVersion" || s == "kind" }), ", ")
}
