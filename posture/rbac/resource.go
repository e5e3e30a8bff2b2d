package rbac

import (
	_ "embed"
	"fmt"
	"strings"
)

// Resource is a kind of object, as rules name it.
type Resource struct {
	Group, Name, Kind string
	Namespaced        bool
	// Unknown: it is not one of Kubernetes' own, so that whether it is namespaced
	// is not known here.
	Unknown bool
}

//go:embed resources.txt
var resourceTable string

// Resources lists what Kubernetes itself serves, and what rules name without
// its being served (users, groups, signers), by group and name.
func Resources() []Resource {
	var all []Resource
	for line := range strings.Lines(resourceTable) {
		r, _ := resourceOf(line)
		all = append(all, r)
	}
	return all
}

func resourceOf(line string) (Resource, []string) {
	f := strings.Fields(line)
	r := Resource{Group: f[0], Name: f[1], Kind: f[2], Namespaced: f[3] == "namespaced"}
	if r.Group == "-" {
		r.Group = ""
	}
	return r, append(strings.Split(f[4], ","), r.Name, strings.ToLower(r.Kind))
}

// ParseResource finds the resource that a person means: pods, pod, po,
// deployments.apps, and * or *.apps for all of them. One with a group that is
// not Kubernetes' own, such as widgets.example.com, is taken as it stands.
func ParseResource(s string) (Resource, error) {
	name, group, qualified := strings.Cut(strings.ToLower(s), ".")
	if name == "" || qualified && group == "" || strings.ContainsAny(s, "/ ") {
		return Resource{}, fmt.Errorf("%q is no resource: write a name such as pods, or with its group, such as deployments.apps", s)
	}
	if name == "*" {
		if !qualified {
			group = "*"
		}
		return Resource{Group: group, Name: name, Namespaced: true}, nil
	}
	for line := range strings.Lines(resourceTable) {
		r, names := resourceOf(line)
		for _, n := range names {
			if n == name && n != "-" && (!qualified || group == r.Group || strings.HasSuffix(group, "."+r.Group) && strings.HasPrefix(group, "v")) {
				return r, nil
			}
		}
	}
	if !qualified {
		return Resource{}, fmt.Errorf("%q is none of Kubernetes' own resources: write its group too, as in %s.example.com", s, name)
	}
	return Resource{Group: group, Name: name, Namespaced: true, Unknown: true}, nil
}
