package access

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/kube"
)

// Left is one thing of ours in a cluster.
type Left struct {
	Kind      string `json:"kind"` // ServiceAccount, Role, RoleBinding, Pod, EphemeralContainer
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	// Container of the pod, for an ephemeral container's entry.
	Container string    `json:"container,omitempty"`
	UID       types.UID `json:"uid,omitempty"`
	Run       string    `json:"run,omitempty"`
	CreatedAt time.Time `json:"createdAt,omitzero"`
	ExpiresAt time.Time `json:"expiresAt,omitzero"`
	CreatedBy string    `json:"createdBy,omitempty"`
	// Problem says why it can't be removed, or not by assay grant prune.
	Problem string `json:"problem,omitempty"`

	rules    []rbacv1.PolicyRule
	resource kube.Resource
}

// String is "Role shop/assay-inspect-x".
func (l *Left) String() string {
	s := l.Kind + " " + l.Namespace + "/" + l.Name
	if l.Container != "" {
		s += "/" + l.Container
	}
	return s
}

func (l *Left) object() *object {
	return &object{ref: kube.Ref{Resource: l.resource, Namespace: l.Namespace, Name: l.Name}, uid: l.UID}
}

// item is as much of a listed object as counts here.
type item struct {
	metav1.ObjectMeta `json:"metadata"`
	Rules             []rbacv1.PolicyRule `json:"rules"`
}

func (i *item) left(r kube.Resource) Left {
	l := Left{
		Kind: r.Kind, Namespace: i.Namespace, Name: i.Name, UID: i.UID, Run: i.Labels[LabelRun],
		CreatedAt: i.CreationTimestamp.UTC(), CreatedBy: clip(i.Annotations[AnnotationCreatedBy]), rules: i.Rules, resource: r,
	}
	var err error
	if l.ExpiresAt, err = expiry(&i.ObjectMeta); err != nil {
		l.Problem = err.Error() + ", so it is not known when it expires; to remove it: assay grant revoke, or kubectl delete"
	}
	return l
}

// grantKinds are those of which grants are made.
var grantKinds = [...]kube.Resource{kube.ServiceAccounts, kube.Roles, kube.RoleBindings}

// scope is where things are looked for.
type scope struct {
	client *kube.Client
	// namespaces; none means all.
	namespaces []string
	// down is set once the server can't be reached, so that it is not waited for again and again.
	down error
}

// each asks for a resource in every namespace of the scope. What may not be
// read in all namespaces at once is read in those that are most likely, and
// what could not be read is returned.
func (s *scope) each(ctx context.Context, r kube.Resource, ask func(namespace string) error) []finding.Coverage {
	var gaps []finding.Coverage
	try := func(namespace string) error {
		if s.down != nil {
			return s.down
		}
		err := ask(namespace)
		var unreachable *kube.UnreachableError
		if errors.As(err, &unreachable) {
			s.down = err
		}
		return err
	}
	namespaces := s.namespaces
	if len(namespaces) == 0 {
		err := try("")
		if err == nil {
			return nil
		}
		gap := gapOf(ctx, "kind/"+r.String(), err)
		if !apierrors.IsForbidden(err) {
			return []finding.Coverage{gap}
		}
		namespaces = []string{HomeNamespace}
		if own := s.client.Namespace(); own != HomeNamespace {
			namespaces = append(namespaces, own)
		}
		gap.Detail += fmt.Sprintf("; only looked in namespaces %q (name others with -n)", namespaces)
		gaps = append(gaps, gap)
	}
	for _, n := range namespaces {
		if err := try(n); err != nil {
			gaps = append(gaps, gapOf(ctx, "namespace/"+n+"/"+r.String(), err))
		}
	}
	return gaps
}

// gapOf says why something could not be read.
func gapOf(ctx context.Context, what string, err error) finding.Coverage {
	c := finding.Coverage{Scope: what, State: finding.Unreadable, Detail: err.Error()}
	switch {
	case ctx.Err() != nil && !errors.Is(ctx.Err(), context.DeadlineExceeded):
		c.State = finding.Interrupted
	case apierrors.IsForbidden(err):
		c.State = finding.Forbidden
	case kube.IsTimeout(err):
		c.State = finding.TimedOut
	}
	return c
}

// find lists what is of ours, of some kinds.
func (s *scope) find(ctx context.Context, resources []kube.Resource) (found []Left, gaps []finding.Coverage) {
	for _, r := range resources {
		gaps = append(gaps, s.each(ctx, r, func(namespace string) error {
			var list struct {
				Items []item `json:"items"`
			}
			if err := s.client.List(ctx, r, kube.ListOptions{Namespace: namespace, LabelSelector: Selector}, &list); err != nil {
				return err
			}
			for i := range list.Items {
				if it := &list.Items[i]; r == kube.Pods || isGrantName(it.Name) {
					found = append(found, it.left(r))
				}
			}
			return nil
		})...)
	}
	return found, gaps
}

// removeAll removes things in the order in which access ends soonest. It
// returns those that are gone; those that changed hands meanwhile are left alone.
func removeAll(ctx context.Context, client *kube.Client, all []Left) ([]Left, error) {
	objects := make([]*object, len(all))
	for i := range all {
		objects[i] = all[i].object()
	}
	err := remove(ctx, client, objects)
	var gone []Left
	for i, o := range objects {
		if o.gone {
			gone = append(gone, all[i])
		}
	}
	return gone, err
}

// Pruned is what Prune did.
type Pruned struct {
	Removed []Left
	// Kept are things of ours of which it is not known when they expire.
	Kept     []Left
	Coverage []finding.Coverage
}

// Prune removes what is of ours and has expired by now, which should be the
// server's time ([ServerTime]): what runs left that were killed. Whatever has
// not expired belongs to somebody and stays. No namespaces means all.
func Prune(ctx context.Context, client *kube.Client, now time.Time, namespaces ...string) (Pruned, error) {
	s := scope{client: client, namespaces: namespaces}
	found, gaps := s.find(ctx, append(slices.Clone(grantKinds[:]), kube.Pods))
	p := Pruned{Coverage: gaps}
	var expired []Left
	for i := range found {
		switch l := found[i]; {
		case l.Problem != "":
			p.Kept = append(p.Kept, l)
		case now.After(l.ExpiresAt):
			expired = append(expired, l)
		}
	}
	if err := ctx.Err(); err != nil {
		return p, fmt.Errorf("removing what has expired: %w", context.Cause(ctx))
	}
	var err error
	if p.Removed, err = removeAll(ctx, client, expired); err != nil {
		return p, fmt.Errorf("removing what has expired: %w", err)
	}
	return p, nil
}
