package credential

import "strings"

// class is what a name says about the value.
type class int

const (
	// password: any value is one that is not plainly something else.
	password class = iota + 1
	// token: the value has to look as if it were made by a machine.
	token
	// perhaps: it has to look very much so.
	perhaps
	// basic: the value has to be user:password in base64. No name says this.
	basic
)

// classOf is what the name of a setting says; 0 where it says nothing. Only its
// end counts: PASSWORD_FILE is a file.
func classOf(name string) class {
	var a, b [longestWord]byte
	start, end := wordBefore(name, len(name))
	last := string(lowered(a[:0], name[start:end]))
	before := ""
	switch last {
	case "pwd", "key", "base", "secret", "token", "pass":
		start, end = wordBefore(name, start)
		before = string(lowered(b[:0], name[start:end]))
	}
	if isOther(before, last) {
		return 0
	}
	switch last {
	case "password", "passwd", "passphrase", "passwort", "pass", "pwd":
		return password
	case "secret":
		if before == "" { // may well be the name of a Secret
			return perhaps
		}
		return token
	case "requirepass", "masterauth", "storepass", "keypass", "dbpass", "rootpass", "adminpass", "userpass":
		return password
	case "token", "apikey", "secretkey", "accesskey", "privatekey", "authtoken", "accesstoken":
		return token
	case "salt", "credential", "credentials", "creds", "auth", "authorization", "psk", "pepper":
		return perhaps
	case "key":
		return classOfKey(before)
	case "base":
		if before == "key" { // SECRET_KEY_BASE
			return token
		}
	}
	return classOfEnd(last)
}

// isOther reports whether the word before makes the last one mean something
// else: MAX_PASS counts, PWD is where a shell is, TLS_SECRET names a Secret, and
// MAX_TOKEN and EOS_TOKEN are about language models.
func isOther(before, last string) bool {
	switch last {
	case "pass":
		switch before {
		case "max", "min", "num", "first", "second", "third", "last", "test", "one", "two", "single", "multi", "fast":
			return true
		}
	case "pwd":
		switch before {
		case "", "old", "project", "base", "initial", "current", "work", "working", "script", "orig", "saved", "build":
			return true
		}
	case "secret":
		switch before {
		case "pull", "tls", "ssl", "cert", "certificate", "ca", "registry", "image", "docker", "kube", "kubernetes", "volume", "mount":
			return true
		}
	case "token":
		switch before {
		case "max", "min", "page", "next", "start", "end", "stop", "eos", "bos", "pad", "sep", "unk", "mask", "cls", "llm", "special", "csrf", "xsrf", "continue", "continuation":
			return true
		}
	}
	return false
}

// classOfKey is what stands before KEY.
func classOfKey(before string) class {
	switch before {
	case "api", "secret", "access", "private", "encryption", "signing", "master", "auth", "jwt", "session", "account", "storage", "shared", "client", "app":
		return token
	case "public", "pub", "publishable", "site", "idempotency", "":
		return 0
	}
	return perhaps
}

// classOfEnd is for words that are written as one, such as PGPASSWORD.
func classOfEnd(word string) class {
	for _, end := range []string{"password", "passwd", "passphrase", "pwd"} {
		if strings.HasSuffix(word, end) && word != "oldpwd" && word != "htpasswd" {
			return password
		}
	}
	for _, end := range []string{"pullsecret", "tlssecret"} {
		if strings.HasSuffix(word, end) {
			return 0
		}
	}
	for _, end := range []string{"secret", "token", "apikey", "secretkey", "accesskey", "privatekey"} {
		if strings.HasSuffix(word, end) {
			return token
		}
	}
	return 0
}

// longestWord is the longest that matters; of longer ones the end is enough.
const longestWord = 24

// wordBefore is where the word lies that ends before a place in a name. The
// last two words of DB_PASSWORD, db.password and dbPassword are db and
// password. Numbers at the end do not count.
func wordBefore(name string, at int) (start, end int) {
	for at > 0 && !isLetter(name[at-1]) {
		at--
	}
	return wordStart(name, at), at
}

// lowered appends the end of a word in lower case.
func lowered(to []byte, word string) []byte {
	for _, b := range []byte(word[max(0, len(word)-longestWord):]) {
		if b >= 'A' && b <= 'Z' {
			b += 'a' - 'A'
		}
		to = append(to, b)
	}
	return to
}

// wordStart is where the word begins that ends there: after what is no letter,
// or at an upper-case letter after a lower-case one.
func wordStart(name string, end int) int {
	start := end
	for start > 0 && isLetter(name[start-1]) {
		start--
		if start > 0 && name[start] <= 'Z' && isLetter(name[start-1]) && name[start-1] >= 'a' {
			break
		}
	}
	return start
}

func isLetter(b byte) bool { return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' }
