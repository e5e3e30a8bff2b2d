package profile

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"go.yaml.in/yaml/v3"

	"github.com/kubeassay/assay/internal/nearest"
)

// Input is a value that whoever runs a profile can choose.
type Input struct {
	Name        string
	Type        InputType
	Description string
	// Default is nil where the input must be given.
	Default any
}

// InputType is the type of an input's values.
type InputType string

// The types of inputs, and the Go types of their values.
const (
	StringInput  InputType = "string"  // string
	IntInput     InputType = "int"     // int64
	NumberInput  InputType = "number"  // float64
	BoolInput    InputType = "bool"    // bool
	StringsInput InputType = "strings" // []string
	IntsInput    InputType = "ints"    // []int64
)

// InputTypes lists them all.
func InputTypes() []InputType {
	return []InputType{StringInput, IntInput, NumberInput, BoolInput, StringsInput, IntsInput}
}

func (t InputType) cel() *cel.Type {
	switch t {
	case IntInput:
		return cel.IntType
	case NumberInput:
		return cel.DoubleType
	case BoolInput:
		return cel.BoolType
	case StringsInput:
		return cel.ListType(cel.StringType)
	case IntsInput:
		return cel.ListType(cel.IntType)
	}
	return cel.StringType
}

// value converts what a caller or a file gives; a list may be given as Go or
// YAML has it.
func (t InputType) value(v any) (any, error) {
	switch t {
	case StringInput:
		if s, ok := v.(string); ok {
			return s, nil
		}
	case BoolInput:
		if b, ok := v.(bool); ok {
			return b, nil
		}
	case IntInput:
		if n, ok := integer(v); ok {
			return n, nil
		}
	case NumberInput:
		if n, ok := integer(v); ok {
			return float64(n), nil
		}
		if f, ok := v.(float64); ok {
			return f, nil
		}
	case StringsInput:
		return listValue[string](StringInput, v)
	case IntsInput:
		return listValue[int64](IntInput, v)
	}
	return nil, fmt.Errorf("%v is no value of type %s", v, t)
}

func listValue[T any](of InputType, v any) (any, error) {
	var in []any
	switch l := v.(type) {
	case []T:
		return slices.Clone(l), nil
	case []any:
		in = l
	case []int:
		for _, n := range l {
			in = append(in, n)
		}
	default:
		return nil, fmt.Errorf("%v is no list", v)
	}
	out := make([]T, len(in))
	for i, e := range in {
		x, err := of.value(e)
		if err != nil {
			return nil, err
		}
		out[i] = x.(T)
	}
	return out, nil
}

func integer(v any) (int64, bool) {
	switch n := v.(type) {
	case int:
		return int64(n), true
	case int64:
		return n, true
	case int32:
		return int64(n), true
	case float64: // as JSON has it
		if n == math.Trunc(n) && math.Abs(n) < 1<<53 {
			return int64(n), true
		}
	}
	return 0, false
}

// Parse reads a value as a command line has it; a list's elements stand
// between commas.
func (t InputType) Parse(s string) (any, error) {
	switch t {
	case IntInput:
		return parsed(strconv.ParseInt(s, 10, 64))
	case NumberInput:
		return parsed(strconv.ParseFloat(s, 64))
	case BoolInput:
		return parsed(strconv.ParseBool(s))
	case StringsInput, IntsInput:
		all := []any{}
		for e := range strings.SplitSeq(s, ",") {
			if s == "" {
				break
			}
			if t == StringsInput {
				all = append(all, strings.TrimSpace(e))
				continue
			}
			n, err := IntInput.Parse(strings.TrimSpace(e))
			if err != nil {
				return nil, err
			}
			all = append(all, n)
		}
		return t.value(all)
	}
	return s, nil
}

func parsed[T any](v T, err error) (any, error) {
	if n := (*strconv.NumError)(nil); errors.As(err, &n) {
		return nil, fmt.Errorf("%q: %w", n.Num, n.Err)
	}
	return v, err
}

// inputValue reads a value from YAML.
func (d *document) inputValue(n *yaml.Node, t InputType, what string) any {
	if n.Kind == yaml.SequenceNode || t == StringsInput || t == IntsInput {
		if t != StringsInput && t != IntsInput {
			d.Bad(n, "%s must be a %s, not a list", what, t)
			return nil
		}
		all := []any{}
		for _, e := range d.List(n, what) {
			of := StringInput
			if t == IntsInput {
				of = IntInput
			}
			if v := d.inputValue(e, of, "each of "+what); v != nil {
				all = append(all, v)
			}
		}
		v, err := t.value(all)
		if err != nil {
			return nil // was said of the element
		}
		return v
	}
	if t == StringInput {
		if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!str" {
			return n.Value
		}
		d.Bad(n, "%s must be a string: put it in quotes", what)
		return nil
	}
	var v any
	if n.Kind != yaml.ScalarNode || n.Decode(&v) != nil {
		d.Bad(n, "%s must be a %s", what, t)
		return nil
	}
	out, err := t.value(v)
	if err != nil {
		d.Bad(n, "%s must be a %s", what, t)
		return nil
	}
	return out
}

// unit is one file's worth of a profile: its controls see its own inputs.
type unit struct {
	inputs []Input
	// fixed are the values that an including profile gave.
	fixed map[string]any
	class *class
}

// binding holds the values of all inputs, unit by unit.
type binding map[*unit]map[string]ref.Val

// bind finds the value of every input: fixed by an inclusion, given by the
// caller, or the default. An input without any is left out: to ask for it gives
// an error.
func (p *Profile) bind(given map[string]any) (binding, error) {
	known := map[string]Input{}
	var names []string
	for _, in := range p.Inputs {
		known[in.Name] = in
		names = append(names, in.Name)
	}
	for name, v := range given {
		in, ok := known[name]
		if !ok {
			return nil, fmt.Errorf("profile %s has no input %q%s", p.Name, name, nearest.Hint(name, names))
		}
		if _, err := in.Type.value(v); err != nil {
			return nil, fmt.Errorf("input %s of profile %s must be of type %s: %w", name, p.Name, in.Type, err)
		}
	}
	b := binding{}
	for _, u := range p.units {
		values := map[string]ref.Val{}
		for _, in := range u.inputs {
			v, ok := u.fixed[in.Name]
			if !ok {
				if v, ok = given[in.Name]; ok {
					v, _ = in.Type.value(v) // was checked above: a shared name has one type
				} else if outer, declared := known[in.Name]; declared && outer.Default != nil {
					v = outer.Default
				} else {
					v = in.Default
				}
			}
			if v != nil {
				values[in.Name] = types.DefaultTypeAdapter.NativeToValue(v)
			}
		}
		b[u] = values
	}
	return b, nil
}

// inputsClass is the type of inputs in one unit.
func inputsClass(inputs []Input) *class {
	c := newClass("Inputs", "The values of the profile's inputs.")
	for _, in := range inputs {
		define(c, in.Name, in.Type.cel(), in.Description, func(e *evaluation, _ *unit) ref.Val {
			if v, ok := e.inputs[in.Name]; ok {
				return v
			}
			return types.WrapErr(&gap{status: notGiven, text: fmt.Sprintf("the input %s has no value: give one with --input %s=…", in.Name, in.Name)})
		})
	}
	return c
}
