package commands

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kubeassay/assay/inspect/access"
	"github.com/kubeassay/assay/inspect/collect/exec"
	"github.com/kubeassay/assay/inspect/collect/internal/remote"
)

// TestExec: what Assay runs is let through, and nothing near it.
func TestExec(t *testing.T) {
	id := strings.Repeat("0123456789abcdef", 4)
	let := func(argv []string) bool {
		return slices.ContainsFunc(Exec(), func(c access.Command) bool { return c.Matches(argv) })
	}
	own := [][]string{remote.CollectRoot(imageRoot), remote.CollectContainer(id, false), remote.CollectContainer(id, true), remote.Stop()}
	for _, argv := range exec.Commands() {
		own = append(own, argv.Words)
		if argv.Prefix {
			own = append(own, append(slices.Clone(argv.Words), "/etc/passwd", "/a b\n-c"))
		}
	}
	for _, argv := range own {
		if !let(argv) {
			t.Errorf("%.80q is not let through", argv)
		}
		if more := append(slices.Clone(argv), "-x"); let(more) {
			t.Errorf("%.80q is let through", more)
		}
		if other := append([]string{"sh"}, argv...); let(other) {
			t.Errorf("%.80q is let through", other)
		}
	}
	for _, argv := range [][]string{
		remote.CollectRoot("/"), remote.CollectContainer("../"+id, false), remote.CollectContainer("--root", false), {"sh", "-c", "id"}, {"sh"}, nil,
	} {
		if let(argv) {
			t.Errorf("%q is let through", argv)
		}
	}
}

func TestHold(t *testing.T) {
	hold := Hold()
	for _, d := range []time.Duration{time.Second, 10 * time.Minute, 90 * time.Second, 26 * time.Hour} {
		if !hold.Matches(remote.Hold(d)) {
			t.Errorf("%q is not let through", remote.Hold(d))
		}
	}
	for _, argv := range [][]string{remote.Stop(), append(remote.Hold(time.Minute), "x"), {remote.Program, "hold", "--for", "$(id)"}} {
		if hold.Matches(argv) {
			t.Errorf("%q is let through", argv)
		}
	}
}
