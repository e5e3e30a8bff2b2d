package cluster

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/randfill"

	"github.com/kubeassay/assay/kube"
	"github.com/kubeassay/assay/posture/source"
)

// kind is one that can be decoded, and how the API itself does so.
type kind struct {
	resource kube.Resource
	empty    func() whole
	object   func(whole) source.Object
}

type whole interface {
	marshaler
	message
	metav1.Object
}

func kinds() []kind {
	return []kind{
		{kube.Pods, func() whole { return new(corev1.Pod) }, func(w whole) source.Object { return source.FromPod(w.(*corev1.Pod)) }},
		{kube.Deployments, func() whole { return new(appsv1.Deployment) }, func(w whole) source.Object { return source.FromDeployment(w.(*appsv1.Deployment)) }},
		{kube.ReplicaSets, func() whole { return new(appsv1.ReplicaSet) }, func(w whole) source.Object { return source.FromReplicaSet(w.(*appsv1.ReplicaSet)) }},
		{kube.StatefulSets, func() whole { return new(appsv1.StatefulSet) }, func(w whole) source.Object { return source.FromStatefulSet(w.(*appsv1.StatefulSet)) }},
		{kube.DaemonSets, func() whole { return new(appsv1.DaemonSet) }, func(w whole) source.Object { return source.FromDaemonSet(w.(*appsv1.DaemonSet)) }},
		{kube.Jobs, func() whole { return new(batchv1.Job) }, func(w whole) source.Object { return source.FromJob(w.(*batchv1.Job)) }},
		{kube.CronJobs, func() whole { return new(batchv1.CronJob) }, func(w whole) source.Object { return source.FromCronJob(w.(*batchv1.CronJob)) }},
		{kube.ReplicationControllers, func() whole { return new(corev1.ReplicationController) }, func(w whole) source.Object {
			return source.FromReplicationController(w.(*corev1.ReplicationController))
		}},
		{kube.PodTemplates, func() whole { return new(corev1.PodTemplate) }, func(w whole) source.Object { return source.FromPodTemplate(w.(*corev1.PodTemplate)) }},
	}
}

// filler makes random objects that can be marshalled.
func filler(seed int64) *randfill.Filler {
	return randfill.NewWithSeed(seed).NilChance(0.3).NumElements(0, 3).Funcs(
		func(q *resource.Quantity, c randfill.Continue) {
			*q = *resource.NewMilliQuantity(c.Int63n(1<<40), resource.DecimalSI)
		},
		func(v *intstr.IntOrString, c randfill.Continue) {
			if *v = intstr.FromInt32(c.Int31()); c.Bool() {
				*v = intstr.FromString(c.String(0))
			}
		},
		func(f *metav1.FieldsV1, c randfill.Continue) { f.SetRawString(fmt.Sprintf(`{"f:%d":{}}`, c.Int31())) },
	)
}

func all(*metav1.ObjectMeta) bool  { return false }
func bare(*metav1.ObjectMeta) bool { return true }

// check compares what decode makes of an object with what the API's own decoder
// makes of it.
func check(t *testing.T, k kind, raw []byte) {
	t.Helper()
	v := k.empty()
	if err := v.Unmarshal(raw); err != nil {
		// Whether ours notices depends on whether it looks at that part.
		_, _ = decode(k.resource, raw, all)
		_, _ = decode(k.resource, raw, bare)
		return
	}
	v.SetManagedFields(nil)
	want := k.object(v)
	got, err := decode(k.resource, raw, all)
	if err != nil {
		t.Fatalf("%s: %v", k.resource, err)
	}
	if !equality.Semantic.DeepEqual(want, got) {
		t.Fatalf("%s differs: %s", k.resource, cmp.Diff(want, got))
	}
	got, err = decode(k.resource, raw, bare)
	if err != nil {
		t.Fatalf("%s, owner only: %v", k.resource, err)
	}
	if !equality.Semantic.DeepEqual(want.Meta, got.Meta) || got.Kind != want.Kind || got.APIVersion != want.APIVersion {
		t.Fatalf("%s, owner only, differs: %s", k.resource, cmp.Diff(want.Meta, got.Meta))
	}
	if got.PodMeta != nil || got.Spec != nil || got.Status != nil {
		t.Fatalf("%s, owner only, has more: %+v", k.resource, got)
	}
}

func TestDecodeIsWhatTheAPIDecodes(t *testing.T) {
	if len(kinds()) != len(Kinds()) {
		t.Fatalf("%d kinds, want %d", len(kinds()), len(Kinds()))
	}
	for _, k := range kinds() {
		t.Run(k.resource.Kind, func(t *testing.T) {
			managed := 0
			for seed := range int64(25) {
				v := k.empty()
				filler(seed).Fill(v)
				managed += len(v.GetManagedFields())
				raw := marshal(t, v)
				check(t, k, raw)
				// The same object in two halves is one object.
				check(t, k, append(raw[:len(raw):len(raw)], raw...))
				check(t, k, append(raw[:len(raw):len(raw)], overlong...))
			}
			if managed == 0 {
				t.Error("no object had managed fields")
			}
		})
	}
}

// overlong is a field that nobody knows with a number of more than 64 bits:
// the API's own decoder passes over it, the one of Go's protobuf module does not.
var overlong = []byte{60<<3&0x7f | 0x80, 60 >> 4, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}

func TestDecodeRefuses(t *testing.T) {
	pod := build(t, kube.Pods, named("a/1"))
	for _, tt := range []struct {
		name string
		raw  []byte
	}{
		{"metadata is a number", append([]byte{1 << 3, 1}, pod...)},
		{"spec is a number", append([]byte{2 << 3, 1}, pod...)},
		{"status is garbage", append([]byte{3<<3 | 2, 1, 0xff}, pod...)},
		{"it is cut off", pod[:len(pod)-1]},
		{"it ends in a tag", append(pod[:len(pod):len(pod)], 0x80)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if o, err := decode(kube.Pods, tt.raw, all); err == nil {
				t.Errorf("decoded as %+v", o)
			}
		})
	}
}

func TestDecodeUnknownKind(t *testing.T) {
	if _, err := decode(kube.Nodes, nil, all); err == nil {
		t.Error("nodes were decoded")
	}
}

// Garbage never panics, and what the API's own decoder takes, ours takes too
// and makes the same of it.
func FuzzDecode(f *testing.F) {
	for i, k := range kinds() {
		v := k.empty()
		filler(int64(i)).NilChance(0.8).Fill(v)
		raw := marshal(f, v)
		f.Add(byte(i), raw)
		f.Add(byte(i), raw[:len(raw)/2])
		f.Add(byte(i), spoil(build(f, k.resource, named("a/1"))))
	}
	f.Add(byte(0), []byte{1 << 3, 1})                                   // metadata that is a number
	f.Add(byte(0), []byte{1<<3 | 2, 4, 17<<3&0x7f | 2 | 0x80, 1, 0, 0}) // managed fields, empty
	f.Add(byte(0), overlong)
	f.Add(byte(0), []byte{0x8a, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00, 2, 0x0a, 0}) // metadata, its tag written at length
	f.Add(byte(1), []byte{9<<3 | 3, 10<<3 | 4})                                                    // a group that ends as another
	f.Fuzz(func(t *testing.T, n byte, raw []byte) {
		all := kinds()
		check(t, all[int(n)%len(all)], raw)
	})
}
