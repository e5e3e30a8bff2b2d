package cluster

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/kube"
	"github.com/kubeassay/assay/posture/index"
	"github.com/kubeassay/assay/posture/source"
)

// scope is which namespaces are read.
type scope struct {
	// names of those to read, in the order of kube.CompareNamespaces.
	names []string
	// byName: only these are read, each by itself. Otherwise lists are of all
	// namespaces first, and exclude is taken out.
	byName  bool
	exclude map[string]bool
	// unknown: there may be other namespaces than names.
	unknown bool
	// unchecked: whether these exist could not be asked.
	unchecked map[string]bool
}

func (s *scope) wants(namespace string) bool { return !s.exclude[namespace] }

// excludeSelector leaves the excluded namespaces to the server, so that they cost nothing.
func (s *scope) excludeSelector(also string) string {
	var terms []string
	if also != "" {
		terms = append(terms, also)
	}
	for _, name := range slices.Sorted(maps.Keys(s.exclude)) {
		terms = append(terms, fields.OneTermNotEqualSelector("metadata.namespace", name).String())
	}
	return strings.Join(terms, ",")
}

// findNamespaces asks which namespaces there are. It is the first call of a
// scan: when the server does not answer it, or does not take the credentials, nothing else will work.
func (r *reader) findNamespaces(ctx context.Context) error {
	r.scope = scope{exclude: map[string]bool{}, unchecked: map[string]bool{}}
	for _, n := range r.o.Exclude {
		r.scope.exclude[n] = true
	}
	if len(r.o.Namespaces) > 0 {
		return r.checkNamespaces(ctx)
	}
	err := r.eachMeta(ctx, kube.Namespaces, func(m *metav1.ObjectMeta) error {
		if !r.scope.wants(m.Name) {
			return nil
		}
		r.scope.names = append(r.scope.names, m.Name)
		r.namespace(m)
		return nil
	})
	slices.SortFunc(r.scope.names, kube.CompareNamespaces)
	if err == nil || fatal(ctx, err) || errors.Is(err, errStopped) {
		return err
	}
	r.scope.unknown = true
	if err := r.missNamespace("", err); err != nil {
		return err
	}
	if !apierrors.IsForbidden(err) {
		return r.gap("kind/namespaces", stateOf(err), "%v", err)
	}
	// All pods may be readable all the same; that is found out by trying.
	return r.gap("kind/namespaces", finding.Forbidden, "%v; where pods can't be listed in all namespaces either, only namespace %s is scanned (name others with --namespace)", err, r.client.Namespace())
}

// checkNamespaces makes sure that the namespaces that were named exist: a list
// in one that does not exist is empty, and looks as if all were well.
func (r *reader) checkNamespaces(ctx context.Context) error {
	r.scope.byName = true
	names := slices.Clone(r.o.Namespaces)
	slices.SortFunc(names, kube.CompareNamespaces)
	for _, n := range slices.Compact(names) {
		switch m, err := r.exists(ctx, n); {
		case err == nil:
			r.scope.names = append(r.scope.names, n)
			r.namespace(m)
		case apierrors.IsForbidden(err):
			r.scope.names = append(r.scope.names, n)
			r.scope.unchecked[n] = true
			if err := r.missNamespace(n, err); err != nil {
				return err
			}
		case apierrors.IsNotFound(err):
			if err := r.gap("namespace/"+n, finding.NotFound, "there is no namespace %s in this cluster", n); err != nil {
				return err
			}
		case fatal(ctx, err):
			return err
		default:
			if err := r.gap("namespace/"+n, stateOf(err), "%v", err); err != nil {
				return err
			}
		}
	}
	return nil
}

// namespace keeps one to tell of, where that was asked for.
func (r *reader) namespace(m *metav1.ObjectMeta) {
	if !r.asks(namespaceKind()) {
		return
	}
	m.ManagedFields = nil
	r.found = append(r.found, source.Item{Other: &index.Object{APIVersion: "v1", Kind: kube.Namespaces.Kind, Object: &corev1.Namespace{ObjectMeta: *m}}})
}

// missNamespace tells that one, or all, could not be read, where that was asked for.
func (r *reader) missNamespace(name string, why error) error {
	if !r.asks(namespaceKind()) {
		return nil
	}
	return r.item(source.Item{Gap: &index.Gap{Kind: namespaceKind(), Namespace: name, Reason: why.Error()}})
}

func namespaceKind() schema.GroupKind { return schema.GroupKind{Kind: kube.Namespaces.Kind} }

func (r *reader) exists(ctx context.Context, namespace string) (*metav1.ObjectMeta, error) {
	if err := r.turns.Acquire(ctx, 1); err != nil {
		return nil, err
	}
	defer r.turns.Release(1)
	var n corev1.Namespace
	if err := r.client.Read(ctx, kube.Ref{Resource: kube.Namespaces, Name: namespace}, &n); err != nil {
		return nil, err
	}
	return &n.ObjectMeta, nil
}

// checkEmpty looks again at a namespace in which nothing was found though it
// was listed by itself: it may not be there, or no longer.
func (r *reader) checkEmpty(ctx context.Context, namespace string) error {
	if !r.oneByOne() {
		return nil
	}
	guessed := !slices.Contains(r.scope.names, namespace)
	var err error
	if !r.scope.unchecked[namespace] {
		_, err = r.exists(ctx, namespace)
	}
	switch {
	case err != nil && ctx.Err() != nil:
		return err
	case r.scope.unchecked[namespace], guessed && err != nil && !apierrors.IsNotFound(err):
		return r.gap("namespace/"+namespace, finding.Unreadable, "nothing was found in it, and whether it exists could not be asked (that takes permission to get namespaces)")
	case guessed && err != nil:
		return r.gap("namespace/"+namespace, finding.NotFound, "there is no namespace %s in this cluster", namespace)
	case apierrors.IsNotFound(err):
		return r.gap("namespace/"+namespace, finding.Vanished, "it was deleted during the scan")
	}
	return nil // it was there when the scan began, and is empty
}

// readNodes tells the architecture of nodes. It is worth having, but where it is
// not permitted, the checks that want it say so.
func (r *reader) readNodes(ctx context.Context) error {
	err := r.eachMeta(ctx, kube.Nodes, func(m *metav1.ObjectMeta) error {
		return r.item(source.Item{Node: &source.Node{Name: m.Name, Arch: m.Labels["kubernetes.io/arch"]}})
	})
	if errors.Is(err, errStopped) || ctx.Err() != nil {
		return err
	}
	return nil
}

// eachMeta lists the metadata of all objects of a kind.
func (r *reader) eachMeta(ctx context.Context, res kube.Resource, do func(*metav1.ObjectMeta) error) error {
	for page, err := range r.client.Pages(ctx, res, kube.ListOptions{PageSize: r.o.PageSize, MetadataOnly: true}) {
		if err != nil {
			return err
		}
		for raw := range page.Items() {
			var m metav1.ObjectMeta
			if err := decodeFields(raw, fieldMeta, trimmed{&m}); err != nil {
				return fmt.Errorf("listing %s: an object can't be decoded: %w", res, err)
			}
			if err := do(&m); err != nil {
				return err
			}
		}
	}
	return nil
}

// fatal reports whether nothing else will work after the first answer, or none, of a server.
func fatal(ctx context.Context, err error) bool {
	var unreachable *kube.UnreachableError
	return ends(ctx, err) || errors.As(err, &unreachable)
}
