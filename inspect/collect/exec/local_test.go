package exec

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/kubeassay/assay/inspect/collect/stream"
)

// shells are those that the script must work in, and how to start them.
var shells = map[string][]string{
	"dash":        {"dash"},
	"bash":        {"bash", "--posix"},
	"busybox ash": {"busybox", "sh"},
	"mksh":        {"mksh"},
}

// eachShell runs a test with each shell that this machine has.
func eachShell(t *testing.T, test func(t *testing.T, run *local)) {
	for name, argv := range shells {
		t.Run(name, func(t *testing.T) {
			if _, err := osexec.LookPath(argv[0]); err != nil {
				t.Skipf("%s is not installed", argv[0])
			}
			test(t, &local{sh: argv})
		})
	}
}

// local runs commands on this machine, as a container runtime does: with
// nothing but their streams, in a session of their own.
type local struct {
	sh     []string
	uid    uint32 // 0: as whoever runs the tests
	env    []string
	root   string    // to be the root folder; empty: the machine's
	copy   io.Writer // of all that commands send
	rounds int
	sent   int64
	// started is told the process number of each command.
	started func(pid int)
}

func (l *local) Run(ctx context.Context, c stream.Command) (stream.Result, error) {
	l.rounds++
	argv := c.Argv
	if argv[0] == "sh" {
		argv = append(append([]string{}, l.sh...), argv[1:]...)
	}
	if l.root != "" {
		argv[0] = "/bin/" + argv[0]
		if _, err := os.Stat(l.root + argv[0]); err != nil {
			return stream.Result{}, &stream.NoCommandError{Command: argv[0], Reason: stream.NotFound}
		}
	}
	cmd := osexec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Chroot: l.root}
	if l.uid != 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: l.uid, Gid: l.uid}
	}
	cmd.Env = append(os.Environ(), l.env...)
	cmd.Dir = "/"
	// The client's end does not end the command: only its standard input ends.
	cmd.Cancel = func() error { return nil }
	in, err := cmd.StdinPipe()
	if err != nil {
		return stream.Result{}, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return stream.Result{}, err
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		if errors.Is(err, osexec.ErrNotFound) {
			return stream.Result{}, &stream.NoCommandError{Command: argv[0], Reason: stream.NotFound}
		}
		return stream.Result{}, err
	}
	if l.started != nil {
		l.started(cmd.Process.Pid)
	}
	go func() {
		if c.Stdin != nil {
			_, _ = io.Copy(in, c.Stdin)
		}
		_ = in.Close()
	}()
	var n int64
	copied := make(chan error, 1)
	go func() {
		var err error
		to := c.Stdout
		if l.copy != nil {
			to = io.MultiWriter(l.copy, to)
		}
		n, err = io.Copy(to, out)
		copied <- err
	}()
	select {
	case err = <-copied:
		if err != nil {
			_ = out.Close() // nobody reads the rest: a command that still writes ends by that
		}
	case <-ctx.Done():
		_ = in.Close()
		_ = out.Close()
		<-copied
		err = context.Cause(ctx)
	}
	if ctx.Err() != nil {
		go func() { _ = cmd.Wait() }() // it is nobody's any more
		return stream.Result{Bytes: n}, err
	}
	_ = cmd.Wait()
	l.sent += n
	return stream.Result{ExitCode: exitCode(cmd.ProcessState), Stderr: stderr.Bytes(), Bytes: n}, err
}

func exitCode(s *os.ProcessState) int {
	if w, ok := s.Sys().(syscall.WaitStatus); ok && w.Signaled() {
		return 128 + int(w.Signal())
	}
	return s.ExitCode()
}

// tools makes a root folder that holds nothing but these commands.
func tools(t *testing.T, names ...string) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("to change the root folder takes root")
	}
	root := t.TempDir()
	for _, name := range names {
		from, err := osexec.LookPath(name)
		if err != nil {
			t.Skip(err)
		}
		if from, err = filepath.EvalSymlinks(from); err != nil {
			t.Fatal(err)
		}
		install(t, from, root+"/bin/"+name)
		libraries, err := osexec.CommandContext(t.Context(), "ldd", from).Output()
		if err != nil {
			t.Fatalf("ldd %s: %v", from, err)
		}
		for word := range strings.FieldsSeq(string(libraries)) {
			if strings.HasPrefix(word, "/") {
				install(t, word, root+word)
			}
		}
	}
	mkdir(t, root+"/proc")
	mkdir(t, root+"/dev")
	if err := syscall.Mknod(root+"/dev/null", syscall.S_IFCHR|0o666, 1<<8|3); err != nil {
		t.Skipf("making /dev/null: %v", err)
	}
	chmod(t, root+"/dev/null", 0o666)
	if err := syscall.Mount("proc", root+"/proc", "proc", 0, ""); err != nil {
		t.Skipf("mounting /proc: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(root+"/proc", syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return root
}

func install(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	mkdir(t, filepath.Dir(to))
	write(t, to, data, 0o755)
}
