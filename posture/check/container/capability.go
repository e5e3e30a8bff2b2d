package container

import (
	"strings"

	"github.com/kubeassay/assay/finding"
)

// capability is what a Linux capability beyond the usual ones gives away.
type capability struct {
	severity finding.Severity
	// allows ends the sentence "It lets the container …".
	allows string
	// ofPod: it is about the pod's own network, which is the pod's own also
	// where it has users of its own.
	ofPod bool
}

// powers are the capabilities that say more about a container than that
// somebody wanted them. The standards decide which may be added; this is only
// about how grave it is.
func powers(name string) (capability, bool) {
	switch name {
	case "ALL":
		return capability{finding.Critical, "do everything that root of the node can", false}, true
	case "SYS_ADMIN":
		return capability{finding.Critical, "mount file systems and much else: the usual way out of a container", false}, true
	case "SYS_MODULE":
		return capability{finding.Critical, "load code into the node's kernel", false}, true
	case "DAC_READ_SEARCH":
		return capability{finding.Critical, "read any file of the node by its handle, past all permissions", false}, true
	case "SYS_RAWIO":
		return capability{finding.High, "reach the node's memory and hardware directly", false}, true
	case "SYS_PTRACE":
		return capability{finding.Medium, "read and change the memory of other processes that it sees", false}, true
	case "SYS_BOOT":
		return capability{finding.High, "restart the node, or load another kernel", false}, true
	case "BPF":
		return capability{finding.High, "run programs in the node's kernel", false}, true
	case "PERFMON":
		return capability{finding.High, "watch the whole node, the kernel's memory included", false}, true
	case "MAC_ADMIN":
		return capability{finding.High, "change the rules of AppArmor or SELinux", false}, true
	case "MAC_OVERRIDE":
		return capability{finding.High, "get past mandatory access rules of the kernel", false}, true
	case "NET_ADMIN":
		return capability{finding.Medium, "change addresses, routes and firewall rules of the network that it is in", true}, true
	case "NET_RAW":
		return capability{finding.Medium, "send forged packets, and so pose as another pod", true}, true
	}
	return lesserPowers(name)
}

func lesserPowers(name string) (capability, bool) {
	switch name {
	case "SYS_TIME":
		return capability{finding.Medium, "set the node's clock, which certificates and logs go by", false}, true
	case "SYSLOG":
		return capability{finding.Medium, "read the kernel's log and addresses, which helps to attack it", false}, true
	case "AUDIT_CONTROL":
		return capability{finding.Medium, "switch off the node's audit", false}, true
	case "CHECKPOINT_RESTORE":
		return capability{finding.Medium, "read the state of other processes that it sees", false}, true
	case "SYS_RESOURCE":
		return capability{finding.Low, "go beyond limits that hold for others", false}, true
	case "SYS_NICE":
		return capability{finding.Low, "take computing time from others", false}, true
	case "IPC_LOCK":
		return capability{finding.Low, "keep memory from being swapped out", false}, true
	case "NET_BROADCAST":
		return capability{finding.Low, "send to all on its network", true}, true
	}
	return capability{}, false
}

// plainName is a capability as the kernel's documentation calls it, without
// the CAP_ that some write.
func plainName(name string) string {
	return strings.TrimPrefix(strings.ToUpper(name), "CAP_")
}

// gravity is how grave it is to add a capability, in a pod with or without the
// node's namespaces.
func gravity(name string, hostPID, hostNetwork, ownUsers bool) finding.Severity {
	p, known := powers(plainName(name))
	if !known {
		return finding.Low
	}
	switch {
	case ownUsers && !p.ofPod:
		return lower(p.severity, finding.Low)
	case hostPID && plainName(name) == "SYS_PTRACE":
		return finding.Critical
	case hostNetwork && p.ofPod:
		return higher(p.severity, finding.High)
	}
	return p.severity
}
