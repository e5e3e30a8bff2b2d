package docs

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/internal/server/problem"
	"github.com/kubeassay/assay/kube"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/check/builtin"
	"github.com/kubeassay/assay/posture/source/cluster"
)

// generators write what the program itself knows.
var generators = map[string]func(*testing.T, *runner) string{
	"checks":                         checkList,
	"frameworks":                     frameworks,
	"language of profiles":           language,
	"coverage":                       coverage,
	"problems":                       problems,
	"permissions":                    permissions,
	"rights of grants":               rightsOfGrants,
	"rights to make grants":          rightsToMakeGrants,
	"parameters of GET /scan":        parameters("/scan"),
	"parameters of GET /v1/findings": parameters("/v1/findings"),
}

func checkList(*testing.T, *runner) string {
	var b strings.Builder
	b.WriteString("| check | severity | what it finds |\n| --- | --- | --- |\n")
	for _, c := range builtin.All() {
		fmt.Fprintf(&b, "| [%s](checks/%s.md) | %s | %s |\n", c.ID, c.ID, c.Severity, c.Title)
	}
	return strings.TrimSpace(b.String())
}

func problems(*testing.T, *runner) string {
	var b strings.Builder
	b.WriteString("| type | status | meaning |\n| --- | --- | --- |\n")
	for _, p := range problem.All() {
		fmt.Fprintf(&b, "| `%s` | %d | %s |\n", p.URI, p.Status, p.Meaning)
	}
	return strings.TrimSpace(b.String())
}

// coverage lists the states that the schema knows.
func coverage(t *testing.T, _ *runner) string {
	meanings := map[finding.CoverageState]string{
		finding.Forbidden:       "the credentials may not read it",
		finding.TimedOut:        "the server did not answer in time",
		finding.Vanished:        "it was there, and is no more",
		finding.NotFound:        "it was asked for, and there is none",
		finding.Unreadable:      "reading it failed for another reason",
		finding.Interrupted:     "the scan was stopped before it",
		finding.Unsupported:     "Assay, or this server, does not know it",
		finding.NotRunning:      "there is no running container to look into",
		finding.NotObserved:     "nobody could look inside, so weaker evidence decides",
		finding.Inconsistent:    "it was read, but in parts from different moments",
		finding.OwnerUnresolved: "pods were judged, but who owns them could not be read",
	}
	file, err := os.ReadFile(filepath.Join(root, "docs", "schema", "report-v1alpha1.json"))
	if err != nil {
		t.Fatal(err)
	}
	var schema struct {
		Defs map[string]struct{ Enum []finding.CoverageState } `json:"$defs"`
	}
	if err := json.Unmarshal(file, &schema); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString("| state | meaning | complete |\n| --- | --- | --- |\n")
	for _, s := range schema.Defs["CoverageState"].Enum {
		if meanings[s] == "" {
			t.Errorf("the state %s of coverage has no meaning here yet", s)
		}
		complete := "no"
		if s.Complete() {
			complete = "yes"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", s, meanings[s], complete)
	}
	return strings.TrimSpace(b.String())
}

// permissions lists what a scan of everything asks for.
func permissions(t *testing.T, _ *runner) string {
	o := kube.Options{}
	o.Overrides.ClusterInfo.Server = "http://127.0.0.1:1" // it is not asked
	client, err := kube.Connect(o)
	if err != nil {
		t.Fatal(err)
	}
	src, err := cluster.New(client, cluster.Options{Nodes: true})
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString("| permission | needed | what it is used for |\n| --- | --- | --- |\n")
	for _, n := range src.Needs() {
		needed := "no"
		if n.Required {
			needed = "yes"
		}
		fmt.Fprintf(&b, "| %s %s | %s | %s |\n", n.Verb, n.Resource, needed, n.For)
	}
	return strings.TrimSpace(b.String())
}

// parameters lists the query parameters of an endpoint as its OpenAPI
// description has them.
func parameters(path string) func(*testing.T, *runner) string {
	return func(t *testing.T, r *runner) string {
		r.serve(t)
		var api struct {
			Paths map[string]struct {
				Get struct {
					Parameters []struct{ Name, Description string }
				}
			}
		}
		if err := json.Unmarshal([]byte(r.output(t, "curl -s "+docsServer+"/openapi.json")), &api); err != nil {
			t.Fatal(err)
		}
		list := api.Paths[path].Get.Parameters
		if len(list) == 0 {
			t.Fatalf("%s has no parameters; the paths are %v", path, slices.Sorted(maps.Keys(api.Paths)))
		}
		var b strings.Builder
		b.WriteString("| parameter | meaning |\n| --- | --- |\n")
		for _, p := range list {
			fmt.Fprintf(&b, "| `%s` | %s |\n", p.Name, p.Description)
		}
		return strings.TrimSpace(b.String())
	}
}

// TestCheckPages compares the page of each check with the check.
func TestCheckPages(t *testing.T) {
	folder := filepath.Join(root, "docs", "checks")
	want := map[string]string{}
	for _, c := range builtin.All() {
		want[c.ID+".md"] = checkPage(c)
	}
	files, err := os.ReadDir(folder)
	if err != nil && !*update {
		t.Fatal(err)
	}
	for _, f := range files {
		if _, ok := want[f.Name()]; ok {
			continue
		}
		if !*update {
			t.Errorf("docs/checks/%s: there is no such check", f.Name())
		} else if err := os.Remove(filepath.Join(folder, f.Name())); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range want {
		path := filepath.Join(folder, name)
		if *update {
			if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if got, err := os.ReadFile(path); err != nil {
			t.Error(err)
		} else if string(got) != text {
			t.Errorf("docs/checks/%s does not say what the check says: go test ./test/docs -update", name)
		}
	}
}

// checkPage is the page of a check, from its own texts.
func checkPage(c *check.Check) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n%s. Severity: %s. (This page is written from the check itself: `assay explain %s` says the same.)\n\n%s\n", c.ID, c.Title, c.Severity, c.ID, c.Description)
	fmt.Fprintf(&b, "\n## How it decides\n\n%s\n", c.Rule.Check)
	fmt.Fprintf(&b, "\n## What to do\n\n%s\n", fix(c.Fix))
	b.WriteString("\n## Fields\n\n")
	for _, f := range c.Fields {
		fmt.Fprintf(&b, "- `%s`\n", f)
	}
	b.WriteString("\n## References\n\n")
	for _, r := range c.References {
		fmt.Fprintf(&b, "- %s\n", reference(r))
	}
	return b.String()
}

// fix is the text of a fix with its indented YAML as a block.
func fix(s string) string {
	var out []string
	inside := false
	for _, line := range strings.Split(strings.TrimSpace(s), "\n") {
		snippet, indented := strings.CutPrefix(line, "    ")
		if indented != inside {
			if fence := "```"; indented {
				out = append(out, fence+"yaml")
			} else {
				out = append(out, fence)
			}
			inside = indented
		}
		out = append(out, snippet)
	}
	if inside {
		out = append(out, "```")
	}
	return strings.Join(out, "\n")
}

func reference(r finding.Reference) string {
	name := strings.TrimSpace(r.Framework + " " + r.ID)
	switch {
	case r.URL == "":
		return name
	case name == "":
		return "<" + r.URL + ">"
	}
	return "[" + name + "](" + r.URL + ")"
}
