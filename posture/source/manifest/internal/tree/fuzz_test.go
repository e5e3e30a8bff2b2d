package tree

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	kjson "sigs.k8s.io/json"
	sigsyaml "sigs.k8s.io/yaml"
)

// documents are texts that once were, or might be, read in the wrong way.
var documents = []string{
	"a: 1\nb: two\nc: [3, four, ~]\n",
	"yes: no\non: off\ny: n\n",
	"a: 0777\nb: 1_000\nc: 0x1F\nd: 0b101\ne: 1:20\nf: 190:20:30\ng: 0o17\nh: 09\n",
	"a: .5\nb: 1.\nc: 1e3\nd: -0\ne: +1\nf: 1e400\ng: 12e03\nh: -.5\ni: 1.2.3\n",
	"a: .inf\n", "a: .nan\n", "a: -.INF\n",
	"a: 18446744073709551615\nb: 9223372036854775808\nc: -9223372036854775809\nd: 123456789012345678\n",
	"a: 2001-12-14\nb: 2001-12-14t21:59:43.10-05:00\nc: 2001-12-14 21:59:43.10\n2001-01-01: d\n",
	"a: !!str 1\nb: !!int \"1\"\nc: !!float 1\nd: !!bool yes\ne: !!null ''\nf: !!binary aGVsbG8=\ng: !own 12\n",
	"a: !!int x\n", "a: !!timestamp 2001-01-01\n", "a: !!binary '***'\n", "a: ! 12\n",
	"1: a\n\"1\": b\n", "1: a\n1.5: b\ntrue: c\n0x10: d\n.inf: e\n", "~: a\n", "? [a]\n: b\n", "1e100: a\n",
	"a: &x {b: 1}\nc:\n  <<: *x\n  d: 2\n",
	"base: &x {b: 1, c: 2}\nover:\n  b: 3\n  <<: *x\n",
	"base: &x {b: 1, c: 2}\nover:\n  <<: *x\n  b: 3\n",
	"a: &x {b: 1}\nc: &y {b: 2, d: 3}\ne:\n  <<: [*x, *y]\n", "a:\n  <<: {b: 1}\n  <<: {b: 2}\n", "<<: 1\n", "\"<<\": 1\n",
	"a: &a [*a]\n", "a: &a\n  b: *a\n", "a: *nowhere\n",
	"a: &a [1, 1]\nb: &b [*a, *a]\nc: &c [*b, *b]\nd: [*c, *c]\n",
	"a: |\n  text\n  --- no marker\n  - no item\nb: >-\n  folded\n  text\n\nc: |+\n  keep\n\n",
	"a: 'it''s'\nb: \"tab\\t\\u00e9 \\x41 \\n\"\nc: plain text # comment\n",
	"a: one\n  two\n  three\nb: \"one\n  two\"\n",
	"{\"a\": [1, 2.0, 1e2, true, null, \"\\u00e9\\ud83d\\ude00\\/\"]}", "{a: b, c: [d, 'e'], f: }",
	"a:\r\n  b: 1\r\n  c: |\r\n    text\r\n", "\ufeffa: b\n", "%YAML 1.1\n---\na: b\n", "--- {a: b}\n", "--- text\n...\n",
	"a: 1\na: 2\n", "\ta: 1\n", "a:\n\tb: 1\n", "a: b: c\n", "- a\n-b\n", "[[[", "{{ .Values.x }}", "a: {{ .Values.x }}",
	"# only a comment\n", "", "---\n---\n", "a: -\n", "a: ---\n", "a: [-, ?x, :y]\n", "- - - a\n  - b\n", "a: 0\nb: 00\nc: 0.0\nd: -1\ne: - 1\n",
	"a: \x00\n", "a: \xff\n", "a: \u0085b\n", "a: x\u2028b: y\n", "a: 'x\n\n  y'\n", "? a\n: b\n? c\n", "a: !!set {b, c}\n", "a: !!omap [b: c]\n",
	"!!map {a: b}", "!<tag:yaml.org,2002:int> \"3\"", "a: \"\\/\"\n", "a: 5d9f8c\nb: 12e4-5\nc: 128Mi\nd: 0d1\n",
	"a: {b: 1, b: 2}\n", "!!%1a", "a: !!foo 1\n", "? !!int \"3\"\n: a\n", "a: 1__0\nb: _1\nc: +_1\nd: 0x_1\ne: 1_e_1\n", "a: +.inf\nb: +\nc: -\n",
}

func FuzzJSON(f *testing.F) {
	for _, s := range documents {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		docs, err := YAML(text)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Message == "" {
				t.Fatalf("error without a message: %#v", err)
			}
			return
		}
		if len(docs) != 1 || exotic(text) {
			return
		}
		ours, err := AppendJSON(nil, docs[0])
		theirs, theirErr := sigsyaml.YAMLToJSON(text)
		if theirErr != nil {
			return
		}
		if err != nil {
			if !refusedOnPurpose(err) {
				t.Errorf("theirs is %s, ours an error: %v", theirs, err)
			}
			return
		}
		if bytes.Contains(ours, []byte(`"-0":`)) {
			return // as a float this is the same key as 0
		}
		if a, b := plain(t, ours), plain(t, theirs); !reflect.DeepEqual(a, b) {
			t.Errorf("ours:   %s\ntheirs: %s", ours, theirs)
		}
	})
}

// refusedOnPurpose: what kubectl takes, and this package does not.
func refusedOnPurpose(err error) bool {
	return strings.Contains(err.Error(), "stands twice") || strings.Contains(err.Error(), "nested too deeply") ||
		strings.Contains(err.Error(), "repeat too much") || strings.Contains(err.Error(), "a key must be text, not a list or a map")
}

// FuzzScalar: a scalar without quotes is what it is to kubectl, as a value and as a key.
func FuzzScalar(f *testing.F) {
	for _, s := range []string{
		"y", "Off", "~", "Null", "0", "-0", "00", "0777", "08", "0x1f", "0b11", "-0b11", "0o17", "1_000", "1.", ".5", "-.5e3", "1e400", "+1", "1:20", "+.inf", ".NaN", ".x",
		"18446744073709551615", "18446744073709551616", "-9223372036854775808", "999999999999999999", "1000000000000000000", "2001-01-01", "2001-1-1T1:1:1Z",
		"128Mi", "100m", "1e3m", "10.0.0.1", "1.25", "1.2.3", "5d9f8c7b6", "7e15b9", "0d", "e1", "-", "--", "-a", "=", "<<", "1-2", "1e", "0x", "_1", "1__", "n0", "true1", "0_7", "0X1F", "0B1", "1E3", "1.e1", "i", "Inf",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, text := range []string{"a: " + s + "\n", s + ": a\n"} {
			docs, err := YAML([]byte(text))
			if err != nil || len(docs) != 1 || docs[0].Kind != yaml.MappingNode || len(docs[0].Content) != 2 || exotic([]byte(text)) {
				continue
			}
			theirs, theirErr := sigsyaml.YAMLToJSON([]byte(text))
			ours, err := AppendJSON(nil, docs[0])
			if theirErr == nil && err != nil && !refusedOnPurpose(err) || theirErr != nil && err == nil && !strings.Contains(theirErr.Error(), "yaml: line") {
				t.Fatalf("%q: our error: %v, theirs: %v", text, err, theirErr)
			}
			if err == nil && theirErr == nil && !reflect.DeepEqual(plain(t, ours), plain(t, theirs)) {
				t.Errorf("%q: ours: %s, theirs: %s", text, ours, theirs)
			}
		}
	})
}

// exotic: texts that the two parsers read in different ways for reasons that
// have nothing to do with scalars. The lone tag "!" is lost in nodes, and
// yaml.v2 reads only the first document.
func exotic(text []byte) bool {
	return loneTag(text) || bytes.Contains(text, []byte("---")) || bytes.Contains(text, []byte("..."))
}

func loneTag(text []byte) bool {
	for i, c := range text {
		if c == '!' && (i+1 == len(text) || strings.IndexByte(" \t\r\n,]}&\u0085", text[i+1]) >= 0 || text[i+1] >= 0x80) {
			return true
		}
	}
	return false
}

func plain(t *testing.T, text []byte) any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("not JSON: %v: %q", err, text)
	}
	return v
}

// FuzzDecode compares the decoder with what the API machinery does.
func FuzzDecode(f *testing.F) {
	for _, s := range append(objects, documents...) {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		docs, err := YAML(text)
		if err != nil || len(docs) != 1 {
			return
		}
		asJSON, err := AppendJSON(nil, docs[0])
		if err != nil {
			return
		}
		d := NewDecoder()
		compareDecode[corev1.Pod](t, d, docs[0], asJSON)
		compareDecode[appsv1.Deployment](t, d, docs[0], asJSON)
		compareDecode[batchv1.CronJob](t, d, docs[0], asJSON)
	})
}

func compareDecode[T any](t *testing.T, d *Decoder, n *Node, asJSON []byte) {
	t.Helper()
	var ours, theirs T
	ourErr := d.Decode(n, "", &ours)
	theirErr := kjson.UnmarshalCaseSensitivePreserveInts(asJSON, &theirs)
	if (ourErr == nil) != (theirErr == nil) {
		// managedFields are not looked at.
		if theirErr != nil && bytes.Contains(asJSON, []byte("managedFields")) {
			return
		}
		t.Fatalf("%T: our error: %v\ntheir error: %v\n%s", ours, ourErr, theirErr, asJSON)
	}
	if ourErr != nil || bytes.Contains(asJSON, []byte("managedFields")) {
		return
	}
	if diff := cmp.Diff(theirs, ours); diff != "" {
		t.Errorf("%T differs (-theirs +ours):\n%s", ours, diff)
	}
}

var objects = []string{`apiVersion: v1
kind: Pod
metadata:
  name: a
  creationTimestamp: 2024-01-02T03:04:05Z
  labels: {a: b, "1": "2"}
  ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: r, uid: u, controller: yes}]
spec:
  hostUsers: false
  activeDeadlineSeconds: 1_0
  containers:
  - name: app
    image: nginx
    ports: [{containerPort: 0x50, protocol: TCP}]
    resources: {limits: {cpu: 1, memory: 1Gi}, requests: {cpu: 0.5}}
    livenessProbe: {httpGet: {path: /, port: http}, periodSeconds: 1.0}
    readinessProbe: {httpGet: {path: /, port: 80}}
    env: [{name: A, value: "1"}, {name: B, valueFrom: {secretKeyRef: {name: s, key: k}}}]
    securityContext: {runAsUser: 0, capabilities: {drop: [ALL]}}
  ephemeralContainers:
  - name: debug
    image: busybox
    targetContainerName: app
  volumes:
  - name: v
    emptyDir: {sizeLimit: 1Gi}
  - name: i
    image: {reference: a/b, pullPolicy: Always}
status:
  startTime: null
  containerStatuses: [{name: app, restartCount: 3, user: {linux: {uid: 0, gid: 0, supplementalGroups: [1, 2]}}}]
`, `kind: Deployment
metadata: {name: d, generation: 3}
spec:
  replicas: 2
  strategy: {rollingUpdate: {maxSurge: 25%, maxUnavailable: 1}}
  template: {spec: {containers: [{name: a}], nodeSelector: {a: b}, tolerations: [{tolerationSeconds: 300}]}}
`, `kind: CronJob
spec: {schedule: "* * * * *", jobTemplate: {spec: {backoffLimit: 1, template: {spec: {containers: null}}}}}
`, `spec: {replicas: "3"}`, `spec: {replicas: 3000000000}`, `spec: {replicas: 1.5}`, `spec: []`, `spec: {containers: {}}`,
	`metadata: {name: 1}`, `metadata: {labels: {a: 1}}`, `metadata: {labels: [a]}`, `metadata: {creationTimestamp: x}`,
	`spec: {containers: [null, {name: null, image: ~, ports: [null]}]}`, `spec: {template: {spec: {hostNetwork: "true"}}}`,
	`spec: {containers: [{resources: {limits: {cpu: [1]}}}]}`, `spec: {containers: [{resources: {limits: {cpu: 1e3}}}]}`,
	`metadata: {Name: x}`, `spec: {containers: [{livenessProbe: {httpGet: {port: 1.5}}}]}`,
	"metadata: {managedFields: 3}",
}

// FuzzQuick: what the quick reader reads, it reads as the library does.
func FuzzQuick(f *testing.F) {
	for _, s := range append(append(objects, documents...), plainDocuments...) {
		f.Add([]byte(s))
	}
	p := NewParser()
	f.Fuzz(func(t *testing.T, text []byte) {
		p.quick = quick{text: text, keys: p.keys}
		ours := p.document()
		if ours == nil {
			return
		}
		docs, err := YAML(text)
		if err != nil || len(docs) != 1 {
			t.Fatalf("the library has %d documents, %v", len(docs), err)
		}
		if diff := sameTree(docs[0], ours, "root"); diff != "" {
			t.Error(diff)
		}
	})
}

func sameTree(theirs, ours *Node, path string) string {
	const quotes = yaml.DoubleQuotedStyle | yaml.SingleQuotedStyle | yaml.LiteralStyle | yaml.FoldedStyle | yaml.TaggedStyle
	switch {
	case theirs.Kind != ours.Kind, theirs.Value != ours.Value, theirs.Style&quotes != ours.Style&quotes,
		len(theirs.Content) != len(ours.Content), theirs.Anchor != "", isMerge(theirs):
		return fmt.Sprintf("%s: theirs is %+v, ours %+v", path, theirs, ours)
	case theirs.Kind == yaml.ScalarNode && theirs.Value == "" && theirs.Style == 0:
		return "" // where nothing stands does not matter
	case theirs.Line != ours.Line || theirs.Column != ours.Column:
		return fmt.Sprintf("%s: theirs is at %d:%d, ours at %d:%d", path, theirs.Line, theirs.Column, ours.Line, ours.Column)
	}
	for i := range theirs.Content {
		if diff := sameTree(theirs.Content[i], ours.Content[i], path+"/"+strconv.Itoa(i)); diff != "" {
			return diff
		}
	}
	return ""
}

var plainDocuments = []string{
	"---\n# c\na: b # c\n\nc:\n  d: e\n  f:\n  - g\n  - h: i\n    j: k\n  -   l: m\n      n: o\n  l: |\n    t\n\n     u\n  \n  m: |-\n   x\n# c\n",
	"a: http://x:80/y#z\nb: x: y\n", "a: b\n c\n", "a: 'b'\nc: \"d\" # e\nf: 'g''h'\n", "a: \"b\"c\n", "a: 'b' c\n", "a: \"b\n  c\"\n",
	"a: {b: c, d: [e, \"f\"], g: {}}\nh: []\n", "a: {b: c,}\n", "a: {b:c}\n", "a: [b: c]\n", "a: [-, b]\n", "a: [--b]\n", "a: [-b, --c, ---, -- , -1, -d-]\n", "a: {-b: -c}\n", "a: {b: }\n", "a: [b\n", "a: [b] c\n", "a: [b]#c\n",
	"a:\n- b\n-\n- - c\n-\n  - d\n-\n  e: f\n-#g\n- #h\ni: j\n", "a:\n  b: c\n d: e\n", "a:\n    b: c\n  d: e\n", " a: b\n", " a: b\nc: d\n", "a:\n  - b\n c: d\n", "a:\n  - b\n  c: d\n",
	"a:\n- b: c\n d: e\n", "a: |\n\n  b\n", "a: |\n b\nc: d\n", "a: |\nb: c\n", "a: |\n   b\n  c\n", "a:\n- |\n  b\n- |-\n c\n", "a:\n- |\n b\n", "a: | # c\n  b\n", "a: |2\n  b\n", "a: |\n  \tb\n\n \n   \n",
	"a: ~\nb: null\nc: -\nd: -1\ne: --\nf: .\ng: ...\nh: ---\n", "a: b\n---\n", "a: b\n...\n", "...\n", "--- \na: b\n", "---\n---\na: b\n", "a: b\n--- c\n", "---a: b\n", "a: b:\n", "a: :b\n", "a b: c\n", "a : b\n",
	"a:\tb\n", "a: b\t# c\n", "a: b\t\n", "\ta: b\n", "a:\n\tb: c\n", "a:\n  b: c\t\n", "a: \"b\\n\"\n", "a:b\n", "a:\n", "a", "a: b", "a:\n b\n", "a:\n  'b': c\n", "a:\n  ? b\n", "a: ? b\n", "a: - b\n", "a: b # c: d\n", "a: b#c\n",
	"a: <<\nb: (x)\nc: $(y)\nd: +1\ne: $x # y\nf: a,b [c] {d}\n", "a: x\na: y\n", "a.b/c-d_e: f\n", "a-: b\n-a: b\n", "1: a\n", "y: a\nyes: b\n", "a: b\n\n\n  # c\n \nd: e\n", "- a\n", "a:\n  # c\n  b:\n# c\n    c: d\n",
}
