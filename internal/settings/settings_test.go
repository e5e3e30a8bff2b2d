package settings

import (
	"maps"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/api/resource"
)

// tree is a program with a flag of each form, and flags of one name that mean
// the same in some commands and not in others.
func tree() *cobra.Command {
	root := &cobra.Command{Use: "assay"}
	root.PersistentFlags().String("config", "", "")
	run := func(*cobra.Command, []string) {}
	scan := &cobra.Command{Use: "scan", Run: run, Short: "Scan"}
	flags := scan.Flags()
	flags.String("fail-on", "high", "When to fail")
	flags.StringSlice("namespace", nil, "Namespaces")
	flags.Bool("all-namespaces", false, "All of them")
	flags.StringArray("output", []string{"table"}, "Formats")
	flags.Bool("quiet", false, "Be silent")
	flags.Int("parallel", 4, "How many at once")
	flags.Float32("qps", 0, "How fast")
	flags.Duration("timeout", 0, "How long")
	flags.Var(&resource.QuantityValue{}, "max-bytes", "How much")
	flags.String("waivers", "", "File with waivers")
	flags.String("token", "", "A secret")
	judge := &cobra.Command{Use: "judge", Run: run}
	judge.Flags().String("fail-on", "high", "When to fail, said otherwise")
	judge.Flags().String("namespace", "", "One namespace")
	judge.Flags().Bool("quiet", false, "Be silent")
	judge.Flags().String("token", "", "A secret")
	grant := &cobra.Command{Use: "grant", Run: run}
	create := &cobra.Command{Use: "create", Run: run}
	create.Flags().Duration("life", 0, "How long it lives")
	create.Flags().Bool("quiet", false, "Be silent")
	grant.AddCommand(create)
	root.AddCommand(scan, judge, grant, &cobra.Command{Use: "explain", Run: run})
	return root
}

func rules() Rules {
	return Rules{
		Refuse: func(flag string) string {
			if flag == "token" {
				return "it is a secret"
			}
			return ""
		},
		Resolve: func(flag, value, folder string) (string, error) {
			if flag == "waivers" {
				return Below(folder, value)
			}
			return value, nil
		},
		Rivals:        [][]string{{"namespace", "all-namespaces"}},
		EveryVariable: func(command string) bool { return command == "scan" },
	}
}

const head = "apiVersion: assay.dev/v1alpha1\nkind: Settings\n"

// folder is where the file of these tests is said to be.
var folder = filepath.FromSlash("/home/jo")

func command(t testing.TB, root *cobra.Command, words string) *cobra.Command {
	t.Helper()
	cmd, _, err := root.Find(strings.Fields(words))
	if err != nil {
		t.Fatal(err)
	}
	return cmd
}

// TestApply: a flag wins over a variable, that over the file, where a command's
// own section wins over the common one, and all over the default.
func TestApply(t *testing.T) {
	for _, tt := range []struct {
		name      string
		command   string
		args      []string
		variables map[string]string
		file      string
		want      map[string]string // flag to value and what set it
	}{
		{"defaults", "scan", nil, nil, "", map[string]string{"fail-on": "high, default", "output": "[table], default"}},
		{"the file", "scan", nil, nil, "scan: {fail-on: low}", map[string]string{"fail-on": "low, file f:3:17"}},
		{"the common section", "scan", nil, nil, "common: {fail-on: low}", map[string]string{"fail-on": "low, file f:3:19"}},
		{"its own section over the common one", "scan", nil, nil, "common: {fail-on: low}\nscan: {fail-on: medium}", map[string]string{"fail-on": "medium, file f:4:17"}},
		{"another command's section", "judge", nil, nil, "common: {fail-on: low}\nscan: {fail-on: medium}", map[string]string{"fail-on": "low, file f:3:19"}},
		{"a variable over the file", "scan", nil, map[string]string{"ASSAY_FAIL_ON": "info"}, "scan: {fail-on: low}", map[string]string{"fail-on": "info, environment ASSAY_FAIL_ON"}},
		{"a flag over all", "scan", []string{"--fail-on=none"}, map[string]string{"ASSAY_FAIL_ON": "info"}, "scan: {fail-on: low}", map[string]string{"fail-on": "none, flag --fail-on"}},
		{"a flag that says the default", "scan", []string{"--fail-on=high"}, nil, "scan: {fail-on: low}", map[string]string{"fail-on": "high, flag --fail-on"}},
		{"a command in a group", "grant create", nil, nil, "grant: {create: {life: 5m}}\ncommon: {quiet: true}", map[string]string{"life": "5m0s, file f:3:24", "quiet": "true, file f:4:17"}},
		{"every form", "scan", nil, nil,
			"scan:\n  quiet: true\n  parallel: 0x10\n  qps: 2.5\n  timeout: 1h30m\n  max-bytes: 5Mi\n  output: [a, 'b,c', ' \"d']\n  namespace: [\"x,y\", '[z]']\n  waivers: w.yaml",
			map[string]string{
				"quiet": "true, file f:4:10", "parallel": "16, file f:5:13", "qps": "2.5, file f:6:8", "timeout": "1h30m0s, file f:7:12",
				"max-bytes": "5Mi, file f:8:14", "output": `[a|b,c| "d], file f:9:11`, "namespace": "[x,y|[z]], file f:10:14",
				"waivers": filepath.Join(folder, "w.yaml") + ", file f:11:12",
			}},
		{"a list of one", "scan", nil, nil, "scan: {namespace: [a]}", map[string]string{"namespace": "[a], file f:3:19"}},
		{"a quantity without a unit", "scan", nil, nil, "scan: {max-bytes: 1000}", map[string]string{"max-bytes": "1k, file f:3:19"}},
		{"an empty text sets the common one back", "scan", nil, nil, "common: {fail-on: low}\nscan: {fail-on: ''}", map[string]string{"fail-on": ", file f:4:17"}},
		{"JSON", "scan", nil, nil, "", map[string]string{"fail-on": "low, file f:4:14"}},
		{"a rival given by a flag", "scan", []string{"--all-namespaces"}, map[string]string{"ASSAY_NAMESPACE": "a"}, "scan: {namespace: [b]}", map[string]string{"namespace": "[], default", "all-namespaces": "true, flag --all-namespaces"}},
		{"a rival given by a variable", "scan", nil, map[string]string{"ASSAY_NAMESPACE": "a"}, "scan: {all-namespaces: true}", map[string]string{"namespace": "[a], environment ASSAY_NAMESPACE", "all-namespaces": "false, default"}},
		{"a rival that is switched off", "scan", []string{"--all-namespaces=false"}, nil, "scan: {namespace: [b]}", map[string]string{"namespace": "[b], file f:3:19"}},
		{"rivals of one file are for the command to judge", "scan", nil, nil, "scan: {namespace: [b], all-namespaces: true}", map[string]string{"namespace": "[b], file f:3:19", "all-namespaces": "true, file f:3:40"}},
		{"a variable of all commands", "judge", nil, map[string]string{"ASSAY_FAIL_ON": "low"}, "", map[string]string{"fail-on": "low, environment ASSAY_FAIL_ON"}},
		{"a variable that means another thing here", "judge", nil, map[string]string{"ASSAY_NAMESPACE": "a"}, "", map[string]string{"namespace": ", default"}},
		{"a secret by a variable", "scan", nil, map[string]string{"ASSAY_TOKEN": "t"}, "", map[string]string{"token": "t, environment ASSAY_TOKEN"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			root := tree()
			c, cmd := Of(root, rules()), command(t, root, tt.command)
			if err := cmd.ParseFlags(tt.args); err != nil {
				t.Fatal(err)
			}
			text := head + tt.file
			if tt.name == "JSON" {
				text = "{\n\t\"apiVersion\": \"assay.dev/v1alpha1\", \"kind\": \"Settings\",\n\t\"scan\": {\n\"fail-on\":   \"low\"\n\t}\n}"
			}
			file, err := c.Parse("f", folder, strings.NewReader(text))
			if err != nil {
				t.Fatal(err)
			}
			lookup := func(name string) (string, bool) { v, ok := tt.variables[name]; return v, ok }
			if err := c.Apply(cmd, lookup, file); err != nil {
				t.Fatal(err)
			}
			got := map[string]string{}
			for name := range tt.want {
				got[name] = describe(cmd.Flags().Lookup(name))
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func describe(f *pflag.Flag) string {
	value := f.Value.String()
	if l, ok := f.Value.(pflag.SliceValue); ok {
		value = "[" + strings.Join(l.GetSlice(), "|") + "]"
	}
	from := OriginOf(f)
	return strings.TrimSpace(value + ", " + string(from.Source) + " " + from.Place)
}

func TestApplyWithoutAFile(t *testing.T) {
	root := tree()
	c := Of(root, rules())
	none := func(string) (string, bool) { return "", false }
	for _, words := range []string{"scan", "explain", "grant", ""} {
		if err := c.Apply(command(t, root, words), none, nil); err != nil {
			t.Errorf("%s: %v", words, err)
		}
	}
	broken := func(name string) (string, bool) { return "many", name == "ASSAY_PARALLEL" }
	if err := c.Apply(command(t, root, "scan"), broken, nil); err == nil || !strings.HasPrefix(err.Error(), `ASSAY_PARALLEL="many": `) {
		t.Errorf("a variable of the wrong form: %v", err)
	}
}

// TestVisit: flags that a file sets count as given, for whoever asks pflag.
func TestVisit(t *testing.T) {
	root := tree()
	c, cmd := Of(root, rules()), command(t, root, "scan")
	file, err := c.Parse("f", folder, strings.NewReader(head+"scan: {namespace: [a], quiet: false}"))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Apply(cmd, func(string) (string, bool) { return "", false }, file); err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	cmd.Flags().Visit(func(f *pflag.Flag) { got[f.Name] = true })
	if want := map[string]bool{"namespace": true, "quiet": true}; !maps.Equal(got, want) {
		t.Errorf("given: %v, want %v", got, want)
	}
}

func TestWhence(t *testing.T) {
	root := tree()
	c, cmd := Of(root, rules()), command(t, root, "scan")
	if err := cmd.ParseFlags([]string{"--quiet"}); err != nil {
		t.Fatal(err)
	}
	file, err := c.Parse("f", folder, strings.NewReader(head+"scan: {fail-on: grave, waivers: w.yaml, output: [xml]}"))
	if err != nil {
		t.Fatal(err)
	}
	lookup := func(name string) (string, bool) { return "shop", name == "ASSAY_NAMESPACE" }
	if err := c.Apply(cmd, lookup, file); err != nil {
		t.Fatal(err)
	}
	for message, want := range map[string]string{
		"--fail-on: bad":                                     " (--fail-on is set in f:3:17)",
		"bad: --fail-on":                                     " (--fail-on is set in f:3:17)",
		`unknown severity "grave"`:                           " (--fail-on is set in f:3:17)",
		"--fail-on-all and --fail-one":                       "",
		`unknown format "xml"`:                               " (--output is set in f:3:49)",
		"grave":                                              "",
		"f:3:17: bad --fail-on":                              "",
		"--quiet: it was given":                              "",
		"--parallel: nobody set it":                          "",
		"--namespace and --fail-on quarrel":                  " (--fail-on is set in f:3:17, --namespace is set by ASSAY_NAMESPACE)",
		"open " + filepath.Join(folder, "w.yaml") + ": gone": " (--waivers is set in f:3:33)",
	} {
		if got := Whence(cmd.Flags(), message); got != want {
			t.Errorf("Whence(%q) = %q, want %q", message, got, want)
		}
	}
}
