package exec

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/kubeassay/assay/inspect/snapshot"
)

const testNonce = "00112233445566778899aabbccddeeff"

// FuzzParse: whatever a container answers, it is read within bounds, and
// nothing is believed of what was not asked for.
func FuzzParse(f *testing.F) {
	stat := "81a4 0 0 3 1 1 1 1 /etc/passwd\n"
	f.Add([]byte("assay1\x00i\x000\x000\x001\x006.1 #1 x86_64\x00btime 5\n\x00B1\x00/etc/passwd\x00" + stat + "\x000.\x00E" + testNonce + "\x00"))
	f.Add([]byte("assay1\x00h\x00/etc/passwd\x00abc\x00" + testNonce + "0.\x00E" + testNonce + "\x00"))
	f.Add([]byte("assay1\x00c\x00tar\x00" + testNonce + "2.\x00l\x00/etc\x00L\x00t\x00/etc\x00B1\x00/etc/passwd\x00" + stat + "\x000D\x001.\x00T1\x00"))
	f.Add([]byte("assay1\x00p\x00Name:\tx\nPid:\t1\nPPid:\t0\n1 (x) S 0\n0::/\n\x001\x00arg\x00" + testNonce + "0.\x00A\n\x000\x00/bin/x\n\x000\x00P\x00n\x00tcp\x00\x00\x00m\x00\x00"))
	f.Add([]byte("assay1\x00l\x00/etc\x00B1\x00/etc/passwd\x00\x001.x\x00E" + testNonce + "\x00")) // a remark about no path of the batch
	f.Fuzz(func(t *testing.T, data []byte) {
		plan := &snapshot.Plan{Files: []string{"/etc/passwd"}, Trees: []snapshot.Tree{{Path: "/etc"}}, Processes: true, Mounts: true, Sockets: true, Limits: snapshot.Limits{Files: 100, FileBytes: 1000, TotalBytes: 2000}}
		g := newGathering(plan)
		r := g.first()
		r.many, r.single, r.lists = []string{"/etc/passwd"}, []string{"/etc/passwd"}, []string{"/etc"}
		g.expect(r)
		err := (&answer{in: bufio.NewReaderSize(bytes.NewReader(data), 4096), nonce: testNonce, to: g}).read()
		if err == nil && !bytes.Contains(data, []byte("E"+testNonce)) {
			t.Fatal("an answer without an end is whole")
		}
		g.breakOff(snapshot.Fact{State: snapshot.Failed})
		g.settle()
		s := g.b.Snapshot()
		asked := func(p string) bool {
			return p == "/" || p == "/etc" || below(p, "/etc") || slices.Contains(r.stats, p)
		}
		for e := range s.Entries() {
			if e.Meta.State == snapshot.Present && !asked(e.Path) {
				t.Fatalf("%q is believed, and was not asked for", e.Path)
			}
			if content, _ := s.Content(e.Path); len(content) > 1000 {
				t.Fatalf("%q has %d bytes", e.Path, len(content))
			}
		}
	})
}

// FuzzDescribe: names and link targets come out as they went in, whatever they
// hold, in both forms that stat has; and nothing comes out of anything else.
func FuzzDescribe(f *testing.F) {
	f.Add("/a", "b", "/c", uint8(0))
	f.Add("/x\n81a4 0 0 0 0 0 0 0 /c", "'", "/c", uint8(1))
	f.Add("/a -> b", "c\n'", "/'", uint8(2))
	f.Add("/a", "'b'", "/c", uint8(6))
	f.Fuzz(func(t *testing.T, name, to, last string, flags uint8) {
		name, last = "/"+strings.TrimLeft(strings.ReplaceAll(name, "\x00", ""), "/"), "/"+strings.TrimLeft(strings.ReplaceAll(last, "\x00", ""), "/")
		to = strings.ReplaceAll(to, "\x00", "")
		quote := ""
		if flags&1 != 0 {
			quote = "'"
		}
		if to == "" || len(to) > 4000 || len(name) > 4000 || generated(name) {
			return
		}
		first := fmt.Sprintf("a1ff 1 2 %d 3 4 5 6 %s%s%s -> %s%s%s\n", len(to), quote, name, quote, quote, to, quote)
		second := fmt.Sprintf("81a4 7 8 9 10 11 12 13 %s%s%s\n", quote, last, quote)
		batch := []described{{Entry: snapshot.Entry{Path: name}}, {Entry: snapshot.Entry{Path: last}}}
		describe(batch, []byte(first+second), 0)
		if batch[0].Meta.State != snapshot.Present || batch[0].Link != to || batch[1].Meta.State != snapshot.Present || batch[1].UID != 7 {
			t.Fatalf("%q %q %q: %+v", name, to, last, batch)
		}
		// One line is missing: then it is not known what the other is about, or it is this one.
		batch = []described{{Entry: snapshot.Entry{Path: name}}, {Entry: snapshot.Entry{Path: last}}}
		describe(batch, []byte(second), 1)
		if name != last && batch[0].Meta.State == snapshot.Present {
			t.Fatalf("a line about %q is taken for one about %q", last, name)
		}
	})
}

// FuzzSplitProcesses: a process has no say in what is read about others, and
// can choose of itself no more than its name.
func FuzzSplitProcesses(f *testing.F) {
	f.Add("x", "0::/")
	f.Add("a) S 9 (b", "0::/x")
	f.Add("\nName:\tinit\nUi", "0::/")
	f.Add("a\\nb\\\\", "1:cpu:/")
	f.Fuzz(func(t *testing.T, name, cgroup string) {
		if name = strings.ReplaceAll(name, "\x00", ""); len(name) > 15 {
			name = name[:15]
		}
		if strings.ContainsAny(cgroup, "\n\x00") {
			return
		}
		escaped := strings.NewReplacer(`\`, `\\`, "\n", `\n`).Replace(name)
		one := func(pid int, comm, escaped string) string {
			status := fmt.Sprintf("Name:\t%s\nUmask:\t0022\nState:\tS (sleeping)\nPid:\t%d\nPPid:\t1\nUid:\t%d\t2\t3\t4\nGid:\t1\t1\t1\t1\nGroups:\t \nCapInh:\t0\nCapPrm:\tff\nCapEff:\t0\nCapBnd:\t0\nCapAmb:\t0\nNoNewPrivs:\t1\nSeccomp:\t2\nx86_Thread_features:\t\n", escaped, pid, pid)
			return status + fmt.Sprintf("%d (%s) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 %d 20\n", pid, comm, pid*100) + "0::/\n"
		}
		all := splitProcesses([]byte(one(7, name, escaped) + one(8, "other", "other")))
		for _, pid := range []int{7, 8} {
			p := all[pid]
			if p == nil || p.process.UID[0] != uint32(pid) || p.started != uint64(pid*100) || p.process.Status.State != snapshot.Present {
				t.Fatalf("%q: process %d is %+v", name, pid, p)
			}
		}
		if len(all) != 2 || all[7].process.Name != name {
			t.Fatalf("%q: %d processes, the name is %q", name, len(all), all[7].process.Name)
		}
		splitProcesses([]byte(name + cgroup))
	})
}

// FuzzSection: a file's content ends where its marker is, and nowhere else.
func FuzzSection(f *testing.F) {
	f.Add([]byte("abc"), []byte("\x00"+testNonce[:31]), 16)
	f.Add([]byte("\x00\x00"), []byte(""), 40)
	f.Fuzz(func(t *testing.T, a, b []byte, size int) {
		want := slices.Concat(a, []byte("\x00"), b)
		if bytes.Contains(want, []byte("\x00"+testNonce)) || size < 0 || size > 1<<16 {
			return
		}
		in := bufio.NewReaderSize(bytes.NewReader(slices.Concat(want, []byte("\x00"+testNonce+"rest"))), max(size, 64))
		got, err := io.ReadAll(&untilMarker{in: in, marker: "\x00" + testNonce})
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%q, %v, want %q", got, err, want)
		}
		if rest, _ := io.ReadAll(in); string(rest) != "rest" {
			t.Fatalf("behind the marker: %q", rest)
		}
		if _, err := io.ReadAll(&untilMarker{in: bufio.NewReader(bytes.NewReader(want)), marker: "\x00" + testNonce}); err == nil {
			t.Fatal("without a marker, it has an end")
		}
	})
}
