package cluster

import (
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"
)

// The types say themselves when they came and went.
type (
	introduced interface{ APILifecycleIntroduced() (major, minor int) }
	deprecated interface{ APILifecycleDeprecated() (major, minor int) }
	removed    interface{ APILifecycleRemoved() (major, minor int) }
	replaced   interface {
		APILifecycleReplacement() schema.GroupVersionKind
	}
)

// TestTheTableIsThatOfTheModule holds lifecycle.tsv against the module
// k8s.io/api in use, and writes it with -update.
func TestTheTableIsThatOfTheModule(t *testing.T) {
	var rows []string
	for gvk := range scheme.Scheme.AllKnownTypes() {
		if strings.HasSuffix(gvk.Kind, "List") {
			continue
		}
		o, err := scheme.Scheme.New(gvk)
		if err != nil {
			t.Fatal(err)
		}
		in, ok := o.(introduced)
		if !ok {
			continue
		}
		cells := []string{gvk.GroupVersion().String(), gvk.Kind, release(in.APILifecycleIntroduced()), "", "", ""}
		if d, ok := o.(deprecated); ok {
			cells[3] = release(d.APILifecycleDeprecated())
		}
		if r, ok := o.(removed); ok {
			cells[4] = release(r.APILifecycleRemoved())
		}
		if r, ok := o.(replaced); ok {
			by := r.APILifecycleReplacement()
			cells[5] = by.GroupVersion().String() + " " + by.Kind
		}
		rows = append(rows, strings.Join(cells, "\t"))
	}
	slices.Sort(rows)
	want := "apiVersion\tkind\tintroduced\tdeprecated\tremoved\treplacement\n" + strings.Join(rows, "\n") + "\n"
	if flag.Lookup("update").Value.String() == "true" {
		if err := os.WriteFile("lifecycle.tsv", []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, lifecycle); diff != "" {
		t.Errorf("the table is not that of the module (- module, + table); write it with -update:\n%s", diff)
	}
}

func release(major, minor int) string { return fmt.Sprintf("%d.%d", major, minor) }

// TestNoGroupIsLeftOut walks the module: every package that tells lifecycles
// has a version in the table, but for those that hold nothing that is stored.
func TestNoGroupIsLeftOut(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "k8s.io/api").Output()
	if err != nil {
		t.Fatal(err)
	}
	root := strings.TrimSpace(string(out))
	notStored := []string{"admission/v1", "admission/v1beta1", "apidiscovery/v2", "apidiscovery/v2beta1"}
	packages := 0
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Name() != "zz_generated.prerelease-lifecycle.go" {
			return err
		}
		dir, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		packages++
		if slices.Contains(notStored, dir) {
			return nil
		}
		group, version, _ := strings.Cut(filepath.ToSlash(dir), "/")
		for key := range spans() {
			prefix, v, ok := strings.Cut(key.apiVersion, "/")
			if !ok {
				prefix, v = "core", prefix
			}
			if v == version && (prefix == group || strings.HasPrefix(prefix, group+".") || group == "flowcontrol" && strings.HasPrefix(prefix, group)) {
				return nil
			}
		}
		t.Errorf("%s tells lifecycles, and none of its kinds is in the table", dir)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if packages < 40 {
		t.Errorf("only %d packages tell lifecycles", packages)
	}
}

// TestTheGuide holds the tables against what the Deprecated API Migration
// Guide lists as removed.
func TestTheGuide(t *testing.T) {
	for apiVersion, kinds := range map[string]map[string]int{
		"flowcontrol.apiserver.k8s.io/v1beta3": {"FlowSchema": 32, "PriorityLevelConfiguration": 32},
		"flowcontrol.apiserver.k8s.io/v1beta2": {"FlowSchema": 29, "PriorityLevelConfiguration": 29},
		"storage.k8s.io/v1beta1":               {"CSIStorageCapacity": 27, "CSIDriver": 22, "CSINode": 22, "StorageClass": 22, "VolumeAttachment": 22},
		"flowcontrol.apiserver.k8s.io/v1beta1": {"FlowSchema": 26, "PriorityLevelConfiguration": 26},
		"autoscaling/v2beta2":                  {"HorizontalPodAutoscaler": 26},
		"autoscaling/v2beta1":                  {"HorizontalPodAutoscaler": 25},
		"batch/v1beta1":                        {"CronJob": 25},
		"discovery.k8s.io/v1beta1":             {"EndpointSlice": 25},
		"events.k8s.io/v1beta1":                {"Event": 25},
		"policy/v1beta1":                       {"PodDisruptionBudget": 25, "PodSecurityPolicy": 25},
		"node.k8s.io/v1beta1":                  {"RuntimeClass": 25},
		"admissionregistration.k8s.io/v1beta1": {"MutatingWebhookConfiguration": 22, "ValidatingWebhookConfiguration": 22},
		"apiextensions.k8s.io/v1beta1":         {"CustomResourceDefinition": 22},
		"apiregistration.k8s.io/v1beta1":       {"APIService": 22},
		"authentication.k8s.io/v1beta1":        {"TokenReview": 22},
		"authorization.k8s.io/v1beta1":         {"LocalSubjectAccessReview": 22, "SelfSubjectAccessReview": 22, "SubjectAccessReview": 22},
		"certificates.k8s.io/v1beta1":          {"CertificateSigningRequest": 22},
		"coordination.k8s.io/v1beta1":          {"Lease": 22},
		"extensions/v1beta1":                   {"Ingress": 22, "NetworkPolicy": 16, "DaemonSet": 16, "Deployment": 16, "ReplicaSet": 16, "PodSecurityPolicy": 16},
		"networking.k8s.io/v1beta1":            {"Ingress": 22, "IngressClass": 22},
		"rbac.authorization.k8s.io/v1beta1":    {"ClusterRole": 22, "ClusterRoleBinding": 22, "Role": 22, "RoleBinding": 22},
		"scheduling.k8s.io/v1beta1":            {"PriorityClass": 22},
		"apps/v1beta2":                         {"DaemonSet": 16, "Deployment": 16, "StatefulSet": 16, "ReplicaSet": 16},
		"apps/v1beta1":                         {"Deployment": 16, "StatefulSet": 16},
	} {
		for kind, minor := range kinds {
			s := spanOf(apiVersion, kind)
			if s == nil {
				t.Errorf("%s %s is not in the tables", apiVersion, kind)
			} else if s.removed != minor {
				t.Errorf("%s %s is removed in 1.%d, and the guide says 1.%d", apiVersion, kind, s.removed, minor)
			}
		}
	}
}

func TestSpansMakeSense(t *testing.T) {
	for key, s := range spans() {
		if s.removed > 0 && s.removed < max(s.deprecated, s.introduced) || s.deprecated > 0 && s.deprecated < s.introduced {
			t.Errorf("%v: %+v", key, s)
		}
	}
	for line := range strings.Lines(lifecycleGone) {
		if cells := strings.Split(strings.TrimSuffix(line, "\n"), "\t"); len(cells) != 7 || cells[6] == "" {
			t.Errorf("%q names no source", line)
		}
	}
}
