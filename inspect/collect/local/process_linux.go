package local

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kubeassay/assay/inspect/collect/internal/proc"
	"github.com/kubeassay/assay/inspect/snapshot"
)

const (
	maxArgs        = 256 << 10 // of one process
	maxEnv         = 1 << 20
	maxDescriptors = 100_000
	ticks          = 100 // a second, in /proc, on every architecture that Go knows
)

// processes collects the container's processes and its sockets, which want the
// same look at each process.
func (c *collector) processes(t *target, plan *snapshot.Plan) {
	began := bootTime()
	var list []snapshot.Process
	owner := map[uint64]int{} // by inode of socket
	var hidden []string       // why some sockets may have no owner
	whole := snapshot.Fact{State: snapshot.Present}
	if !t.complete {
		whole = snapshot.Fact{State: snapshot.Truncated, Detail: t.note}
	}
	for _, m := range t.members {
		if why, stop := c.stopped(); stop {
			whole = why
			hidden = append(hidden, why.Detail)
			break
		}
		look, ok := c.look(m, t, plan)
		if !ok {
			continue
		}
		look.process.Started = began.Add(time.Duration(m.started) * (time.Second / ticks))
		list = append(list, look.process)
		for _, inode := range look.sockets {
			if _, taken := owner[inode]; !taken {
				owner[inode] = m.pid
			}
		}
		if look.socketsFact.State != snapshot.Present {
			hidden = append(hidden, look.socketsFact.Detail)
		}
	}
	if plan.Processes {
		c.into.SetProcesses(list, whole)
	}
	if plan.Sockets {
		c.sockets(t, owner, hidden)
	}
}

// bootTime is when the clock began that counts the starts of processes.
func bootTime() time.Time {
	var since unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &since); err != nil {
		return time.Time{}
	}
	return time.Now().Add(-time.Duration(since.Nano())).UTC().Round(time.Second / ticks)
}

// look is what one process shows.
type look struct {
	process     snapshot.Process
	sockets     []uint64
	socketsFact snapshot.Fact
}

// look reads one process. It is not ok where that has ended.
func (c *collector) look(m candidate, t *target, plan *snapshot.Plan) (l look, ok bool) {
	p, err := openTask(m.pid)
	if err != nil {
		return look{}, false
	}
	defer p.close()
	if started, err := p.started(); err != nil || started != m.started {
		return look{}, false
	}
	l.process = snapshot.Process{PID: m.pid, ParentPID: m.parent}
	s, err := p.status()
	if gone(err) {
		return look{}, false
	}
	l.process.Status = c.state(err)
	if err != nil {
		return l, true
	}
	fill(&l.process, &s)
	l.process.Args, l.process.ArgsFact = c.args(p)
	err = reach(&s, &t.me, func() { l.inner(p, &s, &t.me, plan.Sockets) })
	if err != nil {
		why := closed(p.pid, &s, &t.me, err)
		l.process.ExeFact, l.process.EnvFact, l.socketsFact = why, why, why
	}
	return l, true
}

func fill(p *snapshot.Process, s *status) {
	p.Name, p.ParentPID, p.UID, p.GID, p.Groups = s.name, s.parent, s.uid, s.gid, s.groups
	p.CapInheritable, p.CapPermitted, p.CapEffective = s.inheritable, s.permitted, s.effective
	p.CapBounding, p.CapAmbient = s.bounding, s.ambient
	p.NoNewPrivs, p.Seccomp = s.noNewPrivs, s.seccomp
}

func (c *collector) args(p task) ([]string, snapshot.Fact) {
	data, whole, err := p.read("cmdline", maxArgs)
	if err != nil {
		return nil, c.state(err)
	}
	if !whole {
		return parseArgs(data), snapshot.Fact{State: snapshot.Truncated, Detail: fmt.Sprintf("the first %d bytes are here", maxArgs)}
	}
	return parseArgs(data), snapshot.Fact{State: snapshot.Present}
}

// inner reads what is only shown to those who may look into the process.
func (l *look) inner(p task, s, me *status, sockets bool) {
	link, err := readLink(p.dir, "exe")
	switch {
	case gone(err): // a zombie, or a thread of the kernel
		l.process.ExeFact = snapshot.Fact{State: snapshot.Absent}
	default:
		l.process.Exe, l.process.ExeFact = strings.TrimSuffix(link, " (deleted)"), closed(p.pid, s, me, err)
		if l.process.Exe != link {
			l.process.ExeFact.Detail = "the file was deleted or replaced after the process began"
		}
	}
	data, whole, err := p.read("environ", maxEnv)
	l.process.Env, l.process.EnvFact = parseEnv(data), closed(p.pid, s, me, err)
	if err == nil && !whole {
		l.process.EnvFact = snapshot.Fact{State: snapshot.Truncated, Detail: fmt.Sprintf("the first %d bytes were looked at", maxEnv)}
	}
	if sockets {
		var err error
		l.sockets, err = p.sockets()
		l.socketsFact = closed(p.pid, s, me, err)
	}
}

// sockets lists the inodes of the sockets that a process has open.
func (t task) sockets() ([]uint64, error) {
	fd, err := retry(func() (int, error) {
		return unix.Openat(t.dir, "fd", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	})
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), "fd")
	defer func() { _ = f.Close() }()
	names, err := f.Readdirnames(maxDescriptors)
	if len(names) == 0 && err != nil { // also at the end: it has none open
		return nil, nil
	}
	var inodes []uint64
	for _, name := range names {
		link, err := readLink(fd, name)
		if gone(err) {
			continue
		}
		if err != nil {
			return inodes, err
		}
		if inode, ok := parseSocketLink(link); ok {
			inodes = append(inodes, inode)
		}
	}
	return inodes, nil
}

// sockets collects what listens in the first process's network namespace.
func (c *collector) sockets(t *target, owner map[uint64]int, hidden []string) {
	var all []snapshot.Socket
	whole := snapshot.Fact{State: snapshot.Present}
	for _, protocol := range []string{"tcp", "tcp6", "udp", "udp6"} {
		data, entire, err := t.read("net/"+protocol, maxProcFile)
		if gone(err) && strings.HasSuffix(protocol, "6") {
			continue // a system without IPv6
		}
		if err == nil && !entire { // connections without end; those that listen come first
			data = data[:bytes.LastIndexByte(data, '\n')+1]
			whole = snapshot.Fact{State: snapshot.Truncated, Detail: fmt.Sprintf("/proc/net/%s is longer than %d bytes", protocol, maxProcFile)}
		}
		var some []snapshot.Socket
		if err == nil {
			some, err = proc.Sockets(data, protocol, binary.NativeEndian)
		}
		if err != nil {
			whole = c.state(fmt.Errorf("/proc/%d/net/%s: %w", t.pid, protocol, err))
			break
		}
		all = append(all, some...)
	}
	for i := range all {
		all[i].PID = owner[all[i].Inode]
	}
	if whole.State == snapshot.Present && len(hidden) > 0 {
		whole.Detail = fmt.Sprintf("who has a socket open is not known for all: %d of %d processes could not be asked, for example: %s",
			len(hidden), len(t.members), hidden[0])
	}
	c.into.SetSockets(all, whole)
}
