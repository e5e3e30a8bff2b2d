package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const accepted = "noise.assay.test/accept=yes"

// TestWaiversAndBaselinesOfACluster goes by labels and annotations of live
// objects, and by the labels of their namespaces.
func TestWaiversAndBaselinesOfACluster(t *testing.T) {
	t.Parallel()
	c := start(t)
	open, closed := c.namespace(t, "e2e-noise-", accepted), c.namespace(t, "e2e-noise-")
	const tools = `
apiVersion: apps/v1
kind: Deployment
metadata:
  name: tools
  labels: {app: tools}
  annotations:
    waive.assay.dev/run-as-root: "{reason: by hand only, owner: team@example.com, expires: 2099-01-31}"
spec:
  replicas: 0 # else pods of the old revision stay
  selector: {matchLabels: {app: tools}}
  template:
    metadata: {labels: {app: tools}}
    spec:
      nodeSelector: {nowhere: "true"}
      containers: [{name: app, image: "registry.test/pause:1", securityContext: {runAsUser: 0}}]
`
	c.apply(t, open, tools)
	c.apply(t, closed, tools)
	dir := t.TempDir()
	scan := func(code int, args ...string) string {
		t.Helper()
		all := flags([]string{"scan", "-q", "--checks", "run-as-root", "-n", open, "-n", closed}, c.admin(), args)
		return c.assay(t, all...).exits(t, code).stdout
	}
	want := func(what, out string, times int, parts ...string) {
		t.Helper()
		for _, part := range parts {
			if n := strings.Count(out, part); n != times {
				t.Errorf("%s: %q stands there %d times, want %d:\n%s", what, part, n, times, out)
			}
		}
	}
	want("nothing accepted", scan(1, "-o", "json"), 1, "2 objects carry waivers that were not accepted")
	want("one accepted", scan(1, "-o", "json", "--accept-annotations", accepted), 1,
		`"annotation": "waive.assay.dev/run-as-root"`, "Deployment/tools in namespace "+closed+" carries waivers that were not accepted")
	want("by name", scan(1, "-o", "json", "--accept-annotations", "kubernetes.io/metadata.name="+closed), 1,
		`"annotation": "waive.assay.dev/run-as-root"`, "Deployment/tools in namespace "+open+" carries")
	want("all accepted", scan(0, "-o", "json", "--accept-annotations", "*"), 2, `"annotation": "waive.assay.dev/run-as-root"`)

	waivers := filepath.Join(dir, "waivers.yaml")
	text := "apiVersion: assay.dev/v1alpha1\nkind: Waivers\nwaivers:\n- rule: run-as-root\n  target: {namespace: " + open +
		", labels: \"app=tools,tier!=web\"}\n  reason: known\n  owner: team@example.com\n  expires: 2099-01-31\n"
	if err := os.WriteFile(waivers, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	want("by labels", scan(1, "-o", "json", "--waivers", waivers), 1, `"reason": "known"`)

	old := filepath.Join(dir, "old.json")
	scan(1, "-o", "json="+old)
	want("nothing new", scan(0, "--baseline", old), 1, "Nothing new was found", "not counted: 2. Gone since then: 0.")
	c.deployment(t, closed, "web", 1) // whose image has no user
	c.patch(t, "apps/v1", "Deployment", open, "tools", "spec: {template: {spec: {containers: [{name: app, securityContext: {runAsUser: 1000}}]}}}")
	want("one more, one gone", scan(0, "--baseline", old, "-o", "json"), 1, `"name": "web"`, `"gone": 1,`, `"known": 1,`)

	latest := filepath.Join(dir, "new.json")
	scan(1, "-o", "json="+latest)
	want("compared", c.assay(t, "diff", old, latest).exits(t, 0).stdout, 1, "1 new, 0 changed, 1 gone, 1 as before.")
	part := filepath.Join(dir, "part.json")
	c.assay(t, flags([]string{"scan", "-q", "--checks", "run-as-root", "-n", open, "-o", "json=" + part}, c.admin())...).exits(t, 0)
	want("compared with a part", c.assay(t, "diff", old, part).exits(t, 2).stdout, 1, "1 gone, 1 not looked at", "namespace "+closed+" was not asked for")
}
