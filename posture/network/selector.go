package network

import (
	"iter"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
)

// matcher finds the selectors that match a set of labels without asking all of
// them: each is filed under one of its requirements, and only those are asked
// whose requirement the labels meet.
type matcher[T any] struct {
	pairs map[pair][]*entry[T]   // the key has one of a few values
	keys  map[string][]*entry[T] // the key is there
	rest  []*entry[T]            // neither is required
	size  int
}

type pair struct{ key, value string }

type entry[T any] struct {
	selector labels.Selector
	item     T
	// all: the selector is empty, which every set of labels matches.
	all bool
}

// valuesFiled is how many values of one requirement are filed apart. Beyond
// that the key alone counts, so that memory stays bounded by what was read.
const valuesFiled = 16

func (m *matcher[T]) add(s labels.Selector, item T) {
	e := &entry[T]{selector: s, item: item, all: s.Empty()}
	m.size++
	requirements, _ := s.Requirements()
	best, fewest := -1, 0
	for i := range requirements {
		n, ok := m.crowd(&requirements[i])
		if ok && (best < 0 || n < fewest) {
			best, fewest = i, n
		}
	}
	if best < 0 {
		m.rest = append(m.rest, e)
		return
	}
	r := &requirements[best]
	if !filedByValue(r) {
		if m.keys == nil {
			m.keys = map[string][]*entry[T]{}
		}
		m.keys[r.Key()] = append(m.keys[r.Key()], e)
		return
	}
	if m.pairs == nil {
		m.pairs = map[pair][]*entry[T]{}
	}
	for value := range r.Values() { // a set: each value once
		p := pair{r.Key(), value}
		m.pairs[p] = append(m.pairs[p], e)
	}
}

// crowd says how many selectors would be asked beside this one; false where
// labels without the key can match.
func (m *matcher[T]) crowd(r *labels.Requirement) (int, bool) {
	switch r.Operator() {
	case selection.In, selection.Equals, selection.DoubleEquals, selection.Exists:
	default:
		return 0, false
	}
	if !filedByValue(r) {
		return len(m.keys[r.Key()]), true
	}
	n := 0
	for _, value := range r.ValuesUnsorted() {
		n += len(m.pairs[pair{r.Key(), value}])
	}
	return n, true
}

func filedByValue(r *labels.Requirement) bool {
	return r.Operator() != selection.Exists && len(r.ValuesUnsorted()) <= valuesFiled
}

// matches yields every item whose selector matches, each once: labels have one
// value for a key, and an item is filed under one key.
func (m *matcher[T]) matches(set labels.Set) iter.Seq[T] {
	return func(yield func(T) bool) {
		if m == nil || m.size == 0 {
			return
		}
		if !ask(m.rest, set, yield) {
			return
		}
		if len(m.pairs) == 0 && len(m.keys) == 0 {
			return
		}
		for key, value := range set {
			if !ask(m.pairs[pair{key, value}], set, yield) || !ask(m.keys[key], set, yield) {
				return
			}
		}
	}
}

func ask[T any](entries []*entry[T], set labels.Set, yield func(T) bool) bool {
	for _, e := range entries {
		if (e.all || e.selector.Matches(set)) && !yield(e.item) {
			return false
		}
	}
	return true
}

// byDefault reports whether a selector matches what carries no labels of note:
// all its requirements say what must not be there.
func byDefault(s labels.Selector) bool {
	requirements, selectable := s.Requirements()
	if !selectable {
		return false
	}
	for i := range requirements {
		switch requirements[i].Operator() {
		case selection.NotIn, selection.NotEquals, selection.DoesNotExist:
		default:
			return false
		}
	}
	return true
}

// tri is a yes or no that may not be known.
type tri uint8

const (
	no tri = iota
	maybe
	yes
)

func (t tri) and(o tri) tri { return min(t, o) }

func known(b bool) tri {
	if b {
		return yes
	}
	return no
}
