package container

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/workload"
)

// appArmorUnconfined fails where AppArmor is switched off.
//
// Fields: securityContext.appArmorProfile.type of pod and container, and the
// annotations that came before it.
func appArmorUnconfined() *check.Check {
	return &check.Check{
		Rule: finding.Rule{
			ID:       "apparmor-unconfined",
			Title:    "AppArmor switched off",
			Severity: finding.Medium,
			Description: "Somebody switched AppArmor off for the container. On nodes that have AppArmor, its default profile keeps containers from mounting file systems " +
				"and from writing to dangerous places below /proc and /sys; without it one wall between the container and the node is gone.",
			Check: "The profile that takes effect is the one in the container's securityContext, else the one in the annotation container.apparmor.security.beta.kubernetes.io/NAME, " +
				"else the pod's. An annotation that the kubelet does not know does not count. A type that the Pod Security Standards (baseline) do not let through fails; that is Unconfined. " +
				"No profile at all is fine, for the runtime then uses its default. Where the pod's own profile is Unconfined but every container has a better one, " +
				"or an annotation that takes no effect is one that they do not let through, the standards still deny the pod, and this is low.",
			Fix: "Use the runtime's own profile, or one of your own with Localhost, and take out where a container or an annotation says otherwise:\n\n" +
				"    spec:\n" +
				"      securityContext:\n" +
				"        appArmorProfile:\n" +
				"          type: RuntimeDefault\n",
			References: references("apparmor-unconfined", aboutAppArmor),
		},
		Fields: append(inEvery("securityContext.appArmorProfile.type"), "spec.securityContext.appArmorProfile.type",
			"metadata.annotations['"+appArmorAnnotation+"*']"),
		Judge: running(finding.Medium, judgeAppArmor),
	}
}

const (
	appArmorAnnotation = corev1.DeprecatedAppArmorBetaContainerAnnotationKeyPrefix
	appArmorControl    = "appArmorProfile"
)

func appArmor() inheritable {
	return inheritable{
		control: appArmorControl,
		own:     func(c *corev1.SecurityContext) bool { return c.AppArmorProfile != nil },
		pod:     func(p *corev1.PodSecurityContext) bool { return p.AppArmorProfile != nil },
	}
}

// appArmorSetting is where the profile of a container may stand.
type appArmorSetting struct {
	own, pod  bool
	annotated bool   // by an annotation that says something
	key       string // of the annotation
	note      string // what it says
}

func appArmorOf(v *check.View) appArmorSetting {
	in := appArmor()
	s := appArmorSetting{own: in.has(v.Container.Security), pod: in.podHas(v.Spec)}
	for key, note := range v.Meta.Annotations {
		if name, ok := strings.CutPrefix(key, appArmorAnnotation); ok && name == v.Container.Name {
			s.key, s.note, s.annotated = key, note, isAppArmorNote(note)
		}
	}
	return s
}

// isAppArmorNote reports whether an annotation says something: the kubelet
// passes over any other value, and goes by the pod's profile.
func isAppArmorNote(note string) bool {
	return note == corev1.DeprecatedAppArmorBetaProfileRuntimeDefault || note == corev1.DeprecatedAppArmorBetaProfileNameUnconfined ||
		strings.HasPrefix(note, corev1.DeprecatedAppArmorBetaProfileNamePrefix)
}

func judgeAppArmor(v check.View) check.Verdict {
	s := appArmorOf(&v)
	field := s.own && deniesFields(&v, v.Container)
	note := !field && denied(&v, appArmorControl)
	fromPod := !s.own && !s.annotated && s.pod && deniesFields(&v, nil)
	// What takes no effect here, but makes the standards deny the pod.
	idle := !field && !note && !fromPod && speaks(&v) && deniedPod(&v, appArmorControl) && !appArmorTaken(&v)
	out := failIf(field || note || fromPod || idle, finding.Medium)
	if idle || note && !fromPod && (s.own || !s.annotated) {
		out.Severity = finding.Low
	}
	if !v.Brief {
		out.Message, out.Basis = appArmorWords(&v, &s, field || fromPod, note, idle)
	}
	softenWindows(&v, &out, finding.Low)
	return out
}

func appArmorWords(v *check.View, s *appArmorSetting, field, note, idle bool) (string, []finding.Basis) {
	basis, value := appArmorType(v, s)
	switch {
	case idle:
		return appArmorIdle(v)
	case field && value == string(corev1.AppArmorProfileTypeUnconfined):
		return "AppArmor is switched off: the profile is Unconfined.", []finding.Basis{basis}
	case field:
		return fmt.Sprintf("The AppArmor profile %q is none that the Pod Security Standards let through.", value), []finding.Basis{basis}
	case note && s.own:
		return "An annotation switches AppArmor off for the container. The securityContext comes before it, but the Pod Security Standards refuse such a pod.",
			[]finding.Basis{annotation(v, s.key), basis}
	case note && !s.annotated:
		return fmt.Sprintf("The annotation for AppArmor says %q, which the kubelet does not know and passes over. The Pod Security Standards refuse such a pod.", s.note),
			[]finding.Basis{annotation(v, s.key), basis}
	case note:
		return fmt.Sprintf("AppArmor is switched off: the annotation says %q.", s.note), []finding.Basis{annotation(v, s.key), basis}
	case s.annotated && !s.own:
		return "AppArmor is not switched off.", []finding.Basis{annotation(v, s.key), basis}
	}
	return "AppArmor is not switched off.", []finding.Basis{basis}
}

// appArmorIdle says what takes no effect and still keeps the standards from
// letting the pod in: the pod's own profile, or annotations for containers
// that it does not have.
func appArmorIdle(v *check.View) (string, []finding.Basis) {
	if appArmor := appArmor(); appArmor.podHas(v.Spec) && deniesFields(v, nil) {
		basis := v.Declared("appArmorProfile.type", true, check.OrUnset(string(v.Spec.SecurityContext.AppArmorProfile.Type)))
		return fmt.Sprintf("The pod's AppArmor profile is %s.%s", basis.Value, unusedWords), []finding.Basis{basis}
	}
	var basis []finding.Basis
	for _, key := range slices.Sorted(maps.Keys(v.Meta.Annotations)) {
		alone := metav1.ObjectMeta{Annotations: map[string]string{key: v.Meta.Annotations[key]}}
		if v.Standards.Denies(appArmorControl, &alone, v.Spec, nil) {
			basis = append(basis, annotation(v, key))
		}
	}
	return "An annotation switches AppArmor off for a container that the pod does not have. The Pod Security Standards refuse such a pod.", basis
}

func annotation(v *check.View, key string) finding.Basis {
	return finding.Basis{Evidence: finding.Declared, Field: annotationPath(v, key), Value: check.OrUnset(v.Meta.Annotations[key])}
}

// deniesFields asks the standards about the fields, without the annotations.
func deniesFields(v *check.View, c *workload.Container) bool {
	return v.Standards.Denies(appArmorControl, &metav1.ObjectMeta{}, v.Spec, c)
}

// appArmorTaken reports whether some container goes by a wrong profile of the pod.
func appArmorTaken(v *check.View) bool {
	in := appArmor()
	if !in.podHas(v.Spec) || !deniesFields(v, nil) {
		return false
	}
	takes := func(c *corev1.Container) bool {
		return !in.has(c.SecurityContext) && !isAppArmorNote(v.Meta.Annotations[appArmorAnnotation+c.Name])
	}
	for i := range v.Spec.InitContainers {
		if takes(&v.Spec.InitContainers[i]) {
			return true
		}
	}
	for i := range v.Spec.Containers {
		if takes(&v.Spec.Containers[i]) {
			return true
		}
	}
	for i := range v.Spec.EphemeralContainers {
		if takes((*corev1.Container)(&v.Spec.EphemeralContainers[i].EphemeralContainerCommon)) {
			return true
		}
	}
	return false
}

// appArmorType is the profile that takes effect, among the fields.
func appArmorType(v *check.View, s *appArmorSetting) (finding.Basis, string) {
	switch {
	case s.own:
		value := check.OrUnset(string(v.Container.Security.AppArmorProfile.Type))
		return v.Declared("appArmorProfile.type", false, value), value
	case s.pod:
		value := check.OrUnset(string(v.Spec.SecurityContext.AppArmorProfile.Type))
		return v.Declared("appArmorProfile.type", true, value), value
	}
	return v.Declared("appArmorProfile.type", false, check.Unset), check.Unset
}
