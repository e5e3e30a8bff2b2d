package snapshot

import (
	"fmt"
	"iter"
	"slices"
	"sort"
	"strings"
)

// Snapshot is the evidence from one container. It never changes, so any number
// of goroutines may ask it. Paths are those of the container ("/etc/passwd"),
// of any bytes; its methods as an fs.FS take names as io/fs wants them
// ("etc/passwd").
type Snapshot struct {
	Target   Target
	Origin   Origin
	Kernel   Kernel
	Declared Declared

	processes list[Process]
	mounts    list[Mount]
	sockets   list[Socket]

	recs   []record // sorted by path; [0] is the root
	byPath map[string]int32
	// The children of recs[i] are children[first[i]:first[i+1]], sorted by name.
	children, first []int32
	blobs           []blob
	facts           []Fact
	over            int // entries that a limit kept out
	redacted        bool
}

// list is what a table in /proc showed, and whether that is all of it.
type list[T any] struct {
	items []T
	fact  Fact
}

func (l *list[T]) set(items []T, f Fact) {
	if f = f.tidy(); replaces(l.fact, f) {
		l.items, l.fact = items, f
	}
}

func (l *list[T]) get() ([]T, Fact) { return slices.Clone(l.items), l.fact.tidy() }

// head is all of a snapshot but its files.
type head struct {
	Target    Target
	Origin    Origin
	Kernel    Kernel
	Declared  Declared
	processes list[Process]
	mounts    list[Mount]
	sockets   list[Socket]
	redacted  bool
}

func (s *Snapshot) head() head {
	return head{s.Target, s.Origin, s.Kernel, s.Declared, s.processes, s.mounts, s.sockets, s.redacted}
}

// Redacted reports whether the snapshot is from a file whose secrets were taken
// out when it was saved: values in the declared pod may then be no real ones.
// Entry.Redacted and Process.Redacted say it of the single thing.
func (s *Snapshot) Redacted() bool { return s.redacted }

// Snapshot makes a snapshot of what is known so far. The builder may go on.
func (b *Builder) Snapshot() *Snapshot {
	h := b.head
	h.Kernel.Fact = h.Kernel.Fact.tidy()
	s := &Snapshot{
		Target: h.Target, Origin: h.Origin, Kernel: h.Kernel, Declared: h.Declared,
		processes: h.processes, mounts: h.mounts, sockets: h.sockets, over: b.over, redacted: h.redacted,
	}
	cutFact := b.facts.id(b.overflow())
	never := b.facts.id(Fact{State: Failed, Detail: "the content was announced and never came"})
	s.recs = make([]record, 0, len(b.recs)+16)
	s.blobs = make([]blob, 1, len(b.blobs))
	for i := range b.recs {
		r := b.recs[i]
		if b.cut[int32(i)] && b.facts.facts[r.listed].State == Present {
			r.listed = cutFact
		}
		held := b.blobs[r.blob]
		if !held.here && b.facts.facts[r.content].State == Present {
			r.content = never
		}
		if r.blob != 0 {
			r.blob = int32(len(s.blobs))
			s.blobs = append(s.blobs, held)
		}
		r.spread(b.facts.facts)
		s.recs = append(s.recs, r)
	}
	s.recs = append(s.recs, b.implied()...)
	s.facts = slices.Clip(b.facts.facts)
	slices.SortFunc(s.recs, func(x, y record) int { return strings.Compare(x.path, y.path) })
	s.index()
	return s
}

func (b *Builder) overflow() Fact {
	return Fact{State: Truncated, Detail: fmt.Sprintf("the limit of %d entries is reached, %d were left out", b.limits.Files, b.over)}
}

const (
	// longestPath is what even a collector that goes from folder to folder can
	// tell of: a path that the kernel takes, with one more name.
	longestPath = 2 * MaxPath
	// mostImplied bounds the folders that nobody reported: a few long paths could
	// stand for any number of them.
	mostImplied = 1 << 20
)

// implied are the folders that nobody reported but that must be there, because
// something in them is; and the root, which always is. What is too deep for
// that is found by its whole path alone.
func (b *Builder) implied() []record {
	var more []record
	seen := map[string]bool{}
	zero := record{modTime: stampOf(Entry{}.ModTime), changeTime: stampOf(Entry{}.ChangeTime), implied: true}
	want := func(name string) bool {
		if _, ok := b.byPath[name]; ok || seen[name] || len(more) == mostImplied {
			return false
		}
		seen[name] = true
		r := zero
		r.path = name
		if name == "/" {
			r.mode = ModeDir
		}
		more = append(more, r)
		return true
	}
	want("/")
	for i := range b.recs {
		r := &b.recs[i]
		if b.facts.facts[r.meta].State != Present && !b.blobs[r.blob].here && b.facts.facts[r.listed].State != Present || len(r.path) > longestPath {
			continue
		}
		for name := parent(r.path); want(name); {
			name = parent(name)
		}
	}
	return more
}

// parent is the folder of a clean path; the root's is the root.
func parent(name string) string {
	if i := strings.LastIndexByte(name, '/'); i > 0 {
		return name[:i]
	}
	return "/"
}

// base is the last name of a clean path.
func base(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }

// index finds each folder's children. Siblings are in the order of their names
// already, because all records are in the order of their paths.
func (s *Snapshot) index() {
	s.byPath = make(map[string]int32, len(s.recs))
	for i := range s.recs {
		s.byPath[s.recs[i].path] = int32(i)
	}
	parents := make([]int32, len(s.recs))
	s.first = make([]int32, len(s.recs)+1)
	total := int32(0)
	for i := range s.recs {
		r := &s.recs[i]
		parents[i] = -1
		if i == 0 {
			r.straight = true
			continue
		}
		up, ok := s.byPath[parent(r.path)]
		if !ok {
			continue
		}
		folder := &s.recs[up]
		r.straight = folder.straight && !s.isLink(folder) && (!s.seen(folder) || folder.isDir()) && s.facts[folder.meta].State != Absent
		if s.facts[r.meta].State == Absent {
			continue
		}
		parents[i] = up
		s.first[up+1]++
		total++
	}
	for i := range s.recs {
		s.first[i+1] += s.first[i]
	}
	s.children = make([]int32, total)
	next := slices.Clone(s.first)
	for i, up := range parents {
		if up >= 0 {
			s.children[next[up]] = int32(i)
			next[up]++
		}
	}
}

// seen reports whether a record's metadata are known.
func (s *Snapshot) seen(r *record) bool { return s.facts[r.meta].State == Present }

func (s *Snapshot) isLink(r *record) bool { return r.link != "" || r.isSymlink() && s.seen(r) }

// names are the records of a folder's children, but those known to be absent.
func (s *Snapshot) names(i int32) []int32 { return s.children[s.first[i]:s.first[i+1]] }

func (s *Snapshot) entryAt(i int32) Entry { return s.recs[i].entry(s.facts, s.blobs) }

// Entries are all entries that were reported, sorted by path, byte by byte.
func (s *Snapshot) Entries() iter.Seq[Entry] { return s.between(0, len(s.recs)) }

// Below are the entries below a folder, without it, sorted by path. Links on
// the way to it and the folder itself are followed, those below it are not.
// Whether that is all of them, [Snapshot.Whole] tells.
func (s *Snapshot) Below(path string) iter.Seq[Entry] {
	top := s.walk(path, true)
	if !top.found() {
		return func(func(Entry) bool) {}
	}
	from, to := s.span(s.recs[top.at].path)
	return s.between(from, to)
}

// span is the range of the records below a path.
func (s *Snapshot) span(path string) (from, to int) {
	if path == "/" {
		return 1, len(s.recs)
	}
	search := func(prefix string) int {
		return sort.Search(len(s.recs), func(i int) bool { return s.recs[i].path >= prefix })
	}
	return search(path + "/"), search(path + "0") // "0" follows "/"
}

func (s *Snapshot) between(from, to int) iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		for i := from; i < to; i++ {
			if !s.recs[i].implied && !yield(s.entryAt(int32(i))) {
				return
			}
		}
	}
}

// Whole says whether everything below a folder is known: whether the names in
// it and in every folder below are. It is the first fact that says otherwise.
func (s *Snapshot) Whole(path string) Fact {
	top := s.walk(path, true)
	if !top.found() {
		return top.fact
	}
	from, to := s.span(s.recs[top.at].path)
	for i := from - 1; i < to; i++ {
		r := &s.recs[top.at]
		if i >= from {
			r = &s.recs[i]
		}
		e := r.entry(s.facts, s.blobs)
		switch {
		case e.Meta.State == Absent, e.Meta.State == Present && !r.isDir(), e.Listing.State == Present:
		case e.Meta.State != Present:
			return Fact{e.Meta.State, about(e.Path, e.Meta)}
		default:
			return Fact{e.Listing.State, "the names in " + about(e.Path, e.Listing)}
		}
	}
	return Fact{State: Present}
}

// about is a fact's reason with what it is about.
func about(path string, f Fact) string {
	why := f.Detail
	if why == "" {
		why = strings.ReplaceAll(string(f.State), "-", " ")
	}
	return quote(path) + ": " + why
}

// quote writes a path into a sentence: as it is, if it is ordinary.
func quote(path string) string {
	q := fmt.Sprintf("%q", path)
	if q[1:len(q)-1] == path {
		return path
	}
	return q
}

// Processes are the container's, and whether these are all.
func (s *Snapshot) Processes() ([]Process, Fact) { return s.processes.get() }

// Mounts are the container's, and whether these are all.
func (s *Snapshot) Mounts() ([]Mount, Fact) { return s.mounts.get() }

// Sockets are those that listen, and whether these are all.
func (s *Snapshot) Sockets() ([]Socket, Fact) { return s.sockets.get() }
