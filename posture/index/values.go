package index

import (
	"maps"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// withoutValues is what may be kept of an object: of a Secret or a ConfigMap no
// value, also none that stands in the annotation in which kubectl keeps what was
// applied. The object that was given stays as it is.
func withoutValues(o *Object) *Object {
	if o.GroupKind().Group != "" || o.Kind != "Secret" && o.Kind != "ConfigMap" {
		return o
	}
	kept := *o
	meta := metaOf(o.Object)
	switch of := o.Object.(type) {
	case *corev1.Secret:
		kept.Object = &corev1.Secret{ObjectMeta: meta, Type: of.Type}
	case *corev1.ConfigMap:
		kept.Object = &corev1.ConfigMap{ObjectMeta: meta}
	default:
		kept.Object = &meta
	}
	return &kept
}

// metaOf copies what is needed of an object's metadata.
func metaOf(o metav1.Object) metav1.ObjectMeta {
	meta := metav1.ObjectMeta{
		Name: o.GetName(), GenerateName: o.GetGenerateName(), Namespace: o.GetNamespace(), UID: o.GetUID(),
		CreationTimestamp: o.GetCreationTimestamp(), DeletionTimestamp: o.GetDeletionTimestamp(),
		Labels: o.GetLabels(), Annotations: o.GetAnnotations(), OwnerReferences: o.GetOwnerReferences(),
	}
	if _, applied := meta.Annotations[corev1.LastAppliedConfigAnnotation]; applied {
		meta.Annotations = maps.Clone(meta.Annotations)
		delete(meta.Annotations, corev1.LastAppliedConfigAnnotation)
	}
	return meta
}
