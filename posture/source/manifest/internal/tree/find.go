package tree

import (
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Find is the place of a field, such as spec.containers[0].image: that of its
// value where the value is a scalar, else that of its key. For a field that
// is not there it is the place of its nearest parent that is. Keys that hold
// dots stand in brackets: metadata.labels[app.kubernetes.io/name].
func Find(root *Node, path string) (line, column int) {
	n, place := target(root), target(root)
	for path != "" {
		var step string
		var index int
		step, index, path = nextStep(path)
		if n.Kind == yaml.SequenceNode {
			if index < 0 || index >= len(n.Content) {
				break
			}
			n = target(n.Content[index])
			place = n
			continue
		}
		k, v := lookup(n, step)
		if v == nil {
			break
		}
		n, place = v, k
		if v.Kind == yaml.ScalarNode && (v.Value != "" || v.Style != 0) {
			place = v
		}
	}
	return place.Line, place.Column
}

// nextStep cuts the first step off a path. index is -1 where the step is no number.
func nextStep(path string) (step string, index int, rest string) {
	if strings.HasPrefix(path, "[") {
		end := strings.IndexByte(path, ']')
		if end < 0 {
			end = len(path)
		}
		step = strings.Trim(path[1:end], `"'`)
		rest = path[min(end+1, len(path)):]
	} else {
		end := strings.IndexAny(path, ".[")
		if end < 0 {
			end = len(path)
		}
		step, rest = path[:end], path[end:]
	}
	rest = strings.TrimPrefix(rest, ".")
	index = -1
	if step != "" && '0' <= step[0] && step[0] <= '9' { // a failure to read a number makes garbage
		if i, err := strconv.Atoi(step); err == nil {
			index = i
		}
	}
	return step, index, rest
}
