package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kubeassay/assay/inspect/collect/sidecar"
)

func newSidecar(s *streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "sidecar",
		Short: "Work with the sidecar container that inspect can ask",
		Args:  args(cobra.NoArgs),
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newSidecarInject(s))
	return cmd
}

type injectFlags struct {
	file, container, image, workload, runAs string
}

func newSidecarInject(s *streams) *cobra.Command {
	var f injectFlags
	cmd := &cobra.Command{
		Use:   "inject -f FILE --container NAME --image IMAGE",
		Short: "Print a workload with a sidecar container for inspect",
		Long: `Prints the workload in a file with a sidecar container beside one of its
containers: a native sidecar (an init container that keeps running, Kubernetes
1.29 or later) which holds Assay's collector and waits to be asked by

  assay inspect --approach sidecar-container

It runs as the same user and group and with the same capabilities as the
container, and is locked down otherwise: no port, a root file system that can't
be written, no service account token, limits for processor and memory. The pod's
containers get to see each other's processes (shareProcessNamespace); the first
process of a container is then not number 1 any more.

Nothing is applied. Other objects in the file pass unchanged, comments stay, and
a workload that has the sidecar already is printed as it is.`,
		Example: `  assay sidecar inject -f cart.yaml --container app --image IMAGE >new.yaml
  kubectl get deploy cart -o yaml |
    assay sidecar inject -f - --container app --image IMAGE --run-as 1000:1000`,
		Args: args(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error { return f.run(s) },
	}
	flags := cmd.Flags()
	flags.StringVarP(&f.file, "filename", "f", "", "file with the workload, - for standard input")
	flags.StringVar(&f.container, "container", "", "container to look into")
	flags.StringVar(&f.image, "image", "", "image of the collector")
	flags.StringVar(&f.workload, "workload", "", "which workload is meant, such as Deployment/cart, where several have that container")
	flags.StringVar(&f.runAs, "run-as", "", "user and group that the container runs as, such as 1000:1000, where the workload leaves that to its image")
	return cmd
}

func (f *injectFlags) run(s *streams) error {
	for _, needed := range []struct{ flag, value string }{{"--filename", f.file}, {"--container", f.container}, {"--image", f.image}} {
		if needed.value == "" {
			return usagef("%s is not given; see assay sidecar inject --help", needed.flag)
		}
	}
	o := sidecar.InjectOptions{Image: f.image, File: f.file, Workload: f.workload}
	if f.runAs != "" {
		ids, err := parseIDs(f.runAs)
		if err != nil {
			return usagef("--run-as %q: %w", f.runAs, err)
		}
		o.RunAs = &ids
	}
	in := s.in
	if f.file == "-" {
		o.File = "standard input"
	} else {
		file, err := os.Open(f.file)
		if err != nil {
			return usage(err)
		}
		defer func() { _ = file.Close() }()
		in = file
	}
	text, err := io.ReadAll(io.LimitReader(in, sidecar.LargestInput+1))
	if err != nil {
		return fmt.Errorf("reading %s: %w", o.File, err)
	}
	changed, err := sidecar.Inject(text, f.container, o)
	if err != nil {
		return err
	}
	_, err = s.out.Write(changed)
	return err
}

// parseIDs reads "1000:1000".
func parseIDs(s string) (sidecar.IDs, error) {
	user, group, ok := strings.Cut(s, ":")
	u, err := strconv.ParseInt(user, 10, 64)
	g, err2 := strconv.ParseInt(group, 10, 64)
	if !ok || err != nil || err2 != nil || u < 0 || g < 0 {
		return sidecar.IDs{}, errors.New("give a user's and a group's number, such as 1000:1000")
	}
	return sidecar.IDs{User: u, Group: g}, nil
}
