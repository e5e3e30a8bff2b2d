package profile

import (
	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"

	"github.com/kubeassay/assay/inspect/profile/facts"
	"github.com/kubeassay/assay/inspect/snapshot"
)

func defineAccounts(l *language) {
	user := l.class(newClass("User", "One line of /etc/passwd."))
	user.label = func(v any) string { return v.(*facts.User).Name }
	textField(user, "name", "The account's name.", func(u *facts.User) string { return u.Name })
	textField(user, "password", `Never the password itself: "shadowed" (see shadow), or as kind of a shadow entry.`, func(u *facts.User) string { return u.Password })
	intField(user, "uid", "The account's number.", func(u *facts.User) int64 { return int64(u.UID) })
	intField(user, "gid", "Its first group's number.", func(u *facts.User) int64 { return int64(u.GID) })
	textField(user, "comment", "Full name and such (gecos).", func(u *facts.User) string { return u.Gecos })
	textField(user, "home", "Its folder.", func(u *facts.User) string { return u.Home })
	textField(user, "shell", "What it logs in with.", func(u *facts.User) string { return u.Shell })
	intField(user, "line", "The line in the file.", func(u *facts.User) int64 { return int64(u.Line) })

	group := l.class(newClass("Group", "One line of /etc/group."))
	group.label = func(v any) string { return v.(*facts.Group).Name }
	textField(group, "name", "The group's name.", func(g *facts.Group) string { return g.Name })
	textField(group, "password", "As of a user.", func(g *facts.Group) string { return g.Password })
	intField(group, "gid", "The group's number.", func(g *facts.Group) int64 { return int64(g.GID) })
	textsField(group, "members", "Names of accounts.", func(g *facts.Group) []string { return g.Members })
	intField(group, "line", "The line in the file.", func(g *facts.Group) int64 { return int64(g.Line) })

	defineShadow(l)
	listName(l, "users", user, "The accounts of /etc/passwd; none where there is no such file.", func(e *evaluation) ([]facts.User, error) {
		users, source := facts.Users(e.s)
		return trusted(e, users, source, "the accounts")
	})
	listName(l, "groups", group, "The groups of /etc/group.", func(e *evaluation) ([]facts.Group, error) {
		groups, source := facts.Groups(e.s)
		return trusted(e, groups, source, "the groups")
	})
}

func defineShadow(l *language) {
	c := l.class(newClass("Shadow", "One line of /etc/shadow, without the hash. Days count from 1970-01-01."))
	c.label = func(v any) string { return v.(*facts.Shadow).Name }
	textField(c, "name", "The account's name.", func(s *facts.Shadow) string { return s.Name })
	textField(c, "kind", `"empty" (no password is asked for), "locked", "none" (no password fits), or the kind of hash: des, md5, sha256, sha512, bcrypt, yescrypt and others.`, func(s *facts.Shadow) string { return s.Kind })
	textField(c, "hash", "The same, of a locked account the kind of what is locked.", func(s *facts.Shadow) string { return s.Hash })
	for _, f := range []struct {
		name, about string
		get         func(*facts.Shadow) *int64
	}{
		{"lastChange", "The day on which the password was changed; optional.", func(s *facts.Shadow) *int64 { return s.LastChange }},
		{"minDays", "Days before it may be changed again; optional.", func(s *facts.Shadow) *int64 { return s.Min }},
		{"maxDays", "Days before it must be changed; optional.", func(s *facts.Shadow) *int64 { return s.Max }},
		{"warnDays", "Days of warning before that; optional.", func(s *facts.Shadow) *int64 { return s.Warn }},
		{"inactiveDays", "Days after that before the account is closed; optional.", func(s *facts.Shadow) *int64 { return s.Inactive }},
		{"expires", "The day on which the account ends; optional.", func(s *facts.Shadow) *int64 { return s.Expire }},
	} {
		define(c, f.name, cel.OptionalType(cel.IntType), f.about, func(_ *evaluation, s *facts.Shadow) ref.Val { return optionalInt(f.get(s)) })
	}
	intField(c, "line", "The line in the file.", func(s *facts.Shadow) int64 { return int64(s.Line) })
	listName(l, "shadow", c, "The entries of /etc/shadow; none where there is no such file.", func(e *evaluation) ([]facts.Shadow, error) {
		entries, source := facts.Shadows(e.s)
		return trusted(e, entries, source, "the passwords' kinds")
	})
}

func optionalInt(n *int64) ref.Val {
	if n == nil {
		return types.OptionalNone
	}
	return types.OptionalOf(types.Int(*n))
}

func textField[T any](c *class, name, about string, get func(T) string) {
	define(c, name, cel.StringType, about, func(_ *evaluation, v T) ref.Val { return types.String(get(v)) })
}

func intField[T any](c *class, name, about string, get func(T) int64) {
	define(c, name, cel.IntType, about, func(_ *evaluation, v T) ref.Val { return types.Int(get(v)) })
}

func boolField[T any](c *class, name, about string, get func(T) bool) {
	define(c, name, cel.BoolType, about, func(_ *evaluation, v T) ref.Val { return types.Bool(get(v)) })
}

func textsField[T any](c *class, name, about string, get func(T) []string) {
	define(c, name, cel.ListType(cel.StringType), about, func(_ *evaluation, v T) ref.Val { return stringList(get(v)) })
}

// listName defines a name for a list of things. Get returns what is known of
// the list, and why there may be more.
func listName[T any](l *language, what string, c *class, about string, get func(*evaluation) ([]T, error)) {
	l.ident(&name{name: what, typ: cel.ListType(c.typ), about: about, get: func(e *evaluation) ref.Val {
		items, why := get(e)
		return listOf(objects(e, c, items), why)
	}})
}

func objects[T any](e *evaluation, c *class, items []T) []ref.Val {
	all := make([]ref.Val, len(items))
	for i := range items {
		all[i] = e.object(c, &items[i])
	}
	return all
}

// trusted is what of an answer is certain, and why there may be more.
func trusted[T any](e *evaluation, items []T, source facts.Source, what string) ([]T, error) {
	if source.Whole() {
		return items, nil
	}
	if source.Fact.State == snapshot.Truncated && len(items) > 0 {
		items = items[:len(items)-1] // the end of it may be missing
	}
	return items, e.sourceGap(what, source)
}

func (e *evaluation) sourceGap(what string, source facts.Source) *gap {
	g := e.newGap(what, source.Fact, e.whoMayRead(source.Fact), snapshot.Plan{})
	g.need = source.Plan()
	return g
}

// whoMayRead finds who may read the file that a fact is about: its detail
// begins with the path.
func (e *evaluation) whoMayRead(f snapshot.Fact) string {
	if f.State != snapshot.Denied {
		return ""
	}
	end := len(f.Detail)
	for i, c := range f.Detail {
		if c == ':' || c == ' ' {
			end = i
			break
		}
	}
	if end == 0 || f.Detail[0] != '/' {
		return ""
	}
	entry := e.s.Resolve(f.Detail[:end])
	if entry.Meta.State != snapshot.Present {
		return e.whoMaySearch(f.Detail[:end])
	}
	return whoMay(&entry, 0o444, "read")
}

// userNames are the names of accounts by their numbers, and why there may be more.
func (e *evaluation) userNames() (map[uint32]string, *gap) {
	if e.users == nil {
		users, source := facts.Users(e.s)
		users, why := trusted(e, users, source, "the accounts")
		e.users, e.usersGap = map[uint32]string{}, asGap(why)
		for _, u := range users {
			if _, ok := e.users[u.UID]; !ok {
				e.users[u.UID] = u.Name
			}
		}
	}
	return e.users, e.usersGap
}

func (e *evaluation) groupNames() (map[uint32]string, *gap) {
	if e.groups == nil {
		groups, source := facts.Groups(e.s)
		groups, why := trusted(e, groups, source, "the groups")
		e.groups, e.groupsGap = map[uint32]string{}, asGap(why)
		for _, g := range groups {
			if _, ok := e.groups[g.GID]; !ok {
				e.groups[g.GID] = g.Name
			}
		}
	}
	return e.groups, e.groupsGap
}

func asGap(err error) *gap {
	g, _ := err.(*gap) //nolint:errorlint // it is one or nil
	return g
}

func (e *evaluation) accountName(id uint32, names func() (map[uint32]string, *gap)) ref.Val {
	byID, why := names()
	n, ok := byID[id]
	if !ok && why != nil {
		return types.WrapErr(why)
	}
	return types.String(n)
}
