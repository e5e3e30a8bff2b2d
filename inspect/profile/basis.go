package profile

import (
	"strconv"
	"strings"

	"github.com/google/cel-go/common/types/ref"

	"github.com/kubeassay/assay/finding"
)

// basis gathers the single facts that a verdict rests on, the first few: the
// fields of files and processes that were asked for by name.
type basis struct {
	list []finding.Basis
	seen map[string]bool
}

const maxBasis = 12

func (b *basis) add(x finding.Basis) {
	if len(b.list) >= maxBasis || b.seen[x.Field] {
		return
	}
	if b.seen == nil {
		b.seen = map[string]bool{}
	}
	b.seen[x.Field] = true
	b.list = append(b.list, x)
}

// witness notes a field that an expression read.
func (e *evaluation) witness(o *object, field string, v ref.Val) {
	if o.asked == "" || field == "content" || field == "lines" {
		return // contents are for nobody's report
	}
	name := o.asked + "." + field
	if len(e.basis.list) >= maxBasis || e.basis.seen[name] {
		return
	}
	e.basis.add(finding.Basis{Evidence: finding.Observed, Field: name, Value: shown(v)})
}

// lookUp finds a value by a path such as spec.containers[0].securityContext.
func lookUp(v any, path string) (any, bool) {
	if path == "" {
		return nil, false
	}
	for step := range strings.SplitSeq(path, ".") {
		name, index, indexed := strings.Cut(step, "[")
		if _, hidden := v.(error); hidden {
			return v, true
		}
		m, ok := v.(map[string]any)
		if !ok {
			return nil, false
		}
		if v, ok = m[name]; !ok {
			return nil, false
		}
		if !indexed {
			continue
		}
		l, ok := v.([]any)
		i, err := strconv.Atoi(strings.TrimSuffix(index, "]"))
		if !ok || err != nil || i < 0 || i >= len(l) {
			return nil, false
		}
		v = l[i]
	}
	return v, true
}
