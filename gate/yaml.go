package gate

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxFile is far more than a person writes.
const maxFile = 1 << 20

// maxProblems is how many mistakes of one file are told.
const maxProblems = 20

// document reads one YAML file strictly, and keeps every mistake with its place.
type document struct {
	name     string
	problems []error
	more     int // problems that are not kept
}

// parse returns the root of the file's only document.
func (d *document) parse(r io.Reader) (*yaml.Node, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", d.name, err)
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("reading %s: it is larger than %d KiB, which no such file should be", d.name, maxFile>>10)
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc, second yaml.Node
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: the file is empty", d.name)
	} else if err != nil {
		return nil, d.syntax(err)
	}
	if err := dec.Decode(&second); err == nil {
		return nil, fmt.Errorf("%s:%d:%d: a second document begins here: give it a file of its own", d.name, second.Line, second.Column)
	} else if !errors.Is(err, io.EOF) {
		return nil, d.syntax(err)
	}
	if len(doc.Content) != 1 {
		return nil, fmt.Errorf("%s: the file is empty", d.name)
	}
	return doc.Content[0], nil
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// syntax words an error of the YAML library as all others are.
func (d *document) syntax(err error) error {
	text := err.Error()
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
	d.problems = append(d.problems, fmt.Errorf("%s:%d:%d: %s", d.name, n.Line, n.Column, fmt.Sprintf(format, args...)))
}

// err joins all mistakes; nil where there is none.
func (d *document) err() error {
	if d.more > 0 {
		d.problems = append(d.problems, fmt.Errorf("%s: and %d more", d.name, d.more))
		d.more = 0
	}
	return errors.Join(d.problems...)
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
		if key.Kind != yaml.ScalarNode || key.Tag == "!!merge" {
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

// list returns the entries of a list.
func (d *document) list(n *yaml.Node, what string) []*yaml.Node {
	if n.Kind != yaml.SequenceNode {
		d.bad(n, "%s must be a list, not %s", what, kindOf(n))
		return nil
	}
	return n.Content
}

// text returns the value of a string. Times count as strings: an unquoted date is one.
func (d *document) text(n *yaml.Node, what string) (string, bool) {
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!str" && n.ShortTag() != "!!timestamp" {
		hint := ""
		if n.Kind == yaml.ScalarNode && n.ShortTag() != "!!null" {
			hint = ": put it into quotes"
		}
		d.bad(n, "%s must be text, not %s%s", what, kindOf(n), hint)
		return "", false
	}
	return n.Value, true
}

// kindOf says what a node is, in a message.
func kindOf(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "keys with values"
	case yaml.SequenceNode:
		return "a list"
	case yaml.AliasNode:
		return "an alias (*" + n.Value + "), which is not supported here"
	}
	switch n.ShortTag() {
	case "!!null":
		return "nothing"
	case "!!str":
		return "the text " + quoted(n.Value)
	case "!!merge":
		return "a merge key (<<), which is not supported here"
	}
	return quoted(n.Value)
}

// quoted is text from the file as a message shows it: in one line, and not too long.
func quoted(s string) string { return fmt.Sprintf("%q", cut(s, 60)) }

// short is an error's text in one line, and not too long: it may repeat what stands in the file.
func short(s string) string { return cut(strings.Join(strings.Fields(s), " "), 300) }

func cut(s string, most int) string {
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
