package network

// ruling is what may become of traffic in a tier, or a part of it. Where one
// of the sets has some traffic alone, that is certain; what is in several of
// them may be either.
type ruling struct {
	accepted, denied, passed Reach
	left                     Reach // nobody decided
}

// merge puts together what is asked in no known order: either may come first,
// and nothing is left that one of them surely decides.
func merge(a, b ruling) ruling {
	return ruling{a.accepted | b.accepted, a.denied | b.denied, a.passed | b.passed, a.left & b.left}
}

// tier asks the policies of one tier about what may have come that far, and
// leaves what may go on to the next.
func (q *question) tier(t tier) {
	policies := q.space.cluster.tiers[t]
	if len(policies) == 0 || q.left == 0 {
		return
	}
	all := ruling{left: q.left}
	for len(policies) > 0 {
		n := 1
		for n < len(policies) && policies[n].Kind == policies[0].Kind {
			n++
		}
		// Which kind is asked first, where there are several, nobody says.
		all = merge(all, q.kind(policies[:n]))
		policies = policies[n:]
	}
	q.mayOpen |= all.accepted
	q.mayDeny |= all.denied
	q.left = all.left | all.passed
}

// kind asks the policies of one kind, those with the lowest number first.
func (q *question) kind(policies []*clusterPolicy) ruling {
	all := ruling{left: q.left}
	for len(policies) > 0 && all.left != 0 {
		// Those with the same number may be asked in any order.
		group := ruling{left: all.left}
		n := 0
		for ; n < len(policies) && policies[n].priority == policies[0].priority; n++ {
			group = merge(group, q.policy(policies[n], all.left))
		}
		policies = policies[n:]
		left := group.left
		all = merge(all, group)
		all.left = left
	}
	return all
}

// policy asks one policy about some traffic. The first rule that matches decides.
func (q *question) policy(p *clusterPolicy, about Reach) ruling {
	if p.unclear != "" {
		q.doubt(p.Ref, p.unclear)
		return ruling{about, about, about, about}
	}
	selects := p.selects(q.space, q.pod)
	if selects == no {
		return ruling{left: about}
	}
	r := ruling{left: about}
	for _, rule := range p.rules(q.direction) {
		matched := rule.reach & r.left
		if rule.unclear {
			q.doubt(p.Ref, "it has a rule that is not understood")
			matched = r.left
		}
		if rule.action == accept || rule.action == 0 {
			r.accepted |= matched
		}
		if rule.action == deny || rule.action == 0 {
			r.denied |= matched
		}
		if rule.action == pass || rule.action == 0 {
			r.passed |= matched
		}
		if !rule.unclear {
			r.left &^= matched
		}
	}
	if selects == maybe && r.left != about {
		q.doubt(p.Ref, "it may or may not select the pod")
		r.left = about
	}
	if q.words && r.accepted != 0 && p.tier == adminTier {
		q.AcceptedBy = append(q.AcceptedBy, p.Ref)
	}
	if q.words && r.accepted|r.denied != 0 {
		q.By = append(q.By, p.Ref)
	}
	return r
}
