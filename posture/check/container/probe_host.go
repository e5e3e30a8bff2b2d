package container

import (
	"fmt"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/pss"
)

// probeHost fails where a probe or a lifecycle hook names a host.
//
// Fields: httpGet.host and tcpSocket.host of livenessProbe, readinessProbe,
// startupProbe, lifecycle.postStart and lifecycle.preStop; hostNetwork;
// status.hostIP and hostIPs.
func probeHost() *check.Check {
	// The standards have this control from 1.34 on; the danger is older.
	control := newest{control: "hostProbesAndHostLifecycle"}
	return &check.Check{
		Rule: finding.Rule{
			ID:       "probe-host",
			Title:    "Probe names a host",
			Severity: finding.Medium,
			Description: "A probe or a lifecycle hook names a host. The kubelet makes that connection, from the node: who may create pods can let the node knock at any address that it reaches, " +
				"such as the cloud's metadata service or other programs of the node.",
			Check: "No httpGet and no tcpSocket of a probe or a lifecycle hook may have a host, by the check of the Pod Security Standards (baseline, since Kubernetes 1.34; here for every version). " +
				"A host that is the node itself (localhost, a loopback address, or an address of the node by status.hostIPs) in a pod with hostNetwork is low: there the container is reached that way.",
			Fix: "Leave the host out, and the kubelet asks the pod itself; for another host name in the request use a header:\n\n" +
				"    containers:\n" +
				"    - name: app\n" +
				"      livenessProbe:\n" +
				"        httpGet:\n" +
				"          path: /healthz\n" +
				"          port: 8080\n",
			References: references("probe-host", aboutStandards),
		},
		Fields: append(inEvery("livenessProbe", "readinessProbe", "startupProbe", "lifecycle"), "spec.hostNetwork", "status.hostIPs"),
		Judge: running(finding.Medium, func(v check.View) check.Verdict {
			return judgeProbeHost(v, control.get(&v))
		}),
	}
}

func judgeProbeHost(v check.View, control *pss.Control) check.Verdict {
	out := failIf(control.Has(v.Meta, v.Spec, v.Container), finding.Medium)
	if out.Status == finding.Pass {
		if !v.Brief {
			out.Message = "Neither probes nor lifecycle hooks name a host."
			out.Basis = []finding.Basis{v.InContainer("livenessProbe.httpGet.host", check.Unset)}
		}
		return out
	}
	hosts := hostsOf(v.Container.Spec)
	itself := v.Spec.HostNetwork
	for _, h := range hosts {
		itself = itself && (h.host == "localhost" || isLoopback(h.host) || ownAddress(v.Status, h.host) != "")
	}
	if itself {
		out.Severity = finding.Low
	}
	if v.Brief {
		return out
	}
	for _, h := range hosts {
		out.Basis = append(out.Basis, v.InContainer(h.field, h.host))
	}
	out.Message = fmt.Sprintf("The kubelet connects from the node to a host that the pod names: %s.", values(out.Basis))
	if itself {
		out.Message = fmt.Sprintf("Probes name %s, which is the node itself; the pod is in the node's network.", values(out.Basis[:1]))
		out.Basis = append(out.Basis, v.InPod("hostNetwork", "true"))
		for _, h := range hosts {
			if field := ownAddress(v.Status, h.host); field != "" {
				out.Basis = append(out.Basis, finding.Basis{Evidence: finding.Reported, Field: field, Value: h.host})
				break
			}
		}
	}
	return out
}

// ownAddress is the field that says that a host is an address of the node that
// the pod runs on; empty where none does.
func ownAddress(s *corev1.PodStatus, host string) string {
	switch {
	case s == nil:
		return ""
	case host == s.HostIP:
		return "status.hostIP"
	}
	for i := range s.HostIPs {
		if host == s.HostIPs[i].IP {
			return "status.hostIPs[" + strconv.Itoa(i) + "].ip"
		}
	}
	return ""
}

// namedHost is a host in a probe or hook.
type namedHost struct{ field, host string }

func hostsOf(c *corev1.Container) (all []namedHost) {
	probe := func(name string, p *corev1.Probe) {
		if p != nil {
			all = append(all, hostsIn(name, p.HTTPGet, p.TCPSocket)...)
		}
	}
	probe("livenessProbe", c.LivenessProbe)
	probe("readinessProbe", c.ReadinessProbe)
	probe("startupProbe", c.StartupProbe)
	if c.Lifecycle == nil {
		return all
	}
	if h := c.Lifecycle.PostStart; h != nil {
		all = append(all, hostsIn("lifecycle.postStart", h.HTTPGet, h.TCPSocket)...)
	}
	if h := c.Lifecycle.PreStop; h != nil {
		all = append(all, hostsIn("lifecycle.preStop", h.HTTPGet, h.TCPSocket)...)
	}
	return all
}

func hostsIn(at string, get *corev1.HTTPGetAction, tcp *corev1.TCPSocketAction) (all []namedHost) {
	if get != nil && get.Host != "" {
		all = append(all, namedHost{strings.Join([]string{at, "httpGet", "host"}, "."), get.Host})
	}
	if tcp != nil && tcp.Host != "" {
		all = append(all, namedHost{strings.Join([]string{at, "tcpSocket", "host"}, "."), tcp.Host})
	}
	return all
}
