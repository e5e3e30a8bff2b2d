package survey

import (
	"maps"
	"slices"

	"k8s.io/pod-security-admission/api"

	"github.com/kubeassay/assay/posture/pss"
)

// Namespace is what there is to say about one namespace.
type Namespace struct {
	Name string `json:"name"`
	// Enforces, Audits and Warns are what its labels ask for; absent where they
	// could not be read.
	Enforces *LevelVersion `json:"enforces,omitempty"`
	Audits   *LevelVersion `json:"audits,omitempty"`
	Warns    *LevelVersion `json:"warns,omitempty"`
	// Problems are labels with values that can't be read.
	Problems []pss.Problem `json:"problems,omitempty"`
	// JudgedBy is the version that the rest is about.
	JudgedBy  string `json:"judgedBy"`
	Pods      int    `json:"pods"`
	Templates int    `json:"templates"`
	// CouldEnforce is the highest level that denies none of these pods and
	// templates; absent where pods could not be read.
	CouldEnforce api.Level `json:"couldEnforce,omitempty"`
	// TemplatesUnread: templates could not all be read, so only pods count.
	TemplatesUnread bool      `json:"templatesUnread,omitempty"`
	Baseline        *Standing `json:"baseline"`
	Restricted      *Standing `json:"restricted"`
	// StillAdmits are the checks that the enforced level does not make.
	StillAdmits []string `json:"stillAdmits,omitempty"`
	// Labels are those that would raise the namespace to what it could enforce;
	// absent where it does already.
	Labels []string `json:"labels,omitempty"`
}

// LevelVersion is a level and the version of the standards that it is of.
type LevelVersion struct {
	Level   api.Level `json:"level"`
	Version string    `json:"version"`
}

func newLevelVersion(lv api.LevelVersion) *LevelVersion {
	return &LevelVersion{lv.Level, lv.Version.String()}
}

// String is "baseline:latest".
func (l *LevelVersion) String() string { return string(l.Level) + ":" + l.Version }

// Standing is what stands in the way of a level.
type Standing struct {
	*pss.Standing
	// Warnings is what an API server answers when the labels are changed to
	// enforce the level: it looks at pods only.
	Warnings []string `json:"warnings,omitempty"`
}

// Namespaces lists all that is known of, by name.
func (s *Survey) Namespaces() []*Namespace {
	names := map[string]bool{}
	for name := range s.Labels {
		names[name] = true
	}
	for name := range s.tallies {
		names[name] = true
	}
	var all []*Namespace
	for _, name := range slices.Sorted(maps.Keys(names)) {
		all = append(all, s.namespace(name))
	}
	return all
}

func (s *Survey) namespace(name string) *Namespace {
	tally := s.tally(name)
	judged := s.effective(tally.asked)
	n := &Namespace{Name: name, JudgedBy: judged.String(), Pods: tally.Pods, Templates: tally.Templates}
	for _, x := range []struct {
		to    **Standing
		level api.Level
	}{{&n.Baseline, api.LevelBaseline}, {&n.Restricted, api.LevelRestricted}} {
		standing := tally.Standing(x.level)
		*x.to = &Standing{standing, standing.Warnings(name, tally.asked)}
	}
	if !s.gaps.pods(name) {
		n.CouldEnforce = tally.Highest()
	}
	n.TemplatesUnread = s.gaps.templates(name)
	labels, known := s.Labels[name]
	if !known {
		return n
	}
	policy, problems := pss.Labels(labels)
	n.Enforces, n.Audits, n.Warns = newLevelVersion(policy.Enforce), newLevelVersion(policy.Audit), newLevelVersion(policy.Warn)
	n.Problems = problems
	for _, c := range s.evaluator.Admits(policy.Enforce, s.Latest) {
		n.StillAdmits = append(n.StillAdmits, c.Reference())
	}
	if n.CouldEnforce != "" && api.CompareLevels(n.CouldEnforce, policy.Enforce.Level) > 0 {
		var version *api.Version
		if judged != pss.Effective(policy.Enforce.Version, s.Latest) || s.Version != nil {
			version = &tally.asked
		}
		n.Labels = pss.LabelArgs(n.CouldEnforce, version)
	}
	return n
}

// Next is the level above what could be enforced, and what stands in its way;
// nil where there is none, or where it is not known.
func (n *Namespace) Next() *Standing {
	switch n.CouldEnforce {
	case api.LevelPrivileged:
		return n.Baseline
	case api.LevelBaseline:
		return n.Restricted
	}
	return nil
}

// Violated says whether what stands in the namespace would not be let in
// again by what it enforces.
func (n *Namespace) Violated() bool {
	return n.Enforces != nil && n.CouldEnforce != "" && api.CompareLevels(n.CouldEnforce, n.Enforces.Level) < 0
}
