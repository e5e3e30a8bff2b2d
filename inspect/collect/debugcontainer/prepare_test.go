package debugcontainer

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubeassay/assay/inspect/collect"
	"github.com/kubeassay/assay/inspect/snapshot"
)

func of(pod *corev1.Pod) *Collector {
	return New(nil, collect.Target{Target: snapshot.Target{Namespace: "n", Pod: "p", Container: "app"}, Declared: pod}, Options{Image: "i"})
}

func pod(own *corev1.SecurityContext, user *corev1.ContainerUser) *corev1.Pod {
	return &corev1.Pod{
		Spec:   corev1.PodSpec{Containers: []corev1.Container{{Name: "side"}, {Name: "app", SecurityContext: own}}},
		Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{Name: "app", User: user}}},
	}
}

func linux(uid, gid int64) *corev1.ContainerUser {
	return &corev1.ContainerUser{Linux: &corev1.LinuxContainerUser{UID: uid, GID: gid}}
}

func TestTheUserIsTheReportedOne(t *testing.T) {
	seven := int64(7)
	for _, tt := range []struct {
		name     string
		pod      *corev1.Pod
		uid, gid int64
		unknown  bool
	}{
		{"reported", pod(nil, linux(1, 2)), 1, 2, false},
		{"reported otherwise than declared", pod(&corev1.SecurityContext{RunAsUser: &seven, RunAsGroup: &seven}, linux(7, 0)), 7, 0, false},
		{"declared", pod(&corev1.SecurityContext{RunAsUser: &seven, RunAsGroup: &seven}, nil), 7, 7, false},
		{"the group is the image's", pod(&corev1.SecurityContext{RunAsUser: &seven}, nil), 0, 0, true},
		{"nobody says", pod(nil, nil), 0, 0, true},
	} {
		p, err := of(tt.pod).prepare(tt.pod)
		if tt.unknown {
			if !errors.Is(err, ErrUserUnknown) {
				t.Errorf("%s: %v", tt.name, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if s := p.container.SecurityContext; *s.RunAsUser != tt.uid || *s.RunAsGroup != tt.gid {
			t.Errorf("%s: %d:%d", tt.name, *s.RunAsUser, *s.RunAsGroup)
		}
	}
}

func TestTheContainer(t *testing.T) {
	target := pod(nil, linux(0, 0))
	p, err := of(target).prepare(target)
	if err != nil {
		t.Fatal(err)
	}
	c := p.container
	if c.TargetContainerName != "app" || !IsOurs(&c) || len(c.Resources.Limits)+len(c.Resources.Requests) > 0 || c.Stdin || c.TTY || len(c.Env)+len(c.VolumeMounts) > 0 ||
		strings.Join(c.Command, " ") != "/assay-collector hold --for 10m0s" || c.ImagePullPolicy != corev1.PullIfNotPresent {
		t.Errorf("%+v", c)
	}
	if q, _ := of(target).prepare(target); q.container.Name == c.Name {
		t.Error("two containers of one name")
	}
}

func TestRefusalsBeforeAnythingIsAsked(t *testing.T) {
	yes := true
	privileged := pod(&corev1.SecurityContext{Privileged: &yes}, linux(0, 0))
	windows := pod(nil, linux(0, 0))
	windows.Spec.OS = &corev1.PodOS{Name: corev1.Windows}
	if _, err := of(privileged).prepare(privileged); !errors.Is(err, ErrNeedsPtrace) {
		t.Error(err)
	}
	if _, err := of(windows).prepare(windows); err == nil || !strings.Contains(err.Error(), "Windows") {
		t.Error(err)
	}
	c := of(pod(nil, nil))
	c.target.Container = "other"
	if _, err := c.prepare(pod(nil, nil)); err == nil || !strings.Contains(err.Error(), `"other"`) {
		t.Error(err)
	}
}

func TestReuse(t *testing.T) {
	target := pod(nil, linux(5, 5))
	p, err := of(target).prepare(target)
	if err != nil {
		t.Fatal(err)
	}
	want := p.container
	running := corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}
	for _, tt := range []struct {
		name   string
		change func(*corev1.EphemeralContainer, *corev1.ContainerState)
		reused bool
	}{
		{"as good", func(*corev1.EphemeralContainer, *corev1.ContainerState) {}, true},
		{"for longer", func(c *corev1.EphemeralContainer, _ *corev1.ContainerState) { c.Command[3] = "1h0m0s" }, true},
		{"has ended", func(_ *corev1.EphemeralContainer, s *corev1.ContainerState) { *s = corev1.ContainerState{} }, false},
		{"another image", func(c *corev1.EphemeralContainer, _ *corev1.ContainerState) { c.Image = "j" }, false},
		{"another target", func(c *corev1.EphemeralContainer, _ *corev1.ContainerState) { c.TargetContainerName = "side" }, false},
		{"another user", func(c *corev1.EphemeralContainer, _ *corev1.ContainerState) { *c.SecurityContext.RunAsUser = 6 }, false},
		{"somebody's", func(c *corev1.EphemeralContainer, _ *corev1.ContainerState) { c.Name = "debugger-1" }, false},
		{"runs something else", func(c *corev1.EphemeralContainer, _ *corev1.ContainerState) { c.Command = []string{"sh"} }, false},
	} {
		have, state := *want.DeepCopy(), running
		have.Name = Prefix + "other"
		tt.change(&have, &state)
		with := target.DeepCopy()
		with.Spec.EphemeralContainers = []corev1.EphemeralContainer{have}
		with.Status.EphemeralContainerStatuses = []corev1.ContainerStatus{{Name: have.Name, State: state}}
		if got := reusable(with, &want); (got == have.Name) != tt.reused {
			t.Errorf("%s: %q", tt.name, got)
		}
	}
}

func TestPtraceMeansRoot(t *testing.T) {
	target := pod(nil, linux(5, 6))
	c := of(target)
	c.options.AllowPtrace = true
	p, err := c.prepare(target)
	if err != nil {
		t.Fatal(err)
	}
	s := p.container.SecurityContext
	want := &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}, Add: []corev1.Capability{"SYS_PTRACE"}}
	if *s.RunAsUser != 0 || *s.RunAsGroup != 6 || *s.RunAsNonRoot || !reflect.DeepEqual(s.Capabilities, want) {
		t.Errorf("%+v", s)
	}
}
