package gate

import (
	"fmt"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubeassay/assay/internal/excerpt"
)

// namespaceName is the label that the API server gives every namespace, and
// that nobody can change.
const namespaceName = "kubernetes.io/metadata.name"

// Namespaces chooses namespaces by their labels, see [ParseNamespaces].
type Namespaces struct {
	text     string
	selector labels.Selector // nil: every object, in a namespace or not
}

// ParseNamespaces reads the value of --accept-annotations: a selector over the
// labels of namespaces, as kubectl takes it, or "*" for every object there is.
func ParseNamespaces(s string) (*Namespaces, error) {
	if s == "*" {
		return &Namespaces{text: s}, nil
	}
	selector, err := labels.Parse(s)
	if err != nil {
		return nil, fmt.Errorf("the selector %s of namespaces can't be read: %s", excerpt.Quote(s), excerpt.Line(err.Error(), 300))
	}
	if selector.Empty() {
		return nil, fmt.Errorf(`the selector of namespaces is empty: give labels such as team=platform, %s=NAME for one namespace, or "*" for all`, namespaceName)
	}
	return &Namespaces{s, selector}, nil
}

// Selects reports whether a namespace is chosen. Its name is a label that is
// always known. Where the others are not (set is nil), nothing that asks about
// them holds, not even that one is absent.
func (n *Namespaces) Selects(namespace string, set map[string]string) bool {
	switch {
	case n == nil:
		return false
	case n.selector == nil:
		return true
	case namespace == "":
		return false
	}
	asked, _ := n.selector.Requirements()
	for i := range asked {
		r := &asked[i]
		switch {
		case r.Key() == namespaceName:
			// Not what a file may claim it to be.
			if !r.Matches(labels.Set{namespaceName: namespace}) {
				return false
			}
		case set == nil, !r.Matches(labels.Set(set)):
			return false
		}
	}
	return true
}

// String is what was parsed.
func (n *Namespaces) String() string { return n.text }
