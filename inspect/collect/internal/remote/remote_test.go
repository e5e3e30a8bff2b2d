package remote

import (
	"errors"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubeassay/assay/inspect/collect"
	"github.com/kubeassay/assay/inspect/collect/stream"
	"github.com/kubeassay/assay/inspect/snapshot"
)

func TestExplain(t *testing.T) {
	lost, broken := errors.New("lost"), errors.New("broken")
	for _, tt := range []struct {
		name        string
		result      stream.Result
		ran, loaded error
		is          error
		words       string
	}{
		{"fine", stream.Result{}, nil, nil, nil, ""},
		{"not found", stream.Result{ExitCode: 4, Stderr: []byte("assay-collector: it has ended\n")}, nil, broken, ErrNotFound, "be seen: it has ended"},
		{"ended meanwhile", stream.Result{ExitCode: 5}, nil, broken, collect.ErrChanged, ""},
		{"time is up", stream.Result{ExitCode: 6}, nil, broken, ErrOutOfTime, ""},
		{"an older collector", stream.Result{ExitCode: 3}, nil, broken, nil, "same version"},
		{"out of memory", stream.Result{ExitCode: 137}, nil, broken, nil, "out of memory"},
		{"any other end", stream.Result{ExitCode: 2, Stderr: []byte("no space")}, nil, nil, nil, "exit code 2: no space"},
		{"many words", stream.Result{ExitCode: 2, Stderr: []byte(strings.Repeat("x", 1<<16))}, nil, nil, nil, "exit code 2"},
		{"a lost connection is why the answer is broken", stream.Result{}, lost, broken, lost, ""},
		{"a broken answer is why the streams were ended", stream.Result{}, broken, broken, broken, "reading the collector's answer"},
		{"a broken answer", stream.Result{}, nil, broken, broken, "reading the collector's answer"},
	} {
		err := explain(&tt.result, tt.ran, tt.loaded)
		switch {
		case tt.name == "fine":
			if err != nil {
				t.Error(err)
			}
		case err == nil, tt.is != nil && !errors.Is(err, tt.is), !strings.Contains(err.Error(), tt.words), len(err.Error()) > 2*mostStderr:
			t.Errorf("%s: %.200v", tt.name, err)
		}
	}
}

func TestStarted(t *testing.T) {
	waiting := func(reason string) *corev1.ContainerStatus {
		return &corev1.ContainerStatus{State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: "m"}}}
	}
	for _, tt := range []struct {
		name   string
		status *corev1.ContainerStatus
		ok     bool
		err    string
	}{
		{"nothing yet", nil, false, ""},
		{"no state yet", &corev1.ContainerStatus{}, false, ""},
		{"running", &corev1.ContainerStatus{State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}, true, ""},
		{"on its way", waiting("ContainerCreating"), false, ""},
		{"no image", waiting("ErrImageNeverPull"), false, "ErrImageNeverPull: m"},
		{"bad settings", waiting("CreateContainerConfigError"), false, "CreateContainerConfigError: m"},
		{"ended", &corev1.ContainerStatus{State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Reason: "Error", ExitCode: 3}}}, false, "exit code 3"},
	} {
		ok, err := Started(tt.status)
		var start *StartError
		if ok != tt.ok || (err == nil) != (tt.err == "") || err != nil && (!errors.As(err, &start) || !strings.Contains(err.Error(), tt.err)) {
			t.Errorf("%s: %v, %v", tt.name, ok, err)
		}
	}
}

func TestSame(t *testing.T) {
	target := &collect.Target{Target: snapshot.Target{Pod: "p", PodUID: "u", Container: "c", ContainerID: "containerd://1"}}
	pod := func(uid, id string, running bool) *corev1.Pod {
		p := &corev1.Pod{Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{Name: "other"}, {Name: "c", ContainerID: id}}}}
		p.UID = "u"
		if uid != "" {
			p.UID = "v"
		}
		if running {
			p.Status.ContainerStatuses[1].State.Running = &corev1.ContainerStateRunning{}
		}
		return p
	}
	for _, tt := range []struct {
		name  string
		pod   *corev1.Pod
		words string
	}{
		{"the same", pod("", "containerd://1", true), ""},
		{"another pod", pod("v", "containerd://1", true), "replaced"},
		{"another container", pod("", "containerd://2", true), "started anew"},
		{"an end", pod("", "containerd://1", false), "does not run"},
		{"no status", &corev1.Pod{ObjectMeta: pod("", "", true).ObjectMeta}, "does not run"},
	} {
		err := Same(target, tt.pod)
		if (err == nil) != (tt.words == "") || err != nil && (!errors.Is(err, collect.ErrChanged) || !strings.Contains(err.Error(), tt.words)) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func TestMerge(t *testing.T) {
	from := snapshot.NewBuilder(snapshot.Limits{})
	from.Add(snapshot.Entry{Path: "/etc", Meta: snapshot.Fact{State: snapshot.Present}, Mode: snapshot.ModeDir | 0o755, Listing: snapshot.Fact{State: snapshot.Present}})
	from.Add(snapshot.Entry{Path: "/etc/a", Meta: snapshot.Fact{State: snapshot.Present}, Mode: snapshot.ModeRegular | 0o644, Size: 2})
	from.SetContent("/etc/a", []byte("hi"), snapshot.Fact{State: snapshot.Present})
	from.Add(snapshot.Entry{Path: "/etc/b", Meta: snapshot.Fact{State: snapshot.Present}, Mode: snapshot.ModeRegular, Content: snapshot.Fact{State: snapshot.Denied, Detail: "as 7"}})
	from.SetContent("/etc/c", []byte("begin"), snapshot.Fact{State: snapshot.Truncated, Detail: "cut"})
	from.SetProcesses([]snapshot.Process{{PID: 1}}, snapshot.Fact{State: snapshot.Present})
	from.SetMounts([]snapshot.Mount{{ID: 1}}, snapshot.Fact{State: snapshot.Present})
	from.SetSockets([]snapshot.Socket{{Port: 1}}, snapshot.Fact{State: snapshot.Present})
	from.SetKernel(snapshot.Kernel{Release: "6", Fact: snapshot.Fact{State: snapshot.Present}})
	into := snapshot.NewBuilder(snapshot.Limits{})
	into.SetTarget(snapshot.Target{Pod: "p"})
	merge(into, from.Snapshot())
	s := into.Snapshot()
	a, _ := s.Content("/etc/a")
	c, ec := s.Content("/etc/c")
	if string(a) != "hi" || s.Entry("/etc/b").Content.State != snapshot.Denied || string(c) != "begin" || ec.Content.State != snapshot.Truncated {
		t.Errorf("%q %q %+v", a, c, s.Entry("/etc/b"))
	}
	p, _ := s.Processes()
	m, _ := s.Mounts()
	o, _ := s.Sockets()
	if len(p) != 1 || len(m) != 1 || len(o) != 1 || s.Kernel.Release != "6" || s.Target.Pod != "p" || s.Entry("/etc/x").Meta.State != snapshot.Absent {
		t.Errorf("%v %v %v %v %v %v", p, m, o, s.Kernel, s.Target, s.Entry("/etc/x").Meta)
	}
}
