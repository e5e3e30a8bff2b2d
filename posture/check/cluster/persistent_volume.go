package cluster

import (
	"fmt"
	"path"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
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

// judgePath says what a path of the node gives away. Status is the verdict
// about one that nothing is known of.
func judgePath(field, p string, status finding.Status) check.Verdict {
	basis := declared(field, check.OrUnset(p))
	if why := dependsOn(p); why != "" {
		return say(finding.Fail, finding.High, fmt.Sprintf("Whoever claims the volume has %s of the node. %s.", p, why), basis)
	}
	if status == finding.Fail {
		return say(status, finding.Low, fmt.Sprintf("Whoever claims the volume has %s of whichever node the pod runs on.", p), basis)
	}
	return say(status, finding.High, fmt.Sprintf("The volume is a disk of a node, at %s.", p), basis)
}

// dependsOn says what the node depends on in a path, if that is known. It is
// coarser than what the checks of pods know: a volume has no mounts that narrow it.
func dependsOn(p string) string {
	p = path.Clean("/" + p)
	p = strings.TrimPrefix(p, "/var/run/")
	if !strings.HasPrefix(p, "/") {
		p = "/run/" + p
	}
	if p == "/var/run" {
		p = "/run"
	}
	for _, known := range [...]struct{ dir, is string }{
		{"/etc", "The node's settings, accounts and keys are in /etc"},
		{"/root", "Root's own files are in /root"},
		{"/home", "The files of the node's users are in /home"},
		{"/proc", "The node's processes are in /proc"},
		{"/sys", "The node's kernel and devices are in /sys"},
		{"/dev", "The node's devices are in /dev"},
		{"/boot", "The kernel that the node starts is in /boot"},
		{"/bin", "Programs that the node runs are in /bin"},
		{"/sbin", "Programs that the node runs are in /sbin"},
		{"/lib", "Libraries that the node's programs load are in /lib"},
		{"/lib64", "Libraries that the node's programs load are in /lib64"},
		{"/usr", "Programs that the node runs are in /usr"},
		{"/opt/cni", "Network plugins that the node runs as root are in /opt/cni"},
		{"/run", "The sockets of the container runtime and of the node's services are in /run"},
		{"/var/lib/kubelet", "The kubelet's credentials, and the Secrets of the pods of the node, are in /var/lib/kubelet"},
		{"/var/lib/etcd", "The cluster's database is in /var/lib/etcd"},
		{"/var/lib/docker", "The files of all containers of the node are in /var/lib/docker"},
		{"/var/lib/containerd", "The files of all containers of the node are in /var/lib/containerd"},
		{"/var/lib/containers", "The files of all containers of the node are in /var/lib/containers"},
		{"/var/log", "The node's logs are in /var/log, and through a link there the kubelet shows any file of the node"},
	} {
		if p == known.dir || p == "/" || strings.HasPrefix(p, known.dir+"/") || strings.HasPrefix(known.dir, p+"/") {
			return known.is
		}
	}
	return ""
}
