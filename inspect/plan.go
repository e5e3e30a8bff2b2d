package inspect

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	authorizationv1 "k8s.io/api/authorization/v1"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/inspect/access"
	"github.com/kubeassay/assay/inspect/risk"
	"github.com/kubeassay/assay/inspect/snapshot"
	"github.com/kubeassay/assay/kube"
)

// Plan says what a run would do. Making one changes nothing: the server is
// asked, and tries out in dry runs what it would have to admit.
type Plan struct {
	// Home is the namespace of the service accounts; empty: the targets'.
	Home string `json:"home,omitempty"`
	// Maker are the rights that whoever runs it needs to make and revoke the
	// temporary access, besides those that it hands on.
	Maker []string `json:"maker,omitempty"`
	// Calls are those of the API that are made once, whatever the targets.
	Calls    []string           `json:"calls,omitempty"`
	Targets  []PlannedTarget    `json:"targets"`
	Coverage []finding.Coverage `json:"coverage,omitempty"`
}

// PlannedTarget is what would be done about one container.
type PlannedTarget struct {
	Target   string           `json:"target"` // namespace/pod/container
	Workload finding.Workload `json:"workload"`
	Replicas int              `json:"replicas"`
	// Access is least-privilege or as-me, and AccessReason why.
	Access       AccessMode `json:"access,omitempty"`
	AccessReason string     `json:"accessReason,omitempty"`
	// Approach is empty where none fits.
	Approach snapshot.Approach `json:"approach,omitempty"`
	// Why this approach; Others are those that were not chosen, with the reason.
	Why    string          `json:"why"`
	Others []OtherApproach `json:"others,omitempty"`
	// Asks is what somebody has to agree to first.
	Asks string `json:"asks,omitempty"`
	// Needs are the rights, a line each; Lacks are those of them that the user,
	// whose own rights would be used, does not have.
	Needs []PlannedNeed `json:"needs,omitempty"`
	Lacks []string      `json:"lacks,omitempty"`
	// Calls are those of the API for this target, in their order.
	Calls   []string      `json:"calls,omitempty"`
	Remains []string      `json:"remains,omitempty"`
	Risk    *finding.Risk `json:"risk,omitempty"`
}

// OtherApproach is an approach that was not chosen.
type OtherApproach struct {
	Approach snapshot.Approach `json:"approach"`
	Reason   string            `json:"reason"`
}

// PlannedNeed is what is needed in one namespace.
type PlannedNeed struct {
	Namespace string   `json:"namespace"`
	Rules     []string `json:"rules"`
	need      access.Need
}

// MakePlan says how each container of a selection would be looked into.
func MakePlan(ctx context.Context, client *kube.Client, s Selection, o Options) (*Plan, error) {
	return newRun(client, o, nil).makePlan(ctx, s)
}

func (r *run) makePlan(ctx context.Context, s Selection) (*Plan, error) {
	targets, coverage, err := Resolve(ctx, r.client, s)
	if err != nil {
		return nil, err
	}
	r.settle(ctx)
	p := &Plan{Coverage: coverage, Targets: []PlannedTarget{}}
	granted := false
	for batch := range batches(targets) {
		lent := r.lending(ctx, batch[0])
		for _, t := range batch {
			planned := r.planned(ctx, t, lent, len(batch))
			if ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
			p.Targets = append(p.Targets, planned)
		}
		granted = granted || !lent.own && lent.err == nil
	}
	p.Calls = r.onceCalls(granted)
	if granted {
		p.Home = r.home
		p.addMaker()
	}
	return p, nil
}

// addMaker lists what making the grants takes.
func (p *Plan) addMaker() {
	for _, t := range p.Targets {
		if t.Access != LeastPrivilege {
			continue
		}
		home := p.Home
		if home == "" && len(t.Needs) > 0 {
			home = t.Needs[0].Namespace
		}
		for _, w := range access.CreatorNeeds(needsOf(t.Needs), home) {
			resource := w.Resource.String()
			if w.Subresource != "" {
				resource += "/" + w.Subresource
			}
			line := w.Verb + " " + resource + " in namespace " + w.Namespace
			if !slices.Contains(p.Maker, line) {
				p.Maker = append(p.Maker, line)
			}
		}
	}
}

func needsOf(planned []PlannedNeed) []access.Need {
	var all []access.Need
	for _, n := range planned {
		all = append(all, n.need)
	}
	return all
}

// planned tries the approaches in their order, as far as that changes nothing.
// Pods is how many targets share the access.
func (r *run) planned(ctx context.Context, t *Target, lent lending, pods int) PlannedTarget {
	l := &look{run: r, target: t, pod: t.Pod, id: identity(r.client.Server(), t, t.Pod)}
	p := PlannedTarget{Target: t.String(), Workload: t.Workload, Replicas: t.Replicas}
	if lent.err != nil {
		p.Why = lent.err.Error()
		return p
	}
	p.Access, p.AccessReason = LeastPrivilege, lent.why
	with := &lease{own: lent.own, pods: pods, life: r.options.TokenLife, sharedHome: r.home == ""}
	if lent.own {
		p.Access = AsMe
	}
	for n, w := range r.ways {
		err := r.preflight(ctx, l, w)
		switch {
		case p.Approach != "":
			p.Others = append(p.Others, OtherApproach{w.approach, later(w, err)})
		case err != nil:
			p.Others = append(p.Others, OtherApproach{w.approach, err.Error()})
		default:
			if n > 0 { // it would have an account of its own
				with.pods = 1
			}
			r.choose(ctx, &p, l, w, with)
		}
	}
	if p.Approach == "" {
		p.Why = "no approach fits"
	}
	if r.options.Approach == "" {
		p.Others = append(p.Others, OtherApproach{snapshot.SidecarContainer, "it is never chosen unasked: it changes the workload (assay sidecar inject)"})
	}
	return p
}

// choose fills in what taking a way means.
func (r *run) choose(ctx context.Context, p *PlannedTarget, l *look, w *way, with *lease) {
	p.Approach, p.Why = w.approach, w.why
	for _, n := range r.needs(w.approach, []*Target{l.target}) {
		p.Needs = append(p.Needs, PlannedNeed{n.Namespace, n.Strings(), n})
	}
	if with.own {
		p.Lacks = r.lacks(ctx, p.Needs)
	}
	p.Calls = r.calls(l, w, p.Needs, with)
	var uid *int64
	if s := l.target.status(); s.User != nil && s.User.Linux != nil {
		uid = &s.User.Linux.UID
	}
	method := ""
	if w.approach == snapshot.KubernetesAPI {
		method = "sh" // the first thing that is tried
	}
	use := r.use(with, []snapshot.Approach{w.approach}, method, uid)
	if w.approach == snapshot.DebugContainer {
		use.Remains = true
		p.Remains = []string{"the ephemeral container's entry in the pod's spec, until the pod is replaced"}
	}
	if w.agreed != nil {
		p.Asks = "that this stays: --yes agrees, or an answer on the terminal"
	}
	rated := risk.Rate(use)
	p.Risk = &rated
}

// later says what an approach is kept for that comes after the one chosen.
func later(w *way, unfit error) string {
	switch {
	case unfit != nil:
		return "would not do either, if nothing can be run in the container: " + unfit.Error()
	case w.agreed != nil:
		return "taken if nothing can be run in the container, and only with --yes or an answer on the terminal; " + w.why
	}
	return "taken if nothing can be run in the container; " + w.why
}

// preflight says why an approach does not fit, as far as that can be known
// without changing anything, or asking anybody.
func (r *run) preflight(ctx context.Context, l *look, w *way) error {
	if w.possible != nil {
		if err := w.possible(); err != nil {
			return err
		}
	}
	if try, ok := w.open(l, r.client).(interface{ Preflight(context.Context) error }); ok {
		return try.Preflight(ctx)
	}
	return nil
}

// lacks asks which of the rights the user does not have. What can't be asked is
// not claimed.
func (r *run) lacks(ctx context.Context, needs []PlannedNeed) []string {
	var all []string
	for _, n := range needs {
		for _, rule := range n.need.Rules {
			resource, sub, _ := strings.Cut(rule.Resources[0], "/")
			ask := authorizationv1.ResourceAttributes{Namespace: n.Namespace, Group: rule.APIGroups[0], Resource: resource, Subresource: sub}
			if len(rule.ResourceNames) > 0 {
				ask.Name = rule.ResourceNames[0]
			}
			for _, verb := range rule.Verbs {
				ask.Verb = verb
				review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: ask.DeepCopy()}}
				review.APIVersion, review.Kind = kube.SelfSubjectAccessReviews.APIVersion(), kube.SelfSubjectAccessReviews.Kind
				var out authorizationv1.SelfSubjectAccessReview
				if err := r.client.Review(ctx, kube.SelfSubjectAccessReviews, review, &out); err == nil && !out.Status.Allowed {
					all = append(all, verb+" "+rule.Resources[0]+" in namespace "+n.Namespace)
				}
			}
		}
	}
	return all
}

// onceCalls are the calls of the API that don't belong to one target.
func (r *run) onceCalls(granted bool) []string {
	all := []string{"get or list pods, replicasets.apps and jobs.batch, to find the targets and what owns them"}
	if r.options.ScannerNamespace == "" && (r.options.Access != AsMe || r.options.Image != "") {
		all = append(all, "get namespaces/"+access.HomeNamespace)
	}
	if r.options.Access != AsMe {
		all = append(all,
			"create selfsubjectrulesreviews and selfsubjectaccessreviews; create serviceaccounts, roles and rolebindings as dry runs: whether access can be made",
			"get /version; list serviceaccounts, roles, rolebindings and pods of ours; delete those that have expired")
	}
	if granted {
		all = append(all, "create selfsubjectreviews: who makes the access")
	}
	return all
}

// calls lists every call of the API for one target, those for the grant too.
func (r *run) calls(l *look, w *way, needs []PlannedNeed, with *lease) []string {
	var all []string
	if !with.own {
		home := r.home
		if home == "" {
			home = l.id.Namespace
		}
		all = append(all, "create serviceaccounts in namespace "+home+", as a dry run and then for good")
		for _, n := range needs {
			all = append(all, "create roles and rolebindings in namespace "+n.Namespace)
		}
		all = append(all,
			"create serviceaccounts/token in namespace "+home,
			"create selfsubjectaccessreviews with the token, until the rights count")
	}
	same := fmt.Sprintf("get pods/%s in namespace %s, to see that it is still the same", l.id.Pod, l.id.Namespace)
	all = append(all, same)
	all = append(all, w.calls(l)...)
	all = append(all, same)
	if !with.own {
		all = append(all, "delete the rolebindings, then the service account, then the roles", "create selfsubjectaccessreviews with the token, until the rights are gone")
	}
	return all
}

// Roles are the roles that all of a plan's targets together need, with their
// bindings, for whoever wants to grant them beforehand. An empty home is
// [access.HomeNamespace].
func (p *Plan) Roles(account, home string) ([]byte, error) {
	home = cmp.Or(home, access.HomeNamespace)
	var needs []access.Need
	for _, t := range p.Targets {
		needs = append(needs, needsOf(t.Needs)...)
	}
	return access.YAML(access.Roles(needs, "assay-inspect", account, home))
}
