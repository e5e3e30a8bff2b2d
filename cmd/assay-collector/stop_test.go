//go:build unix

package main

import (
	"os/exec"
	"syscall"
	"testing"
)

// Of three processes in this one's own control group, the one that holds is
// ended, and the others live on.
func TestStop(t *testing.T) {
	t.Chdir(t.TempDir())
	start := func(program, arg string) *exec.Cmd {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "cat", arg) // waits for somebody to write
		cmd.Args[0] = program
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return cmd
	}
	for _, pipe := range []string{"hold", "other"} {
		if err := syscall.Mkfifo(pipe, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	held := start("stop-test", "hold")
	others := []*exec.Cmd{start("stop-test", "other"), start("another", "hold")}
	if err := stop("/proc", "stop-test"); err != nil {
		t.Fatal(err)
	}
	_ = held.Wait()
	if s, ok := held.ProcessState.Sys().(syscall.WaitStatus); !ok || s.Signal() != syscall.SIGTERM {
		t.Errorf("what held ended with %v", held.ProcessState)
	}
	for _, o := range others {
		if err := o.Process.Signal(syscall.Signal(0)); err != nil {
			t.Errorf("%q was ended: %v", o.Args, err)
		}
		_ = o.Process.Kill()
		if s, ok := wait(o).Sys().(syscall.WaitStatus); !ok || s.Signal() != syscall.SIGKILL {
			t.Errorf("%q ended with %v", o.Args, o.ProcessState)
		}
	}
	if err := stop("/proc", "stop-test"); err != nil {
		t.Errorf("with nothing to end: %v", err)
	}
	if err := stop(t.TempDir(), "stop-test"); err == nil {
		t.Error("no error where nothing can be known")
	}
}

func wait(cmd *exec.Cmd) interface{ Sys() any } {
	_ = cmd.Wait()
	return cmd.ProcessState
}
