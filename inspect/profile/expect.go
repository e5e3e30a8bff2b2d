package profile

import (
	"fmt"
	"io"
	"os"

	"go.yaml.in/yaml/v3"

	"github.com/kubeassay/assay/finding"
)

// Expectations reads which statuses controls must have: a YAML file with one
// line a control, "control: status".
func (p *Profile) Expectations(name string) (map[string]finding.Status, error) {
	data, err := readFile(name)
	if err != nil {
		return nil, err
	}
	d := &document{file: name}
	expected := map[string]finding.Status{}
	for k, v := range d.pairs(d.parse(data), "the file") {
		d.known(k, k.Value, p)
		status, err := finding.ParseStatus(d.text(v, "the status of "+k.Value))
		if err != nil {
			d.errorf(v, "%v", err)
		}
		expected[k.Value] = status
	}
	if len(d.problems) > 0 {
		return nil, &LoadError{d.problems}
	}
	return expected, nil
}

// Looks reports whether a file looks like a profile: a YAML mapping with
// controls or an include. One that is no YAML looks like one, so that its
// mistake is found.
func Looks(name string) (bool, error) {
	data, err := readFile(name)
	if err != nil {
		return false, err
	}
	var d document
	root := d.parse(data)
	if root == nil {
		return len(data) > 0, nil
	}
	for i := 0; root.Kind == yaml.MappingNode && i < len(root.Content); i += 2 {
		if k := root.Content[i].Value; k == "controls" || k == "include" {
			return true, nil
		}
	}
	return false, nil
}

func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read
	data, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err == nil && len(data) > maxFileBytes {
		err = fmt.Errorf("%s: the file is larger than %d MiB", name, maxFileBytes>>20)
	}
	return data, err
}
