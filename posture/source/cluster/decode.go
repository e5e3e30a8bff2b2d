package cluster

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubeassay/assay/kube"
	"github.com/kubeassay/assay/posture/source"
)

// message is what the generated types of the API have.
type message interface{ Unmarshal([]byte) error }

// The fields of every object of the API, and of its metadata.
const (
	fieldMeta, fieldSpec, fieldStatus = 1, 2, 3
	metaManagedFields                 = 17
)

// shell is an empty object of a kind, and its parts to be filled.
type shell struct {
	whole, spec message
	status      message // nil: the kind has none
	meta        *metav1.ObjectMeta
	object      func() source.Object
}

func newShell(r kube.Resource) (s shell, ok bool) {
	switch r {
	case kube.Pods:
		v := new(corev1.Pod)
		return shell{v, &v.Spec, &v.Status, &v.ObjectMeta, func() source.Object { return source.FromPod(v) }}, true
	case kube.Deployments:
		v := new(appsv1.Deployment)
		return shell{v, &v.Spec, &v.Status, &v.ObjectMeta, func() source.Object { return source.FromDeployment(v) }}, true
	case kube.ReplicaSets:
		v := new(appsv1.ReplicaSet)
		return shell{v, &v.Spec, &v.Status, &v.ObjectMeta, func() source.Object { return source.FromReplicaSet(v) }}, true
	case kube.StatefulSets:
		v := new(appsv1.StatefulSet)
		return shell{v, &v.Spec, &v.Status, &v.ObjectMeta, func() source.Object { return source.FromStatefulSet(v) }}, true
	case kube.DaemonSets:
		v := new(appsv1.DaemonSet)
		return shell{v, &v.Spec, &v.Status, &v.ObjectMeta, func() source.Object { return source.FromDaemonSet(v) }}, true
	case kube.Jobs:
		v := new(batchv1.Job)
		return shell{v, &v.Spec, &v.Status, &v.ObjectMeta, func() source.Object { return source.FromJob(v) }}, true
	case kube.CronJobs:
		v := new(batchv1.CronJob)
		return shell{v, &v.Spec, &v.Status, &v.ObjectMeta, func() source.Object { return source.FromCronJob(v) }}, true
	case kube.ReplicationControllers:
		v := new(corev1.ReplicationController)
		return shell{v, &v.Spec, &v.Status, &v.ObjectMeta, func() source.Object { return source.FromReplicationController(v) }}, true
	case kube.PodTemplates:
		v := new(corev1.PodTemplate)
		return shell{v, &v.Template, nil, &v.ObjectMeta, func() source.Object { return source.FromPodTemplate(v) }}, true
	}
	return s, false
}

// decode reads an object, without managedFields. Where ownersOnly says so about
// its metadata, spec and status are left out: only who owns whom is asked of it.
func decode(r kube.Resource, raw []byte, ownersOnly func(*metav1.ObjectMeta) bool) (source.Object, error) {
	s, ok := newShell(r)
	if !ok {
		return source.Object{}, fmt.Errorf("%s hold no pod template", r)
	}
	bare, err := s.fill(raw, ownersOnly)
	if err != nil {
		// The API's own decoder has the last word. It takes some encodings that
		// nobody writes, and says better what is wrong with the others.
		s, _ = newShell(r)
		if err := s.whole.Unmarshal(raw); err != nil {
			return source.Object{}, err
		}
		s.meta.ManagedFields = nil
		bare = ownersOnly(s.meta)
	}
	o := s.object()
	if bare {
		o.PodMeta, o.Spec, o.SpecPath, o.Status = nil, nil, "", nil
	}
	return o, nil
}

// fill decodes those parts of an object that are wanted.
func (s *shell) fill(raw []byte, ownersOnly func(*metav1.ObjectMeta) bool) (bare bool, err error) {
	if err := decodeFields(raw, fieldMeta, trimmed{s.meta}); err != nil {
		return false, err
	}
	if ownersOnly(s.meta) {
		return true, nil
	}
	if err := decodeFields(raw, fieldSpec, s.spec); err != nil {
		return false, err
	}
	if s.status == nil {
		return false, nil
	}
	return false, decodeFields(raw, fieldStatus, s.status)
}

// decodeFields reads every field of that number into m.
func decodeFields(raw []byte, number protowire.Number, m message) error {
	return eachField(raw, func(n protowire.Number, value, _ []byte) error {
		switch {
		case n != number:
			return nil
		case value == nil:
			return fmt.Errorf("field %d is not a message", n)
		}
		return m.Unmarshal(value)
	})
}

// trimmed reads metadata without managedFields, which is often half of an
// object and which nobody here looks at.
type trimmed struct{ *metav1.ObjectMeta }

func (t trimmed) Unmarshal(raw []byte) error {
	start := 0
	end := 0
	err := eachField(raw, func(n protowire.Number, _, whole []byte) error {
		if n == metaManagedFields {
			if err := t.ObjectMeta.Unmarshal(raw[start:end]); err != nil {
				return err
			}
			start = end + len(whole)
		}
		end += len(whole)
		return nil
	})
	if err != nil {
		return err
	}
	return t.ObjectMeta.Unmarshal(raw[start:end])
}

// eachField goes through a message. It passes the value of a field (nil unless
// it has a length) and the whole field, tag and all.
func eachField(raw []byte, do func(n protowire.Number, value, whole []byte) error) error {
	for len(raw) > 0 {
		number, kind, tag := protowire.ConsumeTag(raw)
		if tag < 0 {
			return protowire.ParseError(tag)
		}
		size := protowire.ConsumeFieldValue(number, kind, raw[tag:])
		if size < 0 {
			return protowire.ParseError(size)
		}
		var value []byte
		if kind == protowire.BytesType {
			value, _ = protowire.ConsumeBytes(raw[tag:])
		}
		if err := do(number, value, raw[:tag+size]); err != nil {
			return err
		}
		raw = raw[tag+size:]
	}
	return nil
}
