package populate

import (
	"fmt"
	"maps"
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// deployment makes a Deployment, the ReplicaSet of its template with all its
// pods, and up to three ReplicaSets of earlier templates, which have none.
func (b *builder) deployment(d design) error {
	gvk := appsv1.SchemeGroupVersion.WithKind("Deployment")
	replicas, stale := int32(b.w.pods), b.rng.IntN(4)
	revision := stale + 1
	o := &appsv1.Deployment{
		ObjectMeta: b.meta(b.w.name, d.template.Labels),
		Spec:       appsv1.DeploymentSpec{Replicas: &replicas, Selector: b.selector(), Template: d.template, RevisionHistoryLimit: new(int32(10))},
		Status: appsv1.DeploymentStatus{
			ObservedGeneration: int64(revision), Replicas: replicas, UpdatedReplicas: replicas, ReadyReplicas: replicas, AvailableReplicas: replicas,
		},
	}
	o.Generation = int64(revision)
	for _, kind := range []appsv1.DeploymentConditionType{appsv1.DeploymentAvailable, appsv1.DeploymentProgressing} {
		o.Status.Conditions = append(o.Status.Conditions, appsv1.DeploymentCondition{
			Type: kind, Status: corev1.ConditionTrue, LastUpdateTime: b.time(), LastTransitionTime: b.time(),
			Reason: "MinimumReplicasAvailable", Message: "Deployment has minimum availability.",
		})
	}
	if err := applied(o, gvk); err != nil {
		return err
	}
	o.Annotations["deployment.kubernetes.io/revision"] = strconv.Itoa(revision)
	b.add("deployments", o, kubectl, controller)
	for i := 1; i <= stale; i++ {
		earlier := *d.template.DeepCopy()
		for j := range earlier.Spec.Containers {
			c := &earlier.Spec.Containers[j]
			c.Image = fmt.Sprintf("%s-rc.%d", c.Image, i)
		}
		b.replicaSet(o, earlier, i, 0)
	}
	rs := b.replicaSet(o, d.template, revision, replicas)
	owner := controlledBy(rs, appsv1.SchemeGroupVersion.WithKind("ReplicaSet"))
	for i := range b.w.pods {
		b.pod(rs.Name+"-"+b.suffix(5), rs.Spec.Template, d, owner, b.w.firstPod+i, false)
	}
	return nil
}

func (b *builder) replicaSet(of *appsv1.Deployment, template corev1.PodTemplateSpec, revision int, replicas int32) *appsv1.ReplicaSet {
	hash := b.suffix(10)
	template = withLabel(template, appsv1.DefaultDeploymentUniqueLabelKey, hash)
	selector := of.Spec.Selector.DeepCopy()
	selector.MatchLabels[appsv1.DefaultDeploymentUniqueLabelKey] = hash
	rs := &appsv1.ReplicaSet{
		ObjectMeta: b.meta(of.Name+"-"+hash, template.Labels),
		Spec:       appsv1.ReplicaSetSpec{Replicas: &replicas, Selector: selector, Template: template},
		Status: appsv1.ReplicaSetStatus{
			ObservedGeneration: 1, Replicas: replicas, FullyLabeledReplicas: replicas, ReadyReplicas: replicas, AvailableReplicas: replicas,
		},
	}
	wanted := strconv.Itoa(int(*of.Spec.Replicas))
	rs.Annotations = map[string]string{
		"deployment.kubernetes.io/revision":         strconv.Itoa(revision),
		"deployment.kubernetes.io/desired-replicas": wanted,
		"deployment.kubernetes.io/max-replicas":     strconv.Itoa(int(*of.Spec.Replicas + max(1, *of.Spec.Replicas/4))),
		corev1.LastAppliedConfigAnnotation:          of.Annotations[corev1.LastAppliedConfigAnnotation],
	}
	rs.OwnerReferences = []metav1.OwnerReference{*controlledBy(of, appsv1.SchemeGroupVersion.WithKind("Deployment"))}
	b.add("replicasets", rs, controller, controller)
	return rs
}

func (b *builder) statefulSet(d design) error {
	gvk := appsv1.SchemeGroupVersion.WithKind("StatefulSet")
	replicas, hash := int32(b.w.pods), b.w.name+"-"+b.suffix(10)
	o := &appsv1.StatefulSet{
		ObjectMeta: b.meta(b.w.name, d.template.Labels),
		Spec: appsv1.StatefulSetSpec{
			Replicas: &replicas, Selector: b.selector(), Template: d.template, ServiceName: b.w.name,
			VolumeClaimTemplates: []corev1.PersistentVolumeClaim{{
				ObjectMeta: metav1.ObjectMeta{Name: "data"},
				Spec: corev1.PersistentVolumeClaimSpec{
					AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
					Resources:   corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("10Gi")}},
				},
			}},
		},
		Status: appsv1.StatefulSetStatus{
			ObservedGeneration: 1, Replicas: replicas, ReadyReplicas: replicas, CurrentReplicas: replicas, UpdatedReplicas: replicas, AvailableReplicas: replicas,
			CurrentRevision: hash, UpdateRevision: hash, CollisionCount: new(int32(0)),
		},
	}
	if err := applied(o, gvk); err != nil {
		return err
	}
	b.add("statefulsets", o, kubectl, controller)
	owner := controlledBy(o, gvk)
	for i := range b.w.pods {
		name := fmt.Sprintf("%s-%d", b.w.name, i)
		template := withLabel(d.template, appsv1.ControllerRevisionHashLabelKey, hash)
		template.Labels[appsv1.StatefulSetPodNameLabel] = name
		template.Labels[appsv1.PodIndexLabel] = strconv.Itoa(i)
		template.Spec.Hostname, template.Spec.Subdomain = name, b.w.name
		template.Spec.Volumes = append(template.Spec.Volumes, corev1.Volume{Name: "data", VolumeSource: corev1.VolumeSource{
			PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "data-" + name}}})
		b.pod(name, template, d, owner, b.w.firstPod+i, false)
	}
	return nil
}

func (b *builder) daemonSet(d design) error {
	gvk := appsv1.SchemeGroupVersion.WithKind("DaemonSet")
	n, hash := int32(b.w.pods), b.suffix(10)
	o := &appsv1.DaemonSet{
		ObjectMeta: b.meta(b.w.name, d.template.Labels),
		Spec:       appsv1.DaemonSetSpec{Selector: b.selector(), Template: d.template},
		Status: appsv1.DaemonSetStatus{
			ObservedGeneration: 1, CurrentNumberScheduled: n, DesiredNumberScheduled: n, NumberReady: n, UpdatedNumberScheduled: n, NumberAvailable: n,
		},
	}
	if err := applied(o, gvk); err != nil {
		return err
	}
	b.add("daemonsets", o, kubectl, controller)
	template := withLabel(d.template, appsv1.ControllerRevisionHashLabelKey, hash)
	template.Labels["pod-template-generation"] = "1"
	owner := controlledBy(o, gvk)
	for i := range b.w.pods {
		b.pod(b.w.name+"-"+b.suffix(5), template, d, owner, b.w.firstPod+i, false)
	}
	return nil
}

// cronJob makes a CronJob and the Jobs of its last runs, a finished pod each.
func (b *builder) cronJob(d design) error {
	gvk := batchv1.SchemeGroupVersion.WithKind("CronJob")
	d.template.Spec.RestartPolicy = corev1.RestartPolicyNever
	lastRun := b.time()
	o := &batchv1.CronJob{
		ObjectMeta: b.meta(b.w.name, d.template.Labels),
		Spec: batchv1.CronJobSpec{
			Schedule: fmt.Sprintf("%d %d * * *", b.rng.IntN(60), b.rng.IntN(24)), ConcurrencyPolicy: batchv1.ForbidConcurrent,
			JobTemplate: batchv1.JobTemplateSpec{Spec: batchv1.JobSpec{Template: d.template, BackoffLimit: new(int32(3))}},
		},
		Status: batchv1.CronJobStatus{LastScheduleTime: &lastRun, LastSuccessfulTime: &lastRun},
	}
	if err := applied(o, gvk); err != nil {
		return err
	}
	b.add("cronjobs", o, kubectl, controller)
	for i := range b.w.pods {
		job := b.job(fmt.Sprintf("%s-%d", b.w.name, 29540000+b.rng.IntN(9999)*10+i), d, 1, b.w.firstPod+i)
		job.OwnerReferences = []metav1.OwnerReference{*controlledBy(o, gvk)}
	}
	return nil
}

func (b *builder) bareJob(d design) error {
	d.template.Spec.RestartPolicy = corev1.RestartPolicyOnFailure
	b.job(b.w.name, d, b.w.pods, b.w.firstPod)
	return nil
}

// job makes a Job that is done, and its pods.
func (b *builder) job(name string, d design, pods, firstPod int) *batchv1.Job {
	meta := b.meta(name, maps.Clone(d.template.Labels))
	id := map[string]string{batchv1.ControllerUidLabel: string(meta.UID)}
	template := withLabel(d.template, batchv1.ControllerUidLabel, string(meta.UID))
	template.Labels[batchv1.JobNameLabel] = name
	finished := later(meta.CreationTimestamp, 60)
	n := int32(pods)
	o := &batchv1.Job{
		ObjectMeta: meta,
		Spec: batchv1.JobSpec{
			Template: template, Selector: &metav1.LabelSelector{MatchLabels: id}, Completions: &n, Parallelism: &n,
			BackoffLimit: new(int32(3)), CompletionMode: new(batchv1.NonIndexedCompletion), Suspend: new(false),
		},
		Status: batchv1.JobStatus{
			StartTime: &meta.CreationTimestamp, CompletionTime: &finished, Succeeded: n, Ready: new(int32(0)), Terminating: new(int32(0)),
			UncountedTerminatedPods: &batchv1.UncountedTerminatedPods{},
			Conditions: []batchv1.JobCondition{
				{Type: batchv1.JobSuccessCriteriaMet, Status: corev1.ConditionTrue, LastProbeTime: finished, LastTransitionTime: finished, Reason: "CompletionsReached"},
				{Type: batchv1.JobComplete, Status: corev1.ConditionTrue, LastProbeTime: finished, LastTransitionTime: finished, Reason: "CompletionsReached"},
			},
		},
	}
	b.add("jobs", o, controller, controller)
	owner := controlledBy(o, batchv1.SchemeGroupVersion.WithKind("Job"))
	for i := range pods {
		b.pod(name+"-"+b.suffix(5), template, d, owner, firstPod+i, true)
	}
	return o
}

func (b *builder) barePod(d design) error {
	written := &corev1.Pod{ObjectMeta: b.meta(b.w.name, d.template.Labels), Spec: d.template.Spec}
	if err := applied(written, corev1.SchemeGroupVersion.WithKind("Pod")); err != nil {
		return err
	}
	maps.Copy(d.template.Annotations, written.Annotations)
	b.pod(b.w.name, d.template, d, nil, b.w.firstPod, false)
	return nil
}

func (b *builder) replicationController(d design) error {
	gvk := corev1.SchemeGroupVersion.WithKind("ReplicationController")
	n := int32(b.w.pods)
	o := &corev1.ReplicationController{
		ObjectMeta: b.meta(b.w.name, d.template.Labels),
		Spec:       corev1.ReplicationControllerSpec{Replicas: &n, Selector: b.selector().MatchLabels, Template: &d.template},
		Status:     corev1.ReplicationControllerStatus{ObservedGeneration: 1, Replicas: n, FullyLabeledReplicas: n, ReadyReplicas: n, AvailableReplicas: n},
	}
	if err := applied(o, gvk); err != nil {
		return err
	}
	b.add("controllers", o, kubectl, controller)
	owner := controlledBy(o, gvk)
	for i := range b.w.pods {
		b.pod(b.w.name+"-"+b.suffix(5), d.template, d, owner, b.w.firstPod+i, false)
	}
	return nil
}

func (b *builder) podTemplate(d design) error {
	o := &corev1.PodTemplate{ObjectMeta: b.meta(b.w.name, d.template.Labels), Template: d.template}
	if err := applied(o, corev1.SchemeGroupVersion.WithKind("PodTemplate")); err != nil {
		return err
	}
	b.add("podtemplates", o, kubectl, "")
	return nil
}

// withLabel is a copy of a template with one more label.
func withLabel(t corev1.PodTemplateSpec, name, value string) corev1.PodTemplateSpec {
	t = *t.DeepCopy()
	t.Labels[name] = value
	return t
}
