package split

import "bytes"

// jsonStream cuts JSON values that follow one another, and the elements of a
// top-level "items" of each, by counting brackets outside of strings.
type jsonStream struct {
	limits Limits
	emit   func(Part) error

	line, column int // of the next byte

	depth            int
	inString, escape bool

	// The current value, without the elements of its items.
	text                 []byte
	textLine, textColumn int
	textDrop             bool
	object               bool
	key                  []byte // the last string at depth 1
	inKey, isValue       bool   // collecting it; a colon came after it
	list                 *List
	gapLine, gapEnd      int
	itemsOpen            bool

	// The current element of the items.
	item                 []byte
	itemLine, itemColumn int
	inItem, itemDrop     bool
	afterItem, comma     bool // an element, or a comma, came last
}

func newJSONStream(limits Limits, emit func(Part) error, line, column int) *jsonStream {
	return &jsonStream{limits: limits, emit: emit, line: line, column: column}
}

// feed takes the next bytes. It returns those from the first on that can't
// start a JSON object, between two values.
func (j *jsonStream) feed(p []byte) (left []byte, err error) {
	for i, c := range p {
		if j.depth == 0 && c != '{' {
			if !isSpace(c) {
				return p[i:], nil
			}
			j.advance(c)
			continue
		}
		if err := j.next(c); err != nil {
			return nil, err
		}
		j.advance(c)
	}
	return nil, nil
}

func (j *jsonStream) advance(c byte) {
	switch {
	case c == '\n':
		j.line++
		j.column = 1
	case c&0xc0 != 0x80:
		j.column++
	}
}

func (j *jsonStream) next(c byte) error {
	if j.depth == 0 {
		j.begin()
	}
	if j.inItem && j.depth == 2 && !j.inString && (c == ',' || c == ']' || isSpace(c)) {
		// The end of a number, or of true, false or null.
		if err := j.endItem(); err != nil {
			return err
		}
	}
	if j.itemsOpen && !j.inItem {
		handled, err := j.betweenItems(c)
		if handled || err != nil {
			return err
		}
	}
	j.keep(c)
	if j.inString {
		j.stringByte(c)
		if !j.inString && j.inItem && j.depth == 2 {
			return j.endItem() // an element that is a string
		}
		return nil
	}
	switch c {
	case '"':
		j.inString = true
		j.inKey = j.depth == 1 && !j.isValue
		if j.inKey {
			j.key = j.key[:0]
		}
	case ':':
		if j.depth == 1 {
			j.isValue = true
			j.object = j.object || string(j.key) == "apiVersion" || string(j.key) == "kind"
		}
	case ',':
		if j.depth == 1 {
			j.isValue = false
		}
	case '{', '[':
		j.depth++
		if c == '[' && j.depth == 2 && j.list == nil && j.isValue && string(j.key) == "items" {
			j.openItems()
		}
	case '}', ']':
		return j.close()
	}
	return nil
}

func (j *jsonStream) begin() {
	j.text = j.text[:0]
	j.textLine, j.textColumn, j.textDrop = j.line, j.column, false
	j.object, j.isValue, j.inKey = false, false, false
	j.list, j.itemsOpen, j.inItem = nil, false, false
	j.key = j.key[:0]
	j.afterItem, j.comma = false, false
}

// keep adds a byte to the element or else to the value.
func (j *jsonStream) keep(c byte) {
	switch {
	case j.inItem && j.itemDrop, !j.inItem && j.textDrop:
	case j.inItem:
		j.item = append(j.item, c)
		if len(j.item) > j.limits.Max {
			j.item, j.itemDrop = nil, true
		}
	default:
		j.text = append(j.text, c)
		if len(j.text) > j.limits.Max {
			j.text, j.textDrop = nil, true
		}
	}
}

func (j *jsonStream) stringByte(c byte) {
	switch {
	case j.escape:
		j.escape = false
	case c == '\\':
		j.escape = true
	case c == '"':
		j.inString, j.inKey = false, false
		return
	}
	if j.inKey && len(j.key) < 16 { // longer than any key that matters
		j.key = append(j.key, c)
	}
}

func (j *jsonStream) openItems() {
	j.itemsOpen = true
	j.gapLine = j.line - j.textLine + 1
	head := append(bytes.Clone(j.text), "]}"...)
	j.list = &List{Head: head, JSON: true, Line: j.textLine}
}

// betweenItems deals with a byte outside of any element: it starts one,
// separates two, or closes the items.
func (j *jsonStream) betweenItems(c byte) (handled bool, err error) {
	switch {
	case isSpace(c):
		return true, nil
	case c == ',':
		if !j.afterItem {
			err = j.broken("a comma without a value before it")
		}
		j.afterItem, j.comma = false, true
		return true, err
	case c == ']':
		if j.comma {
			err = j.broken("a comma without a value after it")
		}
		j.itemsOpen = false
		j.gapEnd = j.line
		return false, err
	}
	if j.afterItem {
		err = j.broken("a comma is missing between two values")
	}
	j.inItem, j.itemDrop = true, false
	j.item = j.item[:0]
	j.itemLine, j.itemColumn = j.line, j.column
	j.afterItem, j.comma = false, false
	return false, err
}

// close deals with a closing bracket.
func (j *jsonStream) close() error {
	j.depth--
	switch {
	case j.inItem && j.depth == 2:
		return j.endItem()
	case j.depth == 0:
		return j.endValue()
	}
	return nil
}

func (j *jsonStream) endItem() error {
	part := Part{Kind: Item, Line: j.itemLine, Column: j.itemColumn, List: j.list}
	if j.itemDrop {
		part.Kind, part.Object = TooLarge, true
	} else {
		part.Text = bytes.Clone(j.item)
	}
	j.inItem, j.afterItem = false, true
	return j.emit(part)
}

func (j *jsonStream) endValue() error {
	part := Part{Kind: Document, Line: j.textLine, Column: j.textColumn}
	switch {
	case j.textDrop:
		part.Kind, part.Object = TooLarge, j.object
	case j.list != nil:
		part.Kind, part.List = Rest, j.list
		part.GapLine, part.Gap = j.gapLine, j.gapEnd-(j.textLine+j.gapLine-1)
		fallthrough
	default:
		part.Text = bytes.Clone(j.text)
	}
	return j.emit(part)
}

// end ends the stream: in the middle of a value that is an error.
func (j *jsonStream) end() error {
	if j.depth == 0 {
		return nil
	}
	return j.broken("the JSON ends too early: a closing bracket or quote is missing")
}

func (j *jsonStream) broken(message string) error {
	return j.emit(Part{Kind: Broken, Text: []byte(message), Line: j.line, Column: j.column, List: j.list})
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }
