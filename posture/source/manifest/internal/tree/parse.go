package tree

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/kubeassay/assay/internal/yamltext"
)

// YAML parses a text of one document or more. Documents that hold nothing are
// left out. On an error it returns what came before it.
func YAML(text []byte) (docs []*Node, err error) {
	for doc, err := range yamltext.Documents(text) {
		if err != nil {
			return docs, err
		}
		if root := doc.Content[0]; !IsNull(root) {
			docs = append(docs, root)
		}
	}
	return docs, nil
}

// JSON parses a text of one JSON value or more, one after the other. On an
// error it returns what came before it.
func JSON(text []byte) ([]*Node, error) {
	b := jsonBuilder{text: text, d: json.NewDecoder(bytes.NewReader(text)), line: 1, column: 1}
	b.d.UseNumber()
	var docs []*Node
	for {
		n, err := b.value(0)
		if errors.Is(err, io.EOF) {
			return docs, nil
		}
		if err != nil {
			return docs, b.wrong(err)
		}
		if !IsNull(n) {
			docs = append(docs, n)
		}
	}
}

// jsonBuilder makes nodes of the tokens of encoding/json.
type jsonBuilder struct {
	text []byte
	d    *json.Decoder
	// line and column are the place of text[done].
	done, line, column int
}

// value reads one value. The end of an array or object is no value: nil.
func (b *jsonBuilder) value(depth int) (*Node, error) {
	from := int(b.d.InputOffset())
	t, err := b.d.Token()
	if err != nil {
		if errors.Is(err, io.EOF) && depth > 0 {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	n := b.node(from)
	if depth > maxDepth {
		return nil, at(n, "this is nested too deeply")
	}
	switch t := t.(type) {
	case json.Delim:
		switch t {
		case '[':
			n.Kind, n.Tag = yaml.SequenceNode, "!!seq"
		case '{':
			n.Kind, n.Tag = yaml.MappingNode, "!!map"
		default:
			return nil, nil
		}
		for {
			e, err := b.value(depth + 1)
			if err != nil {
				return nil, err
			}
			if e == nil {
				return n, nil
			}
			n.Content = append(n.Content, e)
		}
	case string:
		n.Value, n.Tag, n.Style = t, "!!str", yaml.DoubleQuotedStyle
	case json.Number:
		n.Value, n.Tag, n.Style = t.String(), jsonNumber, yaml.TaggedStyle
	case bool:
		n.Value, n.Tag = "false", "!!bool"
		if t {
			n.Value = "true"
		}
	case nil:
		n.Value, n.Tag = "null", "!!null"
	}
	return n, nil
}

// node is a scalar at the first token at or after from.
func (b *jsonBuilder) node(from int) *Node {
	for from < len(b.text) {
		switch b.text[from] {
		case ' ', '\t', '\r', '\n', ',', ':':
			from++
			continue
		}
		break
	}
	b.move(from)
	return &Node{Kind: yaml.ScalarNode, Line: b.line, Column: b.column}
}

func (b *jsonBuilder) move(to int) {
	to = min(to, len(b.text))
	if to <= b.done {
		return
	}
	passed := b.text[b.done:to]
	if lines := bytes.Count(passed, []byte{'\n'}); lines > 0 {
		b.line += lines
		b.column = 1
		passed = passed[bytes.LastIndexByte(passed, '\n')+1:]
	}
	b.column += utf8.RuneCount(passed)
	b.done = to
}

func (b *jsonBuilder) wrong(err error) error {
	var known *Error
	if errors.As(err, &known) {
		return known
	}
	message := err.Error()
	to := int(b.d.InputOffset())
	var syntax *json.SyntaxError
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		to, message = len(b.text), "the JSON ends too early: a closing bracket is missing"
	case errors.As(err, &syntax):
		to, message = b.offset(syntax), "not valid JSON: "+message
	}
	b.move(to)
	return &Error{Line: b.line, Column: b.column, Message: message}
}

// offset is where the token stands that the error complains about. The error
// itself counts from the start of the text, one past the character.
func (b *jsonBuilder) offset(e *json.SyntaxError) int {
	return max(int(e.Offset)-1, int(b.d.InputOffset()))
}
