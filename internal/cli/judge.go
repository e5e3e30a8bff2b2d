package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/gate"
	"github.com/kubeassay/assay/inspect/attest"
	"github.com/kubeassay/assay/inspect/profile"
	"github.com/kubeassay/assay/posture/check/builtin"
	"github.com/kubeassay/assay/report"
)

// resultFlags say by what containers are judged, what is shown and what counts.
type resultFlags struct {
	profiles, inputs []string

	outputs, statuses []string

	failOn, threshold, waivers string
	strict                     bool

	key, statements string
}

func (f *resultFlags) bind(flags *pflag.FlagSet) {
	flags.StringArrayVarP(&f.profiles, "profile", "p", []string{"container-core"}, "Built-in profile, or a profile's file; repeatable (see assay profile list)")
	flags.StringArrayVar(&f.inputs, "input", nil, "Value of a profile's input, as NAME=VALUE; repeatable")
	flags.StringArrayVarP(&f.outputs, "output", "o", []string{"table"}, "Format, FORMAT=FILE, or hdf=FOLDER; repeatable: table, wide, json, ndjson, yaml, hdf, junit, markdown")
	inGroup(flags, "Verdicts", func(flags *pflag.FlagSet) {
		flags.StringSliceVar(&f.statuses, "status", nil, "Show only verdicts of these statuses: fail, pass, error, not-applicable, not-reviewed (default fail,error); hdf, junit and markdown always hold all")
		flags.StringVar(&f.failOn, "fail-on", string(gate.DefaultFailOn), "End with exit code 1 if there is a failure of this severity or graver; none: never")
		flags.BoolVar(&f.strict, "strict", false, "Controls that could not be reviewed count as not judged: exit code 2")
		flags.StringVar(&f.threshold, "threshold", "", "SAF threshold file that each target and profile must keep to, or else exit code 1")
		flags.StringVar(&f.waivers, "waivers", "", "File with signed-off exceptions")
	})
	inGroup(flags, "Attestation", func(flags *pflag.FlagSet) {
		flags.StringVar(&f.key, "attest", "", "Private key (PEM) to sign a statement about each target's result with")
		flags.StringVar(&f.statements, "attest-output", "assay.intoto.jsonl", "File for the signed statements, one a line")
	})
}

// judge is what the flags mean: everything that can be wrong with them is
// found before a container is looked into.
type judge struct {
	profiles  []*profile.Profile
	statuses  []finding.Status
	policy    gate.Policy
	threshold *gate.Threshold
	waivers   *gate.Waivers
	signer    *attest.Signer
	now       time.Time
}

func (f *resultFlags) judge() (*judge, error) {
	j := &judge{now: time.Now(), policy: gate.Policy{Strict: f.strict}}
	var err error
	if j.profiles, err = f.load(); err != nil {
		return nil, usage(err)
	}
	for _, s := range f.statuses {
		status, err := finding.ParseStatus(s)
		if err != nil {
			return nil, usagef("--status: %w", err)
		}
		j.statuses = append(j.statuses, status)
	}
	if j.policy.FailOn, err = gate.ParseFailOn(f.failOn); err != nil {
		return nil, usagef("--fail-on: %w", err)
	}
	if f.threshold != "" {
		if j.threshold, err = parseFile(f.threshold, gate.ParseThreshold); err != nil {
			return nil, usagef("--threshold: %w", err)
		}
	}
	if f.waivers != "" {
		if j.waivers, err = parseFile(f.waivers, gate.ParseWaivers); err != nil {
			return nil, usagef("--waivers: %w", err)
		}
		rules := builtin.Rules(builtin.All())
		for _, p := range j.profiles {
			rules = append(rules, p.Rules()...)
		}
		if err := j.waivers.Unknown(rules...); err != nil {
			return nil, usagef("--waivers: %w", err)
		}
	}
	if f.key != "" {
		if j.signer, err = attest.LoadSigner(f.key); err != nil {
			return nil, usagef("--attest: %w", err)
		}
	}
	return j, nil
}

func parseFile[T any](name string, parse func(string, io.Reader) (T, error)) (T, error) {
	f, err := os.Open(name)
	if err != nil {
		var none T
		return none, err
	}
	defer func() { _ = f.Close() }() // only read
	return parse(name, f)
}

// load finds the profiles and gives them their inputs. An input that no
// profile has is a mistake.
func (f *resultFlags) load() ([]*profile.Profile, error) {
	var all []*profile.Profile
	used := make([]bool, len(f.inputs))
	for _, name := range f.profiles {
		p, err := profile.Find(name)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(all, func(o *profile.Profile) bool { return o.Name == p.Name }) {
			return nil, fmt.Errorf("--profile: two profiles are called %s, and results could not be told apart", p.Name)
		}
		values := map[string]any{}
		for i, in := range f.inputs {
			key, value, ok := strings.Cut(in, "=")
			if !ok {
				return nil, fmt.Errorf("--input %q: give NAME=VALUE", in)
			}
			n := slices.IndexFunc(p.Inputs, func(x profile.Input) bool { return x.Name == key })
			if n < 0 {
				continue
			}
			used[i] = true
			if values[key], err = p.Inputs[n].Type.Parse(value); err != nil {
				return nil, fmt.Errorf("--input %s: %w", in, err)
			}
		}
		if p, err = p.WithInputs(values); err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	if i := slices.Index(used, false); i >= 0 {
		return nil, fmt.Errorf("--input %s: no profile has an input of that name (%s)", f.inputs[i], inputNames(all))
	}
	return all, nil
}

func inputNames(profiles []*profile.Profile) string {
	var names []string
	for _, p := range profiles {
		for _, in := range p.Inputs {
			names = append(names, p.Name+" has "+in.Name)
		}
	}
	if len(names) == 0 {
		return "they have none"
	}
	return strings.Join(names, ", ")
}

// results takes inspections as they are done: an inspect.Sink.
type results struct {
	*places[report.InspectionWriter]
	judge      *judge
	quiet      bool // no notes on standard error
	violations []gate.Violation
	statements []attest.Result
}

// check finds what can be told before anything is looked into. Inspections is
// how many there will be at least.
func (f *resultFlags) check(inspections int) error {
	for _, o := range f.outputs {
		format, path, _ := strings.Cut(o, "=")
		if _, folder := hdfFolder(format, path); format == report.HDF && inspections > 1 && (path == "" || path == "-" || !folder) {
			return usagef("--output: a file in the format hdf holds one target and one profile: give a folder for several, as in -o hdf=results/")
		}
	}
	return nil
}

// open makes the reports' files and begins them. Inputs are files that are read
// besides those that the flags name.
func (f *resultFlags) open(j *judge, s *streams, screen io.Writer, inputs ...string) (*results, error) {
	m := maker[report.InspectionWriter]{writer: report.NewInspection, folder: hdfFolder}
	m.inputs = slices.Concat(inputs, f.profiles, []string{f.waivers, f.threshold})
	p, err := openPlaces(f.outputs, s, screen, report.Options{Statuses: j.statuses}, m)
	if err != nil {
		return nil, err
	}
	var rules []finding.Rule
	for _, pr := range j.profiles {
		rules = append(rules, pr.Rules()...)
	}
	r := &results{places: p, judge: j}
	if err := r.each(func(w report.InspectionWriter) error { return w.Begin(report.Header{Rules: rules, Version: Version()}) }); err != nil {
		p.abandon()
		return nil, err
	}
	return r, nil
}

// hdfFolder: HDF holds one target and profile a file, so a path that does not
// look like a file's is that of a folder for all of them.
func hdfFolder(format, path string) (report.InspectionWriter, bool) {
	if format != report.HDF || filepath.Ext(path) == ".json" {
		return nil, false
	}
	return report.HDFFiles(path), true
}

// waive is asked about every finding before it is counted.
func (j *judge) waive(f *finding.Finding) { j.waivers.Apply(f, j.now) }

// Inspection is part of inspect.Sink.
func (r *results) Inspection(i *finding.Inspection) error {
	if r.judge.threshold != nil {
		r.violations = append(r.violations, r.judge.threshold.CheckInspection(i)...)
	}
	if r.judge.signer != nil {
		r.statements = append(r.statements, attest.ResultOf(i))
	}
	return r.each(func(w report.InspectionWriter) error { return w.Inspection(i) })
}

// finish writes the ends of the reports, the statements, and what the gate has
// to say, and finds the exit code.
func (r *results) finish(s *streams, rep *finding.Report, f *resultFlags) error {
	if err := r.each(func(w report.InspectionWriter) error { return w.End(rep) }); err != nil {
		return err
	}
	if err := r.close(); err != nil {
		return err
	}
	if r.judge.signer != nil {
		if err := r.sign(f.statements, rep); err != nil {
			return err
		}
	}
	policy := r.judge.policy
	policy.Violations = slices.Concat(r.violations, r.judge.waivers.Expired(r.judge.now))
	for _, v := range policy.Violations {
		_, _ = fmt.Fprintf(s.err, "assay: %s\n", report.Printable(v.String()))
	}
	if !r.quiet && rep.Summary.Complete { // what was not judged may be what a waiver is for
		for _, note := range r.judge.waivers.Unused(rep.Rules...) {
			_, _ = fmt.Fprintf(s.err, "assay: note: %s\n", report.Printable(note))
		}
	}
	if code := gate.ExitCode(rep.Summary, policy); code != gate.OK {
		return exit(code)
	}
	return nil
}

func (r *results) sign(path string, rep *finding.Report) (err error) {
	out, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("writing the signed statements: %w", err)
	}
	defer func() {
		if closed := out.Close(); err == nil && closed != nil {
			err = fmt.Errorf("writing the signed statements: %w", closed)
		}
	}()
	var failed []error // one that can't be signed is no reason to leave out the others
	for _, result := range r.statements {
		line, err := r.judge.signer.Sign(result, rep.Access)
		if err != nil {
			failed = append(failed, fmt.Errorf("signing the statement about %s: %w", result.Target, err))
			continue
		}
		if _, err := out.Write(append(line, '\n')); err != nil {
			return fmt.Errorf("writing the signed statements: %w", err)
		}
	}
	return errors.Join(failed...)
}

var errNoTargets = errors.New("no running container was found to look into: check the namespace and the selectors")
