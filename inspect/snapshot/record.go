package snapshot

import (
	"strings"
	"time"
)

// record is an Entry as it is kept: a third of the size, because a snapshot
// holds a hundred thousand of them. Facts are numbers into a table, for nearly
// all entries share the same few.
type record struct {
	path, link, caps                      string
	size                                  int64
	modTime, changeTime                   stamp
	device, inode                         uint64
	mode, uid, gid                        uint32
	meta, linked, capped, content, listed factID
	blob                                  int32 // into blobs; 0: none
	redacted                              bool
	implied                               bool // nobody reported it: what is below it was
	straight                              bool // no link is on the way from the root, as far as is known
}

// stamp is a time without its location, which costs a pointer.
type stamp struct {
	sec  int64
	nsec int32
}

func stampOf(t time.Time) stamp { return stamp{t.Unix(), int32(t.Nanosecond())} }

func (s stamp) time() time.Time { return time.Unix(s.sec, int64(s.nsec)).UTC() }

// blob is the content of one or more entries, and what is known of the whole.
type blob struct {
	data   []byte
	here   bool   // data is all, or the beginning, of the content
	sha256 string // of the whole; empty where unknown
}

// factID is the number of a Fact in a table; 0 is not collected, without a reason.
type factID uint32

const notCollectedID factID = 0

// factTable holds each fact once. It only grows, so a copy of the slice stays valid.
type factTable struct {
	facts []Fact
	ids   map[Fact]factID
}

func newFactTable(known []Fact) factTable {
	if len(known) == 0 {
		known = []Fact{{State: NotCollected}}
	}
	t := factTable{facts: known[:len(known):len(known)], ids: make(map[Fact]factID, len(known))}
	for i, f := range known {
		t.ids[f] = factID(i)
	}
	return t
}

// id gives a fact its number. A state that nobody defined counts as failed: it
// must never be taken for knowledge.
func (t *factTable) id(f Fact) factID {
	f = f.tidy()
	if id, ok := t.ids[f]; ok {
		return id
	}
	id := factID(len(t.facts))
	t.facts = append(t.facts, f)
	t.ids[f] = id
	return id
}

// tidy is the fact with its zero value written out, and text that JSON can carry.
func (f Fact) tidy() Fact {
	f.Detail = strings.ToValidUTF8(f.Detail, "\uFFFD")
	switch f.State {
	case Present, Absent, Denied, Truncated, Failed, NotCollected:
	case "":
		f.State = NotCollected
	default:
		f.Detail = strings.TrimSpace("unknown state " + strings.ToValidUTF8(string(f.State), "\uFFFD") + " " + f.Detail)
		f.State = Failed
	}
	return f
}

// entry is the record as others see it.
func (r *record) entry(facts []Fact, blobs []blob) Entry {
	e := Entry{
		Path: r.path, Meta: facts[r.meta],
		Mode: r.mode, UID: r.uid, GID: r.gid, Size: r.size,
		ModTime: r.modTime.time(), ChangeTime: r.changeTime.time(),
		Device: r.device, Inode: r.inode,
		Link: r.link, LinkFact: facts[r.linked],
		CapabilitiesFact: facts[r.capped],
		Content:          facts[r.content], SHA256: blobs[r.blob].sha256, Redacted: r.redacted,
		Listing: facts[r.listed],
	}
	if r.caps != "" {
		e.Capabilities = []byte(r.caps)
	}
	return e
}

// rest are the facts about all but the metadata.
func (r *record) rest() []*factID { return []*factID{&r.linked, &r.capped, &r.content, &r.listed} }

// spread says of all that nobody asked for what is said of the metadata, where
// these are absent or unreadable; gather takes that back.
func (r *record) spread(facts []Fact) {
	if s := facts[r.meta].State; s == Present || s == NotCollected {
		return
	}
	for _, id := range r.rest() {
		if *id == notCollectedID {
			*id = r.meta
		}
	}
}

func (r *record) gather(facts []Fact, here bool) {
	if s := facts[r.meta].State; s == Present || s == NotCollected {
		return
	}
	for _, id := range r.rest() {
		if *id == r.meta && (!here || id != &r.content) {
			*id = notCollectedID
		}
	}
}

// unknown is the entry of a path that there is no record of.
func unknown(path string, f Fact) Entry {
	return Entry{Path: path, Meta: f, LinkFact: f, CapabilitiesFact: f, Content: f, Listing: f}
}

func (r *record) isDir() bool     { return r.mode&ModeType == ModeDir }
func (r *record) isSymlink() bool { return r.mode&ModeType == ModeSymlink }
