package docs

import (
	"fmt"
	"strings"
	"testing"

	"github.com/kubeassay/assay/inspect/profile"
)

// language lists what the expressions of a profile can say.
func language(t *testing.T, _ *runner) string {
	l, err := profile.Language()
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	list := func(head string, fields []profile.Field) {
		fmt.Fprintf(&b, "| %s | type | |\n| --- | --- | --- |\n", head)
		for _, f := range fields {
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", f.Name, f.Type, strings.ReplaceAll(f.About, "|", `\|`))
		}
		b.WriteString("\n")
	}
	list("name", l.Names)
	list("function", l.Functions)
	list("method", l.Methods)
	for _, o := range l.Objects {
		fmt.Fprintf(&b, "### %s\n\n%s\n\n", o.Name, o.About)
		list("field", o.Fields)
	}
	return strings.TrimSpace(b.String())
}
