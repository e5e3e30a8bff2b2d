package posture

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/check/builtin"
	"github.com/kubeassay/assay/posture/source"
)

// given is a source that has everything in memory. An item that is an error ends it.
type given []any

func (g given) Items(ctx context.Context) iter.Seq2[source.Item, error] {
	return func(yield func(source.Item, error) bool) {
		for _, x := range g {
			var it source.Item
			switch x := x.(type) {
			case error:
				yield(it, x)
				return
			case func():
				x()
				continue
			case source.Item:
				it = x
			default:
				o := object(x)
				it.Object = &o
			}
			if !yield(it, nil) {
				return
			}
		}
	}
}

// object is what a source makes of an object.
func object(x any) source.Object {
	switch x := x.(type) {
	case source.Object:
		return x
	case *corev1.Pod:
		return source.FromPod(x)
	case *appsv1.Deployment:
		return source.FromDeployment(x)
	case *appsv1.ReplicaSet:
		return source.FromReplicaSet(x)
	case *appsv1.StatefulSet:
		return source.FromStatefulSet(x)
	case *appsv1.DaemonSet:
		return source.FromDaemonSet(x)
	case *batchv1.Job:
		return source.FromJob(x)
	case *batchv1.CronJob:
		return source.FromCronJob(x)
	case *corev1.ReplicationController:
		return source.FromReplicationController(x)
	}
	panic(fmt.Sprintf("no object of %T", x))
}

func node(name, arch string) source.Item {
	return source.Item{Node: &source.Node{Name: name, Arch: arch}}
}

func done(namespace string) source.Item { return source.Item{NamespaceDone: namespace} }

// file gives an object a place in a file.
func file(x any, name string) source.Object {
	o := object(x)
	o.Locate = func(field string) finding.Location {
		return finding.Location{File: name, Line: 1 + strings.Count(field, "."), Column: 1}
	}
	return o
}

// kept is a sink that keeps everything.
type kept struct {
	findings []*finding.Finding
	flushes  int
}

func (k *kept) Finding(f *finding.Finding) error { k.findings = append(k.findings, f); return nil }
func (k *kept) Flush() error                     { k.flushes++; return nil }

// scanned is what a scan with all checks, or those of o, makes of a source.
func scanned(t *testing.T, o Options, src ...any) ([]*finding.Finding, *finding.Report) {
	t.Helper()
	if len(o.Checks) == 0 {
		o.Checks = few()
	}
	var k kept
	report, err := Scan(t.Context(), given(src), o, &k)
	if err != nil {
		t.Fatal(err)
	}
	return k.findings, report
}

// few are checks enough to show what becomes of verdicts.
func few() []*check.Check {
	checks, err := builtin.Select([]string{"image-latest-tag", "image-tag-drift", "run-as-root"}, nil)
	if err != nil {
		panic(err)
	}
	return checks
}

// only is the one check of an ID.
func only(t *testing.T, id string) Options {
	t.Helper()
	checks, err := builtin.Select([]string{id}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return Options{Checks: checks}
}

var everyStatus = finding.Statuses

// brief writes findings as lines: "Deployment/cart app: fail high reported 1/3 cart-1".
func brief(findings []*finding.Finding) string {
	var b strings.Builder
	for _, f := range findings {
		fmt.Fprintf(&b, "%s %s: %s", f.Workload, f.Container, f.Status)
		if f.Status == finding.Fail {
			fmt.Fprintf(&b, " %s", f.Severity)
		}
		fmt.Fprintf(&b, " %s %d/%d", f.Evidence, f.Pods, f.PodsTotal)
		if len(f.PodNames) > 0 {
			fmt.Fprintf(&b, " %s", strings.Join(f.PodNames, ","))
		}
		if f.Injected {
			b.WriteString(" injected")
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// grounds writes a finding's basis as lines.
func grounds(f *finding.Finding) string {
	var b strings.Builder
	for _, x := range f.Basis {
		fmt.Fprintf(&b, "%s %s=%s", x.Evidence, x.Field, x.Value)
		if x.Object != "" {
			fmt.Fprintf(&b, " of %s", x.Object)
		}
		if x.Pods > 0 {
			fmt.Fprintf(&b, " in %d", x.Pods)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// same compares texts after the indentation that Go's raw strings have.
func same(t *testing.T, got, want string) {
	t.Helper()
	var lines []string
	for line := range strings.Lines(want) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	if want = strings.Join(lines, "\n"); strings.TrimSpace(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

const pinned = "registry.example/shop/cart:1.4.2"

// mod changes a pod's metadata, spec or status; templates ignore the status.
type mod func(*corev1.Pod)

func app(p *corev1.Pod) *corev1.Container { return &p.Spec.Containers[0] }

func withImage(image string) mod { return func(p *corev1.Pod) { app(p).Image = image } }

func withUser(uid int64) mod {
	return func(p *corev1.Pod) { app(p).SecurityContext = &corev1.SecurityContext{RunAsUser: &uid} }
}

// withContainer adds a second container, which may run as root.
func withContainer(name string) mod {
	return func(p *corev1.Pod) {
		p.Spec.Containers = append(p.Spec.Containers, corev1.Container{Name: name, Image: pinned})
	}
}

// reports has the kubelet report a user for the first container.
func reports(uid int64) mod {
	return func(p *corev1.Pod) {
		p.Status.ContainerStatuses = []corev1.ContainerStatus{{
			Name: app(p).Name, User: &corev1.ContainerUser{Linux: &corev1.LinuxContainerUser{UID: uid}},
		}}
	}
}

// runsDigest has the first container run with an image ID on a node.
func runsDigest(digest, nodeName string) mod {
	return func(p *corev1.Pod) {
		p.Spec.NodeName = nodeName
		p.Status.Phase = corev1.PodRunning
		p.Status.ContainerStatuses = []corev1.ContainerStatus{{
			Name: app(p).Name, ImageID: "registry.example/shop/cart@sha256:" + strings.Repeat(digest, 32),
			State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}},
		}}
	}
}

func hash(h string) mod {
	return func(p *corev1.Pod) { p.Labels = map[string]string{"controller-revision-hash": h} }
}

// ownedBy makes an object the controller of a pod.
func ownedBy(x any) mod {
	o := object(x)
	return func(p *corev1.Pod) { p.OwnerReferences = []metav1.OwnerReference{refTo(&o)} }
}

func refTo(o *source.Object) metav1.OwnerReference {
	return metav1.OwnerReference{APIVersion: o.APIVersion, Kind: o.Kind, Name: o.Meta.Name, UID: o.Meta.UID, Controller: new(true)}
}

// pod is a pod of namespace shop with a container "app", whose image decides
// about its user.
func pod(name string, mods ...mod) *corev1.Pod {
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: types.UID("uid of pod " + name)},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: pinned}}},
	}
	for _, m := range mods {
		m(p)
	}
	return p
}

func podTemplate(mods ...mod) corev1.PodTemplateSpec {
	return corev1.PodTemplateSpec{Spec: pod("", mods...).Spec}
}

// named is the metadata of an object whose controller is up to date.
func named(kind, name string, owner any) metav1.ObjectMeta {
	m := metav1.ObjectMeta{Namespace: "shop", Name: name, UID: types.UID("uid of " + kind + " " + name), Generation: 3}
	if owner != nil {
		o := object(owner)
		m.OwnerReferences = []metav1.OwnerReference{refTo(&o)}
	}
	return m
}

func deployment(name, revision string, mods ...mod) *appsv1.Deployment {
	d := &appsv1.Deployment{ObjectMeta: named("Deployment", name, nil)}
	d.Annotations = map[string]string{source.RevisionAnnotation: revision}
	d.Status.ObservedGeneration = 3
	d.Spec.Template = podTemplate(mods...)
	return d
}

func replicaSet(name string, owner any, revision string, mods ...mod) *appsv1.ReplicaSet {
	r := &appsv1.ReplicaSet{ObjectMeta: named("ReplicaSet", name, owner)}
	r.Annotations = map[string]string{source.RevisionAnnotation: revision}
	r.Status.ObservedGeneration = 3
	r.Spec.Template = podTemplate(mods...)
	return r
}

func statefulSet(name, revision string, mods ...mod) *appsv1.StatefulSet {
	s := &appsv1.StatefulSet{ObjectMeta: named("StatefulSet", name, nil)}
	s.Status.ObservedGeneration, s.Status.UpdateRevision = 3, revision
	s.Spec.Template = podTemplate(mods...)
	return s
}

func daemonSet(name string, current, updated int32, mods ...mod) *appsv1.DaemonSet {
	d := &appsv1.DaemonSet{ObjectMeta: named("DaemonSet", name, nil)}
	d.Status.ObservedGeneration = 3
	d.Status.CurrentNumberScheduled, d.Status.UpdatedNumberScheduled = current, updated
	d.Spec.Template = podTemplate(mods...)
	return d
}

func job(name string, owner any, mods ...mod) *batchv1.Job {
	j := &batchv1.Job{ObjectMeta: named("Job", name, owner)}
	j.Spec.Template = podTemplate(mods...)
	return j
}

func cronJob(name string, mods ...mod) *batchv1.CronJob {
	c := &batchv1.CronJob{ObjectMeta: named("CronJob", name, nil)}
	c.Spec.JobTemplate.Spec.Template = podTemplate(mods...)
	return c
}

// custom is an object of some operator's kind; it may have a template.
func custom(kind, name string, owner any, t *corev1.PodTemplateSpec) source.Object {
	m := named(kind, name, owner)
	return source.FromTemplate("example.dev/v1", kind, &m, t, "spec.template")
}

// shuffled gives every order of a few things.
func shuffled(x []any, each func([]any)) {
	if len(x) > 6 {
		panic("too many orders")
	}
	var step func(int)
	x = slices.Clone(x)
	step = func(n int) {
		if n == len(x) {
			each(slices.Clone(x))
			return
		}
		for i := n; i < len(x); i++ {
			x[n], x[i] = x[i], x[n]
			step(n + 1)
			x[n], x[i] = x[i], x[n]
		}
	}
	step(0)
}

func sorted(s []string) []string {
	s = slices.Clone(s)
	slices.Sort(s)
	return s
}
