package workload

import (
	"iter"
	"strconv"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubeassay/assay/finding"
)

// Container is one container of a pod spec, or one image volume. It points
// into the spec and copies nothing.
type Container struct {
	Type finding.ContainerType
	Name string
	// list and index say where it stands in the pod spec, see Path.
	list  string
	index int

	// Image is the reference as written; PullPolicy is empty where unset.
	Image      string
	PullPolicy corev1.PullPolicy
	// Security is nil where unset, and for image volumes.
	Security *corev1.SecurityContext
	// Spec is the container as it stands in the pod spec; an ephemeral one has
	// the same fields, but for its target. It is nil for image volumes.
	Spec *corev1.Container
}

// Path is the container's path below the pod spec, such as "initContainers[1]".
func (c *Container) Path() string { return c.list + "[" + strconv.Itoa(c.index) + "]" }

// ImagePath is the path of the image reference below the pod spec.
func (c *Container) ImagePath() string {
	if c.Type == finding.ImageVolume {
		return c.Path() + ".image.reference"
	}
	return c.Path() + ".image"
}

// Containers yields all containers of a pod: containers, init containers
// (those with restartPolicy Always as sidecar containers), ephemeral
// containers, and image volumes. The yielded value is reused.
func Containers(spec *corev1.PodSpec) iter.Seq[*Container] {
	return func(yield func(*Container) bool) {
		var c Container
		for i := range spec.InitContainers {
			in := &spec.InitContainers[i]
			kind := finding.InitContainer
			if in.RestartPolicy != nil && *in.RestartPolicy == corev1.ContainerRestartPolicyAlways {
				kind = finding.SidecarContainer
			}
			c = Container{kind, in.Name, "initContainers", i, in.Image, in.ImagePullPolicy, in.SecurityContext, in}
			if !yield(&c) {
				return
			}
		}
		for i := range spec.Containers {
			in := &spec.Containers[i]
			c = Container{finding.Container, in.Name, "containers", i, in.Image, in.ImagePullPolicy, in.SecurityContext, in}
			if !yield(&c) {
				return
			}
		}
		for i := range spec.EphemeralContainers {
			in := (*corev1.Container)(&spec.EphemeralContainers[i].EphemeralContainerCommon)
			c = Container{finding.EphemeralContainer, in.Name, "ephemeralContainers", i, in.Image, in.ImagePullPolicy, in.SecurityContext, in}
			if !yield(&c) {
				return
			}
		}
		for i := range spec.Volumes {
			v := &spec.Volumes[i]
			if v.Image == nil {
				continue
			}
			c = Container{finding.ImageVolume, v.Name, "volumes", i, v.Image.Reference, v.Image.PullPolicy, nil, nil}
			if !yield(&c) {
				return
			}
		}
	}
}

// FieldPath is the path, below the pod spec, of a field of the security
// context: in the pod's where fromPod, else in the container's.
func (c *Container) FieldPath(field string, fromPod bool) string {
	if fromPod {
		return "securityContext." + field
	}
	return c.Path() + ".securityContext." + field
}

// Status returns the status of a container, or nil where the kubelet has not
// written one.
func Status(status *corev1.PodStatus, c *Container) *corev1.ContainerStatus {
	list, _ := statuses(status, c.Type)
	for i := range list {
		if list[i].Name == c.Name {
			return &list[i]
		}
	}
	return nil
}

// StatusPath is the path of a container's status in the pod, such as
// "status.initContainerStatuses[1]". It is empty where there is none.
func StatusPath(status *corev1.PodStatus, c *Container) string {
	list, name := statuses(status, c.Type)
	for i := range list {
		if list[i].Name == c.Name {
			return "status." + name + "[" + strconv.Itoa(i) + "]"
		}
	}
	return ""
}

// statuses is the list that holds the statuses of containers of a type, and its name.
func statuses(status *corev1.PodStatus, t finding.ContainerType) ([]corev1.ContainerStatus, string) {
	if status == nil {
		return nil, ""
	}
	switch t {
	case finding.Container:
		return status.ContainerStatuses, "containerStatuses"
	case finding.InitContainer, finding.SidecarContainer:
		return status.InitContainerStatuses, "initContainerStatuses"
	case finding.EphemeralContainer:
		return status.EphemeralContainerStatuses, "ephemeralContainerStatuses"
	default:
		return nil, ""
	}
}
