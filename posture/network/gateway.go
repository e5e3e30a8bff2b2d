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

// Gateway is what is read of a Gateway, of any version.
type Gateway struct {
	Namespace, Name string
	Listeners       []Listener
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
		Namespaces struct {
			From string `json:"from"`
		} `json:"namespaces"`
	} `json:"allowedRoutes"`
	// Field is the listener's path in the object.
	Field string `json:"-"`
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

// ReadGateway reads a Gateway.
func ReadGateway(u *unstructured.Unstructured) (*Gateway, error) {
	var spec struct {
		Listeners []Listener `json:"listeners"`
	}
	if err := readSpec(u, &spec); err != nil {
		return nil, err
	}
	for i := range spec.Listeners {
		spec.Listeners[i].Field = fmt.Sprintf("spec.listeners[%d]", i)
	}
	return &Gateway{u.GetNamespace(), u.GetName(), spec.Listeners}, nil
}

// Route is what is read of an HTTPRoute or GRPCRoute, of any version.
type Route struct {
	Kind, Namespace, Name string
	Hostnames             []string
	Parents               []Parent
	// Redirects: every rule does nothing but send the client to https.
	Redirects bool
}

// Parent is what a route attaches to.
type Parent struct {
	Group       *string `json:"group"`
	Kind        *string `json:"kind"`
	Namespace   *string `json:"namespace"`
	Name        string  `json:"name"`
	SectionName string  `json:"sectionName"`
	Port        int64   `json:"port"`
}

type routeSpec struct {
	Hostnames []string    `json:"hostnames"`
	Parents   []Parent    `json:"parentRefs"`
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

// ReadRoute reads an HTTPRoute or GRPCRoute.
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

// Attaches reports whether a route names a listener of a Gateway as its
// parent. Whether the Gateway lets it is not asked.
func (r *Route) Attaches(g *Gateway, l *Listener) bool {
	for i := range r.Parents {
		p := &r.Parents[i]
		namespace := r.Namespace
		if p.Namespace != nil {
			namespace = *p.Namespace
		}
		if p.Name == g.Name && namespace == g.Namespace && orDefault(p.Kind, "Gateway") && orDefault(p.Group, GatewayGroup) &&
			(p.SectionName == "" || p.SectionName == l.Name) && (p.Port == 0 || p.Port == l.Port) {
			return true
		}
	}
	return false
}

func orDefault(got *string, want string) bool { return got == nil || *got == want }

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

// Gateways are the Gateways that a route names as its parents, each once, by
// namespace and name.
func (r *Route) Gateways() [][2]string {
	var all [][2]string
	for i := range r.Parents {
		p := &r.Parents[i]
		if !orDefault(p.Kind, "Gateway") || !orDefault(p.Group, GatewayGroup) {
			continue
		}
		key := [2]string{r.Namespace, p.Name}
		if p.Namespace != nil {
			key[0] = *p.Namespace
		}
		if !slices.Contains(all, key) {
			all = append(all, key)
		}
	}
	return all
}
