package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/gate"
	"github.com/kubeassay/assay/inspect"
	"github.com/kubeassay/assay/inspect/snapshot"
)

func newEvaluate(s *streams) *cobra.Command {
	var f resultFlags
	cmd := &cobra.Command{
		Use:   "evaluate SNAPSHOT...",
		Short: "Judge saved evidence again, without a cluster",
		Long: `Judge snapshots that assay inspect --save-snapshot has kept, with the same
profiles or others. Controls that need a secret that was redacted are not
reviewed.`,
		Example: `  assay evaluate cart.snapshot
  assay evaluate snapshots/*.snapshot --profile my.yaml -o hdf=results/`,
		Args: args(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, files []string) error { return f.evaluate(cmd.Context(), s, files) },
	}
	cmd.Flags().SortFlags = false
	f.bind(cmd.Flags())
	return cmd
}

func (f *resultFlags) evaluate(ctx context.Context, s *streams, files []string) error {
	j, err := f.judge()
	if err != nil {
		return err
	}
	if err := f.check(len(files) * len(j.profiles)); err != nil {
		return err
	}
	out, err := f.open(j, s, s.out, files...)
	if err != nil {
		return err
	}
	defer out.abandon()
	rep := &finding.Report{APIVersion: finding.APIVersion, Kind: finding.ReportKind}
	for _, p := range j.profiles {
		rep.Rules = append(rep.Rules, p.Rules()...)
	}
	var tally gate.Tally
	start := time.Now().UTC()
	for _, name := range files {
		all, err := evaluateFile(ctx, name, j)
		if ctx.Err() != nil {
			break
		}
		if err != nil {
			rep.Errors = append(rep.Errors, finding.Problem{File: name, Message: plain(err)})
			continue
		}
		for _, i := range all {
			for n := range i.Findings {
				j.waive(&i.Findings[n])
			}
			tally.Add(i)
			if err := out.Inspection(i); err != nil {
				return err
			}
		}
	}
	sum := &rep.Summary
	*sum = tally.Summary()
	sum.StartedAt, sum.FinishedAt = start, time.Now().UTC()
	sum.Errors, sum.Interrupted = len(rep.Errors), ctx.Err() != nil
	sum.Complete = sum.Complete && sum.Errors == 0 && !sum.Interrupted && sum.Statuses[finding.Error] == 0
	if sum.Interrupted {
		_, _ = fmt.Fprintln(s.err, "assay: interrupted: what was judged until then is shown")
	}
	var nothing error
	if sum.Containers == 0 && sum.Errors > 0 {
		out.dropText()
		nothing = because(nil, rep.Errors)
	}
	if err := out.finish(s, rep, f); err != nil && nothing == nil {
		return err
	}
	return nothing
}

// plain is an error about a file without the file's name, which stands before it.
func plain(err error) string {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err.Error()
	}
	return err.Error()
}

func evaluateFile(ctx context.Context, name string, j *judge) ([]*finding.Inspection, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // only read
	if info, err := file.Stat(); err == nil && info.IsDir() {
		return nil, fmt.Errorf("a folder: name the snapshots in it, as in %s", filepath.Join(name, "*.snapshot"))
	}
	snap, err := snapshot.Load(file, snapshot.LoadLimits{})
	if err != nil {
		return nil, err
	}
	return inspect.Evaluate(ctx, snap, j.profiles)
}
