package e2e

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/check/builtin"
)

// fixture is a file of a check's own tests, changed so that it can stand beside
// the others in one cluster: namespaces and names are its own.
type fixture struct {
	check  *check.Check
	status finding.Status
	file   string // below posture/check
	id     string
	// live: the fixture says that its objects are all that there are.
	live bool
	// server: it goes by the server's version, which files have not.
	server  bool
	objects []*unstructured.Unstructured
	// want has the verdicts of the .want file about objects that are created.
	want map[about]judgement

	namespaces map[string]string // new names
	names      map[string]string // new names of objects, by "Kind/name"
}

// about is what a verdict is about.
type about struct {
	namespace, workload, container, containerType string
}

func (a about) String() string {
	s := a.namespace + " " + a.workload
	if a.container != "" {
		s += " " + a.containerType + " " + a.container
	}
	return strings.TrimSpace(s)
}

// judgement is what must be the same, wherever an object is read.
type judgement struct {
	status   finding.Status
	severity finding.Severity
	message  string // it may differ
}

func (j judgement) String() string { return fmt.Sprintf("%s %s (%s)", j.status, j.severity, j.message) }

func (j judgement) same(k judgement) bool { return j.status == k.status && j.severity == k.severity }

const (
	fixtureFolder = "../../posture/check"
	// registry is the setting of the fixtures that have one.
	registry = "registry.example"
	// Pods, and objects, that no other object matters to stand together.
	inPods    = "pods"
	inObjects = "objects"
)

// namespaceMatters lists the checks that go by the names of the namespaces that
// every cluster has. Their fixtures stay where they are.
var namespaceMatters = []string{
	"default-namespace-used", "system-namespace-used", "kube-proxy-metrics-address", "webhook-blocks-own-namespace",
	"system-priority-class",
}

var builtinNamespaces = []string{"default", "kube-system", "kube-public", "kube-node-lease"}

// readFixtures reads the fixtures of all checks that can stand in a cluster. Why
// some can't, is in the second result, by file.
func readFixtures(t *testing.T, run string) (all []*fixture, left map[string]string) {
	t.Helper()
	left = map[string]string{}
	for _, c := range builtin.All() {
		for _, status := range []finding.Status{finding.Fail, finding.Pass} {
			files, err := filepath.Glob(filepath.Join(fixtureFolder, "*", "testdata", c.ID, string(status), "*.yaml"))
			if err != nil {
				t.Fatal(err)
			}
			for _, file := range files {
				f := &fixture{check: c, status: status, file: strings.TrimPrefix(file, fixtureFolder+"/"), id: fmt.Sprintf("f%03d", len(all))}
				if why := f.read(t, run); why != "" {
					left[f.file] = why
					continue
				}
				all = append(all, f)
			}
		}
	}
	return append(all, controlPlane(t, len(all))...), left
}

// controlPlane makes fixtures of the checks of flags: they are about the same
// few pods, whose verdicts stand beside the checks' own tests.
func controlPlane(t *testing.T, from int) (all []*fixture) {
	t.Helper()
	made := map[string]*unstructured.Unstructured{}
	for _, set := range []finding.Status{finding.Pass, finding.Fail} {
		name := map[finding.Status]string{finding.Pass: "right", finding.Fail: "wrong"}[set]
		want := readFile(t, fixtureFolder+"/controlplane/testdata/flags/"+name+".want")
		for _, c := range builtin.All() {
			m := regexp.MustCompile(`(?m)^` + c.ID + `: (\w+) (\w+) declared$`).FindStringSubmatch(want)
			if m == nil {
				continue
			}
			file := "testdata/control-plane/" + name + "." + c.ID + ".yaml"
			if _, err := os.Stat(file); err != nil {
				file = "testdata/control-plane/" + name + ".yaml"
			}
			f := &fixture{check: c, status: set, file: file, id: fmt.Sprintf("f%03d", from+len(all)), want: map[about]judgement{}}
			o := made[file]
			if o == nil {
				o = new(unstructured.Unstructured)
				if err := yaml.Unmarshal([]byte(readFile(t, file)), &o.Object); err != nil {
					t.Fatal(err)
				}
				podSpecOf(o)["schedulerName"] = "nobody"
				made[file], f.objects = o, []*unstructured.Unstructured{o}
			}
			program := c.ID[:strings.Index(c.ID, "-")]
			container := map[string]string{"apiserver": "kube-apiserver", "controller": "kube-controller-manager", "scheduler": "kube-scheduler", "etcd": "etcd"}[program]
			if c.ID == "etcd-unique-ca" { // another program tells
				container = "kube-apiserver"
			}
			a := about{o.GetNamespace(), "Pod/" + o.GetName(), container, string(finding.Container)}
			f.want[a] = judgement{status: finding.Status(m[1]), severity: finding.Severity(m[2])}
			all = append(all, f)
		}
	}
	return all
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

var remarks = regexp.MustCompile(`(?m)^# (server|target|unread|live): (.*)$`)

// read reads the file, and says why it can't stand in a cluster.
func (f *fixture) read(t *testing.T, run string) (why string) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(fixtureFolder, f.file))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range remarks.FindAllSubmatch(raw, -1) {
		switch key, value := string(m[1]), string(m[2]); key {
		case "live":
			f.live = true
		case "unread":
			return "something could not be read"
		case "target":
			return "it is for another version than the server's"
		case "server":
			f.server = true
			if !strings.HasPrefix(value, "v1.36.") {
				return "its server has another version"
			}
		}
	}
	documents := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(raw), 4096)
	for {
		var o unstructured.Unstructured
		if err := documents.Decode(&o.Object); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("%s: %v", f.file, err)
		}
		if o.GetKind() != "" {
			f.objects = append(f.objects, &o)
		}
	}
	switch {
	case f.check.Compare != nil:
		return "it compares what kubelets report of running copies (TestRollout has that)"
	case f.check.OptIn == check.ReadKubelet:
		return "there is no such object: it is a kubelet's answer (TestChecksOfKubelets has that)"
	}
	return f.adapt(t, run)
}

// alone reports whether the check looks at nothing but one object.
func (f *fixture) alone() bool { return f.check.Judge != nil || f.check.JudgePod != nil }

// adapt gives everything a name of its own, and drops what every cluster has.
func (f *fixture) adapt(t *testing.T, run string) (why string) {
	t.Helper()
	f.namespaces, f.names = map[string]string{}, map[string]string{}
	want := f.readWant(t)
	var kept []*unstructured.Unstructured
	for _, o := range f.objects {
		if o.GetLabels()["kubernetes.io/bootstrapping"] != "" || o.GetKind() == "Namespace" && f.keeps(o.GetName()) {
			if o.GetKind() == "Namespace" && len(o.GetLabels()) > 1 {
				return "it wants labels on " + o.GetName() + ", which is the cluster's own"
			}
			f.drop(want, o)
			continue
		}
		kept = append(kept, o)
	}
	f.objects = kept
	if len(f.objects) == 0 {
		return "the server has its own"
	}
	for _, o := range f.objects {
		if _, pod := o.Object["spec"].(map[string]any); o.GetKind() == "Pod" && pod {
			if why := f.wrap(o); why != "" {
				return why
			}
		}
		if podSpecOf(o) != nil {
			podSpecOf(o)["schedulerName"] = "nobody" // it need not run
		}
	}
	for _, o := range f.objects {
		complete(o)
		f.rename(o, run)
	}
	for _, o := range f.objects {
		f.follow(o.Object)
	}
	f.want = map[about]judgement{}
	for a, j := range want {
		kind, name, _ := strings.Cut(a.workload, "/")
		if other := f.names[a.workload]; other != "" {
			name = other
		}
		switch {
		case kind == "Pod" && f.alone(): // perhaps wrapped since
			kind, name = f.objects[0].GetKind(), f.objects[0].GetName()
			a.namespace = f.objects[0].GetNamespace()
		case kind == "Namespace":
			name = cmp.Or(f.namespaces[name], name)
		case !slices.Contains(inNoNamespace, kind):
			a.namespace = f.namespaceOf(a.namespace, run)
		}
		a.workload = kind + "/" + name
		f.want[a] = j
	}
	return ""
}

// drop forgets the verdicts about an object that is not created.
func (f *fixture) drop(want map[about]judgement, o *unstructured.Unstructured) {
	for a := range want {
		if a.workload == o.GetKind()+"/"+o.GetName() && a.namespace == o.GetNamespace() {
			delete(want, a)
		}
	}
}

// keeps reports whether objects stay in a namespace that every cluster has.
func (f *fixture) keeps(namespace string) bool {
	return slices.Contains(builtinNamespaces, namespace) && slices.Contains(namespaceMatters, f.check.ID)
}

// namespaceOf is where things go that are in such a namespace.
func (f *fixture) namespaceOf(namespace, run string) string {
	switch {
	case f.keeps(namespace):
		return namespace
	case f.alone():
		return "e2e-" + run + "-" + inPods
	case f.check.JudgeObject != nil:
		return "e2e-" + run + "-" + inObjects
	}
	return f.ownNamespace(namespace, run)
}

func (f *fixture) ownNamespace(namespace, run string) string {
	return "e2e-" + run + "-" + f.id + "-" + cmp.Or(namespace, "none")
}

// wrap makes of a pod that stands for a template, or that has an owner, such an
// owner: the server would delete a pod whose owner is not there.
func (f *fixture) wrap(o *unstructured.Unstructured) (why string) {
	notes, owners := o.GetAnnotations(), o.GetOwnerReferences()
	if list := notes["test/registries"]; list != "" && list != registry {
		return "it is for other registries"
	}
	if _, mirror := notes[corev1.MirrorPodAnnotationKey]; mirror {
		return "only a kubelet makes mirror pods"
	}
	kind := ""
	if notes["test/template"] != "" || notes["test/replicas"] != "" {
		kind = "Deployment"
	}
	for _, owner := range owners {
		kind = owner.Kind
	}
	if kind == "" {
		return ""
	}
	if kind != "Deployment" && kind != "ReplicaSet" && kind != "StatefulSet" {
		return "its owner is a " + kind
	}
	labels := map[string]any{"fixture": f.id}
	for key, value := range o.GetLabels() {
		labels[key] = value
	}
	meta := map[string]any{"labels": labels}
	spec := map[string]any{
		"replicas": int64(1), "selector": map[string]any{"matchLabels": map[string]any{"fixture": f.id}},
		"template": map[string]any{"metadata": meta, "spec": o.Object["spec"]},
	}
	if n := notes["test/replicas"]; n != "" {
		var replicas int64
		if _, err := fmt.Sscan(n, &replicas); err != nil {
			return err.Error()
		}
		spec["replicas"] = replicas
	}
	o.Object = map[string]any{"apiVersion": "apps/v1", "kind": kind, "metadata": map[string]any{"name": o.GetName(), "namespace": o.GetNamespace()}, "spec": spec}
	return ""
}

// podSpecOf is the pod spec in an object; nil where there is none.
func podSpecOf(o *unstructured.Unstructured) map[string]any {
	path := []string{"spec", "template", "spec"}
	switch o.GetKind() {
	case "Pod":
		path = path[:1]
	case "CronJob":
		path = []string{"spec", "jobTemplate", "spec", "template", "spec"}
	case "Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job":
	default:
		return nil
	}
	var at any = o.Object
	for _, step := range path {
		m, _ := at.(map[string]any)
		at = m[step]
	}
	spec, _ := at.(map[string]any)
	return spec
}

// inNoNamespace are the kinds of objects that are in none.
var inNoNamespace = []string{
	"Namespace", "Node", "ClusterRole", "ClusterRoleBinding", "PersistentVolume", "RuntimeClass", "StorageClass", "PriorityClass", "APIService", "CustomResourceDefinition",
	"ValidatingWebhookConfiguration", "MutatingWebhookConfiguration", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding",
	"MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding", "ClusterNetworkPolicy", "AdminNetworkPolicy", "BaselineAdminNetworkPolicy",
	"GlobalNetworkPolicy", "CiliumClusterwideNetworkPolicy",
}

func clusterWide(o *unstructured.Unstructured) bool {
	return slices.Contains(inNoNamespace, o.GetKind())
}

func (f *fixture) rename(o *unstructured.Unstructured, run string) {
	old := o.GetKind() + "/" + o.GetName()
	name := o.GetName()
	switch {
	case o.GetKind() == "Namespace":
		name = f.ownNamespace(name, run)
		f.namespaces[o.GetName()] = name
		labels := o.GetLabels()
		delete(labels, "kubernetes.io/metadata.name")
		o.SetLabels(labels)
	case o.GetKind() == "BaselineAdminNetworkPolicy" || o.GetKind() == "CustomResourceDefinition":
	case o.GetKind() == "APIService":
		version, group, _ := strings.Cut(name, ".")
		name = version + "." + f.id + "-" + group
		set(o, version, "spec", "version")
		set(o, f.id+"-"+group, "spec", "group")
	case o.GetKind() == "ConfigMap" && f.keeps(o.GetNamespace()): // kube-proxy's
	case clusterWide(o) || f.alone() || f.check.JudgeObject != nil || f.keeps(o.GetNamespace()):
		name = f.id + "-" + name
	}
	if !clusterWide(o) {
		to := f.namespaceOf(o.GetNamespace(), run)
		f.namespaces[o.GetNamespace()] = to
		o.SetNamespace(to)
	}
	f.names[old] = name
	o.SetName(name)
}

// follow renames what refers to something that has another name now.
func (f *fixture) follow(m map[string]any) {
	for key, value := range m {
		switch v := value.(type) {
		case string:
			m[key] = f.followText(key, v, m)
		case map[string]any:
			f.follow(v)
		case []any:
			for i, item := range v {
				switch item := item.(type) {
				case map[string]any:
					f.follow(item)
				case string:
					if key == "values" && m["key"] == "kubernetes.io/metadata.name" {
						v[i] = cmp.Or(f.namespaces[item], item)
					}
				}
			}
		}
	}
}

func (f *fixture) followText(key, value string, in map[string]any) string {
	switch key {
	case "kubernetes.io/metadata.name":
		return cmp.Or(f.namespaces[value], value)
	case "policyName":
		return cmp.Or(f.names["ValidatingAdmissionPolicy/"+value], f.names["MutatingAdmissionPolicy/"+value], value)
	case "runtimeClassName":
		return cmp.Or(f.names["RuntimeClass/"+value], value)
	case "expression": // of CEL, which quotes the names
		for old, other := range f.namespaces {
			value = strings.ReplaceAll(value, strconv.Quote(old), strconv.Quote(other))
		}
		return value
	case "name":
		if kind, _ := in["kind"].(string); kind != "" && in["metadata"] == nil {
			return f.followName(kind, value)
		}
	}
	if strings.HasSuffix(strings.ToLower(key), "namespace") {
		return cmp.Or(f.namespaces[value], value)
	}
	// An annotation that names something in another namespace.
	if namespace, name, ok := strings.Cut(value, "/"); ok && strings.Contains(key, "/") && f.namespaces[namespace] != "" {
		return f.namespaces[namespace] + "/" + name
	}
	return value
}

// followName is the name of what a reference with a kind means.
func (f *fixture) followName(kind, name string) string {
	switch {
	case kind == "User" || kind == "Group":
		for old, other := range f.namespaces {
			if name == "system:serviceaccounts:"+old {
				return "system:serviceaccounts:" + other
			}
			if rest, ok := strings.CutPrefix(name, "system:serviceaccount:"+old+":"); ok {
				return "system:serviceaccount:" + other + ":" + rest
			}
		}
		if !strings.Contains(name, ":") {
			return name + "-" + f.id
		}
		return name
	}
	return cmp.Or(f.names[kind+"/"+name], name)
}

// complete adds what the server wants and no check looks at.
func complete(o *unstructured.Unstructured) {
	missing := func(value any, path ...string) {
		if _, ok, _ := unstructured.NestedFieldNoCopy(o.Object, path...); !ok {
			set(o, value, path...)
		}
	}
	completePods(o)
	switch o.GetKind() {
	case "PersistentVolume":
		if _, ok, _ := unstructured.NestedFieldNoCopy(o.Object, "spec", "local"); ok {
			missing(map[string]any{"required": map[string]any{"nodeSelectorTerms": []any{map[string]any{"matchExpressions": []any{map[string]any{
				"key": "kubernetes.io/hostname", "operator": "In", "values": []any{"x"},
			}}}}}}, "spec", "nodeAffinity")
		}
		missing(map[string]any{"storage": "1Gi"}, "spec", "capacity")
		missing([]any{"ReadWriteOnce"}, "spec", "accessModes")
	case "APIService":
		missing(int64(1000), "spec", "groupPriorityMinimum")
		missing(int64(15), "spec", "versionPriority")
	case "Ingress":
		if _, ok, _ := unstructured.NestedFieldNoCopy(o.Object, "spec", "rules"); !ok {
			missing(map[string]any{"service": map[string]any{"name": "x", "port": map[string]any{"number": int64(80)}}}, "spec", "defaultBackend")
		}
	case "Service":
		missing([]any{map[string]any{"port": int64(80)}}, "spec", "ports")
	case "ValidatingAdmissionPolicy", "MutatingAdmissionPolicy":
		missing(map[string]any{"resourceRules": []any{map[string]any{
			"apiGroups": []any{"nothing.example"}, "apiVersions": []any{"*"}, "operations": []any{"CREATE"}, "resources": []any{"*"},
		}}}, "spec", "matchConstraints")
		if o.GetKind() == "ValidatingAdmissionPolicy" {
			missing([]any{map[string]any{"expression": "true"}}, "spec", "validations")
			return
		}
		missing("Never", "spec", "reinvocationPolicy")
		missing([]any{map[string]any{"patchType": "JSONPatch", "jsonPatch": map[string]any{"expression": `[JSONPatch{op: "test", path: "/x", value: "y"}]`}}}, "spec", "mutations")
	}
}

// completePods adds volumes that are mounted, and a selector for the pods of a template.
func completePods(o *unstructured.Unstructured) {
	spec := podSpecOf(o)
	volumes, _ := spec["volumes"].([]any)
	have := map[any]bool{}
	for _, v := range volumes {
		v, _ := v.(map[string]any)
		have[v["name"]] = true
	}
	for _, list := range []string{"containers", "initContainers"} {
		containers, _ := spec[list].([]any)
		for _, c := range containers {
			c, _ := c.(map[string]any)
			if c["image"] == nil && o.GetKind() != "Pod" {
				c["image"] = "a"
			}
			for _, mounts := range []string{"volumeMounts", "volumeDevices"} {
				mounts, _ := c[mounts].([]any)
				for _, m := range mounts {
					m, _ := m.(map[string]any)
					if !have[m["name"]] {
						have[m["name"]] = true
						volumes = append(volumes, map[string]any{"name": m["name"], "persistentVolumeClaim": map[string]any{"claimName": "x"}})
					}
				}
			}
		}
	}
	if len(volumes) > 0 {
		spec["volumes"] = volumes
	}
	if _, ok, _ := unstructured.NestedFieldNoCopy(o.Object, "spec", "selector"); !ok && o.GetKind() == "Deployment" {
		set(o, map[string]any{"matchLabels": map[string]any{"app": "x"}}, "spec", "selector")
		set(o, map[string]any{"app": "x"}, "spec", "template", "metadata", "labels")
	}
}

func set(o *unstructured.Unstructured, value any, path ...string) {
	if err := unstructured.SetNestedField(o.Object, value, path...); err != nil {
		panic(err) // a fixture whose spec is no map
	}
}

var verdictLine = regexp.MustCompile(`^(?:(.*): )?(fail|pass|error|not-applicable|not-reviewed) (critical|high|medium|low|info) (?:declared|reported)(?: \(may\))?$`)

// readWant reads the verdicts of the .want file, with the names of the fixture.
func (f *fixture) readWant(t *testing.T) map[about]judgement {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(fixtureFolder, strings.TrimSuffix(f.file, ".yaml")+".want"))
	if err != nil {
		t.Fatal(err)
	}
	all := map[about]judgement{}
	for line := range strings.Lines(string(raw)) {
		m := verdictLine.FindStringSubmatch(strings.TrimSuffix(line, "\n"))
		if m == nil {
			continue
		}
		a := f.subject(m[1])
		if a.workload == "" {
			t.Fatalf("%s: what is %q about?", f.file, line)
		}
		all[a] = judgement{status: finding.Status(m[2]), severity: finding.Severity(m[3])}
	}
	if len(all) == 0 {
		t.Fatalf("%s has no verdicts", f.file)
	}
	return all
}

// subject is what a line of a .want file is about.
func (f *fixture) subject(text string) (a about) {
	if f.alone() {
		pod := f.objects[0]
		a.namespace, a.workload = pod.GetNamespace(), "Pod/"+pod.GetName()
		a.containerType, a.container, _ = strings.Cut(text, " ")
		return a
	}
	fields := strings.Split(text, " ")
	name := fields[len(fields)-1]
	if len(fields) == 2 {
		a.namespace = fields[0]
	}
	if strings.Contains(name, "/") && f.check.Join == nil {
		a.workload = name
	}
	for _, o := range f.objects {
		ref := o.GetKind() + "/" + o.GetName()
		switch {
		case f.check.Join != nil && o.GetName() == name && o.GetNamespace() == a.namespace && podSpecOf(o) != nil:
			a.workload = ref
		case f.check.JudgeVersion != nil && ref == name:
			a.namespace = o.GetNamespace()
		}
	}
	return a
}

// kinds are those of the fixture's objects that are in no namespace, and so
// stand beside everybody's.
func (f *fixture) global() map[string]bool {
	kinds := map[string]bool{}
	for _, o := range f.objects {
		if clusterWide(o) {
			kinds[o.GetKind()] = true
		}
	}
	return kinds
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
