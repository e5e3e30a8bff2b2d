package snapshot

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"slices"
)

// Builder gathers evidence, in any order, and makes snapshots of it. What is
// said twice of one path is merged: what is known wins over what is not, and
// of two that are known the later one. It is for one goroutine.
type Builder struct {
	limits Limits
	head   head
	facts  factTable
	recs   []record
	byPath map[string]int32
	blobs  []blob
	bytes  int64
	cut    map[int32]bool // folders with names that the limit on entries kept out
	over   int            // how many entries it kept out
}

// NewBuilder makes an empty one. What goes beyond the limits is cut, and says so.
func NewBuilder(l Limits) *Builder {
	return &Builder{
		limits: l.WithDefaults(), facts: newFactTable(nil),
		byPath: map[string]int32{}, blobs: make([]blob, 1), cut: map[int32]bool{},
	}
}

// From makes a builder that knows all that s knows, to add a further round. Its
// limits are the defaults; those of a collection were for that one.
func From(s *Snapshot) *Builder {
	b := NewBuilder(Limits{})
	b.head = s.head()
	b.facts = newFactTable(s.facts)
	b.blobs = slices.Clone(s.blobs)
	b.over = s.over
	b.recs = make([]record, 0, len(s.recs))
	for i := range s.recs {
		r := s.recs[i]
		if r.implied {
			continue
		}
		b.byPath[r.path] = int32(len(b.recs))
		b.recs = append(b.recs, r)
		b.bytes += int64(len(b.blobs[r.blob].data))
	}
	b.limits.Files += len(b.recs)
	b.limits.TotalBytes += b.bytes
	return b
}

// SetTarget says which container the evidence is from.
func (b *Builder) SetTarget(t Target) { b.head.Target = t }

// SetOrigin says how it was collected.
func (b *Builder) SetOrigin(o Origin) { b.head.Origin = o }

// SetKernel says what system runs below the container.
func (b *Builder) SetKernel(k Kernel) {
	k.Fact = k.Fact.tidy()
	if replaces(b.head.Kernel.Fact, k.Fact) {
		b.head.Kernel = k
	}
}

// SetDeclared keeps the pod as the API server had it.
func (b *Builder) SetDeclared(d Declared) {
	if len(d) > 0 {
		b.head.Declared = bytes.Clone(d)
	}
}

// SetProcesses keeps the container's processes, and whether these are all.
func (b *Builder) SetProcesses(p []Process, f Fact) {
	p = slices.Clone(p)
	for i := range p {
		for _, f := range []*Fact{&p[i].Status, &p[i].ArgsFact, &p[i].ExeFact, &p[i].EnvFact} {
			*f = f.tidy()
		}
	}
	b.head.processes.set(p, f)
}

// SetMounts keeps the container's mounts, and whether these are all.
func (b *Builder) SetMounts(m []Mount, f Fact) { b.head.mounts.set(slices.Clone(m), f) }

// SetSockets keeps the listening sockets, and whether these are all.
func (b *Builder) SetSockets(s []Socket, f Fact) { b.head.sockets.set(slices.Clone(s), f) }

// replaces reports whether a newer fact takes the place of an older one: a
// beginning is better than nothing, and certainty better than both.
func replaces(older, newer Fact) bool {
	rank := func(s State) int {
		switch s {
		case Present, Absent:
			return 3
		case Truncated:
			return 2
		case Denied, Failed:
			return 1
		}
		return 0
	}
	o, n := rank(older.State), rank(newer.State)
	return n > o || n == o && (n > 0 || newer.Detail != "" || older.State == "")
}

// record finds the record of a path, and makes it where there is none. It is
// nil where the limit on entries is reached.
func (b *Builder) record(name string) *record {
	name = clean(name)
	if i, ok := b.byPath[name]; ok {
		return &b.recs[i]
	}
	if len(b.recs) >= b.limits.Files {
		b.over++
		if i, ok := b.byPath[path.Dir(name)]; ok {
			b.cut[i] = true
		}
		return nil
	}
	b.byPath[name] = int32(len(b.recs))
	zero := Entry{}
	b.recs = append(b.recs, record{path: name, modTime: stampOf(zero.ModTime), changeTime: stampOf(zero.ChangeTime)})
	return &b.recs[len(b.recs)-1]
}

// clean is the absolute path without "//", "." and "..".
func clean(name string) string {
	if name == "" || name[0] != '/' {
		name = "/" + name
	}
	return path.Clean(name)
}

// Add keeps what is known of one path. A folder whose Listing is present needs
// an entry for each name in it, if only with its Path: the names that have none
// are absent. Content that is said to be present must come by SetContent.
func (b *Builder) Add(e Entry) {
	r := b.record(e.Path)
	if r == nil {
		return
	}
	if e.Link != "" && e.LinkFact.State == "" {
		e.LinkFact.State = Present
	}
	if f := e.Meta.tidy(); replaces(b.facts.facts[r.meta], f) {
		b.setMeta(r, &e, f)
	}
	if f := e.LinkFact.tidy(); replaces(b.facts.facts[r.linked], f) {
		r.linked, r.link = b.facts.id(f), ""
		if f.State == Present {
			r.link = e.Link
		}
	}
	if f := e.CapabilitiesFact.tidy(); replaces(b.facts.facts[r.capped], f) {
		r.capped, r.caps = b.facts.id(f), ""
		if f.State == Present {
			r.caps = string(e.Capabilities)
		}
	}
	if f := e.Listing.tidy(); replaces(b.facts.facts[r.listed], f) {
		r.listed = b.facts.id(f)
	}
	// A fact alone says nothing against bytes that are here already.
	if f := e.Content.tidy(); !b.blobs[r.blob].here && replaces(b.facts.facts[r.content], f) {
		b.setContent(r, nil, false, f)
		r.redacted = r.redacted || e.Redacted
	}
	if isSHA256(e.SHA256) && b.blobs[r.blob].sha256 == "" {
		held := b.blobs[r.blob]
		held.sha256 = e.SHA256
		b.setBlob(r, held)
	}
}

// setMeta takes over the metadata. What is gone has no content any more, and
// what stayed the same keeps what only the earlier round could learn.
func (b *Builder) setMeta(r *record, e *Entry, f Fact) {
	same := b.facts.facts[r.meta].State == Present && r.mode == e.Mode && r.size == e.Size && r.modTime.sec == e.ModTime.Unix()
	r.gather(b.facts.facts, b.blobs[r.blob].here)
	r.meta = b.facts.id(f)
	if f.State == Absent {
		b.setBlob(r, blob{})
		*r = record{path: r.path, meta: r.meta, modTime: stampOf(e.ModTime), changeTime: stampOf(e.ChangeTime)}
		return
	}
	r.mode, r.uid, r.gid, r.size, r.modTime = e.Mode, e.UID, e.GID, e.Size, stampOf(e.ModTime)
	if !same || !e.ChangeTime.IsZero() {
		r.changeTime = stampOf(e.ChangeTime)
	}
	if !same || e.Device != 0 || e.Inode != 0 {
		r.device, r.inode = e.Device, e.Inode
	}
}

// SetContent keeps the bytes of a regular file, or says with a nil data and a
// fact why they are not here. The builder owns data from now on.
func (b *Builder) SetContent(path string, data []byte, f Fact) {
	r := b.record(path)
	if r == nil {
		return
	}
	f = f.tidy()
	here := f.State == Present || f.State == Truncated
	if here {
		data, f = b.limit(r, data, f)
	}
	old := b.blobs[r.blob]
	if f.State == Truncated && old.here && (b.facts.facts[r.content].State == Present || len(old.data) > len(data)) {
		return
	}
	// What was announced by Add as present and now turns out otherwise is no contradiction.
	announced := !old.here && b.facts.facts[r.content].State == Present
	if announced || replaces(b.facts.facts[r.content], f) {
		b.setContent(r, data, here, f)
	}
}

// limit cuts what is too much.
func (b *Builder) limit(r *record, data []byte, f Fact) ([]byte, Fact) {
	left := b.limits.TotalBytes - b.bytes + int64(len(b.blobs[r.blob].data))
	var why string
	switch size := int64(len(data)); {
	case size > b.limits.FileBytes && b.limits.FileBytes <= left:
		data = bytes.Clone(data[:b.limits.FileBytes])
		why = fmt.Sprintf("the first %d bytes are here: the limit for one file", b.limits.FileBytes)
	case size > left:
		data = bytes.Clone(data[:max(left, 0)])
		why = fmt.Sprintf("%d bytes are here: the limit of %d bytes for all contents is reached", len(data), b.limits.TotalBytes)
	default:
		return data, f
	}
	if f.Detail != "" {
		why = f.Detail + "; " + why
	}
	return data, Fact{State: Truncated, Detail: why}
}

func (b *Builder) setContent(r *record, data []byte, here bool, f Fact) {
	r.content = b.facts.id(f)
	if !here {
		if f.State == Absent {
			b.setBlob(r, blob{})
		}
		return
	}
	held := blob{data: data, here: true}
	if old := b.blobs[r.blob]; f.State == Truncated && !old.here {
		held.sha256 = old.sha256 // the collector may have hashed all, and sent a part
	}
	if f.State == Present {
		sum := sha256.Sum256(data)
		held.sha256 = hex.EncodeToString(sum[:])
	}
	r.redacted = false
	b.setBlob(r, held)
}

func (b *Builder) setBlob(r *record, held blob) {
	b.bytes += int64(len(held.data)) - int64(len(b.blobs[r.blob].data))
	switch {
	case r.blob != 0:
		b.blobs[r.blob] = held
	case held.here || held.sha256 != "":
		r.blob = int32(len(b.blobs))
		b.blobs = append(b.blobs, held)
	}
}
