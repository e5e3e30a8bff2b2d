package controlplane

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
)

// component is a program of the control plane.
type component string

// The programs. Their order matters: no name is part of one that comes later.
const (
	apiServer         component = "kube-apiserver"
	controllerManager component = "kube-controller-manager"
	scheduler         component = "kube-scheduler"
	etcd              component = "etcd"
)

var components = [...]component{apiServer, controllerManager, scheduler, etcd}

// wants reports whether a container runs such a program. It is asked about
// every container, so it looks at the pod first.
func wants(v *check.View) bool {
	if v.Container.Spec == nil || v.Container.Type != finding.Container && v.Container.Type != finding.SidecarContainer || !ofControlPlane(v.Meta) {
		return false
	}
	l := read(v)
	return l.component != ""
}

// ofControlPlane reports whether a pod may be one of the control plane: it is in
// kube-system, or was made by a kubelet from a file, or is labelled as kubeadm does.
func ofControlPlane(m *metav1.ObjectMeta) bool {
	if m.Namespace == "kube-system" || len(m.Labels) > 0 && (m.Labels["tier"] == "control-plane" || isComponent(m.Labels["component"])) {
		return true
	}
	if len(m.Annotations) == 0 {
		return false
	}
	_, mirror := m.Annotations[corev1.MirrorPodAnnotationKey]
	return mirror
}

func isComponent(name string) bool {
	for _, c := range components {
		if name == string(c) {
			return true
		}
	}
	return false
}

// read finds the program that a container runs, and where its flags begin.
func read(v *check.View) commandLine {
	l := commandLine{view: v, spec: v.Container.Spec}
	n := l.len()
	if n == 0 {
		return l
	}
	first := base(l.at(0))
	for i := range n {
		token := l.at(i)
		if isShell(base(token)) {
			l.readScript(i + 1)
			return l
		}
		if isComponent(base(token)) && !strings.HasPrefix(token, "-") {
			l.component, l.from = component(base(token)), i+1
			return l
		}
		if !isWrapper(first) {
			break
		}
	}
	if len(l.spec.Command) == 0 && strings.HasPrefix(l.at(0), "-") && v.Meta.Labels["component"] == l.spec.Name && isComponent(l.spec.Name) {
		l.component = component(l.spec.Name) // the image starts it, and only flags are given
	}
	return l
}

// readScript finds the program in what a shell is given, from a token on.
func (l *commandLine) readScript(from int) {
	l.shell = true
	for i := from; i < l.len(); i++ {
		if l.component = inScript(l.at(i)); l.component != "" {
			return
		}
	}
}

func isShell(name string) bool {
	switch name {
	case "sh", "bash", "dash", "ash", "busybox":
		return true
	}
	return false
}

// isWrapper reports whether a program does nothing but start another one that
// stands among its arguments.
func isWrapper(name string) bool {
	switch name {
	case "go-runner", "hyperkube", "tini", "dumb-init", "catatonit", "env", "nice", "ionice", "exec":
		return true
	}
	return false
}

// base is the last part of a path.
func base(token string) string { return token[strings.LastIndexByte(token, '/')+1:] }

// inScript finds the name of a program that stands in a script as a word.
func inScript(script string) component {
	for _, c := range components {
		name := string(c)
		for rest := script; ; {
			i := strings.Index(rest, name)
			if i < 0 {
				break
			}
			end := i + len(name)
			if (i == 0 || strings.IndexByte(" \t\n/;&|(", rest[i-1]) >= 0) && (end == len(rest) || strings.IndexByte(" \t\n;&|)\\", rest[end]) >= 0) {
				return c
			}
			rest = rest[end:]
		}
	}
	return ""
}
