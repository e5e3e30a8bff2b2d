package interop

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestMain stops the driver that the tests share.
func TestMain(m *testing.M) {
	code := m.Run()
	if shared.stop != nil {
		shared.stop()
	}
	os.Exit(code)
}

// installed returns the folder with the SAF CLI: the one that make test-interop
// gives, or the one that an earlier run of it has left.
var installed = sync.OnceValues(func() (string, error) {
	if folder := os.Getenv("TEST_SAF"); folder != "" {
		return folder, nil
	}
	cmd := exec.CommandContext(context.Background(), filepath.Join("saf", "install"), "--there")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	folder := strings.TrimSpace(string(out))
	if err == nil && folder != "" {
		return folder, nil
	}
	return "", errors.Join(err, errors.New(strings.TrimSpace(stderr.String())))
})

// saf is that folder; without it the test is left out. Where it must not be,
// on CI, make test-interop fails before.
func saf(t *testing.T) string {
	t.Helper()
	folder, err := installed()
	if err != nil {
		t.Skipf("not compared with the SAF CLI: %v", err)
	}
	return folder
}

// shared is the one driver process of all tests.
var shared struct {
	once sync.Once
	sync.Mutex
	in   io.Writer
	out  *bufio.Reader
	stop func()
	err  error
}

// environment is one in which SAF keeps to its own folder.
func environment(dir string) []string {
	return append(os.Environ(), "SAF_SKIP_NEW_VERSION_CHECK=1", "HOME="+dir, "XDG_CACHE_HOME="+dir, "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir, "NO_COLOR=1")
}

func start(folder string) error {
	dir, err := os.MkdirTemp("", "assay-saf-")
	if err != nil {
		return err
	}
	driver, err := filepath.Abs(filepath.Join("saf", "driver.js"))
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(context.Background(), "node", driver, folder)
	cmd.Dir, cmd.Env, cmd.Stderr = dir, environment(dir), os.Stderr
	offline(cmd)
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	shared.in, shared.out = in, bufio.NewReader(out)
	shared.stop = func() {
		_ = in.Close() // the driver ends by it
		late := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
		defer late.Stop()
		_ = cmd.Wait()
		_ = os.RemoveAll(dir)
	}
	return nil
}

// reply is what the driver answers.
type reply struct {
	Broken   string
	Exit     int
	Said     string
	Profiles int
	Controls []struct {
		ID, Status, Severity, Code, Check string
		Waived                            bool
		Nist                              []string
	}
}

// ask puts a question to the driver.
func ask(t *testing.T, question map[string]any) reply {
	t.Helper()
	folder := saf(t)
	shared.once.Do(func() { shared.err = start(folder) })
	if shared.err != nil {
		t.Fatalf("starting the driver of the SAF CLI: %v", shared.err)
	}
	shared.Lock()
	defer shared.Unlock()
	line, err := json.Marshal(question)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := shared.in.Write(append(line, '\n')); err != nil {
		t.Fatalf("asking the SAF CLI: %v", err)
	}
	text, err := shared.out.ReadBytes('\n')
	if err != nil {
		t.Fatalf("the driver of the SAF CLI ended: %v", err)
	}
	var r reply
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	if r.Broken != "" {
		t.Fatalf("%s: %s", line, r.Broken)
	}
	return r
}

// passes reports whether SAF lets a file pass, and fails where it does neither that nor refuse.
func passes(t *testing.T, input, template string) (bool, string) {
	t.Helper()
	r := ask(t, map[string]any{"ask": "threshold", "input": input, "template": template})
	passed := strings.Contains(r.Said, "All validation tests passed")
	if passed == (r.Exit != 0) {
		t.Fatalf("SAF neither passed nor refused %s by %s: exit code %d\n%s", input, template, r.Exit, r.Said)
	}
	return passed, r.Said
}

// command runs the SAF CLI itself.
func command(t *testing.T, args ...string) (stdout string, exit int) {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "node", append([]string{filepath.Join(saf(t), "node_modules", "@mitre", "saf", "bin", "run")}, args...)...)
	cmd.Dir, cmd.Env = dir, environment(dir)
	offline(cmd)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		t.Fatal(err)
	}
	t.Logf("saf %s: %s%s", strings.Join(args, " "), out, stderr.String())
	return string(out), cmd.ProcessState.ExitCode()
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
