package network

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
	graph "github.com/kubeassay/assay/posture/network"
)

// serviceLoadBalancer fails where a load balancer takes clients from everywhere.
func serviceLoadBalancer() *check.Check {
	const id = "service-load-balancer-open"
	return serviceCheck(finding.Rule{
		ID:       id,
		Title:    "Load balancer open to the world",
		Severity: finding.Medium,
		Description: "The Service is of type LoadBalancer and limits no client addresses. In most clouds it then has an address on the internet, and whoever finds that can talk to the pods. " +
			"Databases and dashboards are often put on the internet that way without anybody meaning to.",
		Check: "For Services of type LoadBalancer. Passes where loadBalancerSourceRanges, or its annotation, leave addresses out, where an annotation of a cloud provider asks for an internal load balancer, " +
			"or where all addresses in status.loadBalancer are private ones (RFC 1918, RFC 6598, fc00::/7, link-local). " +
			"Fails otherwise; whether a firewall stands in front can't be seen. With a loadBalancerClass and no address yet it is not-reviewed, since what such a load balancer does by default is its own affair. Ranges that can't be read are an error.",
		Fix: "Name the client addresses, or ask your cloud provider for an internal load balancer:\n\n" +
			"    apiVersion: v1\n    kind: Service\n    metadata:\n      name: cart\n      namespace: shop\n    spec:\n      type: LoadBalancer\n      loadBalancerSourceRanges:\n      - 192.0.2.0/24\n      selector:\n        app.kubernetes.io/name: cart\n      ports:\n      - port: 443\n",
		References: references(id, "https://kubernetes.io/docs/concepts/services-networking/service/#loadbalancer"),
	}, []string{
		"spec.type", "spec.loadBalancerSourceRanges", "spec.loadBalancerClass", "status.loadBalancer.ingress",
		"metadata.annotations['service.beta.kubernetes.io/load-balancer-source-ranges']",
	}, judgeLoadBalancer)
}

func judgeLoadBalancer(svc *corev1.Service) check.Verdict {
	const severity = finding.Medium
	if svc.Spec.Type != corev1.ServiceTypeLoadBalancer {
		return say(finding.NotApplicable, severity, "The Service is not of type LoadBalancer.")
	}
	kind := declared("spec.type", string(svc.Spec.Type))
	field, ranges := graph.SourceRanges(svc)
	limits := declared(field, check.Unset)
	if len(ranges) > 0 {
		limits.Value = fmt.Sprint(ranges)
	}
	if !strings.HasPrefix(field, "spec.") { // written in one piece
		limits.Value = svc.Annotations[corev1.AnnotationLoadBalancerSourceRangesKey]
	}
	anywhere, err := graph.FromAnywhere(ranges)
	switch {
	case err != nil:
		return say(finding.Error, severity, check.Sentence(err.Error())+" Who may use the load balancer could not be judged.", limits, kind)
	case !anywhere:
		return say(finding.Pass, severity, "The load balancer takes clients from "+listed(ranges)+" alone.", limits, kind)
	}
	if a := graph.Internal(svc); a != "" {
		return say(finding.Pass, severity, "An annotation asks for an internal load balancer.", declared(graph.AnnotationField(a), svc.Annotations[a]), kind)
	}
	private, public, names := graph.Addresses(svc)
	reported := addresses(svc)
	switch {
	case len(public) > 0:
		v := say(finding.Fail, severity, "Everybody who can reach "+listed(public)+" can talk to the pods: no client address is left out.", append(reported, limits, kind)...)
		v.Evidence = finding.Reported
		return v
	case len(private) > 0 && len(names) == 0:
		v := say(finding.Pass, severity, "The load balancer has no address but private ones: "+listed(private)+".", append(reported, limits, kind)...)
		v.Evidence = finding.Reported
		return v
	case len(names) == 0 && svc.Spec.LoadBalancerClass != nil:
		return say(finding.NotReviewed, severity, "The load balancer is of a class of its own and has no address yet: whether it is on the internet is not known.", declared("spec.loadBalancerClass", *svc.Spec.LoadBalancerClass), limits, kind)
	case len(names) > 0:
		return say(finding.Fail, severity, "Everybody who can reach "+listed(names)+" can talk to the pods: no client address is left out, and nothing asks for an internal load balancer.", append([]finding.Basis{limits, kind}, reported...)...)
	}
	return say(finding.Fail, severity, "The load balancer takes clients from everywhere: no client address is left out, and nothing asks for an internal one.", limits, kind)
}

// addresses are those in the status, as a basis.
func addresses(svc *corev1.Service) []finding.Basis {
	var basis []finding.Basis
	for i, in := range svc.Status.LoadBalancer.Ingress {
		if i == named {
			break
		}
		b := finding.Basis{Evidence: finding.Reported, Field: fmt.Sprintf("status.loadBalancer.ingress[%d].ip", i), Value: in.IP}
		if in.IP == "" {
			b.Field, b.Value = fmt.Sprintf("status.loadBalancer.ingress[%d].hostname", i), in.Hostname
		}
		basis = append(basis, b)
	}
	return basis
}
