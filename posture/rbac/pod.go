package rbac

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
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
	for i := range spec.Volumes {
		if h := spec.Volumes[i].HostPath; h != nil && nodePath(h.Path) {
			return true
		}
	}
	for _, list := range [][]corev1.Container{spec.InitContainers, spec.Containers} {
		for i := range list {
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

// nodePath reports whether a path of the node gives the node away: what it
// runs, its keys, or the socket of its container runtime.
func nodePath(path string) bool {
	path = strings.TrimRight(path, "/")
	if strings.HasSuffix(path, ".sock") && (strings.HasPrefix(path, "/run/") || strings.HasPrefix(path, "/var/run/")) {
		return true
	}
	for _, p := range []string{
		"/bin", "/boot", "/dev", "/etc/cron.d", "/etc/kubernetes/manifests", "/etc/kubernetes/pki", "/etc/systemd", "/home", "/lib", "/proc",
		"/root/.ssh", "/run/containerd", "/run/crio", "/sbin", "/usr", "/var/lib/containerd", "/var/lib/docker", "/var/lib/etcd", "/var/lib/kubelet/pods", "/var/run/docker.sock",
	} {
		if path == p || strings.HasPrefix(p, path+"/") { // or a folder above it
			return true
		}
	}
	return false
}
