package imagevolume

import (
	"path"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubeassay/assay/inspect/collect"
	"github.com/kubeassay/assay/inspect/snapshot"
)

// mounts are the paths at which a container has something else than its image
// shows: what its spec mounts, and what kubelet and runtime mount in each.
func mounts(t *collect.Target) []string {
	all := []string{"/dev", "/etc/hostname", "/etc/hosts", "/etc/resolv.conf", "/proc", "/sys"}
	if t.Declared == nil {
		return all
	}
	spec := &t.Declared.Spec
	containers := slices.Concat(spec.InitContainers, spec.Containers)
	for i := range spec.EphemeralContainers {
		containers = append(containers, corev1.Container(spec.EphemeralContainers[i].EphemeralContainerCommon))
	}
	for i := range containers {
		if containers[i].Name != t.Container {
			continue
		}
		for _, m := range containers[i].VolumeMounts {
			all = append(all, path.Clean("/"+m.MountPath))
		}
		for _, d := range containers[i].VolumeDevices {
			all = append(all, path.Clean("/"+d.DevicePath))
		}
		if p := containers[i].TerminationMessagePath; p != "" {
			all = append(all, path.Clean("/"+p))
		}
	}
	return all
}

// takeOver adds what was found in the image, but for what is hidden by mounts.
func takeOver(s *snapshot.Snapshot, mounts []string, into *snapshot.Builder) {
	hidden := map[string]bool{}
	for _, m := range mounts {
		// Where folders on the way are not in the image, they are made for the mount.
		if e := s.Resolve(m); e.Meta.Known() || path.Base(e.Path) == path.Base(m) {
			hidden[e.Path] = true
		}
	}
	under := func(p string) bool {
		for ; p != "/"; p = path.Dir(p) {
			if hidden[p] {
				return true
			}
		}
		return false
	}
	into.SetKernel(s.Kernel)
	for e := range s.Entries() {
		if under(e.Path) {
			continue
		}
		into.Add(e)
		if data, at := s.Content(e.Path); at.Path == e.Path && (e.Content.State == snapshot.Present || e.Content.State == snapshot.Truncated) {
			into.SetContent(e.Path, data, e.Content)
		}
	}
	unseen := snapshot.UnseenMount()
	for p := range hidden {
		if !under(path.Dir(p)) {
			into.Add(snapshot.Entry{Path: p, Meta: unseen, Content: unseen, Listing: unseen})
		}
	}
}
