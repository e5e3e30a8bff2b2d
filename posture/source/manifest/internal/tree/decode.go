package tree

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"reflect"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
	kjson "sigs.k8s.io/json"
)

// Decoder writes trees into Kubernetes types, as sigs.k8s.io/json does with
// JSON text: names match by case, fields that the type lacks are passed by.
// It keeps what it learned about types, and is for one goroutine.
type Decoder struct {
	types map[reflect.Type]*typeInfo

	// The state of one Decode.
	walk
	path   []step
	first  *Error
	wrongs int
}

// step is one step of the path to the current node.
type step struct {
	name  string // of a field, or of a key where isKey
	isKey bool
	index int // of an element, where name is empty
}

// NewDecoder returns a decoder that knows no type yet.
func NewDecoder() *Decoder {
	return &Decoder{types: make(map[reflect.Type]*typeInfo)}
}

// Decode writes a tree into v, a pointer. base is the path of n in its object.
// When something does not fit, the rest is still gone through: the error is
// about the first such place and tells how many more there are.
func (d *Decoder) Decode(n *Node, base string, v any) error {
	d.walk, d.path, d.first, d.wrongs = walk{}, d.path[:0], nil, 0
	if base != "" {
		d.path = append(d.path, step{name: base})
	}
	rv := reflect.ValueOf(v).Elem()
	d.value(n, rv, d.info(rv.Type()))
	if d.first == nil {
		return nil
	}
	if d.wrongs > 1 {
		d.first.Message += " (and " + strconv.Itoa(d.wrongs-1) + " more in this object)"
	}
	return d.first
}

func (d *Decoder) wrong(n *Node, message string) {
	d.wrongs++
	if d.first == nil {
		d.first = at(n, d.where()+message)
	}
}

func (d *Decoder) fail(e *Error) {
	d.wrongs++
	if d.first == nil {
		d.first = &Error{Line: e.Line, Column: e.Column, Message: d.where() + e.Message}
	}
}

func (d *Decoder) where() string {
	var b strings.Builder
	for i, s := range d.path {
		switch {
		case s.name == "" && !s.isKey:
			b.WriteString("[" + strconv.Itoa(s.index) + "]")
		case s.isKey && strings.ContainsAny(s.name, ".[]"):
			b.WriteString("[" + s.name + "]")
		default:
			if i > 0 {
				b.WriteByte('.')
			}
			b.WriteString(s.name)
		}
	}
	if b.Len() > 0 {
		b.WriteString(": ")
	}
	return b.String()
}

func (d *Decoder) value(n *Node, v reflect.Value, t *typeInfo) {
	if err := d.enter(n); err != nil {
		d.fail(err)
		return
	}
	defer d.leave()
	if n.Kind == yaml.AliasNode {
		d.aliases++
		d.value(n.Alias, v, t)
		d.aliases--
		return
	}
	if t.pointer {
		if IsNull(n) {
			v.SetZero()
			return
		}
		if v.IsNil() {
			v.Set(reflect.New(t.elem.t))
		}
		d.value(n, v.Elem(), t.elem)
		return
	}
	if t.foreign {
		d.foreign(n, v, t)
		return
	}
	if IsNull(n) {
		switch v.Kind() {
		case reflect.Map, reflect.Slice, reflect.Interface:
			v.SetZero()
		}
		return // null leaves everything else as it is
	}
	switch v.Kind() {
	case reflect.Struct:
		d.structure(n, v, t)
	case reflect.Map:
		d.mapping(n, v, t)
	case reflect.Slice:
		d.slice(n, v, t)
	default:
		d.scalar(n, v)
	}
}

// foreign is for the types that read JSON themselves, such as quantities.
func (d *Decoder) foreign(n *Node, v reflect.Value, t *typeInfo) {
	text, err := d.json(nil, n)
	if err != nil {
		d.fail(err)
		return
	}
	into := v.Addr().Interface()
	if u, ok := into.(json.Unmarshaler); ok {
		if u.UnmarshalJSON(text) != nil {
			d.wrong(n, t.expected+", not "+describe(n))
		}
		return
	}
	if err := kjson.UnmarshalCaseSensitivePreserveInts(text, into); err != nil {
		d.wrong(n, "this does not fit: "+err.Error())
	}
}

func (d *Decoder) structure(n *Node, v reflect.Value, t *typeInfo) {
	if n.Kind != yaml.MappingNode {
		d.wrong(n, "must be a map of fields, not "+describe(n))
		return
	}
	pairs, err := d.pairs(n)
	if err != nil {
		d.fail(err)
		return
	}
	var seen [2]uint64
	for i := 0; i+1 < len(pairs); i += 2 {
		f, ok := t.fields[pairs[i].Value]
		if !ok {
			continue
		}
		bit := uint64(1) << (f.id % 64)
		if seen[f.id/64]&bit != 0 {
			d.fail(twice(pairs[i]))
			continue
		}
		seen[f.id/64] |= bit
		if f.skipped {
			continue
		}
		d.path = append(d.path, step{name: f.name})
		d.value(pairs[i+1], v.FieldByIndex(f.index), f.info)
		d.path = d.path[:len(d.path)-1]
	}
}

func (d *Decoder) mapping(n *Node, v reflect.Value, t *typeInfo) {
	if n.Kind != yaml.MappingNode {
		d.wrong(n, "must be a map of keys and values, not "+describe(n))
		return
	}
	pairs, err := d.pairs(n)
	if err != nil {
		d.fail(err)
		return
	}
	if again := repeatedKey(pairs); again != nil {
		d.fail(twice(again))
		return
	}
	m := reflect.MakeMapWithSize(t.t, len(pairs)/2)
	v.Set(m)
	elem := reflect.New(t.elem.t).Elem()
	for i := 0; i+1 < len(pairs); i += 2 {
		elem.SetZero()
		d.path = append(d.path, step{name: pairs[i].Value, isKey: true})
		d.value(pairs[i+1], elem, t.elem)
		d.path = d.path[:len(d.path)-1]
		m.SetMapIndex(reflect.ValueOf(pairs[i].Value).Convert(t.t.Key()), elem)
	}
}

func (d *Decoder) slice(n *Node, v reflect.Value, t *typeInfo) {
	if t.bytes {
		d.bytes(n, v)
		return
	}
	if n.Kind != yaml.SequenceNode {
		d.wrong(n, "must be a list, not "+describe(n))
		return
	}
	v.Set(reflect.MakeSlice(t.t, len(n.Content), len(n.Content)))
	for i, e := range n.Content {
		d.path = append(d.path, step{index: i})
		d.value(e, v.Index(i), t.elem)
		d.path = d.path[:len(d.path)-1]
	}
}

func (d *Decoder) bytes(n *Node, v reflect.Value) {
	if s, ok := Text(n); ok {
		if b, err := base64.StdEncoding.DecodeString(s); err == nil {
			v.SetBytes(b)
			return
		}
	}
	d.wrong(n, "must be text in base64, not "+describe(n))
}

func (d *Decoder) scalar(n *Node, v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		if s, ok := Text(n); ok {
			v.SetString(s)
			return
		}
		d.string(n, v)
	case reflect.Bool:
		switch s := d.scalarJSON(n); s {
		case "true", "false":
			v.SetBool(s == "true")
		default:
			d.wrong(n, "must be true or false, not "+describe(n))
		}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		i, err := strconv.ParseInt(d.scalarJSON(n), 10, v.Type().Bits())
		if err != nil {
			d.wrong(n, wantedNumber(v.Type().Bits(), n, err))
			return
		}
		v.SetInt(i)
	case reflect.Float32, reflect.Float64:
		f, err := strconv.ParseFloat(d.scalarJSON(n), v.Type().Bits())
		if err != nil {
			d.wrong(n, "must be a number, not "+describe(n))
			return
		}
		v.SetFloat(f)
	}
}

// string is for the scalars that are text only when the library is asked
// (a version such as 1.2-3), and for those that are none.
func (d *Decoder) string(n *Node, v reflect.Value) {
	text := d.scalarJSON(n)
	if strings.HasPrefix(text, `"`) {
		var s string
		if err := json.Unmarshal([]byte(text), &s); err == nil {
			v.SetString(s)
			return
		}
	}
	message := "must be text, not " + describe(n)
	if n.Kind == yaml.ScalarNode {
		message += ": put it in quotes"
	}
	d.wrong(n, message)
}

// scalarJSON is the JSON form of a scalar; empty for all else.
func (d *Decoder) scalarJSON(n *Node) string {
	if n.Kind != yaml.ScalarNode {
		return ""
	}
	switch classify(n) {
	case isInteger, isNumber:
		return n.Value
	case isString:
		return `"` // no number, no boolean; the caller asked for no text
	}
	text, err := appendScalar(nil, n)
	if err != nil {
		return ""
	}
	return string(text)
}

func wantedNumber(bits int, n *Node, err error) string {
	if errors.Is(err, strconv.ErrRange) {
		limit := strconv.FormatUint(1<<(bits-1)-1, 10)
		return "must be a whole number no greater than " + limit + " (or less than its negative), not " + describe(n)
	}
	return "must be a whole number, not " + describe(n)
}

// describe names a value as a message does.
func describe(n *Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a map"
	case yaml.SequenceNode:
		return "a list"
	}
	switch classify(n) {
	case isNull:
		return "null"
	case isString:
		return shown(n.Value)
	case isTrue, isFalse:
		if text, err := appendScalar(nil, n); err == nil && string(text) != n.Value {
			return n.Value + " (which YAML takes for " + string(text) + ")"
		}
	}
	return n.Value
}
