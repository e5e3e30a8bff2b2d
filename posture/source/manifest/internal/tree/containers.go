package tree

import "go.yaml.in/yaml/v3"

// FindContainers returns the first thing below n that looks like a container:
// a map with an image, under a name that containers have in Kubernetes or in
// the kinds of others. It is nil where there is none. What aliases repeat is
// looked at once, where it stands.
func FindContainers(n *Node) *Node {
	switch n.Kind {
	case yaml.SequenceNode:
		for _, e := range n.Content {
			if found := FindContainers(e); found != nil {
				return found
			}
		}
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			key, value := n.Content[i], n.Content[i+1]
			switch key.Value {
			case "containers", "initContainers", "container", "sidecars", "steps":
				if found := imaged(value); found != nil {
					return found
				}
			}
			if found := FindContainers(value); found != nil {
				return found
			}
		}
	}
	return nil
}

// imaged is a map with an image: n itself, or an element of it.
func imaged(n *Node) *Node {
	if IsMap(n) {
		if image, ok := Text(Get(n, "image")); ok && image != "" {
			return n
		}
		return nil
	}
	for _, e := range Elements(n) {
		if IsMap(e) && imaged(e) != nil {
			return e
		}
	}
	return nil
}
