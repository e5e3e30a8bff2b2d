package local

import (
	"errors"
	"fmt"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/kubeassay/assay/inspect/snapshot"
)

const (
	chunk    = 1 << 20 // as much as one call reads: between two, the time is looked at
	attempts = 3       // at a file that changes while it is read
)

// again is the path of a handle that is open already. What is opened by it is
// the same file, whatever happened to its name: no device, and no pipe.
func again(fd int) string { return "/proc/self/fd/" + strconv.Itoa(fd) }

// content reads a file that is known by an O_PATH handle, up to a limit.
func (c *collector) content(name string, fd int, st *unix.Statx_t) {
	if _, done := c.read[name]; done || !c.room(name) {
		return
	}
	c.read[name] = struct{}{}
	if why, stop := c.stopped(); stop {
		c.into.SetContent(name, nil, why)
		return
	}
	if kind := notReadable(st); kind != "" {
		c.into.SetContent(name, nil, snapshot.Fact{State: snapshot.NotCollected, Detail: "this is " + kind + ", and only files are read"})
		return
	}
	data, fact := c.readHandle(fd)
	c.left -= int64(len(data))
	c.into.SetContent(name, data, fact)
}

func notReadable(st *unix.Statx_t) string {
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		return ""
	case unix.S_IFDIR:
		return "a folder"
	case unix.S_IFIFO:
		return "a pipe"
	case unix.S_IFSOCK:
		return "a socket"
	case unix.S_IFLNK:
		return "a symbolic link"
	default:
		return "a device"
	}
}

func (c *collector) readHandle(fd int) ([]byte, snapshot.Fact) {
	f, err := reopen(fd)
	if err != nil {
		return nil, c.because(err)
	}
	defer func() { _ = unix.Close(f) }()
	for range attempts {
		before, err := statAt(f, "")
		if err != nil {
			return nil, c.because(err)
		}
		data, fact := c.readAll(f, int64(before.Size))
		if fact.State == snapshot.Failed || fact.State == snapshot.Denied {
			return nil, fact
		}
		after, err := statAt(f, "")
		if err != nil {
			return nil, c.because(err)
		}
		if before.Mtime == after.Mtime && before.Ctime == after.Ctime && before.Size == after.Size {
			return data, fact
		}
		if _, err := unix.Seek(f, 0, unix.SEEK_SET); err != nil {
			return nil, c.because(err)
		}
	}
	return nil, snapshot.Fact{State: snapshot.Failed, Detail: fmt.Sprintf("it changed while it was read, %d times in a row", attempts)}
}

// reopen opens a regular file for reading, and leaves its time of access as it
// was where the kernel lets us.
func reopen(fd int) (int, error) {
	const flags = unix.O_RDONLY | unix.O_NONBLOCK | unix.O_NOCTTY | unix.O_CLOEXEC
	f, err := retry(func() (int, error) { return unix.Open(again(fd), flags|unix.O_NOATIME, 0) })
	if errors.Is(err, unix.EPERM) {
		f, err = retry(func() (int, error) { return unix.Open(again(fd), flags, 0) })
	}
	if errors.Is(err, unix.ENOENT) { // the handle's file is there: it is /proc that is not
		err = fmt.Errorf("opening a file again through /proc: %w", unix.ENOSYS)
	}
	return f, err
}

// readAll reads to the end, or to the limit; size is only a hint.
func (c *collector) readAll(fd int, size int64) ([]byte, snapshot.Fact) {
	limit := min(c.limits.FileBytes, c.left)
	buf := make([]byte, 0, max(min(size, limit), 0)+512)
	for {
		if why, stop := c.stopped(); stop {
			return buf, why
		}
		if int64(len(buf)) > limit {
			return buf[:limit], c.cut(limit)
		}
		if cap(buf)-len(buf) < 512 {
			buf = append(buf, make([]byte, min(int64(cap(buf)), limit)+512)...)[:len(buf)]
		}
		end := min(cap(buf), len(buf)+chunk)
		n, err := retry(func() (int, error) { return unix.Read(fd, buf[len(buf):end]) })
		if errors.Is(err, unix.EAGAIN) {
			return nil, snapshot.Fact{State: snapshot.Failed, Detail: "reading it would wait for something to happen"}
		}
		if err != nil {
			return nil, c.because(fmt.Errorf("read: %w", err))
		}
		if n == 0 {
			return buf, snapshot.Fact{State: snapshot.Present}
		}
		buf = buf[:len(buf)+n]
	}
}

func (c *collector) cut(limit int64) snapshot.Fact {
	detail := fmt.Sprintf("the first %d bytes are here: the limit for one file", limit)
	if limit < c.limits.FileBytes {
		detail = fmt.Sprintf("%d bytes are here: the limit of %d bytes for all contents was reached", limit, c.limits.TotalBytes)
	}
	return snapshot.Fact{State: snapshot.Truncated, Detail: detail}
}

// capabilities reads a file's security.capability attribute, by its O_PATH handle.
func (c *collector) capabilities(fd int) ([]byte, snapshot.Fact) {
	var buf [64]byte // the longest form has 24 bytes
	n, err := retry(func() (int, error) { return unix.Getxattr(again(fd), "security.capability", buf[:]) })
	switch {
	case errors.Is(err, unix.ENODATA), errors.Is(err, unix.EOPNOTSUPP): // a file system without attributes holds none
		return nil, snapshot.Fact{State: snapshot.Absent}
	case errors.Is(err, unix.ENOENT):
		return nil, snapshot.Fact{State: snapshot.Failed, Detail: "reading an attribute wants /proc, which is not mounted here"}
	case err != nil:
		return nil, c.because(fmt.Errorf("reading the attribute security.capability: %w", err))
	}
	return append([]byte(nil), buf[:n]...), snapshot.Fact{State: snapshot.Present}
}
