package access

import (
	"cmp"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/index"
	"github.com/kubeassay/assay/posture/rbac"
)

// holders tells what service accounts have, for checks that ask it for each pod.
type holders struct {
	world *world
	x     *index.Index
	// given is what bindings give to each subject that they name, without what the
	// API server gives to everybody.
	given map[rbac.Subject]*given
	known map[accountKey]*holder
	// unclear says why it is not known who has what; empty where it is.
	unclear string
}

type accountKey struct{ namespace, name string }

// given is what one subject is given by all bindings that name it.
type given struct {
	any      bool // some rule
	unknown  bool // by a role that is not known
	severity finding.Severity
	why      string
	by, role rbac.Ref
}

// holder is one service account.
type holder struct {
	given
	subject rbac.Subject
	// declared: the account is known; automount is its own field then. Else unknown
	// says why it is not, and absent that it is not there.
	declared  bool
	automount *bool
	absent    bool
	unknown   string
	// verdicts that are the same for all its pods, by what mounts the token.
	verdicts [mounts]*check.Verdict
}

func holdersOf(x *index.Index) *holders {
	return index.Memo(x, tokensKey, func() *holders {
		w := worldOf(x)
		h := &holders{world: w, x: x, given: map[rbac.Subject]*given{}, known: map[accountKey]*holder{}}
		for _, kind := range rightsKinds() {
			if reason, missing := x.Missing(kind, ""); missing && h.unclear == "" {
				h.unclear = check.Sentence(reason)
			}
		}
		if h.unclear == "" && x.Partial {
			h.unclear = "Only some namespaces were asked for; a binding in another one may give it rights."
		}
		for _, b := range w.clusterWide {
			h.give(w.graph.ClusterRoleBinding(b.is))
		}
		for _, b := range w.bindings {
			h.give(w.graph.RoleBinding(b.is))
		}
		return h
	})
}

func (h *holders) give(b *rbac.Binding) {
	held := b.Held()
	one := given{any: b.Rules() > 0, unknown: !b.Known && (b.Unread || !h.x.Live), severity: finding.Info, by: b.Ref, role: b.Role}
	if grave := dangerous(held); len(grave) > 0 {
		one.severity, one.why = grave[0].Severity, strings.Join(whys(grave), "; ")
		if b.Ref.Namespace != "" && one.severity == finding.Critical {
			one.severity = finding.High
		}
	}
	for _, s := range b.Subjects {
		if s.Default {
			continue
		}
		if h.given[s.Subject] == nil {
			h.given[s.Subject] = &given{severity: finding.Info}
		}
		h.given[s.Subject].add(&one)
	}
}

func (g *given) add(o *given) {
	if o == nil {
		return
	}
	g.unknown = g.unknown || o.unknown
	if o.any && (!g.any || o.severity.Rank() < g.severity.Rank()) {
		g.severity, g.why, g.by, g.role = o.severity, o.why, o.by, o.role
	}
	g.any = g.any || o.any
}

// holder is what is known of the account that a pod runs as.
func (h *holders) holder(namespace, name string) *holder {
	key := accountKey{cmp.Or(namespace, metav1.NamespaceDefault), name}
	if a := h.known[key]; a != nil {
		return a
	}
	subject := rbac.ServiceAccount(key.namespace, name)
	a := &holder{subject: subject, given: given{severity: finding.Info}}
	a.add(h.given[subject])
	for _, group := range rbac.Groups(subject) {
		a.add(h.given[rbac.Group(group)])
	}
	if o := h.world.accounts[subject]; o != nil {
		a.declared, a.automount = true, o.AutomountServiceAccountToken
	} else {
		s := &survey{world: h.world, x: h.x}
		a.absent, a.unknown = s.absent(subject)
	}
	h.known[key] = a
	return a
}
