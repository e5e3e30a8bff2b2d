package kube

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	// Users' kubeconfig files may hold it; the other kind of plug-in, exec, is built in.
	_ "k8s.io/client-go/plugin/pkg/client/auth/oidc"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/flowcontrol"

	"github.com/kubeassay/assay/kube/audit"
)

// Client talks to one API server. It may be used by several goroutines at once.
type Client struct {
	how, namespace string
	config         *rest.Config
	base           *url.URL
	http           *http.Client
	timeout        time.Duration
	gzip           bool
	limiter        flowcontrol.RateLimiter // nil: none
	patience       patience
	stats          *tally
	log            *audit.Log // nil: none
	largest        int        // bytes that an answer may have
	// answered is set by the first answer of an API server. Before it, a server
	// that does not answer is taken to be down and not waited for.
	answered atomic.Bool
	buffers  sync.Pool // of *[]byte, for pages
	unzips   sync.Pool // of *gzip.Reader
}

func newClient(config *rest.Config, o *Options, t *target, namespace string, timeout time.Duration) (*Client, error) {
	o.restConfig(config)
	// client-go waits 30 seconds for a host that swallows packets.
	config.Dial = (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext
	base, _, err := rest.DefaultServerUrlFor(config)
	if err != nil {
		return nil, fmt.Errorf("%s: the server's address %q: %w", t.how, config.Host, err)
	}
	c := &Client{
		how: t.how, namespace: namespace, config: config, base: base, timeout: timeout,
		gzip:     !config.DisableCompression && !t.inPod && !loopback(base),
		patience: defaultPatience(),
		stats:    newTally(),
		log:      o.Audit,
		largest:  largestAnswer,
	}
	if config.QPS > 0 {
		c.limiter = flowcontrol.NewTokenBucketRateLimiter(config.QPS, config.Burst)
		config.RateLimiter = c.limiter
	}
	if err := c.prepare(); err != nil {
		return nil, fmt.Errorf("%s: %w", t.how, err)
	}
	return c, nil
}

// prepare makes the HTTP client for the settings in c.config.
func (c *Client) prepare() (err error) {
	c.config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return &observer{next: next, stats: c.stats, log: c.log, prefix: c.base.Path}
	})
	c.http, err = rest.HTTPClientFor(c.config)
	if err != nil {
		return err
	}
	// A redirect would carry the credentials to wherever the answer says.
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return nil
}

// WithToken returns a client for the same server that uses a bearer token in
// place of this one's credentials. The calls of both are counted and audited
// together.
func (c *Client) WithToken(token string) (*Client, error) {
	if token == "" {
		// It would connect as nobody, who may be allowed more than is thought.
		return nil, errors.New("connecting with a token: it is empty")
	}
	config := rest.AnonymousClientConfig(c.config)
	config.BearerToken = token
	d := &Client{
		how: "a token, at the server of " + c.how, namespace: c.namespace, config: config, base: c.base, timeout: c.timeout,
		gzip: c.gzip, limiter: c.limiter, patience: c.patience, stats: c.stats, log: c.log, largest: c.largest,
	}
	d.answered.Store(c.answered.Load())
	if err := d.prepare(); err != nil {
		return nil, fmt.Errorf("connecting with a token: %w", err)
	}
	return d, nil
}

// loopback says whether the server is on this machine. Bandwidth is free there,
// while compressing keeps the very processor busy that both sides share.
func loopback(u *url.URL) bool {
	if u.Hostname() == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return err == nil && ip.IsLoopback()
}

func userAgent(version string) string {
	if version == "" {
		version = "unknown"
	}
	return fmt.Sprintf("assay/%s (%s/%s)", version, runtime.GOOS, runtime.GOARCH)
}

// How says in one line where the credentials came from.
func (c *Client) How() string { return c.how }

// Server is the address of the API server, without a password that may stand in it.
func (c *Client) Server() string { return c.base.Redacted() }

// Namespace is the context's namespace, the pod's own, or "default".
func (c *Client) Namespace() string { return c.namespace }

// RESTConfig returns a copy of the settings, for client-go's own clients
// (exec needs one). Calls made with it are counted and audited too; trying
// again and time limits are up to those clients.
func (c *Client) RESTConfig() *rest.Config { return rest.CopyConfig(c.config) }

// Stats counts the calls made so far.
func (c *Client) Stats() Stats { return c.stats.snapshot() }

// url puts a path of the API behind the server's address, which may have a
// path of its own (a proxy in front of several clusters).
func (c *Client) url(path string, query url.Values) string {
	u := c.base.JoinPath(path)
	u.RawQuery = query.Encode()
	return u.String()
}

// wait sleeps, unless the context ends first.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}
