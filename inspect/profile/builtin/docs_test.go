package builtin_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/inspect/profile"
)

// docs is where the pages are, one a profile.
const docs = "../../../docs/profiles"

// TestPages: docs/profiles is written from the profiles themselves.
func TestPages(t *testing.T) {
	all, err := profile.Builtins()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, p := range all {
		name := p.Name + ".md"
		names = append(names, name)
		want := page(p)
		file := filepath.Join(docs, name)
		if *update {
			if err := os.MkdirAll(docs, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		got, err := os.ReadFile(file)
		if err != nil || string(got) != want {
			t.Errorf("docs/profiles/%s does not say what the profile says: go test ./inspect/profile/builtin -update (%v)", name, err)
		}
	}
	found, err := os.ReadDir(docs)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		if !slices.Contains(names, f.Name()) {
			t.Errorf("docs/profiles/%s: there is no such profile", f.Name())
		}
	}
}

func page(p *profile.Profile) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n%s. Version %s. (This page is written from the profile itself.)\n\n%s\n", p.Name, p.Title, p.Version, p.Summary)
	if len(p.Inputs) > 0 {
		b.WriteString("\n## Inputs\n\n| input | type | default | |\n| --- | --- | --- | --- |\n")
		for _, in := range p.Inputs {
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", in.Name, in.Type, defaultText(in.Default), in.Description)
		}
	}
	fmt.Fprintf(&b, "\n## Controls\n\n%d controls, each with its severity.\n", len(p.Controls))
	for _, c := range p.Controls {
		fmt.Fprintf(&b, "\n### %s\n\n%s. Severity: %s (impact %.1f).\n", c.ID, c.Title, finding.SeverityOf(c.Impact), c.Impact)
		if c.Desc != "" {
			fmt.Fprintf(&b, "\n%s\n", c.Desc)
		}
		fmt.Fprintf(&b, "\n**How it decides.** %s\n", c.Check)
		for i, w := range c.When {
			if i == 0 {
				b.WriteString("\nNot applicable where:\n\n")
			}
			fmt.Fprintf(&b, "- %s\n", w.Reason)
		}
		if slices.Equal(c.Applies, []profile.Applies{profile.ToHost}) {
			b.WriteString("\nNot applicable to containers: it is about hosts.\n")
		}
		fmt.Fprintf(&b, "\n**What to do.** %s\n", fenced(c.Fix))
		if refs := references(c); refs != "" {
			fmt.Fprintf(&b, "\n%s\n", refs)
		}
	}
	return b.String()
}

func defaultText(v any) string {
	text := fmt.Sprint(v)
	switch v := v.(type) {
	case nil:
		return "must be given"
	case []string:
		text = strings.Join(v, ", ")
	case []int64:
		text = strings.Trim(text, "[]")
	}
	if text == "" {
		return "none"
	}
	return "`" + text + "`"
}

// fenced makes blocks of what is indented.
func fenced(text string) string {
	var b strings.Builder
	inside := false
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	for i, l := range lines {
		code, isCode := strings.CutPrefix(l, "    ")
		if isCode && !inside {
			inside = true
			b.WriteString("```\n")
		}
		if !isCode && inside && strings.TrimSpace(l) != "" {
			inside = false
			b.WriteString("```\n\n")
		}
		if isCode {
			l = code
		}
		b.WriteString(l)
		if i < len(lines)-1 {
			b.WriteString("\n")
		}
	}
	if inside {
		b.WriteString("\n```")
	}
	return b.String()
}

func references(c *profile.Control) string {
	var all []string
	for _, r := range c.References {
		if r.URL != "" {
			all = append(all, "<"+r.URL+">")
		} else {
			all = append(all, r.Framework+" "+r.ID)
		}
	}
	for _, tag := range slices.Sorted(maps.Keys(c.Tags)) {
		switch tag {
		case "nist":
			all = append(all, "nist-800-53 "+strings.Join(c.Tags[tag], ", "))
		case "cci", "gid":
			all = append(all, strings.Join(c.Tags[tag], ", "))
		}
	}
	if len(all) == 0 {
		return ""
	}
	return "References: " + strings.Join(all, "; ") + "."
}
