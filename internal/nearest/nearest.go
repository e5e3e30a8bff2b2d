// Package nearest finds what somebody may have meant by a name that is not
// known. It says nothing about names that are not alike: a wrong hint is worse
// than none.
//
//	fmt.Errorf("unknown check %q%s", id, nearest.Hint(id, known))
package nearest

import (
	"cmp"
	"slices"
	"strings"

	"github.com/agext/levenshtein"
)

const (
	// far is the distance from which on names are not alike.
	far = 4
	// most is how many are named.
	most = 3
	// longest bounds the work, which is the product of two lengths.
	longest = 100
)

// Names returns those of the known names that are written most like got, the
// nearest first; upper case and the signs between words make no difference.
func Names(got string, known []string) []string {
	if len(got) > longest {
		return nil
	}
	plain := strings.NewReplacer("-", "", "_", "", " ", "")
	got = strings.ToLower(plain.Replace(got))
	distance := map[string]int{}
	var names []string
	for _, k := range known {
		n := levenshtein.Distance(got, strings.ToLower(plain.Replace(k)), nil)
		if _, twice := distance[k]; !twice && n < far && 2*n <= len(k) {
			distance[k] = n
			names = append(names, k)
		}
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(distance[a]-distance[b], strings.Compare(a, b)) })
	return names[:min(most, len(names))]
}

// Hint is " (did you mean NAME or NAME?)", or empty where nothing is near.
func Hint(got string, known []string) string {
	names := Names(got, known)
	if len(names) == 0 {
		return ""
	}
	return " (did you mean " + strings.Join(names, " or ") + "?)"
}
