package docs

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// docsServer is the address of which the pages speak.
const docsServer = "localhost:8080"

// runner runs commands as a reader would: in a shell, in a folder of files.
type runner struct {
	t    *testing.T
	bin  string // folder of the assay that was just built
	dir  string
	addr string // of the demo's server, once it runs
	shop bool   // is in the cluster
}

// docsImage is the collector's image of which the pages speak.
const docsImage = "registry.example/assay-collector:1"

func newRunner(t *testing.T) *runner {
	r := &runner{t: t, bin: t.TempDir(), dir: t.TempDir()}
	build := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(r.bin, "assay"), "./cmd/assay")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", build, err, out)
	}
	if err := os.CopyFS(r.dir, os.DirFS(filepath.Join(root, "docs", "examples"))); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(filepath.Join(r.dir, "security"), os.DirFS(filepath.Join(root, "docs", "security"))); err != nil {
		t.Fatal(err)
	}
	writeFiles(t, r.dir)
	return r
}

// patience is for a command that hangs; none takes a tenth of it.
const patience = time.Minute

// command prepares a line for the shell. Where no cluster is there, one that
// can't be reached stands in: what only writes a role doesn't notice.
func (r *runner) command(ctx context.Context, line string) *exec.Cmd {
	if r.addr != "" {
		line = strings.ReplaceAll(line, docsServer, r.addr)
	}
	if image := os.Getenv("TEST_CLUSTER_COLLECTOR_IMAGE"); image != "" {
		line = strings.ReplaceAll(line, docsImage, image)
	}
	cmd := exec.CommandContext(ctx, "sh", "-c", line)
	cmd.Dir = r.dir
	cmd.Env = append(os.Environ(), "PATH="+r.bin+string(os.PathListSeparator)+os.Getenv("PATH"), "COLUMNS=80", "NO_COLOR=1", "HOME="+r.dir, "XDG_CONFIG_HOME=")
	if os.Getenv("TEST_CLUSTER_INDEX") == "" {
		cmd.Env = append(cmd.Env, "KUBECONFIG="+filepath.Join(r.dir, "nobody.kubeconfig"))
	}
	return cmd
}

// commands runs all commands of a block.
func (r *runner) commands(t *testing.T, text string) {
	for _, c := range commands(text) {
		r.output(t, c)
	}
}

// output runs a command and returns what it prints. Exit code 1 says that
// something was found, which is no failure here.
func (r *runner) output(t *testing.T, line string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := r.command(ctx, line)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	var exit *exec.ExitError
	switch err := cmd.Run(); {
	case errors.As(err, &exit) && exit.ExitCode() == 127:
		missing(t, line, stderr.String())
	case err != nil && !(errors.As(err, &exit) && exit.ExitCode() == 1 && strings.Contains(line, "assay ")):
		t.Errorf("%s\n%v\n%s%s", line, err, stdout.String(), stderr.String())
	}
	out := stdout.String()
	if r.addr != "" {
		out = strings.ReplaceAll(out, r.addr, docsServer)
	}
	return strings.TrimRight(out, "\n")
}

// missing leaves a test out where a program of others is not there.
func missing(t *testing.T, line, stderr string) {
	t.Helper()
	if strings.Contains(stderr, "assay:") {
		t.Errorf("%s\n%s", line, stderr)
		return
	}
	t.Skipf("not run, because a program is missing: %s\n%s", line, stderr)
}

var serving = regexp.MustCompile(`serving on https?://(\S+)`)

// serve starts the demo's server, once for all pages.
func (r *runner) serve(t *testing.T) {
	t.Helper()
	if r.addr == "" {
		r.addr, _ = r.start(t, r.t, "assay demo --listen 127.0.0.1:0")
	}
}

// serves starts a command that serves until it is interrupted, and interrupts it.
func (r *runner) serves(t *testing.T, line string) {
	// On any free port of this machine only, whatever the page says.
	line = strings.NewReplacer("--listen :8443", "--listen 127.0.0.1:0").Replace(line)
	_, stop := r.start(t, t, line)
	stop()
}

// start runs a command until owner ends, and returns when it serves. The
// command is stopped as by Ctrl-C, and must then end well.
func (r *runner) start(t, owner *testing.T, line string) (addr string, stop func()) {
	t.Helper()
	// The owner's context ends before its cleanups run, and would kill it.
	cmd := r.command(context.WithoutCancel(owner.Context()), "exec "+line)
	cmd.Env = append(cmd.Env, "ASSAY_LISTEN=127.0.0.1:0")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said := ""
	lines := bufio.NewScanner(stderr)
	for addr == "" && lines.Scan() {
		said += lines.Text() + "\n"
		if m := serving.FindStringSubmatch(lines.Text()); m != nil {
			addr = m[1]
		}
	}
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		_, _ = io.Copy(io.Discard, stderr)
	}()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		_ = cmd.Process.Signal(os.Interrupt) // it may have ended
		late := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
		defer late.Stop()
		<-drained
		if err := cmd.Wait(); err != nil {
			owner.Errorf("%s\nended with %v:\n%s", line, err, said)
		}
	}
	owner.Cleanup(stop)
	if addr == "" {
		t.Fatalf("%s\ndid not serve:\n%s", line, said)
	}
	return addr, stop
}

// differing is what differs from run to run.
var differing = []*regexp.Regexp{
	regexp.MustCompile(`\b\d+(\.\d+)?(µs|ms|s)\b`),
	regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`),
	regexp.MustCompile(`"scan_?[iI]d": ?"[^"]+"`),
	regexp.MustCompile(`"nextCursor": ?"[^"]+"`),
	regexp.MustCompile(`urn:assay:request:\S+`),
	regexp.MustCompile(`^assay \S+ \(.*\)$`),
	regexp.MustCompile(`\b\d+m\d+s\b`),
	regexp.MustCompile(`\bassay-(inspect|handout)-[a-z0-9]{12}\b`),
	regexp.MustCompile(`\bcart-[a-z0-9]{5,10}-[a-z0-9]{5}\b`),
}

// same compares texts, leaving out what differs from run to run.
func same(a, b string) bool {
	for _, r := range differing {
		a, b = r.ReplaceAllString(a, "*"), r.ReplaceAllString(b, "*")
	}
	return strings.Join(strings.Fields(a), " ") == strings.Join(strings.Fields(b), " ")
}
