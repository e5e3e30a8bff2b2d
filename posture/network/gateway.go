package network

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

// GatewayGroup is the API group of the Gateway API.
const GatewayGroup = "gateway.networking.k8s.io"

// Parent is what listeners are declared in, and what routes attach to.
type Parent struct {
	Kind, Namespace, Name string // of the group [GatewayGroup]
}

// Gateway is what is read of a Gateway, or of a ListenerSet, which adds
// listeners to one; of any version.
type Gateway struct {
	Parent
	Listeners []Listener
	// Of is the Gateway that a ListenerSet adds to.
	Of Parent
	// TakesSets: a Gateway whose listeners may also stand in ListenerSets.
	TakesSets bool
}

// Listener is one port that a Gateway listens on.
type Listener struct {
	Name string `json:"name"`
	// Hostname is empty where it is for any.
	Hostname string       `json:"hostname"`
	Port     int64        `json:"port"`
	Protocol string       `json:"protocol"`
	TLS      *ListenerTLS `json:"tls"`
	Allowed  struct {
		Namespaces from `json:"namespaces"`
		Kinds      []struct {
			Kind string `json:"kind"`
		} `json:"kinds"`
	} `json:"allowedRoutes"`
	// Field is the listener's path in the object.
	Field string `json:"-"`
}

// from says of which namespaces something is taken.
type from struct {
	From string `json:"from"`
}

// ListenerTLS is how a listener does TLS.
type ListenerTLS struct {
	Mode            string           `json:"mode"` // Terminate where it is empty
	CertificateRefs []map[string]any `json:"certificateRefs"`
	Options         map[string]any   `json:"options"`
}

// Passthrough reports whether the listener hands the encrypted stream on.
func (t *ListenerTLS) Passthrough() bool { return t != nil && t.Mode == "Passthrough" }

// Certified reports whether TLS has what it takes: a certificate or the implementation's own options.
func (t *ListenerTLS) Certified() bool {
	return t.Passthrough() || t != nil && len(t.CertificateRefs)+len(t.Options) > 0
}

// ReadGateway reads a Gateway or a ListenerSet.
func ReadGateway(u *unstructured.Unstructured) (*Gateway, error) {
	var spec struct {
		Listeners []Listener `json:"listeners"`
		Parent    ParentRef  `json:"parentRef"`
		Allowed   struct {
			Namespaces from `json:"namespaces"`
		} `json:"allowedListeners"`
	}
	if err := readSpec(u, &spec); err != nil {
		return nil, err
	}
	for i := range spec.Listeners {
		spec.Listeners[i].Field = fmt.Sprintf("spec.listeners[%d]", i)
	}
	g := &Gateway{Parent: Parent{u.GetKind(), u.GetNamespace(), u.GetName()}, Listeners: spec.Listeners}
	if g.Kind == ListenerSet {
		g.Of, _ = spec.Parent.of(g.Namespace) // of another kind: nobody's
	}
	if from := spec.Allowed.Namespaces.From; from != "" && from != "None" { // None is the default
		g.TakesSets = true
	}
	return g, nil
}

// ListenerSet is the kind of what adds listeners to a Gateway.
const ListenerSet = "ListenerSet"

// Route is what is read of an HTTPRoute, GRPCRoute or TLSRoute, of any version.
type Route struct {
	Kind, Namespace, Name string
	Hostnames             []string
	Parents               []ParentRef
	// Redirects: every rule does nothing but send the client to https.
	Redirects bool
}

// ParentRef is how a route names what it attaches to.
type ParentRef struct {
	Group       *string `json:"group"`
	Kind        *string `json:"kind"`
	Namespace   *string `json:"namespace"`
	Name        string  `json:"name"`
	SectionName string  `json:"sectionName"`
	Port        int64   `json:"port"`
}

// of is what a reference in an object of a namespace names; false where that is
// neither a Gateway nor a ListenerSet.
func (p *ParentRef) of(namespace string) (Parent, bool) {
	out := Parent{"Gateway", namespace, p.Name}
	if p.Kind != nil {
		out.Kind = *p.Kind
	}
	if p.Namespace != nil {
		out.Namespace = *p.Namespace
	}
	return out, (p.Group == nil || *p.Group == GatewayGroup) && (out.Kind == "Gateway" || out.Kind == ListenerSet)
}

type routeSpec struct {
	Hostnames []string    `json:"hostnames"`
	Parents   []ParentRef `json:"parentRefs"`
	Rules     []routeRule `json:"rules"`
}

type routeRule struct {
	Backends []map[string]any `json:"backendRefs"`
	Filters  []struct {
		Type     string `json:"type"`
		Redirect *struct {
			Scheme string `json:"scheme"`
		} `json:"requestRedirect"`
	} `json:"filters"`
}

// ReadRoute reads an HTTPRoute, GRPCRoute or TLSRoute.
func ReadRoute(u *unstructured.Unstructured) (*Route, error) {
	var spec routeSpec
	if err := readSpec(u, &spec); err != nil {
		return nil, err
	}
	r := &Route{
		Kind: u.GetKind(), Namespace: u.GetNamespace(), Name: u.GetName(),
		Hostnames: spec.Hostnames, Parents: spec.Parents, Redirects: len(spec.Rules) > 0,
	}
	for i := range spec.Rules {
		r.Redirects = r.Redirects && spec.Rules[i].redirects()
	}
	return r, nil
}

func (r *routeRule) redirects() bool {
	for i := range r.Filters {
		if f := &r.Filters[i]; f.Type == "RequestRedirect" && f.Redirect != nil && strings.EqualFold(f.Redirect.Scheme, "https") {
			return true
		}
	}
	return false
}

// Attaches reports whether a route names a listener as its parent, and the two
// can come together: by protocol, host, kind and namespace. Namespaces that a
// listener takes by a selector are held to be taken.
func (r *Route) Attaches(g *Gateway, l *Listener) bool {
	return slices.ContainsFunc(r.Parents, func(p ParentRef) bool {
		of, ok := p.of(r.Namespace)
		return ok && of == g.Parent && (p.SectionName == "" || p.SectionName == l.Name) && (p.Port == 0 || p.Port == l.Port)
	}) && l.takes(g, r) && r.meets(l.Hostname)
}

// takes: the listener is for routes of such a kind and namespace.
func (l *Listener) takes(g *Gateway, r *Route) bool {
	if kinds := l.Allowed.Kinds; len(kinds) > 0 {
		found := false
		for i := range kinds {
			found = found || kinds[i].Kind == r.Kind
		}
		if !found {
			return false
		}
	}
	switch l.Allowed.Namespaces.From {
	case "None":
		return false
	case "", "Same":
		if r.Namespace != g.Namespace && r.Namespace != "" && g.Namespace != "" { // without one, in a file: who knows
			return false
		}
	}
	switch strings.ToUpper(l.Protocol) {
	case "HTTP", "HTTPS":
		return r.Kind == "HTTPRoute" || r.Kind == "GRPCRoute"
	case "TLS":
		return r.Kind == "TLSRoute"
	case "TCP", "UDP":
		return false
	}
	return true // a protocol of an implementation's own
}

// meets reports whether some host is both the listener's and the route's.
func (r *Route) meets(hostname string) bool {
	return hostname == "" || len(r.Hostnames) == 0 || slices.ContainsFunc(r.Hostnames, func(own string) bool {
		return within(own, hostname) || within(hostname, own)
	})
}

// within reports whether a host, or all that its wildcard stands for, is among
// what another stands for: a wildcard of the Gateway API is for any number of labels.
func within(host, of string) bool {
	host, of = strings.ToLower(host), strings.ToLower(of)
	suffix, wildcard := strings.CutPrefix(of, "*")
	return host == of || wildcard && len(host) > len(suffix) && strings.HasSuffix(host, suffix)
}

// Gateways are the Gateways and ListenerSets that a route names as its parents,
// each once.
func (r *Route) Gateways() []Parent {
	var all []Parent
	for i := range r.Parents {
		if of, ok := r.Parents[i].of(r.Namespace); ok && !slices.Contains(all, of) {
			all = append(all, of)
		}
	}
	return all
}

// readSpec reads the fields of an object's spec that out knows.
func readSpec(u *unstructured.Unstructured, out any) error {
	spec, ok := u.Object["spec"].(map[string]any)
	if !ok {
		return fmt.Errorf("the %s has no spec", u.GetKind())
	}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(spec, out); err != nil {
		return fmt.Errorf("the spec of the %s can't be read: %w", u.GetKind(), err)
	}
	return nil
}
