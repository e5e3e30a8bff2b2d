package floors

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"

	// go test can't see that the program is looked at: with this, a change of it
	// is a change of these tests, and no old result is shown.
	_ "github.com/kubeassay/assay/internal/cli"
)

const module = "github.com/kubeassay/assay"

// rooms are the module's packages, from the roof down. A package imports only
// packages in lines below its own; those in one line don't import each other.
// "." is the library's face. A line that ends with /... holds all below it.
var rooms = [][]string{
	{"test/..."},
	{"cmd/assay", "cmd/assay-collector", "deploy/image"},
	{"internal/cli"},
	{"internal/server", "internal/demo"},
	{"internal/server/flight", "internal/server/guard", "internal/server/metrics", "internal/server/problem", "internal/server/requestlog"},
	{"internal/progress", "internal/testpty", "internal/settings"},
	{"."},
	{"posture", "inspect"},
	{"posture/pss/survey"},
	{"posture/source/cluster", "posture/source/manifest", "inspect/attest", "inspect/risk", "inspect/profile", "inspect/collect/commands"},
	{"posture/source/manifest/internal/split", "posture/source/manifest/internal/tree", "inspect/profile/builtin", "inspect/profile/facts"},
	{"posture/check/builtin", "posture/check/checktest"},
	{"posture/check/access", "posture/check/cluster", "posture/check/container", "posture/check/network", "posture/check/controlplane", "posture/check/pod", "posture/check/sensitive", "posture/check/standard"},
	{"posture/source", "posture/check", "inspect/profile/facts/rpm", "inspect/collect/debugcontainer", "inspect/collect/imagevolume", "inspect/collect/sidecar"},
	{"inspect/collect/internal/remote", "inspect/collect/internal/mirror", "inspect/collect/exec", "inspect/access"},
	{"inspect/collect/stream", "inspect/collect"},
	{"inspect/collect/local", "inspect/snapshot/redact"},
	{"inspect/collect/internal/proc"},
	{"inspect/snapshot"},
	{"posture/component", "posture/credential", "posture/pss", "posture/rbac", "posture/network", "posture/index"},
	{"posture/hostpath"},
	{"report", "gate"},
	{"internal/strictyaml"},
	{"internal/hdf", "internal/nearest", "internal/yamltext"},
	{"workload"},
	{"image"},
	{"kube/permission"},
	{"kube"},
	{"kube/audit"},
	{"framework"},
	{"finding", "internal/excerpt"},
}

// walls are imports that stay out even where the floors would allow them. A
// wall holds for the package and all below it, and for what it brings in.
var walls = []struct {
	of, out string
	why     string
}{
	{"posture", module + "/inspect", "the wings never import each other"},
	{"inspect", module + "/posture", "the wings never import each other"},
	{"scap", module + "/workload", "scap knows nothing of Kubernetes"},
	{"scap", "k8s.io", "scap knows nothing of Kubernetes"},
	{"finding", module, "the vocabulary imports nothing of ours"},
	{"posture/check", "k8s.io/client-go", "checks are pure: they ask nobody"},
	{"cmd/assay-collector", "k8s.io", "it is small, and knows nothing of Kubernetes"},
	{"inspect/collect/local", "k8s.io", "it runs beside the target and talks to nobody"},
	{"inspect/profile", "k8s.io/client-go", "it judges evidence, without a cluster"},
	{"cmd/assay-collector", "net/http", "our program in a pod has no network of any kind"},
	{"workload", "k8s.io/client-go", "it states facts about specs and asks nobody"},
	{"image", "net/http", "it reads references and never talks to a registry"},
	{"report", "k8s.io", "it formats findings and knows nothing of Kubernetes"},
	{"gate", "k8s.io/api", "it counts findings; of Kubernetes it knows label selectors only"},
	{"gate", "k8s.io/client-go", "it counts findings; of Kubernetes it knows label selectors only"},
	{"cmd/assay", "k8s.io/client-go/kubernetes", "the full clientset and its scheme cost tens of MiB at start: use the kube package"},
	{"cmd/assay", "k8s.io/cli-runtime", "it brings the full clientset along: use the kube package"},
	{"cmd/assay", module + "/internal/testpty", "it is for tests"},
	{"cmd/assay", module + "/test", "it is for tests"},
	{"cmd/assay", "testing", "it is for tests, and adds flags to the program"},
	{"cmd/assay", "net/http/httptest", "it is for tests"},
	{"cmd/assay", "github.com/rogpeppe/go-internal", "it is for tests"},
	{"cmd/assay", "github.com/danielgtaylor/huma/v2/humatest", "it is for tests"},
}

// pkg is what go list tells of a package; imports of test files are not in it.
type pkg struct {
	ImportPath string
	Imports    []string
	Deps       []string
	GoFiles    []string
}

func TestARoomImportsOnlyRoomsBelowIt(t *testing.T) {
	for _, p := range list(t) {
		from := room(p.ImportPath)
		if from < 0 {
			t.Errorf("%s stands in no room: add it to rooms in test/floors/floors_test.go, above everything it imports and below everything that imports it", p.ImportPath)
			continue
		}
		for _, i := range p.Imports {
			if to := room(i); ours(i) && to <= from && !strings.HasPrefix(rooms[from][0], "test/") {
				t.Errorf("%s imports %s, which does not lie below it", p.ImportPath, i)
			}
		}
	}
}

func TestWhatStaysOut(t *testing.T) {
	for _, p := range list(t) {
		for _, w := range walls {
			if !below(name(p.ImportPath), w.of) {
				continue
			}
			if i := slices.IndexFunc(p.Deps, func(d string) bool { return below(d, w.out) }); i >= 0 {
				t.Errorf("%s must not bring in %s: %s", p.ImportPath, p.Deps[i], w.why)
			}
		}
	}
}

func TestEveryRoomIsThere(t *testing.T) {
	packages := list(t)
	for _, line := range rooms {
		for _, r := range line {
			if !slices.ContainsFunc(packages, func(p pkg) bool { return inRoom(name(p.ImportPath), r) }) {
				t.Errorf("there is no package %s any more: take it out of rooms in test/floors/floors_test.go", r)
			}
		}
	}
}

// list asks go for all packages of the module.
func list(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports,Deps,GoFiles", module+"/...")
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("%v: %v\n%s", cmd, err, exit.Stderr)
		}
		t.Fatal(err)
	}
	var all []pkg
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if len(p.GoFiles) > 0 { // else it holds only tests
			all = append(all, p)
		}
	}
	if len(all) < len(rooms)/2 {
		t.Fatalf("go list found only %d packages", len(all))
	}
	return all
}

func ours(path string) bool { return below(path, module) }

// name is a package's path in the module.
func name(path string) string {
	if path == module {
		return "."
	}
	return strings.TrimPrefix(path, module+"/")
}

// below reports whether a path is of a package, or of one below it.
func below(path, of string) bool { return path == of || strings.HasPrefix(path, of+"/") }

// room is the line in which a package stands, or -1.
func room(path string) int {
	return slices.IndexFunc(rooms, func(line []string) bool {
		return slices.ContainsFunc(line, func(r string) bool { return inRoom(name(path), r) })
	})
}

func inRoom(name, r string) bool {
	if prefix, ok := strings.CutSuffix(r, "/..."); ok {
		return below(name, prefix)
	}
	return name == r
}
