package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/gate"
	"github.com/kubeassay/assay/inspect/access"
	"github.com/kubeassay/assay/report"
)

// newVerifyClean looks for anything of ours in a cluster.
func newVerifyClean(s *streams) *cobra.Command {
	var f standing
	cmd := &cobra.Command{
		Use:   "verify-clean",
		Short: "Check that inspections have left nothing in the cluster",
		Long: `Look for everything that inspections make: service accounts, roles, bindings,
pods, and the entries of ephemeral containers in others' pods (which nobody can
remove; they go with the pod). Assay finds its things by their labels and names.

Exit codes: 0 nothing is left, 1 something is, 2 not everything could be looked
at. What belongs to an inspection that is under way is listed too.`,
		Example: "  assay verify-clean\n  assay verify-clean -n shop -o json",
		Args:    args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := f.open(s)
			if err != nil {
				return err
			}
			defer f.close()
			left, coverage, err := access.Clean(cmd.Context(), client, f.namespaces...)
			if err != nil {
				return err
			}
			if err := f.writeLeft(s, left, coverage); err != nil {
				return err
			}
			if err := gaps(s, coverage); err != nil {
				return err
			}
			if len(left) > 0 {
				return exit(gate.Failed)
			}
			return nil
		},
	}
	f.bind(cmd)
	return cmd
}

func (f *standing) writeLeft(s *streams, left []access.Left, coverage []finding.Coverage) error {
	clean := len(left)+len(coverage) == 0
	if f.output == report.JSON {
		return writeJSON(s.out, map[string]any{"clean": clean, "left": orEmpty(left), "coverage": orEmpty(coverage)})
	}
	for i := range left {
		l := &left[i]
		more := ""
		switch {
		case l.Problem != "":
			more = ": " + l.Problem
		case !l.ExpiresAt.IsZero():
			more = fmt.Sprintf(": may be removed after %s (assay grant prune)", l.ExpiresAt.Format("2006-01-02T15:04:05Z07:00"))
		}
		if _, err := fmt.Fprintf(s.out, "left: %s%s\n", l, report.Printable(more)); err != nil {
			return err
		}
	}
	var verdict string
	switch {
	case clean && len(f.namespaces) == 0:
		verdict = "Clean: nothing of Assay's is in this cluster."
	case clean:
		verdict = "Clean: nothing of Assay's is in these namespaces."
	case len(left) == 0:
		verdict = "Nothing was found, but not everything could be looked at."
	default:
		return nil
	}
	_, err := fmt.Fprintln(s.out, verdict)
	return err
}
