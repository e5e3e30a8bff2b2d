package audit

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// BrokenError says at which line a trail is broken, and how.
type BrokenError struct {
	Line   int
	Reason string
}

func (e *BrokenError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Reason) }

// Verify reads a trail from its first line to its last. It returns how many
// lines hold together and the hash of the last of them; the error is a
// *BrokenError for the first line that does not. A change to the very last
// line, or lines missing at the end, show only as another head: compare it
// with the one that was kept elsewhere.
func Verify(r io.Reader) (lines int, head string, err error) {
	in := bufio.NewReaderSize(r, longestLine)
	head = start
	for {
		b, err := in.ReadSlice('\n')
		switch {
		case errors.Is(err, io.EOF) && len(b) == 0:
			return lines, head, nil
		case errors.Is(err, io.EOF):
			return lines, head, &BrokenError{lines + 1, "is cut off"}
		case errors.Is(err, bufio.ErrBufferFull):
			return lines, head, &BrokenError{lines + 1, "is too long to be a record"}
		case err != nil:
			return lines, head, fmt.Errorf("reading line %d: %w", lines+1, err)
		}
		b = b[:len(b)-1]
		rec, err := decode(b)
		if err != nil {
			return lines, head, &BrokenError{lines + 1, err.Error()}
		}
		if broken := follows(rec, lines, head); broken != nil {
			return lines, head, broken
		}
		lines++
		head = hash(b)
	}
}

// follows says what is wrong with a record that comes after so many lines, the
// last of which has this hash.
func follows(rec *line, lines int, head string) error {
	switch {
	case rec.N > lines+1 && lines == 0:
		return &BrokenError{1, fmt.Sprintf("is record %d: the beginning is missing", rec.N)}
	case rec.N > lines+1:
		return &BrokenError{lines + 1, fmt.Sprintf("is record %d: lines were removed here, or put elsewhere", rec.N)}
	case rec.N < lines+1:
		return &BrokenError{lines + 1, fmt.Sprintf("is record %d: it was put here from elsewhere, or is there twice", rec.N)}
	case rec.Prev == head:
		return nil
	case lines == 0:
		return &BrokenError{1, "says that a line comes before it: it was changed, or the beginning is missing"}
	default:
		return &BrokenError{lines, "was changed: the next line carries another hash of it (or that line was changed)"}
	}
}
