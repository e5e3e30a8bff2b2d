package local

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kubeassay/assay/inspect/snapshot"
)

const (
	maxLinks = 40 // as the kernel's MAXSYMLINKS
	statMask = unix.STATX_BASIC_STATS | unix.STATX_MNT_ID
)

func clean(name string) string { return path.Clean("/" + name) }

// statAt asks for the metadata of a name in a folder, or with an empty name of the handle itself.
func statAt(dir int, name string) (unix.Statx_t, error) {
	var st unix.Statx_t
	flags := unix.AT_SYMLINK_NOFOLLOW | unix.AT_NO_AUTOMOUNT
	if name == "" {
		flags |= unix.AT_EMPTY_PATH
	}
	_, err := retry(func() (int, error) { return 0, unix.Statx(dir, name, flags, statMask, &st) })
	return st, err
}

func isType(st *unix.Statx_t, kind uint16) bool { return st.Mode&unix.S_IFMT == kind }

// sameMount reports whether two files are on the same mount.
func sameMount(a, b *unix.Statx_t) bool {
	if a.Mask&b.Mask&unix.STATX_MNT_ID != 0 {
		return a.Mnt_id == b.Mnt_id
	}
	return a.Dev_major == b.Dev_major && a.Dev_minor == b.Dev_minor // before Linux 5.8
}

func entryOf(name string, st *unix.Statx_t) snapshot.Entry {
	return snapshot.Entry{
		Path: name, Meta: snapshot.Fact{State: snapshot.Present}, Mode: uint32(st.Mode), UID: st.Uid, GID: st.Gid, Size: int64(st.Size),
		ModTime: timeOf(st.Mtime), ChangeTime: timeOf(st.Ctime),
		Device: unix.Mkdev(st.Dev_major, st.Dev_minor), Inode: st.Ino,
	}
}

func timeOf(t unix.StatxTimestamp) time.Time { return time.Unix(t.Sec, int64(t.Nsec)).UTC() }

// readLink reads where a link leads: a name in a folder, or with an empty name the handle itself.
func readLink(dir int, name string) (string, error) {
	buf := make([]byte, snapshot.MaxPath)
	n, err := retry(func() (int, error) { return unix.Readlinkat(dir, name, buf) })
	if err != nil {
		return "", err
	}
	if n == len(buf) {
		return "", unix.ENAMETOOLONG
	}
	return string(buf[:n]), nil
}

// addLink records a symbolic link, and returns where it leads.
func (c *collector) addLink(name string, dir int, base string, st *unix.Statx_t) (string, error) {
	e := entryOf(name, st)
	target, err := readLink(dir, base)
	e.Link, e.LinkFact = target, snapshot.Fact{State: snapshot.Present}
	if err != nil {
		e.LinkFact = c.because(err)
	}
	c.add(e)
	return target, err
}

// found is what a path leads to in the end.
type found struct {
	path string // without any link
	fd   int    // O_PATH; the caller closes it
	st   unix.Statx_t
}

func (f *found) close() { _ = unix.Close(f.fd) }

// resolve follows a path inside the root. Each link on the way gets its entry,
// and so does what could not be reached; then ok is false.
func (c *collector) resolve(name string) (f found, ok bool) {
	if why, stop := c.stopped(); stop {
		c.add(snapshot.Entry{Path: name, Meta: why})
		return found{}, false
	}
	fd, err := c.open(name, unix.O_PATH|unix.O_NOFOLLOW)
	if err == nil {
		st, err := statAt(fd, "")
		if err == nil && !isType(&st, unix.S_IFLNK) {
			return found{name, fd, st}, true
		}
		_ = unix.Close(fd)
		if err != nil {
			c.add(snapshot.Entry{Path: name, Meta: c.because(err)})
			return found{}, false
		}
	} else if !errors.Is(err, unix.ELOOP) {
		c.add(snapshot.Entry{Path: name, Meta: c.because(err)})
		return found{}, false
	}
	return c.walk(name)
}

// walk is resolve one name at a time, for paths with links in them.
func (c *collector) walk(name string) (found, bool) {
	todo := strings.Split(name[1:], "/")
	at := found{path: "/", fd: -1}
	var err error
	if at.fd, err = c.open("/", unix.O_PATH); err == nil {
		at.st, err = statAt(at.fd, "")
	}
	for links := 0; err == nil && len(todo) > 0; {
		if !isType(&at.st, unix.S_IFDIR) {
			err = unix.ENOTDIR
			break
		}
		next := todo[0]
		var step found
		if step, err = c.step(at.path, next); err != nil {
			break
		}
		todo = todo[1:]
		if !isType(&step.st, unix.S_IFLNK) {
			at.close()
			at = step
			c.add(entryOf(at.path, &at.st)) // for ".." it matters what is a folder
			continue
		}
		var target string
		target, err = c.follow(&step)
		step.close()
		if links++; err == nil && links > maxLinks {
			err = unix.ELOOP
		}
		if err != nil {
			at.path = step.path
			break
		}
		// A link that ends with a slash wants a folder, and the "." that is left of it sees to that.
		todo = append(strings.Split(target, "/"), todo...)
		if strings.HasPrefix(target, "/") {
			at.close()
			if at, err = c.step("/", "."); err != nil {
				at.fd = -1
				break
			}
		}
	}
	if err == nil {
		return at, true
	}
	if at.fd >= 0 {
		at.close()
	}
	c.unreached(at.path, todo, err)
	return found{}, false
}

// unreached records where following a path came to an end, and why. What
// stands behind ".." is not where the text alone would lead: it stays unknown.
func (c *collector) unreached(at string, todo []string, err error) {
	special := func(name string) bool { return name == "" || name == "." || name == ".." }
	end := at
	for i, name := range todo {
		if i > 0 && slices.ContainsFunc(todo[i:], special) || special(name) {
			break
		}
		end = path.Join(end, name)
	}
	// A file where a folder should be is there all the same.
	if end != at || !errors.Is(err, unix.ENOTDIR) {
		c.add(snapshot.Entry{Path: end, Meta: c.because(err)})
	}
}

// step goes from a folder without links to a name in it.
func (c *collector) step(dir, name string) (found, error) {
	f := found{path: path.Join(dir, name)} // also "", "." and ".."; never above "/"
	var err error
	if f.fd, err = c.open(f.path, unix.O_PATH|unix.O_NOFOLLOW); err != nil {
		return found{}, err
	}
	if f.st, err = statAt(f.fd, ""); err != nil {
		f.close()
		return found{}, err
	}
	return f, nil
}

// errSelf: /proc/self means the process that reads it, which is not the container's.
var errSelf = errors.New("this is about the process that reads it, which is the collector; ask for /proc/1 instead")

func (c *collector) follow(link *found) (string, error) {
	if base := path.Base(link.path); base == "self" || base == "thread-self" {
		var on unix.Statfs_t
		if err := unix.Fstatfs(link.fd, &on); err != nil {
			return "", fmt.Errorf("statfs: %w", err)
		}
		if on.Type == unix.PROC_SUPER_MAGIC {
			c.add(snapshot.Entry{Path: link.path, Meta: c.because(errSelf)})
			return "", errSelf
		}
	}
	target, err := c.addLink(link.path, link.fd, "", &link.st)
	if err == nil && target == "" {
		err = errors.New("the link leads to an empty name")
	}
	return target, err
}
