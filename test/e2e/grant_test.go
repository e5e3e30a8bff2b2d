package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/remotecommand"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/inspect/access"
	"github.com/kubeassay/assay/inspect/snapshot"
	"github.com/kubeassay/assay/kube"
)

// boxes makes two running pods, and returns their namespace.
func (c *cluster) boxes(t *testing.T) string {
	t.Helper()
	ns := c.namespace(t, "e2e-grant-")
	for _, name := range []string{"box", "other"} {
		c.apply(t, ns, fmt.Sprintf(`
apiVersion: v1
kind: Pod
metadata: {name: %s}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - {name: app, image: "registry.test/busybox:1", imagePullPolicy: IfNotPresent, command: [sleep, "100000"]}
`, name))
	}
	c.pods(t, ns, "", 2)
	return ns
}

// client connects as the administrator, or as an account.
func (c *cluster) client(t *testing.T, as *account) *kube.Client {
	t.Helper()
	o := kube.Options{Kubeconfig: c.kubeconfig}
	client, err := kube.Connect(o)
	if err == nil && as != nil {
		client, err = client.WithToken(as.token)
	}
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// looker makes a grant for exec in pod box, revoked at the end of the test.
func (c *cluster) looker(t *testing.T, ns string, handedOut bool) *access.Grant {
	t.Helper()
	g, err := access.Create(t.Context(), c.client(t, nil), access.Options{
		Needs: access.ForApproach(snapshot.KubernetesAPI, ns, []string{"box"}, ""), Home: ns, HandedOut: handedOut,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Revoke(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return g
}

// execIn runs a command in a pod's container by one of the two protocols.
func execIn(ctx context.Context, config *rest.Config, spdy bool, ns, pod string, o corev1.PodExecOptions) (string, error) {
	config.APIPath, config.GroupVersion, config.NegotiatedSerializer = "/api", &corev1.SchemeGroupVersion, scheme.Codecs.WithoutConversion()
	client, err := rest.RESTClientFor(config)
	if err != nil {
		return "", err
	}
	o.Container, o.Stdout, o.Stderr = "app", true, !o.TTY
	url := client.Post().Namespace(ns).Resource("pods").Name(pod).SubResource("exec").VersionedParams(&o, scheme.ParameterCodec).URL()
	var executor remotecommand.Executor
	if spdy {
		executor, err = remotecommand.NewSPDYExecutor(config, "POST", url)
	} else {
		executor, err = remotecommand.NewWebSocketExecutor(config, "GET", url.String())
	}
	if err != nil {
		return "", err
	}
	var stdout, stderr bytes.Buffer
	streams := remotecommand.StreamOptions{Stdout: &stdout, Stderr: &stderr, Tty: o.TTY}
	if o.TTY {
		streams.Stderr = nil
	}
	err = executor.StreamWithContext(ctx, streams)
	return stdout.String(), err
}

// command asks for a command line.
func command(argv ...string) corev1.PodExecOptions { return corev1.PodExecOptions{Command: argv} }

// refusedExec is whether an error is a refusal by the API server, not a failed command.
func refusedExec(err error) bool {
	return err != nil && (apierrors.IsForbidden(err) || strings.Contains(strings.ToLower(err.Error()), "forbidden"))
}

// TestGrant: with a grant, exec in its pod works and nothing else does; once
// revoked, nothing works, and nothing is left.
func TestGrant(t *testing.T) {
	t.Parallel()
	c := startOnNode(t)
	ns := c.boxes(t)
	g := c.looker(t, ns, false)
	own := g.Client()
	for _, spdy := range []bool{false, true} {
		if out, err := execIn(t.Context(), own.RESTConfig(), spdy, ns, "box", command("echo", "hello")); err != nil || out != "hello\n" {
			t.Errorf("exec (SPDY %v): %q, %v", spdy, out, err)
		}
		if _, err := execIn(t.Context(), own.RESTConfig(), spdy, ns, "other", command("echo", "hello")); !refusedExec(err) {
			t.Errorf("exec in another pod (SPDY %v): %v", spdy, err)
		}
	}
	if err := own.Read(t.Context(), kube.Ref{Resource: kube.Pods, Namespace: ns, Name: "box"}, new(corev1.Pod)); err != nil {
		t.Error(err)
	}
	for what, err := range map[string]error{
		"another pod": own.Read(t.Context(), kube.Ref{Resource: kube.Pods, Namespace: ns, Name: "other"}, new(corev1.Pod)),
		"all pods":    own.List(t.Context(), kube.Pods, kube.ListOptions{Namespace: ns}, new(corev1.PodList)),
		"secrets":     own.List(t.Context(), kube.Secrets, kube.ListOptions{Namespace: ns}, new(corev1.SecretList)),
		"roles":       own.List(t.Context(), kube.Roles, kube.ListOptions{Namespace: ns}, new(rbacv1.RoleList)),
		"delete":      own.Delete(t.Context(), kube.Ref{Resource: kube.Pods, Namespace: ns, Name: "box"}, kube.WriteOptions{DryRun: true}),
	} {
		if !apierrors.IsForbidden(err) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := g.Revoke(t.Context()); err != nil {
		t.Fatal(err)
	}
	// Revoke has waited for this, so it holds at once.
	if _, err := execIn(t.Context(), own.RESTConfig(), false, ns, "box", command("echo", "hello")); err == nil {
		t.Error("exec works after the grant was revoked")
	}
	eventually(t, "the token to be refused", func(ctx context.Context) (bool, string, error) {
		err := own.Read(ctx, kube.Ref{Resource: kube.Pods, Namespace: ns, Name: "box"}, new(corev1.Pod))
		if err == nil {
			return false, "", errors.New("the pod can be read after the grant was revoked")
		}
		return apierrors.IsUnauthorized(err), err.Error(), nil
	})
	c.wantClean(t, ns)
	if r := g.Record(); r.RevokedAt.Before(r.CreatedAt) || r.RevokedAt.After(r.ExpiresAt) {
		t.Errorf("record: %+v", r)
	}
}

// wantClean makes sure that nothing of ours is in a namespace.
func (c *cluster) wantClean(t *testing.T, ns string) {
	t.Helper()
	left, gaps, err := access.Clean(t.Context(), c.client(t, nil), ns)
	if err != nil || len(left) > 0 || len(gaps) > 0 {
		t.Errorf("left: %v; not looked at: %v; error: %v", left, gaps, err)
	}
	c.assay(t, flags([]string{"verify-clean", "-n", ns}, c.admin())...).exits(t, 0)
}

// TestGrantsSideBySide: runs at the same time don't disturb each other.
func TestGrantsSideBySide(t *testing.T) {
	t.Parallel()
	c := startOnNode(t)
	ns := c.boxes(t)
	const n = 6
	errs := make(chan error, n)
	stays := c.looker(t, ns, false)
	for range n {
		go func() {
			_, err := access.During(t.Context(), c.client(t, nil), access.Options{
				Needs: access.ForApproach(snapshot.KubernetesAPI, ns, []string{"box", "other"}, ""), Home: ns,
			}, func(ctx context.Context, g *access.Grant) error {
				_, err := execIn(ctx, g.Client().RESTConfig(), false, ns, "other", command("true"))
				return err
			})
			errs <- err
		}()
	}
	for range n {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if _, err := execIn(t.Context(), stays.Client().RESTConfig(), false, ns, "box", command("true")); err != nil {
		t.Errorf("the grant that stays: %v", err)
	}
	if left := c.grantsIn(t, ns); len(left) != 1 || left[0].Name != stays.Name() {
		t.Errorf("standing: %v", left)
	}
}

func (c *cluster) grantsIn(t *testing.T, ns string) []access.Found {
	t.Helper()
	found, gaps := access.List(t.Context(), c.client(t, nil), ns)
	if len(gaps) > 0 {
		t.Fatalf("not looked at: %v", gaps)
	}
	return found
}

// TestGrantOfAKilledRun: what a run leaves that is killed stays until it
// expires, and then is removed.
func TestGrantOfAKilledRun(t *testing.T) {
	t.Parallel()
	c := startOnNode(t)
	ns := c.boxes(t)
	holder := exec.Command(os.Args[0], "-test.run=^TestHoldGrant$", "-test.v")
	holder.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "TEST_CLUSTER_KUBECONFIG=") }),
		holdVariable+"="+ns, holdVariable+"_KUBECONFIG="+c.kubeconfig)
	var out buffer
	holder.Stdout, holder.Stderr = &out, &out
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = holder.Process.Kill() })
	eventually(t, "another process to make a grant", func(context.Context) (bool, string, error) {
		return strings.Contains(out.String(), "holding assay-inspect-"), out.String(), nil
	})
	if err := holder.Process.Kill(); err != nil { // SIGKILL
		t.Fatal(err)
	}
	_ = holder.Wait()
	found := c.grantsIn(t, ns)
	if len(found) != 1 || len(found[0].Objects) != 3 || found[0].Problem != "" {
		t.Fatalf("standing after the kill: %+v", found)
	}
	prune := flags([]string{"grant", "prune", "-q", "-n", ns}, c.admin())
	if r := c.assay(t, prune...).exits(t, 0); r.stdout != "Nothing to remove.\n" {
		t.Errorf("before it has expired: %v", r)
	}
	r := c.assay(t, flags([]string{"verify-clean", "-n", ns}, c.admin())...).exits(t, 1)
	for _, kind := range []string{"ServiceAccount", "Role", "RoleBinding"} {
		if !strings.Contains(r.stdout, "left: "+kind+" "+ns+"/"+found[0].Name) {
			t.Errorf("verify-clean does not see the %s: %v", kind, r)
		}
	}
	// As if its time were over. What somebody else's is, of the same kinds, stays.
	past := "metadata: {annotations: {" + access.AnnotationExpires + `: "2020-01-01T00:00:00Z"}}`
	c.apply(t, ns, `{apiVersion: v1, kind: ServiceAccount, metadata: {name: theirs, labels: {app.kubernetes.io/managed-by: assay, assay.dev/run: x}, annotations: {assay.dev/expires: "2020-01-01T00:00:00Z"}}}`)
	for _, o := range found[0].Objects {
		apiVersion := "v1"
		if o.Kind != "ServiceAccount" {
			apiVersion = "rbac.authorization.k8s.io/v1"
		}
		c.patch(t, apiVersion, o.Kind, ns, o.Name, past)
	}
	if r := c.assay(t, prune...).exits(t, 0); strings.Count(r.stdout, "removed ") != 3 || strings.Contains(r.stdout, "theirs") {
		t.Errorf("after it has expired: %v", r)
	}
	c.wantClean(t, ns)
	if _, err := getOf[corev1.ServiceAccount](t.Context(), c, ns, "theirs"); err != nil {
		t.Errorf("somebody else's account: %v", err)
	}
}

const holdVariable = "ASSAY_E2E_HOLD_GRANT"

// TestHoldGrant is the run that TestGrantOfAKilledRun kills.
func TestHoldGrant(t *testing.T) {
	ns := os.Getenv(holdVariable)
	if ns == "" {
		t.Skip("it is started by TestGrantOfAKilledRun")
	}
	client, err := kube.Connect(kube.Options{Kubeconfig: os.Getenv(holdVariable + "_KUBECONFIG")})
	if err != nil {
		t.Fatal(err)
	}
	_, err = access.During(t.Context(), client, access.Options{
		Needs: access.ForApproach(snapshot.KubernetesAPI, ns, []string{"box"}, ""), Home: ns,
	}, func(ctx context.Context, g *access.Grant) error {
		fmt.Println("holding", g.Name())
		<-ctx.Done()
		return ctx.Err()
	})
	t.Fatal(err)
}

// TestHandOut gives kubectl access by a kubeconfig.
func TestHandOut(t *testing.T) {
	t.Parallel()
	c := startOnNode(t)
	ns := c.boxes(t)
	kubectl, err := exec.LookPath("kubectl")
	if err != nil {
		t.Skip("there is no kubectl")
	}
	file := filepath.Join(t.TempDir(), "box.kubeconfig")
	create := func(args ...string) []string {
		return flags([]string{"grant", "create", "--target", ns + "/box/app"}, args, c.admin())
	}
	r := c.assay(t, create("-o", "json", "--kubeconfig-out", file)...).exits(t, 0)
	var record finding.Grant
	if err := json.Unmarshal([]byte(r.stdout), &record); err != nil {
		t.Fatalf("%v: %v", err, r)
	}
	if record.Namespace != ns || !strings.HasPrefix(record.Name, access.HandoutPrefix) || record.ExpiresAt.Sub(record.CreatedAt).Round(time.Minute) != 10*time.Minute {
		t.Errorf("record: %+v", record)
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	config, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, foreign := range []string{"client-certificate", "client-key", c.state} {
		if bytes.Contains(config, []byte(foreign)) {
			t.Errorf("the kubeconfig holds %s:\n%s", foreign, config)
		}
	}
	use := func(args ...string) (string, error) {
		cmd := exec.CommandContext(t.Context(), kubectl, append([]string{"--kubeconfig", file}, args...)...)
		cmd.Env = []string{"HOME=" + t.TempDir()}
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := use("exec", "box", "--", "echo", "hello"); err != nil || out != "hello\n" {
		t.Errorf("kubectl exec: %v: %s", err, out)
	}
	for _, args := range [][]string{{"exec", "other", "--", "id"}, {"get", "pods"}, {"get", "secrets"}, {"delete", "pod", "box"}} {
		if out, err := use(args...); err == nil || !strings.Contains(out, "forbidden") && !strings.Contains(out, "Forbidden") {
			t.Errorf("kubectl %v: %v: %s", args, err, out)
		}
	}
	// Never over a file that is there; and then no grant is made.
	c.assay(t, create("--kubeconfig-out", file)...).exits(t, 3)
	c.assay(t, flags([]string{"grant", "create", "--target", ns + "/nobody"}, c.admin())...).exits(t, 2)
	if found := c.grantsIn(t, ns); len(found) != 1 || found[0].Name != record.Name || !found[0].HandedOut {
		t.Errorf("standing: %+v", found)
	}
	if r := c.assay(t, flags([]string{"grant", "list", "-n", ns}, c.admin())...).exits(t, 0); !strings.Contains(r.stdout, record.Name+"  handed out, expires in ") ||
		!strings.Contains(r.stdout, "get,create pods/box/exec") {
		t.Errorf("list: %v", r)
	}
	c.assay(t, flags([]string{"grant", "revoke", record.Name, "-n", ns}, c.admin())...).exits(t, 0)
	if out, err := use("exec", "box", "--", "id"); err == nil {
		t.Errorf("kubectl exec after the grant was revoked: %s", out)
	}
	c.wantClean(t, ns)
	c.assay(t, flags([]string{"grant", "revoke", record.Name, "-n", ns}, c.admin())...).exits(t, 2)

	// To standard output, as in: > box.kubeconfig
	r = c.assay(t, create()...).exits(t, 0)
	writeFile(t, filepath.Join(t.TempDir(), "out"), r.stdout)
	if !strings.Contains(r.stdout, "kind: Config") || strings.Contains(r.stderr, "token: ") || strings.Contains(r.stderr, "eyJ") {
		t.Errorf("%v", r)
	}
	c.assay(t, flags([]string{"grant", "revoke", "--all", "-n", ns}, c.admin())...).exits(t, 0)
	c.wantClean(t, ns)
}

// TestGrantRights: who may make grants, and what those are told who may not.
func TestGrantRights(t *testing.T) {
	t.Parallel()
	c := start(t)
	ns := c.namespace(t, "e2e-grant-")
	c.idlePods(t, ns, 1)
	o := access.Options{Needs: access.ForApproach(snapshot.KubernetesAPI, ns, []string{"idle-0"}, ""), Home: ns}
	makes := []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{"serviceaccounts"}, Verbs: []string{"create", "delete"}},
		{APIGroups: []string{""}, Resources: []string{"serviceaccounts/token"}, Verbs: []string{"create"}},
		{APIGroups: []string{rbacv1.GroupName}, Resources: []string{"roles", "rolebindings"}, Verbs: []string{"create", "delete"}},
	}
	with := func(resource string, verbs ...string) []rbacv1.PolicyRule {
		group := ""
		if resource == "roles" {
			group = rbacv1.GroupName
		}
		return append(slices.Clone(makes), rbacv1.PolicyRule{APIGroups: []string{group}, Resources: []string{resource}, Verbs: verbs})
	}
	holds := append(with("pods", "get"), rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"pods/exec"}, Verbs: []string{"get", "create"}})
	for _, tt := range []struct {
		name   string
		rules  []rbacv1.PolicyRule
		reason string // empty: permitted
	}{
		{"nobody", nil, "these credentials lack: create serviceaccounts in namespace " + ns},
		{"maker", makes, "the server lets nobody hand on rights that he does not hold himself. You would need, in namespace " + ns + ", all of: get pods/idle-0; get,create pods/idle-0/exec"},
		{"holder", holds, ""},
		{"escalator", with("roles", "escalate"), "the verb bind on roles there"},
		{"binder", with("roles", "escalate", "bind"), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := c.account(t, ns, tt.name)
			if tt.rules != nil {
				a.grant(t, ns, tt.rules...)
			}
			client := c.client(t, a)
			ok, reason := access.Permitted(t.Context(), client, o)
			if ok != (tt.reason == "") || !strings.Contains(reason, tt.reason) {
				t.Errorf("permitted: %v, %q; want %q", ok, reason, tt.reason)
			}
			g, err := access.Create(t.Context(), client, o)
			if (err == nil) != ok {
				t.Errorf("permitted says %v, making one: %v", ok, err)
			}
			if err != nil && !apierrors.IsForbidden(err) {
				t.Errorf("not told as forbidden: %v", err)
			}
			if g != nil {
				if err := g.Revoke(t.Context()); err != nil {
					t.Error(err)
				}
			}
			c.wantClean(t, ns)
		})
	}
}

// TestGrantOfAnEndedNamespace: what is gone with its namespace needs no revoking.
func TestGrantOfAnEndedNamespace(t *testing.T) {
	t.Parallel()
	c := start(t)
	ns, home := c.namespace(t, "e2e-grant-"), c.namespace(t, "e2e-grant-")
	c.idlePods(t, ns, 1)
	g, err := access.Create(t.Context(), c.client(t, nil), access.Options{
		Needs: access.ForApproach(snapshot.KubernetesAPI, ns, []string{"idle-0"}, ""), Home: home,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.resource("v1", "Namespace", "").Delete(t.Context(), ns, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "namespace "+ns+" to be gone", func(ctx context.Context) (bool, string, error) {
		_, err := getOf[corev1.Namespace](ctx, c, "", ns)
		return apierrors.IsNotFound(err), fmt.Sprint(err), nil
	})
	if err := g.Revoke(t.Context()); err != nil {
		t.Error(err)
	}
	c.wantClean(t, home)
}

// TestVerifyClean: an ephemeral container's entry is seen, and what may not be
// read is never called clean.
func TestVerifyClean(t *testing.T) {
	t.Parallel()
	c := startOnNode(t)
	ns := c.boxes(t)
	c.patch(t, "v1", "Pod", ns, "box", `spec: {ephemeralContainers: [{name: assay-debug-x, image: "registry.test/busybox:1", imagePullPolicy: IfNotPresent, command: ["true"]}]}`, "ephemeralcontainers")
	eventually(t, "the ephemeral container to end", func(context.Context) (bool, string, error) {
		r := c.assay(t, flags([]string{"verify-clean", "-n", ns}, c.admin())...).exits(t, 1)
		return strings.Contains(r.stdout, "left: EphemeralContainer "+ns+"/box/assay-debug-x: it has ended; its entry in the pod's spec goes only with the pod"), r.String(), nil
	})
	a := c.account(t, ns, "reader")
	clean := func() *result { return c.assay(t, flags([]string{"verify-clean", "-n", ns}, a.flags())...) }
	if r := clean().exits(t, 2); !strings.Contains(r.stderr, "nothing could be read") {
		t.Errorf("%v", r)
	}
	a.grant(t, ns, allow("list", "serviceaccounts", "roles.rbac.authorization.k8s.io", "rolebindings.rbac.authorization.k8s.io")...)
	r := clean().exits(t, 2)
	if !strings.Contains(r.stdout, "not everything could be looked at") || !strings.Contains(r.stderr, "namespace/"+ns+"/pods: forbidden") {
		t.Errorf("%v", r)
	}
	a.grant(t, ns, allow("list", "pods")...)
	clean().exits(t, 1)
	// In all namespaces it may still not look.
	if r := c.assay(t, flags([]string{"verify-clean", "-o", "json"}, a.flags())...).exits(t, 2); !strings.Contains(r.stderr, "forbidden") {
		t.Errorf("%v", r)
	}
}
