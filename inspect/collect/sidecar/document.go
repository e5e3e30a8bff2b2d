package sidecar

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"
	corev1 "k8s.io/api/core/v1"
	sigsyaml "sigs.k8s.io/yaml"

	"github.com/kubeassay/assay/internal/yamltext"
)

// document is one YAML document of the input, with the marker before it.
type document struct {
	text []byte
	// above is how many lines of the input stand before it.
	above int
	root  yaml.Node
}

// split cuts the input where YAML's document markers stand. Nothing is lost:
// the texts put together are the input.
func split(input []byte) []*document {
	var all []*document
	start, line, above := 0, 0, 0
	heading := true // nothing but directives and comments since the last cut
	cut := func(end int) {
		if end > start {
			all = append(all, &document{text: input[start:end], above: above})
			start, above = end, line
		}
	}
	for at := 0; at < len(input); {
		next := len(input)
		if i := bytes.IndexByte(input[at:], '\n'); i >= 0 {
			next = at + i + 1
		}
		switch text := bytes.TrimSpace(input[at:next]); {
		case marker(input[at:next], "---"):
			if !heading {
				cut(at)
			}
			heading = false
		case len(text) > 0 && text[0] != '#' && text[0] != '%':
			heading = false
		}
		line++
		if marker(input[at:next], "...") {
			cut(next)
			heading = true
		}
		at = next
	}
	cut(len(input))
	return all
}

func marker(line []byte, mark string) bool {
	rest, ok := bytes.CutPrefix(line, []byte(mark))
	return ok && (len(rest) == 0 || strings.IndexByte(" \t\r\n", rest[0]) >= 0)
}

// podSpec is one pod spec in a document.
type podSpec struct {
	*document
	workload  string     // "Deployment/cart"
	key, node *yaml.Node // of the spec: "spec:" and what stands below it
	spec      *corev1.PodSpec
	// problem says why it can't be edited; nil where it can.
	problem error
}

// specPaths say where the pod spec stands, by group and kind.
func specPath(apiVersion, kind string) []string {
	group, _, ok := strings.Cut(apiVersion, "/")
	if !ok {
		group = ""
	}
	switch group + "/" + kind {
	case "/Pod":
		return []string{"spec"}
	case "/PodTemplate":
		return []string{"template", "spec"}
	case "/ReplicationController", "apps/Deployment", "apps/StatefulSet", "apps/DaemonSet", "apps/ReplicaSet", "batch/Job":
		return []string{"spec", "template", "spec"}
	case "batch/CronJob":
		return []string{"spec", "jobTemplate", "spec", "template", "spec"}
	}
	return nil
}

// podSpecs finds all pod specs in a document.
func (d *document) podSpecs(file string) ([]*podSpec, error) {
	fail := func(err error) error {
		var twice *yaml.TypeError
		if errors.As(err, &twice) {
			err = errors.New(strings.Join(twice.Errors, "; "))
		}
		return fmt.Errorf("%s: the document that begins in line %d: %w", file, d.above+1, err)
	}
	if err := d.parse(file); err != nil {
		return nil, err
	}
	if len(d.root.Content) == 0 || d.root.Content[0].Kind != yaml.MappingNode {
		return nil, nil
	}
	// This finds keys that are there twice, of which only one would be edited.
	var value any
	if err := d.root.Decode(&value); err != nil {
		return nil, fail(err)
	}
	// The values as the API server would see them, which is not always as this
	// parser does.
	text, err := sigsyaml.YAMLToJSON(d.text)
	if err != nil {
		return nil, fail(err)
	}
	value = nil
	if err := json.Unmarshal(text, &value); err != nil {
		return nil, fail(err)
	}
	return d.find(d.root.Content[0], value, file)
}

func (d *document) parse(file string) error {
	for root, err := range yamltext.Documents(d.text) {
		var wrong *yamltext.Error
		if errors.As(err, &wrong) && wrong.Line > 0 {
			return fmt.Errorf("%s:%d: %w", file, d.above+wrong.Line, err)
		}
		if err != nil {
			return fmt.Errorf("%s: the document that begins in line %d: %w", file, d.above+1, err)
		}
		d.root = *root
		break // there is but one, the text was cut
	}
	return nil
}

// find looks at one object, and into lists of objects.
func (d *document) find(object *yaml.Node, value any, file string) ([]*podSpec, error) {
	fields, _ := value.(map[string]any)
	apiVersion, _ := fields["apiVersion"].(string)
	kind, _ := fields["kind"].(string)
	if items, ok := fields["items"].([]any); ok && strings.HasSuffix(kind, "List") {
		_, list := lookup(object, "items")
		if list == nil || list.Kind != yaml.SequenceNode || len(list.Content) != len(items) {
			return nil, nil
		}
		var all []*podSpec
		for i := range items {
			some, err := d.find(list.Content[i], items[i], file)
			if err != nil {
				return nil, err
			}
			all = append(all, some...)
		}
		return all, nil
	}
	path := specPath(apiVersion, kind)
	if path == nil {
		return nil, nil
	}
	metadata, _ := fields["metadata"].(map[string]any)
	name, _ := metadata["name"].(string)
	if name == "" {
		name, _ = metadata["generateName"].(string)
	}
	return d.open(&podSpec{document: d, workload: kind + "/" + name, key: object, node: object}, value, path, file)
}

// open goes down to the pod spec, in the text and in the value alike.
func (d *document) open(s *podSpec, value any, path []string, file string) ([]*podSpec, error) {
	for _, step := range path {
		fields, _ := value.(map[string]any)
		value = fields[step]
		if s.problem != nil {
			continue
		}
		key, node := lookup(s.node, step)
		if node == nil || node.Kind != yaml.MappingNode {
			s.problem = errors.New("its pod spec is put together by anchors, aliases or merge keys, which can't be edited: write it out")
			continue
		}
		s.key, s.node = key, node
	}
	if value == nil {
		return nil, nil // it has no pod spec at all, which is for the API server to refuse
	}
	text, err := json.Marshal(value)
	if err == nil {
		s.spec = &corev1.PodSpec{}
		err = json.Unmarshal(text, s.spec)
	}
	if err != nil {
		return nil, fmt.Errorf("%s:%d: %s: its pod spec can't be read: %w", file, s.line(s.key), s.workload, mistyped(err))
	}
	return []*podSpec{s}, nil
}

// mistyped says of a value of the wrong type what it must be, without the words of Go.
func mistyped(err error) error {
	var wrong *json.UnmarshalTypeError
	if !errors.As(err, &wrong) {
		return err
	}
	must := "another value"
	switch wrong.Type.Kind() {
	case reflect.Slice:
		must = "a list"
	case reflect.Map, reflect.Struct, reflect.Pointer:
		must = "a map"
	case reflect.String:
		must = "text"
	case reflect.Bool:
		must = "true or false"
	case reflect.Int, reflect.Int32, reflect.Int64:
		must = "a whole number"
	}
	got := strings.NewReplacer("array", "list", "object", "map", "string", "text").Replace(wrong.Value)
	return fmt.Errorf("%s must be %s, not %s", wrong.Field, must, got)
}

// lookup finds a key of a mapping, and its value. Aliases are not followed.
func lookup(mapping *yaml.Node, key string) (k, v *yaml.Node) {
	if mapping == nil || mapping.Kind != yaml.MappingNode {
		return nil, nil
	}
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if k := mapping.Content[i]; k.Kind == yaml.ScalarNode && k.Value == key {
			return k, mapping.Content[i+1]
		}
	}
	return nil, nil
}

// line is a node's line in the whole input.
func (s *podSpec) line(n *yaml.Node) int { return s.above + n.Line }

// keyLine is where a field of the pod spec stands, else where the spec does.
func (s *podSpec) keyLine(field string) int {
	if k, _ := lookup(s.node, field); k != nil {
		return s.line(k)
	}
	return s.line(s.key)
}

// container finds a container by its name, whatever its kind.
func (s *podSpec) container(name string) *corev1.Container {
	for _, list := range [][]corev1.Container{s.spec.Containers, s.spec.InitContainers} {
		for i := range list {
			if list[i].Name == name {
				return &list[i]
			}
		}
	}
	return nil
}

func (s *podSpec) names() []string {
	var all []string
	for i := range s.spec.InitContainers {
		if c := &s.spec.InitContainers[i]; always(c) && !isOurs(c) {
			all = append(all, c.Name)
		}
	}
	for i := range s.spec.Containers {
		all = append(all, s.spec.Containers[i].Name)
	}
	return all
}

// containerLine is where a container stands in the input.
func (s *podSpec) containerLine(name string) int {
	for _, field := range []string{"containers", "initContainers"} {
		_, list := lookup(s.node, field)
		if i := named(list, name); i >= 0 {
			return s.line(list.Content[i])
		}
	}
	return s.line(s.key)
}

// named is the index of the item with a name in a list of mappings, or -1.
func named(list *yaml.Node, name string) int {
	if list == nil || list.Kind != yaml.SequenceNode {
		return -1
	}
	for i, item := range list.Content {
		if _, v := lookup(item, "name"); v != nil && v.Value == name {
			return i
		}
	}
	return -1
}
