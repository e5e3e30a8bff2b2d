package access

import (
	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/rbac"
)

// clusterGrants are over what the whole cluster shares.
func clusterGrants() []grant {
	return []grant{
		{
			id: "rbac-create-persistent-volumes", title: "Can make persistent volumes", access: rbac.VolumeAccess, page: goodPractices,
			cluster: finding.Medium,
			description: "A persistent volume can be any path of any node, also the kubelet's own files. " +
				"Pod Security looks at pods, not at volumes: a pod that claims such a volume has the node's files even where hostPath volumes are forbidden.",
			checks: "A binding fails whose role allows create of persistentvolumes, and that counts in the whole cluster.",
			fix: "Leave the making of volumes to the storage driver, and let others claim them:\n\n" +
				aRole +
				"    - apiGroups: [\"\"]\n" +
				"      resources: [persistentvolumeclaims]\n" +
				"      verbs: [get, list, create]\n",
		},
		{
			id: "rbac-nodes-proxy", title: "Can reach the kubelet through nodes/proxy", access: rbac.NodeProxyAccess, page: goodPractices,
			cluster: finding.High, named: finding.High,
			description: "nodes/proxy reaches the kubelet's own API. " +
				"That API runs commands in every pod of the node, asks no admission control, and leaves no trace in the API server's audit log. " +
				"The verb get is enough for it, because a WebSocket begins with a GET.",
			checks: "A binding fails whose role allows get or create of nodes/proxy, and that counts in the whole cluster.",
			fix: "Use the finer subresources, which reach one part of the kubelet only:\n\n" +
				aClusterRole +
				"    - apiGroups: [\"\"]\n" +
				"      resources: [nodes/metrics, nodes/stats]\n" +
				"      verbs: [get]\n",
		},
		{
			id: "rbac-nodes-write", title: "Can change nodes", access: rbac.NodeAccess, page: goodPractices,
			cluster: finding.Low, named: finding.Low,
			description: "Labels and taints decide which pods come to which node. " +
				"Who changes them can draw pods with secrets to a node that they already have, or drive them off the others; who deletes nodes stops what runs there.",
			checks: "A binding fails whose role allows update, patch or delete of nodes or nodes/status, and that counts in the whole cluster.",
			fix: "Let only what manages nodes change them:\n\n" +
				aClusterRole +
				"    - apiGroups: [\"\"]\n" +
				"      resources: [nodes]\n" +
				"      verbs: [get, list, watch]\n",
		},
		{
			id: "rbac-csr-approval", title: "Can approve certificates", access: rbac.ApprovalAccess, page: goodPractices,
			cluster: finding.High, named: finding.High,
			description: "A certificate for clients may name any user and group but system:masters, and it can't be taken back before it ends. " +
				"Who approves requests for such certificates, and can make one, becomes whom they like.",
			checks: "A binding fails whose role allows update or patch of certificatesigningrequests/approval. " +
				"That counts only for the signers for which the subject may approve: where the same role allows no signer of client certificates, it is low.",
			fix: "Approve for the one signer that is needed:\n\n" +
				aClusterRole +
				"    - apiGroups: [certificates.k8s.io]\n" +
				"      resources: [signers]\n" +
				"      resourceNames: [example.com/cart]\n" +
				"      verbs: [approve]\n",
		},
		{
			id: "rbac-webhook-configurations", title: "Can change what admission control does", access: rbac.AdmissionAccess, page: goodPractices,
			cluster: finding.High, named: finding.Medium,
			description: "A webhook sees every object that it asks for, secrets too, and a mutating one changes what others write: a container in every pod, a right in every role. " +
				"Who changes or deletes validating webhooks and admission policies switches off what guards the cluster.",
			checks: "A binding fails whose role allows create, update or patch of mutating or validating webhook configurations or of mutating admission policies and their bindings, update or patch of validating admission policies and their bindings, or deletion of the validating kinds and of mutating webhooks.",
			fix: "Let a controller change its own configuration only:\n\n" +
				aClusterRole +
				"    - apiGroups: [admissionregistration.k8s.io]\n" +
				"      resources: [validatingwebhookconfigurations]\n" +
				"      resourceNames: [cart]\n" +
				"      verbs: [get, patch]\n",
		},
		{
			id: "rbac-patch-namespaces", title: "Can change namespaces", access: rbac.NamespaceAccess, page: goodPractices,
			cluster: finding.Medium, space: finding.Low, named: finding.Low,
			description: "The labels of a namespace say which Pod Security level is enforced in it, and network policies and webhooks choose by them. " +
				"Who changes them takes these walls away.",
			checks: "A binding fails whose role allows update or patch of namespaces.",
			fix: "Let only those who manage namespaces change them:\n\n" +
				aClusterRole +
				"    - apiGroups: [\"\"]\n" +
				"      resources: [namespaces]\n" +
				"      verbs: [get, list, watch]\n",
		},
		{
			id: "rbac-api-extensions", title: "Can redirect the API", access: rbac.ExtensionAccess, page: rbacPage,
			cluster: finding.Medium, named: finding.Low,
			description: "An APIService sends all requests of an API group to another server, with the identity of those who make them, and a custom resource's conversion webhook sees and changes every object of its kind.",
			checks:      "A binding fails whose role allows create, update or patch of apiservices, or update or patch of customresourcedefinitions, and that counts in the whole cluster.",
			fix: "Name what a controller keeps up to date:\n\n" +
				aClusterRole +
				"    - apiGroups: [apiextensions.k8s.io]\n" +
				"      resources: [customresourcedefinitions]\n" +
				"      resourceNames: [carts.example.com]\n" +
				"      verbs: [get, patch]\n",
		},
	}
}
