package rbac_test

import (
	"fmt"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/kubeassay/assay/posture/rbac"
)

// large is a cluster with so many bindings, a fifth as many roles and a fiftieth
// as many namespaces.
func large(bindings int) rbac.Objects {
	o := shop()
	roles, spaces := bindings/5, max(1, bindings/50)
	for i := range spaces {
		namespace := fmt.Sprint("n", i)
		o.Namespaces = append(o.Namespaces, rbac.Namespace{Name: namespace})
		for j := range 10 {
			o.ServiceAccounts = append(o.ServiceAccounts, rbac.Account{Namespace: namespace, Name: fmt.Sprint("a", j)})
			o.Pods = append(o.Pods, rbac.Pod{Namespace: namespace, Name: fmt.Sprint("p", j), ServiceAccount: fmt.Sprint("a", j)})
		}
	}
	resources := []string{"pods", "secrets", "pods/exec", "configmaps", "serviceaccounts/token", "services"}
	verbs := []string{"get", "create", "list", "update"}
	for i := range roles {
		rules := []rbacv1.PolicyRule{
			rule(verbs[i%len(verbs)], "", resources[i%len(resources)]), rule("get,list,watch", "apps", "deployments,statefulsets"), rule("get", "example.com", fmt.Sprint("w", i)),
		}
		if i%2 == 0 {
			o.ClusterRoles = append(o.ClusterRoles, clusterRole(fmt.Sprint("c", i), rules...))
		} else {
			o.Roles = append(o.Roles, role(fmt.Sprint("n", i%spaces), fmt.Sprint("r", i), rules...))
		}
	}
	for i := range bindings {
		at := (i / 2) % roles
		subjects := []rbacv1.Subject{account(fmt.Sprint("n", i%spaces), fmt.Sprint("a", i%10)), user(fmt.Sprint("u", i%1000)), group(fmt.Sprint("g", i%100))}
		switch {
		case at%2 == 1:
			namespace := fmt.Sprint("n", at%spaces)
			o.RoleBindings = append(o.RoleBindings, bind(namespace, fmt.Sprint("b", i), "Role", fmt.Sprint("r", at), subjects...))
		case i%20 == 0:
			o.ClusterRoleBindings = append(o.ClusterRoleBindings, bindCluster(fmt.Sprint("b", i), fmt.Sprint("c", at), subjects...))
		default:
			o.RoleBindings = append(o.RoleBindings, bind(fmt.Sprint("n", i%spaces), fmt.Sprint("b", i), "ClusterRole", fmt.Sprint("c", at), subjects...))
		}
	}
	return o
}

// sizes double, and so must the times.
var sizes = []int{2500, 5000, 10000, 20000}

func BenchmarkNew(b *testing.B) {
	for _, n := range sizes {
		o := large(n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				rbac.New(o)
			}
		})
	}
}

func BenchmarkWhoCan(b *testing.B) {
	for _, n := range sizes {
		g := rbac.New(large(n))
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				g.WhoCan(rbac.Request{Verb: "get", Resource: "secrets", Namespace: "n1"})
			}
		})
	}
}

// BenchmarkEscalations asks for every subject, from nothing.
func BenchmarkEscalations(b *testing.B) {
	for _, n := range sizes {
		o := large(n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				g := rbac.New(o)
				for _, s := range g.Subjects() {
					g.Reaches(s)
				}
			}
		})
	}
}

func BenchmarkAllowed(b *testing.B) {
	g := rbac.New(large(10000))
	for b.Loop() {
		g.Allowed(rbac.ServiceAccount("n1", "a1"), rbac.Request{Verb: "get", Resource: "secrets", Namespace: "n1"})
	}
}
