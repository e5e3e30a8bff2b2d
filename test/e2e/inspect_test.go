package e2e

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubeassay/assay/finding"
)

const sleeper = `command: [sleep, "1000000"]`

// podOf is a manifest of a pod with one container, main.
func podOf(name, image, more string) string {
	return fmt.Sprintf(`{apiVersion: v1, kind: Pod, metadata: {name: %s}, spec: {terminationGracePeriodSeconds: 0, containers: [{name: main, image: %q, imagePullPolicy: Never, %s}]}}`, name, image, more)
}

// upper is the folder of a container's own changes: the upper layer of its overlay.
func (c *cluster) upper(t *testing.T, id string) (dir string, pids []string) {
	t.Helper()
	_, id, _ = strings.Cut(id, "://")
	all, err := filepath.Glob("/proc/[0-9]*/cgroup")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range all {
		b, err := os.ReadFile(file)
		if err != nil || !strings.Contains(string(b), id) {
			continue // it has ended, or is none of the container's
		}
		proc := filepath.Dir(file)
		pids = append(pids, filepath.Base(proc))
		mounts, err := os.ReadFile(proc + "/mountinfo")
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(mounts)) {
			if f := strings.Fields(line); len(f) > 4 && f[4] == "/" {
				_, rest, _ := strings.Cut(line, "upperdir=")
				dir, _, _ = strings.Cut(strings.TrimSpace(rest), ",")
			}
		}
	}
	if dir == "" {
		t.Fatalf("no process of container %s, or no overlay, was found on this machine", id)
	}
	slices.Sort(pids)
	return dir, pids
}

// tree lists all below a folder with all that changes when somebody touches it.
func tree(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		s := info.Sys().(*syscall.Stat_t)
		sum := ""
		if info.Mode().IsRegular() {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			sum = fmt.Sprintf("%x", sha256.Sum256(data))
		}
		fmt.Fprintln(&b, path, info.Mode(), s.Uid, s.Gid, s.Size, s.Mtim, s.Ctim, sum)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestInspectLeavesNoTrace: neither files nor processes of the target, nor
// anything in the cluster, are other than they were.
func TestInspectLeavesNoTrace(t *testing.T) {
	c := startOnNode(t)
	ns := c.namespace(t, "e2e-trace-")
	c.apply(t, ns, podOf("debian", "registry.test/debian:12", sleeper))
	id := c.pods(t, ns, "", 1)[0].Status.ContainerStatuses[0].ContainerID
	dir, pids := c.upper(t, id)
	before := tree(t, dir)

	r := c.assay(t, flags([]string{"inspect", ns + "/debian", "--least-privilege", "-o", "json"}, c.admin())...)
	report := r.report(t)
	if r.code > 1 || len(report.Inspections) != 1 || report.Inspections[0].Used.RoundTrips > 3 {
		t.Errorf("%v", r)
	}
	// The shell that answered has ended by now, or is about to: it ends itself
	// with its input.
	eventually(t, "the container's processes to be those of before", func(context.Context) (bool, string, error) {
		_, now := c.upper(t, id)
		return slices.Equal(pids, now), fmt.Sprint(now), nil
	})
	if after := tree(t, dir); after != before {
		t.Errorf("the container's files have changed:\nbefore:\n%s\nafter:\n%s", before, after)
	}
	if len(report.Access.Grants) != 1 || report.Access.Grants[0].RevokedAt.IsZero() || report.Access.Grants[0].Problem != "" {
		t.Errorf("the grant: %+v", report.Access.Grants)
	}
	c.assay(t, flags([]string{"verify-clean", "-n", ns}, c.admin())...).exits(t, 0)
}

// TestInspectWithPrintedRole: a look works with the roles that --plan prints,
// and nothing more.
func TestInspectWithPrintedRole(t *testing.T) {
	c := startOnNode(t)
	ns := c.namespace(t, "e2e-printed-")
	c.apply(t, ns, podOf("busybox", "registry.test/busybox:1", sleeper))
	c.apply(t, ns, podOf("other", "registry.test/busybox:1", sleeper))
	c.pods(t, ns, "", 2)
	a := c.account(t, ns, "assay-inspect")
	roles := c.assay(t, flags([]string{"inspect", ns + "/busybox", "--plan", "-o", "yaml", "-q"}, c.admin())...).exits(t, 0).stdout
	// The printed subject lives in Assay's own namespace; this one doesn't.
	roles = strings.ReplaceAll(roles, "namespace: assay-system", "namespace: "+ns)
	c.apply(t, ns, roles)
	eventually(t, "the roles to count", func(ctx context.Context) (bool, string, error) {
		r := c.assay(t, flags([]string{"inspect", ns + "/busybox", "--as-me", "-o", "json"}, a.flags())...)
		return r.code <= 1, r.stderr + r.stdout, nil
	})
	r := c.assay(t, flags([]string{"inspect", ns + "/other", "--as-me", "-o", "json"}, a.flags())...).exits(t, 2)
	if report := r.report(t); len(report.Coverage) == 0 || report.Coverage[0].State != finding.Forbidden {
		t.Errorf("another pod: %v", r)
	}
}

// TestInspectMakesItsOwnAccess: somebody who holds the rights that the plan
// names, and no others, can let Assay make its own access.
func TestInspectMakesItsOwnAccess(t *testing.T) {
	c := startOnNode(t)
	ns := c.namespace(t, "e2e-maker-")
	c.apply(t, ns, podOf("busybox", "registry.test/busybox:1", sleeper))
	c.pods(t, ns, "", 1)
	a := c.account(t, ns, "maker")
	a.grant(t, ns,
		rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"serviceaccounts"}, Verbs: []string{"create", "delete"}},
		rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"serviceaccounts/token"}, Verbs: []string{"create"}},
		rbacv1.PolicyRule{APIGroups: []string{"rbac.authorization.k8s.io"}, Resources: []string{"roles", "rolebindings"}, Verbs: []string{"create", "delete"}},
		rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"get"}},
		rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"pods/exec"}, Verbs: []string{"get", "create"}},
	)
	r := c.assay(t, flags([]string{"inspect", ns + "/busybox", "--least-privilege", "-o", "json"}, a.flags())...)
	if report := r.report(t); r.code > 1 || len(report.Access.Grants) != 1 {
		t.Errorf("%v", r)
	}
}

// TestInspectInterrupted: a run that is ended by a signal takes back what it
// made, be it by Ctrl-C or because its terminal was closed.
func TestInspectInterrupted(t *testing.T) {
	c := startOnNode(t)
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGHUP} {
		t.Run(s.String(), func(t *testing.T) { c.interruptInspect(t, s) })
	}
}

func (c *cluster) interruptInspect(t *testing.T, s syscall.Signal) {
	t.Helper()
	ns := c.namespace(t, "e2e-interrupted-")
	c.apply(t, ns, podOf("debian", "registry.test/debian:12", sleeper))
	c.pods(t, ns, "", 1)
	p := c.launch(t, flags([]string{"inspect", ns + "/debian", "--least-privilege"}, c.admin())...)
	labels := metav1.ListOptions{LabelSelector: "app.kubernetes.io/managed-by=assay"}
	eventually(t, "the grant to be made", func(ctx context.Context) (bool, string, error) {
		all, err := listOf[rbacv1.RoleBinding](ctx, c, ns, labels)
		return len(all) > 0, "no binding", err
	})
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
	r := p.wait(t)
	for what, err := range map[string]func() (int, error){
		"bindings": func() (int, error) {
			all, err := listOf[rbacv1.RoleBinding](t.Context(), c, ns, labels)
			return len(all), err
		},
		"accounts": func() (int, error) {
			all, err := listOf[corev1.ServiceAccount](t.Context(), c, ns, labels)
			return len(all), err
		},
	} {
		if n, err := err(); err != nil || n > 0 {
			t.Errorf("%d %s are left (%v) after %v", n, what, err, r)
		}
	}
}

// TestInspectReplicas: one container stands for all of its workload and image.
func TestInspectReplicas(t *testing.T) {
	c := startOnNode(t)
	ns := c.namespace(t, "e2e-replicas-")
	c.apply(t, ns, `{apiVersion: apps/v1, kind: Deployment, metadata: {name: cart}, spec: {replicas: 2, selector: {matchLabels: {app: cart}}, template: {metadata: {labels: {app: cart}},
		spec: {terminationGracePeriodSeconds: 0, containers: [{name: main, image: "registry.test/busybox:1", imagePullPolicy: Never, `+sleeper+`}]}}}}`)
	c.pods(t, ns, "", 2)
	inspect := func(args ...string) *finding.Report {
		return c.assay(t, flags([]string{"inspect", "-o", "json", "--status", "fail,pass,error,not-reviewed,not-applicable"}, c.admin(), args)...).report(t)
	}
	one := inspect("deploy/cart", "-n", ns)
	if len(one.Inspections) != 1 || one.Findings[0].Pods != 2 || one.Findings[0].Workload.String() != "Deployment/cart" {
		t.Errorf("deploy/cart: %+v", one.Inspections)
	}
	if all := inspect("-n", ns, "--all-replicas"); len(all.Inspections) != 2 {
		t.Errorf("all replicas: %d inspections, want 2", len(all.Inspections))
	}
	missing := c.assay(t, flags([]string{"inspect", "deploy/none", "-n", ns, "-o", "json"}, c.admin())...).exits(t, 2).report(t)
	if len(missing.Coverage) != 1 || missing.Coverage[0].State != finding.NotFound {
		t.Errorf("a Deployment that is not there: %+v", missing.Coverage)
	}
}

// TestScanInspect: what is seen inside decides. The image starts as root and
// its first process becomes another user; the kubelet reports root.
func TestScanInspect(t *testing.T) {
	c := startOnNode(t)
	ns := c.namespace(t, "e2e-observed-")
	const steps = `command: [setpriv, "--reuid=10001", "--regid=10001", "--clear-groups", sleep, "1000000"]`
	c.apply(t, ns, podOf("drops", "registry.test/debian:12", steps))
	c.apply(t, ns, podOf("root", "registry.test/busybox:1", sleeper))
	c.apply(t, ns, podOf("shell-less", "registry.test/distroless:1", `securityContext: {runAsUser: 0}`))
	c.pods(t, ns, "", 3)
	reported := c.scan(t, c.admin(), "-n", ns, "--checks", "run-as-root").exits(t, 1).report(t)
	wantVerdicts(t, reported, ns,
		"Pod/drops main run-as-root fail high reported 1/1 uid=0",
		"Pod/root main run-as-root fail high reported 1/1 uid=0",
		"Pod/shell-less main run-as-root fail high reported 1/1 uid=0",
	)
	r := c.scan(t, c.admin(), "-n", ns, "--checks", "run-as-root", "--inspect", "--status", "fail,pass").exits(t, 1)
	seen := map[string]finding.Finding{}
	report := r.report(t)
	for _, f := range report.Findings {
		seen[f.Workload.Name] = f
	}
	for name, want := range map[string]struct {
		status   finding.Status
		evidence finding.Evidence
	}{"drops": {finding.Pass, finding.Observed}, "root": {finding.Fail, finding.Observed}, "shell-less": {finding.Fail, finding.Reported}} {
		if f := seen[name]; f.Status != want.status || f.Evidence != want.evidence {
			t.Errorf("%s: %s %s, want %s %s: %s", name, f.Status, f.Evidence, want.status, want.evidence, f.Message)
		}
	}
	if len(report.Coverage) != 1 || report.Coverage[0].State != finding.NotObserved || !report.Summary.Complete {
		t.Errorf("coverage %+v, complete %v: want one line about the container without a shell, and a complete scan", report.Coverage, report.Summary.Complete)
	}
}

// TestInspectSaved: saved evidence gives the same verdicts later, without a cluster.
func TestInspectSaved(t *testing.T) {
	c := startOnNode(t)
	ns := c.namespace(t, "e2e-saved-")
	c.apply(t, ns, podOf("debian", "registry.test/debian:12", sleeper))
	c.pods(t, ns, "", 1)
	file := filepath.Join(t.TempDir(), "debian.snapshot")
	every := []string{"-o", "json", "--status", "fail,pass,error,not-reviewed,not-applicable"}
	live := c.assay(t, flags([]string{"inspect", ns + "/debian", "--save-snapshot", file}, every, c.admin())...).report(t)
	again := c.assay(t, flags([]string{"evaluate", file}, every)...).report(t)
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the snapshot's mode: %v, %v", info, err)
	}
	if len(live.Findings) == 0 || len(live.Findings) != len(again.Findings) {
		t.Fatalf("%d verdicts live, %d of the snapshot", len(live.Findings), len(again.Findings))
	}
	for i := range live.Findings {
		was, is := live.Findings[i], again.Findings[i]
		if was.Control != is.Control || was.Fingerprint != is.Fingerprint || was.Status != is.Status && is.Status != finding.NotReviewed {
			t.Errorf("%s was %s, and is %s (%s) of the saved evidence", was.Control, was.Status, is.Status, is.Message)
		}
	}
	if live.Inspections[0].Snapshot == "" || time.Since(live.Summary.StartedAt) > time.Hour {
		t.Errorf("the report does not name the snapshot: %+v", live.Inspections[0])
	}
}
