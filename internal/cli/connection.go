package cli

import (
	"fmt"
	"slices"

	"github.com/spf13/pflag"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/internal/settings"
	"github.com/kubeassay/assay/kube"
	"github.com/kubeassay/assay/kube/audit"
)

// connection is how a command reaches a cluster.
type connection struct {
	kube      kube.Options
	auditFile string
	audit     *audit.Log
}

func (c *connection) bind(flags *pflag.FlagSet) {
	flags.StringVar(&c.auditFile, "audit-log", "", "File to which every API call is appended, as JSON lines in which each holds the hash of the one before")
	c.kube.BindFlags(flags)
}

// connectionFlags is the heading that the flags of a connection stand under.
const connectionFlags = "Connection"

// withoutConnection refuses flags that were given to say how to reach a
// cluster. Those that a variable or a file of settings sets are for other scans.
func withoutConnection(flags *pflag.FlagSet) (wrong error) {
	flags.Visit(func(f *pflag.Flag) {
		if wrong == nil && slices.Contains(f.Annotations[group], connectionFlags) && settings.OriginOf(f).Source == settings.FromFlag {
			wrong = usagef("--%s is about a cluster, and files were named: leave out the one or the other", f.Name)
		}
	})
	return wrong
}

// connect finds the cluster, and says in one line which it is.
func (c *connection) connect(s *streams, quiet bool) (*kube.Client, error) {
	c.kube.Version = Version()
	if c.auditFile != "" {
		log, err := audit.Open(c.auditFile)
		if err != nil {
			return nil, usage(err)
		}
		c.audit, c.kube.Audit = log, log
	}
	client, err := kube.Connect(c.kube)
	if err != nil {
		c.close()
		return nil, usage(err)
	}
	if !quiet {
		_, _ = fmt.Fprintf(s.err, "assay: cluster %s, by %s\n", client.Server(), client.How())
	}
	return client, nil
}

func (c *connection) close() {
	if c.audit != nil {
		_ = c.audit.Close() // every line has been written already
	}
}

// access says what was used so far.
func (c *connection) access(client *kube.Client) *finding.Access {
	stats := client.Stats()
	a := &finding.Access{APICalls: stats.Total(), Bytes: stats.Bytes}
	if c.audit != nil {
		a.AuditHead, a.AuditLines = c.audit.Head()
	}
	return a
}
