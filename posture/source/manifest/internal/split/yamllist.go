package split

import "bytes"

// yamlList cuts the block sequence below a top-level "items:" into its
// elements. All of them start with a dash at the same indent, and nothing
// else inside the sequence can stand that far to the left, save comments and
// the later lines of quoted text; an element cut through such text does not
// parse, so that it can't go unnoticed.
type yamlList struct {
	limits Limits
	emit   func(Part) error
	list   *List
	object bool

	headLines int
	indent    int // of the dashes; -1 before the first
	inItem    bool
	item      []byte
	itemLine  int
	dropping  bool // the current item is too large

	inTail   bool
	tail     []byte
	gapEnd   int  // the line where the tail begins
	tailDrop bool // the tail is too large
}

func (l *yamlList) add(p []byte, start bool, number int) error {
	if start && !l.inTail {
		indent, dash, content := shape(p)
		switch {
		case !content:
		case dash && (indent == l.indent || l.indent < 0):
			if err := l.flush(); err != nil {
				return err
			}
			l.indent = indent
			l.inItem, l.itemLine = true, number
			l.keep(p)
			if !l.dropping {
				l.item[indent] = ' ' // a document of its own, every column as it was
			}
			return nil
		case indent == 0 && !dash, l.indent < 0:
			// The next key of the list, or items that are no sequence.
			if err := l.flush(); err != nil {
				return err
			}
			l.inTail, l.gapEnd = true, number
		}
	}
	switch {
	case l.inTail:
		l.tail = append(l.tail, p...)
		if len(l.tail) > l.limits.Max {
			l.tail, l.tailDrop = l.tail[:0], true
		}
	case l.inItem:
		l.keep(p)
	} // else blank lines and comments before the first item
	return nil
}

func (l *yamlList) keep(p []byte) {
	if l.dropping {
		return
	}
	l.item = append(l.item, p...)
	if len(l.item) > l.limits.Max {
		l.item, l.dropping = nil, true
	}
}

// flush hands the current item on.
func (l *yamlList) flush() error {
	if !l.inItem {
		return nil
	}
	part := Part{Kind: Item, Line: l.itemLine, Column: 1, List: l.list}
	if l.dropping {
		part.Kind, part.Object = TooLarge, true
	} else {
		part.Text = bytes.Clone(l.item)
	}
	l.item, l.inItem, l.dropping = l.item[:0], false, false
	return l.emit(part)
}

func (l *yamlList) end() error {
	if err := l.flush(); err != nil {
		return err
	}
	if l.tailDrop {
		return l.emit(Part{Kind: TooLarge, Line: l.list.Line, Column: 1, Object: l.object})
	}
	text := append(bytes.Clone(l.list.Head), l.tail...)
	return l.emit(Part{
		Kind: Rest, Text: text, Line: l.list.Line, Column: 1, List: l.list,
		GapLine: l.headLines, Gap: l.gapEnd - (l.list.Line + l.headLines),
	})
}

// shape tells how far a line is indented, whether it starts with the dash of
// a sequence, and whether there is anything on it but blanks and a comment.
func shape(line []byte) (indent int, dash, content bool) {
	for indent < len(line) && line[indent] == ' ' {
		indent++
	}
	rest := line[indent:]
	trimmed := bytes.TrimLeft(rest, "\t\r\n ")
	if len(trimmed) == 0 || trimmed[0] == '#' {
		return indent, false, false
	}
	dash = rest[0] == '-' && (len(rest) == 1 || bytes.IndexByte([]byte(" \t\r\n"), rest[1]) >= 0)
	return indent, dash, true
}
