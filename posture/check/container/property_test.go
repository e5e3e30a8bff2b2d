package container_test

import (
	"math/rand/v2"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/randfill"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check/checktest"
	"github.com/kubeassay/assay/posture/check/container"
	"github.com/kubeassay/assay/workload"
)

// allows reports whether Pod Security admission's own check, in the version
// that its first one is or in its newest, allows a pod.
func allows(c policy.Check, newest bool, pod *corev1.Pod) bool {
	v := c.Versions[0]
	if newest {
		v = c.Versions[len(c.Versions)-1]
	}
	return v.CheckPod(&pod.ObjectMeta, &pod.Spec).Allowed
}

// TestRunAsRootAgainstPodSecurity compares with the checks runAsNonRoot and
// runAsUser of the restricted Pod Security Standard. They ask for more than
// that a container is not root, so only these hold:
//
//   - what both allow, for Linux and without a user namespace, passes
//   - what fails because of runAsUser 0 is refused by runAsUser
//   - what may be root is refused by runAsNonRoot
//   - with a user namespace both allow everything, and nothing is worse than low
func TestRunAsRootAgainstPodSecurity(t *testing.T) {
	c := byID(t, "run-as-root")
	nonRoot, user := policy.CheckRunAsNonRoot(), policy.CheckRunAsUser()
	r := rand.New(rand.NewPCG(1, 2))
	var allowed, refused int
	for range 5_000 {
		pod := randomPod(r)
		var zero, may bool
		both := allows(nonRoot, false, pod) && allows(user, false, pod)
		for ctr := range workload.Containers(&pod.Spec) {
			v := checktest.Judge(t, c, pod, ctr)
			if both && v.Status != finding.Pass {
				t.Errorf("Pod Security allows it, but: %s: %s", v.Status, v.Message)
			}
			if pod.Spec.HostUsers != nil && !*pod.Spec.HostUsers && v.Status == finding.Fail && v.Severity != finding.Low {
				t.Errorf("%s in a user namespace: %s", v.Severity, v.Message)
			}
			zero = zero || v.Status == finding.Fail && !v.May
			may = may || v.May
		}
		if zero && allows(user, false, pod) {
			t.Errorf("a container is root, and runAsUser allows it: %+v", pod.Spec)
		}
		if may && allows(nonRoot, false, pod) {
			t.Errorf("a container may be root, and runAsNonRoot allows it: %+v", pod.Spec)
		}
		if pod.Spec.HostUsers != nil && !*pod.Spec.HostUsers && (!allows(nonRoot, true, pod) || !allows(user, true, pod)) {
			t.Error("the newest Pod Security does not allow a user namespace: this test knows an old one")
		}
		if both {
			allowed++
		} else {
			refused++
		}
		if t.Failed() {
			return
		}
	}
	if allowed < 500 || refused < 500 {
		t.Errorf("%d pods were allowed and %d refused: that tests too little", allowed, refused)
	}
}

// randomPod has some containers of each kind, and random users in all places.
func randomPod(r *rand.Rand) *corev1.Pod {
	pod := &corev1.Pod{}
	user, flag := maybeUser(r), maybeFlag(r)
	if user != nil || flag != nil || r.IntN(2) == 0 {
		pod.Spec.SecurityContext = &corev1.PodSecurityContext{RunAsUser: user, RunAsNonRoot: flag}
	}
	if r.IntN(4) == 0 {
		pod.Spec.HostUsers = new(r.IntN(2) == 0)
	}
	if r.IntN(2) == 0 {
		pod.Spec.OS = &corev1.PodOS{Name: corev1.Linux}
	}
	for range 1 + r.IntN(2) {
		pod.Spec.Containers = append(pod.Spec.Containers, corev1.Container{SecurityContext: randomContext(r)})
	}
	if r.IntN(3) == 0 {
		pod.Spec.InitContainers = append(pod.Spec.InitContainers, corev1.Container{SecurityContext: randomContext(r)})
	}
	if r.IntN(3) == 0 {
		pod.Spec.EphemeralContainers = append(pod.Spec.EphemeralContainers,
			corev1.EphemeralContainer{EphemeralContainerCommon: corev1.EphemeralContainerCommon{SecurityContext: randomContext(r)}})
	}
	return pod
}

func randomContext(r *rand.Rand) *corev1.SecurityContext {
	if r.IntN(2) == 0 {
		return nil
	}
	return &corev1.SecurityContext{RunAsUser: maybeUser(r), RunAsNonRoot: maybeFlag(r)}
}

func maybeUser(r *rand.Rand) *int64 {
	switch r.IntN(5) {
	case 0:
		return new(int64(0))
	case 1:
		return new(int64(1 + r.IntN(70_000)))
	}
	return nil
}

func maybeFlag(r *rand.Rand) *bool {
	switch r.IntN(4) {
	case 0:
		return new(false)
	case 1, 2:
		return new(true)
	}
	return nil
}

// TestChecksAreTotal fills pods with anything that the types allow, and more
// than any API server would: no check may panic, and every verdict keeps the
// rules that [checktest.Verdict] and [checktest.Basis] know.
func TestChecksAreTotal(t *testing.T) {
	fill := randfill.NewWithSeed(3).NilChance(0.4).NumElements(0, 3).MaxDepth(12).Funcs(
		func(s *corev1.ContainerStatus, c randfill.Continue) {
			c.FillNoCustom(s)
			s.Name = []string{"a", "b", ""}[c.Intn(3)]
		},
		func(s *corev1.Container, c randfill.Continue) {
			c.FillNoCustom(s)
			s.Name = []string{"a", "b", "c"}[c.Intn(3)]
			s.Image = randomImage(c)
		},
		func(s *corev1.WindowsSecurityContextOptions, c randfill.Continue) {
			c.FillNoCustom(s)
			if names := []string{"", "ContainerAdministrator", `A\B`, "x"}; s.RunAsUserName != nil {
				s.RunAsUserName = &names[c.Intn(len(names))]
			}
		},
		func(s *corev1.LinuxContainerUser, c randfill.Continue) { s.UID = int64(c.Intn(3)) * 1000 },
		func(s *corev1.PodOS, c randfill.Continue) {
			s.Name = []corev1.OSName{"linux", "windows", "", "plan9"}[c.Intn(4)]
		},
	)
	seen := map[finding.Status]int{}
	for range 100 {
		var pod corev1.Pod
		fill.Fill(&pod.Spec)
		fill.Fill(&pod.Status)
		for ctr := range workload.Containers(&pod.Spec) {
			for _, c := range container.All() {
				if c.Judge != nil {
					seen[checktest.Judge(t, c, &pod, ctr).Status]++
				}
			}
		}
		if t.Failed() {
			return
		}
	}
	for _, s := range []finding.Status{finding.Fail, finding.Pass, finding.Error, finding.NotApplicable} {
		if seen[s] < 100 {
			t.Errorf("only %d verdicts are %s: that tests too little", seen[s], s)
		}
	}
}

func randomImage(c randfill.Continue) string {
	known := []string{"", "nginx", "nginx:latest", "nginx:1.29", "a:5000/b", "[::1]:5000/b:v1", "nginx@sha256:1", "A"}
	if n := c.Intn(len(known) + 1); n < len(known) {
		return known[n]
	}
	return c.String(0)
}

// FuzzRunAsRoot looks for a combination of settings that breaks the rules of a verdict.
func FuzzRunAsRoot(f *testing.F) {
	f.Add(int64(0), byte(0), "ContainerAdministrator", "windows", int64(0))
	f.Add(int64(-1), byte(0xff), "", "", int64(1<<40))
	f.Fuzz(func(t *testing.T, user int64, flags byte, name, os string, uid int64) {
		bit := func(n int) bool { return flags>>n&1 == 1 }
		own := &corev1.SecurityContext{WindowsOptions: &corev1.WindowsSecurityContextOptions{HostProcess: new(bit(0))}}
		pod := &corev1.Pod{Spec: corev1.PodSpec{
			SecurityContext: &corev1.PodSecurityContext{}, HostUsers: new(bit(1)),
			NodeSelector: map[string]string{corev1.LabelOSStable: os},
			Containers:   []corev1.Container{{Name: "app", SecurityContext: own}},
		}}
		if bit(2) {
			own.RunAsUser = &user
		}
		if bit(3) {
			own.WindowsOptions.RunAsUserName = &name
		}
		if bit(4) {
			pod.Spec.SecurityContext.RunAsNonRoot = new(bit(5))
		}
		if bit(6) {
			pod.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "app", User: &corev1.ContainerUser{Linux: &corev1.LinuxContainerUser{UID: uid}}}}
		}
		for c := range workload.Containers(&pod.Spec) {
			v := checktest.Judge(t, byID(t, "run-as-root"), pod, c)
			if bit(6) && (v.Status == finding.Fail) != (uid == 0) {
				t.Errorf("the kubelet reports %d: %s", uid, v.Status)
			}
		}
	})
}
