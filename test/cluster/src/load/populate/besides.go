package populate

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// besides makes what stands beside a workload: its service account and
// Service, and for some of them rights, a disruption budget, a network policy
// and an Ingress.
func (b *builder) besides() {
	account := b.meta(b.w.name, b.selector().MatchLabels)
	b.add("serviceaccounts", &corev1.ServiceAccount{ObjectMeta: account}, kubectl, "")
	switch b.w.kind {
	case "DaemonSet", "PodTemplate":
		return
	}
	if b.w.index%5 == 0 {
		b.rights()
	}
	if b.w.index%3 == 0 {
		b.add("networkpolicies", &networkingv1.NetworkPolicy{
			ObjectMeta: b.meta(b.w.name, nil),
			Spec: networkingv1.NetworkPolicySpec{
				PodSelector: *b.selector(),
				Ingress: []networkingv1.NetworkPolicyIngressRule{{From: []networkingv1.NetworkPolicyPeer{{
					PodSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app.kubernetes.io/part-of": "shop"}}}}}},
			},
		}, kubectl, "")
	}
	switch b.w.kind {
	case "Deployment", "StatefulSet", "ReplicationController":
	default:
		return // nobody calls them
	}
	b.add("services/specs", &corev1.Service{
		ObjectMeta: b.meta(b.w.name, b.selector().MatchLabels),
		Spec: corev1.ServiceSpec{
			Selector: b.selector().MatchLabels, ClusterIP: corev1.ClusterIPNone,
			Ports: []corev1.ServicePort{{Name: "http", Port: 80, TargetPort: intstr.FromString("http")}},
		},
	}, kubectl, "")
	if b.w.index%2 == 0 {
		b.add("poddisruptionbudgets", &policyv1.PodDisruptionBudget{
			ObjectMeta: b.meta(b.w.name, nil),
			Spec:       policyv1.PodDisruptionBudgetSpec{Selector: b.selector(), MaxUnavailable: new(intstr.FromInt32(1))},
		}, kubectl, "")
	}
	if b.w.index%6 == 0 {
		b.ingress()
	}
}

func (b *builder) rights() {
	b.add("roles", &rbacv1.Role{
		ObjectMeta: b.meta(b.w.name, nil),
		Rules: []rbacv1.PolicyRule{
			{Verbs: []string{"get", "list", "watch"}, APIGroups: []string{""}, Resources: []string{"configmaps", "endpoints"}},
			{Verbs: []string{"get", "update"}, APIGroups: []string{"coordination.k8s.io"}, Resources: []string{"leases"}, ResourceNames: []string{b.w.name}},
		},
	}, kubectl, "")
	b.add("rolebindings", &rbacv1.RoleBinding{
		ObjectMeta: b.meta(b.w.name, nil),
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: b.w.name},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: b.w.name, Namespace: b.w.namespace}},
	}, kubectl, "")
}

func (b *builder) ingress() {
	host := fmt.Sprintf("%s.example.com", b.w.name)
	b.add("ingress", &networkingv1.Ingress{
		ObjectMeta: b.meta(b.w.name, nil),
		Spec: networkingv1.IngressSpec{
			TLS: []networkingv1.IngressTLS{{Hosts: []string{host}, SecretName: b.w.name}},
			Rules: []networkingv1.IngressRule{{Host: host, IngressRuleValue: networkingv1.IngressRuleValue{HTTP: &networkingv1.HTTPIngressRuleValue{
				Paths: []networkingv1.HTTPIngressPath{{
					Path: "/", PathType: new(networkingv1.PathTypePrefix),
					Backend: networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{
						Name: b.w.name, Port: networkingv1.ServiceBackendPort{Name: "http"}}},
				}},
			}}}},
		},
	}, kubectl, "")
}

// limits makes what bounds a namespace, for every other one.
func (b *builder) limits(i int) {
	b.w.namespace = namespaceName(i)
	defer func() { b.w.namespace = "" }()
	b.add("serviceaccounts", &corev1.ServiceAccount{ObjectMeta: b.meta("default", nil)}, controller, "")
	if i%2 > 0 {
		return
	}
	b.add("resourcequotas", &corev1.ResourceQuota{
		ObjectMeta: b.meta("all", nil),
		Spec:       corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{corev1.ResourcePods: resource.MustParse("500")}},
	}, kubectl, "")
	b.add("limitranges", &corev1.LimitRange{
		ObjectMeta: b.meta("all", nil),
		Spec: corev1.LimitRangeSpec{Limits: []corev1.LimitRangeItem{{
			Type: corev1.LimitTypeContainer, DefaultRequest: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("100m")}}}},
	}, kubectl, "")
}
