package facts

import (
	"testing"
	"unicode/utf8"

	"github.com/kubeassay/assay/inspect/snapshot"
)

func FuzzAccounts(f *testing.F) {
	f.Add([]byte("root:x:0:0:root:/root:/bin/sh\n+::::::\n# c\na::1\x00:2\n"))
	f.Add([]byte("root:$6$a$b:19000:0:99999:7:::\nx:!:\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		users, _ := Users(single("/etc/passwd", data))
		groups, _ := Groups(single("/etc/group", data))
		shadows, source := Shadows(single("/etc/shadow", data))
		for _, n := range []int{len(users), len(groups), len(shadows)} {
			if n > len(data) {
				t.Errorf("%d entries in %d bytes", n, len(data))
			}
		}
		if len(source.Notes) > maxNotes+1 {
			t.Errorf("%d notes", len(source.Notes))
		}
		for _, s := range shadows {
			if s.Kind == "" || s.Hash == "" || len(s.Kind) > 16 || len(s.Hash) > 16 {
				t.Errorf("a kind is no word of ours: %+v", s)
			}
		}
	})
}

func FuzzOS(f *testing.F) {
	f.Add([]byte("ID=debian\nNAME=\"a \\\" b\"\nX='y'\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if os, _ := OS(single("/etc/os-release", data)); len(os.Fields) > len(data) {
			t.Errorf("%d fields", len(os.Fields))
		}
	})
}

func FuzzConfig(f *testing.F) {
	for _, text := range []string{"[a]\nb=c\n", "a = b\n", "UMASK 022\n", `{"a":[1]}`, "a: &b [1]\nc: *b\n", "Port 22\nMatch user x\nInclude /etc/x\nBanner \"a\n"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, format := range Formats() {
			v, source := Config(single("/etc/x", data), "/etc/x", format)
			if v == nil && source.Fact.State != snapshot.Present { // JSON's and YAML's null
				t.Errorf("%s: nothing, and %+v", format, source)
			}
			simple(t, v)
		}
	})
}

// simple fails where a value is not of the types that Config promises.
func simple(t *testing.T, v any) {
	switch v := v.(type) {
	case map[string]any:
		for _, e := range v {
			simple(t, e)
		}
	case []any:
		for _, e := range v {
			simple(t, e)
		}
	case string, int64, float64, bool, nil:
	default:
		t.Errorf("a %T", v)
	}
}

func FuzzPackages(f *testing.F) {
	for _, text := range []string{dpkgStatus, apkInstalled, statusD, pacmanDesc} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, name := range []string{"/var/lib/dpkg/status", "/lib/apk/db/installed", "/var/lib/dpkg/status.d/x", "/var/lib/pacman/local/x/desc", "/usr/lib/opkg/status"} {
			got, _ := Packages(t.Context(), tree(t, map[string]string{name: string(data)}))
			for _, p := range got.Packages {
				if p.Name == "" || p.Version == "" {
					t.Errorf("%s: %+v", name, p)
				}
			}
		}
	})
}

func FuzzSecrets(f *testing.F) {
	for _, content := range examples(f) {
		f.Add([]byte(content))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got, source := Secrets(t.Context(), single("/x", data), snapshot.Plan{Files: []string{"/x"}}, SecretLimits{})
		if !source.Whole() || len(got) > len(SecretKinds()) {
			t.Errorf("%v %+v", got, source)
		}
		for _, s := range got {
			if !utf8.ValidString(s.Kind) || s.Path != "/x" {
				t.Errorf("%+v", s)
			}
		}
	})
}
