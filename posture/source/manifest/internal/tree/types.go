package tree

import (
	"encoding/json"
	"reflect"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// typeInfo is what the decoder needs to know about a type.
type typeInfo struct {
	t reflect.Type
	// elem is the type of the elements of a pointer, slice or map.
	elem    *typeInfo
	pointer bool
	bytes   bool
	// foreign types are left to their own UnmarshalJSON, or to
	// sigs.k8s.io/json; expected begins the message when they refuse.
	foreign  bool
	expected string
	fields   map[string]*fieldInfo
}

type fieldInfo struct {
	name    string
	id      int
	index   []int
	info    *typeInfo
	skipped bool
}

var unmarshaler = reflect.TypeFor[json.Unmarshaler]()

func (d *Decoder) info(t reflect.Type) *typeInfo {
	if known, ok := d.types[t]; ok {
		return known
	}
	info := &typeInfo{t: t}
	d.types[t] = info // before its parts: a type may contain itself
	switch {
	case t.Kind() == reflect.Pointer:
		info.pointer = true
		info.elem = d.info(t.Elem())
	case reflect.PointerTo(t).Implements(unmarshaler):
		info.foreign = true
		info.expected = expectation(t)
	case t.Kind() == reflect.Struct:
		info.fields = make(map[string]*fieldInfo)
		d.addFields(info, t, nil)
		info.foreign = len(info.fields) > 128 // more than the set of seen fields holds
	case t.Kind() == reflect.Slice:
		info.elem = d.info(t.Elem())
		info.bytes = t.Elem().Kind() == reflect.Uint8
	case t.Kind() == reflect.Map && t.Key().Kind() == reflect.String:
		info.elem = d.info(t.Elem())
	default:
		switch t.Kind() {
		case reflect.String, reflect.Bool, reflect.Float32, reflect.Float64,
			reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		default:
			info.foreign = true
		}
	}
	return info
}

// addFields adds the fields of t, which stands at index in info's type. Fields
// of embedded structs come last: those of the outer struct win.
func (d *Decoder) addFields(info *typeInfo, t reflect.Type, index []int) {
	var embedded []reflect.StructField
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "-" && options == "" {
			continue
		}
		if f.Anonymous && name == "" && f.Type.Kind() == reflect.Struct {
			embedded = append(embedded, f)
			continue
		}
		if !f.IsExported() {
			continue
		}
		if name == "" {
			name = f.Name
		}
		if _, known := info.fields[name]; known {
			continue
		}
		info.fields[name] = &fieldInfo{
			name:  name,
			id:    len(info.fields),
			index: append(append([]int(nil), index...), i),
			info:  d.info(f.Type),
			// The largest part of many dumps, and nobody's to judge.
			skipped: t == reflect.TypeFor[metav1.ObjectMeta]() && name == "managedFields",
		}
	}
	for _, f := range embedded {
		d.addFields(info, f.Type, append(append([]int(nil), index...), f.Index...))
	}
}

func expectation(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[resource.Quantity]():
		return "must be a quantity such as 500m or 1Gi"
	case reflect.TypeFor[metav1.Time](), reflect.TypeFor[metav1.MicroTime]():
		return "must be a time such as 2006-01-02T15:04:05Z"
	case reflect.TypeFor[intstr.IntOrString]():
		return "must be a whole number or a name"
	case reflect.TypeFor[metav1.Duration]():
		return "must be a duration such as 1m30s"
	}
	return "must fit the type " + t.Name()
}
