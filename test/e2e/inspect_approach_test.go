package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/kubeassay/assay/inspect/access"
	"github.com/kubeassay/assay/inspect/collect"
	"github.com/kubeassay/assay/inspect/collect/debugcontainer"
	"github.com/kubeassay/assay/inspect/collect/imagevolume"
	"github.com/kubeassay/assay/inspect/collect/sidecar"
	"github.com/kubeassay/assay/inspect/collect/stream"
	"github.com/kubeassay/assay/inspect/snapshot"
	"github.com/kubeassay/assay/kube"
)

const restricted = "pod-security.kubernetes.io/enforce=restricted"

// nodeImage is the image of our collector on the node.
func nodeImage(t *testing.T) string {
	t.Helper()
	name := os.Getenv("TEST_CLUSTER_COLLECTOR_IMAGE")
	if name == "" {
		t.Skip("the test cluster has no collector image: TEST_CLUSTER_COLLECTOR_IMAGE is not set (test/cluster/up --collector)")
	}
	return name
}

// target reads a pod and names one of its containers, as inspect does.
func (c *cluster) target(t *testing.T, namespace, pod, container string) collect.Target {
	t.Helper()
	p, err := getOf[corev1.Pod](t.Context(), c, namespace, pod)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range slices.Concat(p.Status.ContainerStatuses, p.Status.InitContainerStatuses) {
		if s.Name == container {
			return collect.Target{Declared: p, Target: snapshot.Target{
				Namespace: namespace, Pod: pod, PodUID: string(p.UID), Container: container, ContainerID: s.ContainerID,
				Image: s.Image, ImageID: s.ImageID, Node: p.Spec.NodeName,
			}}
		}
	}
	t.Fatalf("pod %s has no status of container %s", pod, container)
	return collect.Target{}
}

// permitted makes an account that may do what is needed, and nothing else.
func (c *cluster) permitted(t *testing.T, needs []access.Need) *account {
	t.Helper()
	home := c.namespace(t, "e2e-account-")
	a := c.account(t, home, "looker")
	for _, need := range needs {
		for i, rule := range need.Rules {
			name := fmt.Sprintf("%s-%d", home, i)
			c.create(t, &unstructured.Unstructured{Object: map[string]any{
				"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": map[string]any{"name": name}, "rules": asJSON(t, []any{rule}),
			}}, need.Namespace)
			c.create(t, &unstructured.Unstructured{Object: map[string]any{
				"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": map[string]any{"name": name},
				"roleRef":  map[string]any{"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
				"subjects": []any{map[string]any{"kind": "ServiceAccount", "namespace": a.namespace, "name": a.name}},
			}}, need.Namespace)
			for _, resource := range rule.Resources {
				base, sub, _ := strings.Cut(resource, "/")
				for _, object := range append(slices.Clone(rule.ResourceNames), "any")[:max(1, len(rule.ResourceNames))] {
					a.awaitReview(t, authorizationv1.ResourceAttributes{Namespace: need.Namespace, Verb: rule.Verbs[0], Resource: base, Subresource: sub, Name: object})
				}
			}
		}
	}
	return a
}

func (a *account) awaitReview(t *testing.T, attributes authorizationv1.ResourceAttributes) {
	t.Helper()
	review := asJSON(t, &authorizationv1.SubjectAccessReview{
		TypeMeta: metav1.TypeMeta{APIVersion: "authorization.k8s.io/v1", Kind: "SubjectAccessReview"},
		Spec:     authorizationv1.SubjectAccessReviewSpec{User: a.user(), Groups: []string{"system:authenticated"}, ResourceAttributes: &attributes},
	}).(map[string]any)
	eventually(t, fmt.Sprintf("%s to be allowed %+v", a.user(), attributes), func(ctx context.Context) (bool, string, error) {
		answer, err := a.c.resource("authorization.k8s.io/v1", "SubjectAccessReview", "").Create(ctx, &unstructured.Unstructured{Object: review}, metav1.CreateOptions{})
		if err != nil {
			return false, "", err
		}
		allowed, _, _ := unstructured.NestedBool(answer.Object, "status", "allowed")
		return allowed, "not allowed", nil
	})
}

// within fails where an account was refused something, or used what no need names.
func (a *account) within(t *testing.T, needs []access.Need, calls int) {
	t.Helper()
	allowed := map[string]bool{}
	for _, n := range needs {
		for _, r := range n.Rules {
			for _, resource := range r.Resources {
				for _, verb := range r.Verbs {
					allowed[n.Namespace+" "+verb+" "+resource] = true
				}
			}
		}
	}
	var events []event
	eventually(t, fmt.Sprintf("%d calls in the API server's audit log", calls), func(context.Context) (done bool, sees string, err error) {
		events, err = a.readEvents() // calls that take long have two lines
		return len(events) >= calls, fmt.Sprint(len(events)), err
	})
	for _, e := range events {
		path, _, _ := strings.Cut(e.RequestURI, "?")
		resource := e.ObjectRef.Resource
		if parts := strings.Split(path, "/"); len(parts) == 8 { // "", api, v1, namespaces, shop, pods, cart, exec
			resource += "/" + parts[7]
		}
		what := e.ObjectRef.Namespace + " " + e.Verb + " " + resource
		if e.ResponseStatus.Code == http.StatusForbidden {
			t.Errorf("refused: %s (%s)", what, e.RequestURI)
		}
		if !allowed[what] {
			t.Errorf("used and not needed: %s (%s)", what, e.RequestURI)
		}
	}
}

// run1 makes a pod of one container and waits until it runs.
func (c *cluster) run1(t *testing.T, namespace, name, image, rest string) collect.Target {
	t.Helper()
	c.apply(t, namespace, "apiVersion: v1\nkind: Pod\nmetadata: {name: "+name+", labels: {name: "+name+"}}\nspec:\n  terminationGracePeriodSeconds: 0\n"+
		"  containers: [{name: app, image: "+image+", imagePullPolicy: Never"+rest+"\n")
	c.pods(t, namespace, "name="+name, 1)
	return c.target(t, namespace, name, "app")
}

// What follows the image in run1's manifest.
const (
	sleeps   = `, command: [sleep, "100000"]}]`
	hardened = `, securityContext: {runAsNonRoot: true, allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}, seccompProfile: {type: RuntimeDefault}}`
	likeGosu = `, command: [setpriv, --reuid, "10001", --regid, "10001", --clear-groups, sleep, "100000"]}]`
)

func planFor(files ...string) *snapshot.Plan {
	files = slices.DeleteFunc(files, func(f string) bool { return f == "" })
	return &snapshot.Plan{
		Files: append([]string{"/etc/passwd", "/etc/shadow", "/no/such/file"}, files...), Stats: []string{"/tmp"},
		Globs: []snapshot.Glob{{Pattern: "/etc/*.conf", Contents: true}}, Trees: []snapshot.Tree{{Path: "/etc"}},
		Processes: true, Mounts: true, Sockets: true,
	}
}

// byExec reads a file with the container's own cat.
func byExec(t *testing.T, client *kube.Client, target collect.Target, path string) []byte {
	t.Helper()
	var out bytes.Buffer
	result, err := stream.New(client).Run(t.Context(), stream.Command{
		Namespace: target.Namespace, Pod: target.Pod, Container: target.Container, Argv: []string{"cat", "--", path}, Stdout: &out,
	})
	if err != nil || result.ExitCode != 0 {
		t.Fatalf("cat %s: %v, exit code %d %s", path, err, result.ExitCode, result.Stderr)
	}
	return out.Bytes()
}

// gather runs a collector once and gives what it found.
func gather(t *testing.T, c collect.Collector, plan *snapshot.Plan) (*snapshot.Snapshot, collect.Usage) {
	t.Helper()
	b := snapshot.NewBuilder(snapshot.Limits{})
	usage, err := c.Collect(t.Context(), plan, b)
	if err != nil {
		t.Fatal(err)
	}
	if usage.RoundTrips != 1 || usage.Bytes == 0 || usage.Method != "collector" || usage.UID == nil {
		t.Errorf("usage: %+v", usage)
	}
	return b.Snapshot(), usage
}

// wantSame compares all regular files that were read with what exec reads.
func wantSame(t *testing.T, client *kube.Client, target collect.Target, s *snapshot.Snapshot, atLeast int, but ...string) {
	t.Helper()
	n := 0
	for e := range s.Entries() {
		if e.Content.State != snapshot.Present || slices.Contains(but, e.Path) {
			continue
		}
		got, _ := s.Content(e.Path)
		if want := byExec(t, client, target, e.Path); !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes, exec reads %d", e.Path, len(got), len(want))
		}
		n++
	}
	if n < atLeast {
		t.Errorf("%d files were read, want %d at least", n, atLeast)
	}
}

func wantState(t *testing.T, what string, f snapshot.Fact, want snapshot.State) {
	t.Helper()
	if f.State != want {
		t.Errorf("%s is %s (%s), want %s", what, f.State, f.Detail, want)
	}
}

func TestDebugContainer(t *testing.T) {
	t.Parallel()
	c, image := startOnNode(t), nodeImage(t)
	plain, strict := c.namespace(t, "e2e-debug-"), c.namespace(t, "e2e-debug-", restricted)
	admin := c.client(t, nil)
	for _, tt := range []struct {
		name, namespace, image, rest string
		uid                          uint32         // of the target's first process
		shadow                       snapshot.State // of the content
		files                        int            // at least, whose contents are compared
		has                          string
	}{
		{"debian as root", plain, "registry.test/debian:12", sleeps, 0, snapshot.Present, 5, ""},
		{"busybox as another user", strict, "registry.test/busybox-nonroot:1", `, command: [sleep, "100000"]` + hardened + "}]", 65532, snapshot.Absent, 1, ""},
		{"distroless", strict, "registry.test/distroless:1", hardened + "}]", 65532, snapshot.Absent, 0, "/hello"},
		{"root that becomes another user", plain, "registry.test/debian:12", likeGosu, 10001, snapshot.Present, 5, ""},
		{"shared processes", plain, "registry.test/busybox:1", sleeps + "\n  shareProcessNamespace: true", 0, snapshot.Absent, 1, ""},
		{"own capabilities", plain, "registry.test/busybox:1", `, command: [sleep, "100000"], securityContext: {capabilities: {drop: [ALL], add: [NET_BIND_SERVICE]}}}]`, 0, snapshot.Absent, 1, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			target := c.run1(t, tt.namespace, "p-"+strings.ReplaceAll(tt.name, " ", "-"), tt.image, tt.rest)
			needs := debugcontainer.Needs(target)
			account := c.permitted(t, needs)
			client := c.client(t, account)
			d := debugcontainer.New(client, target, debugcontainer.Options{Image: image, Confirmed: true})
			if err := d.Preflight(t.Context()); err != nil {
				t.Fatal(err)
			}
			if n := len(c.ephemeral(t, target)); n != 0 {
				t.Fatalf("preflight has added %d containers", n)
			}
			s, usage := gather(t, d, planFor(tt.has))
			processes, fact := s.Processes()
			wantState(t, "the list of processes", fact, snapshot.Present)
			if len(processes) == 0 || processes[0].UID[0] != tt.uid {
				t.Errorf("processes: %+v, want uid %d first", processes, tt.uid)
			}
			_, shadow := s.Content("/etc/shadow")
			wantState(t, "/etc/shadow", shadow.Content, tt.shadow)
			wantState(t, "/no/such/file", s.Entry("/no/such/file").Meta, snapshot.Absent)
			if tt.has != "" {
				_, e := s.Content(tt.has)
				wantState(t, tt.has, e.Content, snapshot.Present)
			}
			if tt.files > 0 {
				wantSame(t, admin, target, s, tt.files)
			}
			t.Logf("usage: %+v", usage)

			if err := d.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			all := c.ephemeral(t, target)
			if len(all) != 1 || all[0].State.Terminated == nil {
				t.Errorf("after closing: %+v", all)
			}
			if len(d.Remains()) != 1 {
				t.Errorf("remains: %q", d.Remains())
			}
			account.within(t, needs, client.Stats().Total())
		})
	}
}

// ephemeral are the statuses of a pod's ephemeral containers, one for each
// entry of the spec.
func (c *cluster) ephemeral(t *testing.T, target collect.Target) []corev1.ContainerStatus {
	t.Helper()
	p, err := getOf[corev1.Pod](t.Context(), c, target.Namespace, target.Pod)
	if err != nil {
		t.Fatal(err)
	}
	all := make([]corev1.ContainerStatus, len(p.Spec.EphemeralContainers))
	copy(all, p.Status.EphemeralContainerStatuses)
	return all
}

// wantError checks an error's kind and words.
func wantError(t *testing.T, err, kind error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	if kind != nil && !errors.Is(err, kind) {
		t.Errorf("err = %v, want %v", err, kind)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("err = %v, want %q in it", err, w)
		}
	}
}

func TestDebugContainerRefusals(t *testing.T) {
	t.Parallel()
	c, image := startOnNode(t), nodeImage(t)
	plain, strict := c.namespace(t, "e2e-refuse-"), c.namespace(t, "e2e-refuse-", restricted)
	admin := c.client(t, nil)
	collectWith := func(t *testing.T, target collect.Target, o debugcontainer.Options) error {
		t.Helper()
		d := debugcontainer.New(admin, target, o)
		_, err := d.Collect(t.Context(), planFor(), snapshot.NewBuilder(snapshot.Limits{}))
		if closed := d.Close(t.Context()); closed != nil {
			t.Error(closed)
		}
		return err
	}
	untouched := func(t *testing.T, target collect.Target) {
		t.Helper()
		if n := len(c.ephemeral(t, target)); n != 0 {
			t.Errorf("%d containers were added", n)
		}
	}
	confirmed := debugcontainer.Options{Image: image, Confirmed: true}

	t.Run("not confirmed", func(t *testing.T) {
		target := c.run1(t, plain, "unconfirmed", "registry.test/busybox:1", sleeps)
		wantError(t, collectWith(t, target, debugcontainer.Options{Image: image}), debugcontainer.ErrNotConfirmed, "stays in the spec of pod unconfirmed", "until the pod is replaced")
		untouched(t, target)
	})
	t.Run("privileged", func(t *testing.T) {
		target := c.run1(t, plain, "mighty", "registry.test/busybox:1", `, command: [sleep, "100000"], securityContext: {privileged: true}}]`)
		wantError(t, collectWith(t, target, confirmed), debugcontainer.ErrNeedsPtrace, "privileged", "CAP_SYS_PTRACE", "--allow-ptrace", "It was not added")
		untouched(t, target)
		withPtrace := confirmed
		withPtrace.AllowPtrace = true
		d := debugcontainer.New(admin, target, withPtrace)
		s, _ := gather(t, d, planFor())
		wantSame(t, admin, target, s, 1)
		if err := d.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
	t.Run("ptrace where the namespace forbids it", func(t *testing.T) {
		target := c.run1(t, strict, "strict", "registry.test/busybox-nonroot:1", `, command: [sleep, "100000"]`+hardened+"}]")
		o := confirmed
		o.AllowPtrace = true
		d := debugcontainer.New(admin, target, o)
		wantError(t, d.Preflight(t.Context()), debugcontainer.ErrRefused, `violates PodSecurity "restricted:latest"`, "SYS_PTRACE", "It was not added")
		wantError(t, collectWith(t, target, o), debugcontainer.ErrRefused)
		untouched(t, target)
	})
	t.Run("a pod that breaks its namespace's rules itself", func(t *testing.T) {
		loose := c.namespace(t, "e2e-refuse-")
		target := c.run1(t, loose, "rooted", "registry.test/busybox:1", sleeps)
		c.patch(t, "v1", "Namespace", "", loose, "metadata: {labels: {pod-security.kubernetes.io/enforce: restricted}}")
		eventually(t, "the new level", func(ctx context.Context) (bool, string, error) {
			err := debugcontainer.New(admin, target, confirmed).Preflight(ctx)
			return err != nil, "no refusal", nil
		})
		wantError(t, collectWith(t, target, confirmed), debugcontainer.ErrRefused, "violates PodSecurity", "the whole pod")
		untouched(t, target)
	})
	t.Run("an image that is not there", func(t *testing.T) {
		target := c.run1(t, plain, "imageless", "registry.test/busybox:1", sleeps)
		o := confirmed
		o.Image = "127.0.0.1:1/no-such-image:1"
		wantError(t, collectWith(t, target, o), nil, "does not start", "127.0.0.1:1/no-such-image:1", "stays in the spec")
		o.Image = "No Such Image"
		wantError(t, collectWith(t, target, o), nil, "not a valid image reference")
	})
	t.Run("another pod of the same name", func(t *testing.T) {
		target := c.run1(t, plain, "twice", "registry.test/busybox:1", sleeps)
		d := debugcontainer.New(admin, target, confirmed)
		gather(t, d, planFor())
		c.remove(t, target)
		again := c.run1(t, plain, "twice", "registry.test/busybox:1", sleeps)
		b := snapshot.NewBuilder(snapshot.Limits{})
		_, err := d.Collect(t.Context(), planFor(), b)
		wantError(t, err, collect.ErrChanged, "was replaced by another of the same name")
		for e := range b.Snapshot().Entries() {
			t.Fatalf("evidence of another pod: %+v", e)
		}
		wantError(t, collectWith(t, target, confirmed), collect.ErrChanged, "was replaced by another of the same name")
		untouched(t, again)
		if err := d.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
	t.Run("started anew", func(t *testing.T) {
		target := c.run1(t, plain, "anew", "registry.test/busybox:1", `, command: [sh, -c, "trap exit TERM; sleep 100000 & wait"]}]`)
		d := debugcontainer.New(admin, target, confirmed)
		gather(t, d, planFor())
		_, err := stream.New(admin).Run(t.Context(), stream.Command{Namespace: plain, Pod: "anew", Container: "app", Argv: []string{"kill", "-TERM", "1"}})
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, "another container", func(context.Context) (bool, string, error) {
			now := c.target(t, plain, "anew", "app")
			return now.ContainerID != target.ContainerID && now.Declared.Status.ContainerStatuses[0].State.Running != nil, now.ContainerID, nil
		})
		_, err = d.Collect(t.Context(), planFor(), snapshot.NewBuilder(snapshot.Limits{}))
		wantError(t, err, collect.ErrChanged)
		if err := d.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
	t.Run("one that is there already", func(t *testing.T) {
		target := c.run1(t, plain, "reused", "registry.test/busybox:1", sleeps)
		first, second := debugcontainer.New(admin, target, confirmed), debugcontainer.New(admin, target, debugcontainer.Options{Image: image})
		gather(t, first, planFor())
		gather(t, second, planFor())
		if err := second.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if all := c.ephemeral(t, target); len(all) != 1 || all[0].State.Running == nil {
			t.Errorf("after closing what was only used: %+v", all)
		}
		if len(second.Remains()) != 0 {
			t.Error(second.Remains())
		}
		if err := first.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
	t.Run("interrupted", func(t *testing.T) {
		target := c.run1(t, plain, "interrupted", "registry.test/busybox:1", sleeps)
		d := debugcontainer.New(admin, target, confirmed)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			_, err := d.Collect(ctx, planFor(), snapshot.NewBuilder(snapshot.Limits{}))
			done <- err
		}()
		eventually(t, "a container of ours", func(context.Context) (bool, string, error) { return len(c.ephemeral(t, target)) > 0, "none", nil })
		cancel()
		if err := <-done; err == nil {
			t.Log("it was faster")
		}
		if err := d.Close(ctx); err != nil {
			t.Error(err)
		}
		if all := c.ephemeral(t, target); len(all) != 1 || all[0].State.Terminated == nil {
			t.Errorf("after closing: %+v", all)
		}
	})
	t.Run("time is up", func(t *testing.T) {
		target := c.run1(t, plain, "late", "registry.test/busybox:1", sleeps)
		o := confirmed
		o.Timeout = time.Second
		d := debugcontainer.New(admin, target, o)
		// It may be over before the first question even.
		_, _ = d.Collect(t.Context(), planFor(), snapshot.NewBuilder(snapshot.Limits{}))
		eventually(t, "its end", func(context.Context) (bool, string, error) {
			all := c.ephemeral(t, target)
			return len(all) == 1 && all[0].State.Terminated != nil, fmt.Sprint(all), nil
		})
		_, err := d.Collect(t.Context(), planFor(), snapshot.NewBuilder(snapshot.Limits{}))
		wantError(t, err, nil, "ephemeral container assay-debug-")
		if err := d.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// remove deletes a target's pod and waits until it is gone.
func (c *cluster) remove(t *testing.T, target collect.Target) {
	t.Helper()
	now := int64(0)
	if err := c.resource("v1", "Pod", target.Namespace).Delete(t.Context(), target.Pod, metav1.DeleteOptions{GracePeriodSeconds: &now}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the end of pod "+target.Pod, func(ctx context.Context) (bool, string, error) {
		_, err := getOf[corev1.Pod](ctx, c, target.Namespace, target.Pod)
		return err != nil && ignoreNotFound(err) == nil, fmt.Sprint(err), nil
	})
}

func TestImageVolume(t *testing.T) {
	t.Parallel()
	c, image := startOnNode(t), nodeImage(t)
	plain, home := c.namespace(t, "e2e-image-"), c.namespace(t, "e2e-image-", restricted)
	admin := c.client(t, nil)
	t.Run("debian", func(t *testing.T) {
		target := c.run1(t, plain, "debian", "registry.test/debian:12", sleeps)
		// What the container writes is not in its image.
		if _, err := stream.New(admin).Run(t.Context(), stream.Command{Namespace: plain, Pod: "debian", Container: "app", Argv: []string{"touch", "/etc/written.conf"}}); err != nil {
			t.Fatal(err)
		}
		needs := imagevolume.Needs(target, home)
		account := c.permitted(t, needs)
		client := c.client(t, account)
		v := imagevolume.New(client, target, imagevolume.Options{Namespace: home, Image: image})
		start := time.Now()
		plan := planFor("/etc/written.conf", "/etc/os-release")
		s, usage := gather(t, v, plan)
		t.Logf("first answer after %v: %+v", time.Since(start), usage)
		if len(usage.Notes) == 0 || usage.Notes[len(usage.Notes)-1] != imagevolume.Note {
			t.Errorf("notes: %q", usage.Notes)
		}
		_, shadow := s.Content("/etc/shadow")
		wantState(t, "/etc/shadow", shadow.Content, snapshot.Denied)
		wantState(t, "/etc/shadow's metadata", shadow.Meta, snapshot.Present)
		wantState(t, "/etc/written.conf", s.Entry("/etc/written.conf").Meta, snapshot.Absent)
		_, processes := s.Processes()
		_, mounts := s.Mounts()
		_, sockets := s.Sockets()
		for _, f := range []snapshot.Fact{processes, mounts, sockets} {
			wantState(t, "the running state", f, snapshot.NotCollected)
			if !strings.Contains(f.Detail, "image") {
				t.Errorf("detail: %q", f.Detail)
			}
		}
		// The kubelet puts a file of its own over this one.
		wantSame(t, admin, target, s, 5, "/etc/resolv.conf")
		ours := c.ours(t, home)
		if len(ours) != 1 {
			t.Fatalf("%d pods of ours", len(ours))
		}
		if expires, err := time.Parse(time.RFC3339, ours[0].Annotations[access.AnnotationExpires]); err != nil || time.Until(expires) > 11*time.Minute || time.Until(expires) < 0 {
			t.Errorf("expires %v: %v", expires, err)
		}
		if ours[0].Labels[access.LabelRun] == "" || len(ours[0].Spec.Volumes) != 1 {
			t.Errorf("labels %v, volumes %v (a token?)", ours[0].Labels, ours[0].Spec.Volumes)
		}
		if err := v.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := len(c.ours(t, home)); n != 0 {
			t.Errorf("%d pods are left", n)
		}
		account.within(t, needs, client.Stats().Total())
	})
	t.Run("distroless", func(t *testing.T) {
		target := c.run1(t, plain, "distroless", "registry.test/distroless:1", "}]")
		v := imagevolume.New(admin, target, imagevolume.Options{Namespace: home, Image: image})
		s, _ := gather(t, v, planFor("/hello"))
		if _, e := s.Content("/hello"); e.Content.State != snapshot.Present || e.SHA256 == "" {
			t.Errorf("%+v", e)
		}
		if err := v.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("an image that is known by its configuration only", func(t *testing.T) {
		target := c.run1(t, plain, "by-config", "registry.test/debian:12", sleeps)
		p := c.target(t, plain, "by-config", "app")
		target.ImageID = c.configDigest(t, p.ImageID)
		v := imagevolume.New(admin, target, imagevolume.Options{Namespace: home, Image: image})
		s, _ := gather(t, v, planFor())
		wantSame(t, admin, target, s, 3, "/etc/resolv.conf")
		if err := v.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("nothing of ours is left", func(t *testing.T) {
		if n := len(c.ours(t, home)); n != 0 {
			t.Errorf("%d pods are left", n)
		}
	})
}

// configDigest is the digest of an image's configuration: what the kubelet
// reports as the image ID where no registry's digest is known.
func (c *cluster) configDigest(t *testing.T, imageID string) string {
	t.Helper()
	_, digest, _ := strings.Cut(imageID, "@")
	blob := filepath.Join(c.state, "node", "containerd", "io.containerd.content.v1.content", "blobs", "sha256", strings.TrimPrefix(digest, "sha256:"))
	text, err := os.ReadFile(blob)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), `"config"`)
	i := strings.Index(rest, "sha256:")
	if i < 0 {
		t.Fatalf("no configuration in %s", text)
	}
	return rest[i : i+len("sha256:")+64]
}

// ours are the pods of Assay in a namespace.
func (c *cluster) ours(t *testing.T, namespace string) []corev1.Pod {
	t.Helper()
	all, err := listOf[corev1.Pod](t.Context(), c, namespace, metav1.ListOptions{LabelSelector: access.Selector})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestImageVolumeRefusals(t *testing.T) {
	t.Parallel()
	c, image := startOnNode(t), nodeImage(t)
	plain, home := c.namespace(t, "e2e-noimage-"), c.namespace(t, "e2e-noimage-", restricted)
	admin := c.client(t, nil)
	target := c.run1(t, plain, "debian", "registry.test/debian:12", sleeps)
	full := c.namespace(t, "e2e-noimage-")
	c.apply(t, full, "{apiVersion: v1, kind: ResourceQuota, metadata: {name: nothing}, spec: {hard: {pods: \"0\"}}}")
	eventually(t, "the quota", func(ctx context.Context) (bool, string, error) {
		q, err := c.resource("v1", "ResourceQuota", full).Get(ctx, "nothing", metav1.GetOptions{})
		if err != nil {
			return false, "", err
		}
		_, ok, _ := unstructured.NestedMap(q.Object, "status", "hard")
		return ok, fmt.Sprint(q.Object["status"]), nil
	})
	const someDigest = "@sha256:0045c75d03e1bb98c16230ca7ad42ab72e03132910c68247ffe3219fb72306b8"
	for _, tt := range []struct {
		name   string
		change func(*collect.Target, *imagevolume.Options)
		kind   error
		words  []string
	}{
		{"no such namespace", func(_ *collect.Target, o *imagevolume.Options) { o.Namespace = "e2e-no-such" }, imagevolume.ErrRefused, []string{"--scanner-namespace"}},
		{"no room in the quota", func(_ *collect.Target, o *imagevolume.Options) { o.Namespace = full }, imagevolume.ErrRefused, []string{"exceeded quota", "--scanner-namespace"}},
		{"the image is gone from the node", func(g *collect.Target, _ *imagevolume.Options) { g.ImageID = "registry.test/debian" + someDigest }, imagevolume.ErrImageMissing,
			[]string{"registry.test/debian@sha256:0045c75d", "secret", home}},
		{"the image is not known", func(g *collect.Target, _ *imagevolume.Options) { g.ImageID = "registry.test/debian:12" }, nil, []string{"does not fix"}},
		{"the collector's image is not there", func(_ *collect.Target, o *imagevolume.Options) { o.Image = "127.0.0.1:1/no-such-image:1" }, nil, []string{"127.0.0.1:1/no-such-image:1", "is it there?"}},
		{"the node is gone", func(g *collect.Target, o *imagevolume.Options) { g.Node, o.Start = "no-such-node", 2*time.Second }, nil, []string{"no-such-node", "gone, or not ready"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			g, o := target, imagevolume.Options{Namespace: home, Image: image}
			tt.change(&g, &o)
			v := imagevolume.New(admin, g, o)
			_, err := v.Collect(t.Context(), planFor(), snapshot.NewBuilder(snapshot.Limits{}))
			wantError(t, err, tt.kind, append(tt.words, plain+"/debian/app")...)
			if err := v.Close(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	t.Run("interrupted", func(t *testing.T) {
		v := imagevolume.New(admin, target, imagevolume.Options{Namespace: home, Image: "127.0.0.1:1/no-such-image:2"})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			_, err := v.Collect(ctx, planFor(), snapshot.NewBuilder(snapshot.Limits{}))
			done <- err
		}()
		eventually(t, "a pod of ours", func(context.Context) (bool, string, error) { return len(c.ours(t, home)) > 0, "none", nil })
		cancel()
		if err := <-done; err == nil {
			t.Error("no error")
		}
		if err := v.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		all, err := listOf[corev1.Pod](context.Background(), c, home, metav1.ListOptions{LabelSelector: access.Selector})
		if err != nil || len(all) > 0 {
			t.Errorf("%d pods are left, %v", len(all), err)
		}
	})
}

func TestSidecar(t *testing.T) {
	t.Parallel()
	c, image := startOnNode(t), nodeImage(t)
	strict := c.namespace(t, "e2e-sidecar-", restricted)
	admin := c.client(t, nil)
	const manifest = `# a workload
apiVersion: apps/v1
kind: Deployment
metadata: {name: cart}
spec:
  selector: {matchLabels: {app: cart}}
  template:
    metadata: {labels: {app: cart}}
    spec:
      terminationGracePeriodSeconds: 0
      securityContext: {runAsNonRoot: true, runAsUser: 10001, runAsGroup: 10002, seccompProfile: {type: RuntimeDefault}}
      containers:
      - name: app
        image: registry.test/busybox:1
        imagePullPolicy: Never
        command: [sleep, "100000"]
        resources: {limits: {cpu: 50m, memory: 16Mi}}
        securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
`
	file := writeFile(t, filepath.Join(t.TempDir(), "cart.yaml"), manifest)
	changed := c.assay(t, "sidecar", "inject", "-f", file, "--container", "app", "--image", image).exits(t, 0).stdout
	c.apply(t, strict, changed)
	p := c.pods(t, strict, "app=cart", 1)[0]
	if p.Status.QOSClass != corev1.PodQOSGuaranteed {
		t.Errorf("the pod's class became %s", p.Status.QOSClass)
	}
	own := p.Spec.InitContainers[0]
	for _, m := range own.VolumeMounts {
		if m.MountPath == "/var/run/secrets/kubernetes.io/serviceaccount" && !strings.HasPrefix(m.Name, "assay-") {
			t.Errorf("the sidecar has the service account's token: %+v", m)
		}
	}
	target := c.target(t, strict, p.Name, "app")
	needs := sidecar.Needs(target)
	account := c.permitted(t, needs)
	client := c.client(t, account)
	s := sidecar.New(client, target, sidecar.Options{})
	found, usage := gather(t, s, planFor())
	if *usage.UID != 10001 || *usage.GID != 10002 {
		t.Errorf("asked as %d:%d", *usage.UID, *usage.GID)
	}
	processes, fact := found.Processes()
	wantState(t, "the list of processes", fact, snapshot.Present)
	if len(processes) != 1 || processes[0].UID[0] != 10001 || !slices.Contains(processes[0].Args, "sleep") {
		t.Errorf("processes: %+v", processes)
	}
	wantSame(t, admin, target, found, 1)
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
	account.within(t, needs, client.Stats().Total())

	t.Run("without a sidecar", func(t *testing.T) {
		bare := c.run1(t, strict, "bare", "registry.test/busybox-nonroot:1", `, command: [sleep, "100000"]`+hardened+"}]")
		_, err := sidecar.New(admin, bare, sidecar.Options{}).Collect(t.Context(), planFor(), snapshot.NewBuilder(snapshot.Limits{}))
		wantError(t, err, sidecar.ErrNoSidecar, "assay-sidecar-app", "assay sidecar inject")
	})
	t.Run("every kind passes the server's dry run", func(t *testing.T) { c.injectEveryKind(t, strict, image) })
}

// injectEveryKind lets the API server judge what comes out of the command.
func (c *cluster) injectEveryKind(t *testing.T, namespace, image string) {
	t.Helper()
	const spec = `{restartPolicy: %s, containers: [{name: app, image: a, securityContext: {runAsUser: 5, runAsGroup: 5, runAsNonRoot: true, allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}, seccompProfile: {type: RuntimeDefault}}}]}`
	always, never := fmt.Sprintf(spec, "Always"), fmt.Sprintf(spec, "Never")
	const template = "selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: "
	for kind, manifest := range map[string]string{
		"Pod":         "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec: " + always,
		"Deployment":  "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\nspec: {" + template + always + "}}",
		"StatefulSet": "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: x}\nspec: {serviceName: x, " + template + always + "}}",
		"DaemonSet":   "apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: x}\nspec: {" + template + always + "}}",
		"ReplicaSet":  "apiVersion: apps/v1\nkind: ReplicaSet\nmetadata: {name: x}\nspec: {" + template + always + "}}",
		"Job":         "apiVersion: batch/v1\nkind: Job\nmetadata: {name: x}\nspec: {template: {spec: " + never + "}}",
		"CronJob":     "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: x}\nspec: {schedule: '0 0 * * *', jobTemplate: {spec: {template: {spec: " + never + "}}}}",
	} {
		file := writeFile(t, filepath.Join(t.TempDir(), "x.yaml"), manifest)
		text := c.assay(t, "sidecar", "inject", "-f", file, "--container", "app", "--image", image).exits(t, 0).stdout
		var o unstructured.Unstructured
		if err := yaml.Unmarshal([]byte(text), &o.Object); err != nil {
			t.Fatal(err)
		}
		_, err := c.resource(o.GetAPIVersion(), kind, namespace).Create(t.Context(), &o, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}, FieldValidation: metav1.FieldValidationStrict})
		if err != nil {
			t.Errorf("%s: %v\n%s", kind, err, text)
		}
	}
}
