package report

import (
	"io"

	"github.com/kubeassay/assay/finding"
)

// ndjsonWriter writes a finding a line, as they come about, and then one line
// with everything else but the rules:
//
//	{"check":"run-as-root","status":"fail",…}
//	{"summary":{…},"coverage":[…],"errors":[…],"access":{…}}
//
// A stream without that last line was cut off: what came before is true, but
// says nothing about what is missing. Rules are left out because every line
// but the last is a finding; `-o json` has them.
type ndjsonWriter struct {
	out output
	enc jsonEncoder
}

func newNDJSON(w io.Writer) *ndjsonWriter { return &ndjsonWriter{out: output{w: w}} }

func (n *ndjsonWriter) Begin(Header) error { return nil }

func (n *ndjsonWriter) Finding(f *finding.Finding) error { return n.line(f) }

func (n *ndjsonWriter) Flush() error { return n.out.flush() }

func (n *ndjsonWriter) End(r *finding.Report) error {
	if err := n.line(tailOf(r)); err != nil {
		return err
	}
	return n.out.flush()
}

func (n *ndjsonWriter) line(v any) error {
	b, err := n.enc.encode(v, "", "")
	if err != nil {
		return err
	}
	n.out.Write(b)
	n.out.WriteByte('\n')
	return n.out.spill()
}
