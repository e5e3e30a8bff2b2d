package interop

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check/builtin"
)

const (
	root = "../.."
	// fewest is how many objects there must be at hand, so that the test tests something.
	fewest = 5000
	// mostMemory is for all of them in one scan: nearly everything names no
	// namespace, so all of it is one large namespace.
	mostMemory = 512 << 20
)

// TestEveryManifestAtHand scans all manifests that the modules publish which
// are used here, and our own: examples, deployments, and the fixtures of tests,
// many of them broken on purpose. None may end the program, or keep it.
func TestEveryManifestAtHand(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "assay")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, root+"/cmd/assay").CombinedOutput(); err != nil {
		t.Fatalf("building: %v\n%s", err, out)
	}
	paths := publishing(t)
	findings, report := scanFiles(t, binary, paths)
	if report.Summary.Objects < fewest {
		t.Errorf("%d objects in %d folders, want %d", report.Summary.Objects, len(paths), fewest)
	}
	t.Logf("%d objects in %d folders, %d findings, %d problems", report.Summary.Objects, len(paths), bytes.Count(findings, []byte("\n")), len(report.Errors))
	again, report2 := scanFiles(t, binary, paths)
	if !bytes.Equal(findings, again) {
		t.Errorf("two scans of the same files differ: %d and %d bytes of findings", len(findings), len(again))
	}
	for _, r := range []*finding.Report{report, report2} { // the same but for the times
		r.Summary.StartedAt, r.Summary.FinishedAt = time.Time{}, time.Time{}
	}
	if d := cmp.Diff(report, report2); d != "" {
		t.Errorf("two scans of the same files end differently:\n%s", d)
	}
}

// publishing are the folders that hold anything that may be a manifest.
func publishing(t *testing.T) (paths []string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "all").Output()
	if err != nil {
		t.Fatalf("asking go about the modules: %v", err)
	}
	here, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	for dir := range strings.Lines(string(out)) {
		if dir = strings.TrimSpace(dir); dir != "" && dir != here && holdsManifests(t, dir) {
			paths = append(paths, dir)
		}
	}
	for _, own := range []string{"docs", "deploy", "internal", "posture", "inspect", "report", "test"} {
		if dir := filepath.Join(root, own); holdsManifests(t, dir) {
			paths = append(paths, dir)
		}
	}
	return paths
}

// holdsManifests reports whether a folder holds a file that a scan of it would read.
func holdsManifests(t *testing.T, dir string) bool {
	t.Helper()
	found := errors.New("there is one")
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if err == nil && slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(path)) {
			return found
		}
		return err
	})
	if err != nil && !errors.Is(err, found) {
		t.Fatal(err)
	}
	return errors.Is(err, found)
}

// scanFiles scans paths with all checks, within limits, and returns the lines of
// the findings and the end of the report.
func scanFiles(t *testing.T, binary string, paths []string) (findings []byte, end *finding.Report) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, append([]string{
		"scan", "-q", "-o", "ndjson", "--checks", strings.Join(builtin.IDs(builtin.All()), ","), "--registries", "registry.example", "--target-version", "1.37",
	}, paths...)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) || ctx.Err() != nil {
		t.Fatalf("%v, %v", err, ctx.Err())
	}
	if code := cmd.ProcessState.ExitCode(); code < 0 || code > 2 {
		t.Fatalf("exit code %d; standard error:\n%s", code, stderr.String())
	}
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok && usage.Maxrss<<10 > mostMemory {
		t.Errorf("it took %d MiB of memory", usage.Maxrss>>10)
	}
	text := stdout.Bytes()
	last := bytes.LastIndexByte(bytes.TrimRight(text, "\n"), '\n') + 1
	end = new(finding.Report)
	if err := json.Unmarshal(text[last:], end); err != nil {
		t.Fatalf("reading the end of the report: %v", err)
	}
	return text[:last], end
}
