package redact

import (
	"bytes"
	"path"
	"strings"
)

// accounts are the files with a user's password in a field of its own. It
// reports whether the file is one.
func accounts(file string, w *work) bool {
	switch strings.TrimSuffix(path.Base(file), "-") {
	case "shadow", "gshadow", "passwd", "group", "master.passwd", ".htpasswd", "htpasswd", "nginx.htpasswd":
		fields(w, 1, hash)
	case "opasswd": // user:uid:count:hash,hash
		fields(w, 3, func(w *work, from, to int) {
			for at := from; at < to; {
				end := to
				if i := bytes.IndexByte(w.src[at:to], ','); i >= 0 {
					end = at + i
				}
				hash(w, at, end)
				at = end + 1
			}
		})
	case ".pgpass", "pgpass.conf": // host:port:database:user:password
		fields(w, 4, (*work).full)
	default:
		return false
	}
	return true
}

// fields calls mask with one field of every line. The last field that pgpass
// has may hold colons itself; no other can.
func fields(w *work, number int, mask func(w *work, from, to int)) {
next:
	for from, to := range lines(w.src) {
		at := from
		for range number {
			i := bytes.IndexByte(w.src[at:to], ':')
			if i < 0 {
				continue next
			}
			at += i + 1
		}
		end := to
		if i := bytes.IndexByte(w.src[at:to], ':'); i >= 0 && number != 4 {
			end = at + i
		}
		mask(w, at, end)
	}
}

// hash masks a password's hash as crypt(5) writes it. What says that there is
// none, or that it is locked, stays, and so do the method and its cost.
func hash(w *work, from, to int) {
	for from < to && (w.src[from] == '!' || w.src[from] == '*') {
		from++
	}
	switch string(w.src[from:to]) {
	case "", "x", "NP", "NP*", "LK*", "LOCK", "LOCKED", "none":
		return
	}
	if w.src[from] != '$' {
		if i := bytes.IndexByte(w.src[from:to], '}'); w.src[from] == '{' && i > 0 { // {SHA}…
			from += i + 1
		}
		w.full(from, to)
		return
	}
	parts := bytes.Split(w.src[from+1:to], []byte("$"))
	method := string(parts[0])
	at := from + 1
	for i, part := range parts {
		if !publicPart(method, i, len(parts), part) {
			w.full(at, at+len(part))
		}
		at += len(part) + 1
	}
}

// publicPart: the name of the method, and its parameters.
func publicPart(method string, i, parts int, part []byte) bool {
	switch {
	case i == 0:
		return parts > 1 && len(part) <= 16
	case i == parts-1:
		return false
	case i == 1 && strings.HasPrefix(method, "2") && len(part) == 2: // bcrypt's cost
		return true
	case i == 1 && (method == "y" || method == "gy") && len(part) <= 8: // yescrypt's
		return true
	}
	for _, name := range []string{"rounds=", "v=", "m="} {
		if bytes.HasPrefix(part, []byte(name)) {
			return len(part) <= 40
		}
	}
	return false
}

// netrc has words: machine, login, password, account, each with its value.
func netrc(w *work) {
	var last []byte
	for at := 0; at < len(w.src); {
		if isSpace(w.src[at]) {
			at++
			continue
		}
		end := at
		for end < len(w.src) && !isSpace(w.src[end]) {
			end++
		}
		if s := string(last); s == "password" || s == "account" {
			w.full(at, end)
			last = nil
		} else {
			last = w.src[at:end]
		}
		at = end
	}
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }
