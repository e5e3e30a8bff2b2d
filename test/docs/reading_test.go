package docs

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/kubeassay/assay/kube"
	"github.com/kubeassay/assay/posture"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/check/builtin"
	"github.com/kubeassay/assay/posture/component"
	"github.com/kubeassay/assay/posture/source/cluster"
)

// permissions lists what a scan of everything asks for.
func permissions(t *testing.T, _ *runner) string {
	var b strings.Builder
	b.WriteString("| permission | needed | what it is used for |\n| --- | --- | --- |\n")
	for _, n := range needs(t) {
		needed := "no"
		if n.Required {
			needed = "yes"
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", permission(&n), needed, n.For)
	}
	return strings.TrimSpace(b.String())
}

// permission names one as roles do.
func permission(n *cluster.Need) string {
	name := n.Verb + " " + n.Resource.String()
	if n.Subresource != "" {
		name += "/" + n.Subresource
	}
	return name
}

// needs are the permissions of a scan with these flags for what is off by default.
func needs(t *testing.T, flags ...string) []cluster.Need {
	t.Helper()
	o := kube.Options{}
	o.Overrides.ClusterInfo.Server = "http://127.0.0.1:1" // it is not asked
	client, err := kube.Connect(o)
	if err != nil {
		t.Fatal(err)
	}
	on, _ := builtin.Permitted(builtin.All(), flags...)
	src, err := cluster.New(client, cluster.Options{Nodes: true, Others: posture.Kinds(on)})
	if err != nil {
		t.Fatal(err)
	}
	return src.Needs()
}

// offByDefault lists the flags that permit what is off, with what each takes.
func offByDefault(t *testing.T, _ *runner) string {
	var b strings.Builder
	b.WriteString("| flag | permission | checks |\n| --- | --- | --- |\n")
	for _, flag := range []string{check.ReadSecrets, check.ReadConfigMaps, check.ReadKubelet} {
		var checks, permissions []string
		for _, c := range builtin.All() {
			if c.OptIn == flag {
				checks = append(checks, fmt.Sprintf("[%s](checks/%[1]s.md)", c.ID))
			}
		}
		without := needs(t)
		for _, n := range needs(t, flag) {
			if !slices.ContainsFunc(without, func(w cluster.Need) bool { return w.Want == n.Want }) {
				permissions = append(permissions, permission(&n))
			}
		}
		if len(checks) == 0 || len(permissions) == 0 {
			t.Errorf("--%s has the checks %v and takes %v", flag, checks, permissions)
		}
		const most = 5
		if more := len(checks) - most; more > 0 {
			checks = append(checks[:most], fmt.Sprintf("and %d more", more))
		}
		fmt.Fprintf(&b, "| `--%s` | %s | %s |\n", flag, strings.Join(permissions, ", "), strings.Join(checks, ", "))
	}
	return strings.TrimSpace(b.String())
}

// knownParts lists the parts of a cluster that are ranked lower for what they need.
func knownParts(t *testing.T, _ *runner) string {
	var b strings.Builder
	b.WriteString("| part | known by | why |\n| --- | --- | --- |\n")
	code := func(list []string) string { return "`" + strings.Join(list, "`, `") + "`" }
	all := builtin.IDs(builtin.All())
	for _, p := range component.All() {
		for _, id := range p.Checks {
			if !slices.Contains(all, id) {
				t.Errorf("posture/component: %s needs what %s finds, and there is no such check", p.Name, id)
			}
		}
		fmt.Fprintf(&b, "| %s | %s %s in %s, of the image %s | %s |\n",
			p.Name, strings.Join(p.Kinds, " or "), code(p.Names), code(p.Namespaces), code(p.Images), p.Reason)
	}
	return strings.TrimSpace(b.String())
}
