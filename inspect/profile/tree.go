package profile

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/inspect/snapshot"
)

// tree is all below a folder, on the folder's file system. It is walked once,
// and so is every list of it: many controls ask for the same.
type tree struct {
	e    *evaluation
	path string
	all  []ref.Val // of *file
	// names says why there may be more; nil where all are known.
	names *gap
	lists map[string]ref.Val
	need  snapshot.Plan
}

func defineTree(l *language) {
	c := l.class(newClass(classTree, "Everything below a folder, links not followed. It ends where another file system is mounted: ask for tree(m.target) of a mount as well if that matters."))
	c.label = func(v any) string { return v.(*tree).path }
	files := cel.ListType(cel.ObjectType(classFile))
	list := func(name, about string, in func(*snapshot.Entry) bool) {
		define(c, name, files, about, func(_ *evaluation, t *tree) ref.Val { return t.list(name, in) })
	}
	mode := func(bits uint32) func(*snapshot.Entry) bool {
		return func(e *snapshot.Entry) bool { return e.Mode&snapshot.ModeType == bits }
	}
	define(c, "entries", files, "All of it. The lists below are quicker.", func(_ *evaluation, t *tree) ref.Val { return listWhere(t.all, t.names) })
	list("files", "Plain files.", mode(snapshot.ModeRegular))
	list("folders", "Folders.", mode(snapshot.ModeDir))
	list("links", "Symbolic links.", mode(snapshot.ModeSymlink))
	list("devices", "Block and character devices.", func(e *snapshot.Entry) bool {
		return e.Mode&snapshot.ModeType == snapshot.ModeBlock || e.Mode&snapshot.ModeType == snapshot.ModeChar
	})
	list("executables", "Plain files that somebody may execute.", func(e *snapshot.Entry) bool { return e.IsRegular() && e.Mode&0o111 != 0 })
	list("setuid", "Plain files that run as their owner.", func(e *snapshot.Entry) bool { return e.IsRegular() && e.Mode&snapshot.ModeSetuid != 0 })
	list("setgid", "Plain files that run as their group.", func(e *snapshot.Entry) bool { return e.IsRegular() && e.Mode&snapshot.ModeSetgid != 0 })
	list("worldWritable", "Plain files that anyone may write to.", func(e *snapshot.Entry) bool { return e.IsRegular() && e.Mode&0o002 != 0 })
	list("openFolders", "Folders that anyone may write to, and remove others' files from: without the sticky bit.", func(e *snapshot.Entry) bool {
		return e.IsDir() && e.Mode&0o002 != 0 && e.Mode&snapshot.ModeSticky == 0
	})
	define(c, "unowned", files, "Whatever belongs to a user or group that /etc/passwd and /etc/group do not name.", func(_ *evaluation, t *tree) ref.Val { return t.unowned() })
	define(c, "withCapabilities", files, "Executables that give capabilities.", func(_ *evaluation, t *tree) ref.Val { return t.withCapabilities() })
	l.function(&function{name: "tree", args: []*cel.Type{cel.StringType}, result: cel.ObjectType(classTree),
		about: "Everything below a folder. An absent folder has nothing in it.",
		call:  func(e *evaluation, args []ref.Val) ref.Val { return e.tree(string(args[0].(types.String))) }})
}

// listWhere is listOf for a gap that may be nil.
func listWhere(known []ref.Val, why *gap) ref.Val {
	if why == nil {
		return listOf(known, nil)
	}
	return listOf(known, why)
}

func onTree(v, arg ref.Val, do func(*tree) ref.Val) ref.Val {
	if err, ok := firstError([]ref.Val{v, arg}); ok {
		return err
	}
	t, ok := v.(*object).v.(*tree)
	if !ok {
		return types.MaybeNoSuchOverloadErr(v)
	}
	return t.e.noted(do(t))
}

// tree is what is below a folder; walked once.
func (e *evaluation) tree(p string) ref.Val {
	if v, ok := e.trees[p]; ok {
		return v
	}
	if !path.IsAbs(p) || strings.ContainsRune(p, 0) {
		return types.NewErr("tree(%q): a path begins with /", p)
	}
	p = path.Clean(p)
	t := &tree{e: e, path: p, lists: map[string]ref.Val{}, need: snapshot.Plan{Trees: []snapshot.Tree{{Path: p}}, Mounts: true}}
	t.walk()
	v := e.object(e.language.classes[classTree], t)
	e.trees[p] = v
	return v
}

// walk gathers the entries, and finds out whether these are all.
func (t *tree) walk() {
	e := t.e
	top := e.s.Resolve(t.path)
	if top.Meta.State == snapshot.Absent || top.Meta.State == snapshot.Present && !top.IsDir() {
		return
	}
	var gaps gaps
	if top.Listing.State != snapshot.Present {
		gaps.add(t.notListed(&top))
	}
	var objects []object
	seen := map[string]bool{top.Path: true}
	skip := "" // what is below does not belong to the tree, or that is not known
	for entry := range e.s.Below(top.Path) {
		if skip != "" && strings.HasPrefix(entry.Path, skip) || entry.Meta.State == snapshot.Absent {
			continue
		}
		if dir := path.Dir(entry.Path); !seen[dir] {
			seen[dir] = true
			gaps.add(e.newGap("what is in "+show(dir), snapshot.Fact{}, "", t.need))
		}
		if entry.IsDir() || entry.Meta.State != snapshot.Present {
			seen[entry.Path] = true
			if entry.Meta == snapshot.UnseenMount() {
				skip = entry.Path + "/"
				continue
			}
			mounted, certain := e.boundary(&top, &entry)
			switch {
			case mounted:
				skip = entry.Path + "/"
			case !certain:
				skip = entry.Path + "/"
				gaps.add(e.newGap("whether something is mounted at "+show(entry.Path), snapshot.Fact{}, "", snapshot.Plan{Mounts: true}))
			case entry.IsDir() && entry.Listing.State != snapshot.Present:
				gaps.add(t.notListed(&entry))
			case entry.Meta.State != snapshot.Present:
				gaps.add(e.metaGap(&file{path: entry.Path, entry: entry, stat: t.need})) // it may be a folder
			}
		}
		if !e.there(&entry) {
			continue
		}
		objects = append(objects, object{class: e.language.classes[classFile], e: e, v: &file{path: entry.Path, entry: entry, stat: t.need}})
	}
	t.all = make([]ref.Val, len(objects))
	for i := range objects {
		t.all[i] = &objects[i]
	}
	t.names = gaps.sum("what is below " + show(t.path))
}

func (t *tree) notListed(entry *snapshot.Entry) *gap {
	return t.e.newGap("what is in "+show(entry.Path), entry.Listing, whoMay(entry, 0o444, "list"), t.need)
}

// boundary reports whether another file system is mounted at a folder, and
// whether that is certain. Devices decide where they are known, as they do for
// who walks the tree; else the list of mounts does.
func (e *evaluation) boundary(top, entry *snapshot.Entry) (mounted, certain bool) {
	if entry.Device != 0 && top.Device != 0 {
		return entry.Device != top.Device, true
	}
	targets, whole := e.mountTargets()
	return targets[entry.Path], whole || targets[entry.Path]
}

// list is what fulfils a condition on metadata.
func (t *tree) list(name string, in func(*snapshot.Entry) bool) ref.Val {
	if v, ok := t.lists[name]; ok {
		return v
	}
	v := t.where(func(f *file) (bool, *gap) { return in(&f.entry), nil })
	t.lists[name] = v
	return v
}

// where is what fulfils a condition, which may be unknown for some.
func (t *tree) where(in func(*file) (bool, *gap)) ref.Val {
	var found []ref.Val
	var gaps gaps
	if t.names != nil {
		gaps.add(t.names)
	}
	for _, v := range t.all {
		f := v.(*object).v.(*file)
		if f.entry.Meta.State != snapshot.Present {
			gaps.add(t.e.metaGap(f))
			continue
		}
		ok, unknown := in(f)
		switch {
		case unknown != nil:
			gaps.add(unknown)
		case ok:
			found = append(found, v)
		}
	}
	return listWhere(found, gaps.sum("what is below "+show(t.path)))
}

func (t *tree) unowned() ref.Val {
	if v, ok := t.lists["unowned"]; ok {
		return v
	}
	users, noUsers := t.e.userNames()
	groups, noGroups := t.e.groupNames()
	v := t.where(func(f *file) (bool, *gap) {
		_, user := users[f.entry.UID]
		_, group := groups[f.entry.GID]
		switch {
		case !user && noUsers == nil, !group && noGroups == nil:
			return true, nil
		case !user:
			return false, noUsers
		case !group:
			return false, noGroups
		}
		return false, nil
	})
	t.lists["unowned"] = v
	return v
}

func (t *tree) withCapabilities() ref.Val {
	if v, ok := t.lists["withCapabilities"]; ok {
		return v
	}
	need := t.need
	need.FileCapabilities = true
	v := t.where(func(f *file) (bool, *gap) {
		if !f.entry.IsRegular() || f.entry.Mode&0o111 == 0 {
			return false, nil
		}
		switch fact := f.entry.CapabilitiesFact; fact.State {
		case snapshot.Present:
			return len(f.entry.Capabilities) > 0, nil
		case snapshot.Absent:
			return false, nil
		default:
			return false, t.e.newGap("whether "+show(f.path)+" has file capabilities", fact, "", need)
		}
	})
	t.lists["withCapabilities"] = v
	return v
}

// named is what has a name that matches a pattern.
func (t *tree) named(pattern string) ref.Val {
	key := "named " + pattern
	if v, ok := t.lists[key]; ok {
		return v
	}
	if _, err := path.Match(pattern, ""); err != nil || strings.Contains(pattern, "/") {
		return types.NewErr("named(%q): give a pattern of one name, such as *.pem", pattern)
	}
	var found []ref.Val
	for _, v := range t.all {
		if ok, _ := path.Match(pattern, path.Base(v.(*object).v.(*file).path)); ok {
			found = append(found, v)
		}
	}
	v := listWhere(found, t.names)
	t.lists[key] = v
	return v
}

// changedAfter is what was changed, in content or metadata, later than that.
func (t *tree) changedAfter(at time.Time) ref.Val {
	key := "changed " + strconv.FormatInt(at.UnixNano(), 10)
	if v, ok := t.lists[key]; ok {
		return v
	}
	v := t.where(func(f *file) (bool, *gap) {
		if f.entry.ChangeTime.IsZero() {
			return false, t.e.noChangeTime(f.path)
		}
		return f.entry.ChangeTime.After(at), nil
	})
	t.lists[key] = v
	return v
}

// gaps adds up many gaps to one that names the first few.
type gaps struct {
	first []string
	n     int
	error bool
	need  snapshot.Plan
}

// fewest is how many of many are named.
const fewest = 3

func (g *gaps) add(one *gap) {
	if slices.Contains(g.first, one.text) {
		return
	}
	g.n++
	if len(g.first) < fewest {
		g.first = append(g.first, one.text)
	}
	g.error = g.error || one.status == finding.Error
	if g.n <= 1 || !slices.ContainsFunc(one.need.Trees, func(t snapshot.Tree) bool { return len(g.need.Trees) > 0 && g.need.Trees[0].Path == t.Path }) {
		g.need = joinPlans(g.need, one.need)
	}
}

// sum is nil where there are none.
func (g *gaps) sum(what string) *gap {
	if g.n == 0 {
		return nil
	}
	text := strings.Join(g.first, "; ")
	if g.n > len(g.first) {
		text += fmt.Sprintf("; and %d more", g.n-len(g.first))
	}
	if g.n > 1 {
		text = what + " is known in part only: " + text
	}
	status := finding.NotReviewed
	if g.error {
		status = finding.Error
	}
	return &gap{status: status, text: text, need: g.need}
}
