package network_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/kubeassay/assay/posture/network"
)

// world makes random objects from few words, so that they meet.
type world struct{ *rand.Rand }

var (
	keys   = []string{"app", "tier", "env", "team"}
	values = []string{"a", "b", "c", ""}
)

func (w world) one(list []string) string { return list[w.IntN(len(list))] }

func (w world) labels() map[string]string {
	set := map[string]string{}
	for range w.IntN(4) {
		set[w.one(keys)] = w.one(values)
	}
	return set
}

// selector makes one that may be empty, broken, or have many values.
func (w world) selector() metav1.LabelSelector {
	var s metav1.LabelSelector
	for range w.IntN(3) {
		if s.MatchLabels == nil {
			s.MatchLabels = map[string]string{}
		}
		s.MatchLabels[w.one(keys)] = w.one(values)
	}
	for range w.IntN(3) {
		r := metav1.LabelSelectorRequirement{Key: w.one(keys), Operator: metav1.LabelSelectorOperator(w.one([]string{"In", "NotIn", "Exists", "DoesNotExist"}))}
		if r.Operator == "In" || r.Operator == "NotIn" {
			for range 1 + w.IntN(3) {
				r.Values = append(r.Values, w.one(values))
			}
			if w.IntN(8) == 0 { // more than are filed apart
				for i := range 20 {
					r.Values = append(r.Values, fmt.Sprint("v", i))
				}
			}
		}
		s.MatchExpressions = append(s.MatchExpressions, r)
	}
	if w.IntN(20) == 0 {
		s.MatchExpressions = append(s.MatchExpressions, metav1.LabelSelectorRequirement{Key: "a b", Operator: "Exists"})
	}
	return s
}

func (w world) policy(name string) *networkingv1.NetworkPolicy {
	p := &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name}}
	p.Spec.PodSelector = w.selector()
	switch w.IntN(4) {
	case 0:
		p.Spec.PolicyTypes = []networkingv1.PolicyType{networkingv1.PolicyTypeEgress}
	case 1:
		p.Spec.PolicyTypes = []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress}
	case 2:
		p.Spec.Egress = []networkingv1.NetworkPolicyEgressRule{{}}
	}
	return p
}

// naivePolicies goes through all policies and asks apimachinery about each.
func naivePolicies(policies []*networkingv1.NetworkPolicy, pod map[string]string, d network.Direction) (state network.State, by []string) {
	broken := false
	for _, p := range policies {
		types := p.Spec.PolicyTypes
		if len(types) == 0 {
			types = append(types, networkingv1.PolicyTypeIngress)
			if len(p.Spec.Egress) > 0 {
				types = append(types, networkingv1.PolicyTypeEgress)
			}
		}
		selector, err := metav1.LabelSelectorAsSelector(&p.Spec.PodSelector)
		if err != nil {
			broken = true
			continue
		}
		if slices.Contains(types, networkingv1.PolicyType(d)) && selector.Matches(labels.Set(pod)) {
			by = append(by, p.Name)
		}
	}
	switch {
	case len(by) > 0:
		return network.Isolated, by
	case broken:
		return network.Unknown, nil
	}
	return network.Open, nil
}

func TestSelectorsAgreeWithApimachinery(t *testing.T) {
	for seed := range uint64(400) {
		w := world{rand.New(rand.NewPCG(seed, 7))}
		s := network.NewCluster().Space("shop", nil)
		var policies []*networkingv1.NetworkPolicy
		var services []*corev1.Service
		for i := range 1 + w.IntN(12) {
			policies = append(policies, w.policy(fmt.Sprint("p", i)))
			s.AddPolicy(policies[i])
			svc := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprint("s", i)}}
			svc.Spec.Selector = w.labels()
			services = append(services, svc)
			s.AddService(svc)
		}
		selected, served := map[string]int{}, map[string]int{}
		for range 20 {
			pod := w.labels()
			s.See(network.Pod{Labels: pod})
			for _, p := range policies {
				if selector, err := metav1.LabelSelectorAsSelector(&p.Spec.PodSelector); err == nil && selector.Matches(labels.Set(pod)) {
					selected[p.Name]++
				}
			}
			for _, svc := range services {
				if len(svc.Spec.Selector) > 0 && labels.SelectorFromSet(svc.Spec.Selector).Matches(labels.Set(pod)) {
					served[svc.Name]++
				}
			}
			for _, d := range []network.Direction{network.Ingress, network.Egress} {
				state, by := naivePolicies(policies, pod, d)
				got := s.Isolation(network.Pod{Labels: pod}, d)
				var names []string
				for _, ref := range got.By {
					names = append(names, ref.Name)
				}
				slices.Sort(by)
				slices.Sort(names)
				if got.State != state || !slices.Equal(by, names) || s.State(network.Pod{Labels: pod}, d) != state {
					t.Fatalf("seed %d: %s of %v: %s by %v, want %s by %v", seed, d, pod, got.State, names, state, by)
				}
			}
		}
		for _, p := range policies {
			if got := s.Selected(p.Name); got != selected[p.Name] {
				t.Fatalf("seed %d: %s selects %d, want %d", seed, p.Name, got, selected[p.Name])
			}
		}
		for _, svc := range services {
			if got := s.ServiceSelected(svc.Name); got != served[svc.Name] {
				t.Fatalf("seed %d: %s selects %d, want %d", seed, svc.Name, got, served[svc.Name])
			}
		}
	}
}

// packet is traffic that no rule singles out: with a pod that has no labels,
// or with an address that stands in no rule.
type packet struct {
	reach network.Reach
	pod   bool
	ip    netip.Addr
}

var packets = []packet{
	{network.PodsIPv4, true, netip.MustParseAddr("10.1.2.3")},
	{network.PodsIPv6, true, netip.MustParseAddr("fd00::3")},
	{network.OutsideIPv4, false, netip.MustParseAddr("203.0.113.7")},
	{network.OutsideIPv6, false, netip.MustParseAddr("2001:db8::7")},
}

// clusterSpec is a random policy of the whole cluster, as plain values.
type clusterSpec struct {
	kind, tier string
	priority   int
	namespaces metav1.LabelSelector
	pods       *metav1.LabelSelector
	egress     bool
	rules      []ruleSpec
}

type ruleSpec struct {
	action     string
	namespaces *metav1.LabelSelector
	networks   []string
	port       bool
}

func (w world) cluster(priority int) clusterSpec {
	c := clusterSpec{kind: "ClusterNetworkPolicy", tier: w.one([]string{"Admin", "Baseline"}), priority: priority, egress: w.IntN(2) == 0}
	c.namespaces = w.valid()
	if w.IntN(3) == 0 {
		s := w.valid()
		c.pods = &s
	}
	for range w.IntN(4) {
		r := ruleSpec{action: w.one([]string{"Accept", "Deny", "Pass"}), port: w.IntN(4) == 0}
		if c.egress && w.IntN(2) == 0 {
			for range 1 + w.IntN(2) {
				r.networks = append(r.networks, w.one([]string{"0.0.0.0/0", "::/0", "192.0.2.0/24", "198.51.100.0/24"}))
			}
		} else {
			s := w.valid()
			r.namespaces = &s
		}
		c.rules = append(c.rules, r)
	}
	return c
}

// valid is a selector that is often empty and parses.
func (w world) valid() metav1.LabelSelector {
	for w.IntN(2) == 0 {
		s := w.selector()
		if _, err := metav1.LabelSelectorAsSelector(&s); err == nil {
			return s
		}
	}
	return metav1.LabelSelector{}
}

func (c *clusterSpec) object(t *testing.T, name string) *unstructured.Unstructured {
	t.Helper()
	untyped := func(s *metav1.LabelSelector) map[string]any {
		m, err := runtime.DefaultUnstructuredConverter.ToUnstructured(s)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	subject := map[string]any{"namespaces": untyped(&c.namespaces)}
	if c.pods != nil {
		subject = map[string]any{"pods": map[string]any{"namespaceSelector": untyped(&c.namespaces), "podSelector": untyped(c.pods)}}
	}
	direction, peers := "ingress", "from"
	if c.egress {
		direction, peers = "egress", "to"
	}
	var rules []any
	for _, r := range c.rules {
		peer := map[string]any{}
		if r.namespaces != nil {
			peer["namespaces"] = untyped(r.namespaces)
		} else {
			var list []any
			for _, n := range r.networks {
				list = append(list, n)
			}
			peer["networks"] = list
		}
		rule := map[string]any{"action": r.action, peers: []any{peer}}
		if r.port {
			rule["protocols"] = []any{map[string]any{"tcp": map[string]any{"destinationPort": map[string]any{"number": int64(22)}}}}
		}
		rules = append(rules, rule)
	}
	u := object(t, c.kind+" "+name)
	u.Object["spec"] = map[string]any{"tier": c.tier, "priority": int64(c.priority), "subject": subject, direction: rules}
	return u
}

// naiveDenied follows one packet through all policies, the lowest number first.
func naiveDenied(cluster []clusterSpec, policies []*networkingv1.NetworkPolicy, namespace, pod map[string]string, d network.Direction, p packet) bool {
	for _, tier := range []string{"Admin", "NetworkPolicy", "Baseline"} {
		if tier == "NetworkPolicy" {
			if state, _ := naivePolicies(policies, pod, d); state == network.Isolated {
				return true
			}
			continue
		}
		switch naiveTier(cluster, tier, namespace, pod, d, p) {
		case "Accept":
			return false
		case "Deny":
			return true
		}
	}
	return false
}

func naiveTier(cluster []clusterSpec, tier string, namespace, pod map[string]string, d network.Direction, p packet) string {
	for _, c := range cluster { // sorted by priority
		if c.tier != tier || c.egress != (d == network.Egress) || !matches(&c.namespaces, namespace) || c.pods != nil && !matches(c.pods, pod) {
			continue
		}
		for _, r := range c.rules {
			hit := r.namespaces != nil && p.pod && matches(r.namespaces, map[string]string{})
			for _, n := range r.networks {
				hit = hit || netip.MustParsePrefix(n).Contains(p.ip)
			}
			if hit && !r.port {
				return r.action
			}
		}
	}
	return ""
}

func matches(s *metav1.LabelSelector, set map[string]string) bool {
	selector, err := metav1.LabelSelectorAsSelector(s)
	return err == nil && selector.Matches(labels.Set(set))
}

func TestTiersAgreeWithPackets(t *testing.T) {
	states := map[network.State]int{}
	for seed := range uint64(800) {
		w := world{rand.New(rand.NewPCG(seed, 11))}
		c := network.NewCluster()
		var cluster []clusterSpec
		for i := range 1 + w.IntN(6) {
			cluster = append(cluster, w.cluster(i))
		}
		for _, i := range w.Perm(len(cluster)) {
			if problems, _ := c.Add(cluster[i].object(t, fmt.Sprint("c", i))); len(problems) > 0 {
				t.Fatalf("seed %d: %v", seed, problems)
			}
		}
		namespace := w.labels()
		s := c.Space("shop", namespace)
		var policies []*networkingv1.NetworkPolicy
		for i := range w.IntN(3) {
			p := w.policy(fmt.Sprint("p", i))
			if _, err := metav1.LabelSelectorAsSelector(&p.Spec.PodSelector); err == nil {
				policies = append(policies, p)
				s.AddPolicy(p)
			}
		}
		for range 4 {
			pod := w.labels()
			for _, d := range []network.Direction{network.Ingress, network.Egress} {
				var want network.Reach
				for _, p := range packets {
					if naiveDenied(cluster, policies, namespace, pod, d, p) {
						want |= p.reach
					}
				}
				got := s.Isolation(network.Pod{Labels: pod}, d)
				states[got.State]++
				if got.Denied != want {
					t.Fatalf("seed %d: %s of %v: denied is %s, want %s\n%+v", seed, d, pod, got.Denied, want, cluster)
				}
			}
		}
	}
	for _, s := range []network.State{network.Open, network.Isolated, network.Partly, network.Unknown} {
		if states[s] < 10 {
			t.Errorf("hardly any answer was %s: %v", s, states)
		}
	}
}
