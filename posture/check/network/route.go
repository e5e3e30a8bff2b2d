package network

import (
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/index"
	graph "github.com/kubeassay/assay/posture/network"
)

type routesKey struct{}

// routes are those of the cluster that know of hosts, by the Gateway or
// ListenerSet that they name.
type routes struct {
	byGateway map[graph.Parent][]*graph.Route
	read      map[*index.Object]*graph.Route
	errs      map[*index.Object]error
	gateways  map[graph.Parent]*graph.Gateway
}

// routesOf joins routes and Gateways by name, so that none is compared with all.
func routesOf(x *index.Index) *routes {
	return index.Memo(x, routesKey{}, func() *routes {
		all := &routes{byGateway: map[graph.Parent][]*graph.Route{}, read: map[*index.Object]*graph.Route{}, errs: map[*index.Object]error{}, gateways: map[graph.Parent]*graph.Gateway{}}
		for _, o := range objectsOf(x, httpRouteKind, grpcRouteKind, tlsRouteKind) {
			u, ok := o.Object.(*unstructured.Unstructured)
			if !ok {
				continue
			}
			r, err := graph.ReadRoute(u)
			if err != nil {
				all.errs[o] = err
				continue
			}
			all.read[o] = r
			for _, of := range r.Gateways() {
				all.byGateway[of] = append(all.byGateway[of], r)
			}
		}
		for _, o := range objectsOf(x, gatewayKind, listenersKind) {
			if u, ok := o.Object.(*unstructured.Unstructured); ok {
				if g, err := graph.ReadGateway(u); err == nil {
					all.gateways[g.Parent] = g
				}
			}
		}
		return all
	})
}

// objectsOf are those of several kinds.
func objectsOf(x *index.Index, kinds ...schema.GroupKind) (all []*index.Object) {
	for _, k := range kinds {
		all = append(all, x.Objects(k)...)
	}
	return all
}

// routeWildcardHost fails where a route answers for every host.
func routeWildcardHost() *check.Check {
	const id = "http-route-any-host"
	return &check.Check{
		Rule: finding.Rule{
			ID:       id,
			Title:    "Route for any host",
			Severity: finding.Low,
			Description: "The route names no hostnames and attaches to a listener that names none either: it answers for every name that points to the Gateway, " +
				"also for one that somebody else is meant to serve.",
			Check: "Fails for an HTTPRoute, GRPCRoute or TLSRoute without hostnames where a listener that it attaches to has no hostname: of a Gateway, or of a ListenerSet, that it names as its parent. " +
				"Passes where no such listener takes it, or all of those have a hostname. Not-reviewed where such a parent is not known, and not applicable to routes that attach to none.",
			Fix: "Name the hosts:\n\n" +
				"    apiVersion: gateway.networking.k8s.io/v1\n    kind: HTTPRoute\n    metadata:\n      name: shop\n      namespace: shop\n    spec:\n      parentRefs:\n      - name: public\n        namespace: gateways\n      hostnames:\n      - shop.example.com\n      rules:\n      - backendRefs:\n        - name: web\n          port: 80\n",
			References: references(id, "https://gateway-api.sigs.k8s.io/api-types/httproute/"),
		},
		Fields: []string{"spec.hostnames", "spec.parentRefs", "Gateway spec.listeners[*].hostname", "Gateway spec.listeners[*].name", "Gateway spec.listeners[*].port", "Gateway spec.listeners[*].protocol", "Gateway spec.listeners[*].allowedRoutes"},
		Kinds:  []schema.GroupKind{gatewayKind, listenersKind, httpRouteKind, grpcRouteKind, tlsRouteKind},
		SurveyCluster: func(x *index.Index, yield check.Yield) {
			all := routesOf(x)
			for _, o := range objectsOf(x, httpRouteKind, grpcRouteKind, tlsRouteKind) {
				switch {
				case all.errs[o] != nil:
					yield(o, say(finding.Error, finding.Low, check.Sentence(all.errs[o].Error())+" It could not be judged.", declared("metadata.name", o.GetName())))
				case all.read[o] != nil:
					yield(o, surveyRoute(all, all.read[o]))
				}
			}
		},
	}
}

func surveyRoute(all *routes, r *graph.Route) check.Verdict {
	if len(r.Hostnames) > 0 {
		return say(finding.Pass, finding.Low, "The route names its hosts: "+listed(r.Hostnames)+".", declared("spec.hostnames", "["+strings.Join(r.Hostnames, " ")+"]"))
	}
	basis := []finding.Basis{declared("spec.hostnames", check.Unset)}
	parents := r.Gateways()
	if len(parents) == 0 {
		return say(finding.NotApplicable, finding.Low, "The route attaches to no Gateway.")
	}
	var unknown, open []string
	for _, of := range parents {
		g := all.gateways[of]
		if g == nil {
			unknown = append(unknown, strings.Trim(of.Namespace+"/"+of.Name, "/"))
			continue
		}
		for i := range g.Listeners {
			if l := &g.Listeners[i]; l.Hostname == "" && r.Attaches(g, l) {
				open = append(open, "listener "+l.Name+" of "+g.Name)
				basis = append(basis, finding.Basis{Evidence: finding.Declared, Field: l.Field + ".hostname", Value: check.Unset, Object: g.Kind + "/" + g.Name})
			}
		}
	}
	switch {
	case len(open) > 0:
		return say(finding.Fail, finding.Low, "The route answers for every host: it names none, and neither does "+listed(open)+".", basis...)
	case len(unknown) > 0:
		return say(finding.NotReviewed, finding.Low, "The route names no hosts, and whether its Gateway does is not known: "+listed(unknown)+" was not read.", basis...)
	}
	return say(finding.Pass, finding.Low, "The route names no hosts, but every listener that it attaches to does.", basis...)
}
