package rbac

import (
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/hostpath"
)

// PodOf is what a graph wants to know of a pod, or of what makes pods. It
// copies what it keeps.
func PodOf(namespace, name string, spec *corev1.PodSpec) Pod {
	return Pod{
		Namespace: strings.Clone(namespace), Name: strings.Clone(name),
		ServiceAccount: strings.Clone(spec.ServiceAccountName), Host: reachesHost(spec),
	}
}

// reachesHost reports whether whoever is in a pod has its node: by a container
// that is privileged, by a volume of what the node is made of, or by the node's
// processes. It names the plain ways, not all.
func reachesHost(spec *corev1.PodSpec) bool {
	for _, list := range [][]corev1.Container{spec.InitContainers, spec.Containers} {
		for i := range list {
			if mountsNode(spec.Volumes, list[i].VolumeMounts) {
				return true
			}
			s := list[i].SecurityContext
			if s == nil {
				continue
			}
			if s.Privileged != nil && *s.Privileged || s.WindowsOptions != nil && s.WindowsOptions.HostProcess != nil && *s.WindowsOptions.HostProcess {
				return true
			}
			if s.Capabilities == nil {
				continue
			}
			for _, c := range s.Capabilities.Add {
				switch strings.TrimPrefix(strings.ToUpper(string(c)), "CAP_") {
				case "ALL", "SYS_ADMIN", "SYS_MODULE":
					return true
				case "SYS_PTRACE":
					if spec.HostPID {
						return true
					}
				}
			}
		}
	}
	w := spec.SecurityContext
	return w != nil && w.WindowsOptions != nil && w.WindowsOptions.HostProcess != nil && *w.WindowsOptions.HostProcess
}

// mountsNode reports whether a container has a path of the node that gives the
// node away: what it runs, its keys, or the socket of its container runtime.
func mountsNode(volumes []corev1.Volume, mounts []corev1.VolumeMount) bool {
	for i := range volumes {
		v := &volumes[i]
		if v.HostPath == nil {
			continue
		}
		for j := range mounts {
			if m := &mounts[j]; m.Name == v.Name {
				if s, _ := hostpath.Sensitive(hostpath.Join(hostpath.Clean(v.HostPath.Path), m.SubPath), !m.ReadOnly); s == finding.Critical {
					return true
				}
			}
		}
	}
	return false
}
