package local

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kubeassay/assay/inspect/snapshot"
)

// collector reads files below one root. It is for one goroutine.
type collector struct {
	ctx    context.Context // ends when the plan's time is up
	root   int             // handle of the container's root folder
	into   *snapshot.Builder
	limits snapshot.Limits
	asker  string // "uid 0, gid 0", for messages
	// seen are the paths that have an entry, read those whose content is dealt with.
	seen, read map[string]struct{}
	left       int64 // bytes of content that may still be read
}

func collect(ctx context.Context, from Source, plan *snapshot.Plan) (*snapshot.Snapshot, error) {
	started := time.Now()
	limits := plan.Limits.WithDefaults()
	timed, cancel := context.WithTimeout(ctx, limits.Time)
	defer cancel()
	c := &collector{
		ctx: timed, root: -1, into: snapshot.NewBuilder(limits), limits: limits,
		asker: fmt.Sprintf("uid %d, gid %d", os.Geteuid(), os.Getegid()),
		seen:  map[string]struct{}{}, read: map[string]struct{}{}, left: limits.TotalBytes,
	}
	defer c.close()
	c.into.SetKernel(kernel())

	var notes []string
	var err error
	if from.Root != "" {
		err = c.folder(from.Root, plan)
	} else {
		notes, err = c.container(from, plan)
	}
	if err == nil {
		err = context.Cause(ctx) // the caller's, not the plan's
	}
	if err != nil {
		return nil, err
	}
	uid, gid := int64(os.Geteuid()), int64(os.Getegid())
	c.into.SetOrigin(snapshot.Origin{
		StartedAt: started.UTC(), FinishedAt: time.Now().UTC(), Method: "collector", UID: &uid, GID: &gid, Notes: notes,
	})
	return c.into.Snapshot(), nil
}

func (c *collector) close() {
	if c.root >= 0 {
		_ = unix.Close(c.root)
	}
}

// folder collects from a folder in which nothing runs.
func (c *collector) folder(dir string, plan *snapshot.Plan) error {
	fd, err := retry(func() (int, error) { return unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0) })
	if err != nil {
		return fmt.Errorf("opening the folder %s (as %s): %w", dir, c.asker, err)
	}
	c.root = fd
	if err := c.probe(); err != nil {
		return err
	}
	still := snapshot.Fact{State: snapshot.NotCollected, Detail: "the files were read from the image, in which nothing runs"}
	if plan.Processes {
		c.into.SetProcesses(nil, still)
	}
	if plan.Mounts {
		c.into.SetMounts(nil, still)
	}
	if plan.Sockets {
		c.into.SetSockets(nil, still)
	}
	c.files(plan)
	return nil
}

// files carries out what the plan says of files.
func (c *collector) files(plan *snapshot.Plan) {
	for _, name := range plan.Files {
		c.file(clean(name))
	}
	for _, name := range plan.Stats {
		c.stat(clean(name))
	}
	for _, g := range plan.Globs {
		c.glob(g)
	}
	for _, t := range plan.Trees {
		c.tree(t, plan.FileCapabilities)
	}
}

// refuse says of all files in the plan why they could not be read.
func (c *collector) refuse(plan *snapshot.Plan, why snapshot.Fact) {
	deny := func(name string) { c.into.Add(snapshot.Entry{Path: name, Meta: why, Content: why, Listing: why}) }
	for _, list := range [][]string{plan.Files, plan.Stats} {
		for _, name := range list {
			deny(clean(name))
		}
	}
	for _, g := range plan.Globs {
		prefix, _ := splitPattern(g.Pattern)
		deny(prefix)
	}
	for _, t := range plan.Trees {
		deny(clean(t.Path))
	}
}

// probe makes sure that the kernel can keep us inside the root.
func (c *collector) probe() error {
	fd, err := c.open("/", unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return fmt.Errorf("openat2 with RESOLVE_IN_ROOT does not work here (it wants Linux 5.6, and a seccomp profile that allows it): %w", err)
	}
	return unix.Close(fd)
}

// open opens a path below the root. No part of it may be a symbolic link,
// but for the last one with O_PATH and O_NOFOLLOW.
func (c *collector) open(name string, flags uint64) (int, error) {
	rel := name[1:]
	if rel == "" {
		rel = "."
	}
	how := unix.OpenHow{
		Flags:   flags | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS,
	}
	return retry(func() (int, error) { return unix.Openat2(c.root, rel, &how) })
}

// retry repeats a system call that was interrupted, or that openat2 gave up
// because something was renamed meanwhile. Where that never ends, neither does it succeed.
func retry(call func() (int, error)) (int, error) {
	for range 100 {
		fd, err := call()
		if !errors.Is(err, unix.EINTR) && !errors.Is(err, unix.EAGAIN) {
			return fd, err
		}
	}
	return call()
}

// stopped says why nothing more may be read, if so: the time is up.
func (c *collector) stopped() (snapshot.Fact, bool) {
	if c.ctx.Err() == nil {
		return snapshot.Fact{}, false
	}
	return snapshot.Fact{State: snapshot.Truncated, Detail: fmt.Sprintf("the time was up: %s for one collection", c.limits.Time)}, true
}

// room reports whether one more path may have an entry.
func (c *collector) room(name string) bool {
	if _, ok := c.seen[name]; ok {
		return true
	}
	if len(c.seen) >= c.limits.Files {
		return false
	}
	c.seen[name] = struct{}{}
	return true
}

func (c *collector) full() snapshot.Fact {
	return snapshot.Fact{State: snapshot.Truncated, Detail: fmt.Sprintf("the limit of %d entries was reached", c.limits.Files)}
}

// add keeps an entry, if there is room.
func (c *collector) add(e snapshot.Entry) {
	if c.room(e.Path) {
		c.into.Add(e)
	}
}

// because is the fact that an error means.
func (c *collector) because(err error) snapshot.Fact {
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ENOTDIR):
		return snapshot.Fact{State: snapshot.Absent}
	case errors.Is(err, errSelf):
		return snapshot.Fact{State: snapshot.NotCollected, Detail: err.Error()}
	case errors.Is(err, fs.ErrPermission):
		return snapshot.Fact{State: snapshot.Denied, Detail: fmt.Sprintf("%v (asked as %s)", err, c.asker)}
	default:
		return snapshot.Fact{State: snapshot.Failed, Detail: err.Error()}
	}
}

func kernel() snapshot.Kernel {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return snapshot.Kernel{Fact: snapshot.Fact{State: snapshot.Failed, Detail: "uname: " + err.Error()}}
	}
	return snapshot.Kernel{
		Release: unix.ByteSliceToString(u.Release[:]), Version: unix.ByteSliceToString(u.Version[:]),
		Machine: unix.ByteSliceToString(u.Machine[:]), Fact: snapshot.Fact{State: snapshot.Present},
	}
}
