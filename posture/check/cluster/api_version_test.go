package cluster

import (
	"encoding/json"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
)

func applied(configuration string) *metav1.ObjectMeta {
	return &metav1.ObjectMeta{Name: "shop", Annotations: map[string]string{corev1.LastAppliedConfigAnnotation: configuration}}
}

func TestAppliedVersion(t *testing.T) {
	for _, x := range []struct{ name, in, want string }{
		{"as kubectl writes it", `{"apiVersion":"extensions/v1beta1","kind":"Ingress"}`, "extensions/v1beta1"},
		{"with white space", "\n{ \"apiVersion\" :\t\"v1\" }\n", "v1"},
		{"data before the kind", `{"apiVersion":"v1","data":{"a":"b"},"kind":"ConfigMap"}`, "v1"},
		{"another order", `{"kind":"Ingress","apiVersion":"v1"}`, ""},
		{"empty", "", ""},
		{"empty version", `{"apiVersion":""}`, ""},
		{"a number", `{"apiVersion":1}`, ""},
		{"escaped", `{"apiVersion":"v\u0031"}`, ""},
		{"no end", `{"apiVersion":"v1`, ""},
		{"long", `{"apiVersion":"` + strings.Repeat("v", 1<<20) + `"}`, ""},
		{"YAML", "apiVersion: v1\n", ""},
	} {
		t.Run(x.name, func(t *testing.T) {
			if got := appliedVersion(x.in); got != x.want {
				t.Errorf("got %q, want %q", got, x.want)
			}
		})
	}
}

// FuzzAppliedVersion: what is read from a JSON object is what a JSON decoder
// reads from it, where the key is there once.
func FuzzAppliedVersion(f *testing.F) {
	f.Add(`{"apiVersion":"extensions/v1beta1","kind":"Ingress"}`)
	f.Add("\n{ \"apiVersion\" :\t\"v1\" }\n")
	f.Add(`{"apiVersion":"v\u0031"}`)
	f.Fuzz(func(t *testing.T, configuration string) {
		got := appliedVersion(configuration)
		if len(got) > longestVersion {
			t.Errorf("%d characters", len(got))
		}
		var o struct {
			APIVersion string `json:"apiVersion"`
		}
		if err := json.Unmarshal([]byte(configuration), &o); err != nil || got == "" || strings.Count(strings.ToLower(configuration), "apiversion") != 1 {
			return
		}
		// The decoder replaces what is no UTF-8.
		if o.APIVersion != strings.ToValidUTF8(got, "\uFFFD") && strings.ToValidUTF8(got, "") == got {
			t.Errorf("got %q, and the decoder %q", got, o.APIVersion)
		}
	})
}

func TestMinorOf(t *testing.T) {
	for in, want := range map[string]int{
		"v1.36.2": 36, "1.36": 36, "1.9": 9, "v1.31+": 31, "v1.31-eks-1": 31, "v1.31.4-gke.100": 31,
		"": -1, "1": -1, "2.0": -1, "v1.": -1, "v1.x": -1, "1.36x": -1, "1.99999": -1, "latest": -1,
	} {
		got, ok := minorOf(in)
		if !ok {
			got = -1
		}
		if got != want {
			t.Errorf("%q: got %d, want %d", in, got, want)
		}
	}
}

// TestBriefSaysTheSame, and allocates nothing for objects of a cluster.
func TestBriefSaysTheSame(t *testing.T) {
	unstructuredIngress := &unstructured.Unstructured{Object: map[string]any{"metadata": map[string]any{
		"annotations": map[string]any{corev1.LastAppliedConfigAnnotation: `{"apiVersion":"extensions/v1beta1"}`},
	}}}
	for _, x := range []struct {
		name string
		in   check.Versioned
		// want is what apiRemoved and apiDeprecated say.
		want [2]finding.Status
	}{
		{"never applied", check.Versioned{APIVersion: "v1", Kind: "Pod", Meta: &metav1.ObjectMeta{}, Live: true, Server: "v1.36.2"}, [2]finding.Status{finding.NotApplicable, finding.NotApplicable}},
		{"applied", check.Versioned{APIVersion: "apps/v1", Kind: "Deployment", Meta: applied(`{"apiVersion":"apps/v1","kind":"Deployment"}`), Live: true, Server: "v1.36.2"}, [2]finding.Status{finding.Pass, finding.Pass}},
		{"applied long ago", check.Versioned{APIVersion: "apps/v1", Kind: "Deployment", Meta: applied(`{"apiVersion":"apps/v1beta1","kind":"Deployment"}`), Live: true, Server: "v1.36.2"}, [2]finding.Status{finding.Fail, finding.NotApplicable}},
		{"unstructured", check.Versioned{APIVersion: "networking.k8s.io/v1", Kind: "Ingress", Meta: unstructuredIngress, Live: true, Server: "v1.36.2"}, [2]finding.Status{finding.Fail, finding.NotApplicable}},
		{"custom", check.Versioned{APIVersion: "example.com/v1", Kind: "Thing", Meta: applied(`{"apiVersion":"example.com/v1"}`), Live: true, Server: "v1.36.2"}, [2]finding.Status{finding.NotApplicable, finding.NotApplicable}},
		{"file", check.Versioned{APIVersion: "resource.k8s.io/v1beta1", Kind: "ResourceClaim", Meta: &metav1.ObjectMeta{}, Target: "1.36"}, [2]finding.Status{finding.Pass, finding.Fail}},
	} {
		t.Run(x.name, func(t *testing.T) {
			for i, c := range []*check.Check{apiRemoved(), apiDeprecated()} {
				whole := c.JudgeVersion(x.in)
				in := x.in
				in.Brief = true
				brief := c.JudgeVersion(in)
				if whole.Status != x.want[i] || brief.Status != whole.Status || brief.Severity != whole.Severity || brief.Message != "" || brief.Basis != nil {
					t.Errorf("%s says %+v, and in brief %+v", c.ID, whole, brief)
				}
				if n := testing.AllocsPerRun(100, func() { c.JudgeVersion(in) }); n > 0 {
					t.Errorf("%s allocates %v times", c.ID, n)
				}
			}
		})
	}
}
