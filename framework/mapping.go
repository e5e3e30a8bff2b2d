package framework

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kubeassay/assay/finding"
)

// Mapping says that a check serves items of a framework, and who says so.
type Mapping struct {
	Check     string
	Framework string
	Items     []string
	Covers    Covers
	Source    string
}

// Covers says what a check's verdict means for an item.
type Covers string

// What a check's verdict can mean.
const (
	// Whole: a failure breaks the item, and where every check that serves it as
	// a whole has passed, it is kept.
	Whole Covers = "whole"
	// Part: a failure breaks the item, but passing does not prove that it is kept.
	Part Covers = "part"
	// Stricter: where the check passes the item is kept, but it asks for more than
	// the item does, so that a failure is for people to judge. It does not count
	// where another check serves the item as a whole.
	Stricter Covers = "stricter"
	// Hint: it bears on the item and decides nothing about it.
	Hint Covers = "hint"
)

func (l *loaded) fillMapping(t *table) error {
	if want := []string{"check", "framework", "ids", "covers", "source"}; !slices.Equal(t.head, want) {
		return fmt.Errorf("the head is %q, and should be %q", t.head, want)
	}
	seen := map[[3]string]bool{}
	for _, row := range t.rows {
		m := Mapping{Check: row[0], Framework: row[1], Items: strings.Fields(row[2]), Covers: Covers(row[3]), Source: row[4]}
		f := slices.IndexFunc(l.frameworks, func(f *Framework) bool { return f.ID == m.Framework })
		switch {
		case f < 0:
			return fmt.Errorf("check %s: there is no framework %q", m.Check, m.Framework)
		case m.Check == "" || len(m.Items) == 0 || m.Source == "":
			return fmt.Errorf("row %q: a check, items and a source are needed", row)
		case !slices.Contains([]Covers{Whole, Part, Stricter, Hint}, m.Covers):
			return fmt.Errorf("check %s: %q is nothing that a check can cover", m.Check, m.Covers)
		}
		n := len(l.mapping)
		for _, id := range m.Items {
			item, err := l.frameworks[f].Item(id)
			if err != nil {
				return fmt.Errorf("check %s: %w", m.Check, err)
			}
			if item.Heading || item.ID != id {
				return fmt.Errorf("check %s: %s %q is a heading, or written in another case", m.Check, m.Framework, id)
			}
			key := [3]string{m.Check, m.Framework, id}
			if seen[key] {
				return fmt.Errorf("check %s: %s %s is there twice", m.Check, m.Framework, id)
			}
			seen[key] = true
			l.byItem[[2]string{m.Framework, id}] = append(l.byItem[[2]string{m.Framework, id}], n)
		}
		l.byCheck[m.Check] = append(l.byCheck[m.Check], n)
		l.mapping = append(l.mapping, m)
	}
	return nil
}

// References returns the items that a check serves, framework by framework.
// Nil for a check that serves none.
func References(checkID string) []finding.Reference {
	l := load()
	var all []finding.Reference
	for _, f := range l.frameworks {
		var ids []string
		for _, n := range l.byCheck[checkID] {
			if m := &l.mapping[n]; m.Framework == f.ID {
				ids = append(ids, m.Items...)
			}
		}
		slices.SortFunc(ids, func(a, b string) int { return f.byID[strings.ToLower(a)] - f.byID[strings.ToLower(b)] })
		for _, id := range ids {
			all = append(all, finding.Reference{Framework: f.ID, ID: id})
		}
	}
	return all
}

// Serving returns what serves an item, in the order of the table.
func (f *Framework) Serving(itemID string) []Mapping {
	l := load()
	var all []Mapping
	for _, n := range l.byItem[[2]string{f.ID, itemID}] {
		all = append(all, l.mapping[n])
	}
	return all
}

// Checks returns the IDs of the checks that serve a framework's items of a
// level (empty: all), in the order of the table. Not every program has them all.
func Checks(f *Framework, level string) ([]string, error) {
	items, err := f.At(level)
	if err != nil {
		return nil, err
	}
	wanted := map[string]bool{}
	for _, i := range items {
		for _, m := range f.Serving(i.ID) {
			wanted[m.Check] = true
		}
	}
	return slices.DeleteFunc(Mapped(), func(id string) bool { return !wanted[id] }), nil
}

// Mapped returns the ID of every check in the table, each once.
func Mapped() []string {
	var all []string
	seen := map[string]bool{}
	for _, m := range load().mapping {
		if !seen[m.Check] {
			seen[m.Check] = true
			all = append(all, m.Check)
		}
	}
	return all
}
