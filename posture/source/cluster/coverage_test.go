package cluster

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubeassay/assay/kube"
)

var (
	podsOnly = []kube.Resource{kube.Pods}
	notFound = fails(http.StatusNotFound, metav1.StatusReasonNotFound)
	ill      = fails(http.StatusInternalServerError, metav1.StatusReasonInternalError)
)

// shop is a cluster of three namespaces: a Deployment, its ReplicaSet and two
// pods in "a" and "b", nothing in "c".
func shop(t *testing.T) *server {
	s := newServer(t)
	s.namespace("c")
	for _, n := range []string{"a", "b"} {
		s.add(kube.Deployments, named(n+"/web"))
		s.add(kube.ReplicaSets, named(n+"/web-1", ownedBy(kube.Deployments, "web")))
		s.add(kube.Pods, named(n+"/web-1-x", ownedBy(kube.ReplicaSets, "web-1")), named(n+"/web-1-y", ownedBy(kube.ReplicaSets, "web-1")))
	}
	return s
}

// shopIn is what comes from these namespaces of a shop.
func shopIn(namespaces ...string) (all []string) {
	for _, n := range namespaces {
		all = append(all, "Deployment "+n+"/web", "ReplicaSet "+n+"/web-1 (owner only)", "Pod "+n+"/web-1-x", "Pod "+n+"/web-1-y")
	}
	return all
}

// without leaves out what begins like this.
func without(all []string, prefix string) []string {
	return slices.DeleteFunc(all, func(s string) bool { return strings.HasPrefix(s, prefix) })
}

// goneAfterFirstPages is a server that goes away once every kind has got a page.
func goneAfterFirstPages(w http.ResponseWriter, r *request) bool {
	return r.resource != kube.Namespaces && r.nth > 1 && babbles(w, r)
}

// What may not be read, does not exist or goes wrong is said, the rest is read,
// and the scan is complete only where nothing that was asked for is missing.
func TestGaps(t *testing.T) {
	for _, tt := range []struct {
		name     string
		server   func(*server)
		options  Options
		timeout  string
		objects  []string // nil: those of a and b
		done     []string // nil: a, b, c
		gaps     []string
		says     string // of the first gap
		complete bool
	}{
		{name: "all is well", complete: true},

		// Permissions, as far as all namespaces go.
		{
			name:     "pods must be listed one by one",
			server:   func(s *server) { s.forbidKinds(kube.Pods) },
			complete: true,
		},
		{
			name: "some namespaces are forbidden",
			server: func(s *server) {
				s.forbidKinds(Kinds()...)
				for _, r := range Kinds() {
					s.forbid(r, "a")
				}
			},
			objects: shopIn("b"), done: []string{"b", "c"},
			gaps: []string{"namespace/a forbidden"}, says: "listing pods in namespace a: made for this test",
		},
		{
			name: "pods are forbidden in one, their owners are not",
			server: func(s *server) {
				s.forbid(kube.Pods, "", "a")
			},
			objects: without(shopIn("a", "b"), "Pod a/"),
			gaps:    []string{"namespace/a forbidden"},
		},
		{
			name:    "pods are forbidden in all but one, where none are",
			server:  func(s *server) { s.forbid(kube.Pods, "", "a", "b") },
			objects: without(shopIn("a", "b"), "Pod"),
			gaps:    []string{"namespace/a forbidden", "namespace/b forbidden"},
		},
		{
			name: "all are forbidden",
			server: func(s *server) {
				for _, r := range Kinds() {
					s.forbid(r, "", "a", "b", "c")
				}
			},
			objects: []string{}, done: []string{},
			gaps: []string{"cluster forbidden"}, says: "in none of 3 namespaces: listing pods in namespace a: made for this test",
		},
		{
			name: "forbidden in some, too slow in others",
			server: func(s *server) {
				s.forbid(kube.Pods, "", "a", "b")
				s.faults[place{kube.Pods, "c"}] = stalls
			},
			options: Options{Kinds: podsOnly}, timeout: "200ms",
			objects: []string{"ReplicaSet a/web-1 (owner only)", "ReplicaSet b/web-1 (owner only)"}, done: []string{"a", "b"},
			gaps: []string{"namespace/a forbidden", "namespace/b forbidden", "namespace/c timed-out"},
		},
		{
			name:    "namespaces are forbidden, pods are not",
			server:  func(s *server) { s.forbidKinds(kube.Namespaces) },
			objects: shopIn("a", "b"), done: []string{"a", "b"},
			gaps: []string{"kind/namespaces forbidden"}, says: "made for this test",
		},
		{
			name: "everything but the context's namespace is forbidden",
			server: func(s *server) {
				s.add(kube.Pods, named("mine/1"))
				s.forbidKinds(append(Kinds(), kube.Namespaces)...)
			},
			objects: []string{"Pod mine/1"}, done: []string{"mine"},
			gaps: []string{"kind/namespaces forbidden", "kind/pods forbidden"}, says: "only namespace mine is scanned",
		},
		{
			name: "in the context's namespace, which is all that is left, a kind is forbidden",
			server: func(s *server) {
				s.add(kube.Pods, named("mine/1"))
				s.forbidKinds(append(Kinds(), kube.Namespaces)...)
				s.forbid(kube.Deployments, "mine")
			},
			objects: []string{"Pod mine/1"}, done: []string{"mine"},
			gaps: []string{"kind/namespaces forbidden", "kind/deployments.apps owner-unresolved", "kind/pods forbidden"},
		},
		{
			name: "the context's namespace is empty",
			server: func(s *server) {
				s.namespace("mine")
				s.forbidKinds(append(Kinds(), kube.Namespaces)...)
			},
			objects: []string{}, done: []string{"mine"},
			gaps: []string{"kind/namespaces forbidden", "kind/pods forbidden"},
		},
		{
			name:    "the context's namespace is not there",
			server:  func(s *server) { s.forbidKinds(append(Kinds(), kube.Namespaces)...) },
			objects: []string{}, done: []string{"mine"},
			gaps: []string{"kind/namespaces forbidden", "namespace/mine not-found", "kind/pods forbidden"},
		},
		{
			name: "nobody says whether the context's namespace is there",
			server: func(s *server) {
				s.forbidKinds(append(Kinds(), kube.Namespaces)...)
				s.forbid(kube.Namespaces, "mine")
			},
			objects: []string{}, done: []string{"mine"},
			gaps: []string{"kind/namespaces forbidden", "namespace/mine unreadable", "kind/pods forbidden"},
		},
		{
			name: "the context's namespace is forbidden too",
			server: func(s *server) {
				s.forbidKinds(append(Kinds(), kube.Namespaces)...)
				for _, r := range Kinds() {
					s.forbid(r, "mine")
				}
			},
			objects: []string{}, done: []string{},
			gaps: []string{"kind/namespaces forbidden", "cluster forbidden"},
		},
		{
			name: "the context's namespace is excluded",
			server: func(s *server) {
				s.add(kube.Pods, named("mine/1"))
				s.forbidKinds(append(Kinds(), kube.Namespaces)...)
			},
			options: Options{Exclude: []string{"mine"}},
			objects: []string{}, done: []string{},
			gaps: []string{"kind/namespaces forbidden", "cluster forbidden"},
		},
		{
			name: "everything is excluded", server: func(s *server) { s.forbidKinds(Kinds()...) },
			options: Options{Exclude: []string{"a", "b", "c"}},
			objects: []string{}, done: []string{}, complete: true,
		},
		{
			name: "a permission is taken away in the middle",
			server: func(s *server) {
				s.faults[place{kube.Pods, ""}] = later(1, fails(http.StatusForbidden, metav1.StatusReasonForbidden))
			},
			options: Options{PageSize: 1},
			objects: slices.DeleteFunc(shopIn("a", "b"), func(s string) bool { return strings.HasPrefix(s, "Pod") && s != "Pod a/web-1-x" }),
			done:    []string{"a", "b"},
			gaps:    []string{"cluster forbidden"}, says: "namespace a and those after it were not read, or not to their end",
		},

		// Namespaces that were named.
		{
			name: "named", options: Options{Namespaces: []string{"c", "a"}},
			objects: shopIn("a"), done: []string{"a", "c"}, complete: true,
		},
		{
			name: "named, but not there", options: Options{Namespaces: []string{"a", "nowhere"}},
			objects: shopIn("a"), done: []string{"a"},
			gaps: []string{"namespace/nowhere not-found"}, says: "there is no namespace nowhere",
		},
		{
			name: "named, and whether they are there can't be asked", options: Options{Namespaces: []string{"a", "c"}},
			server:  func(s *server) { s.forbid(kube.Namespaces, "a", "c") },
			objects: shopIn("a"), done: []string{"a", "c"},
			gaps: []string{"namespace/c unreadable"}, says: "nothing was found in it, and whether it exists could not be asked",
		},
		{
			name: "named, and asking goes wrong", options: Options{Namespaces: []string{"a", "b"}},
			server:  func(s *server) { s.faults[place{kube.Namespaces, "b"}] = ill },
			objects: shopIn("a"), done: []string{"a"},
			gaps: []string{"namespace/b unreadable"}, says: "made for this test",
		},
		{
			name: "named and forbidden", options: Options{Namespaces: []string{"a", "b"}},
			server: func(s *server) {
				for _, r := range Kinds() {
					s.forbid(r, "b")
				}
			},
			objects: shopIn("a"), done: []string{"a"},
			gaps: []string{"namespace/b forbidden"},
		},
		{
			name: "a namespace vanishes", options: Options{Namespaces: []string{"a", "c"}},
			server:  func(s *server) { s.faults[place{kube.Namespaces, "c"}] = later(1, notFound) },
			objects: shopIn("a"), done: []string{"a", "c"},
			gaps: []string{"namespace/c vanished"}, says: "deleted during the scan",
		},

		// Kinds.
		{
			name:   "a kind is forbidden",
			server: func(s *server) { s.forbid(kube.Deployments, "", "a", "b", "c") },
			objects: []string{
				"ReplicaSet a/web-1", "Pod a/web-1-x", "Pod a/web-1-y", // judged in place of their Deployment
				"ReplicaSet b/web-1", "Pod b/web-1-x", "Pod b/web-1-y",
			},
			gaps: []string{"kind/deployments.apps owner-unresolved"}, says: "in none of 3 namespaces: listing deployments.apps in namespace a: made for this test; their pods are judged, templates without pods are not",
			complete: true,
		},
		{
			name:    "a kind is forbidden in one namespace",
			server:  func(s *server) { s.forbid(kube.Deployments, "", "a") },
			objects: slices.Concat([]string{"ReplicaSet a/web-1", "Pod a/web-1-x", "Pod a/web-1-y"}, shopIn("b")),
			gaps:    []string{"namespace/a/deployments.apps owner-unresolved"}, complete: true,
		},
		{
			name: "a kind that was asked for is forbidden", options: Options{Kinds: []kube.Resource{kube.Pods, kube.Deployments}},
			server:  func(s *server) { s.forbid(kube.Deployments, "", "a", "b", "c") },
			objects: without(shopIn("a", "b"), "Deployment"), done: []string{"a", "b"},
			gaps: []string{"kind/deployments.apps forbidden"},
		},
		{
			name: "owners are forbidden where only pods were asked for", options: Options{Kinds: podsOnly},
			server:  func(s *server) { s.forbid(kube.ReplicaSets, "", "a", "b", "c") },
			objects: []string{"Pod a/web-1-x", "Pod a/web-1-y", "Pod b/web-1-x", "Pod b/web-1-y"},
			gaps:    []string{"kind/replicasets.apps owner-unresolved"}, says: "pods that they own are shown under their direct owner", complete: true,
		},
		{
			name:     "the server does not know a kind",
			server:   func(s *server) { s.faults[place{kube.PodTemplates, ""}] = notFound },
			gaps:     []string{"kind/podtemplates owner-unresolved"},
			complete: true,
		},
		{
			name: "the server does not know a kind that was asked for", options: Options{Kinds: []kube.Resource{kube.CronJobs, kube.Deployments}},
			server:  func(s *server) { s.faults[place{kube.CronJobs, ""}] = notFound },
			objects: []string{"Deployment a/web", "Deployment b/web"}, done: []string{"a", "b"},
			gaps: []string{"kind/cronjobs.batch unsupported"},
		},

		// Things that go wrong, again and again.
		{
			name:    "pods fail in the middle",
			server:  func(s *server) { s.faults[place{kube.Pods, ""}] = later(2, ill) },
			options: Options{PageSize: 1},
			objects: without(shopIn("a", "b"), "Pod b/"), done: []string{"a", "b"},
			gaps: []string{"cluster unreadable"}, says: "listing pods in all namespaces: made for this test (tried 3 times); namespace a and those after it were not read, or not to their end",
		},
		{
			name:    "owners fail in the middle",
			server:  func(s *server) { s.faults[place{kube.Deployments, ""}] = later(1, ill) },
			options: Options{PageSize: 1},
			// From then on ReplicaSets are judged themselves.
			objects: []string{
				"Deployment a/web", "ReplicaSet a/web-1 (owner only)", "Pod a/web-1-x", "Pod a/web-1-y",
				"ReplicaSet b/web-1", "Pod b/web-1-x", "Pod b/web-1-y",
			},
			gaps: []string{"kind/deployments.apps unreadable"},
		},
		{
			name: "owners fail in the middle, pods are forbidden where it is",
			server: func(s *server) {
				s.faults[place{kube.Deployments, ""}] = later(1, ill)
				s.forbid(kube.Pods, "", "a")
			},
			options: Options{PageSize: 1},
			objects: []string{"Deployment a/web", "ReplicaSet a/web-1 (owner only)", "ReplicaSet b/web-1", "Pod b/web-1-x", "Pod b/web-1-y"},
			gaps:    []string{"kind/deployments.apps unreadable", "namespace/a forbidden"},
		},
		{
			name:    "namespaces fail",
			server:  func(s *server) { s.faults[place{kube.Namespaces, ""}] = ill },
			objects: shopIn("a", "b"), done: []string{"a", "b"},
			gaps: []string{"kind/namespaces unreadable"},
		},
		{
			name: "pods take too long", timeout: "200ms",
			server: func(s *server) { s.faults[place{kube.Pods, ""}] = stalls },
			// All that is left are templates.
			objects: without(shopIn("a", "b"), "Pod"), done: []string{"a", "b"},
			gaps: []string{"cluster timed-out"},
		},
		{
			name:    "the server is gone in the middle",
			server:  func(s *server) { s.always = goneAfterFirstPages },
			options: Options{PageSize: 1},
			objects: without(shopIn("a"), "Pod a/web-1-y"), done: []string{"a"},
			gaps: []string{"cluster unreadable"}, says: "listing pods in all namespaces: cannot reach http://127.0.0.1",
		},
		{
			name: "the server is gone while namespaces are listed one by one",
			server: func(s *server) {
				s.forbidKinds(Kinds()...)
				for _, r := range Kinds() {
					s.faults[place{r, "b"}] = babbles
					s.faults[place{r, "c"}] = babbles
				}
			},
			objects: shopIn("a"), done: []string{"a"},
			gaps: []string{"cluster unreadable"}, says: "namespace b and those after it were not read",
		},
		{
			name: "the list goes on at another moment",
			server: func(s *server) {
				s.faults[place{kube.Pods, ""}] = func(w http.ResponseWriter, r *request) bool {
					if r.token == "" || r.nth > 2 {
						return false
					}
					sendStatus(w, metav1.Status{Code: http.StatusGone, Reason: metav1.StatusReasonExpired, Message: "too old"})
					return true
				}
			},
			options: Options{PageSize: 1},
			gaps:    []string{"kind/pods inconsistent"}, complete: true,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := shop(t)
			if tt.server != nil {
				tt.server(s)
			}
			got := read(t, s.client(t, func(o *kube.Options) { o.Overrides.Timeout = tt.timeout }), tt.options)
			if got.err != nil {
				t.Fatal(got.err)
			}
			if tt.objects == nil {
				tt.objects = shopIn("a", "b")
			}
			if tt.done == nil {
				tt.done = []string{"a", "b", "c"}
			}
			if diff := cmp.Diff(tt.objects, got.objects, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("objects (-want +got): %s", diff)
			}
			if diff := cmp.Diff(tt.done, got.done, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("done (-want +got): %s", diff)
			}
			if diff := cmp.Diff(tt.gaps, got.gaps()); diff != "" {
				t.Errorf("gaps (-want +got): %s\n%+v", diff, got.coverage)
			}
			if tt.says != "" {
				scope, _, _ := strings.Cut(tt.gaps[0], " ")
				got.says(t, scope, tt.says)
			}
			if got.complete() != tt.complete {
				t.Errorf("complete is %v", got.complete())
			}
		})
	}
}
