package manifest

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/labels"
)

// read shows what the source says, one line an item.
func read(t *testing.T, s *Source) []string {
	t.Helper()
	var got []string
	for item, err := range s.Items(t.Context()) {
		switch {
		case err != nil:
			got = append(got, "error "+err.Error())
		case item.Object != nil:
			o := item.Object
			name := o.Meta.Name
			if o.Meta.Namespace != "" {
				name = o.Meta.Namespace + "/" + name
			}
			var images []string
			if o.Spec != nil {
				for _, c := range o.Spec.Containers {
					images = append(images, c.Image)
				}
			}
			got = append(got, fmt.Sprintf("%s %s %s %s %v", o.APIVersion, o.Kind, name, o.SpecPath, images))
		case item.Unjudged:
			got = append(got, "unjudged")
		case item.Problem != nil:
			got = append(got, "problem "+item.Problem.String())
		case item.Coverage != nil:
			got = append(got, fmt.Sprintf("coverage %s %s: %s", item.Coverage.Scope, item.Coverage.State, item.Coverage.Detail))
		default:
			t.Errorf("an item that says nothing: %+v", item)
		}
	}
	return got
}

// fromText reads a text as standard input.
func fromText(text string, o Options) *Source {
	o.Stdin = strings.NewReader(text)
	return New([]string{"-"}, o)
}

const pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: a, image: x}]}\n"

func TestDocuments(t *testing.T) {
	const isPod = "v1 Pod p spec [x]"
	template := func(version, kind string) string {
		return "apiVersion: " + version + "\nkind: " + kind + "\nmetadata: {name: w, namespace: s}\nspec: {template: {spec: {containers: [{name: a, image: x}]}}}\n"
	}
	tests := []struct {
		name, text string
		want       []string
	}{
		{"pod", pod, []string{isPod}},
		{"all kinds",
			template("apps/v1", "Deployment") + "---\n" + template("apps/v1", "ReplicaSet") + "---\n" + template("apps/v1", "StatefulSet") +
				"---\n" + template("apps/v1", "DaemonSet") + "---\n" + template("batch/v1", "Job") + "---\n" + template("v1", "ReplicationController") +
				"---\napiVersion: v1\nkind: PodTemplate\nmetadata: {name: w}\ntemplate: {spec: {containers: [{name: a, image: x}]}}\n" +
				"---\napiVersion: batch/v1\nkind: CronJob\nmetadata: {name: w}\nspec: {jobTemplate: {spec: {template: {spec: {containers: [{name: a, image: x}]}}}}}\n",
			[]string{
				"apps/v1 Deployment s/w spec.template.spec [x]", "apps/v1 ReplicaSet s/w spec.template.spec [x]",
				"apps/v1 StatefulSet s/w spec.template.spec [x]", "apps/v1 DaemonSet s/w spec.template.spec [x]",
				"batch/v1 Job s/w spec.template.spec [x]", "v1 ReplicationController s/w spec.template.spec [x]",
				"v1 PodTemplate w template.spec [x]", "batch/v1 CronJob w spec.jobTemplate.spec.template.spec [x]",
			}},
		{"versions of old", template("extensions/v1beta1", "Deployment") + "---\n" + template("apps/v1beta2", "StatefulSet"),
			[]string{"extensions/v1beta1 Deployment s/w spec.template.spec [x]", "apps/v1beta2 StatefulSet s/w spec.template.spec [x]"}},
		{"custom kind with a template", template("argoproj.io/v1alpha1", "Rollout"), []string{"argoproj.io/v1alpha1 Rollout s/w spec.template.spec [x]"}},
		{"custom kind with something else there", "apiVersion: x/v1\nkind: X\nmetadata: {name: w}\nspec: {template: {spec: {containers: [1]}}}\n", []string{"unjudged"}},
		{"custom kind with a template that can't be read", strings.Replace(template("argoproj.io/v1alpha1", "Rollout"), "image: x", "image: [x]", 1),
			[]string{"problem stdin:4:56: spec.template.spec.containers[0].image: must be text, not a list"}},
		{"custom kind whose containers need no names", "apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {name: w}\nspec: {template: {spec: {containers: [{image: x}]}}}\n", []string{"serving.knative.dev/v1 Service w spec.template.spec [x]"}},
		{"other kinds", "apiVersion: v1\nkind: Service\nmetadata: {name: s}\n---\napiVersion: x/v1\nkind: Y\nspec: 3\n", []string{"unjudged", "unjudged"}},
		{"no Kubernetes object", "replicas: 3\nimage: x\n", []string{"unjudged", "problem stdin: there is no Kubernetes object in it: an object has an apiVersion and a kind"}},
		{"empty", "", []string{"problem stdin: there is no Kubernetes object in it: an object has an apiVersion and a kind"}},
		{"only comments", "# a\n---\n# b\n", []string{"problem stdin: there is no Kubernetes object in it: an object has an apiVersion and a kind"}},
		{"empty documents between", "---\n---\n# c\n---\n" + pod + "---\n", []string{isPod}},
		{"directive", "%YAML 1.1\n---\n" + pod, []string{isPod}},
		{"end markers", pod + "...\n---\n" + pod + "...\n", []string{isPod, isPod}},
		{"mark and CRLF", "\ufeff" + strings.ReplaceAll(pod+"---\n"+pod, "\n", "\r\n"), []string{isPod, isPod}},
		{"UTF-16", utf16LE(pod + "---\n" + pod), []string{isPod, isPod}},
		{"JSON", `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p"},"spec":{"containers":[{"name":"a","image":"x"}]}}`, []string{isPod}},
		{"JSON objects in a row, with escapes that YAML lacks",
			`{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","annotations":{"a":"\ud83d\ude00\/"}},"spec":{"containers":[{"name":"a","image":"x"}]}}` + "\n" +
				`{"apiVersion":"v1","kind":"Node"}`, []string{isPod, "unjudged"}},
		{"JSON between YAML", pod + "--- # c\n{\"apiVersion\":\"v1\",\"kind\":\"Node\"}\n---\n" + pod, []string{isPod, "unjudged", isPod}},
		{"flow YAML that is not JSON", "{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {containers: [{name: 'a', image: x}]}}", []string{isPod}},
		{"anchors and merges", "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nx: &c {name: a, image: y}\nspec: {containers: [{<<: *c, image: x}]}\n", []string{isPod}},
		{"names that YAML takes for more", "apiVersion: v1\nkind: Pod\nmetadata: {name: p, labels: {a: \"yes\"}}\nspec: {hostUsers: no, priority: 0o7, containers: [{name: a, image: x, securityContext: {runAsUser: 0777}}]}\n",
			[]string{isPod}},
		{"a name that YAML takes for more", "apiVersion: v1\nkind: Pod\nmetadata: {name: n}\n",
			[]string{"problem stdin:3:18: metadata.name: must be text, not n (which YAML takes for false): put it in quotes"}},
		{"list", "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Node}\n" + indent(pod), []string{"unjudged", isPod}},
		{"list of nothing", "apiVersion: v1\nkind: List\nitems: []\n---\napiVersion: v1\nkind: PodList\nitems:\n", nil},
		{"typed list", "apiVersion: v1\nkind: PodList\nitems:\n- metadata: {name: p}\n  spec: {containers: [{name: a, image: x}]}\n", []string{isPod}},
		{"typed list of apps", "apiVersion: apps/v1\nkind: DeploymentList\nitems: [{metadata: {name: w}}, {metadata: {name: m}}]\n",
			[]string{"apps/v1 Deployment w spec.template.spec []", "apps/v1 Deployment m spec.template.spec []"}},
		{"list in a list", "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: List\n  items:\n  - {apiVersion: v1, kind: Node}\n", []string{"unjudged"}},
		{"list with wrong items", "apiVersion: v1\nkind: List\nitems: [null, 3, {a: 1}]\n---\napiVersion: v1\nkind: List\nitems: {}\n",
			[]string{"problem stdin:3:9: an item of a list must be an object", "problem stdin:3:15: an item of a list must be an object",
				"problem stdin:3:18: this item has no apiVersion and no kind: it can't be told what it is", "problem stdin:7:8: items: must be a list"}},
		{"kind that ends like a list", "apiVersion: x/v1\nkind: AllowList\nspec: {}\n", []string{"unjudged"}},

		{"broken documents beside good ones", pod + "---\na: b: c\n---\n" + pod + "---\n\tx: 1\n---\n[\n---\n" + pod,
			[]string{isPod, "problem stdin:6: not valid YAML: mapping values are not allowed in this context", isPod,
				"problem stdin:13: not valid YAML: found character that cannot start any token; the line starts with a tab: indent it with spaces",
				"problem stdin:15: not valid YAML: did not find expected node content", isPod}},
		{"a string where a number belongs", "apiVersion: v1\nkind: Pod\nmetadata:\n  name: p\nspec:\n  containers:\n  - name: a\n    ports:\n    - containerPort: http\n",
			[]string{`problem stdin:9:22: spec.containers[0].ports[0].containerPort: must be a whole number, not "http"`}},
		{"a number where a string belongs", "apiVersion: v1\nkind: Pod\nmetadata: {name: p, labels: {app.kubernetes.io/version: 1.0}}\n",
			[]string{"problem stdin:3:57: metadata.labels[app.kubernetes.io/version]: must be text, not 1.0: put it in quotes"}},
		{"several wrongs", "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: {}, hostNetwork: 1, volumes: x}\n",
			[]string{"problem stdin:4:20: spec.containers: must be a list, not a map (and 2 more in this object)"}},
		{"a null where a name belongs", "apiVersion: v1\nkind: Pod\nmetadata:\n  name: null\n", []string{"problem stdin:4:9: metadata.name: a name is needed here, and it is missing or empty"}},
		{"no name", "apiVersion: v1\nkind: Pod\nmetadata: {labels: {}}\n", []string{"problem stdin:3:1: metadata.name: a name is needed here, and it is missing or empty"}},
		{"a name to come", "apiVersion: v1\nkind: Pod\nmetadata: {generateName: p-}\n", []string{"v1 Pod  spec []"}},
		{"a container without a name", "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  initContainers:\n  - image: x\n",
			[]string{"problem stdin:6:5: spec.initContainers[0].name: a name is needed here, and it is missing or empty"}},
		{"a quantity that is none", "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: a, resources: {limits: {cpu: lots}}}]}\n",
			[]string{`problem stdin:4:57: spec.containers[0].resources.limits.cpu: must be a quantity such as 500m or 1Gi, not "lots"`}},
		{"a key twice", "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  hostPID: true\n  hostPID: false\n",
			[]string{`problem stdin:6:3: spec: the key "hostPID" stands twice: only one can count, so remove the other`}},
		{"the kind twice", "apiVersion: v1\nkind: Pod\nkind: Node\n", []string{`problem stdin:3:1: the key "kind" stands twice: only one can count, so remove the other`}},
		{"another kind hides behind the first", "apiVersion: v1\nkind: Node\nkind: Pod\n", []string{`problem stdin:3:1: the key "kind" stands twice: only one can count, so remove the other`}},
		{"a key twice in JSON", "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"p\"},\n\"spec\":{\"hostPID\":true,\"hostPID\":false}}",
			[]string{`problem stdin:2:24: spec: the key "hostPID" stands twice: only one can count, so remove the other`}},
		{"aliases without end", "apiVersion: v1\nkind: Pod\nmetadata: {name: p, labels: &a {a: *a}}\n",
			[]string{"problem stdin:3:29: metadata.labels.a: must be text, not a map"}},
		{"an alias bomb", bomb(), []string{"problem stdin:4:34: spec.containers[0].resources.limits.cpu: the aliases in this document repeat too much: write the values out"}},
		{"an unknown anchor", "apiVersion: v1\nkind: Pod\nmetadata: *m\n", []string{"problem stdin:3:11: *m refers to an anchor &m that is not in this document"}},
		{"a kind in small letters", "apiVersion: v1\nkind: pod\nmetadata: {name: p}\nspec: {}\n",
			[]string{"problem stdin:1:1: there is no kind pod in v1: this must be apiVersion v1, kind Pod"}},
		{"a kind of another group", "apiVersion: v1\nkind: Deployment\nmetadata: {name: p}\nspec: {template: {spec: {containers: [{name: a, image: x}]}}}\n",
			[]string{"problem stdin:1:1: there is no kind Deployment in v1: this must be apiVersion apps/v1, kind Deployment"}},
		{"a group in capitals", "apiVersion: Batch/v1\nkind: Job\nmetadata: {name: p}\n",
			[]string{"problem stdin:1:1: there is no kind Job in Batch/v1: this must be apiVersion batch/v1, kind Job"}},
		{"a version to come", "apiVersion: apps/v2\nkind: Deployment\nmetadata: {name: p}\nspec: {template: {spec: {containers: [{image: x}]}}}\n",
			[]string{"apps/v2 Deployment p spec.template.spec [x]"}},
		{"a namesake", "apiVersion: batch.example.org/v1\nkind: Job\nmetadata: {name: p}\n", []string{"unjudged"}},
		{"containers of unknown kinds", workflow("Workflow") + workflow("Workflow") + "---\napiVersion: tekton.dev/v1\nkind: Task\nmetadata: {name: t}\nspec: {steps: [{name: s, image: x}]}\n",
			[]string{"unjudged", "unjudged", "unjudged",
				"coverage kind/Workflow.argoproj.io not-judged: 2 objects hold what looks like containers at a place that Assay does not know; they were not judged (in a cluster, the pods that come of them are); first at stdin:7:16",
				"coverage kind/Task.tekton.dev not-judged: 1 object holds what looks like containers at a place that Assay does not know; they were not judged (in a cluster, the pods that come of them are); first at stdin:21:16"}},
		{"a schema speaks of containers", "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: p}\nspec: {containers: {type: array, items: {properties: {image: {type: string}}}}}\n",
			[]string{"unjudged"}},
		{"no apiVersion", "kind: Pod\nmetadata: {name: p}\nspec: {}\n", []string{"problem stdin:1:1: this looks like a Pod, but its apiVersion is missing, or is no text"}},
		{"a template", "apiVersion: v1\nkind: Pod\nmetadata:\n  name: {{ .Values.name }}\n",
			[]string{"problem stdin:4:9: metadata.name: must be text, not a map; it looks like a template (Helm or similar): render it first, for example with helm template"}},
		{"a template with control words", "{{- if .Values.x }}\napiVersion: v1\n{{- end }}\n",
			[]string{"problem stdin:1: not valid YAML: did not find expected node content; it looks like a template (Helm or similar): render it first, for example with helm template"}},
		{"broken JSON", "{\"apiVersion\": \"v1\",\n \"kind\": ]", []string{"problem stdin:2:10: not valid JSON: invalid character ']' looking for beginning of value"}},
		{"unfinished JSON", "{\"apiVersion\": \"v1\",\n", []string{"problem stdin:2:1: the JSON ends too early: a closing bracket is missing"}},
		{"binary", "\x7fELF\x00\x01", []string{"problem stdin:1:1: there is a control character: this is no text, or a damaged one"}},
		{"not UTF-8", pod + "# caf\xe9\n", []string{"problem stdin:5:6: a character is not valid UTF-8: save the file as UTF-8 text"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, read(t, fromText(test.text, Options{}))); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func indent(doc string) string {
	return "- " + strings.ReplaceAll(strings.TrimSuffix(doc, "\n"), "\n", "\n  ") + "\n"
}

func utf16LE(s string) string {
	b := []byte{0xff, 0xfe}
	for _, u := range utf16.Encode([]rune(s)) {
		b = append(b, byte(u), byte(u>>8))
	}
	return string(b)
}

func workflow(kind string) string {
	return "---\napiVersion: argoproj.io/v1alpha1\nkind: " + kind + "\nmetadata: {name: w}\nspec:\n  templates:\n  - container: {image: x}\n    name: t\n"
}

func bomb() string {
	s := "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nx: [&a0 [x, x, x, x, x, x, x, x, x]"
	for i := range 30 {
		s += fmt.Sprintf(", &a%d [%s]", i+1, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i), 9), ", "))
	}
	return s + "]\nspec: {containers: [{name: a, image: x, resources: {limits: {cpu: *a30}}}]}\n"
}

func TestFilters(t *testing.T) {
	doc := func(name, namespace, app string) string {
		return fmt.Sprintf("---\napiVersion: v1\nkind: Pod\nmetadata: {name: %s, namespace: %s, labels: {app: %s}}\n", name, namespace, app)
	}
	text := doc("a", "one", "x") + doc("b", "two", "x") + doc("c", "", "z") +
		"---\napiVersion: batch/v1\nkind: Job\nmetadata: {name: d, namespace: one}\n---\na: b: c\n"
	selector, err := labels.Parse("app=x")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		o    Options
		want string
	}{
		{"none", Options{}, "a b c d"},
		{"namespace", Options{Namespaces: []string{"one"}}, "a d"},
		{"no namespace is default", Options{Namespaces: []string{"two", "default"}}, "b c"},
		{"excluded", Options{ExcludeNamespaces: []string{"one"}}, "b c"},
		{"default excluded", Options{ExcludeNamespaces: []string{"default"}}, "a b d"},
		{"labels", Options{Selector: selector}, "a b"},
		{"kinds", Options{Kinds: []string{"Job"}}, "d"},
		{"nothing chosen is no error", Options{Kinds: []string{"CronJob"}}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var names []string
			problems := 0
			test.o.Stdin = strings.NewReader(text)
			for item, err := range New([]string{"-"}, test.o).Items(t.Context()) {
				switch {
				case err != nil:
					t.Fatal(err)
				case item.Problem != nil:
					problems++ // whatever is chosen
				case item.Object != nil:
					names = append(names, item.Object.Meta.Name)
				}
			}
			if got := strings.Join(names, " "); got != test.want || problems != 1 {
				t.Errorf("got %q and %d problems, want %q and 1", got, problems, test.want)
			}
		})
	}
}

func TestLocate(t *testing.T) {
	text := `# a comment
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  labels: {"app.kubernetes.io/name": wéb, b: c}
spec:
  template:
    spec:
      containers:
      - name: app
        image: "nginx"
        securityContext:
          runAsUser: 0
          runAsGroup:
      - &c
        name: two
        image: >-
          busybox
`
	tests := []struct{ field, want string }{
		{"", "3:1"},
		{"metadata.name", "6:9"},
		{"metadata.labels[app.kubernetes.io/name]", "7:38"},
		{`metadata.labels["b"]`, "7:46"},
		{"spec.template.spec.containers[0].image", "13:16"},
		{"spec.template.spec.containers[0].securityContext.runAsUser", "15:22"},
		{"spec.template.spec.containers[0].securityContext.runAsGroup", "16:11"},
		{"spec.template.spec.containers[0].securityContext.runAsNonRoot", "14:9"},
		{"spec.template.spec.containers[0].resources.limits", "12:9"},
		{"spec.template.spec.containers[0]", "12:9"},
		{"spec.template.spec.containers[1].image", "19:16"},
		{"spec.template.spec.containers[2].image", "11:7"},
		{"spec.template.spec.securityContext.runAsUser", "10:5"},
		{"status.containerStatuses[0].user", "3:1"},
	}
	for item, err := range fromText(text, Options{}).Items(t.Context()) {
		if err != nil || item.Object == nil {
			t.Fatal(err, item.Problem)
		}
		for _, test := range tests {
			if got := item.Object.Locate(test.field).String(); got != "stdin:"+test.want {
				t.Errorf("%s is at %s, want %s", test.field, got, test.want)
			}
		}
	}
	t.Run("in a list that is cut", func(t *testing.T) {
		item := indent(strings.Join(strings.Split(text, "\n")[2:], "\n"))
		s := fromText("apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Node}\n"+item, Options{})
		s.limits.Large = 1
		for item, err := range s.Items(t.Context()) {
			if err != nil || item.Problem != nil {
				t.Fatal(err, item.Problem)
			}
			if item.Object == nil {
				continue
			}
			if got := item.Object.Locate("spec.template.spec.containers[0].securityContext.runAsUser").String(); got != "stdin:17:24" {
				t.Error(got)
			}
		}
	})
	t.Run("JSON on one line, whole and cut", func(t *testing.T) {
		text := `{"kind":"List","apiVersion":"v1","items":[ {"apiVersion":"v1","kind":"Pod","metadata":{"name":"é"},"spec":{"containers":[{"name":"a","image":"x"}]}}]}`
		for _, large := range []int{1, 1 << 20} {
			s := fromText(text, Options{})
			s.limits.Large = large
			for item, err := range s.Items(t.Context()) {
				if err != nil || item.Object == nil {
					t.Fatal(err, item.Problem)
				}
				if got := item.Object.Locate("spec.containers[0].image").String(); got != "stdin:1:142" {
					t.Error(got)
				}
			}
		}
	})
}
