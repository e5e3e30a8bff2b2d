package exec

import (
	"archive/tar"
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/kubeassay/assay/inspect/snapshot"
)

// within fails where something takes a time that grows faster than what it is given.
func within(t *testing.T, most time.Duration, do func()) {
	t.Helper()
	began := time.Now()
	do()
	if took := time.Since(began); took > most {
		t.Errorf("it took %v", took)
	}
}

func statusText(pid, parent int) string {
	return fmt.Sprintf("Name:\tx\nPid:\t%d\nPPid:\t%d\nUid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\nGroups:\t\nCapInh:\t0\nCapPrm:\t0\nCapEff:\t0\nCapBnd:\t0\nCapAmb:\t0\nNoNewPrivs:\t0\nSeccomp:\t0\n", pid, parent)
}

// TestManyProcesses: what a container says of its processes costs no more than
// in proportion to its length.
func TestManyProcesses(t *testing.T) {
	const id = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	groups := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "%d:x:/pod/%s/%d\n", i, id, i)
		}
		return b.String()
	}
	t.Run("each the parent of the one before", func(t *testing.T) {
		const n = 50_000
		list := make([]snapshot.Process, n)
		for i := range list {
			list[i].PID, list[i].ParentPID = i+1, i+2
		}
		within(t, 5*time.Second, func() { markOwn(list, n) })
		if !list[0].Own || !list[n-1].Own {
			t.Error("not all that descend from the script are its own")
		}
	})
	t.Run("in endless groups", func(t *testing.T) {
		text := statusText(7, 1) + groups(500_000)
		within(t, 10*time.Second, func() {
			if all := splitProcesses([]byte(text)); all[7] == nil || strings.Count(all[7].cgroup, "\n") >= mostGroups {
				t.Errorf("%d processes", len(all))
			}
		})
	})
}

func TestForeign(t *testing.T) {
	const id, other = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"
	for name, c := range map[string]struct {
		own, cgroup string
		want        bool
	}{
		"not told":                 {"", "/x", false},
		"nothing of the other":     {"/pod/" + id, "", false},
		"the same":                 {"/pod/" + id, "/pod/" + id + "/child", false},
		"another":                  {"/pod/" + id, "/pod/" + other, true},
		"outside of the namespace": {"/", "/../" + other, true},
		"above the namespace":      {"/", "/..", true},
		"within the namespace":     {"/", "/child", false},
		"on a node in a container": {"/" + other + "/" + id, "/" + other + "/pod", true},
	} {
		if got := foreign(c.own)(c.cgroup); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func answerOf(g *gathering, text string) error {
	return (&answer{in: bufio.NewReader(strings.NewReader(text)), nonce: testNonce, to: g}).read()
}

// TestEndlessAnswers: an answer that says the same over and over, or much with
// few bytes, is refused before it has filled the memory.
func TestEndlessAnswers(t *testing.T) {
	section := "\x00" + testNonce + "0."
	for name, c := range map[string]struct{ text, want string }{
		"a folder again": {"l\x00/etc\x00L\x00l\x00/etc\x00L\x00", "twice"},
		"empty arguments": {"p\x00\x00" + func() string {
			var b strings.Builder
			for pid := 1; pid <= 20; pid++ {
				fmt.Fprintf(&b, "%d\x00%s%s\x00\x000\x00\x000\x00", pid, strings.Repeat("\x00", mostArgs), section)
			}
			return b.String()
		}() + "P\x00", "bytes of arguments"},
		"too many names in one batch": {"B262145\x00", "no part of it"},
	} {
		g := newGathering(&snapshot.Plan{Processes: true})
		g.expect(&request{lists: []string{"/etc"}})
		if err := answerOf(g, greeting+"\x00"+c.text+"E"+testNonce+"\x00"); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestLongNames: of a path that the kernel takes for too long, nothing is
// believed, and what links make of it is not followed for ever.
func TestLongNames(t *testing.T) {
	deep := strings.Repeat("/a", 20_000)
	g := newGathering(&snapshot.Plan{Trees: []snapshot.Tree{{Path: "/"}}})
	g.expect(&request{trees: []walk{{path: "/"}}})
	for i := range mostLinks {
		g.links[fmt.Sprintf("/l%d", i)] = fmt.Sprintf("l%d%s", i+1, strings.Repeat("/a", 2000))
	}
	var b strings.Builder
	b.WriteString(greeting + "\x00t\x00/\x00")
	for i := range 1000 {
		p := fmt.Sprintf("/l0/%d%s", i, deep)
		fmt.Fprintf(&b, "B1\x00%s\x0081a4 0 0 3 1 1 1 1 %s\n\x000.\x00", p, p)
	}
	b.WriteString("T0\x00E" + testNonce + "\x00")
	within(t, 20*time.Second, func() {
		if err := answerOf(g, b.String()); err != nil {
			t.Fatal(err)
		}
		n := 0
		for e := range g.b.Snapshot().Entries() {
			if n++; e.Meta.State != snapshot.Failed && e.Path != "/" {
				t.Fatalf("%.40q… is %+v", e.Path, e.Meta)
			}
		}
		if n < 1000 {
			t.Errorf("%d entries", n)
		}
	})
}

// TestHardLinksInATar: other names of one file take no room, and give none back.
func TestHardLinksInATar(t *testing.T) {
	var file bytes.Buffer
	w := tar.NewWriter(&file)
	add := func(h *tar.Header, data string) {
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, data); err != nil {
			t.Fatal(err)
		}
	}
	add(&tar.Header{Name: "a", Size: 100, Mode: 0o644}, strings.Repeat("x", 100))
	r := &request{many: []string{"/a"}}
	for i := range 20 {
		name := fmt.Sprintf("l%d", i)
		add(&tar.Header{Typeflag: tar.TypeLink, Name: name, Linkname: "a"}, "")
		r.many = append(r.many, "/"+name)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	g := newGathering(&snapshot.Plan{Limits: snapshot.Limits{TotalBytes: 1000}})
	g.expect(r)
	if err := g.archive(&file); err != nil {
		t.Fatal(err)
	}
	g.settle() // nothing was said of any of them: they went away
	if g.room != 1000 {
		t.Errorf("there is room for %d bytes", g.room)
	}
}
