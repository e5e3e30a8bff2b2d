package pod

import (
	"fmt"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
)

// hostAliases fails where a pod has names that no name server knows.
//
// Fields: spec.hostAliases[*].
func hostAliases() *check.Check {
	return &check.Check{
		Rule: finding.Rule{
			ID: "host-aliases", Title: "Pod looks up names in a list of its own", Severity: finding.Info,
			Description: "The pod's spec writes names and addresses into /etc/hosts of its containers. They come before anything that a name server says: " +
				"a wrong or an outdated entry sends the program, and its passwords, to another machine, and whoever looks at the name server does not see it.",
			Check:      "Any entry in hostAliases fails, but for names of loopback addresses.",
			Fix:        "Publish the name where everyone looks names up, such as by a Service, and take the entry out:\n\n    spec:\n      hostAliases: []\n",
			References: references("host-aliases", "tasks/network/customize-hosts-file-for-pods/"),
		},
		Fields:   []string{"spec.hostAliases[*].ip", "spec.hostAliases[*].hostnames"},
		JudgePod: judgeHostAliases,
	}
}

func judgeHostAliases(v check.View) check.Verdict {
	foreign := func(a *corev1.HostAlias) bool { return !strings.HasPrefix(a.IP, "127.") && a.IP != "::1" }
	out := declared(false, finding.Info)
	for i := range v.Spec.HostAliases {
		if foreign(&v.Spec.HostAliases[i]) {
			out.Status = finding.Fail
		}
	}
	if v.Brief {
		return out
	}
	if out.Status == finding.Pass {
		out.Message = "The pod has no list of names of its own."
		field, value := "hostAliases", check.Unset
		if len(v.Spec.HostAliases) > 0 {
			out.Message = "All names in the pod's own list are names of itself."
			field, value = "hostAliases[0].ip", check.OrUnset(v.Spec.HostAliases[0].IP)
		}
		out.Basis = []finding.Basis{v.InPod(field, value)}
		return out
	}
	var names []string
	for i := range v.Spec.HostAliases {
		if a := &v.Spec.HostAliases[i]; foreign(a) {
			names = append(names, a.Hostnames...)
			out.Basis = append(out.Basis, v.InPod(fmt.Sprintf("hostAliases[%d].ip", i), check.OrUnset(a.IP)))
		}
	}
	out.Message = "The pod's spec says itself where these names lead, whatever a name server says: " + strings.Join(names, ", ") + "."
	return out
}

// nodeNameSet fails where a manifest chooses the node, past the scheduler.
//
// Fields: spec.nodeName; status.phase and metadata.uid, which tell a manifest
// from a pod of a cluster.
func nodeNameSet() *check.Check {
	return &check.Check{
		Rule: finding.Rule{
			ID: "node-name-set", Title: "Manifest chooses the node itself", Severity: finding.Low,
			Description: "The pod template, or the manifest of the pod, names the node to run on. Such pods go past the scheduler: taints that keep ordinary pods off a node, such as one of the control plane, do not keep them off. " +
				"It is a usual way to place a pod where it should not be, and when the node is gone, so is the pod.",
			Check:      "nodeName set in a pod template fails, and in the manifest of a pod that no cluster has seen yet. In a pod of a cluster the scheduler has usually set it, so those are not looked at.",
			Fix:        "Say what kind of node is wanted, and leave the choice to the scheduler:\n\n    spec:\n      nodeSelector:\n        kubernetes.io/os: linux\n",
			References: references("node-name-set", "concepts/scheduling-eviction/assign-pod-node/#nodename"),
		},
		Fields: []string{"spec.nodeName", "status.phase", "metadata.uid"},
		JudgePod: func(v check.View) check.Verdict {
			if v.Status != nil && (v.Status.Phase != "" || v.Meta.UID != "") { // an API server sets both
				return notApplicable(finding.Low, "It is a pod of a cluster: that it names its node says nothing about who chose it.")
			}
			out := declared(v.Spec.NodeName != "", finding.Low)
			if v.Brief {
				return out
			}
			out.Message = "The scheduler chooses the node."
			if out.Status == finding.Fail {
				out.Message = "The manifest names the node " + strconv.Quote(v.Spec.NodeName) + " itself: its pods go past the scheduler and the node's taints."
			}
			out.Basis = []finding.Basis{v.InPod("nodeName", check.OrUnset(v.Spec.NodeName))}
			return out
		},
	}
}

// controlPlaneToleration fails where a pod may run on nodes of the control plane.
//
// Fields: spec.tolerations[*].
func controlPlaneToleration() *check.Check {
	return &check.Check{
		Rule: finding.Rule{
			ID: "control-plane-toleration", Title: "Pod may run on nodes of the control plane", Severity: finding.Low,
			Description: "The pod tolerates the taint that keeps ordinary pods off the nodes of the control plane. There it is one wall away from the keys of the whole cluster: " +
				"who gets out of its container finds the API server's and etcd's credentials on the node.",
			Check: "A toleration of node-role.kubernetes.io/control-plane (or its old name, master) fails, as does one without a key and with operator Exists, which tolerates everything, unless their effect is another one than NoSchedule.",
			Fix: "Tolerate only the taints of nodes that the pod has to run on:\n\n" +
				"    spec:\n      tolerations:\n      - key: example.com/gpu\n        operator: Exists\n        effect: NoSchedule\n",
			References: references("control-plane-toleration", "concepts/scheduling-eviction/taint-and-toleration/"),
		},
		Fields:   []string{"spec.tolerations[*].key", "spec.tolerations[*].operator", "spec.tolerations[*].effect"},
		JudgePod: judgeToleration,
	}
}

func judgeToleration(v check.View) check.Verdict {
	out := declared(false, finding.Low)
	found := -1
	for i := range v.Spec.Tolerations {
		if toleratesControlPlane(&v.Spec.Tolerations[i]) {
			found, out.Status = i, finding.Fail
			break
		}
	}
	if v.Brief {
		return out
	}
	if found < 0 {
		out.Message = "The pod does not tolerate the taint of control plane nodes."
		field, value := "tolerations", check.Unset
		if len(v.Spec.Tolerations) > 0 {
			field, value = "tolerations[0].key", check.OrUnset(v.Spec.Tolerations[0].Key)
		}
		out.Basis = []finding.Basis{v.InPod(field, value)}
		return out
	}
	t := &v.Spec.Tolerations[found]
	out.Message = "The pod tolerates the taint of control plane nodes, so it may run there."
	if t.Key == "" {
		out.Message = "The pod tolerates every taint, that of control plane nodes included, so it may run anywhere."
	}
	at := fmt.Sprintf("tolerations[%d]", found)
	out.Basis = []finding.Basis{
		v.InPod(at+".key", check.OrUnset(t.Key)), v.InPod(at+".operator", check.OrUnset(string(t.Operator))), v.InPod(at+".effect", check.OrUnset(string(t.Effect))),
	}
	return out
}

// toleratesControlPlane reports whether a toleration is about the taint
// node-role.kubernetes.io/control-plane:NoSchedule, which has no value.
func toleratesControlPlane(t *corev1.Toleration) bool {
	if t.Effect != "" && t.Effect != corev1.TaintEffectNoSchedule {
		return false
	}
	exists := t.Operator == corev1.TolerationOpExists
	switch t.Key {
	case "":
		return exists
	case "node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master":
		return exists || t.Value == ""
	}
	return false
}

// debugContainerLeft fails where somebody put a container into a running pod.
//
// Fields: spec.ephemeralContainers[*], status.ephemeralContainerStatuses[*].state.
func debugContainerLeft() *check.Check {
	return &check.Check{
		Rule: finding.Rule{
			ID: "debug-container-left", Title: "Somebody put a container into the running pod", Severity: finding.Low,
			Description: "The pod has an ephemeral container: somebody added it to look into the pod, as kubectl debug does. It may see the other containers' processes and files, and it brings tools along that an intruder can use. " +
				"It can't be taken out again; only a new pod is free of it.",
			Check:      "A pod with entries in ephemeralContainers fails: low where the kubelet reports that one runs, and info otherwise.",
			Fix:        "When the looking is done, delete the pod and let its controller make a new one, which is without the container:\n\n    spec:\n      ephemeralContainers: []\n",
			References: references("debug-container-left", "concepts/workloads/pods/ephemeral-containers/"),
		},
		Fields:   []string{"spec.ephemeralContainers[*].name", "status.ephemeralContainerStatuses[*].state.running"},
		JudgePod: judgeDebugContainer,
	}
}

func judgeDebugContainer(v check.View) check.Verdict {
	out := declared(len(v.Spec.EphemeralContainers) > 0, finding.Info)
	running := -1
	if v.Status != nil && out.Status == finding.Fail {
		for i := range v.Status.EphemeralContainerStatuses {
			if v.Status.EphemeralContainerStatuses[i].State.Running != nil {
				running, out.Severity, out.Evidence = i, finding.Low, finding.Reported
				break
			}
		}
	}
	if v.Brief {
		return out
	}
	if out.Status == finding.Pass {
		out.Message = "Nobody has put a container into the pod."
		out.Basis = []finding.Basis{v.InPod("ephemeralContainers", check.Unset)}
		return out
	}
	var names []string
	for i := range v.Spec.EphemeralContainers {
		names = append(names, v.Spec.EphemeralContainers[i].Name)
		out.Basis = append(out.Basis, v.InPod(fmt.Sprintf("ephemeralContainers[%d].name", i), check.OrUnset(v.Spec.EphemeralContainers[i].Name)))
	}
	out.Message = "Somebody put a container into the pod to look into it: " + strings.Join(names, ", ") + ". None of them is reported to run; the entries stay until the pod is deleted."
	if running >= 0 {
		s := &v.Status.EphemeralContainerStatuses[running]
		out.Message = "Somebody put the container " + s.Name + " into the pod to look into it, and it still runs."
		out.Basis = append([]finding.Basis{{
			Evidence: finding.Reported, Field: fmt.Sprintf("status.ephemeralContainerStatuses[%d].name", running), Value: check.OrUnset(s.Name),
		}}, out.Basis...)
	}
	return out
}
