package rbac

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// mostAggregated bounds the rules that aggregation puts together, over all
// roles: a few hostile objects could else ask for any number of copies.
const mostAggregated = 1 << 18

// aggregate fills in the rules of aggregated cluster roles, as the server's
// controller does: those of all roles that its selectors choose, in the order
// of selectors and names, each rule once. What stood in it before is replaced.
//
// Roles that aggregate each other in a circle have no rules that a controller
// would settle on: which of those that stand in them come through depends on
// the order in which it looks. They get all of them, and a Problem says so.
func (g *Graph) aggregate() {
	all := g.aggregated()
	for _, r := range all {
		if err := r.parseSelectors(); err != nil {
			// A controller gives up on such a role and leaves it as it is.
			g.problems = append(g.problems, Problem{Object: r.Ref, Message: err.Error()})
		}
	}
	a := &aggregation{dry: !g.objects.Aggregate && !g.objects.Defaults, graph: g, index: g.index(), parts: map[*role][]*role{}, order: map[*role]int{}, low: map[*role]int{}, keys: map[*role][]string{}}
	for _, r := range all {
		if r.aggregation != nil { // else its selectors are broken
			a.visit(r)
		}
	}
}

// aggregated are the roles made of others, sorted by name.
func (g *Graph) aggregated() []*role {
	var all []*role
	for _, r := range g.roles {
		if r.aggregation != nil {
			all = append(all, r)
		}
	}
	slices.SortFunc(all, compareRoles)
	return all
}

func compareRoles(a, b *role) int { return compareRefs(a.Ref, b.Ref) }

func (r *role) parseSelectors() error {
	for i := range r.aggregation.ClusterRoleSelectors {
		s, err := metav1.LabelSelectorAsSelector(&r.aggregation.ClusterRoleSelectors[i])
		if err != nil {
			r.selectors, r.aggregation = nil, nil
			return fmt.Errorf("aggregationRule.clusterRoleSelectors[%d] can't be read, so the role stays as it is: %w", i, err)
		}
		r.selectors = append(r.selectors, s)
	}
	return nil
}

// aggregation works from the leaves up, by Tarjan's algorithm for strongly
// connected components: a role is done when all that it selects are.
type aggregation struct {
	// dry: only circles are looked for, and the rules stay as they are.
	dry   bool
	graph *Graph
	index *labelIndex
	parts map[*role][]*role
	order map[*role]int // when a role was met, from 1
	low   map[*role]int // the earliest role that can be reached from it
	stack []*role
	keys  map[*role][]string // of the rules
	rules int
	full  bool
}

// frame is a role whose parts are being looked at.
type frame struct {
	role *role
	next int
}

// visit goes through all that a role selects. It keeps its own stack: a chain
// of roles may be as long as somebody likes.
func (a *aggregation) visit(root *role) {
	if a.order[root] > 0 {
		return
	}
	frames := []frame{a.enter(root)}
	for len(frames) > 0 {
		f := &frames[len(frames)-1]
		if f.next < len(a.parts[f.role]) {
			part := a.parts[f.role][f.next]
			f.next++
			switch {
			case part.aggregation == nil:
			case a.order[part] == 0:
				frames = append(frames, a.enter(part))
			case a.low[part] > 0: // still on the stack
				a.low[f.role] = min(a.low[f.role], a.order[part])
			}
			continue
		}
		r := f.role
		frames = frames[:len(frames)-1]
		if len(frames) > 0 {
			parent := frames[len(frames)-1].role
			a.low[parent] = min(a.low[parent], a.low[r])
		}
		if a.low[r] == a.order[r] {
			a.finish(r)
		}
	}
}

func (a *aggregation) enter(r *role) frame {
	a.order[r] = len(a.order) + 1
	a.low[r] = a.order[r]
	a.stack = append(a.stack, r)
	a.parts[r] = a.graph.parts(a.index, r)
	return frame{role: r}
}

// finish gives their rules to a role and those in a circle with it.
func (a *aggregation) finish(r *role) {
	at := len(a.stack) - 1
	for a.stack[at] != r {
		at--
	}
	circle := slices.Clone(a.stack[at:])
	a.stack = a.stack[:at]
	inside := map[*role]bool{}
	for _, member := range circle {
		inside[member] = true
	}
	if len(circle) > 1 {
		slices.SortFunc(circle, compareRoles)
	}
	rules := a.rulesOf(circle, inside)
	for _, member := range circle {
		delete(a.keys, member)
		if !a.dry {
			member.rules = rules // shared: nobody changes them
		}
		a.low[member] = 0 // off the stack
		delete(a.parts, member)
	}
	if len(circle) > 1 {
		a.tellCircle(circle)
	}
}

// tellCircle names to each of them the others.
func (a *aggregation) tellCircle(circle []*role) {
	for i, member := range circle {
		others := make([]*role, 0, mostTold+1)
		for j := 0; j < len(circle) && len(others) <= mostTold; j++ {
			if j != i {
				others = append(others, circle[j])
			}
		}
		a.graph.problems = append(a.graph.problems, Problem{Object: member.Ref, Circle: true, Message: fmt.Sprintf(
			"it and %d more (%s) aggregate each other in a circle: which rules they end with depends on the order in which the server looks%s",
			len(circle)-1, names(others), a.taken())})
	}
}

// mostTold is how many of the roles in a circle are named.
const mostTold = 3

// taken says what is made of a circle.
func (a *aggregation) taken() string {
	if a.dry {
		return ""
	}
	return "; all are taken to count"
}

// names are those of the first few roles.
func names(roles []*role) string {
	var all []string
	for _, r := range roles[:min(len(roles), mostTold)] {
		all = append(all, r.Name)
	}
	if len(roles) > mostTold {
		all = append(all, "…")
	}
	return strings.Join(all, ", ")
}

// rulesOf puts together what a circle of roles selects.
func (a *aggregation) rulesOf(circle []*role, inside map[*role]bool) []rbacv1.PolicyRule {
	if a.dry {
		return nil
	}
	seen := map[string]bool{}
	var rules []rbacv1.PolicyRule
	for _, member := range circle {
		from := a.parts[member]
		if len(circle) > 1 {
			from = append([]*role{member}, from...)
		}
		for _, part := range from {
			if inside[part] && part != member {
				continue
			}
			rules = a.take(rules, seen, part)
		}
	}
	return rules
}

// take adds the rules of a role that are new.
func (a *aggregation) take(rules []rbacv1.PolicyRule, seen map[string]bool, from *role) []rbacv1.PolicyRule {
	keys, known := a.keys[from]
	if !known {
		keys = make([]string, len(from.rules))
		for i := range keys {
			keys[i] = ruleKey(&from.rules[i])
		}
		a.keys[from] = keys
	}
	for i, key := range keys {
		if seen[key] {
			continue
		}
		if a.rules >= mostAggregated {
			if !a.full {
				a.full = true
				a.graph.problems = append(a.graph.problems, Problem{Object: from.Ref, Message: fmt.Sprintf("aggregated cluster roles would have more than %d rules together; the rest is left out", mostAggregated)})
				a.graph.gaps[Gap{ClusterRoleKind, ""}] = true
			}
			break
		}
		a.rules++
		seen[key] = true
		rules = append(rules, from.rules[i])
	}
	return rules
}

// ruleKey is the same for rules that say the same in the same order.
func ruleKey(r *rbacv1.PolicyRule) string {
	var b []byte
	for _, list := range [...][]string{r.Verbs, r.APIGroups, r.Resources, r.ResourceNames, r.NonResourceURLs} {
		for _, s := range list {
			b = append(strconv.AppendInt(b, int64(len(s)), 10), ':')
			b = append(b, s...)
		}
		b = append(b, ';')
	}
	return string(b)
}

// parts are the roles that a role's selectors choose, without itself: those of
// the first selector by name, then those of the next.
func (g *Graph) parts(index *labelIndex, r *role) []*role {
	var all []*role
	seen := map[*role]bool{r: true}
	for i := range r.selectors {
		var chosen []*role
		for _, c := range index.candidates(&r.aggregation.ClusterRoleSelectors[i]) {
			if !seen[c] && r.selectors[i].Matches(labels.Set(c.labels)) {
				seen[c] = true
				chosen = append(chosen, c)
			}
		}
		slices.SortFunc(chosen, compareRoles)
		all = append(all, chosen...)
	}
	return all
}

// labelIndex finds cluster roles by label, so that not every selector has to
// look at every role.
type labelIndex struct {
	all   []*role
	exact map[[2]string][]*role
	key   map[string][]*role
}

func (g *Graph) newLabelIndex() *labelIndex {
	x := &labelIndex{exact: map[[2]string][]*role{}, key: map[string][]*role{}}
	for _, r := range g.roles {
		if r.Kind != ClusterRoleKind {
			continue
		}
		x.all = append(x.all, r)
		for k, v := range r.labels {
			x.exact[[2]string{k, v}] = append(x.exact[[2]string{k, v}], r)
			x.key[k] = append(x.key[k], r)
		}
	}
	return x
}

// candidates are roles among which are all that a selector chooses.
func (x *labelIndex) candidates(s *metav1.LabelSelector) []*role {
	best := x.all
	for k, v := range s.MatchLabels {
		if list := x.exact[[2]string{k, v}]; len(list) < len(best) {
			best = list
		}
	}
	for _, e := range s.MatchExpressions {
		if e.Operator != metav1.LabelSelectorOpIn && e.Operator != metav1.LabelSelectorOpExists {
			continue
		}
		if list := x.key[e.Key]; len(list) < len(best) {
			best = list
		}
	}
	return best
}

// Origin names the cluster roles from which an aggregated one has a rule; none
// where it is its own.
func (g *Graph) Origin(of Ref, rule int) []Ref {
	r := g.role(of)
	if r == nil || r.aggregation == nil || rule < 0 || rule >= len(r.rules) {
		return nil
	}
	key := ruleKey(&r.rules[rule])
	var from []Ref
	for _, part := range g.parts(g.index(), r) {
		if slices.ContainsFunc(part.rules, func(p rbacv1.PolicyRule) bool { return ruleKey(&p) == key }) {
			from = append(from, part.Ref)
		}
	}
	return from
}

// sortProblems brings them into an order that is the same in every run.
func sortProblems(all []Problem) {
	slices.SortFunc(all, func(a, b Problem) int {
		return cmp.Or(compareRefs(a.Object, b.Object), cmp.Compare(a.Message, b.Message))
	})
}
