package finding

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
)

// Workload names what a person edits: the top owner of some pods, such as a
// Deployment, a CronJob or a bare Pod.
type Workload struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Namespace  string `json:"namespace,omitempty"`
	Name       string `json:"name"`
}

// String is "Deployment/cart".
func (w Workload) String() string { return w.Kind + "/" + w.Name }

// Finding is the verdict of one rule about one workload's container.
type Finding struct {
	// Check is set for a verdict of posture; Control and Profile for one of inspect.
	Check    string   `json:"check,omitempty"`
	Control  string   `json:"control,omitempty"`
	Profile  string   `json:"profile,omitempty"`
	Status   Status   `json:"status"`
	Severity Severity `json:"severity"`
	// Evidence is the strongest rung of Basis that carries the verdict.
	Evidence      Evidence      `json:"evidence"`
	Workload      Workload      `json:"workload"`
	Container     string        `json:"container,omitempty"`
	ContainerType ContainerType `json:"containerType,omitempty"`
	Image         string        `json:"image,omitempty"`
	// Injected: the container is in the pods but not in the workload's template.
	Injected bool    `json:"injected,omitempty"`
	Basis    []Basis `json:"basis,omitempty"`
	Message  string  `json:"message"`
	// Pods counts the pods to which the verdict applies, PodsTotal those of
	// the workload; PodNames holds the first few of the former.
	Pods      int      `json:"pods"`
	PodsTotal int      `json:"podsTotal"`
	PodNames  []string `json:"podNames,omitempty"`
	// Targets are the containers that were looked into, Tests what the control
	// is made of; both only for inspect.
	Targets  []InspectionTarget `json:"targets,omitempty"`
	Tests    []Test             `json:"tests,omitempty"`
	Location *Location          `json:"location,omitempty"`
	// Fingerprint identifies the finding across scans, see [Fingerprint].
	Fingerprint string  `json:"fingerprint"`
	Waiver      *Waiver `json:"waiver,omitempty"`
	// Component names the known part of a cluster that can't do without what the
	// finding is about; the severity is lower for that, and the message says why.
	Component string `json:"component,omitempty"`
	// Labels are those of the object that Workload names, for waivers; nil where
	// they are not known, as for saved evidence. They stand in no report.
	Labels map[string]string `json:"-"`
	// Annotations are that object's, as far as they are waivers; see
	// [WaiverAnnotations]. They stand in no report.
	Annotations map[string]string `json:"-"`
	// NamespaceLabels are those of the workload's namespace; nil where they are
	// not known. Nobody asks for them where there are no Annotations.
	NamespaceLabels map[string]string `json:"-"`
}

// Basis is one field that a verdict rests on. The weaker rungs stay visible
// beside the stronger ones.
type Basis struct {
	Evidence Evidence `json:"evidence"`
	// Field is the path in the object, such as
	// spec.template.spec.containers[0].securityContext.runAsUser.
	Field string `json:"field"`
	// Value is what stands there; "unset" when nothing does.
	Value string `json:"value"`
	// Object is the object that has the field, where it is not the workload itself ("Pod/cart-5d9").
	Object string `json:"object,omitempty"`
	// Pods counts the pods that say so.
	Pods int `json:"pods,omitempty"`
}

// Location is a place in a file. Line and Column count from 1; Column counts characters.
type Location struct {
	File   string `json:"file"`
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
}

// String is "file:line:column", as compilers and editors write it.
func (l Location) String() string {
	s := l.File
	if l.Line > 0 {
		s += ":" + strconv.Itoa(l.Line)
		if l.Column > 0 {
			s += ":" + strconv.Itoa(l.Column)
		}
	}
	return s
}

// Waiver is a signed-off exception.
type Waiver struct {
	Reason  string `json:"reason"`
	Owner   string `json:"owner"`
	Expires string `json:"expires"`
	// Annotation is the object's annotation in which it stands; empty for one
	// from a waiver file.
	Annotation string `json:"annotation,omitempty"`
}

// KnownLabels are an object's labels for a [Finding]: not nil where it has none.
func KnownLabels(labels map[string]string) map[string]string {
	if labels == nil {
		return map[string]string{}
	}
	return labels
}

// WaiverAnnotation is the prefix of annotations that are waivers. The ID of the
// check follows it.
const WaiverAnnotation = "waive.assay.dev/"

// WaiverAnnotations returns those of an object's annotations that are waivers,
// nil where none is.
func WaiverAnnotations(all map[string]string) map[string]string {
	var waivers map[string]string
	for key, value := range all {
		if strings.HasPrefix(key, WaiverAnnotation) {
			if waivers == nil {
				waivers = map[string]string{}
			}
			waivers[key] = value
		}
	}
	return waivers
}

// Fingerprint is a SHA-256, in hex, over rule, workload, container type and
// container. It is never over message, line, severity or evidence, so that a
// finding keeps it while its circumstances change.
func Fingerprint(f *Finding) string {
	var b strings.Builder
	rule := f.Check
	if f.Control != "" {
		rule = f.Profile + "/" + f.Control
	}
	for _, s := range []string{
		rule, f.Workload.APIVersion, f.Workload.Kind, f.Workload.Namespace, f.Workload.Name,
		string(f.ContainerType), f.Container,
	} {
		// Length first: no two lists of strings look the same.
		b.WriteString(strconv.Itoa(len(s)))
		b.WriteByte(':')
		b.WriteString(s)
	}
	sum := sha256.Sum256([]byte(b.String()))
	return hex.EncodeToString(sum[:])
}
