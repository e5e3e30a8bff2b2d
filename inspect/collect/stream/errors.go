package stream

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/streaming/pkg/httpstream"
)

// Reason says why a command could not be started.
type Reason string

// The reasons. Runtimes tell them in words only, see noCommand.
const (
	NotFound    Reason = "no such command"
	NotAllowed  Reason = "permission denied" // also where it is a folder
	WrongFormat Reason = "exec format error" // made for another kind of machine, or a script without #!
)

// NoCommandError means that the container has no such command, or none that
// can be run. The API tells it as an error of the server, not as an exit code.
type NoCommandError struct {
	Container string // "container app of pod cart in namespace shop"
	Command   string
	Reason    Reason
	// Text is what the container runtime said.
	Text string
}

func (e *NoCommandError) Error() string {
	return fmt.Sprintf("the command %q can't be run in %s: %s (the container runtime says: %s)", e.Command, e.Container, e.Reason, e.Text)
}

// ForbiddenError means that we may not run commands in this pod.
// apierrors.IsForbidden holds for it.
type ForbiddenError struct {
	What string
	// Text is the API server's answer.
	Text string
}

func (e *ForbiddenError) Error() string {
	hint := "it takes the verbs get and create on pods/exec (over SPDY create alone)"
	if strings.Contains(e.Text, "admission") || strings.Contains(strings.ToLower(e.Text), "denied request") {
		hint = "an admission rule of the cluster refuses it, whatever the permissions"
	}
	return fmt.Sprintf("%s is forbidden: %s; %s", e.What, e.Text, hint)
}

// Status makes it an error of the API.
func (e *ForbiddenError) Status() metav1.Status {
	return metav1.Status{Status: metav1.StatusFailure, Reason: metav1.StatusReasonForbidden, Code: http.StatusForbidden, Message: e.Text}
}

// GoneError means that the pod or the container is not there, or does not run
// (not yet, not any more, or not at this moment).
type GoneError struct {
	What string
	// Pod is true where not even the pod is there.
	Pod  bool
	Text string
}

func (e *GoneError) Error() string {
	hint := "the container is not running; has it ended, is it starting again, or is its name another?"
	if e.Pod {
		hint = "the pod is gone; was it replaced?"
	}
	return fmt.Sprintf("%s: %s (the server says: %s)", e.What, hint, e.Text)
}

// LostError means that the connection broke after the command had started:
// what came is a part, and the command may still be running.
type LostError struct {
	What  string
	Bytes int64
	Err   error
}

func (e *LostError) Error() string {
	return fmt.Sprintf("%s: the connection was lost after %d bytes, before the command's end was reported: %v", e.What, e.Bytes, e.Err)
}

func (e *LostError) Unwrap() error { return e.Err }

// explain gives an error of the streams its type. status is the HTTP answer's.
func explain(c *Command, status int, sent int64, err error) error {
	text := err.Error()
	var upgrade *httpstream.UpgradeFailureError
	if errors.As(err, &upgrade) {
		text = upgrade.Cause.Error()
	}
	text = strings.TrimPrefix(text, "unable to upgrade connection: ")
	for strings.HasPrefix(text, "Internal error occurred: ") {
		text = strings.TrimPrefix(text, "Internal error occurred: ")
	}
	switch {
	case status == http.StatusForbidden:
		return &ForbiddenError{What: c.String(), Text: text}
	case status == http.StatusUnauthorized:
		return fmt.Errorf("%v: %w", c, apierrors.NewUnauthorized("the server does not take our credentials; have they expired, or are they for another cluster? It says: "+text))
	case status == http.StatusNotFound && strings.Contains(text, fmt.Sprintf("pods %q not found", c.Pod)):
		return &GoneError{What: c.String(), Pod: true, Text: text}
	case notRunning(text):
		return &GoneError{What: c.String(), Text: text}
	case status == http.StatusSwitchingProtocols && lost(err):
		return &LostError{What: c.String(), Bytes: sent, Err: err}
	}
	if reason, ok := noCommand(c.Argv[0], text); ok {
		return c.noCommand(reason, text)
	}
	return fmt.Errorf("%v: %s", c, text)
}

func (c *Command) noCommand(reason Reason, text string) error {
	return &NoCommandError{
		Container: fmt.Sprintf("container %s of pod %s in namespace %s", c.Container, c.Pod, c.Namespace),
		Command:   c.Argv[0], Reason: reason, Text: text,
	}
}

// notRunning knows the words of API server, kubelet, containerd and CRI-O.
func notRunning(text string) bool {
	return slices.ContainsFunc([]string{
		"container not found (", "is not valid for pod", "cannot exec into a container in a completed pod", "container is not created or running",
		"container is in CONTAINER_EXITED state", "container is in CONTAINER_CREATED state", "no running task found", "cannot exec in a stopped",
		"cannot exec a container that has stopped", "container not running", "is not running", "process already finished", "container has stopped",
	}, func(words string) bool { return strings.Contains(text, words) })
}

// lost says whether an error is of the connection, and not the server's word
// about the command: client-go passes that on as plain text.
func lost(err error) bool {
	return errors.Is(err, errNoStatus) || strings.HasPrefix(err.Error(), "error reading from error stream") ||
		strings.HasPrefix(err.Error(), "error stream protocol error")
}

// noCommand finds out from a runtime's words that it could not start a command.
// They name it in quotes of some kind, which nothing else that fails does:
// runc says `exec: "sh": executable file not found in $PATH`, crun
// "executable file `sh` not found in $PATH", gVisor `error finding executable "sh" in PATH`.
func noCommand(command, text string) (Reason, bool) {
	if !strings.Contains(text, `"`+command+`"`) && !strings.Contains(text, "`"+command+"`") && !strings.Contains(text, "'"+command+"'") &&
		!strings.Contains(text, "exec "+command+":") && !strings.Contains(text, "open executable `"+command) {
		return "", false
	}
	switch {
	case strings.Contains(text, "not found in $PATH"), strings.Contains(text, "error finding executable"),
		strings.Contains(strings.ToLower(text), "no such file or directory"):
		return NotFound, true
	case strings.Contains(strings.ToLower(text), "exec format error"):
		return WrongFormat, true
	case strings.Contains(strings.ToLower(text), "permission denied"), strings.Contains(strings.ToLower(text), "is a directory"):
		return NotAllowed, true
	}
	return "", false
}

// unstarted finds, behind an exit code, a command that never began: where the
// kernel refuses it late, and with CRI-O always, the runtime's words come on
// standard error and the exit code is the runtime's own.
func unstarted(c *Command, r *Result, stdout int64) (Reason, bool) {
	ours := []int{1, 126, 127, 255}
	text := string(r.Stderr)
	if !slices.Contains(ours, r.ExitCode) || stdout > 0 || strings.Count(strings.TrimSpace(text), "\n") > 0 {
		return "", false
	}
	if !strings.HasPrefix(text, "exec "+c.Argv[0]+":") && !strings.Contains(text, "exec failed") && !strings.Contains(text, "executable file `") {
		return "", false
	}
	// logrus puts a backslash before the quotes.
	return noCommand(c.Argv[0], strings.ReplaceAll(text, `\"`, `"`))
}
