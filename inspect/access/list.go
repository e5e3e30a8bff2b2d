package access

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/kube"
)

// Found is a grant as the cluster shows it.
type Found struct {
	Name string `json:"name"`
	Run  string `json:"run"`
	// HandedOut: made for another tool.
	HandedOut bool `json:"handedOut"`
	// Home is the namespace of the account; empty where there is none, or none that can be seen.
	Home string `json:"home,omitempty"`
	// Namespaces that the access is for.
	Namespaces []string  `json:"namespaces"`
	CreatedAt  time.Time `json:"createdAt,omitzero"`
	ExpiresAt  time.Time `json:"expiresAt,omitzero"`
	CreatedBy  string    `json:"createdBy,omitempty"`
	Rules      []string  `json:"rules,omitempty"`
	// Problem says what is missing of it, or not readable.
	Problem string `json:"problem,omitempty"`
	Objects []Left `json:"objects"`
}

// Expired reports whether it may be removed by anybody.
func (f *Found) Expired(now time.Time) bool { return !f.ExpiresAt.IsZero() && now.After(f.ExpiresAt) }

// List finds the grants that stand, whoever made them, sorted by name. No
// namespaces means all. What could not be read is returned as coverage.
func List(ctx context.Context, client *kube.Client, namespaces ...string) ([]Found, []finding.Coverage) {
	s := scope{client: client, namespaces: namespaces}
	found, gaps := s.find(ctx, grantKinds[:])
	byName := map[string][]Left{}
	for i := range found {
		byName[found[i].Name] = append(byName[found[i].Name], found[i])
	}
	var all []Found
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		all = append(all, together(name, byName[name], len(gaps) == 0 && len(namespaces) == 0))
	}
	return all, gaps
}

// together makes one grant of its objects. Complete: there are no more of them.
func together(name string, objects []Left, complete bool) Found {
	f := Found{Name: name, HandedOut: strings.HasPrefix(name, HandoutPrefix), Objects: objects}
	kinds := map[string]int{}
	for i := range objects {
		o := &objects[i]
		kinds[o.Kind]++
		f.Run = cmp.Or(f.Run, o.Run)
		f.CreatedBy = cmp.Or(f.CreatedBy, o.CreatedBy)
		if f.CreatedAt.IsZero() || o.CreatedAt.Before(f.CreatedAt) {
			f.CreatedAt = o.CreatedAt
		}
		if o.ExpiresAt.After(f.ExpiresAt) {
			f.ExpiresAt = o.ExpiresAt
		}
		f.Problem = cmp.Or(f.Problem, o.Problem)
		switch o.resource {
		case kube.ServiceAccounts:
			f.Home = o.Namespace
		case kube.Roles:
			f.Rules = append(f.Rules, Need{o.Namespace, o.rules}.Strings()...)
			fallthrough
		default:
			if !slices.Contains(f.Namespaces, o.Namespace) {
				f.Namespaces = append(f.Namespaces, o.Namespace)
			}
		}
	}
	slices.Sort(f.Namespaces)
	if f.Problem == "" && complete {
		f.Problem = incomplete(kinds)
	}
	return f
}

// incomplete says what a grant lacks that has not all of its objects.
func incomplete(kinds map[string]int) string {
	var missing []string
	for _, r := range grantKinds {
		if kinds[r.Kind] == 0 {
			missing = append(missing, r.Kind)
		}
	}
	switch {
	case len(missing) > 0:
		return "half of a grant: it has no " + strings.Join(missing, " and no ")
	case kinds[kube.Roles.Kind] != kinds[kube.RoleBindings.Kind]:
		return "half of a grant: it has not as many bindings as roles"
	}
	return ""
}

// RevokeFound removes a grant that List has found. Pods of its run are left to
// the run, or to Prune.
func RevokeFound(ctx context.Context, client *kube.Client, f *Found) ([]Left, error) {
	gone, err := removeAll(context.WithoutCancel(ctx), client, f.Objects)
	if err != nil {
		return gone, fmt.Errorf("revoking grant %s: %w", f.Name, err)
	}
	return gone, nil
}
