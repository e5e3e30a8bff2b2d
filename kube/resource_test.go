package kube

import (
	"slices"
	"strings"
	"testing"
	"testing/quick"
)

func TestParseResource(t *testing.T) {
	for text, want := range map[string]Resource{
		"pods": Pods, "pod": Pods, "po": Pods, "Pod": Pods, " PODS ": Pods, "pods.v1": Pods,
		"deployments.apps": Deployments, "deployments": Deployments, "deploy": Deployments, "Deployment": Deployments,
		"deployments.v1.apps": Deployments, "deploy.apps": Deployments,
		"rs": ReplicaSets, "sts": StatefulSets, "ds": DaemonSets, "jobs": Jobs, "cj": CronJobs, "cronjobs.batch": CronJobs,
		"rc": ReplicationControllers, "podtemplates": PodTemplates, "ns": Namespaces, "no": Nodes,
	} {
		if got, err := ParseResource(text); err != nil || got != want {
			t.Errorf("ParseResource(%q) = %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", ".", "podz", "pods.apps", "deployments.v1beta1.apps", "deployments.extensions", "deployments.v1", "secrets"} {
		if got, err := ParseResource(text); err == nil || !strings.Contains(err.Error(), "deployments.apps") {
			t.Errorf("ParseResource(%q) = %v, %v, want an error that lists what there is", text, got, err)
		}
	}
	for _, r := range Resources() {
		if got, err := ParseResource(r.String()); err != nil || got != r {
			t.Errorf("ParseResource(%q) = %v, %v", r, got, err)
		}
	}
}

func TestPath(t *testing.T) {
	for _, tt := range []struct {
		r               Resource
		namespace, want string
	}{
		{Pods, "", "/api/v1/pods"},
		{Pods, "shop", "/api/v1/namespaces/shop/pods"},
		{Deployments, "shop", "/apis/apps/v1/namespaces/shop/deployments"},
		{Nodes, "shop", "/api/v1/nodes"},
		{Pods, "a/../../secrets?x", "/api/v1/namespaces/a%2F..%2F..%2Fsecrets%3Fx/pods"},
	} {
		if got := tt.r.path(tt.namespace); got != tt.want {
			t.Errorf("path(%v, %q) = %s, want %s", tt.r, tt.namespace, got, tt.want)
		}
	}
}

// The order is that of the joined keys, found without joining them.
func TestCompareKeys(t *testing.T) {
	names := []string{"", "a", "a-b", "a-", "a.b", "a0", "ab", "b", "b-a"}
	pick := func(i uint8) string { return names[int(i)%len(names)] }
	same := func(a, b, c, d uint8) bool {
		nsA, nameA, nsB, nameB := pick(a), pick(b), pick(c), pick(d)
		return CompareKeys(nsA, nameA, nsB, nameB) == strings.Compare(nsA+"/"+nameA, nsB+"/"+nameB) &&
			CompareNamespaces(nsA, nsB) == strings.Compare(nsA+"/", nsB+"/")
	}
	if err := quick.Check(same, &quick.Config{MaxCount: 20000}); err != nil {
		t.Error(err)
	}
	keys := []string{"a", "a-b", "a.b", "ab"}
	slices.SortFunc(keys, CompareNamespaces)
	if got := strings.Join(keys, " "); got != "a-b a.b a ab" {
		t.Errorf("order: %s", got)
	}
}
