package sidecar

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/api/equality"

	corev1 "k8s.io/api/core/v1"
)

// addition is one thing that a pod spec lacks: a field, or an item of a list
// of named things.
type addition struct {
	field string
	// value of the field; nil where an item is meant.
	value *yaml.Node
	item  *yaml.Node
}

// edit gives the document's text with the sidecar in the pod spec. Lines are
// put into the text as it is, so that everything else stays as somebody wrote
// it. Where that would not give what is meant (flow style, say), the document
// is written anew from its nodes, which keeps comments but not spaces.
func (s *podSpec) edit(want *corev1.Container) ([]byte, error) {
	additions, err := s.additions(want)
	if err != nil || len(additions) == 0 {
		return s.text, err
	}
	text, ok := s.insertLines(additions)
	for _, a := range additions {
		if err := s.insertNode(a); err != nil {
			return nil, err
		}
	}
	var meant, got any
	if err := s.root.Decode(&meant); err != nil {
		return nil, fmt.Errorf("the workload with its sidecar: %w", err)
	}
	if ok && yaml.Unmarshal(text, &got) == nil && reflect.DeepEqual(meant, got) {
		return text, nil
	}
	return s.rewrite()
}

// additions lists what is not there yet.
func (s *podSpec) additions(want *corev1.Container) ([]addition, error) {
	var all []addition
	if !s.spec.HostPID && (s.spec.ShareProcessNamespace == nil || !*s.spec.ShareProcessNamespace) {
		all = append(all, addition{field: "shareProcessNamespace", value: &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: "true"}})
	}
	i := slices.IndexFunc(s.spec.InitContainers, func(c corev1.Container) bool { return c.Name == want.Name })
	if i < 0 || !equality.Semantic.DeepEqual(&s.spec.InitContainers[i], want) {
		item, err := node(want)
		if err != nil {
			return nil, err
		}
		all = append(all, addition{field: "initContainers", item: item})
	}
	needed := len(want.VolumeMounts) > 0
	if needed && !slices.ContainsFunc(s.spec.Volumes, func(v corev1.Volume) bool { return v.Name == noTokenVolume }) {
		volume := noToken()
		item, err := node(&volume)
		if err != nil {
			return nil, err
		}
		all = append(all, addition{field: "volumes", item: item})
	}
	for _, a := range all {
		_, old := lookup(s.node, a.field)
		if a.item != nil && old != nil && old.Kind == yaml.AliasNode {
			return nil, fmt.Errorf("its %s are an alias, which can't be edited: write them out", a.field)
		}
	}
	return all, nil
}

// node turns an object of the API into a node in plain style, fields in the API's order.
func node(object any) (*yaml.Node, error) {
	text, err := json.Marshal(object)
	if err != nil {
		return nil, err
	}
	var n yaml.Node
	if err := yaml.Unmarshal(text, &n); err != nil {
		return nil, err
	}
	restyle(n.Content[0], 0)
	return n.Content[0], nil
}

func restyle(n *yaml.Node, style yaml.Style) {
	n.Style = style
	if n.Kind == yaml.ScalarNode && n.Tag != "!!str" {
		n.Style = 0
	}
	for _, c := range n.Content {
		restyle(c, style)
	}
}

// insertNode makes the addition in the nodes. An item takes the place of the one with its name.
func (s *podSpec) insertNode(a addition) error {
	value := a.value
	if a.item != nil {
		value = &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq", Content: []*yaml.Node{a.item}}
	}
	if s.node.Style&yaml.FlowStyle != 0 {
		restyle(value, yaml.DoubleQuotedStyle|yaml.FlowStyle)
		if value.Kind == yaml.ScalarNode {
			value.Style = 0
		}
	}
	_, old := lookup(s.node, a.field)
	switch {
	case old == nil:
		key := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: a.field}
		if s.node.Style&yaml.FlowStyle != 0 {
			key.Style = yaml.DoubleQuotedStyle
		}
		s.node.Content = append(s.node.Content, key, value)
	case a.item == nil || old.Kind != yaml.SequenceNode:
		if old.Kind != yaml.ScalarNode {
			return errors.New("its " + a.field + " can't be edited")
		}
		*old = *value // null
	default:
		_, name := lookup(a.item, "name")
		if i := named(old, name.Value); i >= 0 {
			old.Content[i] = a.item
		} else {
			old.Content = append(old.Content, a.item)
		}
	}
	return nil
}

// insertLines makes the additions in the text. It is false where it can't.
func (s *podSpec) insertLines(additions []addition) (text []byte, ok bool) {
	if s.node.Style&yaml.FlowStyle != 0 || len(s.node.Content) == 0 {
		return nil, false
	}
	lines := strings.SplitAfter(string(s.text), "\n")
	newline := "\n"
	if strings.HasSuffix(lines[0], "\r\n") {
		newline = "\r\n"
	}
	if last := len(lines) - 1; lines[last] == "" {
		lines = lines[:last]
	} else {
		lines[last] += newline
	}
	indent := s.node.Content[0].Column - 1
	before := make([]string, len(lines)+1) // what goes in before each line
	for _, a := range additions {
		_, old := lookup(s.node, a.field)
		at, column, lead := s.key.Line, indent, ""
		value := a.value
		if a.item != nil {
			value = &yaml.Node{Kind: yaml.SequenceNode, Content: []*yaml.Node{a.item}}
		}
		switch {
		case old == nil && a.item != nil:
			lead = strings.Repeat(" ", indent) + a.field + ":" + newline
		case old == nil:
			value = &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{{Kind: yaml.ScalarNode, Value: a.field}, value}}
		case a.item == nil || old.Kind != yaml.SequenceNode || old.Style&yaml.FlowStyle != 0 || len(old.Content) == 0:
			return nil, false
		default:
			_, name := lookup(a.item, "name")
			if named(old, name.Value) >= 0 {
				return nil, false
			}
			column = old.Column - 1
			at = endOf(lines, old.Content[len(old.Content)-1].Line, column)
		}
		if at > len(lines) {
			return nil, false
		}
		block, err := indented(value, column, newline)
		if err != nil {
			return nil, false
		}
		before[at] += lead + block
	}
	var out strings.Builder
	for i, line := range lines {
		out.WriteString(before[i])
		out.WriteString(line)
	}
	out.WriteString(before[len(lines)])
	return []byte(out.String()), true
}

// endOf is the number of lines up to the end of a list whose dashes stand in a
// column and whose last item begins in a line (counted from 1).
func endOf(lines []string, last, column int) int {
	end := last
	for i := last; i < len(lines); i++ {
		text := strings.TrimLeft(lines[i], " ")
		deep := len(lines[i]) - len(text)
		text = strings.TrimRight(text, "\r\n")
		if text == "" || text[0] == '#' && deep <= column {
			continue // it may belong to what follows
		}
		if deep < column || deep == column && text != "-" && !strings.HasPrefix(text, "- ") {
			break
		}
		end = i + 1
	}
	return end
}

// indented writes a node in block style.
func indented(n *yaml.Node, column int, newline string) (string, error) {
	text, err := encode(n)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	for line := range strings.Lines(string(text)) {
		out.WriteString(strings.Repeat(" ", column) + strings.TrimSuffix(line, "\n") + newline)
	}
	return out.String(), nil
}

// rewrite writes the document from its nodes.
func (s *podSpec) rewrite() ([]byte, error) {
	text, err := encode(&s.root)
	if err != nil {
		return nil, fmt.Errorf("writing the workload with its sidecar: %w", err)
	}
	if marker(s.text, "---") {
		text = append([]byte("---\n"), text...)
	}
	return text, nil
}

func encode(n *yaml.Node) ([]byte, error) {
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	e.CompactSeqIndent()
	if err := errors.Join(e.Encode(n), e.Close()); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
