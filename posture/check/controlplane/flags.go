package controlplane

import (
	"fmt"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
)

// commandLine is how a container starts a program of the control plane.
type commandLine struct {
	view      *check.View
	spec      *corev1.Container
	component component
	from      int // the first token after the program's name
	// shell: a script starts it, so that its flags can't be told for sure.
	shell bool
	// unclear names a flag whose value only the node knows. It is set by looking.
	unclear string
}

// found is a flag with its value.
type found struct {
	text string
	// token is where the flag stands, value where its value does (the same for
	// --flag=value); env is the environment variable that sets it instead, else -1.
	token, value, env int
}

// len counts the tokens: those of the command, then those of the arguments.
func (l *commandLine) len() int { return len(l.spec.Command) + len(l.spec.Args) }

func (l *commandLine) at(i int) string {
	if i < len(l.spec.Command) {
		return l.spec.Command[i]
	}
	return l.spec.Args[i-len(l.spec.Command)]
}

// flag reads one token as a flag. The components of Kubernetes take two dashes
// (one dash is for short names, of which none matters here), etcd one or two.
func (l *commandLine) flag(token string) (name, value string, hasValue bool) {
	switch {
	case strings.HasPrefix(token, "--"):
		name = token[2:]
	case l.component == etcd && strings.HasPrefix(token, "-"):
		name = token[1:]
	default:
		return "", "", false
	}
	return strings.Cut(name, "=")
}

// same reports whether a flag has that name. Kubernetes takes underscores for dashes.
func (l *commandLine) same(given, name string) bool {
	if len(given) != len(name) {
		return false
	}
	for i := range len(given) {
		if given[i] != name[i] && (given[i] != '_' || name[i] != '-' || l.component == etcd) {
			return false
		}
	}
	return true
}

// each calls use for every place where a flag is set, in their order. A flag
// that is a boolean has its value after a "=" or not at all.
func (l *commandLine) each(name string, boolean bool, use func(found)) {
	n := l.len()
	for i := l.from; i < n; i++ {
		token := l.at(i)
		if token == "--" || l.component == etcd && token != "" && token[0] != '-' {
			return // what follows is no flag
		}
		given, value, hasValue := l.flag(token)
		mine := l.same(given, name)
		f := found{text: value, token: i, value: i, env: -1}
		switch {
		case hasValue:
		case mine && boolean:
			f.text = "true"
		case i+1 < n && given != "" && (mine || !strings.HasPrefix(l.at(i+1), "-")):
			// Whether a flag that is not known here takes the next token is a guess.
			i++
			f.text, f.value = l.at(i), i
		}
		if mine {
			l.resolve(name, f.text)
			use(f)
		}
	}
}

// resolve notes a value that the kubelet puts together from the environment.
func (l *commandLine) resolve(name, text string) {
	if strings.Contains(text, "$(") {
		l.unclear = name
	}
}

// get returns a flag's value: the last one counts. For etcd it may stand in the
// environment, which counts where no flag is given.
func (l *commandLine) get(name string, boolean bool) (f found, ok bool) {
	l.each(name, boolean, func(it found) { f, ok = it, true })
	if ok || l.component != etcd {
		return f, ok
	}
	return l.fromEnv(name)
}

func (l *commandLine) fromEnv(name string) (f found, ok bool) {
	for i := range l.spec.Env {
		e := &l.spec.Env[i]
		if !isVariableOf(e.Name, name) {
			continue
		}
		if e.ValueFrom != nil {
			l.unclear = name
		}
		l.resolve(name, e.Value)
		f, ok = found{text: e.Value, env: i}, true
	}
	if !ok && len(l.spec.EnvFrom) > 0 {
		l.unclear = name
	}
	return f, ok && f.text != "" // etcd passes over empty ones
}

// isVariableOf reports whether an environment variable is the one that etcd
// reads for a flag: ETCD_SOME_FLAG for --some-flag.
func isVariableOf(variable, name string) bool {
	rest, ok := strings.CutPrefix(variable, "ETCD_")
	if !ok || len(rest) != len(name) {
		return false
	}
	for i := range len(name) {
		want := name[i]
		switch {
		case want == '-':
			want = '_'
		case 'a' <= want && want <= 'z':
			want -= 'a' - 'A'
		}
		if rest[i] != want {
			return false
		}
	}
	return true
}

// text is a flag's value, empty where it is not set.
func (l *commandLine) text(name string) string {
	f, _ := l.get(name, false)
	return f.text
}

// isSet reports whether all flags have a value.
func (l *commandLine) isSet(names ...string) bool {
	for _, n := range names {
		if l.text(n) == "" {
			return false
		}
	}
	return true
}

// boolean is the value of a flag that is true or false; ok is false where it is neither.
func (l *commandLine) boolean(name string, unset bool) (value, ok bool) {
	f, set := l.get(name, true)
	if !set {
		return unset, true
	}
	value, err := strconv.ParseBool(f.text)
	return value, err == nil
}

// lists reports whether a flag that is a list holds an item. All its places
// count: such a flag adds to itself.
func (l *commandLine) lists(name, item string) (holds bool) {
	l.each(name, false, func(f found) {
		for one := range strings.SplitSeq(f.text, ",") {
			holds = holds || one == item
		}
	})
	return holds
}

// pair is the value of a key in a flag that is a list of key=value; the last one counts.
func (l *commandLine) pair(name, key string) (value string) {
	l.each(name, false, func(f found) {
		for one := range strings.SplitSeq(f.text, ",") {
			if k, v, ok := strings.Cut(one, "="); ok && strings.TrimSpace(k) == key {
				value = strings.TrimSpace(v)
			}
		}
	})
	return value
}

// stray returns a token that could be any flag, because the environment decides; -1 for none.
func (l *commandLine) stray() int {
	for i := l.from; i < l.len(); i++ {
		token := l.at(i)
		if token == "--" {
			break
		}
		name, _, hasValue := l.flag(token)
		if strings.HasPrefix(token, "$(") || name != "" && strings.Contains(name, "$(") {
			return i
		}
		if name != "" && !hasValue && i+1 < l.len() && !strings.HasPrefix(l.at(i+1), "-") {
			i++ // its value
		}
	}
	return -1
}

// basis says where flags stand, the last place first because it counts, or that
// they are not there. A name that begins with a question mark is that of a
// boolean, and one with a plus is left out where it is not there.
func (l *commandLine) basis(names []string) []finding.Basis {
	var all []finding.Basis
	for _, name := range names {
		name, boolean := strings.CutPrefix(name, "?")
		name, optional := strings.CutPrefix(name, "+")
		var places []finding.Basis
		l.each(name, boolean, func(f found) { places = append(l.places(f), places...) })
		if places == nil && l.component == etcd {
			if f, ok := l.fromEnv(name); ok {
				places = l.places(f)
			}
		}
		all = append(all, places...)
		if places == nil && !optional {
			list := "command"
			if len(l.spec.Command) == 0 {
				list = "args"
			}
			all = append(all, l.view.InContainer(list+"[--"+name+"]", check.Unset))
		}
	}
	return all
}

func (l *commandLine) places(f found) []finding.Basis {
	if f.env >= 0 {
		at := fmt.Sprintf("env[%d].", f.env)
		return []finding.Basis{l.view.InContainer(at+"name", l.spec.Env[f.env].Name), l.view.InContainer(at+"value", check.OrUnset(l.spec.Env[f.env].Value))}
	}
	all := []finding.Basis{l.token(f.token)}
	if f.value != f.token {
		all = append(all, l.token(f.value))
	}
	return all
}

// token is the basis of one token.
func (l *commandLine) token(i int) finding.Basis {
	field := fmt.Sprintf("command[%d]", i)
	if i >= len(l.spec.Command) {
		field = fmt.Sprintf("args[%d]", i-len(l.spec.Command))
	}
	return l.view.InContainer(field, check.OrUnset(l.at(i)))
}
