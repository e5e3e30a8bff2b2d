package builtin_test

import (
	"fmt"
	"testing"

	"github.com/kubeassay/assay/inspect/profile"
)

// BenchmarkEvaluate judges a file system of the size of a full Debian.
func BenchmarkEvaluate(b *testing.B) {
	in := wellMade()
	for i := range 10_000 {
		mode := uint32(0o644)
		if i%7 == 0 {
			mode = 0o755
		}
		in.file(fmt.Sprintf("/usr/share/d%d/f%d", i/50, i), mode, "")
		delete(in.contents, fmt.Sprintf("/usr/share/d%d/f%d", i/50, i))
	}
	for i := range 20 {
		in.file(fmt.Sprintf("/etc/ssl/c%d.pem", i), 0o644, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
	}
	s := in.snapshot(b)
	for _, name := range profile.BuiltinNames() {
		p := load(b, name)
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := p.Evaluate(b.Context(), s, profile.Options{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
