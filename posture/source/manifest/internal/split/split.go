// Package split cuts a stream of YAML or JSON into documents, and a document
// that is a long list into its items, so that no more than one of them must
// be in memory at a time. A dump of a whole cluster is one such list.
//
// It looks at lines and brackets only. What it cuts off is left for a parser
// to understand, and cuts are made only where no valid document can be
// damaged: a broken document may end up in broken parts, but never unnoticed.
//
//	err := split.Split(file, split.Defaults, func(p split.Part) error { … })
package split

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// Limits say when a document is cut further, and when it is given up.
type Limits struct {
	// Large: a longer document is cut into the elements of its top-level items.
	Large int
	// Max: a longer document that can't be cut, or a longer item, is not kept.
	Max int
}

// Defaults are wide: the API server takes requests of up to 3 MiB and etcd
// 1.5 MiB, so that no object comes near the greatest size.
var Defaults = Limits{Large: 256 << 10, Max: 8 << 20}

// Kind says what a part is.
type Kind uint8

const (
	// Document is a whole document, or some JSON values one after the other.
	Document Kind = iota
	// Item is one element of the items of a large list.
	Item
	// Rest is a large list without the elements of its items. It comes after them.
	Rest
	// TooLarge is a document or an item that was not kept; Text is empty.
	TooLarge
	// Broken is a JSON list whose brackets or commas are wrong; Text says how.
	Broken
)

// Part is a piece of the stream. Its Text is the receiver's to keep.
type Part struct {
	Kind Kind
	Text []byte
	// Line and Column are where Text begins in the stream, counting from 1.
	// The column matters for the first line only.
	Line, Column int
	// List is the list that an Item, its Rest, or what is TooLarge or Broken
	// in it belongs to.
	List *List
	// GapLine and Gap: in a Rest, Gap lines were cut out after line GapLine of
	// the text.
	GapLine, Gap int
	// Object: what is TooLarge has an apiVersion or a kind at its top.
	Object bool
}

// List is a large list.
type List struct {
	// Head is the list's text up to its items, closed so that it parses. Where
	// it does not, the list is broken, and its items may be parts of a string.
	Head []byte
	JSON bool
	Line int
}

// Split cuts what it reads from r and gives the parts to emit, in order. It
// ends at the first error of r or of emit.
func Split(r io.Reader, limits Limits, emit func(Part) error) error {
	s := &splitter{limits: limits, emit: emit, number: 1}
	s.reset()
	in := bufio.NewReaderSize(r, 64<<10)
	start := true
	for {
		piece, err := in.ReadSlice('\n')
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) && !errors.Is(err, io.EOF) {
			return err
		}
		if len(piece) > 0 {
			if err := s.piece(piece, start); err != nil {
				return err
			}
			start = piece[len(piece)-1] == '\n'
			if start {
				s.number++
			}
		}
		if errors.Is(err, io.EOF) {
			return s.end()
		}
	}
}

// splitter goes through lines. It holds the current document until that ends,
// or turns out to be large: then a yamlList or a jsonStream takes the lines.
type splitter struct {
	limits Limits
	emit   func(Part) error
	number int // of the current line

	text []byte // the document so far
	line int    // where it began
	// content: the document has more than comments and directives.
	content, directive bool
	// items is where the line after a top-level "items:" begins, or -1.
	items     int
	itemsLine int
	dropping  bool // the document is too large
	object    bool // it has a top-level apiVersion or kind

	list *yamlList
	json *jsonStream
}

func (s *splitter) reset() {
	s.text = s.text[:0]
	s.line = s.number
	s.content, s.directive, s.dropping, s.object = false, false, false, false
	s.items = -1
	s.list, s.json = nil, nil
}

// piece takes a line, or a part of a very long one.
func (s *splitter) piece(p []byte, start bool) error {
	if start {
		switch {
		case isMarker(p, "---"):
			if s.directive && !s.content && s.json == nil && s.list == nil {
				break // the directives above belong to this document
			}
			if err := s.end(); err != nil {
				return err
			}
		case isMarker(p, "..."):
			if err := s.end(); err != nil {
				return err
			}
			s.line = s.number + 1
			return nil
		}
	}
	switch {
	case s.json != nil:
		left, err := s.json.feed(p)
		if err != nil || len(left) == 0 {
			return err
		}
		return s.resume(left)
	case s.list != nil:
		return s.list.add(p, start, s.number)
	}
	return s.plain(p, start)
}

// plain takes a piece of a document that is not known to be large.
func (s *splitter) plain(p []byte, start bool) error {
	if start {
		s.look(p)
	}
	if s.dropping {
		return nil
	}
	s.text = append(s.text, p...)
	if start && s.items < 0 && isItems(p) {
		s.items, s.itemsLine = len(s.text), s.number
	}
	if len(s.text) <= s.limits.Large {
		return nil
	}
	if at := JSONStart(s.text); at >= 0 {
		return s.toJSON(at)
	}
	if s.items >= 0 {
		return s.toList()
	}
	if len(s.text) > s.limits.Max {
		s.dropping = true
		s.text = s.text[:0]
	}
	return nil
}

// look notes what the line tells about the document.
func (s *splitter) look(p []byte) {
	first := bytes.TrimLeft(p, " \t\r\n\ufeff")
	switch {
	case len(first) == 0 || first[0] == '#':
	case p[0] == '%' && !s.content:
		s.directive = true
	default:
		s.content = true
		if hasKey(p, "apiVersion") || hasKey(p, "kind") {
			s.object = true
		}
	}
}

// end ends the current document.
func (s *splitter) end() error {
	defer s.reset()
	switch {
	case s.json != nil:
		return s.json.end()
	case s.list != nil:
		return s.list.end()
	case s.dropping:
		return s.emit(Part{Kind: TooLarge, Line: s.line, Column: 1, Object: s.object})
	case !s.content && !s.directive:
		return nil
	}
	return s.emit(Part{Kind: Document, Text: bytes.Clone(s.text), Line: s.line, Column: 1})
}

// toList hands a document with top-level items over to a yamlList.
func (s *splitter) toList() error {
	text := s.text
	head := bytes.Clone(text[:s.items])
	s.list = &yamlList{
		limits: s.limits, emit: s.emit, indent: -1,
		list: &List{Head: head, Line: s.line}, headLines: s.itemsLine - s.line + 1, object: s.object,
		gapEnd: s.itemsLine + 1,
	}
	number := s.itemsLine + 1
	for rest := text[s.items:]; len(rest) > 0; number++ {
		n := bytes.IndexByte(rest, '\n') + 1
		if n == 0 {
			n = len(rest)
		}
		if err := s.list.add(rest[:n], true, number); err != nil {
			return err
		}
		rest = rest[n:]
	}
	s.text = nil // large: let it go
	return nil
}

// toJSON hands a document that starts with a brace over to a jsonStream.
func (s *splitter) toJSON(at int) error {
	text := s.text
	line := s.line + bytes.Count(text[:at], []byte{'\n'})
	s.json = newJSONStream(s.limits, s.emit, line, 1+characters(afterNewline(text[:at])))
	s.text = nil
	left, err := s.json.feed(text[at:])
	if err != nil || len(left) == 0 {
		return err
	}
	return s.resume(left)
}

// resume goes on with what follows a JSON value and is none: a document of
// its own, which began in the middle of a line that was taken already. Unless
// it is a comment, it should not be there.
func (s *splitter) resume(left []byte) error {
	if left[0] != '#' {
		if err := s.json.broken("after a JSON object comes something that is none"); err != nil {
			return err
		}
	}
	now := s.number
	s.number = s.json.line
	s.reset()
	s.look(left)
	for start := false; len(left) > 0; start = true {
		n := bytes.IndexByte(left, '\n') + 1
		if n == 0 {
			n = len(left)
		}
		if err := s.piece(left[:n], start); err != nil {
			return err
		}
		left = left[n:]
		s.number++
	}
	s.number = now
	return nil
}

// isMarker reports whether a line is a document marker: it stands at the
// start of the line, and only blank space may follow at once.
func isMarker(line []byte, marker string) bool {
	if len(line) < 3 || string(line[:3]) != marker {
		return false
	}
	return len(line) == 3 || bytes.IndexByte([]byte(" \t\r\n"), line[3]) >= 0
}

// isItems reports whether a line is the top-level key items with nothing
// after it but a comment.
func isItems(line []byte) bool {
	rest, ok := bytes.CutPrefix(line, []byte("items:"))
	if !ok || line[len(line)-1] != '\n' {
		return false
	}
	if value := bytes.TrimLeft(rest, " \t"); len(value) < len(rest) && value[0] == '#' {
		return true
	}
	return len(bytes.TrimSpace(rest)) == 0
}

func hasKey(line []byte, key string) bool {
	rest, ok := bytes.CutPrefix(line, []byte(key))
	return ok && len(rest) > 0 && rest[0] == ':'
}

// JSONStart is where the brace stands that starts the document, or -1 when
// the document starts with something else than blanks, comments and a marker.
func JSONStart(text []byte) int {
	for i := 0; i < len(text); {
		switch c := text[i]; {
		case c == ' ' || c == '\t' || c == '\r' || c == '\n':
			i++
		case c == '{':
			return i
		case c == '#', isMarker(text[i:], "---") && (i == 0 || text[i-1] == '\n'):
			if c == '-' && len(bytes.TrimLeft(firstLine(text[i+3:]), " \t\r\n")) > 0 {
				i += 3 // "--- {" on one line
				continue
			}
			n := bytes.IndexByte(text[i:], '\n')
			if n < 0 {
				return -1
			}
			i += n + 1
		default:
			return -1
		}
	}
	return -1
}

func firstLine(text []byte) []byte {
	line, _, _ := bytes.Cut(text, []byte{'\n'})
	return line
}

func afterNewline(text []byte) []byte { return text[bytes.LastIndexByte(text, '\n')+1:] }

// characters counts the characters of UTF-8 text.
func characters(text []byte) int {
	n := 0
	for _, c := range text {
		if c&0xc0 != 0x80 {
			n++
		}
	}
	return n
}
