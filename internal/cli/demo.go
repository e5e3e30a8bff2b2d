package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubeassay/assay/gate"
	"github.com/kubeassay/assay/internal/demo"
	"github.com/kubeassay/assay/internal/server"
	"github.com/kubeassay/assay/posture"
	"github.com/kubeassay/assay/posture/source"
	"github.com/kubeassay/assay/posture/source/manifest"
)

func newDemo(s *streams) *cobra.Command {
	var f serveFlags
	judging := judgingFlags{failOn: string(gate.None)} // what it finds is meant to be there
	var outputs []string
	var once bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Scan an example cluster inside the program, and serve it",
		Long: `Scan a small example cluster that is part of the program, print the result, and
serve the HTTP API over it until Ctrl-C. No cluster is needed or touched.`,
		Example: "  assay demo\n  assay demo --once -o json",
		Args:    args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if once {
				return scanDemo(cmd.Context(), s, &judging, outputs)
			}
			srv, err := f.listen(s, example{})
			if err != nil {
				return err
			}
			defer srv.Close()
			if err := scanDemo(cmd.Context(), s, &judging, outputs); err != nil {
				return err
			}
			_, _ = fmt.Fprintln(s.out)
			return run(cmd.Context(), s, srv)
		},
	}
	cmd.Flags().SortFlags = false
	cmd.Flags().BoolVar(&once, "once", false, "Print the result and end: serve nothing")
	cmd.Flags().StringArrayVarP(&outputs, "output", "o", []string{"table"}, "Format, or FORMAT=FILE; repeatable: table, wide, json, ndjson, yaml")
	judging.bind(cmd.Flags())
	f.bind(cmd.Flags())
	return cmd
}

func scanDemo(ctx context.Context, s *streams, judging *judgingFlags, formats []string) error {
	judging.reading.files = true
	options, _, err := judging.options()
	if err != nil {
		return err
	}
	out, err := openOutputs(formats, s, s.out, judging)
	if err != nil {
		return err
	}
	defer out.abandon()
	if err := out.begin(&options); err != nil {
		return err
	}
	report, err := posture.Scan(ctx, demo.Source(manifest.Options{Others: posture.Others(options.Checks)}), options, out)
	if err != nil {
		return err
	}
	report.Summary.Cluster = demo.Name
	return out.end(report)
}

// example is the example cluster behind the server.
type example struct{}

func (example) Source(_ context.Context, scope server.Scope) (source.Source, error) {
	o := manifest.Options{Namespaces: scope.Namespaces, ExcludeNamespaces: scope.ExcludeNamespaces, Others: posture.Others(servedChecks())}
	if scope.Selector != "" {
		selector, err := labels.Parse(scope.Selector)
		if err != nil {
			return nil, err
		}
		o.Selector = selector
	}
	return demo.Source(o), nil
}

func (example) Ready(context.Context) error { return nil }
func (example) Cluster() string             { return demo.Name }
func (example) APICalls() map[int]int       { return nil }
