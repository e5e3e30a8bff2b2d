package access_test

import (
	"fmt"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/check/access"
	"github.com/kubeassay/assay/posture/index"
)

// large is a cluster with so many bindings, a fifth as many roles, and a
// fiftieth as many namespaces with ten accounts each.
func large(bindings int) *index.Index {
	x := index.New()
	x.Live = true
	bootstrap(x)
	roles, spaces := bindings/5, max(1, bindings/50)
	for i := range spaces {
		namespace := fmt.Sprint("n", i)
		for j := range 10 {
			name := fmt.Sprint("a", j)
			add(x, account(namespace, name))
			x.See(&index.Pod{Namespace: namespace, Name: name, ServiceAccount: name})
		}
	}
	resources := []string{"pods", "secrets", "pods/exec", "configmaps", "serviceaccounts/token", "*", "clusterroles", "nodes/proxy"}
	verbs := []string{"get", "create", "list,watch", "update", "*"}
	for i := range roles {
		r := clusterRole(fmt.Sprint("c", i), rule(verbs[i%len(verbs)], "", resources[i%len(resources)]), rule("get,list,watch", "apps", "deployments"))
		add(x, &r)
	}
	for i := range bindings {
		subjects := []rbacv1.Subject{sa(fmt.Sprint("n", i%spaces), fmt.Sprint("a", i%10)), {Kind: "User", Name: fmt.Sprint("u", i%1000)}, {Kind: "Group", Name: fmt.Sprint("g", i%100)}}
		role := fmt.Sprint("c", (i/2)%roles)
		if i%10 == 0 {
			add(x, binding(fmt.Sprint("b", i), role, subjects...))
			continue
		}
		add(x, &rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: fmt.Sprint("n", i%spaces), Name: fmt.Sprint("b", i)},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role}, Subjects: subjects,
		})
	}
	return x
}

// BenchmarkSurveys makes all surveys, from an index without a graph. The sizes
// double, and so must the times.
func BenchmarkSurveys(b *testing.B) {
	for _, n := range []int{2500, 5000, 10000, 20000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			var spent time.Duration
			for b.Loop() {
				x := large(n)
				start := time.Now()
				for _, c := range access.All() {
					survey(c, x, func(*index.Object, check.Verdict) {})
				}
				spent += time.Since(start)
			}
			b.ReportMetric(float64(spent.Microseconds())/float64(b.N)/float64(n), "µs/binding")
		})
	}
}

// BenchmarkJoin asks each check about one pod, of accounts of all kinds.
func BenchmarkJoin(b *testing.B) {
	x := large(10000)
	var pods []*check.Joint
	for i := range 200 {
		for j := range 10 {
			pods = append(pods, joint(x, &index.Pod{Namespace: fmt.Sprint("n", i), Name: "x", ServiceAccount: fmt.Sprint("a", j), Template: j%2 == 0, TokenVolume: j%3 == 0}))
		}
	}
	for _, c := range access.All() {
		if c.Join == nil {
			continue
		}
		b.Run(c.ID, func(b *testing.B) {
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				c.Join(pods[i%len(pods)])
				i++
			}
		})
	}
}
