package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	sigsjson "sigs.k8s.io/json"

	"github.com/kubeassay/assay/finding"
)

// result is how a run of assay ended.
type result struct {
	args           []string
	code           int
	stdout, stderr string
}

// run runs assay to its end. It knows nothing of the machine's own settings:
// no KUBECONFIG, no home with a kubeconfig.
func (c *cluster) assay(t *testing.T, args ...string) *result {
	t.Helper()
	return c.launch(t, args...).wait(t)
}

// process is assay while it runs.
type process struct {
	cmd    *exec.Cmd
	args   []string
	stdout buffer
	stderr buffer
	ended  chan struct{}
	err    error // once ended
}

func (c *cluster) launch(t *testing.T, args ...string) *process {
	t.Helper()
	p := &process{args: args, ended: make(chan struct{})}
	p.cmd = exec.Command(c.binary, args...)
	// 66 is the code with which a data race ends the program.
	p.cmd.Env = []string{"HOME=" + t.TempDir(), "GORACE=halt_on_error=1 exitcode=66"}
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, &p.stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		p.err = p.cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill() // if it has not ended
		<-p.ended
	})
	return p
}

// wait waits until assay has ended.
func (p *process) wait(t *testing.T) *result {
	t.Helper()
	select {
	case <-p.ended:
	case <-time.After(patience):
		t.Fatalf("assay %s: still running after %v; standard error:\n%s", strings.Join(p.args, " "), patience, p.stderr.String())
	}
	var exit *exec.ExitError
	if p.err != nil && !errors.As(p.err, &exit) {
		t.Fatal(p.err)
	}
	r := &result{args: p.args, code: p.cmd.ProcessState.ExitCode(), stdout: p.stdout.String(), stderr: p.stderr.String()}
	if strings.Contains(r.stderr, "DATA RACE") || strings.Contains(r.stderr, "panic:") {
		t.Errorf("%v", r)
	}
	return r
}

// String shows a run without its token.
func (r *result) String() string {
	var args []string
	for _, a := range r.args {
		if strings.HasPrefix(a, "eyJ") {
			a = "…"
		}
		args = append(args, a)
	}
	const most = 4 << 10
	out := r.stdout
	if len(out) > most {
		out = out[:most/2] + "\n…\n" + out[len(out)-most/2:]
	}
	return fmt.Sprintf("assay %s\nexit code %d\nstandard output:\n%s\nstandard error:\n%s", strings.Join(args, " "), r.code, out, r.stderr)
}

// exits checks the exit code.
func (r *result) exits(t *testing.T, code int) *result {
	t.Helper()
	if r.code != code {
		t.Fatalf("exit code %d, want %d: %v", r.code, code, r)
	}
	return r
}

// report reads the output of -o json. A field that the report does not know is a fault.
func (r *result) report(t *testing.T) *finding.Report {
	t.Helper()
	return parseReport(t, r.stdout)
}

func parseReport(t *testing.T, text string) *finding.Report {
	t.Helper()
	var report finding.Report
	strict, err := sigsjson.UnmarshalStrict([]byte(text), &report)
	if err := errors.Join(append(strict, err)...); err != nil {
		t.Fatalf("reading the report: %v\n%s", err, text)
	}
	if report.APIVersion != finding.APIVersion || report.Kind != finding.ReportKind {
		t.Fatalf("this is a %s %s", report.APIVersion, report.Kind)
	}
	return &report
}

// admin are the flags that connect as the administrator.
func (c *cluster) admin() []string { return []string{"--kubeconfig", c.kubeconfig} }

// scan runs assay scan with JSON output, and with few checks: most tests are
// about how verdicts come about, are merged and shown, whatever checks there are.
func (c *cluster) scan(t *testing.T, connection []string, args ...string) *result {
	t.Helper()
	if slices.Contains(args, "--checks") {
		return c.scanWide(t, connection, args...)
	}
	return c.assay(t, flags(scanJSON, few, connection, args)...)
}

// scanWide is scan with the checks that are made where none are named.
func (c *cluster) scanWide(t *testing.T, connection []string, args ...string) *result {
	t.Helper()
	return c.assay(t, flags(scanJSON, connection, args)...)
}

var (
	scanJSON = []string{"scan", "-o", "json"}
	few      = []string{"--checks", "image-latest-tag,image-tag-drift,run-as-root"}
)

// ofFew leaves only the findings of few checks.
func ofFew(r *finding.Report) *finding.Report {
	some := *r
	some.Findings = slices.DeleteFunc(slices.Clone(r.Findings), func(f finding.Finding) bool {
		return !slices.Contains(strings.Split(few[1], ","), f.Check)
	})
	return &some
}

func flags(lists ...[]string) []string {
	var all []string
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}

// buffer keeps what a process writes, and lets others wait for it.
type buffer struct {
	mu     sync.Mutex
	data   bytes.Buffer
	notify chan struct{} // closed at the next write
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.notify != nil {
		close(b.notify)
		b.notify = nil
	}
	return b.data.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.data.String()
}

// lines are the whole lines so far.
func (b *buffer) lines() (lines []string, more <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	in := bufio.NewReader(bytes.NewReader(b.data.Bytes()))
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			break
		}
		lines = append(lines, strings.TrimSuffix(line, "\n"))
	}
	if b.notify == nil {
		b.notify = make(chan struct{})
	}
	return lines, b.notify
}

// await waits for a line, and returns what accept makes of it.
func (p *process) await(t *testing.T, of *buffer, what string, accept func(line string) (string, bool)) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		lines, more := of.lines()
		for _, l := range lines {
			if s, ok := accept(l); ok {
				return s
			}
		}
		select {
		case <-more:
		case <-p.ended:
			t.Fatalf("assay %s ended before %s; it said:\n%s", strings.Join(p.args, " "), what, p.stderr.String())
		case <-ctx.Done():
			t.Fatalf("waiting for %s: %v; assay said:\n%s", what, ctx.Err(), p.stderr.String())
		}
	}
}

// asJSON turns an object into what the dynamic client takes.
func asJSON(t *testing.T, v any) any {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var out any
	if err := sigsjson.UnmarshalCaseSensitivePreserveInts(b, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func writeFile(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
