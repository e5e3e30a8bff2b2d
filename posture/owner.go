package posture

import (
	"cmp"
	"slices"
	"strconv"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/source"
)

// owner is an object that can own pods or their owners, or what a reference
// says about one.
type owner struct {
	ref        finding.Workload
	uid        types.UID
	controller *owner // as the object refers to it; nil at the top
	revision   source.Revision
	template   bool // the source has given its template, too
	// labels and annotations are the object's own, where findings carry them.
	labels, annotations map[string]string
}

func (g *gatherer) ownerOf(o *source.Object) *owner {
	own := &owner{
		ref: finding.Workload{APIVersion: o.APIVersion, Kind: o.Kind, Namespace: o.Meta.Namespace, Name: nameOf(o.Meta)},
		uid: o.Meta.UID, revision: o.Revision,
	}
	if c := controllerOf(o.Meta); c != nil {
		own.controller = referenceTo(c, o.Meta.Namespace)
	}
	if g.labels {
		own.labels, own.annotations = finding.KnownLabels(o.Meta.Labels), finding.WaiverAnnotations(o.Meta.Annotations)
	}
	return own
}

// nameOf is an object's name; in a file it may have only the beginning of one,
// which the API server completes.
func nameOf(m *metav1.ObjectMeta) string { return cmp.Or(m.Name, m.GenerateName) }

func referenceTo(r *metav1.OwnerReference, namespace string) *owner {
	return &owner{
		ref: finding.Workload{APIVersion: r.APIVersion, Kind: r.Kind, Namespace: namespace, Name: r.Name},
		uid: r.UID,
	}
}

// controllerOf is the owner that controls an object, nil where there is none.
// A static pod's mirror is "owned" by its node, which nobody edits to change the pod.
func controllerOf(m *metav1.ObjectMeta) *metav1.OwnerReference {
	r := metav1.GetControllerOfNoCopy(m)
	if r == nil || r.Kind == "Node" && r.APIVersion == "v1" {
		return nil
	}
	return r
}

// climb lists an owner and those above it, up to the workload that a person
// edits. Where the source has not given an object, what its reference says
// stands for it and ends the way. References that go round in a circle lead
// nowhere: the owner itself stays the top.
func (g *gatherer) climb(o *owner) []*owner {
	way := []*owner{g.known(o)}
	for {
		o = way[len(way)-1].controller
		if o == nil {
			return way
		}
		o = g.known(o)
		if slices.Contains(way, o) {
			return way[:1]
		}
		way = append(way, o)
	}
}

// known is the object that a reference means, or the reference itself.
func (g *gatherer) known(o *owner) *owner {
	if o.uid == "" {
		return o
	}
	if k := g.owners[o.uid]; k != nil && k.ref.Kind == o.ref.Kind && k.ref.Name == o.ref.Name {
		return k
	}
	return o
}

// copies reports whether an object's template is its owner's, copied by a
// controller of Kubernetes, so that judging the owner's is enough.
func (o *owner) copies(of *owner) bool {
	return is(o, "apps/v1", "ReplicaSet") && is(of, "apps/v1", "Deployment") ||
		is(o, "batch/v1", "Job") && is(of, "batch/v1", "CronJob")
}

func is(o *owner, apiVersion, kind string) bool {
	return o.ref.Kind == kind && o.ref.APIVersion == apiVersion
}

// age says whether pods were made from a template as it stands now.
type age int

const (
	unrelated  age = iota // another object's pods
	unknown               // its pods, from this template or an older one
	older                 // its pods, from an older template
	unlabelled            // its pods, and nothing ever tells the templates of this kind apart
	current               // its pods, from this template
)

// ageOf compares the pods of a group, whose owners are way, with a template.
// What a controller has not caught up with is unknown.
func ageOf(gr *group, way []*owner, t *template) age {
	i := slices.Index(way, t.owner)
	if i < 0 || gr.bare {
		return unrelated
	}
	r := &t.revision
	var same bool
	switch {
	case is(t.owner, "apps/v1", "Deployment"):
		if i != 1 {
			return unknown
		}
		template, err := strconv.Atoi(r.Number)
		pods, err2 := strconv.Atoi(way[0].revision.Number)
		if err != nil || err2 != nil || pods > template {
			return unknown // or a rollout began after the Deployment was read
		}
		same = pods == template
	case is(t.owner, "apps/v1", "StatefulSet"):
		if i != 0 || r.Hash == "" {
			return unknown
		}
		same = r.Hash == gr.hash
	case is(t.owner, "apps/v1", "DaemonSet"), is(t.owner, "batch/v1", "Job"):
		if i != 0 || !r.AllPods {
			return unknown
		}
		same = true
	default:
		return unlabelled
	}
	switch {
	case !r.Settled:
		return unknown
	case same:
		return current
	default:
		return older
	}
}
