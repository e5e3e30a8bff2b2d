package access

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/kubeassay/assay/kube"
)

// readyTime is how long the server's authorizer may take to learn of a binding.
const readyTime = 30 * time.Second

// question asks about one rule: its first verb, resource and name.
func question(namespace string, r *rbacv1.PolicyRule) authorizationv1.ResourceAttributes {
	resource, sub, _ := strings.Cut(r.Resources[0], "/")
	a := authorizationv1.ResourceAttributes{
		Namespace: namespace, Verb: r.Verbs[0], Group: r.APIGroups[0], Resource: resource, Subresource: sub,
	}
	if len(r.ResourceNames) > 0 {
		a.Name = r.ResourceNames[0]
	}
	return a
}

// allowed asks the server whether whoever client connects as may do something.
func allowed(ctx context.Context, client *kube.Client, a authorizationv1.ResourceAttributes) (bool, error) {
	review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &a}}
	review.APIVersion, review.Kind = kube.SelfSubjectAccessReviews.APIVersion(), kube.SelfSubjectAccessReviews.Kind
	var out authorizationv1.SelfSubjectAccessReview
	if err := client.Review(ctx, kube.SelfSubjectAccessReviews, review, &out); err != nil {
		return false, err
	}
	return out.Status.Allowed, nil
}

// awaitReady waits until the server allows the grant's account what it was
// made for. The account itself asks, so that the token is known to work too.
func (g *Grant) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, readyTime, fmt.Errorf("after %v the server still does not allow it", readyTime))
	defer cancel()
	for _, n := range g.needs {
		for i := range n.Rules {
			ask := question(n.Namespace, &n.Rules[i])
			err := poll(ctx, func() (bool, error) {
				ok, err := allowed(ctx, g.own, ask)
				if apierrors.IsUnauthorized(err) {
					return false, nil // another of several API servers does not know the account yet
				}
				return ok, err
			})
			switch {
			case apierrors.IsForbidden(err):
				return fmt.Errorf("the new account may not even ask what it may do, so it can't be known when its access counts "+
					"(accounts usually may by the ClusterRole system:basic-user): %w", err)
			case err != nil:
				return fmt.Errorf("waiting until the new account may %s %s in namespace %s: %w", ask.Verb, n.Rules[i].Resources[0], n.Namespace, err)
			}
		}
	}
	return nil
}

// awaitGone waits until the server allows the account nothing of it any more,
// or does not know its token.
func (g *Grant) awaitGone(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, goneTime, errStillAllowed)
	defer cancel()
	for _, n := range g.needs {
		for i := range n.Rules {
			ask := question(n.Namespace, &n.Rules[i])
			err := poll(ctx, func() (bool, error) {
				ok, err := allowed(ctx, g.own, ask)
				if apierrors.IsUnauthorized(err) || apierrors.IsForbidden(err) {
					return true, nil
				}
				return !ok, err
			})
			if err != nil {
				return fmt.Errorf("asking whether the account may still %s %s in namespace %s: %w", ask.Verb, n.Rules[i].Resources[0], n.Namespace, err)
			}
		}
	}
	return nil
}

var errStillAllowed = errors.New("it may, though its bindings are deleted: does another binding allow it to all service accounts?")

// poll asks until it is told yes, soon at first and then less often.
func poll(ctx context.Context, ask func() (bool, error)) error {
	const first, longest = 5 * time.Millisecond, 250 * time.Millisecond
	for delay := first; ; delay = min(2*delay, longest) {
		ok, err := ask()
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if ok || err != nil {
			return err
		}
		timer := time.NewTimer(delay)
		select {
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		case <-timer.C:
		}
	}
}
