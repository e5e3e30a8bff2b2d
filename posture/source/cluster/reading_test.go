package cluster

import (
	"context"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/kube"
	"github.com/kubeassay/assay/posture/source"
)

// named makes metadata from "namespace/name".
func named(key string, change ...func(*metav1.ObjectMeta)) metav1.ObjectMeta {
	namespace, name, _ := strings.Cut(key, "/")
	m := metav1.ObjectMeta{Namespace: namespace, Name: name, UID: types.UID(key)}
	for _, c := range change {
		c(&m)
	}
	return m
}

func labelled(key, value string) func(*metav1.ObjectMeta) {
	return func(m *metav1.ObjectMeta) { m.Labels = map[string]string{key: value} }
}

func ownedBy(r kube.Resource, name string) func(*metav1.ObjectMeta) {
	yes := true
	return func(m *metav1.ObjectMeta) {
		m.OwnerReferences = []metav1.OwnerReference{{APIVersion: r.APIVersion(), Kind: r.Kind, Name: name, UID: types.UID(m.Namespace + "/" + name), Controller: &yes}}
	}
}

// build makes an object with one container, whose image is the object's name.
func build(t testing.TB, r kube.Resource, m metav1.ObjectMeta) []byte {
	t.Helper()
	spec := corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: m.Name}}, NodeName: m.Annotations["node"]}
	template := corev1.PodTemplateSpec{Spec: spec}
	var o marshaler
	switch r {
	case kube.Namespaces:
		o = &corev1.Namespace{ObjectMeta: m}
	case kube.Nodes:
		o = &corev1.Node{ObjectMeta: m}
	case kube.Pods:
		o = &corev1.Pod{ObjectMeta: m, Spec: spec}
	case kube.Deployments:
		o = &appsv1.Deployment{ObjectMeta: m, Spec: appsv1.DeploymentSpec{Template: template}}
	case kube.ReplicaSets:
		o = &appsv1.ReplicaSet{ObjectMeta: m, Spec: appsv1.ReplicaSetSpec{Template: template}}
	case kube.StatefulSets:
		o = &appsv1.StatefulSet{ObjectMeta: m, Spec: appsv1.StatefulSetSpec{Template: template}}
	case kube.DaemonSets:
		o = &appsv1.DaemonSet{ObjectMeta: m, Spec: appsv1.DaemonSetSpec{Template: template}}
	case kube.Jobs:
		o = &batchv1.Job{ObjectMeta: m, Spec: batchv1.JobSpec{Template: template}}
	case kube.CronJobs:
		o = &batchv1.CronJob{ObjectMeta: m, Spec: batchv1.CronJobSpec{JobTemplate: batchv1.JobTemplateSpec{Spec: batchv1.JobSpec{Template: template}}}}
	case kube.ReplicationControllers:
		o = &corev1.ReplicationController{ObjectMeta: m, Spec: corev1.ReplicationControllerSpec{Template: &template}}
	case kube.PodTemplates:
		o = &corev1.PodTemplate{ObjectMeta: m, Template: template}
	default:
		t.Fatalf("no such kind: %s", r)
	}
	return marshal(t, o)
}

// reading is what came out of a source.
type reading struct {
	objects  []string // "Kind namespace/name", with " (owner only)" where there is no spec
	done     []string
	nodes    []source.Node
	coverage []finding.Coverage
	err      error
}

// read reads a source to its end and checks what holds for every reading.
func read(t testing.TB, client *kube.Client, o Options) *reading {
	t.Helper()
	src, err := New(client, o)
	if err != nil {
		t.Fatal(err)
	}
	return readAll(t, t.Context(), src)
}

func readAll(t testing.TB, ctx context.Context, src *Source) *reading {
	t.Helper()
	var kinds []string
	for _, r := range Kinds() {
		kinds = append(kinds, r.Kind)
	}
	got := &reading{}
	open, rank := "", 0
	for item, err := range src.Items(ctx) {
		if got.err != nil {
			t.Fatal("something came after an error")
		}
		switch {
		case err != nil:
			got.err = err
		case item.Object != nil:
			m := item.Object.Meta
			key := item.Object.Kind + " " + m.Namespace + "/" + m.Name
			if m.Namespace != open {
				if slices.Contains(got.done, m.Namespace) || open != "" {
					t.Errorf("%s came while %q was open, after %v were done", key, open, got.done)
				}
				open, rank = m.Namespace, 0
			}
			if at := slices.Index(kinds, item.Object.Kind); at < rank {
				t.Errorf("%s came after %s", key, kinds[rank])
			} else {
				rank = at
			}
			switch spec := item.Object.Spec; {
			case spec == nil:
				key += " (owner only)"
			case len(spec.Containers) != 1 || spec.Containers[0].Image != m.Name:
				t.Errorf("%s has the containers %+v", key, spec.Containers)
			}
			got.objects = append(got.objects, key)
		case item.Version != "":
			if len(got.objects) > 0 || item.Version != fakeVersion {
				t.Errorf("the version is %q, after %d objects", item.Version, len(got.objects))
			}
		case item.Gap != nil && item.Coverage == nil:
			if !slices.Contains(kinds, item.Gap.Kind.Kind) || item.Gap.Namespace != open && open != "" || item.Gap.Reason == "" {
				t.Errorf("nobody asked about that: %+v", item.Gap)
			}
		case item.NamespaceDone != "":
			if slices.Contains(got.done, item.NamespaceDone) {
				t.Errorf("%s is done twice", item.NamespaceDone)
			}
			if open != "" && open != item.NamespaceDone {
				t.Errorf("%s is done while %s is open", item.NamespaceDone, open)
			}
			open = ""
			got.done = append(got.done, item.NamespaceDone)
		case item.Node != nil:
			if len(got.objects) > 0 {
				t.Error("a node came after objects")
			}
			got.nodes = append(got.nodes, *item.Node)
		case item.Coverage != nil:
			if item.Coverage.Scope == "" || item.Coverage.Detail == "" {
				t.Errorf("coverage that says nothing: %+v", item.Coverage)
			}
			got.coverage = append(got.coverage, *item.Coverage)
		default:
			t.Errorf("an item that says nothing: %+v", item)
		}
	}
	if got.err == nil && open != "" {
		t.Errorf("%s was never done", open)
	}
	return got
}

// gaps are "scope state", one a line of coverage.
func (r *reading) gaps() []string {
	var all []string
	for _, c := range r.coverage {
		all = append(all, c.Scope+" "+string(c.State))
	}
	return all
}

func (r *reading) complete() bool {
	return r.err == nil && !slices.ContainsFunc(r.coverage, func(c finding.Coverage) bool { return !c.State.Complete() })
}

// says looks for a text in the details of a scope.
func (r *reading) says(t *testing.T, scope, text string) {
	t.Helper()
	for _, c := range r.coverage {
		if c.Scope == scope && strings.Contains(c.Detail, text) {
			return
		}
	}
	t.Errorf("nothing about %s says %q: %+v", scope, text, r.coverage)
}
