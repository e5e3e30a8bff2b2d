package access_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/kubeassay/assay/inspect/access"
	"github.com/kubeassay/assay/inspect/snapshot"
)

// lines are needs in words, with their namespaces.
func lines(needs []access.Need) []string {
	var all []string
	for _, n := range needs {
		for _, s := range n.Strings() {
			all = append(all, n.Namespace+": "+s)
		}
	}
	return all
}

func TestForApproach(t *testing.T) {
	for _, tt := range []struct {
		approach snapshot.Approach
		scanner  string
		want     []string
	}{
		{snapshot.KubernetesAPI, "scan", []string{
			"shop: get pods/a", "shop: get pods/b", "shop: get,create pods/a/exec", "shop: get,create pods/b/exec",
		}},
		{snapshot.SidecarContainer, "", []string{
			"shop: get pods/a", "shop: get pods/b", "shop: get,create pods/a/exec", "shop: get,create pods/b/exec",
		}},
		{snapshot.DebugContainer, "", []string{
			"shop: get,list,watch pods/a", "shop: get,list,watch pods/b",
			"shop: patch pods/a/ephemeralcontainers", "shop: patch pods/b/ephemeralcontainers",
			"shop: get,create pods/a/exec", "shop: get,create pods/b/exec",
		}},
		{snapshot.ImageVolume, "scan", []string{
			"scan: create,delete,get,list,watch pods", "scan: get,create pods/exec", "shop: get pods/a", "shop: get pods/b",
		}},
	} {
		got := lines(access.ForApproach(tt.approach, "shop", []string{"b", "a", "b"}, tt.scanner))
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s:\n got %q\nwant %q", tt.approach, got, tt.want)
		}
		// Without pods, a rule would be for every pod.
		if got := access.ForApproach(tt.approach, "shop", nil, tt.scanner); got != nil {
			t.Errorf("%s without pods: %q", tt.approach, lines(got))
		}
	}
}

// TestStandingRoles: without namespaces nothing is bound, but for the pods of
// ours, which live in a namespace of ours.
func TestStandingRoles(t *testing.T) {
	for _, tt := range []struct {
		approach   snapshot.Approach
		namespaces []string
		want       []string
	}{
		{snapshot.KubernetesAPI, nil, []string{"kind: ClusterRole"}},
		{snapshot.KubernetesAPI, []string{"a", "b"}, []string{"kind: Role", "kind: RoleBinding", "kind: Role", "kind: RoleBinding"}},
		{snapshot.ImageVolume, nil, []string{"kind: ClusterRole", "kind: Role", "kind: RoleBinding"}},
		{snapshot.ImageVolume, []string{"a"}, []string{"kind: Role", "kind: RoleBinding", "kind: Role", "kind: RoleBinding"}},
	} {
		manifest, err := access.YAML(access.StandingRoles(tt.approach, tt.namespaces, "assay-system", ""))
		if err != nil {
			t.Fatal(err)
		}
		var kinds []string
		for line := range strings.Lines(string(manifest)) {
			if strings.HasPrefix(line, "kind: ") {
				kinds = append(kinds, strings.TrimSpace(line))
			}
		}
		if !slices.Equal(kinds, tt.want) {
			t.Errorf("%s in %q: %q, want %q\n%s", tt.approach, tt.namespaces, kinds, tt.want, manifest)
		}
		if strings.Contains(string(manifest), "/target") || strings.Contains(string(manifest), "null") {
			t.Errorf("%s:\n%s", tt.approach, manifest)
		}
	}
}
