package profile

import (
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/internal/strictyaml"
)

// LoadError says what is wrong with a profile: each problem with its place.
type LoadError struct {
	Problems []finding.Problem
}

// Error is one line a problem: file:line:column: message.
func (e *LoadError) Error() string { return (&strictyaml.Error{Problems: e.Problems}).Error() }

const maxFileBytes = 4 << 20

var (
	profileForm      = strictyaml.Form{What: "a profile", MaxBytes: maxFileBytes}
	expectationsForm = strictyaml.Form{What: "a file of expectations", MaxBytes: maxFileBytes}
)

// document is a file that is being read.
type document struct {
	*strictyaml.Document
	// lines are the text itself, in which expressions have their place.
	lines []string
}

// yamlBreak is what YAML takes for the end of a line.
var yamlBreak = regexp.MustCompile("\r\n|[\n\r\u0085\u2028\u2029]")

func parse(form strictyaml.Form, name string, text []byte) (*document, error) {
	d, err := form.ParseText(name, text)
	if err != nil {
		return nil, err
	}
	return &document{d, yamlBreak.Split(string(text), -1)}, nil
}

// oneOrMore is the elements of a list; a single value stands for a list of one.
func (d *document) oneOrMore(n *yaml.Node, what string) []*yaml.Node {
	if n != nil && n.Kind != yaml.SequenceNode {
		return []*yaml.Node{n}
	}
	return d.List(n, what)
}

// text is a scalar as it is written; empty where there is none.
func (d *document) text(n *yaml.Node, what string) string {
	s, _ := d.Written(n, what)
	return s
}

// required is a text that must be there.
func (d *document) required(parent *yaml.Node, values map[string]*yaml.Node, key, what string) string {
	n := values[key]
	if n == nil {
		if parent.Kind == yaml.MappingNode {
			d.Bad(parent, "%s has no %s", what, key)
		}
		return ""
	}
	s, ok := d.Written(n, key)
	if ok && strings.TrimSpace(s) == "" {
		d.Bad(n, "%s of %s is empty", key, what)
	}
	return s
}

func (d *document) texts(n *yaml.Node, what string) []string {
	var all []string
	for _, e := range d.oneOrMore(n, what) {
		all = append(all, d.text(e, "each of "+what))
	}
	return all
}

// impact is a number from 0 to 1.
func (d *document) impact(n *yaml.Node, what string) float64 {
	s, ok := d.Written(n, what)
	if !ok {
		return 0
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || !(v >= 0 && v <= 1) {
		d.Bad(n, "%s must be a number from 0.0 to 1.0", what)
		return 0
	}
	return v
}
