package report

import (
	"bytes"
	"io"
)

// output collects bytes for the underlying writer and hands on whole findings
// only, so that whoever shares the terminal (the progress line) never cuts
// one in two. Writing to it can't fail; handing on can.
type output struct {
	bytes.Buffer
	w io.Writer
}

// spillAt is more than most namespaces need, and little memory.
const spillAt = 64 << 10

// spill hands on what there is once it is much.
func (o *output) spill() error {
	if o.Len() < spillAt {
		return nil
	}
	return o.flush()
}

func (o *output) flush() error {
	if o.Len() == 0 {
		return nil
	}
	_, err := o.w.Write(o.Bytes())
	o.Reset()
	return err
}
