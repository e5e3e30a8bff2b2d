package cluster

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"
	"sync"
)

// lifecycle is made by a test, from the types in the module k8s.io/api, so that
// the program need not hold all of those types. lifecycleGone is for versions
// that have left the module, or were never in it, each with its source.
var (
	//go:embed lifecycle.tsv
	lifecycle string
	//go:embed lifecycle_gone.tsv
	lifecycleGone string
)

// span says in which minor versions of Kubernetes 1 a version of the API came
// and went; 0 where it did not.
type span struct {
	introduced, deprecated, removed int
	// replacement is what to use instead, as "apps/v1 Deployment".
	replacement string
}

type versionKind struct{ apiVersion, kind string }

// spans reads the tables once. They are part of the program, and a test reads
// them too: an error in them is a mistake of the program's.
var spans = sync.OnceValue(func() map[versionKind]*span {
	all := map[versionKind]*span{}
	for _, table := range []string{lifecycle, lifecycleGone} {
		if err := readSpans(table, all); err != nil {
			panic("the tables of API versions are broken: " + err.Error())
		}
	}
	return all
})

// spanOf returns nil for what is not known.
func spanOf(apiVersion, kind string) *span {
	return spans()[versionKind{apiVersion, kind}]
}

// successor is a version of the same group and kind that is not deprecated,
// and that people may rely on; empty where there is none.
func successor(apiVersion, kind string) string {
	group, _, ok := strings.Cut(apiVersion, "/")
	if !ok {
		return ""
	}
	best := ""
	for key, s := range spans() {
		g, version, ok := strings.Cut(key.apiVersion, "/")
		lasts := ok && s.deprecated == 0 && !strings.Contains(version, "alpha") && !strings.Contains(version, "beta")
		if g == group && key.kind == kind && lasts && key.apiVersion > best {
			best = key.apiVersion
		}
	}
	if best == "" {
		return ""
	}
	return best + " " + kind
}

// readSpans reads a table: apiVersion, kind, introduced, deprecated, removed,
// replacement, and perhaps a source.
func readSpans(table string, into map[versionKind]*span) error {
	first := true
	for line := range strings.Lines(table) {
		if first {
			first = false // the head
			continue
		}
		cells := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(cells) < 6 {
			return fmt.Errorf("%q has %d cells", line, len(cells))
		}
		key := versionKind{cells[0], cells[1]}
		if _, twice := into[key]; twice {
			return fmt.Errorf("%s %s is there twice", cells[0], cells[1])
		}
		s := &span{replacement: cells[5]}
		for i, to := range []*int{&s.introduced, &s.deprecated, &s.removed} {
			var err error
			if *to, err = readMinor(cells[2+i]); err != nil {
				return fmt.Errorf("%s %s: %w", cells[0], cells[1], err)
			}
		}
		into[key] = s
	}
	return nil
}

// readMinor reads "1.22", or nothing.
func readMinor(s string) (int, error) {
	if s == "" {
		return 0, nil
	}
	minor, ok := strings.CutPrefix(s, "1.")
	if !ok {
		return 0, fmt.Errorf("%q is no version of Kubernetes 1", s)
	}
	return strconv.Atoi(minor)
}
