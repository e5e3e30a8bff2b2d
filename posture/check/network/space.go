package network

import (
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/index"
	graph "github.com/kubeassay/assay/posture/network"
)

// The kinds that these checks look at.
var (
	policyKind    = schema.GroupKind{Group: networkingv1.GroupName, Kind: "NetworkPolicy"}
	ingressKind   = schema.GroupKind{Group: networkingv1.GroupName, Kind: "Ingress"}
	podKind       = schema.GroupKind{Kind: "Pod"}
	serviceKind   = schema.GroupKind{Kind: "Service"}
	namespaceKind = schema.GroupKind{Kind: "Namespace"}
	gatewayKind   = schema.GroupKind{Group: graph.GatewayGroup, Kind: "Gateway"}
	listenersKind = schema.GroupKind{Group: graph.GatewayGroup, Kind: graph.ListenerSet}
	httpRouteKind = schema.GroupKind{Group: graph.GatewayGroup, Kind: "HTTPRoute"}
	grpcRouteKind = schema.GroupKind{Group: graph.GatewayGroup, Kind: "GRPCRoute"}
	tlsRouteKind  = schema.GroupKind{Group: graph.GatewayGroup, Kind: "TLSRoute"}
)

// isolationKinds are those by which pods are held to be isolated or not.
func isolationKinds() []schema.GroupKind {
	return append([]schema.GroupKind{
		namespaceKind, policyKind,
		{Group: "cilium.io", Kind: "CiliumNetworkPolicy"}, {Group: "cilium.io", Kind: "CiliumClusterwideNetworkPolicy"},
		{Group: "crd.projectcalico.org", Kind: "NetworkPolicy"}, {Group: "crd.projectcalico.org", Kind: "GlobalNetworkPolicy"},
		{Group: "projectcalico.org", Kind: "NetworkPolicy"}, {Group: "projectcalico.org", Kind: "GlobalNetworkPolicy"},
		{Group: "crd.antrea.io", Kind: "NetworkPolicy"}, {Group: "crd.antrea.io", Kind: "ClusterNetworkPolicy"},
	}, clusterPolicyKinds()...)
}

// clusterPolicyKinds are those of policies for the whole cluster that are understood.
func clusterPolicyKinds() []schema.GroupKind {
	const group = "policy.networking.k8s.io"
	return []schema.GroupKind{
		{Group: group, Kind: "ClusterNetworkPolicy"}, {Group: group, Kind: "AdminNetworkPolicy"}, {Group: group, Kind: "BaselineAdminNetworkPolicy"},
	}
}

// partial says why not all pods of a namespace are known; empty where they are.
func partial(n *index.Namespace) string {
	reason, missing := n.Missing(podKind, n.Name)
	switch {
	case missing:
		return check.Sentence(reason)
	case !n.Live:
		return "The cluster may have pods that are not in the files."
	case n.Partial:
		return "Not everything in the cluster was read."
	}
	return ""
}

type clusterKey struct{}

// clusterOf has the policies that are in no namespace. Those are known before
// anything in a namespace is judged.
func clusterOf(x *index.Index) *graph.Cluster {
	return index.Memo(x, clusterKey{}, func() *graph.Cluster {
		c := graph.NewCluster()
		for _, kind := range isolationKinds() {
			for _, o := range x.Namespace("").Objects(kind) {
				if u, ok := o.Object.(*unstructured.Unstructured); ok && u.GetNamespace() == "" && !ofNamespaces(kind) {
					c.Add(u)
				}
			}
		}
		return c
	})
}

// ofNamespaces: in files, objects that name no namespace are of namespaces all the same.
func ofNamespaces(kind schema.GroupKind) bool {
	return kind.Kind == "CiliumNetworkPolicy" || kind.Kind == "NetworkPolicy"
}

type spaceKey struct{}

// spaceOf has the policies and Services of a namespace, and has seen its pods.
func spaceOf(n *index.Namespace) *graph.Space {
	return index.MemoOf(n, spaceKey{}, func() *graph.Space {
		var own map[string]string
		if o, known := n.Object(); known {
			own = o.GetLabels()
			if own == nil {
				own = map[string]string{}
			}
		}
		s := clusterOf(n.Index).Space(n.Name, own)
		for _, kind := range isolationKinds() {
			if reason, missing := n.Missing(kind, n.Name); missing && kind != namespaceKind {
				s.Miss(reason)
			}
			for _, o := range n.Objects(kind) {
				switch object := o.Object.(type) {
				case *networkingv1.NetworkPolicy:
					s.AddPolicy(object)
				case *unstructured.Unstructured:
					if ofNamespaces(kind) {
						s.Add(object)
					}
				}
			}
		}
		for _, o := range n.Objects(serviceKind) {
			if svc, ok := o.Object.(*corev1.Service); ok {
				s.AddService(svc)
			}
		}
		for _, p := range n.Pods() {
			s.See(podOf(p))
		}
		return s
	})
}

func podOf(p *index.Pod) graph.Pod {
	return graph.Pod{Labels: labels.Set(p.Labels), HostNetwork: p.HostNetwork}
}
