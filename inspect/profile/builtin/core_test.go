package builtin_test

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/inspect/snapshot"
)

func TestContainerCore(t *testing.T) {
	p := load(t, "container-core")
	t.Run("well-made", func(t *testing.T) { wellMadePasses(t, p) })
	t.Run("nothing collected", func(t *testing.T) { nothingPasses(t, p) })
	check(t, p, coreCases())
}

const key = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF\n-----END PRIVATE KEY-----\n"

func coreCases() []change {
	fail, pass, na, open := finding.Fail, finding.Pass, finding.NotApplicable, finding.NotReviewed
	root := func(in *inside) { in.one().UID, in.one().GID = [4]uint32{}, [4]uint32{} }
	bare := func(in *inside) { in.pod.Spec.Containers[0].SecurityContext = &corev1.SecurityContext{} }
	mode := func(name string, m uint32) func(*inside) {
		return func(in *inside) { in.file(name, m, "x") }
	}
	content := func(name, text string) func(*inside) { return func(in *inside) { in.file(name, 0o644, text) } }
	token := "/var/run/secrets/kubernetes.io/serviceaccount/token"
	late := func(name string, m uint32, by time.Duration) func(*inside) {
		return func(in *inside) {
			in.file(name, m, "x")
			in.change(name, func(e *snapshot.Entry) { e.ChangeTime = began.Add(by) })
		}
	}
	hostPath := func(in *inside) {
		in.pod.Spec.Volumes = []corev1.Volume{{Name: "v", VolumeSource: corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/etc"}}}}
		in.pod.Spec.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "v", MountPath: "/host/"}}
	}
	process := func(name string) func(*inside) {
		return func(in *inside) {
			in.processes = append(in.processes, snapshot.Process{PID: 7, Name: name, Status: present})
		}
	}
	socket := func(s snapshot.Socket) func(*inside) { return func(in *inside) { in.sockets = append(in.sockets, s) } }
	return []change{
		{"process-one-uid", "root", root, nil, fail, "runs as root"},
		{"process-one-uid", "saved", func(in *inside) { in.one().UID[2] = 0 }, nil, fail, "can become root again"},
		{"process-one-uid", "not known", func(in *inside) { in.one().Status = denied }, nil, open, "status of process 1"},
		{"process-one-uid", "shared process namespace", func(in *inside) { yes := true; in.pod.Spec.ShareProcessNamespace = &yes }, nil, open, "shares"},
		{"process-one-gid", "root's", root, nil, fail, "gid 0"},
		{"process-one-gid", "further", func(in *inside) { in.one().Groups = []uint32{5, 0} }, nil, fail, "further groups"},
		{"process-one-capabilities", "some", func(in *inside) { in.one().CapPermitted = 1<<13 | 1<<10 }, nil, fail, "NET_RAW"},
		{"process-one-capabilities", "allowed", func(in *inside) { in.one().CapPermitted = 1 << 10 }, nil, pass, ""},
		{"process-one-capabilities", "by input", func(in *inside) { in.one().CapPermitted = 1 << 13 }, map[string]any{"allowedCapabilities": []string{"NET_RAW"}}, pass, ""},
		{"capability-limit", "bounding", func(in *inside) { in.one().CapBounding, in.one().NoNewPrivs = 1<<21, false }, nil, fail, "SYS_ADMIN"},
		{"capability-limit", "bounding, of no use", func(in *inside) { in.one().CapBounding = 1 << 21 }, nil, pass, ""},
		{"no-new-privs", "not set", func(in *inside) { in.one().NoNewPrivs = false }, nil, fail, "NoNewPrivs is 0"},
		{"seccomp-filter", "none", func(in *inside) { in.one().Seccomp = 0 }, nil, fail, "No seccomp filter"},
		{"claimed-user", "root", root, nil, fail, "runAsNonRoot, and process 1 is root"},
		{"claimed-user", "another", func(in *inside) { in.one().UID = [4]uint32{7, 7, 7, 7} }, nil, fail, "runAsUser 65532, and process 1 runs as 7"},
		{"claimed-user", "nothing claimed", bare, nil, na, "claims no user"},
		{"claimed-group", "another", func(in *inside) { in.one().GID = [4]uint32{7, 7, 7, 7} }, nil, fail, "runs with 7"},
		{"claimed-group", "nothing claimed", bare, nil, na, ""},
		{"claimed-read-only-root", "writable", func(in *inside) { in.mounts[0].Options = []string{"rw"} }, nil, fail, "can be written to"},
		{"claimed-read-only-root", "nothing claimed", bare, nil, na, ""},
		{"claimed-no-privilege-escalation", "not set", func(in *inside) { in.one().NoNewPrivs = false }, nil, fail, ""},
		{"claimed-no-privilege-escalation", "nothing claimed", bare, nil, na, ""},
		{"claimed-dropped-capabilities", "kept", func(in *inside) { in.one().CapBounding = 1 }, nil, fail, "CHOWN"},
		{"claimed-dropped-capabilities", "one by name", func(in *inside) {
			in.security().Capabilities.Drop = []corev1.Capability{"CAP_NET_RAW"}
			in.one().CapBounding = 1 << 13
		}, nil, fail, "NET_RAW"},
		{"claimed-dropped-capabilities", "added again", func(in *inside) {
			in.security().Capabilities.Add = []corev1.Capability{"CHOWN"}
			in.one().CapBounding = 1
		}, nil, pass, ""},
		{"claimed-dropped-capabilities", "nothing claimed", bare, nil, na, ""},
		{"claimed-seccomp", "none", func(in *inside) { in.one().Seccomp = 0 }, nil, fail, "RuntimeDefault"},
		{"claimed-seccomp", "nothing claimed", bare, nil, na, ""},
		{"setuid-files", "one", mode("/usr/bin/su", 0o4755), nil, fail, "/usr/bin/su"},
		{"setuid-files", "by input", mode("/usr/bin/su", 0o4755), map[string]any{"allowedSetuidFiles": []string{"/usr/bin/su"}}, pass, ""},
		{"setgid-files", "one", mode("/usr/bin/wall", 0o2755), nil, fail, "/usr/bin/wall"},
		{"file-capabilities", "one", func(in *inside) {
			in.change("/app", func(e *snapshot.Entry) {
				e.CapabilitiesFact, e.Capabilities = present, []byte{1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
			})
		}, nil, fail, "/app (NET_RAW)"},
		{"file-capabilities", "not looked for", func(in *inside) {
			in.change("/app", func(e *snapshot.Entry) { e.CapabilitiesFact = snapshot.Fact{} })
		}, nil, open, "file capabilities"},
		{"world-writable-files", "one", mode("/data", 0o666), nil, fail, "/data"},
		{"world-writable-folders", "one", func(in *inside) { in.folder("/drop", 0o777) }, nil, fail, "/drop"},
		{"files-without-owner", "user", func(in *inside) { in.change("/app", func(e *snapshot.Entry) { e.UID = 1000 }) }, nil, fail, "/app (1000:0)"},
		{"files-without-owner", "no account files", func(in *inside) { in.remove("/etc/passwd", "/etc/group") }, nil, na, "no account files"},
		{"read-only-root", "writable", func(in *inside) { in.mounts[0].Options = []string{"rw"} }, nil, fail, "can be written to"},
		{"read-only-root", "not there", func(in *inside) { in.mounts = in.mounts[1:] }, nil, fail, "nothing at /"},
		{"changed-since-start", "program", late("/usr/bin/miner", 0o755, time.Hour), nil, fail, "/usr/bin/miner"},
		{"changed-since-start", "library", late("/usr/lib/libx.so.1.2", 0o644, time.Hour), nil, fail, "libx"},
		{"changed-since-start", "package database", late("/var/lib/dpkg/status", 0o644, time.Hour), nil, fail, "/var/lib/dpkg/status"},
		{"changed-since-start", "data", late("/var/cache/x", 0o644, time.Hour), nil, pass, ""},
		{"changed-since-start", "at the start", late("/usr/bin/x", 0o755, time.Second), nil, pass, ""},
		{"service-account-token", "for all", content(token, "x"), nil, fail, "is mounted"},
		{"service-account-token", "by group", func(in *inside) {
			in.file(token, 0o640, "x")
			in.change(token, func(e *snapshot.Entry) { e.GID = 2000 })
			in.one().Groups = []uint32{2000}
		}, nil, fail, "is mounted"},
		{"service-account-token", "not readable", mode(token, 0o600), nil, pass, ""},
		{"service-account-token", "needed", content(token, "x"), map[string]any{"needsKubernetesAPI": true}, na, "needsKubernetesAPI"},
		{"runtime-sockets", "mounted", func(in *inside) {
			in.mounts = append(in.mounts, snapshot.Mount{Target: "/sock", Root: "/containerd/containerd.sock", Type: "tmpfs"})
		}, nil, fail, "/sock"},
		{"runtime-sockets", "there", func(in *inside) {
			in.put(snapshot.Entry{Path: "/run/docker.sock", Mode: snapshot.ModeSocket | 0o660})
		}, nil, fail, "/run/docker.sock"},
		{"host-paths", "mounted", func(in *inside) {
			hostPath(in)
			in.mounts = append(in.mounts, snapshot.Mount{Target: "/host", Root: "/etc", Type: "ext4"})
		}, nil, fail, "/host"},
		{"host-paths", "declared, but not there", hostPath, nil, pass, ""},
		{"private-keys", "one", content("/etc/tls/server.key", key), nil, fail, "/etc/tls/server.key"},
		{"private-keys", "tolerated", content("/etc/tls/server.key", key), map[string]any{"toleratedSecretFiles": []string{"/etc/tls/server.key"}}, pass, ""},
		{"private-keys", "certificate", content("/etc/ssl/cert.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), nil, pass, ""},
		{"private-keys", "not collected", func(in *inside) { in.file("/a.pem", 0o644, "x"); delete(in.contents, "/a.pem") }, nil, open, "/a.pem"},
		{"cloud-credentials", "one", content("/home/app/.aws/credentials", "aws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEYab\n"), nil, fail, "aws-access-key"},
		{"access-tokens", "one", content("/home/app/.npmrc", "//r/:_authToken=npm_"+"abcdefghijklmnopqrstuvwxyz0123456789\n"), nil, fail, "npm-token"},
		{"secrets-in-environment", "one", func(in *inside) { in.one().Env = append(in.one().Env, "Db_Password") }, nil, fail, "Db_Password"},
		{"account-files", "passwd", func(in *inside) { in.change("/etc/passwd", func(e *snapshot.Entry) { e.Mode |= 0o020 }) }, nil, fail, "/etc/passwd (0664, uid 0)"},
		{"account-files", "shadow", func(in *inside) { in.change("/etc/shadow", func(e *snapshot.Entry) { e.Mode |= 0o004 }) }, nil, fail, "/etc/shadow (0644"},
		{"account-files", "shadow's group", func(in *inside) { in.change("/etc/shadow", func(e *snapshot.Entry) { e.GID = 65532 }) }, nil, fail, "0:65532"},
		{"account-files", "none", func(in *inside) { in.remove("/etc/passwd", "/etc/group", "/etc/shadow") }, nil, pass, ""},
		{"empty-passwords", "shadow", content("/etc/shadow", "root::1::::::\n"), nil, fail, "root"},
		{"empty-passwords", "passwd", content("/etc/passwd", "guest::5:5:::/bin/sh\n"), nil, fail, "guest"},
		{"empty-passwords", "denied", func(in *inside) { in.change("/etc/shadow", func(e *snapshot.Entry) { e.Content = denied }) }, nil, open, "uid 0 or gid 0 may read it"},
		{"root-accounts", "another", content("/etc/passwd", "root:x:0:0::/:\ntoor:x:0:0::/:\n"), nil, fail, "toor"},
		{"root-accounts", "twice", content("/etc/passwd", "root:x:0:0::/:\nroot:x:0:0::/:\n"), nil, fail, "more than one"},
		{"package-manager", "apk", mode("/sbin/apk", 0o755), nil, fail, "/sbin/apk"},
		{"shell", "busybox", mode("/bin/busybox", 0o755), nil, fail, "/bin/busybox"},
		{"remote-login", "sshd", process("sshd"), nil, fail, "sshd (process 7)"},
		{"remote-login", "a client", process("ssh"), nil, pass, ""},
		{"undeclared-ports", "one", socket(snapshot.Socket{Protocol: "udp6", Address: "::", Port: 53}), nil, fail, "53/udp6 on ::"},
		{"undeclared-ports", "loopback", socket(snapshot.Socket{Protocol: "tcp", Address: "127.0.0.1", Port: 9}), nil, pass, ""},
		{"undeclared-ports", "by input", socket(snapshot.Socket{Protocol: "tcp", Address: "::", Port: 9}), map[string]any{"allowedPorts": []int64{9}}, pass, ""},
		{"undeclared-ports", "host network", func(in *inside) { in.pod.Spec.HostNetwork = true }, nil, na, "node's network"},
	}
}
