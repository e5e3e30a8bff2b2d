package network

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/index"
	graph "github.com/kubeassay/assay/posture/network"
)

const gatewayPage = "https://gateway-api.sigs.k8s.io/api-types/gateway/"

// readGateway reads one; the verdict says why where that can't be done.
func readGateway(o *index.Object, severity finding.Severity) (*graph.Gateway, *check.Verdict) {
	u, ok := o.Object.(*unstructured.Unstructured)
	if !ok {
		v := say(finding.NotApplicable, severity, "Not a Gateway that can be read.")
		return nil, &v
	}
	g, err := graph.ReadGateway(u)
	if err != nil {
		v := say(finding.Error, severity, check.Sentence(err.Error())+" It could not be judged.", declared("metadata.name", u.GetName()))
		return nil, &v
	}
	if len(g.Listeners) == 0 {
		v := say(finding.NotApplicable, severity, "It has no listeners of its own.")
		return nil, &v
	}
	return g, nil
}

// gatewayWildcardHost fails where a listener is for any host.
func gatewayWildcardHost() *check.Check {
	const id = "gateway-wildcard-host"
	return &check.Check{
		Rule: finding.Rule{
			ID:          id,
			Title:       "Gateway listener for any host",
			Severity:    finding.Low,
			Description: "A listener of the Gateway names no hostname, and lets routes of other namespaces attach. Each of those can then claim any host that comes in here, also one that belongs to another team.",
			Check: "For listeners of Gateways and ListenerSets, of the protocols HTTP, HTTPS and TLS without a hostname: low where routes of all or of selected namespaces may attach, and info where only those of the Gateway's own namespace may. " +
				"A hostname with a wildcard passes: it stays within its domain.",
			Fix: "Name the host, or the domain:\n\n" +
				"    apiVersion: gateway.networking.k8s.io/v1\n    kind: Gateway\n    metadata:\n      name: public\n      namespace: gateways\n    spec:\n      gatewayClassName: example\n      listeners:\n      - name: shop\n        hostname: \"*.shop.example.com\"\n        protocol: HTTPS\n        port: 443\n        tls:\n          certificateRefs:\n          - name: shop-tls\n",
			References: references(id, gatewayPage),
		},
		Fields:      []string{"spec.listeners[*].hostname", "spec.listeners[*].protocol", "spec.listeners[*].allowedRoutes.namespaces.from"},
		Kinds:       []schema.GroupKind{gatewayKind, listenersKind},
		JudgeObject: judgeGatewayHosts,
	}
}

func judgeGatewayHosts(o *index.Object, _ *index.Index) check.Verdict {
	g, v := readGateway(o, finding.Low)
	if v != nil {
		return *v
	}
	severity := finding.Info
	var names []string
	var basis []finding.Basis
	for i := range g.Listeners {
		l := &g.Listeners[i]
		switch strings.ToUpper(l.Protocol) {
		case "HTTP", "HTTPS", "TLS":
		default:
			continue // no hosts
		}
		if l.Hostname != "" {
			continue
		}
		names = append(names, l.Name)
		basis = append(basis, declared(l.Field+".hostname", check.Unset))
		if from := l.Allowed.Namespaces.From; from == "All" || from == "Selector" {
			severity = finding.Low
			basis = append(basis, declared(l.Field+".allowedRoutes.namespaces.from", from))
		}
	}
	if len(names) == 0 {
		return say(finding.Pass, finding.Low, "Every listener that knows of hosts names one.", declared("metadata.name", g.Name))
	}
	return say(finding.Fail, severity, "Listeners for any host: "+listed(names)+".", basis...)
}

// gatewayRoutesFromAll fails where routes of every namespace may attach.
func gatewayRoutesFromAll() *check.Check {
	const id = "gateway-routes-from-all"
	return &check.Check{
		Rule: finding.Rule{
			ID:          id,
			Title:       "Gateway that takes routes of every namespace",
			Severity:    finding.Low,
			Description: "A listener of the Gateway lets routes of all namespaces attach. Whoever may write routes anywhere in the cluster can put something on the Gateway's address, under its certificate.",
			Check:       "Fails where allowedRoutes.namespaces.from of a listener of a Gateway or ListenerSet is All. Same, Selector, None and unset (which means Same) pass.",
			Fix: "Name the namespaces by a label:\n\n" +
				"    apiVersion: gateway.networking.k8s.io/v1\n    kind: Gateway\n    metadata:\n      name: public\n      namespace: gateways\n    spec:\n      gatewayClassName: example\n      listeners:\n      - name: shop\n        hostname: shop.example.com\n        protocol: HTTPS\n        port: 443\n        tls:\n          certificateRefs:\n          - name: shop-tls\n" +
				"        allowedRoutes:\n          namespaces:\n            from: Selector\n            selector:\n              matchLabels:\n                kubernetes.io/metadata.name: shop\n",
			References: references(id, gatewayPage),
		},
		Fields: []string{"spec.listeners[*].allowedRoutes.namespaces.from"},
		Kinds:  []schema.GroupKind{gatewayKind, listenersKind},
		JudgeObject: func(o *index.Object, _ *index.Index) check.Verdict {
			g, v := readGateway(o, finding.Low)
			if v != nil {
				return *v
			}
			var names []string
			var basis []finding.Basis
			for i := range g.Listeners {
				if l := &g.Listeners[i]; l.Allowed.Namespaces.From == "All" {
					names = append(names, l.Name)
					basis = append(basis, declared(l.Field+".allowedRoutes.namespaces.from", "All"))
				}
			}
			if len(names) == 0 {
				return say(finding.Pass, finding.Low, "No listener takes routes of every namespace.", declared("metadata.name", g.Name))
			}
			return say(finding.Fail, finding.Low, "Listeners that take routes of every namespace: "+listed(names)+".", basis...)
		},
	}
}

// gatewayWithoutTLS fails where a listener takes what is not encrypted.
func gatewayWithoutTLS() *check.Check {
	const id = "gateway-without-tls"
	return &check.Check{
		Rule: finding.Rule{
			ID:          id,
			Title:       "Gateway listener without TLS",
			Severity:    finding.Medium,
			Description: "A listener of the Gateway takes unencrypted requests and hands them to programs. Whoever sits on the way between the client and the cluster reads along: passwords, cookies, everything; and can change what comes back.",
			Check: "Fails for listeners of Gateways and ListenerSets of the protocol HTTP, but for those to which only HTTPRoutes attach that do nothing but send the client to https. Where no HTTPRoute or GRPCRoute is known to attach, it is low. " +
				"TCP listeners are low, since the program behind may encrypt by itself; UDP and other protocols are not judged. " +
				"HTTPS and TLS pass with a certificate, options, or tls.mode Passthrough; without any of these they are not-reviewed: some implementations take the certificate from elsewhere, with others the listener serves nothing. " +
				"A ListenerSet whose Gateway takes none (allowedListeners) is not applicable. Where only a part of the cluster was asked for, an HTTP listener that passes is not-reviewed.",
			Fix: "Serve HTTPS, and let the HTTP listener redirect alone:\n\n" +
				"    apiVersion: gateway.networking.k8s.io/v1\n    kind: HTTPRoute\n    metadata:\n      name: to-https\n      namespace: gateways\n    spec:\n      parentRefs:\n      - name: public\n        sectionName: http\n      rules:\n      - filters:\n        - type: RequestRedirect\n          requestRedirect:\n            scheme: https\n            statusCode: 301\n",
			References: references(id, "https://gateway-api.sigs.k8s.io/guides/tls/"),
		},
		Fields:        []string{"spec.listeners[*].protocol", "spec.listeners[*].tls.mode", "spec.listeners[*].tls.certificateRefs", "spec.listeners[*].tls.options", "spec.listeners[*].hostname", "spec.listeners[*].allowedRoutes", "spec.allowedListeners", "HTTPRoute spec.parentRefs", "HTTPRoute spec.hostnames", "HTTPRoute spec.rules[*].filters", "GRPCRoute spec.parentRefs"},
		Kinds:         []schema.GroupKind{gatewayKind, listenersKind, httpRouteKind, grpcRouteKind},
		SurveyCluster: surveyGateways,
	}
}

func surveyGateways(x *index.Index, yield check.Yield) {
	all := routesOf(x)
	for _, o := range objectsOf(x, gatewayKind, listenersKind) {
		g, v := readGateway(o, finding.Medium)
		if v == nil && all.refuses(g) {
			said := say(finding.NotApplicable, finding.Medium, "The Gateway "+g.Of.Name+" takes no listeners of a ListenerSet.")
			v = &said
		}
		if v == nil {
			said := judgeListeners(g, all.byGateway[g.Parent])
			switch v = &said; {
			case v.Status != finding.Pass:
			case len(all.errs) > 0:
				v.Status, v.Message = finding.NotReviewed, "Nothing that was read serves what is not encrypted, but there are routes that can't be read."
			case x.Partial && slices.ContainsFunc(g.Listeners, plain):
				v.Status, v.Message = finding.NotReviewed, "Nothing that was read serves what is not encrypted, but routes in other namespaces were not asked for."
			}
		}
		yield(o, *v)
	}
}

// refuses: it is a ListenerSet of a Gateway that is known to take none.
func (r *routes) refuses(g *graph.Gateway) bool {
	of := r.gateways[g.Of]
	return g.Kind == graph.ListenerSet && of != nil && !of.TakesSets
}

func judgeListeners(g *graph.Gateway, routes []*graph.Route) check.Verdict {
	severity := finding.Low
	var said []string
	var basis, bare []finding.Basis
	for i := range g.Listeners {
		l := &g.Listeners[i]
		if encrypts(l) && !l.TLS.Certified() {
			bare = append(bare, declared(l.Field+".tls.certificateRefs", check.Unset))
		}
		grave, what := judgeListener(g, l, routes)
		if what == "" {
			continue
		}
		if grave.AtLeast(severity) {
			severity = grave
		}
		said = append(said, fmt.Sprintf("Listener %s (port %d) %s.", l.Name, l.Port, what))
		basis = append(basis, declared(l.Field+".protocol", l.Protocol))
	}
	if len(said) == 0 && len(bare) > 0 {
		return say(finding.NotReviewed, finding.Medium, "A listener is meant for TLS and names no certificate. Where its implementation takes one from is not known; without any it serves nothing.", bare...)
	}
	if len(said) == 0 {
		return say(finding.Pass, finding.Medium, "No listener serves what is not encrypted.", declared(g.Listeners[0].Field+".protocol", check.OrUnset(g.Listeners[0].Protocol)))
	}
	if more := len(said) - named; more > 0 {
		said = append(said[:named], fmt.Sprintf("So do %d more.", more))
	}
	return say(finding.Fail, severity, strings.Join(said, " "), basis...)
}

func judgeListener(g *graph.Gateway, l *graph.Listener, routes []*graph.Route) (finding.Severity, string) {
	switch strings.ToUpper(l.Protocol) {
	case "HTTP":
		attached, redirects := 0, true
		for _, r := range routes {
			if r.Attaches(g, l) {
				attached++
				redirects = redirects && r.Redirects
			}
		}
		switch {
		case attached == 0:
			return finding.Low, "takes unencrypted requests, although no route is known to use it"
		case !redirects:
			return finding.Medium, "hands on unencrypted requests"
		}
	case "TCP":
		return finding.Low, "takes any TCP connection, and knows of no TLS"
	}
	return finding.Info, ""
}

func plain(l graph.Listener) bool { return strings.EqualFold(l.Protocol, "HTTP") }

func encrypts(l *graph.Listener) bool {
	return strings.EqualFold(l.Protocol, "HTTPS") || strings.EqualFold(l.Protocol, "TLS")
}
