package rbac

import (
	"cmp"
	"slices"
)

// Lead is a way on from what a binding gives, for whoever has it: a chain
// without its beginning.
type Lead struct {
	Goal  Goal
	Steps []Step // the first one's Who is empty

	via []Subject
}

// For reports whether a lead is one for a subject. It is none where it leads
// through the subject itself, or a group that it is in: what those may do, the
// subject may anyway.
func (l *Lead) For(s Subject) bool {
	for _, m := range memberships(s, nil) {
		if slices.Contains(l.via, m) {
			return false
		}
	}
	return true
}

// Certain reports whether nothing that is not known must be true besides.
func (l *Lead) Certain() bool {
	return !slices.ContainsFunc(l.Steps, func(s Step) bool { return s.If != "" })
}

// Leads finds where a binding leads by itself: for each technique that it
// allows the best way, those to cluster-admin first, and the short before the
// long. What it allows only together with other bindings is not among them; see
// [Graph.Escalations].
func (b *Binding) Leads() []Lead {
	if len(b.Held()) == 0 {
		return nil
	}
	s := b.graph.search()
	own := s.addHoldings(nil, b.binding, Subject{})
	if own == nil {
		return nil
	}
	found := &leads{search: s, best: map[Technique]way{}}
	c := &scope{search: s, namespace: b.Ref.Namespace, own: own, bindings: []*binding{b.binding}, leads: found}
	c.addAll()
	var all []Lead
	for _, w := range found.best {
		steps, via := s.follow("", nil, &w.edge, w.goal)
		if steps != nil {
			all = append(all, Lead{goalOf(w.goal), steps, via})
		}
	}
	slices.SortFunc(all, func(a, b Lead) int {
		return cmp.Or(cmp.Compare(a.Goal, b.Goal), compareBool(!a.Certain(), !b.Certain()), cmp.Compare(len(a.Steps), len(b.Steps)),
			cmp.Compare(a.Steps[0].Technique, b.Steps[0].Technique))
	})
	return all
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// leads keeps the best edge of each technique.
type leads struct {
	*search
	best map[Technique]way
}

// way is an edge, and the goal that is reached by it.
type way struct {
	edge edge
	goal int
}

func (l *leads) add(e *edge) {
	for goal := range l.toward {
		if l.toward[goal].distance[e.to] == unreached {
			continue
		}
		w := way{*e, goal}
		if known, ok := l.best[e.technique]; !ok || l.better(&w, &known) {
			l.best[e.technique] = w
		}
		return // what leads to the one goal leads past the other
	}
}

func (l *leads) better(a, b *way) bool {
	distance := func(w *way) int32 { return l.toward[w.goal].distance[w.edge.to] }
	return cmp.Or(cmp.Compare(a.goal, b.goal), compareBool(a.edge.condition != "", b.edge.condition != ""), cmp.Compare(distance(a), distance(b))) < 0
}
