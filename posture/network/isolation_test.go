package network_test

import (
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/kubeassay/assay/posture/network"
)

// object is an untyped object: "KIND NAME SPEC", of the kind's own version.
func object(t testing.TB, text string) *unstructured.Unstructured {
	t.Helper()
	kind, rest, _ := strings.Cut(text, " ")
	name, spec, _ := strings.Cut(rest, " ")
	namespace, short, namespaced := strings.Cut(name, "/")
	if !namespaced {
		namespace, short = "", name
	}
	version := map[string]string{
		"ClusterNetworkPolicy": "policy.networking.k8s.io/v1alpha2", "AdminNetworkPolicy": "policy.networking.k8s.io/v1alpha1",
		"BaselineAdminNetworkPolicy": "policy.networking.k8s.io/v1alpha1", "CiliumNetworkPolicy": "cilium.io/v2",
		"CiliumClusterwideNetworkPolicy": "cilium.io/v2", "GlobalNetworkPolicy": "projectcalico.org/v3",
		"Gateway": "gateway.networking.k8s.io/v1", "HTTPRoute": "gateway.networking.k8s.io/v1", "GRPCRoute": "gateway.networking.k8s.io/v1",
		"TLSRoute": "gateway.networking.k8s.io/v1", "ListenerSet": "gateway.networking.k8s.io/v1",
	}[kind]
	u := &unstructured.Unstructured{Object: map[string]any{}}
	if spec != "" {
		raw := map[string]any{}
		if err := yaml.Unmarshal([]byte(spec), &raw); err != nil {
			t.Fatalf("%s: %v", spec, err)
		}
		u.Object["spec"] = raw
	}
	u.SetAPIVersion(version)
	u.SetKind(kind)
	u.SetNamespace(namespace)
	u.SetName(short)
	return u
}

func TestIsolation(t *testing.T) {
	const denyPods = `ingress: [{action: Deny, from: [{namespaces: {}}]}]`
	tests := []struct {
		name     string
		policies map[string]string // NetworkPolicies of the namespace
		cluster  []string          // other objects
		gap      bool              // policies could not be read
		unknown  bool              // the namespace's labels are not known
		labels   string            // of the pod
		host     bool
		in, out  string // state and what decides
		doubts   string // for ingress
	}{
		{name: "nothing", in: "open", out: "open"},
		{name: "host network", policies: map[string]string{"all": `{}`}, host: true, in: "not-covered", out: "not-covered"},
		{name: "selected", policies: map[string]string{"all": `{}`}, in: "isolated all", out: "open"},
		{name: "not selected", policies: map[string]string{"some": `{podSelector: {matchLabels: {app: other}}}`}, in: "open", out: "open"},
		{
			name: "selected by several", labels: "app: cart", in: "isolated a b", out: "isolated b",
			policies: map[string]string{
				"a": `{podSelector: {matchLabels: {app: cart}}}`, "c": `{podSelector: {matchExpressions: [{key: app, operator: NotIn, values: [cart]}]}}`,
				"b": `{podSelector: {matchExpressions: [{key: app, operator: Exists}]}, policyTypes: [Ingress, Egress]}`,
			},
		},
		{
			name: "a broken selector: it may be the one", in: "unknown", out: "unknown", doubts: "NetworkPolicy/broken: its podSelector does not parse",
			policies: map[string]string{"broken": `{podSelector: {matchLabels: {"a b": c}}}`},
		},
		{
			name: "a broken selector beside one that selects", in: "isolated all", out: "unknown",
			policies: map[string]string{"broken": `{podSelector: {matchLabels: {"a b": c}}}`, "all": `{}`},
		},
		{name: "unread policies", gap: true, in: "unknown", out: "unknown", doubts: "networkpolicies may not be listed"},
		{name: "unread policies, but one selects", gap: true, policies: map[string]string{"all": `{}`}, in: "isolated all", out: "unknown"},
		{
			name: "a plugin's policy in the namespace", cluster: []string{"CiliumNetworkPolicy shop/x {}"}, in: "unknown", out: "unknown",
			doubts: "CiliumNetworkPolicy/x: a policy of a network plugin, which is not evaluated here",
		},
		{name: "a plugin's policy elsewhere", cluster: []string{"CiliumNetworkPolicy other/x {}"}, in: "open", out: "open"},
		{
			name: "a plugin's policy for the whole cluster", cluster: []string{"GlobalNetworkPolicy x {}"}, in: "unknown", out: "unknown",
			doubts: "GlobalNetworkPolicy/x: a policy of a network plugin, which is not evaluated here",
		},
		{name: "a view of a NetworkPolicy in Calico's API", cluster: []string{"GlobalNetworkPolicy kcnp.kube-admin.x {}"}, in: "open", out: "open"},
		{name: "a plugin's policy for nodes", cluster: []string{"CiliumClusterwideNetworkPolicy x {nodeSelector: {}}"}, in: "open", out: "open"},
		{
			name: "a plugin's policy for one other namespace", in: "open", out: "open",
			cluster: []string{`CiliumClusterwideNetworkPolicy x {endpointSelector: {matchLabels: {"k8s:io.kubernetes.pod.namespace": other}}}`},
		},
		{
			name: "a plugin's policy for this namespace", in: "unknown", out: "unknown",
			cluster: []string{`CiliumClusterwideNetworkPolicy x {endpointSelector: {matchLabels: {"io.kubernetes.pod.namespace": shop}}}`},
			doubts:  "CiliumClusterwideNetworkPolicy/x: a policy of a network plugin, which is not evaluated here",
		},
		{
			name: "baseline denies pods", cluster: []string{"BaselineAdminNetworkPolicy default {subject: {namespaces: {}}, " + denyPods + "}"},
			in: "partly default", out: "open",
		},
		{
			name: "baseline denies everything out", in: "open", out: "isolated default",
			cluster: []string{`BaselineAdminNetworkPolicy default {subject: {namespaces: {}}, egress: [{action: Deny, to: [{networks: ["0.0.0.0/0", "::/0"]}]}]}`},
		},
		{
			name: "baseline denies IPv4 out", in: "open", out: "unknown default",
			cluster: []string{`BaselineAdminNetworkPolicy default {subject: {namespaces: {}}, egress: [{action: Deny, to: [{networks: ["0.0.0.0/0"]}]}]}`},
		},
		{
			name: "pods are let through, the rest denied", in: "open", out: "partly cnp",
			cluster: []string{`ClusterNetworkPolicy cnp {tier: Baseline, priority: 1, subject: {namespaces: {}}, egress: [{action: Accept, to: [{namespaces: {}}]}, {action: Deny, to: [{networks: ["0.0.0.0/0", "::/0"]}]}]}`},
		},
		{
			name: "a NetworkPolicy decides before the baseline", policies: map[string]string{"all": `{}`}, in: "isolated all", out: "open",
			cluster: []string{"BaselineAdminNetworkPolicy default {subject: {namespaces: {}}, ingress: [{action: Allow, from: [{namespaces: {}}]}]}"},
		},
		{
			name: "admin accepts all pods before any NetworkPolicy", policies: map[string]string{"all": `{}`}, in: "partly admin all", out: "open",
			cluster: []string{"AdminNetworkPolicy admin {priority: 5, subject: {namespaces: {}}, ingress: [{action: Allow, from: [{namespaces: {}}]}]}"},
		},
		{
			name: "admin passes to the NetworkPolicy", policies: map[string]string{"all": `{}`}, in: "isolated all", out: "open",
			cluster: []string{"ClusterNetworkPolicy admin {tier: Admin, priority: 5, subject: {namespaces: {}}, ingress: [{action: Pass, from: [{namespaces: {}}]}, {action: Accept, from: [{namespaces: {}}]}]}"},
		},
		{
			name: "the lower number first", in: "partly b", out: "open",
			cluster: []string{
				"ClusterNetworkPolicy a {tier: Admin, priority: 6, subject: {namespaces: {}}, ingress: [{action: Accept, from: [{namespaces: {}}]}]}",
				"ClusterNetworkPolicy b {tier: Admin, priority: 5, subject: {namespaces: {}}, " + denyPods + "}",
			},
		},
		{
			name: "the same number: either may come first", in: "unknown a b", out: "open",
			cluster: []string{
				"ClusterNetworkPolicy a {tier: Admin, priority: 5, subject: {namespaces: {}}, ingress: [{action: Accept, from: [{namespaces: {}}]}]}",
				"ClusterNetworkPolicy b {tier: Admin, priority: 5, subject: {namespaces: {}}, " + denyPods + "}",
			},
		},
		{
			name: "two kinds in one tier: either may come first", in: "unknown a b", out: "open",
			cluster: []string{
				"AdminNetworkPolicy a {priority: 1, subject: {namespaces: {}}, ingress: [{action: Allow, from: [{namespaces: {}}]}]}",
				"ClusterNetworkPolicy b {tier: Admin, priority: 5, subject: {namespaces: {}}, " + denyPods + "}",
			},
		},
		{
			name: "two kinds that agree", in: "partly a b", out: "open",
			cluster: []string{
				"AdminNetworkPolicy a {priority: 1, subject: {namespaces: {}}, " + denyPods + "}",
				"ClusterNetworkPolicy b {tier: Admin, priority: 5, subject: {namespaces: {}}, " + denyPods + "}",
			},
		},
		{
			name: "single ports and single peers are no default", in: "open", out: "open",
			cluster: []string{`ClusterNetworkPolicy a {tier: Admin, priority: 1, subject: {namespaces: {}}, ingress: [
				{action: Deny, from: [{namespaces: {}}], protocols: [{tcp: {destinationPort: {number: 22}}}]}, {action: Deny, from: [{namespaces: {matchLabels: {team: x}}}]}],
				egress: [{action: Deny, to: [{nodes: {}}, {domainNames: [example.com]}]}]}`},
		},
		{
			name: "all but some namespaces is a default", in: "partly a", out: "open",
			cluster: []string{`ClusterNetworkPolicy a {tier: Admin, priority: 1, subject: {namespaces: {}}, ingress: [
				{action: Deny, from: [{namespaces: {matchExpressions: [{key: kubernetes.io/metadata.name, operator: NotIn, values: [kube-system]}]}}]}]}`},
		},
		{
			name: "a subject of other namespaces", in: "open", out: "open",
			cluster: []string{"ClusterNetworkPolicy a {tier: Admin, priority: 1, subject: {namespaces: {matchLabels: {kubernetes.io/metadata.name: other}}}, " + denyPods + "}"},
		},
		{
			name: "a subject by the namespace's name, its labels not known", unknown: true, in: "partly a", out: "open",
			cluster: []string{"ClusterNetworkPolicy a {tier: Admin, priority: 1, subject: {namespaces: {matchLabels: {kubernetes.io/metadata.name: shop}}}, " + denyPods + "}"},
		},
		{
			name: "a subject by labels that are not known", unknown: true, in: "unknown a", out: "open", doubts: "ClusterNetworkPolicy/a: it may or may not select the pod",
			cluster: []string{"ClusterNetworkPolicy a {tier: Admin, priority: 1, subject: {namespaces: {matchLabels: {team: x}}}, " + denyPods + "}"},
		},
		{
			name: "whether it denies here is not known, but then a NetworkPolicy does", unknown: true, policies: map[string]string{"all": `{}`}, in: "isolated a all", out: "open",
			cluster: []string{"ClusterNetworkPolicy a {tier: Admin, priority: 1, subject: {namespaces: {matchLabels: {team: x}}}, " + denyPods + "}"},
		},
		{
			name: "pods of the subject", labels: "app: cart", in: "partly a", out: "open",
			cluster: []string{"ClusterNetworkPolicy a {tier: Baseline, priority: 1, subject: {pods: {namespaceSelector: {}, podSelector: {matchLabels: {app: cart}}}}, " + denyPods + "}"},
		},
		{
			name: "other pods of the subject", labels: "app: web", in: "open", out: "open",
			cluster: []string{"ClusterNetworkPolicy a {tier: Baseline, priority: 1, subject: {pods: {namespaceSelector: {}, podSelector: {matchLabels: {app: cart}}}}, " + denyPods + "}"},
		},
		{
			name: "a field of another version", in: "unknown", out: "unknown", doubts: "ClusterNetworkPolicy/a: its spec is not that of a version that is known",
			cluster: []string{"ClusterNetworkPolicy a {tier: Baseline, priority: 1, subject: {namespaces: {}}, mood: stern, " + denyPods + "}"},
		},
		{
			name: "a subject that does not parse", in: "unknown", out: "unknown", doubts: "ClusterNetworkPolicy/a: its subject has a selector that does not parse",
			cluster: []string{"ClusterNetworkPolicy a {tier: Baseline, priority: 1, subject: {namespaces: {matchLabels: {'a b': c}}}}"},
		},
		{
			name: "an action that is not known", in: "unknown a", out: "open", doubts: "ClusterNetworkPolicy/a: it has a rule that is not understood",
			cluster: []string{"ClusterNetworkPolicy a {tier: Admin, priority: 1, subject: {namespaces: {}}, ingress: [{action: Wink, from: [{namespaces: {}}]}]}"},
		},
		{
			name: "a peer that is not known", in: "unknown a", out: "open", doubts: "ClusterNetworkPolicy/a: it has a rule that is not understood",
			cluster: []string{"ClusterNetworkPolicy a {tier: Admin, priority: 1, subject: {namespaces: {}}, ingress: [{action: Deny, from: [{}]}]}"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := network.NewCluster()
			for _, text := range tt.cluster {
				if _, ok := c.Add(object(t, text)); !ok {
					t.Fatalf("%s is not taken for a policy", text)
				}
			}
			labels := map[string]string{}
			if tt.unknown {
				labels = nil
			}
			s := c.Space("shop", labels)
			if tt.gap {
				s.Miss("networkpolicies may not be listed")
			}
			for _, name := range []string{"all", "some", "a", "b", "c", "broken"} {
				if spec, ok := tt.policies[name]; ok {
					s.AddPolicy(policy(t, name, spec))
				}
			}
			pod := network.Pod{HostNetwork: tt.host}
			if err := yaml.Unmarshal([]byte(tt.labels), &pod.Labels); err != nil {
				t.Fatal(err)
			}
			for d, want := range map[network.Direction]string{network.Ingress: tt.in, network.Egress: tt.out} {
				got := s.Isolation(pod, d)
				if state := s.State(pod, d); state != got.State {
					t.Errorf("%s: the state is %s, and alone %s", d, got.State, state)
				}
				if said := say(got); said != want {
					t.Errorf("%s: %q, want %q", d, said, want)
				}
				if (got.State == network.Unknown) != (len(got.Doubts) > 0) {
					t.Errorf("%s: %s with the doubts %v", d, got.State, got.Doubts)
				}
				if tt.doubts != "" && d == network.Ingress && (len(got.Doubts) != 1 || got.Doubts[0].String() != tt.doubts) {
					t.Errorf("the doubts are %v", got.Doubts)
				}
			}
		})
	}
}

func say(i network.Isolation) string {
	names := []string{string(i.State)}
	for _, ref := range i.By {
		names = append(names, ref.Name)
	}
	slices.Sort(names[1:])
	return strings.Join(names, " ")
}

func TestDefault(t *testing.T) {
	tests := []struct {
		name, policies, cluster string
		want                    network.State
	}{
		{"nothing", "", "", network.Open},
		{"a policy for all pods", "{}", "", network.Isolated},
		{"a policy for some pods", "{podSelector: {matchLabels: {a: b}}}", "", network.Unknown},
		{"a policy for egress", "{policyTypes: [Egress]}", "", network.Open},
		{"a cluster's policy for all pods", "", "ClusterNetworkPolicy a {tier: Baseline, priority: 1, subject: {namespaces: {}}, ingress: [{action: Deny, from: [{namespaces: {}}]}]}", network.Partly},
		{"a cluster's policy for some pods", "", "ClusterNetworkPolicy a {tier: Baseline, priority: 1, subject: {pods: {namespaceSelector: {}, podSelector: {matchLabels: {a: b}}}}, ingress: [{action: Deny, from: [{namespaces: {}}]}]}", network.Unknown},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := network.NewCluster()
			if tt.cluster != "" {
				c.Add(object(t, tt.cluster))
			}
			s := c.Space("shop", nil)
			if tt.policies != "" {
				s.AddPolicy(policy(t, "p", tt.policies))
			}
			if got := s.Default(network.Ingress); got.State != tt.want {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestAddTellsWhatIsWrong(t *testing.T) {
	tests := []struct{ name, object, problems string }{
		{"fine", "ClusterNetworkPolicy a {tier: Admin, priority: 1, subject: {namespaces: {}}}", ""},
		{"no spec", "ClusterNetworkPolicy a", "spec"},
		{"another version's field", "AdminNetworkPolicy a {priority: 1, subject: {namespaceSelector: {}}}", "spec"},
		{"no tier", "ClusterNetworkPolicy a {subject: {namespaces: {}}}", "spec.tier"},
		{"two subjects", "AdminNetworkPolicy a {subject: {namespaces: {}, pods: {}}}", "spec.subject"},
		{"selectors", "AdminNetworkPolicy a {subject: {namespaces: {matchExpressions: [{key: a, operator: Like}]}}}", "spec.subject.namespaces"},
		{"rules", `AdminNetworkPolicy a {subject: {namespaces: {}}, ingress: [{action: Deny, from: [{namespaces: {matchLabels: {"": b}}}]}], egress: [{action: Nod, to: [{networks: [x]}, {}]}]}`, "spec.ingress[0].from[0].namespaces spec.egress[0].action spec.egress[0].to[0].networks[0] spec.egress[0].to[1]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			problems, policy := network.NewCluster().Add(object(t, tt.object))
			var fields []string
			for _, p := range problems {
				fields = append(fields, p.Field)
			}
			if got := strings.Join(fields, " "); got != tt.problems || !policy {
				t.Errorf("a policy: %v, problems %v", policy, problems)
			}
		})
	}
	if _, policy := network.NewCluster().Add(object(t, "Gateway shop/a {}")); policy {
		t.Error("a Gateway is taken for a policy")
	}
}

func TestGoverned(t *testing.T) {
	tests := []struct {
		name, cluster string
		policy        bool
		want          bool
	}{
		{"nothing", "", false, false},
		{"a NetworkPolicy", "", true, true},
		{"a cluster's policy that denies", "ClusterNetworkPolicy a {tier: Baseline, priority: 1, subject: {namespaces: {}}, ingress: [{action: Deny, from: [{namespaces: {}}]}]}", false, true},
		{"one for some pods", "ClusterNetworkPolicy a {tier: Baseline, priority: 1, subject: {pods: {namespaceSelector: {}, podSelector: {matchLabels: {a: b}}}}, egress: [{action: Deny, to: [{namespaces: {}}]}]}", false, true},
		{"one that lets through", "ClusterNetworkPolicy a {tier: Baseline, priority: 1, subject: {namespaces: {}}, ingress: [{action: Accept, from: [{namespaces: {}}]}]}", false, false},
		{"one for other namespaces", "ClusterNetworkPolicy a {tier: Baseline, priority: 1, subject: {namespaces: {matchLabels: {a: b}}}, ingress: [{action: Deny, from: [{namespaces: {}}]}]}", false, false},
		{"a plugin's policy", "GlobalNetworkPolicy a {}", false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := network.NewCluster()
			if tt.cluster != "" {
				c.Add(object(t, tt.cluster))
			}
			s := c.Space("shop", map[string]string{})
			if tt.policy {
				s.AddPolicy(policy(t, "p", "{}"))
			}
			if got := s.Governed(); got != tt.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestAPluginsPolicyOfTheNamespace(t *testing.T) {
	s := network.NewCluster().Space("", nil)
	if s.Add(object(t, "Gateway shop/g {}")) || !s.Add(object(t, "CiliumNetworkPolicy x {}")) {
		t.Error("not taken for what it is")
	}
	if got := s.Isolation(network.Pod{}, network.Ingress); got.State != network.Unknown || len(got.Doubts) != 1 {
		t.Errorf("got %+v", got)
	}
}

func TestReadClusterPolicy(t *testing.T) {
	tests := []struct{ name, object, ingress, egress string }{
		{"accepts", "AdminNetworkPolicy a {priority: 1, subject: {namespaces: {}}, ingress: [{action: Allow, from: [{namespaces: {}}], ports: [{portNumber: {port: 1}}]}, {action: Allow, from: [{namespaces: {}}]}]}", "spec.ingress[1]", ""},
		{"denies first", "AdminNetworkPolicy a {priority: 1, subject: {namespaces: {}}, ingress: [{action: Deny, from: [{namespaces: {}}]}, {action: Allow, from: [{namespaces: {}}]}]}", "", ""},
		{"out", `ClusterNetworkPolicy a {tier: Admin, priority: 1, subject: {namespaces: {}}, egress: [{action: Deny, to: [{namespaces: {}}]}, {action: Accept, to: [{networks: ["0.0.0.0/0", "::/0"]}]}]}`, "", "spec.egress[1]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := network.ReadClusterPolicy(object(t, tt.object))
			if !ok || len(got.Problems) > 0 || !got.BeforePolicies || strings.Join(got.AcceptedIngress.Fields, " ") != tt.ingress || strings.Join(got.AcceptedEgress.Fields, " ") != tt.egress {
				t.Errorf("got %+v", got)
			}
		})
	}
	if _, ok := network.ReadClusterPolicy(object(t, "CiliumNetworkPolicy shop/a {}")); ok {
		t.Error("a plugin's policy is taken for one that is understood")
	}
}
