package e2e

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/kubeassay/assay/finding"
)

// TestSamples judges the sample pods, which a real kubelet runs.
func TestSamples(t *testing.T) {
	t.Parallel()
	c := startOnNode(t)
	manifest, err := os.ReadFile("../cluster/samples.yaml")
	if err != nil {
		t.Fatal(err)
	}
	ns := c.namespace(t, "e2e-samples-")
	_, withoutNamespace, _ := strings.Cut(string(manifest), "\n---\n")
	c.apply(t, ns, strings.ReplaceAll(withoutNamespace, "samples", ns))
	c.pods(t, ns, "", 10)
	distroless := c.pods(t, ns, "app=distroless", 1)[0].Name
	// What kubectl debug does.
	c.debug(t, ns, distroless, `
- {name: debug-root, image: "registry.test/busybox:1", imagePullPolicy: IfNotPresent, command: [sleep, "1000000"], targetContainerName: main}
- {name: debug-user, image: "registry.test/busybox-nonroot:1", imagePullPolicy: IfNotPresent, command: [sleep, "1000000"]}
- {name: debug-latest, image: "registry.test/busybox", imagePullPolicy: IfNotPresent, command: [sleep, "1000000"], securityContext: {runAsUser: 1000}}
`)
	c.pods(t, ns, "app=distroless", 1)

	report := c.scan(t, c.admin(), "-n", ns).exits(t, 1).report(t)
	wantComplete(t, report, true)
	wantGaps(t, report)
	wantVerdicts(t, report, ns,
		"CronJob/nightly main image-latest-tag fail medium declared 0/0",
		"CronJob/nightly main run-as-root fail medium declared 0/0",
		"Deployment/distroless debug-root(ephemeralContainer) run-as-root fail high reported 1/1 uid=0",
		"Deployment/distroless debug-latest(ephemeralContainer) image-latest-tag fail medium declared 1/1",
		"Pod/busybox main run-as-root fail high reported 1/1 uid=0",
		"Pod/debian main run-as-root fail high reported 1/1 uid=0",
		"Pod/helpers prepare(initContainer) run-as-root fail high reported 1/1 uid=0",
		"Pod/helpers sidecar(sidecarContainer) run-as-root fail high reported 1/1 uid=0",
		"Pod/latest main image-latest-tag fail medium declared 1/1",
		"Pod/latest main run-as-root fail high reported 1/1 uid=0",
		"Pod/privileged main run-as-root fail high reported 1/1 uid=0",
		"StatefulSet/stateful main run-as-root fail high reported 1/1 uid=0",
	)

	all := c.scan(t, c.admin(), "-n", ns, "--status", "pass,not-applicable,not-reviewed", "--skip-checks", "image-tag-drift").exits(t, 1).report(t)
	wantVerdicts(t, all, ns,
		"DaemonSet/agent main image-latest-tag pass medium declared 1/1",
		"DaemonSet/agent main run-as-root pass high reported 1/1 uid=65532",
		"Deployment/distroless main image-latest-tag pass medium declared 1/1",
		"Deployment/distroless main run-as-root pass high reported 1/1 uid=65532",
		"Deployment/distroless debug-root(ephemeralContainer) image-latest-tag pass medium declared 1/1",
		"Deployment/distroless debug-user(ephemeralContainer) image-latest-tag pass medium declared 1/1",
		"Deployment/distroless debug-user(ephemeralContainer) run-as-root pass high reported 1/1 uid=65532",
		"Deployment/distroless debug-latest(ephemeralContainer) run-as-root pass high reported 1/1 uid=1000",
		"Pod/busybox main image-latest-tag pass medium declared 1/1",
		"Pod/busybox-nonroot main image-latest-tag pass medium declared 1/1",
		"Pod/busybox-nonroot main run-as-root pass high reported 1/1 uid=65532",
		"Pod/debian main image-latest-tag pass medium declared 1/1",
		"Pod/helpers files(imageVolume) image-latest-tag pass medium declared 1/1",
		"Pod/helpers files(imageVolume) run-as-root not-applicable high declared 1/1",
		"Pod/helpers main image-latest-tag pass medium declared 1/1",
		"Pod/helpers main run-as-root pass high reported 1/1 uid=65532",
		"Pod/helpers prepare(initContainer) image-latest-tag pass medium declared 1/1",
		"Pod/helpers sidecar(sidecarContainer) image-latest-tag pass medium declared 1/1",
		"Pod/nonroot-by-image main image-latest-tag pass medium declared 1/1",
		"Pod/nonroot-by-image main run-as-root pass high reported 1/1 uid=65532",
		"Pod/privileged main image-latest-tag pass medium declared 1/1",
		"StatefulSet/stateful main image-latest-tag pass medium declared 1/1",
	)
	checkBasis(t, report)
	// The same pods through GET /scan, one entry a pod and container.
	checkScanEntries(t, c.serve(t, c.admin()...).scan(t, "namespace="+ns), distroless)
}

// debug adds ephemeral containers to a pod, through the API.
func (c *cluster) debug(t *testing.T, namespace, pod, containers string) {
	t.Helper()
	patch := "spec:\n  ephemeralContainers:" + strings.ReplaceAll(containers, "\n- ", "\n  - ")
	c.patch(t, "v1", "Pod", namespace, pod, patch, "ephemeralcontainers")
}

// checkBasis looks at the fields that verdicts name.
func checkBasis(t *testing.T, r *finding.Report) {
	t.Helper()
	for _, want := range []struct{ workload, container, reported, declared, value string }{
		{"Pod/busybox", "main", "status.containerStatuses[0].user.linux.uid", "spec.containers[0].securityContext.runAsNonRoot", "unset"},
		{"Pod/helpers", "sidecar", "status.initContainerStatuses[1].user.linux.uid", "spec.initContainers[1].securityContext.runAsNonRoot", "unset"},
		{"StatefulSet/stateful", "main", "status.containerStatuses[0].user.linux.uid", "spec.template.spec.containers[0].securityContext.runAsUser", "0"},
	} {
		f := findOne(t, r, "run-as-root", want.workload, want.container)
		if !slices.ContainsFunc(f.Basis, func(b finding.Basis) bool {
			return b.Evidence == finding.Reported && b.Field == want.reported && b.Value == "0"
		}) || !slices.ContainsFunc(f.Basis, func(b finding.Basis) bool {
			return b.Evidence == finding.Declared && b.Field == want.declared && b.Value == want.value
		}) {
			t.Errorf("%s %s: want %s = 0 and %s = %s, got %+v", want.workload, want.container, want.reported, want.declared, want.value, f.Basis)
		}
	}
}

func checkScanEntries(t *testing.T, s *scanned, distroless string) {
	t.Helper()
	if !s.Complete {
		t.Errorf("GET /scan: complete is false: %+v", s.Coverage)
	}
	var root []string
	for _, e := range s.RootContainers {
		line := strings.Join([]string{e.Pod, e.Container, e.ContainerType, e.Severity, e.Evidence}, " ")
		if e.RunAsUser == nil || *e.RunAsUser != 0 {
			t.Errorf("GET /scan: %s: run_as_user is %v, want 0", line, e.RunAsUser)
		}
		root = append(root, line)
	}
	slices.Sort(root)
	want := []string{
		"busybox main container high reported",
		"debian main container high reported",
		distroless + " debug-root ephemeralContainer high reported",
		"helpers prepare initContainer high reported",
		"helpers sidecar sidecarContainer high reported",
		"latest main container high reported",
		"privileged main container high reported",
		"stateful-0 main container high reported",
	}
	slices.Sort(want)
	if !slices.Equal(root, want) {
		t.Errorf("GET /scan: root containers are %q, want %q", root, want)
	}
	var latest []string
	for _, e := range s.LatestTagContainers {
		latest = append(latest, e.Pod+" "+e.Container)
	}
	slices.Sort(latest)
	if want := []string{distroless + " debug-latest", "latest main"}; !slices.Equal(latest, want) {
		t.Errorf("GET /scan: containers with a latest tag are %q, want %q", latest, want)
	}
	if s.Summary.Pods != 10 {
		t.Errorf("GET /scan: %d pods, want 10", s.Summary.Pods)
	}
}
