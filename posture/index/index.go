package index

import (
	"cmp"
	"maps"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubeassay/assay/finding"
)

// Object is one object that holds no pod template.
type Object struct {
	APIVersion, Kind string
	// Object is of the kind's own type, such as *corev1.Service; of a kind that
	// the API's types don't know it is an *unstructured.Unstructured.
	metav1.Object
	// Locate finds a field path (or its nearest parent that is there) in the
	// file that the object stands in; nil for a cluster, and once the object has
	// been judged by itself.
	Locate func(field string) finding.Location
	// At is where the object stands in a file; nil for a cluster.
	At *finding.Location
}

// GroupKind is the object's kind, whatever its version.
func (o *Object) GroupKind() schema.GroupKind {
	return schema.FromAPIVersionAndKind(o.APIVersion, o.Kind).GroupKind()
}

// Ref names the object as findings do.
func (o *Object) Ref() finding.Workload {
	name := o.GetName()
	if name == "" {
		name = o.GetGenerateName()
	}
	return finding.Workload{APIVersion: o.APIVersion, Kind: o.Kind, Namespace: o.GetNamespace(), Name: name}
}

// Gap says that objects of a kind could not be read.
type Gap struct {
	Kind schema.GroupKind
	// Namespace is the one that it is about; empty: all.
	Namespace string
	// Reason says why, as a clause: "services may not be listed".
	Reason string
	// Object, where set, is the only one that could not be read. It has no more
	// than its name.
	Object *Object
}

// Index is what is known of a cluster, or of a set of files, besides pods and
// templates. It is for one goroutine.
type Index struct {
	// Live: the objects are those of a cluster. In files, what is not there may
	// well be in the cluster that they are made for.
	Live bool
	// Server is the version that the API server tells, such as "v1.36.2"; empty for files.
	Server string
	// Target is the version that objects are to be judged for, as "1.36"; empty:
	// the server's.
	Target string
	// Partial: pods, or objects, were left out by what was asked for (a selector,
	// a kind, a namespace). What nothing refers to may then be referred to elsewhere.
	Partial bool

	namespaces map[string]*Namespace
	memo       memo
	gaps       map[schema.GroupKind]map[string]string // reasons, by namespace
	single     map[schema.GroupKind][]Gap             // those of single objects
	pods       map[Runner]*Runner
}

// New returns an index without objects.
func New() *Index {
	return &Index{namespaces: map[string]*Namespace{}, memo: memo{}, gaps: map[schema.GroupKind]map[string]string{}, single: map[schema.GroupKind][]Gap{}, pods: map[Runner]*Runner{}}
}

// Namespace returns what is in a namespace, which is made where it is new. The
// empty name is that of objects that are in none.
func (x *Index) Namespace(name string) *Namespace {
	n := x.namespaces[name]
	if n == nil {
		n = &Namespace{Index: x, Name: name, objects: map[schema.GroupKind]*list{}, memo: memo{}}
		x.namespaces[name] = n
	}
	return n
}

// Namespaces lists all that something is in, or that are known to exist, by name.
// The objects that are in none are not among them.
func (x *Index) Namespaces() []*Namespace {
	all := make([]*Namespace, 0, len(x.namespaces))
	for name, n := range x.namespaces {
		if name != "" {
			all = append(all, n)
		}
	}
	slices.SortFunc(all, func(a, b *Namespace) int { return cmp.Compare(a.Name, b.Name) })
	return all
}

// Add keeps an object. Of two with the same name both are kept, and the later
// one is found by it. Of Secrets and ConfigMaps no value is kept.
func (x *Index) Add(o *Object) {
	x.Namespace(o.GetNamespace()).add(withoutValues(o))
}

// Objects lists the objects of a kind in all namespaces and in none, by
// namespace, and then in the order in which they came.
func (x *Index) Objects(kind schema.GroupKind) []*Object {
	all := slices.Clone(x.Namespace("").Objects(kind))
	for _, n := range x.Namespaces() {
		all = append(all, n.Objects(kind)...)
	}
	return all
}

// Find returns the object of that kind and name; nil where there is none that
// is known.
func (x *Index) Find(kind schema.GroupKind, namespace, name string) *Object {
	n := x.namespaces[namespace]
	if n == nil || n.objects[kind] == nil {
		return nil
	}
	return n.objects[kind].byName[name]
}

// Miss notes that something could not be read. The first reason stands.
func (x *Index) Miss(g Gap) {
	if g.Object != nil {
		x.single[g.Kind] = append(x.single[g.Kind], g)
		return
	}
	if x.gaps[g.Kind] == nil {
		x.gaps[g.Kind] = map[string]string{}
	}
	if _, told := x.gaps[g.Kind][g.Namespace]; !told {
		x.gaps[g.Kind][g.Namespace] = g.Reason
	}
}

// Missing says why not all objects of a kind are known in a namespace (or
// anywhere, where it is empty); ok is false where all of them are.
func (x *Index) Missing(kind schema.GroupKind, namespace string) (reason string, ok bool) {
	gaps := x.gaps[kind]
	if reason, ok = gaps[""]; ok {
		return reason, ok
	}
	if namespace == "" && len(gaps) > 0 {
		namespace = slices.Min(slices.Collect(maps.Keys(gaps)))
	}
	if reason, ok = gaps[namespace]; ok {
		return reason, ok
	}
	for _, g := range x.single[kind] {
		if namespace == "" || g.Namespace == "" || g.Namespace == namespace {
			return g.Reason, true
		}
	}
	return "", false
}

// Gaps lists everything that could not be read, by kind and namespace.
func (x *Index) Gaps() []Gap {
	var all []Gap
	for kind, gaps := range x.gaps {
		for namespace, reason := range gaps {
			all = append(all, Gap{Kind: kind, Namespace: namespace, Reason: reason})
		}
	}
	for _, gaps := range x.single {
		all = append(all, gaps...)
	}
	slices.SortStableFunc(all, func(a, b Gap) int {
		return cmp.Or(cmp.Compare(a.Kind.Group, b.Kind.Group), cmp.Compare(a.Kind.Kind, b.Kind.Kind), cmp.Compare(a.Namespace, b.Namespace))
	})
	return all
}

// Forget drops a namespace's objects, once nothing more will be asked of them.
// Kinds that are kept stay.
func (x *Index) Forget(namespace string, keep func(schema.GroupKind) bool) {
	n := x.namespaces[namespace]
	if n == nil {
		return
	}
	for kind := range n.objects {
		if !keep(kind) {
			delete(n.objects, kind)
		}
	}
	clear(n.memo)
	n.pods = nil
}

// Namespace is what is in one namespace.
type Namespace struct {
	*Index
	Name string

	objects map[schema.GroupKind]*list
	memo    memo
	pods    []*Pod
}

// list is the objects of one kind in a namespace.
type list struct {
	all    []*Object
	byName map[string]*Object
}

func (n *Namespace) add(o *Object) {
	kind := o.GroupKind()
	l := n.objects[kind]
	if l == nil {
		l = &list{byName: map[string]*Object{}}
		n.objects[kind] = l
	}
	l.all = append(l.all, o)
	l.byName[o.GetName()] = o
}

// Objects lists the objects of a kind in the namespace, in the order in which
// they came. The slice is the index' own.
func (n *Namespace) Objects(kind schema.GroupKind) []*Object {
	if l := n.objects[kind]; l != nil {
		return l.all
	}
	return nil
}

// Object is the namespace itself. Where it could not be read, or is in none of
// the files, only its name is known.
func (n *Namespace) Object() (o *Object, known bool) {
	if o := n.Find(namespaceKind, "", n.Name); o != nil {
		return o, true
	}
	return &Object{APIVersion: "v1", Kind: namespaceKind.Kind, Object: &metav1.ObjectMeta{Name: n.Name}}, false
}

var namespaceKind = schema.GroupKind{Kind: "Namespace"}

// memo has what was made of objects, by the type of its key.
type memo map[any]any

// Memo returns what build makes of the index, and builds it only once. The key
// is of a type of the caller's own.
func Memo[T any](x *Index, key any, build func() T) T { return remember(x.memo, key, build) }

// MemoOf is Memo for what is made of one namespace's objects and pods.
func MemoOf[T any](n *Namespace, key any, build func() T) T { return remember(n.memo, key, build) }

func remember[T any](m memo, key any, build func() T) T {
	if known, ok := m[key].(T); ok {
		return known
	}
	made := build()
	m[key] = made
	return made
}
