package cluster

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubeassay/assay/kube"
)

// What nothing else will work after ends the reading with an error.
func TestTheEnd(t *testing.T) {
	refused := fails(http.StatusUnauthorized, metav1.StatusReasonUnauthorized)
	for _, tt := range []struct {
		name   string
		server func(*server)
		o      Options
		before []string // objects
		is     func(error) bool
		says   string
	}{
		{
			"credentials are not taken", func(s *server) { s.faults[place{kube.Namespaces, ""}] = refused }, Options{}, nil,
			apierrors.IsUnauthorized, "listing namespaces: made for this test",
		},
		{
			"credentials are not taken for a named namespace", func(s *server) { s.faults[place{kube.Namespaces, "a"}] = refused },
			Options{Namespaces: []string{"a"}}, nil, apierrors.IsUnauthorized, "made for this test",
		},
		{
			"credentials expire in the middle", func(s *server) { s.faults[place{kube.Pods, ""}] = later(1, refused) },
			Options{PageSize: 1}, without(shopIn("a"), "Pod a/web-1-y"), apierrors.IsUnauthorized, "listing pods in all namespaces: made for this test",
		},
		{
			"credentials expire while namespaces are listed one by one",
			func(s *server) {
				s.forbidKinds(Kinds()...)
				s.faults[place{kube.Pods, "b"}] = refused
			},
			Options{}, shopIn("a"), apierrors.IsUnauthorized, "listing pods in namespace b: made for this test",
		},
		{
			"nobody is there", func(s *server) { s.Close() }, Options{}, nil, nil, "connection refused; is the cluster up",
		},
		{
			"nobody is there for a named namespace", func(s *server) { s.always = babbles }, Options{Namespaces: []string{"a"}}, nil, nil, "cannot reach http://127.0.0.1",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := shop(t)
			client := s.client(t)
			tt.server(s)
			got := read(t, client, tt.o)
			if got.err == nil || !strings.Contains(got.err.Error(), tt.says) || tt.is != nil && !tt.is(got.err) {
				t.Errorf("err = %v, want %q", got.err, tt.says)
			}
			if got.complete() {
				t.Error("this is no complete reading")
			}
			if diff := cmp.Diff(tt.before, got.objects); diff != "" {
				t.Errorf("objects (-want +got): %s", diff)
			}
		})
	}
}

// A server that lists in another order than by name: nothing comes twice and
// what was not read is said.
func TestUnorderedServer(t *testing.T) {
	t.Parallel()
	for size := 1; size <= 4; size++ {
		t.Run(fmt.Sprintf("pages of %d", size), func(t *testing.T) {
			s := newServer(t)
			s.unordered = true
			s.add(kube.Pods, named("a/2"), named("a/1"), named("c/1"), named("b/1"), named("c/2"))
			s.add(kube.Deployments, named("b/d"))
			got := read(t, s.client(t), Options{PageSize: size})
			want := []string{"Pod a/2", "Pod a/1", "Deployment b/d", "Pod c/1"}
			if diff := cmp.Diff(want, got.objects); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff([]string{"a", "b", "c"}, got.done); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff([]string{"cluster unreadable"}, got.gaps()); diff != "" {
				t.Error(diff)
			}
			got.says(t, "cluster", "the server does not list in the order of names (namespace b came after c)")
		})
	}
}

// spoil breaks the spec of an object.
func spoil(raw []byte) []byte { return append(raw, 2<<3|2, 1, 0xff) }

// An object that can't be decoded is named, and the others are read.
func TestBrokenObject(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"all at once", "one by one", "named"} {
		t.Run(mode, func(t *testing.T) {
			s := shop(t)
			o := Options{PageSize: 2}
			for _, key := range []string{"a/web-1-w", "b/web-1-z", "c/alone"} {
				s.put(kube.Pods, named(key), spoil(build(t, kube.Pods, named(key))))
			}
			s.put(kube.StatefulSets, named("a/db"), spoil(build(t, kube.StatefulSets, named("a/db"))))
			nameless := named("b/")
			s.put(kube.StatefulSets, nameless, build(t, kube.StatefulSets, nameless))
			switch mode {
			case "one by one":
				s.forbidKinds(Kinds()...)
				s.forbid(kube.Deployments, "a") // pods of a were read, so this must be said
			case "named": // what is broken in c is there all the same
				o.Namespaces = []string{"a", "b", "c"}
				s.forbid(kube.Namespaces, "c")
			}
			got := read(t, s.client(t), o)
			objects, gaps := shopIn("a", "b"), []string{
				"namespace/a/statefulsets.apps/db unreadable", "kind/statefulsets.apps unreadable",
				"namespace/a/pods/web-1-w unreadable", "namespace/b/pods/web-1-z unreadable", "namespace/c/pods/alone unreadable",
			}
			if mode == "one by one" {
				objects = append([]string{"ReplicaSet a/web-1", "Pod a/web-1-x", "Pod a/web-1-y"}, shopIn("b")...)
				gaps = append([]string{"namespace/a/deployments.apps owner-unresolved"}, gaps...)
			}
			if diff := cmp.Diff(objects, got.objects); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff([]string{"a", "b", "c"}, got.done); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(gaps, got.gaps()); diff != "" {
				t.Error(diff)
			}
			got.says(t, "namespace/b/pods/web-1-z", "decoding Pod web-1-z in namespace b: ")
			got.says(t, "kind/statefulsets.apps", "decoding a StatefulSet without a name: it has no name or no namespace")
			if got.complete() || got.err != nil {
				t.Errorf("complete, %v", got.err)
			}
		})
	}
}

func TestManyBrokenObjects(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.namespace("a")
	for i := range mostBroken + 30 {
		m := named(fmt.Sprintf("a/%03d", i))
		s.put(kube.Pods, m, spoil(build(t, kube.Pods, m)))
	}
	got := read(t, s.client(t), Options{PageSize: 7})
	if len(got.coverage) != mostBroken+1 {
		t.Errorf("%d lines of coverage", len(got.coverage))
	}
	got.says(t, "kind/pods", "30 more pods can't be decoded")
}
