package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/kubeassay/assay/finding"
)

// assayImage builds assay as it is shipped, and makes an image of nothing else.
func (c *cluster) assayImage(t *testing.T, name string) {
	t.Helper()
	folder := imageFolder(t)
	if err := goBuild([]string{"CGO_ENABLED=0"}, "build", "-trimpath", "-o", filepath.Join(folder, "assay"), "./cmd/assay"); err != nil {
		t.Fatal(err)
	}
	c.loadImage(t, name, folder, `{"Entrypoint": ["/assay"], "User": "65532:65532"}`)
}

// imageFolder is a folder that can become the root of an image.
func imageFolder(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	if err := os.Chmod(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	return folder
}

// loadImage makes an image of a folder and loads it into the node, until the end of the test.
func (c *cluster) loadImage(t *testing.T, name, folder, config string) {
	t.Helper()
	c.script(t, `exec "$here/load-image" "$@"`, name, folder, config)
	t.Cleanup(func() {
		// Every name that the image has by now: its own, its digest, and the runtime's.
		c.script(t, `
			images() { ctr -a "$state/node/containerd.sock" -n k8s.io images "$@"; }
			images ls | awk -v name="${1%:*}" '
				{digest[$1] = $3}
				index($1, name ":") == 1 || index($1, name "@") == 1 {ours[$3]}
				END {for (ref in digest) if (digest[ref] in ours) print ref}' |
				while read -r ref; do images rm "$ref" >/dev/null; done
		`, name)
	})
}

// script runs shell commands with the test cluster's settings and functions.
func (c *cluster) script(t *testing.T, text string, args ...string) string {
	t.Helper()
	lib, err := filepath.Abs("../cluster/lib.sh")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("bash", append([]string{"-c", `source "` + lib + `"` + "\n" + text, "script"}, args...)...)
	cmd.Env = append(os.Environ(), "TEST_CLUSTER_STATE="+c.state)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", text, args, err, out)
	}
	return string(out)
}

// scanInPod runs assay in a pod, with the account that has the printed role,
// in a namespace that admits only what is restricted.
func scanInPod(t *testing.T, c *cluster, namespace string, want []string) {
	name := "e2e.test/assay-" + c.run + ":1"
	c.assayImage(t, name)
	c.apply(t, planNamespace, fmt.Sprintf(`
apiVersion: batch/v1
kind: Job
metadata: {name: scan}
spec:
  backoffLimit: 0
  template:
    metadata: {labels: {app: scan}}
    spec:
      serviceAccountName: %s
      restartPolicy: Never
      securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}
      containers:
      - name: assay
        image: %s
        imagePullPolicy: Never
        args: [scan, -o, json, --fail-on, none, --checks, "run-as-root,image-latest-tag"] # a log is cut at 10 MiB
        securityContext: {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}
`, planAccount, name))
	eventually(t, "the end of the Job", func(ctx context.Context) (bool, string, error) {
		job, err := getOf[batchv1.Job](ctx, c, planNamespace, "scan")
		if err != nil {
			return false, "", err
		}
		if job.Status.Failed > 0 {
			return false, "", fmt.Errorf("it failed; its log:\n%s", c.jobLog(t))
		}
		return job.Status.Succeeded == 1, fmt.Sprintf("%+v", job.Status), nil
	})
	// A pod's log has both outputs; the report's lines never begin like this.
	var report, said strings.Builder
	for line := range strings.Lines(c.jobLog(t)) {
		if strings.HasPrefix(line, "assay: ") {
			said.WriteString(line)
		} else {
			report.WriteString(line)
		}
	}
	if !strings.HasSuffix(strings.TrimSpace(said.String()), "by in-cluster service account") {
		t.Errorf("standard error: %q", said.String())
	}
	r := parseReport(t, report.String())
	wantComplete(t, r, true)
	wantVerdicts(t, ofFew(r), namespace, want...)
	if !strings.HasPrefix(r.Summary.Cluster, "https://10.") {
		t.Errorf("cluster is %q, want the service's address", r.Summary.Cluster)
	}

	// The scanner itself passes its own checks, by what the kubelet reports.
	self := c.scan(t, c.admin(), "-n", planNamespace, "--status", "fail,pass", "--checks", "run-as-root,image-latest-tag").exits(t, 0).report(t)
	wantVerdicts(t, self, planNamespace,
		"Job/scan assay image-latest-tag pass medium declared 1/1",
		"Job/scan assay run-as-root pass high reported 1/1 uid=65532")
	if f := findOne(t, self, "run-as-root", "Job/scan", "assay"); f.Evidence != finding.Reported {
		t.Errorf("%+v", f)
	}
}

// jobLog is what the Job's pod has written.
func (c *cluster) jobLog(t *testing.T) string {
	t.Helper()
	pods, err := listOf[corev1.Pod](t.Context(), c, planNamespace, metav1.ListOptions{LabelSelector: "app=scan"})
	if err != nil || len(pods) != 1 {
		t.Fatalf("%d pods of the Job, %v", len(pods), err)
	}
	client, err := rest.HTTPClientFor(c.config)
	if err != nil {
		t.Fatal(err)
	}
	path := fmt.Sprintf("https://%s/api/v1/namespaces/%s/pods/%s/log", c.address, planNamespace, pods[0].Name)
	return httpGet(t, client, path)
}
