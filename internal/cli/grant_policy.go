package cli

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/kubeassay/assay/inspect/access"
	"github.com/kubeassay/assay/inspect/collect/commands"
	"github.com/kubeassay/assay/inspect/snapshot"
	"github.com/kubeassay/assay/report"
)

type grantPolicyFlags struct {
	approaches []string
	namespaces []string
	home       string
	scanner    string
	images     []string
	ptrace     bool
	output     string
}

func newGrantPolicy(s *streams) *cobra.Command {
	var f grantPolicyFlags
	cmd := &cobra.Command{
		Use:   "policy",
		Short: "Print standing roles, and admission policies that hold Assay to its own commands",
		Long: `Print, as YAML for kubectl apply:

- for each approach, the role that the account ` + access.StandingAccount + ` needs to take it at any
  time, for whoever does not want Assay to make roles. With -n these are roles
  in those namespaces, bound. Without, they are ClusterRoles, which allow nothing
  until somebody binds them in a namespace.
- ValidatingAdmissionPolicies with their bindings, under which the accounts of
  Assay's inspections (` + access.StandingAccount + ` and ` + access.InspectPrefix + `…, in any namespace) can run
  nothing but Assay's own commands and add nothing but Assay's own containers,
  whatever a role allows them. Access that was handed out by assay grant create
  is not held to them.

The policies are those of this version of Assay: print and apply them anew with
each new one. No cluster is asked or changed.`,
		Example: `  assay grant policy --debug-image registry.example/assay-collector@sha256:... | kubectl apply -f -
  assay grant policy --approach kubernetes-api -n shop`,
		Args: args(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error { return f.run(s) },
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringSliceVar(&f.approaches, "approach", nil, "Approaches to print roles for (default all): kubernetes-api, debug-container, sidecar-container, image-volume")
	flags.StringSliceVarP(&f.namespaces, "namespace", "n", nil, "Namespaces to print roles for; repeatable")
	flags.StringVar(&f.home, "account-namespace", access.HomeNamespace, "Namespace of the account "+access.StandingAccount)
	flags.StringVar(&f.scanner, "scanner-namespace", "", "Namespace in which pods may be made, for image-volume (default that of the account)")
	flags.StringSliceVar(&f.images, "debug-image", nil, "Images of the collector; without one, the policies let no container or pod be made")
	flags.BoolVar(&f.ptrace, "allow-ptrace", false, "Let debug containers have CAP_SYS_PTRACE")
	flags.StringVarP(&f.output, "output", "o", report.YAML, "yaml")
	return cmd
}

func (f *grantPolicyFlags) run(s *streams) error {
	if f.output != report.YAML {
		return usagef("unknown format %q: use yaml", f.output)
	}
	approaches := grantApproaches[:]
	if len(f.approaches) > 0 {
		approaches = nil
		for _, name := range f.approaches {
			a, err := parseApproach(name)
			if err != nil {
				return err
			}
			approaches = append(approaches, a)
		}
	}
	var objects []any
	for _, a := range approaches {
		objects = append(objects, access.StandingRoles(a, f.namespaces, f.home, f.scanner)...)
	}
	policies, err := access.Policies(access.PolicyOptions{Exec: commands.Exec(), Hold: commands.Hold(), Images: f.images, Ptrace: f.ptrace})
	if err != nil {
		return fmt.Errorf("writing the policies: %w", err)
	}
	manifest, err := access.YAML(append(objects, policies...))
	if err != nil {
		return err
	}
	if _, err := s.out.Write(manifest); err != nil {
		return err
	}
	makes := slices.Contains(approaches, snapshot.DebugContainer) || slices.Contains(approaches, snapshot.ImageVolume)
	if len(f.images) == 0 && makes {
		_, _ = fmt.Fprintln(s.err, "assay: without --debug-image, the policies let the approaches debug-container and image-volume do nothing")
	}
	return nil
}
