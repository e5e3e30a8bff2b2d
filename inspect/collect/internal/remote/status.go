package remote

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubeassay/assay/inspect/collect"
	"github.com/kubeassay/assay/kube"
)

// StartError says why a container of ours does not run.
type StartError struct {
	Reason  string // the kubelet's word for it, such as ErrImageNeverPull
	Message string
}

func (e *StartError) Error() string {
	if e.Message == "" {
		return e.Reason
	}
	return e.Reason + ": " + e.Message
}

// hopeless reports whether a reason for waiting goes away only when a person does something.
func hopeless(reason string) bool {
	switch reason {
	case "ErrImageNeverPull", "InvalidImageName", "ErrImagePull", "ImagePullBackOff", "ImageInspectError", "RegistryUnavailable",
		"SignatureValidationFailed", "CreateContainerConfigError", "CreateContainerError", "RunContainerError", "CrashLoopBackOff":
		return true
	}
	return false
}

// Started reports whether a container runs, or a *StartError why it never will.
// A nil status is that of a container which the kubelet has not looked at yet.
func Started(s *corev1.ContainerStatus) (bool, error) {
	switch {
	case s == nil:
		return false, nil
	case s.State.Running != nil:
		return true, nil
	case s.State.Terminated != nil:
		t := s.State.Terminated
		return false, &StartError{Reason: "it ended at once (" + t.Reason + ")", Message: strings.TrimSpace(fmt.Sprintf("exit code %d %s", t.ExitCode, t.Message))}
	case s.State.Waiting != nil && hopeless(s.State.Waiting.Reason):
		return false, &StartError{Reason: s.State.Waiting.Reason, Message: s.State.Waiting.Message}
	}
	return false, nil
}

// Hint says what to do about a reason of a StartError.
func Hint(reason, image string) string {
	switch reason {
	case "ErrImageNeverPull", "ErrImagePull", "ImagePullBackOff", "RegistryUnavailable", "ImageInspectError", "SignatureValidationFailed":
		return fmt.Sprintf("The node can't get the image %s: is the name right, may this namespace pull it, is it there?", image)
	case "InvalidImageName":
		return fmt.Sprintf("%q is no name of an image.", image)
	case "CreateContainerConfigError":
		return "The kubelet refuses the container's settings."
	case "CreateContainerError", "RunContainerError":
		return fmt.Sprintf("The container runtime can't run the image %s: is it the collector's, and for this node's processor?", image)
	}
	return ""
}

// Status finds a container's status by name, in whatever list it stands.
func Status(pod *corev1.Pod, container string) *corev1.ContainerStatus {
	s := &pod.Status
	for _, list := range [][]corev1.ContainerStatus{s.ContainerStatuses, s.InitContainerStatuses, s.EphemeralContainerStatuses} {
		for i := range list {
			if list[i].Name == container {
				return &list[i]
			}
		}
	}
	return nil
}

// Security finds a container's own security context by name, and whether there is such a container.
func Security(spec *corev1.PodSpec, container string) (*corev1.SecurityContext, bool) {
	for _, list := range [][]corev1.Container{spec.Containers, spec.InitContainers} {
		for i := range list {
			if list[i].Name == container {
				return list[i].SecurityContext, true
			}
		}
	}
	for i := range spec.EphemeralContainers {
		if c := &spec.EphemeralContainers[i]; c.Name == container {
			return c.SecurityContext, true
		}
	}
	return nil, false
}

// BareID is a container's ID without the runtime's name: what its control group is called.
func BareID(containerID string) string {
	if _, id, ok := strings.Cut(containerID, "://"); ok {
		return id
	}
	return containerID
}

// Same reports whether a pod still holds the target, running, or collect.ErrChanged.
func Same(t *collect.Target, pod *corev1.Pod) error {
	if pod.UID != types.UID(t.PodUID) {
		return fmt.Errorf("%w: pod %s was replaced by another of the same name (UID %s, was %s)", collect.ErrChanged, t.Pod, pod.UID, t.PodUID)
	}
	s := Status(pod, t.Container)
	switch {
	case s == nil || s.State.Running == nil:
		return fmt.Errorf("%w: container %s of pod %s does not run", collect.ErrChanged, t.Container, t.Pod)
	case s.ContainerID != t.ContainerID:
		return fmt.Errorf("%w: container %s of pod %s was started anew", collect.ErrChanged, t.Container, t.Pod)
	}
	return nil
}

// Check reads the target's pod and compares. Exec can't be told which pod of a
// name is meant, so this is done before and after.
func Check(ctx context.Context, client *kube.Client, t *collect.Target) (*corev1.Pod, error) {
	pod := &corev1.Pod{}
	if err := client.Read(ctx, Ref(t), pod); err != nil {
		return nil, err
	}
	return pod, Same(t, pod)
}

// Ref is the target's pod.
func Ref(t *collect.Target) kube.Ref {
	return kube.Ref{Resource: kube.Pods, Namespace: t.Namespace, Name: t.Pod}
}
