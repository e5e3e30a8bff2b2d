package cli

import (
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/gate"
	"github.com/kubeassay/assay/inspect/profile"
	"github.com/kubeassay/assay/report"
)

// completeFlags gives shells the values that flags can have, for all commands.
// They are made when a shell asks.
func completeFlags(parent *cobra.Command) {
	for _, cmd := range parent.Commands() {
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if _, known := flagValues()[f.Name]; !known && (f.Name != "output" || outputFormats()[cmd.Name()] == nil) {
				return
			}
			_ = cmd.RegisterFlagCompletionFunc(f.Name, func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
				switch f.Name {
				case "output":
					return outputFormats()[cmd.Name()], cobra.ShellCompDirectiveNoFileComp
				case "profile": // or a file
					return profile.BuiltinNames(), cobra.ShellCompDirectiveDefault
				}
				return flagValues()[f.Name](), cobra.ShellCompDirectiveNoFileComp
			})
		})
		completeFlags(cmd)
	}
}

func flagValues() map[string]func() []string {
	severities := func() []string { return texts(finding.Severities) }
	return map[string]func() []string{
		"min-severity": severities,
		"fail-on":      func() []string { return append(severities(), string(gate.None)) },
		"status":       func() []string { return texts(finding.Statuses) },
		"approach":     func() []string { return append(approachNames(), "auto") },
		"checks":       checkIDs, "skip-checks": checkIDs, "framework": frameworkIDs, "profile": profile.BuiltinNames,
	}
}

// outputFormats are those of the commands whose reports have several.
func outputFormats() map[string][]string {
	return map[string][]string{
		"scan": report.Formats(), "inspect": report.InspectionFormats(), "evaluate": report.InspectionFormats(), "diff": report.DiffFormats(),
	}
}

func texts[T ~string](all []T) []string {
	s := make([]string, len(all))
	for i, v := range all {
		s[i] = string(v)
	}
	return s
}
