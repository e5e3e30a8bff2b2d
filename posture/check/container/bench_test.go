package container_test

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/check/container"
	"github.com/kubeassay/assay/posture/pss"
	"github.com/kubeassay/assay/workload"
)

// ordinaryPod is a pod as most are: one container that promises nothing.
func ordinaryPod() *corev1.Pod {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "cart", Annotations: map[string]string{"checksum/config": "0123456789abcdef"}},
		Spec: corev1.PodSpec{
			Containers: []corev1.Container{{
				Name: "app", Image: "registry.example/shop/cart:1.4.2", Args: []string{"--port=8080", "--config=/etc/cart/cart.yaml", "--verbose"},
				Ports:         []corev1.ContainerPort{{ContainerPort: 8080}},
				Resources:     corev1.ResourceRequirements{Limits: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("128Mi")}},
				VolumeMounts:  []corev1.VolumeMount{{Name: "config", MountPath: "/etc/cart", SubPath: "cart"}, {Name: "token", MountPath: "/var/run/secrets"}},
				LivenessProbe: &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/healthz"}}},
			}},
			Volumes: []corev1.Volume{{Name: "config", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{}}}},
		},
		Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{
			Name: "app", User: &corev1.ContainerUser{Linux: &corev1.LinuxContainerUser{UID: 10001, GID: 10001, SupplementalGroups: []int64{10001}}},
		}}},
	}
	for i := range 10 {
		pod.Spec.Containers[0].Env = append(pod.Spec.Containers[0].Env, corev1.EnvVar{Name: fmt.Sprintf("CART_SETTING_%d", i), Value: "http://catalog.shop.svc:8080/v1"})
	}
	return pod
}

// hardenedPod is one that the restricted standard lets in.
func hardenedPod() *corev1.Pod {
	pod := ordinaryPod()
	pod.Spec.SecurityContext = &corev1.PodSecurityContext{
		RunAsNonRoot: new(true), RunAsUser: new(int64(10001)), RunAsGroup: new(int64(10001)),
		SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
	}
	pod.Spec.Containers[0].SecurityContext = &corev1.SecurityContext{
		AllowPrivilegeEscalation: new(false), ReadOnlyRootFilesystem: new(true),
		Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
	}
	return pod
}

// BenchmarkCheck shows what each check costs for a pod with one container.
// More than 2 microseconds is looked at.
func BenchmarkCheck(b *testing.B) {
	standards, err := check.NewStandards(pss.Newest())
	if err != nil {
		b.Fatal(err)
	}
	for _, p := range []struct {
		name string
		pod  *corev1.Pod
	}{{"ordinary", ordinaryPod()}, {"hardened", hardenedPod()}} {
		for _, c := range container.All() {
			if c.Judge == nil {
				continue
			}
			b.Run(p.name+"/"+c.ID, func(b *testing.B) {
				b.ReportAllocs()
				var ctr workload.Container
				for x := range workload.Containers(&p.pod.Spec) {
					ctr = *x
				}
				v := viewOf(p.pod, &ctr, standards)
				v.Brief = true
				for b.Loop() {
					c.Judge(v)
				}
			})
		}
	}
}
