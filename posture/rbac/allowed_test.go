package rbac_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/component-helpers/auth/rbac/validation"

	"github.com/kubeassay/assay/posture/rbac"
)

// TestAllowedAgreesWithThePlainReading compares the graph with a reading of
// the same objects that uses no index, over many random worlds.
func TestAllowedAgreesWithThePlainReading(t *testing.T) {
	allowed, denied := 0, 0
	for seed := range uint64(1000) {
		w := world{rand.New(rand.NewPCG(seed, 1))}
		o := w.objects()
		g := rbac.New(o)
		for range 20 {
			r := w.request()
			who := g.WhoCan(r)
			for s, id := range identities() {
				want := naive(&o, id.user, id.groups, r)
				d := g.Allowed(s, r)
				if d.Allowed != want {
					t.Fatalf("seed %d: %s, %s: allowed %v, want %v (%+v)", seed, s, r, d.Allowed, want, d.Grants)
				}
				if d.Unknown {
					t.Fatalf("seed %d: nothing is missing, and yet the answer is not known", seed)
				}
				// WhoCan says the same, from the other side.
				in := slices.ContainsFunc(who, func(x rbac.Grant) bool {
					return x.Subject == s || x.Subject.Kind == rbacv1.GroupKind && slices.Contains(id.groups, x.Subject.Name)
				})
				if in != want {
					t.Fatalf("seed %d: %s, %s: in WhoCan %v, want %v", seed, s, r, in, want)
				}
				if want {
					allowed++
				} else {
					denied++
				}
			}
		}
	}
	if allowed < 5000 || denied < 5000 {
		t.Errorf("%d were allowed, %d denied: this compares too little", allowed, denied)
	}
}

// TestGrantsAreWhatAllows: every grant that is shown really allows the request,
// and the rights of a subject allow it exactly if it is allowed.
func TestGrantsAreWhatAllows(t *testing.T) {
	for seed := range uint64(300) {
		w := world{rand.New(rand.NewPCG(seed, 2))}
		o := w.objects()
		g := rbac.New(o)
		for s := range identities() {
			rights := g.Rights(s)
			for range 20 {
				r := w.request()
				d := g.Allowed(s, r)
				for _, grant := range d.Grants {
					if !rbac.Allows(grant.PolicyRule, r) || grant.Namespace != "" && grant.Namespace != r.Namespace {
						t.Fatalf("seed %d: %s does not follow from %+v", seed, r, grant)
					}
				}
				byRights := slices.ContainsFunc(rights, func(x rbac.Right) bool {
					return rbac.Allows(x.PolicyRule, r) && (x.Namespace == "" || r.NonResourceURL == "" && x.Namespace == r.Namespace)
				})
				if byRights != d.Allowed {
					t.Fatalf("seed %d: %s, %s: by its rights %v, allowed %v", seed, s, r, byRights, d.Allowed)
				}
			}
		}
	}
}

// TestAllowsAgreesWithCovers compares the reading of one rule with Kubernetes'
// own, which decides whether one rule contains another. Rules that mix
// resources with URLs are left out: no server keeps them.
func TestAllowsAgreesWithCovers(t *testing.T) {
	w := world{rand.New(rand.NewPCG(3, 3))}
	for range 60000 {
		rule, r := w.rules(false)[0], w.request()
		sub := rbacv1.PolicyRule{Verbs: []string{r.Verb}}
		if r.NonResourceURL != "" {
			sub.NonResourceURLs = []string{r.NonResourceURL}
			if len(rule.Resources) > 0 {
				continue
			}
		} else {
			sub.APIGroups, sub.Resources = []string{r.Group}, []string{r.Resource}
			if r.Subresource != "" {
				sub.Resources[0] += "/" + r.Subresource
			}
			if r.Name != "" {
				sub.ResourceNames = []string{r.Name}
			}
		}
		if want, _ := validation.Covers([]rbacv1.PolicyRule{rule}, []rbacv1.PolicyRule{sub}); rbac.Allows(&rule, r) != want {
			t.Fatalf("%+v allows %s: %v, Kubernetes says %v", rule, r, !want, want)
		}
	}
}

func TestAnywhere(t *testing.T) {
	o := rbac.Objects{
		Roles:        []rbacv1.Role{role("shop", "reader", rule("get", "", "secrets"))},
		RoleBindings: []rbacv1.RoleBinding{bind("shop", "reader", "Role", "reader", account("shop", "cart"))},
	}
	g := rbac.New(o)
	r := rbac.Request{Verb: "get", Resource: "secrets", Namespace: rbac.Anywhere}
	if d := g.Allowed(rbac.ServiceAccount("shop", "cart"), r); !d.Allowed || d.Grants[0].Namespace != "shop" {
		t.Errorf("anywhere: %+v", d)
	}
	r.Namespace = ""
	if d := g.Allowed(rbac.ServiceAccount("shop", "cart"), r); d.Allowed {
		t.Errorf("in all namespaces at once: %+v", d)
	}
}

func TestMasters(t *testing.T) {
	g := rbac.New(rbac.Objects{})
	r := rbac.Request{Verb: "delete", Resource: "nodes"}
	for name, d := range map[string]rbac.Decision{
		"the group":            g.Allowed(rbac.Group(rbac.Masters), r),
		"a user that is in it": g.Allowed(rbac.User("jo"), r, rbac.Masters),
	} {
		if !d.Allowed || !d.Grants[0].Bypass() {
			t.Errorf("%s: %+v", name, d)
		}
	}
	if d := g.Allowed(rbac.User("jo"), r); d.Allowed {
		t.Errorf("a user that is not in it: %+v", d)
	}
}

// TestNamesOnly: a rule over named objects does not answer who may get any
// object, but is not hidden either.
func TestNamesOnly(t *testing.T) {
	named := rule("get", "", "secrets")
	named.ResourceNames = []string{"tls"}
	g := rbac.New(rbac.Objects{
		ClusterRoles:        []rbacv1.ClusterRole{clusterRole("tls", named)},
		ClusterRoleBindings: []rbacv1.ClusterRoleBinding{bindCluster("tls", "tls", user("jo"))},
	})
	r := rbac.Request{Verb: "get", Resource: "secrets", Namespace: "shop"}
	if all := g.WhoCan(r); len(all) != 1 {
		t.Errorf("any secret: %+v", all)
	}
	if some := g.WhoCanSome(r); len(some) != 1 || some[0].Subject != rbac.User("jo") {
		t.Errorf("some secret: %+v", some)
	}
	r.Name = "tls"
	if all := g.WhoCan(r); len(all) != 2 {
		t.Errorf("this secret: %+v", all)
	}
}

func TestGapsMakeDenialsUnknown(t *testing.T) {
	r := rbac.Request{Verb: "get", Resource: "secrets", Namespace: "shop"}
	for _, test := range []struct {
		name string
		gap  rbac.Gap
		want bool
	}{
		{"roles of that namespace", rbac.Gap{Kind: rbac.RoleKind, Namespace: "shop"}, true},
		{"roles of another", rbac.Gap{Kind: rbac.RoleKind, Namespace: "web"}, false},
		{"all role bindings", rbac.Gap{Kind: rbac.RoleBindingKind}, true},
		{"cluster roles", rbac.Gap{Kind: rbac.ClusterRoleKind}, true},
		{"pods", rbac.Gap{Kind: rbac.PodKind}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := rbac.New(rbac.Objects{Gaps: []rbac.Gap{test.gap}})
			if d := g.Allowed(rbac.User("jo"), r); d.Unknown != test.want || d.Allowed {
				t.Errorf("got %+v, want unknown %v", d, test.want)
			}
			if g.Complete(r) == test.want {
				t.Errorf("complete: %v", !test.want)
			}
		})
	}
}
