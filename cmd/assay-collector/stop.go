package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// stop ends the program's hold in the same container, so that an ephemeral
// container need not wait for its time to be up. It knows it by the control
// group, which is the container's: in a process namespace that is shared, a
// name could be anybody's. That there is none to end is no error.
func stop(proc, program string) error {
	own, err := os.ReadFile(filepath.Join(proc, "self", "cgroup"))
	if err != nil {
		return err
	}
	folders, err := os.ReadDir(proc)
	if err != nil {
		return err
	}
	var failed []error
	for _, f := range folders {
		pid, err := strconv.Atoi(f.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		// What can't be read has ended meanwhile.
		group, err := os.ReadFile(filepath.Join(proc, f.Name(), "cgroup"))
		if err != nil || !bytes.Equal(group, own) {
			continue
		}
		line, err := os.ReadFile(filepath.Join(proc, f.Name(), "cmdline"))
		if args := bytes.Split(line, []byte{0}); err != nil || len(args) < 2 || string(args[0]) != program || string(args[1]) != "hold" {
			continue
		}
		p, err := os.FindProcess(pid)
		if err == nil {
			err = p.Signal(syscall.SIGTERM)
		}
		if err != nil && !errors.Is(err, os.ErrProcessDone) {
			failed = append(failed, fmt.Errorf("ending process %d: %w", pid, err))
		}
	}
	return errors.Join(failed...)
}
