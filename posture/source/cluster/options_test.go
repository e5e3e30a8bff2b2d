package cluster

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubeassay/assay/kube"
)

func TestNewRefuses(t *testing.T) {
	for _, tt := range []struct {
		name string
		o    Options
		want string
	}{
		{"label selector", Options{Selector: "a == !"}, `the label selector "a == !" can't be read`},
		{"field selector", Options{FieldSelector: "a"}, `the field selector "a" can't be read`},
		{"field selector for other kinds", Options{FieldSelector: "a=b", Kinds: []kube.Resource{kube.Pods, kube.Jobs}}, "chooses pods only"},
		{"kind without containers", Options{Kinds: []kube.Resource{kube.Nodes}}, "nodes hold no containers"},
		{"asked for and excluded", Options{Namespaces: []string{"a", "b"}, Exclude: []string{"b"}}, "namespace b is both"},
		{"no name", Options{Namespaces: []string{""}}, `"" can't be the name of a namespace`},
		{"another path of the API", Options{Namespaces: []string{".."}}, `".." can't be the name of a namespace`},
		{"a path below", Options{Namespaces: []string{"a/pods"}}, `"a/pods" can't be the name of a namespace`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := New(nil, tt.o); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("err = %v, want %q", err, tt.want)
			}
		})
	}
}

// tree is pods of a Deployment and of a CronJob, with all that is in between,
// and a few that nobody owns. Only "a=1" is chosen.
func tree(t *testing.T) *server {
	s := newServer(t)
	chosen := labelled("a", "1")
	s.add(kube.Deployments, named("n/web", chosen), named("n/other"))
	s.add(kube.ReplicaSets,
		named("n/web-1", ownedBy(kube.Deployments, "web")),
		named("n/web-2", ownedBy(kube.Deployments, "web"), chosen),
		named("n/alone", chosen), named("n/alone-too"),
		named("n/canary-1", ownedBy(kube.Resource{Group: "argoproj.io", Version: "v1alpha1", Kind: "Rollout"}, "canary"), chosen))
	s.add(kube.CronJobs, named("n/nightly", chosen))
	s.add(kube.Jobs, named("n/nightly-1", ownedBy(kube.CronJobs, "nightly"), chosen), named("n/once", chosen), named("n/once-too"))
	s.add(kube.DaemonSets, named("n/agent", ownedBy(kube.Deployments, "web"), chosen))
	s.add(kube.Pods,
		named("n/p1", chosen, ownedBy(kube.ReplicaSets, "web-1"), onNode("n1")), named("n/p2", onNode("n2")), named("n/p3", chosen, onNode("n2")))
	return s
}

func onNode(name string) func(*metav1.ObjectMeta) {
	return func(m *metav1.ObjectMeta) { m.Annotations = map[string]string{"node": name} }
}

// What is asked of the server, and what is judged of what it sends.
func TestSelection(t *testing.T) {
	for _, tt := range []struct {
		name    string
		o       Options
		objects []string
		asked   []string
	}{
		{
			"everything", Options{},
			[]string{
				"Deployment n/other", "Deployment n/web", "ReplicaSet n/alone", "ReplicaSet n/alone-too", "ReplicaSet n/canary-1",
				"ReplicaSet n/web-1 (owner only)", "ReplicaSet n/web-2 (owner only)",
				// Its template is no copy of the Deployment's.
				"DaemonSet n/agent",
				"CronJob n/nightly", "Job n/nightly-1 (owner only)", "Job n/once", "Job n/once-too",
				"Pod n/p1", "Pod n/p2", "Pod n/p3",
			},
			[]string{
				"cronjobs.batch", "daemonsets.apps", "deployments.apps", "jobs.batch", "namespaces, metadata", "pods",
				"podtemplates", "replicasets.apps", "replicationcontrollers", "statefulsets.apps",
			},
		},
		{
			"by label", Options{Selector: "a=1"},
			[]string{
				"Deployment n/web", "ReplicaSet n/alone", "ReplicaSet n/alone-too (owner only)", "ReplicaSet n/canary-1",
				"ReplicaSet n/web-1 (owner only)", "ReplicaSet n/web-2 (owner only)", "DaemonSet n/agent",
				"CronJob n/nightly", "Job n/nightly-1 (owner only)", "Job n/once", "Job n/once-too (owner only)",
				"Pod n/p1", "Pod n/p3",
			},
			[]string{
				"cronjobs.batch, labels a=1", "daemonsets.apps, labels a=1", "deployments.apps, labels a=1", "jobs.batch", "namespaces, metadata",
				"pods, labels a=1", "podtemplates, labels a=1", "replicasets.apps", "replicationcontrollers, labels a=1", "statefulsets.apps, labels a=1",
			},
		},
		{
			"pods by field", Options{FieldSelector: "spec.nodeName=n2"},
			[]string{
				"ReplicaSet n/alone (owner only)", "ReplicaSet n/alone-too (owner only)", "ReplicaSet n/canary-1 (owner only)", "ReplicaSet n/web-1 (owner only)", "ReplicaSet n/web-2 (owner only)",
				"Job n/nightly-1 (owner only)", "Job n/once (owner only)", "Job n/once-too (owner only)",
				"Pod n/p2", "Pod n/p3",
			},
			[]string{"jobs.batch, metadata", "namespaces, metadata", "pods, fields spec.nodeName=n2", "replicasets.apps, metadata"},
		},
		{
			"pods only", Options{Kinds: []kube.Resource{kube.Pods}, Selector: "a=1"},
			[]string{
				"ReplicaSet n/alone (owner only)", "ReplicaSet n/alone-too (owner only)", "ReplicaSet n/canary-1 (owner only)", "ReplicaSet n/web-1 (owner only)", "ReplicaSet n/web-2 (owner only)",
				"Job n/nightly-1 (owner only)", "Job n/once (owner only)", "Job n/once-too (owner only)",
				"Pod n/p1", "Pod n/p3",
			},
			[]string{"jobs.batch, metadata", "namespaces, metadata", "pods, labels a=1", "replicasets.apps, metadata"},
		},
		{
			"templates only", Options{Kinds: []kube.Resource{kube.ReplicaSets, kube.DaemonSets}},
			[]string{"ReplicaSet n/alone", "ReplicaSet n/alone-too", "ReplicaSet n/canary-1", "ReplicaSet n/web-1", "ReplicaSet n/web-2", "DaemonSet n/agent"},
			[]string{"daemonsets.apps", "namespaces, metadata", "replicasets.apps"},
		},
		{
			"in a namespace", Options{Kinds: []kube.Resource{kube.CronJobs}, Namespaces: []string{"n"}},
			[]string{"CronJob n/nightly"},
			[]string{"cronjobs.batch in n", "get namespaces in n"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := tree(t)
			got := read(t, s.client(t), tt.o)
			if diff := cmp.Diff(tt.objects, got.objects); diff != "" {
				t.Errorf("objects (-want +got): %s", diff)
			}
			if diff := cmp.Diff(tt.asked, s.asked()); diff != "" {
				t.Errorf("requests (-want +got): %s", diff)
			}
			if !got.complete() {
				t.Errorf("not complete: %v %+v", got.err, got.coverage)
			}
		})
	}
}

// What a plan says is what a reading asks for.
func TestNeedsAreWhatIsAsked(t *testing.T) {
	for _, o := range []Options{
		{}, {Nodes: true}, {Kinds: podsOnly, Nodes: true}, {FieldSelector: "spec.nodeName=n1"},
		{Namespaces: []string{"n", "m", "n"}}, {Kinds: []kube.Resource{kube.Jobs}},
	} {
		s := tree(t)
		s.namespace("m")
		s.add(kube.Pods, named("m/1"))
		s.add(kube.Jobs, named("m/1"))
		src, err := New(s.client(t), o)
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]bool{}
		for _, n := range src.Needs() {
			key := n.Verb + " " + n.Resource.String() + " " + n.Namespace
			if want[key] {
				t.Errorf("%+v: %s is needed twice", o, key)
			}
			want[key] = true
			if n.For == "" {
				t.Errorf("%+v: %s is for nothing", o, key)
			}
		}
		if got := readAll(t, t.Context(), src); !got.complete() {
			t.Errorf("%+v: %+v", o, got.coverage)
		}
		asked := map[string]bool{}
		for _, r := range s.requests {
			verb := "list"
			if r.get {
				verb = "get"
			}
			asked[verb+" "+r.resource.String()+" "+r.namespace] = true
		}
		if diff := cmp.Diff(want, asked); diff != "" {
			t.Errorf("%+v (-needed +asked): %s", o, diff)
		}
	}
}

func TestNamespaces(t *testing.T) {
	s := shop(t)
	list := func(o Options) ([]string, int) {
		t.Helper()
		src, err := New(s.client(t), o)
		if err != nil {
			t.Fatal(err)
		}
		names, gaps, err := src.Namespaces(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return names, len(gaps)
	}
	for _, tt := range []struct {
		o    Options
		want []string
		gaps int
	}{
		{Options{Exclude: []string{"b"}}, []string{"a", "c"}, 0},
		{Options{Namespaces: []string{"c", "nowhere"}}, []string{"c"}, 1},
	} {
		names, gaps := list(tt.o)
		if diff := cmp.Diff(tt.want, names); diff != "" || gaps != tt.gaps {
			t.Errorf("%+v: %d gaps, %s", tt.o, gaps, diff)
		}
	}
	s.forbidKinds(kube.Namespaces)
	if names, gaps := list(Options{}); len(names) > 0 || gaps != 1 {
		t.Errorf("forbidden: %v, %d gaps", names, gaps)
	}
}
