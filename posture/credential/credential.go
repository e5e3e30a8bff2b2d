// Package credential finds passwords, tokens and keys that stand in plain text
// in settings, such as environment variables, arguments and configuration files.
//
// It goes by the names of settings, by the forms of well-known tokens, and by
// how random a value is, and it stays quiet in doubt: a false alarm costs more
// than a weak password missed. It never returns a value, keeps none, and does
// not ask anybody whether a credential works.
//
//	if found, ok := credential.InSetting("DB_PASSWORD", value); ok {
//		fmt.Println("DB_PASSWORD holds", found.Kind)
//	}
package credential

import "strings"

// Found says what was found, and never its value.
type Found struct {
	// Kind is what it is, in words that go on after "holds", such as "a password".
	Kind string
	// Sure: its form or its name leave no doubt. Otherwise it only looks random
	// and has a name that fits.
	Sure bool
}

// InSetting looks into the value of a setting with a name, such as that of an
// environment variable.
func InSetting(name, value string) (Found, bool) {
	if f, ok := InText(value); ok {
		return f, true
	}
	return judge(classOf(name), value)
}

// InText looks for well-known tokens, keys and URLs with a password, and for
// assignments such as password=…, anywhere in a text. It goes through it once.
func InText(text string) (Found, bool) {
	for i := range len(text) {
		switch signs[text[i]] {
		case beginsToken:
			if i > 0 && signs[text[i-1]] >= insideToken {
				continue // in the middle of a word, which no token begins in
			}
			if kind := tokenAt(text[i:]); kind != "" {
				return Found{kind, true}, true
			}
		case dash:
			if strings.HasPrefix(text[i:], "-----BEGIN ") && isPrivateKey(text[i:]) {
				return Found{"a private key", true}, true
			}
		case colon:
			if strings.HasPrefix(text[i:], "://") {
				if hasPassword(text, i) {
					return Found{"an address with a password in it", true}, true
				}
			} else if f, ok := assigned(text, i); ok {
				return f, true
			}
		case equals:
			if f, ok := assigned(text, i); ok {
				return f, true
			}
		}
	}
	return Found{}, false
}

// sign is what a byte may begin, or that it belongs to a word.
type sign uint8

const (
	nothing sign = iota
	colon
	equals
	insideToken // and so do all that follow
	dash
	beginsToken
)

// signs are those of all bytes.
var signs = func() (all [256]sign) {
	for b := range len(all) {
		if isURLSafe(byte(b)) {
			all[b] = insideToken
		}
	}
	all[':'], all['='], all['-'] = colon, equals, dash
	for _, b := range []byte("AgxsrnpdheLS") {
		all[b] = beginsToken
	}
	return all
}()

// InArguments looks into the words of a command line, which may be scripts for
// a shell. It calls found with the index of the argument, and stops where that
// returns false.
func InArguments(args []string, found func(i int, f Found) bool) {
	var w words
	for i, arg := range args {
		f, ok := InText(arg)
		for word := range strings.FieldsSeq(arg) {
			g, also := w.next(word)
			if also && !ok {
				f, ok = g, true
			}
		}
		if ok && !found(i, f) {
			return
		}
	}
}

// words follows a command line word by word, since --password and its value
// may be two of them.
type words struct {
	class class
	user  bool // curl -u: the next word is user:password
	curl  bool
}

func (w *words) next(word string) (Found, bool) {
	word = strings.Trim(word, `"'`+"`;")
	before := *w
	w.class, w.user = 0, false
	flag := strings.HasPrefix(word, "-")
	if before.class != 0 && !flag {
		if f, ok := judge(before.class, word); ok {
			return f, true
		}
	}
	if before.user && before.curl && !flag {
		if _, password, ok := strings.Cut(word, ":"); ok && !empty(password) && !isNumber(password) {
			return Found{"a user and a password", true}, true
		}
	}
	switch {
	case strings.HasSuffix(word, "curl"):
		w.curl = true
	case word == "-u" || word == "--user":
		w.user = true
	case flag && !strings.ContainsAny(word, "=:"):
		w.class = classOf(strings.TrimLeft(word, "-"))
	case strings.EqualFold(word, "bearer"):
		w.class = token
	}
	return Found{}, false
}

// assigned looks at an assignment, NAME=VALUE, "NAME": "VALUE" or NAME: VALUE at
// the beginning of a line, of which the sign stands at a place in the text.
func assigned(text string, i int) (Found, bool) {
	name := nameBefore(text, i)
	if name == "" {
		return Found{}, false
	}
	c := classOf(name)
	if c != password && c != token {
		return Found{}, false
	}
	value := valueAfter(text, i+1)
	f, ok := judge(c, value)
	if !ok {
		return Found{}, false
	}
	if known, ok := InText(value); ok && len(value) < len(text) { // its form says more
		return known, true
	}
	return f, true
}

// nameBefore is the name that ends where the sign of an assignment stands. A
// colon counts after a name in quotes, as in JSON, and after one that begins a
// line, as in YAML.
func nameBefore(text string, sign int) string {
	end := sign
	for end > 0 && text[end-1] == ' ' && text[sign] == ':' {
		end--
	}
	quoted := end > 0 && (text[end-1] == '"' || text[end-1] == '\'')
	spaced := sign+1 < len(text) && text[sign+1] == ' '
	if text[sign] == ':' && !quoted && !spaced {
		return ""
	}
	if quoted {
		end--
	}
	if end > 0 && text[end-1] == '\\' {
		end--
	}
	start := end
	for start > 0 && end-start < longestName && (isWord(text[start-1]) || text[start-1] == '-' || text[start-1] == '.') {
		start--
	}
	if text[sign] == ':' && !quoted && !beginsLine(text, start) {
		return ""
	}
	return strings.TrimLeft(text[start:end], "-")
}

// beginsLine reports whether nothing but a little space stands before.
func beginsLine(text string, at int) bool {
	for i := at; i > 0 && at-i < longestName; i-- {
		if text[i-1] == '\n' {
			return true
		}
		if text[i-1] != ' ' {
			return false
		}
	}
	return at < longestName
}

// longestName and longestValue bound what is looked at around each sign, so
// that a text made to be slow is not.
const (
	longestName  = 100
	longestValue = 256
)

// valueAfter is the value that begins behind the sign of an assignment.
func valueAfter(text string, start int) string {
	rest := strings.TrimPrefix(text[start:min(len(text), start+longestValue)], `\`)
	rest = strings.TrimLeft(rest, " ")
	if len(rest) > 0 && (rest[0] == '"' || rest[0] == '\'') {
		quote := rest[0]
		rest = rest[1:]
		if i := strings.IndexByte(rest, quote); i >= 0 {
			return strings.TrimSuffix(rest[:i], `\`)
		}
		return rest
	}
	if i := strings.IndexAny(rest, " \t\r\n;&|,\"'`)}<>"); i >= 0 {
		rest = rest[:i]
	}
	return rest
}

func isWord(b byte) bool {
	return b == '_' || b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z'
}
