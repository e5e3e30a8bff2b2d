package index

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Pod is what stays of pods that are alike, or of a pod template, once the
// object itself has gone.
type Pod struct {
	Namespace string
	// Name is that of the first of them, or of what has the template.
	Name   string
	Labels map[string]string
	// Template: it is no pod but what pods are made of.
	Template bool
	// Owner is the kind of what makes the pods; empty for a pod that nothing controls.
	Owner string
	// Replicas is how many of them are asked for, or there are.
	Replicas int32
	// ServiceAccount is never empty: it is "default" where the spec names none.
	ServiceAccount string
	// Automount is the pod's own field; nil leaves it to the service account.
	Automount *bool
	// HostNetwork: it has the node's network.
	HostNetwork bool
	// ReachesNode: one of its containers is privileged, or the pod shares the
	// node's processes or mounts a path of the node.
	ReachesNode bool
	// Mirror: the kubelet made it from a file of the node.
	Mirror bool
	// TokenVolume: it mounts a service account's token by a volume of its own,
	// whatever Automount says.
	TokenVolume bool
	// PriorityClass and RuntimeClass are empty where the spec names none.
	PriorityClass, RuntimeClass string
	// Secrets and ConfigMaps are the names that it refers to, where some check asks.
	Secrets, ConfigMaps []string
}

// PodOf takes from a pod or template what stays of it.
func PodOf(meta *metav1.ObjectMeta, spec *corev1.PodSpec) Pod {
	p := Pod{
		Namespace: meta.Namespace, Name: meta.Name, Labels: meta.Labels, Replicas: 1,
		ServiceAccount: spec.ServiceAccountName, Automount: spec.AutomountServiceAccountToken,
		HostNetwork: spec.HostNetwork, ReachesNode: reachesNode(spec),
		TokenVolume: hasTokenVolume(spec), PriorityClass: spec.PriorityClassName,
	}
	if spec.RuntimeClassName != nil {
		p.RuntimeClass = *spec.RuntimeClassName
	}
	if p.ServiceAccount == "" { // the old name of the field, which an API server copies
		p.ServiceAccount = spec.DeprecatedServiceAccount
	}
	if p.ServiceAccount == "" {
		p.ServiceAccount = "default"
	}
	_, p.Mirror = meta.Annotations[corev1.MirrorPodAnnotationKey]
	return p
}

// Like reports whether two pods differ in nothing that is kept but their name
// and their number.
func (p *Pod) Like(q *Pod) bool {
	return p.Template == q.Template && p.Namespace == q.Namespace && p.ServiceAccount == q.ServiceAccount && p.Owner == q.Owner &&
		same(p.Automount, q.Automount) && p.HostNetwork == q.HostNetwork && p.ReachesNode == q.ReachesNode && p.Mirror == q.Mirror &&
		p.TokenVolume == q.TokenVolume && p.PriorityClass == q.PriorityClass && p.RuntimeClass == q.RuntimeClass &&
		maps.Equal(p.Labels, q.Labels) && slices.Equal(p.Secrets, q.Secrets) && slices.Equal(p.ConfigMaps, q.ConfigMaps)
}

func same(a, b *bool) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

func hasTokenVolume(spec *corev1.PodSpec) bool {
	for i := range spec.Volumes {
		p := spec.Volumes[i].Projected
		if p == nil {
			continue
		}
		for j := range p.Sources {
			if p.Sources[j].ServiceAccountToken != nil {
				return true
			}
		}
	}
	return false
}

func reachesNode(spec *corev1.PodSpec) bool {
	if spec.HostPID {
		return true
	}
	for i := range spec.Volumes {
		if spec.Volumes[i].HostPath != nil {
			return true
		}
	}
	for _, list := range [][]corev1.Container{spec.Containers, spec.InitContainers} {
		for i := range list {
			if c := list[i].SecurityContext; c != nil && c.Privileged != nil && *c.Privileged {
				return true
			}
		}
	}
	return false
}

// Runner tells pods apart by as whom they run, and whether they reach the node.
type Runner struct {
	Namespace, ServiceAccount string
	ReachesNode               bool
	// Name is that of one of the pods. It is not compared.
	Name string
}

// See notes that there is a pod, or a template. Those of one namespace must
// all have been seen before what refers to them is judged.
func (x *Index) See(p *Pod) {
	n := x.Namespace(p.Namespace)
	n.pods = append(n.pods, p)
	key := Runner{Namespace: p.Namespace, ServiceAccount: p.ServiceAccount, ReachesNode: p.ReachesNode}
	if x.pods[key] == nil {
		named := key
		named.Name = p.Name
		x.pods[key] = &named
	}
}

// Pods lists what pods and templates there are in the namespace, those that
// are alike once.
func (n *Namespace) Pods() []*Pod { return n.pods }

// Runners lists as whom pods run in the whole cluster, each once, also of
// namespaces that have been forgotten. They are in no order.
func (x *Index) Runners() []Runner {
	all := make([]Runner, 0, len(x.pods))
	for _, r := range x.pods {
		all = append(all, *r)
	}
	return all
}
