package checktest

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/index"
)

// world is what a fixture describes.
type world struct {
	index   *index.Index
	objects []*index.Object
	pods    []*index.Pod
	all     []check.Versioned
}

var remark = regexp.MustCompile(`(?m)^# (server|target|unread|live): (.*)$`)

func judgeObjects(t *testing.T, c *check.Check, raw []byte, out *bytes.Buffer) (seen []finding.Status) {
	t.Helper()
	w := read(t, raw)
	note := func(what string, v check.Verdict) {
		Verdict(t, &v)
		seen = append(seen, v.Status)
		write(out, what+": ", &v)
	}
	yield := func(o *index.Object, v check.Verdict) { note(o.Ref().Namespace+" "+o.Ref().String(), v) }
	switch {
	case c.JudgeVersion != nil:
		for _, v := range w.all {
			note(v.Kind+"/"+v.Meta.GetName(), c.JudgeVersion(v))
		}
	case c.JudgeObject != nil:
		for _, o := range w.objects {
			if wants(c, o) {
				v := c.JudgeObject(o, w.index)
				Basis(t, &v, asMap(t, o.Object))
				yield(o, v)
			}
		}
	case c.Join != nil:
		for _, p := range w.pods {
			note(p.Namespace+" "+p.Name, c.Join(&check.Joint{Pod: p, Namespace: w.index.Namespace(p.Namespace), SpecPath: "spec"}))
		}
	case c.SurveyNamespace != nil:
		for _, n := range w.index.Namespaces() {
			c.SurveyNamespace(n, yield)
		}
	case c.SurveyCluster != nil:
		c.SurveyCluster(w.index, yield)
	}
	return seen
}

func wants(c *check.Check, o *index.Object) bool {
	for _, k := range c.Kinds {
		if k == o.GroupKind() {
			return true
		}
	}
	return false
}

// read makes an index of a fixture, as a scan does of a cluster.
func read(t *testing.T, raw []byte) *world {
	t.Helper()
	w := &world{index: index.New()}
	for _, m := range remark.FindAllSubmatch(raw, -1) {
		value := string(m[2])
		switch string(m[1]) {
		case "server":
			w.index.Server = value
		case "target":
			w.index.Target = value
		case "live":
			w.index.Live = value == "true"
		case "unread":
			w.index.Miss(index.Gap{Kind: schema.ParseGroupKind(value), Reason: value + " could not be read"})
		}
	}
	docs := utilyaml.NewDocumentDecoder(io.NopCloser(bytes.NewReader(raw)))
	buf := make([]byte, len(raw)+1)
	for {
		n, err := docs.Read(buf)
		if errors.Is(err, io.EOF) {
			return w
		}
		if err != nil {
			t.Fatal(err)
		}
		w.add(t, buf[:n])
	}
}

func (w *world) add(t *testing.T, doc []byte) {
	t.Helper()
	var of metav1.TypeMeta
	if err := yaml.Unmarshal(doc, &of); err != nil {
		t.Fatal(err)
	}
	if of.Kind == "" {
		return
	}
	var o metav1.Object
	switch of.Kind {
	case "Pod":
		o = new(corev1.Pod)
	case "Deployment":
		o = new(appsv1.Deployment)
	case "StatefulSet":
		o = new(appsv1.StatefulSet)
	default:
		o = index.NewObject(of.APIVersion, of.Kind)
	}
	if err := yaml.UnmarshalStrict(doc, o); err != nil {
		t.Fatalf("%s: %v", of.Kind, err)
	}
	w.all = append(w.all, check.Versioned{
		APIVersion: of.APIVersion, Kind: of.Kind, Meta: o, Server: w.index.Server, Target: w.index.Target, Live: w.index.Live,
	})
	var p index.Pod
	switch o := o.(type) {
	case *corev1.Pod:
		p = index.PodOf(&o.ObjectMeta, &o.Spec)
		p.Secrets, p.ConfigMaps = index.Refs(&o.Spec)
		for _, owner := range o.OwnerReferences {
			p.Owner = owner.Kind
		}
	case *appsv1.Deployment:
		p = fromTemplate(&o.ObjectMeta, &o.Spec.Template, "Deployment", o.Spec.Replicas)
	case *appsv1.StatefulSet:
		p = fromTemplate(&o.ObjectMeta, &o.Spec.Template, "StatefulSet", o.Spec.Replicas)
	default:
		object := &index.Object{APIVersion: of.APIVersion, Kind: of.Kind, Object: o}
		w.objects = append(w.objects, object)
		w.index.Add(object)
		return
	}
	w.pods = append(w.pods, &p)
	w.index.See(&p)
}

func fromTemplate(meta *metav1.ObjectMeta, t *corev1.PodTemplateSpec, kind string, replicas *int32) index.Pod {
	p := index.PodOf(&t.ObjectMeta, &t.Spec)
	p.Secrets, p.ConfigMaps = index.Refs(&t.Spec)
	p.Name, p.Namespace, p.Template, p.Owner = meta.Name, meta.Namespace, true, kind
	if replicas != nil {
		p.Replicas = *replicas
	}
	return p
}
