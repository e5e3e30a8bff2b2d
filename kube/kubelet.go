package kube

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/cert"
)

// Kubelet is a node's kubelet, and where it listens.
type Kubelet struct {
	// Node is the name of its node.
	Node string
	// Address and Port are what the node's status tells. Asking through the API
	// server takes neither.
	Address string
	Port    int32
}

// KubeletOptions says how kubelets are asked.
type KubeletOptions struct {
	// Proxy: through the API server, instead of directly.
	Proxy bool
	// CertificateAuthority is a file with the authority of the kubelets' serving
	// certificates; empty: the cluster's own.
	CertificateAuthority string
}

// Kubelets asks kubelets for their configuration: each by itself, which takes
// the permission to get nodes/configz, or through the API server, which takes
// nodes/proxy. It may be used by several goroutines at once.
type Kubelets struct {
	client *Client
	proxy  bool
	// http speaks to kubelets; nil where they are asked through the API server.
	http *http.Client
	// refused says why no kubelet may be asked at all.
	refused string

	mu sync.Mutex
	// known are configurations by the hash of the answer: kubelets of a cluster
	// are mostly set up alike.
	known map[[sha256.Size]byte]map[string]any
}

const (
	// largestKubelet is far more than a kubelet has to say.
	largestKubelet = 1 << 20
	// kubeletTimeout is for a kubelet that is not there. It has its answer at hand.
	kubeletTimeout = 10 * time.Second
	// kubeletAttempts are few, for there may be many kubelets.
	kubeletAttempts = 2
	// kubeletPort is where a kubelet listens unless it is told otherwise.
	kubeletPort = 10250
)

// Kubelets prepares to ask kubelets with this client's credentials. They are
// shown only to a kubelet whose certificate is from the authority that is known.
// What it refuses is a file that holds no authority; nothing is sent yet.
func (c *Client) Kubelets(o KubeletOptions) (*Kubelets, error) {
	k := &Kubelets{client: c, proxy: o.Proxy, known: map[[sha256.Size]byte]map[string]any{}}
	if o.Proxy {
		return k, nil
	}
	config := rest.CopyConfig(c.config)
	// What is said to the API server alone is not for kubelets.
	config.Username, config.Password, config.ServerName = "", "", ""
	config.Insecure = false
	if o.CertificateAuthority != "" {
		pem, err := os.ReadFile(o.CertificateAuthority)
		if err != nil {
			return nil, fmt.Errorf("reading the authority of the kubelets' certificates: %w", err)
		}
		if _, err := cert.ParseCertsPEM(pem); err != nil {
			return nil, fmt.Errorf("reading the authority of the kubelets' certificates: %s holds no certificate that can be read: %w", o.CertificateAuthority, err)
		}
		config.CAData, config.CAFile = pem, ""
	}
	switch {
	case config.Impersonate.UserName != "":
		k.refused = "kubelets know nothing of acting as somebody else (--as), and would answer to our own credentials: ask through the API server with --kubelet-proxy, or connect as that user"
		return k, nil
	case len(config.CAData) == 0 && config.CAFile == "":
		// The authorities of this machine won't do: a node says itself what its
		// address is, and may well have a certificate of theirs for it.
		k.refused = "the kubeconfig names no authority that kubelets' certificates could be from, so whoever answers there would get our credentials: give the authority with --kubelet-certificate-authority, or ask through the API server with --kubelet-proxy"
		return k, nil
	}
	if err := k.prepare(config); err != nil {
		return nil, err
	}
	return k, nil
}

// prepare makes the HTTP client that all kubelets share.
func (k *Kubelets) prepare(config *rest.Config) (err error) {
	config.NextProtos = []string{"http/1.1"} // for one request each
	config.WrapTransport = nil               // which writes down calls as those of an API server
	config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return &observer{next: closing{next}, stats: k.client.stats, log: k.client.log, kubelets: true}
	})
	if k.http, err = rest.HTTPClientFor(config); err != nil {
		return fmt.Errorf("%s: %w", k.client.how, err)
	}
	k.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return nil
}

// closing closes a connection after the one request that is made over it.
type closing struct{ next http.RoundTripper }

func (c closing) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.Close = true
	return c.next.RoundTrip(req)
}

// ShowsToken reports whether each kubelet gets to see a token that speaks for
// us, and not only what a certificate proves.
func (k *Kubelets) ShowsToken() bool {
	c := k.client.config
	return !k.proxy && k.refused == "" &&
		(c.BearerToken != "" || c.BearerTokenFile != "" || c.AuthProvider != nil || c.ExecProvider != nil)
}

// Config asks a kubelet for its configuration: the fields of a
// KubeletConfiguration, without the values that may be secrets. They are not
// the caller's to change. What goes wrong with one kubelet is a [KubeletError].
func (k *Kubelets) Config(ctx context.Context, of Kubelet) (map[string]any, error) {
	if k.refused != "" {
		return nil, &KubeletError{Node: of.Node, Why: k.refused}
	}
	client, call, err := k.call(of)
	if err != nil {
		return nil, &KubeletError{Node: of.Node, Why: err.Error()}
	}
	call.method, call.accept = http.MethodGet, "application/json"
	call.attempts = kubeletAttempts
	a, err := client.do(context.WithValue(ctx, kubeletKey{}, of.Node), call)
	if ctx.Err() != nil {
		return nil, stopped(ctx, err)
	}
	if err != nil {
		return nil, k.explain(of.Node, client.Server(), err)
	}
	config, err := k.parse(a.body)
	if err != nil {
		return nil, &KubeletError{Node: of.Node, Why: "its answer can't be understood: " + err.Error(), Err: err}
	}
	return config, nil
}

func (k *Kubelets) parse(body []byte) (map[string]any, error) {
	sum := sha256.Sum256(body)
	k.mu.Lock()
	defer k.mu.Unlock()
	if config, ok := k.known[sum]; ok {
		return config, nil
	}
	config, err := ParseKubeletConfig(body)
	if err == nil {
		k.known[sum] = config
	}
	return config, err
}

// isHost reports whether a text that a node wrote is an address or a name, and no more.
func isHost(address string) bool {
	if ip, err := netip.ParseAddr(address); err == nil {
		return ip.Zone() == ""
	}
	return len(validation.IsDNS1123Subdomain(strings.ToLower(address))) == 0
}

// kubeletKey is the key of the node's name, in the context of a call to a kubelet.
type kubeletKey struct{}

// call is what to send, and by which client. A client of its own knows nothing
// of answers that others gave, and so is not patient with a node that is down.
func (k *Kubelets) call(of Kubelet) (*Client, *call, error) {
	c := &Client{
		how: k.client.how, config: k.client.config, base: k.client.base, http: k.client.http, timeout: kubeletTimeout,
		patience: k.client.patience, stats: k.client.stats, log: k.client.log, largest: largestKubelet,
	}
	if t := k.client.timeout; t > 0 {
		c.timeout = min(c.timeout, t)
	}
	if k.proxy {
		c.limiter = k.client.limiter
		ref := Ref{Resource: Nodes, Name: of.Node, Subresource: "proxy/configz"}
		return c, &call{what: "asking the kubelet through the API server", path: ref.path()}, ref.check(true)
	}
	port := cmp.Or(of.Port, kubeletPort)
	switch {
	case of.Address == "":
		return nil, nil, errors.New("the node's status tells no address of its own")
	case !isHost(of.Address):
		return nil, nil, fmt.Errorf("the node's status tells an address that can't be: %.100q", of.Address)
	case port < 1 || port > 65535:
		return nil, nil, fmt.Errorf("the node's status tells a port that can't be: %d", port)
	}
	c.base, c.http = &url.URL{Scheme: "https", Host: net.JoinHostPort(of.Address, strconv.Itoa(int(port)))}, k.http
	return c, &call{what: "asking the kubelet", path: "/configz"}, nil
}
