package profile

import (
	"cmp"
	"maps"
	"slices"
)

// Reference is all that expressions can say beside CEL itself, for documentation.
type Reference struct {
	// Names stand for evidence, such as processes; Functions take arguments.
	Names, Functions []Field
	// Methods are functions on objects.
	Methods []Field
	// Objects are the types of what names and functions give.
	Objects []Object
}

// Object is a type with its fields.
type Object struct {
	Name, About string
	Fields      []Field
}

// Language describes the language of expressions.
func Language() (*Reference, error) {
	l, err := newLanguage()
	if err != nil {
		return nil, err
	}
	r := &Reference{Methods: []Field{
		{"File.atMost(string)", "bool", `No permission goes beyond these: f.atMost("0640").`},
		{"Tree.named(string)", "list(File)", "What has a name that matches a pattern, such as *.pem."},
		{"Tree.changedAfter(timestamp)", "list(File)", "What was changed later, in content or metadata."},
	}}
	for _, n := range l.names {
		r.Names = append(r.Names, Field{n.name, n.typ.String(), n.about})
	}
	r.Names = append(r.Names, Field{"inputs", "Inputs", "The values of the profile's inputs, by their names."})
	for _, f := range l.functions {
		r.Functions = append(r.Functions, Field{f.signature(), f.result.String(), f.about})
	}
	byName := func(a, b Field) int { return cmp.Compare(a.Name, b.Name) }
	slices.SortFunc(r.Names, byName)
	slices.SortFunc(r.Functions, byName)
	for _, name := range slices.Sorted(maps.Keys(l.classes)) {
		c := l.classes[name]
		r.Objects = append(r.Objects, Object{Name: c.name, About: c.about, Fields: c.fields})
	}
	return r, nil
}
