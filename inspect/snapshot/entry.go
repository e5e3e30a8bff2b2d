package snapshot

import (
	"io/fs"
	"time"
)

// Entry is what is known of one path in the container.
type Entry struct {
	// Path is absolute and clean ("/etc/passwd"), its bytes as they were found:
	// they need not be UTF-8, and may hold newlines.
	Path string
	// Meta says whether the metadata below are known.
	Meta Fact
	// Mode is st_mode: the type's bits, setuid, setgid, sticky, and permissions.
	Mode     uint32
	UID, GID uint32
	Size     int64
	// ModTime and ChangeTime are mtime and ctime; in whole seconds where the
	// collector could learn no more. ChangeTime is zero where unknown.
	ModTime, ChangeTime time.Time
	// Device and Inode are zero where unknown.
	Device, Inode uint64
	// Link is where a symbolic link points to, unresolved; LinkFact says whether it is known.
	Link     string
	LinkFact Fact
	// Capabilities is the security.capability extended attribute, raw;
	// CapabilitiesFact says whether it was looked for (Absent: it has none).
	Capabilities     []byte
	CapabilitiesFact Fact
	// Content says whether the bytes of a regular file are here. SHA256, in hex,
	// is of the whole content; empty where a secret in it was redacted.
	Content Fact
	SHA256  string
	// Redacted: secrets in the content were replaced when the snapshot was saved.
	Redacted bool
	// Listing says whether all names in a folder are known.
	Listing Fact
}

// The bits of st_mode (inode(7)).
const (
	ModeType    = 0o170000
	ModeSocket  = 0o140000
	ModeSymlink = 0o120000
	ModeRegular = 0o100000
	ModeBlock   = 0o060000
	ModeDir     = 0o040000
	ModeChar    = 0o020000
	ModePipe    = 0o010000
	ModeSetuid  = 0o4000
	ModeSetgid  = 0o2000
	ModeSticky  = 0o1000
)

// FileMode is Mode as Go writes it.
func (e *Entry) FileMode() fs.FileMode {
	m := fs.FileMode(e.Mode & 0o777)
	if e.Mode&ModeSetuid != 0 {
		m |= fs.ModeSetuid
	}
	if e.Mode&ModeSetgid != 0 {
		m |= fs.ModeSetgid
	}
	if e.Mode&ModeSticky != 0 {
		m |= fs.ModeSticky
	}
	switch e.Mode & ModeType {
	case ModeSocket:
		m |= fs.ModeSocket
	case ModeSymlink:
		m |= fs.ModeSymlink
	case ModeBlock:
		m |= fs.ModeDevice
	case ModeChar:
		m |= fs.ModeDevice | fs.ModeCharDevice
	case ModeDir:
		m |= fs.ModeDir
	case ModePipe:
		m |= fs.ModeNamedPipe
	}
	return m
}

// IsDir reports whether the entry is a folder.
func (e *Entry) IsDir() bool { return e.Mode&ModeType == ModeDir }

// IsRegular reports whether the entry is a plain file.
func (e *Entry) IsRegular() bool { return e.Mode&ModeType == ModeRegular }

// IsSymlink reports whether the entry is a symbolic link.
func (e *Entry) IsSymlink() bool { return e.Mode&ModeType == ModeSymlink }
