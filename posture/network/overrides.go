package network

import (
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// ClusterPolicy is what a ClusterNetworkPolicy, AdminNetworkPolicy or
// BaselineAdminNetworkPolicy says, by itself.
type ClusterPolicy struct {
	Ref
	// BeforePolicies: it decides before any NetworkPolicy is asked.
	BeforePolicies bool
	// Accepted is whose traffic it lets through by default.
	AcceptedIngress, AcceptedEgress Allowance
	Problems                        []Problem
}

// ReadClusterPolicy reads one; false where the object is of another kind, or of
// one that is not understood.
func ReadClusterPolicy(u *unstructured.Unstructured) (ClusterPolicy, bool) {
	gvk := u.GroupVersionKind()
	standing, known := standingOf(gvk.GroupKind())
	if !known || standing == notUnderstood {
		return ClusterPolicy{}, false
	}
	p, problems := readClusterPolicy(u, Ref{u.GetAPIVersion(), gvk.Kind, u.GetNamespace(), u.GetName()}, standing)
	return ClusterPolicy{
		Ref: p.Ref, BeforePolicies: p.tier == adminTier, Problems: problems,
		AcceptedIngress: accepted(p.ingress, Ingress), AcceptedEgress: accepted(p.egress, Egress),
	}, true
}

// accepted goes through rules in order: what one has decided, no later one can.
func accepted(rules []clusterRule, d Direction) Allowance {
	var out Allowance
	left := Everything
	for _, r := range rules {
		if r.unclear {
			continue
		}
		if hit := r.reach & left; hit != 0 && r.action == accept {
			out.Reach |= hit
			out.Fields = append(out.Fields, fmt.Sprintf("spec.%s[%d]", directionField(d), r.index))
		}
		left &^= r.reach
	}
	return out
}
