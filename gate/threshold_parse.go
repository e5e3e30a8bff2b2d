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

	"github.com/kubeassay/assay/internal/hdf"
)

const (
	complianceKey = "compliance"
	totalKey      = "total"
	controlsKey   = "controls"
)

// ParseThreshold reads a threshold file of the SAF CLI: nested, or flat with
// dots in its keys. Name is the file's, for messages.
//
// It is stricter than SAF, which passes by what it does not know. A key that
// is misspelt, a value of the wrong type, a demand that nothing can meet and a
// file that demands nothing are errors, each with its place.
func ParseThreshold(name string, r io.Reader) (*Threshold, error) {
	p := thresholdParser{document: document{name: name}, at: map[string]*yaml.Node{}}
	root, err := p.parse(r)
	if err != nil {
		return nil, err
	}
	p.walk(nil, root)
	if len(p.problems) == 0 {
		p.contradictions()
	}
	if err := p.err(); err != nil {
		return nil, err
	}
	if len(p.t.conditions) == 0 {
		return nil, fmt.Errorf("%s: the file demands nothing: give it compliance.min, failed.total.max or the like", name)
	}
	return &p.t, nil
}

type thresholdParser struct {
	document
	t  Threshold
	at map[string]*yaml.Node // where each condition stands
}

// walk reads the keys below a path. A key with dots stands for several.
func (p *thresholdParser) walk(path []string, n *yaml.Node) {
	what := "a threshold"
	if len(path) > 0 {
		what = strings.Join(path, ".")
	}
	fields := p.fields(n, what)
	if len(fields) == 0 && n.Kind == yaml.MappingNode && len(path) > 0 {
		p.bad(n, "%s demands nothing", what)
	}
	for _, f := range fields {
		below := append(slices.Clone(path), strings.Split(f.name, ".")...)
		if err := known(below); err != nil {
			p.bad(f.key, "%v", err)
			continue
		}
		if f.value.Kind == yaml.MappingNode {
			p.walk(below, f.value)
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
				return fmt.Errorf("unknown key %s: nothing stands below %s", quoted(whole), strings.Join(path[:i], "."))
			}
			return fmt.Errorf("unknown key %s: instead of %s use one of %s", quoted(whole), quoted(word), strings.Join(allowed, ", "))
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
func (p *thresholdParser) leaf(path []string, f field) {
	whole := strings.Join(path, ".")
	c := condition{path: whole, what: path[len(path)-1]}
	switch {
	case path[0] == complianceKey && len(path) == 1:
		p.bad(f.value, "compliance wants min or max below it, not %s", kindOf(f.value))
		return
	case len(path) == 1:
		p.bad(f.value, "%s wants total or a severity below it, not %s", whole, kindOf(f.value))
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
		p.bad(f.key, "%s is given twice; the other is in line %d", whole, other.Line)
		return
	}
	p.at[key] = f.value
	var ok bool
	if c.what == controlsKey {
		c.controls, ok = p.ids(whole, f.value)
	} else {
		c.number, ok = p.number(whole, f.value, c.status == "")
	}
	if ok {
		c.text = f.value.Value
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
		p.bad(n, "%s must be %s, not %s%s", whole, want, kindOf(n), hint)
		return 0, false
	}
	v, err := strconv.ParseFloat(n.Value, 64)
	if err != nil || percent && v > 100 {
		p.bad(n, "%s must be %s, not %s", whole, want, kindOf(n))
		return 0, false
	}
	return v, true
}

func (p *thresholdParser) ids(whole string, n *yaml.Node) ([]string, bool) {
	before := len(p.problems)
	entries := p.list(n, whole)
	if len(p.problems) == before && len(entries) == 0 {
		p.bad(n, "%s lists nothing, which SAF never lets pass: to say that there is none, use max: 0", whole)
	}
	var ids []string
	for _, e := range entries {
		id, ok := p.text(e, "the ID of a control")
		switch {
		case !ok:
		case id == "":
			p.bad(e, "the ID of a control must not be empty")
		case slices.Contains(ids, id):
			p.bad(e, "%s is listed twice", quoted(id))
		default:
			ids = append(ids, id)
		}
	}
	return ids, len(p.problems) == before
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
				p.bad(p.node(c), "%s lists %s, and so does %s: a control has one status and one severity", c.path, quoted(id), other.path)
			}
			listed[id] = c
		}
	}
	least, most := map[string]float64{}, map[string]float64{}
	for _, key := range order {
		if err := p.group(groups[key], least, most, key); err != nil {
			p.bad(p.node(groups[key][len(groups[key])-1]), "%v", err)
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
	if len(total) == 0 || len(p.problems) > 0 {
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
		p.bad(p.node(total[0]), "%v", err)
	}
}
