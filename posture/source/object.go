package source

import (
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// RevisionAnnotation is what the deployment controller writes on a Deployment
// and on each of its ReplicaSets: equal numbers mean the same template.
const RevisionAnnotation = "deployment.kubernetes.io/revision"

// The constructors below point into what they are given and copy nothing.
// They name the kind themselves, since lists from an API server leave it out
// of their items.

// FromPod is the object of a pod.
func FromPod(p *corev1.Pod) Object {
	return Object{
		APIVersion: "v1", Kind: "Pod", Meta: &p.ObjectMeta,
		PodMeta: &p.ObjectMeta, Spec: &p.Spec, SpecPath: "spec", Status: &p.Status,
	}
}

// FromDeployment is the object of a deployment.
func FromDeployment(d *appsv1.Deployment) Object {
	o := FromTemplate("apps/v1", "Deployment", &d.ObjectMeta, &d.Spec.Template, "spec.template")
	o.Revision = Revision{
		Number: d.Annotations[RevisionAnnotation],
		// A paused one's controller sees a new template and makes no revision of it.
		Settled: settled(&d.ObjectMeta, d.Status.ObservedGeneration) && !d.Spec.Paused,
	}
	o.Replicas = d.Spec.Replicas
	return o
}

// FromReplicaSet is the object of a replica set, also of one that belongs to a
// deployment.
func FromReplicaSet(r *appsv1.ReplicaSet) Object {
	o := FromTemplate("apps/v1", "ReplicaSet", &r.ObjectMeta, &r.Spec.Template, "spec.template")
	o.Revision = Revision{
		Number:  r.Annotations[RevisionAnnotation],
		Settled: settled(&r.ObjectMeta, r.Status.ObservedGeneration),
	}
	o.Replicas = r.Spec.Replicas
	o.Idle = r.Spec.Replicas != nil && *r.Spec.Replicas == 0
	return o
}

// FromStatefulSet is the object of a stateful set.
func FromStatefulSet(s *appsv1.StatefulSet) Object {
	o := FromTemplate("apps/v1", "StatefulSet", &s.ObjectMeta, &s.Spec.Template, "spec.template")
	o.Revision = Revision{
		Hash:    s.Status.UpdateRevision,
		Settled: settled(&s.ObjectMeta, s.Status.ObservedGeneration),
	}
	o.Replicas = s.Spec.Replicas
	return o
}

// FromDaemonSet is the object of a daemon set. Its status names no revision,
// but tells how many pods have the current template: when that is all of them
// (and none sits on a node where it should not be, which that count leaves
// out), every pod has.
func FromDaemonSet(d *appsv1.DaemonSet) Object {
	o := FromTemplate("apps/v1", "DaemonSet", &d.ObjectMeta, &d.Spec.Template, "spec.template")
	s := &d.Status
	o.Revision.Settled = settled(&d.ObjectMeta, s.ObservedGeneration)
	o.Revision.AllPods = o.Revision.Settled && s.NumberMisscheduled == 0 &&
		s.UpdatedNumberScheduled == s.CurrentNumberScheduled
	return o
}

// FromJob is the object of a job, whose template can't change.
func FromJob(j *batchv1.Job) Object {
	o := FromTemplate("batch/v1", "Job", &j.ObjectMeta, &j.Spec.Template, "spec.template")
	o.Revision = Revision{AllPods: true, Settled: true}
	return o
}

// FromCronJob is the object of a cron job. Nothing tells which of its jobs
// came from an older template.
func FromCronJob(c *batchv1.CronJob) Object {
	return FromTemplate("batch/v1", "CronJob", &c.ObjectMeta,
		&c.Spec.JobTemplate.Spec.Template, "spec.jobTemplate.spec.template")
}

// FromReplicationController is the object of a replication controller.
func FromReplicationController(r *corev1.ReplicationController) Object {
	return FromTemplate("v1", "ReplicationController", &r.ObjectMeta, r.Spec.Template, "spec.template")
}

// FromPodTemplate is the object of a pod template that stands alone.
func FromPodTemplate(t *corev1.PodTemplate) Object {
	return FromTemplate("v1", "PodTemplate", &t.ObjectMeta, &t.Template, "template")
}

// FromTemplate is the object of any kind that holds a pod template; path is
// where the template stands in it. Without a template the object only tells
// who owns whom.
func FromTemplate(apiVersion, kind string, meta *metav1.ObjectMeta, t *corev1.PodTemplateSpec, path string) Object {
	o := Object{APIVersion: apiVersion, Kind: kind, Meta: meta, SpecPath: path + ".spec"}
	if t != nil {
		o.PodMeta, o.Spec = &t.ObjectMeta, &t.Spec
	}
	return o
}

// settled reports whether the controller has seen the newest spec. An object
// that no API server has stored has no generation, and no controller saw it.
func settled(m *metav1.ObjectMeta, observed int64) bool {
	return m.Generation > 0 && observed == m.Generation
}
