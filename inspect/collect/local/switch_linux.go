package local

import (
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"
)

// canSwitch reports whether we may take a process's user and group.
func canSwitch(target, me *status) bool {
	return (target.uid[1] == me.uid[3] || has(me.effective, capSetuid)) && (target.gid[1] == me.gid[3] || has(me.effective, capSetgid))
}

// equals reports whether we may look into a process as we are.
func equals(target, me *status) bool {
	return has(me.effective, capPtrace) || target.uid[1] == me.uid[3] && target.gid[1] == me.gid[3]
}

// reach runs f as whoever may look into a process: as we are, or where that is
// not enough and the system lets us, with its user and group as ours in all
// questions of files.
func reach(target, me *status, f func()) error {
	if equals(target, me) || !canSwitch(target, me) {
		f()
		return nil
	}
	done := make(chan error)
	go func() {
		// Never unlocked: the thread ends with this function (the program's first
		// one is put aside), so nothing else runs with what it has become.
		runtime.LockOSThread()
		err := become(int(target.uid[1]), int(target.gid[1]))
		if err == nil {
			f()
		}
		_ = become(int(me.uid[3]), int(me.gid[3])) // for what /proc shows of a first thread
		done <- err
	}()
	return <-done
}

// become sets the IDs of this thread that count for files, and for looking into
// processes. Leaving root takes some capabilities out of the effective set; what
// remains permitted is put back, since the kernel compares with that set.
func become(uid, gid int) error {
	// Neither call reports an error; asking with -1 changes nothing and tells the truth.
	_, _ = unix.SetfsgidRetGid(gid)
	_, _ = unix.SetfsuidRetUid(uid)
	gotGID, _ := unix.SetfsgidRetGid(-1)
	gotUID, _ := unix.SetfsuidRetUid(-1)
	if gotUID != uid || gotGID != gid {
		return fmt.Errorf("taking uid %d and gid %d: the system left us uid %d and gid %d: %w", uid, gid, gotUID, gotGID, unix.EPERM)
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return fmt.Errorf("capget: %w", err)
	}
	for i := range data {
		data[i].Effective = data[i].Permitted
	}
	if err := unix.Capset(&header, &data[0]); err != nil {
		return fmt.Errorf("capset: %w", err)
	}
	return nil
}
