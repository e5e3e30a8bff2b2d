package facts

import (
	"bytes"
	"iter"
	"math"
	"strconv"
	"strings"

	"github.com/kubeassay/assay/inspect/snapshot"
)

// Where the accounts are kept (passwd(5), group(5), shadow(5)).
const (
	passwdPath = "/etc/passwd"
	groupPath  = "/etc/group"
	shadowPath = "/etc/shadow"
)

// User is one line of /etc/passwd.
type User struct {
	Name string
	// Password is the kind of the second field, never its value: "shadowed"
	// (the hash is in /etc/shadow), else as in [Shadow.Kind].
	Password string
	UID, GID uint32
	// Gecos is the comment: a full name and such.
	Gecos, Home, Shell string
	Line               int
}

// Group is one line of /etc/group.
type Group struct {
	Name     string
	Password string // as in [User]
	GID      uint32
	Members  []string
	Line     int
}

// UserPlan says what to collect for [Users].
func UserPlan() snapshot.Plan { return snapshot.Plan{Files: []string{passwdPath}} }

// GroupPlan says what to collect for [Groups].
func GroupPlan() snapshot.Plan { return snapshot.Plan{Files: []string{groupPath}} }

// Users reads /etc/passwd as the C library does: in its order, blanks before a
// line and comments passed over, and lines that it can't read too.
func Users(s *snapshot.Snapshot) ([]User, Source) {
	d := read(s, passwdPath)
	var out []User
	for n, line := range accountLines(d.data) {
		fields := strings.SplitN(line, ":", 7)
		if compat(fields[0]) {
			d.note("%s:%d asks a directory service for accounts (%q)", passwdPath, n, fields[0])
			continue
		}
		if len(fields) < 4 {
			d.note("%s:%d has %d fields and is ignored", passwdPath, n, len(fields))
			continue
		}
		uid, okUID := id(fields[2])
		gid, okGID := id(fields[3])
		if !okUID || !okGID {
			d.note("%s:%d has no number as uid or gid and is ignored", passwdPath, n)
			continue
		}
		fields = append(fields, "", "", "")
		out = append(out, User{Name: fields[0], Password: passwdKind(fields[1]), UID: uid, GID: gid,
			Gecos: fields[4], Home: fields[5], Shell: fields[6], Line: n})
	}
	return out, d.Source
}

// Groups reads /etc/group.
func Groups(s *snapshot.Snapshot) ([]Group, Source) {
	d := read(s, groupPath)
	var out []Group
	for n, line := range accountLines(d.data) {
		fields := strings.SplitN(line, ":", 4)
		if compat(fields[0]) {
			d.note("%s:%d asks a directory service for groups (%q)", groupPath, n, fields[0])
			continue
		}
		if len(fields) < 3 {
			d.note("%s:%d has %d fields and is ignored", groupPath, n, len(fields))
			continue
		}
		gid, ok := id(fields[2])
		if !ok {
			d.note("%s:%d has no number as gid and is ignored", groupPath, n)
			continue
		}
		g := Group{Name: fields[0], Password: passwdKind(fields[1]), GID: gid, Line: n}
		if len(fields) == 4 {
			for name := range strings.SplitSeq(fields[3], ",") {
				if name = strings.TrimSpace(name); name != "" {
					g.Members = append(g.Members, name)
				}
			}
		}
		out = append(out, g)
	}
	return out, d.Source
}

// accountLines yields the lines that can hold an account, with their numbers.
func accountLines(data []byte) iter.Seq2[int, string] {
	return func(yield func(int, string) bool) {
		n := 0
		for line := range bytes.Lines(data) {
			n++
			// The C library cuts a line at a zero byte.
			line, _, _ = bytes.Cut(bytes.TrimSuffix(line, []byte("\n")), []byte{0})
			line = bytes.TrimLeft(line, " \t\v\f\r")
			if len(line) == 0 || line[0] == '#' {
				continue
			}
			if !yield(n, string(line)) {
				return
			}
		}
	}
}

// compat: a name such as "+@admins" is no account but a question to NIS.
func compat(name string) bool { return strings.HasPrefix(name, "+") || strings.HasPrefix(name, "-") }

// id reads a number as strtoul(3) and the C library's callers do: blanks and a
// sign before it are fine, and what is too large is the largest.
func id(field string) (uint32, bool) {
	digits := strings.TrimLeft(field, " \t\v\f\r\n")
	negative := strings.HasPrefix(digits, "-")
	if negative || strings.HasPrefix(digits, "+") {
		digits = digits[1:]
	}
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return 0, false
	}
	v, err := strconv.ParseUint(digits, 10, 64)
	switch {
	case err != nil: // the digits are digits: out of range
		return math.MaxUint32, true
	case negative:
		v = -v
	}
	return uint32(min(v, math.MaxUint32)), true
}

func passwdKind(field string) string {
	if field == "x" {
		return "shadowed"
	}
	return passwordKind(field)
}
