package imagevolume

import (
	"strings"
	"testing"
)

const hex64 = "3b2f4490df2884c98f03eb9bc65287b4eb0b0c1ac7f338ae096e7fa75233e77d"

func TestReference(t *testing.T) {
	for _, tt := range []struct{ imageID, want, wrong string }{
		{"registry.example/shop/cart@sha256:" + hex64, "registry.example/shop/cart@sha256:" + hex64, ""},
		{"docker-pullable://registry.example/shop/cart@sha256:" + hex64, "registry.example/shop/cart@sha256:" + hex64, ""},
		{"sha256:" + hex64, "sha256:" + hex64, ""},
		{"docker://sha256:" + hex64, "sha256:" + hex64, ""},
		{hex64, "sha256:" + hex64, ""},
		{"", "", "does not report"},
		{"registry.example/shop/cart:v1", "", "does not fix"},
		{"cart", "", "does not fix"},
		{"sha256:" + hex64[1:], "", "does not fix"}, // a name with a tag, to the runtime
		{"registry.example/shop/cart@sha256:" + hex64[1:], "", "not a valid image reference"},
		{"A B", "", "not a valid image reference"},
	} {
		got, err := reference(tt.imageID)
		switch {
		case tt.wrong == "" && (err != nil || got != tt.want):
			t.Errorf("%q: %q, %v", tt.imageID, got, err)
		case tt.wrong != "" && (err == nil || !strings.Contains(err.Error(), tt.wrong)):
			t.Errorf("%q: %q, %v; want %q in the error", tt.imageID, got, err, tt.wrong)
		}
	}
}

// FuzzReference: whatever a kubelet reports, a reference that comes out fixes
// the content, and is the same when it is read again.
func FuzzReference(f *testing.F) {
	for _, s := range []string{"", hex64, "sha256:" + hex64, "a@sha256:" + hex64, "docker://a", "docker-pullable://docker://a:b@c"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		ref, err := reference(s)
		if err != nil {
			return
		}
		if !strings.Contains(ref, ":") || strings.ContainsAny(ref, " \n\x00") {
			t.Errorf("%q becomes %q", s, ref)
		}
		if again, err := reference(ref); err != nil || again != ref {
			t.Errorf("%q becomes %q, and that %q, %v", s, ref, again, err)
		}
	})
}
