package cluster

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/index"
)

// The kinds that these checks look at.
var (
	podKind       = schema.GroupKind{Kind: "Pod"}
	namespaceKind = schema.GroupKind{Kind: "Namespace"}
	quotaKind     = schema.GroupKind{Kind: "ResourceQuota"}
	limitsKind    = schema.GroupKind{Kind: "LimitRange"}
)

// ownOfKubernetes says why a namespace is none for users; empty for all others.
func ownOfKubernetes(namespace string) string {
	switch namespace {
	case metav1.NamespaceSystem:
		return "kube-system is for the cluster's own components, which must never be kept from starting."
	case metav1.NamespacePublic, corev1.NamespaceNodeLease:
		return namespace + " is for the cluster's own data, and no pods run in it."
	}
	return ""
}

// everyOf lists the objects of a kind that is in no namespace. In files people
// write a namespace all the same, and the API server takes no notice.
func everyOf(x *index.Index, kind schema.GroupKind) []*index.Object {
	if x.Live {
		return x.Namespace("").Objects(kind)
	}
	return x.Objects(kind)
}

// aside says why a namespace needs no bounds for what runs in it: it is one of
// Kubernetes' own, it is going away, or it is the default one and not in use.
func aside(n *index.Namespace, o *index.Object) (verdict check.Verdict, ok bool) {
	not := func(message string) (check.Verdict, bool) {
		return say(finding.NotApplicable, finding.Info, message), true
	}
	if why := ownOfKubernetes(n.Name); why != "" {
		return not(why)
	}
	if o.GetDeletionTimestamp() != nil {
		return not("The namespace is being deleted, and takes nothing new.")
	}
	if n.Name == metav1.NamespaceDefault && len(n.Pods()) == 0 && n.Live {
		_, missing := n.Missing(podKind, n.Name)
		if n.Partial || missing {
			return say(finding.NotReviewed, finding.Info, "Nothing that was read runs in the default namespace, but not everything was read.", declared("metadata.name", n.Name)), true
		}
		return not("Nothing runs in the default namespace.")
	}
	return check.Verdict{}, false
}

// absent is the verdict about a namespace in which something was not found:
// a failure in a cluster, and unknown in files.
func absent(n *index.Namespace, severity finding.Severity, what, message string) check.Verdict {
	basis := declared("metadata.name", n.Name)
	if !n.Live {
		return say(finding.NotReviewed, severity,
			fmt.Sprintf("No %s for this namespace is in the files; the cluster may have one.", what), basis)
	}
	return say(finding.Fail, severity, message, basis)
}
