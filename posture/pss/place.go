package pss

import (
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/pod-security-admission/policy"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/workload"
)

// Control is one check of the standards, in the revision of one version.
type Control struct {
	Info
	check    policy.CheckPodFn
	reads    reads
	patterns *patterns
}

// Violation is one thing that a check has against a pod, at its place.
type Violation struct {
	Denial
	// Container is the container that it is about, empty for the pod itself.
	Container     string                `json:"container,omitempty"`
	ContainerType finding.ContainerType `json:"containerType,omitempty"`
	// Path is where the container stands below the pod spec, such as "containers[1]".
	Path string `json:"path,omitempty"`
	// Fields are those that are wrong, or that are missing, below the pod spec;
	// see [FieldPath]. Detail is about the pod or this container alone.
	Fields []string `json:"fields,omitempty"`
}

// Denies asks the library about a whole pod.
func (c *Control) Denies(meta *metav1.ObjectMeta, spec *corev1.PodSpec) (Denial, bool) {
	return c.denies(meta, Defaulted(spec))
}

func (c *Control) denies(meta *metav1.ObjectMeta, spec *corev1.PodSpec) (Denial, bool) {
	r := c.check(meta, spec)
	if r.Allowed {
		return Denial{}, false
	}
	return c.denial(r), true
}

func (c *Control) denial(r policy.CheckResult) Denial {
	return Denial{Check: c.ID, Level: c.Level, Reason: r.ForbiddenReason, Detail: r.ForbiddenDetail}
}

// Violations says what the check has against a pod, and where. The library is
// asked about the whole pod first, which is all where it lets the pod in; then
// about the pod without its containers, and with one of them at a time.
func (c *Control) Violations(meta *metav1.ObjectMeta, spec *corev1.PodSpec) []Violation {
	return c.violations(meta, Defaulted(spec), new(*scene))
}

func (c *Control) violations(meta *metav1.ObjectMeta, spec *corev1.PodSpec, reused **scene) []Violation {
	whole, denied := c.denies(meta, spec)
	if !denied {
		return nil
	}
	if *reused == nil {
		*reused = &scene{} // large; most pods need none
	}
	s := *reused
	s.set(c, meta, spec)
	var all []Violation
	if r := s.bare(); !r.Allowed {
		all = append(all, Violation{Denial: c.denial(r), Fields: s.podFields()})
		s.forgetPod()
	}
	for in := range workload.Containers(spec) {
		if in.Type == finding.ImageVolume {
			continue
		}
		if path := in.Path(); s.put(path) {
			if r := s.ask(s.annotations(in.Name)); !r.Allowed {
				all = append(all, Violation{
					Denial: c.denial(r), Container: in.Name, ContainerType: in.Type, Path: path, Fields: s.containerFields(path),
				})
			}
		}
	}
	if all == nil {
		// Nothing is wrong with any part by itself; the library still has the last word.
		all = append(all, Violation{Denial: whole})
	}
	return all
}

// Has says whether the check finds something in one container of a pod that
// it denies, or, where the container is nil, in the pod itself. It costs less
// than Violations, which finds the words.
func (c *Control) Has(meta *metav1.ObjectMeta, spec *corev1.PodSpec, in *workload.Container) bool {
	if spec = Defaulted(spec); c.check(meta, spec).Allowed {
		return false
	}
	var s scene
	s.set(c, meta, spec)
	bare := !s.bare().Allowed
	if in == nil {
		return bare
	}
	if in.Type == finding.ImageVolume {
		return false
	}
	if bare {
		s.forgetPod()
	}
	return s.put(in.Path()) && !s.ask(s.annotations(in.Name)).Allowed
}

// scene is a pod of which parts are taken away. It shares what is left with
// the pod, which is never changed.
type scene struct {
	*Control
	given     *corev1.PodSpec
	givenMeta *metav1.ObjectMeta
	// spec has the pod's own settings, and the container that is just looked at.
	spec corev1.PodSpec
	// alone has one field of it, in the container one where it is a container's.
	alone corev1.PodSpec
	one   [1]corev1.Container
	meta  metav1.ObjectMeta
	// own: there are annotations that have to be told apart.
	own bool
}

// set begins with another check.
func (s *scene) set(c *Control, meta *metav1.ObjectMeta, spec *corev1.PodSpec) {
	s.Control, s.given, s.givenMeta, s.spec, s.own = c, spec, meta, *spec, false
	for _, key := range c.reads.annotations {
		for k := range meta.Annotations {
			s.own = s.own || strings.HasPrefix(k, key)
		}
	}
}

func (s *scene) ask(annotations map[string]string) policy.CheckResult {
	meta := s.givenMeta
	if s.own {
		s.meta = metav1.ObjectMeta{Annotations: annotations}
		meta = &s.meta
	}
	return s.check(meta, &s.spec)
}

// bare asks about the pod without its containers.
func (s *scene) bare() policy.CheckResult {
	s.spec.InitContainers, s.spec.Containers, s.spec.EphemeralContainers = nil, nil, nil
	return s.ask(s.annotations(""))
}

// put makes the container of that path the only one. It returns false where there is none.
func (s *scene) put(path string) bool {
	s.spec.InitContainers, s.spec.Containers, s.spec.EphemeralContainers = nil, nil, nil
	list, rest, _ := strings.Cut(path, "[")
	i, err := strconv.Atoi(strings.TrimSuffix(rest, "]"))
	if err != nil || i < 0 {
		return false
	}
	switch {
	case list == initContainers && i < len(s.given.InitContainers):
		s.spec.InitContainers = s.given.InitContainers[i : i+1]
	case list == containers && i < len(s.given.Containers):
		s.spec.Containers = s.given.Containers[i : i+1]
	case list == ephemeralContainers && i < len(s.given.EphemeralContainers):
		s.spec.EphemeralContainers = s.given.EphemeralContainers[i : i+1]
	default:
		return false
	}
	return true
}

// the is the container that put has put.
func (s *scene) the() *corev1.Container {
	switch {
	case len(s.spec.InitContainers) > 0:
		return &s.spec.InitContainers[0]
	case len(s.spec.Containers) > 0:
		return &s.spec.Containers[0]
	}
	return (*corev1.Container)(&s.spec.EphemeralContainers[0].EphemeralContainerCommon)
}

// forgetPod takes away the pod's own settings, once it is known that they are
// wrong: what a container does about the matter by itself shows only without them.
func (s *scene) forgetPod() {
	s.spec = only(s.given, s.patterns.lifts)
}

// annotations are those that the check reads and that name this container; for
// none, those that name no container of the pod.
func (s *scene) annotations(container string) map[string]string {
	if !s.own {
		return nil
	}
	kept := map[string]string{}
	for _, key := range s.reads.annotations {
		for k, v := range s.givenMeta.Annotations {
			name, mine := strings.CutPrefix(k, key)
			if !mine {
				continue
			}
			if !strings.HasSuffix(key, "/") || !hasContainer(s.given, name) {
				name = ""
			}
			if name == container {
				kept[k] = v
			}
		}
	}
	return kept
}

func hasContainer(spec *corev1.PodSpec, name string) bool {
	for in := range workload.Containers(spec) {
		if in.Type != finding.ImageVolume && in.Name == name {
			return true
		}
	}
	return false
}
