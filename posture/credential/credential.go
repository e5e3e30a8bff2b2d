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
	if f, ok := inHeader(value); ok {
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
			if text[i] == 'r' && setsPassword(text, i) {
				return Found{"a password", true}, true
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
				if isSecretAddress(text[i+len("://"):]) {
					return Found{"an address that works as a key", true}, true
				}
			} else if f, ok := assigned(text, i); ok {
				return f, true
			}
		case equals:
			if f, ok := assigned(text, i); ok {
				return f, true
			}
		case greater:
			if f, ok := inElement(text, i); ok {
				return f, true
			}
		case quote:
			if setsInSQL(text, i) {
				return Found{"a password", true}, true
			}
		case at:
			if isDataSource(text, i) {
				return Found{"an address with a password in it", true}, true
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
	greater
	quote
	at
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
	all[':'], all['='], all['>'], all['\''], all['@'], all['-'] = colon, equals, greater, quote, at, dash
	for _, b := range []byte("AgxsrnpdheLS") {
		all[b] = beginsToken
	}
	return all
}()

func isWord(b byte) bool {
	return b == '_' || b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z'
}
