package cli

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"sigs.k8s.io/yaml"

	"github.com/kubeassay/assay/internal/settings"
	"github.com/kubeassay/assay/report"
)

// newConfig is about the file of settings.
func newConfig(s *streams, ready *prepared) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Show the settings, and which came from where",
		Args:  args(cobra.NoArgs),
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newConfigView(s, ready), newConfigSchema(s, ready))
	return cmd
}

func newConfigView(s *streams, ready *prepared) *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "view [COMMAND] [-- FLAG...]",
		Short: "Show what is set, and by what: flag, variable, file or default",
		Long: `Show all settings of a command, and what each was set by: a flag (behind --), an
ASSAY_ variable, the file of settings, or the default, in this order. Without a
command: what is not the default, for all commands. Secrets are not shown.`,
		Example: `  assay config view
  assay config view scan
  assay config view grant create -o json
  assay config view scan -- --fail-on low`,
		ValidArgsFunction: func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
			return commandsBelow(cmd.Root()), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, words []string) error {
			if !slices.Contains([]string{"table", "json", "yaml"}, format) {
				return usagef("unknown format %q: use one of table, json, yaml", format)
			}
			var flags []string
			if n := cmd.ArgsLenAtDash(); n >= 0 {
				words, flags = words[:n], words[n:]
			}
			v, err := ready.view(cmd, words, flags)
			if err != nil {
				return usage(err)
			}
			return v.write(s, format)
		},
	}
	cmd.Flags().StringVarP(&format, "output", "o", "table", "table, json or yaml")
	return cmd
}

func newConfigSchema(s *streams, ready *prepared) *cobra.Command {
	return &cobra.Command{
		Use:     "schema",
		Short:   "Print the JSON Schema of the file of settings",
		Example: "  assay config schema > settings.schema.json",
		Args:    args(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			b, err := ready.catalog.Schema()
			if err != nil {
				return err
			}
			_, err = s.out.Write(b)
			return err
		},
	}
}

// commandsBelow are the names of the commands that a shell may offer.
func commandsBelow(cmd *cobra.Command) (all []string) {
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			all = append(all, c.Name())
		}
	}
	return all
}

// settingsView is what assay config view tells.
type settingsView struct {
	APIVersion string         `json:"apiVersion"`
	Kind       string         `json:"kind"`
	File       viewedFile     `json:"file"`
	Settings   []*viewSetting `json:"settings"`

	command string // the only one, or empty
}

// viewedFile says which file was read.
type viewedFile struct {
	Path  string `json:"path,omitempty"`
	State string `json:"state"`
	// Detail says why there is none.
	Detail string `json:"detail,omitempty"`
}

// viewSetting is a setting with the commands for which it is so.
type viewSetting struct {
	Setting  string          `json:"setting"`
	Commands []string        `json:"commands"`
	Value    any             `json:"value"`
	Source   settings.Source `json:"source"`
	Place    string          `json:"place,omitempty"`

	everywhere bool // in every command that has it, and these are several
}

// view finds the settings of the command that words name, called with flags; of
// all commands where there are no words.
func (p *prepared) view(self *cobra.Command, words, flags []string) (*settingsView, error) {
	v := &settingsView{APIVersion: settings.APIVersion, Kind: "SettingsView", Settings: []*viewSetting{}, File: p.viewedFile()}
	commands := p.catalog.Commands()
	if len(words) > 0 {
		of, err := p.called(self.Root(), words, flags)
		if err != nil {
			return nil, err
		}
		commands, v.command = []*cobra.Command{of}, strings.Join(words, " ")
	} else if len(flags) > 0 {
		return nil, fmt.Errorf("%s: name the command that these flags are for", strings.Join(flags, " "))
	}
	for _, cmd := range commands {
		if cmd != self {
			if err := p.catalog.Apply(cmd, os.LookupEnv, p.file); err != nil {
				return nil, err
			}
		}
		for _, s := range p.catalog.Settings(cmd) {
			v.add(s)
		}
	}
	for _, s := range v.Settings {
		n := len(s.Commands)
		s.everywhere = n > 1 && n == p.catalog.Having(s.Setting)
	}
	slices.SortStableFunc(v.Settings, func(a, b *viewSetting) int {
		switch {
		case a.everywhere && b.everywhere:
			return cmp.Compare(a.Setting, b.Setting)
		case a.everywhere:
			return -1
		case b.everywhere:
			return 1
		}
		return 0
	})
	return v, nil
}

// called finds a command and gives it flags, as if it were to run.
func (p *prepared) called(root *cobra.Command, words, flags []string) (*cobra.Command, error) {
	cmd, rest, err := root.Find(words)
	if err != nil || len(rest) > 0 || !p.catalog.Has(cmd) {
		if err == nil && len(rest) == 0 && cmd.HasAvailableSubCommands() {
			return nil, fmt.Errorf("%s has no settings of its own: name one of its commands: %s", strings.Join(words, " "), strings.Join(commandsBelow(cmd), ", "))
		}
		return nil, fmt.Errorf("there is no command %q that has settings; see assay --help", strings.Join(words, " "))
	}
	config := root.PersistentFlags().Lookup(configFlag)
	before := config.Value.String()
	if err := cmd.ParseFlags(flags); err != nil {
		return nil, fmt.Errorf("%w; see %s --help", err, cmd.CommandPath())
	}
	if left := cmd.Flags().Args(); len(left) > 0 {
		return nil, fmt.Errorf("%q is no flag: only flags of %s can stand behind --", left[0], strings.Join(words, " "))
	}
	if config.Value.String() != before {
		return nil, fmt.Errorf("--%s must stand before --", configFlag)
	}
	return cmd, nil
}

func (p *prepared) viewedFile() viewedFile {
	switch {
	case p.file != nil:
		return viewedFile{Path: p.file.Name(), State: "read"}
	case p.location.Path != "":
		return viewedFile{Path: p.location.Path, State: "absent"}
	}
	return viewedFile{State: "none", Detail: p.location.Why}
}

// add adds a setting of a command. Where all commands are asked for, only what
// somebody has set is shown, and what is alike in several of them only once.
func (v *settingsView) add(s settings.Setting) {
	from := settings.OriginOf(s.Flag)
	row := &viewSetting{Setting: s.Flag.Name, Commands: []string{s.Command}, Value: shown(s.Flag), Source: from.Source, Place: from.Place}
	if v.command != "" {
		v.Settings = append(v.Settings, row)
		return
	}
	if from.Source != settings.FromEnvironment && from.Source != settings.FromFile {
		return
	}
	i := slices.IndexFunc(v.Settings, func(o *viewSetting) bool {
		return o.Setting == row.Setting && o.Source == row.Source && o.Place == row.Place && text(o.Value) == text(row.Value)
	})
	if i >= 0 {
		v.Settings[i].Commands = append(v.Settings[i].Commands, s.Command)
		return
	}
	v.Settings = append(v.Settings, row)
}

// shown is the value of a flag, without what is secret in it.
func shown(f *pflag.Flag) any {
	switch v := settings.Typed(f).(type) {
	case string:
		if f.Name == "token" && v != "" {
			return "set"
		}
		return withoutPassword(v)
	case []string:
		for i := range v {
			v[i] = withoutPassword(v[i])
		}
		return v
	default:
		return v
	}
}

// withoutPassword hides the password in an address, such as that of a proxy.
func withoutPassword(s string) string {
	if !strings.Contains(s, "@") || !strings.Contains(s, "//") {
		return s
	}
	u, err := url.Parse(s)
	if err != nil {
		return "(hidden: it is no valid address, and may hold a password)"
	}
	return u.Redacted()
}

func (v *settingsView) write(s *streams, format string) error {
	switch format {
	case "json":
		e := json.NewEncoder(s.out)
		e.SetIndent("", "  ")
		e.SetEscapeHTML(false)
		return e.Encode(v)
	case "yaml":
		b, err := yaml.Marshal(v)
		if err != nil {
			return fmt.Errorf("writing the settings: %w", err)
		}
		_, err = s.out.Write(b)
		return err
	}
	_, err := fmt.Fprint(s.out, v.table(tableWidth(s.out)))
	return err
}

func (v *settingsView) table(width int) string {
	t := textTable{width: width, columns: []string{"SETTING", "VALUE", "SET BY"}}
	if v.command == "" {
		t.columns = []string{"COMMANDS", "SETTING", "VALUE", "SET BY"}
	}
	for _, s := range v.Settings {
		cells := []string{s.Setting, text(s.Value), cmp.Or(v.File.short(s.Place), string(s.Source))}
		if v.command == "" {
			of := strings.Join(s.Commands, ", ")
			if s.everywhere {
				of = "all"
			}
			cells = append([]string{of}, cells...)
		}
		t.add(cells...)
	}
	head := v.File.head()
	if len(v.Settings) == 0 {
		return head + "Nothing is set: all is as it comes.\n"
	}
	return head + "\n" + t.String()
}

// head is the line that stands above the settings.
func (f *viewedFile) head() string {
	switch f.State {
	case "read":
		return "Settings are read from " + report.Printable(f.Path) + "\n"
	case "absent":
		return "No settings are read: there is no " + report.Printable(f.Path) + "\n"
	}
	return "No settings are read: " + report.Printable(f.Detail) + "\n"
}

// short is a place without the folder of the file, which stands in the head.
func (f *viewedFile) short(place string) string {
	if rest, ok := strings.CutPrefix(place, f.Path+":"); ok && f.Path != "" {
		return filepath.Base(f.Path) + ":" + rest
	}
	return place
}

// text is a value as a person reads it.
func text(value any) string {
	switch v := value.(type) {
	case []string:
		return "[" + strings.Join(v, ", ") + "]"
	case string:
		if v == "" {
			return "-"
		}
		return v
	}
	return fmt.Sprint(value)
}
