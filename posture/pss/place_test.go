package pss_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/pod-security-admission/api"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/pss"
	"github.com/kubeassay/assay/workload"
)

func TestViolationsStandWhereTheyBelong(t *testing.T) {
	e := newEvaluator(t)
	context := func(c *corev1.Container) *corev1.SecurityContext {
		if c.SecurityContext == nil {
			c.SecurityContext = &corev1.SecurityContext{}
		}
		return c.SecurityContext
	}
	for _, x := range []struct {
		name  string
		level api.Level
		edit  func(*corev1.PodSpec)
		// want has a line "check container: fields" for each violation.
		want []string
	}{
		{"nothing", api.LevelRestricted, func(*corev1.PodSpec) {}, nil},
		{"host namespaces", api.LevelBaseline, func(s *corev1.PodSpec) { s.HostPID, s.HostIPC = true, true },
			[]string{"hostNamespaces pod: hostPID hostIPC"}},
		{"one container of two", api.LevelBaseline, func(s *corev1.PodSpec) { context(&s.Containers[1]).Privileged = new(true) },
			[]string{"privileged proxy: containers[1].securityContext.privileged"}},
		{"an element of a list", api.LevelBaseline, func(s *corev1.PodSpec) {
			context(&s.Containers[0]).Capabilities.Add = []corev1.Capability{"CHOWN", "NET_RAW"}
		}, []string{"capabilities_baseline app: containers[0].securityContext.capabilities.add[1]"}},
		{"added and not dropped", api.LevelRestricted, func(s *corev1.PodSpec) {
			context(&s.Containers[0]).Capabilities = &corev1.Capabilities{Add: []corev1.Capability{"NET_BIND_SERVICE", "SYS_ADMIN"}}
		}, []string{"capabilities_restricted app: containers[0].securityContext.capabilities.drop containers[0].securityContext.capabilities.add[1]"}},
		{"added, all dropped", api.LevelRestricted, func(s *corev1.PodSpec) {
			context(&s.Containers[0]).Capabilities.Add = []corev1.Capability{"SYS_ADMIN"}
		}, []string{"capabilities_restricted app: containers[0].securityContext.capabilities.add[0]"}},
		{"volumes by what they are", api.LevelRestricted, func(s *corev1.PodSpec) {
			s.Volumes = append(s.Volumes,
				corev1.Volume{Name: "h", VolumeSource: corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{}}},
				corev1.Volume{Name: "n", VolumeSource: corev1.VolumeSource{NFS: &corev1.NFSVolumeSource{}}})
		}, []string{"restrictedVolumes pod: volumes[2].hostPath volumes[3].nfs"}},
		{"the pod says no, the containers nothing", api.LevelRestricted, func(s *corev1.PodSpec) { s.SecurityContext.RunAsNonRoot = new(false) },
			[]string{
				"runAsNonRoot pod: securityContext.runAsNonRoot", "runAsNonRoot app: containers[0].securityContext.runAsNonRoot",
				"runAsNonRoot proxy: containers[1].securityContext.runAsNonRoot",
			}},
		{"the pod says no, one container yes", api.LevelRestricted, func(s *corev1.PodSpec) {
			s.SecurityContext.RunAsNonRoot = new(false)
			context(&s.Containers[0]).RunAsNonRoot = new(true)
		}, []string{"runAsNonRoot pod: securityContext.runAsNonRoot", "runAsNonRoot proxy: containers[1].securityContext.runAsNonRoot"}},
		{"the pod yes, one container no", api.LevelRestricted, func(s *corev1.PodSpec) { context(&s.Containers[1]).RunAsNonRoot = new(false) },
			[]string{"runAsNonRoot proxy: containers[1].securityContext.runAsNonRoot"}},
		{"user 0 of pod and container", api.LevelRestricted, func(s *corev1.PodSpec) {
			s.SecurityContext.RunAsUser = new(int64(0))
			context(&s.Containers[0]).RunAsUser = new(int64(0))
		}, []string{"runAsUser pod: securityContext.runAsUser", "runAsUser app: containers[0].securityContext.runAsUser"}},
		{"user namespace", api.LevelRestricted, func(s *corev1.PodSpec) {
			s.HostUsers = new(false)
			s.SecurityContext.RunAsUser, s.SecurityContext.RunAsNonRoot = new(int64(0)), nil
		}, nil},
		{"a probe's host", api.LevelBaseline, func(s *corev1.PodSpec) {
			s.Containers[0].LivenessProbe = &corev1.Probe{ProbeHandler: corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Host: "10.0.0.1"}}}
			s.Containers[0].ReadinessProbe = &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{}}}
		}, []string{"hostProbesAndHostLifecycle app: containers[0].livenessProbe.tcpSocket.host"}},
		{"host ports that come with the host network", api.LevelBaseline, func(s *corev1.PodSpec) { s.HostNetwork = true },
			[]string{"hostNamespaces pod: hostNetwork", "hostPorts app: containers[0].ports[0].hostPort"}},
		{"a sidecar and an ephemeral container", api.LevelBaseline, func(s *corev1.PodSpec) {
			always := corev1.ContainerRestartPolicyAlways
			s.InitContainers = []corev1.Container{{Name: "setup"}, {Name: "side", RestartPolicy: &always}}
			context(&s.InitContainers[1]).Privileged = new(true)
			s.EphemeralContainers = []corev1.EphemeralContainer{{EphemeralContainerCommon: corev1.EphemeralContainerCommon{
				Name: "debug", SecurityContext: &corev1.SecurityContext{Privileged: new(true)},
			}}}
		}, []string{
			"privileged side: initContainers[1].securityContext.privileged", "privileged debug: ephemeralContainers[0].securityContext.privileged",
		}},
		{"SELinux by user and role", api.LevelBaseline, func(s *corev1.PodSpec) {
			s.SecurityContext.SELinuxOptions = &corev1.SELinuxOptions{User: "u", Type: "container_t", Role: "r"}
		}, []string{"seLinuxOptions pod: securityContext.seLinuxOptions.user securityContext.seLinuxOptions.role"}},
		{"a sysctl of two", api.LevelBaseline, func(s *corev1.PodSpec) {
			s.SecurityContext.Sysctls = []corev1.Sysctl{{Name: "net.ipv4.tcp_syncookies"}, {Name: "kernel.msgmax"}}
		}, []string{"sysctls pod: securityContext.sysctls[1].name"}},
		{"a volume without a source is an emptyDir", api.LevelRestricted, func(s *corev1.PodSpec) {
			s.Volumes = append(s.Volumes, corev1.Volume{Name: "e"})
		}, nil},
	} {
		t.Run(x.name, func(t *testing.T) {
			p := hardened()
			x.edit(&p.Spec)
			given := p.DeepCopy()
			var got []string
			for _, v := range e.Evaluate(x.level, pss.Newest(), &p.ObjectMeta, &p.Spec) {
				where := v.Container
				if where == "" {
					where = "pod"
				}
				got = append(got, v.Check+" "+where+": "+strings.Join(v.Fields, " "))
				for in := range workload.Containers(&p.Spec) {
					if v.Path == in.Path() && v.ContainerType != in.Type {
						t.Errorf("%s is a %s, not a %s", v.Path, in.Type, v.ContainerType)
					}
				}
			}
			if diff := cmp.Diff(x.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if diff := cmp.Diff(given, p); diff != "" {
				t.Errorf("the pod was changed:\n%s", diff)
			}
		})
	}
}

// Pods put together at random from the published fixtures' parts: what is
// placed has to add up to the verdict about the whole.
func TestPlacesAddUp(t *testing.T) {
	e := newEvaluator(t)
	all := fixtures(t)
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 4))
	placed := 0
	for range 1000 {
		p := mixture(r, all)
		version := api.MajorMinorVersion(1, r.IntN(minors(t)))
		level := []api.Level{api.LevelBaseline, api.LevelRestricted}[r.IntN(2)]
		for _, c := range e.Controls(level, version) {
			denial, denied := c.Denies(&p.ObjectMeta, &p.Spec)
			vs := c.Violations(&p.ObjectMeta, &p.Spec)
			if denied != (len(vs) > 0) {
				t.Fatalf("seed %d: %s at %s: denied %v, violations %+v", seed, c.ID, version, denied, vs)
			}
			if !denied {
				continue
			}
			placed += len(vs)
			if problem := check(c, p, vs); problem != "" {
				t.Fatalf("seed %d: %s at %s: %s\n%s\n%+v", seed, c.ID, version, problem, denial.String(), vs)
			}
		}
	}
	if placed < 1000 {
		t.Errorf("only %d violations: nothing was tried", placed)
	}
}

// check says what does not add up.
func check(c *pss.Control, p *corev1.Pod, vs []pss.Violation) string {
	blamed := map[string]bool{}
	for _, v := range vs {
		blamed[v.Path] = true
		if len(v.Fields) == 0 {
			return "no fields"
		}
		for _, f := range v.Fields {
			if !strings.HasPrefix(f, "metadata.") && !strings.HasPrefix(f, v.Path) {
				return fmt.Sprintf("%s is not a field of %q", f, v.Path)
			}
		}
	}
	// Without those that are blamed, the library has to be content.
	rest := p.DeepCopy()
	rest.Spec.InitContainers, rest.Spec.Containers, rest.Spec.EphemeralContainers = nil, nil, nil
	for in := range workload.Containers(&p.Spec) {
		if in.Type == finding.ImageVolume {
			continue
		}
		if got := c.Has(&p.ObjectMeta, &p.Spec, in); got != blamed[in.Path()] {
			return fmt.Sprintf("Has says %v about %s", got, in.Path())
		}
		if blamed[in.Path()] {
			delete(rest.Annotations, "container.seccomp.security.alpha.kubernetes.io/"+in.Name)
			delete(rest.Annotations, "container.apparmor.security.beta.kubernetes.io/"+in.Name)
			continue
		}
		copyContainer(&rest.Spec, &p.Spec, in.Path())
	}
	if c.Has(&p.ObjectMeta, &p.Spec, nil) != blamed[""] {
		return "Has says otherwise about the pod"
	}
	if d, denied := c.Denies(&rest.ObjectMeta, &rest.Spec); denied && !blamed[""] {
		return "denied without all that are blamed: " + d.String()
	}
	return ""
}

func copyContainer(to, from *corev1.PodSpec, path string) {
	for i := range from.InitContainers {
		if path == fmt.Sprintf("initContainers[%d]", i) {
			to.InitContainers = append(to.InitContainers, from.InitContainers[i])
		}
	}
	for i := range from.Containers {
		if path == fmt.Sprintf("containers[%d]", i) {
			to.Containers = append(to.Containers, from.Containers[i])
		}
	}
	for i := range from.EphemeralContainers {
		if path == fmt.Sprintf("ephemeralContainers[%d]", i) {
			to.EphemeralContainers = append(to.EphemeralContainers, from.EphemeralContainers[i])
		}
	}
}

// mixture is a pod with the pod's settings of one fixture and containers of others.
func mixture(r *rand.Rand, all []fixture) *corev1.Pod {
	pick := func() *corev1.Pod { return all[r.IntN(len(all))].pod }
	p := pick().DeepCopy()
	if r.IntN(2) == 0 {
		p.Spec.Volumes = slices.Concat(p.Spec.Volumes, pick().Spec.Volumes)
	}
	for i := range r.IntN(3) {
		c := pick().Spec.Containers[0].DeepCopy()
		c.Name = fmt.Sprintf("more%d", i)
		switch r.IntN(3) {
		case 0:
			p.Spec.Containers = append(p.Spec.Containers, *c)
		case 1:
			p.Spec.InitContainers = append(p.Spec.InitContainers, *c)
		default:
			p.Spec.EphemeralContainers = append(p.Spec.EphemeralContainers, corev1.EphemeralContainer{
				EphemeralContainerCommon: corev1.EphemeralContainerCommon(*c),
			})
		}
	}
	return p
}
