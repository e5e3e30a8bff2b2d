// Package cli is the command assay: one file a command. A command turns flags
// into calls of the library and the result into an exit code. It judges
// nothing itself.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kubeassay/assay/gate"
	"github.com/kubeassay/assay/internal/settings"
	"github.com/kubeassay/assay/report"
)

// streams are what a command reads from and writes to.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// exit is the error of a command that ran, said what there was to say, and
// ends with a code of its own.
type exit int

func (e exit) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// usageError is the error of a command that was called wrongly.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// usage marks an error as one of calling, nil stays nil.
func usage(err error) error {
	if err == nil {
		return nil
	}
	return usageError{err}
}

// Main runs the command that os.Args name, and returns its exit code. The first
// Ctrl-C ends the work in good order, a second one ends the program. So does a
// terminal that is closed, which must not leave rights or pods behind; under
// nohup, which has that signal ignored, the work goes on.
func Main() int {
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		signals = append(signals, syscall.SIGHUP)
	}
	ctx, stop := signal.NotifyContext(context.Background(), signals...)
	defer stop()
	context.AfterFunc(ctx, stop)
	return Run(ctx, filepath.Base(os.Args[0]), os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
}

// Run runs a command. Name is what the program was called as.
func Run(ctx context.Context, name string, args []string, in io.Reader, out, errs io.Writer) int {
	root := newRoot(name, &streams{in, out, errs})
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errs)
	cmd, err := root.ExecuteContextC(ctx)
	var code exit
	var wrong usageError
	switch {
	case err == nil:
		return gate.OK
	case errors.As(err, &code):
		return int(code)
	}
	// It may repeat what a file or a server says.
	_, _ = fmt.Fprintf(errs, "assay: %s\n", report.Printable(err.Error()+settings.Whence(cmd.Flags(), err.Error())))
	if errors.As(err, &wrong) {
		return gate.Usage
	}
	return gate.Incomplete
}

func newRoot(name string, s *streams) *cobra.Command {
	var ready prepared
	root := &cobra.Command{
		Use:   "assay",
		Short: "Test what Kubernetes workloads claim against what they are",
		Long: `Assay looks at what runs in a Kubernetes cluster, or would run from manifests,
and says what is not safe. Every finding says how it is known: declared in the
object's spec, reported by the kubelet, or observed inside the container.

Exit codes: 0 nothing found, 1 findings at or above --fail-on, 2 something could
not be judged, 3 wrong usage. Flags can also be set by environment variables,
ASSAY_FAIL_ON for --fail-on, or in a file: see assay config view.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          noSubcommand,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			if err := ready.prepare(cmd); err != nil {
				return usage(err)
			}
			return usage(emptyValues(cmd.Flags()))
		},
	}
	inGroup(root.PersistentFlags(), "Settings", func(flags *pflag.FlagSet) {
		flags.String(configFlag, "", "File with settings; none: read no file (default config.yaml in your own folder, see assay config view)")
	})
	root.SuggestionsMinimumDistance = 2
	root.SetUsageFunc(func(cmd *cobra.Command) error {
		writeUsage(cmd.OutOrStdout(), cmd, report.Terminal(s.out).Width)
		return nil
	})
	if name == "kubectl-assay" {
		root.Annotations = map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl assay"}
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usagef("%w; see %s --help", err, cmd.CommandPath())
	})
	root.AddCommand(
		newScan(s), newInspect(s), newEvaluate(s), newDiff(s), newServe(s), newDemo(s), newChecks(s), newExplain(s), newFrameworks(s), newProfile(s),
		newPSA(s), newWhoCan(s), newExplainAccess(s),
		newGrant(s), newSidecar(s), newAttest(s), newAudit(s), newVerifyClean(s), newConfig(s, &ready), newVersion(s),
	)
	completeFlags(root)
	return root
}

// noSubcommand is what the root says to a word that is no command.
func noSubcommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := ""
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		hint = fmt.Sprintf(" (did you mean %s?)", strings.Join(near, ", "))
	} else if _, err := os.Stat(args[0]); err == nil {
		hint = fmt.Sprintf(" (to scan files: %s scan %s)", cmd.CommandPath(), args[0])
	}
	return usagef("unknown command %q%s; see %s --help", args[0], hint, cmd.CommandPath())
}

// args makes an error about arguments one of usage.
func args(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			if strings.Contains(err.Error(), "arg(s)") { // cobra's own words tell how many, and not which
				err = fmt.Errorf("%w: the command is %s", err, cmd.UseLine())
			}
			return usagef("%w; see %s --help", err, cmd.CommandPath())
		}
		return nil
	}
}

// emptyValues finds lists that were given without a value: an unset variable in
// a script would else choose everything.
func emptyValues(flags *pflag.FlagSet) error {
	var wrong error
	flags.Visit(func(f *pflag.Flag) {
		list, ok := f.Value.(pflag.SliceValue)
		if !ok || wrong != nil {
			return
		}
		if values := list.GetSlice(); len(values) == 0 || slices.Contains(values, "") {
			wrong = fmt.Errorf("--%s has an empty value: give one, or leave the flag out", f.Name)
		}
	})
	return wrong
}
