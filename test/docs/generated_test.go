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
)

// generators write what the program itself knows.
var generators = map[string]func(*testing.T, *runner) string{
	"checks":                         checkIndex,
	"subjects of checks":             subjects(""),
	"subjects of checks, for README": subjects("docs/"),
	"frameworks":                     frameworks,
	"language of profiles":           language,
	"coverage":                       coverage,
	"problems":                       problems,
	"permissions":                    permissions,
	"what is off by default":         offByDefault,
	"known parts of a cluster":       knownParts,
	"rights of grants":               rightsOfGrants,
	"rights to make grants":          rightsToMakeGrants,
	"parameters of GET /scan":        parameters("/scan"),
	"parameters of GET /v1/findings": parameters("/v1/findings"),
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
		finding.NotJudged:       "in files: Assay does not know what becomes of the containers in it",
		finding.OwnerUnresolved: "pods were judged, but who owns them could not be read",
		finding.Unreviewed:      "only some checks need it, and what they say is `not-reviewed`",
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
