package rbac

import (
	"cmp"
	"slices"
)

// Combined finds the chains whose first step needs several bindings, none of
// which is enough by itself: the best one for each subject, sorted by subject.
// What one binding allows, [Binding.Leads] tells.
func (g *Graph) Combined() []Chain {
	s := g.search()
	var all []Chain
	for id, p := range s.places {
		if p.kind != somebody {
			continue
		}
		var best *Chain
		for i := range s.out[id] {
			e := &s.out[id][i]
			if e.technique == "" || oneBinding(e.by) {
				continue
			}
			if c := s.chain(p.subject, e); c != nil && (best == nil || better(c, best)) {
				best = c
			}
		}
		if best != nil {
			all = append(all, *best)
		}
	}
	slices.SortFunc(all, func(a, b Chain) int { return compareSubjects(a.Subject, b.Subject) })
	return all
}

func oneBinding(by []Grant) bool {
	return !slices.ContainsFunc(by, func(g Grant) bool { return g.Binding != by[0].Binding })
}

func better(a, b *Chain) bool {
	return cmp.Or(cmp.Compare(a.Goal, b.Goal), cmp.Compare(len(a.Steps), len(b.Steps))) < 0
}

// chain goes on from an edge of a subject to the graver goal that is reached.
func (s *search) chain(subject Subject, e *edge) *Chain {
	own := map[Subject]bool{}
	for _, m := range memberships(subject, nil) {
		own[m] = true
	}
	for goal := range s.toward {
		if steps, _ := s.follow(subject.String(), own, e, goal); steps != nil {
			return &Chain{Subject: subject, Goal: goalOf(goal), Steps: steps}
		}
	}
	return nil
}
