package rbac_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/kubeassay/assay/posture/rbac"
)

const rbacAPI = rbacv1.GroupName

// chainsOf writes chains as "goal: who technique gets; …".
func chainsOf(all []rbac.Chain) []string {
	var lines []string
	for _, c := range all {
		var steps []string
		for _, s := range c.Steps {
			step := fmt.Sprintf("%s %s %s", s.Who, s.Technique, s.Gets)
			if s.If != "" {
				step += "?"
			}
			steps = append(steps, step)
		}
		lines = append(lines, string(c.Goal)+": "+strings.Join(steps, "; "))
	}
	return lines
}

// shop is a cluster in which sa:shop/boss may do everything, pods run as
// sa:shop/cart and sa:shop/boss, and Pod Security is enforced in "safe".
func shop() rbac.Objects {
	return rbac.Objects{
		ClusterRoles:        []rbacv1.ClusterRole{clusterRole("cluster-admin", rule("*", "*", "*"))},
		ClusterRoleBindings: []rbacv1.ClusterRoleBinding{bindCluster("boss", "cluster-admin", account("shop", "boss"))},
		ServiceAccounts: []rbac.Account{
			{Namespace: "shop", Name: "default"}, {Namespace: "shop", Name: "cart"}, {Namespace: "shop", Name: "boss"},
			{Namespace: "web", Name: "default"}, {Namespace: "safe", Name: "default"},
		},
		Namespaces: []rbac.Namespace{
			{Name: "shop"}, {Name: "web"}, {Name: "safe", Labels: map[string]string{"pod-security.kubernetes.io/enforce": "baseline"}},
		},
		Pods: []rbac.Pod{{Namespace: "shop", Name: "cart-1", ServiceAccount: "cart"}, {Namespace: "shop", Name: "boss-1", ServiceAccount: "boss"}},
	}
}

func TestEscalations(t *testing.T) {
	type list = []rbacv1.PolicyRule
	for _, test := range []struct {
		name      string
		namespace string // empty: a cluster role binding
		rules     list
		change    func(*rbac.Objects)
		want      []string
	}{
		{"nothing dangerous", "", list{rule("get,list", "", "pods"), rule("get", "", "pods/exec")}, nil, nil},
		{"everything", "", list{rule("*", "*", "*")}, nil, []string{"cluster-admin: user:jo has-everything cluster-admin"}},
		{"everything of one group", "", list{rule("*", "example.com", "*")}, nil, nil},
		{"everything in a namespace", "web", list{rule("*", "*", "*")}, nil, []string{
			"cluster-admin: user:jo has-everything admin of namespace web; admin of namespace web privileged-pod node-control; node-control node-tokens sa:shop/boss; sa:shop/boss has-everything cluster-admin",
		}},
		{"everything in the namespace of the boss", "shop", list{rule("*", "*", "*")}, nil, []string{
			"cluster-admin: user:jo has-everything admin of namespace shop; admin of namespace shop namespace-admin sa:shop/boss; sa:shop/boss has-everything cluster-admin",
		}},
		{"escalate", "", list{rule("escalate,patch", rbacAPI, "clusterroles")}, nil, []string{"cluster-admin: user:jo escalate-role cluster-admin"}},
		{"escalate without writing", "", list{rule("escalate,create", rbacAPI, "clusterroles")}, nil, nil},
		{"writing without escalate", "", list{rule("update,create", rbacAPI, "clusterroles,clusterrolebindings")}, nil, nil},
		{"escalate of the role that it has", "", list{rule("escalate,patch", rbacAPI, "clusterroles", "own")}, nil, []string{"cluster-admin: user:jo escalate-role cluster-admin"}},
		{"escalate of another role", "", list{rule("escalate,patch", rbacAPI, "clusterroles", "other")}, nil, nil},
		{"escalate in a namespace is nothing for cluster roles", "web", list{rule("escalate,patch", rbacAPI, "clusterroles")}, nil, nil},
		{"bind", "", list{rule("bind", rbacAPI, "clusterroles"), rule("create", rbacAPI, "clusterrolebindings")}, nil, []string{"cluster-admin: user:jo bind-role cluster-admin"}},
		{"bind without bindings", "", list{rule("bind", rbacAPI, "clusterroles")}, nil, nil},
		{"bind of a harmless role", "", list{rule("bind", rbacAPI, "clusterroles", "view"), rule("create", rbacAPI, "clusterrolebindings")}, nil, nil},
		{"bind by changing a binding", "", list{rule("bind", rbacAPI, "clusterroles"), rule("patch", rbacAPI, "clusterrolebindings", "boss")}, nil, []string{"cluster-admin: user:jo bind-role cluster-admin"}},
		{"bind by changing another binding", "", list{rule("bind", rbacAPI, "clusterroles"), rule("patch", rbacAPI, "clusterrolebindings", "other")}, nil, nil},
		{"bind in a namespace", "shop", list{rule("bind", rbacAPI, "clusterroles", "cluster-admin"), rule("create", rbacAPI, "rolebindings")}, nil, []string{
			"cluster-admin: user:jo bind-role admin of namespace shop; admin of namespace shop namespace-admin sa:shop/boss; sa:shop/boss has-everything cluster-admin",
		}},
		{"impersonate masters", "", list{rule("impersonate", "", "groups,users")}, func(o *rbac.Objects) { o.ClusterRoleBindings = o.ClusterRoleBindings[1:] }, []string{"cluster-admin: user:jo impersonate-masters cluster-admin"}},
		{"impersonate masters needs a user too", "", list{rule("impersonate", "", "groups")}, nil, nil},
		{"impersonate another group", "", list{rule("impersonate", "", "groups", "devs"), rule("impersonate", "", "users", "x")}, func(o *rbac.Objects) {
			o.ClusterRoleBindings = append(o.ClusterRoleBindings, bindCluster("devs", "cluster-admin", group("devs")))
		}, []string{"cluster-admin: user:jo impersonate group:devs; group:devs has-everything cluster-admin"}},
		{"impersonate any user", "", list{rule("impersonate", "", "users")}, func(o *rbac.Objects) {
			o.ClusterRoleBindings = append(o.ClusterRoleBindings, bindCluster("root", "cluster-admin", user("root")))
		}, []string{"cluster-admin: user:jo impersonate user:root; user:root has-everything cluster-admin"}},
		{"impersonate a service account", "shop", list{rule("impersonate", "", "serviceaccounts", "boss")}, nil, []string{
			"cluster-admin: user:jo impersonate-service-account sa:shop/boss; sa:shop/boss has-everything cluster-admin",
		}},
		{"impersonate another service account", "shop", list{rule("impersonate", "", "serviceaccounts", "cart")}, nil, nil},
		{"pods in the namespace of the boss", "shop", list{rule("create", "", "pods")}, nil, []string{
			"cluster-admin: user:jo create-pod sa:shop/boss; sa:shop/boss has-everything cluster-admin",
			"cluster-admin: user:jo privileged-pod node-control; node-control node-tokens sa:shop/boss; sa:shop/boss has-everything cluster-admin",
		}},
		{"pods of a name: making one names none", "shop", list{rule("create", "", "pods", "x")}, nil, nil},
		// Of a name all the same: by server-side apply, which patches and creates by name.
		{"pods of a name, by apply", "web", list{rule("create,patch", "", "pods", "x")}, func(o *rbac.Objects) { o.Pods = o.Pods[:1] }, []string{"node-control: user:jo privileged-pod node-control?"}},
		{"pods of a name, where the boss is", "shop", list{rule("create,patch", "", "pods", "x")}, func(o *rbac.Objects) { o.Pods = o.Pods[:1] }, []string{
			"cluster-admin: user:jo create-pod sa:shop/boss?; sa:shop/boss has-everything cluster-admin",
			"node-control: user:jo privileged-pod node-control?",
		}},
		{"a secret of a name, made and read", "shop", list{rule("create,patch,get", "", "secrets", "x")}, nil, []string{"cluster-admin: user:jo make-token-secret sa:shop/boss?; sa:shop/boss has-everything cluster-admin"}},
		{"a secret made, and another read", "shop", list{rule("create,patch", "", "secrets", "x"), rule("get", "", "secrets", "z")}, nil, nil},
		{"bind by a binding of a name", "", list{rule("bind", rbacAPI, "clusterroles"), rule("create,patch", rbacAPI, "clusterrolebindings", "new")}, nil, []string{"cluster-admin: user:jo bind-role cluster-admin"}},
		{"bind by an update that makes a binding", "", list{rule("bind", rbacAPI, "clusterroles"), rule("create,update", rbacAPI, "clusterrolebindings", "new")}, nil, []string{"cluster-admin: user:jo bind-role cluster-admin"}},
		{"pods of a name: an update makes none", "shop", list{rule("create,update", "", "pods", "x")}, func(o *rbac.Objects) { o.Pods = o.Pods[:1] }, nil},
		{"bind by a binding of a name that can't be made", "", list{rule("bind", rbacAPI, "clusterroles"), rule("create", rbacAPI, "clusterrolebindings", "new")}, nil, nil},
		{"workloads where Pod Security is not enforced", "web", list{rule("patch", "apps", "daemonsets")}, nil, []string{
			"cluster-admin: user:jo privileged-pod node-control; node-control node-tokens sa:shop/boss; sa:shop/boss has-everything cluster-admin",
		}},
		{"pods where nobody important runs", "web", list{rule("create", "", "pods")}, func(o *rbac.Objects) { o.Pods = o.Pods[:1] }, []string{"node-control: user:jo privileged-pod node-control"}},
		{"pods where Pod Security is enforced", "safe", list{rule("create", "", "pods")}, nil, nil},
		{"pods and the label that guards", "safe", list{rule("create", "", "pods"), rule("patch", "", "namespaces")}, nil, []string{
			"cluster-admin: user:jo lift-pod-security node-control; node-control node-tokens sa:shop/boss; sa:shop/boss has-everything cluster-admin",
		}},
		{"pods in a namespace that was not read", "new", list{rule("create", "batch", "cronjobs")}, nil, []string{
			"cluster-admin: user:jo privileged-pod node-control?; node-control node-tokens sa:shop/boss; sa:shop/boss has-everything cluster-admin",
		}},
		{"exec", "shop", list{rule("create", "", "pods/exec")}, nil, []string{"cluster-admin: user:jo exec sa:shop/boss; sa:shop/boss has-everything cluster-admin"}},
		{"exec in one pod", "shop", list{rule("create", "", "pods/exec", "cart-1")}, nil, nil},
		{"exec in the pod", "shop", list{rule("create", "", "pods/exec", "boss-1")}, nil, []string{"cluster-admin: user:jo exec sa:shop/boss; sa:shop/boss has-everything cluster-admin"}},
		{"attach", "shop", list{rule("create", "", "pods/attach")}, nil, []string{"cluster-admin: user:jo exec sa:shop/boss?; sa:shop/boss has-everything cluster-admin"}},
		{"debug containers", "", list{rule("patch", "", "pods/ephemeralcontainers")}, nil, []string{"cluster-admin: user:jo exec sa:shop/boss; sa:shop/boss has-everything cluster-admin"}},
		{"exec where pods reach their node", "web", list{rule("create", "", "pods/exec")}, func(o *rbac.Objects) {
			o.Pods = []rbac.Pod{{Namespace: "web", Name: "agent", Host: true}}
		}, []string{"node-control: user:jo exec-on-host node-control"}},
		{"exec where pods were not read", "shop", list{rule("create", "", "pods/exec")}, func(o *rbac.Objects) {
			o.Pods, o.Gaps = nil, []rbac.Gap{{Kind: rbac.PodKind}}
		}, []string{"cluster-admin: user:jo exec sa:shop/boss?; sa:shop/boss has-everything cluster-admin"}},
		{"image of a running pod", "shop", list{rule("patch", "", "pods")}, nil, []string{"cluster-admin: user:jo change-pod sa:shop/boss; sa:shop/boss has-everything cluster-admin"}},
		{"secrets without tokens", "shop", list{rule("get,list,watch", "", "secrets")}, nil, nil},
		{"secrets with a token", "shop", list{rule("list", "", "secrets")}, func(o *rbac.Objects) { o.ServiceAccounts[2].TokenSecrets = true }, []string{
			"cluster-admin: user:jo token-secret sa:shop/boss; sa:shop/boss has-everything cluster-admin",
		}},
		{"secrets made and read", "shop", list{rule("get,create", "", "secrets")}, nil, []string{"cluster-admin: user:jo make-token-secret sa:shop/boss; sa:shop/boss has-everything cluster-admin"}},
		{"tokens", "", list{rule("create", "", "serviceaccounts/token")}, nil, []string{"cluster-admin: user:jo create-token sa:shop/boss; sa:shop/boss has-everything cluster-admin"}},
		{"tokens of one", "shop", list{rule("create", "", "serviceaccounts/token", "cart")}, nil, nil},
		{"nodes/proxy", "", list{rule("get", "", "nodes/proxy")}, nil, []string{
			"cluster-admin: user:jo node-proxy node-control; node-control node-tokens sa:shop/boss; sa:shop/boss has-everything cluster-admin",
		}},
		{"nodes/proxy in a namespace is nothing", "web", list{rule("get", "", "nodes/proxy")}, nil, nil},
		{"certificates", "", list{
			rule("create", "certificates.k8s.io", "certificatesigningrequests"), rule("update", "certificates.k8s.io", "certificatesigningrequests/approval"),
			rule("approve", "certificates.k8s.io", "signers", "kubernetes.io/kube-apiserver-client"),
		}, nil, []string{"cluster-admin: user:jo approve-certificate sa:shop/boss; sa:shop/boss has-everything cluster-admin"}},
		{"certificates for servers", "", list{
			rule("create", "certificates.k8s.io", "certificatesigningrequests"), rule("update", "certificates.k8s.io", "certificatesigningrequests/approval"),
			rule("approve", "certificates.k8s.io", "signers", "kubernetes.io/kubelet-serving"),
		}, nil, nil},
		{"webhooks", "", list{rule("patch", "admissionregistration.k8s.io", "mutatingwebhookconfigurations")}, nil, []string{
			"cluster-admin: user:jo mutating-admission sa:shop/boss?; sa:shop/boss has-everything cluster-admin",
			"cluster-admin: user:jo mutating-admission node-control?; node-control node-tokens sa:shop/boss; sa:shop/boss has-everything cluster-admin",
		}},
		{"volumes of the node", "safe", list{rule("create", "", "pods,persistentvolumeclaims")}, func(o *rbac.Objects) {
			o.ClusterRoles = append(o.ClusterRoles, clusterRole("volumes", rule("create", "", "persistentvolumes")))
			o.ClusterRoleBindings = append(o.ClusterRoleBindings, bindCluster("volumes", "volumes", group("system:authenticated")))
		}, []string{"cluster-admin: user:jo host-path-volume node-control; node-control node-tokens sa:shop/boss; sa:shop/boss has-everything cluster-admin"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := shop()
			if test.namespace == "" {
				o.ClusterRoles = append(o.ClusterRoles, clusterRole("own", test.rules...))
				o.ClusterRoleBindings = append(o.ClusterRoleBindings, bindCluster("own", "own", user("jo")))
			} else {
				o.Roles = append(o.Roles, role(test.namespace, "own", test.rules...))
				o.RoleBindings = append(o.RoleBindings, bind(test.namespace, "own", "Role", "own", user("jo")))
			}
			if test.change != nil {
				test.change(&o)
			}
			g := rbac.New(o)
			got := chainsOf(g.Escalations(rbac.User("jo")))
			if !slices.Equal(got, test.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"))
			}
			_, reaches := g.Reaches(rbac.User("jo"))
			if want := len(test.want) > 0 && strings.HasPrefix(test.want[0], "cluster-admin"); reaches != want {
				t.Errorf("reaches: %v, want %v", reaches, want)
			}
		})
	}
}

// TestEscalationsThroughGroups: what everybody may, each one may.
func TestEscalationsThroughGroups(t *testing.T) {
	o := shop()
	o.ClusterRoles = append(o.ClusterRoles, clusterRole("tokens", rule("create", "", "serviceaccounts/token")))
	o.ClusterRoleBindings = append(o.ClusterRoleBindings, bindCluster("tokens", "tokens", group("system:serviceaccounts:web")))
	g := rbac.New(o)
	want := "cluster-admin: sa:web/default create-token sa:shop/boss; sa:shop/boss has-everything cluster-admin"
	if got := chainsOf(g.Escalations(rbac.ServiceAccount("web", "default"))); len(got) != 1 || got[0] != want {
		t.Errorf("got %q", got)
	}
	if got := g.Escalations(rbac.ServiceAccount("shop", "cart")); got != nil {
		t.Errorf("of another namespace: %q", chainsOf(got))
	}
	if got := chainsOf(g.Escalations(rbac.User("new"), "system:serviceaccounts:web")); len(got) != 1 {
		t.Errorf("a user that is in the group: %q", got)
	}
}

// TestNoWayThroughOneself: a group's rights are its members' own. What leads
// from one to another member, who has no more, is no step.
func TestNoWayThroughOneself(t *testing.T) {
	o := shop()
	o.ClusterRoleBindings = o.ClusterRoleBindings[:0]
	o.ClusterRoles = append(o.ClusterRoles, clusterRole("tokens", rule("create", "", "serviceaccounts/token")),
		clusterRole("binder", rule("bind", rbacAPI, "clusterroles"), rule("create", rbacAPI, "clusterrolebindings")))
	o.ClusterRoleBindings = append(o.ClusterRoleBindings,
		bindCluster("tokens", "tokens", account("web", "default")), bindCluster("binder", "binder", group("system:serviceaccounts")))
	got := chainsOf(rbac.New(o).Escalations(rbac.ServiceAccount("web", "default")))
	if want := []string{"cluster-admin: sa:web/default bind-role cluster-admin"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestMasterGroup: nothing that stands in the cluster says so, and yet.
func TestMasterGroup(t *testing.T) {
	got := chainsOf(rbac.New(rbac.Objects{}).Escalations(rbac.User("jo"), rbac.Masters))
	if len(got) != 1 || got[0] != "cluster-admin: user:jo has-everything cluster-admin" {
		t.Errorf("got %q", got)
	}
}

// TestChainsAreFolded: a hundred bindings of the same sort are one story.
func TestChainsAreFolded(t *testing.T) {
	o := shop()
	o.ClusterRoles = append(o.ClusterRoles, clusterRole("runner", rule("create", "", "pods")))
	for i := range 100 {
		o.RoleBindings = append(o.RoleBindings, bind(fmt.Sprint("n", i), "runner", "ClusterRole", "runner", user("jo")))
	}
	got := rbac.New(o).Escalations(rbac.User("jo"))
	if len(got) != 2 || got[1].More != 98 {
		t.Errorf("got %d chains: %+v", len(got), chainsOf(got))
	}
}

// TestChainsHold: in any world each step of each chain is allowed by what it
// names, nobody comes twice, and the answer is always the same.
func TestChainsHold(t *testing.T) {
	found := 0
	for seed := range uint64(500) {
		w := world{rand.New(rand.NewPCG(seed, 5))}
		o := w.objects()
		for _, n := range namespaces {
			o.ServiceAccounts = append(o.ServiceAccounts, rbac.Account{Namespace: n, Name: "a"}, rbac.Account{Namespace: n, Name: "b", TokenSecrets: true})
			o.Namespaces = append(o.Namespaces, rbac.Namespace{Name: n})
		}
		g, again := rbac.New(o), rbac.New(o)
		for _, s := range g.Subjects() {
			chains := g.Escalations(s)
			if a, b := fmt.Sprintf("%+v", chainsOf(chains)), fmt.Sprintf("%+v", chainsOf(again.Escalations(s))); a != b {
				t.Fatalf("seed %d: %s\n%s", seed, a, b)
			}
			steps, reaches := g.Reaches(s)
			if reaches != (len(chains) > 0 && chains[0].Goal == rbac.ClusterAdmin && len(chains[0].Steps) == steps) {
				t.Fatalf("seed %d: %s reaches it in %d steps (%v), the chains are %q", seed, s, steps, reaches, chainsOf(chains))
			}
			for _, c := range chains {
				found++
				checkChain(t, g, &c)
			}
		}
	}
	if found < 500 {
		t.Errorf("only %d chains: this looks at too little", found)
	}
}

func checkChain(t *testing.T, g *rbac.Graph, c *rbac.Chain) {
	t.Helper()
	seen := map[string]bool{}
	for i, s := range c.Steps {
		if seen[s.Who] {
			t.Fatalf("%s comes twice in %q", s.Who, chainsOf([]rbac.Chain{*c}))
		}
		seen[s.Who] = true
		if i > 0 && c.Steps[i-1].Gets != s.Who {
			t.Fatalf("step %d does not begin where the one before ends: %q", i, chainsOf([]rbac.Chain{*c}))
		}
		if s.Does == "" || s.Why == "" {
			t.Fatalf("%s has no texts", s.Technique)
		}
		who, err := rbac.ParseSubject(s.Who)
		if err != nil {
			continue // a node, or the admin of a namespace
		}
		if len(s.By) == 0 {
			t.Fatalf("nothing allows %s to %s", who, s.Technique)
		}
		rights := g.Rights(who)
		for _, by := range s.By {
			if by.Bypass() {
				continue
			}
			if !slices.ContainsFunc(rights, func(r rbac.Right) bool { return r.Binding == by.Binding && r.Rule == by.Rule }) {
				t.Fatalf("%s does not have %+v", who, by)
			}
		}
	}
	if end := c.Steps[len(c.Steps)-1].Gets; end != string(c.Goal) {
		t.Fatalf("%q ends with %s", chainsOf([]rbac.Chain{*c}), end)
	}
}

// TestTechniquesAreDocumented: the page has a line for each, and no others.
func TestTechniquesAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/rbac.md")
	if err != nil {
		t.Fatal(err)
	}
	want := rbac.Techniques()
	slices.Sort(want)
	var got []rbac.Technique
	for line := range strings.Lines(string(page)) {
		if rest, ok := strings.CutPrefix(line, "| `"); ok {
			name, _, _ := strings.Cut(rest, "`")
			got = append(got, rbac.Technique(name))
		}
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("docs/rbac.md has %v, there are %v", got, want)
	}
}
