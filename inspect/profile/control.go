package profile

import (
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/internal/excerpt"
)

var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// inputs reads the inputs of one file, in its order.
func (d *document) inputs(n *yaml.Node) []Input {
	var all []Input
	for _, f := range d.Fields(n, "inputs") {
		if !identifier.MatchString(f.Name) || reserved(f.Name) {
			d.Bad(f.Key, "%s can't be the name of an input: use letters, digits and underscores, and no word of CEL", excerpt.Quote(f.Name))
			continue
		}
		values := d.Keys(f.Value, "the input "+f.Name, "type", "default", "description")
		in := Input{Name: f.Name, Type: StringInput, Description: strings.TrimSpace(d.text(values["description"], "description"))}
		if t := values["type"]; t != nil {
			in.Type = InputType(d.text(t, "type"))
			if !slices.Contains(InputTypes(), in.Type) {
				names := make([]string, len(InputTypes()))
				for i, t := range InputTypes() {
					names[i] = string(t)
				}
				d.Bad(t, "there is no input type %s%s: use one of %s", excerpt.Quote(string(in.Type)), d.Hint(string(in.Type), names), strings.Join(names, ", "))
				continue
			}
		}
		if def := values["default"]; def != nil {
			in.Default = d.inputValue(def, in.Type, "the default of "+f.Name)
		}
		all = append(all, in)
	}
	return all
}

// reserved are the words that CEL keeps for itself.
func reserved(s string) bool {
	return slices.Contains([]string{"as", "break", "const", "continue", "else", "false", "for", "function", "if", "import",
		"in", "let", "loop", "namespace", "null", "package", "return", "true", "var", "void", "while"}, s)
}

// control reads one control and compiles its expressions.
func (d *document) control(n *yaml.Node, compiler *compiler) *Control {
	values := d.Keys(n, "a control", "id", "title", "desc", "impact", "tags", "references", "check", "fix", "applies", "when", "tests")
	c := &Control{Location: finding.Location{File: d.Name(), Line: n.Line, Column: n.Column}, Impact: 0.5}
	if n.Kind != yaml.MappingNode {
		return c
	}
	c.ID = d.required(n, values, "id", "the control")
	if c.ID != "" && !word(c.ID) {
		d.Bad(values["id"], "the id %s must be made of letters, digits, dots, dashes and underscores", excerpt.Quote(c.ID))
	}
	what := "control " + c.ID
	c.Title = strings.TrimSpace(d.required(n, values, "title", what))
	c.Desc = strings.TrimSpace(d.text(values["desc"], "desc"))
	c.Check = strings.TrimSpace(d.text(values["check"], "check"))
	c.Fix = strings.TrimSpace(d.text(values["fix"], "fix"))
	if values["impact"] == nil {
		d.Bad(n, "%s has no impact: a number from 0.0 to 1.0", what)
	} else {
		c.Impact = d.impact(values["impact"], "impact")
	}
	for _, f := range d.Fields(values["tags"], "tags") {
		if c.Tags == nil {
			c.Tags = map[string][]string{}
		}
		c.Tags[f.Name] = d.texts(f.Value, "the tag "+f.Name)
	}
	for _, r := range d.List(values["references"], "references") {
		c.References = append(c.References, d.reference(r))
	}
	c.Applies = d.applies(values["applies"])
	for _, w := range d.oneOrMore(values["when"], "when") {
		c.When = append(c.When, d.condition(w, compiler))
	}
	if values["tests"] == nil {
		d.Bad(n, "%s has no tests", what)
		return c
	}
	tests := d.List(values["tests"], "tests")
	if len(tests) == 0 && values["tests"].Kind == yaml.SequenceNode {
		d.Bad(values["tests"], "%s has no tests", what)
	}
	for _, t := range tests {
		c.Tests = append(c.Tests, d.test(t, compiler))
	}
	return c
}

func (d *document) reference(n *yaml.Node) finding.Reference {
	values := d.Keys(n, "a reference", "framework", "id", "url")
	r := finding.Reference{
		Framework: d.text(values["framework"], "framework"), ID: d.text(values["id"], "id"), URL: d.text(values["url"], "url"),
	}
	if n.Kind == yaml.MappingNode && r.URL == "" && (r.Framework == "" || r.ID == "") {
		d.Bad(n, "a reference has a framework and an id, or a url")
	}
	return r
}

func (d *document) applies(n *yaml.Node) []Applies {
	if n == nil {
		return []Applies{ToContainer, ToHost}
	}
	var all []Applies
	for _, text := range d.texts(n, "applies") {
		a := Applies(text)
		if a != ToContainer && a != ToHost {
			d.Bad(n, "a control applies to container, to host, or to both, not to %s%s", excerpt.Quote(text), d.Hint(text, []string{string(ToContainer), string(ToHost)}))
			continue
		}
		all = append(all, a)
	}
	if len(all) == 0 {
		d.Bad(n, "the control applies to nothing: leave applies out, or name container or host")
	}
	return all
}

func (d *document) condition(n *yaml.Node, compiler *compiler) Condition {
	if n.Kind != yaml.MappingNode {
		d.Bad(n, "when has an expression, and the reason why the control does not apply where it is false: {expression: …, reason: …}")
		return Condition{}
	}
	values := d.Keys(n, "when", "expression", "reason")
	var c Condition
	c.Expression = d.required(n, values, "expression", "when")
	c.Reason = strings.TrimSpace(d.required(n, values, "reason", "when"))
	if e := values["expression"]; c.Expression != "" {
		c.compiled = compiler.boolean(d, e)
	}
	if r := values["reason"]; c.Reason != "" {
		c.reason = compiler.template(d, r, nil)
	}
	return c
}

func (d *document) test(n *yaml.Node, compiler *compiler) Test {
	values := d.Keys(n, "a test", "expression", "none", "message", "description")
	var t Test
	if n.Kind != yaml.MappingNode {
		return t
	}
	t.Message = strings.TrimSpace(d.required(n, values, "message", "a test"))
	t.Description = strings.TrimSpace(d.text(values["description"], "description"))
	isTrue, isEmpty := values["expression"], values["none"]
	if (isTrue == nil) == (isEmpty == nil) {
		d.Bad(n, "a test has an expression that must be true, or under none a list that must be empty: one of the two")
		return t
	}
	t.None = isEmpty != nil
	at := isTrue
	if t.None {
		at = isEmpty
	}
	if t.Expression = d.text(at, "the test"); strings.TrimSpace(t.Expression) == "" {
		d.Bad(at, "the expression is empty")
		return t
	}
	if t.None {
		t.compiled = compiler.list(d, at)
	} else {
		t.compiled = compiler.boolean(d, at)
	}
	if t.Message != "" {
		var offenders *expression
		if t.None {
			offenders = t.compiled
		}
		t.message = compiler.template(d, values["message"], offenders)
	}
	return t
}
