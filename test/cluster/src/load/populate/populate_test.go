package populate

import (
	"bytes"
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// everything encodes all workloads of a plan, by key.
func everything(t *testing.T, o Options) (map[string][]byte, map[string]object) {
	t.Helper()
	o.setDefaults()
	values, objects := map[string][]byte{}, map[string]object{}
	for _, w := range newPlan(o) {
		made, err := build(w, o)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range made {
			if _, ok := values[s.key()]; ok {
				t.Fatalf("%s is made twice", s.key())
			}
			value, _, err := encode(s)
			if err != nil {
				t.Fatalf("%s: %v", s.key(), err)
			}
			values[s.key()], objects[s.key()] = value, s.object
		}
	}
	return values, objects
}

func TestSameSeedSameCluster(t *testing.T) {
	first, _ := everything(t, Options{Pods: 600, Seed: 7})
	again, _ := everything(t, Options{Pods: 600, Seed: 7})
	other, _ := everything(t, Options{Pods: 600, Seed: 8})
	for key, value := range first {
		if !bytes.Equal(value, again[key]) {
			t.Fatalf("%s is not the same the second time", key)
		}
	}
	if len(first) != len(again) {
		t.Fatalf("%d objects, then %d", len(first), len(again))
	}
	same := 0
	for key, value := range first {
		if bytes.Equal(value, other[key]) {
			same++
		}
	}
	if same > 0 {
		t.Errorf("%d objects do not depend on the seed", same)
	}
}

func TestSizes(t *testing.T) {
	values, objects := everything(t, Options{Pods: 2000, Seed: 1})
	var sizes []int
	for key, o := range objects {
		if _, ok := o.(*corev1.Pod); ok {
			sizes = append(sizes, len(values[key]))
		}
	}
	if len(sizes) != 2000 {
		t.Fatalf("%d pods, want 2000", len(sizes))
	}
	slices.Sort(sizes)
	t.Logf("bytes of a pod: 10%% have less than %d, half %d, 90%% %d", sizes[200], sizes[1000], sizes[1800])
	if median := sizes[1000]; median < 6000 || median > 10000 {
		t.Errorf("the median pod has %d bytes, want 6000 to 10000", median)
	}
}

// Every pod but the bare ones has a controller that exists, has its UID, and
// selects it; and a Deployment has exactly one ReplicaSet with pods.
func TestOwnersHold(t *testing.T) {
	_, objects := everything(t, Options{Pods: 2000, Seed: 1})
	byUID := map[string]object{}
	for _, o := range objects {
		byUID[string(o.GetUID())] = o
	}
	current := map[string]int{}
	for key, o := range objects {
		if owner := metav1.GetControllerOf(o); owner != nil {
			if above := byUID[string(owner.UID)]; above == nil || above.GetName() != owner.Name || above.GetNamespace() != o.GetNamespace() {
				t.Errorf("%s: its owner %s %s does not exist", key, owner.Kind, owner.Name)
			}
		}
		rs, ok := o.(*appsv1.ReplicaSet)
		if !ok {
			continue
		}
		selector, err := metav1.LabelSelectorAsSelector(rs.Spec.Selector)
		if err != nil {
			t.Fatal(err)
		}
		owned := 0
		for key, o := range objects {
			if metav1.IsControlledBy(o, rs) {
				owned++
				if !selector.Matches(labels.Set(o.GetLabels())) {
					t.Errorf("%s: its ReplicaSet does not select it", key)
				}
			}
		}
		if owned != int(*rs.Spec.Replicas) || owned != int(rs.Status.Replicas) {
			t.Errorf("%s wants %d pods, says %d, has %d", key, *rs.Spec.Replicas, rs.Status.Replicas, owned)
		}
		if owned > 0 {
			current[rs.Labels["app.kubernetes.io/name"]]++
		}
	}
	for name, n := range current {
		if n != 1 {
			t.Errorf("Deployment %s has %d ReplicaSets with pods", name, n)
		}
	}
}
