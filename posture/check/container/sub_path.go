package container

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
)

// subPathMount fails where a container mounts a part of a volume that
// containers can write.
//
// Fields: volumeMounts[*].subPath and subPathExpr of the container; volumes.
func subPathMount() *check.Check {
	return &check.Check{
		Rule: finding.Rule{
			ID:       "sub-path-mount",
			Title:    "Part of a writable volume mounted",
			Severity: finding.Info,
			Description: "The container mounts a folder of a volume, and something that writes to the volume can put a link in that folder's place. " +
				"Several holes of the kubelet were of this kind: such a link led to files of the node.",
			Check: "volumeMounts may have a subPath or a subPathExpr only where no container can write to the volume: configMap, secret, downwardAPI, projected and image volumes, and csi ones that are readOnly. " +
				"A volume that the spec does not list is a StatefulSet's claim, which can be written.",
			Fix: "Mount the whole volume, and let the program use a folder of it:\n\n" +
				"    containers:\n" +
				"    - name: app\n" +
				"      volumeMounts:\n" +
				"      - name: data\n" +
				"        mountPath: /data\n",
			References: references("sub-path-mount", aboutSubPath),
		},
		Fields: append(inEvery("volumeMounts[*].subPath", "volumeMounts[*].subPathExpr"), "spec.volumes"),
		Judge:  running(finding.Info, judgeSubPath),
	}
}

func judgeSubPath(v check.View) check.Verdict {
	mounts := v.Container.Spec.VolumeMounts
	out := failIf(false, finding.Info)
	for i := range mounts {
		m := &mounts[i]
		if m.SubPath == "" && m.SubPathExpr == "" || !canBeWritten(v.Spec, m.Name) {
			continue
		}
		out.Status = finding.Fail
		if v.Brief {
			return out
		}
		if m.SubPath != "" {
			out.Basis = append(out.Basis, v.InContainer(fmt.Sprintf("volumeMounts[%d].subPath", i), m.SubPath))
		} else {
			out.Basis = append(out.Basis, v.InContainer(fmt.Sprintf("volumeMounts[%d].subPathExpr", i), m.SubPathExpr))
		}
	}
	switch {
	case v.Brief:
	case out.Status == finding.Fail:
		out.Message = fmt.Sprintf("Mounts a part of a volume that containers can write: %s.", values(out.Basis))
	default:
		out.Message = "Mounts no part of a volume that containers can write."
		out.Basis = []finding.Basis{v.InContainer("volumeMounts[0].subPath", check.Unset)}
		for i := range mounts {
			if m := &mounts[i]; m.SubPath != "" {
				out.Basis = []finding.Basis{v.InContainer(fmt.Sprintf("volumeMounts[%d].subPath", i), m.SubPath)}
				break
			}
		}
	}
	return out
}

// canBeWritten reports whether containers can write to a volume.
func canBeWritten(spec *corev1.PodSpec, name string) bool {
	for i := range spec.Volumes {
		if v := &spec.Volumes[i]; v.Name == name {
			return v.ConfigMap == nil && v.Secret == nil && v.DownwardAPI == nil && v.Projected == nil && v.Image == nil &&
				(v.CSI == nil || v.CSI.ReadOnly == nil || !*v.CSI.ReadOnly)
		}
	}
	return true
}

// rawBlockVolume fails where a container gets a disk as a device.
//
// Fields: volumeDevices of the container.
func rawBlockVolume() *check.Check {
	return &check.Check{
		Rule: finding.Rule{
			ID:       "raw-block-volume",
			Title:    "Disk as a raw device",
			Severity: finding.Low,
			Description: "The container gets a disk as a raw device, without a file system: no file permission, owner or quota holds there, and it can read what was left on the disk. " +
				"What it writes can also be a file system made to attack the kernel of whoever mounts it later.",
			Check: "The container must have no volumeDevices. Databases and storage software may need them.",
			Fix: "Use a volume with a file system, and mount it:\n\n" +
				"    containers:\n" +
				"    - name: app\n" +
				"      volumeMounts:\n" +
				"      - name: data\n" +
				"        mountPath: /data\n",
			References: references("raw-block-volume", aboutRawBlock),
		},
		Fields: inEvery("volumeDevices"),
		Judge:  running(finding.Low, judgeRawBlock),
	}
}

func judgeRawBlock(v check.View) check.Verdict {
	devices := v.Container.Spec.VolumeDevices
	out := failIf(len(devices) > 0, finding.Low)
	if v.Brief {
		return out
	}
	out.Message = "Has no disk as a raw device."
	out.Basis = []finding.Basis{v.InContainer("volumeDevices[0].devicePath", check.Unset)}
	if out.Status == finding.Fail {
		out.Basis = nil
		for i := range devices {
			out.Basis = append(out.Basis, v.InContainer(fmt.Sprintf("volumeDevices[%d].devicePath", i), check.OrUnset(devices[i].DevicePath)))
		}
		out.Message = fmt.Sprintf("Has a disk as a raw device: %s.", values(out.Basis))
	}
	return out
}
