package facts

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	yaml "go.yaml.in/yaml/v3"
	ini "gopkg.in/ini.v1"

	"github.com/kubeassay/assay/inspect/snapshot"
)

// Formats lists what [Config] reads.
func Formats() []string {
	return []string{"ini", "keyvalue", "json", "yaml", "sshd", "login.defs"}
}

// ConfigPlan says what to collect for [Config]; files that such a file names
// become known only when it is read (see [Source.Missing]).
func ConfigPlan(path, format string) snapshot.Plan {
	p := snapshot.Plan{Files: []string{path}}
	if format == "sshd" && path == sshdConfigPath {
		// What distributions include by default: it saves a round.
		p.Globs = []snapshot.Glob{{Pattern: "/etc/ssh/sshd_config.d/*.conf", Contents: true}}
	}
	return p
}

// Config reads a configuration file into plain values: maps with string keys,
// lists, strings, int64, float64, bool and nil. An absent file is an empty map.
//
//   - ini: section to key to text; keys before the first section are in section "".
//   - keyvalue: "key = value" or "key value" a line, the last one wins.
//   - login.defs: as login.defs(5), the last one wins.
//   - json, yaml: what the document holds; several YAML documents are a list.
//   - sshd: see sshd.go; keywords in lower case, the first one wins.
func Config(s *snapshot.Snapshot, path, format string) (any, Source) {
	if !slices.Contains(Formats(), format) {
		return map[string]any{}, failed("unknown format %q: use one of %s", format, strings.Join(Formats(), ", "))
	}
	d := read(s, path)
	if format == "sshd" {
		return readSSHD(s, path, d)
	}
	if len(d.data) == 0 && d.Fact.State != snapshot.Present {
		return map[string]any{}, d.Source
	}
	var out any
	var err error
	switch format {
	case "ini":
		out, err = parseINI(d.data)
	case "keyvalue":
		out = parseKeyValue(d.data)
	case "login.defs":
		out = parseLoginDefs(d.data)
	case "json":
		out, err = parseJSON(d.data)
	case "yaml":
		out, err = parseYAML(d.data)
	}
	if err != nil {
		if d.Fact.State == snapshot.Present { // else the reason is known
			d.Source = failed("reading %s as %s: %v", path, format, err)
		}
		return map[string]any{}, d.Source
	}
	return out, d.Source
}

func parseINI(data []byte) (map[string]any, error) {
	f, err := ini.LoadSources(ini.LoadOptions{
		IgnoreInlineComment:       false,
		SkipUnrecognizableLines:   true,
		AllowBooleanKeys:          true,
		IgnoreContinuation:        false,
		UnescapeValueDoubleQuotes: false,
		KeyValueDelimiters:        "=",
	}, data)
	if err != nil {
		return nil, err
	}
	out := map[string]any{}
	for _, section := range f.Sections() {
		name := section.Name()
		if name == ini.DefaultSection {
			name = ""
		}
		keys := map[string]any{}
		for _, key := range section.Keys() {
			keys[key.Name()] = key.Value()
		}
		if name != "" || len(keys) > 0 {
			out[name] = keys
		}
	}
	return out, nil
}

// parseKeyValue reads the many files of the form "key = value" and "key value".
func parseKeyValue(data []byte) map[string]any {
	out := map[string]any{}
	for line := range configLines(data) {
		i := strings.IndexAny(line, "= \t")
		if i < 0 {
			out[line] = ""
			continue
		}
		key, value := line[:i], strings.TrimLeft(line[i:], " \t")
		value = strings.TrimSpace(strings.TrimPrefix(value, "="))
		if len(value) >= 2 && (value[0] == '"' || value[0] == '\'') && value[len(value)-1] == value[0] {
			value = value[1 : len(value)-1]
		}
		if key != "" {
			out[key] = value
		}
	}
	return out
}

// parseLoginDefs follows shadow-utils: blanks part name and value, and a value
// ends at a double quote after the one that may begin it.
func parseLoginDefs(data []byte) map[string]any {
	out := map[string]any{}
	for line := range configLines(data) {
		name, value, _ := strings.Cut(strings.ReplaceAll(line, "\t", " "), " ")
		value = strings.TrimLeft(value, " \"")
		value, _, _ = strings.Cut(value, `"`)
		if value != "" {
			out[name] = value
		}
	}
	return out
}

// configLines yields lines without blanks around them, and neither empty ones nor comments.
func configLines(data []byte) func(func(string) bool) {
	return func(yield func(string) bool) {
		for line := range bytes.Lines(data) {
			text := strings.TrimSpace(strings.ToValidUTF8(string(line), "\uFFFD"))
			if text == "" || text[0] == '#' || text[0] == ';' {
				continue
			}
			if !yield(text) {
				return
			}
		}
	}
}

func parseJSON(data []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the document")
	}
	return plain(v, new(int))
}

func parseYAML(data []byte) (any, error) {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var docs []any
	for {
		var v any
		err := dec.Decode(&v)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		docs = append(docs, v)
	}
	switch len(docs) {
	case 0:
		return map[string]any{}, nil
	case 1:
		return plain(docs[0], new(int))
	}
	return plain(docs, new(int))
}

// maxValues bounds what one document may grow to: YAML's aliases let a small
// file stand for a large value.
const maxValues = 1_000_000

// plain turns decoded values into the few types that Config promises.
func plain(v any, count *int) (any, error) {
	if *count++; *count > maxValues {
		return nil, fmt.Errorf("it holds more than %d values", maxValues)
	}
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			p, err := plain(e, count)
			if err != nil {
				return nil, err
			}
			out[k] = p
		}
		return out, nil
	case map[any]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			p, err := plain(e, count)
			if err != nil {
				return nil, err
			}
			out[fmt.Sprint(k)] = p
		}
		return out, nil
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			p, err := plain(e, count)
			if err != nil {
				return nil, err
			}
			out[i] = p
		}
		return out, nil
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n, nil
		}
		n, err := v.Float64()
		if err != nil {
			return v.String(), nil //nolint:nilerr // no float64 holds it: its digits do
		}
		return n, nil
	case int:
		return int64(v), nil
	case int64, float64, bool, string, nil:
		return v, nil
	case uint64:
		return float64(v), nil
	default: // a date
		return fmt.Sprint(v), nil
	}
}
