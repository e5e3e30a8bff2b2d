package rbac_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/rbac"
)

// held is what a binding gives, as text.
func held(b *rbac.Binding) string {
	var all []string
	for _, h := range b.Held() {
		s := fmt.Sprintf("%s/%s by %d", h.Access, h.Severity, h.Rule)
		if len(h.Names) > 0 {
			s += " only " + strings.Join(h.Names, ",")
		}
		all = append(all, s)
	}
	return strings.Join(all, "; ")
}

func TestHeld(t *testing.T) {
	tests := []struct {
		name           string
		rules          []rbacv1.PolicyRule
		cluster, space string
	}{
		{"harmless", []rbacv1.PolicyRule{rule("get,list,watch", "", "pods,configmaps")}, "", ""},
		{"none", nil, "", ""},
		{
			"the rule for all objects counts, whatever its place",
			[]rbacv1.PolicyRule{rule("get", "", "secrets", "a"), rule("list", "", "secrets")},
			"secrets/high by 1", "secrets/high by 1",
		},
		{
			"names of all rules",
			[]rbacv1.PolicyRule{rule("get", "", "secrets", "a"), rule("watch", "", "secrets", "b", "c")},
			"secrets/high by 0 only a,b,c", "secrets/high by 0 only a,b,c",
		},
		{
			"what belongs to the cluster is not given in a namespace",
			[]rbacv1.PolicyRule{rule("create", "", "persistentvolumes,pods"), rule("get", "", "nodes/proxy")},
			"nodes-proxy/critical by 1; pods/high by 0; persistent-volumes/high by 0", "pods/high by 0",
		},
		{"escalate is nothing for other groups", []rbacv1.PolicyRule{rule("escalate", "apps", "roles")}, "", ""},
		{
			"policies",
			[]rbacv1.PolicyRule{rule("update", "admissionregistration.k8s.io", "validatingadmissionpolicies")},
			"admission/high by 0", "",
		},
		{"a verb's wildcard", []rbacv1.PolicyRule{rule("*", "", "serviceaccounts/token")}, "tokens/high by 0", "tokens/high by 0"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := rbac.New(rbac.Objects{ClusterRoles: []rbacv1.ClusterRole{clusterRole("r", tt.rules...)}})
			wide := bindCluster("b", "r", user("jo"))
			if got := held(g.ClusterRoleBinding(&wide)); got != tt.cluster {
				t.Errorf("in the cluster it gives %q, want %q", got, tt.cluster)
			}
			narrow := bind("shop", "b", "ClusterRole", "r", user("jo"))
			if got := held(g.RoleBinding(&narrow)); got != tt.space {
				t.Errorf("in a namespace it gives %q, want %q", got, tt.space)
			}
		})
	}
}

func TestEverythingOfTheCoreGroup(t *testing.T) {
	g := rbac.New(rbac.Objects{ClusterRoles: []rbacv1.ClusterRole{clusterRole("core", rule("*", "", "*")), clusterRole("all", rule("*", "*", "*")), clusterRole("some", rule("*", "", "pods"))}})
	for name, want := range map[string]string{"core": "core", "all": "everything", "some": "pods"} {
		b := bindCluster("b", name, user("jo"))
		if got := g.ClusterRoleBinding(&b).Held()[0].Access; string(got) != want {
			t.Errorf("%s gives %s first, want %s", name, got, want)
		}
	}
}

// What the verb get is worth for exec depends on the server.
func TestExecByGet(t *testing.T) {
	b := bindCluster("b", "r", user("jo"))
	for _, old := range []bool{false, true} {
		g := rbac.New(rbac.Objects{ClusterRoles: []rbacv1.ClusterRole{clusterRole("r", rule("get", "", "pods/exec,pods/portforward"))}, ExecByGet: old})
		if got := held(g.ClusterRoleBinding(&b)); (got == "exec/high by 0; port-forward/low by 0") != old {
			t.Errorf("with ExecByGet %v it gives %q", old, got)
		}
	}
}

func TestWhatTheServerBinds(t *testing.T) {
	byServer := map[string]string{"kubernetes.io/bootstrapping": "rbac-defaults"}
	tests := []struct {
		binding rbacv1.ClusterRoleBinding
		label   bool
		want    bool
	}{
		{bindCluster("cluster-admin", "cluster-admin", group("system:masters")), true, true},
		{bindCluster("cluster-admin", "cluster-admin", group("system:masters")), false, false},
		{bindCluster("cluster-admin", "cluster-admin", user("eve")), true, false},
		{bindCluster("mine", "cluster-admin", group("system:masters")), true, false},
		{bindCluster("system:controller:job-controller", "system:controller:job-controller", account("kube-system", "job-controller")), true, true},
		{bindCluster("system:controller:job-controller", "cluster-admin", account("kube-system", "job-controller")), true, false},
		{bindCluster("system:controller:job-controller", "system:controller:job-controller", account("shop", "job-controller")), true, false},
		{bindCluster("system:discovery", "system:discovery", group("system:authenticated")), true, true},
		{bindCluster("system:discovery", "system:discovery", group("system:unauthenticated")), true, false},
		{bindCluster("system:kube-scheduler", "system:kube-scheduler", user("system:kube-scheduler")), true, true},
	}
	g := rbac.New(rbac.Objects{})
	for _, tt := range tests {
		if tt.label {
			tt.binding.Labels = byServer
		}
		b := g.ClusterRoleBinding(&tt.binding)
		if got := b.Subjects[0].Default; got != tt.want {
			t.Errorf("%s to %s of %s (label %v): default is %v", b.Ref, b.Subjects[0].Subject, b.Role, tt.label, got)
		}
	}
	for name, want := range map[string]bool{"system:x": true, "admin": true, "cluster-admin": true, "cluster-admin-2": false} {
		if got := rbac.Bootstraps(rbac.Ref{Kind: "ClusterRole", Name: name}, byServer); got != want {
			t.Errorf("ClusterRole %s is the server's own: %v", name, got)
		}
		if rbac.Bootstraps(rbac.Ref{Kind: "ClusterRole", Name: name}, nil) {
			t.Errorf("ClusterRole %s without the label is the server's own", name)
		}
	}
}

func TestBindingMeans(t *testing.T) {
	g := rbac.New(rbac.Objects{
		ClusterRoles: []rbacv1.ClusterRole{selecting(clusterRole("sum"), match("x", "1")), labelled(clusterRole("part", rule("get", "", "pods"), rule("list", "", "secrets")), map[string]string{"x": "1"})},
		Aggregate:    true,
		Gaps:         []rbac.Gap{{Kind: rbac.RoleKind, Namespace: "dark"}},
	})
	o := bind("dark", "b", "Role", "gone", user("jo"), rbacv1.Subject{Kind: "Team", Name: "x"}, account("", "cart"))
	b := g.RoleBinding(&o)
	if b.Known || !b.Unread || len(b.Held()) > 0 || len(b.Leads()) > 0 || b.Rules() != 0 {
		t.Errorf("a role that could not be read: %+v", b)
	}
	if fmt.Sprint(b.Nowhere) != "[1]" || len(b.Subjects) != 2 || b.Subjects[1].At != 2 || b.Subjects[1].Subject != rbac.ServiceAccount("dark", "cart") {
		t.Errorf("the subjects are %+v, nowhere are %v", b.Subjects, b.Nowhere)
	}
	o = bind("shop", "b", "Role", "gone", user("jo"))
	if b := g.RoleBinding(&o); b.Known || b.Unread {
		t.Errorf("a role that is not there: %+v", b)
	}
	c := bindCluster("c", "sum", user("jo"))
	b = g.ClusterRoleBinding(&c)
	if rule, in, at := b.Rule(1); in.Name != "part" || at != -1 || rbac.Describe(rule) != "list secrets" {
		t.Errorf("the rule stands in %s at %d: %s", in, at, rbac.Describe(rule))
	}
}

// leadsText is the techniques of all leads, one lead in brackets.
func leadsText(leads []rbac.Lead) string {
	var all []string
	for _, l := range leads {
		s := string(l.Goal) + ":"
		for _, step := range l.Steps {
			s += " " + string(step.Technique)
		}
		if !l.Certain() {
			s += " ?"
		}
		all = append(all, s)
	}
	return strings.Join(all, "\n")
}

func TestLeads(t *testing.T) {
	o := rbac.Objects{
		ClusterRoles: []rbacv1.ClusterRole{
			clusterRole("cluster-admin", rule("*", "*", "*")), clusterRole("pods", rule("create", "", "pods,pods/exec")),
			clusterRole("ask", rule("create", "certificates.k8s.io", "certificatesigningrequests")),
			clusterRole("approve", rule("update", "certificates.k8s.io", "certificatesigningrequests/approval"), rule("approve", "certificates.k8s.io", "signers")),
		},
		ClusterRoleBindings: []rbacv1.ClusterRoleBinding{
			bindCluster("ops", "cluster-admin", account("ops", "ops")), bindCluster("ask", "ask", user("jo")), bindCluster("approve", "approve", user("jo")),
		},
		RoleBindings:    []rbacv1.RoleBinding{bind("ops", "pods", "ClusterRole", "pods", account("ops", "ops"), user("jo")), bind("shop", "pods", "ClusterRole", "pods", user("jo"))},
		ServiceAccounts: []rbac.Account{{Namespace: "ops", Name: "ops"}, {Namespace: "shop", Name: "cart"}},
		Namespaces:      []rbac.Namespace{{Name: "ops", Labels: map[string]string{"pod-security.kubernetes.io/enforce": "restricted"}}, {Name: "shop", Labels: map[string]string{"pod-security.kubernetes.io/enforce": "baseline"}}},
	}
	g := rbac.New(o)
	tests := []struct {
		binding rbacv1.RoleBinding
		want    string
	}{
		{o.RoleBindings[0], "cluster-admin: create-pod has-everything"}, // and no pod to run commands in
		{o.RoleBindings[1], ""},
	}
	for _, tt := range tests {
		if got := leadsText(g.RoleBinding(&tt.binding).Leads()); got != tt.want {
			t.Errorf("%s/%s leads to %q, want %q", tt.binding.Namespace, tt.binding.Name, got, tt.want)
		}
	}
	lead := g.RoleBinding(&o.RoleBindings[0]).Leads()[0]
	if lead.For(rbac.ServiceAccount("ops", "ops")) || !lead.For(rbac.User("jo")) {
		t.Error("what leads through an account is no way for that account, but one for others")
	}
	with := g.WithPods([]rbac.Pod{{Namespace: "ops", Name: "x", ServiceAccount: "ops"}})
	if got, want := leadsText(with.RoleBinding(&o.RoleBindings[0]).Leads()), "cluster-admin: create-pod has-everything\ncluster-admin: exec has-everything"; got != want {
		t.Errorf("with a pod it leads to %q, want %q", got, want)
	}
	if got := leadsText(g.RoleBinding(&o.RoleBindings[0]).Leads()); strings.Contains(got, "exec") {
		t.Error("the graph itself has changed")
	}
	all := g.Combined()
	if len(all) != 1 || all[0].Subject != rbac.User("jo") || all[0].Goal != rbac.ClusterAdmin || all[0].Steps[0].Technique != rbac.ApproveCertificate {
		t.Errorf("together they give %+v", all)
	}
}

// What bindings lead to, each by itself and several together, is what their
// subjects reach: no more, and no less.
func TestLeadsAgreeWithReaches(t *testing.T) {
	for seed := range uint64(400) {
		w := world{rand.New(rand.NewPCG(seed, 5))}
		o := w.objects()
		for _, namespace := range namespaces {
			o.Namespaces = append(o.Namespaces, rbac.Namespace{Name: namespace, Labels: map[string]string{"pod-security.kubernetes.io/enforce": w.one([]string{"", "restricted"})}})
			for _, name := range names[:2] {
				o.ServiceAccounts = append(o.ServiceAccounts, rbac.Account{Namespace: namespace, Name: name, TokenSecrets: w.IntN(3) == 0})
				o.Pods = append(o.Pods, rbac.Pod{Namespace: namespace, Name: name, ServiceAccount: w.one(names[:2]), Host: w.IntN(3) == 0})
			}
		}
		g := rbac.New(o)
		best := map[rbac.Subject]int{}
		note := func(s rbac.Subject, steps int) {
			if n, ok := best[s]; !ok || steps < n {
				best[s] = steps
			}
		}
		var bindings []*rbac.Binding
		for i := range o.ClusterRoleBindings {
			bindings = append(bindings, g.ClusterRoleBinding(&o.ClusterRoleBindings[i]))
		}
		for i := range o.RoleBindings {
			bindings = append(bindings, g.RoleBinding(&o.RoleBindings[i]))
		}
		for _, b := range bindings {
			for _, l := range b.Leads() {
				if l.Goal != rbac.ClusterAdmin {
					continue
				}
				for _, s := range g.Subjects() {
					own := append([]rbac.Subject{s}, groupsOf(s)...)
					if l.For(s) && slices.ContainsFunc(b.Subjects, func(in rbac.BoundSubject) bool { return slices.Contains(own, in.Subject) }) {
						note(s, len(l.Steps))
					}
				}
			}
		}
		for _, c := range g.Combined() {
			if c.Goal != rbac.ClusterAdmin {
				continue
			}
			for _, s := range g.Subjects() {
				if s == c.Subject || slices.Contains(groupsOf(s), c.Subject) {
					note(s, len(c.Steps))
				}
			}
		}
		for _, s := range g.Subjects() {
			want, reaches := g.Reaches(s)
			got, found := best[s]
			if s == rbac.Group(rbac.Masters) {
				continue
			}
			if found != reaches || found && got != want {
				t.Fatalf("seed %d: %s reaches cluster-admin in %d steps (%v), its bindings lead there in %d (%v)", seed, s, want, reaches, got, found)
			}
		}
	}
}

func groupsOf(s rbac.Subject) []rbac.Subject {
	var all []rbac.Subject
	for _, name := range rbac.Groups(s) {
		all = append(all, rbac.Group(name))
	}
	return all
}

func TestEveryTechniqueHasAnAccess(t *testing.T) {
	known := rbac.Accesses()
	for _, technique := range rbac.Techniques() {
		if technique == rbac.NamespaceAdmin || technique == rbac.NodeTokens {
			continue // what one has got to, not what one was given
		}
		if a := technique.Access(); !slices.Contains(known, a) {
			t.Errorf("%s begins with access %q", technique, a)
		}
	}
	// Everything there is comes with access of every kind that is known.
	g := rbac.New(rbac.Objects{ClusterRoles: []rbacv1.ClusterRole{clusterRole("all", rule("*", "*", "*"))}})
	b := bindCluster("b", "all", user("jo"))
	for _, a := range known {
		if !slices.ContainsFunc(g.ClusterRoleBinding(&b).Held(), func(h rbac.Held) bool {
			return h.Access == a && h.Severity != "" && len(h.Why) > 0 && h.Severity.Rank() < len(finding.Severities)
		}) {
			t.Errorf("everything does not give %s", a)
		}
	}
	if n := len(g.ClusterRoleBinding(&b).Held()); n != len(known) {
		t.Errorf("everything gives %d kinds of access, %d are known", n, len(known))
	}
}
