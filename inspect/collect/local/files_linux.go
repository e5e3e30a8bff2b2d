package local

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/kubeassay/assay/inspect/snapshot"
)

// file collects what a path leads to: metadata and content.
func (c *collector) file(name string) {
	f, ok := c.resolve(name)
	if !ok {
		return
	}
	defer f.close()
	c.add(entryOf(f.path, &f.st))
	c.content(f.path, f.fd, &f.st)
}

// stat collects metadata, and of a folder the names in it.
func (c *collector) stat(name string) {
	f, ok := c.resolve(name)
	if !ok {
		return
	}
	defer f.close()
	c.add(entryOf(f.path, &f.st))
	if isType(&f.st, unix.S_IFDIR) {
		c.list(f.path, nil)
	}
}

// child is one name in a folder.
type child struct {
	name string
	st   unix.Statx_t
}

// list records all names in a folder, with their metadata, and calls visit for
// each of them with a handle of the folder.
func (c *collector) list(dir string, visit func(dirfd int, ch *child)) {
	why := c.names(dir, visit)
	c.add(snapshot.Entry{Path: dir, Listing: why})
}

func (c *collector) names(dir string, visit func(dirfd int, ch *child)) snapshot.Fact {
	const flags = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW
	fd, err := c.open(dir, flags|unix.O_NOATIME)
	if errors.Is(err, unix.EPERM) {
		fd, err = c.open(dir, flags)
	}
	if err != nil {
		return c.because(err)
	}
	f := os.NewFile(uintptr(fd), dir)
	defer func() { _ = f.Close() }()
	names, whole := c.readNames(f)
	slices.Sort(names)
	for _, name := range names {
		if why, stop := c.stopped(); stop {
			return why
		}
		full := path.Join(dir, name)
		if !c.room(full) {
			return c.full()
		}
		ch := child{name: name}
		if ch.st, err = statAt(fd, name); err != nil {
			if why := c.because(err); why.State != snapshot.Absent { // gone since
				c.into.Add(snapshot.Entry{Path: full, Meta: why})
			}
			continue
		}
		if isType(&ch.st, unix.S_IFLNK) {
			_, _ = c.addLink(full, fd, name, &ch.st) // an error is in the entry
		} else {
			c.into.Add(entryOf(full, &ch.st))
		}
		if visit != nil {
			visit(fd, &ch)
		}
	}
	return whole
}

// readNames reads the names in a folder, at most one more than there may be
// entries: then the listing is cut for certain.
func (c *collector) readNames(f *os.File) ([]string, snapshot.Fact) {
	var names []string
	for {
		if why, stop := c.stopped(); stop {
			return names, why
		}
		some, err := f.Readdirnames(4096)
		names = append(names, some...)
		switch {
		case errors.Is(err, io.EOF):
			return names, snapshot.Fact{State: snapshot.Present}
		case err != nil:
			var call *os.SyscallError
			if errors.As(err, &call) {
				err = call.Err
			}
			why := c.because(fmt.Errorf("reading the names: %w", err))
			if why.State == snapshot.Absent { // the folder was removed while it was read
				why = snapshot.Fact{State: snapshot.Failed, Detail: "the folder was removed while it was read"}
			}
			return names, why
		case len(names) > c.limits.Files:
			return names, c.full()
		}
	}
}

// tree collects the metadata of everything below a folder, as far as its mount goes.
func (c *collector) tree(t snapshot.Tree, withCapabilities bool) {
	top, ok := c.resolve(clean(t.Path))
	if !ok {
		return
	}
	defer top.close()
	c.add(entryOf(top.path, &top.st))
	w := walker{collector: c, Tree: t, top: &top.st, withCapabilities: withCapabilities}
	if !isType(&top.st, unix.S_IFDIR) {
		w.leaf(top.path, top.fd, &top.st)
		return
	}
	w.walk(top.path)
}

// walker is one walk through a tree.
type walker struct {
	*collector
	snapshot.Tree
	top              *unix.Statx_t
	withCapabilities bool
}

func (w *walker) walk(top string) {
	for todo := []string{top}; len(todo) > 0; {
		dir := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		first := len(todo)
		w.list(dir, func(dirfd int, ch *child) {
			switch full := path.Join(dir, ch.name); {
			case isType(&ch.st, unix.S_IFREG):
				w.visit(full, dirfd, ch)
			case !isType(&ch.st, unix.S_IFDIR):
			case sameMount(w.top, &ch.st):
				todo = append(todo, full)
			default:
				w.add(snapshot.Entry{Path: full, Listing: snapshot.Fact{
					State: snapshot.NotCollected, Detail: "something else is mounted here, and a tree ends where another mount begins",
				}})
			}
		})
		slices.Reverse(todo[first:])
	}
}

// visit opens a file where more than its metadata is wanted.
func (w *walker) visit(full string, dirfd int, ch *child) {
	if !w.wantsCapabilities(&ch.st) && !w.wantsContent(ch.name) {
		return
	}
	fd, err := retry(func() (int, error) {
		return unix.Openat(dirfd, ch.name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	})
	if err != nil {
		why := w.because(err)
		w.add(snapshot.Entry{Path: full, Meta: why, Content: why, CapabilitiesFact: why})
		return
	}
	defer func() { _ = unix.Close(fd) }()
	st, err := statAt(fd, "")
	if err != nil || !isType(&st, unix.S_IFREG) { // another file has taken the name
		w.add(snapshot.Entry{Path: full, Content: snapshot.Fact{State: snapshot.Failed, Detail: "the file was replaced while it was looked at"}})
		return
	}
	w.leaf(full, fd, &st)
}

func (w *walker) leaf(full string, fd int, st *unix.Statx_t) {
	if w.wantsCapabilities(st) {
		caps, why := w.capabilities(fd)
		w.add(snapshot.Entry{Path: full, Capabilities: caps, CapabilitiesFact: why})
	}
	if !w.wantsContent(path.Base(full)) {
		return
	}
	if limit := w.ContentsUpTo; limit > 0 && int64(st.Size) > limit {
		w.add(snapshot.Entry{Path: full, Content: snapshot.Fact{
			State: snapshot.NotCollected, Detail: fmt.Sprintf("it is larger than %d bytes, and no larger ones were asked for", limit),
		}})
		return
	}
	w.content(full, fd, st)
}

func (w *walker) wantsCapabilities(st *unix.Statx_t) bool {
	return w.withCapabilities && isType(st, unix.S_IFREG) && st.Mode&0o111 != 0
}

func (w *walker) wantsContent(base string) bool {
	return slices.ContainsFunc(w.Contents, func(pattern string) bool {
		ok, _ := path.Match(pattern, base) // check has seen that the pattern is good
		return ok
	})
}

// glob collects what matches a pattern, and the listings that show it was all.
func (c *collector) glob(g snapshot.Glob) {
	prefix, rest := splitPattern(g.Pattern)
	c.expand(prefix, rest, g.Contents)
}

// splitPattern cuts a pattern before its first part with wildcards.
func splitPattern(pattern string) (prefix string, rest []string) {
	parts := strings.Split(path.Clean(pattern)[1:], "/")
	n := slices.IndexFunc(parts, func(p string) bool { return strings.ContainsAny(p, `*?[\`) })
	if n < 0 {
		n = len(parts)
	}
	return "/" + strings.Join(parts[:n], "/"), parts[n:]
}

// expand follows a pattern's parts downwards from a path.
func (c *collector) expand(name string, rest []string, contents bool) {
	if len(rest) == 0 && contents {
		c.file(name)
		return
	}
	f, ok := c.resolve(name)
	if !ok {
		return
	}
	defer f.close()
	c.add(entryOf(f.path, &f.st))
	if len(rest) == 0 || !isType(&f.st, unix.S_IFDIR) {
		return
	}
	if !strings.ContainsAny(rest[0], `*?[\`) {
		c.expand(path.Join(f.path, rest[0]), rest[1:], contents)
		return
	}
	var matches []string
	c.list(f.path, func(_ int, ch *child) {
		if ok, _ := path.Match(rest[0], ch.name); ok {
			matches = append(matches, path.Join(f.path, ch.name))
		}
	})
	for _, match := range matches {
		c.expand(match, rest[1:], contents)
	}
}
