package container

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
)

// hostPort fails where a container has ports on the node.
//
// Fields: ports[*].hostPort and hostIP of the container; hostNetwork.
func hostPort() *check.Check {
	return &check.Check{
		Rule: finding.Rule{
			ID:       "host-port",
			Title:    "Ports on the node",
			Severity: finding.Medium,
			Description: "The container has a port of the node. Whoever reaches the node reaches the container, past Services and Ingresses and, with some network plugins, past network policies. " +
				"Besides, only one such pod fits on a node.",
			Check: "No entry of ports may have a hostPort, by the check of the Pod Security Standards (baseline). Where every hostIP is a loopback address, only the node itself reaches the port (low). " +
				"With hostNetwork true every port is one of the node's anyway, which is for host-network.",
			Fix: "Leave hostPort out, and let a Service lead to the container:\n\n" +
				"    containers:\n" +
				"    - name: app\n" +
				"      ports:\n" +
				"      - containerPort: 8080\n",
			References: references("host-port", aboutConfiguration),
		},
		Fields: append(inEvery("ports[*].hostPort", "ports[*].hostIP"), "spec.hostNetwork"),
		Judge:  running(finding.Medium, judgeHostPort),
	}
}

func judgeHostPort(v check.View) check.Verdict {
	out := failIf(denied(&v, "hostPorts"), finding.Medium)
	if out.Status == finding.Fail && v.Spec.HostNetwork {
		return notApplicable(finding.Medium, "The pod is in the node's network, where every port is one of the node's.")
	}
	loopback := out.Status == finding.Fail
	for i := range v.Container.Spec.Ports {
		p := &v.Container.Spec.Ports[i]
		loopback = loopback && (p.HostPort == 0 || isLoopback(p.HostIP))
	}
	if loopback {
		out.Severity = finding.Low
	}
	if v.Brief {
		return out
	}
	var ports []string
	for i, p := range v.Container.Spec.Ports {
		if p.HostPort == 0 {
			continue
		}
		ports = append(ports, fmt.Sprint(p.HostPort))
		out.Basis = append(out.Basis, v.InContainer(fmt.Sprintf("ports[%d].hostPort", i), fmt.Sprint(p.HostPort)))
		if p.HostIP != "" {
			out.Basis = append(out.Basis, v.InContainer(fmt.Sprintf("ports[%d].hostIP", i), p.HostIP))
		}
	}
	switch {
	case len(ports) == 0:
		out.Message = "Has no ports on the node."
		out.Basis = []finding.Basis{v.InContainer("ports[0].hostPort", check.Unset)}
	case loopback:
		out.Message = fmt.Sprintf("Has ports on the node: %s. Only the node itself reaches them.", strings.Join(ports, ", "))
	default:
		out.Message = fmt.Sprintf("Has ports on the node, open to whoever reaches the node: %s.", strings.Join(ports, ", "))
	}
	return out
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}
