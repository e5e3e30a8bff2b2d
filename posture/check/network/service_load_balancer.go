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
			"Fails otherwise, low where all ports are those of the web (80 and 443): that is what a load balancer is mostly for. Whether a firewall stands in front can't be seen. " +
			"With a loadBalancerClass, or the annotation by which the AWS Load Balancer Controller takes a Service (it makes internal load balancers by default), it is not-reviewed as long as there is no public address " +
			"and nothing asks for one on the internet. Ranges that can't be read are an error.",
		Fix: "Name the client addresses, or ask your cloud provider for an internal load balancer:\n\n" +
			"    apiVersion: v1\n    kind: Service\n    metadata:\n      name: cart\n      namespace: shop\n    spec:\n      type: LoadBalancer\n      loadBalancerSourceRanges:\n      - 192.0.2.0/24\n      selector:\n        app.kubernetes.io/name: cart\n      ports:\n      - port: 443\n",
		References: references(id, "https://kubernetes.io/docs/concepts/services-networking/service/#loadbalancer"),
	}, []string{
		"spec.type", "spec.ports[*].port", "spec.loadBalancerSourceRanges", "spec.loadBalancerClass", "status.loadBalancer.ingress", "metadata.annotations",
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
	open := finding.Medium
	if graph.WebAlone(svc) {
		open = finding.Low
	}
	own, value := graph.OwnDefault(svc)
	asks := graph.External(svc)
	switch {
	case len(public) > 0:
		v := say(finding.Fail, open, "Everybody who can reach "+listed(public)+" can talk to the pods: no client address is left out.", append(reported, limits, kind)...)
		v.Evidence = finding.Reported
		return v
	case len(private) > 0 && len(names) == 0:
		v := say(finding.Pass, severity, "The load balancer has no address but private ones: "+listed(private)+".", append(reported, limits, kind)...)
		v.Evidence = finding.Reported
		return v
	case own != "" && asks == "":
		return say(finding.NotReviewed, severity, "The load balancer is not the cloud's usual one, and no public address of it is known: whether it is on the internet is its own affair.", append([]finding.Basis{declared(own, value), limits, kind}, reported...)...)
	case asks != "":
		basis := append([]finding.Basis{limits, declared(graph.AnnotationField(asks), svc.Annotations[asks]), kind}, reported...)
		return say(finding.Fail, open, "An annotation asks for a load balancer on the internet, and no client address is left out.", basis...)
	case len(names) > 0:
		return say(finding.Fail, open, "Everybody who can reach "+listed(names)+" can talk to the pods: no client address is left out, and nothing asks for an internal load balancer.", append([]finding.Basis{limits, kind}, reported...)...)
	}
	return say(finding.Fail, open, "The load balancer takes clients from everywhere: no client address is left out, and nothing asks for an internal one.", limits, kind)
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
