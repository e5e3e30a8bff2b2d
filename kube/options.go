package kube

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/pflag"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/kubeassay/assay/kube/audit"
)

// DefaultTimeout is how long one request may take, unless the user says
// otherwise. The API server itself gives up after a minute.
const DefaultTimeout = 30 * time.Second

// Options says how to connect. The zero value looks for a cluster as kubectl does.
type Options struct {
	// Kubeconfig is a file to use in place of all others.
	Kubeconfig string
	// Overrides are the settings that win over those of the kubeconfig file.
	// Timeout is for one attempt of one request: empty means DefaultTimeout,
	// "0" means none.
	Overrides clientcmd.ConfigOverrides
	// QPS holds back requests to so many a second; 0 leaves that to the server.
	QPS float32
	// Version of this program, for the User-Agent.
	Version string
	// Audit, where set, gets a line for every call. The caller closes it.
	Audit *audit.Log
}

// BindFlags adds the flags that kubectl users know. --namespace is not among
// them: it belongs to what is scanned, not to how to connect.
func (o *Options) BindFlags(flags *pflag.FlagSet) {
	names := clientcmd.RecommendedConfigOverrideFlags("")
	names.ContextOverrideFlags.Namespace = clientcmd.FlagInfo{}
	// The API server gave up basic authentication in 1.19.
	names.AuthOverrideFlags.Username = clientcmd.FlagInfo{}
	names.AuthOverrideFlags.Password = clientcmd.FlagInfo{}
	names.Timeout.Default = DefaultTimeout.String()
	names.Timeout.Description = "How long one attempt of one request may take, such as 10s or 2m; 0 for no limit"
	names.ClusterOverrideFlags.DisableCompression.Description = "Do not ask the server to compress its answers. " +
		"It is not asked to on this machine and inside a cluster, where compressing costs more than it saves"
	clientcmd.BindOverrideFlags(&o.Overrides, flags, names)
	flags.StringVar(&o.Kubeconfig, clientcmd.RecommendedConfigPathFlag, o.Kubeconfig, "Path to the kubeconfig file to use")
	flags.Float32Var(&o.QPS, "qps", o.QPS, "Requests a second at most; 0 leaves it to the server to slow us down")
}

// explicit says whether the user named a cluster, so that a pod's own is not used.
func (o *Options) explicit() bool {
	v := &o.Overrides
	return o.Kubeconfig != "" || v.CurrentContext != "" || v.ClusterInfo.Server != "" || v.Context.Cluster != "" || v.Context.AuthInfo != ""
}

// check finds contradictions that client-go passes over in silence.
func (o *Options) check() error {
	a := &o.Overrides.AuthInfo
	if a.Impersonate == "" && (len(a.ImpersonateGroups) > 0 || a.ImpersonateUID != "") {
		return errors.New("--as-group and --as-uid need --as: the user to act as")
	}
	if o.QPS < 0 {
		return fmt.Errorf("--qps %v: give 0 or more", o.QPS)
	}
	return nil
}

// timeout of one attempt; 0 for none.
func (o *Options) timeout() (time.Duration, error) {
	s := o.Overrides.Timeout
	if s == "" {
		return DefaultTimeout, nil
	}
	d, err := clientcmd.ParseTimeout(s)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("--request-timeout %q: give a length of time such as 10s, 2m or 1h, or 0 for no limit", s)
	}
	return d, nil
}
