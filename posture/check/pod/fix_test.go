package pod_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/check/checktest"
	"github.com/kubeassay/assay/posture/check/container"
	"github.com/kubeassay/assay/posture/check/pod"
	"github.com/kubeassay/assay/workload"
)

// snippet is the pod that a check's fix shows, as JSON; nil for a fix that shows
// another object.
func snippet(t *testing.T, c *check.Check) []byte {
	t.Helper()
	_, text, _ := strings.Cut(c.Fix, ":\n\n")
	// A person puts a real one there.
	text = strings.ReplaceAll(text, "<digest>", strings.Repeat("0123456789abcdef", 4))
	var top map[string]any
	if err := yaml.Unmarshal([]byte(text), &top); err != nil {
		t.Fatalf("the fix is no YAML: %v", err)
	}
	if top["kind"] != nil {
		return nil
	}
	if top["spec"] == nil {
		top = map[string]any{"spec": top}
	}
	raw, err := json.Marshal(top)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func decode(t *testing.T, raw []byte) *corev1.Pod {
	t.Helper()
	var p corev1.Pod
	if err := yaml.UnmarshalStrict(raw, &p); err != nil { // strict: no field that Kubernetes does not know
		t.Fatalf("%v:\n%s", err, raw)
	}
	return &p
}

// TestFixesShowWhatPasses: what a fix shows, taken by itself, passes the check.
// It is of real fields, and every volume that it mounts is there.
func TestFixesShowWhatPasses(t *testing.T) {
	// mounts are fixes that show a mount of a volume that the pod has already.
	mounts := []string{"sub-path-mount", "raw-block-volume"}
	for _, c := range slices.Concat(container.All(), pod.All()) {
		if c.Judge == nil && c.JudgePod == nil {
			continue
		}
		t.Run(c.ID, func(t *testing.T) {
			raw := snippet(t, c)
			if raw == nil {
				t.Skip("shows another object")
			}
			p := decode(t, raw)
			if slices.Contains(mounts, c.ID) {
				p.Spec.Volumes = []corev1.Volume{{Name: "data"}}
			}
			for ctr := range workload.Containers(&p.Spec) {
				for _, m := range ctr.Spec.VolumeMounts {
					if !slices.ContainsFunc(p.Spec.Volumes, func(v corev1.Volume) bool { return v.Name == m.Name }) {
						t.Errorf("mounts %s, and shows no such volume", m.Name)
					}
				}
			}
			if len(p.Spec.Containers) == 0 {
				p.Spec.Containers = []corev1.Container{{Name: "app", Image: "registry.example/shop/cart:1.4.2"}}
			}
			p.Annotations = map[string]string{"test/template": "yes", "test/replicas": "2", "test/registries": "registry.example"}
			p.OwnerReferences = fromReplicaSet
			for _, v := range verdicts(t, c, p) {
				if v.Status != finding.Pass && !(c.ID == "projected-token-audience" || c.ID == "node-name-set") {
					t.Errorf("%s: %s", v.Status, v.Message)
				}
			}
		})
	}
}

func verdicts(t *testing.T, c *check.Check, p *corev1.Pod) (all []check.Verdict) {
	t.Helper()
	if c.JudgePod != nil {
		return append(all, checktest.Judge(t, c, p, nil))
	}
	for ctr := range workload.Containers(&p.Spec) {
		all = append(all, checktest.Judge(t, c, p, ctr))
	}
	return all
}

// takesOut are fixes that ask to take something out, which a patch that merges
// can't show: something that stands in a list, or beside what is shown.
var takesOut = map[string]string{
	"bare-pod":                   "the fix is another object",
	"debug-container-left":       "the pod has to go",
	"host-aliases":               "the entry has to go",
	"host-path-volume":           "the volume has to become another one",
	"container-runtime-socket":   "the volume has to go",
	"volume-type-not-allowed":    "the volume has to become another one",
	"host-port":                  "hostPort has to go",
	"probe-host":                 "the host has to go",
	"capabilities-added":         "what is added has to go",
	"raw-block-volume":           "the device has to go",
	"sub-path-mount":             "subPath has to go",
	"secrets-in-env":             "the variable has to go",
	"secrets-in-configuration":   "the variable has to go",
	"selinux-options":            "user and role have to go",
	"unsafe-sysctl":              "the parameter has to go",
	"projected-token-lifetime":   "the volume of the fixture has another name",
	"projected-token-audience":   "go and look",
	"control-plane-toleration":   "the toleration has to go",
	"node-name-set":              "nodeName has to go",
	"image-registry-not-allowed": "the list may have to change",
	"apparmor-unconfined":        "an annotation may have to go",
	"windows-host-process":       "the pod's own field may have to go",
	"capabilities-not-dropped":   "what is added may have to go",
}

// TestFixesFix merges what a fix shows into every fixture that fails, as
// kubectl patch would, for the container that fails: then it passes. Where the
// fix is about the whole pod, a container does not say otherwise any more, as
// the fixes ask for. What a kubelet reported about the old pod is gone.
func TestFixesFix(t *testing.T) {
	for dir, checks := range map[string][]*check.Check{"testdata": pod.All(), "../container/testdata": container.All()} {
		for _, c := range checks {
			if c.Judge == nil && c.JudgePod == nil || takesOut[c.ID] != "" {
				continue
			}
			raw := snippet(t, c)
			files, err := filepath.Glob(filepath.Join(dir, c.ID, "fail", "*.yaml"))
			if err != nil || raw == nil {
				t.Fatal(c.ID, err, raw)
			}
			for _, file := range files {
				t.Run(c.ID+"/"+filepath.Base(file), func(t *testing.T) { fixed(t, c, raw, file) })
			}
		}
	}
}

func fixed(t *testing.T, c *check.Check, fix []byte, file string) {
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	p := decode(t, content)
	if workload.OS(&p.Spec) == corev1.Windows || c.ID == "run-as-root" && workload.EffectiveUser(&p.Spec, &workload.Container{Security: p.Spec.Containers[0].SecurityContext}).WindowsOptions {
		t.Skip("what is shown is for Linux")
	}
	failed := func(ctr *workload.Container) bool { return checktest.Judge(t, c, p, ctr).Status == finding.Fail }
	if c.JudgePod != nil {
		if failed(nil); fail(checktest.Judge(t, c, patched(t, p, fix), nil)) {
			t.Error("fails still")
		}
		return
	}
	for ctr := range workload.Containers(&p.Spec) {
		if ctr.Type != finding.Container || !failed(ctr) {
			continue
		}
		name := ctr.Name
		after := patched(t, p, []byte(strings.ReplaceAll(string(fix), `"name":"app"`, `"name":"`+name+`"`)))
		for again := range workload.Containers(&after.Spec) {
			if v := checktest.Judge(t, c, after, again); again.Type == finding.Container && again.Name == name && fail(v) {
				t.Errorf("%s fails still: %s", name, v.Message)
			}
		}
	}
}

func fail(v check.Verdict) bool { return v.Status == finding.Fail }

func patched(t *testing.T, p *corev1.Pod, patch []byte) *corev1.Pod {
	t.Helper()
	p = p.DeepCopy()
	p.Status = corev1.PodStatus{}
	raw, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	var into, of map[string]any
	for _, err := range []error{json.Unmarshal(raw, &into), json.Unmarshal(patch, &of)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	raw, err = json.Marshal(merged(into, of))
	if err != nil {
		t.Fatal(err)
	}
	p = decode(t, raw)
	if s := p.Spec.SecurityContext; s != nil && decode(t, patch).Spec.SecurityContext != nil {
		s.FSGroup, s.SupplementalGroups = nil, nil
		for i := range p.Spec.Containers {
			if own := p.Spec.Containers[i].SecurityContext; own != nil {
				own.RunAsUser, own.RunAsGroup, own.RunAsNonRoot, own.SeccompProfile, own.AppArmorProfile = nil, nil, nil, nil, nil
			}
		}
	}
	return p
}

// merged is what kubectl patch makes of two values, as far as pods need it:
// elements of lists that have a name are merged by it, other lists replaced.
func merged(into, of any) any {
	switch of := of.(type) {
	case map[string]any:
		was, _ := into.(map[string]any)
		out := maps.Clone(was)
		if out == nil {
			out = map[string]any{}
		}
		for key, value := range of {
			out[key] = merged(out[key], value)
		}
		return out
	case []any:
		out, _ := into.([]any)
		for _, value := range of {
			name := nameIn(value)
			i := slices.IndexFunc(out, func(was any) bool { return name != "" && nameIn(was) == name })
			switch {
			case name == "":
				return of
			case i >= 0:
				out[i] = merged(out[i], value)
			default:
				out = append(out, value)
			}
		}
		return out
	}
	return of
}

// nameIn is by what an element of a list is told apart.
func nameIn(element any) string {
	m, _ := element.(map[string]any)
	if path, ok := m["mountPath"].(string); ok {
		return path
	}
	name, _ := m["name"].(string)
	return name
}

var fromReplicaSet = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "cart", UID: "u", Controller: new(true)}}
