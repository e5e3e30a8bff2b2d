package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/inspect/collect/local"
	"github.com/kubeassay/assay/inspect/profile"
	"github.com/kubeassay/assay/inspect/snapshot"
)

// judged looks into a container from the node itself, where nothing is hidden,
// and judges it: verdicts by control.
func (c *cluster) judged(t *testing.T, namespace, pod string, p *profile.Profile) map[string]finding.Finding {
	t.Helper()
	target := c.target(t, namespace, pod, "main")
	declared, err := json.Marshal(target.Declared)
	if err != nil {
		t.Fatal(err)
	}
	plan := p.Plan()
	for range 3 {
		s, err := local.Collect(t.Context(), local.Source{ContainerID: target.ContainerID}, &plan)
		if err != nil {
			t.Fatal(err)
		}
		b := snapshot.From(s)
		b.SetProcesses(asInside(t, s))
		b.SetTarget(target.Target)
		b.SetDeclared(declared)
		r, err := p.Evaluate(t.Context(), b.Snapshot(), profile.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if !r.Missing.Empty() {
			plan.Add(r.Missing)
			continue
		}
		out := map[string]finding.Finding{}
		for _, f := range r.Findings {
			out[f.Control] = f
		}
		return out
	}
	t.Fatalf("%s: after three rounds something is still missing", pod)
	return nil
}

// asInside gives processes the numbers that the container sees: from outside,
// they have those of the node.
func asInside(t *testing.T, s *snapshot.Snapshot) ([]snapshot.Process, snapshot.Fact) {
	t.Helper()
	all, fact := s.Processes()
	inside := map[int]int{}
	for _, p := range all {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID))
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(status), "\nNSpid:")
		line, _, _ := strings.Cut(rest, "\n")
		numbers := strings.Fields(line)
		if inside[p.PID], err = strconv.Atoi(numbers[len(numbers)-1]); err != nil {
			t.Fatal(err)
		}
	}
	for i := range all {
		all[i].PID, all[i].ParentPID = inside[all[i].PID], inside[all[i].ParentPID]
	}
	return all, fact
}

// wellMade is a pod as container-core wants one.
const wellMade = `{apiVersion: v1, kind: Pod, metadata: {name: hardened}, spec: {automountServiceAccountToken: false, terminationGracePeriodSeconds: 0,
	securityContext: {runAsNonRoot: true, runAsUser: 10001, runAsGroup: 10001, seccompProfile: {type: RuntimeDefault}},
	containers: [{name: main, image: "registry.test/busybox-nonroot:1", imagePullPolicy: Never, command: [sleep, "1000000"],
		securityContext: {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}}]}}`

// TestBuiltinProfilesOnRealContainers: what the profiles say of containers
// whose making is known.
func TestBuiltinProfilesOnRealContainers(t *testing.T) {
	c := startOnNode(t)
	ns := c.namespace(t, "e2e-profiles-")
	c.apply(t, ns, podOf("debian", "registry.test/debian:12", sleeper))
	c.apply(t, ns, podOf("busybox", "registry.test/busybox:1", sleeper))
	c.apply(t, ns, podOf("distroless", "registry.test/distroless:1", ""))
	c.apply(t, ns, wellMade)
	c.pods(t, ns, "", 4)
	core, err := profile.Builtin("container-core")
	if err != nil {
		t.Fatal(err)
	}
	bare := []string{"process-one-gid", "capability-limit", "no-new-privs", "seccomp-filter", "read-only-root", "service-account-token"}
	root := slices.Concat(bare, []string{"process-one-uid", "process-one-capabilities"})
	for pod, failing := range map[string][]string{
		"debian":     slices.Concat(root, []string{"setuid-files", "setgid-files", "package-manager", "shell"}),
		"busybox":    slices.Concat(root, []string{"shell", "package-manager"}), // applets named dpkg and rpm
		"distroless": slices.Concat(bare, []string{"undeclared-ports"}),         // its program listens, and runs as another user
		"hardened":   {"shell", "package-manager"},
	} {
		t.Run(pod, func(t *testing.T) {
			found := c.judged(t, ns, pod, core)
			var failed []string
			for id, f := range found {
				switch f.Status {
				case finding.Error, finding.NotReviewed:
					t.Errorf("%s: %s: %s", id, f.Status, f.Message)
				case finding.Fail:
					failed = append(failed, id)
				}
			}
			slices.Sort(failed)
			slices.Sort(failing)
			if !slices.Equal(failed, failing) {
				t.Errorf("fails %v, want %v", failed, failing)
			}
			if pod == "hardened" {
				for id, f := range found {
					if strings.HasPrefix(id, "claimed-") && f.Status != finding.Pass {
						t.Errorf("%s: %s: the spec claims it", id, f.Status)
					}
				}
			}
		})
	}
	gpos, err := profile.Builtin("gpos-container")
	if err != nil {
		t.Fatal(err)
	}
	for pod, failing := range map[string][]string{
		"distroless": nil,
		// Programs that give privileges, logs that all may read, package managers.
		"debian": {"SRG-OS-000057-GPOS-00027", "SRG-OS-000095-GPOS-00049", "SRG-OS-000205-GPOS-00083", "SRG-OS-000206-GPOS-00084", "SRG-OS-000324-GPOS-00125",
			"SRG-OS-000326-GPOS-00126"},
	} {
		t.Run(pod+"/gpos", func(t *testing.T) {
			var failed []string
			for id, f := range c.judged(t, ns, pod, gpos) {
				switch f.Status {
				case finding.Error, finding.NotReviewed:
					t.Errorf("%s: %s: %s", id, f.Status, f.Message)
				case finding.Fail:
					failed = append(failed, id)
				}
			}
			slices.Sort(failed)
			if !slices.Equal(failed, failing) {
				t.Errorf("fails %v, want %v", failed, failing)
			}
		})
	}
}
