package docs

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"k8s.io/apiserver/pkg/apis/audit"
	"k8s.io/apiserver/pkg/audit/policy"

	"github.com/kubeassay/assay/inspect/access"
	"github.com/kubeassay/assay/inspect/snapshot"
)

// claimed is a test that a page names as its proof: [`TestX`](its file).
var claimed = regexp.MustCompile("`(Test[A-Z]\\w*)`(?:\\]\\(([^)]+)\\))?")

// TestNamedTestsExist: the risk analysis names the tests that prove it, each
// with the file that it is in.
func TestNamedTestsExist(t *testing.T) {
	const folder = "docs/security"
	rows := 0
	for i, line := range read(t, folder+"/README.md") {
		names := claimed.FindAllStringSubmatch(line, -1)
		if strings.HasPrefix(line, "| ") && len(names) > 0 {
			rows++
		}
		for _, n := range names {
			if n[2] == "" {
				t.Errorf("line %d: %s has no link to its file", i+1, n[1])
				continue
			}
			file, err := os.ReadFile(filepath.Join(root, folder, n[2]))
			if err != nil {
				t.Errorf("line %d: %v", i+1, err)
			} else if !strings.Contains(string(file), "\nfunc "+n[1]+"(t *testing.T) {") {
				t.Errorf("line %d: there is no %s in %s", i+1, n[1], n[2])
			}
		}
	}
	if rows < 15 {
		t.Errorf("only %d rows name a test: the page has another form than this test knows", rows)
	}
}

// TestEveryMitigationIsProved: no row of the scenarios stands without a test.
func TestEveryMitigationIsProved(t *testing.T) {
	inside := false
	for i, line := range read(t, "docs/security/README.md") {
		switch {
		case strings.HasPrefix(line, "| what limits it |"):
			inside = true
		case !strings.HasPrefix(line, "|"):
			inside = false
		case inside && !strings.HasPrefix(line, "| ---") && !claimed.MatchString(line):
			t.Errorf("line %d names no test: %s", i+1, line)
		}
	}
}

// TestFrameworkIdentifiers compares the identifiers with the lists of them,
// where those are beside the checkout.
func TestFrameworkIdentifiers(t *testing.T) {
	known := map[string]string{}
	for short, name := range map[string]string{"NIST": "nist-800-190", "CIS": "cis-kubernetes", "STIG": "disa-k8s-stig", "NSA": "nsa-cisa"} {
		file, err := os.ReadFile(filepath.Join(root, "..", "shared", "frameworks", name+".tsv"))
		if errors.Is(err, fs.ErrNotExist) {
			t.Skip("the lists of identifiers are not here")
		}
		if err != nil {
			t.Fatal(err)
		}
		known[short] = "\n" + string(file)
	}
	found, inside := 0, false
	for i, line := range read(t, "docs/security/README.md") {
		if inside = (inside || strings.HasPrefix(line, "| what it is about | identifiers |")) && strings.HasPrefix(line, "|"); !inside {
			continue
		}
		for list := range strings.SplitSeq(strings.Split(line, "|")[2], ";") {
			short, ids, _ := strings.Cut(strings.TrimSpace(list), " ")
			for id := range strings.SplitSeq(strings.ReplaceAll(ids, " to ", ", "), ", ") {
				if known[short] == "" || id == "" {
					continue // the heading
				}
				found++
				if !strings.Contains(known[short], "\n"+id+"\t") {
					t.Errorf("line %d: %s is no identifier of %s", i+1, id, short)
				}
			}
		}
	}
	if found < 20 {
		t.Errorf("only %d identifiers: the page has another form than this test knows", found)
	}
}

// rightsOfGrants is what access each approach is given.
func rightsOfGrants(*testing.T, *runner) string {
	var b strings.Builder
	b.WriteString("| approach | in the target's namespace | in the scanner's namespace |\n| --- | --- | --- |\n")
	for _, a := range []snapshot.Approach{snapshot.KubernetesAPI, snapshot.DebugContainer, snapshot.SidecarContainer, snapshot.ImageVolume} {
		cells := map[string]string{"target": "–", "scanner": "–"}
		for _, need := range access.ForApproach(a, "target", []string{"POD"}, "scanner") {
			cells[need.Namespace] = "`" + strings.Join(need.Strings(), "`, `") + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", a, cells["target"], cells["scanner"])
	}
	return strings.TrimSpace(b.String())
}

// rightsToMakeGrants is what their maker needs besides.
func rightsToMakeGrants(*testing.T, *runner) string {
	var b strings.Builder
	needs := access.ForApproach(snapshot.KubernetesAPI, "the target's namespace", []string{"POD"}, "")
	for _, w := range access.CreatorNeeds(needs, "the account's namespace") {
		resource := w.Resource.String()
		if w.Subresource != "" {
			resource += "/" + w.Subresource
		}
		fmt.Fprintf(&b, "- `%s %s` in %s\n", w.Verb, resource, w.Namespace)
	}
	return strings.TrimSpace(b.String())
}

// TestAuditPolicy loads the example as the API server does.
func TestAuditPolicy(t *testing.T) {
	p, err := policy.LoadPolicyFromFile(filepath.Join(root, "docs", "security", "audit-policy.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range p.Rules {
		for _, g := range r.Resources {
			for _, name := range g.Resources {
				// A token, and what goes through a stream, is in bodies.
				if (name == "serviceaccounts/token" || name == "pods/exec") && r.Level != audit.LevelMetadata {
					t.Errorf("%s is logged at level %s: that would log secrets", name, r.Level)
				}
			}
		}
	}
}

// TestUnrecordedExecs: the query finds what no trail has recorded, and nothing else.
func TestUnrecordedExecs(t *testing.T) {
	jq, err := exec.LookPath("jq")
	if err != nil {
		t.Skip("jq is not installed: the query of docs/security is not tried")
	}
	const trail = `
{"n":1,"time":"2026-01-02T03:04:04.9Z","verb":"get","resource":"pods/exec","namespace":"shop","name":"cart-1","status":101,"argv":["sh","-c","echo \"$1\" | (cat *) 'x'!~ \n+%","ä"]}
{"n":2,"time":"2026-01-02T03:04:04.9Z","verb":"list","resource":"pods"}
{"n":3,"time":"2026-01-02T03:04:04.9Z","verb":"get","path":"/version"}
{"n":4,"time":"2026-01-02T03:04:04.9Z","verb":"get","resource":"pods/exec","namespace":"shop","name":"db-1","status":403}
{"n":5,"time":"2026-01-02T03:04:04.9Z","verb":"patch","resource":"pods/ephemeralcontainers","namespace":"shop","name":"cart-1","status":200}
`
	argv := url.Values{"command": {"sh", "-c", "echo \"$1\" | (cat *) 'x'!~ \n+%", "ä"}, "container": {"app"}, "stdin": {"true"}}.Encode()
	ours := "system:serviceaccount:assay-system:assay-inspect-a"
	var events strings.Builder
	n := 0
	event := func(name, user, at, pod, subresource, query string, status int, more string) {
		n++
		fmt.Fprintf(&events, `{"auditID":"%d","stage":"ResponseStarted","requestReceivedTimestamp":"2026-01-02T%s.123456Z","user":{"username":%q},"objectRef":{"resource":"pods","subresource":%q,"namespace":"shop","name":%q},"requestURI":"/%s?%s","responseStatus":{"code":%d}%s}`+"\n",
			n, at, user, subresource, pod, name, query, status, more)
	}
	const at, later = "03:04:05", "03:05:05"
	event("recorded", ours, at, "cart-1", "exec", argv, 101, "")
	event("long-after", ours, later, "cart-1", "exec", argv, 101, "")
	n-- // its end
	event("its-end", ours, later, "cart-1", "exec", argv, 101, "")
	event("elsewhere", ours, at, "db-0", "exec", argv, 101, "")
	event("another-command", ours, at, "cart-1", "exec", "command=id&container=app", 101, "")
	event("refused-and-recorded", ours, at, "db-1", "exec", "command=id", 403, "")
	event("not-refused", ours, at, "db-1", "exec", "command=id", 101, "")
	event("attach", ours, at, "cart-1", "attach", "container=app", 101, "")
	event("recorded-container", ours, at, "cart-1", "ephemeralcontainers", "", 200, "")
	event("container", ours, at, "db-0", "ephemeralcontainers", "", 200, "")
	event("standing-account", "system:serviceaccount:any:assay-inspect", at, "db-0", "exec", argv, 101, "")
	event("impersonated", "jo", at, "db-0", "exec", argv, 101, `,"impersonatedUser":{"username":"`+ours+`"}`)
	event("somebody", "jo", at, "db-0", "exec", argv, 101, "")
	event("similar", "system:serviceaccount:any:assay-inspector", at, "db-0", "exec", argv, 101, "")
	event("handed-out", "system:serviceaccount:any:assay-handout-a", at, "db-0", "exec", argv, 101, "")
	event("a-read", ours, at, "db-0", "", "", 200, "")
	file := filepath.Join(t.TempDir(), "calls.jsonl")
	if err := os.WriteFile(file, []byte(trail), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), jq, "-cn", "--slurpfile", "trail", file, "-f", filepath.Join(root, "docs", "security", "unrecorded-execs.jq"))
	cmd.Stdin = strings.NewReader(events.String())
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, errs.String())
	}
	var got []string
	for _, m := range regexp.MustCompile(`"uri":"/([^?"]*)`).FindAllStringSubmatch(string(out), -1) {
		got = append(got, m[1])
	}
	want := []string{"long-after", "elsewhere", "another-command", "not-refused", "attach", "container", "standing-account", "impersonated"}
	if !slices.Equal(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
}
