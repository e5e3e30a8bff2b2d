package profile

import (
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"

	"github.com/kubeassay/assay/inspect/snapshot"
)

// file is one path of the snapshot, as expressions see it.
type file struct {
	// path is as it was asked for, or found; entry's is where links lead to.
	path  string
	entry snapshot.Entry
	// stat asks for this path's metadata, where nothing better would.
	stat snapshot.Plan
}

var evidenceType = cel.OpaqueType("evidence")

const (
	classFile = "File"
	classTree = "Tree"
)

func defineFiles(l *language) {
	c := l.class(newClass(classFile, "A file, folder, link or anything else that has a path. file(p) follows links; files(g) and tree(p) show links themselves."))
	c.label = func(v any) string { return v.(*file).path }
	defineFileState(c)
	defineFileMode(c)
	defineFileContent(c)
	fileType := cel.ObjectType(classFile)
	l.function(&function{name: "file", args: []*cel.Type{cel.StringType}, result: fileType,
		about: "What is at a path, links followed. It may be absent: see exists.",
		call:  func(e *evaluation, args []ref.Val) ref.Val { return e.file(string(args[0].(types.String))) }})
	l.function(&function{name: "files", args: []*cel.Type{cel.StringType}, result: cel.ListType(fileType),
		about: "All that matches a pattern: * and ? match within one name, [a-z] one character.",
		call:  func(e *evaluation, args []ref.Val) ref.Val { return e.glob(string(args[0].(types.String))) }})
	defineTree(l)
}

func defineFileState(c *class) {
	define(c, "path", cel.StringType, "The path, as asked for or found.", func(_ *evaluation, f *file) ref.Val { return types.String(f.path) })
	define(c, "target", cel.StringType, "The path with all links followed.", present(func(_ *evaluation, f *file) ref.Val { return types.String(f.entry.Path) }))
	define(c, "name", cel.StringType, "The last part of the path.", func(_ *evaluation, f *file) ref.Val { return types.String(path.Base(f.path)) })
	define(c, "folder", cel.StringType, "The path without its last part.", func(_ *evaluation, f *file) ref.Val { return types.String(path.Dir(f.path)) })
	define(c, "exists", cel.BoolType, "Whether there is such a thing. All else of an absent file is an error.", func(e *evaluation, f *file) ref.Val {
		switch f.entry.Meta.State {
		case snapshot.Present:
			return types.True
		case snapshot.Absent:
			return types.False
		}
		return e.unknown(e.metaGap(f))
	})
	define(c, "type", cel.StringType, `"file", "folder", "link", "socket", "pipe", "block" or "char".`, present(func(_ *evaluation, f *file) ref.Val {
		return types.String(typeName(f.entry.Mode))
	}))
	for _, t := range []struct {
		name string
		mode uint32
	}{{"isFile", snapshot.ModeRegular}, {"isFolder", snapshot.ModeDir}, {"isLink", snapshot.ModeSymlink}} {
		define(c, t.name, cel.BoolType, "As type says.", present(func(_ *evaluation, f *file) ref.Val { return types.Bool(f.entry.Mode&snapshot.ModeType == t.mode) }))
	}
	define(c, "size", cel.IntType, "Bytes.", present(func(_ *evaluation, f *file) ref.Val { return types.Int(f.entry.Size) }))
	define(c, "uid", cel.IntType, "The owner's number.", present(func(_ *evaluation, f *file) ref.Val { return types.Int(f.entry.UID) }))
	define(c, "gid", cel.IntType, "The group's number.", present(func(_ *evaluation, f *file) ref.Val { return types.Int(f.entry.GID) }))
	define(c, "owner", cel.StringType, "The owner's name; empty where /etc/passwd has none.", present(func(e *evaluation, f *file) ref.Val {
		return e.accountName(f.entry.UID, e.userNames)
	}))
	define(c, "group", cel.StringType, "The group's name; empty where /etc/group has none.", present(func(e *evaluation, f *file) ref.Val {
		return e.accountName(f.entry.GID, e.groupNames)
	}))
	define(c, "modified", cel.TimestampType, "When the content was last changed (mtime).", present(func(_ *evaluation, f *file) ref.Val {
		return types.Timestamp{Time: f.entry.ModTime}
	}))
	define(c, "changed", cel.TimestampType, "When content or metadata were last changed (ctime): no program can set it back.", present(func(e *evaluation, f *file) ref.Val {
		if f.entry.ChangeTime.IsZero() {
			return e.unknown(e.noChangeTime(f.path))
		}
		return types.Timestamp{Time: f.entry.ChangeTime}
	}))
	define(c, "link", cel.StringType, "Where a link points to, as it is written; empty for all else.", present(func(e *evaluation, f *file) ref.Val {
		if !f.entry.IsSymlink() {
			return types.String("")
		}
		if f.entry.LinkFact.State != snapshot.Present {
			return e.unknown(e.newGap("where "+show(f.path)+" points to", f.entry.LinkFact, "", f.stat))
		}
		return types.String(f.entry.Link)
	}))
}

func defineFileMode(c *class) {
	define(c, "permissions", cel.StringType, `The mode in four octal digits: "0644", "4755".`, present(func(_ *evaluation, f *file) ref.Val {
		return types.String(fmt.Sprintf("%04o", f.entry.Mode&0o7777))
	}))
	define(c, "mode", cel.IntType, "The same as a number; CEL has no octal ones, so better use permissions and atMost.", present(func(_ *evaluation, f *file) ref.Val {
		return types.Int(f.entry.Mode & 0o7777)
	}))
	for _, b := range []struct {
		name  string
		bit   uint32
		about string
	}{
		{"setuid", snapshot.ModeSetuid, "Runs as its owner."},
		{"setgid", snapshot.ModeSetgid, "Runs as its group; what is made in such a folder belongs to its group."},
		{"sticky", snapshot.ModeSticky, "In such a folder, only owners remove files."},
		{"groupReadable", 0o040, "The group may read it."},
		{"groupWritable", 0o020, "The group may write to it."},
		{"worldReadable", 0o004, "Anyone may read it."},
		{"worldWritable", 0o002, "Anyone may write to it."},
		{"executable", 0o111, "Somebody may execute it."},
	} {
		define(c, b.name, cel.BoolType, b.about, present(func(_ *evaluation, f *file) ref.Val { return types.Bool(f.entry.Mode&b.bit != 0) }))
	}
	define(c, "capabilities", cel.ListType(cel.StringType), "The capabilities that an executable gives, such as NET_RAW.", present(func(e *evaluation, f *file) ref.Val {
		switch f.entry.CapabilitiesFact.State {
		case snapshot.Present:
			return stringList(fileCapabilities(f.entry.Capabilities))
		case snapshot.Absent:
			return stringList(nil)
		}
		if !f.entry.IsRegular() {
			return stringList(nil)
		}
		need := f.stat
		need.FileCapabilities = true
		return e.unknown(e.newGap("whether "+show(f.path)+" has file capabilities", f.entry.CapabilitiesFact, "", need))
	}))
}

func defineFileContent(c *class) {
	define(c, "content", cel.StringType, "The content of a plain file.", present(func(e *evaluation, f *file) ref.Val {
		data, err := e.content(f)
		if err != nil {
			return types.WrapErr(err)
		}
		return types.String(data)
	}))
	define(c, "lines", cel.ListType(cel.StringType), "The content, line by line.", present(func(e *evaluation, f *file) ref.Val {
		data, err := e.content(f)
		if err != nil {
			return types.WrapErr(err)
		}
		var lines []string
		for l := range strings.Lines(string(data)) {
			lines = append(lines, strings.TrimRight(l, "\r\n"))
		}
		return stringList(lines)
	}))
	define(c, "sha256", cel.StringType, "The SHA-256 of the content, in hex.", present(func(e *evaluation, f *file) ref.Val {
		if f.entry.IsRegular() && f.entry.SHA256 != "" && f.entry.Content.State == snapshot.Present {
			return types.String(f.entry.SHA256)
		}
		if _, err := e.content(f); err != nil {
			return types.WrapErr(err)
		}
		return e.unknown(&gap{status: gapStatus(snapshot.Failed), text: "the SHA-256 of " + show(f.path) + " was not taken"})
	}))
}

// present guards a field that only what is there has.
func present(get func(*evaluation, *file) ref.Val) func(*evaluation, *file) ref.Val {
	return func(e *evaluation, f *file) ref.Val {
		switch f.entry.Meta.State {
		case snapshot.Present:
			return get(e, f)
		case snapshot.Absent:
			return types.NewErr("%s does not exist: ask for exists first", show(f.path))
		}
		return e.unknown(e.metaGap(f))
	}
}

// content returns a plain file's bytes, or why they are not known.
func (e *evaluation) content(f *file) ([]byte, error) {
	what := "the content of " + show(f.path)
	need := snapshot.Plan{Files: []string{f.path}}
	entry := f.entry
	switch {
	case !entry.IsRegular():
		return nil, fmt.Errorf("%s is a %s, and has no content", show(f.path), typeName(entry.Mode))
	case entry.Content.State != snapshot.Present:
		return nil, e.newGap(what, entry.Content, whoMay(&entry, 0o444, "read"), need)
	case entry.Redacted:
		return nil, redacted(what)
	}
	data, _ := e.s.Content(f.path)
	return data, nil
}

// redacted says that something is in a saved snapshot without its secrets.
func redacted(what string) *gap {
	return &gap{status: gapStatus(snapshot.NotCollected), text: "secrets were taken out of " + what + " when the snapshot was saved: inspect anew, or save with --keep-secrets"}
}

func (e *evaluation) metaGap(f *file) *gap {
	who := ""
	if f.entry.Meta.State == snapshot.Denied {
		who = e.whoMaySearch(f.path)
	}
	need := f.stat
	return e.newGap(show(f.path), f.entry.Meta, who, need)
}

func (e *evaluation) noChangeTime(path string) *gap {
	return &gap{status: gapStatus(snapshot.NotCollected), text: "the time of the last change of " + show(path) + " is not known with this approach"}
}

// whoMay says who has one of these permission bits.
func whoMay(entry *snapshot.Entry, bits uint32, do string) string {
	if entry.Meta.State != snapshot.Present {
		return ""
	}
	who := []string{"uid 0"}
	mode := entry.Mode & bits
	if mode&0o700 != 0 && entry.UID != 0 {
		who = append(who, "uid "+strconv.FormatUint(uint64(entry.UID), 10))
	}
	if mode&0o070 != 0 {
		who = append(who, "gid "+strconv.FormatUint(uint64(entry.GID), 10))
	}
	return strings.Join(who, " or ") + " may " + do + " it"
}

// whoMaySearch names the folder on the way that keeps a path from being seen.
func (e *evaluation) whoMaySearch(p string) string {
	for dir := path.Dir(p); dir != "/" && dir != "."; dir = path.Dir(dir) {
		if entry := e.s.Resolve(dir); entry.Meta.State == snapshot.Present {
			return "in the folder " + show(entry.Path) + ", " + whoMay(&entry, 0o111, "search")
		}
	}
	return ""
}

// file is what is at a path; evaluated once.
func (e *evaluation) file(p string) ref.Val {
	if v, ok := e.files[p]; ok {
		return v
	}
	if !path.IsAbs(p) || strings.ContainsRune(p, 0) {
		return types.NewErr("file(%q): a path begins with /", p)
	}
	clean := path.Clean(p)
	o := e.object(e.language.classes[classFile], &file{path: clean, entry: e.s.Resolve(clean), stat: snapshot.Plan{Stats: []string{clean}}})
	o.asked = "file(" + strconv.Quote(clean) + ")"
	e.files[p] = o
	return o
}

// glob is what matches a pattern; evaluated once.
func (e *evaluation) glob(pattern string) ref.Val {
	if v, ok := e.globs[pattern]; ok {
		return v
	}
	v := e.findGlob(pattern)
	e.globs[pattern] = v
	return v
}

func (e *evaluation) findGlob(pattern string) ref.Val {
	if !path.IsAbs(pattern) || strings.ContainsRune(pattern, 0) {
		return types.NewErr("files(%q): a pattern begins with /", pattern)
	}
	if _, err := path.Match(pattern, ""); err != nil {
		return types.NewErr("files(%q): the pattern is malformed", pattern)
	}
	entries, fact := e.s.Glob(pattern)
	found := make([]ref.Val, 0, len(entries))
	need := snapshot.Plan{Globs: []snapshot.Glob{{Pattern: pattern}}}
	for i := range entries {
		if e.there(&entries[i]) {
			found = append(found, e.object(e.language.classes[classFile], &file{path: entries[i].Path, entry: entries[i], stat: need}))
		}
	}
	if fact.Known() {
		return listOf(found, nil)
	}
	return listOf(found, e.newGap("what matches "+show(pattern), fact, "", need))
}

// there reports whether a path exists for certain: it was looked at, or its
// folder's names are all known. One that was only asked for may not be there.
func (e *evaluation) there(entry *snapshot.Entry) bool {
	switch entry.Meta.State {
	case snapshot.Present:
		return true
	case snapshot.Absent:
		return false
	}
	return e.s.Entry(path.Dir(entry.Path)).Listing.State == snapshot.Present
}

func typeName(mode uint32) string {
	switch mode & snapshot.ModeType {
	case snapshot.ModeRegular:
		return "file"
	case snapshot.ModeDir:
		return "folder"
	case snapshot.ModeSymlink:
		return "link"
	case snapshot.ModeSocket:
		return "socket"
	case snapshot.ModePipe:
		return "pipe"
	case snapshot.ModeBlock:
		return "block"
	}
	return "char"
}

// stringList is a CEL list of strings.
func stringList(s []string) ref.Val { return types.NewStringList(types.DefaultTypeAdapter, s) }

// show writes a path or another foreign string into a sentence.
func show(s string) string {
	if q := strconv.Quote(s); q[1:len(q)-1] != s || s == "" {
		return q
	}
	return s
}

const (
	methodNamed        = "named"
	methodChangedAfter = "changedAfter"
)

// methods are functions on objects, such as f.atMost("0644").
func methods() []cel.EnvOption {
	fileType, treeType := cel.ObjectType(classFile), cel.ObjectType(classTree)
	files := cel.ListType(fileType)
	return []cel.EnvOption{
		cel.Function("atMost", cel.MemberOverload("file_at_most", []*cel.Type{fileType, cel.StringType}, cel.BoolType,
			cel.BinaryBinding(atMost))),
		cel.Function(methodNamed, cel.MemberOverload("tree_named", []*cel.Type{treeType, cel.StringType}, files, cel.OverloadIsNonStrict(),
			cel.BinaryBinding(func(t, pattern ref.Val) ref.Val {
				return onTree(t, pattern, func(tr *tree) ref.Val { return tr.named(string(pattern.(types.String))) })
			}))),
		cel.Function(methodChangedAfter, cel.MemberOverload("tree_changed_after", []*cel.Type{treeType, cel.TimestampType}, files, cel.OverloadIsNonStrict(),
			cel.BinaryBinding(func(t, at ref.Val) ref.Val {
				return onTree(t, at, func(tr *tree) ref.Val { return tr.changedAfter(at.(types.Timestamp).Time) })
			}))),
	}
}

// atMost reports whether a file has no permission beyond the given ones.
func atMost(f, permissions ref.Val) ref.Val {
	o := f.(*object)
	allowed, err := strconv.ParseUint(string(permissions.(types.String)), 8, 32)
	if err != nil || allowed > 0o7777 {
		return types.NewErr("atMost(%s): permissions are octal digits, such as \"0644\"", permissions)
	}
	return o.e.noted(present(func(e *evaluation, f *file) ref.Val {
		e.witness(o, "permissions", types.String(fmt.Sprintf("%04o", f.entry.Mode&0o7777)))
		return types.Bool(f.entry.Mode&0o7777&^uint32(allowed) == 0)
	})(o.e, o.v.(*file)))
}
