package rbac_test

import (
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubeassay/assay/posture/rbac"
)

func TestPodOf(t *testing.T) {
	yes := true
	with := func(s *corev1.SecurityContext) corev1.PodSpec {
		return corev1.PodSpec{Containers: []corev1.Container{{}, {SecurityContext: s}}}
	}
	mount := func(p string, m corev1.VolumeMount) corev1.PodSpec {
		return corev1.PodSpec{
			Volumes:    []corev1.Volume{{Name: "own"}, {Name: "node", VolumeSource: corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: p}}}},
			Containers: []corev1.Container{{}, {VolumeMounts: []corev1.VolumeMount{{Name: "own"}, m}}},
		}
	}
	path := func(p string) corev1.PodSpec { return mount(p, corev1.VolumeMount{Name: "node"}) }
	capability := func(c corev1.Capability, pid bool) corev1.PodSpec {
		s := with(&corev1.SecurityContext{Capabilities: &corev1.Capabilities{Add: []corev1.Capability{c}}})
		s.HostPID = pid
		return s
	}
	for name, test := range map[string]struct {
		spec corev1.PodSpec
		host bool
	}{
		"nothing":               {corev1.PodSpec{HostNetwork: true}, false},
		"privileged":            {with(&corev1.SecurityContext{Privileged: &yes}), true},
		"privileged init":       {corev1.PodSpec{InitContainers: []corev1.Container{{SecurityContext: &corev1.SecurityContext{Privileged: &yes}}}}, true},
		"host process":          {with(&corev1.SecurityContext{WindowsOptions: &corev1.WindowsSecurityContextOptions{HostProcess: &yes}}), true},
		"host process of a pod": {corev1.PodSpec{SecurityContext: &corev1.PodSecurityContext{WindowsOptions: &corev1.WindowsSecurityContextOptions{HostProcess: &yes}}}, true},
		"sys_admin":             {capability("SYS_ADMIN", false), true},
		"cap_sys_admin":         {capability("cap_sys_admin", false), true},
		"net_admin":             {capability("NET_ADMIN", true), false},
		"ptrace":                {capability("SYS_PTRACE", false), false},
		"ptrace of the node":    {capability("SYS_PTRACE", true), true},
		"root":                  {path("/"), true},
		"a folder above":        {path("/var/lib/"), true},
		"kubelet":               {path("/var/lib/kubelet/pods"), true},
		"socket":                {path("/run/containerd/containerd.sock"), true},
		"logs":                  {path("/var/log/app"), false},
		"a name that is longer": {path("/procfoo"), false},
		"the node's processes":  {path("/proc"), true},
		"to read only":          {mount("/proc", corev1.VolumeMount{Name: "node", ReadOnly: true}), false},
		"keys to read only":     {mount("/etc/kubernetes", corev1.VolumeMount{Name: "node", ReadOnly: true}), true},
		"a part of it":          {mount("/var", corev1.VolumeMount{Name: "node", SubPath: "log/app"}), false},
		"a part that matters":   {mount("/var", corev1.VolumeMount{Name: "node", SubPath: "run/docker.sock"}), true},
		"mounted by nobody":     {mount("/", corev1.VolumeMount{Name: "own"}), false},
		"Windows":               {path(`C:\Windows`), true},
		"modules to read only":  {mount("/lib/modules", corev1.VolumeMount{Name: "node", ReadOnly: true}), false},
	} {
		t.Run(name, func(t *testing.T) {
			test.spec.ServiceAccountName = "cart"
			if got := rbac.PodOf("shop", "cart-1", &test.spec); got != (rbac.Pod{Namespace: "shop", Name: "cart-1", ServiceAccount: "cart", Host: test.host}) {
				t.Errorf("got %+v", got)
			}
		})
	}
}
