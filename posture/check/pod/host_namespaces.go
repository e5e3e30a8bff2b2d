package pod

import (
	"strconv"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/workload"
)

const hostNamespacesPage = "concepts/security/pod-security-standards/#baseline"

// hostPID fails where a pod sees the processes of its node.
//
// Fields: spec.hostPID.
func hostPID() *check.Check {
	return hostNamespace("hostPID", func(s *corev1.PodSpec) bool { return s.HostPID },
		"The pod does not see the node's processes.",
		"The pod is among the processes of its node: it sees them all, with their arguments. As root it can end them, and by way of /proc reach the environment and files of those that have no more rights than itself, such as most other pods'.",
		finding.Rule{
			ID: "host-pid", Title: "Pod shares the node's processes", Severity: finding.High,
			Description: "The pod has the process namespace of its node. It sees every process of the node and of all other pods there, with arguments that may hold passwords. " +
				"As root it can end them, and by way of /proc read the environment and files of those that have no more rights than itself, such as most other pods'; with SYS_PTRACE, or privileged, it can step over into the node altogether.",
			References: references("host-pid", hostNamespacesPage),
		})
}

// hostIPC fails where a pod has the inter-process communication of its node.
//
// Fields: spec.hostIPC.
func hostIPC() *check.Check {
	return hostNamespace("hostIPC", func(s *corev1.PodSpec) bool { return s.HostIPC },
		"The pod has shared memory of its own.",
		"The pod has the shared memory and message queues of its node: it can read and change what processes of the node, and other pods like this one, exchange there.",
		finding.Rule{
			ID: "host-ipc", Title: "Pod shares the node's shared memory", Severity: finding.Medium,
			Description: "The pod has the IPC namespace of its node. Shared memory, semaphores and message queues of processes on the node, " +
				"and of other pods that do the same, are open to it: it can read what they exchange, change it, or break them.",
			References: references("host-ipc", hostNamespacesPage),
		})
}

// hostNetwork fails where a pod has the network of its node.
//
// Fields: spec.hostNetwork; securityContext.windowsOptions.hostProcess of pod
// and containers.
func hostNetwork() *check.Check {
	return hostNamespace("hostNetwork", func(s *corev1.PodSpec) bool { return s.HostNetwork },
		"The pod has a network of its own.",
		"The pod has the network of its node: it reaches what listens on the node's loopback address only, takes ports of the node, and most network policies do not hold it.",
		finding.Rule{
			ID: "host-network", Title: "Pod shares the node's network", Severity: finding.High,
			Description: "The pod has the network namespace of its node. It reaches services that listen on the node's loopback address only, and a cloud's metadata service as the node. " +
				"Most network plugins do not apply network policies to it. With the right to open raw sockets it can listen to the traffic of other pods.",
			References: references("host-network", hostNamespacesPage),
		})
}

// hostNamespace is a check of one of the node's namespaces. Whether it is
// forbidden is for the standards to say.
func hostNamespace(field string, has func(*corev1.PodSpec) bool, fine, wrong string, rule finding.Rule) *check.Check {
	rule.Check = "spec." + field + " is looked at, and the Pod Security Standards' own check of host namespaces (baseline) decides."
	fields := []string{"spec." + field}
	if field == "hostNetwork" {
		rule.Check += " A pod of which a container is a process of the Windows host (hostProcess) must have it, so there it is low: windows-host-process says the rest."
		fields = append(fields, "spec.securityContext.windowsOptions.hostProcess", "spec.containers[*].securityContext.windowsOptions.hostProcess")
	}
	rule.Fix = "Leave the field out, unless the program's very task is to look after the node:\n\n    spec:\n      " + field + ": false\n"
	return &check.Check{
		Rule: rule, Fields: fields,
		JudgePod: func(v check.View) check.Verdict {
			out := declared(has(v.Spec) && denies(&v, "hostNamespaces", v.Spec), rule.Severity)
			forced := finding.Basis{}
			if out.Status == finding.Fail && field == "hostNetwork" {
				forced = hostProcess(&v)
			}
			if forced.Field != "" {
				out.Severity = finding.Low
			}
			if v.Brief {
				return out
			}
			value := check.Unset
			if has(v.Spec) {
				value = "true"
			}
			out.Message, out.Basis = fine, []finding.Basis{v.InPod(field, value)}
			if out.Status == finding.Fail {
				out.Message = wrong
			}
			if forced.Field != "" {
				out.Message = "The pod has the network of its node. A process of the Windows host must have it, so hostProcess has to go first."
				out.Basis = append(out.Basis, forced)
			}
			return out
		},
	}
}

// hostProcess is the field that makes a container a process of the Windows host,
// in a pod that does not say that it is for Linux; empty where there is none.
func hostProcess(v *check.View) finding.Basis {
	if workload.OS(v.Spec) == corev1.Linux {
		return finding.Basis{}
	}
	for c := range workload.Containers(v.Spec) {
		if u := workload.EffectiveUser(v.Spec, c); u.HostProcess {
			return v.InPod(c.FieldPath("windowsOptions.hostProcess", u.HostProcessFromPod), "true")
		}
	}
	return finding.Basis{}
}

// hostUsers fails where a pod's users are those of the node.
//
// Fields: spec.hostUsers, spec.hostNetwork, spec.hostPID, spec.hostIPC;
// spec.os, nodeSelector and affinity, for the system of the nodes.
func hostUsers() *check.Check {
	return &check.Check{
		Rule: finding.Rule{
			ID: "host-users", Title: "Pod has no users of its own", Severity: finding.Info,
			Description: "The pod has no user namespace: user 0 in its containers is user 0 of the node, held back by the container's walls alone. " +
				"In a user namespace root of a container is nobody on the node, so that many ways out of a container lead nowhere.",
			Check: "hostUsers false passes; unset and true fail. Pods for Windows nodes have no such thing, and a pod that shares another namespace of its node may not ask for it: " +
				"for those the check does not apply. Whether the nodes' kernel and runtime can do it is not looked at.",
			Fix: "Give the pod a user namespace, where the nodes' kernel, runtime and file systems can do it:\n\n" +
				"    spec:\n      hostUsers: false\n",
			References: references("host-users", "concepts/workloads/pods/user-namespaces/"),
		},
		Fields:   []string{"spec.hostUsers", "spec.hostNetwork", "spec.hostPID", "spec.hostIPC", "spec.os.name", "spec.nodeSelector", "spec.affinity.nodeAffinity"},
		JudgePod: judgeHostUsers,
	}
}

func judgeHostUsers(v check.View) check.Verdict {
	own := v.Spec.HostUsers != nil && !*v.Spec.HostUsers
	switch {
	case own:
	case v.Spec.HostNetwork || v.Spec.HostPID || v.Spec.HostIPC:
		return notApplicable(finding.Info, "The pod shares another namespace of its node, which rules users of its own out.")
	case workload.OS(v.Spec) == corev1.Windows:
		return notApplicable(finding.Info, "Windows has no user namespaces.")
	}
	out := declared(!own, finding.Info)
	if v.Brief {
		return out
	}
	out.Message = "The pod has users of its own: root in its containers is nobody on the node."
	if !own {
		out.Message = "The pod's users are those of the node: root in one of its containers is root of the node, as far as the container's walls let it."
	}
	out.Basis = []finding.Basis{v.InPod("hostUsers", check.Bool(v.Spec.HostUsers))}
	return out
}

// shareProcessNamespace fails where the containers of a pod see each other's processes.
//
// Fields: spec.shareProcessNamespace, spec.containers, spec.initContainers[*].restartPolicy.
func shareProcessNamespace() *check.Check {
	return &check.Check{
		Rule: finding.Rule{
			ID: "share-process-namespace", Title: "Containers of a pod share their processes", Severity: finding.Low,
			Description: "All containers of the pod see each other's processes. One that was broken into can read, by way of /proc, the environment and the files of the others " +
				"that run as the same user, secrets included, and end their processes. As root it reaches all of them.",
			Check: "shareProcessNamespace true fails where the pod has more than one container that runs at the same time (sidecar containers count); with only one there is nobody to share with.",
			Fix: "Leave the field out, unless one container has to look after the processes of another:\n\n" +
				"    spec:\n      shareProcessNamespace: false\n",
			References: references("share-process-namespace", "tasks/configure-pod-container/share-process-namespace/"),
		},
		Fields: []string{"spec.shareProcessNamespace", "spec.containers[*].name", "spec.initContainers[*].restartPolicy"},
		JudgePod: func(v check.View) check.Verdict {
			shared := v.Spec.ShareProcessNamespace != nil && *v.Spec.ShareProcessNamespace
			together := 0
			if shared {
				together = runTogether(v.Spec)
			}
			out := declared(shared && together > 1, finding.Low)
			if v.Brief {
				return out
			}
			out.Basis = []finding.Basis{v.InPod("shareProcessNamespace", check.Bool(v.Spec.ShareProcessNamespace))}
			switch {
			case !shared:
				out.Message = "Each container sees its own processes only."
			case together < 2:
				out.Message = "The pod has only one container, so there is nobody to share with."
			default:
				out.Message = "The pod's " + strconv.Itoa(together) + " containers see each other's processes: who breaks into one can reach the environment and the files of the others."
			}
			return out
		},
	}
}

// runTogether counts the containers that run at the same time.
func runTogether(spec *corev1.PodSpec) int {
	n := len(spec.Containers)
	for i := range spec.InitContainers {
		if p := spec.InitContainers[i].RestartPolicy; p != nil && *p == corev1.ContainerRestartPolicyAlways {
			n++
		}
	}
	return n
}
