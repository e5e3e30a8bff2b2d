package facts

import (
	"path"
	"slices"
	"testing"
)

func FuzzNames(f *testing.F) {
	for _, p := range append(SecretPlan("/").Trees[0].Contents, "a?b", "[ab]*", `\*`, "*a*", "a*b", "", "[", "*") {
		f.Add(p, "id_rsa.pem")
		f.Add(p, p)
	}
	f.Fuzz(func(t *testing.T, pattern, name string) {
		if len(name) > 255 || slices.Contains([]byte(name), '/') {
			t.Skip() // no name of a file
		}
		want, err := path.Match(pattern, name)
		n := newNames([]string{pattern})
		if got := n.match(name); got != (want && err == nil) {
			t.Errorf("%q matches %q: %v, want %v (%v)", pattern, name, got, want, err)
		}
	})
}
