package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubeassay/assay"
	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/gate"
	"github.com/kubeassay/assay/inspect"
	"github.com/kubeassay/assay/internal/progress"
	"github.com/kubeassay/assay/kube"
	"github.com/kubeassay/assay/posture"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/check/builtin"
	"github.com/kubeassay/assay/posture/source"
	"github.com/kubeassay/assay/posture/source/cluster"
	"github.com/kubeassay/assay/posture/source/manifest"
)

// scanFlags are the flags of assay scan.
type scanFlags struct {
	connection
	what    whatFlags
	judging judgingFlags
	inspect bool
	look    lookFlags

	outputs      []string
	quiet        bool
	plan         bool
	ignoreErrors bool
}

// whatFlags say what is scanned.
type whatFlags struct {
	namespaces, exclude     []string
	all                     bool
	selector, fieldSelector string
	kinds                   []string
	pageSize                int
}

// judgingFlags say what is judged, what is shown and what counts.
type judgingFlags struct {
	checks, skip []string
	statuses     []string
	minSeverity  string
	failOn       string
	waiverFile   string
	accept       string
	baselineFile string
	perPod       bool
	reading      readingFlags
	framework    frameworkFlags

	waivers     *gate.Waivers
	annotations gate.Annotations
	baseline    *gate.Baseline
}

func newScan(s *streams) *cobra.Command {
	var f scanFlags
	cmd := &cobra.Command{
		Use:   "scan [PATH...]",
		Short: "Scan a cluster, or manifests in files",
		Long: `Scan the cluster that kubectl would use, or, given paths, manifests in files,
folders (*.yaml, *.yml, *.json) or standard input ("-").

A cluster is found by the flags; else, inside a pod, by its service account;
else by $KUBECONFIG; else by ~/.kube/config. Namespaces that may not be read
become lines of coverage, and the rest is scanned; the exit code is then 2.`,
		Example: `  assay scan
  assay scan -n shop -n web --min-severity high
  assay scan --plan
  assay scan -o table -o json=report.json
  assay scan deploy/ --fail-on medium
  helm template ./chart | assay scan -`,
		RunE: func(cmd *cobra.Command, paths []string) error {
			if len(paths) > 0 {
				if err := withoutConnection(cmd.Flags()); err != nil {
					return err
				}
			}
			return f.run(cmd.Context(), s, paths)
		},
	}
	f.bind(cmd.Flags())
	return cmd
}

func (f *scanFlags) bind(flags *pflag.FlagSet) {
	flags.SortFlags = false
	f.what.bind(flags)
	flags.StringSliceVar(&f.what.kinds, "kinds", nil, "Kinds of objects to judge, such as pods,deployments (default all that hold containers)")
	flags.StringVar(&f.what.fieldSelector, "field-selector", "", "Only pods with these fields, such as spec.nodeName=node-1 (cluster only)")
	flags.IntVar(&f.what.pageSize, "chunk-size", cluster.DefaultPageSize, "Objects to ask the API server for at a time")
	inGroup(flags, "Verdicts", func(flags *pflag.FlagSet) {
		f.judging.bind(flags)
		flags.StringVar(&f.judging.failOn, "fail-on", string(gate.DefaultFailOn), "End with exit code 1 if there is a failure of this severity or graver; none: never")
	})
	flags.BoolVar(&f.inspect, "inspect", false, "Also look inside running containers, one for each workload and image: what is seen decides over what is declared and reported (see assay inspect)")
	flags.StringArrayVarP(&f.outputs, "output", "o", []string{"table"}, "Format, or FORMAT=FILE; repeatable: table, wide, json, ndjson, yaml")
	flags.BoolVarP(&f.quiet, "quiet", "q", false, "Say nothing on standard error but errors")
	flags.BoolVar(&f.plan, "plan", false, "Scan nothing: print what could be seen, and the least role that a scan needs (-o yaml: only the role)")
	flags.BoolVar(&f.ignoreErrors, "ignore-errors", false, "Broken documents in files do not change the exit code")
	inGroup(flags, lookFlagsGroup, f.look.bind)
	inGroup(flags, connectionFlags, f.connection.bind)
}

// lookFlagsGroup is the heading that the flags of --inspect stand under.
const lookFlagsGroup = "Looking inside, with --inspect"

func (f *whatFlags) bind(flags *pflag.FlagSet) {
	flags.StringSliceVarP(&f.namespaces, "namespace", "n", nil, "Namespace to scan; repeatable (default all)")
	flags.BoolVarP(&f.all, "all-namespaces", "A", false, "Scan all namespaces, which is the default")
	flags.StringSliceVar(&f.exclude, "exclude-namespace", nil, "Namespace to leave out; repeatable")
	flags.StringVarP(&f.selector, "selector", "l", "", "Only objects with these labels, such as app=cart,tier!=db")
}

func (f *judgingFlags) bind(flags *pflag.FlagSet) {
	flags.StringSliceVar(&f.checks, "checks", nil, "Checks to make, by ID (default all; see assay checks)")
	flags.StringSliceVar(&f.skip, "skip-checks", nil, "Checks to leave out, by ID")
	flags.StringVar(&f.minSeverity, "min-severity", "", "Show only failures of this severity or graver: critical, high, medium, low, info (default all; tables: medium, unless checks are named)")
	flags.StringSliceVar(&f.statuses, "status", nil, "Show only verdicts of these statuses: fail, pass, error, not-applicable, not-reviewed (default fail,error)")
	flags.StringVar(&f.waiverFile, "waivers", "", "File with signed-off exceptions")
	flags.StringVar(&f.accept, "accept-annotations", "", "Waivers in annotations count in namespaces with these labels, such as team=platform; *: everywhere (default nowhere)")
	flags.StringVar(&f.baselineFile, "baseline", "", "Earlier report, by -o json or ndjson: show and count only what is new")
	f.framework.bind(flags)
	f.reading.bind(flags)
	flags.BoolVar(&f.perPod, "per-pod", false, "A finding for each pod instead of one for its workload")
}

// shown is the severity of the least failures that people are shown, unless
// they ask for others: hardening and good practice would hide what is worse.
func (f *judgingFlags) shown() finding.Severity {
	if f.minSeverity != "" || len(f.checks) > 0 {
		return ""
	}
	return finding.Medium
}

// options turns the flags into what posture wants, and the gate.
func (f *judgingFlags) options() (o posture.Options, p gate.Policy, err error) {
	only, err := f.framework.checks(f.checks)
	if err != nil {
		return o, p, err
	}
	if o.Checks, err = builtin.Select(only, f.skip); err != nil {
		return o, p, usage(err)
	}
	if err := f.reading.options(&o); err != nil {
		return o, p, err
	}
	for _, s := range f.statuses {
		status, err := finding.ParseStatus(s)
		if err != nil {
			return o, p, usagef("--status: %w", err)
		}
		o.Statuses = append(o.Statuses, status)
	}
	if f.minSeverity != "" {
		if o.MinSeverity, err = finding.ParseSeverity(f.minSeverity); err != nil {
			return o, p, usagef("--min-severity: %w", err)
		}
	}
	if p.FailOn, err = gate.ParseFailOn(f.failOn); err != nil {
		return o, p, usagef("--fail-on: %w", err)
	}
	if err := f.framework.options(f, &o); err != nil {
		return o, p, err
	}
	if err := f.exceptions(&o, &p); err != nil {
		return o, p, err
	}
	o.PerPod = f.perPod
	return o, p, nil
}

func (f *scanFlags) run(ctx context.Context, s *streams, paths []string) error {
	f.judging.reading.files = len(paths) > 0
	options, policy, err := f.judging.options()
	if err != nil {
		return err
	}
	if f.what.pageSize < 1 {
		return usagef("--chunk-size %d: give 1 or more", f.what.pageSize)
	}
	if f.what.all && len(f.what.namespaces) > 0 {
		return usagef("--all-namespaces and --namespace contradict each other: give one of them")
	}
	if f.inspect && len(paths) > 0 {
		return usagef("--inspect looks inside running containers; there are none in files: leave out %s", strings.Join(paths, " "))
	}
	if f.plan && len(paths) > 0 {
		return usagef("--plan is about a cluster's permissions; files need none: leave out %s", strings.Join(paths, " "))
	}
	if f.plan {
		return f.runPlan(ctx, s)
	}
	policy.IgnoreErrors, options.IgnoreErrors = f.ignoreErrors, f.ignoreErrors
	src, client, err := f.source(s, paths, &options)
	if err != nil {
		return err
	}
	defer f.connection.close()
	// Before the scan: a report that can't be written is not worth a scan. But
	// after all that can be wrong with the flags, for it empties files.
	bar := progress.New(s.err, !f.quiet)
	defer bar.Stop()
	out, err := openOutputs(f.outputs, &streams{s.in, bar.Writer(s.out), s.err}, s.out, &f.judging, paths...)
	if err != nil {
		return err
	}
	defer out.abandon()
	options.Progress = func(p posture.Progress) { bar.Update(p.Namespaces, p.Pods, p.Objects) }

	var seen *finding.Report
	if f.inspect {
		if seen, err = f.observe(ctx, s, client, bar, &options); err != nil {
			return err
		}
	}
	if err := out.begin(&options); err != nil {
		return err
	}
	report, err := posture.Scan(ctx, src, options, out)
	bar.Stop()
	addObserved(report, seen)
	return f.finish(s, out, report, client, policy, err)
}

// observe looks inside before the scan, whose checks then ask for what was seen.
func (f *scanFlags) observe(ctx context.Context, s *streams, client *kube.Client, bar *progress.Bar, options *posture.Options) (*finding.Report, error) {
	o, err := f.look.options()
	if err != nil {
		return nil, err
	}
	o.Progress = func(p inspect.Progress) { bar.Inspected(p.Done, p.Total) }
	o.Confirm = f.look.confirm(s, bar)
	selection := inspect.Selection{Namespaces: f.what.namespaces, Exclude: f.what.exclude, Selector: f.what.selector, FieldSelector: f.what.fieldSelector}
	seen, report, err := assay.Observe(ctx, client, selection, o)
	if err != nil {
		return nil, fmt.Errorf("looking inside: %w", err)
	}
	options.Observed = seen.Of
	bar.Inspected(0, 0)
	return report, nil
}

// addObserved says in the scan's report what could not be looked into, and what the looking used.
func addObserved(report, seen *finding.Report) {
	if seen == nil {
		return
	}
	for _, c := range seen.Coverage {
		// What can't be looked into is judged by weaker evidence. But a grant that
		// could not be taken back stays what it is.
		if !strings.HasPrefix(c.Scope, "grant/") {
			c.State = finding.NotObserved
		}
		report.Coverage = append(report.Coverage, c)
	}
	report.Summary.Complete = report.Summary.Complete && !slices.ContainsFunc(report.Coverage, func(c finding.Coverage) bool { return !c.State.Complete() })
	report.Notes = append(report.Notes, seen.Notes...)
	report.Access = seen.Access
}

// finish writes the end of the report and finds the exit code.
func (f *scanFlags) finish(s *streams, out *outputs, report *finding.Report, client *kube.Client, policy gate.Policy, scanned error) error {
	if client != nil {
		report.Summary.Cluster = client.Server()
		access := f.connection.access(client)
		if report.Access != nil {
			access.Grants = report.Access.Grants
		}
		report.Access = access
	}
	if scanned != nil {
		if out.broken != nil {
			return scanned
		}
		report.Coverage = append(report.Coverage, finding.Coverage{Scope: "scan", State: finding.Unreadable, Detail: scanned.Error()})
		if report.Summary.Objects == 0 {
			out.dropText()
			scanned = because(scanned, report.Errors)
		}
	}
	f.sum(report)
	if err := out.end(report); err != nil {
		return errors.Join(scanned, err)
	}
	if scanned != nil {
		return scanned
	}
	if report.Summary.Interrupted && !f.quiet {
		_, _ = fmt.Fprintln(s.err, "assay: interrupted: what was found until then is shown")
	}
	f.judging.told(s, &policy, report, f.quiet)
	if code := gate.ExitCode(report.Summary, policy); code != gate.OK {
		return exit(code)
	}
	return nil
}

// because is the error of a scan that read nothing at all: what was wrong with
// each input, where that is known, says more than that there was nothing.
func because(nothing error, problems []finding.Problem) error {
	if len(problems) == 0 {
		return nothing
	}
	texts := make([]string, len(problems))
	for i, p := range problems {
		texts[i] = p.String()
	}
	return errors.New(strings.Join(texts, "\nassay: "))
}

// source is the files, or the cluster, to scan. The client is nil for files.
func (f *scanFlags) source(s *streams, paths []string, o *posture.Options) (source.Source, *kube.Client, error) {
	kinds, err := parseKinds(f.what.kinds)
	if err != nil {
		return nil, nil, err
	}
	if len(paths) > 0 {
		src, err := f.what.files(paths, s.in, kinds, posture.Others(o.Checks, f.judging.kinds()...))
		return src, nil, err
	}
	client, err := f.connection.connect(s, f.quiet)
	if err != nil {
		return nil, nil, err
	}
	src, err := cluster.New(client, f.reads(kinds, o.Checks))
	if err != nil {
		return nil, nil, usage(err)
	}
	f.judging.reading.warn(s, src, f.quiet)
	return src, client, nil
}

// reads says what of a cluster is read. Kinds that only some checks need are
// wanted, not required, unless those checks were named.
func (f *scanFlags) reads(kinds []kube.Resource, checks []*check.Check) cluster.Options {
	w := &f.what
	o := cluster.Options{
		Namespaces: w.namespaces, Exclude: w.exclude, Selector: w.selector, FieldSelector: w.fieldSelector,
		Kinds: kinds, PageSize: w.pageSize, OthersRequired: len(f.judging.checks) > 0, Others: posture.Kinds(checks, f.judging.kinds()...),
		Kubelets: f.judging.reading.kubelets(),
	}
	for _, c := range checks {
		o.Nodes = o.Nodes || c.Compare != nil
	}
	return o
}

func (f *whatFlags) files(paths []string, in io.Reader, kinds []kube.Resource, others func(apiVersion, kind string) metav1.Object) (source.Source, error) {
	if f.fieldSelector != "" {
		return nil, usagef("--field-selector chooses what a cluster lists; it can't be used with files")
	}
	selector, err := labels.Parse(f.selector)
	if err != nil {
		return nil, usagef("the label selector %q can't be read: %w", f.selector, err)
	}
	o := manifest.Options{Stdin: in, Namespaces: f.namespaces, ExcludeNamespaces: f.exclude, Others: others}
	if f.selector != "" {
		o.Selector = selector
	}
	for _, k := range kinds {
		o.Kinds = append(o.Kinds, k.Kind)
	}
	return manifest.New(paths, o), nil
}

func parseKinds(names []string) ([]kube.Resource, error) {
	var kinds []kube.Resource
	for _, n := range names {
		r, err := kube.ParseResource(n)
		if err != nil {
			return nil, usagef("--kinds: %w", err)
		}
		kinds = append(kinds, r)
	}
	return kinds, nil
}
