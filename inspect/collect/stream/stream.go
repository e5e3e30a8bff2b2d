package stream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	utilexec "k8s.io/client-go/util/exec"
	"k8s.io/klog/v2"

	"github.com/kubeassay/assay/kube"
)

// mostStderr is how much of a command's standard error is kept.
const mostStderr = 64 << 10

// Streamer runs commands with one client's credentials. It may be used by
// several goroutines at once.
type Streamer struct {
	client *kube.Client
	// plain is set once WebSockets were refused and SPDY worked: a proxy in
	// between will not change its mind, and each refusal is a call.
	plain atomic.Bool
}

// New makes a Streamer.
func New(client *kube.Client) *Streamer { return &Streamer{client: client} }

// Command is what to run, and where.
type Command struct {
	Namespace, Pod string
	// Container must be named: with several, the API server would choose.
	Container string
	Argv      []string
	// Stdin may be nil: the command then reads its end at once. It is read in a
	// goroutine that may outlast Run by one Read, so a pipe should be closed.
	Stdin io.Reader
	// Stdout may be nil; it is not written to after Run has returned. Its first
	// error ends the streams, and Run returns it.
	Stdout io.Writer
}

func (c *Command) String() string {
	name := ""
	if len(c.Argv) > 0 {
		name = c.Argv[0]
	}
	return fmt.Sprintf("running %q in container %s of pod %s in namespace %s", name, c.Container, c.Pod, c.Namespace)
}

func (c *Command) check() error {
	switch {
	case c.Namespace == "" || c.Pod == "" || c.Container == "":
		return fmt.Errorf("%v: namespace, pod and container must all be named", c)
	case len(c.Argv) == 0 || c.Argv[0] == "":
		return fmt.Errorf("%v: no command is given", c)
	}
	for _, arg := range c.Argv {
		if strings.ContainsRune(arg, 0) {
			return fmt.Errorf("%v: an argument holds a NUL byte, which no command line can", c)
		}
	}
	return nil
}

// Result is how a command ended. After an error it says what had come until then.
type Result struct {
	// ExitCode is 128 plus the signal's number where a signal ended the command.
	ExitCode int
	// Stderr is its standard error, at most 64 KiB of it.
	Stderr []byte
	// Bytes counts standard output and error.
	Bytes    int64
	Duration time.Duration
}

// Run runs the command and waits for its end.
func (s *Streamer) Run(ctx context.Context, c Command) (Result, error) {
	if err := c.check(); err != nil {
		return Result{}, err
	}
	// The streams' goroutines log what also comes back as an error.
	ctx = klog.NewContext(ctx, logr.Discard())
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	ctx, follow := kube.FollowExec(ctx, c.Argv)

	out := &output{to: c.Stdout, failed: cancel}
	stderr := &output{to: &head{most: mostStderr}, failed: cancel}
	start := time.Now()
	err := s.stream(ctx, follow, &c, out, stderr)
	stdout := out.close()
	sent := stdout + stderr.close()
	result := Result{Bytes: sent, Duration: time.Since(start), Stderr: stderr.to.(*head).Bytes()}

	var exit utilexec.CodeExitError
	switch {
	case errors.As(err, &exit):
		result.ExitCode, err = exit.Code, nil
		if reason, never := unstarted(&c, &result, stdout); never {
			err = c.noCommand(reason, strings.TrimSpace(string(result.Stderr)))
		}
	case err != nil && ended(ctx) != nil:
		err = fmt.Errorf("%v: %w", &c, ended(ctx))
	case err != nil:
		err = explain(&c, follow.Status(), sent, err)
	}
	if err == nil {
		err = out.err() // of the last bytes: nothing was left to be ended
	}
	if written := follow.End(sent, err == nil); written != nil {
		return Result{}, fmt.Errorf("%v: %w", &c, written)
	}
	return result, err
}

// ended is why a context is over. Its deadline counts from the moment at which
// it comes: the connection has a timer of its own for it, which may be first.
func ended(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if deadline, ok := ctx.Deadline(); ok && !time.Now().Before(deadline) {
		return context.DeadlineExceeded
	}
	return nil
}

// head keeps the beginning of what is written to it.
type head struct {
	bytes.Buffer
	most int
}

func (h *head) Write(p []byte) (int, error) {
	h.Buffer.Write(p[:min(len(p), h.most-h.Len())])
	return len(p), nil
}
