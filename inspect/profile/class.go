package profile

import (
	"fmt"
	"reflect"
	"slices"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
)

// class is a type of object that expressions see, such as File. Its fields are
// declared, so that a misspelt one is found when a profile is loaded.
type class struct {
	name   string
	typ    *cel.Type
	about  string
	fields []Field
	byName map[string]*types.FieldType
	// label is what a message shows of an object.
	label func(v any) string
}

// Field describes one field of an object, or one name, for documentation.
type Field struct {
	Name string
	Type string
	// About says in words what it holds.
	About string
}

func newClass(name, about string) *class {
	return &class{name: name, typ: cel.ObjectType(name), about: about, byName: map[string]*types.FieldType{}}
}

// define adds a field. Get returns its value, or an error value where it is not known.
func define[T any](c *class, name string, typ *cel.Type, about string, get func(e *evaluation, v T) ref.Val) {
	c.fields = append(c.fields, Field{Name: name, Type: typ.String(), About: about})
	c.byName[name] = &types.FieldType{
		Type:  typ,
		IsSet: func(any) bool { return true },
		GetFrom: func(target any) (any, error) {
			o, ok := target.(*object)
			if !ok {
				if err, ok := target.(error); ok {
					return nil, err // the object itself is not known
				}
				return nil, fmt.Errorf("%s: not a %s but %T", name, c.name, target)
			}
			val := o.e.noted(get(o.e, o.v.(T)))
			if err, ok := val.(*types.Err); ok {
				return nil, err
			}
			o.e.witness(o, name, val)
			return val, nil
		},
	}
}

// object is a value of a class.
type object struct {
	class *class
	e     *evaluation
	v     any
	// asked is the expression that gave the object ("file(\"/etc/passwd\")"),
	// where its fields are to be named as a basis of the verdict.
	asked string
}

func (e *evaluation) object(c *class, v any) *object { return &object{class: c, e: e, v: v} }

// Get is part of traits.Indexer: it serves values whose type is not known when a profile is loaded.
func (o *object) Get(index ref.Val) ref.Val {
	name, ok := index.(types.String)
	if !ok {
		return types.MaybeNoSuchOverloadErr(index)
	}
	f, ok := o.class.byName[string(name)]
	if !ok {
		return types.NewErr("%s has no field %s", o.class.name, string(name))
	}
	val, err := f.GetFrom(o)
	if err != nil {
		return types.WrapErr(err)
	}
	return val.(ref.Val)
}

// IsSet is part of traits.FieldTester.
func (o *object) IsSet(field ref.Val) ref.Val {
	name, ok := field.(types.String)
	if !ok {
		return types.MaybeNoSuchOverloadErr(field)
	}
	_, ok = o.class.byName[string(name)]
	return types.Bool(ok)
}

// The rest is ref.Val.

// ConvertToNative is part of ref.Val.
func (o *object) ConvertToNative(t reflect.Type) (any, error) {
	if reflect.TypeOf(o).AssignableTo(t) {
		return o, nil
	}
	return nil, fmt.Errorf("a %s can't be converted to %s", o.class.name, t)
}

// ConvertToType is part of ref.Val.
func (o *object) ConvertToType(t ref.Type) ref.Val {
	switch t {
	case types.TypeType:
		return o.class.typ
	case types.StringType:
		return types.String(o.class.text(o.v))
	}
	return types.NewErr("a %s can't be converted to %s", o.class.name, t.TypeName())
}

// Equal is part of ref.Val: objects are equal where they are the same thing.
func (o *object) Equal(other ref.Val) ref.Val {
	p, ok := other.(*object)
	return types.Bool(ok && p.class == o.class && p.v == o.v)
}

// Type is part of ref.Val.
func (o *object) Type() ref.Type { return o.class.typ }

// Value is part of ref.Val.
func (o *object) Value() any { return o }

func (c *class) text(v any) string {
	if c.label == nil {
		return c.name
	}
	return c.label(v)
}

// provider tells the type checker of our classes.
type provider struct {
	types.Provider
	classes map[string]*class
}

func newProvider(base types.Provider, classes ...*class) *provider {
	p := &provider{Provider: base, classes: map[string]*class{}}
	for _, c := range classes {
		p.classes[c.name] = c
	}
	return p
}

func (p *provider) FindStructType(name string) (*types.Type, bool) {
	if c, ok := p.classes[name]; ok {
		return types.NewTypeTypeWithParam(c.typ), true
	}
	return p.Provider.FindStructType(name)
}

func (p *provider) FindStructFieldNames(name string) ([]string, bool) {
	if c, ok := p.classes[name]; ok {
		return c.names(), true
	}
	return p.Provider.FindStructFieldNames(name)
}

func (c *class) names() []string {
	names := make([]string, len(c.fields))
	for i, f := range c.fields {
		names[i] = f.Name
	}
	slices.Sort(names)
	return names
}

func (p *provider) FindStructFieldType(name, field string) (*types.FieldType, bool) {
	if c, ok := p.classes[name]; ok {
		f, ok := c.byName[field]
		return f, ok
	}
	return p.Provider.FindStructFieldType(name, field)
}

func (p *provider) NewValue(name string, fields map[string]ref.Val) ref.Val {
	if _, ok := p.classes[name]; ok {
		return types.NewErr("an expression can't make a %s", name)
	}
	return p.Provider.NewValue(name, fields)
}
