package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"
	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/rbac"
)

const rbacAPI = "rbac.authorization.k8s.io/v1"

// rbacSets is how many random sets of RBAC objects are compared with the
// server. TEST_RBAC_SETS asks for more, or fewer.
const rbacSets = 250

// questionsPerSet are asked of each set.
const questionsPerSet = 16

// TestRBACAgreesWithTheServer makes random roles and bindings, and asks the API
// server and the graph the same questions about them.
func TestRBACAgreesWithTheServer(t *testing.T) {
	t.Parallel()
	c := start(t)
	sets := rbacSets
	if s := os.Getenv("TEST_RBAC_SETS"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatal(err)
		}
		sets = n
	}
	seed := rand.Uint64()
	t.Logf("seed %d, %d sets", seed, sets)
	w := &rbacWorld{Rand: rand.New(rand.NewPCG(seed, 0)), c: c, mark: "assay-rbac-" + c.run, granted: map[int][]rbacv1.PolicyRule{}}
	for range 4 {
		w.namespaces = append(w.namespaces, c.namespace(t, "assay-rbac-"))
	}
	t.Cleanup(func() { w.remove(t) })
	for i := range sets {
		w.add(i)
	}
	w.create(t)
	w.settle(t)
	objects := w.read(t)
	g := rbac.New(objects)
	w.compare(t, g, sets)
	w.compareAggregation(t, &objects)
}

// rbacWorld makes objects whose names nobody else uses, so that they concern
// nobody else: users and groups of their own, and system groups only in
// namespaces of their own.
type rbacWorld struct {
	*rand.Rand
	c          *cluster
	mark       string
	namespaces []string
	objects    []*unstructured.Unstructured
	aggregated []string
	granted    map[int][]rbacv1.PolicyRule // by set
}

var (
	someVerbs      = []string{"get", "list", "create", "update", "escalate", "bind", "impersonate", "approve", "*", "deletecollection"}
	someGroups     = []string{"", "apps", "rbac.authorization.k8s.io", "example.com", "*"}
	someResources  = []string{"pods", "pods/exec", "pods/log", "secrets", "deployments", "deployments/scale", "*/scale", "*/exec", "*", "pods/*", "nodes/proxy", "clusterroles", "roles", "groups", "users"}
	someNames      = []string{"a", "b", "system:masters", "cluster-admin"}
	somePaths      = []string{"/", "/metrics", "/healthz", "/healthz/*", "/api*", "/apis/**", "*", "/logs/x"}
	someAskedPaths = []string{"/", "/metrics", "/healthz/ready", "/apis/apps/v1", "/logs/x"}
)

func (w *rbacWorld) one(list []string) string { return list[w.IntN(len(list))] }

func (w *rbacWorld) some(list []string, most int) []string {
	all := make([]string, 1+w.IntN(most))
	for i := range all {
		all[i] = w.one(list)
	}
	return all
}

func (w *rbacWorld) rules(set int, namespaced bool) []rbacv1.PolicyRule {
	all := make([]rbacv1.PolicyRule, 1+w.IntN(3))
	for i := range all {
		all[i].Verbs = w.some(someVerbs, 3)
		if !namespaced && w.IntN(4) == 0 {
			all[i].NonResourceURLs = w.some(somePaths, 2)
			continue
		}
		all[i].APIGroups, all[i].Resources = w.some(someGroups, 2), w.some(someResources, 3)
		if w.IntN(3) == 0 {
			all[i].ResourceNames = w.some(someNames, 2)
		}
	}
	w.granted[set] = append(w.granted[set], all...)
	return all
}

// name is that of a thing of a set.
func (w *rbacWorld) name(set int, thing string) string {
	return fmt.Sprint(w.mark, "-", set, "-", thing)
}

// subjects of a binding; namespace is empty for the whole cluster.
func (w *rbacWorld) subjects(set int, namespace string) []rbacv1.Subject {
	all := make([]rbacv1.Subject, 1+w.IntN(3))
	for i := range all {
		switch s := &all[i]; w.IntN(4) {
		case 0:
			*s = rbacv1.Subject{Kind: "User", APIGroup: rbacv1.GroupName, Name: w.name(set, "jo")}
			if w.IntN(3) == 0 { // a service account, by the name of its user
				s.Name = "system:serviceaccount:" + w.one(w.namespaces) + ":" + w.name(set, "sa")
			}
		case 1:
			*s = rbacv1.Subject{Kind: "Group", APIGroup: rbacv1.GroupName, Name: w.name(set, "devs")}
			if namespace != "" && w.IntN(3) == 0 {
				s.Name = w.one([]string{"system:serviceaccounts:" + namespace, "system:serviceaccounts:" + w.one(w.namespaces)})
			}
		default:
			*s = rbacv1.Subject{Kind: "ServiceAccount", Namespace: w.one(w.namespaces), Name: w.name(set, "sa")}
			if namespace != "" && w.IntN(3) == 0 {
				s.Namespace = ""
			}
		}
	}
	return all
}

func (w *rbacWorld) meta(namespace, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: map[string]string{runLabel: w.c.run, "assay.dev/rbac": w.mark}}
}

func (w *rbacWorld) put(o any) {
	u, err := runtime.DefaultUnstructuredConverter.ToUnstructured(o)
	if err != nil {
		panic(err) // it is one of the types below
	}
	w.objects = append(w.objects, &unstructured.Unstructured{Object: u})
}

// add makes one set of RBAC.
func (w *rbacWorld) add(set int) {
	typeMeta := func(kind string) metav1.TypeMeta { return metav1.TypeMeta{APIVersion: rbacAPI, Kind: kind} }
	for _, n := range []string{"c0", "c1"} {
		role := &rbacv1.ClusterRole{TypeMeta: typeMeta("ClusterRole"), ObjectMeta: w.meta("", w.name(set, n)), Rules: w.rules(set, false)}
		role.Labels["assay.dev/rbac-set"] = w.name(set, "part")
		w.put(role)
	}
	if set%5 == 0 {
		w.aggregated = append(w.aggregated, w.name(set, "c2"))
		w.put(&rbacv1.ClusterRole{TypeMeta: typeMeta("ClusterRole"), ObjectMeta: w.meta("", w.name(set, "c2")), AggregationRule: &rbacv1.AggregationRule{
			ClusterRoleSelectors: []metav1.LabelSelector{{MatchLabels: map[string]string{"assay.dev/rbac-set": w.name(set, "part")}}},
		}})
	}
	in := w.one(w.namespaces)
	w.put(&rbacv1.Role{TypeMeta: typeMeta("Role"), ObjectMeta: w.meta(in, w.name(set, "r")), Rules: w.rules(set, true)})
	w.put(&rbacv1.ClusterRoleBinding{
		TypeMeta: typeMeta("ClusterRoleBinding"), ObjectMeta: w.meta("", w.name(set, "cb")), Subjects: w.subjects(set, ""),
		RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: w.name(set, w.one([]string{"c0", "c1", "c2"}))}, // c2 may not be there
	})
	for _, n := range []string{"b0", "b1"} {
		at, ref := in, rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: w.name(set, "r")}
		if w.IntN(2) == 0 {
			at, ref.Kind, ref.Name = w.one(w.namespaces), "ClusterRole", w.name(set, w.one([]string{"c0", "c1", "c2"}))
		}
		w.put(&rbacv1.RoleBinding{TypeMeta: typeMeta("RoleBinding"), ObjectMeta: w.meta(at, w.name(set, n)), Subjects: w.subjects(set, at), RoleRef: ref})
	}
}

// each does something with all things, several at a time.
func each[T any](t *testing.T, things []T, do func(context.Context, T) error) {
	t.Helper()
	group, ctx := errgroup.WithContext(t.Context())
	group.SetLimit(8)
	for _, x := range things {
		group.Go(func() error { return do(ctx, x) })
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
}

func (w *rbacWorld) create(t *testing.T) {
	each(t, w.objects, func(ctx context.Context, o *unstructured.Unstructured) error {
		_, err := w.c.resource(o.GetAPIVersion(), o.GetKind(), o.GetNamespace()).Create(ctx, o, metav1.CreateOptions{})
		return err
	})
}

// settle waits until the server's authorizer has seen the last objects of every
// kind, which are made for that, and the controller has filled in all roles.
func (w *rbacWorld) settle(t *testing.T) {
	rule := []rbacv1.PolicyRule{{Verbs: []string{"get"}, APIGroups: []string{"example.com"}, Resources: []string{"last"}}}
	last := w.name(-1, "last")
	before := len(w.objects)
	for _, namespace := range []string{w.namespaces[0], ""} {
		ref := rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: last}
		subjects := []rbacv1.Subject{{Kind: "User", APIGroup: rbacv1.GroupName, Name: last + namespace}}
		if namespace == "" {
			ref.Kind = "ClusterRole"
			w.put(&rbacv1.ClusterRole{TypeMeta: metav1.TypeMeta{APIVersion: rbacAPI, Kind: "ClusterRole"}, ObjectMeta: w.meta("", last), Rules: rule})
			w.put(&rbacv1.ClusterRoleBinding{TypeMeta: metav1.TypeMeta{APIVersion: rbacAPI, Kind: "ClusterRoleBinding"}, ObjectMeta: w.meta("", last), Subjects: subjects, RoleRef: ref})
			continue
		}
		w.put(&rbacv1.Role{TypeMeta: metav1.TypeMeta{APIVersion: rbacAPI, Kind: "Role"}, ObjectMeta: w.meta(namespace, last), Rules: rule})
		w.put(&rbacv1.RoleBinding{TypeMeta: metav1.TypeMeta{APIVersion: rbacAPI, Kind: "RoleBinding"}, ObjectMeta: w.meta(namespace, last), Subjects: subjects, RoleRef: ref})
	}
	eventually(t, "the controller to fill in aggregated cluster roles", func(ctx context.Context) (bool, string, error) {
		for _, name := range w.aggregated {
			role, err := w.c.resource(rbacAPI, "ClusterRole", "").Get(ctx, name, metav1.GetOptions{})
			if err != nil {
				return false, "", err
			}
			if rules, _, _ := unstructured.NestedSlice(role.Object, "rules"); len(rules) == 0 {
				return false, name + " has no rules", nil
			}
		}
		return true, "", nil
	})
	added := w.objects[before:]
	each(t, added, func(ctx context.Context, o *unstructured.Unstructured) error {
		_, err := w.c.resource(o.GetAPIVersion(), o.GetKind(), o.GetNamespace()).Create(ctx, o, metav1.CreateOptions{})
		return err
	})
	for _, namespace := range []string{w.namespaces[0], ""} {
		eventually(t, "the authorizer to know the last role in "+namespace, func(ctx context.Context) (bool, string, error) {
			allowed, err := w.ask(ctx, last+namespace, nil, rbac.Request{Verb: "get", Group: "example.com", Resource: "last", Namespace: namespace})
			return allowed, "not allowed", err
		})
	}
}

// ask asks the API server.
func (w *rbacWorld) ask(ctx context.Context, user string, groups []string, r rbac.Request) (bool, error) {
	review := &authorizationv1.SubjectAccessReview{
		TypeMeta: metav1.TypeMeta{APIVersion: "authorization.k8s.io/v1", Kind: "SubjectAccessReview"},
		Spec:     authorizationv1.SubjectAccessReviewSpec{User: user, Groups: groups},
	}
	if r.NonResourceURL != "" {
		review.Spec.NonResourceAttributes = &authorizationv1.NonResourceAttributes{Verb: r.Verb, Path: r.NonResourceURL}
	} else {
		review.Spec.ResourceAttributes = &authorizationv1.ResourceAttributes{
			Namespace: r.Namespace, Verb: r.Verb, Group: r.Group, Resource: r.Resource, Subresource: r.Subresource, Name: r.Name,
		}
	}
	u, err := runtime.DefaultUnstructuredConverter.ToUnstructured(review)
	if err != nil {
		return false, err
	}
	answer, err := w.c.resource("authorization.k8s.io/v1", "SubjectAccessReview", "").Create(ctx, &unstructured.Unstructured{Object: u}, metav1.CreateOptions{})
	if err != nil {
		return false, err
	}
	allowed, _, err := unstructured.NestedBool(answer.Object, "status", "allowed")
	return allowed, err
}

// listAll reads all objects of a kind.
func listAll[T any](t *testing.T, c *cluster, o metav1.ListOptions) []T {
	t.Helper()
	kind := reflect.TypeFor[T]().Name()
	list, err := c.resource(rbacAPI, kind, "").List(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	all := make([]T, len(list.Items))
	for i := range list.Items {
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(list.Items[i].Object, &all[i]); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// read reads all RBAC of the cluster, that of others too: it counts as well.
func (w *rbacWorld) read(t *testing.T) rbac.Objects {
	return rbac.Objects{
		Roles: listAll[rbacv1.Role](t, w.c, metav1.ListOptions{}), ClusterRoles: listAll[rbacv1.ClusterRole](t, w.c, metav1.ListOptions{}),
		RoleBindings: listAll[rbacv1.RoleBinding](t, w.c, metav1.ListOptions{}), ClusterRoleBindings: listAll[rbacv1.ClusterRoleBinding](t, w.c, metav1.ListOptions{}),
	}
}

// asked is one question, and who asks.
type asked struct {
	subject rbac.Subject
	user    string
	groups  []string // all of them, as the server's authenticators would give them
	extra   []string // those that the graph can't know
	request rbac.Request
}

func (w *rbacWorld) question(set int) asked {
	var q asked
	switch w.IntN(3) {
	case 0:
		q = asked{subject: rbac.User(w.name(set, "jo")), user: w.name(set, "jo"), groups: []string{"system:authenticated"}}
		if w.IntN(2) == 0 {
			q.extra = []string{w.name(set, "devs")}
			q.groups = append(q.groups, q.extra...)
		}
	case 1:
		in := w.one(w.namespaces)
		q = asked{
			subject: rbac.ServiceAccount(in, w.name(set, "sa")), user: "system:serviceaccount:" + in + ":" + w.name(set, "sa"),
			groups: []string{"system:serviceaccounts", "system:serviceaccounts:" + in, "system:authenticated"},
		}
	default:
		// Somebody else who is in the group.
		q = asked{subject: rbac.Group(w.name(set, "devs")), user: w.name(set, "li"), groups: []string{w.name(set, "devs"), "system:authenticated"}}
	}
	r := &q.request
	if rule := w.granted[set][w.IntN(len(w.granted[set]))]; w.IntN(2) == 0 && len(rule.Resources) > 0 {
		// What some role of the set allows, to somebody, somewhere.
		r.Verb, r.Group, r.Namespace = w.one(rule.Verbs), w.one(rule.APIGroups), w.one(w.namespaces)
		r.Resource, r.Subresource, _ = strings.Cut(w.one(rule.Resources), "/")
		if len(rule.ResourceNames) > 0 {
			r.Name = w.one(rule.ResourceNames)
		}
		return q
	}
	r.Verb = w.one(someVerbs)
	if w.IntN(6) == 0 {
		r.NonResourceURL = w.one(someAskedPaths)
		return q
	}
	r.Group = w.one(someGroups)
	r.Resource, r.Subresource, _ = strings.Cut(w.one(someResources), "/")
	if w.IntN(3) > 0 {
		r.Namespace = w.one(w.namespaces)
	}
	if w.IntN(2) == 0 {
		r.Name = w.one(someNames)
	}
	return q
}

// compare asks both, and counts how often they say yes: what is always denied
// compares nothing.
func (w *rbacWorld) compare(t *testing.T, g *rbac.Graph, sets int) {
	var all []asked
	for set := range sets {
		for range questionsPerSet {
			all = append(all, w.question(set))
		}
	}
	answers := make([]bool, len(all))
	each(t, slices.Collect(intsBelow(len(all))), func(ctx context.Context, i int) (err error) {
		answers[i], err = w.ask(ctx, all[i].user, all[i].groups, all[i].request)
		return err
	})
	allowed := 0
	for i, q := range all {
		d := g.Allowed(q.subject, q.request, q.extra...)
		if d.Allowed != answers[i] {
			t.Errorf("%s (with %v), %s: the graph says %v, the server %v; by %+v", q.subject, q.extra, q.request, d.Allowed, answers[i], d.Grants)
		}
		if answers[i] {
			allowed++
		}
	}
	t.Logf("%d questions, %d of them allowed", len(all), allowed)
	if sets >= 50 && (allowed < len(all)/50 || allowed > len(all)*9/10) {
		t.Errorf("%d of %d were allowed: this compares too little", allowed, len(all))
	}
}

func intsBelow(n int) func(func(int) bool) {
	return func(yield func(int) bool) {
		for i := range n {
			if !yield(i) {
				return
			}
		}
	}
}

// compareAggregation puts aggregated roles together from their selectors, as
// for files, and compares them with what the controller made of them.
func (w *rbacWorld) compareAggregation(t *testing.T, o *rbac.Objects) {
	stored := map[string][]rbacv1.PolicyRule{}
	own := rbac.Objects{Aggregate: true}
	for _, r := range o.ClusterRoles {
		if r.AggregationRule != nil {
			stored[r.Name] = r.Rules
			r.Rules = nil
			own.ClusterRoleBindings = append(own.ClusterRoleBindings, rbacv1.ClusterRoleBinding{
				ObjectMeta: metav1.ObjectMeta{Name: r.Name}, Subjects: []rbacv1.Subject{{Kind: "User", Name: r.Name}},
				RoleRef: rbacv1.RoleRef{Kind: "ClusterRole", Name: r.Name},
			})
		}
		own.ClusterRoles = append(own.ClusterRoles, r)
	}
	if len(stored) < len(w.aggregated)+3 {
		t.Fatalf("only %d aggregated roles: where are admin, edit and view?", len(stored))
	}
	g := rbac.New(own)
	for name, want := range stored {
		got := make([]rbacv1.PolicyRule, len(g.Rights(rbac.User(name))))
		for _, r := range g.Rights(rbac.User(name)) {
			if r.Role.Name == name {
				got[r.Rule] = *r.PolicyRule
			}
		}
		if !equality.Semantic.DeepEqual(got, want) {
			t.Errorf("%s: the controller made\n%v\nthe graph\n%v", name, want, got)
		}
	}
}

// remove deletes what does not go with the namespaces.
func (w *rbacWorld) remove(t *testing.T) {
	for _, kind := range []string{"ClusterRoleBinding", "ClusterRole"} {
		err := w.c.resource(rbacAPI, kind, "").DeleteCollection(context.Background(), metav1.DeleteOptions{}, metav1.ListOptions{LabelSelector: "assay.dev/rbac=" + w.mark})
		if err != nil {
			t.Errorf("deleting the %ss of the test: %v", kind, err)
		}
	}
}

// TestRBACDefaults compares the roles that are built in with the server's.
func TestRBACDefaults(t *testing.T) {
	t.Parallel()
	c := start(t)
	if v := serverMinor(t, c); v != rbac.DefaultsVersion {
		t.Skipf("the server is %s, the roles are those of %s", v, rbac.DefaultsVersion)
	}
	want := map[string]rbacv1.ClusterRole{}
	for _, r := range listAll[rbacv1.ClusterRole](t, c, metav1.ListOptions{LabelSelector: "kubernetes.io/bootstrapping=rbac-defaults"}) {
		want[r.Name] = r
	}
	for _, got := range rbac.Defaults() {
		r, ok := want[got.Name]
		delete(want, got.Name)
		if !ok {
			t.Errorf("the server has no %s", got.Name)
			continue
		}
		if r.AggregationRule != nil {
			r.Rules = nil
		}
		if !equality.Semantic.DeepEqual(got.Rules, r.Rules) || !equality.Semantic.DeepEqual(got.AggregationRule, r.AggregationRule) || !equality.Semantic.DeepEqual(got.Labels, r.Labels) {
			t.Errorf("%s is not as on the server: %+v", got.Name, got)
		}
	}
	for name := range want {
		t.Errorf("%s is missing", name)
	}
}

// serverMinor is "1.36".
func serverMinor(t *testing.T, c *cluster) string {
	t.Helper()
	var v struct{ Major, Minor string }
	getJSON(t, c, "/version", &v)
	return v.Major + "." + strings.TrimRight(v.Minor, "+")
}

// getJSON reads a path of the API server.
func getJSON(t *testing.T, c *cluster, path string, into any) {
	t.Helper()
	b, err := c.raw(t.Context(), path)
	if err == nil {
		err = json.Unmarshal(b, into)
	}
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// TestRBACResources compares the table of resources with what the server has.
func TestRBACResources(t *testing.T) {
	t.Parallel()
	c := start(t)
	table := map[string]rbac.Resource{}
	groups := map[string]bool{}
	for _, r := range rbac.Resources() {
		table[r.Group+"/"+r.Name] = r
		groups[r.Group] = true
	}
	var list struct {
		Groups []struct {
			Name             string
			PreferredVersion struct{ GroupVersion string }
		}
	}
	getJSON(t, c, "/apis", &list)
	paths := map[string]string{"": "/api/v1"}
	for _, g := range list.Groups {
		if groups[g.Name] {
			paths[g.Name] = "/apis/" + g.PreferredVersion.GroupVersion
		}
	}
	seen := 0
	for group, path := range paths {
		var served metav1.APIResourceList
		getJSON(t, c, path, &served)
		for _, r := range served.APIResources {
			if strings.Contains(r.Name, "/") {
				continue
			}
			seen++
			got, ok := table[group+"/"+r.Name]
			if !ok || got.Kind != r.Kind || got.Namespaced != r.Namespaced {
				t.Errorf("%s of %q is namespaced %v, kind %s; the table has %+v", r.Name, group, r.Namespaced, r.Kind, got)
			}
			for _, name := range append(r.ShortNames, r.Name, r.Kind, r.Name+"."+group) {
				if p, err := rbac.ParseResource(strings.TrimSuffix(name, ".")); err != nil || p.Kind != r.Kind && p.Group != "" {
					t.Errorf("%s is read as %+v, %v", name, p, err)
				}
			}
		}
	}
	if seen < 50 {
		t.Errorf("the server has only %d", seen)
	}
}

// askedAnswer is the JSON of assay who-can and explain-access.
type askedAnswer struct {
	Complete    bool
	Grants      []rbac.Grant
	Rights      []rbac.Right
	Escalations []rbac.Chain
	Coverage    []finding.Coverage
}

func (r *result) answer(t *testing.T) *askedAnswer {
	t.Helper()
	var a askedAnswer
	if err := json.Unmarshal([]byte(r.stdout), &a); err != nil {
		t.Fatalf("%v: %v", err, r)
	}
	return &a
}

// TestWhoCan asks on the command line, as one who may read all of RBAC, exactly
// what --plan says, and less.
func TestWhoCan(t *testing.T) {
	t.Parallel()
	c := start(t)
	namespace := c.namespace(t, "assay-rbac-")
	target := c.account(t, namespace, "cart")
	target.grant(t, namespace, allow("get", "secrets")...)

	least := c.account(t, namespace, "least")
	plan := c.assay(t, flags([]string{"who-can", "get", "secrets", "-n", namespace, "--plan", "-o", "yaml", "-q"}, c.admin())...).exits(t, 0)
	for _, p := range permissionsIn(t, plan.stdout) {
		least.grant(t, p.namespace, p.rule())
	}
	full := c.assay(t, flags([]string{"who-can", "get", "secrets", "-n", namespace, "-o", "json", "-q"}, least.flags())...).exits(t, 0).answer(t)
	if !full.Complete || !slices.ContainsFunc(full.Grants, func(g rbac.Grant) bool {
		return g.Subject == rbac.ServiceAccount(namespace, "cart") && g.Namespace == namespace
	}) {
		t.Errorf("with exactly what the plan says: %+v", full)
	}

	blind := c.account(t, namespace, "blind")
	blind.grant(t, namespace, allow("list", "roles.rbac.authorization.k8s.io", "rolebindings.rbac.authorization.k8s.io")...)
	part := c.assay(t, flags([]string{"who-can", "get", "secrets", "-n", namespace, "-o", "json", "-q"}, blind.flags())...).exits(t, 2)
	if a := part.answer(t); a.Complete || len(a.Coverage) != 2 || a.Coverage[0].State != finding.Forbidden || len(a.Grants) < 2 {
		t.Errorf("without cluster roles: %+v", a)
	}
	text := c.assay(t, flags([]string{"who-can", "get", "secrets", "-n", namespace, "-q"}, blind.flags())...).exits(t, 2)
	if !strings.Contains(text.stdout, "not complete") || !strings.Contains(text.stderr, "forbidden") {
		t.Errorf("nobody is told: %v", text)
	}
	none := c.account(t, namespace, "none")
	nothing := c.assay(t, flags([]string{"who-can", "get", "secrets", "-n", namespace, "-q"}, none.flags())...).exits(t, 2)
	if nothing.stdout != "" || !strings.Contains(nothing.stderr, "nothing could be read") {
		t.Errorf("where nothing can be read there is no answer: %v", nothing)
	}
}

// TestExplainAccess shows rights and the way from them to cluster-admin; one who
// can read RBAC only in some namespaces hears of those.
func TestExplainAccess(t *testing.T) {
	t.Parallel()
	c := start(t)
	namespace := c.namespace(t, "assay-rbac-")
	cart := c.account(t, namespace, "cart")
	cart.grant(t, namespace, allow("create", "pods")...)
	subject := "sa:" + namespace + "/cart"
	full := c.assay(t, flags([]string{"explain-access", subject, "-o", "json", "-q"}, c.admin())...).exits(t, 0).answer(t)
	if !full.Complete || len(full.Escalations) == 0 || full.Escalations[0].Steps[0].Who != subject {
		t.Errorf("as the administrator: %+v", full)
	}
	if i := slices.IndexFunc(full.Rights, func(r rbac.Right) bool { return r.Namespace == namespace }); i < 0 || full.Rights[i].Severity != finding.High {
		t.Errorf("its rights: %+v", full.Rights)
	}

	part := c.account(t, namespace, "part")
	part.grant(t, "", allow("list", "namespaces", "clusterroles.rbac.authorization.k8s.io", "clusterrolebindings.rbac.authorization.k8s.io")...)
	part.grant(t, namespace, allow("list", "roles.rbac.authorization.k8s.io", "rolebindings.rbac.authorization.k8s.io")...)
	a := c.assay(t, flags([]string{"explain-access", subject, "-o", "json", "-q"}, part.flags())...).exits(t, 2).answer(t)
	if a.Complete || len(a.Coverage) < 4 || !slices.ContainsFunc(a.Rights, func(r rbac.Right) bool { return r.Namespace == namespace }) {
		t.Errorf("with one namespace only: %+v", a)
	}
}

// raw reads a path of the API server as text.
func (c *cluster) raw(ctx context.Context, path string) (body []byte, err error) {
	client, err := rest.HTTPClientFor(c.config)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.config.Host+path, nil)
	if err != nil {
		return nil, err
	}
	answer, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, answer.Body.Close()) }()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the server answered %s", answer.Status)
	}
	return io.ReadAll(answer.Body)
}
