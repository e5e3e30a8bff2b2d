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
)

// WaiversKind is the kind of a waiver file.
const WaiversKind = "Waivers"

// ParseWaivers reads a waiver file. Name is the file's, for messages. Whatever
// is wrong with it is an error, with its place: an exception that was not
// understood must not be taken for one that was.
func ParseWaivers(name string, r io.Reader) (*Waivers, error) {
	p := waiverParser{document{name: name}}
	root, err := p.parse(r)
	if err != nil {
		return nil, err
	}
	w := &Waivers{name: name}
	p.file(root, w)
	if err := p.err(); err != nil {
		return nil, err
	}
	return w, nil
}

type waiverParser struct{ document }

func (p *waiverParser) file(root *yaml.Node, w *Waivers) {
	version, kind := "", ""
	var list *yaml.Node
	for _, f := range p.fields(root, "a waiver file") {
		switch f.name {
		case "apiVersion":
			version, _ = p.text(f.value, f.name)
		case "kind":
			kind, _ = p.text(f.value, f.name)
		case "waivers":
			list = f.value
		default:
			p.unknown(f, "apiVersion", "kind", "waivers")
		}
	}
	if len(p.problems) > 0 {
		return
	}
	if version != finding.APIVersion || kind != WaiversKind {
		p.bad(root, "the file must begin with apiVersion: %s and kind: %s", finding.APIVersion, WaiversKind)
	}
	if list == nil {
		p.bad(root, "waivers is missing: the list of waivers")
		return
	}
	for _, n := range p.list(list, "waivers") {
		if x := p.waiver(n); x != nil {
			w.all = append(w.all, x)
		}
	}
}

func (p *waiverParser) unknown(f field, known ...string) {
	p.bad(f.key, "unknown key %s: use %s", quoted(f.name), strings.Join(known, ", "))
}

func (p *waiverParser) waiver(n *yaml.Node) *waiver {
	before := len(p.problems)
	x := &waiver{line: n.Line}
	seen := map[string]bool{}
	known := []string{"rule", "target", "reason", "owner", "expires"}
	for _, f := range p.fields(n, "a waiver") {
		seen[f.name] = true
		switch f.name {
		case "rule":
			x.rule = p.rule(f.value)
		case "target":
			x.target = p.target(f.value)
		default:
			if !p.signature(f, x) {
				p.unknown(f, known...)
			}
		}
	}
	p.whole(n, seen, known, "every waiver says for which rule and target it is, why, who answers for it and until when")
	if len(p.problems)+p.more > before {
		return nil
	}
	return x
}

// signature reads what every waiver has, wherever it stands; false where the
// field is another.
func (p *waiverParser) signature(f field, x *waiver) bool {
	switch f.name {
	case "reason":
		x.Reason = p.filled(f)
	case "owner":
		x.Owner = p.filled(f)
	case "expires":
		x.Expires = p.filled(f)
		x.expires = p.expiry(f.value, x.Expires)
	default:
		return false
	}
	return true
}

// whole finds what a waiver lacks.
func (p *waiverParser) whole(n *yaml.Node, seen map[string]bool, needed []string, why string) {
	if n.Kind != yaml.MappingNode {
		return
	}
	missing := slices.DeleteFunc(slices.Clone(needed), func(k string) bool { return seen[k] })
	if len(missing) > 0 {
		p.bad(n, "the waiver has no %s: %s", strings.Join(missing, ", no "), why)
	}
}

// filled is a text with something in it.
func (p *waiverParser) filled(f field) string {
	s, ok := p.text(f.value, f.name)
	s = strings.TrimSpace(s)
	if ok && s == "" {
		p.bad(f.value, "%s is empty", f.name)
	}
	return s
}

func (p *waiverParser) rule(n *yaml.Node) string {
	s, ok := p.text(n, "rule")
	profile, control, isControl := strings.Cut(s, "/")
	switch {
	case !ok:
	case s == "", isControl && (profile == "" || control == ""), strings.TrimSpace(s) != s:
		p.bad(n, "rule must be the ID of a check, such as run-as-root, or PROFILE/CONTROL, not %s", quoted(s))
	case strings.ContainsAny(s, "*?"):
		p.bad(n, "rule must be one rule, not a pattern such as %s: a waiver for whatever comes is none", quoted(s))
	}
	return s
}

func (p *waiverParser) target(n *yaml.Node) pattern {
	var t pattern
	for _, f := range p.fields(n, "target") {
		var into *string
		switch f.name {
		case "labels":
			t.labels = p.labels(f.value)
			continue
		case "namespace":
			into = &t.namespace
		case "workload":
			into = &t.workload
		case "container":
			into = &t.container
		case "image":
			into = &t.image
		default:
			p.unknown(f, "namespace", "workload", "container", "image", "labels")
			continue
		}
		*into = p.pattern(f)
	}
	if n.Kind == yaml.MappingNode && len(n.Content) == 0 {
		p.bad(n, `target is empty: give a namespace, workload, container, image or labels; for everything, say namespace: "*"`)
	}
	return t
}

// pattern is a text that [path.Match] takes.
func (p *waiverParser) pattern(f field) string {
	s := p.filled(f)
	if _, err := path.Match(s, ""); err != nil {
		p.bad(f.value, "%s is no pattern: a [ wants its ], and a \\ something behind it", quoted(s))
	}
	return s
}

// labels reads a selector as kubectl takes it, or the labels themselves.
func (p *waiverParser) labels(n *yaml.Node) labels.Selector {
	var s labels.Selector
	var err error
	if n.Kind == yaml.MappingNode {
		set := labels.Set{}
		for _, f := range p.fields(n, "labels") {
			set[f.name], _ = p.text(f.value, "the label "+quoted(f.name))
		}
		s, err = labels.ValidatedSelectorFromSet(set)
	} else {
		text, ok := p.text(n, "labels")
		if !ok {
			return nil
		}
		s, err = labels.Parse(text)
	}
	switch {
	case err != nil:
		p.bad(n, "this label selector can't be read: %s", short(err.Error()))
	case s.Empty():
		p.bad(n, `labels is empty: give a selector such as "app=cart,tier!=db", or labels such as {app: cart}`)
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
		p.bad(n, "expires must be a day such as 2027-01-31, or a time such as 2027-01-31T12:00:00Z, not %s", quoted(s))
	}
	return t
}

// String is the waiver file's name with the number of its waivers, for a log.
func (w *Waivers) String() string { return fmt.Sprintf("%s (%d)", w.name, len(w.all)) }
