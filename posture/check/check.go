package check

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/image"
	"github.com/kubeassay/assay/workload"
)

// Check is one built-in rule of posture: its texts, and a pure function.
// Exactly one of Judge, JudgePod and Compare is set.
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
}

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
	// Observed is what was seen inside the container; nil where nobody looked.
	Observed *workload.Observed
	// SpecPath is the path of Spec in the object, such as "spec.template.spec".
	SpecPath string
	// Images parses references, and remembers them.
	Images *image.Cache
	// Brief asks for the verdict alone, without Message and Basis: most verdicts
	// are only counted, and nobody reads those.
	Brief bool
}

// path is the path, in the object, of what has this path below the pod spec.
func (v *View) path(below string) string { return v.SpecPath + "." + below }

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

// All returns every check, in the order in which they are listed.
func All() []*Check {
	return []*Check{imageLatestTag(), imageTagDrift(), runAsRoot()}
}

// Select returns the checks whose IDs are in only (all, where it is empty) and
// not in skip. An ID that no check has is an error that lists those there are.
func Select(only, skip []string) ([]*Check, error) {
	all := All()
	for _, id := range slices.Concat(only, skip) {
		if !slices.ContainsFunc(all, func(c *Check) bool { return c.ID == id }) {
			return nil, fmt.Errorf("unknown check %q: use one of %s", id, strings.Join(ids(all), ", "))
		}
	}
	kept := slices.DeleteFunc(all, func(c *Check) bool {
		return len(only) > 0 && !slices.Contains(only, c.ID) || slices.Contains(skip, c.ID)
	})
	if len(kept) == 0 {
		return nil, fmt.Errorf("no check is left: every one that is wanted is also skipped (%s)", strings.Join(skip, ", "))
	}
	return kept, nil
}

func ids(checks []*Check) []string {
	var names []string
	for _, c := range checks {
		names = append(names, c.ID)
	}
	return names
}

// Rules returns the texts of checks, as reports carry them.
func Rules(checks []*Check) []finding.Rule {
	rules := make([]finding.Rule, len(checks))
	for i, c := range checks {
		rules[i] = c.Rule
	}
	return rules
}
