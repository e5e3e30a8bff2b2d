package settings

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/pflag"
)

// object is a part of a JSON Schema.
type object map[string]any

// durations are the lengths of time that Go reads.
const durations = `^[-+]?(0|([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))*$`

// quantities are what Kubernetes reads as one.
const quantities = `^[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+|[KMGTPE]i|[numkMGTPE])?$`

// Schema is the JSON Schema of a file of settings, for editors and pipelines.
func (c *Catalog) Schema() ([]byte, error) {
	s := &schema{c, object{}}
	properties := object{
		"apiVersion": object{"const": APIVersion},
		"kind":       object{"const": Kind},
		Common:       s.section(c.common, "Settings of every command that has them. What stands in a command's own section wins."),
	}
	for _, below := range c.root.sections {
		properties[below.key()] = s.section(below, below.cmd.Short+": assay "+below.name)
	}
	root := object{
		"$schema":              "https://json-schema.org/draft/2020-12/schema",
		"title":                "Assay settings, " + APIVersion,
		"description":          "Every flag of a command is a setting in the section of that command, under the flag's own name. Relative paths are those below the file's folder.",
		"type":                 "object",
		"required":             []string{"apiVersion", "kind"},
		"additionalProperties": false,
		"properties":           properties,
		"$defs":                s.defs,
	}
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(root); err != nil {
		return nil, fmt.Errorf("writing the schema: %w", err)
	}
	return []byte(b.String()), nil
}

// schema makes one; what several commands have alike is in it once.
type schema struct {
	*Catalog
	defs object
}

func (s *schema) section(of *section, description string) object {
	properties := object{}
	for _, f := range of.flags {
		if s.rules.Refuse(f.Name) == "" {
			properties[f.Name] = s.setting(f)
		}
	}
	for _, below := range of.sections {
		properties[below.key()] = s.section(below, below.cmd.Short+": assay "+below.name)
	}
	return object{"type": "object", "description": description, "properties": properties, "additionalProperties": false}
}

// setting is the schema of a flag's value, or where that stands.
func (s *schema) setting(f *pflag.Flag) object {
	shared := s.common.flag(f.Name)
	if shared == nil {
		return of(f)
	}
	for _, h := range s.having(f.Name) {
		if h.flag(f.Name).Usage != shared.Usage {
			return of(f)
		}
	}
	s.defs[f.Name] = of(shared)
	return object{"$ref": "#/$defs/" + f.Name}
}

// of is the schema of a flag's value.
func of(f *pflag.Flag) object {
	o := object{"description": f.Usage}
	switch formOf(f) {
	case boolean:
		o["type"] = "boolean"
	case integer:
		o["type"] = "integer"
	case number:
		o["type"] = "number"
	case duration:
		o["type"], o["pattern"] = "string", durations
	case quantity:
		o["type"], o["pattern"] = []string{"string", "integer"}, quantities
	case list:
		o["type"], o["minItems"], o["items"] = "array", 1, object{"type": "string", "minLength": 1}
	default:
		o["type"] = "string"
	}
	if v := typed(f, f.DefValue); v != nil {
		o["default"] = v
	}
	return o
}

// Typed is what a flag is set to, as JSON has it: a list for lists, a number
// for numbers.
func Typed(f *pflag.Flag) any {
	if l, ok := f.Value.(pflag.SliceValue); ok {
		return append([]string{}, l.GetSlice()...)
	}
	if v := typed(f, f.Value.String()); v != nil {
		return v
	}
	return ""
}

// typed is one value, or the default of a list; nil says nothing.
func typed(f *pflag.Flag, s string) any {
	form := formOf(f)
	if form == list {
		s = strings.TrimSuffix(strings.TrimPrefix(s, "["), "]")
	}
	switch {
	case s == "":
		return nil
	case form == boolean:
		return s == "true"
	case form == integer, form == number:
		return json.Number(s)
	case form == list:
		return strings.Split(s, ",")
	}
	return s
}
