package rbac

import "slices"

// hold is a power that a subject has by one binding.
type hold struct {
	grant Grant
	names []string // of the objects; none means all
}

func (h *hold) forAll() bool { return len(h.names) == 0 }

// covers reports whether a power over named objects is one over this.
func (h *hold) covers(name string) bool { return h.forAll() || slices.Contains(h.names, name) }

// holdings are the powers of one subject in one namespace, or in the cluster.
type holdings [powerCount][]hold

// holdingsOf collects them; nil where there are none.
func (s *search) holdingsOf(subject Subject, namespace string) *holdings {
	var all *holdings
	for _, b := range s.g.at[scopeKey{subject.key(), namespace}] {
		all = s.addHoldings(all, b, subject)
	}
	return all
}

// addHoldings adds what one binding gives; to nil only where that is anything.
func (s *powersByRole) addHoldings(all *holdings, b *binding, subject Subject) *holdings {
	if b.role == nil {
		return all
	}
	for _, h := range s.powers[b.role] {
		if b.Namespace != "" && s.match.table[h.power].cluster {
			continue
		}
		if all == nil {
			all = new(holdings)
		}
		if list := all[h.power]; len(list) > 0 && list[0].forAll() {
			continue // one for everything is enough
		}
		one := hold{b.grant(subject, h.rule), h.names}
		if one.forAll() {
			all[h.power] = []hold{one}
		} else {
			all[h.power] = append(all[h.power], one)
		}
	}
	return all
}

// groupHoldings are those of a group in the whole cluster, found once.
func (s *search) groupHoldings(group Subject) *holdings {
	h, ok := s.groups[group.Name]
	if !ok {
		h = s.holdingsOf(group, "")
		s.groups[group.Name] = h
	}
	return h
}

// scope is all that counts for a subject in one namespace, or in the cluster.
type scope struct {
	*search
	from      place
	namespace string
	// own are its powers right here. The others it has as well: in the whole
	// cluster, and as a member of groups. What needs none of its own is found
	// where those are looked at.
	own    *holdings
	others []*holdings
	// bindings are those that own comes from.
	bindings []*binding
	// leads, where it is set, takes the edges, and nothing is added to the graph.
	leads *leads
}

// find looks for a power, for an object that accept takes; its own first.
func (c *scope) find(p power, accept func(*hold) bool) (found *hold, own bool) {
	for i, list := range append([]*holdings{c.own}, c.others...) {
		if list == nil {
			continue
		}
		for j := range list[p] {
			if accept(&list[p][j]) {
				return &list[p][j], i == 0
			}
		}
	}
	return nil, false
}

// need is a power and which objects it must be over.
type need struct {
	power  power
	accept func(*hold) bool
}

func all(p power) need  { return need{p, (*hold).forAll} }
func some(p power) need { return need{p, func(*hold) bool { return true }} }
func over(p power, names ...string) need {
	return need{p, func(h *hold) bool { return slices.ContainsFunc(names, h.covers) }}
}

// has finds powers that are needed together, of which one is its own.
func (c *scope) has(needs ...need) ([]Grant, bool) {
	var by []Grant
	mine := false
	for _, n := range needs {
		h, own := c.find(n.power, n.accept)
		if h == nil {
			return nil, false
		}
		mine = mine || own
		if !slices.ContainsFunc(by, func(g Grant) bool { return g.Binding == h.grant.Binding && g.Rule == h.grant.Rule }) {
			by = append(by, h.grant)
		}
	}
	return by, mine
}

// any finds the first of several powers that is its own.
func (c *scope) any(needs ...need) ([]Grant, bool) {
	for _, n := range needs {
		if by, ok := c.has(n); ok {
			return by, true
		}
	}
	return nil, false
}

// eachNamed calls do for all of its own holds of a power that are over named
// objects only, unless it has the power over all.
func (c *scope) eachNamed(p power, do func(*hold, string)) {
	if c.own == nil {
		return
	}
	for i := range c.own[p] {
		h := &c.own[p][i]
		for _, name := range h.names {
			do(h, name)
		}
	}
}

// to adds an edge from the subject.
func (c *scope) to(p place, t Technique, by []Grant, condition string) {
	e := edge{technique: t, namespace: c.namespace, by: by, condition: condition}
	if c.leads == nil {
		e.to = c.place(p)
		c.link(c.from, e)
		return
	}
	if to, known := c.ids[p]; known {
		e.to = to
		c.leads.add(&e)
	}
}

// along adds an edge to where another one leads, under one condition more.
func (c *scope) along(e *edge, by []Grant, condition string) {
	with := e.with(by)
	if with.condition != "" && condition != "" {
		with.condition += "; and "
	}
	with.condition += condition
	if c.leads != nil {
		c.leads.add(&with)
	} else {
		c.link(c.from, with)
	}
}
