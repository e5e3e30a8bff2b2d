package populate

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// status is what the kubelet reports about a pod of a design.
func (b *builder) status(pod *corev1.Pod, d design, number int, done bool) corev1.PodStatus {
	created := pod.CreationTimestamp
	ip := fmt.Sprintf("10.%d.%d.%d", 128+number>>16&127, number>>8&255, number&255)
	host := fmt.Sprintf("172.16.%d.%d", number%b.nodes>>8&255, number%b.nodes&255)
	s := corev1.PodStatus{
		ObservedGeneration: pod.Generation,
		Phase:              corev1.PodRunning, StartTime: &created, QOSClass: corev1.PodQOSBurstable,
		HostIP: host, HostIPs: []corev1.HostIP{{IP: host}}, PodIP: ip, PodIPs: []corev1.PodIP{{IP: ip}},
	}
	ready := corev1.ConditionTrue
	if done {
		s.Phase, ready = corev1.PodSucceeded, corev1.ConditionFalse
	}
	for _, c := range []struct {
		kind   corev1.PodConditionType
		status corev1.ConditionStatus
	}{
		{corev1.PodReadyToStartContainers, ready}, {corev1.PodInitialized, corev1.ConditionTrue}, {corev1.PodReady, ready},
		{corev1.ContainersReady, ready}, {corev1.PodScheduled, corev1.ConditionTrue},
	} {
		condition := corev1.PodCondition{Type: c.kind, Status: c.status, LastTransitionTime: later(created, 3), ObservedGeneration: pod.Generation}
		if c.status == corev1.ConditionFalse {
			condition.Reason = "PodCompleted"
		}
		s.Conditions = append(s.Conditions, condition)
	}
	for _, c := range pod.Spec.InitContainers {
		sidecar := c.RestartPolicy != nil
		s.InitContainerStatuses = append(s.InitContainerStatuses, b.containerStatus(c, d, created, done || !sidecar))
	}
	for _, c := range pod.Spec.Containers {
		s.ContainerStatuses = append(s.ContainerStatuses, b.containerStatus(c, d, created, done))
	}
	return s
}

func (b *builder) containerStatus(c corev1.Container, d design, created metav1.Time, done bool) corev1.ContainerStatus {
	id := "containerd://" + b.hex(64)
	s := corev1.ContainerStatus{
		Name: c.Name, Image: c.Image, ImageID: imageID(c.Image), ContainerID: id, Ready: !done, Started: new(!done),
		AllocatedResources: c.Resources.Requests, Resources: &c.Resources,
		State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: later(created, 2)}},
	}
	if done {
		s.State = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
			Reason: "Completed", StartedAt: later(created, 2), FinishedAt: later(created, 40), ContainerID: id}}
	}
	for _, m := range c.VolumeMounts {
		status := corev1.VolumeMountStatus{Name: m.Name, MountPath: m.MountPath, ReadOnly: m.ReadOnly}
		if m.ReadOnly {
			status.RecursiveReadOnly = new(corev1.RecursiveReadOnlyDisabled)
		}
		s.VolumeMounts = append(s.VolumeMounts, status)
	}
	user := &corev1.LinuxContainerUser{UID: d.uid, GID: d.uid, SupplementalGroups: []int64{d.uid}}
	switch d.users[c.Name] {
	case fromRoot:
		user = &corev1.LinuxContainerUser{SupplementalGroups: []int64{0, 1, 2, 3, 4, 6, 10}}
	case fromNoOne:
		return s
	}
	s.User = &corev1.ContainerUser{Linux: user}
	return s
}

func later(t metav1.Time, seconds int) metav1.Time {
	return metav1.NewTime(t.Add(time.Duration(seconds) * time.Second))
}
