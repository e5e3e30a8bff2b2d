package network_test

import (
	"slices"
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/yaml"

	"github.com/kubeassay/assay/posture/network"
)

// policy is a NetworkPolicy with that spec.
func policy(t testing.TB, name, spec string) *networkingv1.NetworkPolicy {
	t.Helper()
	p := &networkingv1.NetworkPolicy{}
	p.Name, p.Namespace = name, "shop"
	if err := yaml.UnmarshalStrict([]byte(spec), &p.Spec); err != nil {
		t.Fatalf("%s: %v", spec, err)
	}
	return p
}

func TestReadPolicy(t *testing.T) {
	const all = network.Everything
	tests := []struct {
		name, spec           string
		ingress, egress      bool
		allowsIn, allowsOut  network.Reach
		in, out              string // the fields that say so
		metadata             string
		problems             string
		selectorDoesNotParse bool
	}{
		{name: "empty: ingress alone", spec: `{}`, ingress: true},
		{name: "no types, no rules", spec: `{podSelector: {}}`, ingress: true},
		{name: "no types, egress rules: both", spec: `{podSelector: {}, egress: [{ports: [{port: 53}]}]}`, ingress: true, egress: true},
		{name: "no types, an empty list of egress rules: ingress alone", spec: `{podSelector: {}, egress: []}`, ingress: true},
		{name: "egress alone", spec: `{podSelector: {}, policyTypes: [Egress]}`, egress: true},
		{name: "deny all", spec: `{podSelector: {}, policyTypes: [Ingress, Egress]}`, ingress: true, egress: true},
		{name: "ingress rules that the types leave out", spec: `{policyTypes: [Egress], ingress: [{}]}`, egress: true},
		{name: "types that are none", spec: `{policyTypes: [Sideways]}`, problems: "spec.policyTypes[0]"},
		{name: "a type that is none beside one that is", spec: `{policyTypes: [Egress, ingress]}`, egress: true, problems: "spec.policyTypes[1]"},
		{name: "allow all in", spec: `{ingress: [{}]}`, ingress: true, allowsIn: all, in: "spec.ingress[0]"},
		{name: "allow all out", spec: `{policyTypes: [Egress], egress: [{ports: [{port: 53}]}, {}]}`, egress: true, allowsOut: all, out: "spec.egress[1]"},
		{name: "an empty from is any", spec: `{ingress: [{from: [], ports: []}]}`, ingress: true, allowsIn: all, in: "spec.ingress[0]"},
		{name: "from anywhere, one port", spec: `{ingress: [{ports: [{port: 80}]}]}`, ingress: true},
		{name: "all namespaces", spec: `{ingress: [{from: [{namespaceSelector: {}}]}]}`, ingress: true, allowsIn: network.Pods, in: "spec.ingress[0].from[0]"},
		{name: "all pods of all namespaces", spec: `{ingress: [{from: [{namespaceSelector: {}, podSelector: {}}]}]}`, ingress: true, allowsIn: network.Pods, in: "spec.ingress[0].from[0]"},
		{name: "all namespaces, by the label that each has", spec: `{ingress: [{from: [{namespaceSelector: {matchExpressions: [{key: kubernetes.io/metadata.name, operator: Exists}]}}]}]}`, ingress: true, allowsIn: network.Pods, in: "spec.ingress[0].from[0]"},
		{name: "all namespaces but one", spec: `{ingress: [{from: [{namespaceSelector: {matchExpressions: [{key: kubernetes.io/metadata.name, operator: NotIn, values: [x]}]}}]}]}`, ingress: true},
		{name: "some pods of all namespaces", spec: `{ingress: [{from: [{namespaceSelector: {}, podSelector: {matchLabels: {a: b}}}]}]}`, ingress: true},
		{name: "all pods of the same namespace", spec: `{ingress: [{from: [{podSelector: {}}]}]}`, ingress: true},
		{name: "all namespaces, one port", spec: `{ingress: [{from: [{namespaceSelector: {}}], ports: [{port: 80}]}]}`, ingress: true},
		{
			name: "all of IPv4", spec: `{ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/0}}]}]}`, ingress: true,
			allowsIn: network.OutsideIPv4, in: "spec.ingress[0].from[0].ipBlock",
		},
		{
			name: "pods and both families, over several rules", ingress: true,
			spec: `{ingress: [{from: [{namespaceSelector: {}}]}, {from: [{ipBlock: {cidr: 0.0.0.0/0}}, {ipBlock: {cidr: "::/0"}}]}]}`, allowsIn: all,
			in: "spec.ingress[0].from[0] spec.ingress[1].from[0].ipBlock spec.ingress[1].from[1].ipBlock",
		},
		{
			name: "in two halves", spec: `{policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 128.0.0.0/1}}, {ipBlock: {cidr: 0.0.0.0/1}}]}]}`, egress: true,
			allowsOut: network.OutsideIPv4, out: "spec.egress[0].to[0].ipBlock spec.egress[0].to[1].ipBlock", metadata: "spec.egress[0].to[0].ipBlock",
		},
		{name: "half", spec: `{policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 0.0.0.0/1}}]}]}`, egress: true},
		{
			name: "all but private", egress: true, metadata: "spec.egress[0].to[0].ipBlock",
			spec: `{policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 0.0.0.0/0, except: [10.0.0.0/8, 192.168.0.0/16]}}]}]}`,
		},
		{
			name: "all but private and link-local", egress: true,
			spec: `{policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 0.0.0.0/0, except: [169.254.0.0/16]}}]}]}`,
		},
		{name: "metadata by port", egress: true, metadata: "spec.egress[0].to[0].ipBlock", spec: `{policyTypes: [Egress], egress: [{ports: [{port: 80}], to: [{ipBlock: {cidr: 169.254.169.254/32}}]}]}`},
		{name: "metadata, another port", egress: true, spec: `{policyTypes: [Egress], egress: [{ports: [{port: 443}, {port: 80, protocol: UDP}, {port: web}, {port: 81, endPort: 90}], to: [{ipBlock: {cidr: 0.0.0.0/0}}]}]}`},
		{name: "metadata by a range of ports", egress: true, metadata: "spec.egress[0].to[0].ipBlock", spec: `{policyTypes: [Egress], egress: [{ports: [{port: 1, endPort: 80}], to: [{ipBlock: {cidr: 0.0.0.0/0}}]}]}`},
		{name: "metadata by any TCP port", egress: true, metadata: "spec.egress[0].to[0].ipBlock", spec: `{policyTypes: [Egress], egress: [{ports: [{protocol: TCP}], to: [{ipBlock: {cidr: 169.254.0.0/16}}]}]}`},
		{name: "metadata by a rule without peers", egress: true, metadata: "spec.egress[1]", spec: `{policyTypes: [Egress], egress: [{ports: [{port: 53}]}, {ports: [{port: 80}]}]}`},
		{name: "every port of TCP from anywhere", spec: `{ingress: [{ports: [{protocol: TCP}]}]}`, ingress: true, allowsIn: all, in: "spec.ingress[0]"},
		{name: "every port, protocol left out", spec: `{ingress: [{ports: [{port: 80}, {}]}]}`, ingress: true, allowsIn: all, in: "spec.ingress[0]"},
		{name: "every port by its numbers", spec: `{ingress: [{ports: [{port: 1, endPort: 65535}], from: [{namespaceSelector: {}}]}]}`, ingress: true, allowsIn: network.Pods, in: "spec.ingress[0].from[0]"},
		{name: "nearly every port", spec: `{ingress: [{ports: [{port: 1, endPort: 65534}]}]}`, ingress: true},
		{name: "every port of UDP", spec: `{ingress: [{ports: [{protocol: UDP}]}]}`, ingress: true},
		{name: "a port by name is one", spec: `{ingress: [{ports: [{port: "1", endPort: 65535}]}]}`, ingress: true},
		{name: "every port of TCP, to all addresses", egress: true, allowsOut: network.OutsideIPv4, out: "spec.egress[0].to[0].ipBlock", metadata: "spec.egress[0].to[0].ipBlock", spec: `{policyTypes: [Egress], egress: [{ports: [{protocol: TCP}], to: [{ipBlock: {cidr: 0.0.0.0/0}}]}]}`},
		{name: "a CIDR that is none", spec: `{ingress: [{from: [{ipBlock: {cidr: 10.0.0.0}}, {namespaceSelector: {}}]}]}`, ingress: true, allowsIn: network.Pods, in: "spec.ingress[0].from[1]", problems: "spec.ingress[0].from[0].ipBlock.cidr"},
		{name: "an exception that is none", spec: `{ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/0, except: [x]}}]}]}`, ingress: true, problems: "spec.ingress[0].from[0].ipBlock.except[0]"},
		{name: "an empty peer", spec: `{ingress: [{from: [{}]}]}`, ingress: true, problems: "spec.ingress[0].from[0]"},
		{
			name: "a selector that does not parse", spec: `{podSelector: {matchExpressions: [{key: a, operator: Like, values: [b]}]}}`, ingress: true,
			problems: "spec.podSelector", selectorDoesNotParse: true,
		},
		{
			name: "In without values", spec: `{podSelector: {matchExpressions: [{key: a, operator: In}]}}`, ingress: true,
			problems: "spec.podSelector", selectorDoesNotParse: true,
		},
		{
			name: "a peer's selector that does not parse", spec: `{ingress: [{from: [{namespaceSelector: {matchLabels: {"a b": c}}}, {podSelector: {matchLabels: {a: "-"}}}]}, {}]}`,
			ingress: true, allowsIn: all, in: "spec.ingress[1]", problems: "spec.ingress[0].from[0].namespaceSelector spec.ingress[0].from[1].podSelector",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := network.ReadPolicy(policy(t, "p", tt.spec))
			if got.Ingress != tt.ingress || got.Egress != tt.egress {
				t.Errorf("ingress %v, egress %v", got.Ingress, got.Egress)
			}
			for d, want := range map[network.Direction]network.Allowance{
				network.Ingress: {Reach: tt.allowsIn, Fields: strings.Fields(tt.in)},
				network.Egress:  {Reach: tt.allowsOut, Fields: strings.Fields(tt.out)},
			} {
				if a := got.Allowed(d); a.Reach != want.Reach || !slices.Equal(a.Fields, want.Fields) {
					t.Errorf("%s: lets through %s by %q, want %s by %q", d, a.Reach, a.Fields, want.Reach, want.Fields)
				}
			}
			if s := strings.Join(got.Metadata, " "); s != tt.metadata {
				t.Errorf("metadata by %q", s)
			}
			var problems []string
			for _, p := range got.Problems {
				problems = append(problems, p.Field)
				if p.Message == "" {
					t.Errorf("%s: no message", p.Field)
				}
			}
			if s := strings.Join(problems, " "); s != tt.problems {
				t.Errorf("problems %q", got.Problems)
			}
			if (got.Selector == nil) != tt.selectorDoesNotParse {
				t.Errorf("the selector is %v", got.Selector)
			}
		})
	}
}

func TestReachInWords(t *testing.T) {
	for reach, want := range map[network.Reach]string{
		0:                                  "nothing",
		network.Everything:                 "every pod of the cluster and every address outside of the cluster",
		network.Pods:                       "every pod of the cluster",
		network.OutsideIPv4 | network.Pods: "every pod of the cluster and every address outside of the cluster (IPv4)",
		network.IPv6:                       "every pod of the cluster (IPv6) and every address outside of the cluster (IPv6)",
	} {
		if got := reach.String(); got != want {
			t.Errorf("%04b is %q, want %q", reach, got, want)
		}
	}
}
