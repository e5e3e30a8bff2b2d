package container

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/kubeassay/assay/posture/check"
)

// inheritable is a setting that a container takes over from the pod where it
// does not have it itself.
type inheritable struct {
	// control is the standards' check of it.
	control string
	own     func(*corev1.SecurityContext) bool
	pod     func(*corev1.PodSecurityContext) bool
}

// origin is where a setting stands that the standards forbid.
type origin int

const (
	nowhere  origin = iota
	inItself        // in the container
	inThePod        // in the pod, and this container takes it over
	unused          // in the pod, and no container takes it over; this one speaks for all
)

// has and podHas say whether a level sets it.
func (i *inheritable) has(c *corev1.SecurityContext) bool { return c != nil && i.own(c) }

func (i *inheritable) podHas(spec *corev1.PodSpec) bool {
	return spec.SecurityContext != nil && i.pod(spec.SecurityContext)
}

// denied finds the setting that takes effect in a container, and asks the
// standards about it. They also refuse a pod whose own setting is wrong while
// every container has a better one: so that this is said, and said once, it is
// counted to the first container.
func (i *inheritable) denied(v *check.View) origin {
	if i.has(v.Container.Security) {
		if denied(v, i.control) {
			return inItself
		}
		if speaks(v) && i.podHas(v.Spec) && !i.inherited(v.Spec) && deniedPod(v, i.control) {
			return unused
		}
		return nowhere
	}
	if i.podHas(v.Spec) && deniedPod(v, i.control) {
		return inThePod
	}
	return nowhere
}

// deniedPod asks about the pod's own settings.
func deniedPod(v *check.View, control string) bool {
	return v.Standards.Denies(control, v.Meta, v.Spec, nil)
}

// speaks reports whether a container is the one that speaks for the pod.
func speaks(v *check.View) bool {
	return len(v.Spec.Containers) > 0 && v.Container.Spec == &v.Spec.Containers[0]
}

// inherited reports whether some container goes by the pod's setting.
func (i *inheritable) inherited(spec *corev1.PodSpec) bool {
	for j := range spec.InitContainers {
		if !i.has(spec.InitContainers[j].SecurityContext) {
			return true
		}
	}
	for j := range spec.Containers {
		if !i.has(spec.Containers[j].SecurityContext) {
			return true
		}
	}
	for j := range spec.EphemeralContainers {
		if !i.has(spec.EphemeralContainers[j].SecurityContext) {
			return true
		}
	}
	return false
}

// unusedWords say what is wrong with a pod's setting that no container goes by.
const unusedWords = " No container goes by that now, but one that is added later, such as one for debugging, would, and the Pod Security Standards refuse such a pod."
