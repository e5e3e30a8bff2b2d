package pss

import (
	"fmt"
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

// Evaluator asks the library's checks. It never changes once it is made, so
// one serves all goroutines.
type Evaluator struct {
	// baseline and restricted hold, for every minor version, the checks in the
	// order in which the library makes them. Those at restricted are without the
	// checks of baseline that a stricter one stands in for.
	baseline, restricted [][]*Control
}

// Denial is what the library says against a whole pod, in its own words.
type Denial struct {
	// Check is the library's ID of the check, such as "hostNamespaces".
	Check string `json:"check"`
	// Level is the one that the check belongs to.
	Level api.Level `json:"level"`
	// Reason is short and much the same for all pods; Detail names containers and values.
	Reason string `json:"reason"`
	Detail string `json:"detail,omitempty"`
}

// String is the denial as the API server would word it.
func (d *Denial) String() string {
	if d.Detail == "" {
		return d.Reason
	}
	return d.Reason + " (" + d.Detail + ")"
}

// New prepares all checks of all versions.
func New() (*Evaluator, error) {
	e := &Evaluator{}
	controls, err := known(policy.DefaultChecks())
	if err != nil {
		return nil, err
	}
	order, err := newOrder()
	if err != nil {
		return nil, err
	}
	for minor := range newestMinor + 1 {
		v := api.MajorMinorVersion(1, minor)
		e.baseline = append(e.baseline, order.at(api.LevelBaseline, v, controls))
		e.restricted = append(e.restricted, order.at(api.LevelRestricted, v, controls))
	}
	return e, nil
}

// known makes the controls of the library's checks, by ID and then by revision.
func known(checks []policy.Check) (map[string][]*Control, error) {
	controls := map[string][]*Control{}
	for _, c := range checks {
		id := string(c.ID)
		k, ok := knowledgeOf(id)
		if !ok {
			return nil, fmt.Errorf("the Pod Security Standards have a check %q that this version of Assay does not know: it would not know where to look for what is wrong", id)
		}
		info := infoOf(&c)
		patterns := k.reads.compile()
		for _, v := range c.Versions {
			controls[id] = append(controls[id], &Control{Info: info, check: v.CheckPod, reads: k.reads, patterns: patterns})
		}
	}
	return controls, nil
}

// order asks the library which checks it makes, and in which revision. It is
// the library's own evaluator, over checks that answer with their own name: so
// neither versions nor the rule which check replaces which are ours.
type order struct{ policy.Evaluator }

func newOrder() (order, error) {
	checks := policy.DefaultChecks()
	for i := range checks {
		c := &checks[i]
		c.Versions = slices.Clone(c.Versions)
		for revision := range c.Versions {
			name := policy.CheckResult{ForbiddenReason: string(c.ID), ForbiddenDetail: strconv.Itoa(revision)}
			c.Versions[revision].CheckPod = func(*metav1.ObjectMeta, *corev1.PodSpec) policy.CheckResult { return name }
		}
	}
	e, err := policy.NewEvaluator(checks, nil)
	if err != nil {
		return order{}, fmt.Errorf("preparing the checks of the Pod Security Standards: %w", err)
	}
	return order{e}, nil
}

func (o order) at(l api.Level, v api.Version, controls map[string][]*Control) []*Control {
	var all []*Control
	for _, named := range o.EvaluatePod(api.LevelVersion{Level: l, Version: v}, nil, nil) {
		revision, _ := strconv.Atoi(named.ForbiddenDetail) // of newOrder
		all = append(all, controls[named.ForbiddenReason][revision])
	}
	return all
}

// Controls lists the checks that a pod has to pass at a level, in the library's
// order. A version newer than all it knows stands for the newest; privileged
// asks for nothing.
//
// At restricted, a check of baseline that a stricter one replaces is left out.
// To judge every check by itself, take those of both levels.
func (e *Evaluator) Controls(level api.Level, version api.Version) []*Control {
	if level == api.LevelPrivileged {
		return nil
	}
	minor := newestMinor
	if newest := Newest(); version.Older(newest) {
		minor = max(version.Minor(), 0)
	}
	if level == api.LevelBaseline {
		return e.baseline[minor]
	}
	return e.restricted[minor] // as the library does with a level that is none
}

// Control finds one check by its ID, in the revision of a version. It is nil
// where the standards of that version have no such check.
func (e *Evaluator) Control(id string, version api.Version) *Control {
	for _, level := range []api.Level{api.LevelBaseline, api.LevelRestricted} {
		for _, c := range e.Controls(level, version) {
			if c.ID == id && c.Level == level {
				return c
			}
		}
	}
	return nil
}

// Denials says what the level has against a pod, as the admission plugin would
// say it; nil where it would be let in. It is the fast way where nobody asks
// which container it is.
func (e *Evaluator) Denials(level api.Level, version api.Version, meta *metav1.ObjectMeta, spec *corev1.PodSpec) []Denial {
	var all []Denial
	spec = Defaulted(spec)
	for _, c := range e.Controls(level, version) {
		if d, denied := c.denies(meta, spec); denied {
			all = append(all, d)
		}
	}
	return all
}

// Evaluate says what the level has against a pod, and where: one violation for
// each check and each container it is about. It is empty where the pod would
// be let in.
func (e *Evaluator) Evaluate(level api.Level, version api.Version, meta *metav1.ObjectMeta, spec *corev1.PodSpec) []Violation {
	var all []Violation
	spec = Defaulted(spec)
	var s *scene
	for _, c := range e.Controls(level, version) {
		all = append(all, c.violations(meta, spec, &s)...)
	}
	return all
}

// Admits lists the checks that a namespace with this policy does not make,
// though the standards have them in the newer of the two versions: what it
// would still let in.
func (e *Evaluator) Admits(enforced api.LevelVersion, newest api.Version) []Info {
	made := map[string]bool{}
	levels := []api.Level{api.LevelBaseline}
	switch enforced.Level {
	case api.LevelPrivileged:
		levels = nil
	case api.LevelBaseline:
	default:
		levels = append(levels, api.LevelRestricted) // it also covers what it replaces
	}
	for _, level := range levels {
		for _, c := range e.Controls(level, Effective(enforced.Version, newest)) {
			made[c.ID] = true
		}
	}
	var left []Info
	for _, level := range []api.Level{api.LevelBaseline, api.LevelRestricted} {
		for _, c := range e.Controls(level, newest) {
			if c.Level == level && !made[c.ID] {
				left = append(left, c.Info)
			}
		}
	}
	return left
}
