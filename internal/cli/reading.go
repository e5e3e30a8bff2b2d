package cli

import (
	"fmt"

	"github.com/spf13/pflag"
	utilversion "k8s.io/apimachinery/pkg/util/version"

	"github.com/kubeassay/assay/posture"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/check/builtin"
)

// readingFlags permit what is off by default, and tell checks what they can't
// know by themselves.
type readingFlags struct {
	secrets, configMaps, kubelet bool
	target                       string
	registries                   []string
	// files: nothing is read but what was given.
	files bool
}

func (f *readingFlags) bind(flags *pflag.FlagSet) {
	flags.BoolVar(&f.secrets, check.ReadSecrets, false, "List Secrets, of which only the metadata is read: takes the right to list secrets, which can read their values")
	flags.BoolVar(&f.configMaps, check.ReadConfigMaps, false, "Read ConfigMaps, to find secrets in them; no value is kept or shown")
	flags.BoolVar(&f.kubelet, check.ReadKubelet, false, "Read the configuration of every node's kubelet")
	flags.StringVar(&f.target, "target-version", "", "Kubernetes version to judge API versions for, such as 1.37 (default the server's)")
	flags.StringSliceVar(&f.registries, "registries", nil, "Registries, or parts of them, that images may come from, such as registry.example/shop (default any)")
}

// permitted are the flags that are given. Files hold nothing that whoever
// names them has not read.
func (f *readingFlags) permitted() (flags []string) {
	if f.secrets || f.files {
		flags = append(flags, check.ReadSecrets)
	}
	if f.configMaps || f.files {
		flags = append(flags, check.ReadConfigMaps)
	}
	if f.kubelet || f.files {
		flags = append(flags, check.ReadKubelet)
	}
	return flags
}

func (f *readingFlags) options(o *posture.Options) error {
	o.Checks, o.Off = builtin.Permitted(o.Checks, f.permitted()...)
	o.Settings = &check.Settings{Registries: f.registries}
	if f.target == "" {
		return nil
	}
	v, err := utilversion.ParseGeneric(f.target)
	if err != nil || v.Major() != 1 {
		return usagef("--target-version %q: give a version of Kubernetes, such as 1.37", f.target)
	}
	o.Target = fmt.Sprintf("1.%d", v.Minor())
	return nil
}
