package rbac_test

import (
	"fmt"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubeassay/assay/posture/rbac"
)

func labelled(r rbacv1.ClusterRole, labels map[string]string) rbacv1.ClusterRole {
	r.Labels = labels
	return r
}

func selecting(r rbacv1.ClusterRole, selectors ...metav1.LabelSelector) rbacv1.ClusterRole {
	r.AggregationRule = &rbacv1.AggregationRule{ClusterRoleSelectors: selectors}
	return r
}

func match(key, value string) metav1.LabelSelector {
	return metav1.LabelSelector{MatchLabels: map[string]string{key: value}}
}

// rulesOf are the resources that a role's rules name, in their order.
func rulesOf(t *testing.T, o rbac.Objects, name string) string {
	t.Helper()
	o.ClusterRoleBindings = append(o.ClusterRoleBindings, bindCluster("probe", name, user("probe")))
	var all []string
	for _, r := range rbac.New(o).Rights(rbac.User("probe")) {
		for len(all) <= r.Rule {
			all = append(all, "")
		}
		all[r.Rule] = r.PolicyRule.Resources[0]
	}
	return strings.Join(all, " ")
}

func TestAggregation(t *testing.T) {
	part := func(name, label string) rbacv1.ClusterRole {
		return labelled(clusterRole(name, rule("get", "", name)), map[string]string{label: "true", "any": ""})
	}
	expression := func(op metav1.LabelSelectorOperator, values ...string) metav1.LabelSelector {
		return metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "x", Operator: op, Values: values}}}
	}
	for _, test := range []struct {
		name  string
		roles []rbacv1.ClusterRole
		want  string
	}{
		{"by name, and what stood there goes", []rbacv1.ClusterRole{
			selecting(clusterRole("sum", rule("get", "", "old")), match("x", "true")), part("b", "x"), part("a", "x"), part("c", "y"),
		}, "a b"},
		{"one selector after the other", []rbacv1.ClusterRole{
			selecting(clusterRole("sum"), match("y", "true"), match("x", "true")), part("a", "x"), part("b", "y"),
		}, "b a"},
		{"an empty selector takes all, but not itself", []rbacv1.ClusterRole{
			selecting(labelled(clusterRole("sum", rule("get", "", "own")), map[string]string{"any": ""}), metav1.LabelSelector{}), part("a", "x"), part("b", "y"),
		}, "a b"},
		{"equal rules once", []rbacv1.ClusterRole{
			selecting(clusterRole("sum"), match("x", "true")), part("a", "x"),
			labelled(clusterRole("b", rule("get", "", "a"), rule("get", "", "b")), map[string]string{"x": "true"}),
		}, "a b"},
		{"through another aggregated role", []rbacv1.ClusterRole{
			selecting(clusterRole("sum"), match("step", "2")),
			selecting(labelled(clusterRole("middle", rule("get", "", "old")), map[string]string{"step": "2"}), match("x", "true")), part("a", "x"),
		}, "a"},
		{"in", []rbacv1.ClusterRole{selecting(clusterRole("sum"), expression(metav1.LabelSelectorOpIn, "true", "yes")), part("a", "x"), part("b", "y")}, "a"},
		{"exists", []rbacv1.ClusterRole{selecting(clusterRole("sum"), expression(metav1.LabelSelectorOpExists)), part("a", "x"), part("b", "y")}, "a"},
		{"does not exist", []rbacv1.ClusterRole{selecting(clusterRole("sum"), expression(metav1.LabelSelectorOpDoesNotExist)), part("a", "x"), part("b", "y")}, "b"},
		{"not in", []rbacv1.ClusterRole{selecting(clusterRole("sum"), expression(metav1.LabelSelectorOpNotIn, "true")), part("a", "x"), part("b", "y")}, "b"},
		{"a selector that can't be read leaves the role as it is", []rbacv1.ClusterRole{
			selecting(clusterRole("sum", rule("get", "", "old")), expression("Near")), part("a", "x"),
		}, "old"},
		{"a circle", []rbacv1.ClusterRole{
			selecting(labelled(clusterRole("sum", rule("get", "", "own")), map[string]string{"c": "1"}), match("c", "2"), match("x", "true")),
			selecting(labelled(clusterRole("other", rule("get", "", "others")), map[string]string{"c": "2"}), match("c", "1")), part("a", "x"),
		}, "others own a"},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := rbac.Objects{ClusterRoles: test.roles, Aggregate: true}
			if got := rulesOf(t, o, "sum"); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
			for i, r := range o.ClusterRoles {
				if len(r.Rules) > 0 && strings.Contains(r.Rules[0].Resources[0], " ") {
					t.Errorf("object %d was changed", i)
				}
			}
		})
	}
}

// TestStoredRulesWin: in a live cluster the controller has done its work, or
// will; what is stored counts now.
func TestStoredRulesWin(t *testing.T) {
	o := rbac.Objects{ClusterRoles: []rbacv1.ClusterRole{
		selecting(clusterRole("sum", rule("get", "", "stored")), match("x", "true")),
		labelled(clusterRole("a", rule("get", "", "a")), map[string]string{"x": "true"}),
	}}
	if got := rulesOf(t, o, "sum"); got != "stored" {
		t.Errorf("got %q", got)
	}
}

func TestOrigin(t *testing.T) {
	o := rbac.Objects{Aggregate: true, ClusterRoles: []rbacv1.ClusterRole{
		selecting(clusterRole("sum"), match("x", "true")),
		labelled(clusterRole("a", rule("get", "", "a")), map[string]string{"x": "true"}),
		labelled(clusterRole("b", rule("get", "", "b"), rule("get", "", "a")), map[string]string{"x": "true"}),
	}}
	g := rbac.New(o)
	if got := fmt.Sprint(g.Origin(rbac.Ref{Kind: rbac.ClusterRoleKind, Name: "sum"}, 0)); got != "[ClusterRole a ClusterRole b]" {
		t.Errorf("the first rule comes from %s", got)
	}
	if got := g.Origin(rbac.Ref{Kind: rbac.ClusterRoleKind, Name: "a"}, 0); got != nil {
		t.Errorf("a role's own rule comes from %v", got)
	}
}

// TestLongChainOfAggregation: a role that selects the next one, and so on, does
// not need more stack or time than there are roles.
func TestLongChainOfAggregation(t *testing.T) {
	const n = 20000
	o := rbac.Objects{Aggregate: true}
	for i := range n {
		r := labelled(clusterRole(fmt.Sprint("r", i)), map[string]string{"step": fmt.Sprint(i)})
		o.ClusterRoles = append(o.ClusterRoles, selecting(r, match("step", fmt.Sprint(i+1))))
	}
	o.ClusterRoles = append(o.ClusterRoles, labelled(clusterRole("last", rule("get", "", "x")), map[string]string{"step": fmt.Sprint(n)}))
	if got := rulesOf(t, o, "r0"); got != "x" {
		t.Errorf("got %q", got)
	}
}

// TestAggregationIsBounded: roles that each collect all that the others do
// would ask for a number of rules that is the square of theirs.
func TestAggregationIsBounded(t *testing.T) {
	o := rbac.Objects{Aggregate: true}
	for i := range 700 {
		r := labelled(clusterRole(fmt.Sprintf("p%04d", i), rule("get", "", fmt.Sprint("x", i))), map[string]string{"x": "true"})
		o.ClusterRoles = append(o.ClusterRoles, r, selecting(clusterRole(fmt.Sprintf("s%04d", i)), match("x", "true")))
	}
	g := rbac.New(o)
	if len(g.Problems()) != 1 || g.Complete(rbac.Request{Verb: "get", Resource: "pods"}) {
		t.Errorf("nobody is told: %v", g.Problems())
	}
}

func TestDefaults(t *testing.T) {
	all := rbac.Defaults()
	if len(all) < 60 {
		t.Fatalf("%d roles", len(all))
	}
	g := rbac.New(rbac.Objects{
		Defaults: true,
		ClusterRoles: []rbacv1.ClusterRole{labelled(clusterRole("widgets", rule("get", "example.com", "widgets")),
			map[string]string{"rbac.authorization.k8s.io/aggregate-to-view": "true"})},
		RoleBindings: []rbacv1.RoleBinding{bind("shop", "admins", "ClusterRole", "admin", user("jo")), bind("shop", "viewers", "ClusterRole", "view", user("li"))},
	})
	for _, test := range []struct {
		who  string
		r    rbac.Request
		want bool
	}{
		{"jo", rbac.Request{Verb: "create", Group: "rbac.authorization.k8s.io", Resource: "rolebindings", Namespace: "shop"}, true},
		{"jo", rbac.Request{Verb: "get", Group: "example.com", Resource: "widgets", Namespace: "shop"}, true},
		{"jo", rbac.Request{Verb: "create", Resource: "resourcequotas", Namespace: "shop"}, false},
		{"li", rbac.Request{Verb: "get", Resource: "pods", Subresource: "log", Namespace: "shop"}, true},
		{"li", rbac.Request{Verb: "get", Resource: "secrets", Namespace: "shop"}, false},
		{"li", rbac.Request{Verb: "get", Group: "example.com", Resource: "widgets", Namespace: "shop"}, true},
	} {
		if d := g.Allowed(rbac.User(test.who), test.r); d.Allowed != test.want {
			t.Errorf("%s, %s: %v", test.who, test.r, d.Allowed)
		}
	}
	if missing := g.MissingRoles(); len(missing) > 0 {
		t.Errorf("missing: %+v", missing)
	}
	if unbound := g.Unbound(); len(unbound) != 1 || !unbound[0].Aggregated {
		t.Errorf("the built-in roles are not the objects' own: %+v", unbound)
	}
}
