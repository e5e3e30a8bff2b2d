package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	serverversion "k8s.io/apimachinery/pkg/version"
	"k8s.io/pod-security-admission/api"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/gate"
	"github.com/kubeassay/assay/kube"
	"github.com/kubeassay/assay/kube/permission"
	"github.com/kubeassay/assay/posture/pss"
	"github.com/kubeassay/assay/posture/pss/survey"
	"github.com/kubeassay/assay/posture/source"
	"github.com/kubeassay/assay/posture/source/cluster"
	"github.com/kubeassay/assay/posture/source/manifest"
	"github.com/kubeassay/assay/report"
)

// psaFlags are the flags of assay psa.
type psaFlags struct {
	connection
	namespaces []string
	files      []string
	version    string
	output     string
	commands   bool
	plan       bool
	quiet      bool
}

func newPSA(s *streams) *cobra.Command {
	var f psaFlags
	cmd := &cobra.Command{
		Use:   "psa",
		Short: "Say which Pod Security level each namespace could be raised to",
		Long: `Say, for each namespace, which level of the Pod Security Standards its labels
enforce, which one it could enforce today, and what stands in the way of the next.
Below the table are the kubectl commands that raise what can be raised; nothing is
changed by assay itself.

A level could be enforced today when it denies none of the namespace's pods and
none of the pod templates in it, from which the next pods are made. Pods are
judged by the rules of the API server's own admission plugin, in the version that
the namespace asks for; "latest" is the server's version.

Exemptions, and defaults other than the built-in ones, stand in a file of the API
server that nobody can read through the API: they are not considered.

Exit codes: 0 all was read, 2 something could not be, 3 wrong usage.`,
		Example: `  assay psa
  assay psa -n shop -n web -o wide
  assay psa --version v1.37
  assay psa --commands
  assay psa -f deploy/ -o json`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if len(f.files) > 0 {
				if err := withoutConnection(cmd.Flags()); err != nil {
					return err
				}
			}
			return f.run(cmd.Context(), s)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	bindNamespaces(flags, &f.namespaces)
	flags.StringSliceVarP(&f.files, "filename", "f", nil, "File, folder, or - for standard input, to read manifests from instead of a cluster; repeatable")
	flags.StringVar(&f.version, "version", "", "Version of the standards to judge all namespaces by, such as v1.37 or latest (default the one that each namespace asks for)")
	flags.StringVarP(&f.output, "output", "o", report.Table, "table, wide, json or yaml")
	flags.BoolVar(&f.commands, "commands", false, "Print only the kubectl commands")
	flags.BoolVar(&f.plan, "plan", false, "Read nothing: print what could be read, and the least role for it (-o yaml: only the role)")
	flags.BoolVarP(&f.quiet, "quiet", "q", false, "Say nothing on standard error but errors")
	inGroup(flags, connectionFlags, f.connection.bind)
	return cmd
}

// blockersKept is how many objects that stand in the way are named, of all
// namespaces together; the others are counted. It bounds the memory.
const blockersKept = 5000

func (f *psaFlags) run(ctx context.Context, s *streams) error {
	o, err := f.options()
	if err != nil {
		return err
	}
	evaluator, err := pss.New()
	if err != nil {
		return err
	}
	if len(f.files) > 0 {
		return f.survey(ctx, s, survey.New(evaluator, o), f.manifests(s.in), "")
	}
	client, err := f.connect(s, f.quiet)
	if err != nil {
		return err
	}
	defer f.close()
	src, err := cluster.New(client, cluster.Options{Namespaces: f.namespaces, Kinds: psaKinds()})
	if err != nil {
		return usage(err)
	}
	if f.plan {
		return f.runPlan(ctx, s, client, src)
	}
	var gaps []finding.Coverage
	server, err := latest(ctx, client, &o)
	if err != nil {
		gaps = append(gaps, finding.Coverage{Scope: "standards", State: finding.Unsupported, Detail: err.Error()})
	}
	if err := f.labels(ctx, client, &o, &gaps); err != nil {
		return err
	}
	all := survey.New(evaluator, o)
	for _, c := range gaps {
		all.Cover(c)
	}
	return f.survey(ctx, s, all, src, server)
}

// manifests reads workloads, and namespaces for their labels, from files.
func (f *psaFlags) manifests(in io.Reader) source.Source {
	return manifest.New(f.files, manifest.Options{
		Stdin: in, Namespaces: f.namespaces,
		Others: func(apiVersion, kind string) metav1.Object {
			if apiVersion == "v1" && kind == "Namespace" {
				return &corev1.Namespace{}
			}
			return nil
		},
	})
}

// options reads the flags.
func (f *psaFlags) options() (survey.Options, error) {
	o := survey.Options{Latest: pss.Newest(), Only: f.namespaces}
	switch {
	case f.output != report.Table && f.output != report.Wide && f.output != report.JSON && f.output != report.YAML:
		return o, usagef("unknown format %q: use one of table, wide, json, yaml", f.output)
	case f.commands && f.output != report.Table:
		return o, usagef("--commands prints nothing but commands: leave out --output")
	case f.plan && (f.output != report.Table && f.output != report.YAML || f.commands):
		return o, usagef("--plan prints a table and the role, or with -o yaml only the role")
	case f.plan && len(f.files) > 0:
		return o, usagef("--plan is about a cluster's permissions; files need none: leave out --filename")
	}
	if f.output != report.Table {
		o.Keep = blockersKept
	}
	if f.version == "" {
		return o, nil
	}
	v, err := api.ParseVersion(f.version)
	if err != nil {
		return o, usagef("--version %q: %w", f.version, err)
	}
	if newest := pss.Newest(); !v.Latest() && newest.Older(v) {
		return o, usagef("--version %s: the newest version that is known here is %s", f.version, newest)
	}
	o.Version = &v
	return o, nil
}

// psaKinds are the kinds whose pods would be denied. Of a PodTemplate, nothing
// makes pods.
func psaKinds() []kube.Resource {
	return []kube.Resource{
		kube.Deployments, kube.ReplicaSets, kube.StatefulSets, kube.DaemonSets,
		kube.CronJobs, kube.Jobs, kube.ReplicationControllers, kube.Pods,
	}
}

// latest finds the server's version. With an error, pods are judged by the
// newest version that is known here, and that has to be said.
func latest(ctx context.Context, client *kube.Client, o *survey.Options) (server string, err error) {
	b, err := client.Get(ctx, "/version")
	if err != nil {
		return "", fmt.Errorf("the server's version is not known, and %s stands for it: %w", o.Latest, err)
	}
	var info serverversion.Info
	if err := json.Unmarshal(b, &info); err != nil {
		return "", fmt.Errorf("the server's version is not known, and %s stands for it: reading /version: %w", o.Latest, err)
	}
	server = info.GitVersion
	behaves := server
	if info.EmulationMajor != "" && info.EmulationMinor != "" {
		behaves = "v" + info.EmulationMajor + "." + info.EmulationMinor // an older one, where it is told to
	}
	v, err := pss.Version(behaves)
	var newer *pss.NewerError
	switch {
	case errors.As(err, &newer):
		o.Latest = v
		return server, err
	case err != nil:
		return server, fmt.Errorf("%w; %s stands for it", err, o.Latest)
	}
	o.Latest = v
	return server, nil
}

// labels reads the labels of the namespaces. What can't be read becomes a gap;
// only that the server can't be reached at all is an error.
func (f *psaFlags) labels(ctx context.Context, client *kube.Client, o *survey.Options, gaps *[]finding.Coverage) error {
	o.Labels = map[string]map[string]string{}
	for _, name := range f.namespaces {
		var n corev1.Namespace
		err := client.Read(ctx, kube.Ref{Resource: kube.Namespaces, Name: name}, &n)
		switch {
		case err == nil:
			o.Labels[name] = n.Labels
		case apierrors.IsNotFound(err): // the source says so
		case apierrors.IsForbidden(err):
			*gaps = append(*gaps, finding.Coverage{Scope: "namespace/" + name + "/labels", State: finding.Forbidden, Detail: err.Error()})
		default:
			return err
		}
	}
	if len(f.namespaces) > 0 {
		return nil
	}
	for page, err := range client.Pages(ctx, kube.Namespaces, kube.ListOptions{}) {
		if apierrors.IsForbidden(err) {
			*gaps = append(*gaps, finding.Coverage{Scope: "kind/labels", State: finding.Forbidden, Detail: "the labels of namespaces can't be read: " + err.Error()})
			return nil
		}
		if err != nil {
			return err
		}
		for raw := range page.Items() {
			var n corev1.Namespace
			if err := n.Unmarshal(raw); err != nil {
				return fmt.Errorf("decoding a namespace: %w", err)
			}
			o.Labels[n.Name] = n.Labels
		}
	}
	return nil
}

// survey reads everything, writes it, and finds the exit code.
func (f *psaFlags) survey(ctx context.Context, s *streams, all *survey.Survey, src source.Source, server string) error {
	if err := all.Read(ctx, src); err != nil {
		for _, p := range all.Problems {
			_, _ = fmt.Fprintf(s.err, "assay: %s\n", report.Printable(p.String()))
		}
		return err
	}
	if err := f.write(s, all, server); err != nil {
		return err
	}
	for _, p := range all.Problems {
		_, _ = fmt.Fprintf(s.err, "assay: %s\n", report.Printable(p.String()))
	}
	for _, c := range all.Coverage {
		_, _ = fmt.Fprintf(s.err, "assay: not looked at: %s: %s: %s\n", report.Printable(c.Scope), c.State, report.Printable(c.Detail))
	}
	if !all.Complete() {
		return exit(gate.Incomplete)
	}
	return nil
}

// runPlan says what could be read, and prints the role for all of it.
func (f *psaFlags) runPlan(ctx context.Context, s *streams, client *kube.Client, src *cluster.Source) error {
	needs := src.Needs()
	for i := range needs {
		if n := &needs[i]; n.Resource == kube.Namespaces {
			n.Required, n.For = true, "which namespaces there are, and what their labels enforce"
		}
	}
	role, err := permission.Manifest(wants(needs), permission.Names{Name: "assay-psa"})
	if err != nil {
		return err
	}
	if f.output == report.YAML {
		_, err := s.out.Write(role)
		return err
	}
	complete, err := writePlan(ctx, s.out, client, src, needs)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.out, "\nThe least that it needs. To grant it: %s | kubectl apply -f -\n\n%s", "assay psa --plan -o yaml", role)
	if err == nil && !complete {
		return exit(gate.Incomplete)
	}
	return err
}
