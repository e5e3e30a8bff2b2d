package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/yaml"
)

// world is some fixtures that stand in the cluster at the same time.
type world struct {
	c        *cluster
	fixtures []*fixture

	mu sync.Mutex
	// made are the objects that do not go with a namespace of the test's own, in
	// the order in which they were made.
	made []*unstructured.Unstructured
	// refused has what the server says about fixtures that it does not take.
	refused map[string]string
}

// inOnce is how many requests are made side by side.
const inOnce = 8

// create makes everything, so that nothing stands in the way of what comes
// later: webhooks and bindings of policies come last, and labels of namespaces
// that would keep pods out, after the pods.
func (w *world) create(t *testing.T) {
	t.Helper()
	w.namespaces(t)
	w.each(t, func(ctx context.Context, f *fixture) error {
		return w.inOrder(ctx, f, func(o *unstructured.Unstructured) bool { return clusterWide(o) && !acts(o) })
	})
	w.each(t, w.tokens)
	w.each(t, func(ctx context.Context, f *fixture) error {
		accounts, err := w.accounts(ctx, f)
		if err != nil {
			return err
		}
		if err := w.inOrder(ctx, f, func(o *unstructured.Unstructured) bool { return !clusterWide(o) }); err != nil {
			return err
		}
		for _, o := range accounts {
			if err := w.on(o).Delete(ctx, o.GetName(), metav1.DeleteOptions{}); err != nil {
				return err
			}
		}
		return nil
	})
	w.each(t, w.labels)
	w.each(t, func(ctx context.Context, f *fixture) error { return w.inOrder(ctx, f, acts) })
}

// acts reports whether an object changes what the server does with others.
func acts(o *unstructured.Unstructured) bool {
	switch o.GetKind() {
	case "ValidatingWebhookConfiguration", "MutatingWebhookConfiguration", "ValidatingAdmissionPolicyBinding", "MutatingAdmissionPolicyBinding":
		return true
	}
	return false
}

// each does something for each fixture that the server has not refused.
func (w *world) each(t *testing.T, do func(context.Context, *fixture) error) {
	t.Helper()
	group, ctx := errgroup.WithContext(t.Context())
	group.SetLimit(inOnce)
	for _, f := range w.standing() {
		group.Go(func() error {
			err := do(ctx, f)
			var status apierrors.APIStatus
			if errors.As(err, &status) && ctx.Err() == nil {
				w.mu.Lock()
				w.refused[f.file] = err.Error()
				w.mu.Unlock()
				return nil
			}
			if err != nil {
				return fmt.Errorf("%s: %w", f.file, err)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
}

// standing are the fixtures that the server has taken.
func (w *world) standing() []*fixture {
	return slices.DeleteFunc(slices.Clone(w.fixtures), func(f *fixture) bool { return w.said(f) != "" })
}

// said is what the server said when it refused a fixture.
func (w *world) said(f *fixture) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.refused[f.file]
}

// namespaces makes those that the fixtures are in, and waits until pods can be
// made in them.
func (w *world) namespaces(t *testing.T) {
	t.Helper()
	names := map[string]bool{}
	for _, f := range w.fixtures {
		for _, n := range f.namespaces {
			names[n] = !slices.Contains(builtinNamespaces, n)
		}
	}
	group, ctx := errgroup.WithContext(t.Context())
	group.SetLimit(inOnce)
	for name, own := range names {
		if !own {
			continue
		}
		group.Go(func() error {
			n := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Namespace"}}
			n.SetName(name)
			n.SetLabels(map[string]string{runLabel: w.c.run})
			if strings.HasSuffix(name, "-"+inObjects) {
				n.SetLabels(map[string]string{runLabel: w.c.run, "resource.kubernetes.io/admin-access": "true"})
			}
			_, err := w.on(n).Create(ctx, n, metav1.CreateOptions{})
			if apierrors.IsAlreadyExists(err) { // of an earlier world
				return nil
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the default accounts of the namespaces", func(ctx context.Context) (bool, string, error) {
		all, err := listOf[corev1.ServiceAccount](ctx, w.c, "", metav1.ListOptions{FieldSelector: "metadata.name=default"})
		have := map[string]bool{}
		for i := range all {
			have[all[i].Namespace] = true
		}
		for name := range names {
			if !have[name] {
				return false, "none in " + name, err
			}
		}
		return true, "", err
	})
}

func (w *world) on(o *unstructured.Unstructured) interface {
	Create(context.Context, *unstructured.Unstructured, metav1.CreateOptions, ...string) (*unstructured.Unstructured, error)
	Delete(context.Context, string, metav1.DeleteOptions, ...string) error
	Patch(context.Context, string, types.PatchType, []byte, metav1.PatchOptions, ...string) (*unstructured.Unstructured, error)
} {
	return w.c.resource(o.GetAPIVersion(), o.GetKind(), o.GetNamespace())
}

// inOrder makes the objects of a fixture that are wanted now.
func (w *world) inOrder(ctx context.Context, f *fixture, wanted func(*unstructured.Unstructured) bool) error {
	for _, o := range f.objects {
		if o.GetKind() == "Namespace" || !wanted(o) {
			continue
		}
		if err := w.add(ctx, o); err != nil {
			return fmt.Errorf("%s %s: %w", o.GetKind(), o.GetName(), err)
		}
	}
	return nil
}

// add makes one object, and what only a part of it can be asked to become.
func (w *world) add(ctx context.Context, o *unstructured.Unstructured) error {
	sent := o.DeepCopy()
	unstructured.RemoveNestedField(sent.Object, "spec", "ephemeralContainers")
	if isDefaultAccount(o) { // every namespace has it
		return nil
	}
	if _, err := w.on(o).Create(ctx, sent, metav1.CreateOptions{}); err != nil {
		return err
	}
	if clusterWide(o) || slices.Contains(builtinNamespaces, o.GetNamespace()) || len(nodePorts(o)) > 0 {
		w.mu.Lock()
		w.made = append(w.made, o)
		w.mu.Unlock()
	}
	if list, ok, _ := unstructured.NestedSlice(o.Object, "spec", "ephemeralContainers"); ok && o.GetKind() == "Pod" {
		if err := w.part(ctx, o, "ephemeralcontainers", types.StrategicMergePatchType, map[string]any{"spec": map[string]any{"ephemeralContainers": list}}); err != nil {
			return err
		}
	}
	status, ok := o.Object["status"]
	if !ok || o.GetKind() == "Gateway" || o.GetKind() == "APIService" { // one has no such part, the other's is the server's own
		return nil
	}
	return w.part(ctx, o, "status", types.MergePatchType, map[string]any{"status": status})
}

func isDefaultAccount(o *unstructured.Unstructured) bool {
	return o.GetKind() == "ServiceAccount" && o.GetName() == "default"
}

// tokens makes the default accounts what the fixture wants them to be, and waits
// until the server goes by that.
func (w *world) tokens(ctx context.Context, f *fixture) error {
	for _, o := range f.objects {
		if !isDefaultAccount(o) {
			continue
		}
		if err := w.part(ctx, o, "", types.MergePatchType, o.Object); err != nil {
			return err
		}
		mounts, set := o.Object["automountServiceAccountToken"].(bool)
		if mounts || !set {
			continue
		}
		pod := &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "v1", "kind": "Pod", "spec": map[string]any{"containers": []any{map[string]any{"name": "x", "image": "x"}}},
		}}
		pod.SetName("not-really-made")
		pod.SetNamespace(o.GetNamespace())
		err := wait.PollUntilContextTimeout(ctx, pollEvery, patience, true, func(ctx context.Context) (bool, error) {
			answer, err := w.on(pod).Create(ctx, pod, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
			if err != nil {
				return false, err
			}
			volumes, _, _ := unstructured.NestedSlice(answer.Object, "spec", "volumes")
			return len(volumes) == 0, nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *world) part(ctx context.Context, o *unstructured.Unstructured, part string, how types.PatchType, patch map[string]any) error {
	b, err := json.Marshal(patch)
	if err != nil {
		return err
	}
	var parts []string
	if part != "" {
		parts = []string{part}
	}
	_, err = w.on(o).Patch(ctx, o.GetName(), how, b, metav1.PatchOptions{}, parts...)
	return err
}

// accounts makes the service accounts that pods name but that are not there:
// the server takes no pod without. They are taken away again.
func (w *world) accounts(ctx context.Context, f *fixture) (made []*unstructured.Unstructured, err error) {
	have := map[string]bool{}
	for _, o := range f.objects {
		if o.GetKind() == "ServiceAccount" {
			have[o.GetNamespace()+"/"+o.GetName()] = true
		}
	}
	for _, o := range f.objects {
		spec := podSpecOf(o)
		name, _ := spec["serviceAccountName"].(string)
		if name == "" {
			name, _ = spec["serviceAccount"].(string)
		}
		key := o.GetNamespace() + "/" + name
		if o.GetKind() != "Pod" || name == "" || name == "default" || have[key] {
			continue
		}
		have[key] = true
		account := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "ServiceAccount"}}
		account.SetNamespace(o.GetNamespace())
		account.SetName(name)
		if _, err := w.on(account).Create(ctx, account, metav1.CreateOptions{}); err != nil {
			if f.alone() && apierrors.IsAlreadyExists(err) {
				continue // another fixture's
			}
			return made, err
		}
		if !f.alone() {
			made = append(made, account)
		}
	}
	return made, nil
}

// labels gives namespaces the labels of the fixture.
func (w *world) labels(ctx context.Context, f *fixture) error {
	for _, o := range f.objects {
		if o.GetKind() != "Namespace" {
			continue
		}
		labels := map[string]any{}
		for key, value := range o.GetLabels() {
			labels[key] = value
		}
		if err := w.part(ctx, o, "", types.MergePatchType, map[string]any{"metadata": map[string]any{"labels": labels}}); err != nil {
			return err
		}
	}
	return nil
}

// remove takes away what does not go with a namespace: first what acts.
func (w *world) remove(t *testing.T) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	slices.Reverse(w.made)
	for _, now := range []bool{true, false} {
		group, ctx := errgroup.WithContext(ctx)
		group.SetLimit(inOnce)
		for _, o := range w.made {
			if acts(o) == now {
				group.Go(func() error {
					grace := int64(0)
					return ignoreNotFound(w.on(o).Delete(ctx, o.GetName(), metav1.DeleteOptions{GracePeriodSeconds: &grace}))
				})
			}
		}
		if err := group.Wait(); err != nil {
			t.Error(err)
		}
	}
	w.made = nil
}

// files writes the fixtures as manifests, one file for each.
func (w *world) files(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, f := range w.standing() {
		var b bytes.Buffer
		for _, o := range f.objects {
			text, err := yaml.Marshal(o.Object)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&b, "---\n%s", text)
		}
		writeFile(t, filepath.Join(dir, f.id+"-"+f.check.ID+".yaml"), b.String())
	}
	return dir
}

// kindsUnknown are the kinds of objects that the server does not serve, and
// that may be defined.
func (c *cluster) kindsUnknown(t *testing.T, fixtures []*fixture) []schema.GroupVersionKind {
	t.Helper()
	body, err := c.raw(t.Context(), "/apis")
	if err != nil {
		t.Fatal(err)
	}
	var groups metav1.APIGroupList
	if err := json.Unmarshal(body, &groups); err != nil {
		t.Fatal(err)
	}
	served := map[string]bool{"": true}
	for _, g := range groups.Groups {
		served[g.Name] = true
	}
	unknown := map[schema.GroupVersionKind]bool{}
	for _, f := range fixtures {
		for _, o := range f.objects {
			kind := schema.FromAPIVersionAndKind(o.GetAPIVersion(), o.GetKind())
			if !served[kind.Group] && strings.Contains(kind.Group, ".") {
				unknown[kind] = true
			}
		}
	}
	all := slices.Collect(maps.Keys(unknown))
	slices.SortFunc(all, func(a, b schema.GroupVersionKind) int { return strings.Compare(a.String(), b.String()) })
	return all
}

// define makes custom resources of kinds.
func (c *cluster) define(t *testing.T, kinds []schema.GroupVersionKind) {
	t.Helper()
	byKind := map[schema.GroupKind][]string{}
	for _, k := range kinds {
		byKind[k.GroupKind()] = append(byKind[k.GroupKind()], k.Version)
	}
	for kind, versions := range byKind {
		gvr := resourceOf(kind.WithVersion(versions[0]))
		scope := "Namespaced"
		if slices.Contains(inNoNamespace, kind.Kind) {
			scope = "Cluster"
		}
		var served []any
		for i, v := range versions {
			served = append(served, map[string]any{
				"name": v, "served": true, "storage": i == 0,
				"schema": map[string]any{"openAPIV3Schema": map[string]any{"type": "object", "x-kubernetes-preserve-unknown-fields": true}},
			})
		}
		definition := &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
			"spec": map[string]any{
				"group": kind.Group, "scope": scope, "versions": served,
				"names": map[string]any{"kind": kind.Kind, "listKind": kind.Kind + "List", "plural": gvr.Resource, "singular": strings.ToLower(kind.Kind)},
			},
		}}
		definition.SetName(gvr.GroupResource().String())
		definition.SetAnnotations(map[string]string{"api-approved.kubernetes.io": "unapproved, for a test"})
		c.create(t, definition, "")
		eventually(t, "the custom resource "+definition.GetName(), func(ctx context.Context) (bool, string, error) {
			_, err := c.Resource(gvr).List(ctx, metav1.ListOptions{})
			return err == nil, fmt.Sprint(err), nil
		})
	}
}

// awaitGone waits until a namespace is no more.
func (c *cluster) awaitGone(t *testing.T, namespace string) {
	t.Helper()
	err := wait.PollUntilContextTimeout(context.WithoutCancel(t.Context()), pollEvery, patience, true, func(ctx context.Context) (bool, error) {
		_, err := getOf[corev1.Namespace](ctx, c, "", namespace)
		return apierrors.IsNotFound(err), ignoreNotFound(err)
	})
	if err != nil {
		t.Errorf("waiting until namespace %s is gone: %v", namespace, err)
	}
}
