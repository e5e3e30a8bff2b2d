// Package hostpath says what a path of a node gives away to whoever has it in a
// pod: by a hostPath volume, or by a persistent volume that is one. It knows
// paths only: not pods, mounts or verdicts, and not where links on a node lead,
// but for those that every Linux has.
//
//	severity, place := hostpath.Sensitive(hostpath.Clean(path), writable)
//	message := "The pod has " + path + " of the node" + place.Of(path) + "."
package hostpath

import (
	"path"
	"slices"
	"strings"

	"github.com/kubeassay/assay/finding"
)

// Place is a path of a node that gives something away.
type Place struct {
	path string
	// writable and readOnly are how much it matters that a pod has the path
	// itself, or one that holds it; deepWritable and deepReadOnly, that it has
	// something below it.
	writable, readOnly, deepWritable, deepReadOnly finding.Severity
	// gives says what the path is, as the end of a sentence.
	gives string
}

var (
	// anywhere stands for paths that no place is known for.
	anywhere = Place{path: "/", writable: critical, readOnly: critical, deepWritable: medium, deepReadOnly: low, gives: "all files of the node"}
	// publicKey stands for files that anybody may read, wherever they are.
	publicKey = Place{path: "/", writable: critical, readOnly: low, deepWritable: critical, deepReadOnly: low, gives: "a certificate or a public key, which is no secret"}
	// socket stands for those of container runtimes.
	socket = Place{path: "/", gives: "the container runtime's socket, through which everything on the node can be had"}
)

// Unknown is the place of paths that nothing is known of.
func Unknown() *Place { return &anywhere }

// Sensitive says how much it matters that a pod has a clean path of the node,
// and which place makes it so.
func Sensitive(p string, writable bool) (finding.Severity, *Place) {
	if IsSocket(p) {
		return critical, &socket
	}
	if !writable && isPublic(p) {
		return low, &publicKey
	}
	near := &anywhere
	exact := p == "/"
	var worst *Place
	var severity finding.Severity
	for i := range places {
		if p != "/" && places[i].path[1] != p[1] { // neither above it nor below
			continue
		}
		switch at := &places[i]; {
		case at.path == p:
			near, exact = at, true
		case Below(p, at.path):
			if len(at.path) > len(near.path) && !exact {
				near = at
			}
		case Below(at.path, p):
			if s := at.severity(writable); worst == nil || s.Rank() < severity.Rank() {
				worst, severity = at, s
			}
		}
	}
	own := near.severity(writable)
	if !exact {
		own = near.deepWritable
		if !writable {
			own = near.deepReadOnly
		}
	}
	if worst != nil && own.Rank() > severity.Rank() {
		own, near = severity, worst
	}
	if own != critical && (strings.HasPrefix(p, "/run") || strings.HasPrefix(p, "/var")) && holdsSocket(p) {
		return critical, &socket
	}
	return own, near
}

// Of says what a clean path has to do with the place, as the end of a sentence
// about that path: ", a part of /etc/ssh: the keys and …".
func (at *Place) Of(p string) string {
	switch {
	case at == &anywhere && p != "/":
		return ", which is not known for anything sensitive"
	case at == &socket && !IsSocket(p):
		return ", which holds " + at.gives
	case at == &socket, at == &publicKey:
		return ": " + at.gives
	case Below(at.path, p):
		return ", which holds " + at.path + ": " + at.gives
	case Below(p, at.path):
		return ", a part of " + at.path + ": " + at.gives
	}
	return ": " + at.gives
}

// isPublic reports whether a path is, by its name, that of a certificate or of
// a public key.
func isPublic(p string) bool { return strings.HasSuffix(p, ".crt") || strings.HasSuffix(p, ".pub") }

// holdsSocket reports whether a container runtime's socket stands below a path.
func holdsSocket(p string) bool {
	for _, s := range sockets {
		if Below(s, p) {
			return true
		}
	}
	return false
}

func (at *Place) severity(writable bool) finding.Severity {
	if writable {
		return at.writable
	}
	return at.readOnly
}

// Below reports whether a path stands somewhere below another; both are clean.
func Below(p, dir string) bool {
	if dir == "/" {
		return p != "/"
	}
	return len(p) > len(dir) && p[len(dir)] == '/' && p[:len(dir)] == dir
}

// sockets are paths that a container runtime takes orders at, and folders that
// are there for nothing else.
var sockets = [...]string{
	"/run/docker.sock", "/run/docker", "/run/containerd/containerd.sock", "/run/containerd", "/run/crio/crio.sock", "/run/crio",
	"/run/podman/podman.sock", "/run/podman", "/run/cri-dockerd.sock", "/run/dockershim.sock", "/run/k3s/containerd/containerd.sock", "/run/k3s/containerd",
	"/run/k0s/containerd.sock", "/run/nri/nri.sock", "/run/nri", "/var/snap/microk8s/common/run/containerd.sock",
	"//./pipe/docker_engine", "//./pipe/containerd-containerd", "//./pipe/crio", "//./pipe/cri-dockerd",
}

// socketNames are what container runtimes call their sockets, in whatever
// folder they are: those of a user, of a snap, or of a system of its own.
var socketNames = [...]string{
	"docker.sock", "docker.sock.raw", "containerd.sock", "crio.sock", "podman.sock", "dockershim.sock", "cri-dockerd.sock", "balena-engine.sock",
}

// IsSocket reports whether a clean path is one of them, or has such a name.
func IsSocket(p string) bool {
	if strings.Contains(p, ".sock") && slices.Contains(socketNames[:], path.Base(p)) {
		return true
	}
	for _, s := range sockets {
		if p == s || Below(p, s) && strings.Contains(p[len(s):], ".sock") {
			return true
		}
	}
	return false
}

// Clean makes paths comparable: without dots and doubled slashes, /run for
// /var/run, the node's own files for the way to them through /proc, and Windows'
// with slashes and without a drive. Nearly all paths are clean already, and then
// nothing is copied.
func Clean(p string) string {
	if strings.ContainsRune(p, '\\') || len(p) > 1 && p[1] == ':' {
		return cleanWindows(p)
	}
	if p == "" || p[0] != '/' {
		p = "/" + p
	}
	p = throughProc(path.Clean(p))
	if p == "/var/run" || strings.HasPrefix(p, "/var/run/") {
		p = p[len("/var"):]
	}
	return p
}

// processRoots are links of /proc to the node's whole file system: the node's
// first process has it as its root, and so has the runtime that makes the mount.
var processRoots = [...]string{"/proc/1/root", "/proc/1/cwd", "/proc/self/root", "/proc/thread-self/root"}

// throughProc follows those links.
func throughProc(p string) string {
	for i := 0; strings.HasPrefix(p, "/proc/") && i < len(processRoots); {
		root := processRoots[i]
		if p != root && !Below(p, root) {
			i++
			continue
		}
		if p = p[len(root):]; p == "" {
			return "/"
		}
		i = 0
	}
	return p
}

// Join is the part of a clean path that a mount with a subPath has.
func Join(root, subPath string) string {
	if subPath == "" {
		return root
	}
	return Clean(path.Join(root, strings.ReplaceAll(subPath, `\`, "/")))
}

func cleanWindows(p string) string {
	p = strings.ToLower(strings.ReplaceAll(p, `\`, "/"))
	if strings.HasPrefix(p, "//./pipe/") {
		return p
	}
	if len(p) > 1 && p[1] == ':' {
		p = p[2:]
	}
	return path.Clean("/" + p)
}
