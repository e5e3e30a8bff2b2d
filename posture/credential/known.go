package credential

import (
	"encoding/base64"
	"strings"
)

// form is how a well-known token begins, and how it goes on.
type form struct {
	prefix string
	kind   string
	// least and most bound what follows the prefix; 0 stands for no bound.
	least, most int
	of          func(byte) bool
}

// formsAt are the forms that begin with a letter.
func formsAt(b byte) []form {
	switch b {
	case 'A':
		return []form{
			{"AKIA", "an AWS access key", 16, 16, isUpperOrDigit}, {"ASIA", "an AWS access key", 16, 16, isUpperOrDigit},
			{"AIza", "a Google API key", 35, 35, isURLSafe}, {"AGE-SECRET-KEY-1", "a private key", 58, 58, isUpperOrDigit},
		}
	case 'g':
		return []form{
			{"ghp_", "a GitHub token", 36, 0, isWord}, {"gho_", "a GitHub token", 36, 0, isWord}, {"ghu_", "a GitHub token", 36, 0, isWord},
			{"ghs_", "a GitHub token", 36, 0, isWord}, {"ghr_", "a GitHub token", 36, 0, isWord}, {"github_pat_", "a GitHub token", 60, 0, isWord},
			{"glpat-", "a GitLab token", 20, 0, isURLSafe},
		}
	case 'x':
		return []form{
			{"xoxb-", "a Slack token", 24, 0, isURLSafe}, {"xoxp-", "a Slack token", 24, 0, isURLSafe}, {"xoxa-", "a Slack token", 24, 0, isURLSafe},
			{"xoxr-", "a Slack token", 24, 0, isURLSafe}, {"xoxs-", "a Slack token", 24, 0, isURLSafe},
		}
	case 's':
		return []form{{"sk_live_", "a Stripe key", 20, 0, isWord}, {"sk-ant-", "an API key", 32, 0, isURLSafe}, {"sk-proj-", "an API key", 32, 0, isURLSafe}}
	case 'r':
		return []form{{"rk_live_", "a Stripe key", 20, 0, isWord}}
	case 'n':
		return []form{{"npm_", "an npm token", 36, 0, isWord}}
	case 'p':
		return []form{{"pypi-AgEI", "a PyPI token", 40, 0, isURLSafe}}
	case 'd':
		return []form{{"dop_v1_", "a DigitalOcean token", 60, 0, isWord}}
	case 'h':
		return []form{{"hvs.", "a Vault token", 24, 0, isURLSafe}, {"hf_", "a Hugging Face token", 34, 0, isWord}}
	}
	return nil
}

func isUpperOrDigit(b byte) bool { return b >= '0' && b <= '9' || b >= 'A' && b <= 'Z' }

func isURLSafe(b byte) bool { return isWord(b) || b == '-' }

// tokenAt is the kind of token that begins there; empty for none.
func tokenAt(text string) string {
	if len(text) < 4 {
		return ""
	}
	switch text[:2] { // most words go no further
	case "AK", "AS", "AI", "AG", "gh", "gi", "gl", "xo", "sk", "rk", "np", "py", "do", "hv", "hf", "ey", "LS", "SG":
	default:
		return ""
	}
	for _, f := range formsAt(text[0]) {
		rest, ok := strings.CutPrefix(text, f.prefix)
		if !ok {
			continue
		}
		n := run(rest, f.of)
		if n >= f.least && (f.most == 0 || n <= f.most) && !isFake(rest[:n]) {
			return f.kind
		}
	}
	switch {
	case strings.HasPrefix(text, "eyJ") && isJWT(text):
		return "a signed token (JWT)"
	case strings.HasPrefix(text, encodedPEM) && isEncodedKey(text):
		return "a private key"
	case strings.HasPrefix(text, "SG.") && isSendGrid(text[3:]):
		return "a SendGrid key"
	}
	return ""
}

// run counts the bytes at the beginning that belong to a token.
func run(s string, of func(byte) bool) int {
	n := 0
	for n < len(s) && of(s[n]) {
		n++
	}
	return n
}

// isJWT wants three parts, of which the first two are JSON.
func isJWT(text string) bool {
	head := run(text, isURLSafe)
	rest, ok := strings.CutPrefix(text[head:], ".eyJ")
	if !ok || head < 10 {
		return false
	}
	body := run(rest, isURLSafe)
	rest, ok = strings.CutPrefix(rest[body:], ".")
	return ok && run(rest, isURLSafe) >= 20
}

func isSendGrid(rest string) bool {
	n := run(rest, isURLSafe)
	return n >= 16 && n < len(rest) && rest[n] == '.' && run(rest[n+1:], isURLSafe) >= 32
}

// encodedPEM is "-----BEGIN " in base64, as far as that is always the same.
const encodedPEM = "LS0tLS1CRUdJTi"

func isEncodedKey(text string) bool {
	const head, least = 64, 200 // enough for the first line; less is no key
	if len(text) < least || run(text[:least], func(b byte) bool { return isWord(b) || b == '+' || b == '/' }) < least {
		return false
	}
	line, err := base64.StdEncoding.DecodeString(text[:head])
	return err == nil && strings.Contains(string(line), "PRIVATE KEY-----")
}

// setsPassword looks at a line of redis.conf, which has no sign between a name
// and its value.
func setsPassword(text string, at int) bool {
	const name = "requirepass "
	if !strings.HasPrefix(text[at:], name) || !beginsLine(text, at) {
		return false
	}
	value, _ := valueAfter(text, at+len(name))
	_, ok := judge(password, value)
	return ok
}

// setsInSQL reports whether the text that begins at a quote is the password of a
// statement that makes or changes a user.
func setsInSQL(text string, quote int) bool {
	for _, words := range []string{"identified by ", "with password ", "encrypted password "} {
		if start := quote - len(words); start >= 0 && strings.EqualFold(text[start:quote], words) {
			value, _ := valueAfter(text, quote)
			_, ok := judge(password, value)
			return ok
		}
	}
	return false
}

// isSecretAddress reports whether what stands behind :// is an address that lets
// anybody in who knows it: a webhook of Slack.
func isSecretAddress(rest string) bool {
	parts, ok := strings.CutPrefix(rest, "hooks.slack.com/services/T")
	if !ok {
		return false
	}
	team := run(parts, isUpperOrDigit)
	if team == len(parts) || parts[team] != '/' {
		return false
	}
	parts = parts[team+1:]
	hook := run(parts, isUpperOrDigit)
	if hook < 8 || hook == len(parts) || parts[hook] != '/' {
		return false
	}
	secret := parts[hook+1:]
	secret = secret[:run(secret, isWord)]
	return len(secret) >= 20 && !isFake(secret)
}

// isDataSource reports whether user:password stands before an @ behind which a
// protocol and an address in brackets follow, as drivers of MySQL in Go have it.
func isDataSource(text string, at int) bool {
	if rest := text[at+1:]; !strings.HasPrefix(rest, "tcp(") && !strings.HasPrefix(rest, "unix(") {
		return false
	}
	before := text[max(0, at-longestValue):at]
	before = before[strings.LastIndexAny(before, " \t\r\n\"'`=,;")+1:]
	_, secret, ok := strings.Cut(before, ":")
	return ok && !empty(secret) && !isPointer(secret)
}

// isPrivateKey wants a key's first line, and then a key.
func isPrivateKey(text string) bool {
	const longest, least = 64, 40
	head := text[:min(len(text), longest)]
	i := strings.Index(head, "PRIVATE KEY")
	if i < 0 || strings.Contains(head[:i], "\n") {
		return false
	}
	rest, ok := strings.CutPrefix(strings.TrimPrefix(text[i+len("PRIVATE KEY"):], " BLOCK"), "-----") // PGP calls it a block
	if !ok {
		return false
	}
	for {
		short := strings.TrimLeft(rest, " \t\r\n")
		short = strings.TrimPrefix(strings.TrimPrefix(short, `\r`), `\n`)
		if len(short) == len(rest) {
			break
		}
		rest = short
	}
	return run(rest, func(b byte) bool { return isWord(b) || b == '+' || b == '/' }) >= least
}

// hasPassword reports whether the URL around "://" has a password in it.
func hasPassword(text string, colon int) bool {
	if colon == 0 || !isWord(text[colon-1]) {
		return false
	}
	rest := text[colon+len("://"):]
	if i := strings.IndexAny(rest, "/?# \t\r\n\"'`,;|<>\\"); i >= 0 {
		rest = rest[:i]
	}
	at := strings.LastIndexByte(rest, '@')
	if at < 0 {
		return false
	}
	_, secret, ok := strings.Cut(rest[:at], ":")
	return ok && !empty(secret)
}
