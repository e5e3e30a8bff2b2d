package hostpath_test

import (
	"path"
	"strings"
	"testing"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/hostpath"
)

func TestSensitive(t *testing.T) {
	const root = "/root" // the link in /proc
	const socket = ": the container runtime's socket, through which everything on the node can be had"
	for _, c := range []struct {
		path               string
		writable, readOnly finding.Severity
		of                 string // its beginning
	}{
		{"/", finding.Critical, finding.Critical, ": all files of the node"},
		{"", finding.Critical, finding.Critical, ": all files of the node"},
		{"/data", finding.Medium, finding.Low, ", which is not known for anything sensitive"},
		{"/etcetera", finding.Medium, finding.Low, ", which is not known for anything sensitive"},
		{"/etc/shadow", finding.Critical, finding.High, ": the node's passwords, hashed"},
		{"/data/../etc//shadow/", finding.Critical, finding.High, ": the node's passwords, hashed"},
		{"/etc/ssh/sshd_config", finding.Critical, finding.High, ", a part of /etc/ssh: "},
		{"/etc", finding.Critical, finding.Critical, ": the node's settings"},
		{"/var", finding.Critical, finding.Critical, ", which holds /var/lib/kubelet: "},
		{"/etc/localtime", finding.Medium, finding.Low, ": the node's time zone"},
		{"/proc", finding.Critical, finding.High, ": the node's kernel and processes"},
		{"/lib/modules", finding.Critical, finding.Low, ": modules that the node's kernel loads"},
		{"/var/run/docker.sock", finding.Critical, finding.Critical, socket},
		{"/run/containerd", finding.Critical, finding.Critical, socket},
		{"/run/user/1000/docker.sock", finding.Critical, finding.Critical, socket},
		{"/run/user/1000/podman/podman.sock", finding.Critical, finding.Critical, socket},
		{"/var/snap/docker/current/run/docker.sock", finding.Critical, finding.Critical, socket},
		{"/run/host-containerd/containerd.sock", finding.Critical, finding.Critical, socket},
		{"/run/containerd/io.containerd.runtime.v2.task/k8s.io", finding.High, finding.High, ", a part of /run/containerd: the files"},
		{"/var/lib/cloud/instance/user-data.txt", finding.Critical, finding.Medium, ", a part of /var/lib/cloud: "},
		{"/proc/1/root", finding.Critical, finding.Critical, ": all files of the node"},
		{"/proc/self" + root + "/etc/shadow", finding.Critical, finding.High, ": the node's passwords, hashed"},
		{"/proc/1" + root + "/proc/1/cwd/var/run/docker.sock", finding.Critical, finding.Critical, socket},
		{"/proc/1/roots", finding.Critical, finding.Medium, ", a part of /proc: "},
		{"/proc/17/root", finding.Critical, finding.Medium, ", a part of /proc: "},
		{"/run/k3s", finding.Critical, finding.Critical, ", which holds the container runtime's socket"},
		{"/run/xtables.lock", finding.Medium, finding.Low, ", a part of /run: "},
		{`\\.\pipe\docker_engine`, finding.Critical, finding.Critical, socket},
		{`C:\Windows\System32`, finding.Critical, finding.Medium, ", a part of /windows: "},
		{"/var/lib/rancher", finding.Critical, finding.Critical, ": credentials and data"},
		{"/var/lib/rancher/k3s/storage/pvc-1", finding.Low, finding.Low, ", a part of /var/lib/rancher/k3s/storage: "},
		{"/var/snap/microk8s/common/default-storage/pvc-1", finding.Low, finding.Low, ", a part of /var/snap/microk8s/common/default-storage: "},
	} {
		p := hostpath.Clean(c.path)
		writable, place := hostpath.Sensitive(p, true)
		readOnly, _ := hostpath.Sensitive(p, false)
		if writable != c.writable || readOnly != c.readOnly || !strings.HasPrefix(place.Of(p), c.of) {
			t.Errorf("%s: %s, read-only %s%s", c.path, writable, readOnly, place.Of(p))
		}
	}
	if severity, place := hostpath.Sensitive("/etc/kubernetes/pki/ca.crt", false); severity != finding.Low || place.Of("/etc/kubernetes/pki/ca.crt") != ": a certificate or a public key, which is no secret" {
		t.Errorf("a certificate: %s%s", severity, place.Of("/etc/kubernetes/pki/ca.crt"))
	}
}

func TestJoin(t *testing.T) {
	for _, c := range []struct{ root, sub, want string }{
		{"/var/", "", "/var"}, {"/var", "run/docker.sock", "/run/docker.sock"}, {`C:\`, `Users\app`, "/users/app"}, {`\\.\pipe\docker_engine`, "", "//./pipe/docker_engine"}, {"/a", "../etc", "/etc"},
		{"/proc", "1/root", "/"},
	} {
		if got := hostpath.Join(hostpath.Clean(c.root), c.sub); !strings.EqualFold(got, c.want) {
			t.Errorf("%s, %s: %s", c.root, c.sub, got)
		}
	}
}

// FuzzSensitive: every path has a severity, whoever may write has no less than
// who may read, and nothing matters more than all files.
func FuzzSensitive(f *testing.F) {
	for _, s := range []string{"/", "", "/var/run", "/etc/../run//crio/", `c:\x`, `\\.\pipe\x`, "/var/lib/kubelet/pods/1/volumes", "/home/x/.ssh/id.pub"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p := hostpath.Clean(s)
		if !strings.HasPrefix(p, "/") {
			t.Fatalf("%q became %q", s, p)
		}
		writable, place := hostpath.Sensitive(p, true)
		readOnly, other := hostpath.Sensitive(p, false)
		if writable.Rank() > readOnly.Rank() || place.Of(p) == "" || other.Of(p) == "" {
			t.Errorf("%s: %s, read-only %s", p, writable, readOnly)
		}
		if strings.HasPrefix(p, "//") {
			return // a pipe is in no folder
		}
		for dir := path.Dir(p); dir != "/"; dir = path.Dir(dir) {
			if !hostpath.Below(p, dir) {
				t.Errorf("%s is not below %s", p, dir)
			}
		}
		if all, _ := hostpath.Sensitive("/", false); all.Rank() > writable.Rank() {
			t.Errorf("%s matters more than all files", p)
		}
	})
}
