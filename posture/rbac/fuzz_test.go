package rbac_test

import (
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/randfill"

	"github.com/kubeassay/assay/posture/rbac"
)

// FuzzGraph builds graphs from objects that no server would keep: names that
// are empty or the same, subjects of no kind, roles that aggregate each other,
// rules of anything. Whatever comes, all questions get an answer, and those
// that are allowed follow from a rule.
func FuzzGraph(f *testing.F) {
	f.Add([]byte("assay"), true)
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 200, 201, 202, 203}, false)
	f.Fuzz(func(t *testing.T, data []byte, aggregate bool) {
		var o rbac.Objects
		fill := randfill.NewFromGoFuzz(data).NilChance(0.1).NumElements(0, 6).MaxDepth(12).Funcs(
			func(s *string, c randfill.Continue) {
				words := []string{"", "*", "a", "b", "pods", "*/a", "User", "Group", "ServiceAccount", "Role", "ClusterRole", "system:masters", "create", "escalate", "clusterroles", rbacv1.GroupName, "system:serviceaccount:a:b", "In", "Exists", "\x00\xff"}
				*s = words[c.Intn(len(words))]
			},
		)
		fill.Fill(&o)
		o.Aggregate = aggregate
		g := rbac.New(o)
		g.Problems()
		g.Wildcards()
		g.Public()
		g.DefaultAccounts()
		g.Unbound()
		g.MissingRoles()
		g.MissingAccounts()
		g.Empty()
		requests := []rbac.Request{{}, {Verb: "create", Resource: "pods", Namespace: "a"}, {Verb: "a", NonResourceURL: "*"}, {Verb: "*", Group: "*", Resource: "*", Namespace: rbac.Anywhere}}
		for _, r := range requests {
			for _, grant := range g.WhoCan(r) {
				if !grant.Bypass() && !rbac.Allows(grant.PolicyRule, r) {
					t.Fatalf("%s does not follow from %+v", r, grant)
				}
			}
			g.WhoCanSome(r)
		}
		seen := map[rbac.Ref]bool{} // of two with one name only the first is in the graph
		for i := range o.RoleBindings {
			askBinding(t, g, g.RoleBinding(&o.RoleBindings[i]), seen)
		}
		for i := range o.ClusterRoleBindings {
			askBinding(t, g, g.ClusterRoleBinding(&o.ClusterRoleBindings[i]), seen)
		}
		for _, c := range g.WithPods(nil).Combined() {
			if c.Steps[len(c.Steps)-1].Gets != string(c.Goal) {
				t.Fatalf("a chain that leads nowhere: %+v", c)
			}
		}
		for _, s := range g.Subjects() {
			for _, r := range requests {
				g.Allowed(s, r, "a")
			}
			for _, right := range g.Rights(s) {
				g.Origin(right.Role, right.Rule)
			}
			for _, c := range g.Escalations(s) {
				if len(c.Steps) == 0 || c.Steps[len(c.Steps)-1].Gets != string(c.Goal) {
					t.Fatalf("a chain that leads nowhere: %+v", c)
				}
			}
		}
	})
}

// askBinding asks a binding everything.
func askBinding(t *testing.T, g *rbac.Graph, b *rbac.Binding, seen map[rbac.Ref]bool) {
	first := !seen[b.Ref]
	seen[b.Ref] = true
	if len(b.Subjects)+len(b.Nowhere) != len(b.Written()) {
		t.Fatalf("%d subjects of %d", len(b.Subjects)+len(b.Nowhere), len(b.Written()))
	}
	for _, h := range b.Held() {
		if h.Rule < 0 || h.Rule >= b.Rules() || len(h.Why) == 0 {
			t.Fatalf("it gives %+v by %d rules", h, b.Rules())
		}
		b.Rule(h.Rule)
	}
	for _, l := range b.Leads() {
		if l.Steps[len(l.Steps)-1].Gets != string(l.Goal) {
			t.Fatalf("it leads nowhere: %+v", l)
		}
		for _, s := range b.Subjects {
			if _, ok := g.Reaches(s.Subject); first && l.Goal == rbac.ClusterAdmin && l.For(s.Subject) && !ok {
				t.Fatalf("%s leads %s to cluster-admin, and the graph knows of no way", b.Ref, s.Subject)
			}
		}
	}
}
