package network_test

import (
	"encoding/json"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubeassay/assay/posture/network"
)

// FuzzSelector holds the index against apimachinery, for any selector and any
// labels: what one parses and matches, the other does.
func FuzzSelector(f *testing.F) {
	f.Add(`{"matchLabels":{"app":"cart"}}`, `{"app":"cart","tier":"web"}`)
	f.Add(`{"matchExpressions":[{"key":"app","operator":"In","values":["a","b","a"]},{"key":"x","operator":"DoesNotExist"}]}`, `{"app":"b"}`)
	f.Add(`{"matchExpressions":[{"key":"a b","operator":"Like"}]}`, `{}`)
	f.Add(`{"matchExpressions":[{"key":"app","operator":"Exists"},{"key":"app","operator":"NotIn","values":["x"]}]}`, `{"app":"y"}`)
	f.Fuzz(func(t *testing.T, selector, pod string) {
		var p networkingv1.NetworkPolicy
		p.Name = "p"
		var set map[string]string
		if json.Unmarshal([]byte(selector), &p.Spec.PodSelector) != nil || json.Unmarshal([]byte(pod), &set) != nil {
			return
		}
		compiled, err := metav1.LabelSelectorAsSelector(&p.Spec.PodSelector)
		s := network.NewCluster().Space("shop", nil)
		read := s.AddPolicy(&p)
		if (err != nil) != (read.Selector == nil) || (err != nil) != (len(read.Problems) > 0) {
			t.Fatalf("apimachinery says %v, the policy's problems are %v", err, read.Problems)
		}
		want := network.Unknown
		if err == nil {
			want = network.Open
			if compiled.Matches(labels.Set(set)) {
				want = network.Isolated
			}
		}
		s.See(network.Pod{Labels: set})
		if got := s.State(network.Pod{Labels: set}, network.Ingress); got != want || (s.Selected("p") == 1) != (want == network.Isolated) {
			t.Fatalf("%s selects %s: %s (%d), want %s", selector, pod, got, s.Selected("p"), want)
		}
	})
}

// FuzzObjects reads anything as an untyped object: nothing breaks, and a policy
// that is not understood never makes a pod open or isolated.
func FuzzObjects(f *testing.F) {
	f.Add("ClusterNetworkPolicy", `{"tier":"Admin","priority":1,"subject":{"namespaces":{}},"egress":[{"action":"Deny","to":[{"networks":["0.0.0.0/0","::/0"]}]}]}`)
	f.Add("AdminNetworkPolicy", `{"priority":1e3,"subject":{"pods":{"namespaceSelector":{},"podSelector":{"matchLabels":{"a":"b"}}}},"ingress":[{"action":"Pass","from":[{"namespaces":{}}],"ports":[{"namedPort":"web"}]}]}`)
	f.Add("Gateway", `{"listeners":[{"name":"web","port":80,"protocol":"HTTP","tls":{"certificateRefs":[{}]},"allowedRoutes":{"namespaces":{"from":"All"}}}]}`)
	f.Add("HTTPRoute", `{"hostnames":["*"],"parentRefs":[{"name":"g","port":80}],"rules":[{"filters":[{"type":"RequestRedirect","requestRedirect":{"scheme":"https"}}]}]}`)
	f.Add("CiliumClusterwideNetworkPolicy", `{"endpointSelector":{"matchLabels":{"k8s:io.kubernetes.pod.namespace":1}}}`)
	f.Fuzz(func(t *testing.T, kind, spec string) {
		var raw any
		if json.Unmarshal([]byte(spec), &raw) != nil {
			return
		}
		u := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "policy.networking.k8s.io/v1alpha2", "kind": kind, "spec": raw}}
		if kind == "CiliumClusterwideNetworkPolicy" {
			u.Object["apiVersion"] = "cilium.io/v2"
		}
		c := network.NewCluster()
		c.Add(u)
		for _, labels := range []map[string]string{nil, {}} {
			s := c.Space("shop", labels)
			for _, d := range []network.Direction{network.Ingress, network.Egress} {
				got := s.Isolation(network.Pod{}, d)
				if got.State == network.Unknown && len(got.Doubts) == 0 {
					t.Fatalf("unknown, and nobody knows why: %s", spec)
				}
				s.Default(d)
			}
		}
		if r, err := network.ReadRoute(u); err == nil {
			r.Attaches(&network.Gateway{Parent: network.Parent{Kind: "Gateway", Name: "g"}}, &network.Listener{Port: 80})
		}
		if g, err := network.ReadGateway(u); err == nil {
			for i := range g.Listeners {
				g.Listeners[i].TLS.Certified()
			}
		}
	})
}

// FuzzTexts reads texts that people write: addresses, names, annotations, paths.
func FuzzTexts(f *testing.F) {
	f.Add("0.0.0.0/0", "localhost", "http://example.com/#;\ninjection")
	f.Add("::/0, 10.0.0.0/8", "[::1]", "/api/v\\d{1,2}")
	f.Add("0.0.0.0/1,128.0.0.0/1", "x.svc.cluster.local.", "/x;}")
	f.Fuzz(func(t *testing.T, ranges, name, value string) {
		svc := &corev1.Service{}
		svc.Annotations = map[string]string{corev1.AnnotationLoadBalancerSourceRangesKey: ranges}
		_, list := network.SourceRanges(svc)
		network.FromAnywhere(list)
		network.ClassifyName(name)
		svc.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: name}}
		network.Addresses(svc)
		network.RiskyAnnotations(map[string]string{"nginx.ingress.kubernetes.io/auth-url": value, "nginx.ingress.kubernetes.io/x": value})
		i := &networkingv1.Ingress{}
		i.Spec.Rules = []networkingv1.IngressRule{{Host: name}}
		i.Spec.Rules[0].HTTP = &networkingv1.HTTPIngressRuleValue{Paths: []networkingv1.HTTPIngressPath{{Path: value}}}
		i.Spec.TLS = []networkingv1.IngressTLS{{Hosts: []string{value, name}}}
		if name != "" && len(network.PlainHosts(i)) > 0 {
			t.Fatalf("%q is not covered by itself", name)
		}
		network.WildcardHosts(i)
		network.RiskyPaths(i)
	})
}
