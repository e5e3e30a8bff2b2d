package kube

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/streaming/pkg/httpstream"
)

// Exec follows one command that client-go's remotecommand runs in a container.
// Its streams begin where the HTTP call ends, so that the observer of calls
// can't see when they are over and what they carried: whoever runs the command
// says so with End. The audit log then gets one line for it, with its argv.
//
//	ctx, exec := kube.FollowExec(ctx, argv)
//	err := executor.StreamWithContext(ctx, options)
//	err = errors.Join(err, exec.End(bytes, err == nil))
type Exec struct {
	argv []string

	mu     sync.Mutex
	status int
	call   *observed // under way; nil before the streams began, and after End
	ended  bool
}

type execKey struct{}

// FollowExec returns a context for the calls that start the command. Several
// attempts may be made with it, one after the other (WebSocket, then SPDY).
func FollowExec(ctx context.Context, argv []string) (context.Context, *Exec) {
	e := &Exec{argv: slices.Clone(argv)}
	return context.WithValue(ctx, execKey{}, e), e
}

// execOf returns nil where a call belongs to no command; its methods can be called.
func execOf(ctx context.Context) *Exec {
	e, _ := ctx.Value(execKey{}).(*Exec)
	return e
}

// Status is the HTTP status of the last attempt; 0 where no answer came.
func (e *Exec) Status() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.status
}

// End says that the command's streams are closed, how many bytes they brought
// and whether they were read to the end. It returns the *audit.WriteError where
// that can't be written down: what was read must then not be used.
func (e *Exec) End(bytes int64, complete bool) error {
	e.mu.Lock()
	call := e.call
	e.call, e.ended = nil, true
	e.mu.Unlock()
	if call == nil {
		return nil // nothing ran; the attempts have their lines
	}
	call.mu.Lock()
	call.record.Bytes, call.record.Incomplete = bytes, !complete
	call.mu.Unlock()
	return call.finish()
}

func (e *Exec) answered(status int) {
	if e == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.status = status
}

// follow takes over a call whose streams begin now.
func (e *Exec) follow(call *observed) bool {
	if e == nil {
		return false
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	call.record.Argv = e.argv
	if e.ended || e.call != nil {
		return false // nobody will say when this one ends
	}
	e.call = call
	return true
}

// refusal is the status of an answer that the transport made an error of, as
// that for WebSockets does with everything but success.
func refusal(err error) int {
	var upgrade *httpstream.UpgradeFailureError
	if errors.As(err, &upgrade) {
		err = upgrade.Cause
	}
	var status apierrors.APIStatus
	if errors.As(err, &status) {
		return int(status.Status().Code)
	}
	// What did not come from an API server is told in words: "bad handshake (400 Bad Request)".
	if _, after, ok := strings.Cut(err.Error(), "bad handshake ("); ok {
		code, _ := strconv.Atoi(after[:min(len(after), 3)])
		return code
	}
	return 0
}
