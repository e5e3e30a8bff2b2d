package settings

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxFile is far more than a person writes. What the YAML library makes of it
// in memory is at most two hundred times as much.
const maxFile = 256 << 10

// maxProblems is how many mistakes of one file are told.
const maxProblems = 20

// document reads one YAML file strictly, and keeps every mistake with its place.
type document struct {
	name     string
	problems []problem
	more     int // problems that are not kept
}

// problem is a mistake with its place.
type problem struct {
	line, column int
	text         string
}

// parse returns the root of the file's only document. Aliases stay what they
// are: nothing here follows one, so that none can stand for very much.
func (d *document) parse(r io.Reader) (root *yaml.Node, err error) {
	data, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("reading the settings: %w", err)
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("%s: the file is larger than %d KiB, which no settings are: is it the right one?", d.name, maxFile>>10)
	}
	defer func() {
		// The parser has panicked on hostile input before.
		if r := recover(); r != nil {
			root, err = nil, fmt.Errorf("%s: this is not valid YAML: %v", d.name, r)
		}
	}()
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc, second yaml.Node
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
		return nil, d.empty()
	} else if err != nil {
		return nil, d.syntax(err, data)
	}
	if err := dec.Decode(&second); err == nil {
		return nil, fmt.Errorf("%s:%d:%d: a second document begins here: settings are one", d.name, second.Line, second.Column)
	} else if !errors.Is(err, io.EOF) {
		return nil, d.syntax(err, data)
	}
	if len(doc.Content) != 1 {
		return nil, d.empty()
	}
	return doc.Content[0], nil
}

func (d *document) empty() error {
	return fmt.Errorf("%s: the file is empty: it begins with apiVersion: %s and kind: %s", d.name, APIVersion, Kind)
}

var (
	yamlLine    = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)
	yamlNoAlias = regexp.MustCompile(`^yaml: unknown anchor '(.+)' referenced$`)
)

// syntax words an error of the YAML library as all others are.
func (d *document) syntax(err error, data []byte) error {
	text := err.Error()
	if m := yamlNoAlias.FindStringSubmatch(text); m != nil { // the only one whose place the library does not tell
		if before, _, ok := bytes.Cut(data, []byte("*"+m[1])); ok {
			line := 1 + bytes.Count(before, []byte("\n"))
			return fmt.Errorf("%s:%d: an alias (*%s) is not supported here: write it out", d.name, line, shortened(m[1]))
		}
	}
	m := yamlLine.FindStringSubmatch(text)
	if m == nil {
		return fmt.Errorf("%s: %s", d.name, text)
	}
	place := d.name
	if m[1] != "" {
		place += ":" + m[1]
	}
	return fmt.Errorf("%s: this is not valid YAML: %s", place, strings.TrimPrefix(text, m[0]))
}

// bad keeps a mistake at a node.
func (d *document) bad(n *yaml.Node, format string, args ...any) {
	if len(d.problems) >= maxProblems {
		d.more++
		return
	}
	d.problems = append(d.problems, problem{n.Line, n.Column, fmt.Sprintf(format, args...)})
}

// err joins all mistakes in the order of their places; nil where there is none.
func (d *document) err() error {
	slices.SortStableFunc(d.problems, func(a, b problem) int {
		return cmp.Or(cmp.Compare(a.line, b.line), cmp.Compare(a.column, b.column))
	})
	var all []error
	for _, p := range d.problems {
		all = append(all, fmt.Errorf("%s:%d:%d: %s", d.name, p.line, p.column, p.text))
	}
	if d.more > 0 {
		all = append(all, fmt.Errorf("%s: and %d more", d.name, d.more))
	}
	return errors.Join(all...)
}

// field is a key of a mapping with its value.
type field struct {
	name       string
	key, value *yaml.Node
}

// fields lists the keys of a mapping, of which what says what it is.
func (d *document) fields(n *yaml.Node, what string) []field {
	if n.Kind != yaml.MappingNode {
		d.bad(n, "%s must be keys with values, not %s", what, kindOf(n))
		return nil
	}
	var all []field
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Kind != yaml.ScalarNode || key.ShortTag() != "!!str" {
			d.bad(key, "a key must be a plain word, not %s", kindOf(key))
			continue
		}
		if line, ok := seen[key.Value]; ok {
			d.bad(key, "%s is given twice; the other is in line %d", quoted(key.Value), line)
			continue
		}
		seen[key.Value] = key.Line
		all = append(all, field{key.Value, key, value})
	}
	return all
}

// text returns the value of a text.
func (d *document) text(n *yaml.Node, what string) (string, bool) {
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!str" {
		return n.Value, true
	}
	hint := ""
	if n.Kind == yaml.ScalarNode && n.ShortTag() != "!!null" && n.ShortTag() != "!!merge" {
		hint = ": put it into quotes"
	}
	d.bad(n, "%s must be text, not %s%s", what, kindOf(n), hint)
	return "", false
}

// kindOf says what a node is, in a message.
func kindOf(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "keys with values"
	case yaml.SequenceNode:
		return "a list"
	case yaml.AliasNode:
		return "an alias (*" + shortened(n.Value) + "), which is not supported here: write it out"
	}
	switch n.ShortTag() {
	case "!!null":
		return "nothing"
	case "!!str":
		return "the text " + quoted(n.Value)
	case "!!merge":
		return "a merge key (<<), which is not supported here: write it out"
	}
	return shortened(n.Value)
}

// quoted is text from the file as a message shows it: in one line, and not too long.
func quoted(s string) string { return fmt.Sprintf("%q", shortened(s)) }

func shortened(s string) string {
	const most = 60
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
