package sidecar

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/kubeassay/assay/inspect/collect/internal/mirror"
	"github.com/kubeassay/assay/inspect/collect/internal/remote"
)

const (
	prefix  = "assay-sidecar-"
	longest = 63 // characters of a container's name

	// The API server mounts the service account's token into every container,
	// but for those that mount something there themselves. Ours needs no token.
	noTokenVolume = "assay-no-token"
	tokenPath     = "/var/run/secrets/kubernetes.io/serviceaccount" //nolint:gosec // a path, no credential
)

// Name is what the sidecar beside a container is called.
func Name(container string) string {
	name := prefix + container
	if len(name) <= longest {
		return name
	}
	sum := sha256.Sum256([]byte(container))
	return name[:longest-9] + "-" + hex.EncodeToString(sum[:4])
}

// build makes the sidecar's container.
func build(spec *corev1.PodSpec, target *corev1.Container, ids IDs, image string) corev1.Container {
	policy := corev1.ContainerRestartPolicyAlways
	return corev1.Container{
		Name:            Name(target.Name),
		Image:           image,
		ImagePullPolicy: corev1.PullIfNotPresent,
		Command:         remote.HoldForever(),
		RestartPolicy:   &policy,
		Resources:       resources(spec),
		SecurityContext: mirror.Context(target.SecurityContext, ids, false),
		VolumeMounts:    tokenMounts(spec),
	}
}

// tokenMounts keeps the service account's token out, where there is one.
func tokenMounts(spec *corev1.PodSpec) []corev1.VolumeMount {
	if spec.AutomountServiceAccountToken != nil && !*spec.AutomountServiceAccountToken {
		return nil
	}
	return []corev1.VolumeMount{{Name: noTokenVolume, MountPath: tokenPath, ReadOnly: true}}
}

func noToken() corev1.Volume {
	size := resource.MustParse("4Ki")
	return corev1.Volume{Name: noTokenVolume, VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{
		Medium: corev1.StorageMediumMemory, SizeLimit: &size,
	}}}
}

// resources are small while nobody asks. In a pod of the class Guaranteed the
// requests are as large as the limits, so that the pod stays in it.
func resources(spec *corev1.PodSpec) corev1.ResourceRequirements {
	limits := remote.Limits()
	if guaranteed(spec) {
		return corev1.ResourceRequirements{Limits: limits, Requests: limits.DeepCopy()}
	}
	return corev1.ResourceRequirements{Limits: limits, Requests: remote.Requests()}
}

// guaranteed reports whether every container has limits for processor and
// memory that are its requests too (the sidecar of an earlier run left out).
func guaranteed(spec *corev1.PodSpec) bool {
	for _, c := range slices.Concat(spec.InitContainers, spec.Containers) {
		if isOurs(&c) {
			continue
		}
		for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
			limit, ok := c.Resources.Limits[name]
			if !ok {
				return false
			}
			if request, ok := c.Resources.Requests[name]; ok && request.Cmp(limit) != 0 {
				return false
			}
		}
	}
	return true
}

// isOurs reports whether a container is one that Inject has made.
func isOurs(c *corev1.Container) bool {
	return len(c.Name) > len(prefix) && c.Name[:len(prefix)] == prefix && always(c) && slices.Equal(c.Command, remote.HoldForever())
}
