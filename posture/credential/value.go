package credential

import (
	"encoding/base64"
	"math"
	"strings"
)

// judge decides about a value by what its name says.
func judge(c class, value string) (Found, bool) {
	if c == 0 {
		return Found{}, false
	}
	value = strings.Trim(value, " \t\r\n\"'")
	if empty(value) || isPointer(value) {
		return Found{}, false
	}
	switch c {
	case basic:
		if isUserAndPassword(value) {
			return Found{"a user and a password", true}, true
		}
	case password:
		if !isNameOfSecret(value) && !isAccounts(value) && !(isNumber(value) && len(value) < 4) && strings.Count(value, " ") < 3 {
			return Found{"a password", true}, true
		}
	case token:
		if looksMade(value, 8, 2.5) || tells(value) || isBotToken(value) {
			return Found{"a token or key", true}, true
		}
	case perhaps:
		if looksMade(value, 20, 3.2) && !isUUID(value) && !isImageDigest(value) {
			return Found{"what looks like a key", false}, true
		}
	}
	return Found{}, false
}

// empty reports whether a value is none: nothing, a placeholder, a word that
// switches something, or something that is filled in from elsewhere.
func empty(value string) bool {
	if len(value) < 3 || value[0] == '$' || value[0] == '%' || value[0] == '<' {
		return true
	}
	for _, around := range []string{"[]", "{}"} { // somebody should fill it in
		if value[0] == around[0] && value[len(value)-1] == around[1] {
			return true
		}
	}
	if strings.HasPrefix(value, "__") && strings.HasSuffix(value, "__") || value[0] == '@' && value[len(value)-1] == '@' {
		return true
	}
	if strings.Contains(value, "$(") || strings.Contains(value, "${") || strings.Contains(value, "{{") {
		return true
	}
	if isSwitch(value) {
		return true
	}
	return isFake(value)
}

// isSwitch reports whether a value is a word for yes, no or which.
func isSwitch(value string) bool {
	switch strings.ToLower(value) {
	case "true", "false", "yes", "off", "none", "null", "nil", "undefined", "enabled", "disabled", "optional", "required", "prompt",
		"plain", "plaintext", "basic", "bearer", "file", "env", "vault", "kubernetes", "auto", "generated", "random", "default", "unset", "empty", "unused",
		"string", "str", "text":
		return true
	}
	// How long something lasts: 30m, 24h.
	digits := run(value, func(b byte) bool { return b >= '0' && b <= '9' })
	return digits > 0 && digits == len(value)-1 && strings.IndexByte("smhd", value[digits]) >= 0
}

// isFake reports whether a value only stands for one.
func isFake(value string) bool {
	if strings.Count(value, value[:1]) == len(value) { // ***, xxx
		return true
	}
	low := strings.ToLower(value)
	for _, sign := range []string{
		"changeme", "change-me", "change_me", "changeit", "replace", "placeholder", "example", "xxxx", "****", "....",
		"your-", "your_", "yourp", "yourt", "yours", "<your", "todo", "fixme", "redacted", "dummy", "insert", "not-used", "notused", "masked",
	} {
		if strings.Contains(low, sign) {
			return true
		}
	}
	return low == "tbd" || low == "n/a"
}

// isPointer reports whether a value only says where something is: a path, a
// URL (whose own password was looked for before), a name in a store of
// secrets. It also knows values that are encrypted or hashed.
func isPointer(value string) bool {
	if strings.Contains(value, "://") || isExpression(value) {
		return true
	}
	switch value[0] {
	case '/', '~', '.':
		if strings.HasPrefix(value, "./") || strings.HasPrefix(value, "../") || strings.HasPrefix(value, "~/") || isPath(value) {
			return true
		}
	}
	for _, prefix := range []string{
		"vault:", "arn:", "ref+", "ssm:", "sm:", "secret:", "secretref:", "keyvault:", "env:", "file:", "projects/", "k8s:", "awssm:",
		"!vault", "!secret", "ENC[", "ENC(", "{cipher}", "enc:", "sha1:", "sha256:", "sha512:", "md5:", "{SSHA}", "{SHA}", "pbkdf2", "scrypt:", "SCRAM-SHA-",
	} {
		if strings.HasPrefix(value, prefix) {
			return true
		}
	}
	return false
}

// isExpression reports whether a value is a piece of a program that gets one from
// elsewhere: a variable, a call, a file for curl, a pattern for sed or awk.
func isExpression(value string) bool {
	switch value[0] {
	case ':': // a place for one in SQL
		return true
	case '@':
		if len(value) > 1 && (value[1] == '/' || value[1] == '.') {
			return true
		}
	case '/':
		if strings.ContainsAny(value, "{}") {
			return true
		}
	}
	if last := value[len(value)-1]; last == '(' || last == '[' {
		return true
	}
	for _, sign := range []string{".*", "%(", "environ", "getenv", "process.env"} {
		if strings.Contains(value, sign) {
			return true
		}
	}
	return holdsVariable(value)
}

// holdsVariable reports whether a value holds a shell's variable, such as $DB_PASS.
func holdsVariable(value string) bool {
	isName := func(b byte) bool { return b >= 'A' && b <= 'Z' || b == '_' }
	for i := range len(value) - 2 {
		if value[i] == '$' && (i == 0 || value[i-1] != '$') && isName(value[i+1]) && isName(value[i+2]) {
			return true
		}
	}
	return false
}

// isPath reports whether a value is a file's path: letters, digits and few signs.
func isPath(value string) bool {
	for i := range len(value) {
		if b := value[i]; !isWord(b) && b != '/' && b != '-' && b != '.' {
			return false
		}
	}
	return value[0] == '/' && (strings.Count(value, "/") > 1 || strings.Contains(value, "."))
}

// isNameOfSecret reports whether a value is a name for one rather than one:
// db-credentials, DB_PASSWORD.
func isNameOfSecret(value string) bool {
	parts := strings.ContainsAny(value, "-_.")
	if !parts || strings.ContainsAny(value, " !@#$%^&*+=?/") {
		return false
	}
	low := strings.ToLower(value)
	if low != value && strings.ToUpper(value) != value {
		return false
	}
	for _, word := range []string{"password", "passwd", "secret", "credential", "token", "-key", "_key", ".key", "-auth", "-pass", "_pass"} {
		if strings.Contains(low, word) {
			return true
		}
	}
	return false
}

// looksMade reports whether a value looks as if a machine had made it: of one
// piece, of letters and digits mixed, and with enough chance in it.
func looksMade(value string, least int, bits float64) bool {
	if len(value) < least || strings.ContainsAny(value, " ,;:\t\n") {
		return false
	}
	var lower, upper, digits, dots, dashes int
	for i := range len(value) {
		switch b := value[i]; {
		case b >= 'a' && b <= 'z':
			lower++
		case b >= 'A' && b <= 'Z':
			upper++
		case b >= '0' && b <= '9':
			digits++
		case b == '.':
			dots++
		case b == '-' || b == '_':
			dashes++
		}
	}
	switch {
	case digits == 0 || lower+upper == 0:
		// Letters alone can be any name, and digits alone any number.
		return false
	case isUUID(value):
		return true
	case dots > 0 && digits < len(value)/4, dots > 1 && len(value) < 20:
		return false // a name of a class or host, a version
	case dashes > 0 && (lower == 0 || upper == 0) && digits < len(value)/3:
		return false // my-service-2, MY_NAME_2
	case dashes > 1 && digits < len(value)/5:
		return false
	}
	return entropy(value) >= bits
}

// tells reports whether somebody made a secret up who wrote what it is:
// supersecret.
func tells(value string) bool {
	low := strings.ToLower(value)
	if strings.HasPrefix(low, "django-insecure-") { // how Django begins those that it makes up
		return true
	}
	if strings.ContainsAny(value, "-_./ ") || len(value) < 8 {
		return false
	}
	i := strings.Index(low, "secret")
	return i >= 0 && low != "secrets" && low != "secretkey" && low != "secretname" && low != "clientsecret"
}

// inHeader looks at the value of an HTTP header that says who somebody is.
func inHeader(value string) (Found, bool) {
	scheme, rest, ok := strings.Cut(value, " ")
	switch {
	case !ok:
	case strings.EqualFold(scheme, "bearer"):
		return judge(token, rest)
	case strings.EqualFold(scheme, "basic"):
		return judge(basic, rest)
	}
	return Found{}, false
}

// isUserAndPassword reports whether a value is user:password in base64, as in
// HTTP headers and in the settings of registries.
func isUserAndPassword(value string) bool {
	if len(value) < 8 || len(value) > longestValue {
		return false
	}
	text, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(value, "="))
	if err != nil {
		return false
	}
	for _, b := range text {
		if b < ' ' || b > '~' {
			return false
		}
	}
	user, secret, ok := strings.Cut(string(text), ":")
	return ok && user != "" && !empty(secret)
}

// isAccounts reports whether a value is a list of accounts, such as /etc/passwd,
// that have their passwords elsewhere.
func isAccounts(value string) bool {
	return strings.Contains(value, ":x:") || strings.Contains(value, ":*:") || strings.Contains(value, ":!:")
}

// isBotToken reports whether a value is a number, a colon and 35 letters: a
// token of a Telegram bot.
func isBotToken(value string) bool {
	id, rest, ok := strings.Cut(value, ":")
	return ok && len(id) >= 8 && isNumber(id) && len(rest) == 35 && run(rest, isURLSafe) == len(rest) && entropy(rest) >= 3
}

// isNumber reports whether a value has nothing but digits.
func isNumber(value string) bool {
	return value != "" && run(value, func(b byte) bool { return b >= '0' && b <= '9' }) == len(value)
}

// isUUID reports whether a value is written as 8-4-4-4-12 hex digits.
func isUUID(value string) bool {
	if len(value) != 36 {
		return false
	}
	for i := range len(value) {
		b := value[i]
		dash := i == 8 || i == 13 || i == 18 || i == 23
		if dash != (b == '-') || !dash && !isHex(b) {
			return false
		}
	}
	return true
}

// isImageDigest reports whether a value is hex as long as the usual digests,
// which also name commits and images.
func isImageDigest(value string) bool {
	return (len(value) == 40 || len(value) == 64) && run(value, isHex) == len(value)
}

func isHex(b byte) bool {
	return b >= '0' && b <= '9' || b >= 'a' && b <= 'f' || b >= 'A' && b <= 'F'
}

// entropy is Shannon's, in bits a byte.
func entropy(s string) float64 {
	var count [256]int
	for i := range len(s) {
		count[s[i]]++
	}
	var sum float64
	for _, n := range &count {
		if n > 0 {
			p := float64(n) / float64(len(s))
			sum -= p * math.Log2(p)
		}
	}
	return sum
}
