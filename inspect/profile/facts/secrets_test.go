package facts

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kubeassay/assay/inspect/snapshot"
)

func pkcs8(t testing.TB) []byte {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// examples have the form of secrets, and are none: none was ever issued.
func examples(t testing.TB) map[string]string {
	der := pkcs8(t)
	plain := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	a := func(n int) string { return strings.Repeat("aB3", n)[:n] }
	return map[string]string{
		"private-key":           "text before\n" + plain + "and after",
		"encrypted-private-key": string(pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: der})),
		"pgp-private-key":       "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nlQ==\n-----END PGP PRIVATE KEY BLOCK-----\n",
		"aws-access-key":        "id = AKIAIOSFODNN7EXAMPLE\nkey = wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEYab\n",
		"gcp-api-key":           "key=AIzaSyA" + a(32) + "\n",
		"digitalocean-key":      "dop_v1_" + strings.Repeat("0a", 32),
		"npm-token":             "//registry/:_authToken=npm_" + a(36),
		"pypi-token":            "password = pypi-" + a(90),
		"slack-token":           "xapp-1-A0123456789-1234567890123-" + strings.Repeat("0a", 32),
		"stripe-key":            "sk_live_" + a(30),
		"sendgrid-key":          "SG." + a(22) + "." + a(43),
		"vault-token":           "hvs." + a(40),
		"huggingface-token":     "hf_" + strings.Repeat("aB", 17),
		"json-web-token":        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
	}
}

func TestSecrets(t *testing.T) {
	for kind, content := range examples(t) {
		t.Run(kind, func(t *testing.T) {
			got, source := Secrets(t.Context(), tree(t, map[string]string{"/x": content}), snapshot.Plan{Files: []string{"/x"}}, SecretLimits{})
			kinds := make([]string, len(got))
			for i, s := range got {
				kinds[i] = s.Kind
			}
			if !slices.Equal(kinds, []string{kind}) || !source.Whole() {
				t.Errorf("%v, %+v", got, source)
			}
			if !slices.Contains(SecretKinds(), kind) {
				t.Errorf("%s is no known kind", kind)
			}
			// A value never leaves: a secret has a path and words of ours.
			for _, s := range got {
				if s.Path != "/x" || strings.Contains(content, s.Class+s.Kind) {
					t.Errorf("%+v", s)
				}
			}
		})
	}
	for name, content := range map[string]string{
		"empty": "", "certificate": "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n", "public key": "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
		"example in a text": "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----\n", "without an end": "-----BEGIN RSA PRIVATE KEY-----\nAAAA",
		"public PGP key": "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmQ==\n-----END PGP PUBLIC KEY BLOCK-----\n", "prefix alone": "npm_ sk_live_ AKIA eyJ", "DER of another kind": "0\x03\x02\x01\x01",
	} {
		if got, _ := Secrets(t.Context(), tree(t, map[string]string{"/x": content}), snapshot.Plan{Files: []string{"/x"}}, SecretLimits{}); len(got) > 0 {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestSecretsKeyFiles(t *testing.T) {
	der := string(pkcs8(t))
	files := map[string]string{"/der": der, "/ppk": "PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\n", "/ppk2": "PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: aes256-cbc\n",
		"/after": "-----BEGIN RSA PRIVATE KEY-----\nno end\n" + examples(t)["private-key"]}
	want := []Secret{{"/after", kindKey, classKey}, {"/der", kindKey, classKey}, {"/ppk", kindKey, classKey}, {"/ppk2", kindEncryptedKey, classKey}}
	if keygen, err := exec.LookPath("ssh-keygen"); err == nil {
		dir := t.TempDir()
		for name, phrase := range map[string]string{"ssh": "", "ssh2": "a phrase"} {
			if out, err := exec.CommandContext(t.Context(), keygen, "-q", "-t", "ed25519", "-N", phrase, "-f", filepath.Join(dir, name)).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
		}
		for p, e := range contents(t, dir) {
			files["/"+p] = e
		}
		want = append(want, Secret{"/ssh", kindKey, classKey}, Secret{"/ssh2", kindEncryptedKey, classKey})
	}
	s := tree(t, files)
	got, _ := Secrets(t.Context(), s, snapshot.Plan{Trees: []snapshot.Tree{{Path: "/", Contents: []string{"*"}}}}, SecretLimits{})
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestSecretsWhere(t *testing.T) {
	key := examples(t)["private-key"]
	files := map[string]string{"/a/x.pem": key, "/a/b/y.pem": key, "/a/z.txt": key, "/c/x.pem": key, "/big.pem": key + strings.Repeat(" ", 1000), "/link.pem": "-> /c/x.pem"}
	for _, c := range []struct {
		name  string
		where snapshot.Plan
		want  []string
		state snapshot.State
	}{
		{"file", snapshot.Plan{Files: []string{"/a/z.txt", "/none"}}, []string{"/a/z.txt"}, snapshot.Present},
		{"link", snapshot.Plan{Files: []string{"/link.pem", "/c/x.pem"}}, []string{"/c/x.pem"}, snapshot.Present},
		{"glob", snapshot.Plan{Globs: []snapshot.Glob{{Pattern: "/a/*", Contents: true}}}, []string{"/a/x.pem", "/a/z.txt"}, snapshot.Present},
		{"glob without contents", snapshot.Plan{Globs: []snapshot.Glob{{Pattern: "/a/*"}}}, nil, snapshot.Absent},
		{"tree", snapshot.Plan{Trees: []snapshot.Tree{{Path: "/", Contents: []string{"*.pem"}, ContentsUpTo: 900}}}, []string{"/a/b/y.pem", "/a/x.pem", "/c/x.pem"}, snapshot.Present},
		{"tree below", snapshot.Plan{Trees: []snapshot.Tree{{Path: "/a", Contents: []string{"*.pem"}}}}, []string{"/a/b/y.pem", "/a/x.pem"}, snapshot.Present},
		{"tree that is not there", snapshot.Plan{Trees: []snapshot.Tree{{Path: "/none", Contents: []string{"*"}}}}, nil, snapshot.Absent},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, source := Secrets(t.Context(), tree(t, files), c.where, SecretLimits{})
			var paths []string
			for _, s := range got {
				paths = append(paths, s.Path)
			}
			if d := cmp.Diff(c.want, paths); d != "" || source.Fact.State != c.state {
				t.Error(d, source)
			}
		})
	}
}

func TestSecretsSaysWhatItDidNotSee(t *testing.T) {
	whole := snapshot.Plan{Trees: []snapshot.Tree{{Path: "/", Contents: []string{"*.pem"}}}}
	build := func(change func(*snapshot.Builder)) *snapshot.Snapshot {
		b := snapshot.NewBuilder(snapshot.Limits{})
		fill(b, map[string]string{"/a/x.pem": "nothing"})
		change(b)
		return b.Snapshot()
	}
	folder := func(name string, f snapshot.Fact) snapshot.Entry {
		return snapshot.Entry{Path: name, Meta: present, Mode: snapshot.ModeDir | 0o755, Listing: f}
	}
	for _, c := range []struct {
		name string
		s    *snapshot.Snapshot
		want snapshot.State
	}{
		{"all", build(func(*snapshot.Builder) {}), snapshot.Present},
		{"a folder is closed", build(func(b *snapshot.Builder) { b.Add(folder("/root", snapshot.Fact{State: snapshot.Denied})) }), snapshot.Denied},
		{"a folder was cut off", build(func(b *snapshot.Builder) { b.Add(folder("/many", snapshot.Fact{State: snapshot.Truncated})) }), snapshot.Truncated},
		{"another file system", build(func(b *snapshot.Builder) {
			b.Add(folder("/vol", snapshot.Fact{State: snapshot.NotCollected}))
			b.SetMounts([]snapshot.Mount{{Target: "/vol"}}, present)
		}), snapshot.Present},
		{"a file is closed", build(func(b *snapshot.Builder) {
			b.Add(snapshot.Entry{Path: "/a/y.pem", Meta: present, Mode: snapshot.ModeRegular, Size: 3, Content: snapshot.Fact{State: snapshot.Denied}})
		}), snapshot.Denied},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, source := Secrets(t.Context(), c.s, whole, SecretLimits{}); source.Fact.State != c.want {
				t.Errorf("%+v", source)
			}
		})
	}
	volume := build(func(b *snapshot.Builder) {
		fill(b, map[string]string{"/vol/in/x.pem": examples(t)["private-key"]})
		b.SetMounts([]snapshot.Mount{{Target: "/vol"}}, present)
	})
	if found, source := Secrets(t.Context(), volume, whole, SecretLimits{}); len(found) > 0 || !source.Whole() {
		t.Errorf("below a mount: %v %+v", found, source)
	}
	device := build(func(b *snapshot.Builder) {
		fill(b, map[string]string{"/vol/in/x.pem": examples(t)["private-key"]})
		for name, device := range map[string]uint64{"/": 1, "/vol": 2} {
			e := folder(name, present)
			e.Device = device
			b.Add(e)
		}
	})
	if found, source := Secrets(t.Context(), device, whole, SecretLimits{}); len(found) > 0 || !source.Whole() {
		t.Errorf("on another device: %v %+v", found, source)
	}
	// The token of a pod's service account is no secret that somebody left in a file.
	blind := snapshot.NewBuilder(snapshot.Limits{})
	for _, name := range []string{"/", "/run"} {
		blind.Add(folder(name, snapshot.Fact{}))
	}
	blind.Add(snapshot.Entry{Path: "/run/x.pem", Meta: present, Mode: snapshot.ModeRegular, Size: 3})
	blind.SetContent("/run/x.pem", []byte(examples(t)["private-key"]), present)
	if found, source := Secrets(t.Context(), blind.Snapshot(), whole, SecretLimits{}); len(found) > 0 || source.Fact.State != snapshot.NotCollected || len(source.Missing) > 0 {
		t.Errorf("where neither devices nor mounts are known: %v %+v", found, source)
	}
	image := build(func(b *snapshot.Builder) { b.Add(snapshot.Entry{Path: "/run", Meta: snapshot.UnseenMount()}) })
	if _, source := Secrets(t.Context(), image, whole, SecretLimits{}); !source.Whole() {
		t.Errorf("in an image, beside a mount: %+v", source)
	}
	if _, source := Secrets(t.Context(), build(func(*snapshot.Builder) {}), snapshot.Plan{Files: []string{"/a/x.pem", "/a"}}, SecretLimits{Files: 1}); source.Fact.State != snapshot.Present {
		t.Errorf("a folder is no file: %+v", source)
	}
	two := tree(t, map[string]string{"/a": "", "/b": ""})
	if _, source := Secrets(t.Context(), two, snapshot.Plan{Files: []string{"/a", "/b"}}, SecretLimits{Files: 1}); source.Fact.State != snapshot.Truncated {
		t.Errorf("too many files: %+v", source)
	}
}

// In a saved snapshot secrets are gone. What is said of it then is never
// another thing than what was said before: less, and that it is less.
func TestSecretsOfSavedSnapshot(t *testing.T) {
	files := map[string]string{"/plain": "nothing", "/password": "password = hunter2 hunter2\n", "/example": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"}
	where := snapshot.Plan{Files: slices.Collect(maps.Keys(files))}
	for kind, content := range examples(t) {
		files["/"+kind] = content
		where.Files = append(where.Files, "/"+kind)
	}
	s := tree(t, files)
	live, source := Secrets(t.Context(), s, where, SecretLimits{})
	if !source.Whole() || len(live) != len(examples(t)) {
		t.Fatalf("%v %+v", live, source)
	}
	loaded := saved(t, s)
	afterwards, source := Secrets(t.Context(), loaded, where, SecretLimits{})
	if source.Fact.State != snapshot.NotCollected || len(source.Missing) > 0 || !strings.Contains(source.Fact.Detail, "taken out") {
		t.Errorf("%+v", source)
	}
	for _, f := range afterwards {
		if !slices.Contains(live, f) {
			t.Errorf("only in the saved one: %+v", f)
		}
	}
	for _, want := range []Secret{{"/private-key", kindKey, classKey}, {"/encrypted-private-key", kindEncryptedKey, classKey}, {"/pgp-private-key", kindPGPKey, classKey}} {
		if !slices.Contains(afterwards, want) {
			t.Errorf("not in the saved one: %+v", want)
		}
	}
}

// A file that is made to keep the detectors busy does not.
func TestSecretsTakeNoTime(t *testing.T) {
	many := map[string]string{
		"ids and keys":   strings.Repeat("AKIAIOSFODNN7EXAMPLE ", 6000) + strings.Repeat("wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY12 ", 3000),
		"ids":            strings.Repeat("AKIAIOSFODNN7EXAMPLE ", 12000),
		"beginnings":     strings.Repeat("-----BEGIN RSA PRIVATE KEY-----\n", 8000),
		"tokens' starts": strings.Repeat("eyJ.eyJ.", 32000), "braces": strings.Repeat("{auth_provider_x509_cert_url", 9000),
	}
	for name, content := range many {
		start := time.Now()
		Secrets(t.Context(), tree(t, map[string]string{"/x": content}), snapshot.Plan{Files: []string{"/x"}}, SecretLimits{})
		if d := time.Since(start); d > 5*time.Second {
			t.Errorf("%s: %v", name, d)
		}
	}
}
