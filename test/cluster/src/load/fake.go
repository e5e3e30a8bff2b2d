package main

import (
	"bytes"
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/kubeassay/assay/test/cluster/src/load/populate"
)

// fake is the taint and the annotation of nodes that kwok looks after.
const fake = "kwok.x-k8s.io/node"

// createPods makes bare pods, through the API or straight in etcd.
func (l *loader) createPods(ctx context.Context) error {
	if l.nodes == 0 {
		l.nodes = max(1, l.number/100)
	}
	if l.namespaces == 0 {
		l.namespaces = max(1, l.number/200)
	}
	clients, err := l.clients(4)
	if err != nil {
		return err
	}
	err = l.each(l.namespaces, func(i int) error {
		_, err := clients[0].CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
			Name: namespace(i), Labels: map[string]string{"load": "true"},
		}}, metav1.CreateOptions{})
		return err
	})
	if err != nil {
		return err
	}
	// Pods are refused until their namespace has its default account.
	for i := range l.namespaces {
		err := wait.PollUntilContextCancel(ctx, 50*time.Millisecond, true, func(ctx context.Context) (bool, error) {
			_, err := clients[0].CoreV1().ServiceAccounts(namespace(i)).Get(ctx, "default", metav1.GetOptions{})
			if apierrors.IsNotFound(err) {
				return false, nil
			}
			return err == nil, err
		})
		if err != nil {
			return fmt.Errorf("waiting for the default service account of namespace %s: %w", namespace(i), err)
		}
	}
	l.begin = time.Now()
	if l.etcd != "" {
		err = l.storePods(ctx)
	} else {
		err = l.each(l.number, func(i int) error {
			_, err := clients[i%len(clients)].CoreV1().Pods(namespace(i%l.namespaces)).Create(ctx, l.fakePod(i), metav1.CreateOptions{})
			return err
		})
	}
	l.report("pods created", l.number)
	return err
}

func namespace(i int) string { return fmt.Sprintf("load-%04d", i) }

func fakeNode(i int) *corev1.Node {
	room := corev1.ResourceList{
		corev1.ResourceCPU:    resource.MustParse("64"),
		corev1.ResourceMemory: resource.MustParse("256Gi"),
		corev1.ResourcePods:   resource.MustParse("1000"),
	}
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{
			Name:        populate.NodeName(i),
			Annotations: map[string]string{fake: "fake"},
			Labels: map[string]string{
				"kubernetes.io/hostname": populate.NodeName(i),
				"kubernetes.io/os":       "linux",
				"kubernetes.io/arch":     "amd64",
				"type":                   "kwok",
			},
		},
		Spec:   corev1.NodeSpec{Taints: []corev1.Taint{{Key: fake, Value: "fake", Effect: corev1.TaintEffectNoSchedule}}},
		Status: corev1.NodeStatus{Allocatable: room, Capacity: room},
	}
}

func (l *loader) fakePod(i int) *corev1.Pod {
	yes, no, user := true, false, int64(1000)
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name:   fmt.Sprintf("pod-%06d", i),
			Labels: map[string]string{"app": fmt.Sprintf("app-%d", i%1000), "tier": []string{"web", "db", "job"}[i%3]},
		},
		Spec: corev1.PodSpec{
			Tolerations: []corev1.Toleration{{Key: fake, Operator: corev1.TolerationOpExists}},
			Containers: []corev1.Container{{
				Name:  "main",
				Image: fmt.Sprintf("registry.example/app-%d:v1.%d", i%1000, i%7),
				Ports: []corev1.ContainerPort{{ContainerPort: 8080}},
				Env:   []corev1.EnvVar{{Name: "LOG_LEVEL", Value: "info"}, {Name: "NUMBER", Value: fmt.Sprint(i)}},
				Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{
					corev1.ResourceCPU: resource.MustParse("10m"), corev1.ResourceMemory: resource.MustParse("32Mi"),
				}},
				SecurityContext: &corev1.SecurityContext{
					AllowPrivilegeEscalation: &no,
					RunAsNonRoot:             &yes,
					RunAsUser:                &user,
					ReadOnlyRootFilesystem:   &yes,
					Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
				},
			}},
		},
	}
	c := &pod.Spec.Containers[0]
	switch i % 20 { // some pods have what a scanner looks for
	case 1:
		c.SecurityContext = nil
	case 2:
		c.SecurityContext = &corev1.SecurityContext{Privileged: &yes}
	case 3:
		pod.Spec.HostNetwork, pod.Spec.HostPID = true, true
	case 4:
		pod.Spec.Volumes = []corev1.Volume{{Name: "host", VolumeSource: corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/"}}}}
		c.VolumeMounts = []corev1.VolumeMount{{Name: "host", MountPath: "/host"}}
	case 5:
		c.SecurityContext.Capabilities = &corev1.Capabilities{Add: []corev1.Capability{"SYS_ADMIN"}}
	case 6:
		pod.Spec.AutomountServiceAccountToken = &no
	}
	if !l.scheduled {
		pod.Spec.NodeName = populate.NodeName(i % l.nodes)
	}
	return pod
}

// storePods writes pods to etcd the way the apiserver does, which then finds them
// there. They skip admission, so what it would add is added here.
func (l *loader) storePods(ctx context.Context) error {
	client, err := l.etcdClient()
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }()
	serializer := protobuf.NewSerializer(scheme.Scheme, scheme.Scheme)
	now := metav1.Now()
	yes, expiry := true, int64(3607)
	return l.each(l.number, func(i int) error {
		pod := l.fakePod(i)
		pod.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"}
		pod.Namespace = namespace(i % l.namespaces)
		pod.UID = uuid.NewUUID()
		pod.CreationTimestamp = now
		pod.Spec.NodeName = populate.NodeName(i % l.nodes)
		pod.Spec.ServiceAccountName, pod.Spec.DeprecatedServiceAccount = "default", "default"
		pod.Spec.EnableServiceLinks = &yes
		pod.Spec.Tolerations = []corev1.Toleration{{Operator: corev1.TolerationOpExists}}
		c := &pod.Spec.Containers[0]
		if a := pod.Spec.AutomountServiceAccountToken; a == nil || *a {
			name := "kube-api-access-" + string(pod.UID[:5])
			pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{
				Projected: &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{
					{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{ExpirationSeconds: &expiry, Path: "token"}},
					{ConfigMap: &corev1.ConfigMapProjection{
						LocalObjectReference: corev1.LocalObjectReference{Name: "kube-root-ca.crt"},
						Items:                []corev1.KeyToPath{{Key: "ca.crt", Path: "ca.crt"}},
					}},
				}}}})
			c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{
				Name: name, ReadOnly: true, MountPath: "/var/run/secrets/kubernetes.io/serviceaccount",
			})
		}
		pod.Status = corev1.PodStatus{
			Phase: corev1.PodRunning, StartTime: &now, PodIP: fmt.Sprintf("10.253.%d.%d", i>>8&255, i&255),
			Conditions: []corev1.PodCondition{
				{Type: corev1.PodScheduled, Status: corev1.ConditionTrue, LastTransitionTime: now},
				{Type: corev1.PodInitialized, Status: corev1.ConditionTrue, LastTransitionTime: now},
				{Type: corev1.ContainersReady, Status: corev1.ConditionTrue, LastTransitionTime: now},
				{Type: corev1.PodReady, Status: corev1.ConditionTrue, LastTransitionTime: now},
			},
			ContainerStatuses: []corev1.ContainerStatus{{
				Name: c.Name, Image: c.Image, Ready: true, Started: &yes,
				ImageID: fmt.Sprintf("registry.example/app-%d@sha256:%064x", i%1000, i%7000),
				State:   corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: now}},
			}},
		}
		var value bytes.Buffer
		if err := serializer.Encode(pod, &value); err != nil {
			return err
		}
		_, err := client.Put(ctx, "/registry/pods/"+pod.Namespace+"/"+pod.Name, value.String())
		return err
	})
}
