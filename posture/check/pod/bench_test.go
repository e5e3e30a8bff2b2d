package pod_test

import (
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubeassay/assay/image"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/check/pod"
	"github.com/kubeassay/assay/posture/index"
	"github.com/kubeassay/assay/posture/pss"
)

// BenchmarkChecks reports the cost of each check for one usual pod, and for one
// of a node's agents, with verdicts that are only counted.
func BenchmarkChecks(b *testing.B) {
	standards, err := check.NewStandards(pss.Newest())
	if err != nil {
		b.Fatal(err)
	}
	for name, p := range map[string]*corev1.Pod{"usual": usual(), "agent": agent()} {
		x := index.New()
		x.Live = true
		compact := index.PodOf(&p.ObjectMeta, &p.Spec)
		compact.Owner, compact.Replicas = "Deployment", 3
		joint := &check.Joint{Pod: &compact, Namespace: x.Namespace("shop"), SpecPath: "spec"}
		v := check.View{
			Meta: &p.ObjectMeta, Spec: &p.Spec, Status: &p.Status, SpecPath: "spec", Replicas: 3, Owner: "Deployment",
			Images: &image.Cache{}, Standards: standards, Settings: &check.Settings{}, Brief: true,
		}
		for _, c := range pod.All() {
			switch {
			case c.JudgePod != nil:
				b.Run(name+"/"+c.ID, func(b *testing.B) {
					b.ReportAllocs()
					for b.Loop() {
						c.JudgePod(v)
					}
				})
			case c.Join != nil:
				b.Run(name+"/"+c.ID, func(b *testing.B) {
					b.ReportAllocs()
					for b.Loop() {
						c.Join(joint)
					}
				})
			}
		}
	}
}

func usual() *corev1.Pod {
	token := corev1.Volume{Name: "kube-api-access-x", VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{
		Sources: []corev1.VolumeProjection{{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{ExpirationSeconds: new(int64(3607)), Path: "token"}}},
	}}}
	mounts := []corev1.VolumeMount{{Name: "kube-api-access-x", MountPath: "/var/run/secrets", ReadOnly: true}}
	return &corev1.Pod{Spec: corev1.PodSpec{
		Containers:  []corev1.Container{{Name: "app", VolumeMounts: mounts}, {Name: "log", VolumeMounts: mounts}},
		Volumes:     []corev1.Volume{token, {Name: "tmp", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}},
		Tolerations: []corev1.Toleration{{Key: "node.kubernetes.io/not-ready", Operator: corev1.TolerationOpExists}},
	}}
}

func agent() *corev1.Pod {
	p := usual()
	p.Spec.HostNetwork, p.Spec.HostPID = true, true
	for _, path := range []string{"/var/log", "/proc", "/run/containerd/containerd.sock"} {
		p.Spec.Volumes = append(p.Spec.Volumes, corev1.Volume{Name: path, VolumeSource: corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: path}}})
		p.Spec.Containers[0].VolumeMounts = append(p.Spec.Containers[0].VolumeMounts, corev1.VolumeMount{Name: path, ReadOnly: true})
	}
	return p
}
