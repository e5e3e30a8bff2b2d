package rbac

import (
	"cmp"
	"slices"
)

// Goal is what a chain ends with.
type Goal string

// The goals, the gravest first.
const (
	ClusterAdmin Goal = "cluster-admin" // may do everything
	NodeControl  Goal = "node-control"  // can do everything on a node
)

// Chain is a way from what a subject may do to more than anybody meant it to.
type Chain struct {
	Subject Subject `json:"subject"`
	Goal    Goal    `json:"goal"`
	Steps   []Step  `json:"steps"`
	// More chains begin with the same technique and reach the same goal.
	More int `json:"more,omitempty"`
}

// Step is one move of a chain.
type Step struct {
	// Who has got so far: a subject, or "node" or "admin of namespace shop".
	Who       string    `json:"who"`
	Technique Technique `json:"technique"`
	// Does says what Who does, and Gets what that makes of it.
	Does string `json:"does"`
	Gets string `json:"gets"`
	// Namespace that it happens in; empty for anywhere.
	Namespace string `json:"namespace,omitempty"`
	// By are the grants that allow it; none where being there is enough.
	By []Grant `json:"by,omitempty"`
	// Why it works.
	Why string `json:"why"`
	// If says what else must be true, where that is not known.
	If string `json:"if,omitempty"`
}

// mostAlike is how many chains that begin and end alike are shown.
const mostAlike = 2

// Escalations finds how a subject, with the groups that it is in (see Allowed),
// can become cluster-admin or get hold of a node: for each first move the
// shortest way, the shortest chain first. A subject that may do everything
// already has a chain of one step. None means that none was found among what
// the graph knows; see [Graph.Complete] and the package's comment.
func (g *Graph) Escalations(subject Subject, groups ...string) []Chain {
	s := g.search()
	start := subject.normal()
	own := map[Subject]bool{}
	for _, m := range memberships(start, groups) {
		own[m] = true
	}
	var chains []Chain
	for _, e := range s.firstMoves(start, groups) {
		for goal := range s.toward {
			if steps, _ := s.follow(start.String(), own, &e, goal); steps != nil {
				chains = append(chains, Chain{Subject: start, Goal: goalOf(goal), Steps: steps})
				break // what leads to the one goal leads past the other
			}
		}
	}
	slices.SortStableFunc(chains, func(a, b Chain) int {
		return cmp.Or(cmp.Compare(a.Goal, b.Goal), cmp.Compare(len(a.Steps), len(b.Steps)))
	})
	return fold(chains)
}

func goalOf(i int) Goal {
	if i == 0 {
		return ClusterAdmin
	}
	return NodeControl
}

// fold keeps the first few of chains that begin and end alike.
func fold(chains []Chain) []Chain {
	type alike struct {
		first Technique
		goal  Goal
	}
	last, count := map[alike]int{}, map[alike]int{}
	var kept []Chain
	for _, c := range chains {
		key := alike{c.Steps[0].Technique, c.Goal}
		if count[key]++; count[key] > mostAlike {
			kept[last[key]].More++
			continue
		}
		last[key] = len(kept)
		kept = append(kept, c)
	}
	return kept
}

// Reaches reports whether a subject can become cluster-admin, and in how many steps.
func (g *Graph) Reaches(subject Subject) (steps int, ok bool) {
	s := g.search()
	id, known := s.ids[place{kind: somebody, subject: subject.normal()}]
	if !known {
		for _, name := range subject.groups() {
			if n, there := g.Reaches(Group(name)); there && (!ok || n < steps) {
				steps, ok = n, true
			}
		}
		return steps, ok
	}
	d := s.toward[0].distance[id]
	return int(d), d != unreached
}

// firstMoves are the edges of a subject and of its groups.
func (s *search) firstMoves(subject Subject, groups []string) []edge {
	var all []edge
	for _, m := range memberships(subject, groups) {
		id, known := s.ids[place{kind: somebody, subject: m}]
		if !known {
			continue
		}
		for _, e := range s.out[id] {
			if e.technique != "" {
				all = append(all, e)
			}
		}
	}
	return all
}

// follow goes from an edge on the shortest way to a goal. It gives nothing
// where there is none, and where it leads through the start: then the start's
// own moves are shorter, and are followed for themselves. Via are the subjects
// that it leads through.
func (s *search) follow(who string, own map[Subject]bool, e *edge, goal int) (steps []Step, via []Subject) {
	way := &s.toward[goal]
	if way.distance[e.to] == unreached {
		return nil, nil
	}
	for {
		step := s.step(who, e)
		at := e.to
		var gets place
		for {
			gets = s.places[at]
			if gets.kind == somebody {
				if own[gets.subject] {
					return nil, nil
				}
				via = append(via, gets.subject)
			}
			if gets.kind == somebody || way.distance[at] == 0 {
				break
			}
			next := &s.out[at][way.next[at]]
			if next.technique != "" {
				break
			}
			at = next.to
		}
		step.Gets = gets.String()
		steps = append(steps, step)
		who = step.Gets
		for way.distance[at] > 0 && s.out[at][way.next[at]].technique == "" {
			at = s.out[at][way.next[at]].to // into a group
			if subject := s.places[at].subject; own[subject] {
				return nil, nil
			} else if s.places[at].kind == somebody {
				via = append(via, subject)
			}
		}
		if way.distance[at] == 0 {
			return steps, via
		}
		e = &s.out[at][way.next[at]]
	}
}

func (s *search) step(who string, e *edge) Step {
	text := e.technique.text()
	return Step{Who: who, Technique: e.technique, Does: text.does, Why: text.why, Namespace: e.namespace, By: e.by, If: e.condition}
}

// String says what one is there.
func (p place) String() string {
	in := "the cluster"
	if p.namespace != "" {
		in = "namespace " + p.namespace
	}
	switch p.kind {
	case admin:
		return string(ClusterAdmin)
	case host:
		return string(NodeControl)
	case anyAccount:
		return "any service account of " + in
	case runningAs:
		return "any service account that pods of " + in + " run as"
	case spaceAdmin:
		return "admin of " + in
	case anyUser:
		return "any user"
	case anybody:
		return "any user or group"
	case tokenHolders:
		return "any service account of " + in + " with a token secret"
	}
	return p.subject.String()
}
