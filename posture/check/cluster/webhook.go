package cluster

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/index"
)

const (
	webhookPage     = "https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/"
	webhookGoodPage = "https://kubernetes.io/docs/concepts/cluster-administration/admission-webhooks-good-practices/"
)

var (
	validatingKind = schema.GroupKind{Group: admissionv1.GroupName, Kind: "ValidatingWebhookConfiguration"}
	mutatingKind   = schema.GroupKind{Group: admissionv1.GroupName, Kind: "MutatingWebhookConfiguration"}
)

func webhookKinds(more ...schema.GroupKind) []schema.GroupKind {
	return append([]schema.GroupKind{validatingKind, mutatingKind}, more...)
}

// hook is one webhook of a configuration of either kind.
type hook struct {
	path     string // such as "webhooks[2]"
	name     string
	mutating bool
	client   *admissionv1.WebhookClientConfig
	rules    []admissionv1.RuleWithOperations

	failurePolicy      *admissionv1.FailurePolicyType
	matchPolicy        *admissionv1.MatchPolicyType
	sideEffects        *admissionv1.SideEffectClass
	timeout            *int32
	namespaces, labels *metav1.LabelSelector
	conditions         []admissionv1.MatchCondition
}

// hooks lists the webhooks of a configuration; ok is false for one in a version
// of the API that is not read.
func hooks(o *index.Object) (all []hook, ok bool) {
	switch o := o.Object.(type) {
	case *admissionv1.ValidatingWebhookConfiguration:
		for i := range o.Webhooks {
			w := &o.Webhooks[i]
			all = append(all, hook{
				path: fmt.Sprintf("webhooks[%d]", i), name: w.Name, client: &w.ClientConfig, rules: w.Rules,
				failurePolicy: w.FailurePolicy, matchPolicy: w.MatchPolicy, sideEffects: w.SideEffects, timeout: w.TimeoutSeconds,
				namespaces: w.NamespaceSelector, labels: w.ObjectSelector, conditions: w.MatchConditions,
			})
		}
		return all, true
	case *admissionv1.MutatingWebhookConfiguration:
		for i := range o.Webhooks {
			w := &o.Webhooks[i]
			all = append(all, hook{
				path: fmt.Sprintf("webhooks[%d]", i), name: w.Name, mutating: true, client: &w.ClientConfig, rules: w.Rules,
				failurePolicy: w.FailurePolicy, matchPolicy: w.MatchPolicy, sideEffects: w.SideEffects, timeout: w.TimeoutSeconds,
				namespaces: w.NamespaceSelector, labels: w.ObjectSelector, conditions: w.MatchConditions,
			})
		}
		return all, true
	}
	return nil, false
}

// open: requests go on where the webhook can't be asked. Fail is the default.
func (h *hook) open() bool { return h.failurePolicy != nil && *h.failurePolicy == admissionv1.Ignore }

// failure is the basis of that.
func (h *hook) failure() finding.Basis {
	return h.declared("failurePolicy", text(h.failurePolicy))
}

func (h *hook) declared(field, value string) finding.Basis {
	return declared(h.path+"."+field, value)
}

// text is the value of a field that is a word.
func text[T ~string](p *T) string {
	if p == nil {
		return check.Unset
	}
	return check.OrUnset(string(*p))
}

// request is what a webhook may be asked about.
type request struct {
	operation                    admissionv1.OperationType
	group, resource, subresource string
}

// ofCluster reports whether what a request is about is in no namespace, of the
// resources that checks ask about.
func (r *request) ofCluster() bool {
	switch r.group {
	case "":
		return r.resource == "namespaces" || r.resource == "nodes" || r.resource == "persistentvolumes"
	case "rbac.authorization.k8s.io":
		return strings.HasPrefix(r.resource, "cluster")
	}
	return r.group != "apps" && r.group != "batch" && r.group != "networking.k8s.io"
}

// labelled: an objectSelector narrows down what the webhook is asked about.
func (h *hook) labelled() bool {
	return h.labels != nil && len(h.labels.MatchLabels)+len(h.labels.MatchExpressions) > 0
}

// mayBeAsked reports whether a request may be one that the webhook is asked
// about: one of its rules chooses it, and no match condition rules it out,
// whatever the object says. What is connected to has no labels.
func (h *hook) mayBeAsked(r *request, by weighed) bool {
	return h.asked(r) && (r.operation != admissionv1.Connect || !h.labelled()) && by.hold(r, "") != no
}

// asked reports whether one of the webhook's rules chooses a request.
func (h *hook) asked(r *request) bool {
	return slices.ContainsFunc(h.rules, func(rule admissionv1.RuleWithOperations) bool { return chooses(&rule, r) })
}

// chooses reads a rule as the API server does, whatever the API version.
func chooses(rule *admissionv1.RuleWithOperations, r *request) bool {
	if !slices.Contains(rule.Operations, r.operation) && !slices.Contains(rule.Operations, admissionv1.OperationAll) {
		return false
	}
	if !slices.Contains(rule.APIGroups, r.group) && !slices.Contains(rule.APIGroups, "*") {
		return false
	}
	if rule.Scope != nil && *rule.Scope != admissionv1.AllScopes && (*rule.Scope == admissionv1.ClusterScope) != r.ofCluster() {
		return false
	}
	return slices.ContainsFunc(rule.Resources, func(name string) bool {
		resource, subresource, _ := strings.Cut(name, "/")
		return (resource == "*" || resource == r.resource) && (subresource == "*" || subresource == r.subresource)
	})
}

// remark is what a check says of one webhook.
type remark struct {
	status   finding.Status
	severity finding.Severity
	text     string // a clause that the same words serve for several webhooks, without its dot
	basis    []finding.Basis
}

// eachHook judges all webhooks of a configuration and sums up: the worst that
// was found stands for the object.
func eachHook(o *index.Object, severity finding.Severity, judge func(*hook) remark) check.Verdict {
	all, ok := hooks(o)
	if !ok {
		return say(finding.NotReviewed, severity, fmt.Sprintf("Webhook configurations are read in version v1, and this one is written in %s.", o.APIVersion),
			declared("apiVersion", o.APIVersion))
	}
	if len(all) == 0 {
		return say(finding.NotApplicable, severity, "It has no webhooks.")
	}
	marks := make([]remark, len(all))
	for i := range all {
		marks[i] = judge(&all[i])
	}
	return sumUp(all, marks, severity)
}

// gravest is the order in which statuses count, the gravest first.
func gravest(s finding.Status) int {
	return slices.Index([]finding.Status{finding.Fail, finding.Error, finding.NotReviewed, finding.Pass, finding.NotApplicable}, s)
}

func sumUp(all []hook, marks []remark, severity finding.Severity) check.Verdict {
	worst := slices.MinFunc(marks, func(a, b remark) int {
		return cmp.Or(cmp.Compare(gravest(a.status), gravest(b.status)), cmp.Compare(a.severity.Rank(), b.severity.Rank()))
	})
	out := say(worst.status, cmp.Or(worst.severity, severity), "")
	var texts []string
	names := map[string][]string{}
	for i := range marks {
		m := &marks[i]
		if m.status != worst.status {
			continue
		}
		if names[m.text] == nil {
			texts = append(texts, m.text)
		}
		names[m.text] = append(names[m.text], all[i].name)
		if len(out.Basis) < basisKept {
			out.Basis = append(out.Basis, m.basis...)
		}
	}
	var said []string
	for _, t := range texts[:min(len(texts), named)] {
		said = append(said, of(names[t])+t+".")
	}
	if more := len(texts) - named; more > 0 {
		said = append(said, fmt.Sprintf("And %d more.", more))
	}
	out.Message = strings.Join(said, " ")
	return out
}

// basisKept bounds how many fields a verdict shows.
const basisKept = 8

// of is "Webhook a: " or "Webhooks a, b: ".
func of(names []string) string {
	if len(names) == 1 {
		return "Webhook " + names[0] + ": "
	}
	return "Webhooks " + listed(names) + ": "
}
