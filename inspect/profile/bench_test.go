package profile_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/kubeassay/assay/inspect/profile"
	"github.com/kubeassay/assay/inspect/snapshot"
)

var here = snapshot.Fact{State: snapshot.Present}

// bigSnapshot is a file system with that many entries, a few of them special.
func bigSnapshot(tb testing.TB, n int) *snapshot.Snapshot {
	tb.Helper()
	b := snapshot.NewBuilder(snapshot.Limits{})
	now := time.Unix(1_700_000_000, 0)
	folder := func(p string) {
		b.Add(snapshot.Entry{Path: p, Meta: here, Mode: snapshot.ModeDir | 0o755, Listing: here, Device: 1, ModTime: now, ChangeTime: now})
	}
	folder("/")
	folder("/etc")
	folder("/usr")
	for i := range n {
		dir := fmt.Sprintf("/usr/d%03d", i/100)
		if i%100 == 0 {
			folder(dir)
		}
		mode := uint32(snapshot.ModeRegular | 0o644)
		switch {
		case i%2000 == 7:
			mode |= snapshot.ModeSetuid | 0o111
		case i%3000 == 11:
			mode |= 0o002
		case i%10 == 3:
			mode |= 0o111
		}
		b.Add(snapshot.Entry{
			Path: fmt.Sprintf("%s/f%05d", dir, i), Meta: here, Mode: mode, UID: uint32(i % 3 / 2), Size: int64(i), Device: 1, ModTime: now, ChangeTime: now,
			CapabilitiesFact: snapshot.Fact{State: snapshot.Absent},
		})
	}
	put(b, "/etc/passwd", "root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1::/:/usr/sbin/nologin\n")
	put(b, "/etc/group", "root:x:0:\ndaemon:x:1:\n")
	b.SetMounts([]snapshot.Mount{{Target: "/", Type: "overlay", Options: []string{"rw"}}, {Target: "/proc", Type: "proc"}}, here)
	b.SetProcesses([]snapshot.Process{{PID: 1, Name: "app", Status: here, UID: [4]uint32{10, 10, 10, 10}, ArgsFact: here, Args: []string{"/app"}, Started: now.Add(time.Hour)}}, here)
	b.SetSockets(nil, here)
	return b.Snapshot()
}

func put(b *snapshot.Builder, path, content string) {
	b.Add(snapshot.Entry{Path: path, Meta: here, Mode: snapshot.ModeRegular | 0o644, Size: int64(len(content)), Device: 1})
	b.SetContent(path, []byte(content), here)
}

// fifty is a profile of 50 controls as people write them: fifteen walk the whole tree.
func fifty() string {
	tests := []string{
		`none: tree("/").setuid.filter(f, !(f.path in ["/bin/su", "/bin/mount"]))`,
		`none: tree("/").setgid.filter(f, f.gid == 0)`,
		`none: tree("/").worldWritable`,
		`none: tree("/").openFolders`,
		`none: tree("/").unowned`,
		`none: tree("/").withCapabilities`,
		`none: tree("/").changedAfter(process1.started).filter(f, f.executable)`,
		`expression: tree("/").devices.all(f, f.path.startsWith("/dev/"))`,
		`none: tree("/").executables.filter(f, f.name == "sshd")`,
		`expression: '!tree("/").executables.exists(f, f.name in ["sh", "bash", "dash"])'`,
		`none: tree("/").named("*.pem").filter(f, f.worldReadable)`,
		`none: tree("/").entries.filter(f, f.path == "/usr/bin/apt")`,
		`none: tree("/").files.filter(f, f.size > 1000000)`,
		`none: tree("/").folders.filter(f, f.worldWritable && !f.sticky)`,
		`none: tree("/etc").files.filter(f, f.owner != "root")`,
		`expression: process1.uid != 0`,
		`expression: '!file("/etc/shadow").exists || file("/etc/shadow").atMost("0640")'`,
		`none: users.filter(u, u.uid == 0 && u.name != "root")`,
		`none: processes.filter(p, p.name == "sshd")`,
		`expression: mounts.exists(m, m.target == "/")`,
	}
	var b strings.Builder
	b.WriteString("name: fifty\ntitle: Fifty\ncontrols:\n")
	for i := range 50 {
		test := tests[i%len(tests)]
		if i >= len(tests) {
			test = tests[15+i%5]
		}
		fmt.Fprintf(&b, "- id: c%d\n  title: C\n  impact: 0.5\n  tests:\n  - %s\n    message: it is so\n", i, test)
	}
	return b.String()
}

func loadText(tb testing.TB, text string) *profile.Profile {
	tb.Helper()
	p, err := profile.Load(fstest.MapFS{"p.yaml": {Data: []byte(text)}}, "p.yaml")
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

// BenchmarkEvaluate shows that time grows with the entries, not with their square.
func BenchmarkEvaluate(b *testing.B) {
	p := loadText(b, fifty())
	for _, n := range []int{5000, 20_000} {
		s := bigSnapshot(b, n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := p.Evaluate(b.Context(), s, profile.Options{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkLoad(b *testing.B) {
	text := fifty()
	for b.Loop() {
		loadText(b, text)
	}
}

// BenchmarkContainerCore is the built-in profile over a file system of about
// the size of Debian's: 50 ms of processor time are its limit.
func BenchmarkContainerCore(b *testing.B) {
	p, err := profile.Builtin("container-core")
	if err != nil {
		b.Fatal(err)
	}
	s := bigSnapshot(b, 10_000)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Evaluate(b.Context(), s, profile.Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
