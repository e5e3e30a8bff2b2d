package cli

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kubeassay/assay/internal/server"
	"github.com/kubeassay/assay/kube"
	"github.com/kubeassay/assay/posture"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/check/builtin"
	"github.com/kubeassay/assay/posture/source"
	"github.com/kubeassay/assay/posture/source/cluster"
)

// serveFlags say how to serve; what is served is the command's to say.
type serveFlags struct {
	addr, tlsCert, tlsKey, tokenFile string
	insecure                         bool
	hosts                            []string
	maxScans                         int
	scanTimeout, grace               time.Duration
	logFormat, logLevel              string
}

func (f *serveFlags) bind(flags *pflag.FlagSet) {
	flags.StringVar(&f.addr, "listen", server.DefaultAddr, "Address to listen on; any but a loopback address needs TLS (or --insecure) and --token-file")
	flags.StringVar(&f.tlsCert, "tls-cert", "", "File with the certificate (PEM) for TLS")
	flags.StringVar(&f.tlsKey, "tls-key", "", "File with the certificate's key (PEM)")
	flags.BoolVar(&f.insecure, "insecure", false, "Serve without TLS on an address that other machines can reach, as behind a proxy that adds it")
	flags.StringVar(&f.tokenFile, "token-file", "", "File with the bearer token that callers must show")
	flags.StringSliceVar(&f.hosts, "host", nil, "Name under which a server without a token may be called, besides localhost; repeatable")
	flags.IntVar(&f.maxScans, "max-scans", server.DefaultMaxScans, "How many different scans may run at once")
	flags.DurationVar(&f.scanTimeout, "scan-timeout", server.DefaultScanTimeout, "How long a scan may take; what it has found until then is the answer, and incomplete")
	flags.DurationVar(&f.grace, "grace-period", server.DefaultGracePeriod, "How long requests may go on when the server is told to stop")
	flags.StringVar(&f.logFormat, "log-format", "text", "text or json")
	flags.StringVar(&f.logLevel, "log-level", "info", "debug, info, warn or error")
}

func newServe(s *streams) *cobra.Command {
	var f serveFlags
	var c connection
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve scans of a cluster over HTTP",
		Long: `Serve scans of the cluster over HTTP: GET /scan, GET /v1/findings, GET
/v1/checks, /metrics, /healthz, /readyz, the API's description at /openapi.json
and a page to try it at /docs.

The address is 127.0.0.1:8080 unless --listen says otherwise. Any address that
other machines can reach needs TLS (or --insecure) and --token-file.`,
		Example: `  assay serve
  assay serve --listen :8443 --tls-cert c.pem --tls-key k.pem --token-file token
  curl -s localhost:8080/scan?namespace=shop`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := c.connect(s, false)
			if err != nil {
				return err
			}
			defer c.close()
			return f.serve(cmd.Context(), s, live{client})
		},
	}
	cmd.Flags().SortFlags = false
	f.bind(cmd.Flags())
	inGroup(cmd.Flags(), connectionFlags, c.bind)
	return cmd
}

// serve runs the server until the context ends.
func (f *serveFlags) serve(ctx context.Context, s *streams, backend server.Backend) error {
	srv, err := f.listen(s, backend)
	if err != nil {
		return err
	}
	defer srv.Close()
	return run(ctx, s, srv)
}

// listen makes the server and takes its address, so that mistakes are said
// before anything else is done.
func (f *serveFlags) listen(s *streams, backend server.Backend) (*server.Server, error) {
	log, err := f.logger(s)
	if err != nil {
		return nil, usage(err)
	}
	srv, err := server.New(server.Config{
		Addr: f.addr, TLSCert: f.tlsCert, TLSKey: f.tlsKey, Insecure: f.insecure, TokenFile: f.tokenFile, Hosts: f.hosts,
		Backend: backend, Checks: servedChecks(), Version: Version(), Logger: log,
		MaxScans: f.maxScans, ScanTimeout: f.scanTimeout, GracePeriod: f.grace,
	})
	if err != nil {
		return nil, usage(err)
	}
	if err := srv.Listen(); err != nil {
		srv.Close()
		return nil, usage(err)
	}
	return srv, nil
}

func run(ctx context.Context, s *streams, srv *server.Server) error {
	_, _ = fmt.Fprintf(s.err, "assay: serving on %s (try %s/scan, %s/docs)\n", srv.URL(), srv.URL(), srv.URL())
	return srv.Run(ctx)
}

func (f *serveFlags) logger(s *streams) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(f.logLevel)); err != nil {
		return nil, fmt.Errorf("unknown log level %q: use one of debug, info, warn, error", f.logLevel)
	}
	options := &slog.HandlerOptions{Level: level}
	switch f.logFormat {
	case "text":
		return slog.New(slog.NewTextHandler(s.err, options)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(s.err, options)), nil
	}
	return nil, fmt.Errorf("unknown log format %q: use text or json", f.logFormat)
}

// servedChecks are those that read nothing that is off by default.
func servedChecks() []*check.Check {
	on, _ := builtin.Permitted(builtin.Default())
	return on
}

// live is a cluster behind the server.
type live struct{ client *kube.Client }

func (l live) Source(_ context.Context, scope server.Scope) (source.Source, error) {
	o := cluster.Options{Namespaces: scope.Namespaces, Exclude: scope.ExcludeNamespaces, Selector: scope.Selector, Nodes: !scope.PodsOnly}
	if scope.PodsOnly {
		o.Kinds = []kube.Resource{kube.Pods}
	} else {
		o.Others = posture.Kinds(servedChecks())
	}
	return cluster.New(l.client, o)
}

func (l live) Ready(ctx context.Context) error { return l.client.Ready(ctx) }
func (l live) Cluster() string                 { return l.client.Server() }
func (l live) APICalls() map[int]int           { return l.client.Stats().Calls }
