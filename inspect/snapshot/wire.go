package snapshot

import (
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"
)

// A saved snapshot is one zstd frame with a tar archive in it. Its members, in
// this order:
//
//	manifest.json            all but the files
//	entries/000001.jsonl …   the entries, one a line, sorted by path
//	contents/<sha256> …      what the entries' "stored" names, sorted
//
// The archive's own names are plain, whatever the container's are.
const (
	formatName    = "assay-snapshot"
	formatVersion = 1

	manifestName  = "manifest.json"
	entriesPrefix = "entries/"
	contentPrefix = "contents/"

	chunkSize   = 1 << 20 // of a member with entries, before its last line
	maxLine     = 1 << 20
	frameWindow = 4 << 20 // what a reader must remember of the stream to unpack it
)

func entriesName(n int) string { return fmt.Sprintf("%s%06d.jsonl", entriesPrefix, n) }

// text is a string of any bytes: what is no UTF-8 becomes {"base64": "…"}.
type text string

type rawText struct {
	Base64 []byte `json:"base64"`
}

func (t text) MarshalJSON() ([]byte, error) {
	if utf8.ValidString(string(t)) {
		return json.Marshal(string(t))
	}
	return json.Marshal(rawText{[]byte(t)})
}

func (t *text) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '"' {
		return json.Unmarshal(data, (*string)(t))
	}
	var raw rawText
	if err := strict(data, &raw); err != nil {
		return err
	}
	if raw.Base64 == nil || utf8.Valid(raw.Base64) {
		return errors.New("base64 where a plain string would do")
	}
	*t = text(raw.Base64)
	return nil
}

func texts[T, F ~string](in []F) []T {
	if in == nil {
		return nil
	}
	out := make([]T, len(in))
	for i, s := range in {
		out[i] = T(s)
	}
	return out
}

// manifest is the first member.
type manifest struct {
	Format  string `json:"format"`
	Version int    `json:"version"`
	// Secrets says what became of them: "redacted" or "kept".
	Secrets  string     `json:"secrets"`
	Target   Target     `json:"target"`
	Origin   Origin     `json:"origin"`
	Kernel   wireKernel `json:"kernel"`
	Declared Declared   `json:"declared,omitempty"`

	Processes wireList[wireProcess] `json:"processes"`
	Mounts    wireList[wireMount]   `json:"mounts"`
	Sockets   wireList[wireSocket]  `json:"sockets"`

	Entries  int `json:"entries"`
	LeftOut  int `json:"leftOut,omitempty"` // by the limit on entries
	Contents int `json:"contents"`
}

const (
	secretsRedacted = "redacted"
	secretsKept     = "kept"
)

type wireList[T any] struct {
	Fact  Fact `json:"fact"`
	Items []T  `json:"items,omitempty"`
}

type wireKernel struct {
	Fact    Fact `json:"fact"`
	Release text `json:"release,omitempty"`
	Version text `json:"version,omitempty"`
	Machine text `json:"machine,omitempty"`
}

type wireProcess struct {
	PID            int       `json:"pid"`
	ParentPID      int       `json:"parentPID"`
	Name           text      `json:"name"`
	Status         Fact      `json:"status"`
	UID            [4]uint32 `json:"uid"`
	GID            [4]uint32 `json:"gid"`
	Groups         []uint32  `json:"groups,omitempty"`
	CapInheritable uint64    `json:"capInheritable"`
	CapPermitted   uint64    `json:"capPermitted"`
	CapEffective   uint64    `json:"capEffective"`
	CapBounding    uint64    `json:"capBounding"`
	CapAmbient     uint64    `json:"capAmbient"`
	NoNewPrivs     bool      `json:"noNewPrivs"`
	Seccomp        int       `json:"seccomp"`
	Started        wireTime  `json:"started,omitzero"`
	Args           []text    `json:"args,omitempty"`
	ArgsFact       Fact      `json:"argsFact"`
	Redacted       bool      `json:"redacted,omitempty"`
	Exe            text      `json:"exe,omitempty"`
	ExeFact        Fact      `json:"exeFact"`
	Env            []text    `json:"env,omitempty"`
	EnvFact        Fact      `json:"envFact"`
	Own            bool      `json:"own,omitempty"`
}

type wireMount struct {
	ID           int    `json:"id"`
	ParentID     int    `json:"parentID"`
	Device       text   `json:"device"`
	Root         text   `json:"root"`
	Target       text   `json:"target"`
	Options      []text `json:"options,omitempty"`
	Type         text   `json:"type"`
	Source       text   `json:"source"`
	SuperOptions []text `json:"superOptions,omitempty"`
}

type wireSocket struct {
	Protocol string `json:"protocol"`
	Address  string `json:"address"`
	Port     uint16 `json:"port"`
	UID      uint32 `json:"uid"`
	Inode    uint64 `json:"inode"`
	PID      int    `json:"pid,omitempty"`
}

// wireTime has any time that a file system can: RFC 3339 ends with the year 9999.
type wireTime struct {
	Seconds     int64 `json:"s"`
	Nanoseconds int32 `json:"ns,omitempty"`
}

// wireEntry is one line of the entries. Facts that are missing are "not collected".
type wireEntry struct {
	Path         text     `json:"path"`
	Meta         Fact     `json:"meta,omitzero"`
	Mode         uint32   `json:"mode,omitempty"`
	UID          uint32   `json:"uid,omitempty"`
	GID          uint32   `json:"gid,omitempty"`
	Size         int64    `json:"size,omitempty"`
	ModTime      wireTime `json:"mtime,omitzero"`
	ChangeTime   wireTime `json:"ctime,omitzero"`
	Device       uint64   `json:"dev,omitempty"`
	Inode        uint64   `json:"ino,omitempty"`
	Link         text     `json:"link,omitempty"`
	LinkFact     Fact     `json:"linkFact,omitzero"`
	Capabilities []byte   `json:"caps,omitempty"`
	CapsFact     Fact     `json:"capsFact,omitzero"`
	Content      Fact     `json:"content,omitzero"`
	SHA256       string   `json:"sha256,omitempty"`
	Stored       string   `json:"stored,omitempty"` // the SHA-256 of the bytes that are here
	Redacted     bool     `json:"redacted,omitempty"`
	Listing      Fact     `json:"listing,omitzero"`
}
