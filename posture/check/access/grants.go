package access

import (
	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/rbac"
)

// grants are the kinds of rights that are reported one by one, where a binding
// gives them.
func grants() []grant { return append(spaceGrants(), clusterGrants()...) }

// spaceGrants are over what namespaces hold, and over the rights themselves.
func spaceGrants() []grant {
	return []grant{
		{
			id: "rbac-secrets-access", title: "Can read secrets", access: rbac.SecretAccess, page: goodPractices,
			cluster: finding.High, space: finding.Medium,
			description: "Whoever reads secrets has what they open: databases, registries, other clusters, and often the tokens of service accounts with more rights. " +
				"The verbs list and watch show the content too, not only the names. " +
				"Read in the whole cluster, secrets are as good as every right that any token among them gives.",
			checks: "A binding fails whose role allows get, list or watch of secrets, by name, by a wildcard, or through roles that it is aggregated from.",
			fix: "Name the secrets that are needed, in a Role of their namespace (list and watch can't be limited to names in a way that matters, so leave them out):\n\n" +
				aRole +
				"    - apiGroups: [\"\"]\n" +
				"      resources: [secrets]\n" +
				"      resourceNames: [cart-database]\n" +
				"      verbs: [get]\n",
		},
		{
			id: "rbac-create-pods", title: "Can make or change pods", access: rbac.PodAccess, page: goodPractices,
			cluster: finding.High, space: finding.Medium, named: finding.Low,
			description: "Who makes pods, directly or by a Deployment, a Job or the like, chooses as which service account of the namespace they run, which secrets they mount, and, where Pod Security does not forbid it, whether they have the node. " +
				"So it is worth all rights of all service accounts of the namespace, and often the node's too.",
			checks: "A binding fails whose role allows one to create, update or patch pods, deployments, daemonsets, statefulsets, replicasets, replicationcontrollers, jobs or cronjobs.",
			fix: "Give it in the one namespace where it is needed, keep accounts with wide rights out of that namespace, and enforce Pod Security there:\n\n" +
				aRole +
				"    - apiGroups: [apps]\n" +
				"      resources: [deployments]\n" +
				"      resourceNames: [cart]\n" +
				"      verbs: [get, list, watch, patch]\n",
		},
		{
			id: "rbac-pods-exec", title: "Can run commands in pods", access: rbac.ExecAccess, page: goodPractices,
			cluster: finding.High, space: finding.Medium, named: finding.Low,
			description: "Who runs commands inside a pod has what the pod has: its service account's token, its secrets, its network, and the node, where the pod has that. " +
				"An ephemeral container is the same by another name, and attach types into what runs.",
			checks: "A binding fails whose role allows create of pods/exec or pods/attach, or update or patch of pods/ephemeralcontainers. " +
				"On servers before 1.35 the verb get on pods/exec and pods/attach is enough too, because a WebSocket begins with a GET.",
			fix: "Keep it for emergencies, bind it for a short time, and only in the namespace concerned. Reading logs is mostly enough:\n\n" +
				aRole +
				"    - apiGroups: [\"\"]\n" +
				"      resources: [pods, pods/log]\n" +
				"      verbs: [get, list]\n",
		},
		{
			id: "rbac-pods-portforward", title: "Can reach any port of pods", access: rbac.PortForwardAccess, page: rbacPage,
			cluster: finding.Low, space: finding.Low, named: finding.Low,
			description: "A forwarded port comes out inside the pod: it passes by network policies, and reaches what listens on localhost only, such as debugging and administration ports without a password.",
			checks:      "A binding fails whose role allows create of pods/portforward, or, on servers before 1.35, get.",
			fix: "Leave pods/portforward out of roles that are not for debugging:\n\n" +
				aRole +
				"    - apiGroups: [\"\"]\n" +
				"      resources: [pods, services]\n" +
				"      verbs: [get, list]\n",
		},
		{
			id: "rbac-escalation-verbs", title: "Can give itself more rights", access: rbac.EscalationAccess, page: goodPractices,
			cluster: finding.High, space: finding.High, named: finding.Low,
			description: "Nobody can give away rights that they lack, but for three verbs: escalate writes any right into a role, bind binds any role, and impersonate acts as another user, group or service account. " +
				"Who has one of them has, in the end, what it leads to.",
			checks: "A binding fails whose role allows escalate or bind on roles or clusterroles, or impersonate on users, groups or serviceaccounts.",
			fix: "Leave these verbs out. Where a controller must bind a certain role, name the role:\n\n" +
				aClusterRole +
				"    - apiGroups: [rbac.authorization.k8s.io]\n" +
				"      resources: [clusterroles]\n" +
				"      resourceNames: [view]\n" +
				"      verbs: [bind]\n",
		},
		{
			id: "rbac-role-bindings-write", title: "Can write roles and bindings", access: rbac.RoleAccess, page: rbacPage,
			cluster: finding.Medium, space: finding.Low, named: finding.Low,
			description: "Who writes roles and bindings can hand all that they have to others, and so keep a way back in after their own access is gone. " +
				"Without escalate and bind they can't give away more than they have.",
			checks: "A binding fails whose role allows create, update or patch of roles, clusterroles, rolebindings or clusterrolebindings.",
			fix: "Let few write roles and bindings, and the others read them:\n\n" +
				aClusterRole +
				"    - apiGroups: [rbac.authorization.k8s.io]\n" +
				"      resources: [roles, rolebindings, clusterroles, clusterrolebindings]\n" +
				"      verbs: [get, list, watch]\n",
		},
		{
			id: "rbac-token-creation", title: "Can make tokens of service accounts", access: rbac.TokenAccess, page: goodPractices,
			cluster: finding.High, space: finding.Medium, named: finding.Low,
			description: "A token is all that it takes to be a service account. Who can make tokens of any account has the rights of all of them.",
			checks:      "A binding fails whose role allows create of serviceaccounts/token.",
			fix: "Name the account whose tokens are needed:\n\n" +
				aRole +
				"    - apiGroups: [\"\"]\n" +
				"      resources: [serviceaccounts/token]\n" +
				"      resourceNames: [cart]\n" +
				"      verbs: [create]\n",
		},
	}
}
