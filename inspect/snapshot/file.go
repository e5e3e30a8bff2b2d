package snapshot

import (
	"errors"
	"io"
	"io/fs"
	"syscall"
)

// file is what an open file and an open folder share.
type file struct {
	s      *Snapshot
	at     int32
	name   string
	closed bool
}

func (f *file) Stat() (fs.FileInfo, error) {
	if f.closed {
		return nil, failed("stat", f.name, fs.ErrClosed)
	}
	return f.s.info("stat", f.name, f.at)
}

func (f *file) Close() error {
	if f.closed {
		return failed("close", f.name, fs.ErrClosed)
	}
	f.closed = true
	return nil
}

// openFile reads a content. It never ends with a clean EOF if there was more.
type openFile struct {
	file
	data   []byte
	fact   Fact
	offset int64
}

var (
	_ io.ReaderAt = (*openFile)(nil)
	_ io.Seeker   = (*openFile)(nil)
)

func (f *openFile) Read(p []byte) (int, error) {
	if len(p) == 0 && !f.closed {
		return 0, nil
	}
	n, err := f.at64("read", p, f.offset)
	f.offset += int64(n)
	if n > 0 {
		return n, nil
	}
	return 0, err
}

func (f *openFile) ReadAt(p []byte, off int64) (int, error) { return f.at64("readat", p, off) }

func (f *openFile) at64(op string, p []byte, off int64) (int, error) {
	switch {
	case f.closed:
		return 0, failed(op, f.name, fs.ErrClosed)
	case off < 0:
		return 0, failed(op, f.name, errors.New("negative offset"))
	}
	n := 0
	if off < int64(len(f.data)) {
		n = copy(p, f.data[off:])
	}
	switch {
	case n == len(p):
		return n, nil
	case f.fact.State != Present:
		return n, failed(op, f.name, &StateError{f.s.recs[f.at].path, f.fact})
	}
	return n, io.EOF
}

func (f *openFile) Seek(offset int64, whence int) (int64, error) {
	switch {
	case f.closed:
		return 0, failed("seek", f.name, fs.ErrClosed)
	case whence == io.SeekStart:
	case whence == io.SeekCurrent:
		offset += f.offset
	case whence == io.SeekEnd && f.fact.State != Present:
		return 0, failed("seek", f.name, &StateError{f.s.recs[f.at].path, f.fact})
	case whence == io.SeekEnd:
		offset += int64(len(f.data))
	default:
		return 0, failed("seek", f.name, fs.ErrInvalid)
	}
	if offset < 0 {
		return 0, failed("seek", f.name, fs.ErrInvalid)
	}
	f.offset = offset
	return offset, nil
}

// openFolder reads names.
type openFolder struct {
	file
	left []fs.DirEntry
	err  error // that comes after the last name
	read bool
}

func (f *openFolder) Read([]byte) (int, error) {
	if f.closed {
		return 0, failed("read", f.name, fs.ErrClosed)
	}
	return 0, failed("read", f.name, syscall.EISDIR)
}

// ReadDir returns all that is known before it says that this is not all.
func (f *openFolder) ReadDir(n int) ([]fs.DirEntry, error) {
	if f.closed {
		return nil, failed("readdir", f.name, fs.ErrClosed)
	}
	if !f.read {
		f.left, f.err = f.s.ReadDir(f.name)
		f.read = true
	}
	if n <= 0 {
		all, err := f.left, f.err
		f.left = nil
		return all, err
	}
	if len(f.left) == 0 {
		if f.err != nil {
			return nil, f.err
		}
		return nil, io.EOF
	}
	n = min(n, len(f.left))
	some := f.left[:n:n]
	f.left = f.left[n:]
	return some, nil
}
