package pss

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/pod-security-admission/policy"
)

// To find out which of the fields that a check reads are wrong, the library is
// asked about pods that have hardly anything but one of them.

// podFields are the pod's own fields that are wrong.
func (s *scene) podFields() []string {
	var wrong []string
	for _, p := range s.patterns.pod {
		for _, f := range p.instances(s.given) {
			s.alone = only(s.given, s.patterns.lifts)
			f.copyTo(&s.alone)
			if r := s.askAlone(nil); !r.Allowed {
				wrong = append(wrong, f.path)
			}
		}
	}
	if s.own {
		s.alone = only(s.given, s.patterns.lifts)
		wrong = append(wrong, s.wrongAnnotations("")...)
	}
	return wrong
}

// containerFields are the fields of one container that are wrong or missing.
func (s *scene) containerFields(path string) []string {
	given := s.the()
	// The pod's settings stay: the container may be as it is because of them.
	s.alone = s.spec
	s.alone.InitContainers, s.alone.Containers, s.alone.EphemeralContainers = nil, s.one[:], nil
	var wrong []string
	var required []instance
	if s.patterns.required != nil {
		required = s.patterns.required.instances(given)
	}
	// Without what is required, everything is denied; what else is wrong shows
	// in what the library says about it.
	s.dress(given, required)
	base := s.askAlone(nil)
	if !base.Allowed && s.reads.required != "" {
		wrong = append(wrong, path+"."+s.reads.required)
	}
	for _, p := range s.patterns.container {
		for _, f := range p.instances(given) {
			s.dress(given, required, f)
			if r := s.askAlone(nil); !r.Allowed && r != base {
				wrong = append(wrong, path+"."+f.path)
			}
		}
	}
	if s.own {
		s.dress(given, nil)
		wrong = append(wrong, s.wrongAnnotations(given.Name)...)
	}
	return wrong
}

// dress makes the one container that is asked about: the name, and some fields.
func (s *scene) dress(given *corev1.Container, fields []instance, more ...instance) {
	s.one[0] = corev1.Container{Name: given.Name}
	for i := range fields {
		fields[i].copyTo(&s.one[0])
	}
	for i := range more {
		more[i].copyTo(&s.one[0])
	}
}

// wrongAnnotations are those annotations about a container, or about the pod,
// that are wrong by themselves.
func (s *scene) wrongAnnotations(container string) []string {
	var wrong []string
	kept := s.annotations(container)
	for _, k := range slices.Sorted(maps.Keys(kept)) {
		if r := s.askAlone(map[string]string{k: kept[k]}); !r.Allowed {
			wrong = append(wrong, annotationPath(k))
		}
	}
	return wrong
}

// askAlone asks about the spec alone.
func (s *scene) askAlone(annotations map[string]string) policy.CheckResult {
	s.meta = metav1.ObjectMeta{Annotations: annotations}
	return s.check(&s.meta, &s.alone)
}

// only is a pod spec with these fields of another and nothing else.
func only(given *corev1.PodSpec, patterns []*pattern) corev1.PodSpec {
	var spec corev1.PodSpec
	for _, p := range patterns {
		for _, f := range p.instances(given) {
			f.copyTo(&spec)
		}
	}
	return spec
}
