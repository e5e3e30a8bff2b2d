package pss

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/pod-security-admission/api"
)

// Tally counts, over the pods and pod templates of one namespace, what stands
// in the way of each level. It remembers no pods: its size is bounded by what
// may be kept, and by the few ways in which pods can be wrong.
type Tally struct {
	evaluator *Evaluator
	version   api.Version
	keep      *int
	// Pods and Templates are how many were counted.
	Pods, Templates int
	baseline        Standing
	restricted      Standing
}

// Standing is what stands in the way of one level.
type Standing struct {
	Level api.Level `json:"level"`
	// Pods and Templates count those that the level denies.
	Pods      int `json:"pods"`
	Templates int `json:"templates"`
	// Blockers are the objects that they are of, the first few; More counts the
	// pods and templates of the others.
	Blockers []*Blocker `json:"blockers,omitempty"`
	More     int        `json:"more,omitempty"`

	byKey  map[blockerKey]*Blocker
	byText map[string]*alike
}

// Subject is what a pod belongs to, or what a template stands in.
type Subject struct {
	// Kind and Name of the pod's controller, or of the pod that has none.
	Kind string `json:"kind"`
	Name string `json:"name"`
}

// Blocker is an object whose pods, or whose template, a level denies, all for
// the same reasons.
type Blocker struct {
	Subject
	// Pods is how many of its pods are.
	Pods int `json:"pods,omitempty"`
	// Template: its template is.
	Template bool `json:"template,omitempty"`
	// Denials are those of the first of them.
	Denials []Denial `json:"denials"`
}

type blockerKey struct {
	Subject
	reasons string
}

// alike are pods that are denied for the same reasons.
type alike struct {
	first string // by name
	count int
}

// NewTally starts counting for a namespace whose pods are judged by a version.
// Every blocker that it keeps takes one off keep, which several tallies may
// share; at 0 it only counts.
func (e *Evaluator) NewTally(version api.Version, keep *int) *Tally {
	return &Tally{
		evaluator: e, version: version, keep: keep,
		baseline: Standing{Level: api.LevelBaseline}, restricted: Standing{Level: api.LevelRestricted},
	}
}

// AddPod counts a pod. Of the pod it keeps only texts.
func (t *Tally) AddPod(s Subject, meta *metav1.ObjectMeta, spec *corev1.PodSpec) {
	t.Pods++
	t.judge(meta, spec, func(standing *Standing, denials []Denial, reasons string) {
		standing.Pods++
		standing.addAlike(reasons, meta.Name)
		if b := standing.blocker(s, denials, reasons, t.keep); b != nil {
			b.Pods++
		}
	})
}

// AddTemplate counts the pod template that stands in an object.
func (t *Tally) AddTemplate(s Subject, meta *metav1.ObjectMeta, spec *corev1.PodSpec) {
	t.Templates++
	t.judge(meta, spec, func(standing *Standing, denials []Denial, reasons string) {
		standing.Templates++
		if b := standing.blocker(s, denials, reasons, t.keep); b != nil {
			b.Template = true
		}
	})
}

func (t *Tally) judge(meta *metav1.ObjectMeta, spec *corev1.PodSpec, denied func(*Standing, []Denial, string)) {
	for _, standing := range []*Standing{&t.baseline, &t.restricted} {
		if denials := t.evaluator.Denials(standing.Level, t.version, meta, spec); len(denials) > 0 {
			denied(standing, denials, reasonsOf(denials))
		}
	}
}

// blocker is the one that a pod or template belongs to, nil where no more are kept.
func (s *Standing) blocker(subject Subject, denials []Denial, reasons string, keep *int) *Blocker {
	key := blockerKey{subject, reasons}
	b := s.byKey[key]
	switch {
	case b != nil:
	case *keep <= 0:
		s.More++
	default:
		*keep--
		b = &Blocker{Subject: subject, Denials: denials}
		if s.byKey == nil {
			s.byKey = map[blockerKey]*Blocker{}
		}
		s.byKey[key] = b
		s.Blockers = append(s.Blockers, b)
	}
	return b
}

func (s *Standing) addAlike(reasons, pod string) {
	a := s.byText[reasons]
	if a == nil {
		if s.byText == nil {
			s.byText = map[string]*alike{}
		}
		a = &alike{first: pod}
		s.byText[reasons] = a
	}
	a.count++
	a.first = min(a.first, pod)
}

func reasonsOf(denials []Denial) string {
	var b strings.Builder
	for i := range denials {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(denials[i].Reason)
	}
	return b.String()
}

// Free says that nothing stands in the way.
func (s *Standing) Free() bool { return s.Pods == 0 && s.Templates == 0 }

// Standing is how things stand with a level; nil for privileged, which nothing stands in the way of.
func (t *Tally) Standing(level api.Level) *Standing {
	switch level {
	case api.LevelBaseline:
		return &t.baseline
	case api.LevelRestricted:
		return &t.restricted
	}
	return nil
}

// Highest is the highest level that the namespace could enforce today: that
// denies none of the pods, and none of the templates, from which the next pods
// are made.
func (t *Tally) Highest() api.Level {
	switch {
	case t.restricted.Free():
		return api.LevelRestricted
	case t.baseline.Free():
		return api.LevelBaseline
	}
	return api.LevelPrivileged
}

// Warnings is what the API server answers when a namespace's labels are changed
// to enforce a level that existing pods violate, in its words and its order.
// The server looks at pods only, at 3000 of them and for one second at most,
// and passes over those of exempt runtime classes.
func (s *Standing) Warnings(namespace string, version api.Version) []string {
	if len(s.byText) == 0 {
		return nil
	}
	var lines []string
	for reasons, a := range s.byText {
		who := a.first
		switch {
		case a.count == 2:
			who += " (and 1 other pod)"
		case a.count > 2:
			who += fmt.Sprintf(" (and %d other pods)", a.count-1)
		}
		lines = append(lines, who+": "+reasons)
	}
	slices.Sort(lines)
	first := fmt.Sprintf("existing pods in namespace %q violate the new PodSecurity enforce level %q",
		namespace, api.LevelVersion{Level: s.Level, Version: version})
	return append([]string{first}, lines...)
}

// LabelArgs are the arguments that make kubectl label raise a namespace to a
// level: with its version too, unless that is left as it is.
func LabelArgs(level api.Level, version *api.Version) []string {
	args := []string{api.EnforceLevelLabel + "=" + string(level)}
	if version != nil {
		args = append(args, api.EnforceVersionLabel+"="+version.String())
	}
	return args
}
