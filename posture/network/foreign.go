package network

import (
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// standing says how a kind of policy relates to NetworkPolicies.
type standing uint8

const (
	beforePolicies standing = iota + 1
	afterPolicies
	byTier // its spec says which
	notUnderstood
)

// Kinds are the kinds of policies, besides NetworkPolicy, that [Cluster.Add]
// knows of: those of sigs.k8s.io/network-policy-api, which it understands, and
// those of network plugins, of which it only notes that they are there.
func Kinds() []schema.GroupKind {
	return []schema.GroupKind{
		{Group: policyGroup, Kind: "ClusterNetworkPolicy"},
		{Group: policyGroup, Kind: "AdminNetworkPolicy"},
		{Group: policyGroup, Kind: "BaselineAdminNetworkPolicy"},
		{Group: "cilium.io", Kind: "CiliumNetworkPolicy"},
		{Group: "cilium.io", Kind: "CiliumClusterwideNetworkPolicy"},
		{Group: "projectcalico.org", Kind: "NetworkPolicy"},
		{Group: "projectcalico.org", Kind: "GlobalNetworkPolicy"},
		{Group: "crd.projectcalico.org", Kind: "NetworkPolicy"},
		{Group: "crd.projectcalico.org", Kind: "GlobalNetworkPolicy"},
		{Group: "crd.antrea.io", Kind: "NetworkPolicy"},
		{Group: "crd.antrea.io", Kind: "ClusterNetworkPolicy"},
	}
}

const policyGroup = "policy.networking.k8s.io"

func standingOf(kind schema.GroupKind) (standing, bool) {
	if kind.Group == policyGroup {
		switch kind.Kind {
		case "ClusterNetworkPolicy":
			return byTier, true
		case "AdminNetworkPolicy":
			return beforePolicies, true
		case "BaselineAdminNetworkPolicy":
			return afterPolicies, true
		}
		return 0, false
	}
	for _, k := range Kinds() {
		if k == kind {
			return notUnderstood, true
		}
	}
	return 0, false
}

// ciliumNamespace is how Cilium's selectors name the namespace of a pod.
const ciliumNamespace = "io.kubernetes.pod.namespace"

// calicoMirrors begin the names under which Calico's API server shows policies of
// Kubernetes among its own: NetworkPolicies, and those for the whole cluster.
var calicoMirrors = [...]string{"knp.", "kanp.", "kbanp.", "kcnp."}

// mirrored reports whether a policy is a view of another one, which is read as itself.
func mirrored(u *unstructured.Unstructured) bool {
	if u.GroupVersionKind().Group != "projectcalico.org" {
		return false
	}
	for _, prefix := range calicoMirrors {
		if strings.HasPrefix(u.GetName(), prefix) {
			return true
		}
	}
	return false
}

// foreignNamespace is the namespace whose pods a policy may select, "" for any.
// It is not concerned with pods at all where it selects nodes, or is a view of another.
func foreignNamespace(u *unstructured.Unstructured) (namespace string, concerned bool) {
	if mirrored(u) {
		return "", false
	}
	if n := u.GetNamespace(); n != "" {
		return n, true
	}
	if u.GroupVersionKind().Kind != "CiliumClusterwideNetworkPolicy" || u.Object["specs"] != nil {
		return "", true
	}
	spec, _ := u.Object["spec"].(map[string]any)
	if spec["nodeSelector"] != nil && spec["endpointSelector"] == nil {
		return "", false
	}
	endpoints, _ := spec["endpointSelector"].(map[string]any)
	match, _ := endpoints["matchLabels"].(map[string]any)
	for key, value := range match {
		if strings.TrimPrefix(key, "k8s:") == ciliumNamespace {
			n, _ := value.(string)
			return n, true
		}
	}
	return "", true
}
