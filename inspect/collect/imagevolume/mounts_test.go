package imagevolume

import (
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubeassay/assay/inspect/collect"
	"github.com/kubeassay/assay/inspect/snapshot"
)

// TestMountsHideTheImage: where the container has something mounted, its image
// says neither what is there nor that nothing is.
func TestMountsHideTheImage(t *testing.T) {
	pod := &corev1.Pod{Spec: corev1.PodSpec{
		InitContainers: []corev1.Container{{Name: "init", VolumeMounts: []corev1.VolumeMount{{MountPath: "/opt"}}}},
		Containers: []corev1.Container{{Name: "app", VolumeMounts: []corev1.VolumeMount{
			{MountPath: "/var/run/secrets/kubernetes.io/serviceaccount"}, {MountPath: "/data/"}, {MountPath: "/etc/app.conf", SubPath: "x"}, {MountPath: "/srv/deep/er"},
		}, VolumeDevices: []corev1.VolumeDevice{{DevicePath: "/opt/disk"}}}},
	}}
	target := &collect.Target{Declared: pod}
	target.Container = "app"
	is := snapshot.Fact{State: snapshot.Present}
	b := snapshot.NewBuilder(snapshot.Limits{})
	for _, p := range []string{"/", "/var", "/run", "/data", "/data/sub", "/etc", "/opt", "/proc", "/proc/x"} {
		b.Add(snapshot.Entry{Path: p, Meta: is, Mode: snapshot.ModeDir, Device: 1, Listing: is})
	}
	b.Add(snapshot.Entry{Path: "/var/run", Meta: is, Mode: snapshot.ModeSymlink, Link: "/run"})
	for _, p := range []string{"/data/file", "/etc/app.conf", "/etc/app.conf.d", "/opt/file"} {
		b.Add(snapshot.Entry{Path: p, Meta: is, Mode: snapshot.ModeRegular, Device: 1})
		b.SetContent(p, []byte("of the image"), is)
	}
	b.Add(snapshot.Entry{Path: "/srv", Meta: snapshot.Fact{State: snapshot.Absent}})
	into := snapshot.NewBuilder(snapshot.Limits{})
	takeOver(b.Snapshot(), mounts(target), into)
	s := into.Snapshot()
	for p, want := range map[string]snapshot.State{
		"/etc/app.conf": snapshot.NotCollected, "/data": snapshot.NotCollected, "/data/file": snapshot.NotCollected, "/data/none": snapshot.NotCollected,
		"/var/run/secrets/kubernetes.io/serviceaccount/token": snapshot.NotCollected, "/run/secrets": snapshot.NotCollected,
		"/srv/deep/er/x": snapshot.NotCollected, "/opt/disk": snapshot.NotCollected, "/proc/1/status": snapshot.NotCollected, "/etc/hosts": snapshot.NotCollected,
		"/etc/app.conf.d": snapshot.Present, "/opt/file": snapshot.Present, "/run/other": snapshot.Absent, "/etc/passwd": snapshot.Absent, "/none": snapshot.Absent,
	} {
		if e := s.Resolve(p); e.Meta.State != want {
			t.Errorf("%s is %+v, want %s", p, e.Meta, want)
		}
	}
	if data, _ := s.Content("/opt/file"); string(data) != "of the image" {
		t.Errorf("/opt/file holds %q", data)
	}
	if data, _ := s.Content("/data/file"); len(data) > 0 {
		t.Errorf("/data/file holds %q", data)
	}
}
