package kube

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

func TestParsePageRefuses(t *testing.T) {
	whole := encode(t, "PodList", &corev1.PodList{Items: podsIn("a/1", "a/2")})
	packed := runtime.Unknown{TypeMeta: runtime.TypeMeta{Kind: "PodList"}, Raw: []byte{1}, ContentEncoding: "zstd"}
	b, err := packed.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	wrong := runtime.Unknown{TypeMeta: runtime.TypeMeta{Kind: "PodList"}, Raw: []byte{2 << 3, 1}} // items, but a number
	w, err := wrong.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	for name, body := range map[string][]byte{
		"empty":             nil,
		"JSON":              []byte(`{"kind":"PodList"}`),
		"another kind":      encode(t, "NodeList", &corev1.NodeList{}),
		"packed":            append([]byte("k8s\x00"), b...),
		"item is no object": append([]byte("k8s\x00"), w...),
	} {
		if p, err := parsePage(body, "PodList"); err == nil {
			t.Errorf("%s: got %+v, want an error", name, p)
		}
	}
	// The last four bytes are empty fields of the envelope, after the list.
	for cut := range len(whole) - 4 {
		if _, err := parsePage(whole[:cut], "PodList"); err == nil {
			t.Errorf("cut after %d of %d bytes: no error", cut, len(whole))
		}
	}
}

func TestObjectKey(t *testing.T) {
	for _, p := range podsIn("a/1", "shop/cart-0", "/no-namespace") {
		b, err := p.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if namespace, name, err := ObjectKey(b); err != nil || namespace != p.Namespace || name != p.Name {
			t.Errorf("ObjectKey = %q, %q, %v, want %q, %q", namespace, name, err, p.Namespace, p.Name)
		}
		if _, _, err := ObjectKey(b[:len(b)-1]); err == nil {
			t.Error("cut off: no error")
		}
	}
}

// FuzzParsePage compares the walk over a page with decoding all of it.
func FuzzParsePage(f *testing.F) {
	left := int64(3)
	for _, list := range []*corev1.PodList{
		{},
		{Items: podsIn("a/1", "b/2")},
		{ListMeta: metav1.ListMeta{Continue: "next", ResourceVersion: "12", RemainingItemCount: &left}, Items: podsIn("c/3")},
	} {
		raw, err := list.Marshal()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Add([]byte{0x0a, 2, 0x1a, 0, 0x0a, 2, 0x12, 0})    // metadata twice
	f.Add([]byte{0x1b, 0x08, 1, 0x1c, 0x12, 0})          // a group, as nobody uses them
	f.Add([]byte{0x12, 0x80, 0x80, 0x80, 0x80, 0x80, 0}) // a long way to say 0
	f.Fuzz(func(t *testing.T, raw []byte) {
		var want corev1.PodList
		decoded := want.Unmarshal(raw)
		got := &Page{}
		walked := got.parseList(raw)
		if decoded != nil {
			return // what we take of a broken list is refused item by item
		}
		if walked != nil {
			// client-go takes numbers that are longer than they need be. Written
			// anew, the same list must be fine.
			again, err := want.Marshal()
			if err != nil {
				t.Fatal(err)
			}
			raw, got = again, &Page{}
			if err := got.parseList(raw); err != nil {
				t.Fatalf("refused what can be decoded: %v", err)
			}
		}
		if got.Len() != len(want.Items) || got.Continue != want.Continue || got.ResourceVersion != want.ResourceVersion {
			t.Fatalf("page = %d, %q, %q; list = %d, %q, %q", got.Len(), got.Continue, got.ResourceVersion, len(want.Items), want.Continue, want.ResourceVersion)
		}
		if want.RemainingItemCount != nil && got.Remaining != *want.RemainingItemCount {
			t.Fatalf("remaining = %d, want %d", got.Remaining, *want.RemainingItemCount)
		}
		i := 0
		for item := range got.Items() {
			var p corev1.Pod
			if err := p.Unmarshal(item); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want.Items[i], p); diff != "" {
				t.Fatal(diff)
			}
			namespace, name, err := ObjectKey(item)
			if err == nil && (namespace != p.Namespace || name != p.Name) {
				t.Fatalf("ObjectKey = %q, %q, want %q, %q", namespace, name, p.Namespace, p.Name)
			}
			i++
		}
		if i != len(want.Items) {
			t.Fatalf("%d items of %d", i, len(want.Items))
		}
	})
}

// FuzzEnvelope compares opening the envelope with apimachinery's way.
func FuzzEnvelope(f *testing.F) {
	u := runtime.Unknown{TypeMeta: runtime.TypeMeta{APIVersion: "v1", Kind: "PodList"}, Raw: []byte("raw"), ContentType: "x"}
	b, err := u.Marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		raw, kind, err := openEnvelope(append([]byte("k8s\x00"), b...))
		var want runtime.Unknown
		if want.Unmarshal(b) != nil || err != nil || want.ContentEncoding != "" {
			return
		}
		if !bytes.Equal(raw, want.Raw) || kind != want.Kind {
			t.Fatalf("got %q %q, want %q %q", kind, raw, want.Kind, want.Raw)
		}
	})
}
