package gate

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/internal/excerpt"
)

const (
	// maxValue is how long one value of a report may be: a message, a basis, a
	// line of coverage. Whatever is longer is no report of ours.
	maxValue = 4 << 20
	// maxDepth is how deep what is passed over may be nested.
	maxDepth = 100
	// chunk is how much is read at a time.
	chunk = 32 << 10
)

// window is what was read of a file and not yet understood. It bounds what
// the decoder can gather, and knows the line.
type window struct {
	r    io.Reader
	base int64 // offset of buf
	line int   // lines before it
	buf  []byte
}

var errTooLong = fmt.Errorf("a value is longer than %d MiB", maxValue>>20)

func (w *window) Read(p []byte) (int, error) {
	if len(w.buf) > maxValue {
		return 0, errTooLong
	}
	n, err := w.r.Read(p[:min(len(p), chunk)])
	w.buf = append(w.buf, p[:n]...)
	return n, err
}

// mark says that everything before the offset is done with.
func (w *window) mark(offset int64) {
	done := w.buf[:offset-w.base]
	w.line += bytes.Count(done, []byte("\n"))
	w.base = offset
	w.buf = w.buf[:copy(w.buf, w.buf[len(done):])]
}

// at is the line in which the next value begins.
func (w *window) at() int {
	gap := len(w.buf) - len(bytes.TrimLeft(w.buf, " \t\r\n:,"))
	return 1 + w.line + bytes.Count(w.buf[:gap], []byte("\n"))
}

// reportReader reads a report in JSON or NDJSON, a value at a time.
type reportReader struct {
	name string
	in   *window
	dec  *json.Decoder
	into *Saved
	each func(*finding.Finding) error
}

// read reads all of it. Errors name the file and the line.
func (r *reportReader) read() error {
	last := false
	for n := 0; ; n++ {
		token, err := r.dec.Token()
		if errors.Is(err, io.EOF) && n > 0 {
			r.into.cut = !last
			return nil
		}
		if errors.Is(err, io.EOF) {
			return fmt.Errorf("%s: the file is empty", r.name)
		}
		if err != nil {
			return r.syntax(err)
		}
		if token != json.Delim('{') {
			return r.errorf("this is no report of Assay: it holds %s where a report or a finding should be", tokenKind(token))
		}
		if last {
			return r.errorf("another report begins here: give each a file of its own")
		}
		r.mark()
		whole, tail, err := r.object()
		if err != nil {
			return err
		}
		if whole && n > 0 {
			return r.errorf("a report ends here, with findings before it: give each a file of its own")
		}
		last = tail
	}
}

func (r *reportReader) mark() { r.in.mark(r.dec.InputOffset()) }

func (r *reportReader) errorf(format string, args ...any) error {
	return fmt.Errorf("%s:%d: %s", r.name, r.in.at(), fmt.Sprintf(format, args...))
}

// syntax words an error of the decoder.
func (r *reportReader) syntax(err error) error {
	var wrong *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.Is(err, errTooLong):
		return r.errorf("%s, which no report has", errTooLong)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return r.errorf("the file ends in the middle: it was not written to its end")
	case errors.As(err, &kind):
		return r.errorf("this is no report of Assay: %s", excerpt.Line(err.Error(), 300))
	case errors.As(err, &wrong) && bytes.HasPrefix(r.in.buf, []byte{0x1f, 0x8b}) && r.in.base == 0:
		return fmt.Errorf("%s is compressed: unpack it first", r.name)
	case errors.As(err, &wrong):
		return r.errorf("this is not valid JSON (%s): a report is read as -o json or -o ndjson has written it", excerpt.Line(err.Error(), 300))
	}
	return fmt.Errorf("reading %s: %w", r.name, err)
}

func tokenKind(t json.Token) string {
	switch t.(type) {
	case json.Delim:
		return "a list"
	case string:
		return "text"
	}
	return fmt.Sprint(t)
}

// The keys of a report, of the last line of NDJSON, and of a finding, as far as
// they are read or tell what an object is.
var (
	reportKeys  = []string{"apiVersion", "kind", "rules", "findings"}
	tailKeys    = []string{"inspections", "summary", "coverage", "errors", "notes", "access"}
	findingKeys = []string{"check", "control", "profile", "status", "severity", "evidence", "workload", "container", "containerType", "image",
		"injected", "basis", "message", "pods", "podsTotal", "podNames", "targets", "tests", "location", "fingerprint", "waiver"}
)

// object reads a report, the last line of NDJSON, or a finding: its first key
// tells which. The keys may stand in any order.
func (r *reportReader) object() (whole, last bool, err error) {
	start := r.in.at()
	var seen []string
	for r.dec.More() {
		key, err := r.key()
		switch {
		case err != nil:
			return false, false, err
		case len(seen) == 0 && slices.Contains(findingKeys, key):
			return false, false, r.finding(key, start)
		case slices.Contains(seen, key):
			return false, false, r.errorf("%s is given twice", excerpt.Quote(key))
		case slices.Contains(reportKeys, key):
			seen, whole = append(seen, key), true
			err = r.reportField(key)
		case slices.Contains(tailKeys, key):
			seen = append(seen, key)
			err = r.reportField(key)
		case len(seen) == 0:
			return false, false, r.errorf("this is no report of Assay: it begins with %s", excerpt.Quote(key))
		default: // of a later version
			err = r.skip()
		}
		if err != nil {
			return false, false, err
		}
	}
	if err := r.end(); err != nil {
		return false, false, err
	}
	needed := []string{"summary"}
	if whole {
		needed = []string{"apiVersion", "kind", "findings", "summary"}
		r.into.json = true
	}
	for _, key := range needed {
		if !slices.Contains(seen, key) {
			return false, false, fmt.Errorf("%s:%d: this is no whole report of Assay: it has no %s", r.name, start, key)
		}
	}
	return whole, true, nil
}

// finding reads a finding of which the first key was read, or none.
func (r *reportReader) finding(key string, start int) error {
	var f finding.Finding
	seen := make([]string, 0, len(findingKeys))
	for key != "" || r.dec.More() {
		if key == "" {
			var err error
			if key, err = r.key(); err != nil {
				return err
			}
		}
		if slices.Contains(seen, key) {
			return r.errorf("%s is given twice", excerpt.Quote(key))
		}
		if slices.Contains(findingKeys, key) {
			seen = append(seen, key)
		}
		if err := r.findingField(&f, key); err != nil {
			return err
		}
		key = ""
	}
	if err := r.end(); err != nil {
		return err
	}
	return r.take(&f, start)
}

func (r *reportReader) key() (string, error) {
	token, err := r.dec.Token()
	if err != nil {
		return "", r.syntax(err)
	}
	r.mark()
	key, _ := token.(string) // a key can be nothing else
	return key, nil
}

// end reads the end of an object or a list.
func (r *reportReader) end() error {
	if _, err := r.dec.Token(); err != nil {
		return r.syntax(err)
	}
	r.mark()
	return nil
}

// decode reads one value.
func (r *reportReader) decode(into any) error {
	if err := r.dec.Decode(into); err != nil {
		return r.syntax(err)
	}
	r.mark()
	return nil
}

// skip passes over one value, without ever holding it.
func (r *reportReader) skip() error {
	for depth := 0; ; {
		token, err := r.dec.Token()
		if err != nil {
			return r.syntax(err)
		}
		r.mark()
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return nil
		}
		if depth > maxDepth {
			return r.errorf("this is no report of Assay: it is nested more than %d deep", maxDepth)
		}
	}
}

// list reads a list, one by one; null is an empty one.
func (r *reportReader) list(what string, one func() error) error {
	token, err := r.dec.Token()
	if err != nil {
		return r.syntax(err)
	}
	if token == nil {
		r.mark()
		return nil
	}
	if token != json.Delim('[') {
		return r.errorf("this is no report of Assay: %s must be a list", what)
	}
	r.mark()
	for r.dec.More() {
		if err := one(); err != nil {
			return err
		}
	}
	return r.end()
}
