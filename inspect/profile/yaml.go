package profile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/internal/nearest"
)

// LoadError says what is wrong with a profile: each problem with its place.
type LoadError struct {
	Problems []finding.Problem
}

// Error is one line a problem: file:line:column: message.
func (e *LoadError) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// maxProblems bounds what is said about one profile.
const maxProblems = 50

// document is a YAML file that is being read. It keeps going after a problem,
// so that all are said at once.
type document struct {
	file     string
	lines    []string
	problems []finding.Problem
}

func (d *document) errorAt(line, column int, format string, args ...any) {
	if len(d.problems) < maxProblems {
		d.problems = append(d.problems, finding.Problem{File: d.file, Line: line, Column: column, Message: fmt.Sprintf(format, args...)})
	}
}

func (d *document) errorf(n *yaml.Node, format string, args ...any) {
	line, column := 1, 1
	if n != nil {
		line, column = max(n.Line, 1), max(n.Column, 1)
	}
	d.errorAt(line, column, format, args...)
}

// yamlBreak is what YAML takes for the end of a line.
var yamlBreak = regexp.MustCompile("\r\n|[\n\r\u0085\u2028\u2029]")

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)$`)

// parse reads the one document that a file holds; nil where it can't.
func (d *document) parse(data []byte) (root *yaml.Node) {
	d.lines = yamlBreak.Split(string(data), -1)
	defer func() {
		// The parser has panicked on hostile input before.
		if r := recover(); r != nil {
			d.errorAt(1, 1, "is no YAML: %v", r)
			root = nil
		}
	}()
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var doc, second yaml.Node
	if err := decoder.Decode(&doc); err != nil {
		d.yamlError(err)
		return nil
	}
	if err := decoder.Decode(&second); !errors.Is(err, io.EOF) {
		if err != nil {
			d.yamlError(err)
		} else {
			d.errorf(&second, "a profile is one YAML document: give the second a file of its own")
		}
		return nil
	}
	if len(doc.Content) != 1 {
		d.errorf(nil, "the file is empty")
		return nil
	}
	return doc.Content[0]
}

func (d *document) yamlError(err error) {
	if errors.Is(err, io.EOF) {
		d.errorf(nil, "the file is empty")
		return
	}
	line := 1
	text := err.Error()
	if m := yamlLine.FindStringSubmatch(strings.SplitN(text, "\n", 2)[0]); m != nil {
		text = m[2]
		if n, err := strconv.Atoi(m[1]); err == nil {
			line = n
		}
	}
	d.errorAt(line, 1, "is no YAML: %s", text)
}

// plain refuses what would make one node stand for many.
func (d *document) plain(n *yaml.Node) bool {
	if n.Kind == yaml.AliasNode {
		d.errorf(n, "YAML aliases (*%s) are not supported: write it out", n.Value)
		return false
	}
	return true
}

// mapping returns the values of a mapping by their keys, which must be among those given.
func (d *document) mapping(n *yaml.Node, what string, keys ...string) map[string]*yaml.Node {
	values := map[string]*yaml.Node{}
	for k, v := range d.pairs(n, what) {
		if !slices.Contains(keys, k.Value) {
			d.errorf(k, "unknown key %q in %s%s", k.Value, what, nearest.Hint(k.Value, keys))
			continue
		}
		values[k.Value] = v
	}
	return values
}

// pairs yields keys and values, each key once.
func (d *document) pairs(n *yaml.Node, what string) func(yield func(k, v *yaml.Node) bool) {
	return func(yield func(k, v *yaml.Node) bool) {
		if n == nil || !d.plain(n) {
			return
		}
		if n.Kind != yaml.MappingNode {
			d.errorf(n, "%s must be a mapping (key: value)", what)
			return
		}
		seen := map[string]int{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			k, v := n.Content[i], n.Content[i+1]
			if !d.plain(k) || !d.plain(v) {
				continue
			}
			if k.Kind != yaml.ScalarNode {
				d.errorf(k, "a key of %s must be a word", what)
				continue
			}
			if line, ok := seen[k.Value]; ok {
				d.errorf(k, "key %q is given twice, first on line %d", k.Value, line)
				continue
			}
			seen[k.Value] = k.Line
			if !yield(k, v) {
				return
			}
		}
	}
}

// list returns the elements of a sequence; a single value stands for a list of one where single.
func (d *document) list(n *yaml.Node, what string, single bool) []*yaml.Node {
	if n == nil || !d.plain(n) {
		return nil
	}
	if n.Kind != yaml.SequenceNode {
		if single {
			return []*yaml.Node{n}
		}
		d.errorf(n, "%s must be a list (- …)", what)
		return nil
	}
	all := make([]*yaml.Node, 0, len(n.Content))
	for _, e := range n.Content {
		if d.plain(e) {
			all = append(all, e)
		}
	}
	return all
}

// text returns a scalar as it is written.
func (d *document) text(n *yaml.Node, what string) string {
	if n == nil {
		return ""
	}
	if n.Kind != yaml.ScalarNode {
		if d.plain(n) {
			d.errorf(n, "%s must be text", what)
		}
		return ""
	}
	switch n.ShortTag() {
	case "!!null":
		d.errorf(n, "%s is empty", what)
		return ""
	case "!!bool":
		d.errorf(n, "%s must be text: put %s in quotes", what, n.Value)
		return ""
	}
	return n.Value
}

// required is a text that must be there.
func (d *document) required(parent *yaml.Node, values map[string]*yaml.Node, key, what string) string {
	n, ok := values[key]
	if !ok {
		if parent != nil {
			d.errorf(parent, "%s has no %s", what, key)
		}
		return ""
	}
	text := d.text(n, key)
	if strings.TrimSpace(text) == "" && n.ShortTag() == "!!str" {
		d.errorf(n, "%s of %s is empty", key, what)
	}
	return text
}

func (d *document) texts(n *yaml.Node, what string) []string {
	var all []string
	for _, e := range d.list(n, what, true) {
		all = append(all, d.text(e, "each of "+what))
	}
	return all
}

// number returns a number from 0 to 1.
func (d *document) impact(n *yaml.Node, what string) float64 {
	text := d.text(n, what)
	v, err := strconv.ParseFloat(text, 64)
	if n != nil && (err != nil || !(v >= 0 && v <= 1)) {
		d.errorf(n, "%s must be a number from 0.0 to 1.0", what)
		return 0
	}
	return v
}
