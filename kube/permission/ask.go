package permission

import (
	"context"
	"errors"
	"slices"

	"golang.org/x/sync/errgroup"
	authorizationv1 "k8s.io/api/authorization/v1"

	"github.com/kubeassay/assay/kube"
)

// Want is one thing that somebody would like to do.
type Want struct {
	Verb     string // list, get, watch, create…
	Resource kube.Resource
	// Subresource such as "exec"; usually empty.
	Subresource string
	// Namespace to do it in; empty: in all of them, or where the resource belongs
	// to the cluster. (For Namespaces it is the one to get.)
	Namespace string
}

// State is the answer to a Want.
type State string

// The states. Unknown means that the server could not be asked or did not
// decide; it is no "no".
const (
	Allowed State = "allowed"
	Denied  State = "denied"
	Unknown State = "unknown"
)

// Answer is what the server says to a Want.
type Answer struct {
	Want
	State State
	// Reason is the server's own, where it gives one, or why it is Unknown.
	Reason string
}

const (
	// atOnce bounds the reviews under way.
	atOnce = 8
	// worthRules is the number of wishes in one namespace from which on one
	// question about all rules is cheaper than one for each.
	worthRules = 3
)

// Ask asks the API server about every want; the answers come in the same order.
func Ask(ctx context.Context, c *kube.Client, wants []Want) []Answer {
	answers := make([]Answer, len(wants))
	inNamespace := map[string][]int{}
	var single []int
	for i, w := range wants {
		answers[i] = Answer{Want: w, State: Unknown}
		if w.Namespace == "" {
			single = append(single, i)
		} else {
			inNamespace[w.Namespace] = append(inNamespace[w.Namespace], i)
		}
	}
	// Each goroutine writes its own answers; none returns an error, so that one
	// failure leaves the others standing.
	var group errgroup.Group
	group.SetLimit(atOnce)
	for _, i := range single {
		group.Go(func() error { askOne(ctx, c, &answers[i]); return nil })
	}
	for namespace, indexes := range inNamespace {
		group.Go(func() error {
			open := indexes
			if len(indexes) >= worthRules {
				open = askRules(ctx, c, namespace, answers, indexes)
			}
			for _, i := range open {
				askOne(ctx, c, &answers[i])
			}
			return nil
		})
	}
	_ = group.Wait()
	return answers
}

// askOne asks one question, to which the server must give one answer.
func askOne(ctx context.Context, c *kube.Client, a *Answer) {
	review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
		ResourceAttributes: &authorizationv1.ResourceAttributes{
			Namespace: a.Namespace, Verb: a.Verb,
			Group: a.Resource.Group, Version: a.Resource.Version, Resource: a.Resource.Resource, Subresource: a.Subresource,
		},
	}}
	review.APIVersion, review.Kind = kube.SelfSubjectAccessReviews.APIVersion(), kube.SelfSubjectAccessReviews.Kind
	var out authorizationv1.SelfSubjectAccessReview
	err := c.Review(ctx, kube.SelfSubjectAccessReviews, review, &out)
	status := out.Status
	switch {
	case err != nil:
		a.State, a.Reason = Unknown, reason(ctx, err)
	case status.Allowed:
		a.State, a.Reason = Allowed, status.Reason
	case status.EvaluationError != "" && !status.Denied:
		// An authorizer failed; another one might have said yes.
		a.State, a.Reason = Unknown, status.EvaluationError
	default:
		a.State, a.Reason = Denied, status.Reason
	}
}

func reason(ctx context.Context, err error) string {
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return "interrupted"
	}
	return err.Error()
}

// askRules asks for all rules of a namespace and settles what they settle. It
// returns the indexes that stay open.
func askRules(ctx context.Context, c *kube.Client, namespace string, answers []Answer, indexes []int) []int {
	review := &authorizationv1.SelfSubjectRulesReview{Spec: authorizationv1.SelfSubjectRulesReviewSpec{Namespace: namespace}}
	review.APIVersion, review.Kind = kube.SelfSubjectRulesReviews.APIVersion(), kube.SelfSubjectRulesReviews.Kind
	var out authorizationv1.SelfSubjectRulesReview
	if err := c.Review(ctx, kube.SelfSubjectRulesReviews, review, &out); err != nil {
		return indexes
	}
	// Rules that are not all rules settle nothing: an authorizer that can't
	// list its rules (a webhook) may both allow and forbid.
	if out.Status.Incomplete || out.Status.EvaluationError != "" {
		return indexes
	}
	for _, i := range indexes {
		a := &answers[i]
		a.State = Denied
		if slices.ContainsFunc(out.Status.ResourceRules, func(r authorizationv1.ResourceRule) bool { return a.allowedBy(&r) }) {
			a.State = Allowed
		}
	}
	return nil
}

// allowedBy matches as the API server's RBAC authorizer does.
func (w *Want) allowedBy(r *authorizationv1.ResourceRule) bool {
	resource := w.Resource.Resource
	anyOf := "*"
	if w.Subresource != "" {
		resource += "/" + w.Subresource
		anyOf = "*/" + w.Subresource
	}
	return len(r.ResourceNames) == 0 &&
		(slices.Contains(r.Verbs, w.Verb) || slices.Contains(r.Verbs, "*")) &&
		(slices.Contains(r.APIGroups, w.Resource.Group) || slices.Contains(r.APIGroups, "*")) &&
		(slices.Contains(r.Resources, resource) || slices.Contains(r.Resources, "*") || slices.Contains(r.Resources, anyOf))
}
