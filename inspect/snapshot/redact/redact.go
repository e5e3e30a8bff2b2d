package redact

import (
	"bytes"
	"path"
	"strings"

	"github.com/kubeassay/assay/inspect/snapshot"
)

// Redactor is a snapshot.Redactor. One may serve any number of snapshots, also at the same time.
type Redactor struct {
	rules     []tokenRule
	webToken  tokenRule
	detectors []detector
}

var _ snapshot.Redactor = (*Redactor)(nil)

// New makes one.
func New() *Redactor {
	web := webToken()
	return &Redactor{append(tokenRules(), web), web, detectors()}
}

// Begin looks up in the declared pod where secrets are mounted.
func (r *Redactor) Begin(s *snapshot.Snapshot) (snapshot.Redaction, error) {
	mounts, err := secretMounts(s)
	if err != nil {
		return nil, err
	}
	return &redaction{r, mounts}, nil
}

type redaction struct {
	*Redactor
	mounts []string // folders and files that hold nothing but secrets
}

// Limits of the search. Own rules read every text, the library's detectors,
// which take a second for a megabyte, only what people write by hand.
const (
	binaryBytes   = 8 << 10 // a NUL among the first: no text
	detectorBytes = 256 << 10
)

// Content takes the secrets out of a file.
func (r *redaction) Content(e snapshot.Entry, content []byte) ([]byte, bool) {
	w := &work{src: content}
	r.content(e.Path, w)
	return w.result()
}

func (r *redaction) content(file string, w *work) {
	name := path.Base(file)
	switch {
	case isEnviron(file):
		environ(w)
		return
	case strings.HasPrefix(file, "/proc/") && name == "cmdline":
		r.cmdline(w)
		return
	case accounts(file, w):
		return
	case r.nothingElse(file):
		if !onlyCertificates(w.src) {
			w.all()
		}
		return
	}
	privateKeys(w)
	switch {
	case packageDatabase(file):
		return
	case !isText(w.src):
		if keyStore(name, w.src) {
			w.all()
		}
		r.webToken.mask(w)
		return
	case name == ".netrc" || name == "_netrc":
		netrc(w)
	case name == ".env" || strings.HasPrefix(name, ".env.") || strings.HasSuffix(name, ".env"):
		values(w, 0, len(w.src), func(string) bool { return true })
	}
	r.line(w, !settings(file))
	if len(w.src) <= detectorBytes {
		detect(w, r.detectors)
	}
}

// nothingElse reports whether a file lies where only secrets are put.
func (r *redaction) nothingElse(file string) bool {
	for _, m := range append([]string{"/run/secrets", "/var/run/secrets"}, r.mounts...) {
		if file != m && !strings.HasPrefix(file, m+"/") {
			continue
		}
		switch path.Base(file) {
		case "namespace", "ca.crt", "service-ca.crt": // beside a service account's token
			return false
		}
		return true
	}
	return false
}

func isText(content []byte) bool {
	return bytes.IndexByte(content[:min(len(content), binaryBytes)], 0) < 0
}

// isEnviron: /proc/PID/environ, and that of a thread.
func isEnviron(file string) bool {
	return strings.HasPrefix(file, "/proc/") && path.Base(file) == "environ"
}

// packageDatabase: full of checksums, and read by programs that want them as they are.
func packageDatabase(file string) bool {
	for _, folder := range []string{"/var/lib/dpkg/", "/lib/apk/db/", "/usr/lib/apk/db/", "/var/lib/apk/", "/var/lib/rpm/", "/usr/lib/sysimage/rpm/", "/var/lib/rpmmanifest/"} {
		if strings.HasPrefix(file, folder) {
			return true
		}
	}
	return false
}

// settings: files that speak of passwords and hold none.
func settings(file string) bool {
	for _, p := range []string{"/etc/nsswitch.conf", "/etc/login.defs", "/etc/pam.conf", "/etc/pam.d/", "/etc/security/", "/etc/ssh/sshd_config", "/etc/ssh/ssh_config", "/etc/ssl/openssl.cnf"} {
		if strings.HasPrefix(file, p) {
			return true
		}
	}
	return false
}

// keyStore: files that hold private keys in a binary form.
func keyStore(name string, content []byte) bool {
	switch strings.ToLower(path.Ext(name)) {
	case ".p12", ".pfx", ".jks", ".keystore", ".bcfks", ".keytab", ".kdbx":
		return true
	case ".key", ".der", ".p8", ".pk8":
		return len(content) > 0 && content[0] == 0x30 && !isCertificate(content)
	}
	return name == "krb5.keytab"
}

// Args takes secrets out of a command line.
func (r *redaction) Args(args []string) ([]string, bool) {
	out := make([]string, len(args))
	changed := false
	next := false // the argument is the value of the flag before it
	for i, arg := range args {
		w := &work{src: []byte(arg)}
		name, value, found := strings.Cut(arg, "=")
		switch {
		case next && !strings.HasPrefix(arg, "-"):
			w.full(0, len(arg))
		case strings.HasPrefix(arg, "-") && found && secretName(strings.TrimLeft(name, "-")):
			if !harmless([]byte(value)) {
				w.full(len(name)+1, len(arg))
			}
		case strings.HasPrefix(arg, "-p") && len(arg) > 2 && joinsPassword(args[0]):
			w.full(2, len(arg))
		default:
			privateKeys(w)
			r.line(w, true)
		}
		next = strings.HasPrefix(arg, "-") && !found && secretName(strings.TrimLeft(arg, "-"))
		data, hit := w.result()
		out[i], changed = string(data), changed || hit
	}
	return out, changed
}

// joinsPassword: programs that take a password as -pPASSWORD.
func joinsPassword(program string) bool {
	name := path.Base(program)
	return strings.HasPrefix(name, "mysql") || strings.HasPrefix(name, "mariadb")
}

// line is all that is looked for in any piece of text, such as an argument that
// holds a whole script. Names are what a file of settings has without values.
func (r *Redactor) line(w *work, names bool) {
	r.tokens(w)
	lower := lowered(w.src)
	addresses(w, lower)
	if names {
		named(w, lower)
	}
}

// cmdline is /proc/PID/cmdline.
func (r *redaction) cmdline(w *work) {
	out, _ := r.Args(strings.Split(string(w.src), "\x00"))
	w.replace([]byte(strings.Join(out, "\x00")))
}

// environ is NAME=VALUE with a NUL behind each: every value goes.
func environ(w *work) {
	for at := 0; at < len(w.src); {
		end := len(w.src)
		if i := bytes.IndexByte(w.src[at:], 0); i >= 0 {
			end = at + i
		}
		// What has no "=" may be the rest of a value.
		w.full(at+bytes.IndexByte(w.src[at:end], '=')+1, end)
		at = end + 1
	}
}
