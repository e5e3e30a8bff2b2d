package cli

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture"
	"github.com/kubeassay/assay/report"
)

// places are the reports that one run writes, each in its format to its place,
// by writers of one kind.
type places[W any] struct {
	all []*place[W]
	// broken is the first error of writing: there is no use in going on.
	broken error
}

type place[W any] struct {
	writer W
	name   string   // of the place, for errors
	text   bool     // for people, who need no empty report beside an error
	file   *os.File // nil for standard output, and for folders
}

// maker makes writers of one kind. Folder, where set, makes one for a format
// that fills a folder; it returns false where the format does not.
type maker[W any] struct {
	writer func(format string, w io.Writer, o report.Options) (W, error)
	folder func(format, path string) (W, bool)
	// inputs are files that the run reads. No report may take the place of one.
	inputs []string
}

// openPlaces reads values of --output. Screen is the real standard output, behind s.out.
func openPlaces[W any](values []string, s *streams, screen io.Writer, common report.Options, m maker[W]) (*places[W], error) {
	p := &places[W]{}
	standard := ""
	for _, v := range values {
		format, path, toFile := strings.Cut(v, "=")
		var err error
		switch {
		case toFile && path == "":
			p.abandon()
			return nil, usagef("--output %q: give a file behind the =", v)
		case toFile && path != "-":
			err = p.toFile(format, path, common, m)
		case standard != "":
			err = fmt.Errorf("both %s and %s would go to standard output: give one of them a file, as in %s=FILE", standard, format, format)
		default:
			standard = format
			options := report.Terminal(screen)
			options.PerPod, options.Statuses, options.MinSeverity = common.PerPod, common.Statuses, common.MinSeverity
			err = p.add(format, s.out, options, m, &place[W]{name: "standard output"})
		}
		if err != nil {
			p.abandon()
			return nil, usagef("--output: %w", err)
		}
	}
	return p, nil
}

func (p *places[W]) toFile(format, path string, options report.Options, m maker[W]) error {
	if slices.ContainsFunc(p.all, func(other *place[W]) bool { return filepath.Clean(other.name) == filepath.Clean(path) }) {
		return fmt.Errorf("two reports would go to %s: give each its own file", path)
	}
	if overwrites(path, m.inputs) {
		return fmt.Errorf("%s is read in this run, and the report would take its place: name another file", path)
	}
	if m.folder != nil {
		if w, ok := m.folder(format, path); ok {
			p.all = append(p.all, &place[W]{writer: w, name: path})
			return nil
		}
	}
	// The format first: a mistake in it should not leave an empty file.
	if _, err := m.writer(format, io.Discard, options); err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return p.add(format, f, options, m, &place[W]{name: path, file: f})
}

// overwrites reports whether a path is one of the files, by whatever name.
func overwrites(path string, files []string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && slices.ContainsFunc(files, func(name string) bool {
		other, err := os.Stat(name)
		return err == nil && os.SameFile(info, other)
	})
}

func (p *places[W]) add(format string, w io.Writer, options report.Options, m maker[W], at *place[W]) (err error) {
	at.text = format == report.Table || format == report.Wide
	at.writer, err = m.writer(format, w, options)
	if err == nil {
		p.all = append(p.all, at)
	}
	return err
}

// each calls do for every output, and keeps what went wrong.
func (p *places[W]) each(do func(W) error) error {
	for _, out := range p.all {
		if err := do(out.writer); err != nil {
			p.broken = fmt.Errorf("writing the report to %s: %w", out.name, err)
			return p.broken
		}
	}
	return nil
}

// dropText leaves out the reports that are for people.
func (p *places[W]) dropText() {
	p.all = slices.DeleteFunc(p.all, func(out *place[W]) bool { return out.text && out.file == nil })
}

// outputs are the reports of a scan. It is a posture.Sink.
type outputs struct{ *places[report.Writer] }

func openOutputs(values []string, s *streams, screen io.Writer, j *judgingFlags, inputs ...string) (*outputs, error) {
	m := maker[report.Writer]{writer: j.framework.writer, inputs: append(inputs, j.waiverFile)}
	p, err := openPlaces(values, s, screen, report.Options{PerPod: j.perPod, MinSeverity: j.shown()}, m)
	if err != nil {
		return nil, err
	}
	return &outputs{p}, nil
}

func (o *outputs) begin(options *posture.Options) error {
	return o.each(func(w report.Writer) error {
		return w.Begin(report.Header{Rules: ruled(options), Off: len(options.Off), Version: Version()})
	})
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
	return o.close()
}

// close ends the files: not before then is it known that all was written.
func (p *places[W]) close() error {
	for _, out := range p.all {
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
func (p *places[W]) abandon() {
	for _, out := range p.all {
		if out.file != nil {
			_ = out.file.Close()
		}
	}
}
