package strictyaml

import (
	"go.yaml.in/yaml/v3"

	"github.com/kubeassay/assay/internal/excerpt"
)

// refused is the kind of a node that was refused: it holds nothing, and stands
// for nothing.
const refused yaml.Kind = 0

const (
	strTag   = "!!str"
	intTag   = "!!int"
	floatTag = "!!float"
	boolTag  = "!!bool"
	nullTag  = "!!null"
	timeTag  = "!!timestamp"
	mapTag   = "!!map"
	seqTag   = "!!seq"
	mergeTag = "!!merge"
)

// check refuses what no file of ours may have, wherever it stands. It returns
// the first node that is nested too deeply.
func (d *Document) check(n *yaml.Node, depth int) (deep *yaml.Node) {
	if depth >= maxDepth && (n.Kind == yaml.SequenceNode || n.Kind == yaml.MappingNode) {
		return n
	}
	switch n.Kind {
	case yaml.AliasNode:
		d.refuse(n, "%s", noAlias(n.Value))
	case yaml.ScalarNode:
		switch tag := n.ShortTag(); tag {
		case strTag, intTag, floatTag, boolTag, nullTag, timeTag:
		case mergeTag:
			d.refuse(n, "a merge key (<<) is not supported here: write it out")
		default:
			d.noTag(n)
		}
	case yaml.SequenceNode:
		if n.ShortTag() != seqTag {
			d.noTag(n)
		}
		for _, e := range n.Content {
			if deep := d.check(e, depth+1); deep != nil {
				return deep
			}
		}
	case yaml.MappingNode:
		if n.ShortTag() != mapTag {
			d.noTag(n)
		}
		return d.checkMapping(n, depth)
	}
	return nil
}

func (d *Document) checkMapping(n *yaml.Node, depth int) (deep *yaml.Node) {
	seen := make(map[string]int, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.ShortTag() == mergeTag && value.Kind == yaml.AliasNode {
			take(value) // it is what the merge key is refused for
		}
		for _, e := range []*yaml.Node{key, value} {
			if deep := d.check(e, depth+1); deep != nil {
				return deep
			}
		}
		d.checkKey(key, seen)
	}
	return nil
}

func (d *Document) checkKey(key *yaml.Node, seen map[string]int) {
	switch tag := key.ShortTag(); {
	case key.Kind == refused:
		return
	case key.Kind != yaml.ScalarNode, tag == nullTag:
		d.refuse(key, "a key must be a plain word, not %s", Describe(key))
		return
	case tag == boolTag:
		d.refuse(key, "a key must be a plain word, not %s: put it into quotes", Describe(key))
		return
	}
	if line, ok := seen[key.Value]; ok {
		d.refuse(key, "%s is given twice; the other is in line %d", excerpt.Quote(key.Value), line)
		return
	}
	seen[key.Value] = key.Line
}

func noAlias(name string) string {
	return "an alias (*" + excerpt.Of(name, 60) + ") is not supported here: write it out"
}

func (d *Document) noTag(n *yaml.Node) {
	d.refuse(n, "a tag (%s) is not supported here: leave it out", excerpt.Word(n.Tag))
}

// refuse keeps a mistake, and takes the node out of what is read on.
func (d *Document) refuse(n *yaml.Node, format string, args ...any) {
	d.Bad(n, format, args...)
	take(n)
}

func take(n *yaml.Node) { n.Kind, n.Alias, n.Content = refused, nil, nil }
