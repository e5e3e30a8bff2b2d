// Package sensitive holds the checks about Secrets and ConfigMaps. All of them
// are off until a user permits the reading that they need, each with the flag in
// its OptIn.
//
// Of Secrets they see the metadata, and never ask for more; the index keeps no
// value of either kind. The values of ConfigMaps are looked at once, one object
// at a time, and none is in a message or a basis. What stands in a container's
// environment is package container's.
//
//	for _, c := range sensitive.All() {
//		...
//	}
package sensitive

import (
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/framework"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/index"
)

// All returns every check of this package, in the order in which they are listed.
func All() []*check.Check {
	return []*check.Check{secretUnused(), longLivedToken(), configMapSecrets(), configMapUnused()}
}

// The kinds that these checks look at.
var (
	podKind          = schema.GroupKind{Kind: "Pod"}
	secretKind       = schema.GroupKind{Kind: "Secret"}
	configMapKind    = schema.GroupKind{Kind: "ConfigMap"}
	accountKind      = schema.GroupKind{Kind: "ServiceAccount"}
	volumeKind       = schema.GroupKind{Kind: "PersistentVolume"}
	ingressKind      = schema.GroupKind{Group: "networking.k8s.io", Kind: "Ingress"}
	gatewayKind      = schema.GroupKind{Group: "gateway.networking.k8s.io", Kind: "Gateway"}
	storageClassKind = schema.GroupKind{Group: "storage.k8s.io", Kind: "StorageClass"}
)

func references(id, url string) []finding.Reference {
	return append(framework.References(id), finding.Reference{URL: url})
}

// say is a verdict that rests on what is declared.
func say(status finding.Status, severity finding.Severity, message string, basis ...finding.Basis) check.Verdict {
	return check.Verdict{Status: status, Severity: severity, Evidence: finding.Declared, Message: message, Basis: basis}
}

func declared(field, value string) finding.Basis {
	return finding.Basis{Evidence: finding.Declared, Field: field, Value: value}
}

func annotation(key string) string { return "metadata.annotations['" + key + "']" }

// owned names what an object belongs to and goes with; empty where that is nothing.
func owned(o *index.Object) string {
	if owners := o.GetOwnerReferences(); len(owners) > 0 {
		return owners[0].Kind + " " + owners[0].Name
	}
	return ""
}

// referring are pods and the kinds that hold templates of them.
func referring() []schema.GroupKind {
	const apps, batch = "apps", "batch"
	return []schema.GroupKind{
		podKind, {Group: apps, Kind: "Deployment"}, {Group: apps, Kind: "ReplicaSet"}, {Group: apps, Kind: "StatefulSet"}, {Group: apps, Kind: "DaemonSet"},
		{Group: batch, Kind: "CronJob"}, {Group: batch, Kind: "Job"}, {Kind: "ReplicationController"}, {Kind: "PodTemplate"},
	}
}

// unused is the verdict about what nothing refers to.
func unused(n *index.Namespace, what string) check.Verdict {
	basis := declared("metadata.name", what)
	for _, kind := range referring() {
		if reason, missing := n.Missing(kind, n.Name); missing {
			return say(finding.NotReviewed, finding.Info, "Nothing that was read refers to it, but not all pods, and what makes pods, could be read. "+check.Sentence(reason), basis)
		}
	}
	if !n.Live || n.Partial {
		return say(finding.NotReviewed, finding.Info, "Nothing that was read refers to it, but not everything was read.", basis)
	}
	return say(finding.Fail, finding.Info, "Nothing that was looked at refers to it. Programs that read it through the API, and custom resources, were not looked at.", basis)
}
