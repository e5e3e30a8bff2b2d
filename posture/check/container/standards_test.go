package container_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/yaml"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/image"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/check/container"
	"github.com/kubeassay/assay/posture/pss"
	"github.com/kubeassay/assay/workload"
)

// shares are checks of ours that share among them what one check of the
// standards forbids.
var shares = []struct {
	control string
	checks  []string
}{
	{"privileged", []string{"privileged-container"}},
	{"allowPrivilegeEscalation", []string{"privilege-escalation-allowed"}},
	{"capabilities_baseline", []string{"capabilities-added"}},
	{"seccompProfile_baseline", []string{"seccomp-unconfined"}},
	{"appArmorProfile", []string{"apparmor-unconfined"}},
	{"seLinuxOptions", []string{"selinux-options"}},
	{"hostPorts", []string{"host-port"}},
	{"windowsHostProcess", []string{"windows-host-process"}},
	{"hostProbesAndHostLifecycle", []string{"probe-host"}},
}

// both are those where a check of ours also says what a less strict check of
// the standards forbids, which the strict one does not ask of Windows.
var both = []struct {
	controls []string
	checks   []string
}{
	{[]string{"capabilities_baseline", "capabilities_restricted"}, []string{"capabilities-added", "capabilities-not-dropped"}},
	{[]string{"seccompProfile_baseline", "seccompProfile_restricted"}, []string{"seccomp-unconfined", "seccomp-missing"}},
	{[]string{"procMount", "procMount_restricted"}, []string{"proc-mount-unmasked"}},
}

// TestAgreesWithTheStandards: a pod that a check of the Pod Security Standards
// denies has a container that fails, and no other has. That is held against
// the library itself, for random pods and several versions.
func TestAgreesWithTheStandards(t *testing.T) {
	checks := map[string]*check.Check{}
	for _, c := range container.All() {
		checks[c.ID] = c
	}
	seen := map[string]int{}
	for _, minor := range []int{30, 33, 34, 35, 36, 37} {
		version := api.MajorMinorVersion(1, minor)
		standards, err := check.NewStandards(version)
		if err != nil {
			t.Fatal(err)
		}
		r := rand.New(rand.NewPCG(uint64(minor), 1))
		denies := library(version)
		for range 3_000 {
			pod := anyPod(r)
			fails := func(id string) bool { return anyFails(t, checks[id], pod, standards) }
			for _, s := range shares {
				want := denies(s.control, pod)
				if s.control == "hostProbesAndHostLifecycle" {
					want = newestLibrary(s.control, pod) // the danger is older than the standards' check
				}
				agree := slices.ContainsFunc(s.checks, fails) == want
				seen[fmt.Sprint(s.control, want)]++
				if !agree {
					t.Fatalf("1.%d: %s denies: %v, and %v otherwise:\n%s", minor, s.control, want, s.checks, show(pod))
				}
			}
			for _, s := range both {
				want := slices.ContainsFunc(s.controls, func(id string) bool { return denies(id, pod) })
				seen[fmt.Sprint(s.controls, want)]++
				if slices.ContainsFunc(s.checks, fails) != want {
					t.Fatalf("1.%d: one of %v denies: %v, and %v otherwise:\n%s", minor, s.controls, want, s.checks, show(pod))
				}
			}
		}
	}
	for _, s := range shares {
		for _, b := range []bool{true, false} {
			if n := seen[fmt.Sprint(s.control, b)]; n < 500 {
				t.Errorf("%s denied %v only %d times: that tests too little", s.control, b, n)
			}
		}
	}
}

// TestHostNetworkHasNoPortsOfItsOwn: there the standards deny the pod for its
// network already, and its ports are not said again.
func TestHostNetworkHasNoPortsOfItsOwn(t *testing.T) {
	standards, err := check.NewStandards(pss.Newest())
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		pod := anyPod(r)
		pod.Spec.HostNetwork = true
		if anyFails(t, byID(t, "host-port"), pod, standards) {
			t.Fatalf("ports in the node's network are said twice:\n%s", show(pod))
		}
	}
}

// TestOneCauseIsSaidOnce: for each container, a capability, a seccomp profile
// or a tag is the matter of one check.
func TestOneCauseIsSaidOnce(t *testing.T) {
	standards, err := check.NewStandards(pss.Newest())
	if err != nil {
		t.Fatal(err)
	}
	apart := [][]string{
		{"seccomp-missing", "seccomp-unconfined"},
		{"image-latest-tag", "image-not-pinned"},
		{"run-as-root", "root-group"},
	}
	r := rand.New(rand.NewPCG(4, 2))
	for range 3_000 {
		pod := anyPod(r)
		for ctr := range workload.Containers(&pod.Spec) {
			if workload.EffectiveUser(&pod.Spec, ctr).WindowsOptions {
				continue // run-as-root also judges the Windows user, who has another cause
			}
			for _, ids := range apart {
				var failed []string
				for _, id := range ids {
					v := byID(t, id).Judge(viewOf(pod, ctr, standards))
					if v.Status == finding.Fail && v.Severity != finding.Low || v.Status == finding.Fail && id != "seccomp-unconfined" {
						failed = append(failed, id)
					}
				}
				if len(failed) > 1 {
					t.Fatalf("%s: %v say the same:\n%s", ctr.Name, failed, show(pod))
				}
			}
			fields := map[string]string{}
			for _, id := range []string{"capabilities-added", "capabilities-not-dropped", "privilege-escalation-allowed", "privileged-container"} {
				if v := byID(t, id).Judge(viewOf(pod, ctr, standards)); v.Status == finding.Fail {
					if other := fields[v.Basis[0].Field]; other != "" {
						t.Fatalf("%s and %s fail for the same field:\n%s", id, other, show(pod))
					}
					fields[v.Basis[0].Field] = id
				}
			}
		}
	}
}

func anyFails(t *testing.T, c *check.Check, pod *corev1.Pod, s *check.Standards) bool {
	t.Helper()
	for ctr := range workload.Containers(&pod.Spec) {
		v := viewOf(pod, ctr, s)
		v.Brief = true
		if got := c.Judge(v); got.Status == finding.Fail {
			return true
		}
	}
	return false
}

func viewOf(pod *corev1.Pod, c *workload.Container, s *check.Standards) check.View {
	return check.View{
		Meta: &pod.ObjectMeta, Spec: &pod.Spec, Status: &pod.Status, Container: c, SpecPath: "spec", Replicas: 1,
		Images: &image.Cache{}, Standards: s, Settings: &check.Settings{},
	}
}

// library asks the check of that version, as the admission plugin does.
func library(version api.Version) func(id string, pod *corev1.Pod) bool {
	fns := map[string]policy.CheckPodFn{}
	for _, c := range policy.DefaultChecks() {
		for _, v := range c.Versions {
			if !version.Older(v.MinimumVersion) {
				fns[string(c.ID)] = v.CheckPod
			}
		}
	}
	return func(id string, pod *corev1.Pod) bool {
		f := fns[id]
		return f != nil && !f(&pod.ObjectMeta, &pod.Spec).Allowed
	}
}

func newestLibrary(id string, pod *corev1.Pod) bool { return library(pss.Newest())(id, pod) }

func show(pod *corev1.Pod) string {
	out, err := yaml.Marshal(pod)
	if err != nil {
		return err.Error()
	}
	return string(out)
}

// anyPod has, of everything that the standards look at in containers, good,
// bad and none, at every place.
func anyPod(r *rand.Rand) *corev1.Pod {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "random"}}
	s := &pod.Spec
	names := []string{"app", "proxy", "debug"}
	for i := range 1 + r.IntN(2) {
		s.Containers = append(s.Containers, anyContainer(r, names[i]))
	}
	if r.IntN(3) == 0 {
		s.InitContainers = []corev1.Container{anyContainer(r, "init")}
	}
	if r.IntN(3) == 0 {
		e := anyContainer(r, "debug")
		s.EphemeralContainers = []corev1.EphemeralContainer{{EphemeralContainerCommon: corev1.EphemeralContainerCommon(e)}}
	}
	if r.IntN(2) == 0 {
		c := anyContext(r)
		s.SecurityContext = &corev1.PodSecurityContext{
			SeccompProfile: c.SeccompProfile, AppArmorProfile: c.AppArmorProfile, SELinuxOptions: c.SELinuxOptions, WindowsOptions: c.WindowsOptions,
			RunAsUser: pick(r, nil, new(int64(0)), new(int64(7))), RunAsGroup: pick(r, nil, new(int64(0)), new(int64(7))), RunAsNonRoot: c.RunAsNonRoot,
		}
	}
	s.HostUsers = pick(r, nil, nil, new(false), new(true))
	s.HostPID = r.IntN(5) == 0
	if r.IntN(4) == 0 {
		s.OS = &corev1.PodOS{Name: pick(r, corev1.Windows, corev1.Linux)}
	} else if r.IntN(6) == 0 {
		s.NodeSelector = map[string]string{corev1.LabelOSStable: "windows"}
	}
	if r.IntN(4) == 0 {
		key := corev1.DeprecatedAppArmorBetaContainerAnnotationKeyPrefix + pick(r, "app", "gone", "init", "debug")
		pod.Annotations = map[string]string{key: pick(r, "unconfined", "runtime/default", "localhost/x", ""), "note": "unconfined"}
	}
	return pod
}

func anyContainer(r *rand.Rand, name string) corev1.Container {
	c := corev1.Container{Name: name, Image: pick(r, "a/b:1", "a/b", "a/b@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef")}
	if r.IntN(4) > 0 {
		c.SecurityContext = anyContext(r)
	}
	if r.IntN(4) == 0 {
		c.Ports = []corev1.ContainerPort{{ContainerPort: 80, HostPort: int32(r.IntN(2) * 80), HostIP: pick(r, "", "127.0.0.1")}}
	}
	get := &corev1.HTTPGetAction{Host: pick(r, "", "", "localhost", "10.0.0.1")}
	tcp := &corev1.TCPSocketAction{Host: pick(r, "", "", "127.0.0.1", "db")}
	switch r.IntN(12) {
	case 0:
		c.LivenessProbe = &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: get}}
	case 1:
		c.ReadinessProbe = &corev1.Probe{ProbeHandler: corev1.ProbeHandler{TCPSocket: tcp}}
	case 2:
		c.StartupProbe = &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: get, TCPSocket: tcp}}
	case 3:
		c.Lifecycle = &corev1.Lifecycle{PreStop: &corev1.LifecycleHandler{HTTPGet: get}}
	case 4:
		c.Lifecycle = &corev1.Lifecycle{PostStart: &corev1.LifecycleHandler{TCPSocket: tcp}}
	}
	return c
}

func anyContext(r *rand.Rand) *corev1.SecurityContext {
	c := &corev1.SecurityContext{
		Privileged:               pick(r, nil, nil, new(false), new(true)),
		AllowPrivilegeEscalation: pick(r, nil, new(false), new(false), new(false), new(true)),
		ProcMount:                pick(r, nil, nil, new(corev1.DefaultProcMount), new(corev1.UnmaskedProcMount)),
		RunAsNonRoot:             pick(r, nil, new(true), new(false)),
	}
	if r.IntN(2) == 0 {
		c.Capabilities = &corev1.Capabilities{}
		for range r.IntN(3) {
			c.Capabilities.Add = append(c.Capabilities.Add, pick[corev1.Capability](r, "SYS_ADMIN", "NET_BIND_SERVICE", "CHOWN", "NET_RAW", "x", "ALL", "NET_BIND_SERVICE", "chown"))
		}
		for range r.IntN(3) {
			c.Capabilities.Drop = append(c.Capabilities.Drop, pick[corev1.Capability](r, "ALL", "ALL", "all", "NET_RAW"))
		}
	}
	if r.IntN(2) == 0 {
		c.SeccompProfile = &corev1.SeccompProfile{Type: pick(r, corev1.SeccompProfileTypeRuntimeDefault, corev1.SeccompProfileTypeLocalhost, corev1.SeccompProfileTypeUnconfined, "x")}
	}
	if r.IntN(3) == 0 {
		c.AppArmorProfile = &corev1.AppArmorProfile{Type: pick(r, corev1.AppArmorProfileTypeRuntimeDefault, corev1.AppArmorProfileTypeUnconfined, "")}
	}
	if r.IntN(3) == 0 {
		c.SELinuxOptions = &corev1.SELinuxOptions{Type: pick(r, "", "container_t", "spc_t"), User: pick(r, "", "", "u"), Role: pick(r, "", "", "r")}
	}
	if r.IntN(4) == 0 {
		c.WindowsOptions = &corev1.WindowsSecurityContextOptions{HostProcess: pick(r, nil, new(true), new(false)), RunAsUserName: pick(r, nil, new("x"))}
	}
	return c
}

func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

// TestAnInheritedSettingIsSaidWhereItHolds: where one container goes by the
// pod's wrong setting, that one fails, and not one that has its own.
func TestAnInheritedSettingIsSaidWhereItHolds(t *testing.T) {
	standards, err := check.NewStandards(pss.Newest())
	if err != nil {
		t.Fatal(err)
	}
	for id, set := range map[string]struct {
		pod corev1.PodSecurityContext
		own corev1.SecurityContext
	}{
		"seccomp-unconfined": {
			corev1.PodSecurityContext{SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeUnconfined}},
			corev1.SecurityContext{SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault}},
		},
		"apparmor-unconfined": {
			corev1.PodSecurityContext{AppArmorProfile: &corev1.AppArmorProfile{Type: corev1.AppArmorProfileTypeUnconfined}},
			corev1.SecurityContext{AppArmorProfile: &corev1.AppArmorProfile{Type: corev1.AppArmorProfileTypeRuntimeDefault}},
		},
		"selinux-options": {
			corev1.PodSecurityContext{SELinuxOptions: &corev1.SELinuxOptions{Type: "spc_t"}},
			corev1.SecurityContext{SELinuxOptions: &corev1.SELinuxOptions{Type: "container_t"}},
		},
		"windows-host-process": {
			corev1.PodSecurityContext{WindowsOptions: &corev1.WindowsSecurityContextOptions{HostProcess: new(true)}},
			corev1.SecurityContext{WindowsOptions: &corev1.WindowsSecurityContextOptions{HostProcess: new(false)}},
		},
	} {
		for _, place := range []string{"containers", "initContainers", "ephemeralContainers"} {
			t.Run(id+"/"+place, func(t *testing.T) {
				pod := &corev1.Pod{Spec: corev1.PodSpec{SecurityContext: &set.pod, Containers: []corev1.Container{{Name: "own", SecurityContext: &set.own}}}}
				takes := corev1.Container{Name: "takes"}
				switch place {
				case "containers":
					pod.Spec.Containers = append(pod.Spec.Containers, takes)
				case "initContainers":
					pod.Spec.InitContainers = append(pod.Spec.InitContainers, takes)
				default:
					pod.Spec.EphemeralContainers = []corev1.EphemeralContainer{{EphemeralContainerCommon: corev1.EphemeralContainerCommon(takes)}}
				}
				for ctr := range workload.Containers(&pod.Spec) {
					v := byID(t, id).Judge(viewOf(pod, ctr, standards))
					if got, want := v.Status == finding.Fail, ctr.Name == "takes"; got != want {
						t.Errorf("%s: %s: %s", ctr.Name, v.Status, v.Message)
					}
				}
			})
		}
	}
}

// TestSecretsAreNeverShown gives values that are secrets to everything that can
// hold one, and looks for them in all that the checks say.
func TestSecretsAreNeverShown(t *testing.T) {
	standards, err := check.NewStandards(pss.Newest())
	if err != nil {
		t.Fatal(err)
	}
	const secret = "q7Zt4Lw9Xc2Vb8Nm1Kd6"
	pod := &corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{{
		Name: "app", Image: "a/b:1",
		Env: []corev1.EnvVar{
			{Name: "DB_PASSWORD", Value: secret}, {Name: "API_KEY", Value: secret}, {Name: "LICENSE_KEY", Value: secret + "Rf3G"},
			{Name: "URL", Value: "postgres://shop:" + secret + "@db/shop"}, {Name: "OPTS", Value: "-Dpassword=" + secret}, {Name: "X", Value: "glpat-" + secret},
		},
		Command: []string{"sh", "-c", "cart --token " + secret}, Args: []string{"--password=" + secret, "--api-key", secret},
	}}}}
	for ctr := range workload.Containers(&pod.Spec) {
		for _, c := range container.All() {
			if c.Judge == nil {
				continue
			}
			v := c.Judge(viewOf(pod, ctr, standards))
			if strings.Contains(fmt.Sprintf("%+v", v), secret) {
				t.Errorf("%s shows a secret: %+v", c.ID, v)
			}
			if c.ID == "secrets-in-configuration" && len(v.Basis) != 9 {
				t.Errorf("%d of 9 secrets were found: %s", len(v.Basis), v.Message)
			}
		}
	}
}
