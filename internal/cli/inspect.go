package cli

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/inspect"
	"github.com/kubeassay/assay/inspect/snapshot"
	"github.com/kubeassay/assay/internal/progress"
	"github.com/kubeassay/assay/kube"
)

// inspectFlags are the flags of assay inspect.
type inspectFlags struct {
	connection
	results resultFlags
	look    lookFlags

	namespaces, exclude []string
	all, replicas       bool
	selector, fields    string
	save                string
	keepSecrets         bool
	plan, quiet         bool
}

// lookFlags say how to get inside.
type lookFlags struct {
	approach, image, scanner string
	leastPrivilege, asMe     bool
	ptrace, yes              bool
	tokenLife, timeout       time.Duration
	parallel, perNode        int
	fileBytes, totalBytes    resource.QuantityValue
	files                    int
}

func newInspect(s *streams) *cobra.Command {
	var f inspectFlags
	cmd := &cobra.Command{
		Use:   "inspect [TARGET...]",
		Short: "Look inside running containers, with temporary access",
		Long: `Look inside running containers through the Kubernetes API and judge what is
there by profiles of controls. Nothing is installed and nothing is written into
a target; where you may make them, a service account and role for just these
pods are made for the run, and taken back at its end.

A target is POD, NAMESPACE/POD, NAMESPACE/POD/CONTAINER, KIND/NAME such as
deploy/cart, or k8s-container://NAMESPACE/POD/CONTAINER. Without targets, all
pods of --namespace, -l or -A are looked into: one for each workload and image.`,
		Example: `  assay inspect deploy/cart
  assay inspect shop/cart-5d9/app -o hdf=results/
  assay inspect -n shop --profile gpos-container --threshold threshold.yaml
  assay inspect deploy/cart --plan
  assay inspect shop/cart-5d9 --save-snapshot cart.snapshot`,
		RunE: func(cmd *cobra.Command, targets []string) error { return f.run(cmd.Context(), s, targets) },
	}
	f.bind(cmd.Flags())
	return cmd
}

func (f *inspectFlags) bind(flags *pflag.FlagSet) {
	flags.SortFlags = false
	flags.StringSliceVarP(&f.namespaces, "namespace", "n", nil, "Namespace of the targets, or to take all pods from; repeatable")
	flags.BoolVarP(&f.all, "all-namespaces", "A", false, "Look into the pods of all namespaces")
	flags.StringSliceVar(&f.exclude, "exclude-namespace", nil, "Namespace to leave out; repeatable")
	flags.StringVarP(&f.selector, "selector", "l", "", "Only pods with these labels, such as app=cart,tier!=db")
	flags.StringVar(&f.fields, "field-selector", "", "Only pods with these fields, such as spec.nodeName=node-1")
	flags.BoolVar(&f.replicas, "all-replicas", false, "Look into every pod, not only one for each workload and image")
	f.results.bind(flags)
	inGroup(flags, "Approach", f.look.bind)
	inGroup(flags, "Evidence", func(flags *pflag.FlagSet) {
		flags.StringVar(&f.save, "save-snapshot", "", "Keep the evidence: a file for one target, a folder for several. Secrets in it are redacted")
		flags.BoolVar(&f.keepSecrets, "keep-secrets", false, "Do not redact secrets in snapshots")
	})
	flags.BoolVarP(&f.quiet, "quiet", "q", false, "Say nothing on standard error but errors")
	flags.BoolVar(&f.plan, "plan", false, "Change nothing: print how each target would be looked into, and what that takes (-o json, yaml)")
	inGroup(flags, connectionFlags, f.connection.bind)
}

func (f *lookFlags) bind(flags *pflag.FlagSet) {
	flags.StringVar(&f.approach, "approach", "auto", "How to get inside: auto, "+strings.Join(approachNames(), ", "))
	flags.BoolVar(&f.leastPrivilege, "least-privilege", false, "Look only with rights made for this run, or not at all (default: where you may make them)")
	flags.BoolVar(&f.asMe, "as-me", false, "Look with your own rights; make none")
	flags.DurationVar(&f.tokenLife, "token-life", inspect.DefaultTokenLife, "How long the temporary token lives at most; from 10m")
	flags.StringVar(&f.scanner, "scanner-namespace", "", "Namespace for service accounts and pods of ours (default assay-system, where there is one)")
	flags.StringVar(&f.image, "debug-image", "", "Reference of our collector's image (see make image), for debug-container and image-volume")
	flags.BoolVar(&f.ptrace, "allow-ptrace", false, "The debug container may have CAP_SYS_PTRACE")
	flags.BoolVar(&f.yes, "yes", false, "Agree to a debug container, whose entry stays in the pod's spec until the pod is replaced")
	flags.IntVar(&f.parallel, "parallel", inspect.DefaultParallel, "Containers to look into at once")
	flags.IntVar(&f.perNode, "per-node", inspect.DefaultPerNode, "Containers of one node to look into at once")
	var none snapshot.Limits
	d := none.WithDefaults()
	f.fileBytes.Quantity = *resource.NewQuantity(d.FileBytes, resource.BinarySI)
	f.totalBytes.Quantity = *resource.NewQuantity(d.TotalBytes, resource.BinarySI)
	flags.Var(&f.fileBytes, "max-file-bytes", "Bytes to read of one file at most, such as 500Ki")
	flags.Var(&f.totalBytes, "max-bytes", "Bytes to read of all files of a container at most")
	flags.IntVar(&f.files, "max-files", d.Files, "Files of a container to learn of at most")
	flags.DurationVar(&f.timeout, "collect-timeout", d.Time, "How long one round trip may take")
}

func approachNames() []string {
	return []string{string(snapshot.KubernetesAPI), string(snapshot.ImageVolume), string(snapshot.DebugContainer), string(snapshot.SidecarContainer)}
}

// options turns the flags into what inspect wants.
func (f *lookFlags) options() (o inspect.Options, err error) {
	if f.approach != "auto" {
		if !slices.Contains(approachNames(), f.approach) {
			return o, usagef("--approach %q: use one of auto, %s", f.approach, strings.Join(approachNames(), ", "))
		}
		o.Approach = snapshot.Approach(f.approach)
	}
	switch {
	case f.leastPrivilege && f.asMe:
		return o, usagef("--least-privilege and --as-me contradict each other: give one of them")
	case f.leastPrivilege:
		o.Access = inspect.LeastPrivilege
	case f.asMe:
		o.Access = inspect.AsMe
	}
	for _, x := range []struct {
		flag string
		n    int64
	}{
		{"parallel", int64(f.parallel)}, {"per-node", int64(f.perNode)}, {"max-file-bytes", f.fileBytes.Value()}, {"max-bytes", f.totalBytes.Value()},
		{"max-files", int64(f.files)}, {"collect-timeout", int64(f.timeout)},
	} {
		if x.n < 1 {
			return o, usagef("--%s: give more than 0", x.flag)
		}
	}
	if f.tokenLife < inspect.DefaultTokenLife {
		return o, usagef("--token-life %v: no API server makes a token for less than %v", f.tokenLife, inspect.DefaultTokenLife)
	}
	o.TokenLife, o.ScannerNamespace, o.Image, o.AllowPtrace = f.tokenLife, f.scanner, f.image, f.ptrace
	o.Parallel, o.PerNode = f.parallel, f.perNode
	o.Limits = snapshot.Limits{FileBytes: f.fileBytes.Value(), TotalBytes: f.totalBytes.Value(), Files: f.files, Time: f.timeout}
	return o, nil
}

// selection says what is looked into; the client knows the namespace of names without one.
func (f *inspectFlags) selection(client *kube.Client, targets []string) (inspect.Selection, error) {
	s := inspect.Selection{Selector: f.selector, FieldSelector: f.fields, AllReplicas: f.replicas}
	if len(targets) == 0 {
		s.Namespaces, s.Exclude = f.namespaces, f.exclude
		return s, nil
	}
	namespace := client.Namespace()
	if len(f.namespaces) == 1 {
		namespace = f.namespaces[0]
	}
	for _, t := range targets {
		ref, err := inspect.ParseTarget(t, namespace)
		if err != nil {
			return s, usage(err)
		}
		if ref.Kind == kube.Pods && f.selector != "" {
			return s, usagef("--selector chooses pods, and %s is one already: leave out the one or the other", t)
		}
		s.Targets = append(s.Targets, ref)
	}
	return s, nil
}

func (f *inspectFlags) check(targets []string) error {
	switch {
	case f.all && len(f.namespaces) > 0:
		return usagef("--all-namespaces and --namespace contradict each other: give one of them")
	case len(targets) > 0 && f.all:
		return usagef("--all-namespaces and targets contradict each other: give one of them")
	case len(targets) > 0 && len(f.namespaces) > 1:
		return usagef("targets without a namespace would be in which of %s? Give one --namespace, or write NAMESPACE/POD", strings.Join(f.namespaces, ", "))
	case len(targets) > 0 && (len(f.exclude) > 0 || f.fields != ""):
		return usagef("--exclude-namespace and --field-selector choose among all pods; they can't be used with targets")
	case len(targets) == 0 && !f.all && len(f.namespaces) == 0 && f.selector == "":
		return usagef("name a target such as deploy/cart, or choose pods by --namespace, --selector or --all-namespaces")
	case f.keepSecrets && f.save == "":
		return usagef("--keep-secrets is about snapshots: give --save-snapshot too")
	}
	for _, n := range f.namespaces {
		if slices.Contains(f.exclude, n) {
			return usagef("the namespace %s is both asked for and excluded", n)
		}
	}
	if _, err := labels.Parse(f.selector); err != nil {
		return usagef("the label selector %q can't be read: %w", f.selector, err)
	}
	return nil
}

func (f *inspectFlags) run(ctx context.Context, s *streams, targets []string) error {
	if err := f.check(targets); err != nil {
		return err
	}
	o, err := f.look.options()
	if err != nil {
		return err
	}
	j, err := f.results.judge()
	if err != nil {
		return err
	}
	o.Profiles, o.Waive = j.profiles, j.waive
	if err := f.results.check(len(j.profiles) * max(1, len(targets))); err != nil {
		return err
	}
	client, err := f.connection.connect(s, f.quiet)
	if err != nil {
		return err
	}
	defer f.connection.close()
	selection, err := f.selection(client, targets)
	if err != nil {
		return err
	}
	if f.plan {
		return f.runPlan(ctx, s, client, selection, o)
	}
	bar := progress.New(s.err, !f.quiet)
	defer bar.Stop()
	out, err := f.results.open(j, &streams{s.in, bar.Writer(s.out), s.err}, s.out)
	if err != nil {
		return err
	}
	defer out.abandon()
	o.Progress = func(p inspect.Progress) { bar.Inspected(p.Done, p.Total) }
	o.Confirm = f.look.confirm(s, bar)
	if f.save != "" {
		if o.Snapshot, err = f.saver(s); err != nil {
			return err
		}
	}
	rep, err := inspect.Run(ctx, client, selection, o, out)
	bar.Stop()
	return f.finish(s, out, rep, client, err)
}

func (f *inspectFlags) finish(s *streams, out *results, rep *finding.Report, client *kube.Client, failed error) error {
	access := f.connection.access(client)
	access.Grants = rep.Access.Grants
	rep.Access = access
	if failed != nil {
		if out.broken != nil {
			return failed
		}
		rep.Coverage = append(rep.Coverage, finding.Coverage{Scope: "inspect", State: finding.Unreadable, Detail: failed.Error()})
		rep.Summary.Complete = false
		if rep.Summary.Containers == 0 {
			out.dropText()
		}
	}
	if rep.Summary.Interrupted && !f.quiet {
		_, _ = fmt.Fprintln(s.err, "assay: interrupted: what was found until then is shown")
	}
	if failed == nil && !rep.Summary.Interrupted {
		if failed = nothingThere(rep); failed != nil {
			out.dropText()
		}
	}
	out.quiet = f.quiet
	err := out.finish(s, rep, &f.results)
	return cmp.Or(failed, err)
}

// nothingThere is the error of a run whose targets don't exist: that says it
// all, and there is no table to read beside it.
func nothingThere(rep *finding.Report) error {
	if rep.Summary.Containers > 0 || len(rep.Errors) > 0 {
		return nil
	}
	if len(rep.Coverage) == 0 {
		return errNoTargets
	}
	missing := make([]string, len(rep.Coverage))
	for i, c := range rep.Coverage {
		if c.State != finding.NotFound {
			return nil
		}
		missing[i] = strings.TrimPrefix(c.Scope, "target/") + ": " + c.Detail
	}
	return errors.New(strings.Join(missing, "\nassay: "))
}

// confirm asks on the terminal. Without one, only --yes agrees.
func (f *lookFlags) confirm(s *streams, bar *progress.Bar) func(context.Context, string) bool {
	in, ok := s.in.(*os.File)
	switch {
	case f.yes:
		return func(context.Context, string) bool { return true }
	case !ok || !term.IsTerminal(int(in.Fd())):
		return nil
	}
	var mu sync.Mutex // one question at a time
	lines := bufio.NewReader(in)
	return func(ctx context.Context, question string) bool {
		mu.Lock()
		defer mu.Unlock()
		if ctx.Err() != nil {
			return false
		}
		_, _ = fmt.Fprintf(bar.Writer(s.err), "%s [y/N] ", question)
		answer := make(chan string, 1)
		go func() { // ends with the program where nobody answers: a read of a terminal can't be called off
			line, _ := lines.ReadString('\n')
			answer <- strings.ToLower(strings.TrimSpace(line))
		}()
		select {
		case a := <-answer:
			return a == "y" || a == "yes"
		case <-ctx.Done():
			return false
		}
	}
}
