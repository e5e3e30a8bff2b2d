package manifest

import (
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/index"
	"github.com/kubeassay/assay/posture/source"
	"github.com/kubeassay/assay/posture/source/manifest/internal/tree"
)

// object deals with a document, or an element of a list, for which apiVersion
// and kind go where it names none itself.
func (w *worker) object(n *tree.Node, apiVersion, kind string) {
	if !tree.IsMap(n) {
		w.add(result{item: source.Item{Unjudged: true}})
		return
	}
	ownVersion, versionOK := tree.Text(tree.Get(n, "apiVersion"))
	ownKind, kindOK := tree.Text(tree.Get(n, "kind"))
	if versionOK || kindOK || apiVersion == "" {
		apiVersion, kind = ownVersion, ownKind
	}
	if apiVersion == "" || kind == "" {
		w.incomplete(n, kind)
		return
	}
	if err := tree.CheckKeys(n); err != nil {
		w.wrong(err)
		return
	}
	if items := tree.Get(n, "items"); items != nil && strings.HasSuffix(kind, "List") {
		w.list(items, apiVersion, kind)
		return
	}
	if decode := decoderOf(apiVersion, kind); decode != nil {
		o, err := decode(w.decoder, n)
		if err == nil {
			err = checkNames(n, &o)
		}
		if err != nil {
			w.wrong(err)
			return
		}
		w.give(n, apiVersion, kind, &o)
		return
	}
	if w.other(n, apiVersion, kind) {
		return
	}
	if message := misnamed(apiVersion, kind); message != "" {
		w.wrongAt(n, message)
		return
	}
	switch o, err := w.foreign(n); {
	case err != nil:
		w.wrong(err)
	case o != nil:
		w.give(n, apiVersion, kind, o)
	default:
		w.unknown(n, apiVersion, kind)
	}
}

// incomplete deals with a document that lacks an apiVersion or a kind. Many
// YAML files have neither, and some tools use one of the words.
func (w *worker) incomplete(n *tree.Node, kind string) {
	if slices.ContainsFunc(podKinds(), func(k metav1.TypeMeta) bool { return k.Kind == kind }) && tree.IsMap(tree.Get(n, "spec")) {
		w.wrongAt(n, "this looks like a "+kind+", but its apiVersion is missing, or is no text")
		return
	}
	w.add(result{item: source.Item{Unjudged: true}})
}

func (w *worker) list(items *tree.Node, apiVersion, kind string) {
	w.add(result{object: true}) // also when it is empty
	if tree.IsNull(items) {
		return
	}
	if !tree.IsList(items) {
		w.wrongAt(items, "items: must be a list")
		return
	}
	for _, e := range tree.Elements(items) {
		w.element(e, apiVersion, kind)
	}
}

// give adds an object that was read, if the options choose it.
func (w *worker) give(n *tree.Node, apiVersion, kind string, o *source.Object) {
	if !w.options.chosen(kind, o.Meta) {
		w.add(result{object: true, namespace: namespaceOf(o.Meta)})
		return
	}
	o.APIVersion, o.Kind = apiVersion, kind // as written: extensions/v1beta1 is read as apps/v1
	name, p := w.job.file.name, w.part
	o.Locate = func(field string) finding.Location {
		line, column := p.place(tree.Find(n, field))
		return finding.Location{File: name, Line: line, Column: column}
	}
	w.add(result{item: source.Item{Object: o}, object: true, namespace: namespaceOf(o.Meta)})
}

type decode func(*tree.Decoder, *tree.Node) (source.Object, error)

// decoderOf is how to read the kinds that hold a pod template. The versions
// before v1 have it at the same place; nobody knows of those to come.
func decoderOf(apiVersion, kind string) decode {
	switch apiVersion {
	case "v1":
		switch kind {
		case "Pod":
			return as(source.FromPod)
		case "ReplicationController":
			return as(source.FromReplicationController)
		case "PodTemplate":
			return as(source.FromPodTemplate)
		}
	case "apps/v1", "apps/v1beta1", "apps/v1beta2", "extensions/v1beta1":
		switch kind {
		case "Deployment":
			return as(source.FromDeployment)
		case "ReplicaSet":
			return as(source.FromReplicaSet)
		case "DaemonSet":
			return as(source.FromDaemonSet)
		case "StatefulSet":
			return as(source.FromStatefulSet)
		}
	case "batch/v1", "batch/v1beta1", "batch/v2alpha1":
		switch kind {
		case "Job":
			return as(source.FromJob)
		case "CronJob":
			return as(source.FromCronJob)
		}
	}
	return nil
}

func as[T any](from func(*T) source.Object) decode {
	return func(d *tree.Decoder, n *tree.Node) (source.Object, error) {
		v := new(T)
		if err := d.Decode(n, "", v); err != nil {
			return source.Object{}, err
		}
		return from(v), nil
	}
}

// other reads an object of a kind that was asked for; false for any other kind,
// and for one of which only the metadata are wanted.
func (w *worker) other(n *tree.Node, apiVersion, kind string) bool {
	if w.options.Others == nil {
		return false
	}
	into := w.options.Others(apiVersion, kind)
	if into == nil || onlyMetadata(into) {
		return false
	}
	err := w.decoder.Decode(n, "", into)
	if err == nil && into.GetName() == "" && into.GetGenerateName() == "" {
		err = nameless(n, "metadata.name")
	}
	if err != nil {
		w.wrong(err)
		return true
	}
	w.add(result{item: source.Item{Unjudged: true, Other: w.indexed(n, apiVersion, kind, into)}, object: true})
	return true
}

func (w *worker) indexed(n *tree.Node, apiVersion, kind string, o metav1.Object) *index.Object {
	name, p := w.job.file.name, w.part
	return &index.Object{APIVersion: apiVersion, Kind: kind, Object: o, Locate: func(field string) finding.Location {
		line, column := p.place(tree.Find(n, field))
		return finding.Location{File: name, Line: line, Column: column}
	}}
}

// onlyMetadata reports whether no more is wanted of an object than whose it
// is: it may hold a pod template all the same.
func onlyMetadata(o metav1.Object) bool {
	_, only := o.(*metav1.PartialObjectMetadata)
	return only
}

// unknown adds an object of a kind that nobody asked for, with its metadata
// where those are wanted of all. What has no name is no object of a cluster but
// some tool's own file, such as a kustomization.
func (w *worker) unknown(n *tree.Node, apiVersion, kind string) {
	r := result{item: source.Item{Unjudged: true}, object: true, hidden: w.hides(n, apiVersion, kind)}
	meta := tree.Get(n, "metadata")
	if w.options.Others == nil || meta == nil || tree.Get(meta, "name") == nil && tree.Get(meta, "generateName") == nil {
		w.add(r)
		return
	}
	if into := w.options.Others(apiVersion, kind); into != nil {
		if err := w.decoder.Decode(n, "", into); err != nil {
			w.wrong(err)
			return
		}
		r.item.Other = w.indexed(n, apiVersion, kind, into)
	}
	w.add(r)
}

// foreign reads an object of an unknown kind that has a pod template where
// most kinds have it. What is something else is nil, and not ours to complain
// about; but containers that can't be read must not pass for none.
func (w *worker) foreign(n *tree.Node) (*source.Object, error) {
	template := tree.Get(n, "spec")
	if template != nil {
		template = tree.Get(template, "template")
	}
	if template == nil {
		return nil, nil
	}
	spec := tree.Get(template, "spec")
	if spec == nil || !areContainers(tree.Get(spec, "containers")) {
		return nil, nil
	}
	var m metav1.ObjectMeta
	var t corev1.PodTemplateSpec
	if meta := tree.Get(n, "metadata"); meta != nil {
		if err := w.decoder.Decode(meta, "metadata", &m); err != nil {
			return nil, err
		}
	}
	if err := w.decoder.Decode(template, "spec.template", &t); err != nil {
		return nil, err
	}
	o := source.FromTemplate("", "", &m, &t, "spec.template")
	return &o, checkName(n, &o) // its containers need no names: some kinds give them
}

// areContainers reports whether a node is a list in which something looks like a container.
func areContainers(n *tree.Node) bool {
	return slices.ContainsFunc(tree.Elements(n), func(e *tree.Node) bool {
		return tree.Get(e, "image") != nil || tree.Get(e, "name") != nil
	})
}

// checkNames finds names that are missing or null. Without them nobody could
// tell what a finding is about, and no API server takes the object.
func checkNames(n *tree.Node, o *source.Object) error {
	if err := checkName(n, o); err != nil || o.Spec == nil {
		return err
	}
	missing := func(field string) error { return nameless(n, field) }
	for i := range o.Spec.InitContainers {
		if o.Spec.InitContainers[i].Name == "" {
			return missing(o.SpecPath + ".initContainers[" + strconv.Itoa(i) + "].name")
		}
	}
	for i := range o.Spec.Containers {
		if o.Spec.Containers[i].Name == "" {
			return missing(o.SpecPath + ".containers[" + strconv.Itoa(i) + "].name")
		}
	}
	for i := range o.Spec.EphemeralContainers {
		if o.Spec.EphemeralContainers[i].Name == "" {
			return missing(o.SpecPath + ".ephemeralContainers[" + strconv.Itoa(i) + "].name")
		}
	}
	for i := range o.Spec.Volumes {
		if o.Spec.Volumes[i].Name == "" {
			return missing(o.SpecPath + ".volumes[" + strconv.Itoa(i) + "].name")
		}
	}
	return nil
}

// checkName does so for the object's own name.
func checkName(n *tree.Node, o *source.Object) error {
	if o.Meta.Name == "" && o.Meta.GenerateName == "" {
		return nameless(n, "metadata.name")
	}
	return nil
}

func nameless(n *tree.Node, field string) error {
	line, column := tree.Find(n, field)
	return &tree.Error{Line: line, Column: column, Message: field + ": a name is needed here, and it is missing or empty"}
}
