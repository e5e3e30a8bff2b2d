package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"

	"github.com/kubeassay/assay/finding"
)

// running is a Deployment whose pods really run. Only pods that run as root
// become ready, so a rollout to another user never ends.
const running = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: %[1]s}
spec:
  replicas: 1
  strategy: {rollingUpdate: {maxSurge: 1, maxUnavailable: 0}}
  selector: {matchLabels: {app: %[1]s}}
  template:
    metadata: {labels: {app: %[1]s}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
      - name: app
        image: %[2]s
        imagePullPolicy: IfNotPresent
        command: [sleep, "1000000"]
        readinessProbe: {periodSeconds: 1, exec: {command: [sh, -c, 'test "$(id -u)" = 0']}}
`

// TestRolloutToNonRoot: old pods run as root, the template does not any more.
func TestRolloutToNonRoot(t *testing.T) {
	t.Parallel()
	c := startOnNode(t)
	ns := c.namespace(t, "e2e-rollout-")
	c.apply(t, ns, fmt.Sprintf(running, "web", "registry.test/busybox:1"))
	old := c.pods(t, ns, "app=web", 1)[0].Name
	report := c.scan(t, c.admin(), "-n", ns).exits(t, 1).report(t)
	wantVerdicts(t, report, ns, "Deployment/web app run-as-root fail high reported 1/1 uid=0")

	c.awaitDeployment(t, ns, "web", func(d *appsv1.Deployment) bool { return d.Status.ReadyReplicas == 1 })
	c.patch(t, "apps/v1", "Deployment", ns, "web", `
spec: {template: {spec: {containers: [{name: app, securityContext: {runAsUser: 65532, runAsNonRoot: true}}]}}}`)
	c.pods(t, ns, "app=web", 2)
	c.awaitDeployment(t, ns, "web", func(d *appsv1.Deployment) bool { return d.Status.UpdatedReplicas == 1 })
	report = c.scan(t, c.admin(), "-n", ns).exits(t, 1).report(t)
	wantComplete(t, report, true)
	f := findOne(t, report, "run-as-root", "Deployment/web", "app")
	if f.Status != finding.Fail || f.Severity != finding.High || f.Evidence != finding.Reported || f.Pods != 1 || f.PodsTotal != 2 {
		t.Errorf("want one of two pods, surely root: %s", verdict(f))
	}
	if len(f.PodNames) != 1 || f.PodNames[0] != old {
		t.Errorf("the pod is %q, want the old one, %s", f.PodNames, old)
	}
	if !strings.Contains(f.Message, "in order: these pods are of another revision") {
		t.Errorf("that the template is in order is not said: %s", f.Message)
	}
	if b := f.Basis[0]; b.Evidence != finding.Reported || b.Value != "0" || b.Pods != 1 {
		t.Errorf("the first basis is %+v, want uid 0 of one pod", b)
	}
	// Pod by pod, each has its own verdict.
	report = c.scan(t, c.admin(), "-n", ns, "--per-pod", "--status", "fail,pass", "--checks", "run-as-root").exits(t, 1).report(t)
	wantVerdicts(t, report, ns,
		"Deployment/web app run-as-root fail high reported 1/2 uid=0",
		"Deployment/web app run-as-root pass high reported 1/2 uid=65532")
}

// TestPausedRollout: pods of an old template say nothing about the new one.
func TestPausedRollout(t *testing.T) {
	t.Parallel()
	c := startOnNode(t)
	ns := c.namespace(t, "e2e-paused-")
	c.apply(t, ns, fmt.Sprintf(running, "web", "registry.test/busybox-nonroot:1"))
	c.pods(t, ns, "app=web", 1)
	c.awaitDeployment(t, ns, "web", func(d *appsv1.Deployment) bool { return d.Status.UpdatedReplicas == 1 })
	// The spec leaves it to the image; the kubelet has cleared it.
	report := c.scan(t, c.admin(), "-n", ns, "--status", "pass,fail", "--checks", "run-as-root").exits(t, 0).report(t)
	wantVerdicts(t, report, ns, "Deployment/web app run-as-root pass high reported 1/1 uid=65532")

	c.patch(t, "apps/v1", "Deployment", ns, "web", `
spec: {paused: true, template: {spec: {containers: [{name: app, image: "registry.test/busybox:1"}]}}}`)
	c.awaitDeployment(t, ns, "web", func(d *appsv1.Deployment) bool { return d.Status.UpdatedReplicas == 0 })
	report = c.scan(t, c.admin(), "-n", ns, "--fail-on", "medium").exits(t, 1).report(t)
	f := findOne(t, report, "run-as-root", "Deployment/web", "app")
	if f.Severity != finding.Medium || f.Evidence != finding.Declared || f.Image != "registry.test/busybox:1" {
		t.Errorf("the new template may run as root, whatever old pods report: %+v", f)
	}
	if f.Pods != 0 || f.PodsTotal != 1 {
		t.Errorf("%d of %d pods, want none of one: the pod there is does not run as root", f.Pods, f.PodsTotal)
	}
}

// awaitDeployment waits until the controller has taken note of the template,
// and the Deployment is as wanted.
func (c *cluster) awaitDeployment(t *testing.T, namespace, name string, wanted func(*appsv1.Deployment) bool) {
	t.Helper()
	eventually(t, "Deployment "+name, func(ctx context.Context) (bool, string, error) {
		d, err := getOf[appsv1.Deployment](ctx, c, namespace, name)
		if err != nil {
			return false, "", err
		}
		return d.Status.ObservedGeneration == d.Generation && wanted(d), fmt.Sprintf("%+v", d.Status), nil
	})
}

// TestTagDrift moves a tag to another image between two pods of one Deployment.
func TestTagDrift(t *testing.T) {
	t.Parallel()
	c := startOnNode(t)
	ns := c.namespace(t, "e2e-drift-")
	image := "e2e.test/drift-" + c.run + ":1"
	folder := imageFolder(t)
	c.script(t, `install "$bin/hello" "$1"`, folder)
	load := func(version string) {
		c.loadImage(t, image, folder, fmt.Sprintf(`{"Entrypoint": ["/hello"], "User": "65532:65532", "Labels": {"version": %q}}`, version))
	}
	load("1")
	c.apply(t, ns, fmt.Sprintf(`
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 0
      containers: [{name: app, image: %q, imagePullPolicy: Never}]
`, image))
	c.pods(t, ns, "app=web", 1)
	load("2")
	c.patch(t, "apps/v1", "Deployment", ns, "web", "spec: {replicas: 2}")
	c.pods(t, ns, "app=web", 2)
	report := c.scan(t, c.admin(), "-n", ns).exits(t, 0).report(t)
	wantVerdicts(t, report, ns, "Deployment/web app image-tag-drift fail medium reported 2/2")
	f := findOne(t, report, "image-tag-drift", "Deployment/web", "app")
	if len(f.Basis) != 2 || f.Basis[0].Value == f.Basis[1].Value || !strings.Contains(f.Basis[0].Value, "@sha256:") {
		t.Errorf("the two digests are not there: %+v", f.Basis)
	}
}
