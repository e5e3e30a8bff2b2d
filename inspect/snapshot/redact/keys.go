package redact

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"strconv"
)

// privateKeys masks what is between the BEGIN and the END of a private key,
// also where its lines are joined by "\n" as in JSON, or the END is missing.
func privateKeys(w *work) {
	const begin, end, dashes = "-----BEGIN ", "-----END ", "-----"
	for at := 0; ; {
		i := bytes.Index(w.src[at:], []byte(begin))
		if i < 0 {
			break
		}
		at += i + len(begin)
		label, _, ok := bytes.Cut(w.src[at:min(len(w.src), at+80)], []byte(dashes))
		if !ok || !bytes.Contains(label, []byte("PRIVATE KEY")) {
			continue
		}
		at += len(label) + len(dashes)
		stop := len(w.src)
		if i := bytes.Index(w.src[at:], []byte(end)); i >= 0 {
			stop = at + i
		}
		for from, to := range lines(w.src[at:stop]) {
			keyLine(w, at+from, at+to)
		}
		at = stop
	}
	puttyKey(w)
	for i := range occurrences(w.src, base64Begin) {
		to := i
		for to < len(w.src) && (isWord(w.src[to]) || w.src[to] == '+' || w.src[to] == '/') {
			to++
		}
		plain, _ := base64.RawStdEncoding.DecodeString(string(w.src[i : i+min(to-i, 128)/4*4]))
		if bytes.Contains(plain, []byte("PRIVATE KEY")) {
			w.token(i, to)
		}
	}
}

// base64Begin is how "-----BEGIN " begins, encoded once more.
const base64Begin = "LS0tLS1CRUdJTi"

// keyLine masks a line of a key, but not a header ("DEK-Info: …") and not what
// stands for the end of a line.
func keyLine(w *work, from, to int) {
	if name, _, ok := bytes.Cut(w.src[from:to], []byte(": ")); ok && header(name) {
		return
	}
	for i := from; i < to; i++ {
		switch c := w.src[i]; {
		case c == '\\' && i+1 < to:
			i++ // the letter behind it belongs to it
		case c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '+', c == '/':
			w.set(i, 'x')
		}
	}
}

func header(name []byte) bool {
	switch string(name) {
	case "Proc-Type", "DEK-Info", "Comment", "Version", "Subject":
		return true
	}
	return false
}

// puttyKey masks the lines behind "Private-Lines: 14".
func puttyKey(w *work) {
	if !bytes.HasPrefix(w.src, []byte("PuTTY-User-Key-File-")) {
		return
	}
	left := 0
	for from, to := range lines(w.src) {
		if left > 0 {
			left--
			w.full(from, to)
		}
		if n, ok := bytes.CutPrefix(w.src[from:to], []byte("Private-Lines: ")); ok {
			if left, _ = strconv.Atoi(string(n)); left <= 0 {
				left = len(w.src)
			}
		}
	}
}

// onlyCertificates reports whether a content is PEM and nothing in it is secret.
func onlyCertificates(content []byte) bool {
	found := false
	for rest := content; ; {
		before, _, _ := bytes.Cut(rest, []byte("-----BEGIN "))
		if len(bytes.TrimSpace(before)) > 0 {
			return false
		}
		var block *pem.Block
		block, rest = pem.Decode(rest)
		if block == nil {
			return found && len(bytes.TrimSpace(rest)) == 0
		}
		switch block.Type {
		case "CERTIFICATE", "PUBLIC KEY", "RSA PUBLIC KEY", "X509 CRL", "CERTIFICATE REQUEST", "DH PARAMETERS", "EC PARAMETERS":
		default:
			return false
		}
		if len(block.Headers) > 0 {
			return false
		}
		found = true
	}
}

func isCertificate(der []byte) bool {
	_, err := x509.ParseCertificate(der)
	return err == nil
}
