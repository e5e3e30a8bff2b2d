package pod

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/hostpath"
)

// hostPathVolume fails where a pod has a path of its node, but for sockets of
// container runtimes: those are containerRuntimeSocket's.
//
// Fields: spec.volumes[*].hostPath, and of all containers
// volumeMounts[*].name, readOnly, subPath, subPathExpr.
func hostPathVolume() *check.Check {
	return &check.Check{
		Rule: finding.Rule{
			ID: "host-path-volume", Title: "Pod has files of its node", Severity: finding.Medium,
			Description: "The pod mounts a path of the node that it runs on. What that gives away depends on the path: some hold credentials of the node, of the cluster or of other pods, " +
				"others, where they are writable, decide what the node runs as root. Any of them outlives the pod, and ties it to that node.",
			Check: "The Pod Security Standards' own check of hostPath volumes (baseline) decides; mounts of a container runtime's socket belong to container-runtime-socket and are left out here. " +
				"The severity is that of the most sensitive path, from critical (such as /, /etc, /var/lib/kubelet, /run) to low, by what a container sees of it: a subPath narrows it, and a folder counts for " +
				"what is known to stand in it. A certificate or public key (.crt, .pub) that is mounted read-only is low. readOnly lowers it where reading does less harm than writing; file systems mounted further down stay writable unless recursiveReadOnly says otherwise, and that is not looked at. " +
				"A volume that no container mounts is low. Links on the node can't be seen, but for those below /proc that lead to all of its files, such as /proc/1/root.",
			Fix: "Use a volume that is the pod's own. Where the node's files are needed, mount the one file or folder only, and read-only:\n\n" +
				"    spec:\n      containers:\n      - name: app\n        volumeMounts:\n        - name: data\n          mountPath: /data\n" +
				"      volumes:\n      - name: data\n        emptyDir: {}\n",
			References: references("host-path-volume", "concepts/storage/volumes/#hostpath"),
		},
		Fields:   hostPathFields,
		JudgePod: judgeHostPath,
	}
}

var hostPathFields = []string{
	"spec.volumes[*].hostPath.path", "spec.containers[*].volumeMounts[*].readOnly", "spec.initContainers[*].volumeMounts[*].readOnly",
	"spec.ephemeralContainers[*].volumeMounts[*].readOnly", "spec.containers[*].volumeMounts[*].subPath", "spec.containers[*].volumeMounts[*].subPathExpr",
}

// containerRuntimeSocket fails where a pod can give orders to the container runtime.
//
// Fields: those of hostPathVolume.
func containerRuntimeSocket() *check.Check {
	return &check.Check{
		Rule: finding.Rule{
			ID: "container-runtime-socket", Title: "Pod can give orders to the container runtime", Severity: finding.Critical,
			Description: "The pod has the socket of the node's container runtime. Whoever may write to it can start a privileged container with all of the node's files, " +
				"look into every other container there, and so has the node, past all admission control and audit of Kubernetes. A read-only mount changes nothing about that.",
			Check: "A hostPath volume fails whose path, or all that containers mount of it by subPath, is a known socket of docker, containerd, CRI-O, podman, cri-dockerd, k3s, k0s, MicroK8s or the node resource interface, " +
				"has the name of one (such as docker.sock) in whatever folder, is a folder that is there for such a socket alone, or a named pipe of these on Windows. A volume that no container mounts is low. Folders that hold more, such as /run, belong to host-path-volume.",
			Fix: "Take the volume out. To build images use a builder that needs no such socket, and to look at containers ask the kubelet or the Kubernetes API:\n\n" +
				"    spec:\n      containers:\n      - name: app\n        volumeMounts: []\n      volumes: []\n",
			References: references("container-runtime-socket", "concepts/storage/volumes/#hostpath"),
		},
		Fields:   hostPathFields,
		JudgePod: judgeSocket,
	}
}

// mounted is a hostPath volume, and the mount of it that matters most.
type mounted struct {
	volume   int
	severity finding.Severity
	place    *hostpath.Place
	at       string // the clean path of the node that the container has
	// list, container and mount say where it is mounted; list is empty for a
	// volume that no container mounts.
	list             string
	container, mount int
	name             string // of the container
	writable         bool
	// socket: all that is mounted of it is a runtime's socket.
	socket bool
}

// lookAt finds the mount of a hostPath volume that matters most; with onlySockets
// it looks for those of sockets alone. It allocates nothing for paths that are clean.
func lookAt(spec *corev1.PodSpec, volume int, onlySockets bool) mounted {
	v := &spec.Volumes[volume]
	root := hostpath.Clean(v.HostPath.Path)
	m := mounted{volume: volume, severity: finding.Low, place: hostpath.Unknown(), at: root, socket: hostpath.IsSocket(root)}
	first := true
	see := func(list string, n int, name string, mounts []corev1.VolumeMount) {
		for i := range mounts {
			if mounts[i].Name != v.Name {
				continue
			}
			at := hostpath.Join(root, mounts[i].SubPath)
			socket := hostpath.IsSocket(at)
			severity, place := finding.Low, hostpath.Unknown()
			if socket || !onlySockets {
				severity, place = hostpath.Sensitive(at, !mounts[i].ReadOnly)
			}
			if first || severity.Rank() < m.severity.Rank() {
				m.severity, m.place, m.at, m.writable = severity, place, at, !mounts[i].ReadOnly
				m.list, m.container, m.mount, m.name = list, n, i, name
			}
			m.socket = socket && (m.socket || first)
			first = false
		}
	}
	for i := range spec.Containers {
		see("containers", i, spec.Containers[i].Name, spec.Containers[i].VolumeMounts)
	}
	for i := range spec.InitContainers {
		see("initContainers", i, spec.InitContainers[i].Name, spec.InitContainers[i].VolumeMounts)
	}
	for i := range spec.EphemeralContainers {
		see("ephemeralContainers", i, spec.EphemeralContainers[i].Name, spec.EphemeralContainers[i].VolumeMounts)
	}
	return m
}

func judgeHostPath(v check.View) check.Verdict {
	return judgeMounts(&v, false, finding.Medium, "The pod has no path of its node (sockets of the container runtime are another check's).")
}

func judgeSocket(v check.View) check.Verdict {
	return judgeMounts(&v, true, finding.Critical, "The pod does not have the socket of a container runtime.")
}

// judgeMounts fails where there are hostPath volumes, those that are sockets or the others.
func judgeMounts(v *check.View, sockets bool, usual finding.Severity, fine string) check.Verdict {
	out := declared(false, usual)
	var all []mounted
	for i := range v.Spec.Volumes {
		if v.Spec.Volumes[i].HostPath == nil {
			continue
		}
		m := lookAt(v.Spec, i, sockets)
		if m.socket != sockets {
			continue
		}
		if out.Status == finding.Pass {
			if !sockets && !denies(v, "hostPathVolumes", v.Spec) {
				break
			}
			out.Status, out.Severity = finding.Fail, m.severity
		}
		if m.severity.Rank() < out.Severity.Rank() {
			out.Severity = m.severity
		}
		if !v.Brief {
			all = append(all, m)
		}
	}
	if v.Brief {
		return out
	}
	if out.Status == finding.Pass {
		out.Message = fine
		out.Basis = volumesBasis(v)
		return out
	}
	slices.SortStableFunc(all, func(a, b mounted) int { return a.severity.Rank() - b.severity.Rank() })
	out.Message = describe(v.Spec, all)
	for i := range all {
		m := &all[i]
		at := volumeAt(m.volume) + ".hostPath.path"
		out.Basis = append(out.Basis, v.InPod(at, check.OrUnset(v.Spec.Volumes[m.volume].HostPath.Path)))
		if m.list != "" && !m.socket {
			readOnly := check.Unset
			if !m.writable {
				readOnly = "true"
			}
			out.Basis = append(out.Basis, v.InPod(fmt.Sprintf("%s[%d].volumeMounts[%d].readOnly", m.list, m.container, m.mount), readOnly))
		}
	}
	return out
}

// volumesBasis is what a pass about volumes rests on.
func volumesBasis(v *check.View) []finding.Basis {
	if len(v.Spec.Volumes) == 0 {
		return []finding.Basis{v.InPod("volumes", check.Unset)}
	}
	var basis []finding.Basis
	for i := range v.Spec.Volumes {
		basis = append(basis, v.InPod(volumeAt(i)+".name", check.OrUnset(v.Spec.Volumes[i].Name)))
	}
	return basis
}

// told is how many paths a message tells of.
const told = 3

func describe(spec *corev1.PodSpec, all []mounted) string {
	var b strings.Builder
	for i := range all {
		m := &all[i]
		if i == told {
			fmt.Fprintf(&b, " And %d more, which matter as much or less.", len(all)-told)
			break
		}
		if i > 0 {
			b.WriteByte(' ')
		}
		given := spec.Volumes[m.volume].HostPath.Path
		if m.at != hostpath.Clean(given) {
			given = m.at
		}
		switch {
		case m.list == "":
			fmt.Fprintf(&b, "%s of the node is a volume of the pod, though no container mounts it.", given)
		case m.socket:
			fmt.Fprintf(&b, "Container %s has %s of the node%s.", m.name, given, m.place.Of(m.at))
		default:
			how := "can read"
			if m.writable {
				how = "can read and write"
			}
			fmt.Fprintf(&b, "Container %s %s %s of the node%s.", m.name, how, given, m.place.Of(m.at))
		}
	}
	return b.String()
}

func volumeAt(i int) string { return "volumes[" + strconv.Itoa(i) + "]" }
