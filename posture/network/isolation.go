package network

import "fmt"

// State says whether traffic of a pod is held back by default.
type State string

// The states.
const (
	// Open: what no rule singles out goes through.
	Open State = "open"
	// Isolated: only what a rule lets through goes through.
	Isolated State = "isolated"
	// Partly: only a part of the peers is held back by default, see [Isolation.Denied].
	Partly State = "partly"
	// Unknown: there are policies that could not be read or understood.
	Unknown State = "unknown"
	// NotCovered: the pod has its node's network, and what NetworkPolicies do
	// with such a pod is not defined.
	NotCovered State = "not-covered"
)

// Isolation is the answer to whether a pod is isolated in one direction.
type Isolation struct {
	State State
	// Denied is whose traffic is held back by default.
	Denied Reach
	// Accepted is whose traffic a policy of the whole cluster lets through before
	// any NetworkPolicy is asked.
	Accepted Reach
	// AcceptedBy are the policies that do so.
	AcceptedBy []Ref
	// By are the policies that decide.
	By []Ref
	// Doubts say why the state is Unknown, the first few of them.
	Doubts []Doubt
}

// Doubt is a reason not to know.
type Doubt struct {
	Object Ref // empty where it is not about one object
	Reason string
}

func (d Doubt) String() string {
	if d.Object == (Ref{}) {
		return d.Reason
	}
	return d.Object.String() + ": " + d.Reason
}

// Isolation says whether a pod is isolated, and by what.
func (s *Space) Isolation(p Pod, d Direction) Isolation {
	if p.HostNetwork {
		return Isolation{State: NotCovered}
	}
	out := question{space: s, pod: &p, direction: d, words: true}
	out.answer()
	return out.Isolation
}

// State is that of Isolation alone, at less cost.
func (s *Space) State(p Pod, d Direction) State {
	if p.HostNetwork {
		return NotCovered
	}
	q := question{space: s, pod: &p, direction: d}
	q.answer()
	return q.State
}

// Default says whether every pod of the namespace is isolated, one with labels
// of any kind. Where that depends on the labels, the state is Unknown.
func (s *Space) Default(d Direction) Isolation {
	q := question{space: s, direction: d, words: true}
	q.answer()
	return q.Isolation
}

// question is one asking: what may become of the traffic of each set of peers.
type question struct {
	Isolation
	space     *Space
	pod       *Pod // nil: any pod
	direction Direction
	words     bool // By and Doubts are wanted

	left             Reach // may not have been decided yet
	mayOpen, mayDeny Reach
}

// answer goes through the tiers: policies of the whole cluster that come first,
// then NetworkPolicies, which decide for every pod that one of them selects,
// then the baseline. What nobody decides goes through.
func (q *question) answer() {
	q.left = Everything
	q.tier(adminTier)
	q.Accepted = q.mayOpen &^ q.mayDeny &^ q.left
	q.networkPolicies()
	q.tier(baselineTier)
	q.mayOpen |= q.left
	if q.mayOpen != 0 {
		q.suspect()
	}
	q.conclude()
}

func (q *question) networkPolicies() {
	if q.left == 0 {
		return
	}
	if q.pod == nil {
		q.anyPod()
		return
	}
	m := &q.space.ingress
	if q.direction == Egress {
		m = &q.space.egress
	}
	found := false
	for p := range m.matches(q.pod.Labels) {
		found = true
		if !q.words {
			break
		}
		q.By = append(q.By, p.Ref)
	}
	if found {
		q.mayDeny |= q.left
		q.left = 0
	}
}

// anyPod looks for a policy that selects all pods.
func (q *question) anyPod() {
	for _, p := range q.space.policies {
		if !p.About(q.direction) || p.Selector == nil {
			continue
		}
		q.mayDeny |= q.left
		if p.Selector.Empty() {
			q.By = append(q.By, p.Ref)
			q.left = 0
			return
		}
		q.doubt(p.Ref, "it does not select all pods")
	}
}

// suspect notes that what seems open may be held back by something that could
// not be read.
func (q *question) suspect() {
	c := q.space.cluster
	for _, ref := range q.space.broken {
		q.doubt(ref, "its podSelector does not parse")
		q.mayDeny |= q.mayOpen
	}
	q.foreign(q.space.foreign)
	q.foreign(c.foreign[""])
	if q.space.Name != "" {
		q.foreign(c.foreign[q.space.Name])
	}
	for _, reason := range q.space.gaps {
		q.doubt(Ref{}, reason)
		q.mayDeny |= q.mayOpen
	}
}

func (q *question) foreign(policies []Ref) {
	if len(policies) == 0 {
		return
	}
	q.mayDeny |= q.mayOpen
	for _, ref := range policies[:min(len(policies), doubtsKept)] {
		q.doubt(ref, "a policy of a network plugin, which is not evaluated here")
	}
}

// doubtsKept bounds how many reasons an answer gives.
const doubtsKept = 8

func (q *question) doubt(object Ref, reason string) {
	if q.words && len(q.Doubts) < doubtsKept {
		q.Doubts = append(q.Doubts, Doubt{object, reason})
	}
}

func (q *question) conclude() {
	q.Denied = q.mayDeny &^ q.mayOpen
	q.Accepted &^= q.mayDeny
	v4, v6 := q.Denied&IPv4, q.Denied&IPv6
	switch {
	case q.Denied == Everything:
		q.State = Isolated
	case q.mayDeny&q.mayOpen != 0:
		q.State = Unknown
		if len(q.Doubts) == 0 {
			q.doubt(Ref{}, "policies that say the contrary of each other have the same rank, and either may win")
		}
	case q.Denied == 0:
		q.State = Open
	case v4<<1 != v6: // the bits of IPv6 are those of IPv4, shifted
		q.State = Unknown
		family := "IPv4"
		if v4 == 0 {
			family = "IPv6"
		}
		q.doubt(Ref{}, fmt.Sprintf("only %s is held back by default, and whether the cluster has the other family too is not known", family))
	default:
		q.State = Partly
	}
	if q.State != Unknown {
		q.Doubts = nil
	}
	if q.Accepted == 0 {
		q.AcceptedBy = nil
	}
}
