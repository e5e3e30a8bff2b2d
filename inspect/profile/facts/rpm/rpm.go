// Package rpm reads the databases in which rpm keeps what is installed, in all
// three forms that it has had: Berkeley DB's hash, rpm's own "ndb", and SQLite.
//
// It is for databases that a stranger may have written: it works on bytes in
// memory, trusts no number in them, and its work is bounded by their length. It
// is not for changing one, nor for the files of a package.
//
//	packages, err := rpm.Read(ctx, data, wal)
package rpm

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// Package is one package as the database has it.
type Package struct {
	Name, Version, Release string
	Epoch                  int
	Arch, Vendor           string
	SourceRPM              string
	Installed              time.Time
}

// EVR is "epoch:version-release", without the epoch where that is 0.
func (p Package) EVR() string {
	out := p.Version + "-" + p.Release
	if p.Epoch != 0 {
		out = strconv.Itoa(p.Epoch) + ":" + out
	}
	return out
}

// Backend is the form of a database.
type Backend string

// The forms.
const (
	BDB    Backend = "bdb"
	NDB    Backend = "ndb"
	SQLite Backend = "sqlite"
)

// ErrFormat says that the bytes are none of the three forms.
var ErrFormat = errors.New("no rpm database: neither Berkeley DB, ndb nor SQLite")

// Detect says which form the bytes have, by what they begin with.
func Detect(data []byte) (Backend, error) {
	switch {
	case bytes.HasPrefix(data, []byte("SQLite format 3\x00")):
		return SQLite, nil
	case bytes.HasPrefix(data, []byte(ndbMagic)):
		return NDB, nil
	case len(data) >= bdbMetaSize && (binary.LittleEndian.Uint32(data[12:]) == bdbHashMagic || binary.BigEndian.Uint32(data[12:]) == bdbHashMagic):
		return BDB, nil
	}
	return "", ErrFormat
}

// Read returns the packages of a database. Wal is the write-ahead log beside a
// SQLite database (its name ends with "-wal"), nil where there is none. Where
// the database is damaged it returns an error, and the packages it found before.
func Read(ctx context.Context, data, wal []byte) ([]Package, error) {
	backend, err := Detect(data)
	if err != nil {
		return nil, err
	}
	var out []Package
	add := func(blob []byte) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		p, err := parseHeader(blob)
		if err != nil {
			return fmt.Errorf("package %d: %w", len(out)+1, err)
		}
		out = append(out, p)
		return nil
	}
	switch backend {
	case SQLite:
		err = readSQLite(ctx, data, wal, add)
	case NDB:
		err = readNDB(data, add)
	case BDB:
		err = readBDB(data, add)
	}
	if err != nil {
		return out, fmt.Errorf("rpm database (%s): %w", backend, err)
	}
	return out, nil
}

// Tags and types of a header (rpmtag.h).
const (
	tagName        = 1000
	tagVersion     = 1001
	tagRelease     = 1002
	tagEpoch       = 1003
	tagInstallTime = 1008
	tagVendor      = 1011
	tagArch        = 1022
	tagSourceRPM   = 1044

	typeInt32  = 4
	typeString = 6
	typeI18N   = 9
)

// parseHeader reads the header of one package: the numbers of index entries and
// of data bytes, the entries (tag, type, offset, count), and the data, all big-endian.
func parseHeader(blob []byte) (Package, error) {
	var p Package
	if len(blob) < 8 {
		return p, fmt.Errorf("its header has %d bytes", len(blob))
	}
	entries, size := uint64(binary.BigEndian.Uint32(blob)), uint64(binary.BigEndian.Uint32(blob[4:]))
	if 8+16*entries+size > uint64(len(blob)) {
		return p, fmt.Errorf("its header promises %d entries and %d bytes, and has %d bytes in all", entries, size, len(blob))
	}
	index, data := blob[8:8+16*entries], blob[8+16*entries:8+16*entries+size]
	for ; len(index) > 0; index = index[16:] {
		e := entry{typ: binary.BigEndian.Uint32(index[4:]), offset: binary.BigEndian.Uint32(index[8:]), count: binary.BigEndian.Uint32(index[12:])}
		var err error
		switch binary.BigEndian.Uint32(index) {
		case tagName:
			p.Name, err = e.text(data)
		case tagVersion:
			p.Version, err = e.text(data)
		case tagRelease:
			p.Release, err = e.text(data)
		case tagArch:
			p.Arch, err = e.text(data)
		case tagVendor:
			p.Vendor, err = e.text(data)
		case tagSourceRPM:
			p.SourceRPM, err = e.text(data)
		case tagEpoch:
			var n uint32
			n, err = e.number(data)
			p.Epoch = int(n)
		case tagInstallTime:
			var n uint32
			n, err = e.number(data)
			p.Installed = time.Unix(int64(n), 0).UTC()
		}
		if err != nil {
			return p, err
		}
	}
	if p.Name == "" || p.Version == "" {
		return p, errors.New("its header has no name or no version")
	}
	return p, nil
}

// entry is one line of a header's index.
type entry struct{ typ, offset, count uint32 }

func (e entry) text(data []byte) (string, error) {
	if e.typ != typeString && e.typ != typeI18N {
		return "", fmt.Errorf("a text has type %d", e.typ)
	}
	if uint64(e.offset) > uint64(len(data)) {
		return "", errors.New("a text stands outside the header")
	}
	text, _, ended := bytes.Cut(data[e.offset:], []byte{0})
	if !ended {
		return "", errors.New("a text does not end")
	}
	if string(text) == "(none)" { // of a public key, which is stored as a package
		return "", nil
	}
	return string(text), nil
}

func (e entry) number(data []byte) (uint32, error) {
	if e.typ != typeInt32 || e.count == 0 {
		return 0, fmt.Errorf("a number has type %d", e.typ)
	}
	if uint64(e.offset)+4 > uint64(len(data)) {
		return 0, errors.New("a number stands outside the header")
	}
	return binary.BigEndian.Uint32(data[e.offset:]), nil
}
