package profile_test

import (
	"fmt"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/inspect/profile"
	"github.com/kubeassay/assay/inspect/snapshot"
)

// TestPartialEvidenceNeverContradicts is the promise of this package: what is
// decided on a part of the evidence is decided the same way on all of it. Worlds
// and expressions are random; of each world, parts are made unknown at random.
func TestPartialEvidenceNeverContradicts(t *testing.T) {
	var decided, open int
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 7))
		text, sources := randomProfile(r, 60)
		p := loadText(t, text)
		for range 6 {
			w := randomWorld(r)
			whole := statuses(t, p, w.build(nil))
			for range 6 {
				part := statuses(t, p, w.build(r))
				for i := range part {
					switch part[i].Status {
					case finding.Pass, finding.Fail:
						decided++
						// Known offenders are a failure, even where all of the evidence holds an error.
						if w := whole[i].Status; w != part[i].Status && (part[i].Status == finding.Pass || w == finding.Pass) {
							t.Fatalf("seed %d: %s\nis %s on a part of the evidence (%s), and %s on all of it (%s)", seed, sources[i],
								part[i].Status, part[i].Message, whole[i].Status, whole[i].Message)
						}
					default:
						open++
					}
				}
			}
		}
	}
	// A test in which nothing is decided, or nothing is unknown, shows nothing.
	if decided < 10_000 || open < 10_000 {
		t.Errorf("%d verdicts were reached and %d left open: the generator is no good", decided, open)
	}
}

func statuses(t *testing.T, p *profile.Profile, s *snapshot.Snapshot) []finding.Finding {
	t.Helper()
	r, err := p.Evaluate(t.Context(), s, profile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return r.Findings
}

// world is all that is true; build makes a snapshot of it, or of a part.
type world struct {
	entries   []snapshot.Entry // folders before what is in them
	contents  map[string]string
	processes []snapshot.Process
	mounts    []snapshot.Mount
	devices   bool
}

func randomWorld(r *rand.Rand) *world {
	w := &world{contents: map[string]string{}, devices: r.IntN(3) > 0}
	w.entries = append(w.entries, snapshot.Entry{Path: "/", Mode: snapshot.ModeDir | 0o755})
	for _, p := range []string{"/a", "/a/b", "/a/b/c", "/a/x.pem", "/d", "/d/e", "/d/f", "/etc", "/etc/passwd", "/etc/group", "/etc/conf", "/m", "/m/n", "/m/n/o"} {
		if r.IntN(5) == 0 || !slices.ContainsFunc(w.entries, func(e snapshot.Entry) bool { return e.Path == path.Dir(p) && e.IsDir() }) {
			continue
		}
		e := snapshot.Entry{Path: p, UID: uint32(r.IntN(3)), GID: uint32(r.IntN(2)), Size: int64(r.IntN(4))}
		permissions := []uint32{0o644, 0o666, 0o755, 0o4755, 0o2755, 0o600, 0o777, 0o1777}[r.IntN(8)]
		switch kind := r.IntN(6); {
		case strings.Count(p, "/") == 1 || kind == 0:
			e.Mode = snapshot.ModeDir | permissions&0o1777
		case kind == 1:
			e.Mode, e.Link = snapshot.ModeSymlink|0o777, []string{"/a", "../d", "/nowhere", "/etc/passwd"}[r.IntN(4)]
		default:
			e.Mode = snapshot.ModeRegular | permissions
			w.contents[p] = []string{"", "x", "xy", "root:x:0:0::/:/bin/sh\nme:x:1:1::/:/bin/sh\n", "root:x:0:\n"}[r.IntN(5)]
		}
		w.entries = append(w.entries, e)
	}
	if w.contents["/etc/passwd"] != "" {
		w.contents["/etc/passwd"] = "root:x:0:0::/:/bin/sh\nme:x:1:1::/:/bin/sh\n"
	}
	for pid := range r.IntN(4) {
		id := uint32(r.IntN(2))
		w.processes = append(w.processes, snapshot.Process{PID: pid + 1, Name: []string{"sh", "app"}[r.IntN(2)], UID: [4]uint32{id, id, id, id}, Seccomp: r.IntN(3), NoNewPrivs: r.IntN(2) == 0})
	}
	if r.IntN(2) == 0 {
		w.mounts = append(w.mounts, snapshot.Mount{Target: "/m", Type: "tmpfs", Options: []string{"ro"}})
	}
	return w
}

// build makes everything known where r is nil.
func (w *world) build(r *rand.Rand) *snapshot.Snapshot {
	b := snapshot.NewBuilder(snapshot.Limits{})
	gone := map[string]bool{} // folders of which nothing below is to be seen
	shaky := map[string]bool{}
	for _, e := range w.entries {
		dir := path.Dir(e.Path)
		if e.Path != "/" && (gone[dir] || shaky[dir] && r.IntN(2) == 0) {
			gone[e.Path] = true
			continue
		}
		e.Meta = doubt(r, 12)
		if e.Path == "/" {
			e.Meta = here
		}
		if w.devices {
			e.Device = 1
			if strings.HasPrefix(e.Path, "/m") && len(w.mounts) > 0 {
				e.Device = 2
			}
		}
		if e.Meta.State != snapshot.Present {
			gone[e.Path] = true
			b.Add(snapshot.Entry{Path: e.Path, Meta: e.Meta})
			continue
		}
		switch {
		case e.IsDir():
			e.Listing = doubt(r, 6)
			shaky[e.Path] = e.Listing.State != snapshot.Present
		case e.IsSymlink():
			e.LinkFact = doubt(r, 6)
		}
		b.Add(e)
		if content, ok := w.contents[e.Path]; ok {
			f := doubt(r, 4)
			switch f.State {
			case snapshot.Present:
			case snapshot.Truncated:
				content = content[:len(content)/2]
			default:
				content = ""
			}
			b.SetContent(e.Path, []byte(content), f)
		}
	}
	processes, f := some(r, w.processes)
	for i := range processes {
		processes[i].Status = doubt(r, 4)
	}
	b.SetProcesses(processes, f)
	mounts, f := some(r, w.mounts)
	b.SetMounts(mounts, f)
	return b.Snapshot()
}

// doubt is present, or one time in n something else.
func doubt(r *rand.Rand, n int) snapshot.Fact {
	if r == nil || r.IntN(n) > 0 {
		return here
	}
	return snapshot.Fact{State: []snapshot.State{snapshot.Denied, snapshot.Truncated, snapshot.Failed, snapshot.NotCollected}[r.IntN(4)]}
}

// some is all of a list, or a part of it with the fact that it is one.
func some[T any](r *rand.Rand, all []T) ([]T, snapshot.Fact) {
	out := slices.Clone(all)
	f := doubt(r, 4)
	if f.State != snapshot.Present {
		out = slices.DeleteFunc(out, func(T) bool { return r.IntN(2) == 0 })
	}
	return out, f
}

func randomProfile(r *rand.Rand, controls int) (text string, sources []string) {
	var b strings.Builder
	b.WriteString("name: random\ntitle: Random\ncontrols:\n")
	for i := range controls {
		g := &generator{r: r}
		key, source := "expression", g.boolean(3)
		if r.IntN(3) == 0 {
			key, source = "none", g.files(2)
		}
		sources = append(sources, key+": "+source)
		fmt.Fprintf(&b, "- id: c%d\n  title: C\n  impact: 0.5\n  tests:\n  - %s: |-\n      %s\n    message: m\n", i, key, source)
	}
	return b.String(), sources
}

// generator makes expressions. Names of variables are never used twice.
type generator struct {
	r *rand.Rand
	n int
}

func (g *generator) pick(all ...string) string { return all[g.r.IntN(len(all))] }

func (g *generator) variable() string {
	g.n++
	return fmt.Sprintf("v%d", g.n)
}

func (g *generator) path() string {
	return fmt.Sprintf("%q", g.pick("/a", "/a/b", "/a/b/c", "/d/e", "/etc/passwd", "/etc/conf", "/m/n", "/nowhere", "/a/../d"))
}

func (g *generator) boolean(depth int) string {
	if depth == 0 {
		return g.pick("true", "false", "file("+g.path()+").exists", "file("+g.path()+").atMost(\"0644\")", "process1.uid != 0",
			"size(users) == 2", "size(processes) > 0", "mounts.exists(m, m.readOnly)", "!file("+g.path()+").exists",
			"file("+g.path()+").content.contains(\"x\")", "\"root\" in users.map(u, u.name)", "files(\"/a/*\") == files(\"/d/*\")")
	}
	v := g.variable()
	switch g.r.IntN(11) {
	case 0:
		return "(" + g.boolean(depth-1) + " && " + g.boolean(depth-1) + ")"
	case 1:
		return "(" + g.boolean(depth-1) + " || " + g.boolean(depth-1) + ")"
	case 2:
		return "!(" + g.boolean(depth-1) + ")"
	case 3:
		return "(" + g.boolean(depth-1) + " ? " + g.boolean(depth-1) + " : " + g.boolean(depth-1) + ")"
	case 4:
		return g.files(depth-1) + "." + g.pick("all", "exists", "exists_one", "existsOne") + "(" + v + ", " + g.about(v, depth-1) + ")"
	case 5:
		return "size(" + g.files(depth-1) + ") " + g.pick("==", ">", "<") + " " + g.pick("0", "1", "2")
	case 6:
		return "processes." + g.pick("all", "exists") + "(" + v + ", " + g.pick(v+".uid == 0", v+".noNewPrivs", v+".name == \"sh\"", v+".seccomp == \"filter\"") + ")"
	case 7:
		return g.path() + " in " + g.files(depth-1) + ".map(" + v + ", " + v + ".path)"
	case 8:
		return g.files(depth-1) + ".map(" + v + ", " + g.about(v, 0) + ", " + v + ".size).all(s, s < 3)"
	case 9:
		return "sets." + g.pick("contains", "intersects", "equivalent") + "(" + g.files(depth-1) + ".map(" + v + ", " + v + ".name), [\"b\", \"c\"])"
	}
	return g.files(depth-1) + "." + g.pick("all", "exists") + "(i, " + v + ", " + g.pick("i < 1", g.about(v, depth-1)) + ")"
}

// files is a list of files.
func (g *generator) files(depth int) string {
	list := g.pick("files(\"/a/*\")", "files(\"/*/*\")", "files(\"/etc/*\")", "files(\"/nowhere/*\")", "tree(\"/\").entries", "tree(\"/a\").files", "tree(\"/\").folders",
		"tree(\"/\").setuid", "tree(\"/m\").entries", "tree(\"/\").worldWritable", "tree(\"/\").openFolders", "tree(\"/\").unowned",
		"tree(\"/\").named(\"*.pem\")", "tree(\"/d\").links", "[file("+g.path()+"), file("+g.path()+")]")
	if depth == 0 {
		return list
	}
	v := g.variable()
	switch g.r.IntN(10) {
	case 4:
		return "(" + g.boolean(depth-1) + " ? " + g.files(depth-1) + " : " + g.files(depth-1) + ")"
	case 5:
		return g.files(depth-1) + g.pick(".reverse()", ".slice(0, 1)", ".distinct()")
	case 6:
		return g.files(depth-1) + ".map(" + v + ", files(" + v + ".path)).flatten()"
	case 7:
		return "files(" + g.files(depth-1) + "[0].path)"
	case 8:
		return "tree(\"/\").named(" + g.files(depth-1) + "[0].name)"
	case 9:
		return g.files(depth-1) + ".transformList(i, " + v + ", " + g.about(v, depth-1) + ", " + v + ")"
	case 0:
		return "(" + g.files(depth-1) + " + " + g.files(depth-1) + ")"
	case 1:
		return g.files(depth-1) + ".filter(" + v + ", " + g.about(v, depth-1) + ")"
	case 2:
		return g.files(depth-1) + ".map(" + v + ", " + g.about(v, depth-1) + ", file(" + v + ".path))"
	}
	return list
}

// about is a condition on a file.
func (g *generator) about(v string, depth int) string {
	if depth == 0 {
		return g.pick(v+".setuid", v+".uid == 0", v+".isFile", v+".isFile && "+v+".content.contains(\"x\")", v+".owner == \"root\"", v+".exists",
			v+".path == \"/a/b\"", v+".worldWritable", v+".target != \"/d\"", "has("+v+".link)", v+".link == \"/a\"", v+".group == \"root\"", "true", "false")
	}
	switch g.r.IntN(4) {
	case 0:
		return "(" + g.about(v, depth-1) + " && " + g.about(v, depth-1) + ")"
	case 1:
		return "(" + g.about(v, depth-1) + " || " + g.boolean(depth-1) + ")"
	case 2:
		return "!(" + g.about(v, depth-1) + ")"
	}
	return "(" + g.about(v, depth-1) + " ? " + g.about(v, depth-1) + " : " + g.boolean(depth-1) + ")"
}
