package profile

import (
	"os"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/internal/strictyaml"
)

// Expectations reads which statuses controls must have: a YAML file with one
// line a control, "control: status".
func (p *Profile) Expectations(name string) (map[string]finding.Status, error) {
	text, err := readFile(expectationsForm, name)
	if err != nil {
		return nil, err
	}
	d, err := parse(expectationsForm, name, text)
	if err != nil {
		return nil, err
	}
	expected := map[string]finding.Status{}
	for _, f := range d.Fields(d.Root(), "the file") {
		d.known(f.Key, f.Name, p)
		text, ok := d.Text(f.Value, "the status of "+f.Name)
		if !ok {
			continue
		}
		status, err := finding.ParseStatus(text)
		if err != nil {
			d.Bad(f.Value, "%v", err)
		}
		expected[f.Name] = status
	}
	if d.Count() > 0 {
		return nil, &LoadError{d.Problems()}
	}
	return expected, nil
}

// Looks reports whether a file looks like a profile: a YAML mapping with
// controls or an include. One that is no YAML looks like one, so that its
// mistake is found.
func Looks(name string) (bool, error) {
	text, err := readFile(profileForm, name)
	if err != nil {
		return false, err
	}
	d, err := profileForm.ParseText(name, text)
	if err != nil {
		return len(text) > 0, nil //nolint:nilerr // who loads it is told
	}
	if d.Root().Kind != yaml.MappingNode {
		return d.Count() > 0, nil
	}
	return slices.ContainsFunc(d.Fields(d.Root(), profileForm.What), func(f strictyaml.Field) bool {
		return f.Name == "controls" || f.Name == "include"
	}), nil
}

func readFile(form strictyaml.Form, name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read
	return form.Read(name, f)
}
