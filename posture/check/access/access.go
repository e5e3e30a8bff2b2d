package access

import (
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/framework"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/rbac"
)

// All returns the checks about roles, bindings and service accounts, in the
// order in which they are listed.
func All() []*check.Check {
	all := []*check.Check{clusterAdmin(), namespaceAdmin(), systemMasters()}
	for _, g := range grants() {
		all = append(all, g.check())
	}
	return append(all,
		escalationPath(), wildcard(), anonymousSubject(), defaultAccount(),
		missingRole(), missingAccount(), emptyBinding(), unusedRole(), aggregation(),
		tokenMounted(), accountMissing(), tokenSecret(),
	)
}

const rbacGroup = "rbac.authorization.k8s.io"

// The kinds that checks look at. They are functions, since nobody must change them.
func roleKind() schema.GroupKind           { return kindOf(rbac.RoleKind) }
func clusterRoleKind() schema.GroupKind    { return kindOf(rbac.ClusterRoleKind) }
func bindingKind() schema.GroupKind        { return kindOf(rbac.RoleBindingKind) }
func clusterBindingKind() schema.GroupKind { return kindOf(rbac.ClusterRoleBindingKind) }
func accountKind() schema.GroupKind        { return schema.GroupKind{Kind: "ServiceAccount"} }
func podKind() schema.GroupKind            { return schema.GroupKind{Kind: "Pod"} }
func namespaceKind() schema.GroupKind      { return schema.GroupKind{Kind: "Namespace"} }

// kindOf is the kind of roles or bindings of a name.
func kindOf(name string) schema.GroupKind { return schema.GroupKind{Group: rbacGroup, Kind: name} }

// rightsKinds are those that rights stand in; with all, also what ways to more
// rights lead through.
func rightsKinds() []schema.GroupKind {
	return []schema.GroupKind{roleKind(), clusterRoleKind(), bindingKind(), clusterBindingKind()}
}

func allKinds() []schema.GroupKind { return append(rightsKinds(), accountKind(), namespaceKind()) }

// references are the items of frameworks that a check serves, and a page to read.
func references(id, page string) []finding.Reference {
	return append(slices.Clone(framework.References(id)), finding.Reference{URL: "https://kubernetes.io/docs/" + page})
}

// The heads of the objects that fixes show.
const (
	aRole = "    apiVersion: rbac.authorization.k8s.io/v1\n    kind: Role\n    metadata:\n      name: cart\n      namespace: shop\n" +
		"    rules:\n"
	aClusterRole = "    apiVersion: rbac.authorization.k8s.io/v1\n    kind: ClusterRole\n    metadata:\n      name: cart\n" +
		"    rules:\n"
	aBinding = "    apiVersion: rbac.authorization.k8s.io/v1\n    kind: RoleBinding\n    metadata:\n      name: cart\n      namespace: shop\n"
)

const (
	goodPractices = "concepts/security/rbac-good-practices/"
	rbacPage      = "reference/access-authn-authz/rbac/"
	accountsPage  = "tasks/configure-pod-container/configure-service-account/"
)

// bindingFields are what checks of bindings read.
func bindingFields() []string {
	return []string{
		"roleRef.kind", "roleRef.name", "subjects[*].kind", "subjects[*].name", "subjects[*].namespace", "metadata.labels",
		"rules[*].verbs", "rules[*].apiGroups", "rules[*].resources", "rules[*].resourceNames", "aggregationRule.clusterRoleSelectors",
	}
}
