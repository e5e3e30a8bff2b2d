package facts

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"github.com/kubeassay/assay/inspect/snapshot"
)

const (
	sshdConfigPath = "/etc/ssh/sshd_config"
	sshdMaxDepth   = 16 // of Include in Include, as sshd has it
	sshdMaxFiles   = 1000
)

// sshdLists are keywords of which every occurrence counts, not only the first.
func sshdLists() []string {
	return []string{"acceptenv", "allowgroups", "allowusers", "denygroups", "denyusers", "hostcertificate", "hostkey", "listenaddress",
		"permitlisten", "permitopen", "port", "setenv", "subsystem"}
}

// sshd reads sshd_config(5): keywords in lower case; the first value of a
// keyword wins, but for those of which every line counts, whose values are
// lists; Include is followed where it stands. What stands in Match blocks is
// under "match", in order, as {"criteria": "user backup", "settings": {…}}.
type sshd struct {
	s        *snapshot.Snapshot
	global   map[string]any
	matches  []any
	settings map[string]any // those of the block that we are in
	files    int
	Source
}

func readSSHD(s *snapshot.Snapshot, file string, d document) (any, Source) {
	r := &sshd{s: s, global: map[string]any{}, Source: d.Source}
	r.settings = r.global
	r.lines(file, string(d.data), 0)
	out := r.global
	out["match"] = r.matches
	if r.matches == nil {
		out["match"] = []any{}
	}
	return out, r.Source
}

func (r *sshd) lines(file, text string, depth int) {
	n := 0
	for line := range strings.Lines(text) {
		n++
		words, ok := sshdWords(line)
		if !ok {
			r.note("%s:%d has a quote that does not end: sshd refuses the file", file, n)
			continue
		}
		if len(words) == 0 {
			continue
		}
		keyword, args := strings.ToLower(words[0]), words[1:]
		switch {
		case keyword == "include":
			for _, pattern := range args {
				r.include(pattern, depth)
			}
		case keyword == "match":
			r.match(strings.Join(args, " "))
		case len(args) == 0:
			r.note("%s:%d: %q has no value: sshd refuses the file", file, n, keyword)
		case slices.Contains(sshdLists(), keyword):
			list, _ := r.settings[keyword].([]any)
			for _, a := range sshdValues(keyword, args) {
				list = append(list, a)
			}
			r.settings[keyword] = list
		default:
			if _, set := r.settings[keyword]; !set {
				r.settings[keyword] = strings.Join(args, " ")
			}
		}
	}
}

// sshdValues: of a subsystem and of an address with a routing domain the words belong together.
func sshdValues(keyword string, args []string) []string {
	if keyword == "subsystem" || keyword == "listenaddress" {
		return []string{strings.Join(args, " ")}
	}
	return args
}

func (r *sshd) match(criteria string) {
	r.settings = map[string]any{}
	r.matches = append(r.matches, map[string]any{"criteria": criteria, "settings": r.settings})
}

// include reads what a pattern names, in the order of names. A Match in an
// included file ends with that file.
func (r *sshd) include(pattern string, depth int) {
	if !path.IsAbs(pattern) {
		pattern = path.Join("/etc/ssh", pattern)
	}
	if depth >= sshdMaxDepth {
		r.Source = r.and(failed("%s is included more than %d levels deep", pattern, sshdMaxDepth))
		return
	}
	entries, fact := r.s.Glob(pattern)
	if !fact.Known() {
		missing := Source{Fact: about(pattern, fact, "was not collected")}
		if missing.Fact.State == snapshot.NotCollected {
			missing.MissingGlobs = []string{pattern}
		}
		r.Source = r.and(missing)
	}
	slices.SortFunc(entries, func(a, b snapshot.Entry) int { return cmp.Compare(a.Path, b.Path) })
	settings := r.settings
	for _, e := range entries {
		if r.files++; r.files > sshdMaxFiles {
			r.Source = r.and(failed("%s: more than %d files are included", pattern, sshdMaxFiles))
			return
		}
		d := read(r.s, e.Path)
		if d.Fact.State != snapshot.Absent { // a dangling link includes nothing
			r.Source = r.and(d.Source)
		}
		r.lines(e.Path, string(d.data), depth+1)
		r.settings = settings
	}
}

// sshdWords splits a line as sshd does: at blanks, the keyword also at "=";
// quotes keep blanks together, and # begins a comment where a word could begin.
func sshdWords(line string) (words []string, ok bool) {
	line = strings.TrimLeft(strings.TrimRight(line, " \t\r\n\f"), " \t\r")
	if line == "" || line[0] == '#' {
		return nil, true
	}
	end := strings.IndexAny(line, " \t=\"")
	if end < 0 {
		return []string{line}, true
	}
	words = append(words, line[:end])
	rest := strings.TrimLeft(line[end:], " \t")
	rest = strings.TrimLeft(strings.TrimPrefix(rest, "="), " \t")
	for rest != "" && rest[0] != '#' {
		var word string
		if word, rest, ok = sshdWord(rest); !ok {
			return nil, false
		}
		words = append(words, word)
		rest = strings.TrimLeft(rest, " \t")
	}
	return words, true
}

// sshdWord takes one word, with its quotes and escapes resolved.
func sshdWord(text string) (word, rest string, ok bool) {
	var out strings.Builder
	var quote byte
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '\\' && i+1 < len(text) && (strings.IndexByte(`"'\`, text[i+1]) >= 0 || quote == 0 && text[i+1] == ' '):
			i++
			out.WriteByte(text[i])
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == ' ' || c == '\t'):
			return out.String(), text[i:], true
		default:
			out.WriteByte(c)
		}
	}
	return out.String(), "", quote == 0
}
