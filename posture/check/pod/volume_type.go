package pod

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
)

// volumeTypeNotAllowed fails where a pod has a kind of volume that the
// restricted standard does not allow, but for hostPath: that is for hostPathVolume.
//
// Fields: spec.volumes[*].
func volumeTypeNotAllowed() *check.Check {
	return &check.Check{
		Rule: finding.Rule{
			ID: "volume-type-not-allowed", Title: "Kind of volume that the restricted standard does not allow", Severity: finding.Low,
			Description: "The pod mounts storage directly, by a kind of volume that the restricted Pod Security Standard does not list. " +
				"Whoever writes the pod then chooses servers, disks and credentials for them by himself, which is otherwise up to those who make persistent volumes and storage classes.",
			Check: "The Pod Security Standards' own check of volumes (restricted) decides. hostPath volumes are left out: they are judged by host-path-volume and container-runtime-socket.",
			Fix: "Ask for storage by a claim, and let a storage class or an administrator choose where it comes from:\n\n" +
				"    spec:\n      volumes:\n      - name: data\n        persistentVolumeClaim:\n          claimName: data\n",
			References: references("volume-type-not-allowed", "concepts/storage/persistent-volumes/"),
		},
		Fields:   []string{"spec.volumes[*]"},
		JudgePod: judgeVolumeType,
	}
}

func judgeVolumeType(v check.View) check.Verdict {
	paths := 0
	for i := range v.Spec.Volumes {
		if v.Spec.Volumes[i].HostPath != nil {
			paths++
		}
	}
	others := v.Spec
	switch paths {
	case 0:
	case len(v.Spec.Volumes):
		others = nil
	default:
		others = withoutHostPaths(v.Spec)
	}
	out := declared(others != nil && len(others.Volumes) > 0 && denies(&v, "restrictedVolumes", others), finding.Low)
	if v.Brief {
		return out
	}
	out.Message = "All volumes are of kinds that the restricted standard allows (hostPath volumes are other checks')."
	if out.Status == finding.Pass {
		out.Basis = volumesBasis(&v)
		return out
	}
	var kinds []string
	for _, violation := range v.Standards.Control("restrictedVolumes").Violations(v.Meta, v.Spec) {
		for _, f := range violation.Fields {
			kind := f[strings.LastIndexByte(f, '.')+1:]
			if kind == "hostPath" {
				continue
			}
			name, _, _ := strings.Cut(f, ".")
			out.Basis = append(out.Basis, v.InPod(name+".name", nameOf(v.Spec, name)))
			if !slices.Contains(kinds, kind) {
				kinds = append(kinds, kind)
			}
		}
	}
	if out.Basis == nil {
		out.Basis = volumesBasis(&v)
	}
	out.Message = "The pod has volumes of kinds that the restricted Pod Security Standard does not allow: " + strings.Join(kinds, ", ") + "."
	return out
}

// nameOf is the name of the volume at a path such as "volumes[2]".
func nameOf(spec *corev1.PodSpec, at string) string {
	for i := range spec.Volumes {
		if at == volumeAt(i) {
			return check.OrUnset(spec.Volumes[i].Name)
		}
	}
	return check.Unset
}

func withoutHostPaths(spec *corev1.PodSpec) *corev1.PodSpec {
	only := &corev1.PodSpec{}
	for i := range spec.Volumes {
		if spec.Volumes[i].HostPath == nil {
			only.Volumes = append(only.Volumes, spec.Volumes[i])
		}
	}
	return only
}
