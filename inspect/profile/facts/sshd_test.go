package facts

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubeassay/assay/inspect/snapshot"
)

func TestSSHD(t *testing.T) {
	const main = "/etc/ssh/sshd_config"
	for _, c := range []struct {
		name  string
		files map[string]string
		want  object
		notes int
	}{
		{"absent", nil, object{"match": []any{}}, 0},
		{"first wins, and case is nothing", map[string]string{main: "PermitRootLogin no\npermitrootlogin yes\n"}, object{"permitrootlogin": "no", "match": []any{}}, 0},
		{"forms", map[string]string{main: "# c\n\n  Banner=/a\nCiphers  \"a,b\" # c\nSubsystem sftp internal-sftp -f X\nMACs\t=\thmac\n"},
			object{"banner": "/a", "ciphers": "a,b", "subsystem": []any{"sftp internal-sftp -f X"}, "macs": "hmac", "match": []any{}}, 0},
		{"lists", map[string]string{main: "Port 22\nPort 2222\nAllowUsers a b\nAllowUsers c\nHostKey /k\n"},
			object{"port": []any{"22", "2222"}, "allowusers": []any{"a", "b", "c"}, "hostkey": []any{"/k"}, "match": []any{}}, 0},
		{"match", map[string]string{main: "X11Forwarding no\nMatch User ann Address 10.0.0.0/8\n X11Forwarding yes\nMatch all\nBanner /b\n"},
			object{"x11forwarding": "no", "match": []any{
				object{"criteria": "User ann Address 10.0.0.0/8", "settings": object{"x11forwarding": "yes"}},
				object{"criteria": "all", "settings": object{"banner": "/b"}}}}, 0},
		{"include stands where it is", map[string]string{
			main:                            "Banner /first\nInclude sshd_config.d/*.conf\nPermitRootLogin yes\n",
			"/etc/ssh/sshd_config.d/b.conf": "PermitRootLogin no\nBanner /b\n", "/etc/ssh/sshd_config.d/a.conf": "PermitRootLogin prohibit-password\n",
			"/etc/ssh/sshd_config.d/a.txt": "UsePAM no\n"},
			object{"banner": "/first", "permitrootlogin": "prohibit-password", "match": []any{}}, 0},
		{"a match ends with its file", map[string]string{main: "Include /etc/ssh/m.conf\nUsePAM yes\n", "/etc/ssh/m.conf": "Match user x\nUsePAM no\n"},
			object{"usepam": "yes", "match": []any{object{"criteria": "user x", "settings": object{"usepam": "no"}}}}, 0},
		{"include of nothing", map[string]string{main: "Include /etc/ssh/none*.conf /etc/ssh/gone\nUsePAM yes\n"}, object{"usepam": "yes", "match": []any{}}, 0},
		{"what sshd refuses", map[string]string{main: "Banner\nCiphers \"a\nUsePAM yes\n"}, object{"usepam": "yes", "match": []any{}}, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, source := Config(tree(t, c.files), main, "sshd")
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
			if !source.Whole() || len(source.Notes) != c.notes {
				t.Errorf("source: %+v", source)
			}
		})
	}
}

func TestSSHDAsksForIncludes(t *testing.T) {
	_, source := Config(single("/etc/ssh/sshd_config", []byte("Include /etc/ssh/x.d/*.conf\n")), "/etc/ssh/sshd_config", "sshd")
	if source.Fact.State != snapshot.NotCollected || !slices.Equal(source.MissingGlobs, []string{"/etc/ssh/x.d/*.conf"}) {
		t.Errorf("%+v", source)
	}
	if p := source.Plan(); len(p.Globs) != 1 || !p.Globs[0].Contents {
		t.Errorf("%+v", p)
	}
	// A file that includes itself ends.
	if _, source = Config(tree(t, map[string]string{"/etc/ssh/sshd_config": "Include sshd_config\n"}), "/etc/ssh/sshd_config", "sshd"); source.Fact.State != snapshot.Failed {
		t.Errorf("circle: %+v", source)
	}
}

// TestAgainstSSHD asks the sshd of this machine, where there is one, what it
// makes of configurations. Its path may be in SSHD.
func TestAgainstSSHD(t *testing.T) {
	sshd := os.Getenv("SSHD")
	if sshd == "" {
		if _, err := os.Stat("/usr/sbin/sshd"); err != nil {
			t.Skip("no sshd here: name one by SSHD")
		}
		sshd = "/usr/sbin/sshd"
	}
	for i, c := range []struct {
		text string
		keys []string
	}{
		{"PermitRootLogin no\nPermitRootLogin yes\nX11Forwarding=yes\n", []string{"permitrootlogin", "x11forwarding"}},
		{"maxauthtries 3 # few\nBanner \"/etc/some banner\"\nLogLevel VERBOSE\n", []string{"maxauthtries", "banner", "loglevel"}},
		{"Include %DIR%/inc/*.conf\nPermitRootLogin yes\nClientAliveInterval 30\n", []string{"permitrootlogin", "clientaliveinterval", "maxsessions"}},
		{"Match user nobody\nPermitRootLogin no\nMatch all\nMaxSessions 7\n", []string{}},
		{"Ciphers = aes256-ctr\nMACs =hmac-sha2-256\n", []string{"ciphers", "macs"}},
		{"Banner '/etc/it'\\''s'\nMaxSessions 3\n", []string{"maxsessions"}},
	} {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			dir := t.TempDir()
			files := map[string]string{"main": c.text, "inc/b.conf": "PermitRootLogin no\n", "inc/a.conf": "Match user nobody\nMaxSessions 1\n", "inc/c.conf": "MaxSessions 4\n"}
			seen := map[string]string{}
			for name, text := range files {
				text = strings.ReplaceAll(text, "%DIR%", dir)
				file := filepath.Join(dir, name)
				if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
				seen[file] = text
			}
			key := filepath.Join(dir, "key")
			if out, err := exec.CommandContext(t.Context(), "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key).CombinedOutput(); err != nil {
				t.Skipf("ssh-keygen: %v: %s", err, out)
			}
			out, err := exec.CommandContext(t.Context(), sshd, "-T", "-f", filepath.Join(dir, "main"), "-h", key).Output()
			if err != nil {
				t.Fatalf("sshd -T: %v", err)
			}
			theirs := map[string]string{}
			for sc := bufio.NewScanner(bytes.NewReader(out)); sc.Scan(); {
				k, v, _ := strings.Cut(sc.Text(), " ")
				theirs[k] = v
			}
			got, source := Config(tree(t, seen), filepath.Join(dir, "main"), "sshd")
			if !source.Whole() {
				t.Fatalf("%+v", source)
			}
			for _, k := range c.keys {
				if ours := fmt.Sprint(got.(object)[k]); ours != theirs[k] {
					t.Errorf("%s: %q, sshd says %q", k, ours, theirs[k])
				}
			}
			for k := range got.(object) {
				if k != "match" && !slices.Contains(c.keys, k) && k != "banner" {
					t.Errorf("%s is set globally", k)
				}
			}
		})
	}
}
