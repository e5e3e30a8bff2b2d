package redact

import (
	"bytes"
	"crypto/ecdh"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	mathrand "math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubeassay/assay/inspect/snapshot"
)

func redacted(t testing.TB, file, content string) (string, bool) {
	t.Helper()
	r, err := New().Begin(snapshot.NewBuilder(snapshot.Limits{}).Snapshot())
	if err != nil {
		t.Fatal(err)
	}
	src := []byte(content)
	out, changed := r.Content(snapshot.Entry{Path: file}, src)
	if string(src) != content {
		t.Fatal("the snapshot's own bytes were changed")
	}
	if changed == (string(out) == content) {
		t.Errorf("%s: changed is %v, but %q became %q", file, changed, content, out)
	}
	return string(out), changed
}

// letters is a text without a pattern, so that no rule takes it for a filler.
func letters(n int, from string) string {
	r := mathrand.New(mathrand.NewPCG(uint64(n), 7))
	var b strings.Builder
	for range n {
		b.WriteByte(from[r.IntN(len(from))])
	}
	return b.String()
}

const (
	alnum = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	hex   = "0123456789abcdef"
	upper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
)

func TestContent(t *testing.T) {
	key := "-----BEGIN RSA " + "PRIVATE KEY-----\n"
	end := "-----END RSA " + "PRIVATE KEY-----\n"
	for _, c := range []struct{ name, file, in, want string }{
		{
			"shadow", "/etc/shadow",
			"root:$6$rounds=5000$salt$abc/def.:19000:0:99999:7:::\nbin:*:1\nlocked:!$y$j9T$salt$hash:1:\nempty::1:\nboth:!!:1\nstar:!*:1\ndes:ab1/.xyzABCDE:1\nbcrypt:$2b$12$abcdefgh:1\nshort:pw:1\nodd:$y$salt:1\nnothing\n",
			"root:$6$rounds=5000$xxxx$xxxxxxxx:19000:0:99999:7:::\nbin:*:1\nlocked:!$y$j9T$xxxx$xxxx:1:\nempty::1:\nboth:!!:1\nstar:!*:1\ndes:xxxxxxxxxxxxx:1\nbcrypt:$2b$12$xxxxxxxx:1\nshort:xx:1\nodd:$y$xxxx:1\nnothing\n",
		},
		{"shadow without an end", "/etc/shadow-", "root:$1$ab$cd", "root:$1$xx$xx"},
		{"gshadow", "/etc/gshadow", "root:*::\nadm:$5$s$h:root:\n", "root:*::\nadm:$5$x$x:root:\n"},
		{"passwd", "/etc/passwd", "root:x:0:0:root:/root:/bin/sh\nold:ab1/.xyzABCDE:1:1::/:/bin/sh\nnone::2:2::/:\n", "root:x:0:0:root:/root:/bin/sh\nold:xxxxxxxxxxxxx:1:1::/:/bin/sh\nnone::2:2::/:\n"},
		{"old passwords", "/etc/security/opasswd", "u:1000:2:$6$a$bb,$6$c$dd\n", "u:1000:2:$6$x$xx,$6$x$xx\n"},
		{"htpasswd", "/etc/nginx/.htpasswd", "u:{SHA}abc=\nv:$apr1$salt$hash\n", "u:{SHA}xxxx\nv:$apr1$xxxx$xxxx\n"},
		{"pgpass", "/home/app/.pgpass", "db:5432:*:me:se:cret\r\n", "db:5432:*:me:xxxxxxx\r\n"},
		{"netrc", "/home/app/.netrc", "machine h login me password s3cret\n\tmachine i password\nx9\n", "machine h login me password xxxxxx\n\tmachine i password\nxx\n"},
		{
			"private key", "/etc/ssl/k.pem", "text\n" + key + "Proc-Type: 4,ENCRYPTED\n\nMIIE+/0=\nAB\n" + end + "tail\n",
			"text\n" + key + "Proc-Type: 4,ENCRYPTED\n\nxxxxxxx=\nxx\n" + end + "tail\n",
		},
		{"private key without an end", "/k", key + "MIIE\nMORE", key + "xxxx\nxxxx"},
		{"private key in JSON", "/k.json", `{"k":"` + strings.ReplaceAll(key+"MIIE\n"+end, "\n", `\n`) + `"}`, `{"k":"` + strings.ReplaceAll(key+"xxxx\n"+end, "\n", `\n`) + `"}`},
		{"certificate", "/c.pem", "-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----\n", ""},
		{"PuTTY key", "/k.ppk", "PuTTY-User-Key-File-3: ssh\nPublic-Lines: 1\nAAAA\nPrivate-Lines: 2\nBBBB\nCC==\nPrivate-MAC: aa\n", "PuTTY-User-Key-File-3: ssh\nPublic-Lines: 1\nAAAA\nPrivate-Lines: 2\nxxxx\nxxxx\nPrivate-MAC: aa\n"},
		{"token of a service account", "/run/secrets/kubernetes.io/serviceaccount/..2026/token", "abc\n", "xxx\n"},
		{"namespace beside it", "/run/secrets/kubernetes.io/serviceaccount/namespace", "shop", ""},
		{"secret of Docker", "/run/secrets/db", "hunter2", "xxxxxxx"},
		{"environ", "/proc/1/environ", "PATH=/bin\x00EMPTY=\x00TWO=a\nb=c\x00junk", "PATH=xxxx\x00EMPTY=\x00TWO=x\nxxx\x00xxxx"},
		{"command line", "/proc/1/cmdline", "app\x00--password\x00hunter2\x00--port=1\x00", "app\x00--password\x00xxxxxxx\x00--port=1\x00"},
		{".env", "/srv/.env", "# note\nexport A=\"b c\"\nURL=http://x\nN=\n", "# note\nexport A=\"xxx\"\nURL=xxxxxxxx\nN=\n"},
		{"names", "/app/conf.ini", "user = me\npassword = my pass \nDB_PASS='a b'\ndebug=true\ntoken_file=/run/t\nsecret=yes\n", "user = me\npassword = xxxxxxx \nDB_PASS='xxx'\ndebug=true\ntoken_file=/run/t\nsecret=yes\n"},
		{"JSON", "/app/c.json", `{"user":"me","apiKey":"a\"b","n":{"client_secret" : "c"},"auths":{"r":{"auth":"dTpw"}}}`, `{"user":"me","apiKey":"xxxx","n":{"client_secret" : "x"},"auths":{"r":{"auth":"xxxx"}}}`},
		{"JSON in a string", "/app/c.json", `{"x":"{\"password\":\"abc\",\"b\":1}"}`, `{"x":"{\"password\":\"xxx\",\"b\":1}"}`},
		{"YAML", "/app/c.yaml", "a:\n  - password: |\n      one\n\n      two\n    user: me\n  token: abc # note\nsecretName: s\n", "a:\n  - password: |\n      xxx\n\n      xxx\n    user: me\n  token: xxxxxxxxxx\nsecretName: s\n"},
		{"XML", "/app/c.xml", "<s><password>abc</password><user>me</user></s>", "<s><password>xxx</password><user>me</user></s>"},
		{"connection string", "/app/c.txt", "Server=s;User=me;Password=abc;Timeout=3", "Server=s;User=me;Password=xxx;Timeout=3"},
		{"npmrc", "/home/app/.npmrc", "//registry/:_authToken=abc\n", "//registry/:_authToken=xxx\n"},
		{"URL", "/app/c", "db https://me:pw@host/x and https://host/y", "db https://me:xx@host/x and https://host/y"},
		{"history", "/home/app/.bash_history", "tool --api-key abc --port 1\ncurl -u me:pw http://x\nls -l\n", "tool --api-key xxx --port 1\ncurl -u me:xx http://x\nls -l\n"},
		{"HTTP header", "/app/req", "Authorization: Basic dTpw\nHost: x\n", "Authorization: Basic xxxx\nHost: x\n"},
		{"redis", "/etc/redis.conf", "port 1\nrequirepass abc def\n", "port 1\nrequirepass xxxxxxx\n"},
		{"AWS", "/home/app/.aws/credentials", "[default]\nx = AKIA" + strings.Repeat("Q", 16) + "\n", "[default]\nx = AKIA" + strings.Repeat("X", 16) + "\n"},
		{"settings are not secrets", "/etc/ssh/sshd_config", "PasswordAuthentication no\nPermitEmptyPasswords: no\n", ""},
		{"name services", "/etc/nsswitch.conf", "passwd: files\nshadow: files\n", ""},
		{"password rules", "/etc/pam.d/passwd", "password requisite pam_pwquality.so retry=3\n", ""},
		{"package database", "/var/lib/dpkg/status", "Package: x\nAuth: y\n abc " + letters(32, hex) + "\n", ""},
		{"key store", "/app/k.p12", "\x30\x00a\nb", "xxxxx"},
		{"binary", "/bin/x", "\x7fELF\x00password=abc\n", ""},
		{"not UTF-8, and letters that grow", "/app/x", "\xff\xfe\u0130\u0130 TOKEN=abc\n", "\xff\xfe\u0130\u0130 TOKEN=xxx\n"},
		{"nothing", "/etc/hosts", "127.0.0.1 localhost\n", ""},
		{"empty", "/etc/shadow", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.want == "" {
				c.want = c.in
			}
			got, _ := redacted(t, c.file, c.in)
			if got != c.want {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
			if again, changed := redacted(t, c.file, got); changed {
				t.Errorf("a second time %q became %q", got, again)
			}
		})
	}
}

// Whatever the library of detectors finds in a text is gone afterwards.
func TestWhatDetectorsFindIsGone(t *testing.T) {
	jwt := func(payload string) string {
		e := base64.RawURLEncoding
		return e.EncodeToString([]byte(`{"alg":"RS256","typ":"JWT"}`)) + "." + e.EncodeToString([]byte(payload)) + "." + letters(43, alnum)
	}
	samples := map[string]string{
		"anthropic": "k sk-" + "ant-api03-" + letters(93, alnum) + "AA",
		"aws":       "AKIA" + letters(16, upper) + "\n" + letters(40, alnum),
		"circleci":  "CCIPAT_" + letters(22, alnum) + "_" + letters(40, hex),
		"crates":    "cio" + letters(32, alnum),
		"deno":      "ddp_" + letters(36, alnum),
		"do":        "dop_v1_" + letters(64, hex),
		"discord":   "discord M" + letters(23, alnum) + "." + letters(6, alnum) + "." + letters(27, alnum),
		"docker":    "docker login -u me\ndckr_pat_" + letters(27, alnum),
		"gcp":       "AIza" + "SyA" + letters(32, alnum),
		"gcp token": "ya29." + letters(60, alnum),
		"github":    "ghp_" + letters(36, alnum),
		"github64":  base64.StdEncoding.EncodeToString([]byte("ghp_" + letters(36, alnum))),
		"gitlab":    "glpat-" + letters(20, alnum),
		"heroku":    "HRKU-" + letters(60, alnum),
		"hf":        "hf_" + letters(34, "abcdefgh"),
		"jwt":       jwt(`{"iss":"x","sub":"y"}`),
		"mistral":   "mistral key: " + letters(32, alnum),
		"npm":       "npm_" + letters(36, alnum),
		"1password": "ops_eyJ" + letters(260, alnum),
		"pplx":      "pplx-" + letters(48, alnum),
		"pypi":      "pypi-" + letters(90, alnum),
		"recaptcha": "captcha secret 6" + letters(39, alnum),
		"sendgrid":  "SG." + letters(22, alnum) + "." + letters(43, alnum),
		"slack":     "xapp-1-" + letters(11, alnum) + "-1234567890123-" + letters(64, hex),
		"stripe":    "sk_" + "live_" + letters(24, alnum),
		"telegram":  "telegram 123456789:" + letters(35, alnum),
		"vault":     "hvs." + letters(24, alnum),
		"approle":   "role_id=11111111-2222-3333-4444-555555555555\nsecret_id=aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
		"basic":     "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte("someuser:somepassword")),
		"bearer":    "Authorization: Bearer " + letters(40, alnum),
		"csrf":      "x-csrf-token: " + letters(32, alnum),
		"cookie":    "Host: x\nCookie: session=" + letters(30, alnum) + "\n",
		"vapid":     vapidKeys(t),
		"azure":     "azure_storage_key " + letters(86, alnum) + "==",
		"url":       "ftp://someuser:somepassword@host/x",
		"key":       "-----BEGIN " + "PRIVATE KEY-----\n" + letters(64, alnum) + "\n-----END " + "PRIVATE KEY-----",
		"hcp":       "HCP_CLIENT_ID=" + letters(32, alnum) + "\nHCP_CLIENT_SECRET=" + letters(64, alnum),
		"paystack":  "sk_test_" + letters(40, "abcdefgh123"),
	}
	all := detectors()
	found := 0
	for name, sample := range samples {
		t.Run(name, func(t *testing.T) {
			text := "first line\n" + sample + "\nlast line\n"
			got, changed := redacted(t, "/app/notes", text)
			if !changed || len(got) != len(text) {
				t.Fatalf("nothing was taken out of %q", text)
			}
			for _, d := range all {
				secrets, _ := d.Detect([]byte(text))
				for _, s := range secrets {
					found++
					if !d.wants([]byte(strings.ToLower(text))) {
						t.Errorf("%T would not have been asked", d.Detector)
					}
					for _, value := range texts(reflect.ValueOf(s), 0) {
						if len(value) > 15 && strings.Contains(got, string(value)) {
							t.Errorf("%T still finds %q in %q", d.Detector, value, got)
						}
					}
				}
			}
			if !strings.HasPrefix(got, "first line\n") || !strings.HasSuffix(got, "\nlast line\n") {
				t.Errorf("more than the secret is gone: %q", got)
			}
		})
	}
	if found < len(samples)*2/3 {
		t.Errorf("the detectors found %d secrets in %d samples: the samples prove nothing", found, len(samples))
	}
}

// Files that are too large for the library's detectors are still searched by our own rules.
func TestLargeFile(t *testing.T) {
	key := letters(40, alnum)
	text := strings.Repeat("nothing to see here\n", detectorBytes/10) + "AKIA" + letters(16, upper) + "\n" + key + "\nghp_" + letters(36, alnum) + "\n"
	got, _ := redacted(t, "/app/notes", text)
	if strings.Contains(got, key) || strings.Contains(got, letters(16, upper)) || strings.Contains(got, letters(36, alnum)) {
		t.Errorf("left at the end: %q", got[len(got)-150:])
	}
}

// vapidKeys is a pair of RFC 8292's keys.
func vapidKeys(t *testing.T) string {
	t.Helper()
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	e := base64.RawURLEncoding
	return "vapid " + e.EncodeToString(key.PublicKey().Bytes()) + " " + e.EncodeToString(key.Bytes())
}

func TestArgs(t *testing.T) {
	r := &redaction{Redactor: New()}
	for _, c := range []struct{ in, want []string }{
		{[]string{"app", "--port=80", "-v"}, nil},
		{[]string{"app", "--token=abc", "--secret-file=/x", "--debug"}, []string{"app", "--token=xxx", "--secret-file=/x", "--debug"}},
		{[]string{"app", "--password", "abc", "--x", "y"}, []string{"app", "--password", "xxx", "--x", "y"}},
		{[]string{"app", "--password", "--x"}, nil},
		{[]string{"/usr/bin/mysql", "-pabc", "-P3306"}, []string{"/usr/bin/mysql", "-pxxx", "-P3306"}},
		{[]string{"sh", "-c", "export TOKEN=abc; run"}, []string{"sh", "-c", "export TOKEN=xxxxxxxx"}},
		{[]string{"app", "redis://:pw@host"}, []string{"app", "redis://:xx@host"}},
		{[]string{"env", "DB_PASSWORD=abc", "app"}, []string{"env", "DB_PASSWORD=xxx", "app"}},
		{nil, nil},
	} {
		got, changed := r.Args(c.in)
		want := c.want
		if want == nil {
			want = c.in
		}
		if changed != (c.want != nil) || len(got) != len(want) {
			t.Errorf("%q became %q (%v)", c.in, got, changed)
			continue
		}
		for i := range got {
			if !strings.HasPrefix(got[i], want[i]) {
				t.Errorf("%q became %q, want %q", c.in, got, want)
			}
		}
	}
}

func TestPod(t *testing.T) {
	pod := corev1.Pod{}
	pod.Name = "cart"
	pod.Annotations = map[string]string{corev1.LastAppliedConfigAnnotation: `{"secret":"one"}`, "note": "plain", "api-token": "secret-two"}
	pod.Spec.Containers = []corev1.Container{{
		Name: "app", Image: "cart:1", Command: []string{"app", "--password=secret-three"}, Args: []string{"--port", "80"},
		Env: []corev1.EnvVar{{Name: "A", Value: "secret-four"}, {Name: "B", ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{Key: "k"}}}},
		LivenessProbe: &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{HTTPHeaders: []corev1.HTTPHeader{
			{Name: "Authorization", Value: "secret-five"}, {Name: "Accept", Value: "text/plain"}}}}},
		VolumeMounts: []corev1.VolumeMount{{Name: "s", MountPath: "/var/conf/"}},
	}}
	pod.Spec.EphemeralContainers = []corev1.EphemeralContainer{{EphemeralContainerCommon: corev1.EphemeralContainerCommon{Name: "d", Env: []corev1.EnvVar{{Name: "E", Value: "secret-six"}}}}}
	pod.Spec.Volumes = []corev1.Volume{{Name: "s", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "creds"}}}}
	declared, err := json.Marshal(pod)
	if err != nil {
		t.Fatal(err)
	}
	b := snapshot.NewBuilder(snapshot.Limits{})
	b.SetTarget(snapshot.Target{Namespace: "shop", Pod: "cart", Container: "app"})
	b.SetDeclared(declared)
	present := snapshot.Fact{State: snapshot.Present}
	b.Add(snapshot.Entry{Path: "/var", Meta: present, Mode: snapshot.ModeDir})
	b.Add(snapshot.Entry{Path: "/var/conf", Meta: present, Mode: snapshot.ModeSymlink, Link: "/conf"})
	b.Add(snapshot.Entry{Path: "/conf/plain", Meta: present, Mode: snapshot.ModeRegular})
	b.SetContent("/conf/plain", []byte("hunter seven"), present)
	b.SetContent("/conf2/plain", []byte("not a secret"), present)
	b.SetContent("/conf/tls.crt", []byte("-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----\n"), present)
	b.SetProcesses([]snapshot.Process{{PID: 1, Args: []string{"app", "--password=secret-eight"}, ArgsFact: present}}, present)

	var out bytes.Buffer
	if err := snapshot.Save(&out, b.Snapshot(), snapshot.SaveOptions{Redactor: New()}); err != nil {
		t.Fatal(err)
	}
	s, err := snapshot.Load(&out, snapshot.LoadLimits{})
	if err != nil {
		t.Fatal(err)
	}
	var got corev1.Pod
	if err := json.Unmarshal(s.Declared, &got); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(s.Declared), "secret-") || strings.Contains(string(s.Declared), `"one"`) {
		t.Errorf("a secret is left in %s", s.Declared)
	}
	c := got.Spec.Containers[0]
	if got.Name != "cart" || c.Image != "cart:1" || c.Env[0].Name != "A" || c.Env[0].Value != strings.Repeat("x", 11) || c.Env[1].ValueFrom.SecretKeyRef.Key != "k" ||
		got.Annotations["note"] != "plain" || got.Spec.Volumes[0].Secret.SecretName != "creds" || !slices.Equal(c.Args, []string{"--port", "80"}) ||
		c.LivenessProbe.HTTPGet.HTTPHeaders[1].Value != "text/plain" || len(got.Annotations) != 2 {
		t.Errorf("too much is gone: %s", s.Declared)
	}
	for path, want := range map[string]string{"/conf/plain": "xxxxxxxxxxxx", "/conf2/plain": "not a secret", "/conf/tls.crt": "-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----\n"} {
		if data, e := s.Content(path); string(data) != want || e.Redacted != (path == "/conf/plain") {
			t.Errorf("%s is %q, redacted %v", path, data, e.Redacted)
		}
	}
	processes, _ := s.Processes()
	if p := processes[0]; p.Args[1] != "--password=xxxxxxxxxxxx" || !p.Redacted {
		t.Errorf("%+v", p)
	}
	if _, err := (&redaction{Redactor: New()}).Pod(snapshot.Declared("{")); err == nil {
		t.Error("broken JSON was accepted")
	}
}

func FuzzContent(f *testing.F) {
	for _, file := range []string{"/etc/shadow", "/app/x", "/home/app/.netrc", "/proc/1/environ", "/proc/1/cmdline", "/run/secrets/x", "/k.ppk", "/.env", "/etc/security/opasswd", "/k.p12"} {
		f.Add(file, "root:$6$a$b:1\npassword: |\n  a\n-----BEGIN PRIVATE KEY-----\nAA\n")
		f.Add(file, "PuTTY-User-Key-File-2\nPrivate-Lines: 1\nx\ntoken='a\\'b' <secret>x</secret> a://b:c@d --password x\x00y=z")
	}
	f.Add("/x", "ghp_"+letters(36, alnum)+" eyJhbGciOiJIUzI1NiJ9.e30.x")
	r, err := New().Begin(snapshot.NewBuilder(snapshot.Limits{}).Snapshot())
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, file, content string) {
		src := []byte(content)
		out, changed := r.Content(snapshot.Entry{Path: file}, src)
		if string(src) != content {
			t.Fatal("the source was changed")
		}
		if len(out) != len(src) || changed == bytes.Equal(out, src) {
			t.Fatalf("%d bytes became %d, changed is %v", len(src), len(out), changed)
		}
		if isText(src) && (bytes.Count(out, []byte("\n")) != bytes.Count(src, []byte("\n"))) {
			t.Fatal("lines were joined")
		}
	})
}

func BenchmarkContent(b *testing.B) {
	r, err := New().Begin(snapshot.NewBuilder(snapshot.Limits{}).Snapshot())
	if err != nil {
		b.Fatal(err)
	}
	for name, text := range map[string]string{
		"plain":  strings.Repeat("option value # and a comment that goes on for a while\n", 4000),
		"pairs":  strings.Repeat("password: abc\n", 10000),
		"one":    strings.Repeat(`"token":"abc",`, 10000),
		"blocks": strings.Repeat("password: |\n  abc\n", 8000),
		"large":  strings.Repeat("option value # and a comment that goes on for a while\n", 100_000),
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				r.Content(snapshot.Entry{Path: "/app/x"}, []byte(text))
			}
		})
	}
}
