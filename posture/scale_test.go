package posture

import (
	"bytes"
	"fmt"
	"runtime"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/check/builtin"
	"github.com/kubeassay/assay/posture/index"
	"github.com/kubeassay/assay/posture/source"
)

// everything is a source of all that there is.
type everything struct {
	given
	live bool
}

func (e everything) Describe() source.Description {
	return source.Description{Live: e.live, Gives: func(schema.GroupKind) bool { return true }}
}

// other is an object without pods, of a kind whose type is known.
func other(apiVersion, kind string, o metav1.Object) source.Item {
	return source.Item{Unjudged: true, Other: &index.Object{APIVersion: apiVersion, Kind: kind, Object: o}}
}

// town is n workloads, each with all that checks look at together with it, in
// so many namespaces.
func town(n, namespaces int) (all given) {
	const rbac, group = "rbac.authorization.k8s.io/v1", "rbac.authorization.k8s.io"
	name := func(i int) string { return fmt.Sprintf("app-%06d", i) }
	for i := range n {
		meta := metav1.ObjectMeta{Name: name(i), Namespace: fmt.Sprintf("team-%03d", i%namespaces)}
		subjects := []rbacv1.Subject{{Kind: "ServiceAccount", Name: meta.Name, Namespace: meta.Namespace}}
		role := rbacv1.RoleRef{APIGroup: group, Kind: "Role", Name: meta.Name}
		rules := []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"configmaps"}, Verbs: []string{"get", "list"}}}
		if i%10 == 0 {
			rules = append(rules, rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"secrets", "pods/exec"}, Verbs: []string{"get", "create"}})
		}
		all = append(all,
			other("v1", "ServiceAccount", &corev1.ServiceAccount{ObjectMeta: meta}),
			other(rbac, "Role", &rbacv1.Role{ObjectMeta: meta, Rules: rules}),
			other(rbac, "RoleBinding", &rbacv1.RoleBinding{ObjectMeta: meta, RoleRef: role, Subjects: subjects}))
		if i%20 == 0 {
			wide := metav1.ObjectMeta{Name: meta.Name}
			all = append(all,
				other(rbac, "ClusterRole", &rbacv1.ClusterRole{ObjectMeta: wide, Rules: rules}),
				other(rbac, "ClusterRoleBinding", &rbacv1.ClusterRoleBinding{ObjectMeta: wide, RoleRef: rbacv1.RoleRef{APIGroup: group, Kind: "ClusterRole", Name: wide.Name}, Subjects: subjects}))
		}
	}
	for in := range namespaces {
		for i := in; i < n; i += namespaces {
			all = append(all, house(name(i), fmt.Sprintf("team-%03d", in))...)
		}
		all = append(all, done(fmt.Sprintf("team-%03d", in)))
	}
	return all
}

// house is one workload with what is about its pods.
func house(name, namespace string) given {
	labels := map[string]string{"app": name}
	meta := metav1.ObjectMeta{Name: name, Namespace: namespace}
	selector := &metav1.LabelSelector{MatchLabels: labels}
	one := intstr.FromInt32(1)
	spec := corev1.PodSpec{
		ServiceAccountName: name,
		Containers:         []corev1.Container{{Name: "app", Image: "registry.example/" + name + ":1", Env: []corev1.EnvVar{{Name: "MODE", Value: "fast"}}}},
		Volumes:            []corev1.Volume{{Name: "c", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: name}}}},
	}
	return given{
		other("v1", "Service", &corev1.Service{ObjectMeta: meta, Spec: corev1.ServiceSpec{Selector: labels, Ports: []corev1.ServicePort{{Port: 80}}}}),
		other("v1", "Secret", &corev1.Secret{ObjectMeta: meta}),
		other("networking.k8s.io/v1", "NetworkPolicy", &networkingv1.NetworkPolicy{ObjectMeta: meta, Spec: networkingv1.NetworkPolicySpec{
			PodSelector: *selector, PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress},
			Ingress: []networkingv1.NetworkPolicyIngressRule{{From: []networkingv1.NetworkPolicyPeer{{PodSelector: selector}}}},
		}}),
		other("policy/v1", "PodDisruptionBudget", &policyv1.PodDisruptionBudget{ObjectMeta: meta, Spec: policyv1.PodDisruptionBudgetSpec{Selector: selector, MaxUnavailable: &one}}),
		&appsv1.Deployment{ObjectMeta: meta, Spec: appsv1.DeploymentSpec{Replicas: new(int32(2)), Selector: selector, Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: spec}}},
	}
}

// nowhere takes findings and keeps none.
type nowhere struct{}

func (nowhere) Finding(*finding.Finding) error { return nil }
func (nowhere) Flush() error                   { return nil }

// allocated is what a scan of a source takes from the memory, in objects and in bytes.
func allocated(t *testing.T, src source.Source) (objects, bytes float64) {
	t.Helper()
	checks, off := builtin.Permitted(builtin.All(), check.ReadSecrets, check.ReadConfigMaps, check.ReadKubelet)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	report, err := Scan(t.Context(), src, Options{Checks: checks, Off: off}, nowhere{})
	runtime.ReadMemStats(&after)
	if err != nil || !report.Summary.Complete {
		t.Fatalf("%v, %+v", err, report.Coverage)
	}
	return float64(after.Mallocs - before.Mallocs), float64(after.TotalAlloc - before.TotalAlloc)
}

// TestTwiceTheObjectsTakeTwiceTheMemory: all checks together, also those that
// look at several kinds of objects, are linear in what there is. Memory is
// counted and not time: that is the same on every machine.
func TestTwiceTheObjectsTakeTwiceTheMemory(t *testing.T) {
	const most = 2.3
	for _, tt := range []struct {
		name       string
		namespaces func(n int) int
		live       bool
	}{
		{"a cluster of one namespace", func(int) int { return 1 }, true},
		{"a cluster of small namespaces", func(n int) int { return n / 20 }, true},
		{"files of one namespace", func(int) int { return 1 }, false},
		{"files of small namespaces", func(n int) int { return n / 20 }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			measure := func(n int) (objects, bytes float64) {
				return allocated(t, everything{town(n, tt.namespaces(n)), tt.live})
			}
			const n = 500
			measure(n / 10) // what is made once
			objects, size := measure(n)
			objects2, size2 := measure(2 * n)
			if objects2 > most*objects || size2 > most*size {
				t.Errorf("twice as many objects take %.2f times the allocations (%.0f) and %.2f times the bytes (%.0f)", objects2/objects, objects2, size2/size, size2)
			}
			t.Logf("%.0f allocations and %.0f KB for %d workloads, %.2f and %.2f times that for twice as many", objects, size/1024, n, objects2/objects, size2/size)
		})
	}
}

// TestTheSameAgain: two scans of the same objects hand on the same findings, in
// the same order.
func TestTheSameAgain(t *testing.T) {
	run := func() string {
		var b bytes.Buffer
		checks, off := builtin.Permitted(builtin.All(), check.ReadSecrets, check.ReadConfigMaps)
		if _, err := Scan(t.Context(), everything{town(200, 4), true}, Options{Checks: checks, Off: off, Statuses: finding.Statuses}, lines{&b}); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	first := run()
	for range 4 {
		if again := run(); again != first {
			t.Fatalf("two scans of the same objects differ: %d and %d bytes", len(first), len(again))
		}
	}
}

// lines writes findings as text, a line each.
type lines struct{ *bytes.Buffer }

func (l lines) Finding(f *finding.Finding) error {
	_, err := fmt.Fprintf(l, "%+v\n", *f)
	return err
}

func (l lines) Flush() error { return nil }
