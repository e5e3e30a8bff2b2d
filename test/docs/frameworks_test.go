package docs

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/kubeassay/assay/framework"
	"github.com/kubeassay/assay/internal/cli"
)

// frameworkFolder is where the pages are, one a framework.
var frameworkFolder = filepath.Join(root, "docs", "frameworks")

// TestFrameworkPages: docs/frameworks is written from the tables and the checks.
func TestFrameworkPages(t *testing.T) {
	names := []string{"README.md"}
	for _, f := range framework.All() {
		name := f.ID + ".md"
		names = append(names, name)
		want := linkChecks(frameworksCommand(t, f.ID, "-o", "markdown"))
		file := filepath.Join(frameworkFolder, name)
		if *update {
			if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		got, err := os.ReadFile(file)
		if err != nil || string(got) != want {
			t.Errorf("docs/frameworks/%s does not say what the tables say: go test ./test/docs -run TestFrameworkPages -update writes it (%v)", name, err)
		}
	}
	found, err := os.ReadDir(frameworkFolder)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		if !slices.Contains(names, f.Name()) {
			t.Errorf("docs/frameworks/%s: there is no such framework", f.Name())
		}
	}
}

// frameworks lists them, each linked to its page.
func frameworks(t *testing.T, _ *runner) string {
	list := frameworksCommand(t, "-o", "markdown")
	return strings.TrimSpace(regexp.MustCompile("(?m)^\\| `([^`]+)`").ReplaceAllString(list, "| [$1]($1.md)"))
}

// linkChecks makes links of the checks that have a page. The command lists only
// those that there are.
func linkChecks(page string) string {
	return regexp.MustCompile("`([a-z0-9-]+)`").ReplaceAllString(page, "[$1](../checks/$1.md)")
}

func frameworksCommand(t *testing.T, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	if code := cli.Run(t.Context(), "assay", append([]string{"frameworks"}, args...), strings.NewReader(""), &out, &errs); code != 0 {
		t.Fatalf("assay frameworks %v: exit code %d: %s", args, code, &errs)
	}
	return out.String()
}
