package kube

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// Resource is a kind of object and where the API server keeps it.
type Resource struct {
	Group, Version, Resource, Kind string
	// Namespaced objects live in a namespace; the others belong to the cluster.
	Namespaced bool
}

// The resources that a scan reads, those it asks its own permissions of, and
// those that an inspection makes for a while.
var (
	Namespaces             = Resource{"", "v1", "namespaces", "Namespace", false}
	Nodes                  = Resource{"", "v1", "nodes", "Node", false}
	Pods                   = Resource{"", "v1", "pods", "Pod", true}
	PodTemplates           = Resource{"", "v1", "podtemplates", "PodTemplate", true}
	ReplicationControllers = Resource{"", "v1", "replicationcontrollers", "ReplicationController", true}
	Deployments            = Resource{"apps", "v1", "deployments", "Deployment", true}
	ReplicaSets            = Resource{"apps", "v1", "replicasets", "ReplicaSet", true}
	StatefulSets           = Resource{"apps", "v1", "statefulsets", "StatefulSet", true}
	DaemonSets             = Resource{"apps", "v1", "daemonsets", "DaemonSet", true}
	Jobs                   = Resource{"batch", "v1", "jobs", "Job", true}
	CronJobs               = Resource{"batch", "v1", "cronjobs", "CronJob", true}

	SelfSubjectAccessReviews = Resource{"authorization.k8s.io", "v1", "selfsubjectaccessreviews", "SelfSubjectAccessReview", false}
	SelfSubjectRulesReviews  = Resource{"authorization.k8s.io", "v1", "selfsubjectrulesreviews", "SelfSubjectRulesReview", false}
	SelfSubjectReviews       = Resource{"authentication.k8s.io", "v1", "selfsubjectreviews", "SelfSubjectReview", false}

	ServiceAccounts                   = Resource{"", "v1", "serviceaccounts", "ServiceAccount", true}
	Secrets                           = Resource{"", "v1", "secrets", "Secret", true}
	Roles                             = Resource{"rbac.authorization.k8s.io", "v1", "roles", "Role", true}
	RoleBindings                      = Resource{"rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding", true}
	ClusterRoles                      = Resource{"rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole", false}
	ClusterRoleBindings               = Resource{"rbac.authorization.k8s.io", "v1", "clusterrolebindings", "ClusterRoleBinding", false}
	ValidatingAdmissionPolicies       = Resource{"admissionregistration.k8s.io", "v1", "validatingadmissionpolicies", "ValidatingAdmissionPolicy", false}
	ValidatingAdmissionPolicyBindings = Resource{"admissionregistration.k8s.io", "v1", "validatingadmissionpolicybindings", "ValidatingAdmissionPolicyBinding", false}
)

// Resources lists what can be read with Pages, in the order in which a person would name them.
func Resources() []Resource {
	return []Resource{
		Namespaces, Nodes, Pods, Deployments, ReplicaSets, StatefulSets, DaemonSets,
		Jobs, CronJobs, ReplicationControllers, PodTemplates,
	}
}

// String is "pods" or, outside the core group, "deployments.apps".
func (r Resource) String() string {
	if r.Group == "" {
		return r.Resource
	}
	return r.Resource + "." + r.Group
}

// APIVersion is "v1" or "apps/v1", as it stands in a manifest.
func (r Resource) APIVersion() string {
	if r.Group == "" {
		return r.Version
	}
	return r.Group + "/" + r.Version
}

// path is where the objects are listed; in all namespaces when namespace is empty.
func (r Resource) path(namespace string) string {
	p := "/api/" + r.Version
	if r.Group != "" {
		p = "/apis/" + r.Group + "/" + r.Version
	}
	if r.Namespaced && namespace != "" {
		p += "/namespaces/" + url.PathEscape(namespace)
	}
	return p + "/" + r.Resource
}

// shortNames are the ones that the API server itself gives out.
func (r Resource) shortName() string {
	switch r {
	case Namespaces:
		return "ns"
	case Nodes:
		return "no"
	case Pods:
		return "po"
	case Deployments:
		return "deploy"
	case ReplicaSets:
		return "rs"
	case StatefulSets:
		return "sts"
	case DaemonSets:
		return "ds"
	case CronJobs:
		return "cj"
	case ReplicationControllers:
		return "rc"
	}
	return ""
}

// ParseResource finds the resource that a person means: "pods", "pod", "po",
// "Pod", "deployments.apps" or "deployments.v1.apps", in any case.
func ParseResource(s string) (Resource, error) {
	name, rest, qualified := strings.Cut(strings.ToLower(strings.TrimSpace(s)), ".")
	known := Resources()
	for _, r := range known {
		names := []string{r.Resource, strings.ToLower(r.Kind), r.shortName()}
		if name == "" || !slices.Contains(names, name) {
			continue
		}
		if !qualified || rest == r.Group || rest == r.Version+"."+r.Group || (r.Group == "" && rest == r.Version) {
			return r, nil
		}
	}
	list := make([]string, len(known))
	for i, r := range known {
		list[i] = r.String()
	}
	return Resource{}, fmt.Errorf("unknown kind %q: use one of %s", s, strings.Join(list, ", "))
}
