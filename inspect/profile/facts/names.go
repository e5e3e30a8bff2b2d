package facts

import (
	"path"
	"slices"
	"strings"
)

// names decides whether a name matches one of many patterns of path.Match. A
// tree has many names, and most patterns are simple: "id_rsa", "*.pem", "id_*".
type names struct {
	exact              map[string]bool
	suffixes, prefixes []string
	patterns           []string // all others
}

func newNames(patterns []string) names {
	n := names{exact: map[string]bool{}}
	for _, p := range patterns {
		switch first, last := strings.IndexAny(p, `*?[\`), strings.LastIndexAny(p, `*?[\`); {
		case first < 0:
			n.exact[p] = true
		case first != last || p[first] != '*':
			n.patterns = append(n.patterns, p)
		case first == 0:
			n.suffixes = append(n.suffixes, p[1:])
		case first == len(p)-1:
			n.prefixes = append(n.prefixes, p[:first])
		default:
			n.patterns = append(n.patterns, p)
		}
	}
	return n
}

func (n *names) match(name string) bool {
	return n.exact[name] ||
		slices.ContainsFunc(n.suffixes, func(s string) bool { return strings.HasSuffix(name, s) }) ||
		slices.ContainsFunc(n.prefixes, func(p string) bool { return strings.HasPrefix(name, p) }) ||
		slices.ContainsFunc(n.patterns, func(p string) bool {
			ok, err := path.Match(p, name)
			return ok && err == nil
		})
}
