package cli

import (
	"os"
	"path"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kubeassay/assay/inspect/profile"
	"github.com/kubeassay/assay/internal/settings"
)

// configFlag names the file of settings, and can't stand in it.
const configFlag = "config"

// prepared is what was read before a command runs.
type prepared struct {
	catalog  *settings.Catalog
	location settings.Location
	file     *settings.File
}

// prepare gives the flags of a command that were not given the values of
// ASSAY_ variables and of the file of settings.
func (p *prepared) prepare(cmd *cobra.Command) (err error) {
	p.catalog = settings.Of(cmd.Root(), settingRules())
	if !p.catalog.Has(cmd) {
		return nil
	}
	if p.location, err = settings.Locate(cmd.Root().PersistentFlags().Lookup(configFlag), os.LookupEnv); err != nil {
		return err
	}
	if p.file, err = p.catalog.Load(p.location); err != nil {
		return err
	}
	return p.catalog.Apply(cmd, os.LookupEnv, p.file)
}

// judging are the commands that the variables of all flags are for. The others
// have some flags of the same names that mean something else, such as --output.
var judging = []string{"scan", "inspect", "evaluate", "psa", "serve", "demo"}

func settingRules() settings.Rules {
	return settings.Rules{
		Refuse:        refused,
		Resolve:       resolved,
		Rivals:        [][]string{{"namespace", "all-namespaces"}, {"least-privilege", "as-me"}},
		EveryVariable: func(command string) bool { return slices.Contains(judging, command) },
	}
}

// refused says why no file of settings may have a flag.
func refused(flag string) string {
	switch flag {
	case "token":
		return "a file of settings is no place for a secret; a kubeconfig can name a file that holds the token (tokenFile)"
	case configFlag:
		return "it says which file that is"
	}
	return ""
}

// pathFlags are the flags whose values are paths.
var pathFlags = []string{
	"attest", "attest-output", "audit-log", "certificate-authority", "client-certificate", "client-key", "expect", "filename",
	"key", "kubeconfig", kubeletAuthority, "kubeconfig-out", "save-snapshot", "threshold", "tls-cert", "tls-key", "token-file", "waivers",
}

// resolved makes a relative path in a file of settings one below its folder. So
// it means the same wherever Assay is called, and reads nothing of a folder
// that happens to be the current one.
func resolved(flag, value, folder string) (string, error) {
	switch {
	case slices.Contains(pathFlags, flag):
		return settings.Below(folder, value)
	case flag == "output":
		format, file, ok := strings.Cut(value, "=")
		if !ok {
			return value, nil
		}
		file, err := settings.Below(folder, file)
		return format + "=" + file, err
	case flag == "profile" && isFile(value):
		return settings.Below(folder, value)
	}
	return value, nil
}

// isFile reports whether --profile takes a name for that of a file.
func isFile(name string) bool {
	ext := path.Ext(name)
	return !slices.Contains(profile.BuiltinNames(), name) && (ext == ".yaml" || ext == ".yml" || strings.ContainsAny(name, `/\`))
}
