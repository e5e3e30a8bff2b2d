package gate

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/kubeassay/assay/internal/excerpt"
	"github.com/kubeassay/assay/internal/hdf"
	"github.com/kubeassay/assay/internal/nearest"
	"github.com/kubeassay/assay/internal/strictyaml"
)

const (
	complianceKey = "compliance"
	totalKey      = "total"
	controlsKey   = "controls"
)

var thresholdForm = strictyaml.Form{What: "a threshold", MaxBytes: 1 << 20}

// ParseThreshold reads a threshold file of the SAF CLI: nested, or flat with
// dots in its keys. Name is the file's, for messages.
//
// It is stricter than SAF, which passes by what it does not know. A key that
// is misspelt, a value of the wrong type, a demand that nothing can meet and a
// file that demands nothing are errors, each with its place.
func ParseThreshold(name string, r io.Reader) (*Threshold, error) {
	d, err := thresholdForm.Parse(name, r)
	if err != nil {
		return nil, err
	}
	p := thresholdParser{Document: d, at: map[string]*yaml.Node{}}
	p.walk(nil, d.Root())
	if p.Count() == 0 {
		p.contradictions()
	}
	if err := p.Err(); err != nil {
		return nil, err
	}
	if len(p.t.conditions) == 0 {
		return nil, fmt.Errorf("%s: the file demands nothing: give it compliance.min, failed.total.max or the like", name)
	}
	return &p.t, nil
}

type thresholdParser struct {
	*strictyaml.Document
	t  Threshold
	at map[string]*yaml.Node // where each condition stands
}

// walk reads the keys below a path. A key with dots stands for several.
func (p *thresholdParser) walk(path []string, n *yaml.Node) {
	what := thresholdForm.What
	if len(path) > 0 {
		what = strings.Join(path, ".")
	}
	fields := p.Fields(n, what)
	if len(fields) == 0 && n.Kind == yaml.MappingNode && len(path) > 0 {
		p.Bad(n, "%s demands nothing", what)
	}
	for _, f := range fields {
		below := append(slices.Clone(path), strings.Split(f.Name, ".")...)
		if err := known(below); err != nil {
			p.Bad(f.Key, "%v", err)
			continue
		}
		if f.Value.Kind == yaml.MappingNode {
			p.walk(below, f.Value)
			continue
		}
		p.leaf(below, f)
	}
}

// known says what is wrong with a path, in whole or as far as it goes.
func known(path []string) error {
	whole := strings.Join(path, ".")
	allowed := []string{complianceKey}
	for _, s := range hdf.Statuses() {
		allowed = append(allowed, string(s))
	}
	for i, word := range path {
		if !slices.Contains(allowed, word) {
			if len(allowed) == 0 {
				return fmt.Errorf("unknown key %s: nothing stands below %s", excerpt.Quote(whole), strings.Join(path[:i], "."))
			}
			return fmt.Errorf("unknown key %s%s: instead of %s use one of %s", excerpt.Quote(whole), nearest.Hint(word, allowed), excerpt.Quote(word), strings.Join(allowed, ", "))
		}
		switch {
		case i == 0 && word == complianceKey:
			allowed = []string{"min", "max"}
		case i == 0:
			allowed = append([]string{totalKey}, hdf.Severities()...)
		case i == 1 && path[0] != complianceKey && word == totalKey:
			allowed = []string{"min", "max", "exact"}
		case i == 1 && path[0] != complianceKey:
			allowed = []string{"min", "max", "exact", controlsKey}
		default:
			allowed = nil
		}
	}
	return nil
}

// leaf reads a value. A number right below a status and severity is exact.
func (p *thresholdParser) leaf(path []string, f strictyaml.Field) {
	whole := strings.Join(path, ".")
	c := condition{path: whole, what: path[len(path)-1]}
	switch {
	case path[0] == complianceKey && len(path) == 1:
		p.Bad(f.Value, "compliance wants min or max below it, not %s", strictyaml.Describe(f.Value))
		return
	case len(path) == 1:
		p.Bad(f.Value, "%s wants total or a severity below it, not %s", whole, strictyaml.Describe(f.Value))
		return
	case path[0] != complianceKey:
		c.status = hdf.Status(path[0])
		if path[1] != totalKey {
			c.severity = path[1]
		}
		if len(path) == 2 {
			c.what = "exact"
		}
	}
	key := string(c.status) + "." + c.severity + "." + c.what
	if other := p.at[key]; other != nil {
		p.Bad(f.Key, "%s is given twice; the other is in line %d", whole, other.Line)
		return
	}
	p.at[key] = f.Value
	var ok bool
	if c.what == controlsKey {
		c.controls, ok = p.ids(whole, f.Value)
	} else {
		c.number, ok = p.number(whole, f.Value, c.status == "")
	}
	if ok {
		c.text = f.Value.Value
		p.t.conditions = append(p.t.conditions, c)
	}
}

var (
	wholeNumber   = regexp.MustCompile(`^(0|[1-9][0-9]{0,8})$`)
	decimalNumber = regexp.MustCompile(`^(0|[1-9][0-9]{0,2})(\.[0-9]{1,9})?$`)
)

// number reads a count, or a percentage. Only the plain way to write it is
// taken: what is octal to one reader of YAML is decimal to the next.
func (p *thresholdParser) number(whole string, n *yaml.Node, percent bool) (float64, bool) {
	form, want := wholeNumber, "a whole number, 0 or more"
	if percent {
		form, want = decimalNumber, "a percentage from 0 to 100"
	}
	hint := ""
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!str" && form.MatchString(n.Value) {
		hint = ": take it out of its quotes"
	}
	if n.Kind != yaml.ScalarNode || n.ShortTag() == "!!str" || !form.MatchString(n.Value) {
		p.Bad(n, "%s must be %s, not %s%s", whole, want, strictyaml.Describe(n), hint)
		return 0, false
	}
	v, err := strconv.ParseFloat(n.Value, 64)
	if err != nil || percent && v > 100 {
		p.Bad(n, "%s must be %s, not %s", whole, want, strictyaml.Describe(n))
		return 0, false
	}
	return v, true
}

func (p *thresholdParser) ids(whole string, n *yaml.Node) ([]string, bool) {
	before := p.Count()
	entries := p.List(n, whole)
	if p.Count() == before && len(entries) == 0 {
		p.Bad(n, "%s lists nothing, which SAF never lets pass: to say that there is none, use max: 0", whole)
	}
	var ids []string
	for _, e := range entries {
		id, ok := p.Text(e, "the ID of a control")
		switch {
		case !ok:
		case id == "":
			p.Bad(e, "the ID of a control must not be empty")
		case slices.Contains(ids, id):
			p.Bad(e, "%s is listed twice", excerpt.Quote(id))
		default:
			ids = append(ids, id)
		}
	}
	return ids, p.Count() == before
}

// contradictions finds demands that can't be met together.
func (p *thresholdParser) contradictions() {
	groups := map[string][]*condition{}
	listed := map[string]*condition{}
	var order []string
	for i := range p.t.conditions {
		c := &p.t.conditions[i]
		key := string(c.status) + "." + c.severity
		if groups[key] == nil {
			order = append(order, key)
		}
		groups[key] = append(groups[key], c)
		for _, id := range c.controls {
			if other := listed[id]; other != nil {
				p.Bad(p.node(c), "%s lists %s, and so does %s: a control has one status and one severity", c.path, excerpt.Quote(id), other.path)
			}
			listed[id] = c
		}
	}
	least, most := map[string]float64{}, map[string]float64{}
	for _, key := range order {
		if err := p.group(groups[key], least, most, key); err != nil {
			p.Bad(p.node(groups[key][len(groups[key])-1]), "%v", err)
		}
	}
	for _, s := range hdf.Statuses() {
		p.sums(string(s), groups[string(s)+"."], least, most)
	}
}

func (p *thresholdParser) node(c *condition) *yaml.Node {
	return p.at[string(c.status)+"."+c.severity+"."+c.what]
}

// group looks at the demands about one count, and notes what it may be.
func (p *thresholdParser) group(group []*condition, least, most map[string]float64, key string) error {
	var low, high *condition
	for _, c := range group {
		value := c.number
		if c.what == controlsKey {
			value = float64(len(c.controls))
		}
		if c.what != "max" && (low == nil || value > least[key]) {
			low, least[key] = c, value
		}
		if c.what != "min" && (high == nil || value < most[key]) {
			high, most[key] = c, value
		}
	}
	if low != nil && high != nil && least[key] > most[key] {
		return fmt.Errorf("%s and %s can't both hold", low.demand(), high.demand())
	}
	return nil
}

// sums compares the severities of a status with its total.
func (p *thresholdParser) sums(status string, total []*condition, least, most map[string]float64) {
	if len(total) == 0 || p.Count() > 0 {
		return
	}
	var low, high float64
	bounded := true
	for _, severity := range hdf.Severities() {
		low += least[status+"."+severity]
		m, ok := most[status+"."+severity]
		high += m
		bounded = bounded && ok
	}
	var err error
	if m, ok := most[status+"."]; ok && low > m {
		err = fmt.Errorf("the severities of %s demand at least %g in all, the total at most %g", status, low, m)
	}
	if l, ok := least[status+"."]; ok && bounded && high < l {
		err = errors.Join(err, fmt.Errorf("the severities of %s allow at most %g in all, the total demands at least %g", status, high, l))
	}
	if err != nil {
		p.Bad(p.node(total[0]), "%v", err)
	}
}
