package cli_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/kubeassay/assay/gate"
	"github.com/kubeassay/assay/internal/cli"
)

// A script can't write control characters, so this is no script.
func TestErrorsHaveNoControlCharacters(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, args := range [][]string{
		{"scan", "no\x1b[31mfile.yaml"},
		{"scan", "no\u009b31m[.yaml"},
		{"scan", "-o", "json=no\x1b[31m/report.json", "x.yaml"},
	} {
		var out, errs bytes.Buffer
		if code := cli.Run(t.Context(), "assay", args, strings.NewReader(""), &out, &errs); code == gate.OK {
			t.Errorf("%q: exit code %d", args, code)
		}
		if !strings.HasPrefix(errs.String(), "assay: ") || strings.ContainsAny(errs.String(), "\x1b\u009b") {
			t.Errorf("%q: %q", args, errs.String())
		}
	}
}
