package gate

import (
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/internal/excerpt"
	"github.com/kubeassay/assay/internal/strictyaml"
)

// WaiversKind is the kind of a waiver file.
const WaiversKind = "Waivers"

var waiverForm = strictyaml.Form{What: "a waiver file", MaxBytes: 1 << 20, APIVersion: finding.APIVersion, Kind: WaiversKind}

// ParseWaivers reads a waiver file. Name is the file's, for messages. Whatever
// is wrong with it is an error, with its place: an exception that was not
// understood must not be taken for one that was.
func ParseWaivers(name string, r io.Reader) (*Waivers, error) {
	d, err := waiverForm.Parse(name, r)
	if err != nil {
		return nil, err
	}
	p := waiverParser{d}
	w := &Waivers{name: name}
	p.file(w)
	if err := p.Err(); err != nil {
		return nil, err
	}
	return w, nil
}

type waiverParser struct{ *strictyaml.Document }

func (p *waiverParser) file(w *Waivers) {
	fields, ok := p.Header()
	if !ok {
		return
	}
	var list *yaml.Node
	for _, f := range fields {
		if p.Known(f, waiverForm.What, []string{"apiVersion", "kind", "waivers"}) {
			list = f.Value
		}
	}
	if list == nil {
		p.Bad(p.Root(), "waivers is missing: the list of waivers")
		return
	}
	for _, n := range p.List(list, "waivers") {
		if x := p.waiver(n); x != nil {
			w.all = append(w.all, x)
		}
	}
}

func (p *waiverParser) waiver(n *yaml.Node) *waiver {
	before := p.Count()
	x := &waiver{line: n.Line}
	known := []string{"rule", "target", "reason", "owner", "expires"}
	values := p.Keys(n, "a waiver", known...)
	if rule := values["rule"]; rule != nil {
		x.rule = p.rule(rule)
	}
	if target := values["target"]; target != nil {
		x.target = p.target(target)
	}
	p.signature(values, x)
	p.whole(n, values, known, "every waiver says for which rule and target it is, why, who answers for it and until when")
	if p.Count() > before {
		return nil
	}
	return x
}

// signature reads what every waiver has, wherever it stands.
func (p *waiverParser) signature(values map[string]*yaml.Node, x *waiver) {
	x.Reason = p.filled(values["reason"], "reason")
	x.Owner = p.filled(values["owner"], "owner")
	x.Expires = p.filled(values["expires"], "expires")
	x.expires = p.expiry(values["expires"], x.Expires)
}

// whole finds what a waiver lacks.
func (p *waiverParser) whole(n *yaml.Node, values map[string]*yaml.Node, needed []string, why string) {
	if n.Kind != yaml.MappingNode {
		return
	}
	missing := slices.DeleteFunc(slices.Clone(needed), func(k string) bool { return values[k] != nil })
	if len(missing) > 0 {
		p.Bad(n, "the waiver has no %s: %s", strings.Join(missing, ", no "), why)
	}
}

// filled is a text with something in it.
func (p *waiverParser) filled(n *yaml.Node, name string) string {
	s, ok := p.Text(n, name)
	s = strings.TrimSpace(s)
	if ok && s == "" {
		p.Bad(n, "%s is empty", name)
	}
	return s
}

func (p *waiverParser) rule(n *yaml.Node) string {
	s, ok := p.Text(n, "rule")
	profile, control, isControl := strings.Cut(s, "/")
	switch {
	case !ok:
	case s == "", isControl && (profile == "" || control == ""), strings.TrimSpace(s) != s:
		p.Bad(n, "rule must be the ID of a check, such as run-as-root, or PROFILE/CONTROL, not %s", excerpt.Quote(s))
	case strings.ContainsAny(s, "*?"):
		p.Bad(n, "rule must be one rule, not a pattern such as %s: a waiver for whatever comes is none", excerpt.Quote(s))
	}
	return s
}

func (p *waiverParser) target(n *yaml.Node) pattern {
	values := p.Keys(n, "target", "namespace", "workload", "container", "image", "labels")
	t := pattern{
		namespace: p.pattern(values, "namespace"),
		workload:  p.pattern(values, "workload"),
		container: p.pattern(values, "container"),
		image:     p.pattern(values, "image"),
	}
	if selector := values["labels"]; selector != nil {
		t.labels = p.labels(selector)
	}
	if n.Kind == yaml.MappingNode && len(n.Content) == 0 {
		p.Bad(n, `target is empty: give a namespace, workload, container, image or labels; for everything, say namespace: "*"`)
	}
	return t
}

// pattern is a text that [path.Match] takes.
func (p *waiverParser) pattern(values map[string]*yaml.Node, name string) string {
	s := p.filled(values[name], name)
	if _, err := path.Match(s, ""); err != nil {
		p.Bad(values[name], "%s is no pattern: a [ wants its ], and a \\ something behind it", excerpt.Quote(s))
	}
	return s
}

// labels reads a selector as kubectl takes it, or the labels themselves.
func (p *waiverParser) labels(n *yaml.Node) labels.Selector {
	var s labels.Selector
	var err error
	if n.Kind == yaml.MappingNode {
		set := labels.Set{}
		for _, f := range p.Fields(n, "labels") {
			set[f.Name], _ = p.Text(f.Value, "the label "+excerpt.Quote(f.Name))
		}
		s, err = labels.ValidatedSelectorFromSet(set)
	} else {
		text, ok := p.Text(n, "labels")
		if !ok {
			return nil
		}
		s, err = labels.Parse(text)
	}
	switch {
	case err != nil:
		p.Bad(n, "this label selector can't be read: %s", excerpt.Line(err.Error(), 300))
	case s.Empty():
		p.Bad(n, `labels is empty: give a selector such as "app=cart,tier!=db", or labels such as {app: cart}`)
	}
	return s
}

// expiry is the first moment at which a waiver holds no more. A day is waived
// to its end, in UTC; a time up to that moment.
func (p *waiverParser) expiry(n *yaml.Node, s string) time.Time {
	if s == "" {
		return time.Time{}
	}
	if day, err := time.Parse(time.DateOnly, s); err == nil {
		return day.AddDate(0, 0, 1)
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		p.Bad(n, "expires must be a day such as 2027-01-31, or a time such as 2027-01-31T12:00:00Z, not %s", excerpt.Quote(s))
	}
	return t
}

// String is the waiver file's name with the number of its waivers, for a log.
func (w *Waivers) String() string { return fmt.Sprintf("%s (%d)", w.name, len(w.all)) }
