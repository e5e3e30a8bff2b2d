package index

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// TestNoValueIsKept adds Secrets and ConfigMaps with values at every place
// where one can stand, and looks for them in what the index has.
func TestNoValueIsKept(t *testing.T) {
	const value = "hunter-two"
	meta := metav1.ObjectMeta{
		Name: "db", Namespace: "shop", Labels: map[string]string{"app": "shop"},
		Annotations: map[string]string{corev1.LastAppliedConfigAnnotation: `{"stringData":{"password":"` + value + `"}}`, "note": "kept"},
	}
	for _, x := range []struct {
		name string
		kind string
		of   metav1.Object
	}{
		{"secret", "Secret", &corev1.Secret{
			ObjectMeta: meta, Type: corev1.SecretTypeOpaque, Data: map[string][]byte{"password": []byte(value)}, StringData: map[string]string{"password": value},
		}},
		{"config map", "ConfigMap", &corev1.ConfigMap{ObjectMeta: meta, Data: map[string]string{"password": value}, BinaryData: map[string][]byte{"password": []byte(value)}}},
		{"metadata alone", "Secret", &metav1.PartialObjectMetadata{ObjectMeta: meta}},
		{"unstructured", "Secret", &unstructured.Unstructured{Object: map[string]any{
			"metadata": map[string]any{"name": "db", "namespace": "shop", "annotations": map[string]any{"note": "kept", corev1.LastAppliedConfigAnnotation: value}, "labels": map[string]any{"app": "shop"}},
			"data":     map[string]any{"password": value},
		}}},
	} {
		t.Run(x.name, func(t *testing.T) {
			given := &Object{APIVersion: "v1", Kind: x.kind, Object: x.of}
			before := dump(t, x.of)
			if !strings.Contains(before, value) {
				t.Fatal("the test itself has no value")
			}
			in := New()
			in.Add(given)
			kept := in.Find(schema.GroupKind{Kind: x.kind}, "shop", "db")
			if kept == nil || kept.GetLabels()["app"] != "shop" || kept.GetAnnotations()["note"] != "kept" {
				t.Fatalf("kept %+v", kept)
			}
			if got := fmt.Sprintf("%#v %+v", kept.Object, kept.Object) + dump(t, kept.Object); strings.Contains(got, value) {
				t.Errorf("the value is kept: %s", got)
			}
			if dump(t, x.of) != before {
				t.Error("the given object was changed")
			}
			if s, ok := kept.Object.(*corev1.Secret); ok && s.Type != corev1.SecretTypeOpaque {
				t.Errorf("its type is %q", s.Type)
			}
		})
	}
}

// dump is an object with all it holds.
func dump(t *testing.T, o metav1.Object) string {
	t.Helper()
	if u, ok := o.(*unstructured.Unstructured); ok {
		return fmt.Sprint(u.Object)
	}
	m, err := runtime.DefaultUnstructuredConverter.ToUnstructured(o)
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprint(m)
	// Bytes are written in base64; the value must be found there too.
	if s, ok := o.(*corev1.Secret); ok {
		for _, v := range s.Data {
			text += string(v)
		}
	}
	return text
}

// TestOthersAreKeptAsTheyAre, also one of the same name in another group.
func TestOthersAreKeptAsTheyAre(t *testing.T) {
	for _, o := range []*Object{
		{APIVersion: "v1", Kind: "Service", Object: &corev1.Service{}},
		{APIVersion: "example.com/v1", Kind: "Secret", Object: &unstructured.Unstructured{Object: map[string]any{}}},
	} {
		if withoutValues(o) != o {
			t.Errorf("%s %s was changed", o.APIVersion, o.Kind)
		}
	}
}
