package index

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// Refs lists the names of the Secrets and ConfigMaps that a pod spec refers to,
// sorted, each once.
func Refs(spec *corev1.PodSpec) (secrets, configMaps []string) {
	secret := func(name string) {
		if name != "" {
			secrets = append(secrets, name)
		}
	}
	configMap := func(name string) {
		if name != "" {
			configMaps = append(configMaps, name)
		}
	}
	for i := range spec.ImagePullSecrets {
		secret(spec.ImagePullSecrets[i].Name)
	}
	for i := range spec.Volumes {
		volumeRefs(&spec.Volumes[i], secret, configMap)
	}
	for _, list := range [][]corev1.Container{spec.InitContainers, spec.Containers} {
		for i := range list {
			envRefs(list[i].Env, list[i].EnvFrom, secret, configMap)
		}
	}
	for i := range spec.EphemeralContainers {
		c := &spec.EphemeralContainers[i].EphemeralContainerCommon
		envRefs(c.Env, c.EnvFrom, secret, configMap)
	}
	slices.Sort(secrets)
	slices.Sort(configMaps)
	return slices.Compact(secrets), slices.Compact(configMaps)
}

func envRefs(env []corev1.EnvVar, from []corev1.EnvFromSource, secret, configMap func(string)) {
	for i := range env {
		v := env[i].ValueFrom
		if v == nil {
			continue
		}
		if v.SecretKeyRef != nil {
			secret(v.SecretKeyRef.Name)
		}
		if v.ConfigMapKeyRef != nil {
			configMap(v.ConfigMapKeyRef.Name)
		}
	}
	for i := range from {
		if from[i].SecretRef != nil {
			secret(from[i].SecretRef.Name)
		}
		if from[i].ConfigMapRef != nil {
			configMap(from[i].ConfigMapRef.Name)
		}
	}
}

func volumeRefs(v *corev1.Volume, secret, configMap func(string)) {
	local := func(r *corev1.LocalObjectReference) {
		if r != nil {
			secret(r.Name)
		}
	}
	switch {
	case v.Secret != nil:
		secret(v.Secret.SecretName)
	case v.ConfigMap != nil:
		configMap(v.ConfigMap.Name)
	case v.CSI != nil:
		local(v.CSI.NodePublishSecretRef)
	case v.FlexVolume != nil:
		local(v.FlexVolume.SecretRef)
	case v.CephFS != nil:
		local(v.CephFS.SecretRef)
	case v.RBD != nil:
		local(v.RBD.SecretRef)
	case v.ISCSI != nil:
		local(v.ISCSI.SecretRef)
	case v.ScaleIO != nil:
		local(v.ScaleIO.SecretRef)
	case v.StorageOS != nil:
		local(v.StorageOS.SecretRef)
	case v.Cinder != nil:
		local(v.Cinder.SecretRef)
	case v.AzureFile != nil:
		secret(v.AzureFile.SecretName)
	case v.Projected != nil:
		for i := range v.Projected.Sources {
			from := &v.Projected.Sources[i]
			if from.Secret != nil {
				secret(from.Secret.Name)
			}
			if from.ConfigMap != nil {
				configMap(from.ConfigMap.Name)
			}
		}
	}
}
