package snapshot

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

// oneFrame passes a single zstd frame on and refuses whatever follows it: a
// decoder alone would go on to a second one, and skip over data that it is told
// to skip. RFC 8878 section 3.1.1 has the layout. It also refuses a frame whose
// window is larger than ours before anybody makes room for it.
type oneFrame struct {
	r        *bufio.Reader
	next     func() error // works out how long the next piece is
	left     int          // bytes of the current piece
	checksum bool
	err      error // for good; why reading failed, where a decoder would reword it
}

func newOneFrame(r io.Reader) *oneFrame {
	f := &oneFrame{r: bufio.NewReader(r)}
	f.next = f.header
	return f
}

func (f *oneFrame) Read(p []byte) (int, error) {
	for f.left == 0 && f.err == nil {
		f.err = f.next()
	}
	if f.left == 0 {
		return 0, f.err
	}
	n, err := f.r.Read(p[:min(len(p), f.left)])
	f.left -= n
	if err == io.EOF {
		err = errCutOff
	}
	if err != nil {
		f.err, f.left = err, 0
	}
	return n, err
}

var errCutOff = fmt.Errorf("the file is cut off: %w", io.ErrUnexpectedEOF)

func (f *oneFrame) header() error {
	start, err := f.r.Peek(zstd.HeaderMaxSize)
	if len(start) == 0 {
		if err == io.EOF {
			return errors.New("the file is empty")
		}
		return err
	}
	var h zstd.Header
	switch err := h.Decode(start); {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errCutOff
	case err != nil || h.Skippable:
		return errors.New("this is no saved snapshot: it does not begin as a zstd frame")
	case h.DictionaryID != 0:
		return errors.New("the zstd frame wants a dictionary")
	case h.WindowSize > frameWindow:
		return fmt.Errorf("the zstd frame wants a window of %d bytes, more than %d", h.WindowSize, frameWindow)
	}
	f.left, f.checksum, f.next = h.HeaderSize, h.HasCheckSum, f.block
	return nil
}

func (f *oneFrame) block() error {
	b, err := f.r.Peek(3)
	if err == io.EOF {
		return errCutOff
	}
	if err != nil {
		return err
	}
	head := int(b[0]) | int(b[1])<<8 | int(b[2])<<16
	last, kind, size := head&1 == 1, head>>1&3, head>>3
	switch kind {
	case 1: // one byte, repeated
		size = 1
	case 3:
		return errors.New("the zstd frame has a block of a kind that does not exist")
	}
	f.left = 3 + size
	if last {
		f.next = f.end
		if f.checksum {
			f.next = f.sum
		}
	}
	return nil
}

func (f *oneFrame) sum() error {
	f.left, f.next = 4, f.end
	return nil
}

func (f *oneFrame) end() error {
	switch _, err := f.r.Peek(1); err {
	case nil:
		return errors.New("something follows the end of the snapshot")
	default:
		return err // io.EOF, as it should be
	}
}
