package cli

import (
	"fmt"

	"github.com/spf13/pflag"
	utilversion "k8s.io/apimachinery/pkg/util/version"

	"github.com/kubeassay/assay/image"
	"github.com/kubeassay/assay/kube"
	"github.com/kubeassay/assay/posture"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/check/builtin"
	"github.com/kubeassay/assay/posture/source/cluster"
)

// readingFlags permit what is off by default, and tell checks what they can't
// know by themselves.
type readingFlags struct {
	secrets, configMaps, kubelet bool
	kubeletProxy                 bool
	kubeletAuthority             string
	target                       string
	registries                   []string
	// files: nothing is read but what was given.
	files bool
	// note is what the report says of how kubelets were asked.
	note string
}

func (f *readingFlags) bind(flags *pflag.FlagSet) {
	flags.BoolVar(&f.secrets, check.ReadSecrets, false, "List Secrets, of which only the metadata is read: takes the right to list secrets, which can read their values")
	flags.BoolVar(&f.configMaps, check.ReadConfigMaps, false, "Read ConfigMaps, to find secrets in them; no value is kept or shown")
	flags.BoolVar(&f.kubelet, check.ReadKubelet, false, "Read the configuration of every node's kubelet, by asking each kubelet itself: takes the right to get nodes/configz")
	flags.BoolVar(&f.kubeletProxy, kubeletProxy, false, "Read it through the API server: takes the right to get nodes/proxy, with which one can also run commands in every pod")
	flags.StringVar(&f.kubeletAuthority, kubeletAuthority, "", "File with the authority of the kubelets' serving certificates (default the cluster's own)")
	flags.StringVar(&f.target, "target-version", "", "Kubernetes version to judge API versions for, such as 1.37 (default the server's)")
	flags.StringSliceVar(&f.registries, "registries", nil, "Registries, or parts of them, that images may come from, such as registry.example/shop (default any)")
}

// permitted are the flags that are given, without which some checks are not
// made. Files hold nothing that whoever
// names them has not read.
func (f *readingFlags) permitted() (flags []string) {
	if f.secrets || f.files {
		flags = append(flags, check.ReadSecrets)
	}
	if f.configMaps || f.files {
		flags = append(flags, check.ReadConfigMaps)
	}
	if f.kubelet || f.kubeletProxy || f.files {
		flags = append(flags, check.ReadKubelet)
	}
	if len(f.registries) > 0 {
		flags = append(flags, check.Registries)
	}
	return flags
}

// The flags that say how kubelets are asked.
const (
	kubeletProxy     = "kubelet-proxy"
	kubeletAuthority = "kubelet-certificate-authority"
)

func (f *readingFlags) options(o *posture.Options) error {
	if f.kubeletProxy && f.kubeletAuthority != "" {
		return usagef("--%s and --%s contradict each other: with the first, it is the API server that verifies kubelets' certificates", kubeletProxy, kubeletAuthority)
	}
	for _, r := range f.registries {
		if err := image.CheckPrefix(r); err != nil {
			return usagef("--%s: %w", check.Registries, err)
		}
	}
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

// kubelets says how they are asked.
func (f *readingFlags) kubelets() kube.KubeletOptions {
	return kube.KubeletOptions{Proxy: f.kubeletProxy, CertificateAuthority: f.kubeletAuthority}
}

// proxyWarning is what whoever grants nodes/proxy has to know.
const proxyWarning = "--" + kubeletProxy + " uses the permission to get nodes/proxy: whoever has it can also run commands in every pod of every node, " +
	"and neither admission nor the API server's audit log need notice. Take it back after the scan, or do without: " +
	"--" + check.ReadKubelet + " alone takes nodes/configz, which only reads"

// tokenWarning is what whoever shows a token to every node has to know.
const tokenWarning = "--" + check.ReadKubelet + " shows our token to the kubelet of every node, and somebody who has taken over a node could use it: " +
	"scan with credentials that may do no more than --plan lists, or with a client certificate, which is not given away"

// warn says what reading kubelets gives away, and notes it for the report.
func (f *readingFlags) warn(s *streams, src *cluster.Source, quiet bool) {
	k := src.Kubelets()
	switch {
	case k == nil:
		return
	case f.kubeletProxy:
		f.note = proxyWarning
	case k.ShowsToken():
		f.note = tokenWarning
	}
	if f.note != "" && !quiet {
		_, _ = fmt.Fprintf(s.err, "assay: warning: %s\n", f.note)
	}
}

// notes are for the report.
func (f *readingFlags) notes() []string {
	if f.note == "" {
		return nil
	}
	return []string{f.note}
}
