package cli

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"sigs.k8s.io/yaml"

	"github.com/kubeassay/assay/internal/settings"
)

var update = flag.Bool("update", false, "write the golden files anew")

const settingsSchema = "../../docs/schema/settings.schema.json"

// program is a tree of commands with what can be set in it.
func program() (*cobra.Command, *settings.Catalog) {
	root := newRoot("assay", &streams{strings.NewReader(""), &bytes.Buffer{}, &bytes.Buffer{}})
	return root, settings.Of(root, settingRules())
}

// TestSettingsSchema keeps the published schema that of the flags.
func TestSettingsSchema(t *testing.T) {
	_, c := program()
	got, err := c.Schema()
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(settingsSchema, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(settingsSchema)
	if err != nil {
		t.Fatalf("%v (run go test ./internal/cli -run TestSettingsSchema -update)", err)
	}
	if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Errorf("the flags have changed (-want +got; go test ./internal/cli -run TestSettingsSchema -update accepts it):\n%s", d)
	}
}

func publishedSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	s, err := jsonschema.NewCompiler().Compile(settingsSchema)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// noSettings are the commands that have no flag at all.
var noSettings = []string{"assay explain", "assay config schema", "assay profile check"}

// TestEveryFlagIsASetting writes a file with every flag of every command in it,
// reads it, and looks whether each has become what the file says: whatever
// flags can say, a file can say.
func TestEveryFlagIsASetting(t *testing.T) {
	root, c := program()
	file := map[string]any{"apiVersion": settings.APIVersion, "kind": settings.Kind}
	type written struct {
		cmd   *cobra.Command
		flag  *pflag.Flag
		value any
	}
	var all []written
	var walk func(cmd *cobra.Command, into map[string]any)
	walk = func(cmd *cobra.Command, into map[string]any) {
		n := 0
		cmd.NonInheritedFlags().VisitAll(func(f *pflag.Flag) {
			if f.Name == "help" || refused(f.Name) != "" {
				return
			}
			n++
			v := sampleOf(t, f)
			if into[f.Name] != nil {
				t.Errorf("%s has a flag and a command called %s", cmd.CommandPath(), f.Name)
			}
			into[f.Name] = v
			all = append(all, written{cmd, f, v})
		})
		if n == 0 && !cmd.HasSubCommands() && !slices.Contains(noSettings, cmd.CommandPath()) {
			t.Errorf("%s has no flags: is it to be in noSettings?", cmd.CommandPath())
		}
		for _, below := range cmd.Commands() {
			section := map[string]any{}
			walk(below, section)
			if len(section) > 0 {
				into[below.Name()] = section
			}
		}
	}
	walk(root, file)
	b, err := yaml.Marshal(file)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := c.Parse("all.yaml", t.TempDir(), bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	validate(t, publishedSchema(t), b)
	for _, cmd := range c.Commands() {
		if err := c.Apply(cmd, func(string) (string, bool) { return "", false }, parsed); err != nil {
			t.Error(err)
		}
	}
	for _, w := range all {
		// One of two rivals in a file would do; here both are set, and stay so.
		if from := settings.OriginOf(w.flag); from.Source != settings.FromFile {
			t.Errorf("%s --%s: set by %s", w.cmd.CommandPath(), w.flag.Name, from.Source)
		}
		if got, want := fmt.Sprint(settings.Typed(w.flag)), fmt.Sprint(w.value); got != want && !strings.HasSuffix(strings.TrimSuffix(got, "]"), "/"+strings.Trim(want, "[]")) {
			t.Errorf("%s --%s is %s, and the file says %s", w.cmd.CommandPath(), w.flag.Name, got, want)
		}
	}
	if len(all) < 200 {
		t.Errorf("only %d settings", len(all))
	}
}

// sampleOf is a value that a flag does not have by default.
func sampleOf(t *testing.T, f *pflag.Flag) any {
	t.Helper()
	switch f.Value.Type() {
	case "string":
		return "some-" + f.Name
	case "bool":
		return f.DefValue != "true"
	case "int":
		return 7
	case "float32":
		return 2.5
	case "duration":
		return "42m0s"
	case "quantity":
		return "7Mi"
	case "stringSlice", "stringArray":
		return []string{"one-" + f.Name}
	}
	t.Errorf("--%s is of the type %s, which no file can say: teach it to formOf in internal/settings", f.Name, f.Value.Type())
	return nil
}

func validate(t *testing.T, s *jsonschema.Schema, text []byte) {
	t.Helper()
	b, err := yaml.YAMLToJSON(text)
	if err != nil {
		t.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Validate(v); err != nil {
		t.Error(err)
	}
}

// TestRefusedFlagsAreThere: what no file can say is a short list, of flags that exist.
func TestRefusedFlagsAreThere(t *testing.T) {
	root, _ := program()
	var got []string
	var walk func(*cobra.Command)
	walk = func(cmd *cobra.Command) {
		cmd.NonInheritedFlags().VisitAll(func(f *pflag.Flag) {
			if refused(f.Name) != "" && !slices.Contains(got, f.Name) {
				got = append(got, f.Name)
			}
		})
		for _, below := range cmd.Commands() {
			walk(below)
		}
	}
	walk(root)
	slices.Sort(got)
	if want := []string{"config", "token"}; !slices.Equal(got, want) {
		t.Errorf("no file can say %q; documented in docs/settings.md are %q", got, want)
	}
}

// noPaths are the flags whose help speaks of files, and whose values are none.
var noPaths = []string{"checks", "config", "context", "field-selector", "ignore-errors", "inspect", "kinds", "listen", "max-bytes", "max-file-bytes", "max-files", "plan"}

// TestPathsAreKnown: a relative path in a file is one below its folder, so it
// has to be known which flags are paths.
func TestPathsAreKnown(t *testing.T) {
	_, c := program()
	speaks := regexp.MustCompile(`(?i)\b(files?|folders?|path|PEM)\b`)
	seen := map[string]bool{}
	for _, s := range c.Settings(nil) {
		f := s.Flag
		seen[f.Name] = true
		if f.Value.Type() == "bool" || !speaks.MatchString(f.Usage) {
			continue
		}
		known := slices.Contains(pathFlags, f.Name) || slices.Contains([]string{"output", "profile"}, f.Name)
		if !known && !slices.Contains(noPaths, f.Name) {
			t.Errorf("--%s of %s: is it a path? Put it into pathFlags, or into noPaths here", f.Name, s.Command)
		}
	}
	for _, name := range pathFlags {
		if !seen[name] {
			t.Errorf("there is no flag --%s any more: take it out of pathFlags", name)
		}
	}
}

func TestResolved(t *testing.T) {
	for _, tt := range []struct{ flag, value, want string }{
		{"waivers", "w.yaml", "/f/w.yaml"},
		{"waivers", "/w.yaml", "/w.yaml"},
		{"waivers", "", ""},
		{"filename", "-", "-"},
		{"filename", "deploy", "/f/deploy"},
		{"output", "json", "json"},
		{"output", "json=r.json", "json=/f/r.json"},
		{"output", "json=-", "json=-"},
		{"output", "json=", "json="},
		{"profile", "container-core", "container-core"},
		{"profile", "mine.yaml", "/f/mine.yaml"},
		{"profile", "./mine", "/f/mine"},
		{"profile", "unknown", "unknown"},
		{"namespace", "shop", "shop"},
		{"proxy-url", "a/b", "a/b"},
	} {
		got, err := resolved(tt.flag, filepath.FromSlash(tt.value), filepath.FromSlash("/f"))
		if err != nil || filepath.ToSlash(got) != tt.want {
			t.Errorf("--%s %s became %s, %v; want %s", tt.flag, tt.value, got, err, tt.want)
		}
	}
}

// TestCommonSettings: what the common section can say is derived. This keeps in
// sight what a change of a flag does to it.
func TestCommonSettings(t *testing.T) {
	b, err := os.ReadFile(settingsSchema)
	if err != nil {
		t.Fatal(err)
	}
	var s struct {
		Properties map[string]struct {
			Properties map[string]any `json:"properties"`
		} `json:"properties"`
	}
	if err := json.Unmarshal(b, &s); err != nil {
		t.Fatal(err)
	}
	common := s.Properties[settings.Common].Properties
	for _, name := range []string{"kubeconfig", "context", "audit-log", "request-timeout", "quiet", "fail-on", "waivers", "exclude-namespace"} {
		if common[name] == nil {
			t.Errorf("%s can't be set for all commands", name)
		}
	}
	// They take a list in one command and a text in another.
	for _, name := range []string{"output", "namespace", "approach", "token", "config", "help"} {
		if common[name] != nil {
			t.Errorf("%s can be set for all commands", name)
		}
	}
}

func TestWithoutPassword(t *testing.T) {
	for in, want := range map[string]string{
		"http://jo:secret@proxy.example:3128": "http://jo:xxxxx@proxy.example:3128",
		"http://proxy.example:3128":           "http://proxy.example:3128",
		"jo@example.com":                      "jo@example.com",
		"//jo:secret@host":                    "//jo:xxxxx@host",
	} {
		if got := withoutPassword(in); got != want {
			t.Errorf("%s is shown as %s, want %s", in, got, want)
		}
	}
	for _, in := range []string{"http://jo:secret@[broken", "http://jo:se cret@x:y", "https://jo:secret%zz@host"} {
		if got := withoutPassword(in); strings.Contains(got, "secret") || strings.Contains(got, "cret") {
			t.Errorf("%s is shown as %s", in, got)
		}
	}
}
