package check

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/image"
	"github.com/kubeassay/assay/posture/index"
	"github.com/kubeassay/assay/workload"
)

// Check is one built-in rule of posture: its texts, and a pure function.
// Exactly one of Judge, JudgePod, Compare, Join, JudgeObject, SurveyNamespace,
// SurveyCluster and JudgeVersion is set.
type Check struct {
	finding.Rule
	// Fields lists the fields that the check reads, for its documentation.
	Fields []string
	// Judge decides about one container of one pod or pod template.
	Judge func(View) Verdict
	// JudgePod decides about what all containers of a pod or pod template have
	// in common; the view's Container is nil.
	JudgePod func(View) Verdict
	// Compare decides about the running copies of one container.
	Compare func(Copies) Verdict
	// Join decides about pods, or a pod template, together with other objects.
	Join func(*Joint) Verdict
	// JudgeObject decides about one object of Kinds by itself. The index is not
	// complete yet.
	JudgeObject func(*index.Object, *index.Index) Verdict
	// SurveyNamespace decides about objects of one namespace, once everything in
	// it is known, pods too. It yields every object that it judged.
	SurveyNamespace func(*index.Namespace, Yield)
	// SurveyCluster does so once everything is known.
	SurveyCluster func(*index.Index, Yield)
	// JudgeVersion decides about any object by its API version alone.
	JudgeVersion func(Versioned) Verdict

	// Kinds are those that the check asks the index about, or judges. Where one of
	// them can't be read, what the check says is not-reviewed.
	Kinds []schema.GroupKind
	// KnowsGaps: the check itself says what it means that some could not be read.
	KnowsGaps bool
	// OptIn is the flag without which the check is not made: one that permits the
	// reading that it needs, or that tells what it goes by, such as
	// "read-secrets"; empty for one that is always made.
	OptIn string
	// ForFramework: the check answers a framework in its own terms, and is made only
	// where one is asked for, or where the check is named.
	ForFramework bool
	// Only, where set, is asked before Judge: a container that it says no to is
	// nothing to the check. Checks with the same Filter are asked together.
	Only *Filter
}

// Filter chooses the containers that a group of checks is about. It is asked
// about every container, so it must cost next to nothing.
type Filter struct{ Wants func(*View) bool }

// Yield takes a verdict about an object. Verdicts are always whole there.
type Yield func(*index.Object, Verdict)

// Registries is the flag that tells from where images may come.
const Registries = "registries"

// The flags that permit what is off by default.
const (
	ReadSecrets    = "read-secrets"
	ReadConfigMaps = "read-configmaps"
	ReadKubelet    = "read-kubelet"
)

// View is what Judge sees: one container where it stands, or with JudgePod
// the pod. It points into the object and is valid only during the call.
type View struct {
	// Meta is the pod's own metadata, or that of the template.
	Meta      *metav1.ObjectMeta
	Spec      *corev1.PodSpec
	Status    *corev1.PodStatus // nil for a template
	Container *workload.Container
	// Owner is the kind of the object that has the template, or of the pod's
	// controller; empty for a pod that nothing controls.
	Owner string
	// Replicas is how many pods the object that has the template asks for; 1
	// where it does not say, and for a pod.
	Replicas int32
	// Observed is what was seen inside the container; nil where nobody looked.
	Observed *workload.Observed
	// SpecPath is the path of Spec in the object, such as "spec.template.spec".
	SpecPath string
	// Images parses references, and remembers them.
	Images *image.Cache
	// Standards are the Pod Security Standards to judge by.
	Standards *Standards
	// Settings are what a user wants from checks that can't know it.
	Settings *Settings
	// Brief asks for the verdict alone, without Message and Basis: most verdicts
	// are only counted, and nobody reads those.
	Brief bool
}

// Path is the path, in the object, of what has this path below the pod spec.
func (v *View) Path(below string) string { return v.SpecPath + "." + below }

// Declared is a field of the container's security context, or of the pod's.
func (v *View) Declared(field string, fromPod bool, value string) finding.Basis {
	return finding.Basis{Evidence: finding.Declared, Field: v.Path(v.Container.FieldPath(field, fromPod)), Value: value}
}

// InContainer is a field below the container, such as "ports[0].hostPort".
func (v *View) InContainer(field, value string) finding.Basis {
	return finding.Basis{Evidence: finding.Declared, Field: v.Path(v.Container.Path() + "." + field), Value: value}
}

// InPod is a field below the pod spec, such as "hostNetwork".
func (v *View) InPod(field, value string) finding.Basis {
	return finding.Basis{Evidence: finding.Declared, Field: v.Path(field), Value: value}
}

// Settings are what checks can't know by themselves.
type Settings struct {
	// Registries that images may come from, such as "registry.example/shop";
	// empty: any.
	Registries []string
}

// Joint is what Join sees: what stays of pods that are alike, or of a
// template, and all that is known besides.
type Joint struct {
	*index.Pod
	*index.Namespace
	// SpecPath is the path of the pod spec in the object.
	SpecPath string
}

// Versioned is what JudgeVersion sees.
type Versioned struct {
	APIVersion, Kind string
	Meta             metav1.Object
	// Server is the version of the API server, Target the one to judge for
	// instead; each is empty where it is not known.
	Server, Target string
	// Live: the object was read from a server, under a version that was asked for.
	Live  bool
	Brief bool
}

// Copies is what Compare sees: one container as it runs in the pods of one
// template (pods of different templates may well differ).
type Copies struct {
	// Image is the reference in the spec, the same in all of them.
	Image string
	Of    []Copy
	// Images parses references, and remembers them.
	Images *image.Cache
}

// Copy is what the running pods with one digest have in common.
type Copy struct {
	Digest string // under which a registry serves the image
	Arch   string // of the nodes; empty where the nodes could not be read
	Pods   int
	Pod    string // one of them
	// Field and ImageID say where the digest stands in that pod.
	Field, ImageID string
	// Nodes holds names of nodes that run it, the first few.
	Nodes []string
}

// Verdict is what a check says about one container.
type Verdict struct {
	Status   finding.Status
	Severity finding.Severity
	// Evidence is the strongest evidence that the verdict rests on.
	Evidence finding.Evidence
	// May: the spec leaves the matter open. What pods of the same template report
	// can clear a failure that is only declared, and has May; a reported pass
	// that has May is such a report.
	May bool
	// Value is what the kubelet reports, where the verdict rests on that. It
	// tells apart verdicts that are otherwise alike.
	Value   string
	Message string
	// Basis has the field that carries the verdict first.
	Basis []finding.Basis
}

// Unset is the value of a basis whose field is not there.
const Unset = "unset"
