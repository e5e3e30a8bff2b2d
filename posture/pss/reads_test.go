package pss_test

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"

	"github.com/kubeassay/assay/posture/pss"
)

func TestEveryCheckOfTheLibraryIsKnown(t *testing.T) {
	newEvaluator(t) // it fails for one that is not
	known := map[string]pss.Info{}
	for _, c := range pss.Checks() {
		known[c.ID] = c
		if c.Title == "" || len(c.Fields) == 0 || len(c.MinVersions) == 0 {
			t.Errorf("%s: incomplete: %+v", c.ID, c)
		}
	}
	for _, c := range policy.DefaultChecks() {
		if known[string(c.ID)].Level != c.Level {
			t.Errorf("%s is a check of %s, we have %+v", c.ID, c.Level, known[string(c.ID)])
		}
		delete(known, string(c.ID))
	}
	if len(known) > 0 {
		t.Errorf("the library has no %v any more", slices.Collect(maps.Keys(known)))
	}
}

// TestTheTableOfFieldsIsComplete changes every field that a pod spec can have,
// one at a time, in pods that pass and in pods that fail, and sees which
// changes of which fields change the mind of which check.
func TestTheTableOfFieldsIsComplete(t *testing.T) {
	e := newEvaluator(t)
	controls := revisions(e)
	matters := map[string]map[string]bool{} // by ID, then field
	for _, c := range controls {
		matters[c.ID] = map[string]bool{}
	}
	fields := leaves(reflect.TypeFor[corev1.PodSpec](), "", nil)
	if len(fields) < 800 {
		t.Fatalf("a pod spec has some 800 fields, found %d", len(fields))
	}
	note := func(path string, before, after []bool) {
		for i, c := range controls {
			if before[i] != after[i] {
				matters[c.ID][path] = true
			}
		}
	}
	for _, base := range bases(t) {
		before := verdicts(controls, base)
		for _, f := range fields {
			pod := base.DeepCopy()
			// What has to be there for the field to be there comes first, and counts for itself.
			target, made := f.reach(reflect.ValueOf(&pod.Spec).Elem())
			reached := before
			if made {
				reached = verdicts(controls, pod)
				note(f.parent(), before, reached)
			}
			for _, v := range candidates(target.Type()) {
				target.Set(v)
				note(f.path, reached, verdicts(controls, pod))
			}
		}
	}
	for _, c := range pss.Checks() {
		found := matters[c.ID]
		for path := range found {
			if c.ID == "hostPorts" && path == "hostNetwork" {
				continue // the server's default for host ports comes from it; see Defaulted
			}
			if !slices.ContainsFunc(c.Fields, func(f string) bool { return covers(f, path) }) {
				t.Errorf("%s: %s changes the verdict, and the table does not have it", c.ID, path)
			}
		}
		for _, f := range c.Fields {
			if strings.HasPrefix(f, "metadata.") {
				continue // TestAnnotations
			}
			if !slices.ContainsFunc(slices.Collect(maps.Keys(found)), func(path string) bool { return covers(f, path) }) {
				t.Errorf("%s: the table has %s, but nothing there changes the verdict (%v does)", c.ID, f, slices.Sorted(maps.Keys(found)))
			}
		}
	}
}

// covers says whether a change at path is one of the field: at it, in it, or
// of what it stands in.
func covers(field, path string) bool {
	field = strings.TrimSuffix(strings.TrimSuffix(field, ".*"), "[*]")
	return path == field || inside(field, path) || inside(path, field)
}

func inside(outer, path string) bool {
	return strings.HasPrefix(path, outer+".") || strings.HasPrefix(path, outer+"[")
}

// revisions are all checks in all their versions.
func revisions(e *pss.Evaluator) []*pss.Control {
	var all []*pss.Control
	for _, c := range pss.Checks() {
		for _, v := range c.MinVersions {
			version, _ := api.ParseVersion(v)
			all = append(all, e.Control(c.ID, version))
		}
	}
	return all
}

func verdicts(controls []*pss.Control, pod *corev1.Pod) []bool {
	all := make([]bool, len(controls))
	for i, c := range controls {
		_, all[i] = c.Denies(&pod.ObjectMeta, &pod.Spec)
	}
	return all
}

// bases are pods to start from, with a container of every kind: one that passes
// everything, one that asks for nothing, and one each for what could hide
// another field's effect.
func bases(t *testing.T) []*corev1.Pod {
	t.Helper()
	full := func(p *corev1.Pod) *corev1.Pod {
		c := p.Spec.Containers[0]
		p.Spec.Containers = []corev1.Container{c}
		p.Spec.InitContainers = []corev1.Container{*c.DeepCopy()}
		p.Spec.EphemeralContainers = []corev1.EphemeralContainer{{EphemeralContainerCommon: corev1.EphemeralContainerCommon(*c.DeepCopy())}}
		p.Spec.Volumes = []corev1.Volume{{Name: "v", VolumeSource: corev1.VolumeSource{NFS: &corev1.NFSVolumeSource{}}}}
		return p
	}
	unmasked := full(hardened())
	mount := corev1.UnmaskedProcMount
	unmasked.Spec.Containers[0].SecurityContext.ProcMount = &mount
	root := full(hardened())
	root.Spec.Containers[0].SecurityContext.RunAsUser = new(int64(0))
	quiet := full(hardened())
	quiet.Spec.SecurityContext = nil
	return []*corev1.Pod{full(hardened()), full(plain()), unmasked, root, quiet}
}

// leaf is a field of a type that holds no further ones.
type leaf struct {
	path  string
	steps []step
}

type step struct {
	index   []int
	element bool // of a list: its first
}

// leaves finds all fields of a type, by their names in JSON.
func leaves(t reflect.Type, path string, steps []step) []leaf {
	for t.Kind() == reflect.Pointer && t.Elem().Kind() == reflect.Struct {
		t = t.Elem()
	}
	switch {
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct:
		return leaves(t.Elem(), path+"[*]", append(slices.Clone(steps), step{element: true}))
	case t.Kind() != reflect.Struct:
		return []leaf{{path, steps}}
	}
	var all []leaf
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous || name == "" || name == "-" {
			continue
		}
		all = append(all, leaves(f.Type, strings.TrimPrefix(path+"."+name, "."), append(slices.Clone(steps), step{index: f.Index}))...)
	}
	return all
}

// reach goes to the field, and makes what it stands in where that is missing.
func (l *leaf) reach(v reflect.Value) (field reflect.Value, made bool) {
	for i, s := range l.steps {
		if s.element {
			if v.Len() == 0 {
				v.Set(reflect.MakeSlice(v.Type(), 1, 1))
				made = true
			}
			v = v.Index(0)
		} else {
			v = v.FieldByIndex(s.index)
		}
		if i < len(l.steps)-1 && v.Kind() == reflect.Pointer {
			if v.IsNil() {
				v.Set(reflect.New(v.Type().Elem()))
				made = true
			}
			v = v.Elem()
		}
	}
	return v, made
}

func (l *leaf) parent() string {
	if i := strings.LastIndex(l.path, "."); i > 0 {
		return l.path[:i]
	}
	return l.path
}

// candidates are values to try, the good, the bad and none.
func candidates(t reflect.Type) []reflect.Value {
	all := []reflect.Value{reflect.Zero(t)}
	switch t.Kind() {
	case reflect.Pointer:
		for _, v := range candidates(t.Elem()) {
			p := reflect.New(t.Elem())
			p.Elem().Set(v)
			all = append(all, p)
		}
	case reflect.Slice:
		for _, v := range candidates(t.Elem())[1:] {
			all = append(all, reflect.Append(reflect.MakeSlice(t, 0, 1), v))
		}
	case reflect.Bool:
		all = append(all, reflect.ValueOf(true).Convert(t))
	case reflect.Int, reflect.Int32, reflect.Int64, reflect.Uint8:
		all = append(all, reflect.ValueOf(1).Convert(t), reflect.ValueOf(80).Convert(t))
	case reflect.String:
		for _, s := range []string{
			"Unconfined", "RuntimeDefault", "Localhost", "windows", "linux", "Unmasked", "Default", "kernel.msgmax",
			"net.ipv4.tcp_syncookies", "container_t", "some_t", "NET_RAW", "NET_BIND_SERVICE", "ALL", "Always", "10.0.0.1",
		} {
			all = append(all, reflect.ValueOf(s).Convert(t))
		}
	}
	return all
}

func TestAnnotations(t *testing.T) {
	e := newEvaluator(t)
	old := api.MajorMinorVersion(1, 10)
	for _, x := range []struct{ check, key, container string }{
		{"appArmorProfile", "container.apparmor.security.beta.kubernetes.io/proxy", "proxy"},
		{"appArmorProfile", "container.apparmor.security.beta.kubernetes.io/gone", ""},
		{"seccompProfile_baseline", "seccomp.security.alpha.kubernetes.io/pod", ""},
		{"seccompProfile_baseline", "container.seccomp.security.alpha.kubernetes.io/app", "app"},
	} {
		t.Run(x.key, func(t *testing.T) {
			p := plain()
			p.Annotations = map[string]string{x.key: "unconfined", "note": "unconfined"}
			vs := e.Evaluate(api.LevelBaseline, old, &p.ObjectMeta, &p.Spec)
			if len(vs) != 1 || vs[0].Check != x.check || vs[0].Container != x.container {
				t.Fatalf("want %s about %q, got %+v", x.check, x.container, vs)
			}
			want := fmt.Sprintf("metadata.annotations['%s']", x.key)
			if !slices.Equal(vs[0].Fields, []string{want}) {
				t.Errorf("fields %v, want %s", vs[0].Fields, want)
			}
			if !strings.Contains(vs[0].Detail, x.key) {
				t.Errorf("the detail should name the annotation: %s", vs[0].Detail)
			}
			if got, want := pss.FieldPath("spec.template.spec", vs[0].Fields[0]), "spec.template."+want; got != want {
				t.Errorf("in a template it is %s, not %s", got, want)
			}
		})
	}
	// A container that pays for another's annotation would be a wrong finding.
	p := plain()
	p.ObjectMeta = metav1.ObjectMeta{Annotations: map[string]string{
		"container.apparmor.security.beta.kubernetes.io/app": "unconfined", "container.apparmor.security.beta.kubernetes.io/proxy": "runtime/default",
	}}
	for _, v := range e.Evaluate(api.LevelBaseline, pss.Newest(), &p.ObjectMeta, &p.Spec) {
		if v.Container != "app" {
			t.Errorf("only app's profile is wrong: %+v", v)
		}
	}
}
