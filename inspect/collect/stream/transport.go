package stream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	compat "k8s.io/apimachinery/pkg/util/httpstream" //nolint:staticcheck // client-go's Upgrader still speaks it
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/client-go/transport/spdy"
	"k8s.io/streaming/pkg/httpstream"

	"github.com/kubeassay/assay/kube"
)

// errNoStatus: the streams ended, and nobody said how the command did.
var errNoStatus = errors.New("the streams ended without the command's exit status")

// stream makes the call, over WebSocket or, where something in between does
// not let that through, over SPDY.
func (s *Streamer) stream(ctx context.Context, follow *kube.Exec, c *Command, stdout, stderr io.Writer) error {
	config := s.client.RESTConfig()
	address, err := execURL(config, c)
	if err != nil {
		return err
	}
	old, err := newSPDY(config, address)
	if err != nil {
		return err
	}
	executor := remotecommand.Executor(old)
	fellBack := false
	if !s.plain.Load() {
		socket, err := remotecommand.NewWebSocketExecutor(config, http.MethodGet, address.String())
		if err != nil {
			return err
		}
		executor, err = remotecommand.NewFallbackExecutor(socket, old, func(err error) bool {
			fellBack = ended(ctx) == nil && mayHelp(err)
			return fellBack
		})
		if err != nil {
			return err
		}
	}
	stdin := c.Stdin
	if stdin == nil {
		stdin = strings.NewReader("")
	}
	err = executor.StreamWithContext(ctx, remotecommand.StreamOptions{Stdin: stdin, Stdout: stdout, Stderr: stderr})
	if fellBack && follow.Status() == http.StatusSwitchingProtocols {
		s.plain.Store(true)
	}
	return err
}

// mayHelp says whether SPDY could get further than a WebSocket did. Over SPDY
// the API server asks for fewer permissions (create alone), so that "forbidden"
// is worth another call; that an object is not there is not.
func mayHelp(err error) bool {
	var upgrade *httpstream.UpgradeFailureError
	if errors.As(err, &upgrade) {
		return !apierrors.IsNotFound(upgrade.Cause) && !apierrors.IsUnauthorized(upgrade.Cause)
	}
	return httpstream.IsHTTPSProxyError(err)
}

func execURL(config *rest.Config, c *Command) (*url.URL, error) {
	base, _, err := rest.DefaultServerUrlFor(config)
	if err != nil {
		return nil, fmt.Errorf("the server's address %q: %w", config.Host, err)
	}
	u := base.JoinPath("/api/v1/namespaces", url.PathEscape(c.Namespace), "pods", url.PathEscape(c.Pod), "exec")
	u.RawQuery = url.Values{
		"container": {c.Container}, "command": c.Argv,
		"stdin": {"true"}, "stdout": {"true"}, "stderr": {"true"},
	}.Encode()
	return u, nil
}

// spdyExecutor is client-go's, which takes streams that end without a status,
// as those of a broken connection do, for success.
type spdyExecutor struct {
	remotecommand.Executor
	status atomic.Bool // something came on the status channel
}

func newSPDY(config *rest.Config, address *url.URL) (*spdyExecutor, error) {
	transport, upgrader, err := spdy.RoundTripperFor(config)
	if err != nil {
		return nil, err
	}
	s := &spdyExecutor{}
	s.Executor, err = remotecommand.NewSPDYExecutorForTransports(transport, &statusUpgrader{upgrader, &s.status}, http.MethodPost, address)
	return s, err
}

func (s *spdyExecutor) StreamWithContext(ctx context.Context, o remotecommand.StreamOptions) error {
	err := s.Executor.StreamWithContext(ctx, o)
	if err == nil && !s.status.Load() {
		return errNoStatus
	}
	return err
}

// statusUpgrader notices whether anything comes on the status channel.
type statusUpgrader struct {
	spdy.Upgrader
	status *atomic.Bool
}

func (u *statusUpgrader) NewConnection(resp *http.Response) (compat.Connection, error) {
	conn, err := u.Upgrader.NewConnection(resp)
	if err != nil {
		return nil, err
	}
	return &statusConnection{conn, u.status}, nil
}

type statusConnection struct {
	compat.Connection
	status *atomic.Bool
}

func (c *statusConnection) CreateStream(headers http.Header) (compat.Stream, error) {
	s, err := c.Connection.CreateStream(headers)
	if err != nil || headers.Get(corev1.StreamType) != corev1.StreamTypeError {
		return s, err
	}
	return &statusStream{s, c.status}, nil
}

type statusStream struct {
	compat.Stream
	status *atomic.Bool
}

func (s *statusStream) Read(p []byte) (int, error) {
	n, err := s.Stream.Read(p)
	if n > 0 {
		s.status.Store(true)
	}
	return n, err
}
