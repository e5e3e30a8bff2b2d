package credential

import (
	"path"
	"strings"
)

// InArguments looks into the words of a command line, which may be scripts for
// a shell. It calls found with the index of the argument, and stops where that
// returns false.
func InArguments(args []string, found func(i int, f Found) bool) {
	var w words
	for i, arg := range args {
		f, ok := InText(arg)
		w.first, w.goesOn = strings.ContainsAny(arg, " \t\n"), true
		for line := range strings.Lines(arg) {
			if !w.goesOn {
				w = words{first: true}
			}
			w.goesOn = strings.HasSuffix(strings.TrimRight(line, "\r\n"), `\`)
			for word := range strings.FieldsSeq(line) {
				g, also := w.next(word)
				if also && !ok {
					f, ok = g, true
				}
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
	class   class
	program program
	user    bool // curl -u: the next word is user:password
	goesOn  bool // the line does, on the next one
	flag    bool // the word before was one
	first   bool // the next word is the first of a script
}

// program is how a known program takes a password by a short flag.
type program struct {
	curl bool
	// flag takes it; joined: in the same word, apart: in the next.
	flag          string
	joined, apart bool
}

func programOf(word string) (program, bool) {
	switch path.Base(word) {
	case "curl":
		return program{curl: true}, true
	case "mysql", "mysqladmin", "mysqlcheck", "mysqldump", "mysqlimport", "mysqlshow", "mariadb", "mariadb-admin", "mariadb-check", "mariadb-dump":
		return program{flag: "-p", joined: true}, true
	case "sshpass":
		return program{flag: "-p", joined: true, apart: true}, true
	case "mongo", "mongosh", "mongodump", "mongoexport", "mongoimport", "mongorestore":
		return program{flag: "-p", apart: true}, true
	case "redis-cli", "valkey-cli":
		return program{flag: "-a", apart: true}, true
	case "ldapadd", "ldapdelete", "ldapmodify", "ldapsearch", "ldapwhoami":
		return program{flag: "-w", apart: true}, true
	}
	return program{}, false
}

func (w *words) next(given string) (Found, bool) {
	word := strings.Trim(given, `"'`+"`;")
	before := *w
	w.class, w.user, w.first, w.flag = 0, false, false, false
	flag := strings.HasPrefix(word, "-")
	if before.class != 0 && !flag {
		if f, ok := judge(before.class, word); ok {
			return f, true
		}
	}
	if before.user && !flag && isUser(word) {
		return Found{"a user and a password", true}, true
	}
	if f, ok := w.byFlag(word); ok {
		return f, true
	}
	switch {
	case strings.HasSuffix(given, ";") || given == "&&" || given == "||" || given == "|":
		w.program = program{} // another one follows
	case !flag:
		// The value of a flag may be called like a program.
		if p, ok := programOf(word[strings.LastIndexAny(word, "(`")+1:]); ok && (before.first || !before.flag) {
			w.program = p
		}
		if strings.EqualFold(word, "bearer") {
			w.class = token
		}
		if strings.EqualFold(word, "basic") {
			w.class = basic
		}
	default:
		w.flag = true
		if w.class == 0 && !w.user && !strings.ContainsAny(word, "=:") {
			w.class = classOf(strings.TrimLeft(word, "-"))
		}
	}
	return Found{}, false
}

// byFlag looks at a word as the flag of the program that goes before.
func (w *words) byFlag(word string) (Found, bool) {
	p := &w.program
	switch {
	case p.curl:
		return w.byUser(word)
	case p.flag == "" || !strings.HasPrefix(word, p.flag):
	case word == p.flag && p.apart:
		w.class = password
	case word != p.flag && p.joined:
		const longestPort = 5 // what is meant for another flag
		if value := strings.TrimLeft(word[len(p.flag):], `"'`); !isNumber(value) || len(value) > longestPort {
			return judge(password, value)
		}
	}
	return Found{}, false
}

// byUser looks for curl's -u, alone, behind other flags, or with its value.
func (w *words) byUser(word string) (Found, bool) {
	value, short := strings.CutPrefix(word, "-u")
	if !short {
		value, _ = strings.CutPrefix(word, "--user=")
	}
	switch {
	case word == "--user", len(word) > 1 && word[0] == '-' && word[1] != '-' && strings.HasSuffix(word, "u"):
		w.user = true
	case len(value) < len(word) && isUser(value):
		return Found{"a user and a password", true}, true
	}
	return Found{}, false
}

// isUser reports whether a word is user:password.
func isUser(word string) bool {
	_, secret, ok := strings.Cut(strings.Trim(word, `"'`), ":")
	return ok && !strings.HasPrefix(secret, "//") && !empty(secret) && !isNumber(secret)
}
