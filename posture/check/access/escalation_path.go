package access

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/index"
	"github.com/kubeassay/assay/posture/rbac"
)

// escalationPath fails where several bindings together open a way to
// cluster-admin that none of them opens by itself.
//
// Fields: roleRef and subjects of bindings, the rules of their roles, the Pod
// Security labels of namespaces, and as whom pods run.
func escalationPath() *check.Check {
	return &check.Check{
		Rule: finding.Rule{
			ID: "rbac-escalation-path", Title: "Bindings that together lead to cluster-admin", Severity: finding.High,
			Description: "Some rights are harmless alone, and hand over the cluster together: making requests for certificates and approving them, binding any role and making bindings, making volumes and making pods. " +
				"Where they come from several bindings, nobody sees it in any one of them.",
			Check: "All rights of each subject, with those of the groups that it is in, are searched for a way to cluster-admin whose first step needs more than one binding. The finding is about the first of these; the others are in the message. " +
				"It is critical for service accounts that pods run as and for groups that are everybody, high for other service accounts, medium for users and groups, and where the way depends on what is not known. " +
				"A way that one binding opens by itself is told by the check of its right, and is not reported again.",
			Fix: "Take away one of the rights that the way needs, for instance the approving:\n\n" +
				aClusterRole + "    - apiGroups: [certificates.k8s.io]\n      resources: [certificatesigningrequests]\n      verbs: [get, list, watch, create]\n",
			References: references("rbac-escalation-path", goodPractices),
		},
		Fields: bindingFields(), Kinds: allKinds(), KnowsGaps: true,
		SurveyCluster: surveyPaths,
	}
}

func surveyPaths(x *index.Index, yield check.Yield) {
	s := surveyOf(x)
	paths := s.combined()
	for _, b := range s.bindings {
		at := paths[b.Ref]
		own := slices.ContainsFunc(b.ways(), func(l rbac.Lead) bool { return l.Goal == rbac.ClusterAdmin })
		switch {
		case len(at) > 0:
			yield(b.in, s.pathVerdict(b, at))
		case b.unclear != "":
			yield(b.in, verdict(finding.NotReviewed, finding.High, b.unclear, roleBasis(b)))
		case own:
			yield(b.in, verdict(finding.NotApplicable, finding.High, "It leads on by itself, or gives everything: the check of the right that it gives says how.", roleBasis(b)))
		default:
			yield(b.in, verdict(finding.Pass, finding.High, "No way to cluster-admin was found that begins with it and others together.", roleBasis(b)))
		}
	}
}

// combined are the ways that need several bindings, by the binding that they are
// reported at.
func (s *survey) combined() map[rbac.Ref][]rbac.Chain {
	byRef := map[rbac.Ref]*bound{}
	for _, b := range s.bindings {
		byRef[b.Ref] = b
	}
	paths := map[rbac.Ref][]rbac.Chain{}
	for _, c := range s.graph.Combined() {
		if c.Goal != rbac.ClusterAdmin || s.alone(byRef, &c) {
			continue
		}
		for _, g := range c.Steps[0].By {
			if b := byRef[g.Binding]; b != nil && g.Subject == c.Subject && slices.ContainsFunc(b.judged, func(j rbac.BoundSubject) bool { return j.Subject == c.Subject }) {
				paths[b.Ref] = append(paths[b.Ref], c)
				break
			}
		}
	}
	return paths
}

// alone reports whether one of a chain's bindings is enough for its first step.
func (s *survey) alone(byRef map[rbac.Ref]*bound, c *rbac.Chain) bool {
	return slices.ContainsFunc(c.Steps[0].By, func(g rbac.Grant) bool {
		b := byRef[g.Binding]
		return b != nil && slices.ContainsFunc(b.ways(), func(l rbac.Lead) bool {
			return l.Goal == rbac.ClusterAdmin && l.Steps[0].Technique == c.Steps[0].Technique && l.For(c.Subject)
		})
	})
}

func (s *survey) pathVerdict(b *bound, all []rbac.Chain) check.Verdict {
	worst := &all[0]
	for i := range all {
		if s.classOf(all[i].Subject) > s.classOf(worst.Subject) {
			worst = &all[i]
		}
	}
	severity := finding.Medium
	if !slices.ContainsFunc(worst.Steps, func(step rbac.Step) bool { return step.If != "" }) {
		switch s.classOf(worst.Subject) {
		case running, public:
			severity = finding.Critical
		case account:
			severity = finding.High
		case person:
		}
	}
	at := slices.IndexFunc(b.judged, func(j rbac.BoundSubject) bool { return j.Subject == worst.Subject })
	who := &b.judged[at]
	var by []string
	for _, g := range worst.Steps[0].By {
		if one := g.Binding.String(); !slices.Contains(by, one) {
			by = append(by, one)
		}
	}
	var m strings.Builder
	fmt.Fprintf(&m, "%s can become cluster-admin by what %s give together.", upper(name(worst.Subject)), few(by, len(by)))
	if more := len(all) - 1; more > 0 {
		fmt.Fprintf(&m, " So can %d more of its subjects.", more)
	}
	m.WriteString(s.asPod(who) + " " + path("The way: ", worst.Subject.String(), worst.Steps))
	return verdict(finding.Fail, severity, m.String(), basis(b, nil, who)...)
}
