package cli

import (
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/gate"
	"github.com/kubeassay/assay/report"
)

// diffFlags are the flags of assay diff.
type diffFlags struct {
	outputs []string
	failOn  string
}

func newDiff(s *streams) *cobra.Command {
	var f diffFlags
	cmd := &cobra.Command{
		Use:   "diff OLD NEW",
		Short: "Compare two saved reports: what is new, gone, changed",
		Long: `Compare two reports that assay scan or assay inspect has written with -o json
or -o ndjson ("-" is standard input): which findings are new, which are gone,
which have changed. What the new report did not look at is not called gone.

Exit codes: 0 nothing new, 1 new findings at or above --fail-on, 2 the new
report has not seen all, or does not say all that it saw, 3 wrong usage.`,
		Example: `  assay diff old.json new.json
  assay diff old.json new.json -o markdown > comment.md
  assay scan -o ndjson | assay diff old.json -`,
		Args: args(cobra.ExactArgs(2)),
		RunE: func(_ *cobra.Command, names []string) error { return f.run(s, names[0], names[1]) },
	}
	f.bind(cmd.Flags())
	return cmd
}

func (f *diffFlags) bind(flags *pflag.FlagSet) {
	flags.SortFlags = false
	flags.StringArrayVarP(&f.outputs, "output", "o", []string{report.Table}, "Format, or FORMAT=FILE; repeatable: table, json, markdown")
	flags.StringVar(&f.failOn, "fail-on", string(gate.DefaultFailOn), "End with exit code 1 if there is a new failure of this severity or graver; none: never")
}

func (f *diffFlags) run(s *streams, before, after string) error {
	failOn, err := gate.ParseFailOn(f.failOn)
	if err != nil {
		return usagef("--fail-on: %w", err)
	}
	if before == "-" && after == "-" {
		return usagef("only one of the two reports can come from standard input: give a file for the other")
	}
	diff, err := compareReports(s.in, before, after)
	if err != nil {
		return usage(err)
	}
	m := maker[func(*finding.Diff) error]{writer: func(format string, w io.Writer, o report.Options) (func(*finding.Diff) error, error) {
		if !slices.Contains(report.DiffFormats(), format) {
			return nil, report.WriteDiff(format, io.Discard, &finding.Diff{}, o) // says which there are
		}
		return func(d *finding.Diff) error { return report.WriteDiff(format, w, d, o) }, nil
	}, inputs: []string{before, after}}
	out, err := openPlaces(f.outputs, s, s.out, report.Options{}, m)
	if err != nil {
		return err
	}
	defer out.abandon()
	if err := out.each(func(write func(*finding.Diff) error) error { return write(diff) }); err != nil {
		return err
	}
	if err := out.close(); err != nil {
		return err
	}
	if code := gate.DiffExitCode(diff, failOn); code != gate.OK {
		return exit(code)
	}
	return nil
}

func compareReports(in io.Reader, before, after string) (*finding.Diff, error) {
	old, err := readReport(in, before)
	if err != nil {
		return nil, err
	}
	now, err := readReport(in, after)
	if err != nil {
		return nil, err
	}
	return gate.Compare(old, now)
}

func readReport(in io.Reader, name string) (*gate.Listed, error) {
	if name == "-" {
		return gate.ReadListed("standard input", in)
	}
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		return nil, fmt.Errorf("%s is a folder: name a report in it", name)
	}
	return parseFile(name, gate.ReadListed)
}
