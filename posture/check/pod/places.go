package pod

import (
	"path"
	"strings"

	"github.com/kubeassay/assay/finding"
)

// place is a path of a node that gives something away.
type place struct {
	path string
	// writable and readOnly are how much it matters that a pod has the path
	// itself, or one that holds it; deepWritable and deepReadOnly, that it has
	// something below it.
	writable, readOnly, deepWritable, deepReadOnly finding.Severity
	// gives says what the path is, as the end of a sentence.
	gives string
}

const (
	critical = finding.Critical
	high     = finding.High
	medium   = finding.Medium
	low      = finding.Low
)

// anywhere stands for paths that no place is known for.
var anywhere = place{path: "/", writable: critical, readOnly: critical, deepWritable: medium, deepReadOnly: low, gives: "all files of the node"}

// places are the known ones. /var/run is a link to /run everywhere, so it is not
// there; paths of Windows stand without their drive, in small letters.
var places = [...]place{
	{"/etc", critical, high, high, medium, "the node's settings: accounts, services, timers and keys"},
	{"/etc/kubernetes", critical, critical, critical, high, "credentials of the control plane and of the kubelet, and the manifests of static pods"},
	{"/etc/kubernetes/pki", critical, critical, critical, critical, "on a control plane node, the private keys that the whole cluster trusts"},
	{"/etc/kubernetes/manifests", critical, medium, critical, medium, "manifests that the kubelet runs as they are, past all admission control"},
	{"/etc/rancher", critical, critical, critical, critical, "the administrator's credentials for the node's Kubernetes"},
	{"/etc/cni", high, low, high, low, "the settings by which the runtime calls network plugins, as root"},
	{"/etc/cron.d", critical, low, critical, low, "commands that the node runs as root"},
	{"/etc/crontab", critical, low, critical, low, "commands that the node runs as root"},
	{"/etc/systemd", critical, low, critical, low, "services that the node runs as root"},
	{"/etc/ld.so.preload", critical, low, critical, low, "a list of libraries that every program of the node loads"},
	{"/etc/passwd", critical, low, critical, low, "the node's accounts"},
	{"/etc/shadow", critical, high, critical, high, "the node's passwords, hashed"},
	{"/etc/sudoers", critical, low, critical, low, "who may become root on the node"},
	{"/etc/sudoers.d", critical, low, critical, low, "who may become root on the node"},
	{"/etc/ssh", critical, high, critical, high, "the keys and the settings of the node's SSH server"},
	{"/etc/ssl", high, low, high, low, "which authorities the node trusts"},
	{"/etc/pki", high, low, high, low, "which authorities the node trusts"},
	{"/etc/ca-certificates", high, low, high, low, "which authorities the node trusts"},
	{"/etc/hosts", medium, low, medium, low, "names that the node looks up"},
	{"/etc/resolv.conf", medium, low, medium, low, "where the node looks names up"},
	{"/etc/localtime", medium, low, medium, low, "the node's time zone"},
	{"/etc/timezone", medium, low, medium, low, "the node's time zone"},
	{"/etc/hostname", medium, low, medium, low, "the node's name"},
	{"/etc/machine-id", medium, low, medium, low, "the node's identifier"},
	{"/etc/os-release", medium, low, medium, low, "the name of the node's system"},
	{"/root", critical, high, critical, high, "root's own files: keys, credentials and shell settings"},
	{"/home", high, high, high, high, "the files of the node's users: keys, credentials and shell settings"},
	{"/proc", critical, high, critical, medium, "the node's kernel and processes, with settings that make the kernel start programs as root"},
	{"/sys", critical, low, high, low, "the node's kernel and devices"},
	{"/sys/fs/cgroup", high, low, high, low, "the limits of all containers, and with old control groups a way to run programs as root"},
	{"/sys/fs/bpf", high, medium, high, medium, "programs and tables inside the node's kernel"},
	{"/sys/kernel", high, medium, high, medium, "the insides of the node's kernel"},
	{"/dev", high, high, medium, medium, "the node's devices, disks among them"},
	{"/dev/shm", medium, low, medium, low, "memory that processes of the node share"},
	{"/boot", critical, low, critical, low, "the kernel that the node starts next time"},
	{"/bin", critical, low, critical, low, "programs that the node runs as root"},
	{"/sbin", critical, low, critical, low, "programs that the node runs as root"},
	{"/lib", critical, low, critical, low, "libraries that the node's programs load"},
	{"/lib64", critical, low, critical, low, "libraries that the node's programs load"},
	{"/lib/modules", critical, low, critical, low, "modules that the node's kernel loads"},
	{"/usr", critical, low, high, low, "programs that the node runs as root"},
	{"/usr/bin", critical, low, critical, low, "programs that the node runs as root"},
	{"/usr/sbin", critical, low, critical, low, "programs that the node runs as root"},
	{"/usr/lib", critical, low, critical, low, "libraries that the node's programs load"},
	{"/usr/local/bin", critical, low, critical, low, "programs that the node runs as root"},
	{"/usr/share", medium, low, medium, low, "data of the node's programs"},
	{"/usr/src", medium, low, medium, low, "sources of the node's kernel"},
	{"/opt/cni/bin", critical, low, critical, low, "network plugins that the runtime runs as root"},
	{"/run", critical, critical, medium, low, "the sockets of the container runtime and of the node's services (a read-only mount does not stop anyone from using a socket)"},
	{"/run/systemd", critical, high, high, medium, "the sockets of the node's service manager"},
	{"/run/dbus", high, high, high, high, "the bus over which the node's services take orders"},
	{"/run/netns", high, medium, high, medium, "the networks of all pods of the node"},
	{"/var/lib/kubelet", critical, critical, high, high, "the kubelet's credentials, and the Secrets and tokens of every pod on the node"},
	{"/var/lib/kubelet/pki", critical, critical, critical, critical, "the kubelet's own keys"},
	{"/var/lib/kubelet/pods", critical, critical, high, high, "the volumes of every pod on the node, with their Secrets and tokens"},
	{"/var/lib/kubelet/config.yaml", critical, low, critical, low, "the kubelet's settings"},
	{"/var/lib/kubelet/plugins", medium, low, medium, low, "the sockets of storage and device plugins"},
	{"/var/lib/kubelet/plugins_registry", medium, low, medium, low, "where plugins report to the kubelet"},
	{"/var/lib/kubelet/device-plugins", medium, low, medium, low, "where device plugins report to the kubelet"},
	{"/var/lib/kubelet/pod-resources", medium, low, medium, low, "which pod has which device"},
	{"/var/lib/etcd", critical, critical, critical, critical, "on a control plane node, the database of the cluster with all its Secrets"},
	{"/var/lib/docker", critical, high, critical, high, "the files of all containers of the node"},
	{"/var/lib/docker/containers", high, medium, medium, medium, "the logs and the settings of all containers of the node, with their environment"},
	{"/var/lib/containerd", critical, high, critical, high, "the files of all containers of the node"},
	{"/var/lib/containers", critical, high, critical, high, "the files of all containers of the node"},
	{"/var/lib/rancher", critical, critical, high, high, "credentials and data of the node's Kubernetes"},
	{"/var/lib/k0s", critical, critical, high, high, "credentials and data of the node's Kubernetes"},
	{"/var/lib/minikube", critical, critical, high, high, "credentials and data of the node's Kubernetes"},
	{"/var/snap/microk8s", critical, critical, high, high, "credentials and data of the node's Kubernetes"},
	{"/var/log", high, low, medium, low, "the node's logs, through which whoever can write a link there has the kubelet show any file of the node"},
	{"/var/log/pods", high, low, high, low, "the logs of all pods, through which whoever can write a link there has the kubelet show any file of the node"},
	{"/var/log/containers", high, low, high, low, "the logs of all pods, through which whoever can write a link there has the kubelet show any file of the node"},
	{"/var/spool/cron", critical, low, critical, low, "commands that the node runs as root"},
	{"/windows", critical, medium, critical, medium, "the node's system"},
	{"/program files", critical, low, critical, low, "programs that the node runs"},
	{"/programdata", high, medium, medium, low, "data of the node's services"},
	{"/users", high, high, high, high, "the files of the node's users: keys and credentials"},
}

// sensitive says how much it matters that a pod has a clean path of the node,
// and which place makes it so.
func sensitive(p string, writable bool) (finding.Severity, *place) {
	if !writable && isPublic(p) {
		return low, &publicKey
	}
	near := &anywhere
	exact := p == "/"
	var worst *place
	var severity finding.Severity
	for i := range places {
		if p != "/" && places[i].path[1] != p[1] { // neither above it nor below
			continue
		}
		switch at := &places[i]; {
		case at.path == p:
			near, exact = at, true
		case below(p, at.path):
			if len(at.path) > len(near.path) && !exact {
				near = at
			}
		case below(at.path, p):
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
		return critical, &runtimePlace
	}
	return own, near
}

// publicKey stands for files that anybody may read, wherever they are.
var publicKey = place{path: "/", writable: critical, readOnly: low, deepWritable: critical, deepReadOnly: low, gives: "a certificate or a public key, which is no secret"}

// isPublic reports whether a path is, by its name, that of a certificate or of
// a public key.
func isPublic(p string) bool { return strings.HasSuffix(p, ".crt") || strings.HasSuffix(p, ".pub") }

// holdsSocket reports whether a container runtime's socket stands below a path.
func holdsSocket(p string) bool {
	for _, s := range sockets {
		if below(s, p) {
			return true
		}
	}
	return false
}

func (at *place) severity(writable bool) finding.Severity {
	if writable {
		return at.writable
	}
	return at.readOnly
}

// below reports whether a path stands somewhere below another; both are clean.
func below(p, dir string) bool {
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

// isSocket reports whether a clean path is one of them.
func isSocket(p string) bool {
	for _, s := range sockets {
		if p == s || below(p, s) && strings.Contains(p[len(s):], ".sock") {
			return true
		}
	}
	return false
}

// clean makes paths comparable: without dots and doubled slashes, /run for
// /var/run, and Windows' with slashes and without a drive. Nearly all paths are
// clean already, and then nothing is copied.
func clean(p string) string {
	if strings.ContainsRune(p, '\\') || len(p) > 1 && p[1] == ':' {
		return cleanWindows(p)
	}
	if p == "" || p[0] != '/' {
		p = "/" + p
	}
	p = path.Clean(p)
	if p == "/var/run" || strings.HasPrefix(p, "/var/run/") {
		p = p[len("/var"):]
	}
	return p
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
