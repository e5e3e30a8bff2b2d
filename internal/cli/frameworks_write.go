package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kubeassay/assay/framework"
)

// way is a word for what has to be looked at.
type way struct {
	word string
	of   []framework.Seen
}

// count is how many items show by it.
func (w *way) count(c *framework.Counts) int {
	n := 0
	for _, seen := range w.of {
		n += c.Seen[seen]
	}
	return n
}

func ways() []way {
	return []way{
		{"objects", []framework.Seen{framework.Spec, framework.Status, framework.RBAC, framework.Network}},
		{"flags", []framework.Seen{framework.ControlPlane}},
		{"kubelet", []framework.Seen{framework.KubeletConfig}},
		{"containers", []framework.Seen{framework.InsideContainer, framework.Process}},
		{"node files", []framework.Seen{framework.NodeFiles}},
		{"people", []framework.Seen{framework.NotAutomatable}},
	}
}

// seenBy is "30 objects", "46 flags": how many items show in what.
func seenBy(c *framework.Counts) []string {
	var parts []string
	for _, way := range ways() {
		if n := way.count(c); n > 0 {
			parts = append(parts, fmt.Sprintf("%s %d", way.word, n))
		}
	}
	return parts
}

// wayOf is the word for what has to be looked at.
func wayOf(seen framework.Seen) string {
	all := ways()
	n := slices.IndexFunc(all, func(w way) bool { return slices.Contains(w.of, seen) })
	return all[n].word
}

func (v *frameworkView) title() string {
	title := v.Title + " " + v.Version
	if v.Level != "" {
		title += ", level " + v.Level
	}
	return title
}

func (v *frameworkView) table(s *streams) error {
	width := tableWidth(s.out) - 1 // a comma may stand behind the last column
	text := v.title() + "\n\n"
	t := textTable{width: width, columns: []string{"ITEM", "LEVEL", "TITLE", "CHECKS"}}
	for i := range v.Items {
		item := &v.Items[i]
		checks := make([]string, len(item.Checks))
		for c := range item.Checks {
			checks[c] = item.Checks[c].ID
		}
		if len(checks) == 0 && !item.Heading {
			checks = []string{"none (" + wayOf(item.Easiest()) + ")"}
		}
		t.add(item.ID, item.Level, item.Title, strings.Join(checks, ", "))
	}
	_, err := fmt.Fprint(s.out, text+t.String())
	return err
}

// markdown is the page about a framework.
func (v *frameworkView) markdown() []string {
	lines := []string{"# " + v.title(), "", v.Note}
	if v.URL != "" {
		lines = append(lines, "The framework itself: <"+v.URL+">.")
	}
	lines = append(lines, "",
		fmt.Sprintf("%d items, of which checks serve %d. The titles are Assay's own words and replace no text of the framework's.",
			v.Counts.Items, v.Counts.Served),
		"")
	if len(v.Levels) > 0 {
		lines = append(lines, "Levels: "+strings.Join(v.Levels, ", ")+".", "")
	}
	lines = append(lines, "| item | level | what it asks for | checks | what they cover, and who says so |", "| --- | --- | --- | --- | --- |")
	for i := range v.Items {
		lines = append(lines, v.Items[i].markdown())
	}
	return lines
}

func (i *itemView) markdown() string {
	if i.Heading {
		return fmt.Sprintf("| %s | | **%s** | | |", i.ID, i.Title)
	}
	var checks, sources []string
	for _, c := range i.Checks {
		checks = append(checks, "`"+c.ID+"`")
		sources = append(sources, string(c.Covers)+": "+c.Source)
	}
	if len(checks) == 0 {
		checks, sources = []string{"none"}, []string{i.Unserved()}
	}
	return fmt.Sprintf("| %s | %s | %s | %s | %s |", i.ID, strings.ReplaceAll(i.Level, ",", ", "), i.Title,
		strings.Join(checks, "<br>"), strings.Join(sources, "<br>"))
}

// frameworkList is the page about all frameworks.
func frameworkList(entries []frameworkEntry) []string {
	lines := []string{"| framework | version | items | served by checks | decided by checks |", "| --- | --- | ---: | ---: | ---: |"}
	for _, e := range entries {
		lines = append(lines, fmt.Sprintf("| %s | %s %s | %d | %d | %d |", "`"+e.ID+"`", e.Title, e.Version, e.Counts.Items, e.Counts.Served, e.Counts.Decided))
	}
	lines = append(lines, "", "What the items can be seen by:", "", "| framework |", "| --- |")
	head, rule := len(lines)-2, len(lines)-1
	for _, way := range ways() {
		lines[head] += " " + way.word + " |"
		lines[rule] += " ---: |"
	}
	for _, e := range entries {
		row := "| `" + e.ID + "` |"
		for _, way := range ways() {
			row += fmt.Sprintf(" %d |", way.count(&e.Counts))
		}
		lines = append(lines, row)
	}
	return lines
}
