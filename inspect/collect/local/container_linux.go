package local

import (
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/sys/unix"

	"github.com/kubeassay/assay/inspect/collect/internal/proc"
	"github.com/kubeassay/assay/inspect/snapshot"
)

// container collects from a running container. The notes limit what the evidence means.
func (c *collector) container(from Source, plan *snapshot.Plan) (notes []string, err error) {
	id, err := parseID(from.ContainerID)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPlan, err)
	}
	t, notes, err := find(id, from.ProcessOne)
	if err != nil {
		return nil, err
	}
	defer t.close()
	if plan.Processes || plan.Sockets {
		c.processes(t, plan)
	}
	if plan.Mounts {
		c.mounts(t)
	}
	why, note := c.enter(t)
	switch {
	case why.State == snapshot.Denied:
		note = "no file could be read: " + why.Detail
		c.refuse(plan, why)
	case why.State != snapshot.Present:
		return nil, fmt.Errorf("opening the root folder of process %d: %s", t.pid, why.Detail)
	default:
		if err := c.probe(); err != nil {
			return nil, err
		}
		c.files(plan)
	}
	if note != "" {
		notes = append(notes, note)
	}
	return notes, t.alive()
}

// target is the container that is read, held by its first process.
type target struct {
	task
	chosen
	me, status status
}

// find finds the container's processes and holds on to the first of them.
func find(id string, processOne bool) (*target, []string, error) {
	pid, err := self()
	if err != nil {
		return nil, nil, fmt.Errorf("finding the collector in /proc: %w", err)
	}
	all, err := candidates()
	if err != nil {
		return nil, nil, fmt.Errorf("reading the list of processes: %w", err)
	}
	t := &target{}
	if t.chosen, err = choose(all, pid, id, processOne, rootMountOf); err != nil {
		return nil, nil, err
	}
	mine, err := openTask(pid)
	if err != nil {
		return nil, nil, err
	}
	defer mine.close()
	if t.me, err = mine.status(); err != nil {
		return nil, nil, err
	}
	if t.task, err = openTask(t.first.pid); err != nil {
		return nil, nil, fmt.Errorf("%w: process %d: %w", ErrGone, t.first.pid, err)
	}
	if err = t.alive(); err == nil {
		t.status, err = t.task.status()
	}
	if err != nil {
		t.close()
		return nil, nil, err
	}
	var notes []string
	if t.note != "" {
		notes = append(notes, t.note)
	}
	if t.pid != 1 {
		notes = append(notes, fmt.Sprintf("the container's first process is process %d: its process namespace is shared with others", t.pid))
	}
	return t, notes, nil
}

// alive makes sure that the first process is still the one that was found.
func (t *target) alive() error {
	now, err := t.candidate()
	switch {
	case err != nil && !gone(err):
		return fmt.Errorf("looking again at process %d: %w", t.pid, err)
	case err != nil || now.zombie || now.started != t.first.started:
		return fmt.Errorf("%w: its first process, %d, is no more", ErrGone, t.pid)
	}
	return nil
}

// enter opens the root folder of the first process, for all that follows.
func (c *collector) enter(t *target) (why snapshot.Fact, note string) {
	var err error
	if e := reach(&t.status, &t.me, func() {
		c.root, err = retry(func() (int, error) {
			return unix.Openat(t.dir, "root", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		})
	}); e != nil {
		err = e
	}
	if err != nil {
		c.root = -1
		return t.because(err), ""
	}
	return snapshot.Fact{State: snapshot.Present}, t.chrooted(c.root)
}

// chrooted says so where the first process's root is not the container's.
func (t *target) chrooted(root int) string {
	st, err := statAt(root, "")
	if err != nil || st.Attributes_mask&unix.STATX_ATTR_MOUNT_ROOT == 0 || st.Attributes&unix.STATX_ATTR_MOUNT_ROOT != 0 {
		return ""
	}
	return fmt.Sprintf("process %d has changed its root folder (chroot): the files are those below that folder, and not all of the container's", t.pid)
}

// because says why the target's first process could not be looked into.
func (t *target) because(err error) snapshot.Fact { return closed(t.pid, &t.status, &t.me, err) }

func closed(pid int, target, me *status, err error) snapshot.Fact {
	switch {
	case err == nil:
		return snapshot.Fact{State: snapshot.Present}
	case errors.Is(err, fs.ErrPermission):
		return snapshot.Fact{State: snapshot.Denied, Detail: explain(pid, target, me, canSwitch(target, me))}
	default:
		return snapshot.Fact{State: snapshot.Failed, Detail: err.Error()}
	}
}

// mounts collects the mounts, as the first process sees them.
func (c *collector) mounts(t *target) {
	var mounts []snapshot.Mount
	data, err := t.all("mountinfo")
	if err == nil {
		mounts, err = proc.Mounts(data)
	}
	c.into.SetMounts(mounts, c.state(err))
}

func (c *collector) state(err error) snapshot.Fact {
	switch {
	case err == nil:
		return snapshot.Fact{State: snapshot.Present}
	case errors.Is(err, fs.ErrPermission):
		return c.because(err)
	default: // what is missing in /proc says nothing of the container
		return snapshot.Fact{State: snapshot.Failed, Detail: err.Error()}
	}
}
