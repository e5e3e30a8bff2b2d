package tree

import (
	"go.yaml.in/yaml/v3"
)

// AppendJSON appends the JSON form of a tree. Tests hold it against
// sigs.k8s.io/yaml, and with it the scalars and pairs that decoding reads too.
func AppendJSON(dst []byte, n *Node) ([]byte, error) {
	var w walk
	out, err := w.json(dst, n)
	if err != nil {
		return dst, err
	}
	return out, nil
}

func (w *walk) json(dst []byte, n *Node) ([]byte, *Error) {
	if err := w.enter(n); err != nil {
		return dst, err
	}
	defer w.leave()
	var err *Error
	switch n.Kind {
	case yaml.AliasNode:
		w.aliases++
		dst, err = w.json(dst, n.Alias)
		w.aliases--
		return dst, err
	case yaml.ScalarNode:
		return appendScalar(dst, n)
	case yaml.SequenceNode:
		dst = append(dst, '[')
		for i, e := range n.Content {
			if i > 0 {
				dst = append(dst, ',')
			}
			if dst, err = w.json(dst, e); err != nil {
				return dst, err
			}
		}
		return append(dst, ']'), nil
	}
	pairs, err := w.pairs(n)
	if err != nil {
		return dst, err
	}
	if again := repeatedKey(pairs); again != nil {
		return dst, twice(again)
	}
	dst = append(dst, '{')
	for i := 0; i+1 < len(pairs); i += 2 {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendString(dst, pairs[i].Value), ':')
		if dst, err = w.json(dst, pairs[i+1]); err != nil {
			return dst, err
		}
	}
	return append(dst, '}'), nil
}

func twice(key *Node) *Error {
	return at(key, "the key "+shown(key.Value)+" stands twice: only one can count, so remove the other")
}

// repeatedKey finds the second of two equal keys. Mappings are small, so
// comparing each with each is the quickest; big ones get a set.
func repeatedKey(pairs []*Node) *Node {
	if len(pairs) > 32 {
		seen := make(map[string]bool, len(pairs)/2)
		for i := 0; i < len(pairs); i += 2 {
			if seen[pairs[i].Value] {
				return pairs[i]
			}
			seen[pairs[i].Value] = true
		}
		return nil
	}
	for i := 2; i < len(pairs); i += 2 {
		for j := 0; j < i; j += 2 {
			if pairs[i].Value == pairs[j].Value {
				return pairs[i]
			}
		}
	}
	return nil
}

// pairs are the keys and values of a mapping by turns, with every key a
// string. Almost always that is what the node holds already; merge keys and
// keys of other types make a list of its own.
func (w *walk) pairs(n *Node) ([]*Node, *Error) {
	for i := 0; i < len(n.Content); i += 2 {
		k := n.Content[i]
		if k.Kind != yaml.ScalarNode || classify(k) != isString || isMerge(k) {
			f := flat{index: make(map[string]int)}
			if err := w.flatten(n, &f); err != nil {
				return nil, err
			}
			return f.pairs, nil
		}
	}
	return n.Content, nil
}

func isMerge(k *Node) bool {
	return k.Kind == yaml.ScalarNode && k.Value == "<<" && k.Tag == "!!merge"
}

// flat is a mapping with its merges done.
type flat struct {
	pairs []*Node
	index map[string]int
}

// flatten adds a mapping to f. As in the library that kubectl uses, what
// comes later wins, be it a merge or a key.
func (w *walk) flatten(n *Node, f *flat) *Error {
	if err := w.enter(n); err != nil {
		return err
	}
	defer w.leave()
	own := make(map[string]bool)
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		if isMerge(k) {
			if err := w.merge(v, f); err != nil {
				return err
			}
			continue
		}
		text, err := keyText(target(k))
		if err != nil {
			return err
		}
		key := *target(k)
		key.Line, key.Column = k.Line, k.Column
		key.Value, key.Style, key.Tag = text, yaml.DoubleQuotedStyle, "!!str"
		if own[text] {
			return twice(&key)
		}
		own[text] = true
		if at, ok := f.index[text]; ok {
			f.pairs[at], f.pairs[at+1] = &key, v
			continue
		}
		f.index[text] = len(f.pairs)
		f.pairs = append(f.pairs, &key, v)
		if w.aliases > 0 {
			w.aliased++
		}
	}
	return nil
}

// merge adds the mappings that a merge key names: one, or a list of which the
// first wins.
func (w *walk) merge(v *Node, f *flat) *Error {
	from := target(v)
	sources := []*Node{v}
	if v.Kind == yaml.SequenceNode {
		sources = v.Content
	} else if from.Kind != yaml.MappingNode {
		return at(v, "a merge key (<<) needs a map, or a list of maps")
	}
	w.aliases++
	defer func() { w.aliases-- }()
	for i := len(sources) - 1; i >= 0; i-- {
		m := target(sources[i])
		if m.Kind != yaml.MappingNode {
			return at(sources[i], "a merge key (<<) needs a map, or a list of maps")
		}
		if err := w.flatten(m, f); err != nil {
			return err
		}
	}
	return nil
}
