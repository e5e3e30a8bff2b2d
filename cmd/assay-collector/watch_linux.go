package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// shield forbids other processes of the same user to look into this one, or to
// change it: the container that is inspected may run as the same user, and must
// not have a say in what is reported of it.
func shield() error {
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("closing this process to others of the same user: %w", err)
	}
	return nil
}

// watch ends the work when nobody reads what it writes any more.
func watch(ctx context.Context, out *os.File, end context.CancelCauseFunc) {
	const every = 250 // milliseconds, to see that the work is done
	for ctx.Err() == nil {
		fds := []unix.PollFd{{Fd: int32(out.Fd())}}
		if n, err := unix.Poll(fds, every); err == nil && n > 0 && fds[0].Revents&(unix.POLLERR|unix.POLLHUP) != 0 {
			end(errors.New("nobody reads the answer"))
			return
		} else if err != nil && !errors.Is(err, unix.EINTR) {
			return
		}
	}
}
