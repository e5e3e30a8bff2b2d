package local

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/kubeassay/assay/inspect/collect/internal/proc"
)

const (
	procRoot     = "/proc"
	maxProcFile  = 16 << 20 // of one file in /proc that the target can make long
	maxProcesses = 100_000
)

// task is one process in /proc, by a handle that never turns into another's.
type task struct {
	pid int
	dir int
}

func openTask(pid int) (task, error) {
	dir, err := retry(func() (int, error) {
		return unix.Open(procRoot+"/"+strconv.Itoa(pid), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	})
	return task{pid, dir}, err
}

func (t task) close() { _ = unix.Close(t.dir) }

// read reads a file in the process's folder, up to a limit; whole is false where there is more.
func (t task) read(name string, limit int) (data []byte, whole bool, err error) {
	fd, err := retry(func() (int, error) { return unix.Openat(t.dir, name, unix.O_RDONLY|unix.O_CLOEXEC, 0) })
	if err != nil {
		return nil, false, err
	}
	defer func() { _ = unix.Close(fd) }()
	for buf := make([]byte, 32<<10); ; {
		n, err := retry(func() (int, error) { return unix.Read(fd, buf) })
		if err != nil {
			return nil, false, err
		}
		if n == 0 {
			return data, true, nil
		}
		if data = append(data, buf[:n]...); len(data) > limit {
			return data[:limit], false, nil
		}
	}
}

// all is read for files that must be whole.
func (t task) all(name string) ([]byte, error) {
	data, whole, err := t.read(name, maxProcFile)
	if err == nil && !whole {
		err = fmt.Errorf("it is longer than %d bytes", maxProcFile)
	}
	if err != nil {
		return nil, fmt.Errorf("%s/%d/%s: %w", procRoot, t.pid, name, err)
	}
	return data, nil
}

func (t task) status() (status, error) {
	data, err := t.all("status")
	if err != nil {
		return status{}, err
	}
	return parseStatus(data)
}

func (t task) started() (uint64, error) {
	data, err := t.all("stat")
	if err != nil {
		return 0, err
	}
	return parseStat(data)
}

// candidate reads what choose goes by.
func (t task) candidate() (candidate, error) {
	s, err1 := t.status()
	started, err2 := t.started()
	data, err3 := t.all("cgroup")
	if err := errors.Join(err1, err2, err3); err != nil {
		return candidate{}, err
	}
	g, err := parseCgroup(data)
	return candidate{pid: t.pid, parent: s.parent, started: started, zombie: s.zombie, group: g}, err
}

// rootMount tells the number of the mount that is the process's root; 0 if unknown.
func rootMountOf(pid int) int {
	t, err := openTask(pid)
	if err != nil {
		return 0
	}
	defer t.close()
	data, err := t.all("mountinfo")
	if err != nil {
		return 0
	}
	mounts, err := proc.Mounts(data)
	if err != nil {
		return 0
	}
	return rootMount(mounts)
}

// candidates reads all processes that /proc shows. Those that end meanwhile are left out.
func candidates() ([]candidate, error) {
	f, err := os.Open(procRoot)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	names, err := f.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	var all []candidate
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		if len(all) == maxProcesses {
			return nil, fmt.Errorf("%s shows more than %d processes", procRoot, maxProcesses)
		}
		t, err := openTask(pid)
		if err != nil {
			continue
		}
		c, err := t.candidate()
		t.close()
		switch {
		case err == nil:
			all = append(all, c)
		case gone(err):
		default:
			return nil, err
		}
	}
	return all, nil
}

func gone(err error) bool { return errors.Is(err, unix.ESRCH) || errors.Is(err, unix.ENOENT) }

// self is the collector's number, as /proc counts.
func self() (int, error) {
	link, err := os.Readlink(procRoot + "/self")
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(link)
}
