package network

import (
	"fmt"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
)

// Host is a host that an Ingress serves.
type Host struct {
	Name string // empty: any
	// Field is its path: of the rule's host, or of the default backend.
	Field string
	// Default: it is what no rule matches.
	Default bool
}

// Hosts are those that an Ingress serves, in order. A rule without a host is
// for any, and so is the default backend. Rules that do nothing but prove to an
// authority whose the host is are not counted: that works without TLS only.
func Hosts(i *networkingv1.Ingress) []Host {
	var out []Host
	for n := range i.Spec.Rules {
		if !challenge(&i.Spec.Rules[n]) {
			out = append(out, Host{Name: i.Spec.Rules[n].Host, Field: fmt.Sprintf("spec.rules[%d].host", n)})
		}
	}
	if i.Spec.DefaultBackend != nil {
		out = append(out, Host{Field: "spec.defaultBackend", Default: true})
	}
	return out
}

// challenge reports whether a rule serves no paths but those that RFC 8555
// gives to the proof by http.
func challenge(r *networkingv1.IngressRule) bool {
	return r.HTTP != nil && len(r.HTTP.Paths) > 0 && !slices.ContainsFunc(r.HTTP.Paths, func(p networkingv1.HTTPIngressPath) bool {
		return !strings.HasPrefix(p.Path, "/.well-known/acme-challenge/")
	})
}

// PlainHosts are the hosts that no entry of spec.tls covers: they are served
// without encryption alone.
func PlainHosts(i *networkingv1.Ingress) []Host {
	return slices.DeleteFunc(Hosts(i), func(h Host) bool { return covered(h.Name, i.Spec.TLS) })
}

// covered: an entry without hosts is for all of them (networking.k8s.io/v1,
// IngressTLS.hosts); a wildcard is for one label.
func covered(host string, tls []networkingv1.IngressTLS) bool {
	for n := range tls {
		if len(tls[n].Hosts) == 0 {
			return true
		}
		for _, h := range tls[n].Hosts {
			if host != "" && hostMatches(h, host) {
				return true
			}
		}
	}
	return false
}

// hostMatches reports whether all requests for a host are for a pattern.
func hostMatches(pattern, host string) bool {
	if strings.EqualFold(pattern, host) {
		return true
	}
	suffix, wildcard := strings.CutPrefix(pattern, "*")
	label, rest, dotted := strings.Cut(host, ".")
	return wildcard && dotted && label != "" && strings.EqualFold(suffix, "."+rest)
}

// WildcardHosts are the hosts that stand for many: rules without one, and
// those with a wildcard.
func WildcardHosts(i *networkingv1.Ingress) []Host {
	return slices.DeleteFunc(Hosts(i), func(h Host) bool {
		return h.Default || h.Name != "" && !strings.HasPrefix(h.Name, "*")
	})
}

// AnnotationField is the path of an annotation.
func AnnotationField(key string) string { return "metadata.annotations['" + key + "']" }

// tlsAnnotations tell controllers about TLS that take it from there: by a
// certificate of the cloud's, by passing the encrypted stream on to the pods, or
// by sending everybody to https although the certificate is elsewhere.
var tlsAnnotations = []string{
	"alb.ingress.kubernetes.io/certificate-arn",
	"networking.gke.io/managed-certificates",
	"ingress.gcp.kubernetes.io/pre-shared-cert",
	"appgw.ingress.kubernetes.io/appgw-ssl-certificate",
	nginxPrefix + "ssl-passthrough",
	nginxPrefix + "force-ssl-redirect",
	"traefik.ingress.kubernetes.io/router.tls",
	"haproxy.org/ssl-passthrough",
	"haproxy-ingress.github.io/ssl-passthrough",
}

// CertificateAnnotation is an annotation that tells a controller about TLS
// beside spec.tls; "" where there is none.
func CertificateAnnotation(i *networkingv1.Ingress) string {
	for _, a := range tlsAnnotations {
		if value := i.Annotations[a]; strings.TrimSpace(value) != "" && !is(value, "false") {
			return a
		}
	}
	if strings.Contains(i.Annotations["alb.ingress.kubernetes.io/listen-ports"], "HTTPS") {
		return "alb.ingress.kubernetes.io/listen-ports" // it finds the certificate by the hosts
	}
	return ""
}

// PlainAllowed is the annotation by which a controller is told to serve
// unencrypted requests beside encrypted ones; "" where there is none. Without
// it, ingress-nginx redirects them to https where a host has TLS.
func PlainAllowed(i *networkingv1.Ingress) string {
	const redirect, force = nginxPrefix + "ssl-redirect", nginxPrefix + "force-ssl-redirect"
	if is(i.Annotations[redirect], "false") && !is(i.Annotations[force], "true") {
		return redirect
	}
	return ""
}

func is(value, want string) bool { return strings.EqualFold(strings.TrimSpace(value), want) }
