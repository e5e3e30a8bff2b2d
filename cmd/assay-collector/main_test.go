//go:build linux

package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kubeassay/assay/inspect/collect/local"
	"github.com/kubeassay/assay/inspect/snapshot"
)

// largest is what the program may weigh: it goes to every node that is looked at.
const largest = 6 << 20

// build makes the program as its image has it.
func build(t *testing.T) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "assay-collector")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags=-s -w", "-o", out, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return out
}

func TestProgram(t *testing.T) {
	program := build(t)
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "hello"), []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	const plan = `{"files": ["/hello", "/nope"], "processes": true}`
	for name, test := range map[string]struct {
		args   []string
		stdin  string
		code   int
		stderr string
	}{
		"a folder":            {[]string{"collect", "--root", root}, plan, exitDone, ""},
		"a plan and a blank":  {[]string{"collect", "--root", root}, plan + " \n", exitDone, ""},
		"an empty plan":       {[]string{"collect", "--root", root}, "{}", exitDone, ""},
		"no plan":             {[]string{"collect", "--root", root}, "", exitUsage, "standard input ended"},
		"half a plan":         {[]string{"collect", "--root", root}, `{"files": [`, exitUsage, "reading it"},
		"two plans":           {[]string{"collect", "--root", root}, plan + plan, exitUsage, "something follows"},
		"a word too many":     {[]string{"collect", "--root", root}, `{"flies": []}`, exitUsage, "flies"},
		"a relative path":     {[]string{"collect", "--root", root}, `{"files": ["hello"]}`, exitUsage, "not absolute"},
		"no such folder":      {[]string{"collect", "--root", root + "/nope"}, plan, exitFailed, "no such file"},
		"a file for a folder": {[]string{"collect", "--root", root + "/hello"}, plan, exitFailed, "not a directory"},
		"no such container":   {[]string{"collect", "--container-id", strings.Repeat("0f", 32)}, plan, exitNotFound, "no process of the container"},
		"no container's ID":   {[]string{"collect", "--container-id", "cart"}, plan, exitUsage, "not a container's ID"},
		"folder and ID":       {[]string{"collect", "--root", root, "--container-id", "cart"}, plan, exitUsage, "either --root or --container-id"},
		"neither":             {[]string{"collect"}, plan, exitUsage, "usage"},
		"unknown flag":        {[]string{"collect", "--rot", root}, plan, exitUsage, "rot"},
		"unknown command":     {[]string{"destroy"}, "", exitUsage, "usage"},
		"no command":          {nil, "", exitUsage, "usage"},
		"hold for a moment":   {[]string{"hold", "--for", "1ms"}, "", exitDone, ""},
		"hold for less":       {[]string{"hold", "--for", "-1s"}, "", exitUsage, "not negative"},
		"hold for a word":     {[]string{"hold", "--for", "ever"}, "", exitUsage, "ever"},
		"hold on":             {[]string{"hold", "on"}, "", exitUsage, "usage"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), program, test.args...)
			cmd.Stdin = strings.NewReader(test.stdin)
			var stdout, stderr bytes.Buffer
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			err := cmd.Run()
			var exit *exec.ExitError
			if err != nil && !errors.As(err, &exit) {
				t.Fatal(err)
			}
			if code := cmd.ProcessState.ExitCode(); code != test.code || !strings.Contains(stderr.String(), test.stderr) || (test.stderr == "") != (stderr.Len() == 0) {
				t.Fatalf("exit code %d, want %d; standard error %q, want %q", code, test.code, &stderr, test.stderr)
			}
			if test.code != exitDone || test.args[0] == "hold" {
				if test.code != exitDone && stdout.Len() > 0 {
					t.Errorf("standard output %q", &stdout)
				}
				return
			}
			s, err := snapshot.Load(&stdout, snapshot.LoadLimits{})
			if err != nil {
				t.Fatal(err)
			}
			if data, _ := s.Content("/hello"); strings.Contains(test.stdin, "/hello") && string(data) != "hello" {
				t.Errorf("/hello holds %q", data)
			}
		})
	}
}

// What goes to a node is small, and needs nothing that is not there.
func TestProgramIsSmallAndStatic(t *testing.T) {
	program := build(t)
	info, err := os.Stat(program)
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() > largest {
		t.Errorf("the program has %d bytes, and %d are the most", info.Size(), largest)
	}
	out, err := exec.CommandContext(t.Context(), "go", "version", "-m", program).Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, module := range []string{"k8s.io/", "google.golang.org/grpc", "github.com/spf13"} {
		if bytes.Contains(out, []byte(module)) {
			t.Errorf("the program holds %s:\n%s", module, out)
		}
	}
}

// A client that can't close standard input gets its answer all the same.
func TestPlanWithoutAnEnd(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), build(t), "collect", "--root", t.TempDir())
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(in, `{"stats": ["/"]}`+"\n"); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if _, err := snapshot.Load(&out, snapshot.LoadLimits{}); err != nil {
		t.Error(err)
	}
}

func TestHoldEndsOnSignals(t *testing.T) {
	program := build(t)
	for _, sig := range []os.Signal{syscall.SIGTERM, os.Interrupt} {
		cmd := exec.CommandContext(t.Context(), program, "hold", "--for", "0")
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		// When it says that it waits, it does.
		if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || !strings.Contains(line, "until it is ended") {
			t.Errorf("%q, %v", line, err)
		}
		if err := cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("after %v: %v", sig, err)
		}
	}
}

func TestNobodyReads(t *testing.T) {
	program := build(t)
	cmd := exec.CommandContext(t.Context(), program, "collect", "--root", t.TempDir())
	in, err := cmd.StdinPipe() // never closed, never written to: the plan does not come
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != exitInterrupted || !strings.Contains(stderr.String(), "nobody reads") || time.Since(begin) > planTime/2 {
		t.Errorf("exit code %d after %v: %s", code, time.Since(begin), &stderr)
	}
}

func TestShieldKeepsOthersOut(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can become somebody else")
	}
	program := build(t)
	for dir := filepath.Dir(program); dir != "/"; dir = filepath.Dir(dir) { // the test's own folders are closed to others
		if info, err := os.Stat(dir); err != nil {
			t.Fatal(err)
		} else if info.Mode().Perm()&1 == 0 {
			if err := os.Chmod(dir, 0o711); err != nil {
				t.Fatal(err)
			}
		}
	}
	nobody := &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	cmd := exec.CommandContext(t.Context(), program, "hold", "--for", "0")
	cmd.SysProcAttr = nobody
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = cmd.Process.Kill(), cmd.Wait() }()
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"environ", "root", "fd", "mem"} {
		look := exec.CommandContext(t.Context(), "head", "-c1", fmt.Sprintf("/proc/%d/%s", cmd.Process.Pid, name))
		if name == "root" || name == "fd" {
			look = exec.CommandContext(t.Context(), "ls", fmt.Sprintf("/proc/%d/%s/", cmd.Process.Pid, name))
		}
		look.SysProcAttr = nobody
		text, err := look.CombinedOutput()
		if err == nil || !bytes.Contains(text, []byte("ermission denied")) {
			t.Errorf("a process of the same user read %s: %s (%v)", name, text, err)
		}
	}
}

func TestPlanThatIsTooLong(t *testing.T) {
	// A name without end.
	endless := io.MultiReader(strings.NewReader(`{"files": ["/`), io.LimitReader(as{}, maxPlan*2))
	if _, err := readPlan(endless); !errors.Is(err, local.ErrPlan) || !strings.Contains(err.Error(), "longer than") {
		t.Errorf("error %v", err)
	}
}

// as is an endless row of the letter a.
type as struct{}

func (as) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'a'
	}
	return len(p), nil
}

func FuzzPlan(f *testing.F) {
	f.Add([]byte(`{"files": ["/etc/passwd"], "limits": {"fileBytes": 1}}`))
	f.Add([]byte(`{"trees": [{"path": "/", "contents": ["*.pem"]}]} x`))
	f.Fuzz(func(t *testing.T, data []byte) {
		plan, err := readPlan(bytes.NewReader(data))
		if (plan == nil) == (err == nil) {
			t.Errorf("plan %v, error %v", plan, err)
		}
		if err != nil && exitCode(err) != exitUsage {
			t.Errorf("a bad plan gives exit code %d: %v", exitCode(err), err)
		}
	})
}
