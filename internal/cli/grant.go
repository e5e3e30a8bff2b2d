package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/spf13/cobra"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/inspect"
	"github.com/kubeassay/assay/inspect/access"
	"github.com/kubeassay/assay/inspect/snapshot"
	"github.com/kubeassay/assay/kube"
	"github.com/kubeassay/assay/report"
)

// newGrant is temporary access for other tools, and what is left of ours.
func newGrant(s *streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "grant",
		Short: "Make, list and revoke temporary access to single pods",
		Long: `Make temporary access to single pods for another tool (kubectl, an auditor's
scanner), list what stands, revoke it, and remove what has expired.

A grant is a service account, a role that names exactly the pods, and a token
that ends by itself. Assay's own inspections use grants too, which are revoked
when the inspection ends, however it ends.`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newGrantCreate(s), newGrantRevoke(s), newGrantList(s), newGrantPrune(s), newGrantPolicy(s))
	return cmd
}

// grantApproaches are the values of --approach, the usual one first.
var grantApproaches = [...]snapshot.Approach{snapshot.KubernetesAPI, snapshot.DebugContainer, snapshot.SidecarContainer, snapshot.ImageVolume}

func parseApproach(name string) (snapshot.Approach, error) {
	var names []string
	for _, a := range grantApproaches {
		if string(a) == name {
			return a, nil
		}
		names = append(names, string(a))
	}
	return "", usagef("--approach: unknown approach %q: use one of %s", name, strings.Join(names, ", "))
}

type grantCreateFlags struct {
	connection
	targets   []string
	namespace string
	approach  string
	scanner   string
	home      string
	duration  time.Duration
	output    string
	file      string
	quiet     bool
}

const kubeconfigFormat = "kubeconfig"

func newGrantCreate(s *streams) *cobra.Command {
	var f grantCreateFlags
	cmd := &cobra.Command{
		Use:   "create --target NAMESPACE/POD",
		Short: "Make temporary access to single pods, and print a kubeconfig for it",
		Long: `Make temporary access to the pods named, and write a kubeconfig with which
kubectl or any other tool uses it. The access is for whole pods: Kubernetes can't
limit it to one container. It ends when its time is over; assay grant revoke ends
it before, and assay grant prune removes what is then still there of it.

You can only hand on rights that you hold yourself.`,
		Example: `  assay grant create --target shop/cart-5d9 > cart.kubeconfig
  assay grant create --target shop/cart-5d9 --duration 30m --kubeconfig-out cart.kubeconfig
  assay grant create --target deploy/cart -n shop --approach debug-container`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !cmd.Flags().Changed("output") && f.file != "" {
				f.output = report.Table
			}
			return f.run(cmd.Context(), s)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringArrayVar(&f.targets, "target", nil, "Pod to give access to: NAMESPACE/POD[/CONTAINER], or KIND/NAME for its pods of this moment; repeatable")
	flags.StringVarP(&f.namespace, "namespace", "n", "", "Namespace of targets that name none (default the context's)")
	flags.StringVar(&f.approach, "approach", string(snapshot.KubernetesAPI), "What the access is for: kubernetes-api (exec), debug-container, sidecar-container, image-volume")
	flags.DurationVar(&f.duration, "duration", access.MinDuration, "How long the token lives; 10m is the least that an API server gives")
	flags.StringVarP(&f.output, "output", "o", kubeconfigFormat, "What to print: kubeconfig; or with --kubeconfig-out, table or json")
	flags.StringVar(&f.file, "kubeconfig-out", "", "Write the kubeconfig to this new file, readable by its owner only")
	flags.StringVar(&f.home, "account-namespace", "", "Namespace of the service account (default assay-system, if there is one, else the target's)")
	flags.StringVar(&f.scanner, "scanner-namespace", "", "Namespace in which pods may be made (image-volume only; default that of the service account)")
	flags.BoolVarP(&f.quiet, "quiet", "q", false, "Say nothing on standard error but errors")
	inGroup(flags, connectionFlags, f.connection.bind)
	return cmd
}

// check finds what is wrong with the flags before anything is made.
func (f *grantCreateFlags) check() (snapshot.Approach, error) {
	approach, err := parseApproach(f.approach)
	switch {
	case err != nil:
		return "", err
	case len(f.targets) == 0:
		return "", usagef("--target is missing: name the pods, as in --target shop/cart-5d9")
	case f.duration < access.MinDuration:
		return "", usagef("--duration %v: no API server makes a token for less than %v", f.duration, access.MinDuration)
	case f.scanner != "" && approach != snapshot.ImageVolume:
		return "", usagef("--scanner-namespace is for --approach image-volume: the others make no pods")
	}
	switch f.output {
	case kubeconfigFormat:
	case report.Table, report.JSON:
		if f.file == "" {
			return "", usagef("-o %s does not hold the token, so nobody could use the grant: give --kubeconfig-out FILE too", f.output)
		}
	default:
		return "", usagef("unknown format %q: use one of kubeconfig, table, json", f.output)
	}
	return approach, nil
}

func (f *grantCreateFlags) run(ctx context.Context, s *streams) error {
	approach, err := f.check()
	if err != nil {
		return err
	}
	client, err := f.connect(s, f.quiet)
	if err != nil {
		return err
	}
	defer f.close()
	options, err := f.options(ctx, client, approach)
	if err != nil {
		return err
	}
	// Before the grant: one that can't be handed out should not be made.
	out, err := f.open(s)
	if err != nil {
		return err
	}
	grant, err := access.Create(ctx, client, options)
	if err != nil {
		out.drop()
		return err
	}
	if err := f.hand(ctx, s, grant, out); err != nil {
		out.drop()
		return errors.Join(err, grant.Revoke(ctx))
	}
	return nil
}

// options finds the pods that are meant.
func (f *grantCreateFlags) options(ctx context.Context, client *kube.Client, approach snapshot.Approach) (access.Options, error) {
	o := access.Options{Duration: f.duration, HandedOut: true, Home: f.home}
	namespace := f.namespace
	if namespace == "" {
		namespace = client.Namespace()
	}
	selection := inspect.Selection{AllReplicas: true}
	for _, t := range f.targets {
		ref, err := inspect.ParseTarget(t, namespace)
		if err != nil {
			return o, usage(err)
		}
		selection.Targets = append(selection.Targets, ref)
	}
	targets, gaps, err := inspect.Resolve(ctx, client, selection)
	if err != nil {
		return o, err
	}
	if len(gaps) > 0 {
		return o, fmt.Errorf("not all targets can be given access to, so no grant was made: %s", said(gaps))
	}
	pods := map[string][]string{}
	for _, t := range targets {
		pods[t.Pod.Namespace] = append(pods[t.Pod.Namespace], t.Pod.Name)
	}
	for _, n := range slices.Sorted(maps.Keys(pods)) {
		scanner := cmp.Or(f.scanner, f.home)
		if scanner == "" && approach == snapshot.ImageVolume {
			scanner, _ = access.Home(ctx, client, n) // Create says what there is to say about it
		}
		o.Needs = append(o.Needs, access.ForApproach(approach, n, pods[n], scanner)...)
	}
	return o, nil
}

func said(gaps []finding.Coverage) string {
	texts := make([]string, len(gaps))
	for i, g := range gaps {
		texts[i] = fmt.Sprintf("%s: %s (%s)", g.Scope, g.State, g.Detail)
	}
	return strings.Join(texts, "; ")
}

// kubeconfigFile is where the kubeconfig goes: a new file, or standard output.
type kubeconfigFile struct {
	io.Writer
	file *os.File
}

func (f *grantCreateFlags) open(s *streams) (*kubeconfigFile, error) {
	if f.file == "" {
		return &kubeconfigFile{Writer: s.out}, nil
	}
	// Never over one that is there: it might be somebody's own, or a link to it.
	file, err := os.OpenFile(f.file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return nil, usagef("--kubeconfig-out: %s is there already; name a new file", f.file)
	}
	if err != nil {
		return nil, usagef("--kubeconfig-out: %w", err)
	}
	return &kubeconfigFile{file, file}, nil
}

func (k *kubeconfigFile) close() error {
	if k.file == nil {
		return nil
	}
	return k.file.Close()
}

// drop takes the file away again.
func (k *kubeconfigFile) drop() {
	if k.file != nil {
		_ = k.file.Close()
		_ = os.Remove(k.file.Name())
	}
}

// hand writes the kubeconfig, and says what it is good for.
func (f *grantCreateFlags) hand(ctx context.Context, s *streams, grant *access.Grant, out *kubeconfigFile) error {
	if ctx.Err() != nil {
		return fmt.Errorf("grant %s: %w", grant.Name(), context.Cause(ctx))
	}
	config, err := grant.Kubeconfig("")
	if err != nil {
		return err
	}
	if _, err := out.Write(config); err != nil {
		return fmt.Errorf("writing the kubeconfig: %w", err)
	}
	if err := out.close(); err != nil {
		return fmt.Errorf("writing the kubeconfig: %w", err)
	}
	record := grant.Record()
	if f.output == report.JSON {
		return writeJSON(s.out, record)
	}
	to := s.err
	if f.output == report.Table {
		to = s.out
	} else if f.quiet {
		return nil
	}
	_, err = io.WriteString(to, describeGrant(&record, grant.Notes(), report.Terminal(to).Width))
	return err
}

// describeGrant says what was made.
func describeGrant(g *finding.Grant, notes []string, width int) string {
	var b strings.Builder
	line := func(format string, args ...any) {
		text := report.Printable(fmt.Sprintf(format, args...))
		b.WriteString(ansi.Wordwrap(text, max(width, helpWidth), "") + "\n")
	}
	line("Grant %s, until %s (by the server's clock):", g.Name, g.ExpiresAt.Format(time.RFC3339))
	for _, r := range g.Rules {
		line("  %s", r)
	}
	for _, n := range notes {
		line("Note: %s.", n)
	}
	line("To end it before: assay grant revoke %s", g.Name)
	return b.String()
}
