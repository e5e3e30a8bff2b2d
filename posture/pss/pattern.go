package pss

import (
	"reflect"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// patterns are the fields of reads, ready to be looked up.
type patterns struct {
	pod, lifts []*pattern
	container  []*pattern // but for required
	required   *pattern   // nil: there is none
}

func (r *reads) compile() *patterns {
	p := &patterns{}
	spec, container := reflect.TypeFor[corev1.PodSpec](), reflect.TypeFor[corev1.Container]()
	for _, path := range r.pod {
		p.pod = append(p.pod, newPattern(spec, path))
	}
	for _, path := range r.lifts {
		p.lifts = append(p.lifts, newPattern(spec, path))
	}
	for _, path := range r.container {
		if path == r.required {
			p.required = newPattern(container, path)
		} else {
			p.container = append(p.container, newPattern(container, path))
		}
	}
	return p
}

// pattern leads to a field such as "ports[*].hostPort", step by step.
type pattern struct {
	name  string
	index []int
	// each: it is a list, and every element is meant.
	each bool
	// next goes on inside; nil at the end.
	next *pattern
	// set, where this is a *, are all the fields it may mean.
	set []*pattern
}

func newPattern(t reflect.Type, path string) *pattern {
	first, rest, more := strings.Cut(path, ".")
	if first == "*" {
		return &pattern{set: everyField(t)}
	}
	p := &pattern{}
	p.name, p.each = strings.CutSuffix(first, "[*]")
	f := fieldOf(t, p.name)
	p.index = f.Index
	if more {
		inside := f.Type
		if p.each || inside.Kind() == reflect.Pointer {
			inside = inside.Elem()
		}
		p.next = newPattern(inside, rest)
	}
	return p
}

// everyField is all fields of a type but its name.
func everyField(t reflect.Type) []*pattern {
	var all []*pattern
	for _, f := range reflect.VisibleFields(t) {
		if name := jsonName(&f); !f.Anonymous && name != "" && name != "name" {
			all = append(all, &pattern{name: name, index: f.Index})
		}
	}
	return all
}

// fieldOf finds a field of the API by its name in JSON, also in what a type embeds.
func fieldOf(t reflect.Type, name string) reflect.StructField {
	for _, f := range reflect.VisibleFields(t) {
		if !f.Anonymous && jsonName(&f) == name {
			return f
		}
	}
	panic("posture/pss: " + t.String() + " has no field " + name) // the table is wrong: New goes through all of it, in every test
}

func jsonName(f *reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}

// instance is a field where it stands in an object.
type instance struct {
	// path has numbers where the pattern has stars.
	path string
	copy func(to reflect.Value)
}

// copyTo gives another object of the same type the field, and what it stands in.
func (i *instance) copyTo(object any) { i.copy(reflect.ValueOf(object).Elem()) }

// instances finds the fields that are meant, as far as the object has them.
func (p *pattern) instances(object any) []instance {
	var all []instance
	p.find(reflect.ValueOf(object).Elem(), "", func(i instance) { all = append(all, i) })
	return all
}

func (p *pattern) find(in reflect.Value, at string, found func(instance)) {
	if p.set != nil {
		p.findSet(in, at, found)
		return
	}
	field := in.FieldByIndex(p.index)
	if k := field.Kind(); (k == reflect.Pointer || k == reflect.Slice) && field.IsNil() {
		return
	}
	path := joinPath(at, p.name)
	switch {
	case p.each:
		for i := range field.Len() {
			p.findElement(field, i, path+"["+strconv.Itoa(i)+"]", found)
		}
	case p.next == nil:
		found(instance{path, func(to reflect.Value) { to.FieldByIndex(p.index).Set(field) }})
	default:
		p.next.find(reflect.Indirect(field), path, func(f instance) {
			inner := f.copy
			f.copy = func(to reflect.Value) {
				to = to.FieldByIndex(p.index)
				if to.Kind() == reflect.Pointer {
					if to.IsNil() {
						to.Set(reflect.New(to.Type().Elem()))
					}
					to = to.Elem()
				}
				inner(to)
			}
			found(f)
		})
	}
}

// findElement deals with one element of a list.
func (p *pattern) findElement(list reflect.Value, i int, path string, found func(instance)) {
	put := func(to reflect.Value, fill func(reflect.Value)) {
		one := reflect.MakeSlice(list.Type(), 1, 1)
		fill(one.Index(0))
		to.FieldByIndex(p.index).Set(one)
	}
	if p.next == nil {
		found(instance{path, func(to reflect.Value) {
			put(to, func(element reflect.Value) { element.Set(list.Index(i)) })
		}})
		return
	}
	p.next.find(list.Index(i), path, func(f instance) {
		inner := f.copy
		f.copy = func(to reflect.Value) { put(to, inner) }
		found(f)
	})
}

// findSet finds all fields that are set. Where none is, it is the absence that
// counts, and the object itself is found.
func (p *pattern) findSet(in reflect.Value, at string, found func(instance)) {
	none := true
	for _, f := range p.set {
		if !in.FieldByIndex(f.index).IsZero() {
			none = false
			f.find(in, at, found)
		}
	}
	if none {
		found(instance{at, func(reflect.Value) {}})
	}
}

func joinPath(at, name string) string {
	if at == "" {
		return name
	}
	return at + "." + name
}
