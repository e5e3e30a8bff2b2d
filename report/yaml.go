package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/kubeassay/assay/finding"
)

// yamlWriter writes the object of the JSON format as YAML, in the same order,
// a finding at a time.
type yamlWriter struct {
	out   output
	enc   jsonEncoder
	wrote bool // a finding
}

func newYAML(w io.Writer) *yamlWriter { return &yamlWriter{out: output{w: w}} }

func (y *yamlWriter) Begin(h Header) error { return y.write(headOf(h)) }

func (y *yamlWriter) Finding(f *finding.Finding) error {
	if !y.wrote {
		y.out.WriteString("findings:\n")
	}
	y.wrote = true
	return y.write([]*finding.Finding{f})
}

func (y *yamlWriter) Flush() error { return y.out.flush() }

func (y *yamlWriter) End(r *finding.Report) error {
	if !y.wrote {
		y.out.WriteString("findings: []\n")
	}
	if err := y.write(tailOf(r)); err != nil {
		return err
	}
	return y.out.flush()
}

// write goes by way of JSON, so that the two formats can't differ.
func (y *yamlWriter) write(v any) error {
	b, err := y.enc.encode(v, "", "")
	if err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	node, err := yamlNode(dec)
	if err != nil {
		return fmt.Errorf("reading our own JSON: %w", err)
	}
	var buf bytes.Buffer
	enc := yaml.NewEncoder(&buf)
	enc.SetIndent(2)
	enc.CompactSeqIndent()
	if err := enc.Encode(node); err != nil {
		return err
	}
	if err := enc.Close(); err != nil {
		return err
	}
	y.out.Write(escapeYAML(buf.Bytes()))
	return y.out.spill()
}

// yamlNode reads the next JSON value.
func yamlNode(dec *json.Decoder) (*yaml.Node, error) {
	token, err := dec.Token()
	if err != nil {
		return nil, err
	}
	switch t := token.(type) {
	case json.Delim:
		node := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
		if t == '{' {
			node.Kind, node.Tag = yaml.MappingNode, "!!map"
		}
		for dec.More() { // keys are values of their own here, as in a yaml.Node
			child, err := yamlNode(dec)
			if err != nil {
				return nil, err
			}
			node.Content = append(node.Content, child)
		}
		_, err = dec.Token() // the closing one
		return node, err
	case string:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: t, Style: yamlStyle(t)}, nil
	case json.Number:
		tag := "!!int"
		if strings.ContainsAny(t.String(), ".eE") {
			tag = "!!float"
		}
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: t.String()}, nil
	case bool:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: fmt.Sprint(t)}, nil
	default:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null"}, nil
	}
}

// plainYAML matches strings that no reader of YAML, 1.1 or 1.2, takes for
// anything else where they stand without quotes. The encoder looks after the
// characters that have a meaning in YAML; this is about numbers and times.
var plainYAML = regexp.MustCompile(`^[A-Za-z/_].*$`)

// yamlStyle is the style in which a string is the same for every reader.
func yamlStyle(s string) yaml.Style {
	for _, r := range s {
		if r != '\n' && !visible(r) {
			return yaml.DoubleQuotedStyle
		}
	}
	if strings.Contains(s, "\n") {
		// A block that starts with white space needs an indentation hint that
		// not every reader gets right, and one of nothing else is unreadable.
		if strings.HasPrefix(s, " ") || strings.HasPrefix(s, "\n") || strings.HasSuffix(s, " ") || strings.Contains(s, " \n") {
			return yaml.DoubleQuotedStyle
		}
		return yaml.LiteralStyle
	}
	if !plainYAML.MatchString(s) {
		return yaml.DoubleQuotedStyle
	}
	switch strings.ToLower(s) {
	case "y", "n", "yes", "no", "on", "off", "true", "false", "null": // truth, in YAML 1.1
		return yaml.DoubleQuotedStyle
	}
	return 0
}

// escapeYAML does for YAML what escapeJSON does for JSON. yamlStyle has put
// every string with such a character into double quotes.
func escapeYAML(b []byte) []byte {
	if !bytes.ContainsFunc(b, func(r rune) bool { return r != '\n' && !visible(r) }) {
		return b
	}
	out := make([]byte, 0, len(b)+64)
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		if r == '\n' || visible(r) {
			out = append(out, b[i:i+n]...)
		} else {
			out = fmt.Appendf(out, `\U%08X`, r)
		}
		i += n
	}
	return out
}
