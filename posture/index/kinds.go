package index

import (
	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// NewObject returns an empty object to read an object of a kind into: of its
// own type where that is known, else unstructured.
func NewObject(apiVersion, kind string) metav1.Object {
	switch apiVersion {
	case "v1":
		return newCore(kind)
	case "rbac.authorization.k8s.io/v1":
		switch kind {
		case "Role":
			return new(rbacv1.Role)
		case "ClusterRole":
			return new(rbacv1.ClusterRole)
		case "RoleBinding":
			return new(rbacv1.RoleBinding)
		case "ClusterRoleBinding":
			return new(rbacv1.ClusterRoleBinding)
		}
	case "networking.k8s.io/v1":
		switch kind {
		case "NetworkPolicy":
			return new(networkingv1.NetworkPolicy)
		case "Ingress":
			return new(networkingv1.Ingress)
		}
	case "policy/v1":
		if kind == "PodDisruptionBudget" {
			return new(policyv1.PodDisruptionBudget)
		}
	case "admissionregistration.k8s.io/v1":
		switch kind {
		case "ValidatingWebhookConfiguration":
			return new(admissionv1.ValidatingWebhookConfiguration)
		case "MutatingWebhookConfiguration":
			return new(admissionv1.MutatingWebhookConfiguration)
		}
	}
	return new(unstructured.Unstructured)
}

func newCore(kind string) metav1.Object {
	switch kind {
	case "Namespace":
		return new(corev1.Namespace)
	case "ServiceAccount":
		return new(corev1.ServiceAccount)
	case "Service":
		return new(corev1.Service)
	case "ResourceQuota":
		return new(corev1.ResourceQuota)
	case "LimitRange":
		return new(corev1.LimitRange)
	case "Secret":
		return new(corev1.Secret)
	case "ConfigMap":
		return new(corev1.ConfigMap)
	case "PersistentVolume":
		return new(corev1.PersistentVolume)
	case "Node":
		return new(corev1.Node)
	}
	return new(unstructured.Unstructured)
}

// Kept reports whether objects of a kind are needed until the end of a scan, of
// a cluster that is read namespace by namespace. The others are asked for only
// by what is in their own namespace.
func Kept(kind schema.GroupKind) bool {
	switch kind {
	case schema.GroupKind{Kind: "Service"}, schema.GroupKind{Kind: "ResourceQuota"}, schema.GroupKind{Kind: "LimitRange"},
		schema.GroupKind{Kind: "Secret"}, schema.GroupKind{Kind: "ConfigMap"},
		schema.GroupKind{Group: "networking.k8s.io", Kind: "NetworkPolicy"}, schema.GroupKind{Group: "networking.k8s.io", Kind: "Ingress"},
		schema.GroupKind{Group: "policy", Kind: "PodDisruptionBudget"}:
		return false
	}
	return true
}
