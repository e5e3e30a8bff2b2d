package network_test

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/yaml"

	"github.com/kubeassay/assay/posture/network"
)

func service(t *testing.T, text string) *corev1.Service {
	t.Helper()
	svc := &corev1.Service{}
	if err := yaml.UnmarshalStrict([]byte(text), svc); err != nil {
		t.Fatal(err)
	}
	return svc
}

func TestFromAnywhere(t *testing.T) {
	tests := []struct {
		name, service, field string
		anywhere             bool
		err                  string
	}{
		{"nothing", `{}`, "spec.loadBalancerSourceRanges", true, ""},
		{"a range", `{spec: {loadBalancerSourceRanges: [192.0.2.0/24]}}`, "spec.loadBalancerSourceRanges", false, ""},
		{"all of IPv4", `{spec: {loadBalancerSourceRanges: [192.0.2.0/24, 0.0.0.0/0]}}`, "spec.loadBalancerSourceRanges", true, ""},
		{"all of IPv6", `{spec: {loadBalancerSourceRanges: ["::/0"]}}`, "spec.loadBalancerSourceRanges", true, ""},
		{"in halves", `{spec: {loadBalancerSourceRanges: [0.0.0.0/1, 128.0.0.0/1]}}`, "spec.loadBalancerSourceRanges", true, ""},
		{"with spaces, as the API server takes it", `{spec: {loadBalancerSourceRanges: [" 192.0.2.0/24 "]}}`, "spec.loadBalancerSourceRanges", false, ""},
		{
			"the annotation", `{metadata: {annotations: {service.beta.kubernetes.io/load-balancer-source-ranges: "192.0.2.0/24, 198.51.100.0/24"}}}`,
			"metadata.annotations['service.beta.kubernetes.io/load-balancer-source-ranges']", false, "",
		},
		{
			"the field comes first", `{metadata: {annotations: {service.beta.kubernetes.io/load-balancer-source-ranges: "192.0.2.0/24"}}, spec: {loadBalancerSourceRanges: [0.0.0.0/0]}}`,
			"spec.loadBalancerSourceRanges", true, "",
		},
		{"no range", `{spec: {loadBalancerSourceRanges: [192.0.2.1]}}`, "spec.loadBalancerSourceRanges", false, `"192.0.2.1" is not an IP address range`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			field, ranges := network.SourceRanges(service(t, tt.service))
			anywhere, err := network.FromAnywhere(ranges)
			if field != tt.field || anywhere != tt.anywhere || (err != nil) != (tt.err != "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%s: %v, %v", field, anywhere, err)
			}
		})
	}
}

func TestAddresses(t *testing.T) {
	svc := service(t, `{status: {loadBalancer: {ingress: [{ip: 10.0.0.1}, {ip: 203.0.113.1}, {hostname: lb.example.com}, {ip: fd00::1}, {ip: 100.64.0.1}, {ip: "2001:db8::1"}, {ip: nonsense}]}}}`)
	private, public, named := network.Addresses(svc)
	if got := fmt.Sprint(private, public, named); got != "[10.0.0.1 fd00::1 100.64.0.1] [203.0.113.1 2001:db8::1 nonsense] [lb.example.com]" {
		t.Error(got)
	}
}

func TestNodePorts(t *testing.T) {
	tests := []struct{ name, service, want string }{
		{"cluster IP", `{spec: {ports: [{port: 80}]}}`, ""},
		{"node port, to be allocated", `{spec: {type: NodePort, ports: [{port: 80}, {port: 443}]}}`, "spec.ports[0].nodePort spec.ports[1].nodePort"},
		{"load balancer, to be allocated", `{spec: {type: LoadBalancer, ports: [{port: 80}]}}`, "spec.ports[0].nodePort"},
		{"not to be allocated", `{spec: {type: LoadBalancer, allocateLoadBalancerNodePorts: false, ports: [{port: 80}]}}`, ""},
		{"not to be allocated, but asked for", `{spec: {type: LoadBalancer, allocateLoadBalancerNodePorts: false, ports: [{port: 80}, {port: 443, nodePort: 30443}]}}`, "spec.ports[1].nodePort"},
		{"stored", `{metadata: {uid: u}, spec: {type: LoadBalancer, ports: [{port: 80}, {port: 443, nodePort: 30443}]}}`, "spec.ports[1].nodePort"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := strings.Join(network.NodePorts(service(t, tt.service)), " "); got != tt.want {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestInternal(t *testing.T) {
	for text, want := range map[string]bool{
		`{}`: false,
		`{metadata: {annotations: {service.beta.kubernetes.io/aws-load-balancer-internal: "true"}}}`:          true,
		`{metadata: {annotations: {service.beta.kubernetes.io/aws-load-balancer-internal: "false"}}}`:         false,
		`{metadata: {annotations: {service.beta.kubernetes.io/aws-load-balancer-scheme: internet-facing}}}`:   false,
		`{metadata: {annotations: {service.beta.kubernetes.io/aws-load-balancer-internal: 0.0.0.0/0}}}`:       true,
		`{metadata: {annotations: {service.beta.kubernetes.io/aws-load-balancer-internal: ""}}}`:              false,
		`{metadata: {annotations: {service.kubernetes.io/qcloud-loadbalancer-internal-subnetid: subnet-a}}}`:  true,
		`{metadata: {annotations: {networking.gke.io/load-balancer-type: Internal}}}`:                         true,
		`{metadata: {annotations: {service.beta.kubernetes.io/azure-load-balancer-internal-subnet: "true"}}}`: false,
	} {
		if got := network.Internal(service(t, text)); (got != "") != want {
			t.Errorf("%s: %q", text, got)
		}
	}
}

func TestOwnDefault(t *testing.T) {
	for text, want := range map[string]string{
		`{}`: "",
		`{spec: {loadBalancerClass: example.com/lb}}`:                                              "spec.loadBalancerClass",
		`{metadata: {annotations: {service.beta.kubernetes.io/aws-load-balancer-type: external}}}`: "metadata.annotations['service.beta.kubernetes.io/aws-load-balancer-type']",
		`{metadata: {annotations: {service.beta.kubernetes.io/aws-load-balancer-type: nlb-ip}}}`:   "metadata.annotations['service.beta.kubernetes.io/aws-load-balancer-type']",
		`{metadata: {annotations: {service.beta.kubernetes.io/aws-load-balancer-type: nlb}}}`:      "",
	} {
		if field, value := network.OwnDefault(service(t, text)); field != want || (value != "") != (want != "") {
			t.Errorf("%s: %q is %q", text, field, value)
		}
	}
	if a := network.External(service(t, `{metadata: {annotations: {service.beta.kubernetes.io/aws-load-balancer-scheme: internet-facing}}}`)); a == "" {
		t.Error("it asks for the internet")
	}
	if a := network.External(service(t, `{metadata: {annotations: {service.beta.kubernetes.io/aws-load-balancer-scheme: internal}}}`)); a != "" {
		t.Error(a)
	}
}

func TestWebAlone(t *testing.T) {
	for text, want := range map[string]bool{
		`{}`: false, `{spec: {ports: [{port: 80}]}}`: true, `{spec: {ports: [{port: 443}, {port: 80}, {port: 443, protocol: UDP}]}}`: true,
		`{spec: {ports: [{port: 443}, {port: 5432}]}}`: false, `{spec: {ports: [{port: 8080, targetPort: 80}]}}`: false,
	} {
		if got := network.WebAlone(service(t, text)); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}

func TestClassifyName(t *testing.T) {
	for name, want := range map[string]network.NameKind{
		"db.example.com": network.OutsideName, "LOCALHOST": network.LoopbackName, "x.localhost.": network.LoopbackName, "127.9.9.9": network.LoopbackName,
		"::1": network.LoopbackName, "0.0.0.0": network.LoopbackName, "169.254.169.254": network.MetadataName, "metadata.google.internal.": network.MetadataName,
		"fd00:ec2::254": network.MetadataName, "10.0.0.1": network.AddressName, "db.shop.svc": network.InternalName, "db.shop.svc.cluster.local": network.InternalName,
		"db.shop.svc.example.com": network.InternalName, "svc.example.com": network.OutsideName, "localhost.example.com": network.OutsideName, "": network.OutsideName,
	} {
		if got := network.ClassifyName(name); got != want {
			t.Errorf("%q is %s, want %s", name, got, want)
		}
	}
}

func ingress(t *testing.T, text string) *networkingv1.Ingress {
	t.Helper()
	i := &networkingv1.Ingress{}
	if err := yaml.UnmarshalStrict([]byte(text), i); err != nil {
		t.Fatal(err)
	}
	return i
}

func fields(hosts []network.Host) string {
	var out []string
	for _, h := range hosts {
		out = append(out, h.Field)
	}
	return strings.Join(out, " ")
}

func TestHosts(t *testing.T) {
	tests := []struct{ name, spec, plain, wildcard string }{
		{"covered", `{rules: [{host: a.example.com}], tls: [{hosts: [a.example.com]}]}`, "", ""},
		{"case does not matter", `{rules: [{host: a.example.com}], tls: [{hosts: [A.Example.com]}]}`, "", ""},
		{"one is left out", `{rules: [{host: a.example.com}, {host: b.example.com}], tls: [{hosts: [a.example.com]}]}`, "spec.rules[1].host", ""},
		{"by a wildcard", `{rules: [{host: a.example.com}], tls: [{hosts: ["*.example.com"]}]}`, "", ""},
		{"a wildcard is one label", `{rules: [{host: a.b.example.com}, {host: example.com}], tls: [{hosts: ["*.example.com"]}]}`, "spec.rules[0].host spec.rules[1].host", ""},
		{"a wildcard by itself", `{rules: [{host: "*.example.com"}], tls: [{hosts: ["*.example.com"]}]}`, "", "spec.rules[0].host"},
		{"a wildcard by one of its names", `{rules: [{host: "*.example.com"}], tls: [{hosts: [a.example.com]}]}`, "spec.rules[0].host", "spec.rules[0].host"},
		{"a wildcard by a wider one", `{rules: [{host: "*.b.example.com"}], tls: [{hosts: ["*.example.com"]}]}`, "spec.rules[0].host", "spec.rules[0].host"},
		{"any host, TLS for one", `{rules: [{}], tls: [{hosts: [a.example.com]}]}`, "spec.rules[0].host", "spec.rules[0].host"},
		{"any host, TLS for any", `{rules: [{}], tls: [{secretName: s}]}`, "", "spec.rules[0].host"},
		{"default backend", `{defaultBackend: {service: {name: s}}}`, "spec.defaultBackend", ""},
		{"default backend beside a covered host", `{defaultBackend: {service: {name: s}}, rules: [{host: a.example.com}], tls: [{hosts: [a.example.com]}]}`, "spec.defaultBackend", ""},
		{"default backend with TLS for any", `{defaultBackend: {service: {name: s}}, tls: [{}]}`, "", ""},
		{"no TLS", `{rules: [{host: a.example.com}]}`, "spec.rules[0].host", ""},
		{"a proof to an authority, and more", `{rules: [{host: a.example.com, http: {paths: [{path: /.well-known/acme-challenge/x}, {path: /}]}}]}`, "spec.rules[0].host", ""},
		{"a proof to an authority alone", `{rules: [{host: a.example.com, http: {paths: [{path: /.well-known/acme-challenge/x}]}}]}`, "", ""},
		{"TLS without any rule", `{tls: [{hosts: [a.example.com]}]}`, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			i := ingress(t, "spec: "+tt.spec)
			if got := fields(network.PlainHosts(i)); got != tt.plain {
				t.Errorf("plain: %q", got)
			}
			if got := fields(network.WildcardHosts(i)); got != tt.wildcard {
				t.Errorf("wildcard: %q", got)
			}
		})
	}
}

func TestRiskyAnnotations(t *testing.T) {
	const n = "nginx.ingress.kubernetes.io/"
	tests := []struct {
		name, key, value string
		want             string
	}{
		{"snippet", n + "configuration-snippet", "more_set_headers 'a: b';", "snippet"},
		{"empty snippet", n + "server-snippet", " \n", ""},
		{"snippet of another controller", "nginx.org/server-snippets", "return 302 /;", "snippet"},
		{"plain URL", n + "auth-url", "https://$host/oauth2/auth?rd=$scheme://$host$request_uri#x", ""},
		{"URL of a block scalar", n + "auth-url", "https://auth.example.com/verify\n", ""},
		{"injection", n + "auth-url", "http://example.com/#;\nload_x y", "CVE-2025-24514"},
		{"injection by a newline", n + "mirror-target", "http://example.com/\ninjected", "CVE-2025-1098"},
		{"a regular expression", n + "auth-tls-match-cn", "CN=[a-z]{3}", ""},
		{"a list over lines", n + "whitelist-source-range", "10.0.0.0/8,\n192.0.2.0/24", ""},
		{"cookie attributes", n + "proxy-cookie-path", `/ "/; SameSite=None; Secure"`, ""},
		{"directives in any other", n + "rewrite-target", "/$1;}\nlocation /x { alias /etc/; }", "CVE-2021-25746"},
		{"Lua in any other", n + "upstream-vhost", "x content_by_lua_block", "CVE-2021-25746"},
		{"another controller's", "haproxy.org/whatever", "a;\n{}", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := ""
			for _, r := range network.RiskyAnnotations(map[string]string{tt.key: tt.value}) {
				if got = r.Advisory; r.Snippet {
					got = "snippet"
				}
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestRiskyPaths(t *testing.T) {
	for path, want := range map[string]bool{
		"/": false, "/a/b": false, `/api/v\d{1,2}(/|$)(.*)`: false, `/a{2}/b{3,}`: false, "/a;b": true, "/a b": true, "/a\nb": true, `/"{x}`: true, "/{a}": true, "/x}": true, "/it's": true,
	} {
		i := &networkingv1.Ingress{}
		i.Spec.Rules = []networkingv1.IngressRule{{}, {IngressRuleValue: networkingv1.IngressRuleValue{HTTP: &networkingv1.HTTPIngressRuleValue{
			Paths: []networkingv1.HTTPIngressPath{{Path: "/"}, {Path: path}},
		}}}}
		got, _ := network.RiskyPaths(i)
		if (len(got) > 0) != want || want && got[0] != "spec.rules[1].http.paths[1].path" {
			t.Errorf("%q: %v", path, got)
		}
	}
}

func TestCertificateAndPlain(t *testing.T) {
	i := &networkingv1.Ingress{}
	for annotations, want := range map[string][2]bool{
		`{}`: {},
		`{alb.ingress.kubernetes.io/certificate-arn: "arn:x"}`:                                                        {true, false},
		`{alb.ingress.kubernetes.io/certificate-arn: ""}`:                                                             {},
		`{alb.ingress.kubernetes.io/listen-ports: '[{"HTTPS": 443}]'}`:                                                {true, false},
		`{alb.ingress.kubernetes.io/listen-ports: '[{"HTTP": 80}]'}`:                                                  {},
		`{nginx.ingress.kubernetes.io/ssl-redirect: "false"}`:                                                         {false, true},
		`{nginx.ingress.kubernetes.io/ssl-redirect: "false", nginx.ingress.kubernetes.io/force-ssl-redirect: "true"}`: {true, false},
		`{nginx.ingress.kubernetes.io/ssl-passthrough: "true"}`:                                                       {true, false},
		`{nginx.ingress.kubernetes.io/ssl-passthrough: "false"}`:                                                      {},
		`{traefik.ingress.kubernetes.io/router.tls: "true"}`:                                                          {true, false},
	} {
		i.Annotations = nil
		if err := yaml.Unmarshal([]byte(annotations), &i.Annotations); err != nil {
			t.Fatal(err)
		}
		if got := [2]bool{network.CertificateAnnotation(i) != "", network.PlainAllowed(i) != ""}; got != want {
			t.Errorf("%s: %v", annotations, got)
		}
	}
}

func TestGateway(t *testing.T) {
	g, err := network.ReadGateway(object(t, `Gateway shop/g {listeners: [
		{name: web, port: 80, protocol: HTTP}, {name: s, port: 443, protocol: HTTPS, hostname: a.example.com, tls: {certificateRefs: [{name: c}]}, allowedRoutes: {namespaces: {from: All}}},
		{name: p, port: 8443, protocol: TLS, tls: {mode: Passthrough}}, {name: o, port: 9443, protocol: HTTPS, tls: {options: {example.com/x: y}}}, {name: bad, port: 9444, protocol: HTTPS, tls: {}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	var certified []bool
	for _, l := range g.Listeners {
		certified = append(certified, l.TLS.Certified())
	}
	if got := fmt.Sprint(certified); got != "[false true true true false]" {
		t.Error(got)
	}
	if l := g.Listeners[1]; l.Field != "spec.listeners[1]" || l.Port != 443 || l.Hostname != "a.example.com" || l.Allowed.Namespaces.From != "All" {
		t.Errorf("%+v", l)
	}
	if _, err := network.ReadGateway(object(t, "Gateway shop/g")); err == nil || err.Error() != "the Gateway has no spec" {
		t.Error(err)
	}
	if _, err := network.ReadGateway(object(t, "Gateway shop/g {listeners: 7}")); err == nil || !strings.Contains(err.Error(), "can't be read") {
		t.Error(err)
	}
}

func TestListenerSet(t *testing.T) {
	const listeners = `listeners: [{name: web, port: 80, protocol: HTTP}]`
	set, err := network.ReadGateway(object(t, "ListenerSet shop/more {parentRef: {name: g, namespace: gateways}, "+listeners+"}"))
	if err != nil {
		t.Fatal(err)
	}
	if want := (network.Parent{Kind: "Gateway", Namespace: "gateways", Name: "g"}); set.Of != want || set.Kind != network.ListenerSet {
		t.Errorf("%+v", set)
	}
	for route, want := range map[string]bool{
		`HTTPRoute shop/r {parentRefs: [{name: more, kind: ListenerSet}]}`:              true,
		`HTTPRoute shop/r {parentRefs: [{name: more, kind: ListenerSet, group: x.io}]}`: false,
		`HTTPRoute shop/r {parentRefs: [{name: more}]}`:                                 false,
		`HTTPRoute shop/r {parentRefs: [{name: g, namespace: gateways}]}`:               false,
	} {
		r, err := network.ReadRoute(object(t, route))
		if err != nil {
			t.Fatal(err)
		}
		if r.Attaches(set, &set.Listeners[0]) != want {
			t.Errorf("%s: attaches: %v", route, !want)
		}
	}
	for allowed, want := range map[string]bool{"": false, "allowedListeners: {}, ": false, "allowedListeners: {namespaces: {from: None}}, ": false, "allowedListeners: {namespaces: {from: Same}}, ": true} {
		g, err := network.ReadGateway(object(t, "Gateway gateways/g {"+allowed+listeners+"}"))
		if err != nil {
			t.Fatal(err)
		}
		if g.TakesSets != want {
			t.Errorf("%q: takes listener sets: %v", allowed, g.TakesSets)
		}
	}
}

func TestRoutes(t *testing.T) {
	gateway, err := network.ReadGateway(object(t, `Gateway shop/g {listeners: [{name: web, port: 80, protocol: HTTP}, {name: tls, port: 443, protocol: HTTPS},
		{name: all, port: 81, protocol: HTTP, hostname: "*.example.com", allowedRoutes: {namespaces: {from: All}}},
		{name: none, port: 82, protocol: HTTP, allowedRoutes: {namespaces: {from: None}}},
		{name: grpc, port: 83, protocol: HTTPS, allowedRoutes: {kinds: [{kind: GRPCRoute}]}},
		{name: pass, port: 84, protocol: TLS}, {name: tcp, port: 85, protocol: TCP}]}`))
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, route string
		attaches    string
		redirects   bool
	}{
		{"the whole gateway", `HTTPRoute shop/r {parentRefs: [{name: g}], rules: [{backendRefs: [{name: x}]}]}`, "web tls all", false},
		{"another namespace's", `HTTPRoute other/r {parentRefs: [{name: g}]}`, "", false},
		{"from another namespace", `HTTPRoute other/r {parentRefs: [{name: g, namespace: shop}]}`, "all", false},
		{"a host that is the listener's", `HTTPRoute shop/r {parentRefs: [{name: g}], hostnames: [a.b.Example.com]}`, "web tls all", false},
		{"a host that is not", `HTTPRoute shop/r {parentRefs: [{name: g}], hostnames: [example.com]}`, "web tls", false},
		{"a wildcard around the listener's", `HTTPRoute shop/r {parentRefs: [{name: g}], hostnames: ["*.com"]}`, "web tls all", false},
		{"a wildcard of another domain", `HTTPRoute shop/r {parentRefs: [{name: g}], hostnames: ["*.example.org"]}`, "web tls", false},
		{"of gRPC", `GRPCRoute shop/r {parentRefs: [{name: g}]}`, "web tls all grpc", false},
		{"of TLS", `TLSRoute shop/r {parentRefs: [{name: g}]}`, "pass", false},
		{"of a listener set", `HTTPRoute shop/r {parentRefs: [{name: g, kind: ListenerSet}]}`, "", false},
		{"a section", `HTTPRoute shop/r {parentRefs: [{name: g, sectionName: tls}]}`, "tls", false},
		{"a port", `GRPCRoute shop/r {parentRefs: [{name: g, port: 80}]}`, "web", false},
		{"a Service", `HTTPRoute shop/r {parentRefs: [{name: g, kind: Service, group: ""}]}`, "", false},
		{
			"redirects", `HTTPRoute shop/r {parentRefs: [{name: g, sectionName: web, group: gateway.networking.k8s.io, kind: Gateway}], rules: [{filters: [{type: RequestRedirect, requestRedirect: {scheme: https, statusCode: 301}}]}]}`,
			"web", true,
		},
		{
			"redirects some", `HTTPRoute shop/r {parentRefs: [{name: g, sectionName: web}], rules: [{filters: [{type: RequestRedirect, requestRedirect: {scheme: https}}]}, {backendRefs: [{name: x}]}]}`,
			"web", false,
		},
		{"redirects to another host", `HTTPRoute shop/r {parentRefs: [{name: g, sectionName: web}], rules: [{filters: [{type: RequestRedirect, requestRedirect: {hostname: x}}]}]}`, "web", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, err := network.ReadRoute(object(t, tt.route))
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for i := range gateway.Listeners {
				if r.Attaches(gateway, &gateway.Listeners[i]) {
					names = append(names, gateway.Listeners[i].Name)
				}
			}
			if got := strings.Join(names, " "); got != tt.attaches || r.Redirects != tt.redirects {
				t.Errorf("attaches to %q, redirects: %v", got, r.Redirects)
			}
		})
	}
}
