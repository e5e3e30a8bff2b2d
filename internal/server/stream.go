package server

import (
	"bufio"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/kubeassay/assay/internal/server/problem"
	"github.com/kubeassay/assay/internal/server/requestlog"
)

// output writes to a client that may be slow or gone.
type output struct {
	*bufio.Writer
	control *http.ResponseController
	request *http.Request
}

func newOutput(hc huma.Context, media string) *output {
	r, w := humago.Unwrap(hc)
	hc.SetHeader("Content-Type", media)
	hc.SetStatus(http.StatusOK)
	return &output{bufio.NewWriterSize(w, 16<<10), http.NewResponseController(w), r}
}

// abort breaks the connection: whoever reads must not take half an answer for
// a whole one.
func abort(err error) {
	if err != nil {
		panic(http.ErrAbortHandler)
	}
}

// value writes v as JSON. What is written here is made of strings, numbers and
// times; it can always be encoded.
func (o *output) value(v any) {
	b, err := encode(v)
	abort(err)
	_, err = o.Write(b)
	abort(err)
}

func (o *output) text(s string) {
	_, err := o.WriteString(s)
	abort(err)
}

// send lets the client have what has been written.
func (o *output) send() {
	abort(o.Writer.Flush())
	// A writer that can't flush sends when it likes.
	if err := o.control.Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		abort(err)
	}
}

// writeScan writes the answer of a scan that has ended.
func writeScan(hc huma.Context, r *reader, o *outcome) {
	out := newOutput(hc, mediaJSON)
	end := o.end()
	out.text(`{"scan_id":`)
	out.value(end.ScanID)
	out.text(`,"cluster":`)
	out.value(end.Cluster)
	out.text(`,"started_at":`)
	out.value(end.StartedAt)
	out.text(`,"finished_at":`)
	out.value(end.FinishedAt)
	out.text(`,"complete":`)
	out.value(end.Complete)
	records, _ := r.Records()
	for _, l := range []listing{listLatestTag, listRoot, listErrors} {
		out.text(`,"` + l.String() + `":[`)
		separator := ""
		for i := range records {
			if records[i].list == l {
				out.text(separator)
				_, err := out.Write(records[i].json)
				abort(err)
				separator = ","
			}
		}
		out.text("]")
	}
	out.text(`,"summary":`)
	out.value(end.Summary)
	out.text(`,"coverage":`)
	out.value(end.Coverage)
	out.text("}\n")
	abort(out.Writer.Flush())
}

// streamScan writes entries as they come, and says at the end how it ended.
func streamScan(hc huma.Context, r *reader, records []record) {
	out := newOutput(hc, mediaNDJSON)
	ctx := out.request.Context()
	for {
		for i := range records {
			out.text(`{"list":"` + records[i].list.String() + `",`)
			_, err := out.Write(records[i].json[1:]) // an object: without its opening brace
			abort(err)
			out.text("\n")
		}
		if !r.Ready() {
			out.send()
			// Nothing is written while waiting, so nothing can be late.
			_ = out.control.SetWriteDeadline(time.Time{})
		}
		next, err := r.Next(ctx)
		abort(err)
		if len(next) == 0 {
			break
		}
		records = next
	}
	o, err := r.Result(ctx)
	if err != nil {
		p := describe(err)
		problem.Complete(p, requestlog.ID(ctx))
		out.value(p)
	} else {
		out.value(o.end())
	}
	out.text("\n")
	out.send()
}
