package rbac_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubeassay/assay/posture/rbac"
)

// naive decides a request as slowly and plainly as can be: it goes through all
// objects and asks of each what the documentation of RBAC says.
func naive(o *rbac.Objects, user string, groups []string, r rbac.Request) bool {
	if slices.Contains(groups, "system:masters") {
		return true
	}
	for _, b := range o.ClusterRoleBindings {
		if naiveSubjects(b.Subjects, "", user, groups) && b.RoleRef.Kind == "ClusterRole" && naiveRole(o, "", b.RoleRef.Name, r) {
			return true
		}
	}
	if r.NonResourceURL != "" || r.Namespace == "" {
		return false
	}
	for _, b := range o.RoleBindings {
		if b.Namespace != r.Namespace || !naiveSubjects(b.Subjects, b.Namespace, user, groups) {
			continue
		}
		namespace := map[string]string{"Role": b.Namespace, "ClusterRole": ""}[b.RoleRef.Kind]
		if naiveRole(o, namespace, b.RoleRef.Name, r) {
			return true
		}
	}
	return false
}

func naiveSubjects(subjects []rbacv1.Subject, namespace, user string, groups []string) bool {
	for _, s := range subjects {
		switch s.Kind {
		case "User":
			if s.Name == user {
				return true
			}
		case "Group":
			if slices.Contains(groups, s.Name) {
				return true
			}
		case "ServiceAccount":
			in := s.Namespace
			if in == "" {
				in = namespace
			}
			if in != "" && user == fmt.Sprintf("system:serviceaccount:%s:%s", in, s.Name) {
				return true
			}
		}
	}
	return false
}

func naiveRole(o *rbac.Objects, namespace, name string, r rbac.Request) bool {
	var rules []rbacv1.PolicyRule
	if namespace == "" {
		for _, role := range o.ClusterRoles {
			if role.Name == name {
				rules = role.Rules
			}
		}
	} else {
		for _, role := range o.Roles {
			if role.Namespace == namespace && role.Name == name {
				rules = role.Rules
			}
		}
	}
	for _, rule := range rules {
		if naiveRule(rule, r) {
			return true
		}
	}
	return false
}

func naiveRule(rule rbacv1.PolicyRule, r rbac.Request) bool {
	in := func(list []string, s string) bool { return slices.Contains(list, "*") || slices.Contains(list, s) }
	if !in(rule.Verbs, r.Verb) {
		return false
	}
	if r.NonResourceURL != "" {
		for _, u := range rule.NonResourceURLs {
			if u == r.NonResourceURL || strings.HasSuffix(u, "*") && strings.HasPrefix(r.NonResourceURL, strings.TrimRight(u, "*")) {
				return true
			}
		}
		return false
	}
	if !in(rule.APIGroups, r.Group) || len(rule.ResourceNames) > 0 && !slices.Contains(rule.ResourceNames, r.Name) {
		return false
	}
	full := r.Resource
	if r.Subresource != "" {
		full += "/" + r.Subresource
	}
	return in(rule.Resources, full) || r.Subresource != "" && slices.Contains(rule.Resources, "*/"+r.Subresource)
}

// world makes random objects from few words, so that they meet.
type world struct{ *rand.Rand }

var (
	verbs      = []string{"get", "list", "create", "update", "escalate", "bind", "impersonate", "approve", "*", "deletecollection"}
	apiGroups  = []string{"", "apps", "rbac.authorization.k8s.io", "example.com", "*"}
	resources  = []string{"pods", "pods/exec", "pods/log", "secrets", "deployments", "deployments/scale", "*/scale", "*/exec", "*", "pods/*", "nodes/proxy", "clusterroles", "roles", "groups", "users"}
	names      = []string{"a", "b", "system:masters", "cluster-admin"}
	urls       = []string{"/", "/metrics", "/healthz", "/healthz/*", "/api*", "/apis/**", "*", "/logs/x"}
	namespaces = []string{"one", "two", "three"}
	people     = []string{"jo", "li", "system:serviceaccount:one:a", "system:anonymous"}
	teams      = []string{"devs", "ops", "system:authenticated", "system:unauthenticated", "system:serviceaccounts", "system:serviceaccounts:one"}
)

func (w world) one(list []string) string { return list[w.IntN(len(list))] }

func (w world) some(list []string, most int) []string {
	var all []string
	for range 1 + w.IntN(most) {
		all = append(all, w.one(list))
	}
	return all
}

func (w world) rules(namespaced bool) []rbacv1.PolicyRule {
	var all []rbacv1.PolicyRule
	for range 1 + w.IntN(3) {
		r := rbacv1.PolicyRule{Verbs: w.some(verbs, 3)}
		if !namespaced && w.IntN(4) == 0 {
			r.NonResourceURLs = w.some(urls, 2)
		} else {
			r.APIGroups, r.Resources = w.some(apiGroups, 2), w.some(resources, 3)
			if w.IntN(3) == 0 {
				r.ResourceNames = w.some(names, 2)
			}
		}
		all = append(all, r)
	}
	return all
}

func (w world) subjects(namespaced bool) []rbacv1.Subject {
	var all []rbacv1.Subject
	for range 1 + w.IntN(3) {
		switch w.IntN(3) {
		case 0:
			all = append(all, rbacv1.Subject{Kind: "User", APIGroup: rbacv1.GroupName, Name: w.one(people)})
		case 1:
			all = append(all, rbacv1.Subject{Kind: "Group", APIGroup: rbacv1.GroupName, Name: w.one(teams)})
		default:
			s := rbacv1.Subject{Kind: "ServiceAccount", Namespace: w.one(namespaces), Name: w.one(names[:2])}
			if namespaced && w.IntN(4) == 0 {
				s.Namespace = ""
			}
			all = append(all, s)
		}
	}
	return all
}

func (w world) objects() rbac.Objects {
	var o rbac.Objects
	for i := range 6 {
		o.ClusterRoles = append(o.ClusterRoles, rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprint("c", i)}, Rules: w.rules(false)})
		o.Roles = append(o.Roles, rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: w.one(namespaces), Name: fmt.Sprint("r", i)}, Rules: w.rules(true)})
	}
	for i := range 4 {
		o.ClusterRoleBindings = append(o.ClusterRoleBindings, rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprint("cb", i)}, Subjects: w.subjects(false),
			RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: fmt.Sprint("c", w.IntN(7))}, // c6 is not there
		})
	}
	for i := range 8 {
		ref := rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: fmt.Sprint("r", w.IntN(6))}
		if w.IntN(2) == 0 {
			ref.Kind, ref.Name = "ClusterRole", fmt.Sprint("c", w.IntN(7))
		}
		o.RoleBindings = append(o.RoleBindings, rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: w.one(namespaces), Name: fmt.Sprint("b", i)}, Subjects: w.subjects(true), RoleRef: ref,
		})
	}
	return o
}

func (w world) request() rbac.Request {
	if w.IntN(5) == 0 {
		return rbac.Request{Verb: w.one(verbs), NonResourceURL: w.one([]string{"/", "/metrics", "/healthz/ready", "/apis/apps/v1", "/logs/x"})}
	}
	r := rbac.Request{Verb: w.one(verbs), Group: w.one(apiGroups)}
	r.Resource, r.Subresource, _ = strings.Cut(w.one(resources), "/")
	if w.IntN(2) == 0 {
		r.Namespace = w.one(namespaces)
	}
	if w.IntN(2) == 0 {
		r.Name = w.one(names)
	}
	return r
}

// identities are subjects with the user name and groups that a request of theirs has.
func identities() map[rbac.Subject]struct {
	user   string
	groups []string
} {
	type identity = struct {
		user   string
		groups []string
	}
	all := map[rbac.Subject]identity{
		rbac.User("jo"):               {"jo", []string{"system:authenticated"}},
		rbac.User("system:anonymous"): {"system:anonymous", []string{"system:unauthenticated"}},
		rbac.Group("devs"):            {"", []string{"devs", "system:authenticated"}},
	}
	for _, namespace := range namespaces {
		all[rbac.ServiceAccount(namespace, "a")] = identity{
			"system:serviceaccount:" + namespace + ":a",
			[]string{"system:serviceaccounts", "system:serviceaccounts:" + namespace, "system:authenticated"},
		}
	}
	return all
}
