package pss

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// Defaulted is the spec as an API server would store it, as far as that
// changes what the checks find: a volume without a source becomes an emptyDir,
// and in a pod on the host's network every container port becomes a host port.
// Pods that come from a server have this already; manifests and pod templates
// have not. The spec itself is returned where there is nothing to do, and is
// never changed.
//
// The evaluator does this to everything it is given.
func Defaulted(spec *corev1.PodSpec) *corev1.PodSpec {
	sourceless := false
	for i := range spec.Volumes {
		sourceless = sourceless || spec.Volumes[i].VolumeSource == corev1.VolumeSource{}
	}
	ports := spec.HostNetwork && (havePlainPorts(spec.InitContainers) || havePlainPorts(spec.Containers))
	if !sourceless && !ports {
		return spec
	}
	d := *spec
	if sourceless {
		d.Volumes = slices.Clone(d.Volumes)
		for i := range d.Volumes {
			if v := &d.Volumes[i]; v.VolumeSource == (corev1.VolumeSource{}) {
				v.EmptyDir = &corev1.EmptyDirVolumeSource{}
			}
		}
	}
	if ports {
		d.InitContainers, d.Containers = onHost(d.InitContainers), onHost(d.Containers)
	}
	return &d
}

func isPlain(p corev1.ContainerPort) bool { return p.HostPort == 0 && p.ContainerPort != 0 }

func havePlainPorts(all []corev1.Container) bool {
	for i := range all {
		if slices.ContainsFunc(all[i].Ports, isPlain) {
			return true
		}
	}
	return false
}

// onHost copies containers and gives their ports on the host.
func onHost(given []corev1.Container) []corev1.Container {
	all := slices.Clone(given)
	for i := range all {
		all[i].Ports = slices.Clone(all[i].Ports)
		for j := range all[i].Ports {
			if p := &all[i].Ports[j]; isPlain(*p) {
				p.HostPort = p.ContainerPort
			}
		}
	}
	return all
}
