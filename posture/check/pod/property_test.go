package pod_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/randfill"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/check/checktest"
	"github.com/kubeassay/assay/posture/check/pod"
	"github.com/kubeassay/assay/posture/pss"
)

func byID(t testing.TB, id string) *check.Check {
	t.Helper()
	for _, c := range pod.All() {
		if c.ID == id {
			return c
		}
	}
	t.Fatalf("no check %s", id)
	return nil
}

// library asks the Pod Security Standards' own checks, in their newest version.
func library(t testing.TB) func(id policy.CheckID, p *corev1.Pod) bool {
	t.Helper()
	all := map[policy.CheckID]policy.CheckPodFn{}
	for _, c := range policy.DefaultChecks() {
		all[c.ID] = c.Versions[len(c.Versions)-1].CheckPod
	}
	return func(id policy.CheckID, p *corev1.Pod) bool {
		return !all[id](&p.ObjectMeta, pss.Defaulted(&p.Spec)).Allowed
	}
}

// TestAgainstPodSecurity: what several checks of ours share among them is
// exactly what one of the library's denies, for thousands of random pods.
func TestAgainstPodSecurity(t *testing.T) {
	denies := library(t)
	r := rand.New(rand.NewPCG(7, 4))
	counts := map[string]int{}
	for range 2_000 {
		p := randomPod(r)
		fails := func(id string) bool {
			v := checktest.Judge(t, byID(t, id), p, nil)
			counts[id+" "+string(v.Status)]++
			return v.Status == finding.Fail
		}
		pid, ipc, network := fails("host-pid"), fails("host-ipc"), fails("host-network")
		if got := pid || ipc || network; got != denies("hostNamespaces", p) {
			t.Fatalf("host namespaces: %v, the library says otherwise: %+v", got, p.Spec)
		}
		if pid != p.Spec.HostPID || ipc != p.Spec.HostIPC || network != p.Spec.HostNetwork {
			t.Fatalf("another namespace is blamed: %+v", p.Spec)
		}
		if got := fails("unsafe-sysctl"); got != denies("sysctls", p) {
			t.Fatalf("sysctls: %v, the library says otherwise: %+v", got, p.Spec)
		}
		paths := fails("host-path-volume")
		socket := fails("container-runtime-socket")
		if got := paths || socket; got != denies("hostPathVolumes", p) {
			t.Fatalf("host paths: %v, the library says otherwise: %+v", got, p.Spec)
		}
		if got := fails("volume-type-not-allowed") || paths || socket; got != denies("restrictedVolumes", p) {
			t.Fatalf("volumes: %v, the library says otherwise: %+v", got, p.Spec)
		}
	}
	for _, id := range []string{"host-pid", "host-ipc", "host-network", "unsafe-sysctl", "host-path-volume", "container-runtime-socket", "volume-type-not-allowed"} {
		for _, s := range []finding.Status{finding.Fail, finding.Pass} {
			if n := counts[id+" "+string(s)]; n < 80 {
				t.Errorf("%s was %s only %d times: that tests too little", id, s, n)
			}
		}
	}
}

var somePaths = []string{"/", "/etc", "/etc/kubernetes/pki/", "/var/run", "/run/docker.sock", "//var/run/containerd/containerd.sock", "/data", "", "..", `C:\`, `\\.\pipe\docker_engine`, "/var/lib"}

func randomPod(r *rand.Rand) *corev1.Pod {
	p := &corev1.Pod{}
	s := &p.Spec
	s.HostPID, s.HostIPC, s.HostNetwork = r.IntN(4) == 0, r.IntN(4) == 0, r.IntN(4) == 0
	if r.IntN(2) == 0 {
		s.SecurityContext = &corev1.PodSecurityContext{}
		for range r.IntN(3) {
			name := []string{"net.ipv4.tcp_syncookies", "kernel.shm_rmid_forced", "kernel.msgmax", "net.core.somaxconn", "", "net.ipv4.ping_group_range"}[r.IntN(6)]
			s.SecurityContext.Sysctls = append(s.SecurityContext.Sysctls, corev1.Sysctl{Name: name})
		}
	}
	s.Containers = []corev1.Container{{Name: "a"}, {Name: "b"}}
	s.InitContainers = []corev1.Container{{Name: "i"}}
	for i := range r.IntN(4) {
		v := corev1.Volume{Name: fmt.Sprint("v", i)}
		switch r.IntN(6) {
		case 0, 1:
			v.HostPath = &corev1.HostPathVolumeSource{Path: somePaths[r.IntN(len(somePaths))]}
		case 2:
			v.NFS = &corev1.NFSVolumeSource{}
		case 3:
			v.EmptyDir = &corev1.EmptyDirVolumeSource{}
		case 4:
			v.Projected = &corev1.ProjectedVolumeSource{}
		}
		s.Volumes = append(s.Volumes, v)
	}
	for range r.IntN(5) {
		m := corev1.VolumeMount{Name: fmt.Sprint("v", r.IntN(4)), ReadOnly: r.IntN(2) == 0, SubPath: []string{"", "", "docker.sock", "a/../b"}[r.IntN(4)]}
		c := &s.Containers[r.IntN(2)]
		if r.IntN(4) == 0 {
			c = &s.InitContainers[0]
		}
		c.VolumeMounts = append(c.VolumeMounts, m)
	}
	return p
}

// TestChecksAreTotal fills pods with anything that the types allow: no check
// may panic, and every verdict keeps the rules of verdicts.
func TestChecksAreTotal(t *testing.T) {
	fill := randfill.NewWithSeed(5).NilChance(0.4).NumElements(0, 3).MaxDepth(12).Funcs(
		func(s *corev1.HostPathVolumeSource, c randfill.Continue) { s.Path = somePaths[c.Intn(len(somePaths))] },
		func(s *corev1.VolumeMount, c randfill.Continue) {
			c.FillNoCustom(s)
			s.Name = []string{"a", "b"}[c.Intn(2)]
		},
		func(s *corev1.Volume, c randfill.Continue) {
			c.FillNoCustom(s)
			s.Name = []string{"a", "b"}[c.Intn(2)]
		},
	)
	for range 300 {
		var p corev1.Pod
		fill.Fill(&p.Spec)
		fill.Fill(&p.Status)
		for _, c := range pod.All() {
			if c.JudgePod != nil {
				checktest.Judge(t, c, &p, nil)
			}
		}
		if t.Failed() {
			return
		}
	}
}

// FuzzHostPath looks for a path that breaks the rules of a verdict, or that
// both checks about host paths claim, or neither.
func FuzzHostPath(f *testing.F) {
	for _, p := range somePaths {
		f.Add(p, "docker.sock", true)
	}
	f.Fuzz(func(t *testing.T, path, sub string, readOnly bool) {
		p := &corev1.Pod{Spec: corev1.PodSpec{
			Containers: []corev1.Container{{Name: "a", VolumeMounts: []corev1.VolumeMount{{Name: "v", SubPath: sub, ReadOnly: readOnly}}}},
			Volumes:    []corev1.Volume{{Name: "v", VolumeSource: corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: path}}}},
		}}
		a := checktest.Judge(t, byID(t, "host-path-volume"), p, nil)
		b := checktest.Judge(t, byID(t, "container-runtime-socket"), p, nil)
		if (a.Status == finding.Fail) == (b.Status == finding.Fail) {
			t.Errorf("host-path-volume says %s, container-runtime-socket %s", a.Status, b.Status)
		}
	})
}
