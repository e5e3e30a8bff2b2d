package cluster

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/hostpath"
	"github.com/kubeassay/assay/posture/index"
)

var volumeKind = schema.GroupKind{Kind: "PersistentVolume"}

// persistentVolumeHostPath fails where a persistent volume is a path of a node.
func persistentVolumeHostPath() *check.Check {
	const id = "persistent-volume-host-path"
	return &check.Check{
		Rule: finding.Rule{
			ID:       id,
			Title:    "Persistent volume that is a path of the node",
			Severity: finding.High,
			Description: "The volume is a folder of the node. A pod that claims it has those files without a hostPath volume of its own, " +
				"so neither the Pod Security Standards nor a review of the pod sees it. Where the folder holds settings, credentials or programs of the node, the node is lost with that pod.",
			Check: "Fails where the volume has a hostPath: high where its path holds, is or lies in one that the node depends on (such as /, /etc, /var/lib/kubelet, /var/log, /run), else low. " +
				"A local volume, which is a disk of the node, fails only with such a path. All others pass. Links on the node can't be seen.",
			Fix: "Use a kind of volume that is made for data, such as one that a storage driver provides, or a local volume on a disk of its own:\n\n" +
				"    apiVersion: v1\n    kind: PersistentVolume\n    metadata:\n      name: disk-1\n    spec:\n      capacity:\n        storage: 100Gi\n      accessModes: [ReadWriteOnce]\n" +
				"      local:\n        path: /mnt/disks/disk-1\n      nodeAffinity:\n        required:\n          nodeSelectorTerms:\n          - matchExpressions:\n" +
				"            - key: kubernetes.io/hostname\n              operator: In\n              values: [worker-1]\n",
			References: references(id, "https://kubernetes.io/docs/concepts/storage/volumes/#hostpath"),
		},
		Fields:      []string{"spec.hostPath.path", "spec.local.path"},
		Kinds:       []schema.GroupKind{volumeKind},
		JudgeObject: judgeVolume,
	}
}

func judgeVolume(o *index.Object, _ *index.Index) check.Verdict {
	volume, ok := o.Object.(*corev1.PersistentVolume)
	if !ok {
		return say(finding.NotReviewed, finding.High, "Only version v1 of persistent volumes is read.", declared("apiVersion", o.APIVersion))
	}
	switch source := &volume.Spec; {
	case source.HostPath != nil:
		return judgePath("spec.hostPath.path", source.HostPath.Path, finding.Fail)
	case source.Local != nil:
		return judgePath("spec.local.path", source.Local.Path, finding.Pass)
	}
	return say(finding.Pass, finding.High, "The volume is no path of a node.", declared("spec.hostPath", check.Unset))
}

// judgePath says what a path of the node gives away to a pod that may write to
// it. Status is the verdict about one that the node does not depend on.
func judgePath(field, p string, status finding.Status) check.Verdict {
	basis := declared(field, check.OrUnset(p))
	at := hostpath.Clean(p)
	if severity, place := hostpath.Sensitive(at, true); severity.Rank() <= finding.High.Rank() {
		return say(finding.Fail, finding.High, fmt.Sprintf("Whoever claims the volume has %s of the node%s.", p, place.Of(at)), basis)
	}
	if status == finding.Fail {
		return say(status, finding.Low, fmt.Sprintf("Whoever claims the volume has %s of whichever node the pod runs on.", p), basis)
	}
	return say(status, finding.High, fmt.Sprintf("The volume is a disk of a node, at %s.", p), basis)
}
