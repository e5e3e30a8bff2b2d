package interop

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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
	mostMemory = 320 << 20
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
	t.Logf("%d objects in %d folders, %d problems", report.Summary.Objects, len(paths), len(report.Errors))
	again, report2 := scanFiles(t, binary, paths)
	if findings != again {
		t.Errorf("two scans of the same files differ: %s and %s", findings, again)
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

// scanFiles scans paths with all checks, within limits. It returns the number of
// the findings' lines with their hash, and the end of the report.
func scanFiles(t *testing.T, binary string, paths []string) (findings string, end *finding.Report) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	// Into a file: what this test holds counts as memory of what it starts.
	out, err := os.Create(filepath.Join(t.TempDir(), "report.ndjson"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = out.Close() }()
	cmd := exec.CommandContext(ctx, binary, append([]string{
		"scan", "-q", "-o", "ndjson", "--checks", strings.Join(builtin.IDs(builtin.All()), ","), "--registries", "registry.example", "--target-version", "1.37",
	}, paths...)...)
	var stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = out, &stderr
	err = cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) || ctx.Err() != nil {
		t.Fatalf("%v, %v", err, ctx.Err())
	}
	if code := cmd.ProcessState.ExitCode(); code < 0 || code > 2 {
		t.Fatalf("exit code %d; standard error:\n%s", code, stderr.String())
	}
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		t.Logf("%d MiB of memory", usage.Maxrss>>10)
		if usage.Maxrss<<10 > mostMemory {
			t.Errorf("that is more than %d MiB", mostMemory>>20)
		}
	}
	return readLines(t, out)
}

func readLines(t *testing.T, f *os.File) (findings string, end *finding.Report) {
	t.Helper()
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	sum, n := sha256.New(), 0
	in := bufio.NewReader(f)
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			t.Fatalf("there is no summary: %v", err)
		}
		if !bytes.HasPrefix(line, []byte(`{"summary"`)) {
			n++
			_, _ = sum.Write(line) // never fails
			continue
		}
		end = new(finding.Report)
		if err := json.Unmarshal(line, end); err != nil {
			t.Fatalf("reading the end of the report: %v", err)
		}
		return fmt.Sprintf("%d findings, %x", n, sum.Sum(nil)), end
	}
}
