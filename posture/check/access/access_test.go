package access_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/check/access"
	"github.com/kubeassay/assay/posture/check/checktest"
	"github.com/kubeassay/assay/posture/index"
)

func TestFixtures(t *testing.T) { checktest.Run(t, access.All(), "testdata") }

// In a cluster that has only what an API server makes for itself, nothing fails.
func TestABareClusterIsInOrder(t *testing.T) {
	x := index.New()
	x.Live = true
	bootstrap(x)
	for _, c := range access.All() {
		survey(c, x, func(o *index.Object, v check.Verdict) {
			if v.Status == finding.Fail || v.Status == finding.Error {
				t.Errorf("%s about %s: %s", c.ID, o.Ref(), v.Message)
			}
		})
	}
}

// A binding that gives all there is has one finding; one that gives secrets has
// that of its right. No check reports what another one reports.
func TestOneCauseOneFinding(t *testing.T) {
	tests := []struct {
		name string
		role rbacv1.ClusterRole
		want string
	}{
		{"everything", clusterRole("r", rule("*", "*", "*")), "rbac-cluster-admin"},
		{"everything of the core group", clusterRole("r", rule("*", "", "*")), "rbac-cluster-admin"},
		{"secrets", clusterRole("r", rule("list", "", "secrets")), "rbac-secrets-access"},
		{"pods, which lead to cluster-admin", clusterRole("r", rule("create", "", "pods")), "rbac-create-pods"},
		{"acting as others", clusterRole("r", rule("impersonate", "", "users,groups")), "rbac-escalation-verbs"},
		{"harmless", clusterRole("r", rule("get,list,watch", "", "configmaps,pods,services")), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			x := index.New()
			x.Live = true
			bootstrap(x)
			add(x, &tt.role, binding("b", "r", sa("shop", "cart")), account("shop", "cart"))
			x.See(&index.Pod{Namespace: "shop", Name: "cart", ServiceAccount: "cart"})
			var got []string
			for _, c := range access.All() {
				survey(c, x, func(o *index.Object, v check.Verdict) {
					if v.Status == finding.Fail && o.Kind == "ClusterRoleBinding" {
						got = append(got, c.ID)
					}
				})
			}
			if s := strings.Join(got, " "); s != tt.want {
				t.Errorf("reported by %q, want %q", s, tt.want)
			}
		})
	}
}

// Two bindings of one name, as files for two clusters have them, are each judged
// by what stands in them.
func TestTwoOfOneName(t *testing.T) {
	x := index.New()
	add(x, binding("b", "view", sa("shop", "cart")), binding("b", "cluster-admin", sa("shop", "cart")))
	var got []string
	survey(find(t, "rbac-cluster-admin"), x, func(_ *index.Object, v check.Verdict) { got = append(got, string(v.Status)) })
	if s := strings.Join(got, " "); s != "pass fail" {
		t.Errorf("got %s, want pass and fail", s)
	}
}

// What could not be read makes nothing pass, and takes no failure away.
func TestUnread(t *testing.T) {
	x := index.New()
	x.Live = true
	bootstrap(x)
	add(x, binding("known", "secrets", sa("shop", "cart")), binding("unknown", "gone", sa("shop", "cart")), &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: "dark", Name: "b"}, RoleRef: rbacv1.RoleRef{Kind: "Role", Name: "r"}, Subjects: []rbacv1.Subject{{Kind: "User", Name: "jo"}},
	})
	role := clusterRole("secrets", rule("list", "", "secrets"))
	add(x, &role)
	x.Miss(index.Gap{Kind: schema.GroupKind{Group: rbacv1.GroupName, Kind: "Role"}, Namespace: "dark", Reason: "roles may not be listed"})
	want := map[string]string{"known": "fail", "unknown": "pass", "b": "not-reviewed"}
	survey(find(t, "rbac-secrets-access"), x, func(o *index.Object, v check.Verdict) {
		if w, ok := want[o.GetName()]; ok && string(v.Status) != w {
			t.Errorf("%s is %s (%s), want %s", o.GetName(), v.Status, v.Message, w)
		}
	})
}

// Where pods could not be read, one may run as any account: a way through them
// is told, with what it depends on.
func TestUnreadPods(t *testing.T) {
	for _, unread := range []bool{false, true} {
		x := index.New()
		x.Live = true
		bootstrap(x)
		role := clusterRole("exec", rule("create", "", "pods/exec"))
		add(x, &role, account("dark", "boss"), binding("boss", "cluster-admin", sa("dark", "boss")), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "dark"}}, &rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: "dark", Name: "exec"}, RoleRef: rbacv1.RoleRef{Kind: "ClusterRole", Name: "exec"}, Subjects: []rbacv1.Subject{{Kind: "User", Name: "jo"}},
		})
		if unread {
			x.Miss(index.Gap{Kind: schema.GroupKind{Kind: "Pod"}, Namespace: "dark", Reason: "pods may not be listed"})
		}
		survey(find(t, "rbac-pods-exec"), x, func(o *index.Object, v check.Verdict) {
			if o.GetName() == "exec" && (v.Status != finding.Fail || strings.Contains(v.Message, "not all pods are known") != unread) {
				t.Errorf("unread %v: %s: %s", unread, v.Status, v.Message)
			}
		})
	}
}

// Where only some namespaces were asked for, nothing is said to be missing.
func TestPartial(t *testing.T) {
	x := index.New()
	x.Live, x.Partial = true, true
	role := clusterRole("idle", rule("get", "", "pods"))
	add(x, &role, binding("b", "gone", sa("other", "gone")))
	for _, id := range []string{"rbac-missing-role", "rbac-missing-account", "rbac-unused-role"} {
		survey(find(t, id), x, func(o *index.Object, v check.Verdict) {
			if v.Status != finding.NotReviewed {
				t.Errorf("%s about %s: %s: %s", id, o.Ref(), v.Status, v.Message)
			}
		})
	}
	for _, id := range []string{"service-account-missing", "service-account-token-mounted"} {
		if v := find(t, id).Join(joint(x, &index.Pod{Namespace: "shop", Name: "x", ServiceAccount: "cart", Template: true})); v.Status != finding.NotReviewed {
			t.Errorf("%s: %s: %s", id, v.Status, v.Message)
		}
	}
}

// A subject whose name is a service account's user name is that account.
func TestAccountByUserName(t *testing.T) {
	x := index.New()
	x.Live = true
	bootstrap(x)
	add(x, binding("b", "cluster-admin", rbacv1.Subject{Kind: "User", Name: "system:serviceaccount:shop:cart"}), account("shop", "cart"))
	x.See(&index.Pod{Namespace: "shop", Name: "cart", ServiceAccount: "cart"})
	survey(find(t, "rbac-cluster-admin"), x, func(o *index.Object, v check.Verdict) {
		if o.GetName() == "b" && (v.Severity != finding.Critical || !strings.Contains(v.Message, "ServiceAccount shop/cart")) {
			t.Errorf("%s: %s", v.Severity, v.Message)
		}
	})
}

// Whoever may reach the API server may read the ConfigMap cluster-info where
// kubeadm made the cluster. More than that is not kubeadm's.
func TestClusterInfo(t *testing.T) {
	const namespace = "kube-public"
	for name, tt := range map[string]struct {
		rules []rbacv1.PolicyRule
		in    string
		want  finding.Severity
	}{
		"as kubeadm makes it": {[]rbacv1.PolicyRule{named(rule("get", "", "configmaps"), "cluster-info")}, namespace, finding.Low},
		"to be changed":       {[]rbacv1.PolicyRule{named(rule("get,update", "", "configmaps"), "cluster-info")}, namespace, finding.Medium},
		"another one too":     {[]rbacv1.PolicyRule{named(rule("get", "", "configmaps"), "cluster-info", "x")}, namespace, finding.Medium},
		"all of them":         {[]rbacv1.PolicyRule{rule("get", "", "configmaps")}, namespace, finding.Medium},
		"another rule too":    {[]rbacv1.PolicyRule{named(rule("get", "", "configmaps"), "cluster-info"), rule("get", "", "pods")}, namespace, finding.Medium},
		"another namespace":   {[]rbacv1.PolicyRule{named(rule("get", "", "configmaps"), "cluster-info")}, "shop", finding.Medium},
	} {
		t.Run(name, func(t *testing.T) {
			x := index.New()
			x.Live = true
			bootstrap(x)
			meta := metav1.ObjectMeta{Namespace: tt.in, Name: "kubeadm:bootstrap-signer-clusterinfo"}
			add(x, &rbacv1.Role{ObjectMeta: meta, Rules: tt.rules}, &rbacv1.RoleBinding{
				ObjectMeta: meta, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: meta.Name}, Subjects: []rbacv1.Subject{{Kind: "User", Name: "system:anonymous"}},
			})
			for _, c := range access.All() {
				survey(c, x, func(o *index.Object, v check.Verdict) {
					if v.Status == finding.Fail && (c.ID != "rbac-anonymous-subject" || v.Severity != tt.want) {
						t.Errorf("%s about %s: %s: %s", c.ID, o.Ref(), v.Severity, v.Message)
					}
				})
			}
		})
	}
}

func named(r rbacv1.PolicyRule, names ...string) rbacv1.PolicyRule {
	r.ResourceNames = names
	return r
}

func TestEveryCheckHasItsFixtures(t *testing.T) {
	entries, err := os.ReadDir("testdata")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !slices.ContainsFunc(access.All(), func(c *check.Check) bool { return c.ID == e.Name() }) {
			t.Errorf("%s belongs to no check", filepath.Join("testdata", e.Name()))
		}
	}
}

func find(t testing.TB, id string) *check.Check {
	for _, c := range access.All() {
		if c.ID == id {
			return c
		}
	}
	t.Fatalf("no check %s", id)
	return nil
}

func survey(c *check.Check, x *index.Index, yield check.Yield) {
	if c.SurveyCluster != nil {
		c.SurveyCluster(x, yield)
	}
}

func joint(x *index.Index, p *index.Pod) *check.Joint {
	return &check.Joint{Pod: p, Namespace: x.Namespace(p.Namespace), SpecPath: "spec.template.spec"}
}

func add(x *index.Index, all ...metav1.Object) {
	for _, o := range all {
		apiVersion, kind := "rbac.authorization.k8s.io/v1", strings.TrimPrefix(fmt.Sprintf("%T", o), "*v1.")
		if kind == "ServiceAccount" || kind == "Namespace" {
			apiVersion = "v1"
		}
		x.Add(&index.Object{APIVersion: apiVersion, Kind: kind, Object: o})
	}
}

func rule(verbs, group, resources string) rbacv1.PolicyRule {
	return rbacv1.PolicyRule{Verbs: strings.Split(verbs, ","), APIGroups: []string{group}, Resources: strings.Split(resources, ",")}
}

func clusterRole(name string, rules ...rbacv1.PolicyRule) rbacv1.ClusterRole {
	return rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: rules}
}

func binding(name, role string, subjects ...rbacv1.Subject) *rbacv1.ClusterRoleBinding {
	return &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name}, Subjects: subjects, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
	}
}

func sa(namespace, name string) rbacv1.Subject {
	return rbacv1.Subject{Kind: "ServiceAccount", Namespace: namespace, Name: name}
}

func account(namespace, name string) *corev1.ServiceAccount {
	return &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
}
