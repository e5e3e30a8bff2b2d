package pss_test

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"

	"github.com/kubeassay/assay/posture/pss"
	"github.com/kubeassay/assay/workload"
)

// plain is a pod as most are: it asks for nothing special, and promises nothing.
func plain() *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "plain"},
		Spec: corev1.PodSpec{
			Containers: []corev1.Container{{Name: "app", Image: "app", Ports: []corev1.ContainerPort{{ContainerPort: 8080}}}, {Name: "proxy", Image: "proxy"}},
			Volumes: []corev1.Volume{
				{Name: "a", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}},
				{Name: "b", VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{}}},
			},
		},
	}
}

// hardened is one that restricted lets in.
func hardened() *corev1.Pod {
	p := plain()
	p.Spec.SecurityContext = &corev1.PodSecurityContext{RunAsNonRoot: new(true), SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault}}
	for i := range p.Spec.Containers {
		p.Spec.Containers[i].SecurityContext = &corev1.SecurityContext{
			AllowPrivilegeEscalation: new(false), Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		}
	}
	return p
}

func BenchmarkPerPod(b *testing.B) {
	e := newEvaluator(b)
	library, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		b.Fatal(err)
	}
	restricted := api.LevelVersion{Level: api.LevelRestricted, Version: pss.Newest()}
	for _, x := range []struct {
		name string
		pod  *corev1.Pod
	}{{"hardened", hardened()}, {"plain", plain()}} {
		meta, spec := &x.pod.ObjectMeta, &x.pod.Spec
		b.Run("library/"+x.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				library.EvaluatePod(restricted, meta, spec)
			}
		})
		b.Run("denials/"+x.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				e.Denials(restricted.Level, restricted.Version, meta, spec)
			}
		})
		b.Run("violations/"+x.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				e.Evaluate(restricted.Level, restricted.Version, meta, spec)
			}
		})
		b.Run("has/"+x.name, func(b *testing.B) {
			b.ReportAllocs()
			control := e.Control("allowPrivilegeEscalation", pss.Newest())
			for b.Loop() {
				for c := range workload.Containers(spec) {
					control.Has(meta, spec, c)
				}
			}
		})
		b.Run("tally/"+x.name, func(b *testing.B) {
			b.ReportAllocs()
			t := e.NewTally(pss.Newest(), new(10))
			for b.Loop() {
				t.AddPod(pss.Subject{Kind: "ReplicaSet", Name: "x"}, meta, spec)
			}
		})
	}
}

func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		if _, err := pss.New(); err != nil {
			b.Fatal(err)
		}
	}
}
