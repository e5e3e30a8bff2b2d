package framework

import (
	"fmt"
	"slices"
	"strings"
)

// Framework is one published framework in one version.
type Framework struct {
	ID      string
	Title   string
	Version string
	// Note says what a reader of the identifiers should know.
	Note string
	// URL is the framework's own page, where that is known for sure.
	URL     string
	Aliases []string
	// Levels can be asked for one by one, the least demanding first; empty for a
	// framework that has none.
	Levels []string
	Items  []Item

	levels func(item, level string) bool
	byID   map[string]int
}

// Item is one thing that a framework asks for, in our own words.
type Item struct {
	ID    string `json:"id"`
	Title string `json:"title"`
	// Level is the item's level, severity, kind or tactics, as its framework has it.
	Level string `json:"level,omitempty"`
	// Seen says what has to be looked at to see the item.
	Seen []Seen `json:"seen"`
	// Heading: it asks for nothing by itself, its items stand behind it.
	Heading bool `json:"heading,omitempty"`
	// Details are further facts, such as a rule's CCI, by the name of their column.
	Details map[string]string `json:"details,omitempty"`
}

// Seen says what has to be looked at to see whether an item is kept.
type Seen string

// What can be looked at.
const (
	Spec            Seen = "spec"                  // an object's spec
	Status          Seen = "status"                // the status of an object or a node
	RBAC            Seen = "rbac"                  // roles and their bindings
	Network         Seen = "network"               // network policies, Services, Ingresses
	ControlPlane    Seen = "controlplane-pod-spec" // flags of the control plane, where it runs as pods
	KubeletConfig   Seen = "kubelet-config"        // what the kubelet itself says about its settings
	NodeFiles       Seen = "node-files"            // files of the node
	InsideContainer Seen = "inside-container"      // files inside running containers
	Process         Seen = "process"               // running processes and their arguments
	NotAutomatable  Seen = "not-automatable"       // people, paper, the outside world
)

// Ways lists every way to see something, the easiest first.
func Ways() []Seen {
	return []Seen{Spec, Status, RBAC, Network, ControlPlane, KubeletConfig, InsideContainer, Process, NodeFiles, NotAutomatable}
}

// Easiest is the easiest way to see something of the item.
func (i *Item) Easiest() Seen {
	for _, way := range Ways() {
		if slices.Contains(i.Seen, way) {
			return way
		}
	}
	return NotAutomatable
}

// Item returns the item of that ID. Case does not matter.
func (f *Framework) Item(id string) (*Item, error) {
	if n, ok := f.byID[strings.ToLower(id)]; ok {
		return &f.Items[n], nil
	}
	return nil, fmt.Errorf("%s %s has no item %q: assay frameworks %s lists them all", f.ID, f.Version, id, f.ID)
}

// Level returns the name of a level as the framework writes it: "1" is "L1".
// An empty one means all items.
func (f *Framework) Level(name string) (string, error) {
	if name == "" {
		return "", nil
	}
	for _, l := range f.Levels {
		if strings.EqualFold(l, name) || strings.EqualFold(l, "L"+name) {
			return l, nil
		}
	}
	if len(f.Levels) == 0 {
		return "", fmt.Errorf("%s has no levels, and level %q was asked for: leave it out", f.ID, name)
	}
	return "", fmt.Errorf("%s has no level %q: use one of %s", f.ID, name, strings.Join(f.Levels, ", "))
}

// At returns the items of a level: those that somebody who asks for it must
// keep. CIS level 2 holds level 1 as well, and severity medium holds high.
func (f *Framework) At(level string) ([]Item, error) {
	name, err := f.Level(level)
	if err != nil {
		return nil, err
	}
	if name == "" {
		return slices.Clone(f.Items), nil
	}
	var items []Item
	for _, i := range f.Items {
		if f.levels(i.Level, name) {
			items = append(items, i)
		}
	}
	return items, nil
}

// Get returns the framework of that ID or alias, in any case; else an error
// that lists those there are.
func Get(name string) (*Framework, error) {
	all := All()
	for _, f := range all {
		if strings.EqualFold(f.ID, name) || slices.ContainsFunc(f.Aliases, func(a string) bool { return strings.EqualFold(a, name) }) {
			return f, nil
		}
	}
	known := make([]string, len(all))
	for i, f := range all {
		known[i] = f.ID
		if len(f.Aliases) > 0 {
			known[i] += " (" + strings.Join(f.Aliases, ", ") + ")"
		}
	}
	return nil, fmt.Errorf("unknown framework %q: use one of %s", name, strings.Join(known, ", "))
}

// All returns every framework. They are shared: do not change them.
func All() []*Framework { return slices.Clone(load().frameworks) }
