// Package network holds the checks about the network: which pods NetworkPolicies
// leave open, which policies say too much or nothing, and what Services,
// Ingresses and Gateways open to the outside.
//
// What policies, Services and the like mean is package posture/network's to
// say; what a pod opens by itself (host ports, host network) is not here.
//
//	for _, c := range network.All() {
//		...
//	}
package network

import "github.com/kubeassay/assay/posture/check"

// All returns every check of this package, in the order in which they are listed.
func All() []*check.Check {
	return []*check.Check{
		noNetworkPolicy(), podIngress(), podEgress(),
		policySelectsNothing(), policyAllowsAll(), clusterPolicyAllowsAll(), cloudMetadata(),
		serviceNodePort(), serviceLoadBalancer(), serviceLoadBalancerNodePorts(),
		serviceExternalIPs(), serviceExternalName(), serviceWithoutPods(),
		ingressWithoutTLS(), ingressPlainHTTP(), ingressWildcardHost(), ingressRiskyAnnotations(), ingressRiskyPath(),
		gatewayWithoutTLS(), gatewayWildcardHost(), gatewayRoutesFromAll(), routeWildcardHost(),
	}
}
