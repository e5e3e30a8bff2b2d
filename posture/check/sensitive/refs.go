package sensitive

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubeassay/assay/posture/index"
)

// ref names a Secret.
type ref struct{ namespace, name string }

// anyNamespace stands for a namespace that is chosen only when the name is used.
const anyNamespace = "*"

type elsewhereKey struct{}

// usedElsewhere lists what objects that are in no namespace, or that may name
// other namespaces, refer to, and which of them does.
func usedElsewhere(x *index.Index) map[ref]string {
	return index.Memo(x, elsewhereKey{}, func() map[ref]string {
		used := map[ref]string{}
		note := func(namespace, name, by string) {
			if name != "" && used[ref{namespace, name}] == "" {
				used[ref{namespace, name}] = by
			}
		}
		for _, o := range x.Objects(volumeKind) {
			if v, ok := o.Object.(*corev1.PersistentVolume); ok {
				volumeSecrets(&v.Spec, func(namespace, name string) { note(namespace, name, "PersistentVolume "+v.Name) })
			}
		}
		for _, o := range x.Objects(storageClassKind) {
			classSecrets(o, func(namespace, name string) { note(namespace, name, "StorageClass "+o.GetName()) })
		}
		for _, o := range x.Objects(gatewayKind) {
			gatewaySecrets(o, func(namespace, name string) { note(namespace, name, "Gateway "+o.GetName()) })
		}
		return used
	})
}

// ingressSecrets are those of TLS, and what annotations name: those of ingress
// controllers hold names of Secrets, with or without a namespace.
func ingressSecrets(o *index.Object, note func(name string)) {
	if in, ok := o.Object.(*networkingv1.Ingress); ok {
		for i := range in.Spec.TLS {
			note(in.Spec.TLS[i].SecretName)
		}
	} else if tls, ok, _ := unstructured.NestedSlice(content(o), "spec", "tls"); ok { // another version of the API
		for _, t := range tls {
			fields, _ := t.(map[string]any)
			name, _ := fields["secretName"].(string)
			note(name)
		}
	}
	for key, value := range o.GetAnnotations() {
		if key == corev1.LastAppliedConfigAnnotation || len(value) > longestRef {
			continue
		}
		if namespace, name, ok := strings.Cut(value, "/"); !ok {
			note(value)
		} else if namespace == o.GetNamespace() {
			note(name)
		}
	}
}

// longestRef is a namespace, a slash and a name.
const longestRef = 63 + 1 + 253

// volumeSecrets are those that a driver needs for a volume.
func volumeSecrets(v *corev1.PersistentVolumeSpec, note func(namespace, name string)) {
	claim := anyNamespace
	if v.ClaimRef != nil {
		claim = v.ClaimRef.Namespace
	}
	of := func(r *corev1.SecretReference) {
		if r == nil {
			return
		}
		if r.Namespace == "" {
			note(claim, r.Name)
			return
		}
		note(r.Namespace, r.Name)
	}
	switch s := &v.PersistentVolumeSource; {
	case s.CSI != nil:
		for _, r := range []*corev1.SecretReference{
			s.CSI.ControllerPublishSecretRef, s.CSI.NodeStageSecretRef, s.CSI.NodePublishSecretRef, s.CSI.ControllerExpandSecretRef, s.CSI.NodeExpandSecretRef,
		} {
			of(r)
		}
	case s.AzureFile != nil:
		r := &corev1.SecretReference{Name: s.AzureFile.SecretName}
		if s.AzureFile.SecretNamespace != nil {
			r.Namespace = *s.AzureFile.SecretNamespace
		}
		of(r)
	case s.CephFS != nil:
		of(s.CephFS.SecretRef)
	case s.RBD != nil:
		of(s.RBD.SecretRef)
	case s.ISCSI != nil:
		of(s.ISCSI.SecretRef)
	case s.FlexVolume != nil:
		of(s.FlexVolume.SecretRef)
	case s.ScaleIO != nil:
		of(s.ScaleIO.SecretRef)
	case s.Cinder != nil:
		of(s.Cinder.SecretRef)
	case s.StorageOS != nil && s.StorageOS.SecretRef != nil:
		of(&corev1.SecretReference{Namespace: s.StorageOS.SecretRef.Namespace, Name: s.StorageOS.SecretRef.Name})
	}
}

// classSecrets are those that a storage class hands its driver. Names with
// ${…} in them depend on the claim.
func classSecrets(o *index.Object, note func(namespace, name string)) {
	parameters, _, _ := unstructured.NestedStringMap(content(o), "parameters") // something else is none
	for key, name := range parameters {
		prefix, ok := strings.CutSuffix(key, "secret-name")
		if !ok || strings.Contains(name, "${") {
			continue
		}
		namespace := parameters[prefix+"secret-namespace"]
		if namespace == "" || strings.Contains(namespace, "${") {
			namespace = anyNamespace
		}
		note(namespace, name)
	}
}

// gatewaySecrets are the certificates of its listeners, and what its
// annotations name.
func gatewaySecrets(o *index.Object, note func(namespace, name string)) {
	listeners, _, _ := unstructured.NestedSlice(content(o), "spec", "listeners") // something else is none
	for _, l := range listeners {
		fields, _ := l.(map[string]any)
		refs, _, _ := unstructured.NestedSlice(fields, "tls", "certificateRefs")
		for _, r := range refs {
			to, _ := r.(map[string]any)
			name, _ := to["name"].(string)
			namespace, _ := to["namespace"].(string)
			if kind, _ := to["kind"].(string); kind != "" && kind != secretKind.Kind {
				continue
			}
			if namespace == "" {
				namespace = o.GetNamespace()
			}
			note(namespace, name)
		}
	}
}

// content is what an object of a kind without a type of its own holds.
func content(o *index.Object) map[string]any {
	if u, ok := o.Object.(*unstructured.Unstructured); ok {
		return u.Object
	}
	return nil
}
