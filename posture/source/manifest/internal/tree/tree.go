// Package tree turns the text of one document, YAML or JSON, into a tree of
// nodes that know their place, and such a tree into JSON or a Kubernetes type.
//
// YAML is read as kubectl reads it (sigs.k8s.io/yaml, which is YAML 1.1: yes
// is true and 0777 is 511), but a key that stands twice is an error, and so
// is a document whose aliases multiply without end.
//
// It knows nothing of files, streams of documents or kinds of objects.
//
//	docs, err := tree.YAML(text)
//	problems := tree.NewDecoder().Decode(docs[0], &deployment)
package tree

import (
	"go.yaml.in/yaml/v3"

	"github.com/kubeassay/assay/internal/yamltext"
)

// Node is one value of a document, with its place in the text.
type Node = yaml.Node

// Error says what is wrong at which place of the text. Line and Column count
// from 1; Line 0 means that the place is not known.
type Error = yamltext.Error

// maxDepth is deeper than any Kubernetes object; it also ends an anchor that
// contains itself.
const maxDepth = 300

// maxAliased bounds the nodes that aliases may add to one object: more than
// any hand-written manifest, less than what hurts.
const maxAliased = 200_000

// walk bounds one way through a tree.
type walk struct {
	depth   int
	aliases int // how many aliases stand above the current node
	aliased int
}

// enter counts one more node; every successful enter is followed by a leave.
func (w *walk) enter(n *Node) *Error {
	w.depth++
	if w.depth > maxDepth {
		w.depth--
		return at(n, "this is nested too deeply, or an anchor contains itself")
	}
	if w.aliases > 0 {
		w.aliased++
		if w.aliased > maxAliased {
			w.depth--
			return at(n, "the aliases in this document repeat too much: write the values out")
		}
	}
	return nil
}

func (w *walk) leave() { w.depth-- }

// target is the node that n stands for: itself, or what its alias names.
func target(n *Node) *Node {
	if n.Kind == yaml.AliasNode && n.Alias != nil {
		return n.Alias
	}
	return n
}

func at(n *Node, message string) *Error {
	return &Error{Line: n.Line, Column: n.Column, Message: message}
}

// Get is the value of a key of a mapping, or nil. It follows aliases and
// merge keys.
func Get(n *Node, key string) *Node {
	_, v := lookup(n, key)
	return v
}

func lookup(n *Node, key string) (k, v *Node) {
	n = target(n)
	if n.Kind != yaml.MappingNode {
		return nil, nil
	}
	var w walk
	pairs, err := w.pairs(n)
	if err != nil {
		return nil, nil
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i].Value == key {
			return pairs[i], target(pairs[i+1])
		}
	}
	return nil, nil
}

// Text is the value of a scalar that is a string.
func Text(n *Node) (string, bool) {
	if n == nil {
		return "", false
	}
	n = target(n)
	if n.Kind != yaml.ScalarNode || classify(n) != isString {
		return "", false
	}
	return n.Value, true
}

// IsNull reports whether n is absent or null.
func IsNull(n *Node) bool {
	if n == nil {
		return true
	}
	n = target(n)
	return n.Kind == yaml.ScalarNode && classify(n) == isNull
}

// IsList and IsMap report what n is; both are false for nil.
func IsList(n *Node) bool { return n != nil && target(n).Kind == yaml.SequenceNode }

// IsMap is described at [IsList].
func IsMap(n *Node) bool { return n != nil && target(n).Kind == yaml.MappingNode }

// Elements are the elements of a list, aliases followed.
func Elements(n *Node) []*Node {
	if !IsList(n) {
		return nil
	}
	list := target(n).Content
	for i, e := range list {
		if e.Kind == yaml.AliasNode {
			own := make([]*Node, len(list))
			copy(own, list)
			for j := i; j < len(own); j++ {
				own[j] = target(own[j])
			}
			return own
		}
	}
	return list
}

// CheckKeys returns an error where two keys of a mapping are the same.
func CheckKeys(n *Node) error {
	n = target(n)
	if n.Kind != yaml.MappingNode {
		return nil
	}
	var w walk
	pairs, err := w.pairs(n)
	if err != nil {
		return err
	}
	if again := repeatedKey(pairs); again != nil {
		return twice(again)
	}
	return nil
}
