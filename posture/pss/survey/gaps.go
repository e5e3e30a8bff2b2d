package survey

import (
	"strings"

	"github.com/kubeassay/assay/finding"
)

// gaps say of which namespaces something is missing. They are read from the
// scopes of coverage.
type gaps struct {
	allPods, allTemplates bool
	podsOf, templatesOf   map[string]bool
}

func (g *gaps) add(c *finding.Coverage) {
	if c.State.Complete() && c.State != finding.OwnerUnresolved {
		return
	}
	area, rest, _ := strings.Cut(c.Scope, "/")
	switch area {
	case "namespace":
		name, kind, _ := strings.Cut(rest, "/")
		kind, _, _ = strings.Cut(kind, "/") // one object of the kind
		switch kind {
		case "", "pods":
			mark(&g.podsOf, name)
		case "labels":
		default:
			mark(&g.templatesOf, name)
		}
	case "kind":
		switch rest {
		case "namespaces", "labels":
		case "pods":
			g.allPods = true
		default:
			g.allTemplates = true
		}
	case "standards":
	default: // cluster, scan
		g.allPods = true
	}
}

func mark(names *map[string]bool, name string) {
	if *names == nil {
		*names = map[string]bool{}
	}
	(*names)[name] = true
}

func (g *gaps) pods(namespace string) bool { return g.allPods || g.podsOf[namespace] }

func (g *gaps) templates(namespace string) bool { return g.allTemplates || g.templatesOf[namespace] }
