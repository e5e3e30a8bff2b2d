package access

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/rbac"
)

// grant is a kind of right that is reported where a binding gives it.
type grant struct {
	id, title                string
	access                   rbac.Access
	description, checks, fix string
	page                     string
	// Severities where it is given in the whole cluster, in one namespace, and
	// over named objects only. None for names means that it is in order then.
	cluster, space, named finding.Severity
}

func (g *grant) check() *check.Check {
	return &check.Check{
		Rule: finding.Rule{
			ID: g.id, Title: g.title, Severity: g.cluster, Description: g.description,
			Check: g.checks + " " + g.severities() +
				" The severity rises where the right leads on: to critical where it makes one cluster-admin in a single step, or where it leads to cluster-admin and pods run as the " +
				"service account or everybody has it; to high for a service account that no pod runs as, and for a node; to medium for users and groups, or where the way depends on what is not known. " +
				"What the API server gives its own parts, and Amazon EKS its own, passes. A binding that gives everything there is, is reported by " + clusterAdminID + " or " + namespaceAdminID + " alone.",
			Fix: g.fix, References: references(g.id, g.page),
		},
		Fields: bindingFields(), Kinds: allKinds(), KnowsGaps: true,
		SurveyCluster: surveyBindings(g.judge),
	}
}

func (g *grant) severities() string {
	s := "Given in the whole cluster it is " + string(g.cluster)
	if g.space != "" {
		s += ", in one namespace " + string(g.space)
	}
	if g.named == "" && g.space != "" {
		return s + "; limited to objects by name it passes, unless it leads on."
	}
	if g.named != "" {
		s += ", limited to objects by name " + string(g.named)
	}
	return s + "."
}

func (g *grant) judge(s *survey, b *bound) check.Verdict {
	if v, done := g.plain(b); done {
		return v
	}
	h := b.held(g.access)
	lead, who := s.way(b, func(a rbac.Access) bool { return a == g.access })
	severity := g.cluster
	switch {
	case len(h.Names) > 0 && g.named == "" && lead == nil:
		return verdict(finding.Pass, g.cluster, "Only of those that are named: "+firstFew(h.Names)+".", basis(b, h, nil)...)
	case len(h.Names) > 0 && lead != nil && lead.Steps[0].If == notThere:
		// The program itself makes that secret at once, and has no other way on.
		return verdict(finding.Fail, finding.Low, g.message(s, b, h, lead, who), basis(b, h, who)...)
	case len(h.Names) > 0:
		severity = gravest(g.named, finding.Low)
	case b.Ref.Namespace != "":
		severity = g.space
	}
	if g.access == rbac.ApprovalAccess && lead == nil && !signsClients(b) {
		severity = finding.Low
	}
	if who == nil {
		who = s.nearest(b, nil)
	}
	return verdict(finding.Fail, s.graver(severity, lead, who), g.message(s, b, h, lead, who), basis(b, h, who)...)
}

// plain judges what needs no look at the rights one by one.
func (g *grant) plain(b *bound) (v check.Verdict, done bool) {
	say := func(status finding.Status, message string) (check.Verdict, bool) {
		return verdict(status, g.cluster, message, roleBasis(b)), true
	}
	switch {
	case b.unclear != "":
		return say(finding.NotReviewed, b.unclear)
	case b.held(g.access) == nil:
		return say(finding.Pass, "It gives no such right.")
	case len(b.Subjects) == 0:
		return say(finding.NotApplicable, "It gives this to nobody.")
	case len(b.judged) == 0:
		return say(finding.Pass, "It gives this to parts of Kubernetes itself or of the platform that runs it, or to system:masters, which has it anyway.")
	}
	if id := b.reportedBy(); id != "" {
		return say(finding.NotApplicable, "It gives this among everything else: "+id+" says so.")
	}
	return check.Verdict{}, false
}

func (g *grant) message(s *survey, b *bound, h *rbac.Held, l *rbac.Lead, who *rbac.BoundSubject) string {
	var m strings.Builder
	rule, in, _ := b.Rule(h.Rule)
	fmt.Fprintf(&m, "%s, %s %s", upper(where(b)), names(who, b.judged), strings.Join(whys([]rbac.Held{*h}), "; "))
	fmt.Fprintf(&m, ": %s allows %s.", in, brief(rbac.Describe(rule)))
	m.WriteString(s.asPod(who))
	if s.graph.Absent(who.Subject) {
		m.WriteString(" The account is not there: whoever makes it has this.")
	}
	if l != nil {
		m.WriteString(" " + onward(l, who.Subject))
	}
	return m.String()
}

// brief cuts what a rule allows where it lists very much.
func brief(s string) string {
	const most = 200
	if len(s) <= most {
		return s
	}
	at := strings.LastIndex(s[:most], ",")
	if at < 0 {
		at = most
	}
	return strings.ToValidUTF8(s[:at], "") + " and more"
}

// signsClients reports whether a binding lets one approve certificates for
// clients of the API server.
func signsClients(b *bound) bool {
	h := b.held(rbac.SignerAccess)
	return h != nil && (len(h.Names) == 0 || slices.ContainsFunc(h.Names, func(n string) bool {
		return n == "kubernetes.io/*" || strings.HasPrefix(n, "kubernetes.io/kube-apiserver-client")
	}))
}
