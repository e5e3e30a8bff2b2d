package strictyaml

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/kubeassay/assay/internal/excerpt"
	"github.com/kubeassay/assay/internal/nearest"
)

// Field is a key of a mapping with its value.
type Field struct {
	Name       string
	Key, Value *yaml.Node
}

// Fields are the keys of a mapping, of which what says what it is. Like all that
// read a node, it has nothing to say of nil, which is what is not there.
func (d *Document) Fields(n *yaml.Node, what string) []Field {
	if n == nil {
		return nil
	}
	if n.Kind != yaml.MappingNode {
		d.Bad(n, "%s must be keys with values, not %s", what, Describe(n))
		return nil
	}
	all := make([]Field, 0, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		if key := n.Content[i]; key.Kind != refused {
			all = append(all, Field{key.Value, key, n.Content[i+1]})
		}
	}
	return all
}

// Keys are the values of a mapping by their keys, which must be among those
// that are known.
func (d *Document) Keys(n *yaml.Node, what string, known ...string) map[string]*yaml.Node {
	values := map[string]*yaml.Node{}
	for _, f := range d.Fields(n, what) {
		if d.Known(f, what, known) {
			values[f.Name] = f.Value
		}
	}
	return values
}

// Header reads the head of a file that has one, and returns the other fields.
// It is false where the file is of another kind: nothing in it means anything then.
func (d *Document) Header() ([]Field, bool) {
	fields := d.Fields(d.root, d.form.What)
	if d.root.Kind != yaml.MappingNode {
		return nil, false
	}
	var rest []Field
	given, ok := map[string]bool{}, true
	for _, f := range fields {
		var want string
		switch f.Name {
		case "apiVersion":
			want = d.form.APIVersion
		case "kind":
			want = d.form.Kind
		default:
			rest = append(rest, f)
			continue
		}
		given[f.Name] = true
		if got, isText := d.Text(f.Value, f.Name); isText && got != want {
			d.Bad(f.Value, "%s is %s, and must be %s", f.Name, excerpt.Quote(got), want)
			ok = false
		}
	}
	if !given["apiVersion"] {
		d.Bad(d.root, "apiVersion is missing: %s says apiVersion: %s", d.form.What, d.form.APIVersion)
	}
	if !given["kind"] {
		d.Bad(d.root, "kind is missing: %s says kind: %s", d.form.What, d.form.Kind)
	}
	return rest, ok
}

// Known refuses a field that is not among those that are known, and says what
// may have been meant.
func (d *Document) Known(f Field, what string, known []string) bool {
	if slices.Contains(known, f.Name) {
		return true
	}
	meant := d.Hint(f.Name, known)
	if meant == "" {
		meant = ": use " + strings.Join(known, ", ")
	}
	d.Bad(f.Key, "unknown key %s in %s%s", excerpt.Quote(f.Name), what, meant)
	return false
}

// Hint is what may have been meant, see [nearest.Hint]. It takes no time over
// mistakes that are only counted.
func (d *Document) Hint(got string, known []string) string {
	if d.Full() {
		return ""
	}
	return nearest.Hint(got, known)
}

// List is the entries of a list.
func (d *Document) List(n *yaml.Node, what string) []*yaml.Node {
	if n == nil {
		return nil
	}
	if n.Kind != yaml.SequenceNode {
		d.Bad(n, "%s must be a list, not %s", what, Describe(n))
		return nil
	}
	return n.Content
}

// Text is the value of a text. A date without quotes is one, as it is written.
func (d *Document) Text(n *yaml.Node, what string) (string, bool) {
	return d.scalar(n, what, strTag, timeTag)
}

// Written is a text, or a number as it is written: 1.10 is "1.10".
func (d *Document) Written(n *yaml.Node, what string) (string, bool) {
	return d.scalar(n, what, strTag, timeTag, intTag, floatTag)
}

func (d *Document) scalar(n *yaml.Node, what string, tags ...string) (string, bool) {
	if n == nil {
		return "", false
	}
	hint := ""
	if n.Kind == yaml.ScalarNode {
		got := n.ShortTag()
		if slices.Contains(tags, got) {
			return n.Value, true
		}
		if got != nullTag {
			hint = ": put it into quotes"
		}
	}
	d.Bad(n, "%s must be text, not %s%s", what, Describe(n), hint)
	return "", false
}
