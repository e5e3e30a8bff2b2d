package docs

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/framework"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/check/builtin"
)

// checkFolder is where the pages of checks are, one a check, and their index.
var checkFolder = filepath.Join(root, "docs", "checks")

// TestCheckPages: docs/checks is written from the checks. A page of a check that
// is gone is removed.
func TestCheckPages(t *testing.T) {
	keep := []string{"README.md"}
	for _, s := range builtin.Subjects() {
		for _, c := range s.Checks {
			name := c.ID + ".md"
			keep = append(keep, name)
			want, file := checkPage(t, c, s.Title), filepath.Join(checkFolder, name)
			if *update {
				if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
					t.Fatal(err)
				}
				continue
			}
			if got, err := os.ReadFile(file); err != nil || string(got) != want {
				t.Errorf("docs/checks/%s does not say what the check says: go test ./test/docs -run TestCheckPages -update writes it (%v)", name, err)
			}
		}
	}
	found, err := os.ReadDir(checkFolder)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		if slices.Contains(keep, f.Name()) {
			continue
		}
		if !*update {
			t.Errorf("docs/checks/%s: there is no such check; go test ./test/docs -run TestCheckPages -update removes it", f.Name())
		} else if err := os.Remove(filepath.Join(checkFolder, f.Name())); err != nil {
			t.Fatal(err)
		}
	}
}

// checkPage is the page of a check, from its own texts.
func checkPage(t *testing.T, c *check.Check, subject string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n%s.\n\n", c.ID, prose(c.Title))
	b.WriteString("| | |\n| --- | --- |\n")
	row := func(what, text string) { fmt.Fprintf(&b, "| %s | %s |\n", what, text) }
	row("Subject", fmt.Sprintf("[%s](README.md#%s)", subject, anchors([]string{"# " + subject})[0]))
	row("Severity", string(c.Severity))
	row("Looks at", prose(builtin.About(c)))
	row("Evidence", strings.Join(evidence(c), ", "))
	if c.OptIn != "" {
		row("Needs, in a cluster", "[`--"+c.OptIn+"`](../scan-cluster.md#what-is-off-by-default)")
	}
	fmt.Fprintf(&b, "\n%s\n", prose(c.Description))
	fmt.Fprintf(&b, "\n## How it decides\n\n%s\n", prose(c.Rule.Check))
	fmt.Fprintf(&b, "\n## What to do\n\n%s\n", fix(c.Fix))
	b.WriteString("\n## Fields\n\n")
	for _, f := range c.Fields {
		fmt.Fprintf(&b, "- `%s`\n", f)
	}
	b.WriteString("\n## References\n\n")
	b.WriteString(items(t, c))
	for _, r := range c.References {
		if r.URL != "" {
			fmt.Fprintf(&b, "- <%s>\n", r.URL)
		}
	}
	fmt.Fprintf(&b, "\nThis page is written from the check itself; `assay explain %s` says the same.\n", c.ID)
	return b.String()
}

// evidence says what the verdicts of a check can rest on.
func evidence(c *check.Check) (all []string) {
	status := func(field string) bool { return strings.HasPrefix(field, "status.") }
	if slices.ContainsFunc(c.Fields, func(f string) bool { return !status(f) }) {
		all = append(all, "`"+string(finding.Declared)+"`")
	}
	if slices.ContainsFunc(c.Fields, status) {
		all = append(all, "`"+string(finding.Reported)+"`")
	}
	if strings.Contains(c.Rule.Check, "--inspect") { // so it asks for what was seen inside
		all = append(all, "`"+string(finding.Observed)+"`")
	}
	return all
}

// items lists the items of frameworks that a check serves.
func items(t *testing.T, c *check.Check) string {
	var b strings.Builder
	for _, r := range c.References {
		if r.Framework == "" {
			continue
		}
		fw, err := framework.Get(r.Framework)
		if err != nil {
			t.Fatalf("%s: %v", c.ID, err)
		}
		item, err := fw.Item(r.ID)
		if err != nil {
			t.Fatalf("%s: %v", c.ID, err)
		}
		if b.Len() == 0 {
			b.WriteString("| framework | item | what it asks for | [covers](../frameworks/README.md#what-a-scan-says-about-an-item) |\n| --- | --- | --- | --- |\n")
		}
		serving := fw.Serving(item.ID)
		i := slices.IndexFunc(serving, func(m framework.Mapping) bool { return m.Check == c.ID })
		if i < 0 {
			t.Fatalf("%s: %s %s is a reference, and no mapping", c.ID, fw.ID, item.ID)
		}
		fmt.Fprintf(&b, "| [%s](../frameworks/%[1]s.md) | %s | %s | %s |\n", fw.ID, item.ID, prose(item.Title), serving[i].Covers)
	}
	if b.Len() > 0 {
		b.WriteString("\n")
	}
	return b.String()
}

// checkIndex lists the checks by subject.
func checkIndex(*testing.T, *runner) string {
	var b strings.Builder
	for _, s := range builtin.Subjects() {
		fmt.Fprintf(&b, "## %s\n\n| check | severity | what it finds | frameworks |\n| --- | --- | --- | --- |\n", s.Title)
		for _, c := range s.Checks {
			title := prose(c.Title)
			if c.OptIn != "" {
				title += " (`--" + c.OptIn + "`)"
			}
			fmt.Fprintf(&b, "| [%s](%[1]s.md) | %s | %s | %s |\n", c.ID, c.Severity, title, strings.Join(served(c), ", "))
		}
		b.WriteString("\n")
	}
	return strings.TrimSpace(b.String())
}

// served are the frameworks that a check serves, by their short names.
func served(c *check.Check) []string {
	var all []string
	for _, fw := range framework.All() {
		if !slices.ContainsFunc(c.References, func(r finding.Reference) bool { return r.Framework == fw.ID }) {
			continue
		}
		name := slices.MinFunc(append([]string{fw.ID}, fw.Aliases...), func(a, b string) int { return len(a) - len(b) })
		all = append(all, fmt.Sprintf("[%s](../frameworks/%s.md)", name, fw.ID))
	}
	return all
}

// subjects counts the checks of each subject, for a page from which docs is there.
func subjects(docs string) func(*testing.T, *runner) string {
	return func(*testing.T, *runner) string { return subjectTable(docs) }
}

func subjectTable(docs string) string {
	var b strings.Builder
	b.WriteString("| subject | checks | critical | high | medium | low | info |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: |\n")
	total, sums := 0, map[finding.Severity]int{}
	line := func(title string, n int, by map[finding.Severity]int) {
		fmt.Fprintf(&b, "| %s | %d |", title, n)
		for _, s := range finding.Severities {
			fmt.Fprintf(&b, " %d |", by[s])
		}
		b.WriteString("\n")
	}
	for _, s := range builtin.Subjects() {
		by := map[finding.Severity]int{}
		for _, c := range s.Checks {
			by[c.Severity]++
			sums[c.Severity]++
		}
		line(fmt.Sprintf("[%s](%schecks/README.md#%s)", s.Title, docs, anchors([]string{"# " + s.Title})[0]), len(s.Checks), by)
		total += len(s.Checks)
	}
	line("together", total, sums)
	return strings.TrimSpace(b.String())
}

// prose keeps text as it is where Markdown would read signs into it.
func prose(s string) string {
	return strings.NewReplacer("*", `\*`, "<", `\<`, "|", `\|`).Replace(s)
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
		if !inside {
			snippet = prose(snippet)
		}
		out = append(out, snippet)
	}
	if inside {
		out = append(out, "```")
	}
	return strings.Join(out, "\n")
}
