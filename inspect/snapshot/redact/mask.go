package redact

import (
	"bytes"
	"iter"
)

// work is one content while secrets are taken out of it. Nothing ever moves:
// each byte is kept or replaced by another one.
type work struct {
	src, out []byte // out is nil until something changes
}

// data is the content as it is by now.
func (w *work) data() []byte {
	if w.out != nil {
		return w.out
	}
	return w.src
}

func (w *work) result() ([]byte, bool) {
	if w.out == nil {
		return w.src, false
	}
	return w.out, true
}

func (w *work) set(i int, c byte) {
	if w.data()[i] == c {
		return
	}
	if w.out == nil {
		w.out = bytes.Clone(w.src)
	}
	w.out[i] = c
}

func (w *work) replace(data []byte) {
	for i, c := range data {
		w.set(i, c)
	}
}

// full makes an x of everything but line ends.
func (w *work) full(from, to int) {
	for i := from; i < to; i++ {
		if c := w.src[i]; c != '\n' && c != '\r' {
			w.set(i, 'x')
		}
	}
}

// all masks the whole content; what is binary, line ends too.
func (w *work) all() {
	if isText(w.src) {
		w.full(0, len(w.src))
		return
	}
	for i := range w.src {
		w.set(i, 'x')
	}
}

// token keeps what kind of token it is: its prefix, its punctuation, and for
// the rest whether it is a digit or a letter.
func (w *work) token(from, to int) {
	keep := min(4, (to-from)/4)
	if i := bytes.LastIndexAny(w.src[from:min(to, from+12)], "_-."); i >= 0 && to-from-i > 8 {
		keep = i + 1
	}
	from += keep
	hex := isHex(w.src[from:to])
	for i := from; i < to; i++ {
		switch c := w.src[i]; {
		case c >= '0' && c <= '9', hex:
			w.set(i, '0')
		case c >= 'A' && c <= 'Z':
			w.set(i, 'X')
		case c >= 'a' && c <= 'z', c >= 0x80:
			w.set(i, 'x')
		}
	}
}

func isHex(b []byte) bool {
	for _, c := range b {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// lines are the bounds of every line, without its end.
func lines(data []byte) iter.Seq2[int, int] {
	return func(yield func(from, to int) bool) {
		for at := 0; at < len(data); {
			end := len(data)
			if i := bytes.IndexByte(data[at:], '\n'); i >= 0 {
				end = at + i
			}
			to := end
			if to > at && data[to-1] == '\r' {
				to--
			}
			if !yield(at, to) {
				return
			}
			at = end + 1
		}
	}
}

// lowered is the text in lower case, each byte where it was: only ASCII has one here.
func lowered(data []byte) []byte {
	out := bytes.Clone(data)
	for i, c := range out {
		if c >= 'A' && c <= 'Z' {
			out[i] = c + 'a' - 'A'
		}
	}
	return out
}
