package e2e

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"github.com/kubeassay/assay/finding"
)

// rightsOf is a namespace with an account that may do everything, one that can
// make tokens of it, and pods of some accounts. $NS stands for the namespace.
const rightsOf = `
{apiVersion: v1, kind: ServiceAccount, metadata: {name: idle}}
---
{apiVersion: v1, kind: ServiceAccount, metadata: {name: quiet}, automountServiceAccountToken: false}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: $NS-boss}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
subjects: [{kind: ServiceAccount, name: boss, namespace: $NS}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: tokens}
rules: [{apiGroups: [""], resources: [serviceaccounts/token], verbs: [create]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: ci-tokens}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: tokens}
subjects: [{kind: ServiceAccount, name: ci}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: web-tokens}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: tokens}
subjects: [{kind: ServiceAccount, name: web}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: lost}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: gone}
subjects: [{kind: ServiceAccount, name: idle}, {kind: ServiceAccount, name: nobody}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: readers}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: Group, name: readers}]
---
{apiVersion: v1, kind: Pod, metadata: {name: web}, spec: {serviceAccountName: web, containers: [{name: app, image: "registry.test/busybox:1", command: [sleep, "3600"]}]}}
---
{apiVersion: v1, kind: Pod, metadata: {name: idle}, spec: {serviceAccountName: idle, containers: [{name: app, image: "registry.test/busybox:1", command: [sleep, "3600"]}]}}
---
{apiVersion: v1, kind: Pod, metadata: {name: quiet}, spec: {serviceAccountName: quiet, containers: [{name: app, image: "registry.test/busybox:1", command: [sleep, "3600"]}]}}
`

// TestRBACChecks finds who has too much, and goes the way to cluster-admin that
// a finding tells of.
func TestRBACChecks(t *testing.T) {
	t.Parallel()
	c := start(t)
	namespace := c.namespace(t, "assay-rbac-checks-")
	c.account(t, namespace, "boss")
	c.account(t, namespace, "web")
	ci := c.account(t, namespace, "ci")
	c.apply(t, namespace, strings.ReplaceAll(rightsOf, "$NS", namespace))

	checks := []string{
		"rbac-cluster-admin", "rbac-token-creation", "rbac-escalation-path", "rbac-missing-role", "rbac-missing-account", "rbac-unused-role", "service-account-token-mounted",
	}
	report := c.scan(t, c.admin(), "--checks", strings.Join(checks, ","), "-q").exits(t, 1).report(t)
	for _, want := range []struct {
		check, object string
		severity      finding.Severity
		says          string
	}{
		{"rbac-cluster-admin", "ClusterRoleBinding/" + namespace + "-boss", finding.High, "may do everything"},
		{"rbac-token-creation", "RoleBinding/ci-tokens", finding.High, "sa:" + namespace + "/boss"},
		{"rbac-token-creation", "RoleBinding/web-tokens", finding.Critical, "Pods run as ServiceAccount " + namespace + "/web"},
		{"rbac-missing-role", "RoleBinding/lost", finding.Medium, "Role " + namespace + "/gone is not there"},
		{"rbac-missing-account", "RoleBinding/lost", finding.Low, "ServiceAccount " + namespace + "/nobody"},
		{"service-account-token-mounted", "Pod/idle", finding.Low, "no need of"},
	} {
		f := findingAbout(report, namespace, want.check, want.object)
		if f == nil || f.Status != finding.Fail || f.Severity != want.severity || !strings.Contains(f.Message, want.says) {
			t.Errorf("%s about %s: %+v, want %s with %q", want.check, want.object, f, want.severity, want.says)
		}
	}
	for _, none := range [][2]string{
		{"service-account-token-mounted", "Pod/quiet"}, {"service-account-token-mounted", "Pod/web"}, {"rbac-token-creation", "RoleBinding/readers"}, {"rbac-token-creation", "ClusterRoleBinding/" + namespace + "-boss"},
		{"rbac-escalation-path", "RoleBinding/ci-tokens"}, {"rbac-unused-role", "Role/tokens"}, {"rbac-cluster-admin", "ClusterRoleBinding/cluster-admin"},
	} {
		if f := findingAbout(report, namespace, none[0], none[1]); f != nil {
			t.Errorf("%s about %s: %+v", none[0], none[1], f)
		}
	}
	walk(t, ci, "boss")
}

// walk goes the way that the finding about an account tells of: it makes a token
// of another one, and reads with that what only an administrator can.
func walk(t *testing.T, from *account, to string) {
	t.Helper()
	as := func(token string) dynamic.Interface {
		config := rest.AnonymousClientConfig(from.c.config)
		config.BearerToken = token
		client, err := dynamic.NewForConfig(config)
		if err != nil {
			t.Fatal(err)
		}
		return client
	}
	secrets := schema.GroupVersionResource{Version: "v1", Resource: "secrets"}
	if _, err := as(from.token).Resource(secrets).Namespace("kube-system").List(t.Context(), metav1.ListOptions{}); err == nil {
		t.Error("the account can read secrets of kube-system before it goes anywhere")
	}
	request := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": map[string]any{"expirationSeconds": int64(600)}}}
	request.SetName(to)
	accounts := as(from.token).Resource(schema.GroupVersionResource{Version: "v1", Resource: "serviceaccounts"}).Namespace(from.namespace)
	var token string
	eventually(t, "a token of "+to+" made by "+from.name, func(ctx context.Context) (bool, string, error) { // a new role counts a moment later
		answer, err := accounts.Create(ctx, request, metav1.CreateOptions{}, "token")
		if err != nil {
			return false, err.Error(), nil
		}
		token, _, _ = unstructured.NestedString(answer.Object, "status", "token")
		return true, "", nil
	})
	eventually(t, "the secrets of kube-system read by "+to, func(ctx context.Context) (bool, string, error) {
		_, err := as(token).Resource(secrets).Namespace("kube-system").List(ctx, metav1.ListOptions{})
		return err == nil, fmt.Sprint(err), nil
	})
}

// TestRBACChecksUnread scans as somebody who can't read roles of the cluster:
// what those give is not-reviewed, and what stands in the namespace is judged.
func TestRBACChecksUnread(t *testing.T) {
	t.Parallel()
	c := start(t)
	namespace := c.namespace(t, "assay-rbac-unread-")
	c.apply(t, namespace, `
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: secrets}
rules: [{apiGroups: [""], resources: [secrets], verbs: [list]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: known}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: secrets}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: jo}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: unknown}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: jo}]
`)
	part := c.account(t, namespace, "part")
	part.grant(t, namespace, allow("list", "pods", "serviceaccounts", "roles.rbac.authorization.k8s.io", "rolebindings.rbac.authorization.k8s.io")...)
	run := c.scan(t, part.flags(), "-n", namespace, "--checks", "rbac-secrets-access", "--status", "fail,pass,not-reviewed", "-q")
	report := run.report(t)
	for object, want := range map[string]finding.Status{"RoleBinding/known": finding.Fail, "RoleBinding/unknown": finding.NotReviewed} {
		if f := findingAbout(report, namespace, "rbac-secrets-access", object); f == nil || f.Status != want {
			t.Errorf("%s: %+v, want %s: %v", object, f, want, run)
		}
	}
}

// findingAbout finds what a check says about an object of a namespace, or of the cluster.
func findingAbout(r *finding.Report, namespace, check, object string) *finding.Finding {
	i := slices.IndexFunc(r.Findings, func(f finding.Finding) bool {
		return f.Check == check && f.Workload.String() == object && (f.Workload.Namespace == namespace || f.Workload.Namespace == "")
	})
	if i < 0 {
		return nil
	}
	return &r.Findings[i]
}
