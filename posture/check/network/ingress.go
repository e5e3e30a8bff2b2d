package network

import (
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/internal/excerpt"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/index"
	graph "github.com/kubeassay/assay/posture/network"
)

// ingressCheck makes a check about Ingresses by themselves.
func ingressCheck(rule finding.Rule, fields []string, judge func(*networkingv1.Ingress) check.Verdict) *check.Check {
	return &check.Check{
		Rule: rule, Fields: fields, Kinds: []schema.GroupKind{ingressKind},
		JudgeObject: func(o *index.Object, _ *index.Index) check.Verdict {
			i, ok := o.Object.(*networkingv1.Ingress)
			if !ok {
				return say(finding.NotApplicable, rule.Severity, "Not an Ingress that can be read.")
			}
			return judge(i)
		},
	}
}

// ingressWithoutTLS fails where a host is served without encryption alone.
func ingressWithoutTLS() *check.Check {
	const id = "ingress-without-tls"
	return ingressCheck(finding.Rule{
		ID:       id,
		Title:    "Ingress without TLS",
		Severity: finding.Medium,
		Description: "The Ingress serves a host for which it has no certificate. Whoever sits on the way between the client and the cluster reads along: passwords, cookies, everything; " +
			"and can change what comes back.",
		Check: "Every host of spec.rules, and the default backend, is looked for in spec.tls: by its name, or by a wildcard for its first label. An entry of spec.tls without hosts is for all of them; " +
			"a rule without a host, and the default backend, need such an entry. Fails where one is not covered. Where an annotation tells the controller about TLS (a certificate of AWS, Google or Azure, " +
			"TLS that is passed on to the pods, or that everybody is sent to https), it is not-reviewed. Rules for /.well-known/acme-challenge/ alone are not counted: the authority that asks there comes without TLS. " +
			"A proxy in front that has the certificate can't be seen.",
		Fix: "Give every host a certificate:\n\n" +
			"    apiVersion: networking.k8s.io/v1\n    kind: Ingress\n    metadata:\n      name: shop\n      namespace: shop\n    spec:\n      tls:\n      - hosts:\n        - shop.example.com\n        secretName: shop-tls\n" +
			"      rules:\n      - host: shop.example.com\n        http:\n          paths:\n          - path: /\n            pathType: Prefix\n            backend:\n              service:\n                name: web\n                port:\n                  number: 80\n",
		References: references(id, "https://kubernetes.io/docs/concepts/services-networking/ingress/#tls"),
	}, []string{
		"spec.rules[*].host", "spec.rules[*].http.paths[*].path", "spec.defaultBackend", "spec.tls[*].hosts", "metadata.annotations",
	}, judgeTLS)
}

func judgeTLS(i *networkingv1.Ingress) check.Verdict {
	const severity = finding.Medium
	if len(graph.Hosts(i)) == 0 {
		return say(finding.NotApplicable, severity, servesNothing(i))
	}
	plain := graph.PlainHosts(i)
	if len(plain) == 0 {
		return say(finding.Pass, severity, "Every host has TLS.", hostBasis(i, graph.Hosts(i))...)
	}
	if a := graph.CertificateAnnotation(i); a != "" {
		basis := append([]finding.Basis{declared(graph.AnnotationField(a), i.Annotations[a])}, hostBasis(i, plain)...)
		return say(finding.NotReviewed, severity, "An annotation tells the controller about TLS; which hosts have it is not in the Ingress.", basis...)
	}
	basis := hostBasis(i, plain)
	if len(i.Spec.TLS) == 0 {
		basis = append(basis, declared("spec.tls", check.Unset))
		return say(finding.Fail, severity, "The Ingress has no TLS at all, and serves "+hostNames(plain)+" without encryption.", basis...)
	}
	return say(finding.Fail, severity, "Served without encryption, since no entry of spec.tls covers it: "+hostNames(plain)+".", basis...)
}

// servesNothing says of an Ingress without hosts why it has none to judge.
func servesNothing(i *networkingv1.Ingress) string {
	if len(i.Spec.Rules) > 0 {
		return "The Ingress does nothing but prove to an authority whose the host is, and that one asks without TLS."
	}
	return "The Ingress has no rules."
}

func hostBasis(i *networkingv1.Ingress, hosts []graph.Host) []finding.Basis {
	var basis []finding.Basis
	for n, h := range hosts {
		if n == named {
			break
		}
		if h.Default {
			if b := i.Spec.DefaultBackend; b.Service != nil {
				basis = append(basis, declared(h.Field+".service.name", check.OrUnset(b.Service.Name)))
			} else if b.Resource != nil {
				basis = append(basis, declared(h.Field+".resource.name", check.OrUnset(b.Resource.Name)))
			} else {
				basis = append(basis, declared(h.Field+".service", check.Unset))
			}
			continue
		}
		basis = append(basis, declared(h.Field, check.OrUnset(h.Name)))
	}
	return basis
}

func hostNames(hosts []graph.Host) string {
	var names []string
	for _, h := range hosts {
		switch {
		case h.Default:
			names = append(names, "the default backend")
		case h.Name == "":
			names = append(names, "every host")
		default:
			names = append(names, h.Name)
		}
	}
	return listed(names)
}

// ingressPlainHTTP fails where a host has TLS and is served without it as well.
func ingressPlainHTTP() *check.Check {
	const id = "ingress-plain-http-allowed"
	return ingressCheck(finding.Rule{
		ID:          id,
		Title:       "Ingress that serves unencrypted requests beside TLS",
		Severity:    finding.Low,
		Description: "The Ingress has TLS, but an annotation keeps ingress-nginx from sending clients of http to https. Whoever types the name without https, or is led to such a link, sends passwords and cookies in the clear.",
		Check:       "For Ingresses with spec.tls. Fails where nginx.ingress.kubernetes.io/ssl-redirect is false and force-ssl-redirect is not true. Goes by the Ingress alone: the controller's own settings are not looked at.",
		Fix: "Leave the annotation out, or say what the default is:\n\n" +
			"    apiVersion: networking.k8s.io/v1\n    kind: Ingress\n    metadata:\n      name: shop\n      namespace: shop\n      annotations:\n        nginx.ingress.kubernetes.io/ssl-redirect: \"true\"\n",
		References: references(id, "https://kubernetes.github.io/ingress-nginx/user-guide/tls/#server-side-https-enforcement-through-redirect"),
	}, []string{"spec.tls", "metadata.annotations['nginx.ingress.kubernetes.io/ssl-redirect']", "metadata.annotations['nginx.ingress.kubernetes.io/force-ssl-redirect']"}, func(i *networkingv1.Ingress) check.Verdict {
		const redirect = "nginx.ingress.kubernetes.io/ssl-redirect"
		if len(i.Spec.TLS) == 0 {
			return say(finding.NotApplicable, finding.Low, "The Ingress has no TLS, which is another check's.")
		}
		basis := declared(graph.AnnotationField(redirect), check.OrUnset(i.Annotations[redirect]))
		if graph.PlainAllowed(i) == "" {
			return say(finding.Pass, finding.Low, "No annotation asks for unencrypted requests to be served.", basis)
		}
		return say(finding.Fail, finding.Low, "Clients that come without encryption are served without it: they are not sent to https.", basis)
	})
}

// ingressWildcardHost fails where a rule is for any host, or for a wildcard.
func ingressWildcardHost() *check.Check {
	const id = "ingress-wildcard-host"
	return ingressCheck(finding.Rule{
		ID:       id,
		Title:    "Ingress for any host",
		Severity: finding.Low,
		Description: "A rule of the Ingress names no host, or a wildcard. It answers for names that nobody thought of: another team's host whose own Ingress is gone, or a name that an attacker lets point here, " +
			"which then has your cookies' site and your paths.",
		Check: "Fails where a rule has no host (low), or one that begins with a wildcard (info). The default backend is not counted.",
		Fix: "Name the hosts:\n\n" +
			"    apiVersion: networking.k8s.io/v1\n    kind: Ingress\n    metadata:\n      name: shop\n      namespace: shop\n    spec:\n      rules:\n      - host: shop.example.com\n",
		References: references(id, "https://kubernetes.io/docs/concepts/services-networking/ingress/#hostname-wildcards"),
	}, []string{"spec.rules[*].host"}, func(i *networkingv1.Ingress) check.Verdict {
		all := slices.DeleteFunc(graph.Hosts(i), func(h graph.Host) bool { return h.Default })
		if len(all) == 0 {
			return say(finding.NotApplicable, finding.Low, servesNothing(i))
		}
		wide := graph.WildcardHosts(i)
		if len(wide) == 0 {
			return say(finding.Pass, finding.Low, "Every rule names its host.", hostBasis(i, all)[0])
		}
		severity := finding.Info
		for _, h := range wide {
			if h.Name == "" {
				severity = finding.Low
			}
		}
		return say(finding.Fail, severity, "Rules stand for more than one host: "+hostNames(wide)+".", hostBasis(i, wide)...)
	})
}

// ingressRiskyAnnotations fails where annotations become configuration of the proxy.
func ingressRiskyAnnotations() *check.Check {
	const id = "ingress-risky-annotations"
	return ingressCheck(finding.Rule{
		ID:       id,
		Title:    "Ingress annotation that changes the proxy's configuration",
		Severity: finding.Medium,
		Description: "An annotation of the Ingress is put into the proxy's configuration as it stands. Whoever may write Ingresses can then run code in the Ingress controller, " +
			"which may often read every Secret of the cluster (CVE-2021-25742, CVE-2023-5043).",
		Check: "Fails for the snippet annotations of ingress-nginx (configuration-, server-, stream-, auth- and modsecurity-snippet), which its documentation rates as critical, and of the controller of F5 (nginx.org/server-snippets, location-snippets): medium. " +
			"Fails (high) where a value looks like an attempt to inject: a semicolon or line break in auth-url (CVE-2025-24514), auth-tls-match-cn (CVE-2025-1097), mirror-target or mirror-host (CVE-2025-1098), auth-method (CVE-2026-1580), " +
			"auth-proxy-set-headers (CVE-2025-15566) or permanent-redirect (CVE-2023-5044); directives of nginx in any other annotation of ingress-nginx (CVE-2021-25746). " +
			"Whether the controller takes snippets, and whether its version is one that can be attacked, is not looked at.",
		Fix: "Use the annotation that is made for the purpose, and turn snippets off in the controller (allow-snippet-annotations: \"false\"):\n\n" +
			"    apiVersion: v1\n    kind: ConfigMap\n    metadata:\n      name: ingress-nginx-controller\n      namespace: ingress-nginx\n    data:\n      allow-snippet-annotations: \"false\"\n      annotations-risk-level: High\n",
		References: references(id, "https://kubernetes.github.io/ingress-nginx/user-guide/nginx-configuration/annotations-risk/", "https://github.com/kubernetes/kubernetes/issues/126811", "https://github.com/kubernetes/kubernetes/issues/131006"),
	}, []string{"metadata.annotations"}, judgeAnnotations)
}

func judgeAnnotations(i *networkingv1.Ingress) check.Verdict {
	risks := graph.RiskyAnnotations(i.Annotations)
	if len(risks) == 0 {
		return say(finding.Pass, finding.Medium, "No annotation is known to change the proxy's configuration freely.", declared("metadata.name", i.Name))
	}
	severity := finding.Medium
	var snippets, attempts []string
	var first, rest []finding.Basis
	for _, r := range risks {
		b := declared(graph.AnnotationField(r.Annotation), excerpt.Of(i.Annotations[r.Annotation], shown))
		if r.Snippet {
			snippets = append(snippets, r.Annotation)
			rest = append(rest, b)
			continue
		}
		severity = finding.High
		attempts = append(attempts, r.Annotation+" ("+r.Advisory+")")
		first = append(first, b)
	}
	var said []string
	if len(attempts) > 0 {
		said = append(said, "The value looks like an attempt to inject configuration: "+listed(attempts)+".")
	}
	if len(snippets) > 0 {
		said = append(said, "Becomes configuration of the proxy as it stands: "+listed(snippets)+".")
	}
	return say(finding.Fail, severity, strings.Join(said, " "), append(first, rest...)...)
}

// ingressRiskyPath fails where a path has characters that end a directive.
func ingressRiskyPath() *check.Check {
	const id = "ingress-risky-path"
	return ingressCheck(finding.Rule{
		ID:       id,
		Title:    "Ingress path that looks like configuration",
		Severity: finding.High,
		Description: "A path of the Ingress has characters that no web address needs, but that end a line of nginx' configuration or open a block. " +
			"Versions of ingress-nginx took such paths into their configuration as they stood: whoever wrote the Ingress could run code in the controller and read its Secrets (CVE-2021-25745, CVE-2021-25748, CVE-2026-24512).",
		Check: "Fails where a path has a semicolon, a quote, white space, a line break, or a brace that is not the repetition of a regular expression such as {1,3}. The controller and its version are not looked at.",
		Fix: "Write the path as it stands in the address, or escape such characters (%3B for a semicolon):\n\n" +
			"    apiVersion: networking.k8s.io/v1\n    kind: Ingress\n    metadata:\n      name: shop\n      namespace: shop\n    spec:\n      rules:\n      - host: shop.example.com\n        http:\n          paths:\n          - path: /cart\n            pathType: Prefix\n",
		References: references(id, "https://github.com/kubernetes/kubernetes/issues/126812", "https://github.com/kubernetes/kubernetes/issues/136678"),
	}, []string{"spec.rules[*].http.paths[*].path"}, func(i *networkingv1.Ingress) check.Verdict {
		fields, values := graph.RiskyPaths(i)
		if len(fields) == 0 {
			return say(finding.Pass, finding.High, "No path has characters that could end a line of configuration.", declared("metadata.name", i.Name))
		}
		var basis []finding.Basis
		for n := range fields[:min(named, len(fields))] {
			basis = append(basis, declared(fields[n], excerpt.Of(values[n], shown)))
		}
		return say(finding.Fail, finding.High, "Has characters that end a line of nginx' configuration or open a block: "+listed(fields)+".", basis...)
	})
}
