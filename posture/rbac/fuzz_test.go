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
