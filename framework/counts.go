package framework

// Counts says how much of a framework can be seen, and how.
type Counts struct {
	// Items are all but headings.
	Items int `json:"items"`
	// Served items have a check, Decided ones a check that can say that they are
	// broken or kept.
	Served  int `json:"served"`
	Decided int `json:"decided"`
	// Seen counts the items by the easiest way to see them.
	Seen map[Seen]int `json:"seen"`
}

// Count counts a framework's items. Has says which checks there are.
func (f *Framework) Count(has func(checkID string) bool) Counts {
	c := Counts{Seen: map[Seen]int{}}
	for i := range f.Items {
		item := &f.Items[i]
		if item.Heading {
			continue
		}
		c.Items++
		c.Seen[item.Easiest()]++
		served, decided := false, false
		for _, m := range f.Serving(item.ID) {
			served = served || has(m.Check)
			decided = decided || has(m.Check) && m.Covers != Hint
		}
		if served {
			c.Served++
		}
		if decided {
			c.Decided++
		}
	}
	return c
}
