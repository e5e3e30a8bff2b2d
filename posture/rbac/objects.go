package rbac

import rbacv1 "k8s.io/api/rbac/v1"

// The kinds of RBAC objects, and of what else a graph looks at.
const (
	RoleKind               = "Role"
	ClusterRoleKind        = "ClusterRole"
	RoleBindingKind        = "RoleBinding"
	ClusterRoleBindingKind = "ClusterRoleBinding"
	ServiceAccountKind     = "ServiceAccount"
	NamespaceKind          = "Namespace"
	PodKind                = "Pod"
)

// Objects is what a graph is built from. It must not be changed afterwards.
// Rights need only the first four lists; the others are for chains of
// escalation and for what hangs in the air.
type Objects struct {
	Roles               []rbacv1.Role
	ClusterRoles        []rbacv1.ClusterRole
	RoleBindings        []rbacv1.RoleBinding
	ClusterRoleBindings []rbacv1.ClusterRoleBinding
	ServiceAccounts     []Account
	Namespaces          []Namespace
	// Pods say as whom they run.
	Pods []Pod

	// Aggregate: the rules of aggregated cluster roles are put together here from
	// their selectors, as a controller would. Without it the stored ones count,
	// which is right for a live cluster.
	Aggregate bool
	// Defaults adds the cluster roles that every cluster brings along, such as
	// cluster-admin and view, where the objects have none of that name. It is for
	// files, and brings Aggregate along.
	Defaults bool
	// ExecByGet: the server is older than 1.35, where the verb get is enough for
	// commands in pods and for their ports, by a request that begins as a GET.
	ExecByGet bool
	// Gaps says what could not be read, or is not known (bindings and accounts of
	// a cluster that only files are known of).
	Gaps []Gap
}

// Account is a service account.
type Account struct {
	Namespace, Name string
	// TokenSecrets: a secret holds a token of it that never ends.
	TokenSecrets bool
}

// Namespace is a namespace and its labels.
type Namespace struct {
	Name   string
	Labels map[string]string
}

// Pod is a running pod, or what will make pods.
type Pod struct {
	Namespace, Name string
	ServiceAccount  string // empty: default
	// Host: one of its containers can reach the node (it is privileged, say).
	Host bool
}

// Gap is something that was not read.
type Gap struct {
	Kind      string // RoleKind…
	Namespace string // empty: everywhere
}

// Ref names an object.
type Ref struct {
	Kind      string `json:"kind"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
}

// String is "RoleBinding shop/cart" or "ClusterRole view".
func (r Ref) String() string {
	if r.Namespace == "" {
		return r.Kind + " " + r.Name
	}
	return r.Kind + " " + r.Namespace + "/" + r.Name
}
