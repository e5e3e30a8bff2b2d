package exec

import (
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/kubeassay/assay/inspect/collect/internal/proc"
	"github.com/kubeassay/assay/inspect/snapshot"
)

// gathering takes what answers hold into a builder, and checks it against what
// was asked: a container may answer what it likes, but only about that.
type gathering struct {
	limits snapshot.Limits
	plan   *snapshot.Plan
	b      *snapshot.Builder
	asked  *request // of the answer that is being read

	// Of what there is one of. The facts are zero while nothing came.
	me            identity
	greeted       bool // the identity came
	uid, gid      *int64
	began         time.Time // the system
	mountList     []snapshot.Mount
	mountsFact    snapshot.Fact
	processesFact snapshot.Fact
	socketsFact   snapshot.Fact

	entries  int
	names    int64                    // bytes of them
	room     int64                    // bytes of contents that may still come
	stats    map[string]described     // what was asked for by name, as it was last
	links    map[string]string        // where the links lead that were seen
	contents map[string]*content      // of this answer
	sizes    map[string]int64         // of contents that are asked for
	again    map[string]bool          // contents to be read once more, without tar
	refused  map[string]snapshot.Fact // contents that can't be had
	wanted   map[string]bool          // of the answer being read: stats, and contents
	folders  map[string]bool          // of the answer being read: whose names have not come yet

	list string // the folder whose names come now
	// complete are the folders whose names came. What is said of the folders
	// themselves comes later.
	complete []string
	tree     *tree // the tree that comes now
}

// tree is what must be remembered of a tree until its end.
type tree struct {
	walk
	device    uint64 // of its root; 0 before that came
	folders   []string
	excuses   int // reasons for find to end with an error
	described int
}

// bytesPerName is what the entries of trees and folders may have on an average:
// without that, a limit on their number would be none on the memory they take.
const bytesPerName = 256

func newGathering(plan *snapshot.Plan) *gathering {
	l := plan.Limits.WithDefaults()
	// The builder must not cut: what a limit keeps out is decided, and told, here.
	wide := l
	wide.Files = 2*l.Files + 100*snapshot.MaxPlan
	return &gathering{
		limits: l, plan: plan, b: snapshot.NewBuilder(wide), room: l.TotalBytes,
		stats: map[string]described{}, links: map[string]string{}, sizes: map[string]int64{}, again: map[string]bool{}, refused: map[string]snapshot.Fact{},
	}
}

// expect says what the next answer is to.
func (g *gathering) expect(r *request) {
	g.asked, g.list, g.tree, g.complete, g.contents = r, "", nil, nil, map[string]*content{}
	g.wanted, g.folders = map[string]bool{}, map[string]bool{}
	for _, p := range r.lists {
		g.folders[p] = true
	}
	for _, all := range [][]string{r.stats, r.many, r.single} {
		for _, p := range all {
			g.wanted[p] = true
		}
	}
}

func (g *gathering) identity(id identity) {
	g.greeted, g.me, g.uid, g.gid = true, id, numberOf(id.uid), numberOf(id.gid)
	g.began = bootTime(id.stat)
	g.b.SetKernel(kernel(id.uname))
}

func (g *gathering) mounts(data []byte) {
	list, err := proc.Mounts(data)
	if err == nil && len(list) == 0 {
		err = fmt.Errorf("/proc/self/mountinfo is empty or can't be read")
	}
	g.mountList, g.mountsFact = list, snapshot.Fact{State: snapshot.Present}
	if err != nil {
		g.mountList, g.mountsFact = nil, snapshot.Fact{State: snapshot.Failed, Detail: err.Error()}
	}
	if g.plan.Mounts {
		g.b.SetMounts(g.mountList, g.mountsFact)
	}
}

// denied adds who asked to a refusal.
func (g *gathering) denied(f snapshot.Fact) snapshot.Fact {
	if f.State == snapshot.Denied {
		f.Detail = notEnough(g.uid)
	}
	return f
}

func (g *gathering) batch(batch []described) error {
	for i := range batch {
		d := &batch[i]
		d.Meta = g.denied(d.Meta)
		d.unreadable = g.denied(d.unreadable)
		if g.tree != nil || g.list != "" {
			// So that what was asked for by name has room, too.
			g.names += int64(len(d.Path) + len(d.Link) + len(d.Meta.Detail))
			if g.entries++; g.entries > max(g.limits.Files-2*len(g.asked.stats)-100, g.limits.Files/2) || g.names > int64(g.limits.Files)*bytesPerName {
				return errLimit
			}
		}
		switch {
		case g.tree != nil:
			g.inTree(d)
		case g.list != "":
			// What is gone again was never said to be there; so was a pattern of the shell that matched nothing.
			if path.Dir(d.Path) == g.list && d.Meta.State != snapshot.Absent {
				g.add(d)
			}
		case g.wanted[d.Path]:
			g.stats[d.Path] = *d
			g.add(d)
		}
	}
	return nil
}

func (g *gathering) add(d *described) {
	e := d.Entry
	if d.closed {
		e.Listing = snapshot.Fact{State: snapshot.Denied, Detail: notEnough(g.uid)}
	}
	e.Path = g.real(e.Path)
	if e.IsSymlink() && e.LinkFact.State == snapshot.Present {
		g.links[e.Path] = e.Link
	}
	if d.unreadable.State != "" && e.IsRegular() {
		e.Content = d.unreadable
		g.refused[e.Path] = d.unreadable
	}
	g.b.Add(e)
}

// put adds what is known of a path, under its real name.
func (g *gathering) put(e snapshot.Entry) {
	e.Path = g.real(e.Path)
	g.b.Add(e)
}

// mostLinks on the way to one path, as in the kernel.
const mostLinks = 40

// real is the name of a path without the links that are known on the way to it:
// the container's commands were told "/var/run/x", and followed the link
// /var/run, so what they said is of "/run/x". A link at the end stays.
func (g *gathering) real(p string) string {
	for range mostLinks {
		if len(p) >= snapshot.MaxPath {
			return p // the kernel follows none so long
		}
		at, to := g.firstLink(p)
		if at == "" {
			return p
		}
		if !strings.HasPrefix(to, "/") {
			to = path.Join(path.Dir(at), to)
		}
		p = path.Join(to, strings.TrimPrefix(p, at))
	}
	return p
}

// firstLink finds the first folder above a path that is a link.
func (g *gathering) firstLink(p string) (at, to string) {
	if len(g.links) == 0 {
		return "", ""
	}
	for i := 1; i < len(p); i++ {
		if p[i] != '/' {
			continue
		}
		if to, ok := g.links[p[:i]]; ok {
			return p[:i], to
		}
	}
	return "", ""
}

func (g *gathering) listBegins(p string) error {
	if !g.folders[p] {
		return malformed("it has the names in %.100q, which nobody asked for, or has them twice", p)
	}
	delete(g.folders, p)
	g.list = p
	return nil
}

func (g *gathering) listEnds() {
	if g.list != "" {
		g.complete = append(g.complete, g.list)
	}
	g.list = ""
}

// listed says that all names in a folder came. That it can't be opened, or is
// none, was said with its description.
func (g *gathering) listed(folder string) {
	if d := g.stats[folder]; d.Meta.State == snapshot.Present && d.IsDir() && !d.closed {
		g.put(snapshot.Entry{Path: folder, Listing: snapshot.Fact{State: snapshot.Present}})
	}
}

func (g *gathering) treeBegins(p string) error {
	for _, w := range g.asked.trees {
		if w.path == p && g.tree == nil {
			g.tree = &tree{walk: w}
			return nil
		}
	}
	return malformed("it has a tree at %.100q, which nobody asked for", p)
}

const otherFileSystem = "another file system is mounted here"

func (g *gathering) inTree(d *described) {
	t := g.tree
	if d.Path != t.path && !below(d.Path, t.path) {
		return
	}
	t.described++
	if d.Meta.State != snapshot.Present {
		t.excuses++
		if d.Meta.State != snapshot.Absent { // gone while it was walked
			g.add(d)
		}
		return
	}
	if d.Path == t.path {
		t.device = d.Device
	}
	switch {
	case d.closed:
		t.excuses++
	case !d.IsDir():
	case t.depth == 0 && t.device != 0 && d.Device != t.device:
		d.Listing = snapshot.Fact{State: snapshot.NotCollected, Detail: otherFileSystem}
	case t.depth > 0 && depth(d.Path)-depth(t.path) >= t.depth:
	default:
		t.folders = append(t.folders, d.Path)
	}
	if g.plan.FileCapabilities && d.IsRegular() && d.Mode&0o111 != 0 {
		d.CapabilitiesFact = snapshot.Fact{State: snapshot.NotCollected, Detail: "no command in the container can be relied on to show extended attributes; an image volume or a debug container shows them"}
	}
	g.add(d)
}

// treeEnds is told find's exit code.
func (g *gathering) treeEnds(code int) {
	t := g.tree
	if g.tree = nil; t == nil {
		return
	}
	whole := snapshot.Fact{State: snapshot.Present}
	switch {
	case code == 127 || code == 126:
		g.put(snapshot.Entry{Path: t.path, Listing: snapshot.Fact{State: snapshot.Failed, Detail: "the container has no command find"}})
		return
	case code != 0 && t.excuses == 0 && t.described > 0:
		// Which folder it is about, find says only in words.
		whole = snapshot.Fact{State: snapshot.Failed, Detail: fmt.Sprintf("walking the tree at %s, find met errors (exit code %d)", t.path, code)}
	}
	g.closeTree(t, whole)
}

// closeTree says of all folders of a tree whether the names in them are all here.
func (g *gathering) closeTree(t *tree, whole snapshot.Fact) {
	for _, folder := range t.folders {
		g.put(snapshot.Entry{Path: folder, Listing: whole})
	}
}

// breakOff closes what an answer left open.
func (g *gathering) breakOff(why snapshot.Fact) {
	if g.tree != nil {
		g.closeTree(g.tree, why)
	}
	if g.list != "" {
		g.put(snapshot.Entry{Path: g.list, Listing: why})
	}
	g.tree, g.list = nil, ""
}

// below reports whether a path lies in a folder, at any depth.
func below(p, folder string) bool {
	return folder == "/" && p != "/" || strings.HasPrefix(p, folder+"/")
}

func depth(p string) int {
	if p == "/" {
		return 0
	}
	return strings.Count(p, "/")
}
