package facts

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/kubeassay/assay/inspect/snapshot"
)

// Shadow is one line of /etc/shadow, without the hash.
type Shadow struct {
	Name string
	// Kind says what the password field holds: "empty" (anyone may enter without
	// a password), "locked" (it begins with "!"), "none" (what no password
	// matches, such as "*"), or how the password is hashed (crypt(5)): "des",
	// "bsdi", "md5", "sunmd5", "nt", "sha1", "sha256", "sha512", "bcrypt",
	// "scrypt", "yescrypt", "gost-yescrypt".
	Kind string
	// Hash is as Kind, but of what stands behind the "!" of a locked account:
	// unlocking makes it valid again.
	Hash string
	// Days since 1970 of the last change, and the limits in days; nil where the field is empty.
	LastChange, Min, Max, Warn, Inactive, Expire *int64
	Line                                         int
}

// ShadowPlan says what to collect for [Shadows].
func ShadowPlan() snapshot.Plan { return snapshot.Plan{Files: []string{shadowPath}} }

// Shadows reads /etc/shadow. It works on a saved snapshot too, whose hashes are
// gone: kinds survive.
func Shadows(s *snapshot.Snapshot) ([]Shadow, Source) {
	d := read(s, shadowPath)
	var out []Shadow
	for n, line := range accountLines(d.data) {
		fields := strings.Split(line, ":")
		if compat(fields[0]) {
			d.note("%s:%d asks a directory service for accounts (%q)", shadowPath, n, fields[0])
			continue
		}
		if len(fields) < 2 {
			d.note("%s:%d has no password field and is ignored", shadowPath, n)
			continue
		}
		e := Shadow{Name: fields[0], Kind: passwordKind(fields[1]), Line: n}
		e.Hash = e.Kind
		if e.Kind == kindLocked {
			e.Hash = passwordKind(strings.TrimLeft(fields[1], "!"))
			if e.Hash == kindEmpty { // "!" alone is no locked empty password
				e.Hash = kindNone
			}
		}
		for i, into := range []**int64{&e.LastChange, &e.Min, &e.Max, &e.Warn, &e.Inactive, &e.Expire} {
			if i+2 >= len(fields) || fields[i+2] == "" {
				continue
			}
			v, err := strconv.ParseInt(fields[i+2], 10, 64)
			if err != nil {
				d.note("%s:%d: field %d is no number", shadowPath, n, i+3)
				continue
			}
			*into = &v
		}
		out = append(out, e)
	}
	return out, d.Source
}

// Kinds of password field that are no hash.
const (
	kindEmpty  = "empty"
	kindLocked = "locked"
	kindNone   = "none"
)

// hashPrefixes are those of crypt(5).
var hashPrefixes = []struct{ prefix, kind string }{
	{"$y$", "yescrypt"}, {"$gy$", "gost-yescrypt"}, {"$7$", "scrypt"},
	{"$2a$", "bcrypt"}, {"$2b$", "bcrypt"}, {"$2x$", "bcrypt"}, {"$2y$", "bcrypt"},
	{"$6$", "sha512"}, {"$5$", "sha256"}, {"$sha1$", "sha1"},
	{"$md5$", "sunmd5"}, {"$md5,", "sunmd5"}, {"$1$", "md5"}, {"$3$", "nt"},
}

var (
	desHash  = regexp.MustCompile(`^[./0-9A-Za-z]{13}$`)
	bsdiHash = regexp.MustCompile(`^(_[./0-9A-Za-z]{19}|x{20})$`) // the latter once it was redacted
)

func passwordKind(field string) string {
	switch {
	case field == "":
		return kindEmpty
	case field[0] == '!':
		return kindLocked
	case desHash.MatchString(field):
		return "des"
	case bsdiHash.MatchString(field):
		return "bsdi"
	}
	for _, h := range hashPrefixes {
		if strings.HasPrefix(field, h.prefix) {
			return h.kind
		}
	}
	return kindNone
}
