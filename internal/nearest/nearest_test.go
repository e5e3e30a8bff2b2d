package nearest_test

import (
	"strings"
	"testing"

	"github.com/kubeassay/assay/internal/nearest"
)

func TestHint(t *testing.T) {
	known := []string{"run-as-root", "root-group", "host-pid", "host-ipc", "host-port"}
	for got, want := range map[string]string{
		"run-as-rot":               " (did you mean run-as-root?)",
		"RunAsRoot":                " (did you mean run-as-root?)",
		"host-pic":                 " (did you mean host-pid or host-ipc or host-port?)",
		"something-else":           "",
		"":                         "",
		strings.Repeat("x", 1<<20): "",
	} {
		if hint := nearest.Hint(got, known); hint != want {
			t.Errorf("%.20q: %q, want %q", got, hint, want)
		}
	}
}
