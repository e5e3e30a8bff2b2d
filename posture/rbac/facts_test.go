package rbac_test

import (
	"fmt"
	"slices"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/kubeassay/assay/posture/rbac"
)

func TestParseSubject(t *testing.T) {
	for text, want := range map[string]rbac.Subject{
		"sa:shop/cart":                    rbac.ServiceAccount("shop", "cart"),
		"serviceaccount:shop/cart":        rbac.ServiceAccount("shop", "cart"),
		"system:serviceaccount:shop:cart": rbac.ServiceAccount("shop", "cart"),
		"user:system:serviceaccount:a:b":  rbac.ServiceAccount("a", "b"),
		"user:jo":                         rbac.User("jo"),
		"user:CN=jo,O=x":                  rbac.User("CN=jo,O=x"),
		"group:system:masters":            rbac.Group("system:masters"),
	} {
		got, err := rbac.ParseSubject(text)
		if err != nil || got != want {
			t.Errorf("%s: got %+v, %v", text, got, err)
		}
		if again, err := rbac.ParseSubject(got.String()); err != nil || again != got {
			t.Errorf("%s is written %s, which is read as %+v, %v", text, got, again, err)
		}
	}
	for _, text := range []string{"", "jo", "sa:cart", "sa:/cart", "sa:shop/", "sa:a/b/c", "user:", "team:x", "system:masters", "system:serviceaccount:a"} {
		if got, err := rbac.ParseSubject(text); err == nil {
			t.Errorf("%q is read as %+v", text, got)
		}
	}
}

func TestFacts(t *testing.T) {
	byServer := map[string]string{"kubernetes.io/bootstrapping": "rbac-defaults"}
	o := rbac.Objects{
		ClusterRoles: []rbacv1.ClusterRole{
			labelled(clusterRole("cluster-admin", rule("*", "*", "*")), byServer),
			clusterRole("idle", rule("get", "", "*")), clusterRole("all-of-a-kind", rule("get", "*", "pods/*")),
		},
		Roles: []rbacv1.Role{role("shop", "reader", rule("get", "", "secrets"))},
		ClusterRoleBindings: []rbacv1.ClusterRoleBinding{
			bindCluster("open", "all-of-a-kind", group("system:unauthenticated"), user("system:anonymous")),
			bindCluster("lost", "gone", user("jo")),
			bindCluster("wrong", "cluster-admin", rbacv1.Subject{Kind: "ServiceAccount", Name: "nowhere"}),
			bindCluster("empty", "cluster-admin"),
		},
		RoleBindings: []rbacv1.RoleBinding{
			bind("shop", "reader", "Role", "reader", rbacv1.Subject{Kind: "ServiceAccount", Name: "default"}, account("web", "gone"), account("web", "gone")),
			bind("shop", "lost", "Role", "gone", group("system:serviceaccounts:shop")),
			bind("dark", "lost", "Role", "gone", account("dark", "gone")),
		},
		ServiceAccounts: []rbac.Account{{Namespace: "shop", Name: "default"}},
		Gaps:            []rbac.Gap{{Kind: rbac.RoleKind, Namespace: "dark"}, {Kind: rbac.ServiceAccountKind, Namespace: "dark"}},
	}
	g := rbac.New(o)
	check := func(what, got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s: got\n%s\nwant\n%s", what, got, want)
		}
	}
	var lines []string
	each := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	all := func() string { s := fmt.Sprint(lines); lines = nil; return s }

	for _, w := range g.Wildcards() {
		each("%s verbs=%v groups=%v resources=%v default=%v bound=%v", w.Role.Name, w.Verbs, w.Groups, w.Resources, w.Default, w.Bound)
	}
	check("wildcards", all(), "[all-of-a-kind verbs=false groups=true resources=false default=false bound=true "+
		"cluster-admin verbs=true groups=true resources=true default=true bound=false idle verbs=false groups=false resources=true default=false bound=false]")
	for _, b := range g.Public() {
		each("%s: %s, %d rights", b.Binding, b.Subject, len(b.Rights))
	}
	check("public", all(), "[ClusterRoleBinding open: group:system:unauthenticated, 1 rights ClusterRoleBinding open: user:system:anonymous, 1 rights "+
		"RoleBinding shop/lost: group:system:serviceaccounts:shop, 0 rights]")
	for _, b := range g.DefaultAccounts() {
		each("%s: %s %s %v", b.Binding, b.Subject, b.Role, b.Rights[0].Severity)
	}
	check("default accounts", all(), "[RoleBinding shop/reader: sa:shop/default Role shop/reader high]")
	for _, u := range g.Unbound() {
		each("%s", u.Role)
	}
	check("unbound", all(), "[ClusterRole cluster-admin ClusterRole idle]")
	for _, d := range g.MissingRoles() {
		each("%s: %s", d.Binding, d.Role)
	}
	check("missing roles", all(), "[ClusterRoleBinding lost: ClusterRole gone RoleBinding shop/lost: Role shop/gone]")
	for _, d := range g.MissingAccounts() {
		each("%s: %s %v", d.Binding, d.Subject, d.Nowhere != nil)
	}
	check("missing accounts", all(), "[ClusterRoleBinding wrong: user: true RoleBinding shop/reader: sa:web/gone false]")
	check("empty", fmt.Sprint(g.Empty()), "[ClusterRoleBinding empty]")
}

// TestUnboundWithGaps: what a binding that was not read may be for is not said to be idle.
func TestUnboundWithGaps(t *testing.T) {
	o := rbac.Objects{ClusterRoles: []rbacv1.ClusterRole{clusterRole("idle")}, Roles: []rbacv1.Role{role("shop", "idle"), role("web", "idle")}}
	o.Gaps = []rbac.Gap{{Kind: rbac.RoleBindingKind, Namespace: "shop"}}
	if got := rbac.New(o).Unbound(); len(got) != 1 || got[0].Role.Namespace != "web" {
		t.Errorf("got %+v", got)
	}
}

// TestDanger: what is dangerous comes first, and a right that a RoleBinding
// does not give is no danger.
func TestDanger(t *testing.T) {
	o := rbac.Objects{
		ClusterRoles: []rbacv1.ClusterRole{clusterRole("mixed", rule("get", "", "pods"), rule("get", "", "nodes/proxy"), rule("create", "", "pods/exec"))},
		RoleBindings: []rbacv1.RoleBinding{bind("shop", "mixed", "ClusterRole", "mixed", user("jo"))},
	}
	severities := func() (all []string) {
		for _, r := range rbac.New(o).Rights(rbac.User("jo")) {
			all = append(all, fmt.Sprint(r.Severity, " ", r.PolicyRule.Resources[0]))
		}
		return all
	}
	if got := severities(); !slices.Equal(got, []string{"high pods/exec", "info pods", "info nodes/proxy"}) {
		t.Errorf("in a namespace: %q", got)
	}
	o.ClusterRoles[0].Rules[2].ResourceNames = []string{"cart-1"}
	o.ClusterRoles[0].Rules[0] = rule("create", "", "pods", "cart-1") // what is made has no name yet
	if got := severities(); !slices.Equal(got, []string{"high pods/exec", "info pods", "info nodes/proxy"}) {
		t.Errorf("over named objects: %q", got)
	}
	o.ClusterRoleBindings = []rbacv1.ClusterRoleBinding{bindCluster("mixed", "mixed", user("jo"))}
	if got := severities(); got[0] != "critical nodes/proxy" {
		t.Errorf("in the cluster: %q", got)
	}
}
