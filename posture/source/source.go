// Package source is where objects come from: a live cluster (package cluster)
// or manifests in files (package manifest). Both yield the same Object, and a
// check cannot tell them apart.
//
// A source reads and orders; it does not judge, merge or print.
//
//	for item, err := range src.Items(ctx) {
//		...
//	}
package source

import (
	"context"
	"iter"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/index"
)

// Source yields what there is to judge.
type Source interface {
	// Items yields every item once. An error is the last thing it yields: the
	// source can't go on at all (no connection, context cancelled). What is
	// only a part of it is an item with Coverage or Problem.
	//
	// The items of one namespace come one after the other, ended by an item
	// with NamespaceDone, where the source can do so; otherwise everything is
	// complete at the end only.
	Items(ctx context.Context) iter.Seq2[Item, error]
}

// Described is a source that tells what it is. Of one that does not, a scan
// takes it that it gives nothing but pods and what makes them.
type Described interface {
	Source
	Describe() Description
}

// Description says what a source gives.
type Description struct {
	// Live: it is a cluster. In files, what is not there may well be where they
	// are applied.
	Live bool
	// Partial: pods or objects are left out, by their labels or namespaces, so
	// that what nothing refers to may be referred to by those.
	Partial bool
	// Gives reports whether objects of a kind without pods are given.
	Gives func(schema.GroupKind) bool
}

// Node is what a scan wants to know about a node.
type Node struct {
	Name string
	// Arch is the label kubernetes.io/arch.
	Arch string
}

// Item is one thing that a source has to say. Exactly one field is set, but for
// Other.
type Item struct {
	Object *Object
	// Version is the API server's, such as "v1.36.2". It comes before all objects;
	// never from files, nor from a server that does not tell.
	Version string
	// Node comes before all objects, from sources that can read nodes.
	Node *Node
	// Unjudged: an object was read that holds no pod template.
	Unjudged bool
	// Other, beside Unjudged, is an object without a pod template that was asked for.
	// What is needed beyond a namespace comes before all namespaces, where the
	// source has an order, and what is in a namespace before its pods.
	Other *index.Object
	// Gap tells, beside Coverage, that objects which were asked for could not be read.
	Gap *index.Gap
	// NamespaceDone names a namespace of which nothing more will come.
	NamespaceDone string
	Coverage      *finding.Coverage
	Problem       *finding.Problem
}

// Object is a pod, or an object that holds a pod template. It is valid until
// the next item is asked for, and must not be changed.
type Object struct {
	APIVersion, Kind string
	// Meta is the object's own metadata.
	Meta *metav1.ObjectMeta
	// PodMeta and Spec are the pod's own, or those of the template. Spec is nil
	// where the source only tells who owns whom (a ReplicaSet of a Deployment).
	PodMeta *metav1.ObjectMeta
	Spec    *corev1.PodSpec
	// SpecPath is the path of Spec in the object: "spec", "spec.template.spec"…
	SpecPath string
	// Status is set for pods only.
	Status *corev1.PodStatus
	// Revision identifies, for an owner of pods, the pods of its current
	// template; see the type.
	Revision Revision
	// Replicas is how many pods it asks for; nil where its kind does not say, or
	// the object leaves it out, which mostly means one.
	Replicas *int32
	// Idle: it wants no pods (spec.replicas is 0), as the old ReplicaSets of a
	// Deployment do.
	Idle bool
	// Locate finds a field path (or its nearest parent that is there) in the
	// file that the object was read from; nil for a cluster.
	Locate func(field string) finding.Location
}

// Revision says how to know the pods of an owner's current template.
type Revision struct {
	// Number is, on a Deployment and on its ReplicaSets, the annotation
	// deployment.kubernetes.io/revision.
	Number string
	// Hash is, on a StatefulSet, status.updateRevision, which is the label
	// controller-revision-hash of its current pods.
	Hash string
	// AllPods: every pod of this owner is of its current template (a Job's
	// template can't change; a DaemonSet says that all its pods are updated).
	AllPods bool
	// Settled: the controller has seen the newest spec
	// (status.observedGeneration equals metadata.generation). Where it is
	// false, Number and Hash belong to an older template.
	Settled bool
}
