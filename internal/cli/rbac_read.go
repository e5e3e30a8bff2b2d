package cli

import (
	"context"
	"fmt"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"golang.org/x/sync/errgroup"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/kube"
	"github.com/kubeassay/assay/posture/rbac"
	"github.com/kubeassay/assay/posture/source/manifest"
)

// rbacObjects is what was read, and what could not be.
type rbacObjects struct {
	rbac.Objects
	coverage []finding.Coverage
	problems []finding.Problem
	mu       sync.Mutex
}

// rbacRead is one kind that is listed.
type rbacRead struct {
	resource  kube.Resource
	namespace string // empty: all
	what      string // it is for
	add       func(*rbacObjects, []byte) error
}

// decode decodes an object and hands it on.
func decode[T any, P interface {
	*T
	Unmarshal([]byte) error
}](add func(*rbacObjects, P)) func(*rbacObjects, []byte) error {
	return func(all *rbacObjects, raw []byte) error {
		o := P(new(T))
		if err := o.Unmarshal(raw); err != nil {
			return err
		}
		add(all, o)
		return nil
	}
}

// rbacReads are the kinds that rights stand in; those of one namespace only,
// where it is given.
func rbacReads(namespace string) []rbacRead {
	return []rbacRead{
		{kube.ClusterRoles, "", "what roles allow", decode(func(all *rbacObjects, r *rbacv1.ClusterRole) { all.ClusterRoles = append(all.ClusterRoles, *r) })},
		{kube.ClusterRoleBindings, "", "who has them", decode(func(all *rbacObjects, b *rbacv1.ClusterRoleBinding) {
			all.ClusterRoleBindings = append(all.ClusterRoleBindings, *b)
		})},
		{kube.Roles, namespace, "what roles allow in their namespace", decode(func(all *rbacObjects, r *rbacv1.Role) { all.Roles = append(all.Roles, *r) })},
		{kube.RoleBindings, namespace, "who has them there", decode(func(all *rbacObjects, b *rbacv1.RoleBinding) { all.RoleBindings = append(all.RoleBindings, *b) })},
	}
}

// escalationReads are the kinds that ways to more rights lead through besides.
func escalationReads() []rbacRead {
	return []rbacRead{
		{kube.ServiceAccounts, "", "whom one could become", decode(func(all *rbacObjects, a *corev1.ServiceAccount) { all.addAccount(a) })},
		{kube.Namespaces, "", "which Pod Security level they enforce", decode(func(all *rbacObjects, n *corev1.Namespace) { all.addNamespace(&n.ObjectMeta) })},
		{kube.Pods, "", "as whom they run", decode(func(all *rbacObjects, p *corev1.Pod) {
			all.Pods = append(all.Pods, rbac.PodOf(p.Namespace, p.Name, &p.Spec))
		})},
	}
}

func (all *rbacObjects) addAccount(a *corev1.ServiceAccount) {
	all.ServiceAccounts = append(all.ServiceAccounts, rbac.Account{Namespace: a.Namespace, Name: a.Name, TokenSecrets: len(a.Secrets) > 0})
}

func (all *rbacObjects) addNamespace(m *metav1.ObjectMeta) {
	all.Namespaces = append(all.Namespaces, rbac.Namespace{Name: m.Name, Labels: m.Labels})
}

// readsAtOnce bounds the requests under way.
const readsAtOnce = 4

// readRBACCluster reads all kinds. What may not be read, or fails, is coverage.
func readRBACCluster(ctx context.Context, client *kube.Client, reads []rbacRead) (*rbacObjects, error) {
	all := &rbacObjects{}
	group, within := errgroup.WithContext(ctx)
	group.SetLimit(readsAtOnce)
	failed := make([]error, len(reads))
	for i := range reads {
		group.Go(func() error {
			failed[i] = all.read(within, client, &reads[i])
			return within.Err()
		})
	}
	if err := group.Wait(); err != nil {
		return nil, fmt.Errorf("reading the cluster's RBAC: %w", context.Cause(ctx))
	}
	unread := 0
	for i := range reads {
		r := &reads[i]
		if failed[i] == nil {
			continue
		}
		if !r.resource.Namespaced || r.namespace != "" || !apierrors.IsForbidden(failed[i]) {
			all.gap(r, r.namespace, failed[i])
			unread++
			continue
		}
		// Perhaps it may be read in some namespaces.
		if all.readOneByOne(ctx, client, r, failed[i]) == 0 {
			unread++
		}
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("reading the cluster's RBAC: %w", context.Cause(ctx))
		}
	}
	if unread == len(reads) {
		return nil, fmt.Errorf("nothing could be read: %w", failed[0])
	}
	return all, nil
}

// read lists one kind.
func (all *rbacObjects) read(ctx context.Context, client *kube.Client, r *rbacRead) error {
	for page, err := range client.Pages(ctx, r.resource, kube.ListOptions{Namespace: r.namespace}) {
		if err != nil {
			return err
		}
		if err := all.addPage(page, r); err != nil {
			return err
		}
	}
	return nil
}

func (all *rbacObjects) addPage(page *kube.Page, r *rbacRead) error {
	all.mu.Lock()
	defer all.mu.Unlock()
	for raw := range page.Items() {
		if err := r.add(all, raw); err != nil {
			namespace, name, _ := kube.ObjectKey(raw)
			return fmt.Errorf("decoding %s %s/%s: %w", r.resource.Kind, namespace, name, err)
		}
	}
	return nil
}

// readOneByOne lists a kind in each namespace that is known. It returns in how
// many that went well.
func (all *rbacObjects) readOneByOne(ctx context.Context, client *kube.Client, r *rbacRead, forbidden error) int {
	var names []string
	for page, err := range client.Pages(ctx, kube.Namespaces, kube.ListOptions{MetadataOnly: true}) {
		if err != nil {
			all.gap(r, "", forbidden)
			return 0
		}
		for raw := range page.Items() {
			if _, name, err := kube.ObjectKey(raw); err == nil {
				names = append(names, strings.Clone(name))
			}
		}
	}
	read := 0
	var denied []string
	for _, name := range names {
		one := *r
		one.namespace = name
		switch err := all.read(ctx, client, &one); {
		case err == nil:
			read++
		case apierrors.IsForbidden(err):
			denied = append(denied, name)
			all.Gaps = append(all.Gaps, rbac.Gap{Kind: r.resource.Kind, Namespace: name})
		default:
			all.gap(r, name, err)
		}
	}
	if read == 0 {
		all.gap(r, "", forbidden)
		return 0
	}
	if len(denied) > 0 {
		all.coverage = append(all.coverage, finding.Coverage{
			Scope: "kind/" + r.resource.String(), State: finding.Forbidden,
			Detail: fmt.Sprintf("may not be listed in %d of %d namespaces: %s", len(denied), len(names), firstOf(denied, 5)),
		})
	}
	return read
}

func firstOf(names []string, most int) string {
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

// gap notes that a kind could not be read, in a namespace or anywhere.
func (all *rbacObjects) gap(r *rbacRead, namespace string, err error) {
	scope := "kind/" + r.resource.String()
	if namespace != "" {
		scope = "namespace/" + namespace + "/" + r.resource.String()
	}
	state := finding.Unreadable
	switch {
	case apierrors.IsForbidden(err):
		state = finding.Forbidden
	case kube.IsTimeout(err):
		state = finding.TimedOut
	}
	all.coverage = append(all.coverage, finding.Coverage{Scope: scope, State: state, Detail: err.Error()})
	all.Gaps = append(all.Gaps, rbac.Gap{Kind: r.resource.Kind, Namespace: namespace})
}

// readRBACFiles reads manifests. What else the cluster holds that they are for
// is not known, save for the roles that every cluster has.
func readRBACFiles(ctx context.Context, s *streams, paths []string) (*rbacObjects, error) {
	all := &rbacObjects{}
	all.Defaults = true
	all.Gaps = []rbac.Gap{{Kind: rbac.ServiceAccountKind}, {Kind: rbac.NamespaceKind}, {Kind: rbac.PodKind}}
	src := manifest.New(paths, manifest.Options{Stdin: s.in, Others: rbacKinds})
	for item, err := range src.Items(ctx) {
		switch {
		case err != nil:
			return nil, err
		case item.Problem != nil:
			all.problems = append(all.problems, *item.Problem)
		case item.Other != nil:
			all.addOther(item.Other.Object)
		case item.Object != nil && item.Object.Spec != nil:
			m := item.Object.Meta
			all.Pods = append(all.Pods, rbac.PodOf(namespaceOr(m.Namespace), m.Name, item.Object.Spec))
		}
	}
	return all, nil
}

// rbacKinds are the kinds that are read from files besides workloads.
func rbacKinds(apiVersion, kind string) metav1.Object {
	switch apiVersion {
	case "v1":
		switch kind {
		case rbac.ServiceAccountKind:
			return new(corev1.ServiceAccount)
		case rbac.NamespaceKind:
			return new(corev1.Namespace)
		}
	case "rbac.authorization.k8s.io/v1", "rbac.authorization.k8s.io/v1beta1", "rbac.authorization.k8s.io/v1alpha1":
		switch kind {
		case rbac.RoleKind:
			return new(rbacv1.Role)
		case rbac.ClusterRoleKind:
			return new(rbacv1.ClusterRole)
		case rbac.RoleBindingKind:
			return new(rbacv1.RoleBinding)
		case rbac.ClusterRoleBindingKind:
			return new(rbacv1.ClusterRoleBinding)
		}
	}
	return nil
}

func (all *rbacObjects) addOther(o metav1.Object) {
	switch o := o.(type) {
	case *corev1.ServiceAccount:
		o.Namespace = namespaceOr(o.Namespace)
		all.addAccount(o)
	case *corev1.Namespace:
		all.addNamespace(&o.ObjectMeta)
	case *rbacv1.Role:
		o.Namespace = namespaceOr(o.Namespace)
		all.Roles = append(all.Roles, *o)
	case *rbacv1.ClusterRole:
		all.ClusterRoles = append(all.ClusterRoles, *o)
	case *rbacv1.RoleBinding:
		o.Namespace = namespaceOr(o.Namespace)
		all.RoleBindings = append(all.RoleBindings, *o)
	case *rbacv1.ClusterRoleBinding:
		all.ClusterRoleBindings = append(all.ClusterRoleBindings, *o)
	}
}

// namespaceOr is where kubectl would put an object that names no namespace.
func namespaceOr(namespace string) string {
	if namespace == "" {
		return metav1.NamespaceDefault
	}
	return namespace
}
