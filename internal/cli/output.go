package cli

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/report"
)

// outputs are the reports that one run writes, each in its format to its
// place. It is a posture.Sink.
type outputs struct {
	all []*output
	// broken is the first error of writing: there is no use in going on.
	broken error
}

type output struct {
	report.Writer
	name string   // of the place, for errors
	text bool     // for people, who need no empty report beside an error
	file *os.File // nil for standard output
}

// openOutputs reads values of --output. Screen is the real standard output, behind s.out.
func openOutputs(values []string, s *streams, screen io.Writer, perPod bool) (*outputs, error) {
	o := &outputs{}
	standard := ""
	for _, v := range values {
		format, path, toFile := strings.Cut(v, "=")
		if toFile && path == "" {
			o.abandon()
			return nil, usagef("--output %q: give a file behind the =", v)
		}
		w, options, out := s.out, report.Terminal(screen), &output{name: "standard output"}
		if toFile && path != "-" {
			// The format first: a mistake in it should not leave an empty file.
			if _, err := report.New(format, io.Discard, report.Options{}); err != nil {
				o.abandon()
				return nil, usagef("--output: %w", err)
			}
			if slices.ContainsFunc(o.all, func(other *output) bool {
				return other.file != nil && filepath.Clean(other.name) == filepath.Clean(path)
			}) {
				o.abandon()
				return nil, usagef("--output: two reports would go to %s: give each its own file", path)
			}
			f, err := os.Create(path)
			if err != nil {
				o.abandon()
				return nil, usagef("--output: %w", err)
			}
			w, options, out = f, report.Options{}, &output{name: path, file: f}
		} else if standard != "" {
			o.abandon()
			return nil, usagef("--output: both %s and %s would go to standard output: give one of them a file, as in %s=FILE", standard, format, format)
		} else {
			standard = format
		}
		options.PerPod = perPod
		out.text = format == report.Table || format == report.Wide
		var err error
		if out.Writer, err = report.New(format, w, options); err != nil {
			o.abandon()
			return nil, usagef("--output: %w", err)
		}
		o.all = append(o.all, out)
	}
	return o, nil
}

// each calls do for every output, and keeps what went wrong.
func (o *outputs) each(do func(report.Writer) error) error {
	for _, out := range o.all {
		if err := do(out.Writer); err != nil {
			o.broken = fmt.Errorf("writing the report to %s: %w", out.name, err)
			return o.broken
		}
	}
	return nil
}

func (o *outputs) begin(checks []*check.Check) error {
	return o.each(func(w report.Writer) error { return w.Begin(report.Header{Rules: check.Rules(checks)}) })
}

// dropText leaves out the reports that are for people.
func (o *outputs) dropText() {
	o.all = slices.DeleteFunc(o.all, func(out *output) bool { return out.text && out.file == nil })
}

// Finding is part of posture.Sink.
func (o *outputs) Finding(f *finding.Finding) error {
	return o.each(func(w report.Writer) error { return w.Finding(f) })
}

// Flush is part of posture.Sink.
func (o *outputs) Flush() error {
	return o.each(func(w report.Writer) error { return w.Flush() })
}

func (o *outputs) end(r *finding.Report) error {
	if err := o.each(func(w report.Writer) error { return w.End(r) }); err != nil {
		return err
	}
	for _, out := range o.all {
		if out.file == nil {
			continue
		}
		f := out.file
		out.file = nil
		if err := f.Close(); err != nil {
			return fmt.Errorf("writing the report to %s: %w", out.name, err)
		}
	}
	return nil
}

// abandon closes what is still open. Whatever went wrong has been said.
func (o *outputs) abandon() {
	for _, out := range o.all {
		if out.file != nil {
			_ = out.file.Close()
		}
	}
}
