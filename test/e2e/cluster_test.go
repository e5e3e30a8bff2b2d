package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
)

// cluster is the test cluster, reached as its administrator, and the program
// that is tested against it.
type cluster struct {
	dynamic.Interface
	config     *rest.Config
	kubeconfig string
	state      string // the cluster's own folder: logs, keys, sockets
	address    string // host:port of the API server
	binary     string
	caFile     string
	run        string // marks what this run of the tests makes
	hasNode    bool   // a real one
}

// resource is where objects of a kind live; namespace is empty for the cluster.
func (c *cluster) resource(apiVersion, kind, namespace string) dynamic.ResourceInterface {
	gvr := resourceOf(schema.FromAPIVersionAndKind(apiVersion, kind))
	if namespace == "" {
		return c.Resource(gvr)
	}
	return c.Resource(gvr).Namespace(namespace)
}

// resourceOf guesses the resource of a kind.
func resourceOf(kind schema.GroupVersionKind) schema.GroupVersionResource {
	gvr, _ := meta.UnsafeGuessKindToResource(kind)
	if kind.Kind == "Gateway" { // not gatewaies
		gvr.Resource = "gateways"
	}
	return gvr
}

// apiVersions of the typed objects that tests read.
var apiVersions = map[string]string{
	"Pod": "v1", "Namespace": "v1", "Node": "v1", "ServiceAccount": "v1", "Deployment": "apps/v1", "ReplicaSet": "apps/v1", "Job": "batch/v1",
	"RoleBinding": "rbac.authorization.k8s.io/v1",
}

func listOf[T any](ctx context.Context, c *cluster, namespace string, o metav1.ListOptions) ([]T, error) {
	kind := reflect.TypeFor[T]().Name()
	list, err := c.resource(apiVersions[kind], kind, namespace).List(ctx, o)
	if err != nil {
		return nil, err
	}
	all := make([]T, len(list.Items))
	for i := range list.Items {
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(list.Items[i].Object, &all[i]); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func getOf[T any](ctx context.Context, c *cluster, namespace, name string) (*T, error) {
	kind := reflect.TypeFor[T]().Name()
	u, err := c.resource(apiVersions[kind], kind, namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	v := new(T)
	return v, runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, v)
}

// eventually waits for a condition. The check says what it sees meanwhile, or
// with an error, that waiting is no use.
func eventually(t *testing.T, what string, check func(context.Context) (done bool, sees string, err error)) {
	t.Helper()
	var last string
	err := wait.PollUntilContextTimeout(t.Context(), pollEvery, patience, true, func(ctx context.Context) (bool, error) {
		done, sees, err := check(ctx)
		last = sees
		return done, err
	})
	if err != nil {
		t.Fatalf("waiting for %s: %v; last seen: %s", what, err, last)
	}
}

// namespace makes a namespace that is deleted after the test. A name that
// ends with a dash gets something of its own behind it.
func (c *cluster) namespace(t *testing.T, name string, labels ...string) string {
	t.Helper()
	n := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Namespace"}}
	if strings.HasSuffix(name, "-") {
		n.SetGenerateName(name)
	} else {
		n.SetName(name)
	}
	all := map[string]string{runLabel: c.run}
	for _, l := range labels {
		key, value, _ := strings.Cut(l, "=")
		all[key] = value
	}
	n.SetLabels(all)
	name = c.create(t, n, "").GetName()
	// Pods are refused until their namespace has its default account.
	eventually(t, "the default account of namespace "+name, func(ctx context.Context) (bool, string, error) {
		_, err := getOf[corev1.ServiceAccount](ctx, c, name, "default")
		return err == nil, fmt.Sprint(err), nil
	})
	return name
}

// create makes an object. Those of the cluster are deleted after the test,
// those of a namespace go with it.
func (c *cluster) create(t *testing.T, o *unstructured.Unstructured, namespace string) *unstructured.Unstructured {
	t.Helper()
	objects := c.resource(o.GetAPIVersion(), o.GetKind(), namespace)
	made, err := objects.Create(t.Context(), o, metav1.CreateOptions{})
	if err != nil {
		t.Fatalf("creating %s %s%s in namespace %q: %v", o.GetKind(), o.GetName(), o.GetGenerateName(), namespace, err)
	}
	if namespace == "" {
		t.Cleanup(func() {
			if err := ignoreNotFound(objects.Delete(context.Background(), made.GetName(), metav1.DeleteOptions{})); err != nil {
				t.Errorf("deleting %s %s: %v", made.GetKind(), made.GetName(), err)
			}
		})
	}
	return made
}

// apply creates what a manifest describes; what names no namespace goes into this one.
func (c *cluster) apply(t *testing.T, namespace, manifest string) {
	t.Helper()
	documents := yaml.NewYAMLOrJSONDecoder(strings.NewReader(manifest), 4096)
	for {
		var o unstructured.Unstructured
		if err := documents.Decode(&o.Object); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatalf("reading a manifest: %v\n%s", err, manifest)
		}
		switch {
		case len(o.Object) == 0:
			continue
		case strings.HasPrefix(o.GetKind(), "Cluster"):
			c.create(t, &o, "")
		case o.GetNamespace() != "":
			c.create(t, &o, o.GetNamespace())
		default:
			c.create(t, &o, namespace)
		}
	}
}

// patch merges a patch into an object, or into a part of it that is a resource of its own.
func (c *cluster) patch(t *testing.T, apiVersion, kind, namespace, name, patch string, part ...string) {
	t.Helper()
	b, err := yaml.ToJSON([]byte(patch))
	if err == nil {
		_, err = c.resource(apiVersion, kind, namespace).Patch(t.Context(), name, types.StrategicMergePatchType, b, metav1.PatchOptions{}, part...)
	}
	if err != nil {
		t.Fatalf("patching %s %s: %v", kind, name, err)
	}
}

// pods waits until there are so many pods, all containers of which run (or
// have run, if they begin a pod), each with the user that the kubelet reports.
func (c *cluster) pods(t *testing.T, namespace, selector string, n int) []corev1.Pod {
	t.Helper()
	var pods []corev1.Pod
	eventually(t, fmt.Sprintf("%d running pods in namespace %s", n, namespace), func(ctx context.Context) (bool, string, error) {
		var err error
		if pods, err = listOf[corev1.Pod](ctx, c, namespace, metav1.ListOptions{LabelSelector: selector}); err != nil {
			return false, "", err
		}
		var sees []string
		settled := 0
		for i := range pods {
			state := stateOf(&pods[i])
			if state == "" {
				settled++
			}
			sees = append(sees, pods[i].Name+": "+state)
		}
		return len(pods) == n && settled == n, strings.Join(sees, "; "), nil
	})
	return pods
}

// stateOf says what is still missing until a pod runs; nothing when it does.
func stateOf(p *corev1.Pod) string {
	have := map[string]bool{}
	for _, list := range [][]corev1.ContainerStatus{p.Status.InitContainerStatuses, p.Status.ContainerStatuses, p.Status.EphemeralContainerStatuses} {
		for i := range list {
			s := &list[i]
			if w := s.State.Waiting; w != nil {
				return s.Name + " waits: " + w.Reason + " " + w.Message
			}
			have[s.Name] = s.User != nil && s.User.Linux != nil
		}
	}
	var names []string
	for _, c := range p.Spec.InitContainers {
		names = append(names, c.Name)
	}
	for _, c := range p.Spec.Containers {
		names = append(names, c.Name)
	}
	for _, c := range p.Spec.EphemeralContainers {
		names = append(names, c.Name)
	}
	for _, name := range names {
		if !have[name] {
			return name + " has no user yet; the pod is " + string(p.Status.Phase)
		}
	}
	if p.Status.Phase != corev1.PodRunning {
		return string(p.Status.Phase)
	}
	return ""
}

// account is a service account with a token.
type account struct {
	namespace, name, uid string
	token                string
	c                    *cluster
}

// user is the account's name as the API server knows it.
func (a *account) user() string { return "system:serviceaccount:" + a.namespace + ":" + a.name }

// flags let assay connect as the account, straight to the API server.
func (a *account) flags() []string {
	return []string{"--server", "https://" + a.c.address, "--certificate-authority", a.c.caFile, "--token", a.token}
}

// account makes a service account that may do nothing yet.
func (c *cluster) account(t *testing.T, namespace, name string) *account {
	t.Helper()
	c.apply(t, namespace, "{apiVersion: v1, kind: ServiceAccount, metadata: {name: "+name+"}}")
	made, err := getOf[corev1.ServiceAccount](t.Context(), c, namespace, name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // its name may be wanted again
		if err := ignoreNotFound(c.resource("v1", "ServiceAccount", namespace).Delete(context.Background(), name, metav1.DeleteOptions{})); err != nil {
			t.Errorf("deleting account %s/%s: %v", namespace, name, err)
		}
	})
	request := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": map[string]any{"expirationSeconds": int64(3600)},
	}}
	request.SetName(name)
	answer, err := c.resource("v1", "ServiceAccount", namespace).Create(t.Context(), request, metav1.CreateOptions{}, "token")
	if err != nil {
		t.Fatalf("asking for a token of %s/%s: %v", namespace, name, err)
	}
	token, _, _ := unstructured.NestedString(answer.Object, "status", "token")
	if token == "" {
		t.Fatalf("no token of %s/%s in %v", namespace, name, answer.Object)
	}
	return &account{namespace: namespace, name: name, uid: string(made.UID), token: token, c: c}
}

// grant allows an account what rules say, in a namespace, or where that is
// empty, in the whole cluster, and waits until that counts.
func (a *account) grant(t *testing.T, namespace string, rules ...rbacv1.PolicyRule) {
	t.Helper()
	kind := "ClusterRole"
	if namespace != "" {
		kind = "Role"
	}
	role := map[string]any{"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "rules": asJSON(t, rules)}
	made := &unstructured.Unstructured{Object: role}
	made.SetGenerateName(a.name + "-")
	made = a.c.create(t, made, namespace)
	binding := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind + "Binding",
		"roleRef":  map[string]any{"apiGroup": rbacv1.GroupName, "kind": kind, "name": made.GetName()},
		"subjects": []any{map[string]any{"kind": "ServiceAccount", "namespace": a.namespace, "name": a.name}},
	}}
	binding.SetName(made.GetName())
	a.c.create(t, binding, namespace)
	for _, p := range permissionsOf(namespace, rules) {
		a.awaitAllowed(t, p)
	}
}

// awaitAllowed waits until the API server knows of a permission: it learns of
// roles a moment after they were made.
func (a *account) awaitAllowed(t *testing.T, p permission) {
	t.Helper()
	review := &authorizationv1.SubjectAccessReview{
		TypeMeta: metav1.TypeMeta{APIVersion: "authorization.k8s.io/v1", Kind: "SubjectAccessReview"},
		Spec: authorizationv1.SubjectAccessReviewSpec{
			User:   a.user(),
			Groups: []string{"system:serviceaccounts", "system:serviceaccounts:" + a.namespace, "system:authenticated"},
			ResourceAttributes: &authorizationv1.ResourceAttributes{
				Namespace: p.namespace, Verb: p.verb, Group: p.group, Resource: p.resource,
			},
		},
	}
	object := asJSON(t, review).(map[string]any)
	eventually(t, fmt.Sprintf("%s to be allowed %v", a.user(), p), func(ctx context.Context) (bool, string, error) {
		answer, err := a.c.resource("authorization.k8s.io/v1", "SubjectAccessReview", "").Create(ctx, &unstructured.Unstructured{Object: object}, metav1.CreateOptions{})
		if err != nil {
			return false, "", err
		}
		allowed, _, _ := unstructured.NestedBool(answer.Object, "status", "allowed")
		return allowed, "not allowed", nil
	})
}
