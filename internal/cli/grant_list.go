package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/gate"
	"github.com/kubeassay/assay/inspect/access"
	"github.com/kubeassay/assay/kube"
	"github.com/kubeassay/assay/report"
)

// standing are the flags of the commands about what is in the cluster already.
type standing struct {
	connection
	namespaces []string
	output     string
	quiet      bool
}

func (f *standing) bind(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.SortFlags = false
	bindNamespaces(flags, &f.namespaces)
	flags.StringVarP(&f.output, "output", "o", report.Table, "table or json")
	flags.BoolVarP(&f.quiet, "quiet", "q", false, "Say nothing on standard error but errors")
	inGroup(flags, connectionFlags, f.connection.bind)
}

// open checks the flags and connects.
func (f *standing) open(s *streams) (*kube.Client, error) {
	if f.output != report.Table && f.output != report.JSON {
		return nil, usagef("unknown format %q: use one of table, json", f.output)
	}
	return f.connect(s, f.quiet)
}

// now is the server's time, or where it does not tell, ours.
func (f *standing) now(ctx context.Context, s *streams, client *kube.Client) time.Time {
	now, err := access.ServerTime(ctx, client)
	if err != nil {
		_, _ = fmt.Fprintf(s.err, "assay: %s; this machine's clock counts\n", report.Printable(err.Error()))
		return time.Now().UTC()
	}
	return now
}

// gaps says what could not be read, and gives the exit code for it.
func gaps(s *streams, all []finding.Coverage) error {
	if len(all) == 0 {
		return nil
	}
	for _, c := range all {
		_, _ = fmt.Fprintf(s.err, "assay: not looked at: %s: %s: %s\n", c.Scope, c.State, report.Printable(c.Detail))
	}
	return exit(gate.Incomplete)
}

func newGrantList(s *streams) *cobra.Command {
	var f standing
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the grants that stand, whoever made them",
		Example: "  assay grant list\n  assay grant list -n shop -o json",
		Args:    args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := f.open(s)
			if err != nil {
				return err
			}
			defer f.close()
			ctx := cmd.Context()
			found, coverage := access.List(ctx, client, f.namespaces...)
			if f.output == report.JSON {
				err = writeJSON(s.out, map[string]any{"grants": orEmpty(found), "coverage": orEmpty(coverage)})
			} else {
				var now time.Time
				if len(found) > 0 {
					now = f.now(ctx, s, client)
				}
				err = writeGrants(s.out, found, now, len(coverage) == 0)
			}
			if err != nil {
				return err
			}
			return gaps(s, coverage)
		},
	}
	f.bind(cmd)
	return cmd
}

func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// writeGrants writes a line for each grant and, below it, what it allows.
func writeGrants(out io.Writer, found []access.Found, now time.Time, complete bool) error {
	if len(found) == 0 && complete {
		_, err := fmt.Fprintln(out, "No grants stand.")
		return err
	}
	width := report.Terminal(out).Width
	var b strings.Builder
	for i := range found {
		g := &found[i]
		until := "not known when it expires"
		switch {
		case g.Expired(now):
			until = "expired " + now.Sub(g.ExpiresAt).Round(time.Second).String() + " ago"
		case !g.ExpiresAt.IsZero():
			until = "expires in " + g.ExpiresAt.Sub(now).Round(time.Second).String()
		}
		kind := "inspection"
		if g.HandedOut {
			kind = "handed out"
		}
		_, _ = fmt.Fprintf(&b, "%s  %s, %s\n", g.Name, kind, until)
		detail := func(format string, args ...any) {
			text := report.Printable(fmt.Sprintf(format, args...))
			if width > 0 {
				text = ansi.Wrap(text, max(width-2, 20), "/,")
			}
			b.WriteString("  " + strings.ReplaceAll(text, "\n", "\n    ") + "\n")
		}
		detail("namespace %s; account in %s; made by %s", strings.Join(g.Namespaces, ", "), orUnknown(g.Home), orUnknown(g.CreatedBy))
		for _, r := range g.Rules {
			detail("%s", r)
		}
		if g.Problem != "" {
			detail("problem: %s", g.Problem)
		}
	}
	_, err := io.WriteString(out, b.String())
	return err
}

func orUnknown(s string) string {
	if s == "" {
		return "(unknown)"
	}
	return s
}

func newGrantRevoke(s *streams) *cobra.Command {
	var f standing
	var all bool
	cmd := &cobra.Command{
		Use:   "revoke NAME...|--all",
		Short: "Revoke grants",
		Long: `Revoke grants by their names, or all that stand. The bindings go first, and with
them the access. A stream that is open (a running kubectl exec) stays open: nobody
but its owner, or the end of the process in it, ends that.

--all revokes the grants of inspections that are under way too, and so breaks them.`,
		Example: "  assay grant revoke assay-handout-x7k2m4p6q2ab\n  assay grant revoke --all -n shop",
		RunE: func(cmd *cobra.Command, names []string) error {
			if all == (len(names) > 0) {
				return usagef("name the grants to revoke, or give --all; see assay grant list")
			}
			client, err := f.open(s)
			if err != nil {
				return err
			}
			defer f.close()
			return f.revoke(cmd.Context(), s, client, names)
		},
	}
	f.bind(cmd)
	cmd.Flags().BoolVar(&all, "all", false, "Revoke every grant, also those of inspections under way")
	return cmd
}

// revoke revokes the grants named; all where none is.
func (f *standing) revoke(ctx context.Context, s *streams, client *kube.Client, names []string) error {
	found, coverage := access.List(ctx, client, f.namespaces...)
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("looking for grants: %w", context.Cause(ctx))
	}
	missing := slices.DeleteFunc(slices.Clone(names), func(n string) bool {
		return slices.ContainsFunc(found, func(g access.Found) bool { return g.Name == n })
	})
	failed := false
	var gone []access.Left
	for i := range found {
		if len(names) > 0 && !slices.Contains(names, found[i].Name) {
			continue
		}
		removed, err := access.RevokeFound(ctx, client, &found[i])
		gone = append(gone, removed...)
		if err != nil {
			failed = true
			_, _ = fmt.Fprintf(s.err, "assay: %s\n", report.Printable(err.Error()))
		}
	}
	if err := f.tellRemoved(s, gone, nil); err != nil {
		return err
	}
	for _, n := range missing {
		failed = true
		_, _ = fmt.Fprintf(s.err, "assay: there is no grant %q that can be seen; see assay grant list\n", report.Printable(n))
	}
	if err := gaps(s, coverage); err != nil {
		return err
	}
	if failed {
		return exit(gate.Incomplete)
	}
	return nil
}

// tellRemoved says what is gone, and what was kept.
func (f *standing) tellRemoved(s *streams, gone, kept []access.Left) error {
	if f.output == report.JSON {
		return writeJSON(s.out, map[string]any{"removed": orEmpty(gone), "kept": orEmpty(kept)})
	}
	for i := range gone {
		if _, err := fmt.Fprintf(s.out, "removed %s\n", &gone[i]); err != nil {
			return err
		}
	}
	for i := range kept {
		if _, err := fmt.Fprintf(s.out, "kept %s: %s\n", &kept[i], report.Printable(kept[i].Problem)); err != nil {
			return err
		}
	}
	if len(gone)+len(kept) == 0 {
		_, err := fmt.Fprintln(s.out, "Nothing to remove.")
		return err
	}
	return nil
}

func newGrantPrune(s *streams) *cobra.Command {
	var f standing
	cmd := &cobra.Command{
		Use:   "prune",
		Short: "Remove what has expired: what inspections left that were killed",
		Long: `Remove grants and pods of Assay's that have expired by the server's clock. Their
tokens have ended by themselves; this removes the accounts, roles and bindings.
What has not expired belongs to somebody, and stays.`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := f.open(s)
			if err != nil {
				return err
			}
			defer f.close()
			ctx := cmd.Context()
			pruned, failed := access.Prune(ctx, client, f.now(ctx, s, client), f.namespaces...)
			if err := f.tellRemoved(s, pruned.Removed, pruned.Kept); err != nil {
				return err
			}
			if failed != nil {
				return failed
			}
			return gaps(s, pruned.Coverage)
		},
	}
	f.bind(cmd)
	return cmd
}

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// bindNamespaces adds the flag that says where to look.
func bindNamespaces(flags *pflag.FlagSet, namespaces *[]string) {
	flags.StringSliceVarP(namespaces, "namespace", "n", nil, "Namespace to look in; repeatable (default all)")
}
