package access

import (
	"cmp"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/version"

	"github.com/kubeassay/assay/posture/index"
	"github.com/kubeassay/assay/posture/rbac"
)

// world is the graph of an index, and the objects that it was built from.
type world struct {
	graph   *rbac.Graph
	objects rbac.Objects
	// broken are the objects of an old API version that can't be read as what
	// they say they are.
	broken      map[*index.Object]error
	roles       []of[rbacv1.Role]
	clusters    []of[rbacv1.ClusterRole]
	bindings    []of[rbacv1.RoleBinding]
	clusterWide []of[rbacv1.ClusterRoleBinding]
	accounts    map[rbac.Subject]*corev1.ServiceAccount
}

// of is an object, and where it stands in the index.
type of[T any] struct {
	in *index.Object
	is *T
}

// memoKey is the type of what this package leaves in an index.
type memoKey int

const (
	worldKey memoKey = iota
	surveyKey
	tokensKey
)

// worldOf builds the graph of all RBAC objects, once. It knows of no pods: those
// may not all have been seen yet.
func worldOf(x *index.Index) *world {
	return index.Memo(x, worldKey, func() *world {
		w := &world{broken: map[*index.Object]error{}, accounts: map[rbac.Subject]*corev1.ServiceAccount{}}
		o := rbac.Objects{Defaults: !x.Live, ExecByGet: execByGet(x), Gaps: gaps(x)}
		w.roles = read(x, w, "Role", true, &o.Roles)
		w.clusters = read(x, w, "ClusterRole", false, &o.ClusterRoles)
		w.bindings = read(x, w, "RoleBinding", true, &o.RoleBindings)
		w.clusterWide = read(x, w, "ClusterRoleBinding", false, &o.ClusterRoleBindings)
		for _, in := range x.Objects(accountKind()) {
			a, ok := in.Object.(*corev1.ServiceAccount)
			if !ok {
				continue
			}
			namespace := cmp.Or(a.Namespace, metav1.NamespaceDefault)
			w.accounts[rbac.ServiceAccount(namespace, a.Name)] = a
			o.ServiceAccounts = append(o.ServiceAccounts, rbac.Account{Namespace: namespace, Name: a.Name, TokenSecrets: len(tokenSecrets(a)) > 0})
		}
		for _, in := range x.Objects(namespaceKind()) {
			o.Namespaces = append(o.Namespaces, rbac.Namespace{Name: in.GetName(), Labels: in.GetLabels()})
		}
		w.objects, w.graph = o, rbac.New(o)
		return w
	})
}

// withPods is the graph once all pods have been seen, and it is known which of
// them could not be read.
func (w *world) withPods(x *index.Index) *rbac.Graph {
	g := w.graph
	var unread []rbac.Gap
	for _, gap := range x.Gaps() {
		if gap.Kind == podKind() {
			unread = append(unread, rbac.Gap{Kind: rbac.PodKind, Namespace: gap.Namespace})
		}
	}
	if len(unread) > 0 {
		o := w.objects
		o.Gaps = slices.Concat(o.Gaps, unread)
		g = rbac.New(o)
	}
	return g.WithPods(pods(x))
}

// execByGet reports whether the server is one that lets the verb get run
// commands in pods. Where the version is not known, it is taken to be a newer one.
func execByGet(x *index.Index) bool {
	v, err := version.ParseGeneric(x.Server)
	return err == nil && v.LessThan(version.MajorMinor(1, 35))
}

// read lists the objects of a kind. One that names no namespace goes where
// kubectl would put it.
func read[T any, P interface {
	*T
	metav1.Object
}](x *index.Index, w *world, kind string, namespaced bool, into *[]T) []of[T] {
	var all []of[T]
	for _, in := range x.Objects(kindOf(kind)) {
		o, ok := in.Object.(P)
		if u, raw := in.Object.(*unstructured.Unstructured); raw {
			o, ok = P(new(T)), true
			if err := runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, o); err != nil {
				w.broken[in] = fmt.Errorf("%s can't be read as a %s: %w", in.Ref(), kind, err)
				continue
			}
		}
		if !ok {
			continue
		}
		if namespaced && o.GetNamespace() == "" {
			with := P(new(T))
			*with = *o
			with.SetNamespace(metav1.NamespaceDefault)
			o = with
		}
		*into = append(*into, *o)
		all = append(all, of[T]{in, (*T)(o)})
	}
	return all
}

// gaps says to the graph what is not known. Of files only what stands in them
// is: accounts, namespaces and pods may well be there besides.
func gaps(x *index.Index) []rbac.Gap {
	if !x.Live {
		return []rbac.Gap{{Kind: rbac.ServiceAccountKind}, {Kind: rbac.NamespaceKind}, {Kind: rbac.PodKind}}
	}
	var all []rbac.Gap
	for _, g := range x.Gaps() {
		if g.Kind.Group == rbacGroup || g.Kind == accountKind() || g.Kind == namespaceKind() {
			all = append(all, rbac.Gap{Kind: g.Kind.Kind, Namespace: g.Namespace})
		}
	}
	if x.Partial {
		all = append(all, rbac.Gap{Kind: rbac.PodKind}, rbac.Gap{Kind: rbac.ServiceAccountKind}, rbac.Gap{Kind: rbac.NamespaceKind})
	}
	return all
}

// pods are the pods of the whole index, once all have been seen.
func pods(x *index.Index) []rbac.Pod {
	var all []rbac.Pod
	for _, r := range x.Runners() {
		all = append(all, rbac.Pod{
			Namespace: cmp.Or(r.Namespace, metav1.NamespaceDefault), Name: r.Name, ServiceAccount: r.ServiceAccount, Host: r.ReachesNode,
		})
	}
	return all
}
