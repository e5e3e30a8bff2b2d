package e2e

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kubeassay/assay/kube/audit"
)

// TestAuditLog: the trail of two scans holds together, agrees with what the
// API server has seen, and gives nothing away.
func TestAuditLog(t *testing.T) {
	t.Parallel()
	c := start(t)
	ns := c.two(t)
	a := c.account(t, ns.a, "trail")
	a.grant(t, ns.a, allow("list", append(slices.Clone(ownerKinds), "pods")...)...)
	file := filepath.Join(t.TempDir(), "audit.jsonl")
	calls := 0
	for _, args := range [][]string{{"-n", ns.a}, {"-n", ns.a, "-n", ns.b, "--chunk-size", "1"}} {
		report := c.scan(t, a.flags(), append(args, "--audit-log", file)...).report(t)
		calls += report.Access.APICalls
		trail, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		lines, head, err := audit.Verify(bytes.NewReader(trail))
		if err != nil || lines != calls || head != report.Access.AuditHead {
			t.Errorf("the trail has %d lines, head %s, %v; want %d lines, head %s", lines, head, err, calls, report.Access.AuditHead)
		}
	}
	trail, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var seen []string
	for _, e := range a.events(t, calls) {
		if e.RequestURI == askVersion {
			seen = append(seen, fmt.Sprintf(`"path":%q`, askVersion))
			continue
		}
		seen = append(seen, fmt.Sprintf(`"verb":%q,"resource":%q`, e.Verb, strings.TrimSuffix(e.ObjectRef.Resource+"."+e.ObjectRef.APIGroup, ".")))
	}
	for _, s := range seen {
		if !bytes.Contains(trail, []byte(s)) {
			t.Errorf("the API server has seen %s, the trail has not", s)
		}
	}
	if !bytes.Contains(trail, []byte(`"status":403`)) || !bytes.Contains(trail, []byte(`"namespace":"`+ns.b+`"`)) {
		t.Error("what was refused is not in the trail")
	}
	for what, secret := range map[string]string{
		"the token": a.token, "a part of the token": a.token[:20], "an image, so a body": "registry.test", "a header": "Bearer",
	} {
		if bytes.Contains(trail, []byte(secret)) {
			t.Errorf("the trail holds %s", what)
		}
	}
	changed := bytes.Replace(trail, []byte(`"status":403`), []byte(`"status":200`), 1)
	if _, _, err := audit.Verify(bytes.NewReader(changed)); err == nil {
		t.Error("a changed trail holds together all the same")
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the trail's mode is %v, %v", info.Mode(), err)
	}
}
