package profile

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// place maps offsets in a YAML scalar's value back to the file: line and
// column of each character of the value.
type place struct {
	line, column []int32
}

// scalarPlace aligns the value of a scalar with the text it was written as,
// whatever its style: runs of white space align with runs of white space (YAML
// folds lines and takes away indentation), escapes with what they stand for.
func scalarPlace(lines []string, n *yaml.Node) place {
	value := []rune(n.Value)
	p := place{make([]int32, len(value)+1), make([]int32, len(value)+1)}
	c := newCursor(lines, n)
	for i := 0; i < len(value); i++ {
		c.align(value, i, n.Style)
		p.line[i], p.column[i] = c.at()
		c.step(n.Style)
	}
	p.line[len(value)], p.column[len(value)] = c.at()
	return p
}

// at is the place of the character with that offset.
func (p place) at(offset int) (line, column int) {
	offset = min(max(offset, 0), len(p.line)-1)
	return int(p.line[offset]), int(p.column[offset])
}

// cursor walks over the text of a scalar.
type cursor struct {
	lines [][]rune
	first int // number of lines[0]
	l, c  int
}

func newCursor(lines []string, n *yaml.Node) *cursor {
	start := min(max(n.Line-1, 0), len(lines))
	cur := &cursor{first: start + 1}
	// A value has no more lines than characters, but for blank ones that were folded away.
	end := min(len(lines), start+2*strings.Count(n.Value, "\n")+utf8.RuneCountInString(n.Value)+3)
	for _, l := range lines[start:end] {
		cur.lines = append(cur.lines, []rune(l))
	}
	cur.c = max(n.Column-1, 0)
	switch {
	case n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0:
		cur.c++
	case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		cur.l, cur.c = 1, 0
	}
	return cur
}

func (c *cursor) end() bool { return c.l >= len(c.lines) }

// rune is the character under the cursor; the end of a line is a line feed.
func (c *cursor) rune() rune {
	if c.end() || c.c >= len(c.lines[c.l]) {
		return '\n'
	}
	return c.lines[c.l][c.c]
}

func (c *cursor) next() {
	if c.end() {
		return
	}
	if c.c >= len(c.lines[c.l]) {
		c.l, c.c = c.l+1, 0
		return
	}
	c.c++
}

// align moves the cursor to where value[i] stands.
func (c *cursor) align(value []rune, i int, style yaml.Style) {
	r := value[i]
	if unicode.IsSpace(r) {
		return
	}
	for !c.end() && unicode.IsSpace(c.rune()) {
		c.next()
	}
	if style&yaml.DoubleQuotedStyle != 0 && c.rune() == '\\' && c.c+1 >= len(c.lines[c.l]) {
		c.next() // a line that goes on
		for !c.end() && unicode.IsSpace(c.rune()) {
			c.next()
		}
	}
}

// step passes over the character under the cursor, however it is written.
func (c *cursor) step(style yaml.Style) {
	r := c.rune()
	c.next()
	switch {
	case style&yaml.SingleQuotedStyle != 0 && r == '\'':
		c.next() // it stands there twice
	case style&yaml.DoubleQuotedStyle != 0 && r == '\\':
		long := map[rune]int{'x': 2, 'u': 4, 'U': 8}[c.rune()]
		for range 1 + long {
			c.next()
		}
	}
}

func (c *cursor) at() (line, column int32) {
	l := min(c.l, max(len(c.lines)-1, 0))
	col := c.c
	if l != c.l { // past the end of the file
		col = len(c.lines[l])
	}
	return int32(c.first + l), int32(col + 1)
}
