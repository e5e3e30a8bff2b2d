package access_test

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubeassay/assay/posture/index"
	"github.com/kubeassay/assay/posture/rbac"
)

// bootstrap adds what an API server makes for itself: its roles, and bindings to
// its own parts and to everybody.
func bootstrap(x *index.Index) {
	byServer := map[string]string{"kubernetes.io/bootstrapping": "rbac-defaults"}
	for _, r := range rbac.Defaults() {
		add(x, &r)
		controller, ok := strings.CutPrefix(r.Name, "system:controller:")
		if !ok {
			continue
		}
		b := binding(r.Name, r.Name, sa("kube-system", controller))
		b.Labels = byServer
		add(x, b, account("kube-system", controller))
	}
	group := func(names ...string) (all []rbacv1.Subject) {
		for _, n := range names {
			all = append(all, rbacv1.Subject{Kind: "Group", Name: n})
		}
		return all
	}
	for name, subjects := range map[string][]rbacv1.Subject{
		"cluster-admin":                           group("system:masters"),
		"system:basic-user":                       group("system:authenticated"),
		"system:discovery":                        group("system:authenticated"),
		"system:public-info-viewer":               group("system:authenticated", "system:unauthenticated"),
		"system:service-account-issuer-discovery": group("system:serviceaccounts"),
		"system:monitoring":                       group("system:monitoring"),
		"system:node":                             nil,
		"system:kube-controller-manager":          {{Kind: "User", Name: "system:kube-controller-manager"}},
		"system:kube-scheduler":                   {{Kind: "User", Name: "system:kube-scheduler"}},
		"system:node-proxier":                     {{Kind: "User", Name: "system:kube-proxy"}},
		"system:kube-dns":                         {sa("kube-system", "kube-dns")},
	} {
		b := binding(name, name, subjects...)
		b.Labels = byServer
		add(x, b)
	}
	add(x, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "kube-system"}})
}
