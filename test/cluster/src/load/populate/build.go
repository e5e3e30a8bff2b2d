package populate

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

// now is when the cluster was filled: always the same, as all else is.
var now = time.Date(2026, time.March, 2, 9, 0, 0, 0, time.UTC)

// object is anything with metadata that can be stored.
type object interface {
	runtime.Object
	metav1.Object
}

// stored is an object and where etcd has it: /registry/<prefix>/<namespace>/<name>.
type stored struct {
	prefix string
	object object
	maker  string // who manages its spec, and who its status
	keeper string
}

func (s stored) key() string {
	if s.object.GetNamespace() == "" {
		return "/registry/" + s.prefix + "/" + s.object.GetName()
	}
	return "/registry/" + s.prefix + "/" + s.object.GetNamespace() + "/" + s.object.GetName()
}

// Who manages the objects' fields.
const (
	kubectl    = "kubectl-client-side-apply"
	controller = "kube-controller-manager"
	kubelet    = "kubelet"
)

// builder makes the objects of one workload. All its choices come from rng,
// so they depend on the seed and the workload's number alone.
type builder struct {
	rng   *rand.Rand
	w     workload
	nodes int
	made  []stored
}

// newRand is the source of choices for one part of the cluster.
func newRand(seed, part uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, part)) }

// build makes all objects of a workload.
func build(w workload, o Options) ([]stored, error) {
	b := &builder{rng: newRand(o.Seed, uint64(w.index)+2), w: w, nodes: o.Nodes}
	d := b.design()
	of := map[string]func(design) error{
		"Deployment": b.deployment, "StatefulSet": b.statefulSet, "DaemonSet": b.daemonSet,
		"CronJob": b.cronJob, "Job": b.bareJob, "Pod": b.barePod,
		"ReplicationController": b.replicationController, "PodTemplate": b.podTemplate,
	}[w.kind]
	if err := of(d); err != nil {
		return nil, fmt.Errorf("making %s %s/%s: %w", w.kind, w.namespace, w.name, err)
	}
	b.besides()
	return b.made, nil
}

func (b *builder) add(prefix string, o object, maker, keeper string) {
	b.made = append(b.made, stored{prefix, o, maker, keeper})
}

// meta is the metadata of a new object.
func (b *builder) meta(name string, labels map[string]string) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Name: name, Namespace: b.w.namespace, UID: b.uid(), CreationTimestamp: b.time(),
		Generation: 1, Labels: labels, Annotations: map[string]string{},
	}
}

// applied notes in the annotations what kubectl apply would note there: the object as its user wrote it.
func applied(o object, gvk schema.GroupVersionKind) error {
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(o)
	if err != nil {
		return err
	}
	fields["apiVersion"], fields["kind"] = gvk.ToAPIVersionAndKind()
	fields["metadata"] = map[string]any{"name": o.GetName(), "namespace": o.GetNamespace(), "labels": o.GetLabels(), "annotations": map[string]any{}}
	delete(fields, "status")
	raw, err := json.Marshal(fields)
	if err != nil {
		return err
	}
	annotations := o.GetAnnotations()
	annotations[corev1.LastAppliedConfigAnnotation] = string(raw) + "\n"
	o.SetAnnotations(annotations)
	return nil
}

// pod makes a pod of a template, with what admission, scheduler, network and kubelet add to it.
func (b *builder) pod(name string, template corev1.PodTemplateSpec, d design, owner *metav1.OwnerReference, number int, done bool) {
	t := *template.DeepCopy()
	pod := &corev1.Pod{ObjectMeta: b.meta(name, t.Labels), Spec: t.Spec}
	ip := number % 250
	pod.Annotations = t.Annotations
	pod.Annotations["cni.projectcalico.org/containerID"] = b.hex(64)
	pod.Annotations["cni.projectcalico.org/podIP"] = fmt.Sprintf("10.128.%d.%d/32", number>>8&255, ip)
	pod.Annotations["cni.projectcalico.org/podIPs"] = fmt.Sprintf("10.128.%d.%d/32", number>>8&255, ip)
	maker := kubectl
	if owner != nil {
		pod.OwnerReferences = []metav1.OwnerReference{*owner}
		pod.GenerateName = owner.Name + "-"
		maker = controller
	}
	spec := &pod.Spec
	spec.NodeName = NodeName(number % b.nodes)
	spec.DeprecatedServiceAccount = spec.ServiceAccountName
	spec.Priority, spec.PreemptionPolicy = new(int32(0)), new(corev1.PreemptLowerPriority)
	spec.EnableServiceLinks = new(true)
	for _, key := range []string{corev1.TaintNodeNotReady, corev1.TaintNodeUnreachable} {
		spec.Tolerations = append(spec.Tolerations, corev1.Toleration{
			Key: key, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute, TolerationSeconds: new(int64(300))})
	}
	token := "kube-api-access-" + b.suffix(5)
	spec.Volumes = append(spec.Volumes, tokenVolume(token))
	eachContainer(spec, func(c *corev1.Container) {
		c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{
			Name: token, ReadOnly: true, MountPath: "/var/run/secrets/kubernetes.io/serviceaccount"})
	})
	pod.Status = b.status(pod, d, number, done)
	b.add("pods", pod, maker, kubelet)
}

// tokenVolume is the volume that the ServiceAccount admission gives every pod.
func tokenVolume(name string) corev1.Volume {
	return corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{
		DefaultMode: new(int32(0o644)),
		Sources: []corev1.VolumeProjection{
			{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{ExpirationSeconds: new(int64(3607)), Path: "token"}},
			{ConfigMap: &corev1.ConfigMapProjection{
				LocalObjectReference: corev1.LocalObjectReference{Name: "kube-root-ca.crt"},
				Items:                []corev1.KeyToPath{{Key: "ca.crt", Path: "ca.crt"}},
			}},
			{DownwardAPI: &corev1.DownwardAPIProjection{Items: []corev1.DownwardAPIVolumeFile{{
				Path: "namespace", FieldRef: &corev1.ObjectFieldSelector{APIVersion: "v1", FieldPath: "metadata.namespace"}}}}},
		}}}}
}

// selector selects a workload's pods.
func (b *builder) selector() *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchLabels: map[string]string{"app.kubernetes.io/name": b.w.name}}
}

// controlledBy is the owner reference of an object's parts.
func controlledBy(o object, gvk schema.GroupVersionKind) *metav1.OwnerReference {
	return metav1.NewControllerRef(o, gvk)
}

// letters of names that Kubernetes generates: no vowels, so no words.
const letters = "bcdfghjklmnpqrstvwxz2456789"

func (b *builder) suffix(n int) string { return b.text(n, letters) }
func (b *builder) hex(n int) string    { return b.text(n, "0123456789abcdef") }

func (b *builder) text(n int, from string) string {
	s := make([]byte, n)
	for i := range s {
		s[i] = from[b.rng.IntN(len(from))]
	}
	return string(s)
}

func (b *builder) uid() types.UID {
	return types.UID(fmt.Sprintf("%s-%s-4%s-a%s-%s", b.hex(8), b.hex(4), b.hex(3), b.hex(3), b.hex(12)))
}

func (b *builder) version() string { return fmt.Sprintf("1.%d.%d", b.w.index%30, b.rng.IntN(20)) }

// time is some time of the last half year.
func (b *builder) time() metav1.Time {
	return metav1.NewTime(now.Add(-time.Duration(b.rng.IntN(180*24*3600)) * time.Second))
}
