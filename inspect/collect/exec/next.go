package exec

import (
	"path"
	"slices"
	"strings"

	"github.com/kubeassay/assay/inspect/snapshot"
)

// first is the request of the first round trip: everything of which it is known
// without having seen the container that it will be needed.
func (g *gathering) first() *request {
	p := g.plan
	r := &request{identity: true, mounts: true, processes: p.Processes, sockets: p.Sockets}
	for _, t := range p.Trees {
		root := path.Clean(t.Path)
		r.trees = append(r.trees, walk{path: root})
		r.stats = append(r.stats, root)
	}
	for _, name := range p.Files {
		r.stats = append(r.stats, path.Clean(name))
	}
	for _, name := range p.Stats {
		r.stats = append(r.stats, path.Clean(name))
		r.lists = append(r.lists, path.Clean(name))
	}
	for _, glob := range p.Globs {
		folder, deep := prefix(glob.Pattern)
		r.stats = append(r.stats, folder)
		switch deep {
		case 0:
		case 1:
			r.lists = append(r.lists, folder)
		default:
			r.trees = append(r.trees, walk{path: folder, depth: deep})
		}
	}
	r.tidy()
	return r
}

// tidy drops what is asked for twice, and asks for all folders above, so that
// links on the way are seen.
func (r *request) tidy() {
	slices.SortFunc(r.trees, func(a, b walk) int {
		if c := strings.Compare(a.path, b.path); c != 0 {
			return c
		}
		if (a.depth == 0) != (b.depth == 0) {
			return a.depth - b.depth // whole trees first
		}
		return b.depth - a.depth
	})
	var kept []walk
	for _, t := range r.trees {
		covered := slices.ContainsFunc(kept, func(k walk) bool {
			switch {
			case k.path == t.path:
				return k.depth == 0 && t.depth == 0 || k.depth >= t.depth && t.depth > 0
			case !below(t.path, k.path):
				return false
			case k.depth == 0:
				return t.depth == 0 // but for what is mounted: the next round sees that
			}
			return t.depth > 0 && depth(t.path)-depth(k.path)+t.depth <= k.depth
		})
		if !covered {
			kept = append(kept, t)
		}
	}
	r.trees = kept
	r.lists = unique(r.lists)
	r.stats = append(r.stats, r.lists...)
	r.stats = append(r.stats, r.many...)
	r.stats = append(r.stats, r.single...)
	r.stats = withParents(r.stats)
}

// prefix is the folder above the first segment with wildcards, and how many
// segments come below it; 0 where there are no wildcards.
func prefix(pattern string) (folder string, deep int) {
	segments := strings.Split(strings.Trim(path.Clean(pattern), "/"), "/")
	first := slices.IndexFunc(segments, hasWildcard)
	if first < 0 {
		return path.Clean(pattern), 0
	}
	return "/" + strings.Join(segments[:first], "/"), len(segments) - first
}

func hasWildcard(s string) bool { return strings.ContainsAny(s, `*?[\`) }

// missing looks at what is known so far, and makes the next request of what the
// plan still lacks. With last, it says that of each thing instead.
func (g *gathering) missing(last func(what string, e snapshot.Entry)) *request {
	m := &finder{g: g, s: g.b.Snapshot(), r: &request{}, last: last, seen: map[string]bool{}}
	for _, name := range g.plan.Files {
		m.content(name)
	}
	for _, name := range g.plan.Stats {
		if e, ok := m.place(name); ok && e.IsDir() {
			m.names(e)
		}
	}
	for _, glob := range g.plan.Globs {
		m.glob(glob)
	}
	m.mountPoints()
	for _, t := range g.plan.Trees {
		m.tree(t)
	}
	m.r.tidy()
	if m.empty() {
		m.r.stats = nil // folders above nothing
	}
	return m.r
}

func (m *finder) empty() bool { return !m.any }

// finder looks for what a plan still lacks.
type finder struct {
	g    *gathering
	s    *snapshot.Snapshot
	r    *request
	last func(what string, e snapshot.Entry)
	any  bool
	seen map[string]bool // contents that are asked for
}

// place finds what a path leads to, and asks for what is not known on the way.
func (m *finder) place(name string) (snapshot.Entry, bool) {
	if lacking := m.s.Missing(name); lacking != "" {
		m.any = true
		if m.last != nil {
			m.last("meta", snapshot.Entry{Path: lacking})
		}
		m.r.stats = append(m.r.stats, lacking)
		return snapshot.Entry{Path: lacking}, false
	}
	e := m.s.Resolve(name)
	return e, e.Meta.State == snapshot.Present
}

// content asks for the bytes of what a path leads to.
func (m *finder) content(name string) {
	e, ok := m.place(name)
	switch {
	case ok && e.IsRegular():
		m.bytes(e)
	case !ok && e.Meta.State == "" && m.last == nil && !m.seen[e.Path]:
		// Perhaps it is there, and a file: then one round trip is saved.
		m.seen[e.Path] = true
		m.r.single = append(m.r.single, e.Path)
	}
}

func (m *finder) bytes(e snapshot.Entry) {
	if _, refused := m.g.refused[e.Path]; refused || e.Content.State != snapshot.NotCollected || m.seen[e.Path] {
		return
	}
	m.seen[e.Path] = true
	m.any = true
	m.g.sizes[e.Path] = e.Size
	switch {
	case m.last != nil:
		m.last("content", e)
	case m.g.again[e.Path], e.Size > m.g.limits.FileBytes, e.Size == 0 && generated(e.Path), strings.ContainsRune(e.Path, '\\'):
		// tar would send all of a large file, and nothing of those in /proc; and
		// GNU's takes a backslash for the beginning of something else.
		m.r.single = append(m.r.single, e.Path)
	default:
		m.r.many = append(m.r.many, e.Path)
	}
}

// generated: the kernel makes the content while it is read, and tells no size.
func generated(p string) bool {
	return below(p, "/proc") || below(p, "/sys") || below(p, "/dev")
}

// names asks for all names in a folder.
func (m *finder) names(e snapshot.Entry) {
	if e.Listing.State != snapshot.NotCollected {
		return
	}
	m.any = true
	if m.last != nil {
		m.last("names", e)
	}
	m.r.lists = append(m.r.lists, e.Path)
}

// glob asks for the folders in which a pattern's segments are looked for, and
// for the contents of what matches.
func (m *finder) glob(g snapshot.Glob) {
	segments := strings.Split(strings.Trim(path.Clean(g.Pattern), "/"), "/")
	first := slices.IndexFunc(segments, hasWildcard)
	for i := max(first, 0); i < len(segments) && first >= 0; i++ {
		above := []snapshot.Entry{{Path: "/" + strings.Join(segments[:i], "/")}}
		if i > first {
			above, _ = m.s.Glob(above[0].Path)
		}
		for _, folder := range above {
			e, ok := m.place(folder.Path)
			switch {
			case !ok && e.Meta.State == "":
				m.guess(e.Path, segments[i:], g.Contents)
			case !ok || !e.IsDir():
			case hasWildcard(segments[i]):
				m.names(e)
			default:
				m.place(path.Join(e.Path, segments[i]))
			}
		}
	}
	found, _ := m.s.Glob(g.Pattern)
	if first < 0 {
		found = []snapshot.Entry{{Path: path.Clean(g.Pattern)}}
	}
	for _, e := range found {
		if g.Contents {
			m.content(e.Path)
		} else if e.Meta.State != snapshot.Present {
			m.place(e.Path)
		}
	}
}

// guess asks for what a pattern's segments may find below a path of which nothing
// is known yet, so that it need not be asked for in a round trip of its own.
func (m *finder) guess(folder string, segments []string, contents bool) {
	for i, segment := range segments {
		if hasWildcard(segment) {
			if m.last == nil {
				m.r.lists = append(m.r.lists, folder)
			}
			return
		}
		folder = path.Join(folder, segment)
		m.r.stats = append(m.r.stats, folder)
		if i == len(segments)-1 && contents && m.last == nil && !m.seen[folder] {
			m.seen[folder] = true
			m.r.single = append(m.r.single, folder)
		}
	}
}

// tree asks for a tree that is somewhere else than its path says, and for contents.
func (m *finder) tree(t snapshot.Tree) {
	root, ok := m.place(t.Path)
	if !ok && root.Meta.State == "" && m.last == nil {
		m.r.trees = append(m.r.trees, walk{path: root.Path})
	}
	if !ok || !root.IsDir() {
		return
	}
	if root.Listing.State == snapshot.NotCollected {
		m.any = true
		if m.last != nil {
			m.last("names", root)
		}
		m.r.trees = append(m.r.trees, walk{path: root.Path})
		return
	}
	if len(t.Contents) == 0 {
		return
	}
	most := t.ContentsUpTo
	if most == 0 {
		most = m.g.limits.FileBytes
	}
	for e := range m.s.Below(root.Path) {
		if !e.IsRegular() || e.Size > most || root.Device != 0 && m.elsewhere(e, root) {
			continue
		}
		if slices.ContainsFunc(t.Contents, func(pattern string) bool {
			ok, err := path.Match(pattern, path.Base(e.Path))
			return err == nil && ok
		}) {
			m.bytes(e)
		}
	}
}

// elsewhere: not on the tree's file system, but known for another reason. (Of
// what is no folder, an overlay shows devices of the layers.)
func (m *finder) elsewhere(e, root snapshot.Entry) bool {
	for p := path.Dir(e.Path); below(p, root.Path); p = path.Dir(p) {
		if d := m.s.Entry(p); d.Meta.State == snapshot.Present && d.IsDir() && d.Device != root.Device {
			return true
		}
	}
	return false
}

// mountPoints asks for folders in trees on which something is mounted: some find
// leave them out, and then they would seem not to be there.
func (m *finder) mountPoints() {
	for _, t := range m.g.plan.Trees {
		root := m.s.Resolve(t.Path)
		for _, at := range m.g.mountList {
			if !below(at.Target, root.Path) {
				continue
			}
			above := m.s.Entry(path.Dir(at.Target))
			if above.Path != path.Dir(at.Target) || above.Listing.State != snapshot.Present {
				continue
			}
			if e := m.s.Entry(at.Target); e.Path == at.Target && e.Meta.State != snapshot.Present {
				if _, asked := m.g.stats[at.Target]; !asked {
					m.any = true
					m.r.stats = append(m.r.stats, at.Target)
				}
			}
		}
	}
}
