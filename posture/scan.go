// Package posture reads declarations: it takes objects from a source, asks
// every check about every container, and merges the verdicts into findings of
// workloads. It never looks inside a container (that is the inspect wing's)
// and never prints.
//
//	report, err := posture.Scan(ctx, src, posture.Options{Checks: builtin.Default()}, sink)
package posture

import (
	"context"
	"errors"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/check/builtin"
	"github.com/kubeassay/assay/posture/component"
	"github.com/kubeassay/assay/posture/pss"
	"github.com/kubeassay/assay/posture/source"
	"github.com/kubeassay/assay/workload"
)

// Options says what to judge and which verdicts to hand on.
type Options struct {
	Checks []*check.Check
	// PerPod gives a finding for every pod instead of one for its workload.
	PerPod bool
	// Statuses to hand on; empty means fail and error.
	Statuses []finding.Status
	// MinSeverity hides failures below it; empty means none. Failures and
	// verdicts that could not be reached are counted in the summary all the same.
	MinSeverity finding.Severity
	// IgnoreErrors: broken documents leave a scan complete. They are in the report all the same.
	IgnoreErrors bool
	// Progress, where set, is called now and then with the counts so far.
	Progress func(Progress)
	// Waive, where set, may give a finding its waiver. What is waived is handed
	// on, and counted apart.
	Waive func(*finding.Finding)
	// Known, where set, is asked about every finding after that, and says whether
	// a baseline has it already. Those are counted apart, and not handed on.
	Known func(*finding.Finding) bool
	// Labels: findings carry the labels and annotations of their object, for Waive.
	Labels bool
	// Carrier, where set, is told of every object that carries waivers, also where
	// nothing is found about it: a finding with Workload, Annotations and
	// NamespaceLabels only. It needs Labels.
	Carrier func(*finding.Finding)
	// Count, where set, is told the check and status of each verdict that nobody
	// asked to see and that says no more: passes, and what does not apply.
	Count func(*check.Check, finding.Status)
	// Off are checks that were not permitted to read what they need. Each is not-reviewed.
	Off []*check.Check
	// Standards are the Pod Security Standards to judge by; nil: those that the
	// server judges by, or the newest known.
	Standards *check.Standards
	// Settings are what checks can't know by themselves.
	Settings *check.Settings
	// Target is the version, such as "1.36", that objects are to be judged for
	// instead of the server's.
	Target string
	// Observed, where set, tells what was seen inside a pod's container; nil for
	// a container that nobody looked into.
	Observed func(*source.Object, *workload.Container) *workload.Observed
	// Now stands in for time.Now in tests.
	Now func() time.Time
}

// Progress is how far a scan has come.
type Progress struct {
	Namespaces, Pods, Objects int
	Elapsed                   time.Duration
}

// Sink takes findings as they come about: those of one workload one after the
// other, and Flush when a namespace is complete. The finding is the sink's to keep.
// An error ends the scan.
type Sink interface {
	Finding(*finding.Finding) error
	Flush() error
}

// Scan judges everything that src yields. It returns the report without its
// findings, which went to the sink; also when it returns an error, as far as
// it came. When ctx ends, the report says Interrupted and the error is nil:
// what is known has been handed on.
func Scan(ctx context.Context, src source.Source, o Options, sink Sink) (*finding.Report, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if len(o.Statuses) == 0 {
		o.Statuses = []finding.Status{finding.Fail, finding.Error}
	}
	of := describe(src)
	if o.Settings == nil {
		o.Settings = &check.Settings{}
	}
	s := newScan(o, of, sink)
	s.report = finding.Report{
		APIVersion: finding.APIVersion, Kind: finding.ReportKind, Rules: builtin.Rules(slices.Concat(o.Checks, o.Off)),
		Summary: finding.Summary{
			StartedAt: o.Now().UTC(), Findings: map[finding.Severity]int{},
			Checks: map[string]int{}, Statuses: map[finding.Status]int{},
		},
	}
	err := s.run(ctx, src)
	sum := &s.report.Summary
	sum.FinishedAt = o.Now().UTC()
	sum.Errors = len(s.report.Errors)
	sum.Complete = err == nil && (sum.Errors == 0 || o.IgnoreErrors) &&
		!slices.ContainsFunc(s.report.Coverage, func(c finding.Coverage) bool { return !c.State.Complete() })
	return &s.report, err
}

func describe(src source.Source) source.Description {
	if d, ok := src.(source.Described); ok {
		return d.Describe()
	}
	return source.Description{Gives: func(schema.GroupKind) bool { return false }}
}

// prepare makes ready what depends on the server's version, once that is known
// or will not be.
func (s *scan) prepare() error {
	if s.gatherer.view.Standards != nil {
		return nil
	}
	version, err := pss.Version(s.objects.index.Server)
	if err != nil {
		version = pss.Newest()
	}
	s.gatherer.view.Standards, err = check.NewStandards(version)
	return err
}

// scan is one run of Scan.
type scan struct {
	Options
	sink       Sink
	report     finding.Report
	gatherer   *gatherer
	objects    *objects
	namespaces map[string]struct{} // seen since the last merge; those done are only counted
	shown      time.Time
}

func newScan(o Options, of source.Description, sink Sink) *scan {
	s := &scan{Options: o, sink: sink, gatherer: newGatherer(&o), namespaces: map[string]struct{}{}}
	s.objects = newObjects(&o, &of)
	s.objects.emit, s.objects.count, s.objects.quiet = s.emit, s.count, s.gatherer.quiet
	s.gatherer.carries, s.objects.carries = s.carries, s.carries
	return s
}

func (s *scan) run(ctx context.Context, src source.Source) error {
	failed := s.read(ctx, src)
	var sunk sinkError
	if errors.As(failed, &sunk) {
		return sunk.error // nobody takes what is left
	}
	if ctx.Err() != nil {
		// A source may end early without an error then, or with one that hides the reason.
		s.report.Summary.Interrupted = true
		s.report.Coverage = append(s.report.Coverage, finding.Coverage{
			Scope: "scan", State: finding.Interrupted, Detail: "stopped before the end: the rest was not looked at",
		})
		failed = nil
	}
	if failed != nil || ctx.Err() != nil {
		s.objects.cut = "the scan ended before everything was read"
	}
	// Also after a failure: what is known is worth having.
	if err := s.merge(); err != nil {
		return errors.Join(failed, err)
	}
	return errors.Join(failed, s.objects.end(s.Checks, s.Off), s.sink.Flush())
}

// sinkError is an error of the sink's, as opposed to the source's.
type sinkError struct{ error }

func (s *scan) read(ctx context.Context, src source.Source) error {
	for item, err := range src.Items(ctx) {
		if err != nil {
			return err
		}
		if err := s.item(&item); err != nil {
			return sinkError{err}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

func (s *scan) item(item *source.Item) error {
	sum := &s.report.Summary
	switch {
	case item.Version != "":
		s.objects.index.Server = item.Version
	case item.Object != nil:
		if err := s.prepare(); err != nil {
			return err
		}
		o := item.Object
		sum.Objects++
		if o.Status != nil {
			sum.Pods++
		}
		s.gatherer.add(o)
		if o.Status == nil {
			if err := s.objects.workload(o); err != nil {
				return err
			}
		}
		if o.Meta.Namespace != "" { // in a file it may be left out
			s.namespaces[o.Meta.Namespace] = struct{}{}
		}
		s.progress(false)
	case item.Node != nil:
		s.gatherer.arch[item.Node.Name] = item.Node.Arch
	case item.Other != nil:
		sum.Objects++
		if _, only := item.Other.Object.(*metav1.PartialObjectMetadata); only {
			sum.Unjudged++ // but for its version
		}
		s.progress(false)
		return s.objects.add(item.Other)
	case item.Unjudged:
		sum.Objects++
		sum.Unjudged++
	case item.Gap != nil:
		if item.Coverage != nil {
			s.report.Coverage = append(s.report.Coverage, *item.Coverage)
		}
		return s.objects.miss(item.Gap)
	case item.Coverage != nil:
		s.report.Coverage = append(s.report.Coverage, *item.Coverage)
	case item.Problem != nil:
		s.report.Errors = append(s.report.Errors, *item.Problem)
	case item.NamespaceDone != "":
		s.namespaces[item.NamespaceDone] = struct{}{}
		if err := s.merge(); err != nil {
			return err
		}
		if err := s.objects.done(item.NamespaceDone); err != nil {
			return err
		}
		return s.sink.Flush()
	}
	return nil
}

// merge hands on what has been gathered.
func (s *scan) merge() error {
	sum := &s.report.Summary
	totals, err := s.gatherer.merge(joiner{s.objects.index, s.objects.missing}, s.count, s.emit, s.between)
	if err != nil {
		return err
	}
	sum.Workloads += totals.workloads
	sum.Containers += totals.containers
	sum.Namespaces += len(s.namespaces)
	clear(s.namespaces)
	s.progress(true)
	return nil
}

// between judges, in files, what else is in a namespace, beside its workloads.
func (s *scan) between(namespace string) error {
	if s.objects.index.Live || s.objects.cut != "" {
		return nil
	}
	return s.objects.done(namespace)
}

// count counts a verdict of which nobody wants more than its status.
func (s *scan) count(c *check.Check, status finding.Status) {
	s.report.Summary.Statuses[status]++
	if s.Count != nil {
		s.Count(c, status)
	}
}

// carries tells of an object that carries waivers.
func (s *scan) carries(of finding.Workload, annotations map[string]string) {
	if s.Carrier != nil && len(annotations) > 0 {
		s.Carrier(&finding.Finding{Workload: of, Annotations: annotations, NamespaceLabels: s.objects.namespaceLabels(of)})
	}
}

// emit counts a finding, and hands it on if it is wanted.
func (s *scan) emit(f *finding.Finding) error {
	sum := &s.report.Summary
	if len(f.Annotations) > 0 {
		f.NamespaceLabels = s.objects.namespaceLabels(f.Workload)
	}
	if s.Waive != nil {
		s.Waive(f)
	}
	if s.Known != nil && s.Known(f) {
		sum.Known++
		return nil
	}
	if f.Waiver != nil {
		sum.Waived++
	} else {
		sum.Statuses[f.Status]++
	}
	if f.Status == finding.Fail && f.Waiver == nil {
		sum.Findings[f.Severity]++
		sum.Checks[f.Check]++
	}
	if !slices.Contains(s.Statuses, f.Status) {
		return nil
	}
	if f.Status == finding.Fail && s.MinSeverity != "" && !f.Severity.AtLeast(s.MinSeverity) {
		return nil
	}
	f.Fingerprint = finding.Fingerprint(f)
	return s.sink.Finding(f)
}

// rankLower lowers a failure that is about what a known component needs.
func rankLower(f *finding.Finding) {
	if f.Status != finding.Fail || f.Severity.Rank() >= finding.Low.Rank() {
		return
	}
	if known, ok := component.Needs(f.Workload, f.Image, f.Check); ok {
		f.Severity, f.Component = finding.Low, known.Name
		f.Message += " It is ranked low because this is a known part of the cluster: " + known.Reason
	}
}

// progressEvery is how often progress is told, at most.
const progressEvery = 100 * time.Millisecond

func (s *scan) progress(now bool) {
	if s.Progress == nil || !now && s.report.Summary.Objects%64 != 0 {
		return
	}
	at := s.Now()
	if !now && at.Sub(s.shown) < progressEvery {
		return
	}
	s.shown = at
	sum := &s.report.Summary
	s.Progress(Progress{Namespaces: sum.Namespaces, Pods: sum.Pods, Objects: sum.Objects, Elapsed: at.Sub(sum.StartedAt)})
}
