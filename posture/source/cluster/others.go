package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/kube"
	"github.com/kubeassay/assay/posture/index"
	"github.com/kubeassay/assay/posture/source"
)

// other is a kind of objects without pods, and how it is read.
type other struct {
	resource kube.Resource
	// local: it is read with the namespace that it is in, and forgotten with it.
	local bool
	// optional: a server may well not have the kind. Such kinds are read as JSON.
	optional bool
	// older are the versions to try, in this order, where a server does not have
	// that of the resource.
	older []string
	// metadata: no more than that is read.
	metadata bool
	// unless, where set, is read first, and this one only where the server does
	// not have it: both give the same objects.
	unless kube.Resource
}

func (o *other) kind() schema.GroupKind {
	return schema.GroupKind{Group: o.resource.Group, Kind: o.resource.Kind}
}

// others lists the kinds that can be read besides those that hold pods. The
// kubelets' configuration is not among them: it is no object of the API, see
// readKubelets.
func others() []other {
	const (
		rbac, networking, admission = "rbac.authorization.k8s.io", "networking.k8s.io", "admissionregistration.k8s.io"
		gateway, policies, calico   = "gateway.networking.k8s.io", "policy.networking.k8s.io", "projectcalico.org"
	)
	// Calico's own API server makes those of projectcalico.org of these.
	calicoStored := kube.Resource{Group: "crd." + calico, Version: "v1", Resource: "networkpolicies", Kind: "NetworkPolicy", Namespaced: true}
	calicoStoredGlobal := kube.Resource{Group: "crd." + calico, Version: "v1", Resource: "globalnetworkpolicies", Kind: "GlobalNetworkPolicy"}
	return []other{
		{resource: kube.Nodes},
		{resource: kube.ClusterRoles}, {resource: kube.ClusterRoleBindings}, {resource: kube.Roles}, {resource: kube.RoleBindings}, {resource: kube.ServiceAccounts},
		{resource: kube.Resource{Version: "v1", Resource: "persistentvolumes", Kind: "PersistentVolume"}},
		{resource: kube.Resource{Group: admission, Version: "v1", Resource: "validatingwebhookconfigurations", Kind: "ValidatingWebhookConfiguration"}},
		{resource: kube.Resource{Group: admission, Version: "v1", Resource: "mutatingwebhookconfigurations", Kind: "MutatingWebhookConfiguration"}},
		{resource: kube.ValidatingAdmissionPolicies, optional: true}, {resource: kube.ValidatingAdmissionPolicyBindings, optional: true},
		{resource: kube.Resource{Group: admission, Version: "v1", Resource: "mutatingadmissionpolicies", Kind: "MutatingAdmissionPolicy"}, optional: true, older: []string{"v1beta1", "v1alpha1"}},
		{resource: kube.Resource{Group: admission, Version: "v1", Resource: "mutatingadmissionpolicybindings", Kind: "MutatingAdmissionPolicyBinding"}, optional: true, older: []string{"v1beta1", "v1alpha1"}},
		{resource: kube.Resource{Group: "storage.k8s.io", Version: "v1", Resource: "storageclasses", Kind: "StorageClass"}, optional: true},
		{resource: kube.Resource{Group: "apiregistration.k8s.io", Version: "v1", Resource: "apiservices", Kind: "APIService"}, optional: true},
		{resource: kube.Resource{Group: "node.k8s.io", Version: "v1", Resource: "runtimeclasses", Kind: "RuntimeClass"}, optional: true},
		{resource: kube.Resource{Group: "resource.k8s.io", Version: "v1", Resource: "resourceclaims", Kind: "ResourceClaim", Namespaced: true}, optional: true, older: []string{"v1beta2", "v1beta1", "v1alpha3"}},
		{resource: kube.Resource{Group: "resource.k8s.io", Version: "v1", Resource: "resourceclaimtemplates", Kind: "ResourceClaimTemplate", Namespaced: true}, optional: true, older: []string{"v1beta2", "v1beta1", "v1alpha3"}},
		{resource: kube.Resource{Group: gateway, Version: "v1", Resource: "gateways", Kind: "Gateway", Namespaced: true}, optional: true, older: []string{"v1beta1"}},
		{resource: kube.Resource{Group: gateway, Version: "v1", Resource: "httproutes", Kind: "HTTPRoute", Namespaced: true}, optional: true, older: []string{"v1beta1"}},
		{resource: kube.Resource{Group: gateway, Version: "v1", Resource: "grpcroutes", Kind: "GRPCRoute", Namespaced: true}, optional: true, older: []string{"v1alpha2"}},
		{resource: kube.Resource{Group: gateway, Version: "v1", Resource: "tlsroutes", Kind: "TLSRoute", Namespaced: true}, optional: true, older: []string{"v1alpha3", "v1alpha2"}},
		{resource: kube.Resource{Group: gateway, Version: "v1", Resource: "listenersets", Kind: "ListenerSet", Namespaced: true}, optional: true},
		{resource: kube.Resource{Group: policies, Version: "v1alpha1", Resource: "adminnetworkpolicies", Kind: "AdminNetworkPolicy"}, optional: true},
		{resource: kube.Resource{Group: policies, Version: "v1alpha1", Resource: "baselineadminnetworkpolicies", Kind: "BaselineAdminNetworkPolicy"}, optional: true},
		{resource: kube.Resource{Group: policies, Version: "v1beta1", Resource: "clusternetworkpolicies", Kind: "ClusterNetworkPolicy"}, optional: true, older: []string{"v1alpha2"}},
		{resource: kube.Resource{Group: "cilium.io", Version: "v2", Resource: "ciliumnetworkpolicies", Kind: "CiliumNetworkPolicy", Namespaced: true}, optional: true},
		{resource: kube.Resource{Group: "cilium.io", Version: "v2", Resource: "ciliumclusterwidenetworkpolicies", Kind: "CiliumClusterwideNetworkPolicy"}, optional: true},
		{resource: calicoStored, optional: true}, {resource: calicoStoredGlobal, optional: true},
		{resource: kube.Resource{Group: calico, Version: "v3", Resource: "networkpolicies", Kind: "NetworkPolicy", Namespaced: true}, optional: true, unless: calicoStored},
		{resource: kube.Resource{Group: calico, Version: "v3", Resource: "globalnetworkpolicies", Kind: "GlobalNetworkPolicy"}, optional: true, unless: calicoStoredGlobal},
		{resource: kube.Resource{Group: "crd.antrea.io", Version: "v1beta1", Resource: "networkpolicies", Kind: "NetworkPolicy", Namespaced: true}, optional: true},
		{resource: kube.Resource{Group: "crd.antrea.io", Version: "v1beta1", Resource: "clusternetworkpolicies", Kind: "ClusterNetworkPolicy"}, optional: true},
		{resource: kube.Resource{Version: "v1", Resource: "services", Kind: "Service", Namespaced: true}, local: true},
		{resource: kube.Resource{Version: "v1", Resource: "resourcequotas", Kind: "ResourceQuota", Namespaced: true}, local: true},
		{resource: kube.Resource{Version: "v1", Resource: "limitranges", Kind: "LimitRange", Namespaced: true}, local: true},
		{resource: kube.Resource{Group: networking, Version: "v1", Resource: "networkpolicies", Kind: "NetworkPolicy", Namespaced: true}, local: true},
		{resource: kube.Resource{Group: networking, Version: "v1", Resource: "ingresses", Kind: "Ingress", Namespaced: true}, local: true},
		{resource: kube.Resource{Group: "policy", Version: "v1", Resource: "poddisruptionbudgets", Kind: "PodDisruptionBudget", Namespaced: true}, local: true},
		{resource: kube.Secrets, local: true, metadata: true},
		{resource: kube.Resource{Version: "v1", Resource: "configmaps", Kind: "ConfigMap", Namespaced: true}, local: true},
	}
}

// wanted are those that were asked for.
func (s *Source) wanted() (all []other) {
	for _, o := range others() {
		if s.asks(o.kind()) {
			all = append(all, o)
		}
	}
	return all
}

func (s *Source) asks(kind schema.GroupKind) bool {
	for _, k := range s.o.Others {
		if k == kind {
			return true
		}
	}
	return false
}

// gives reports whether objects of a kind are read: those that were asked for
// and that there is a way to read, and what is read in any case.
func (s *Source) gives(kind schema.GroupKind) bool {
	if !s.asks(kind) {
		return false
	}
	kubelets := kubeletConfigurations()
	known := func(r kube.Resource) bool { return r.Group == kind.Group && r.Kind == kind.Kind }
	return kind == namespaceKind() || kind == kubelets.kind() && s.kubelets != nil || slices.ContainsFunc(Kinds(), known) ||
		slices.ContainsFunc(s.wanted(), func(o other) bool { return known(o.resource) })
}

// readOthers yields what is needed beyond a namespace, all kinds at once.
func (r *reader) readOthers(ctx context.Context) error {
	var wanted []other
	for _, o := range r.wanted() {
		if !o.local {
			wanted = append(wanted, o)
		}
	}
	nodes, told := -1, len(wanted)
	if r.kubelets != nil {
		nodes = slices.IndexFunc(wanted, func(o other) bool { return o.resource == kube.Nodes })
		if nodes < 0 { // they are wanted only to find their kubelets
			nodes = len(wanted)
			wanted = append(wanted, other{resource: kube.Nodes})
		}
	}
	results := make([][]source.Item, len(wanted))
	group, inner := errgroup.WithContext(ctx)
	for i := range wanted {
		if wanted[i].unless != (kube.Resource{}) {
			continue // read after the one that it depends on
		}
		group.Go(func() error { return r.readOrInstead(inner, wanted, i, results) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for _, items := range results[:told] {
		for _, i := range items {
			if err := r.item(i); err != nil {
				return err
			}
		}
	}
	if nodes < 0 {
		return nil
	}
	return r.readKubelets(ctx, results[nodes])
}

// readOrInstead reads one kind and, where the server does not have it, what is
// to be read then.
func (r *reader) readOrInstead(ctx context.Context, wanted []other, i int, results [][]source.Item) error {
	items, err := r.readOther(ctx, &wanted[i])
	if !errors.Is(err, errNoSuchKind) {
		results[i] = items
		return err
	}
	for j := range wanted {
		if wanted[j].unless != wanted[i].resource {
			continue
		}
		if results[j], err = r.readOther(ctx, &wanted[j]); err != nil && !errors.Is(err, errNoSuchKind) {
			return err
		}
	}
	return nil
}

// errNoSuchKind: the server does not have the kind, so there is nothing of it.
var errNoSuchKind = errors.New("the server has no such kind")

// readOther reads all objects of one kind: everywhere, else where it may. Its
// error is errNoSuchKind, or one that ends the reading of everything.
func (r *reader) readOther(ctx context.Context, o *other) ([]source.Item, error) {
	if r.scope.byName && !o.resource.Namespaced {
		return []source.Item{r.gapOf(o, "", fmt.Errorf("only the namespaces that were asked for are read, and %s are in none", o.resource))}, nil
	}
	if !r.scope.byName {
		items, err := r.listOther(ctx, o, "")
		switch {
		case err == nil || ends(ctx, err):
			return items, err
		case o.optional && apierrors.IsNotFound(err):
			return nil, errNoSuchKind
		case !apierrors.IsForbidden(err) || !o.resource.Namespaced || len(r.scope.names) == 0:
			return append(items, r.gapOf(o, "", err)), nil
		}
	}
	var all []source.Item
	for _, n := range r.scope.names {
		items, err := r.listOther(ctx, o, n)
		all = append(all, items...)
		switch {
		case err == nil:
		case ends(ctx, err):
			return all, err
		case o.optional && apierrors.IsNotFound(err):
			return nil, errNoSuchKind
		default:
			all = append(all, r.gapOf(o, n, err))
		}
	}
	return all, nil
}

// gapOf says that a kind could not be read.
func (r *reader) gapOf(o *other, namespace string, err error) source.Item {
	scope := "kind/" + o.resource.String()
	if namespace != "" {
		scope = "namespace/" + namespace + "/" + o.resource.String()
	}
	i := source.Item{Gap: &index.Gap{Kind: o.kind(), Namespace: namespace, Reason: err.Error()}}
	if !r.scope.byName || o.resource.Namespaced {
		i.Coverage = &finding.Coverage{Scope: scope, State: r.otherState(err), Detail: err.Error() + "; the checks that need it are not-reviewed there"}
	}
	return i
}

// otherState is the state of what was not read: a scan is complete without it
// unless it was asked for by name.
func (r *reader) otherState(err error) finding.CoverageState {
	if state := stateOf(err); r.o.OthersRequired || state != finding.Forbidden && state != finding.Unsupported {
		return state
	}
	return finding.Unreviewed
}

func (r *reader) listOther(ctx context.Context, o *other, namespace string) (items []source.Item, err error) {
	if o.optional {
		items, err = r.listJSON(ctx, o, namespace)
		for _, version := range o.older {
			if !apierrors.IsNotFound(err) {
				break
			}
			before := *o
			before.resource.Version = version
			items, err = r.listJSON(ctx, &before, namespace)
		}
		return items, err
	}
	pages := kube.ListOptions{Namespace: namespace, PageSize: r.o.PageSize, Turns: r.turns, MetadataOnly: o.metadata}
	for page, err := range r.client.Pages(ctx, o.resource, pages) {
		if err != nil {
			return items, err
		}
		for raw := range page.Items() {
			object, err := decodeOther(o, raw)
			if err != nil {
				namespace, name, _ := kube.ObjectKey(raw)
				items = append(items, r.gapOf(o, namespace, fmt.Errorf("decoding %s %s: %w", o.resource.Kind, name, err)))
				continue
			}
			if r.scope.wants(object.GetNamespace()) || !o.resource.Namespaced {
				items = append(items, source.Item{Other: object})
			}
		}
	}
	return items, nil
}

// listJSON reads a kind that has no protobuf: short lists, in one answer.
func (r *reader) listJSON(ctx context.Context, o *other, namespace string) (items []source.Item, err error) {
	if err := r.turns.Acquire(ctx, 1); err != nil {
		return nil, err
	}
	defer r.turns.Release(1)
	var list struct {
		Items []map[string]any `json:"items"` // without kind and apiVersion, where the server knows the type
	}
	if err := r.client.List(ctx, o.resource, kube.ListOptions{Namespace: namespace}, &list); err != nil {
		return nil, err
	}
	for i := range list.Items {
		object := &unstructured.Unstructured{Object: list.Items[i]}
		object.SetManagedFields(nil)
		object.SetAPIVersion(o.resource.APIVersion())
		object.SetKind(o.resource.Kind)
		if r.scope.wants(object.GetNamespace()) {
			items = append(items, source.Item{Other: &index.Object{APIVersion: o.resource.APIVersion(), Kind: o.resource.Kind, Object: object}})
		}
	}
	return items, nil
}

// decodeOther reads an object without managedFields.
func decodeOther(o *other, raw []byte) (*index.Object, error) {
	object := index.NewObject(o.resource.APIVersion(), o.resource.Kind)
	into, ok := object.(message)
	if !ok {
		return nil, fmt.Errorf("%s can't be read as protobuf", o.resource)
	}
	if o.metadata {
		var meta metav1.ObjectMeta
		if err := decodeFields(raw, fieldMeta, trimmed{&meta}); err != nil {
			return nil, err
		}
		object = &corev1.Secret{ObjectMeta: meta}
	} else if err := into.Unmarshal(raw); err != nil {
		return nil, err
	}
	object.SetManagedFields(nil)
	if object.GetName() == "" || o.resource.Namespaced && object.GetNamespace() == "" {
		return nil, errors.New("it has no name or no namespace")
	}
	return &index.Object{APIVersion: o.resource.APIVersion(), Kind: o.resource.Kind, Object: object}, nil
}
