package component

import "slices"

const kubeSystem = "kube-system"

// What components of a sort need, by the checks that find fault with it.
func root() []string {
	return []string{
		"run-as-root", "root-group", "low-user-id", "privilege-escalation-allowed", "capabilities-not-dropped",
		"writable-root-filesystem", "seccomp-missing", "host-users",
	}
}

// node is what takes the node's network, files or devices.
func node(more ...string) []string {
	return slices.Concat(root(), []string{
		"privileged-container", "host-network", "host-path-volume", "volume-type-not-allowed", "capabilities-added", "host-port", "probe-host",
		"capability-net-raw", "control-plane-toleration", "system-priority-class", "seccomp-unconfined", "apparmor-unconfined", "selinux-options",
		"service-account-token-mounted",
	}, more)
}

// beforeNetwork is what has to run before the network plugin does.
func beforeNetwork() []string {
	return []string{"host-network", "host-port", "probe-host", "control-plane-toleration", "system-priority-class", "service-account-token-mounted"}
}

var parts = []part{
	{
		name: "kube-proxy", kinds: []string{"DaemonSet"}, namespaces: []string{kubeSystem},
		names: []string{"kube-proxy", "kube-proxy-windows"}, images: []string{"kube-proxy*"},
		reason: "kube-proxy programs the node's packet filter, so it shares the node's network and may change the kernel's settings.",
		needs:  node(),
	},
	{
		name: "Calico", kinds: []string{"DaemonSet"}, namespaces: []string{kubeSystem, "calico-system"},
		names: []string{"calico-node", "canal"}, images: []string{"node", "calico-node", "cni", "calico-cni", "pod2daemon-flexvol", "flannel", "node-driver-registrar", "csi"},
		reason: "The network plugin makes the network of every pod on the node, and installs itself in the node's folders.",
		needs:  node("host-pid"),
	},
	{
		name: "Cilium", kinds: []string{"DaemonSet"}, namespaces: []string{kubeSystem, "cilium"},
		names: []string{"cilium", "cilium-envoy"}, images: []string{"cilium*"},
		reason: "The network plugin loads programs into the node's kernel and makes the network of every pod.",
		needs:  node("host-pid"),
	},
	{
		name: "Cilium operator", kinds: []string{"Deployment"}, namespaces: []string{kubeSystem, "cilium"},
		names: []string{"cilium-operator"}, images: []string{"operator*", "cilium-operator*"},
		reason: "The operator of the network plugin must run before there is a network for pods.",
		needs:  beforeNetwork(),
	},
	{
		name: "Calico Typha", kinds: []string{"Deployment"}, namespaces: []string{kubeSystem, "calico-system"},
		names: []string{"calico-typha"}, images: []string{"typha"},
		reason: "Typha feeds the network plugin of every node, and must run before there is a network for pods.",
		needs:  beforeNetwork(),
	},
	{
		name: "Flannel", kinds: []string{"DaemonSet"}, namespaces: []string{kubeSystem, "kube-flannel"},
		names: []string{"kube-flannel-ds*"}, images: []string{"flannel*"},
		reason: "The network plugin makes the network of every pod on the node, and installs itself in the node's folders.",
		needs:  node(),
	},
	{
		name: "Antrea", kinds: []string{"DaemonSet"}, namespaces: []string{kubeSystem},
		names: []string{"antrea-agent"}, images: []string{"antrea-*"},
		reason: "The network plugin makes the network of every pod on the node, and installs itself in the node's folders.",
		needs:  node(),
	},
	{
		name: "Weave Net", kinds: []string{"DaemonSet"}, namespaces: []string{kubeSystem},
		names: []string{"weave-net"}, images: []string{"weave-*"},
		reason: "The network plugin makes the network of every pod on the node, and installs itself in the node's folders.",
		needs:  node("host-pid"),
	},
	{
		name: "kindnet", kinds: []string{"DaemonSet"}, namespaces: []string{kubeSystem},
		names: []string{"kindnet"}, images: []string{"kindnetd*"},
		reason: "The network plugin makes the network of every pod on the node, and installs itself in the node's folders.",
		needs:  node(),
	},
	{
		name: "Amazon VPC CNI", kinds: []string{"DaemonSet"}, namespaces: []string{kubeSystem},
		names: []string{"aws-node"}, images: []string{"amazon-k8s-cni*", "aws-network-policy-agent"},
		reason: "The network plugin makes the network of every pod on the node, and installs itself in the node's folders.",
		needs:  node(),
	},
	{
		name: "CSI node plugin", kinds: []string{"DaemonSet"}, namespaces: []string{kubeSystem},
		names: []string{"*csi*node*", "csi-*", "*-csi-driver*"}, images: []string{"*csi*", "livenessprobe", "*node-driver-registrar*"},
		reason: "The node's part of a storage driver mounts volumes for other pods, which takes a privileged container and the kubelet's folders.",
		needs:  node("host-pid"),
	},
	{
		name: "node-local-dns", kinds: []string{"DaemonSet"}, namespaces: []string{kubeSystem},
		names: []string{"node-local-dns"}, images: []string{"k8s-dns-node-cache"},
		reason: "The node's DNS cache answers on an address of the node and changes its packet filter.",
		needs:  node(),
	},
	{
		name: "konnectivity-agent", kinds: []string{"DaemonSet", "Deployment"}, namespaces: []string{kubeSystem},
		names: []string{"konnectivity-agent"}, images: []string{"proxy-agent"},
		reason: "The agent carries the API server's connections to the nodes.",
		needs:  []string{"host-network", "control-plane-toleration", "system-priority-class"},
	},
	{
		name: "device plugin", kinds: []string{"DaemonSet"}, namespaces: []string{kubeSystem},
		names: []string{"nvidia-device-plugin*", "*-device-plugin*"}, images: []string{"k8s-device-plugin", "*device-plugin*"},
		reason: "A device plugin registers at the kubelet's socket, in a folder of the node.",
		needs:  node(),
	},
	{
		name: "control plane", kinds: []string{"Pod"}, namespaces: []string{kubeSystem},
		names:  []string{"kube-apiserver-*", "kube-controller-manager-*", "kube-scheduler-*", "etcd-*"},
		images: []string{"kube-apiserver*", "kube-controller-manager*", "kube-scheduler*", "etcd*"},
		reason: "The control plane runs before there is a network for pods, and reads its keys and data from the node.",
		needs: slices.Concat(root(), []string{
			"host-network", "host-path-volume", "volume-type-not-allowed", "system-priority-class", "control-plane-toleration",
			"bare-pod", "host-port", "probe-host", "service-account-token-mounted", "default-service-account",
		}),
	},
}
