package profile

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
	"go.yaml.in/yaml/v3"
)

// offendersName is what a message calls the list of a test with none.
const offendersName = "offenders"

// What a message shows at most.
const (
	maxShown = 5   // elements of a list
	maxWidth = 200 // characters of one value
)

// template is a text with expressions in {{ }}.
type template struct {
	parts []part
}

// part is a text, or an expression.
type part struct {
	text string
	hole *expression
}

// template compiles a message. Offenders is the test's list, where it is one of none.
func (c *compiler) template(d *document, n *yaml.Node, offenders *expression) *template {
	env := c.env
	if offenders != nil {
		var err error
		if env, err = env.Extend(cel.Variable(offendersName, offenders.ast.OutputType())); err != nil {
			d.Bad(n, "%v", err)
			return nil
		}
	}
	t := &template{}
	value := strings.TrimRightFunc(n.Value, unicode.IsSpace)
	rest, at := value, 0 // at counts characters
	for {
		text, hole, found := strings.Cut(rest, "{{")
		if text != "" {
			t.parts = append(t.parts, part{text: text})
		}
		if !found {
			return t
		}
		at += utf8.RuneCountInString(text) + 2
		source, after, closed := cutHole(hole)
		if !closed {
			line, column := scalarPlace(d.lines, n).at(at - 2)
			d.BadAt(line, column, "{{ has no }}")
			return nil
		}
		blank := len(source) - len(strings.TrimLeftFunc(source, unicode.IsSpace))
		e := c.compile(d, n, env, strings.TrimSpace(source), at+blank, func(*cel.Type) error { return nil })
		if e == nil {
			return nil
		}
		t.parts = append(t.parts, part{hole: e})
		at += utf8.RuneCountInString(source) + 2
		rest = after
	}
}

// cutHole finds the }} that ends an expression: not one inside a string, nor
// one that closes two maps.
func cutHole(s string) (source, after string, closed bool) {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '"', '\'':
			quote := s[i]
			for i++; i < len(s) && s[i] != quote; i++ {
				if s[i] == '\\' {
					i++
				}
			}
		case '{':
			depth++
		case '}':
			if depth > 0 {
				depth--
			} else if strings.HasPrefix(s[i:], "}}") {
				return s[:i], s[i+2:], true
			}
		}
	}
	return "", "", false
}

// render writes the text. What can't be evaluated is shown as such: the
// verdict stands all the same.
func (t *template) render(e *evaluation, offenders ref.Val) string {
	if t == nil {
		return ""
	}
	var b strings.Builder
	e.offenders = offenders
	for _, p := range t.parts {
		if p.hole == nil {
			b.WriteString(p.text)
			continue
		}
		v, err := e.run(p.hole)
		if err != nil {
			b.WriteString("(not known: " + firstLine(err.Error()) + ")")
			continue
		}
		b.WriteString(shown(v))
	}
	e.offenders = nil
	return strings.TrimSpace(b.String())
}

// shown writes a value for people.
func shown(v ref.Val) string {
	if p, ok := asPartial(v); ok {
		return shownList(p.known) + ", and perhaps more"
	}
	switch x := v.(type) {
	case *types.Err:
		return "(not known: " + firstLine(x.Error()) + ")"
	case *types.Optional:
		if !x.HasValue() {
			return "unset"
		}
		return shown(x.GetValue())
	case traits.Lister:
		return shownList(elements(x))
	case *object:
		return clip(show(x.class.text(x.v)))
	case types.String:
		return clip(printable(string(x)))
	case types.Timestamp:
		return x.UTC().Format("2006-01-02T15:04:05Z")
	}
	if s, ok := v.ConvertToType(types.StringType).(types.String); ok {
		return clip(printable(string(s)))
	}
	return clip(printable(types.Format(v)))
}

func shownList(all []ref.Val) string {
	if len(all) == 0 {
		return "none"
	}
	var b strings.Builder
	for i, v := range all {
		switch {
		case i == maxShown:
			fmt.Fprintf(&b, " and %d more", len(all)-maxShown)
			return b.String()
		case i > 0:
			b.WriteString(", ")
		}
		b.WriteString(shown(v))
	}
	return b.String()
}

// printable keeps a foreign string from doing anything to a terminal.
func printable(s string) string {
	if strings.IndexFunc(s, func(r rune) bool { return r == utf8.RuneError || !unicode.IsPrint(r) }) < 0 {
		return s
	}
	return show(s)
}

func clip(s string) string {
	if utf8.RuneCountInString(s) <= maxWidth {
		return s
	}
	return string([]rune(s)[:maxWidth-1]) + "…"
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

// count writes a number with its noun.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
