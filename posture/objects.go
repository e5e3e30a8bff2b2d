package posture

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/index"
	"github.com/kubeassay/assay/posture/source"
)

// objects asks the checks about objects that hold no pod template, and keeps
// what they ask of each other in an index.
type objects struct {
	index *index.Index
	// byKind are the checks that judge an object by itself, namespace and cluster
	// those that look at several, version those that judge any object.
	byKind                      map[schema.GroupKind][]*check.Check
	namespace, cluster, version []*check.Check
	// surveyed are the namespaces that are done.
	surveyed map[string]bool
	emit     func(*finding.Finding) error
	labels   bool
	// carries is told of objects with waivers in their annotations.
	carries func(finding.Workload, map[string]string)
	// count takes what is quiet, of which only the status is wanted.
	count func(*check.Check, finding.Status)
	quiet func(*check.Verdict) bool
	// cut says why nothing that depends on other objects can be judged any more.
	cut string
	// held are findings that wait for others of their namespace.
	held   map[string][]*finding.Finding
	number int // of those
	// failed is the first error of emit in the middle of a survey.
	failed error
}

func newObjects(o *Options, of *source.Description) *objects {
	x := &objects{index: index.New(), byKind: map[schema.GroupKind][]*check.Check{}, surveyed: map[string]bool{}, held: map[string][]*finding.Finding{}, labels: o.Labels}
	x.index.Live, x.index.Target, x.index.Partial = of.Live, o.Target, of.Partial
	for _, c := range o.Checks {
		for _, kind := range c.Kinds {
			if !of.Gives(kind) {
				x.index.Miss(index.Gap{Kind: kind, Reason: fmt.Sprintf("objects of the kind %s are not read here", kind)})
			}
		}
		switch {
		case c.JudgeObject != nil:
			for _, kind := range c.Kinds {
				x.byKind[kind] = append(x.byKind[kind], c)
			}
		case c.SurveyNamespace != nil:
			x.namespace = append(x.namespace, c)
		case c.SurveyCluster != nil:
			x.cluster = append(x.cluster, c)
		case c.JudgeVersion != nil:
			x.version = append(x.version, c)
		}
	}
	return x
}

// Kinds are those without pods that checks ask about, each once, and some more.
func Kinds(checks []*check.Check, more ...schema.GroupKind) []schema.GroupKind {
	all := slices.Clone(more)
	for _, c := range checks {
		for _, k := range c.Kinds {
			if !slices.Contains(all, k) {
				all = append(all, k)
			}
		}
	}
	return all
}

// Others says what to read objects of such a kind into, for files. Where some
// check goes by the version of every object, all others are read too, but only
// their metadata.
func Others(checks []*check.Check, more ...schema.GroupKind) func(apiVersion, kind string) metav1.Object {
	kinds := map[schema.GroupKind]bool{}
	for _, k := range Kinds(checks, more...) {
		kinds[k] = true
	}
	versions := slices.ContainsFunc(checks, func(c *check.Check) bool { return c.JudgeVersion != nil })
	return func(apiVersion, kind string) metav1.Object {
		switch {
		case kinds[schema.FromAPIVersionAndKind(apiVersion, kind).GroupKind()]:
			return index.NewObject(apiVersion, kind)
		case versions:
			return &metav1.PartialObjectMetadata{}
		}
		return nil
	}
}

// namespaceLabels are those of the namespace that an object is in, or is; nil
// where they are not known.
func (x *objects) namespaceLabels(of finding.Workload) map[string]string {
	name := of.Namespace
	if of.APIVersion == "v1" && of.Kind == "Namespace" {
		name = of.Name
	}
	if ns := x.index.Find(schema.GroupKind{Kind: "Namespace"}, "", name); ns != nil {
		return finding.KnownLabels(ns.GetLabels())
	}
	return nil
}

// add judges an object by itself, and keeps it.
func (x *objects) add(o *index.Object) error {
	if x.labels {
		x.carries(o.Ref(), finding.WaiverAnnotations(o.GetAnnotations()))
	}
	for _, c := range x.byKind[o.GroupKind()] {
		v := c.JudgeObject(o, x.index)
		if err := x.tell(c, o, &v); err != nil {
			return err
		}
	}
	if err := x.judgeVersion(o.APIVersion, o.Kind, o.Object, o.Locate); err != nil {
		return err
	}
	if _, only := o.Object.(*metav1.PartialObjectMetadata); only {
		return nil // no check asks about its kind
	}
	if o.Locate != nil {
		at := o.Locate("metadata.name")
		o.At, o.Locate = &at, nil // the file's text need not be kept for it
	}
	x.index.Add(o)
	return nil
}

// miss notes that something could not be read. Where that is one object, each
// check that would have judged it has not.
func (x *objects) miss(g *index.Gap) error {
	x.index.Miss(*g)
	if g.Object == nil {
		return nil
	}
	for _, c := range x.byKind[g.Kind] {
		v := unread(c, g.Reason)
		if err := x.tell(c, g.Object, &v); err != nil {
			return err
		}
	}
	return nil
}

// workload judges the version of an object that holds a pod template.
func (x *objects) workload(o *source.Object) error {
	return x.judgeVersion(o.APIVersion, o.Kind, o.Meta, o.Locate)
}

func (x *objects) judgeVersion(apiVersion, kind string, meta metav1.Object, locate func(string) finding.Location) error {
	for _, c := range x.version {
		in := check.Versioned{
			APIVersion: apiVersion, Kind: kind, Meta: meta,
			Server: x.index.Server, Target: x.index.Target, Live: x.index.Live, Brief: true,
		}
		v := c.JudgeVersion(in)
		if x.quiet(&v) {
			x.count(c, v.Status)
			continue
		}
		in.Brief = false
		v = c.JudgeVersion(in)
		o := index.Object{APIVersion: apiVersion, Kind: kind, Object: meta, Locate: locate}
		if err := x.tell(c, &o, &v); err != nil {
			return err
		}
	}
	return nil
}

// tell hands on a verdict about an object.
func (x *objects) tell(c *check.Check, o *index.Object, v *check.Verdict) error {
	if x.quiet(v) {
		x.count(c, v.Status)
		return nil
	}
	f := x.finding(c, o, v)
	key := f.Workload.Namespace
	if f.Workload.Kind == "Namespace" {
		key = f.Workload.Name
	}
	x.held[key] = append(x.held[key], f)
	if x.number++; x.number < heldMost {
		return nil
	}
	return x.releaseAll()
}

// heldMost bounds how many findings wait to be put in order.
const heldMost = 10_000

// release hands on what waits in a namespace, object by object, the gravest first.
func (x *objects) release(namespace string) error {
	list := x.held[namespace]
	delete(x.held, namespace)
	x.number -= len(list)
	slices.SortStableFunc(list, func(a, b *finding.Finding) int {
		return cmp.Or(strings.Compare(a.Workload.Kind, b.Workload.Kind), strings.Compare(a.Workload.Name, b.Workload.Name), cmp.Compare(grave(a), grave(b)))
	})
	for _, f := range list {
		if err := x.emit(f); err != nil {
			return err
		}
	}
	return nil
}

func (x *objects) releaseAll() error {
	for _, namespace := range slices.Sorted(maps.Keys(x.held)) {
		if err := x.release(namespace); err != nil {
			return err
		}
	}
	return nil
}

func (x *objects) finding(c *check.Check, o *index.Object, v *check.Verdict) *finding.Finding {
	f := &finding.Finding{
		Check: c.ID, Status: v.Status, Severity: v.Severity, Evidence: v.Evidence,
		Workload: o.Ref(), Message: v.Message, Basis: v.Basis, Location: o.At,
	}
	if x.labels {
		f.Labels, f.Annotations = finding.KnownLabels(o.GetLabels()), finding.WaiverAnnotations(o.GetAnnotations())
	}
	if o.Locate != nil && len(v.Basis) > 0 {
		at := o.Locate(v.Basis[0].Field)
		f.Location = &at
	}
	return f
}

// missing says why a check can't judge what is in a namespace, or anywhere
// where that is empty.
func (x *objects) missing(c *check.Check, namespace string) (reason string, ok bool) {
	switch {
	case x.cut != "":
		return x.cut, true
	case c.KnowsGaps:
		return "", false
	}
	for _, kind := range c.Kinds {
		if reason, missing := x.index.Missing(kind, namespace); missing {
			return reason, true
		}
	}
	return "", false
}

// yield hands on the verdicts of a survey. Where something is missing that the
// check needs, all of them are not-reviewed.
func (x *objects) yield(c *check.Check, namespace string) check.Yield {
	reason, missing := x.missing(c, namespace)
	return func(o *index.Object, v check.Verdict) {
		if x.failed != nil || o.GetName() == "" && o.GetGenerateName() == "" {
			return
		}
		if missing && v.Status != finding.NotApplicable {
			v = unread(c, reason)
		}
		x.failed = x.tell(c, o, &v)
	}
}

// done judges what is in a namespace, all of which is known now, and forgets
// what nobody will ask for again.
func (x *objects) done(namespace string) error {
	if x.surveyed[namespace] {
		return nil
	}
	x.surveyed[namespace] = true
	n := x.index.Namespace(namespace)
	for _, c := range x.namespace {
		c.SurveyNamespace(n, x.yield(c, namespace))
	}
	if x.index.Live {
		x.index.Forget(namespace, index.Kept)
	}
	if x.failed != nil {
		return x.failed
	}
	return x.release(namespace)
}

// end judges what can be judged only once everything is known, and says of
// each check that lacks something that it was not reviewed.
func (x *objects) end(checks, off []*check.Check) error {
	whole := x.cut == ""
	if !x.index.Live && whole {
		for _, n := range append([]*index.Namespace{x.index.Namespace("")}, x.index.Namespaces()...) {
			if err := x.done(n.Name); err != nil {
				return err
			}
		}
	}
	if whole {
		for _, c := range x.cluster {
			c.SurveyCluster(x.index, x.yield(c, ""))
		}
	}
	if x.failed != nil {
		return x.failed
	}
	for _, c := range checks {
		if err := x.tellMissing(c); err != nil {
			return err
		}
	}
	for _, c := range off {
		why := "it reads what may be secret, or takes wide rights"
		if c.OptIn == check.Registries {
			why = "it goes by what is given there"
		}
		v := unread(c, fmt.Sprintf("off unless --%s is given: %s", c.OptIn, why))
		if err := x.tell(c, theCluster(), &v); err != nil {
			return err
		}
	}
	return x.releaseAll()
}

// tellMissing says once what kinds a check could not read: where there are no
// objects, there is nothing else to say it about.
func (x *objects) tellMissing(c *check.Check) error {
	if c.Join != nil { // says so of every workload
		return nil
	}
	var reasons []string
	for _, g := range x.index.Gaps() {
		told := g.Object != nil && c.JudgeObject != nil // of the object itself
		if slices.Contains(c.Kinds, g.Kind) && !told && !slices.Contains(reasons, g.Reason) {
			reasons = append(reasons, g.Reason)
		}
	}
	if len(reasons) == 0 {
		return nil
	}
	const most = 3
	if more := len(reasons) - most; more > 0 {
		reasons = append(reasons[:most], fmt.Sprintf("and %d more", more))
	}
	v := unread(c, strings.Join(reasons, "; "))
	return x.tell(c, theCluster(), &v)
}

// theCluster stands for everything, where a verdict is about no object of its own.
func theCluster() *index.Object {
	return &index.Object{APIVersion: "v1", Kind: "Cluster", Object: &metav1.ObjectMeta{Name: "cluster"}}
}
