package e2e

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/apiserver/pkg/apis/audit"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
	"k8s.io/apiserver/pkg/audit/policy"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"

	"github.com/kubeassay/assay/inspect/access"
	"github.com/kubeassay/assay/kube"
)

// securityDocs is the folder of what docs/security tells people to use.
const securityDocs = moduleRoot + "/docs/security"

// auditLines are the lines of the API server's audit log that are about a namespace.
func (c *cluster) auditLines(namespace string) ([][]byte, error) {
	files, err := filepath.Glob(filepath.Join(c.state, "log", "audit*.log"))
	if err != nil {
		return nil, err
	}
	var found [][]byte
	for _, file := range files {
		f, err := os.Open(file)
		if err != nil {
			return nil, err
		}
		defer func() { _ = f.Close() }()
		for in := bufio.NewReader(f); ; {
			line, err := in.ReadBytes('\n')
			if errors.Is(err, io.EOF) {
				break // what has no end yet is still being written
			}
			if err != nil {
				return nil, err
			}
			if bytes.Contains(line, []byte(`"namespace":"`+namespace+`"`)) {
				found = append(found, line)
			}
		}
	}
	return found, nil
}

func (c *cluster) auditEvents(t *testing.T, namespace string) []auditv1.Event {
	t.Helper()
	lines, err := c.auditLines(namespace)
	if err != nil {
		t.Fatal(err)
	}
	events := make([]auditv1.Event, len(lines))
	for i, line := range lines {
		if err := json.Unmarshal(line, &events[i]); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
	}
	return events
}

// awaitAudit waits until the audit log has an event.
func (c *cluster) awaitAudit(t *testing.T, namespace, what string, is func(*auditv1.Event) bool) auditv1.Event {
	t.Helper()
	var found auditv1.Event
	eventually(t, what+" in the API server's audit log", func(context.Context) (bool, string, error) {
		events := c.auditEvents(t, namespace)
		i := slices.IndexFunc(events, func(e auditv1.Event) bool { return e.ObjectRef != nil && is(&e) })
		if i >= 0 {
			found = events[i]
		}
		return i >= 0, fmt.Sprint(len(events), " events"), nil
	})
	return found
}

// TestInspectionToken: the token of a look lives for ten minutes, is in nothing
// that a run writes, and is of no use after it.
func TestInspectionToken(t *testing.T) {
	t.Parallel()
	c := startOnNode(t)
	ns := c.namespace(t, "e2e-token-")
	c.apply(t, ns, podOf("busybox", "registry.test/busybox:1", sleeper))
	c.pods(t, ns, "", 1)
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	key := writeFile(t, filepath.Join(t.TempDir(), "key.pem"), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
	r := c.assay(t, flags([]string{"inspect", ns + "/busybox", "--least-privilege", "--scanner-namespace", ns, "--audit-log", in("calls.jsonl"), "--save-snapshot", in("box.snapshot"), "--attest", key, "--attest-output", in("signed"),
		"-o", "json", "-o", "table=" + in("table"), "-o", "hdf=" + in("hdf") + "/", "-o", "junit=" + in("junit.xml"), "-o", "markdown=" + in("x.md")}, c.admin())...)
	report := r.report(t)
	if len(report.Access.Grants) != 1 {
		t.Fatalf("%v", r)
	}
	grant := report.Access.Grants[0]
	event := c.awaitAudit(t, ns, "the request for a token", func(e *auditv1.Event) bool {
		return e.ObjectRef.Subresource == "token" && e.ObjectRef.Name == grant.Name && e.ResponseObject != nil
	})
	var asked struct {
		Spec struct {
			ExpirationSeconds int64 `json:"expirationSeconds"`
		} `json:"spec"`
		Status struct {
			Token string `json:"token"`
		} `json:"status"`
	}
	if err := json.Unmarshal(event.ResponseObject.Raw, &asked); err != nil || asked.Status.Token == "" {
		t.Fatalf("the token is not in the audit log of the test cluster: %v", err)
	}
	if asked.Spec.ExpirationSeconds != 600 {
		t.Errorf("the token was asked for %d seconds", asked.Spec.ExpirationSeconds)
	}
	written := map[string]string{"standard output": r.stdout, "standard error": r.stderr}
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		written[path] = string(b)
		return err
	})
	if err != nil || len(written) < 9 {
		t.Fatalf("%v: only %q", err, slices.Sorted(maps.Keys(written)))
	}
	for where, text := range written {
		for _, part := range strings.Split(asked.Status.Token, ".")[1:] { // the header is the same for all tokens
			if strings.Contains(text, part) {
				t.Errorf("%s holds the token, or a part of it", where)
			}
		}
	}
	own, err := c.client(t, nil).WithToken(asked.Status.Token)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the token to be refused", func(ctx context.Context) (bool, string, error) {
		err := own.Read(ctx, kube.Ref{Resource: kube.Pods, Namespace: ns, Name: "busybox"}, new(corev1.Pod))
		if err == nil {
			return false, "", errors.New("the token opens the pod after the run")
		}
		return apierrors.IsUnauthorized(err), err.Error(), nil
	})
}

// TestUnrecordedExecsInTheCluster: the query of docs/security, on the API
// server's own audit log, passes over a run that was recorded, and shows what
// somebody did with such an account besides.
func TestUnrecordedExecsInTheCluster(t *testing.T) {
	t.Parallel()
	c := startOnNode(t)
	jq, err := exec.LookPath("jq")
	if err != nil {
		t.Skip("jq is not installed")
	}
	ns := c.boxes(t)
	trail := filepath.Join(t.TempDir(), "calls.jsonl")
	report := c.assay(t, flags([]string{"inspect", ns + "/box", "--least-privilege", "-o", "json", "--audit-log", trail}, c.admin())...).report(t)
	if len(report.Access.Grants) != 1 {
		t.Fatalf("grants: %+v", report.Access.Grants)
	}
	recorded := report.Access.Grants[0].Name
	// The same pod, at the same time, by an account of the same kind.
	stolen := c.looker(t, ns, false)
	if _, err := execIn(t.Context(), stolen.Client().RESTConfig(), false, ns, "box", command("cat", "/etc/passwd")); err != nil {
		t.Fatal(err)
	}
	if _, err := execIn(t.Context(), stolen.Client().RESTConfig(), false, ns, "other", command("id")); !refusedExec(err) {
		t.Fatal(err)
	}
	by := func(name, pod string, stage auditv1.Stage) func(*auditv1.Event) bool {
		return func(e *auditv1.Event) bool {
			return e.ObjectRef.Subresource == "exec" && e.ObjectRef.Name == pod && e.Stage == stage && strings.HasSuffix(e.User.Username, ":"+name)
		}
	}
	c.awaitAudit(t, ns, "the run's exec", by(recorded, "box", auditv1.StageResponseComplete))
	c.awaitAudit(t, ns, "the other exec", by(stolen.Name(), "box", auditv1.StageResponseComplete))
	c.awaitAudit(t, ns, "the refused exec", by(stolen.Name(), "other", auditv1.StageResponseComplete))
	lines, err := c.auditLines(ns)
	if err != nil {
		t.Fatal(err)
	}
	type alarm struct {
		User, Pod, URI string
		Status         int
	}
	run := func(trail string) (alarms []alarm) {
		cmd := exec.CommandContext(t.Context(), jq, "-cn", "--slurpfile", "trail", trail, "-f", securityDocs+"/unrecorded-execs.jq")
		cmd.Stdin = bytes.NewReader(bytes.Join(lines, nil))
		var out, errs bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &errs
		if err := cmd.Run(); err != nil {
			t.Fatalf("%v: %s", err, errs.String())
		}
		for d := json.NewDecoder(&out); ; {
			var a alarm
			if err := d.Decode(&a); errors.Is(err, io.EOF) {
				return alarms
			} else if err != nil {
				t.Fatal(err)
			}
			alarms = append(alarms, a)
		}
	}
	alarms := run(trail)
	if len(alarms) != 2 || alarms[0].Pod != "box" || !strings.Contains(alarms[0].URI, "command=cat&command=%2Fetc%2Fpasswd") ||
		alarms[1].Pod != "other" || alarms[1].Status != 403 || !strings.HasSuffix(alarms[0].User, stolen.Name()) {
		t.Errorf("alarms: %+v", alarms)
	}
	// Without the trail, the run's own commands are alarms too: it is the trail that explains them.
	if all := run(writeFile(t, filepath.Join(t.TempDir(), "empty"), "")); len(all) <= len(alarms) {
		t.Errorf("without a trail: %+v", all)
	}
}

// TestAuditPolicyInTheCluster: under the policy of docs/security, the API server
// writes down every call of a run that reaches into pods or gives rights, and
// the content of no token.
func TestAuditPolicyInTheCluster(t *testing.T) {
	t.Parallel()
	c := startOnNode(t)
	rules, err := policy.LoadPolicyFromFile(securityDocs + "/audit-policy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	judge := policy.NewPolicyRuleEvaluator(rules)
	ns := c.namespace(t, "e2e-audited-")
	c.apply(t, ns, podOf("busybox", "registry.test/busybox:1", sleeper))
	c.pods(t, ns, "", 1)
	// Two approaches, so that all that is watched for is there.
	// The account is to be here, also where assay-system is.
	c.inspected(t, ns+"/busybox", "--scanner-namespace", ns)
	c.inspected(t, ns+"/busybox", append(byDebugContainer(t), "--scanner-namespace", ns)...)
	c.awaitAudit(t, ns, "the end of the runs", func(e *auditv1.Event) bool {
		return e.Verb == "delete" && e.ObjectRef.Resource == "roles"
	})
	want := map[string]audit.Level{
		"pods/exec": audit.LevelMetadata, "pods/ephemeralcontainers": audit.LevelRequest, "serviceaccounts/token": audit.LevelMetadata,
		"create serviceaccounts": audit.LevelRequest, "delete serviceaccounts": audit.LevelRequest, "create roles": audit.LevelRequest, "delete roles": audit.LevelRequest,
		"create rolebindings": audit.LevelRequest, "delete rolebindings": audit.LevelRequest,
	}
	seen := map[string]bool{}
	for _, e := range c.auditEvents(t, ns) {
		if e.ObjectRef == nil || !strings.HasPrefix(e.UserAgent, "assay/") {
			continue
		}
		what := e.Verb + " " + e.ObjectRef.Resource
		if e.ObjectRef.Subresource != "" {
			what = e.ObjectRef.Resource + "/" + e.ObjectRef.Subresource
		}
		level, ok := want[what]
		if !ok {
			continue
		}
		seen[what] = true
		got := judge.EvaluatePolicyRule(&authorizer.AttributesRecord{
			User: &user.DefaultInfo{Name: e.User.Username, Groups: e.User.Groups}, Verb: e.Verb, Namespace: e.ObjectRef.Namespace, ResourceRequest: true,
			APIGroup: e.ObjectRef.APIGroup, APIVersion: e.ObjectRef.APIVersion, Resource: e.ObjectRef.Resource, Subresource: e.ObjectRef.Subresource, Name: e.ObjectRef.Name,
		})
		if got.Level != level {
			t.Errorf("%s of %s is logged at level %s, want %s", what, e.ObjectRef.Name, got.Level, level)
		}
	}
	for what := range want {
		if !seen[what] {
			t.Errorf("no %s was seen: this test shows nothing of it", what)
		}
	}
}

// inspected looks into a pod in whatever way, and wants it to work.
func (c *cluster) inspected(t *testing.T, target string, more ...string) {
	t.Helper()
	if r := c.assay(t, flags([]string{"inspect", target, "--least-privilege", "-o", "json"}, c.admin(), more)...); r.code > 1 && r.report(t).Inspections[0].Error != "" {
		t.Fatalf("%v", r)
	}
}

// TestScannerHome: the namespace of docs/security keeps out what is not Assay's,
// and lets its pods do their work.
func TestScannerHome(t *testing.T) {
	t.Parallel()
	c, image := startOnNode(t), nodeImage(t)
	text, err := os.ReadFile(securityDocs + "/scanner.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var objects []*unstructured.Unstructured
	for d := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), 4096); ; {
		o := &unstructured.Unstructured{}
		if err := d.Decode(&o.Object); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		objects = append(objects, o)
	}
	if len(objects) != 5 || objects[0].GetKind() != "Namespace" || objects[0].GetName() != access.HomeNamespace {
		t.Fatalf("%d objects", len(objects))
	}
	// Under another name, because other tests would change with assay-system.
	var labels []string
	for k, v := range objects[0].GetLabels() {
		labels = append(labels, k+"="+v)
	}
	home, ns := c.namespace(t, "e2e-home-", labels...), c.namespace(t, "e2e-homeless-")
	for _, o := range objects[1:] {
		if o.GetNamespace() != access.HomeNamespace {
			t.Errorf("%s %s is in namespace %q", o.GetKind(), o.GetName(), o.GetNamespace())
		}
		o.SetNamespace(home)
		c.create(t, o, home)
	}
	eventually(t, "the quota to count", func(ctx context.Context) (bool, string, error) {
		q, err := c.resource("v1", "ResourceQuota", home).Get(ctx, "quota", metav1.GetOptions{})
		if err != nil {
			return false, "", err
		}
		_, ok, _ := unstructured.NestedMap(q.Object, "status", "hard")
		return ok, "no status", nil
	})
	c.apply(t, ns, podOf("busybox", "registry.test/busybox:1", sleeper))
	c.pods(t, ns, "", 1)
	t.Run("Assay's pods run", func(t *testing.T) {
		r := c.assay(t, flags([]string{"inspect", ns + "/busybox", "--least-privilege", "--approach", "image-volume", "--debug-image", image, "--scanner-namespace", home, "-o", "json"}, c.admin())...)
		report := r.report(t)
		if len(report.Inspections) != 1 || report.Inspections[0].Error != "" || !slices.Equal(report.Inspections[0].Used.Approaches, []string{"image-volume"}) {
			t.Fatalf("%v", r)
		}
		if g := report.Access.Grants; len(g) == 0 || !strings.HasPrefix(g[0].ServiceAccount, home+"/") {
			t.Errorf("grants: %+v", g)
		}
		c.wantClean(t, home)
		c.wantClean(t, ns)
	})
	t.Run("others are kept out", func(t *testing.T) {
		pod := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(podOf("root", "registry.test/busybox:1", sleeper)), &pod.Object); err != nil {
			t.Fatal(err)
		}
		if _, err := c.resource("v1", "Pod", home).Create(t.Context(), pod, metav1.CreateOptions{}); !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), "restricted") {
			t.Errorf("a pod as root: %v", err)
		}
	})
	t.Run("limits", func(t *testing.T) {
		c.apply(t, home, podOf("plain", "registry.test/busybox-nonroot:1", `securityContext: {runAsNonRoot: true, allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}, seccompProfile: {type: RuntimeDefault}}, `+sleeper))
		p, err := getOf[corev1.Pod](t.Context(), c, home, "plain")
		if err != nil {
			t.Fatal(err)
		}
		if l := p.Spec.Containers[0].Resources.Limits; l.Cpu().String() != "1" || l.Memory().String() != "512Mi" {
			t.Errorf("limits: %v", l)
		}
	})
}
