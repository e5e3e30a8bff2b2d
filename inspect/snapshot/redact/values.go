package redact

import (
	"bytes"
	"iter"
	"regexp"
	"slices"
	"strings"
)

// secretName reports whether the value of something with this name is likely a secret.
func secretName(name string) bool {
	plain := strings.Map(func(c rune) rune {
		switch {
		case c >= 'A' && c <= 'Z':
			return c + 'a' - 'A'
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
			return c
		}
		return -1
	}, name)
	for _, end := range []string{"file", "path", "dir", "directory", "name", "type", "ttl", "expiry", "expiration", "seconds", "length", "size", "age", "days", "policy", "algorithm"} {
		if strings.HasSuffix(plain, end) {
			return false
		}
	}
	for _, word := range []string{
		"password", "passwd", "passphrase", "passcode", "secret", "token", "apikey", "accesskey", "privatekey", "credential", "clientkey", "authkey",
		"signingkey", "encryptionkey", "masterkey", "sharedkey", "storagekey", "accountkey", "secretkey", "connectionstring",
	} {
		if strings.Contains(plain, word) {
			return true
		}
	}
	for _, end := range []string{"pass", "pwd", "psk", "dsn", "auth", "cookie"} {
		if strings.HasSuffix(plain, end) {
			return true
		}
	}
	return false
}

// harmless are values that are no secret whatever their name.
func harmless(value []byte) bool {
	if len(value) > 100 {
		return false
	}
	switch strings.ToLower(string(value)) {
	case "true", "false", "yes", "no", "on", "off", "null", "nil", "none", "{", "[", "{}", "[]", "required", "optional", "enabled", "disabled":
		return true
	}
	for _, start := range []string{"${", "$(", "{{", "%("} { // the value is elsewhere
		if bytes.HasPrefix(value, []byte(start)) {
			return true
		}
	}
	return len(value) < 4 && len(bytes.Trim(value, "0123456789")) == 0
}

// values masks what follows a name and a ":" or "=", however it is written:
// NAME=VALUE, name: value, "name": "value", <name>value</name>, ;Name=Value;.
func values(w *work, from, to int, secret func(name string) bool) {
	for start, end := range lines(w.src[from:to]) {
		start, end := from+start, from+end
		first := true
		for i := start; i < end; i++ {
			c := w.src[i]
			if c != ':' && c != '=' && c != '>' {
				continue
			}
			if name := nameBefore(w.src[start:i], c); name != "" && secret(name) {
				from, to := valueAfter(w.src[:end], i+1, c, first)
				if isBlock(w.src[from:to]) {
					block(w, start, end)
				} else if !harmless(w.src[from:to]) {
					w.full(from, to)
					i = max(i, to-1)
				}
			}
			first = first && c == '>'
		}
	}
}

const maxName = 100

// nameBefore is the name at the end of a piece of a line, without its quotes.
func nameBefore(text []byte, sep byte) string {
	text = text[max(0, len(text)-maxName-8):]
	if sep != '>' {
		text = bytes.TrimRight(text, " \t")
		text = bytes.TrimRight(text, `"'\`)
	}
	from := len(text)
	for from > 0 && isName(text[from-1]) {
		from--
	}
	if len(text)-from > maxName || sep == '>' && (from == 0 || text[from-1] != '<') {
		return ""
	}
	return string(text[from:])
}

func isName(c byte) bool {
	return c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '_' || c == '-' || c == '.'
}

// valueAfter are the bounds of a value in a line that ends with src. A first one on a line goes to its end,
// for it may hold anything; a later one to what separates values.
func valueAfter(src []byte, from int, sep byte, first bool) (int, int) {
	end := len(src)
	for from < end && (src[from] == ' ' || src[from] == '\t') {
		from++
	}
	quote, escaped := from, 0
	for quote < end && src[quote] == '\\' {
		quote, escaped = quote+1, escaped+1
	}
	switch {
	case sep == '>':
		if i := bytes.IndexByte(src[from:end], '<'); i >= 0 {
			return from, from + i
		}
	case quote < end && (src[quote] == '"' || src[quote] == '\''):
		from = quote + 1
		for i := from; i < end; i++ {
			if src[i] == '\\' && escaped == 0 {
				i++
			} else if src[i] == src[quote] {
				return from, max(from, i-escaped)
			}
		}
	case !first:
		if i := bytes.IndexAny(src[from:end], " \t\r;,&\"')}]"); i >= 0 {
			return from, from + i
		}
	}
	for end > from && (isSpace(src[end-1]) || src[end-1] == ',' || src[end-1] == ';') {
		end--
	}
	return from, end
}

// isBlock: YAML says that the value is in the lines below.
func isBlock(value []byte) bool {
	return len(value) > 0 && len(value) <= 3 && (value[0] == '|' || value[0] == '>') && len(bytes.Trim(value[1:], "+-0123456789")) == 0
}

// block masks the lines that are indented deeper than the name in a line.
func block(w *work, start, end int) {
	own := len(w.src[start:end]) - len(bytes.TrimLeft(w.src[start:end], " -"))
	base := min(end+2, len(w.src)) // a line's end may have two bytes
	for base > end && w.src[base-1] != '\n' {
		base--
	}
	for from, to := range lines(w.src[base:]) {
		from, to = base+from, base+to
		text := bytes.TrimLeft(w.src[from:to], " ")
		indent := to - from - len(text)
		if len(text) > 0 && indent <= own {
			return
		}
		w.full(from+indent, to)
	}
}

var (
	flagPattern   = regexp.MustCompile(`(?:^|\s)--?([A-Za-z][\w-]{2,60})[ \t]+["']?([^\s"'-][^\s"']*)`)
	loginPattern  = regexp.MustCompile(`://[^\s/?#@"'<>:]*:([^\s/?#@"'<>]+)@`)
	userPattern   = regexp.MustCompile(`://([^\s/?#@"'<>:]{20,}):?@`)
	headerPattern = regexp.MustCompile(`(?i)\b(?:proxy-authorization|authorization|x-api-key|x-auth-token|set-cookie|cookie)["']?[ \t]*[:=][ \t]*["']?(?:(?:basic|bearer|token|digest|apikey|negotiate)[ \t]+)?([^\s"'][^"'\r\n]*)`)
	bearerPattern = regexp.MustCompile(`(?i)\bbearer[ \t]+([\w.~+/=-]{16,})`)
	// Settings that have neither "=" nor ":".
	directivePattern = regexp.MustCompile(`(?im)^[ \t]*(?:requirepass|masterauth|password|passphrase|secret|bindpw|rootpw|rootbindpw)[ \t]+([^\s=:][^\r\n]*)$`)
	curlPattern      = regexp.MustCompile(`(?:^|\s)(?:curl|wget)\b[^\n]*?\s(?:-u|--user)[ =]*["']?[^\s:"']+:([^\s"']+)`)
)

// words: a line without any of these, in lower case, has no name of a secret.
func words() []string {
	return []string{"pass", "secret", "token", "key", "credential", "pwd", "psk", "dsn", "auth", "cookie", "connection", "bindpw", "rootpw"}
}

// named masks what a name says to be a secret: "NAME=VALUE", and
// "--password VALUE" as scripts and histories have it.
func named(w *work, lower []byte) {
	for from, to := range linesWith(lower, words()...) {
		values(w, from, to, secretName)
		line := w.src[from:to]
		if bytes.Contains(line, []byte("-")) {
			for _, m := range flagPattern.FindAllSubmatchIndex(line, -1) {
				if secretName(string(line[m[2]:m[3]])) && !harmless(line[m[4]:m[5]]) {
					w.full(from+m[4], from+m[5])
				}
			}
		}
		mask(w, from, to, directivePattern)
	}
	for from, to := range linesWith(lower, "curl", "wget") {
		mask(w, from, to, curlPattern)
	}
}

// addresses masks passwords in URLs and in headers of HTTP.
func addresses(w *work, lower []byte) {
	for from, to := range linesWith(lower, "://") {
		if bytes.IndexByte(w.src[from:to], '@') >= 0 {
			mask(w, from, to, loginPattern)
			mask(w, from, to, userPattern)
		}
	}
	for from, to := range linesWith(lower, "authorization", "x-api-key", "x-auth-token", "cookie", "bearer") {
		mask(w, from, to, headerPattern)
		mask(w, from, to, bearerPattern)
	}
}

// linesWith are the lines that hold one of the needles, each once.
func linesWith(lower []byte, needles ...string) iter.Seq2[int, int] {
	return func(yield func(from, to int) bool) {
		next := make([]int, len(needles)) // where each comes next; not from here on: the length
		find := func(n, from int) {
			next[n] = len(lower)
			if i := bytes.Index(lower[from:], []byte(needles[n])); i >= 0 {
				next[n] = from + i
			}
		}
		for n := range needles {
			find(n, 0)
		}
		for {
			at := slices.Min(next)
			if at == len(lower) {
				return
			}
			from := bytes.LastIndexByte(lower[:at], '\n') + 1
			to := len(lower)
			if i := bytes.IndexByte(lower[at:], '\n'); i >= 0 {
				to = at + i
			}
			if !yield(from, to) {
				return
			}
			for n := range needles {
				if next[n] < to {
					find(n, to)
				}
			}
		}
	}
}

// mask masks the first group of every match in a line.
func mask(w *work, from, to int, p *regexp.Regexp) {
	line := w.src[from:to]
	for _, m := range p.FindAllSubmatchIndex(line, -1) {
		if !harmless(line[m[2]:m[3]]) {
			w.full(from+m[2], from+m[3])
		}
	}
}
