package sidecar

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	sigsyaml "sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "write the golden files anew")

const collectorImage = "registry.example/assay-collector:v1"

// TestInjectGolden compares whole results: testdata/NAME.yaml becomes
// testdata/NAME.golden.yaml. All of them are for the container app, as 1000:1000
// where the workload does not say.
func TestInjectGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.in.yaml")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			in, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			o := InjectOptions{Image: collectorImage, File: file}
			if strings.Contains(string(in), "# --run-as 1000:1000") {
				o.RunAs = &IDs{User: 1000, Group: 1000}
			}
			got, err := Inject(in, "app", o)
			if err != nil {
				t.Fatal(err)
			}
			golden := strings.Replace(file, ".in.", ".golden.", 1)
			if *update {
				if err := os.WriteFile(golden, got, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Error(diff)
			}
			again, err := Inject(got, "app", o)
			if err != nil {
				t.Fatalf("a second time: %v", err)
			}
			if diff := cmp.Diff(string(got), string(again)); diff != "" {
				t.Errorf("a second time: %s", diff)
			}
		})
	}
}

// podSpecOf reads the sidecar's surroundings back with the API's own types.
func podSpecOf(t *testing.T, text []byte, path ...string) *corev1.PodSpec {
	t.Helper()
	var v any
	if err := sigsyaml.UnmarshalStrict(text, &v); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	for _, step := range path {
		v = v.(map[string]any)[step]
	}
	j, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var spec corev1.PodSpec
	if err := json.Unmarshal(j, &spec); err != nil {
		t.Fatal(err)
	}
	return &spec
}

func TestEveryKindOfWorkload(t *testing.T) {
	const template = "securityContext: {runAsUser: 10, runAsGroup: 20}\ncontainers:\n- name: app\n  image: a\n"
	for _, tt := range []struct {
		apiVersion, kind string
		path             []string
	}{
		{"v1", "Pod", []string{"spec"}},
		{"v1", "PodTemplate", []string{"template", "spec"}},
		{"v1", "ReplicationController", []string{"spec", "template", "spec"}},
		{"apps/v1", "Deployment", []string{"spec", "template", "spec"}},
		{"apps/v1", "StatefulSet", []string{"spec", "template", "spec"}},
		{"apps/v1", "DaemonSet", []string{"spec", "template", "spec"}},
		{"apps/v1", "ReplicaSet", []string{"spec", "template", "spec"}},
		{"batch/v1", "Job", []string{"spec", "template", "spec"}},
		{"batch/v1", "CronJob", []string{"spec", "jobTemplate", "spec", "template", "spec"}},
	} {
		t.Run(tt.kind, func(t *testing.T) {
			in := "apiVersion: " + tt.apiVersion + "\nkind: " + tt.kind + "\n"
			indent := ""
			for _, step := range tt.path {
				in += indent + step + ":\n"
				indent += "  "
			}
			for line := range strings.Lines(template) {
				in += indent + line
			}
			out, err := Inject([]byte(in), "app", InjectOptions{Image: collectorImage})
			if err != nil {
				t.Fatal(err)
			}
			spec := podSpecOf(t, out, tt.path...)
			if len(spec.InitContainers) != 1 || !isOurs(&spec.InitContainers[0]) || spec.ShareProcessNamespace == nil || !*spec.ShareProcessNamespace {
				t.Errorf("\n%s", out)
			}
		})
	}
}

func pod(spec string) string {
	var b strings.Builder
	b.WriteString("apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n")
	for line := range strings.Lines(spec) {
		b.WriteString("  " + line)
	}
	return b.String()
}

func TestTheSidecarMirrorsItsContainer(t *testing.T) {
	for _, tt := range []struct {
		name, spec, runAs string
		want              string // of the security context, as JSON without what is always the same
		nonRoot           bool
	}{
		{"the container's user over the pod's", "securityContext: {runAsUser: 1, runAsGroup: 2}\ncontainers:\n- {name: app, image: a, securityContext: {runAsUser: 3}}\n", "",
			`{"capabilities":{"drop":["ALL"]},"runAsGroup":2,"runAsNonRoot":true,"runAsUser":3}`, true},
		{"root has the container's capabilities", "containers:\n- {name: app, image: a, securityContext: {runAsUser: 0, runAsGroup: 0, capabilities: {drop: [ALL], add: [NET_BIND_SERVICE]}}}\n", "",
			`{"capabilities":{"add":["NET_BIND_SERVICE"],"drop":["ALL"]},"runAsGroup":0,"runAsNonRoot":false,"runAsUser":0}`, false},
		{"root with the runtime's capabilities", "securityContext: {runAsUser: 0, runAsGroup: 0}\ncontainers:\n- {name: app, image: a}\n", "",
			`{"runAsGroup":0,"runAsNonRoot":false,"runAsUser":0}`, false},
		{"what others than root add gives them nothing", "containers:\n- {name: app, image: a, securityContext: {runAsUser: 5, runAsGroup: 5, capabilities: {add: [NET_ADMIN]}}}\n", "",
			`{"capabilities":{"drop":["ALL"]},"runAsGroup":5,"runAsNonRoot":true,"runAsUser":5}`, true},
		{"the domains of AppArmor and SELinux", "containers:\n- {name: app, image: a, securityContext: {runAsUser: 5, runAsGroup: 5, appArmorProfile: {type: Unconfined}, seLinuxOptions: {level: s0}, seccompProfile: {type: Unconfined}}}\n", "",
			`{"appArmorProfile":{"type":"Unconfined"},"capabilities":{"drop":["ALL"]},"runAsGroup":5,"runAsNonRoot":true,"runAsUser":5,"seLinuxOptions":{"level":"s0"}}`, true},
		{"a capability that forbids no-new-privileges", "containers:\n- {name: app, image: a, securityContext: {runAsUser: 0, runAsGroup: 0, capabilities: {add: [CAP_SYS_ADMIN]}}}\n", "",
			`{"capabilities":{"add":["CAP_SYS_ADMIN"]},"runAsGroup":0,"runAsNonRoot":false,"runAsUser":0}`, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out, err := Inject([]byte(pod(tt.spec)), "app", InjectOptions{Image: collectorImage})
			if err != nil {
				t.Fatal(err)
			}
			s := podSpecOf(t, out, "spec").InitContainers[0].SecurityContext
			if s.ReadOnlyRootFilesystem == nil || !*s.ReadOnlyRootFilesystem || s.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
				t.Errorf("not locked down: %+v", s)
			}
			admin := strings.Contains(tt.spec, "SYS_ADMIN")
			if admin != (s.AllowPrivilegeEscalation == nil) || !admin && *s.AllowPrivilegeEscalation {
				t.Error("no-new-privileges")
			}
			s.ReadOnlyRootFilesystem, s.SeccompProfile, s.AllowPrivilegeEscalation = nil, nil, nil
			j, err := json.Marshal(s)
			if err != nil {
				t.Fatal(err)
			}
			var got, want any
			_ = json.Unmarshal(j, &got)
			_ = json.Unmarshal([]byte(tt.want), &want)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestInjectErrors(t *testing.T) {
	const runs = "securityContext: {runAsUser: 1, runAsGroup: 1}\n"
	for _, tt := range []struct {
		name, in, container string
		o                   InjectOptions
		want                []string
	}{
		{"no image", pod(runs + "containers:\n- {name: app}\n"), "app", InjectOptions{}, []string{"collector's image", "not set"}},
		{"a bad image", pod(runs + "containers:\n- {name: app}\n"), "app", InjectOptions{Image: "A B"}, []string{`"A B"`}},
		{"nothing", "", "app", InjectOptions{Image: "i"}, []string{"input: no workload"}},
		{"no workload", "kind: ConfigMap\napiVersion: v1\n", "app", InjectOptions{Image: "i"}, []string{"no workload", "StatefulSet"}},
		{"another group's Job", "kind: Job\napiVersion: batch.volcano.sh/v1alpha1\nspec: {}\n", "app", InjectOptions{Image: "i"}, []string{"no workload"}},
		{"no such container", "---\n---\n" + pod(runs+"containers:\n- {name: one}\n- {name: two}\n"), "app", InjectOptions{Image: "i", File: "x.yaml"},
			[]string{`no workload has a container "app"`, "x.yaml:6: Pod/p: one, two"}},
		{"several workloads", pod(runs+"containers:\n- {name: app}\n") + "---\n" + strings.Replace(pod(runs+"containers:\n- {name: app}\n"), "name: p", "name: q", 1), "app",
			InjectOptions{Image: "i", File: "x.yaml"}, []string{"several workloads", "x.yaml:4: Pod/p", "x.yaml:12: Pod/q"}},
		{"no such workload", pod(runs + "containers:\n- {name: app}\n"), "app", InjectOptions{Image: "i", Workload: "Pod/z"}, []string{`no workload "Pod/z"`, "Pod/p"}},
		{"the user is the image's", pod("containers:\n- name: side\n- name: app\n"), "app", InjectOptions{Image: "i", File: "x.yaml"}, []string{"x.yaml:7: Pod/p", "runAsUser", "--run-as"}},
		{"the group is the image's", pod("containers:\n- {name: app, securityContext: {runAsUser: 1}}\n"), "app", InjectOptions{Image: "i"}, []string{"runAsGroup", "--run-as"}},
		{"another user is said", pod(runs + "containers:\n- {name: app}\n"), "app", InjectOptions{Image: "i", RunAs: &IDs{User: 2, Group: 1}}, []string{"1:1", "2:1"}},
		{"privileged", pod(runs + "containers:\n- {name: app, securityContext: {privileged: true}}\n"), "app", InjectOptions{Image: "i"}, []string{":7:", "privileged"}},
		{"Windows", pod(runs + "os: {name: windows}\ncontainers:\n- {name: app}\n"), "app", InjectOptions{Image: "i"}, []string{"Windows"}},
		{"processes not shared on purpose", pod(runs + "shareProcessNamespace: false\ncontainers:\n- {name: app}\n"), "app", InjectOptions{Image: "i"}, []string{":6:", "shareProcessNamespace"}},
		{"an init container", pod(runs + "initContainers:\n- {name: app}\ncontainers:\n- {name: x}\n"), "app", InjectOptions{Image: "i"}, []string{":7:", "init container"}},
		{"the name is taken by a container", pod(runs + "containers:\n- {name: app}\n- {name: assay-sidecar-app}\n"), "app", InjectOptions{Image: "i"}, []string{"assay-sidecar-app"}},
		{"the name is taken by an init container", pod(runs + "initContainers:\n- {name: assay-sidecar-app}\ncontainers:\n- {name: app}\n"), "app", InjectOptions{Image: "i"}, []string{"none of ours"}},
		{"the volume's name is taken", pod(runs + "volumes:\n- {name: assay-no-token, configMap: {name: x}}\ncontainers:\n- {name: app}\n"), "app", InjectOptions{Image: "i"}, []string{"assay-no-token"}},
		{"an alias", "kind: Deployment\napiVersion: apps/v1\nx: &x\n  securityContext: {runAsUser: 1, runAsGroup: 1}\n  containers:\n  - name: app\nspec:\n  template:\n    spec: *x\n", "app",
			InjectOptions{Image: "i"}, []string{"anchors"}},
		{"broken YAML", "a: [\n", "app", InjectOptions{Image: "i", File: "x.yaml"}, []string{"x.yaml:1: not valid YAML: "}},
		{"broken YAML further down", pod(runs+"containers:\n- {name: app}\n") + "---\n# more\n\t- a\n", "app", InjectOptions{Image: "i", File: "x.yaml"}, []string{"x.yaml:10: not valid YAML: ", "tab"}},
		{"a key twice", pod("containers:\n- name: app\n  name: app\n"), "app", InjectOptions{Image: "i"}, []string{`line 1: line 7: mapping key "name" already defined`}},
		{"a list where an object belongs", pod("containers: {name: app}\n"), "app", InjectOptions{Image: "i"}, []string{"Pod/p", "its pod spec can't be read: containers must be a list, not map"}},
		{"a number where text belongs", pod("containers:\n- {name: app, image: 1.5}\n"), "app", InjectOptions{Image: "i"}, []string{"image must be text, not number"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out, err := Inject([]byte(tt.in), tt.container, tt.o)
			if err == nil {
				t.Fatalf("no error:\n%s", out)
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("err = %v, want %q in it", err, want)
				}
			}
		})
	}
	if _, err := Inject(make([]byte, LargestInput+1), "app", InjectOptions{Image: "i"}); err == nil || !strings.Contains(err.Error(), "32 MiB") {
		t.Error(err)
	}
}

func TestName(t *testing.T) {
	long := strings.Repeat("a", 62)
	if Name("app") != "assay-sidecar-app" || len(Name(long+"b")) != 63 || Name(long+"b") == Name(long+"c") {
		t.Error(Name("app"), Name(long+"b"), Name(long+"c"))
	}
}

// TestAnotherImageReplacesTheSidecar: it is updated, and there is still one.
func TestAnotherImageReplacesTheSidecar(t *testing.T) {
	in := pod("securityContext: {runAsUser: 1, runAsGroup: 1}\n# mine\ncontainers:\n- {name: app}\n")
	first, err := Inject([]byte(in), "app", InjectOptions{Image: "old"})
	if err != nil {
		t.Fatal(err)
	}
	second, err := Inject(first, "app", InjectOptions{Image: "new"})
	if err != nil {
		t.Fatal(err)
	}
	init := podSpecOf(t, second, "spec").InitContainers
	if len(init) != 1 || init[0].Image != "new" || !strings.Contains(string(second), "# mine") {
		t.Errorf("\n%s", second)
	}
}

// FuzzInject: no input makes it panic; what comes out is YAML with one sidecar
// of ours more, or the input, and everything else in it is what it was.
func FuzzInject(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.yaml")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		o := InjectOptions{Image: collectorImage}
		out, err := Inject(in, "app", o)
		if err != nil {
			return
		}
		again, err := Inject(out, "app", o)
		if err != nil {
			t.Fatalf("a second time: %v\n%s", err, out)
		}
		if string(again) != string(out) {
			t.Fatalf("a second time:\n%s\n--- and now\n%s", out, again)
		}
		before, after := split(in), split(out)
		if len(before) != len(after) {
			t.Fatalf("%d documents became %d", len(before), len(after))
		}
		changed := 0
		for i := range before {
			if string(before[i].text) != string(after[i].text) {
				changed++
			}
		}
		if changed > 1 {
			t.Fatalf("%d documents were changed:\n%s", changed, out)
		}
	})
}
