package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/kubeassay/assay/finding"
)

// jsonWriter writes one indented object, a finding at a time.
type jsonWriter struct {
	out   output
	enc   jsonEncoder
	wrote bool // a finding
}

func newJSON(w io.Writer) *jsonWriter { return &jsonWriter{out: output{w: w}} }

func (j *jsonWriter) Begin(h Header) error {
	b, err := j.enc.encode(headOf(h), "", "  ")
	if err != nil {
		return err
	}
	// Open the object again that the encoder closed.
	j.out.Write(bytes.TrimSuffix(b, []byte("\n}")))
	j.out.WriteString(",\n  \"findings\": [")
	return nil
}

func (j *jsonWriter) Finding(f *finding.Finding) error {
	b, err := j.enc.encode(f, "    ", "  ")
	if err != nil {
		return err
	}
	if j.wrote {
		j.out.WriteByte(',')
	}
	j.wrote = true
	j.out.WriteString("\n    ")
	j.out.Write(b)
	return j.out.spill()
}

func (j *jsonWriter) Flush() error { return j.out.flush() }

func (j *jsonWriter) End(r *finding.Report) error {
	b, err := j.enc.encode(tailOf(r), "", "  ")
	if err != nil {
		return err
	}
	if j.wrote {
		j.out.WriteString("\n  ")
	}
	j.out.WriteString("],")
	j.out.Write(b[1:]) // without its opening brace
	j.out.WriteByte('\n')
	return j.out.flush()
}

// jsonEncoder encodes values and uses its memory again.
type jsonEncoder struct{ buf bytes.Buffer }

// encode returns v as JSON, valid until the next call. It leaves <, > and &
// alone, but writes what a terminal might obey, or what is not seen, as \u escapes.
func (e *jsonEncoder) encode(v any, prefix, indent string) ([]byte, error) {
	e.buf.Reset()
	enc := json.NewEncoder(&e.buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent(prefix, indent)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return escapeJSON(bytes.TrimSuffix(e.buf.Bytes(), []byte("\n"))), nil
}

// escapeJSON writes the characters that [visible] does not know as \u escapes.
// In JSON they can only stand inside strings, where such an escape means the
// same. The encoder has already escaped everything below the space; the line
// breaks and tabs that remain are its own.
func escapeJSON(b []byte) []byte {
	safe := 0
	for safe < len(b) && (b[safe] < utf8.RuneSelf && b[safe] != 0x7f) {
		safe++
	}
	if safe == len(b) {
		return b
	}
	out := append(make([]byte, 0, len(b)+64), b[:safe]...)
	for i := safe; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		switch {
		case r < 0x20 || visible(r):
			out = append(out, b[i:i+n]...)
		case r > 0xffff: // a pair of surrogates
			r -= 0x10000
			out = fmt.Appendf(out, `\u%04x\u%04x`, 0xd800+(r>>10), 0xdc00+(r&0x3ff))
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
		i += n
	}
	return out
}
