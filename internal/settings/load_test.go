package settings

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLocate(t *testing.T) {
	home := t.TempDir()
	own := filepath.Join(home, "assay", "config.yaml")
	for _, tt := range []struct {
		name     string
		args     []string
		variable *string
		folder   string // of the user's settings
		home     string
		want     Location
		wrong    string
	}{
		{name: "the user's own", folder: home, want: Location{Path: own}},
		{name: "--config", args: []string{"--config=a.yaml"}, variable: new("b.yaml"), folder: home, want: Location{Path: "a.yaml", Named: true}},
		{name: "the variable", variable: new("b.yaml"), folder: home, want: Location{Path: "b.yaml", Named: true}},
		{name: "--config none", args: []string{"--config=none"}, variable: new("b.yaml"), folder: home, want: Location{Why: "--config says none"}},
		{name: "the variable says none", variable: new("none"), folder: home, want: Location{Why: "ASSAY_CONFIG says none"}},
		{name: "a file called none", args: []string{"--config=./none"}, folder: home, want: Location{Path: "./none", Named: true}},
		{name: "an empty flag", args: []string{"--config="}, folder: home, wrong: `--config is empty: name a file, or "none" to read none`},
		{name: "an empty variable", variable: new(""), folder: home, wrong: `ASSAY_CONFIG is empty`},
		{name: "a relative folder is not the user's", folder: "here", want: Location{Why: "your folder for settings is not known: "}},
		{name: "nor is one in a relative home", home: "here", want: Location{Why: "your folder for settings, here/.config, is no whole path"}},
		{name: "nobody's home", want: Location{Why: "your folder for settings is not known: "}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if runtime.GOOS != "linux" {
				t.Skip("the folder is set by other means there")
			}
			t.Setenv("XDG_CONFIG_HOME", tt.folder)
			t.Setenv("HOME", tt.home)
			flags := pflag.NewFlagSet("", pflag.ContinueOnError)
			flags.String("config", "", "")
			if err := flags.Parse(tt.args); err != nil {
				t.Fatal(err)
			}
			got, err := Locate(flags.Lookup("config"), func(string) (string, bool) {
				if tt.variable == nil {
					return "", false
				}
				return *tt.variable, true
			})
			if tt.wrong != "" {
				if err == nil || !strings.Contains(err.Error(), tt.wrong) {
					t.Errorf("error %v, want %s", err, tt.wrong)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(got.Why, tt.want.Why) || got.Path != tt.want.Path || got.Named != tt.want.Named {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	good := write(t, filepath.Join(dir, "good", "config.yaml"), head+"scan: {waivers: w.yaml}")
	write(t, filepath.Join(dir, "yml", "config.yml"), head)
	write(t, filepath.Join(dir, "json", "config.json"), head)
	file := write(t, filepath.Join(dir, "file"), "")
	for _, tt := range []struct {
		name  string
		at    Location
		read  bool
		wrong string
	}{
		{"nowhere", Location{Why: "x"}, false, ""},
		{"the user's own", Location{Path: good}, true, ""},
		{"one that is named", Location{Path: good, Named: true}, true, ""},
		{"the user's own is absent", Location{Path: filepath.Join(dir, "nowhere", "config.yaml")}, false, ""},
		{"the user's folder is a file", Location{Path: filepath.Join(file, "config.yaml")}, false, ""},
		{"one that is named is absent", Location{Path: filepath.Join(dir, "config.yaml"), Named: true}, false, "no such file"},
		{"a folder", Location{Path: dir, Named: true}, false, "is a folder: name a file in it"},
		{"another ending", Location{Path: filepath.Join(dir, "yml", "config.yaml")}, false, "config.yml is not read: a file of settings is called config.yaml"},
		{"JSON by its ending", Location{Path: filepath.Join(dir, "json", "config.yaml")}, false, "config.json is not read"},
		{"a broken one", Location{Path: file, Named: true}, false, "file: the file is empty"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Of(tree(), rules()).Load(tt.at)
			if tt.wrong != "" {
				if err == nil || !strings.Contains(err.Error(), tt.wrong) {
					t.Errorf("error %v, want %s", err, tt.wrong)
				}
				return
			}
			if err != nil || (got != nil) != tt.read {
				t.Errorf("got %v, %v", got, err)
			}
			if got != nil && got.values["scan"]["waivers"].texts[0] != filepath.Join(dir, "good", "w.yaml") {
				t.Errorf("a relative path became %s", got.values["scan"]["waivers"].texts[0])
			}
		})
	}
}

// TestUnreadable: what may not be read is no missing file.
func TestUnreadable(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root may read everything")
	}
	path := write(t, filepath.Join(t.TempDir(), "config.yaml"), head)
	if err := os.Chmod(path, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := Of(tree(), rules()).Load(Location{Path: path}); err == nil || !strings.Contains(err.Error(), "permission denied") {
		t.Error(err)
	}
}

func TestBelow(t *testing.T) {
	absolute := filepath.Join(folder, "x")
	for value, want := range map[string]string{
		"": "", "-": "-", absolute: absolute, "w.yaml": filepath.Join(folder, "w.yaml"), "../w": filepath.Join(filepath.Dir(folder), "w"), "./~w": filepath.Join(folder, "~w"),
	} {
		if got, err := Below(folder, value); err != nil || got != want {
			t.Errorf("Below(%q) = %q, %v, want %q", value, got, err, want)
		}
	}
	if _, err := Below(folder, "~jo/w"); err == nil {
		t.Error("~jo/w: no error")
	}
}
