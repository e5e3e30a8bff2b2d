package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/framework"
	"github.com/kubeassay/assay/posture"
	"github.com/kubeassay/assay/posture/check/builtin"
	"github.com/kubeassay/assay/report"
)

// frameworkFlags make a scan answer a framework, item by item.
type frameworkFlags struct{ name, level string }

func (f *frameworkFlags) bind(flags *pflag.FlagSet) {
	flags.StringVar(&f.name, "framework", "", "Make the checks that serve a framework, and report its items: cis, nsa, pss, mitre, owasp, nist-190, nist-53, stig, pci (see assay frameworks)")
	flags.StringVar(&f.level, "level", "", "Items of this level only, such as 1 for cis, baseline for pss, high for stig")
}

// checks narrows a scan to the framework's checks.
func (f *frameworkFlags) checks(only []string) ([]string, error) {
	if f.name == "" {
		if f.level != "" {
			return nil, usagef("--level %q: a level is one of a framework: give --framework as well", f.level)
		}
		return only, nil
	}
	fw, err := framework.Get(f.name)
	if err != nil {
		return nil, usagef("--framework: %w", err)
	}
	serving, err := framework.Checks(fw, f.level)
	if err != nil {
		return nil, usagef("--level: %w", err)
	}
	there := builtin.IDs(builtin.All())
	serving = slices.DeleteFunc(serving, func(id string) bool {
		return !slices.Contains(there, id) || len(only) > 0 && !slices.Contains(only, id)
	})
	if len(serving) == 0 {
		return nil, usagef("--framework %s: no check that is wanted serves it (see assay frameworks %s)", f.name, f.name)
	}
	return serving, nil
}

// options has all verdicts handed on, also those that nobody would otherwise see.
func (f *frameworkFlags) options(j *judgingFlags, o *posture.Options) error {
	switch {
	case f.name == "":
		return nil
	case len(j.statuses) > 0 || j.minSeverity != "" || j.perPod:
		return usagef("--framework reports every item: leave out --status, --min-severity and --per-pod")
	case j.baselineFile != "":
		return usagef("--framework and --baseline contradict each other: what is known already is broken all the same")
	}
	o.Statuses = finding.Statuses
	return nil
}

// writer is report.New, but for the framework's own report.
func (f *frameworkFlags) writer(format string, w io.Writer, o report.Options) (report.Writer, error) {
	if f.name == "" {
		return report.New(format, w, o)
	}
	if formats := report.FrameworkFormats(); !slices.Contains(formats, format) {
		return nil, fmt.Errorf("unknown format %q for --framework: use one of %s", format, strings.Join(formats, ", "))
	}
	fw, err := framework.Get(f.name)
	if err != nil {
		return nil, err
	}
	tally, err := framework.NewTally(fw, f.level)
	if err != nil {
		return nil, err
	}
	return &frameworkWriter{format: format, w: w, o: o, tally: tally}, nil
}

// frameworkWriter counts findings and writes at the end what they mean.
type frameworkWriter struct {
	format string
	w      io.Writer
	o      report.Options
	tally  *framework.Tally
	header report.Header
}

func (f *frameworkWriter) Begin(h report.Header) error {
	f.header = h
	return nil
}

func (f *frameworkWriter) Finding(x *finding.Finding) error {
	f.tally.Add(x)
	return nil
}

func (f *frameworkWriter) Flush() error { return nil }

func (f *frameworkWriter) End(r *finding.Report) error {
	of := f.tally.Report(f.header.Rules, r.Summary.Complete)
	of.Scan = framework.ScanOf(&r.Summary, f.header.Version)
	for _, c := range r.Coverage {
		of.Notes = append(of.Notes, fmt.Sprintf("%s: %s: %s", c.Scope, c.State, c.Detail))
	}
	for _, p := range r.Errors {
		of.Notes = append(of.Notes, p.String())
	}
	return report.WriteFramework(f.format, f.w, &of, f.o)
}

// ruled are all checks of a scan, made or not, as reports carry them.
func ruled(o *posture.Options) []finding.Rule {
	return builtin.Rules(slices.Concat(o.Checks, o.Off))
}
