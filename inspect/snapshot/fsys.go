package snapshot

import (
	"bytes"
	"io/fs"
	"syscall"
	"time"
)

// A snapshot is all that io/fs knows, read-only. Only what is absent is
// fs.ErrNotExist; whatever else is not known is a [*StateError].
var (
	_ fs.StatFS     = (*Snapshot)(nil)
	_ fs.ReadDirFS  = (*Snapshot)(nil)
	_ fs.ReadFileFS = (*Snapshot)(nil)
	_ fs.ReadLinkFS = (*Snapshot)(nil)
)

// StateError says that something is not known, or not there. It is
// fs.ErrNotExist if the state is Absent and fs.ErrPermission if it is Denied.
type StateError struct {
	Path string // in the container
	Fact Fact
}

func (e *StateError) Error() string { return about(e.Path, e.Fact) }

// Is makes errors.Is work for the two states that io/fs has a word for.
func (e *StateError) Is(target error) bool {
	return target == fs.ErrNotExist && e.Fact.State == Absent ||
		target == fs.ErrPermission && e.Fact.State == Denied
}

func failed(op, name string, err error) error {
	return &fs.PathError{Op: op, Path: name, Err: err}
}

// look finds what a name of io/fs leads to, and refuses what is not known to be there.
func (s *Snapshot) look(op, name string, follow bool) (place, error) {
	if !fs.ValidPath(name) {
		return place{}, failed(op, name, fs.ErrInvalid)
	}
	path := "/"
	if name != "." {
		path += name
	}
	p := s.walk(path, follow)
	if !p.found() {
		return p, failed(op, name, &StateError{p.path, p.fact})
	}
	if f := s.facts[s.recs[p.at].meta]; f.State == Absent {
		return p, failed(op, name, &StateError{p.path, f})
	}
	return p, nil
}

// Open opens a folder, or a file whose content is here at least in part. It
// follows links. Files are io.ReaderAt and io.Seeker too.
func (s *Snapshot) Open(name string) (fs.File, error) {
	p, err := s.look("open", name, true)
	if err != nil {
		return nil, err
	}
	r := &s.recs[p.at]
	f := file{s: s, at: p.at, name: name}
	if s.folder(p.at) {
		return &openFolder{file: f}, nil
	}
	e := s.entryAt(p.at)
	if !s.blobs[r.blob].here {
		return nil, failed("open", name, &StateError{e.Path, e.Content})
	}
	return &openFile{file: f, data: s.blobs[r.blob].data, fact: e.Content}, nil
}

// folder: it is one, or must be one because something is known to be in it.
func (s *Snapshot) folder(i int32) bool {
	r := &s.recs[i]
	if s.seen(r) {
		return r.isDir()
	}
	return i == 0 || r.implied || s.facts[r.listed].State == Present || len(s.names(i)) > 0
}

// Stat is the metadata of what a name leads to; its Sys is a *[Entry].
func (s *Snapshot) Stat(name string) (fs.FileInfo, error) { return s.stat("stat", name, true) }

// Lstat is Stat, but of a link itself if the last name is one.
func (s *Snapshot) Lstat(name string) (fs.FileInfo, error) { return s.stat("lstat", name, false) }

func (s *Snapshot) stat(op, name string, follow bool) (fs.FileInfo, error) {
	p, err := s.look(op, name, follow)
	if err != nil {
		return nil, err
	}
	return s.info(op, name, p.at)
}

// info is a record's metadata. The root is a folder even if nobody looked.
func (s *Snapshot) info(op, name string, i int32) (fs.FileInfo, error) {
	e := s.entryAt(i)
	if e.Meta.State != Present && i != 0 {
		return nil, failed(op, name, &StateError{e.Path, e.Meta})
	}
	if name != "." {
		name = base("/" + name)
	}
	return &fileInfo{name: name, entry: e}, nil
}

// ReadLink is where a link points to, as it is stored: unresolved.
func (s *Snapshot) ReadLink(name string) (string, error) {
	p, err := s.look("readlink", name, false)
	if err != nil {
		return "", err
	}
	r, e := &s.recs[p.at], s.entryAt(p.at)
	switch {
	case !s.isLink(r) && e.Meta.State == Present:
		return "", failed("readlink", name, fs.ErrInvalid)
	case !s.isLink(r):
		return "", failed("readlink", name, &StateError{e.Path, e.Meta})
	case e.LinkFact.State != Present:
		f := e.LinkFact
		if f.State == Absent {
			f = Fact{Failed, "the link has no target"}
		}
		return "", failed("readlink", name, &StateError{e.Path, f})
	}
	return e.Link, nil
}

// ReadFile is a file's content. If that is only the beginning of it, the error says so.
func (s *Snapshot) ReadFile(name string) ([]byte, error) {
	p, err := s.look("read", name, true)
	if err != nil {
		return nil, err
	}
	if s.folder(p.at) {
		return nil, failed("read", name, syscall.EISDIR)
	}
	e := s.entryAt(p.at)
	held := s.blobs[s.recs[p.at].blob]
	data := bytes.Clone(held.data)
	if e.Content.State != Present {
		return data, failed("read", name, &StateError{e.Path, e.Content})
	}
	if data == nil {
		data = []byte{}
	}
	return data, nil
}

// ReadDir are the names in a folder. If these may not be all, the error says
// why. Names that io/fs does not allow, because they are no UTF-8, are only
// among the Entries.
func (s *Snapshot) ReadDir(name string) ([]fs.DirEntry, error) {
	p, err := s.look("readdir", name, true)
	if err != nil {
		return nil, err
	}
	if !s.folder(p.at) {
		if s.seen(&s.recs[p.at]) {
			return nil, failed("readdir", name, syscall.ENOTDIR)
		}
		e := s.entryAt(p.at)
		return nil, failed("readdir", name, &StateError{e.Path, e.Listing})
	}
	names := s.names(p.at)
	entries := make([]fs.DirEntry, 0, len(names))
	for _, i := range names {
		if fs.ValidPath(base(s.recs[i].path)) {
			entries = append(entries, dirEntry{s, i})
		}
	}
	if e := s.entryAt(p.at); e.Listing.State != Present {
		f := e.Listing
		if f.State == Absent {
			f.State = Failed // a folder without a listing: nobody can have meant that
		}
		return entries, failed("readdir", name, &StateError{e.Path, f})
	}
	return entries, nil
}

// fileInfo is an entry as io/fs wants it.
type fileInfo struct {
	name  string
	entry Entry
}

func (i *fileInfo) Name() string       { return i.name }
func (i *fileInfo) Size() int64        { return i.entry.Size }
func (i *fileInfo) Mode() fs.FileMode  { return i.entry.FileMode() }
func (i *fileInfo) ModTime() time.Time { return i.entry.ModTime }
func (i *fileInfo) IsDir() bool        { return i.entry.IsDir() }
func (i *fileInfo) Sys() any           { return &i.entry }

// dirEntry is a name in a folder. Of what it is, little may be known.
type dirEntry struct {
	s  *Snapshot
	at int32
}

func (d dirEntry) Name() string { return base(d.s.recs[d.at].path) }
func (d dirEntry) IsDir() bool  { return d.Type().IsDir() }
func (d dirEntry) Type() fs.FileMode {
	r := &d.s.recs[d.at]
	if d.s.seen(r) {
		e := Entry{Mode: r.mode}
		return e.FileMode().Type()
	}
	if d.s.folder(d.at) {
		return fs.ModeDir
	}
	return fs.ModeIrregular // neither a plain file nor anything else that io/fs knows
}

func (d dirEntry) Info() (fs.FileInfo, error) { return d.s.info("stat", d.Name(), d.at) }
func (d dirEntry) String() string             { return fs.FormatDirEntry(d) }
