package access_test

import (
	"encoding/json"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/randfill"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/check/access"
	"github.com/kubeassay/assay/posture/check/checktest"
	"github.com/kubeassay/assay/posture/index"
)

// FuzzChecks asks all checks about objects that no server would keep. Every
// verdict is a whole one, and a binding that gives everything in the cluster to
// somebody is never in order.
func FuzzChecks(f *testing.F) {
	f.Add([]byte("assay"), true, true)
	f.Add([]byte{9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 255, 254, 3, 77, 19, 42}, false, false)
	f.Fuzz(func(t *testing.T, data []byte, live, partial bool) {
		var o struct {
			Roles           []rbacv1.Role
			ClusterRoles    []rbacv1.ClusterRole
			Bindings        []rbacv1.RoleBinding
			ClusterBindings []rbacv1.ClusterRoleBinding
			Accounts        []corev1.ServiceAccount
			Pods            []index.Pod
		}
		words := []string{
			"", "*", "a", "b", "pods", "secrets", "*/exec", "User", "Group", "ServiceAccount", "Role", "ClusterRole", "system:masters", "system:authenticated", "create", "escalate", "clusterroles",
			rbacv1.GroupName, "system:serviceaccount:a:b", "default", "a-token-x", "kubernetes.io/bootstrapping", "rbac-defaults", "cluster-admin", "In", "\x00\xff",
		}
		randfill.NewFromGoFuzz(data).NilChance(0.1).NumElements(0, 5).MaxDepth(10).Funcs(
			func(s *string, c randfill.Continue) { *s = words[c.Intn(len(words))] },
		).Fill(&o)
		x := index.New()
		x.Live, x.Partial = live, partial
		for i := range o.Roles {
			add(x, &o.Roles[i])
		}
		for i := range o.ClusterRoles {
			add(x, &o.ClusterRoles[i])
		}
		for i := range o.Bindings {
			add(x, &o.Bindings[i])
		}
		for i := range o.ClusterBindings {
			add(x, &o.ClusterBindings[i])
		}
		for i := range o.Accounts {
			add(x, &o.Accounts[i])
		}
		for i := range o.Pods {
			x.See(&o.Pods[i])
		}
		for _, c := range access.All() {
			survey(c, x, func(_ *index.Object, v check.Verdict) { checktest.Verdict(t, &v) })
			if c.Join == nil {
				continue
			}
			for i := range o.Pods {
				v := c.Join(joint(x, &o.Pods[i]))
				checktest.Verdict(t, &v)
			}
		}
	})
}

// FuzzOldVersion reads bindings of an API version that has no type any more, from
// whatever stands in them.
func FuzzOldVersion(f *testing.F) {
	f.Add(`{"apiVersion":"rbac.authorization.k8s.io/v1beta1","kind":"ClusterRoleBinding","metadata":{"name":"b"},"roleRef":{"kind":"ClusterRole","name":"cluster-admin"},"subjects":[{"kind":"User","name":"jo"}]}`)
	f.Add(`{"subjects":"none"}`)
	f.Add(`{"roleRef":[1],"metadata":{"labels":{"a":1}}}`)
	f.Fuzz(func(t *testing.T, text string) {
		var o map[string]any
		if json.Unmarshal([]byte(text), &o) != nil {
			return
		}
		x := index.New()
		u := &unstructured.Unstructured{Object: o}
		x.Add(&index.Object{APIVersion: "rbac.authorization.k8s.io/v1beta1", Kind: "ClusterRoleBinding", Object: u})
		n := 0
		survey(find(t, "rbac-cluster-admin"), x, func(_ *index.Object, v check.Verdict) {
			n++
			checktest.Verdict(t, &v)
			if v.Status == finding.Error && v.Message == "" {
				t.Error("an error that says nothing")
			}
		})
		if n != 1 {
			t.Errorf("%d verdicts about one binding", n)
		}
	})
}
