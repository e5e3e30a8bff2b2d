package manifest

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// asUTF8 reads text as UTF-8 without a byte order mark. Some shells write
// UTF-16 when output goes to a file, with a mark that tells so.
func asUTF8(from io.Reader, closer io.Closer) (io.ReadCloser, error) {
	in := bufio.NewReaderSize(from, 64<<10)
	mark, err := in.Peek(3)
	if err != nil && !errors.Is(err, io.EOF) {
		_ = closer.Close() // only read
		return nil, err
	}
	var text io.Reader = in
	if marked(mark) {
		text = transform.NewReader(in, unicode.BOMOverride(transform.Nop))
	}
	return struct {
		io.Reader
		io.Closer
	}{text, closer}, nil
}

func marked(b []byte) bool {
	return len(b) >= 2 && (b[0] == 0xfe && b[1] == 0xff || b[0] == 0xff && b[1] == 0xfe) ||
		len(b) >= 3 && b[0] == 0xef && b[1] == 0xbb && b[2] == 0xbf
}

// pipe is a file of which even the opening may wait, for somebody who writes. It
// is opened by the first Read, and closed at its end.
type pipe struct {
	name string
	file *os.File
}

func (p *pipe) Read(b []byte) (n int, err error) {
	if p.file == nil {
		if p.file, err = os.Open(p.name); err != nil {
			return 0, err
		}
	}
	if n, err = p.file.Read(b); err != nil {
		_ = p.file.Close() // only read
	}
	return n, err
}

// waiting reads what may never come, such as a terminal's input, until the
// context ends. The last Read is then left behind: nothing can interrupt it,
// and it ends with the input or the process.
type waiting struct {
	ctx  context.Context
	from io.Reader
	buf  []byte
	left []byte
}

func (w *waiting) Read(p []byte) (int, error) {
	if len(w.left) == 0 {
		if w.buf == nil {
			w.buf = make([]byte, 64<<10)
		}
		type read struct {
			n   int
			err error
		}
		done := make(chan read, 1)
		go func() {
			n, err := w.from.Read(w.buf)
			done <- read{n, err}
		}()
		select {
		case <-w.ctx.Done():
			return 0, w.ctx.Err()
		case r := <-done:
			if r.n == 0 {
				return 0, r.err
			}
			w.left = w.buf[:r.n] // an error comes again with the next Read
		}
	}
	n := copy(p, w.left)
	w.left = w.left[n:]
	return n, nil
}
