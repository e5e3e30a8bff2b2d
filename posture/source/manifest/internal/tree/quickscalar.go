package tree

import (
	"bytes"

	"go.yaml.in/yaml/v3"
)

// inline reads a value that starts on the current line and goes to the line
// after it. column is that of the key or dash that it belongs to.
func (q *quick) inline(at, column int) *Node {
	var n *Node
	switch c := q.text[at]; {
	case c == '|':
		return q.literal(at, column)
	case c == '[', c == '{':
		n, at = q.flow(at)
		if q.gaveUp || q.skip(at) != q.end {
			return q.giveUp()
		}
	case c == '"', c == '\'':
		n, at = q.quoted(at)
		if q.gaveUp || q.skip(at) != q.end {
			return q.giveUp()
		}
	default:
		n = q.plain(at)
	}
	q.advance() // a deeper line makes the caller give up: the scalar goes on there
	return n
}

// plain reads a scalar without quotes, to the end of the line.
func (q *quick) plain(at int) *Node {
	switch c := q.text[at]; {
	case letter(c), digit(c), c == '_', c == '/', c == '.', c == '~', c == '$', c == '(', c == '+':
	case c == '-' && at+1 < q.end && q.text[at+1] > ' ':
	default:
		return q.giveUp()
	}
	end := q.end
	for i := at; i < end; i++ {
		switch q.text[i] {
		case '\t':
			return q.giveUp()
		case ':':
			if i+1 == q.end || q.text[i+1] == ' ' {
				return q.giveUp()
			}
		case '#':
			if q.text[i-1] == ' ' {
				end = i
			}
		}
	}
	for q.text[end-1] == ' ' {
		end--
	}
	n := q.node(yaml.ScalarNode, at)
	n.Value = string(q.text[at:end])
	return n
}

// quoted reads a scalar in quotes that ends on the same line and has nothing
// to unescape. It returns where it ends.
func (q *quick) quoted(at int) (*Node, int) {
	quote := q.text[at]
	length := bytes.IndexByte(q.text[at+1:q.end], quote)
	if length < 0 {
		return q.giveUp(), at
	}
	inside := q.text[at+1 : at+1+length]
	after := at + length + 2
	if bytes.IndexByte(inside, '\t') >= 0 || quote == '"' && bytes.IndexByte(inside, '\\') >= 0 ||
		quote == '\'' && after < q.end && q.text[after] == '\'' {
		return q.giveUp(), at
	}
	n := q.node(yaml.ScalarNode, at)
	n.Value = string(inside)
	n.Style = yaml.DoubleQuotedStyle
	if quote == '\'' {
		n.Style = yaml.SingleQuotedStyle
	}
	return n, after
}

// flow reads a map or a list in brackets that ends on the same line. It
// returns where it ends.
func (q *quick) flow(at int) (*Node, int) {
	if !q.enter() {
		return q.giveUp(), at
	}
	kind, closing := yaml.SequenceNode, byte(']')
	if q.text[at] == '{' {
		kind, closing = yaml.MappingNode, '}'
	}
	n, base := q.node(kind, at), len(q.stack)
	at = q.blanks(at + 1)
	for at < q.end && q.text[at] != closing {
		if kind == yaml.MappingNode {
			var key *Node
			if key, at = q.flowScalar(at); q.gaveUp {
				return nil, at
			}
			if at+1 >= q.end || q.text[at] != ':' || q.text[at+1] != ' ' {
				return q.giveUp(), at
			}
			q.stack = append(q.stack, key)
			at = q.blanks(at + 1)
		}
		var v *Node
		if at < q.end && (q.text[at] == '[' || q.text[at] == '{') {
			v, at = q.flow(at)
		} else {
			v, at = q.flowScalar(at)
		}
		if q.gaveUp {
			return nil, at
		}
		q.stack = append(q.stack, v)
		at = q.blanks(at)
		if at < q.end && q.text[at] == ',' {
			if at = q.blanks(at + 1); at < q.end && q.text[at] == closing {
				return q.giveUp(), at
			}
		} else if at < q.end && q.text[at] != closing {
			return q.giveUp(), at
		}
	}
	if at >= q.end {
		return q.giveUp(), at
	}
	q.depth--
	return q.collect(n, base), at + 1
}

func (q *quick) blanks(at int) int {
	for at < q.end && q.text[at] == ' ' {
		at++
	}
	return at
}

// flowScalar reads a word or a quoted scalar between brackets.
func (q *quick) flowScalar(at int) (*Node, int) {
	end := at
	for ; end < q.end; end++ {
		c := q.text[end]
		if c == '-' && end == at && end+1 < q.end && (letter(q.text[end+1]) || q.text[end+1] == '-') {
			continue // -x or --x
		}
		if !letter(c) && !digit(c) && c != '_' && c != '.' && c != '/' && (c != '-' || end == at) {
			break
		}
	}
	switch {
	case end > at && end < q.end:
		n := q.node(yaml.ScalarNode, at)
		n.Value = string(q.text[at:end])
		return n, end
	case at < q.end && (q.text[at] == '"' || q.text[at] == '\''):
		return q.quoted(at)
	}
	return q.giveUp(), at
}

// literal reads the text below a | and goes to the line after it.
func (q *quick) literal(at, column int) *Node {
	header := string(q.text[at:q.end])
	if header != "|" && header != "|-" {
		return q.giveUp()
	}
	n := q.node(yaml.ScalarNode, at)
	n.Style = yaml.LiteralStyle
	var value []byte
	indent := 0
	for q.next < len(q.text) {
		length := bytes.IndexByte(q.text[q.next:], '\n')
		line := q.text[q.next : q.next+length]
		own := 0
		for own < len(line) && line[own] == ' ' {
			own++
		}
		if indent == 0 { // the first line
			if own == len(line) || own <= column || line[own] == '\t' {
				return q.giveUp()
			}
			indent = own
		}
		if own < indent && own < len(line) {
			if own > column || line[own] == '\t' {
				return q.giveUp()
			}
			break
		}
		value = append(value, line[min(indent, len(line)):]...)
		value = append(value, '\n')
		q.line++
		q.next += length + 1
	}
	if indent == 0 {
		return q.giveUp()
	}
	value = bytes.TrimRight(value, "\n")
	if header == "|" {
		value = append(value, '\n')
	}
	n.Value = string(value)
	q.advance()
	return n
}
