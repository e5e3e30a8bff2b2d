package network

import (
	"fmt"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/index"
	graph "github.com/kubeassay/assay/posture/network"
)

// serviceCheck makes a check about Services by themselves.
func serviceCheck(rule finding.Rule, fields []string, judge func(*corev1.Service) check.Verdict) *check.Check {
	return &check.Check{
		Rule: rule, Fields: fields, Kinds: []schema.GroupKind{serviceKind},
		JudgeObject: func(o *index.Object, _ *index.Index) check.Verdict {
			svc, ok := o.Object.(*corev1.Service)
			if !ok {
				return say(finding.NotApplicable, rule.Severity, "Not a Service that can be read.")
			}
			return judge(svc)
		},
	}
}

// serviceNodePort fails where a Service is of type NodePort.
func serviceNodePort() *check.Check {
	const id = "service-node-port"
	return serviceCheck(finding.Rule{
		ID:       id,
		Title:    "Service with a port on every node",
		Severity: finding.Low,
		Description: "The Service is of type NodePort: a port is opened on every node of the cluster, on all of its addresses, those that the internet can reach among them. " +
			"It goes around the Ingress or Gateway, with its TLS, its login and its logs, and only a firewall in front of the nodes limits who may come.",
		Check: "Fails for Services of type NodePort. Those of type LoadBalancer, which may have node ports too, are service-load-balancer-node-ports'.",
		Fix: "Make it reachable inside of the cluster alone, and lead people to it by an Ingress or Gateway:\n\n" +
			"    apiVersion: v1\n    kind: Service\n    metadata:\n      name: cart\n      namespace: shop\n    spec:\n      type: ClusterIP\n      selector:\n        app.kubernetes.io/name: cart\n      ports:\n      - port: 80\n",
		References: references(id, "https://kubernetes.io/docs/concepts/services-networking/service/#type-nodeport"),
	}, []string{"spec.type", "spec.ports[*].nodePort"}, func(svc *corev1.Service) check.Verdict {
		if svc.Spec.Type != corev1.ServiceTypeNodePort {
			return say(finding.Pass, finding.Low, "The Service is not of type NodePort.", declared("spec.type", check.OrUnset(string(svc.Spec.Type))))
		}
		basis := append([]finding.Basis{declared("spec.type", string(svc.Spec.Type))}, nodePorts(svc)...)
		return say(finding.Fail, finding.Low, "Opens "+portNumbers(svc)+" on every node.", basis...)
	})
}

// serviceLoadBalancerNodePorts fails where a load balancer brings node ports along.
func serviceLoadBalancerNodePorts() *check.Check {
	const id = "service-load-balancer-node-ports"
	return serviceCheck(finding.Rule{
		ID:       id,
		Title:    "Load balancer with ports on every node besides",
		Severity: finding.Info,
		Description: "Kubernetes opens a port on every node for each port of a load balancer, unless it is told not to. Many load balancers do not need them. " +
			"Such a port goes around the load balancer, and Kubernetes does not limit its clients to the addresses that the Service names.",
		Check: "For Services of type LoadBalancer. Fails where ports have a nodePort, or will get one because allocateLoadBalancerNodePorts is not false; " +
			"low where loadBalancerSourceRanges limits who may use the load balancer, since Kubernetes does not apply that to node ports, and info else.",
		Fix: "Where the load balancer reaches pods by itself, do without them (ports that are there already must be removed by hand):\n\n" +
			"    apiVersion: v1\n    kind: Service\n    metadata:\n      name: cart\n      namespace: shop\n    spec:\n      type: LoadBalancer\n      allocateLoadBalancerNodePorts: false\n      selector:\n        app.kubernetes.io/name: cart\n      ports:\n      - port: 443\n",
		References: references(id, "https://kubernetes.io/docs/concepts/services-networking/service/#load-balancer-nodeport-allocation"),
	}, []string{"spec.type", "spec.allocateLoadBalancerNodePorts", "spec.ports[*].nodePort", "spec.loadBalancerSourceRanges"}, func(svc *corev1.Service) check.Verdict {
		allocate := declared("spec.allocateLoadBalancerNodePorts", check.Bool(svc.Spec.AllocateLoadBalancerNodePorts))
		switch {
		case svc.Spec.Type != corev1.ServiceTypeLoadBalancer:
			return say(finding.NotApplicable, finding.Info, "The Service is not of type LoadBalancer.")
		case len(graph.NodePorts(svc)) == 0:
			return say(finding.Pass, finding.Info, "The Service opens no port on the nodes.", allocate)
		}
		basis := append([]finding.Basis{allocate}, nodePorts(svc)...)
		field, ranges := graph.SourceRanges(svc)
		anywhere, err := graph.FromAnywhere(ranges)
		if err == nil && !anywhere {
			basis = append(basis, declared(field, fmt.Sprint(ranges)))
			return say(finding.Fail, finding.Low, "Opens "+portNumbers(svc)+" on every node, where Kubernetes does not apply the limits on client addresses.", basis...)
		}
		return say(finding.Fail, finding.Info, "Opens "+portNumbers(svc)+" on every node, beside the load balancer.", basis...)
	})
}

func nodePorts(svc *corev1.Service) []finding.Basis {
	var basis []finding.Basis
	for i, p := range svc.Spec.Ports {
		if p.NodePort != 0 && len(basis) < named {
			basis = append(basis, declared(fmt.Sprintf("spec.ports[%d].nodePort", i), strconv.Itoa(int(p.NodePort))))
		}
	}
	return basis
}

// portNumbers names the ports on the nodes, as far as they have been given out.
func portNumbers(svc *corev1.Service) string {
	var numbers []string
	for _, p := range svc.Spec.Ports {
		if p.NodePort != 0 {
			numbers = append(numbers, strconv.Itoa(int(p.NodePort)))
		}
	}
	switch len(numbers) {
	case 0:
		return "ports that Kubernetes chooses"
	case 1:
		return "port " + numbers[0]
	}
	return "ports " + strings.Replace(listed(numbers), ", and", " and", 1)
}
