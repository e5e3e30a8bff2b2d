package builtin_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/check/builtin"
)

func TestEveryCheckIsDescribed(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range builtin.All() {
		t.Run(c.ID, func(t *testing.T) {
			if !regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`).MatchString(c.ID) {
				t.Error("the ID is not in kebab-case")
			}
			if seen[c.ID] {
				t.Error("another check has this ID")
			}
			seen[c.ID] = true
			if n := judges(c); n != 1 {
				t.Errorf("%d functions are set instead of one", n)
			}
			if c.Severity.Rank() >= len(finding.Severities) {
				t.Errorf("unknown severity %q", c.Severity)
			}
			if c.Title == "" || strings.HasSuffix(c.Title, ".") {
				t.Errorf("not a title: %q", c.Title)
			}
			for what, text := range map[string]string{"description": c.Description, "check": c.Check} {
				if !strings.HasSuffix(text, ".") {
					t.Errorf("the %s is not made of sentences: %q", what, text)
				}
			}
			if len(c.Fields) == 0 || len(c.References) == 0 {
				t.Error("it names no fields or no references")
			}
			fixIsYAML(t, c.Fix)
		})
	}
}

// judges counts the functions that a check judges by.
func judges(c *check.Check) (n int) {
	for _, set := range []bool{
		c.Judge != nil, c.JudgePod != nil, c.Compare != nil, c.Join != nil, c.JudgeObject != nil,
		c.SurveyNamespace != nil, c.SurveyCluster != nil, c.JudgeVersion != nil,
	} {
		if set {
			n++
		}
	}
	return n
}

// fixIsYAML wants a sentence, an empty line, and an indented snippet.
func fixIsYAML(t *testing.T, fix string) {
	t.Helper()
	said, snippet, ok := strings.Cut(fix, "\n\n")
	if !ok || !strings.HasSuffix(said, ":") {
		t.Errorf("the fix has no snippet: %q", fix)
	}
	var anything map[string]any
	if err := yaml.UnmarshalStrict([]byte(snippet), &anything); err != nil {
		t.Errorf("the snippet of the fix: %v", err)
	}
}

func TestSelect(t *testing.T) {
	tests := []struct {
		name       string
		only, skip []string
		want       string
		err        string
	}{
		{"all", nil, nil, strings.Join(builtin.IDs(slices.DeleteFunc(builtin.All(), func(c *check.Check) bool { return c.ForFramework })), " "), ""},
		{"only", []string{"run-as-root"}, nil, "run-as-root", ""},
		{"order is the list's", []string{"run-as-root", "image-latest-tag"}, nil, "image-latest-tag run-as-root", ""},
		{"skip", []string{"image-latest-tag", "image-tag-drift"}, []string{"image-tag-drift"}, "image-latest-tag", ""},
		{"unknown", []string{"run-as-rot"}, nil, "", `unknown check "run-as-rot" (did you mean run-as-root?): assay checks lists them all`},
		{"unknown to skip", nil, []string{""}, "", `unknown check ""`},
		{"none left", []string{"run-as-root"}, []string{"run-as-root"}, "", "no check is left"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := builtin.Select(tt.only, tt.skip)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("the error is %v, want %q in it", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var ids []string
			for i, rule := range builtin.Rules(got) {
				if rule.ID != got[i].ID {
					t.Errorf("rule %d is %s", i, rule.ID)
				}
				ids = append(ids, rule.ID)
			}
			if s := strings.Join(ids, " "); s != tt.want {
				t.Errorf("got %q, want %q", s, tt.want)
			}
		})
	}
}
