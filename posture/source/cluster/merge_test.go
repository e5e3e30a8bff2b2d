package cluster

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubeassay/assay/kube"
)

// names of which some begin like others, so that their order differs from that
// of what is in them: "a-b/x" comes before "a/x".
var names = []string{"a", "a-b", "a-b-c", "a.b", "a0", "ab", "b", "b-", "mine", "z"}

// world is a random cluster.
type world struct {
	*rand.Rand
	server     *server
	namespaces []string            // in the order of a list
	objects    map[string][]string // by namespace: "Kind namespace/name" in the order to come
}

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{Rand: rand.New(rand.NewPCG(seed, 1)), server: newServer(t), objects: map[string][]string{}}
	for _, n := range names {
		if w.IntN(4) > 0 {
			w.namespaces = append(w.namespaces, n)
			w.server.namespace(n)
		}
	}
	slices.SortFunc(w.namespaces, func(a, b string) int { return strings.Compare(a+"/", b+"/") })
	for _, n := range w.namespaces {
		if w.IntN(5) == 0 {
			continue // empty
		}
		for _, r := range Kinds() {
			var metas []metav1.ObjectMeta
			for i := range w.IntN(5) * w.IntN(3) {
				metas = append(metas, named(fmt.Sprintf("%s/%c", n, 'a'+i)))
				w.objects[n] = append(w.objects[n], fmt.Sprintf("%s %s/%c", r.Kind, n, 'a'+i))
			}
			w.server.add(r, metas...)
		}
	}
	return w
}

// some takes each with the same chance.
func (w *world) some(all []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(string) bool { return w.IntN(2) == 0 })
}

// want is what is to come from these namespaces.
func (w *world) want(namespaces []string) *reading {
	r := &reading{done: namespaces}
	for _, n := range namespaces {
		r.objects = append(r.objects, w.objects[n]...)
	}
	return r
}

func (r *reading) differs(t *testing.T, want *reading) {
	t.Helper()
	if r.err != nil {
		t.Error(r.err)
	}
	if diff := cmp.Diff(want.objects, r.objects); diff != "" {
		t.Errorf("objects (-want +got): %s", diff)
	}
	if diff := cmp.Diff(want.done, r.done, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("namespaces done (-want +got): %s", diff)
	}
	if len(r.coverage) > 0 {
		t.Errorf("coverage: %v", r.coverage)
	}
}

// Whatever is on the server, and however it has to be listed: every object
// comes once, namespace after namespace, owners before pods.
func TestEveryObjectOnce(t *testing.T) {
	for seed := range uint64(40) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, seed)
			for _, r := range Kinds() {
				if seed%3 > 0 && w.IntN(2) == 0 {
					w.server.forbidKinds(r)
				}
			}
			w.server.ignoresFields = w.IntN(2) == 0
			o := Options{PageSize: 1 + w.IntN(12), Concurrency: w.IntN(6)}
			t.Run("all", func(t *testing.T) {
				read(t, w.server.client(t), o).differs(t, w.want(w.namespaces))
			})
			t.Run("excluded", func(t *testing.T) {
				o := o
				o.Exclude = w.some(w.namespaces)
				left := slices.DeleteFunc(slices.Clone(w.namespaces), func(n string) bool { return slices.Contains(o.Exclude, n) })
				read(t, w.server.client(t), o).differs(t, w.want(left))
			})
			t.Run("named", func(t *testing.T) {
				o := o
				chosen := slices.DeleteFunc(w.some(w.namespaces), func(n string) bool { return strings.ContainsAny(n, ".") || strings.HasSuffix(n, "-") })
				if len(chosen) == 0 {
					return
				}
				o.Namespaces = slices.Concat(chosen, chosen[:1]) // one of them twice
				w.Shuffle(len(o.Namespaces), func(i, j int) {
					o.Namespaces[i], o.Namespaces[j] = o.Namespaces[j], o.Namespaces[i]
				})
				read(t, w.server.client(t), o).differs(t, w.want(chosen))
			})
		})
	}
}

// A source can be read again, also while it is being read.
func TestReadAgain(t *testing.T) {
	w := newWorld(t, 1)
	src, err := New(w.server.client(t), Options{PageSize: 2})
	if err != nil {
		t.Fatal(err)
	}
	for range src.Items(t.Context()) {
		readAll(t, t.Context(), src).differs(t, w.want(w.namespaces))
		break
	}
	readAll(t, t.Context(), src).differs(t, w.want(w.namespaces))
}

// Excluded namespaces are left to the server, so that they cost nothing.
func TestExcludedAreNotSent(t *testing.T) {
	s := newServer(t)
	s.add(kube.Pods, named("a/1"), named("b/1"), named("c/1"))
	got := read(t, s.client(t), Options{Exclude: []string{"c", "a"}, FieldSelector: "spec.nodeName!=n1"})
	if diff := cmp.Diff([]string{"Pod b/1"}, got.objects); diff != "" {
		t.Error(diff)
	}
	want := []string{
		"jobs.batch, metadata, fields metadata.namespace!=a,metadata.namespace!=c",
		"namespaces, metadata",
		"pods, fields spec.nodeName!=n1,metadata.namespace!=a,metadata.namespace!=c",
		"replicasets.apps, metadata, fields metadata.namespace!=a,metadata.namespace!=c",
	}
	if diff := cmp.Diff(want, s.asked()); diff != "" {
		t.Error(diff)
	}
}

func TestNodes(t *testing.T) {
	s := newServer(t)
	s.add(kube.Nodes, metav1.ObjectMeta{Name: "n1", Labels: map[string]string{"kubernetes.io/arch": "arm64"}}, metav1.ObjectMeta{Name: "n2"})
	s.add(kube.Pods, named("a/1"))
	got := read(t, s.client(t), Options{Nodes: true, PageSize: 1})
	if len(got.nodes) != 2 || got.nodes[0].Name != "n1" || got.nodes[0].Arch != "arm64" || got.nodes[1].Arch != "" {
		t.Errorf("nodes: %+v", got.nodes)
	}
	s.forbidKinds(kube.Nodes)
	got = read(t, s.client(t), Options{Nodes: true})
	if len(got.nodes) > 0 || !got.complete() || len(got.objects) != 1 {
		t.Errorf("without permission: %+v", got)
	}
	if got := read(t, s.client(t), Options{}); len(got.nodes) > 0 {
		t.Errorf("nodes that nobody asked for: %+v", got.nodes)
	}
}

// Where pods were listed in all namespaces at once, an empty one needs no second look.
func TestEmptyNamespaceIsNotAskedFor(t *testing.T) {
	for _, forbidden := range []kube.Resource{kube.ReplicaSets, kube.Pods} {
		s := shop(t)
		s.forbidKinds(forbidden)
		if got := read(t, s.client(t), Options{}); !got.complete() {
			t.Errorf("%+v", got.coverage)
		}
		if got, want := slices.Contains(s.asked(), "get namespaces in c"), forbidden == kube.Pods; got != want {
			t.Errorf("%s one by one: asked for the empty namespace: %v", forbidden, got)
		}
	}
}
