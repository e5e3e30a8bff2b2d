package settings

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/kubeassay/assay/internal/excerpt"
	"github.com/kubeassay/assay/internal/strictyaml"
)

// form is what the value of a setting looks like in a file.
type form int

const (
	text form = iota
	boolean
	integer
	number
	duration
	quantity
	list
	unknown
)

// formOf tells it from the type of a flag's value. A type that is not known
// here is text, which the flag reads as it would on the command line.
func formOf(f *pflag.Flag) form {
	switch f.Value.Type() {
	case "string":
		return text
	case "bool":
		return boolean
	case "int", "int32", "int64", "uint", "uint32", "uint64":
		return integer
	case "float32", "float64":
		return number
	case "duration":
		return duration
	case "quantity":
		return quantity
	case "stringSlice", "stringArray":
		return list
	}
	return unknown
}

// value is what a file sets a flag to.
type value struct {
	texts        []string // more than one only for a list
	line, column int
}

// value reads the value of a setting, and keeps what is wrong with it.
func (p *parser) value(n *yaml.Node, f *pflag.Flag) (value, bool) {
	v := value{line: n.Line, column: n.Column}
	var ok bool
	switch form := formOf(f); form {
	case list:
		v.texts, ok = p.texts(n, f.Name)
	default:
		var one string
		one, ok = p.scalar(n, f.Name, form)
		if ok && !fits(f.Value.Type(), one) {
			p.Bad(n, "%s is out of range: %s", f.Name, strictyaml.Describe(n))
			ok = false
		}
		v.texts = []string{one}
	}
	return v, ok
}

// fits reports whether a number is one of those that a flag of that type can hold.
func fits(kind, number string) bool {
	var err error
	switch kind {
	case "int32":
		_, err = strconv.ParseInt(number, 10, 32)
	case "uint", "uint64":
		_, err = strconv.ParseUint(number, 10, 64)
	case "uint32":
		_, err = strconv.ParseUint(number, 10, 32)
	case "float32":
		_, err = strconv.ParseFloat(number, 32)
	}
	return err == nil
}

var quantityText = regexp.MustCompile(quantities)

// scalar returns a value as the command line would have it.
func (p *parser) scalar(n *yaml.Node, name string, form form) (string, bool) {
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" {
		p.Bad(n, "%s has no value: give one, or leave it out", name)
		return "", false
	}
	switch form {
	case boolean:
		var b bool
		if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!bool" || n.Decode(&b) != nil {
			p.Bad(n, "%s must be true or false, not %s", name, strictyaml.Describe(n))
			return "", false
		}
		return strconv.FormatBool(b), true
	case integer:
		var i int
		if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!int" || n.Decode(&i) != nil {
			p.Bad(n, "%s must be a whole number, not %s", name, strictyaml.Describe(n))
			return "", false
		}
		return strconv.Itoa(i), true
	case number:
		var x float64
		if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!int" && n.ShortTag() != "!!float" || n.Decode(&x) != nil || math.IsNaN(x) || math.IsInf(x, 0) {
			p.Bad(n, "%s must be a number, not %s", name, strictyaml.Describe(n))
			return "", false
		}
		return strconv.FormatFloat(x, 'g', -1, 64), true
	case duration:
		if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!str" {
			if _, err := time.ParseDuration(n.Value); err == nil {
				return n.Value, true
			}
		}
		p.Bad(n, "%s must be a length of time such as 30s or 10m, not %s", name, strictyaml.Describe(n))
		return "", false
	case quantity:
		if n.Kind == yaml.ScalarNode && (n.ShortTag() == "!!str" || n.ShortTag() == "!!int") {
			// The library takes a unit without a number for 0.
			if _, err := resource.ParseQuantity(n.Value); err == nil && quantityText.MatchString(n.Value) {
				return n.Value, true
			}
		}
		p.Bad(n, "%s must be a quantity such as 500Ki or 64Mi, not %s", name, strictyaml.Describe(n))
		return "", false
	}
	return p.Text(n, name)
}

// texts returns a list of texts. An empty one, or an empty text in it, is a
// mistake here as it is on the command line: it would choose everything.
func (p *parser) texts(n *yaml.Node, name string) ([]string, bool) {
	if n.Kind != yaml.SequenceNode {
		hint := ""
		if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!str" {
			hint = fmt.Sprintf(": write [%s]", strings.TrimSpace(excerpt.Of(n.Value, 60)))
		}
		p.Bad(n, "%s must be a list, not %s%s", name, strictyaml.Describe(n), hint)
		return nil, false
	}
	if len(n.Content) == 0 {
		p.Bad(n, "%s is an empty list: give it a value, or leave it out", name)
		return nil, false
	}
	var all []string
	for _, e := range n.Content {
		one, ok := p.Text(e, "each of "+name)
		if ok && one == "" {
			p.Bad(e, "%s has an empty value: give one, or leave it out", name)
			ok = false
		}
		if !ok {
			return nil, false // one is enough: the others will be like it
		}
		all = append(all, one)
	}
	return all, true
}

// set gives a flag the value of a file.
func (v *value) set(flags *pflag.FlagSet, f *pflag.Flag) error {
	values, isList := f.Value.(pflag.SliceValue)
	if formOf(f) != list || !isList {
		return flags.Set(f.Name, v.texts[0])
	}
	// What a flag set does with a value comes first. But the values of a file
	// are apart already, and no comma in one of them parts it.
	if err := flags.Set(f.Name, "x"); err != nil {
		return err
	}
	return values.Replace(v.texts)
}
