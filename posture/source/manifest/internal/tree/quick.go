package tree

import (
	"bytes"

	"go.yaml.in/yaml/v3"
)

// Parser parses documents. It is for one goroutine; it remembers the keys that
// it has seen, since they come again and again.
type Parser struct {
	keys map[string]string
	quick
}

// NewParser returns a parser that has seen nothing yet.
func NewParser() *Parser { return &Parser{keys: make(map[string]string)} }

// YAML does what the function [YAML] does, in a fraction of the time where
// the document is of the plain sort.
func (p *Parser) YAML(text []byte) ([]*Node, error) {
	p.quick = quick{text: text, keys: p.keys, stack: p.stack[:0], slab: p.slab}
	root := p.document()
	clear(p.stack)
	p.text = nil
	if root != nil {
		return []*Node{root}, nil
	}
	return YAML(text)
}

// quick reads the YAML that tools print and most people write: block maps and
// lists, scalars on one line, literal text, and short maps and lists in
// brackets, in ASCII. It gives up at the first thing that it is not sure of,
// and the YAML library reads that document. Its trees are those of the
// library, which a fuzz test sees to.
type quick struct {
	text []byte
	keys map[string]string

	// The current line, which is not blank and no comment alone.
	line   int // counting from 1; 0 before the first
	start  int // of the line in text
	at     int // of the first thing on it that was not read yet
	end    int // without blanks at its end
	next   int // start of the next line
	indent int // column of at, from 0
	done   bool

	gaveUp bool
	depth  int
	slab   []Node  // for the next nodes, also those of the next document
	stack  []*Node // children of the nodes that are not complete
}

// document reads a document; nil means that it is not for this reader.
func (q *quick) document() *Node {
	if !ordinary(q.text) {
		return nil
	}
	q.advance()
	if q.start == 0 && q.end == 3 && string(q.text[:3]) == "---" {
		q.advance()
	}
	if q.done || !q.atKey(q.at) {
		return nil
	}
	root := q.mapping(q.indent)
	if q.gaveUp || !q.done {
		return nil
	}
	return root
}

// ordinary: there is nothing but ASCII text, in lines.
func ordinary(text []byte) bool {
	for _, c := range text {
		if (c < ' ' || c > '~') && c != '\n' && c != '\t' {
			return false
		}
	}
	return len(text) > 0 && text[len(text)-1] == '\n'
}

func (q *quick) giveUp() *Node {
	q.gaveUp, q.done = true, true
	return nil
}

// advance goes to the next line that says something.
func (q *quick) advance() {
	for q.next < len(q.text) {
		q.line++
		q.start = q.next
		length := bytes.IndexByte(q.text[q.start:], '\n')
		q.next = q.start + length + 1
		q.end = q.start + length
		for q.end > q.start && q.text[q.end-1] == ' ' {
			q.end--
		}
		q.at = q.start
		for q.at < q.end && q.text[q.at] == ' ' {
			q.at++
		}
		q.indent = q.at - q.start
		if q.at == q.end || q.text[q.at] == '#' {
			continue
		}
		if q.text[q.at] == '\t' || q.indent == 0 && q.line > 1 && q.marker() {
			q.giveUp()
		}
		return
	}
	q.done = true
}

// marker: the line is, or might be, a marker between documents.
func (q *quick) marker() bool {
	line := q.text[q.start:q.end]
	return bytes.HasPrefix(line, []byte("---")) || bytes.HasPrefix(line, []byte("..."))
}

func (q *quick) node(kind yaml.Kind, at int) *Node {
	if len(q.slab) == 0 {
		q.slab = make([]Node, 48)
	}
	n := &q.slab[0]
	q.slab = q.slab[1:]
	n.Kind, n.Line, n.Column = kind, q.line, at-q.start+1
	return n
}

// collect makes what was put on the stack since base the children of n.
func (q *quick) collect(n *Node, base int) *Node {
	if q.gaveUp {
		return nil
	}
	n.Content = make([]*Node, len(q.stack)-base)
	copy(n.Content, q.stack[base:])
	q.stack = q.stack[:base]
	return n
}

func (q *quick) enter() bool {
	q.depth++
	return q.depth < 64
}

// mapping reads a map whose keys stand at column, the first of them at q.at.
func (q *quick) mapping(column int) *Node {
	if !q.enter() {
		return q.giveUp()
	}
	n, base := q.node(yaml.MappingNode, q.at), len(q.stack)
	for {
		if !q.atKey(q.at) {
			return q.giveUp()
		}
		colon := q.at + bytes.IndexByte(q.text[q.at:], ':')
		key := q.node(yaml.ScalarNode, q.at)
		key.Value = q.intern(q.text[q.at:colon])
		q.stack = append(q.stack, key)
		v := q.value(colon+1, column)
		if q.gaveUp {
			return nil
		}
		q.stack = append(q.stack, v)
		if q.done || q.indent < column {
			break
		}
		if q.indent > column {
			return q.giveUp()
		}
	}
	q.depth--
	return q.collect(n, base)
}

// value reads the value of a key at column, and goes to the line after it.
func (q *quick) value(at, column int) *Node {
	at = q.skip(at)
	if at < q.end {
		return q.inline(at, column)
	}
	empty := q.node(yaml.ScalarNode, at)
	q.advance()
	switch {
	case q.done || q.indent < column || q.indent == column && !q.atDash():
		return empty
	case q.atDash():
		return q.sequence(q.indent)
	case q.indent > column:
		return q.mapping(q.indent)
	}
	return q.giveUp()
}

// sequence reads a list whose dashes stand at column.
func (q *quick) sequence(column int) *Node {
	if !q.enter() {
		return q.giveUp()
	}
	n, base := q.node(yaml.SequenceNode, q.at), len(q.stack)
	for !q.done && q.indent == column && q.atDash() {
		e := q.element(column)
		if q.gaveUp {
			return nil
		}
		q.stack = append(q.stack, e)
	}
	if !q.done && q.indent > column {
		return q.giveUp()
	}
	q.depth--
	return q.collect(n, base)
}

func (q *quick) element(column int) *Node {
	at := q.skip(q.at + 1)
	switch {
	case at == q.end:
		empty := q.node(yaml.ScalarNode, at)
		q.advance()
		switch {
		case q.done || q.indent <= column:
			return empty
		case q.atDash():
			return q.sequence(q.indent)
		}
		return q.mapping(q.indent)
	case q.atKey(at):
		q.at, q.indent = at, at-q.start
		return q.mapping(q.indent)
	}
	return q.inline(at, column)
}

// skip passes blanks, and a comment to the end of the line.
func (q *quick) skip(at int) int {
	from := at
	for at < q.end && q.text[at] == ' ' {
		at++
	}
	if at < q.end && q.text[at] == '#' && at > from {
		return q.end
	}
	return at
}

// atDash: the line starts a list element.
func (q *quick) atDash() bool {
	return q.text[q.at] == '-' && (q.at+1 == q.end || q.text[q.at+1] == ' ')
}

// atKey: a key of the plain sort stands there, with its colon.
func (q *quick) atKey(at int) bool {
	for i := at; i < q.end; i++ {
		switch c := q.text[i]; {
		case letter(c), c == '_':
		case i > at && ('0' <= c && c <= '9' || c == '-' || c == '.' || c == '/'):
		case c == ':':
			return i > at && i-at < 200 && (i+1 == q.end || q.text[i+1] == ' ')
		default:
			return false
		}
	}
	return false
}

func letter(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }

func digit(c byte) bool { return '0' <= c && c <= '9' }

// intern is the string of a key, made once for all.
func (q *quick) intern(key []byte) string {
	if known, ok := q.keys[string(key)]; ok {
		return known
	}
	s := string(key)
	if len(q.keys) < 2000 && len(s) < 64 {
		q.keys[s] = s
	}
	return s
}
