package local

import (
	"fmt"
	"slices"
	"strings"
)

// group is what /proc/PID/cgroup tells of a process.
type group struct {
	// ids are the containers it names: one, where all is well; none outside of
	// containers, or where a cgroup namespace hides them.
	ids []string
}

// id is the container's ID, if the file names exactly one.
func (g *group) id() string {
	if len(g.ids) == 1 {
		return g.ids[0]
	}
	return ""
}

// parseCgroup reads /proc/PID/cgroup of either version: lines of
// "hierarchy:controllers:path" (cgroups(7)).
func parseCgroup(data []byte) (group, error) {
	var g group
	for line := range strings.Lines(string(data)) {
		parts := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(parts) != 3 || !strings.HasPrefix(parts[2], "/") {
			return group{}, fmt.Errorf("not a line of /proc/PID/cgroup: %.100q", line)
		}
		if id := containerOf(parts[2]); id != "" && !slices.Contains(g.ids, id) {
			g.ids = append(g.ids, id)
		}
	}
	slices.Sort(g.ids)
	return g, nil
}

// containerOf finds the ID of the container that a cgroup belongs to. It is the
// outermost one below the kubelet's cgroup: what a container makes within its
// own, by whatever name, is still its own. A node that is itself a container has
// its ID above the kubelet's cgroup.
func containerOf(cgroup string) string {
	parts := strings.Split(strings.TrimSuffix(cgroup, " (deleted)"), "/")
	kubelet := slices.IndexFunc(parts, func(p string) bool {
		return p == "kubepods" || p == "kubepods.slice" || strings.HasSuffix(p, "-kubepods.slice")
	})
	for _, part := range parts[kubelet+1:] {
		if id := idIn(part); id != "" {
			return id
		}
	}
	return ""
}

// idIn finds a container's ID in one cgroup's name: bare (the cgroupfs driver),
// "cri-containerd-ID.scope", "crio-ID.scope" or "docker-ID.scope" (the systemd
// driver), or "slice:cri-containerd:ID" (a runtime that does not know of systemd).
// CRI-O's "crio-conmon-ID" holds a helper on the node, and not the container.
func idIn(name string) string {
	name = strings.TrimSuffix(name, ".scope")
	if cut := strings.LastIndexAny(name, "-:"); cut >= 0 {
		switch runtime := name[:cut]; runtime[strings.LastIndex(runtime, ":")+1:] {
		case "cri-containerd", "crio", "docker", "libpod":
			name = name[cut+1:]
		default:
			return ""
		}
	}
	if !isID(name) {
		return ""
	}
	return name
}

const idLength = 64

func isID(s string) bool {
	return len(s) == idLength && strings.Trim(s, "0123456789abcdef") == ""
}

// parseID reads a container's ID as a pod's status gives it.
func parseID(s string) (string, error) {
	id := s
	if _, bare, ok := strings.Cut(s, "://"); ok {
		id = bare
	}
	if !isID(id) {
		return "", fmt.Errorf("%.100q is not a container's ID: it has %d hexadecimal digits, such as a pod's status.containerStatuses[].containerID", s, idLength)
	}
	return id, nil
}
