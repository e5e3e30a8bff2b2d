package rbac

import (
	"fmt"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
)

// Names that the API server gives a meaning of its own.
const (
	Anonymous       = "system:anonymous"       // the user that brings no credentials
	Unauthenticated = "system:unauthenticated" // the group of that user
	Authenticated   = "system:authenticated"   // the group of all others
	Masters         = "system:masters"         // the group that is never asked for rights

	accountPrefix = "system:serviceaccount:"
	accountsGroup = "system:serviceaccounts"
)

// Subject is a user, a group or a service account.
type Subject struct {
	Kind      string `json:"kind"` // User, Group or ServiceAccount, as in a binding
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
}

// User is a subject that authenticates by that name.
func User(name string) Subject { return Subject{Kind: rbacv1.UserKind, Name: name}.normal() }

// Group stands for any member of a group.
func Group(name string) Subject { return Subject{Kind: rbacv1.GroupKind, Name: name} }

// ServiceAccount is the service account of that name.
func ServiceAccount(namespace, name string) Subject {
	return Subject{rbacv1.ServiceAccountKind, namespace, name}
}

// ParseSubject reads what a person writes: sa:shop/cart, user:jo, group:devs;
// and the names that the API server uses, such as system:serviceaccount:shop:cart.
func ParseSubject(s string) (Subject, error) {
	kind, name, found := strings.Cut(s, ":")
	if !found || name == "" {
		return Subject{}, fmt.Errorf("%q is no subject: write sa:NAMESPACE/NAME, user:NAME or group:NAME", s)
	}
	switch kind {
	case "sa", "serviceaccount":
		namespace, name, found := strings.Cut(name, "/")
		if !found || namespace == "" || name == "" || strings.Contains(name, "/") {
			return Subject{}, fmt.Errorf("%q names no service account: write sa:NAMESPACE/NAME, as in sa:shop/cart", s)
		}
		return ServiceAccount(namespace, name), nil
	case "user":
		return User(name), nil
	case "group":
		return Group(name), nil
	case "system":
		if u := User(s); u.Kind == rbacv1.ServiceAccountKind {
			return u, nil
		}
		return Subject{}, fmt.Errorf("%q may be a user or a group: write user:%s or group:%s", s, s, s)
	}
	return Subject{}, fmt.Errorf("%q is no subject: write sa:NAMESPACE/NAME, user:NAME or group:NAME", s)
}

// String is what ParseSubject reads.
func (s Subject) String() string {
	switch s.Kind {
	case rbacv1.ServiceAccountKind:
		return "sa:" + s.Namespace + "/" + s.Name
	case rbacv1.GroupKind:
		return "group:" + s.Name
	}
	return "user:" + s.Name
}

// normal makes a service account of a user that has such a name: to the API
// server the two are one.
func (s Subject) normal() Subject {
	if s.Kind != rbacv1.UserKind {
		return s
	}
	rest, ok := strings.CutPrefix(s.Name, accountPrefix)
	if !ok {
		return s
	}
	namespace, name, ok := strings.Cut(rest, ":")
	if !ok || namespace == "" || name == "" || strings.Contains(name, ":") {
		return s
	}
	return ServiceAccount(namespace, name)
}

// key tells subjects apart as the authorizer does: by user name, or by group.
func (s Subject) key() string {
	switch s.Kind {
	case rbacv1.GroupKind:
		return "g:" + s.Name
	case rbacv1.ServiceAccountKind:
		return "u:" + accountPrefix + s.Namespace + ":" + s.Name
	}
	return "u:" + s.Name
}

// groups are those that a subject is in whoever it is, the narrowest first.
func (s Subject) groups() []string {
	switch s = s.normal(); s.Kind {
	case rbacv1.ServiceAccountKind:
		return []string{accountsGroup + ":" + s.Namespace, accountsGroup, Authenticated}
	case rbacv1.GroupKind:
		switch {
		case s.Name == Authenticated, s.Name == Unauthenticated:
			return nil
		case strings.HasPrefix(s.Name, accountsGroup+":"):
			return []string{accountsGroup, Authenticated}
		}
		return []string{Authenticated}
	}
	if s.Name == Anonymous {
		return []string{Unauthenticated}
	}
	return []string{Authenticated}
}

// memberships is the subject itself and all groups that count for it.
func memberships(s Subject, groups []string) []Subject {
	all := []Subject{s.normal()}
	for _, list := range [][]string{groups, s.groups()} {
		for _, name := range list {
			g := Group(name)
			known := false
			for _, m := range all {
				known = known || m == g
			}
			if !known {
				all = append(all, g)
			}
		}
	}
	return all
}

// Groups are the groups that count for a subject: those given, and those that
// it is in whoever it is.
func Groups(s Subject, groups ...string) []string {
	var all []string
	for _, m := range memberships(s, groups)[1:] {
		all = append(all, m.Name)
	}
	return all
}
