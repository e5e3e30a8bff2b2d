package exec

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/kubeassay/assay/inspect/snapshot"
)

// described is what is known of one path.
type described struct {
	snapshot.Entry
	// closed: a folder that can't be opened and searched.
	closed bool
	// unreadable says why a regular file can't be opened, where it can't be.
	unreadable snapshot.Fact
}

// batch reads the descriptions of n paths.
func (a *answer) batch(n int) error {
	names, room := make([]string, 0, min(n, 1024)), mostText
	for range n {
		name, err := a.word()
		if err != nil {
			return err
		}
		if room -= len(name); room < 0 {
			return malformed("a batch of names is longer than %d bytes", mostText)
		}
		if !strings.HasPrefix(name, "/") {
			return malformed("%.40q is no path", name)
		}
		names = append(names, cleanRoot(name))
	}
	text, err := a.field(mostText)
	if err != nil {
		return err
	}
	batch := make([]described, n)
	for i := range batch {
		batch[i].Path = names[i]
	}
	code, err := a.remarks(batch)
	if err != nil {
		return err
	}
	describe(batch, text, code)
	return a.to.batch(batch)
}

// cleanRoot takes away the second slash of names in "/" and below, which find
// and the shell's patterns write as "//etc".
func cleanRoot(name string) string {
	if strings.HasPrefix(name, "//") {
		return "/" + strings.TrimLeft(name, "/")
	}
	return name
}

// remarks reads what is said of single paths, by their number: "3d" (denied),
// "3a" (absent), "3fI/O error" (another error), "3D" (the folder is closed),
// "3Ud" (the file can't be opened: denied), and stat's exit code at the end: "0.".
func (a *answer) remarks(batch []described) (code int, err error) {
	for {
		w, err := a.word()
		if err != nil {
			return 0, err
		}
		digits := len(w) - len(strings.TrimLeft(w, "0123456789"))
		n, err := strconv.Atoi(w[:digits])
		if err != nil || digits == len(w) {
			return 0, malformed("%.40q is no remark about a path", w)
		}
		letter, rest := w[digits], w[digits+1:]
		if letter == '.' && rest == "" {
			return n, nil
		}
		if n >= len(batch) {
			return 0, malformed("%.40q is no remark about a path", w)
		}
		d := &batch[n]
		switch {
		case letter == 'D' && rest == "":
			d.closed = true
		case letter == 'U':
			if d.unreadable = fact(rest); d.unreadable.State == "" {
				return 0, malformed("%.40q is no remark about a path", w)
			}
		default:
			if d.Meta = fact(w[digits:]); d.Meta.State == "" {
				return 0, malformed("%.40q is no remark about a path", w)
			}
		}
	}
}

// fact reads "d", "a", or "f" and a text.
func fact(code string) snapshot.Fact {
	switch {
	case code == "d":
		return snapshot.Fact{State: snapshot.Denied, Detail: "permission denied"}
	case code == "a":
		return snapshot.Fact{State: snapshot.Absent}
	case strings.HasPrefix(code, "f"):
		return snapshot.Fact{State: snapshot.Failed, Detail: "reading it failed: " + clip(code[1:])}
	}
	return snapshot.Fact{}
}

// clip shortens foreign text.
func clip(s string) string {
	const most = 200
	s = strings.TrimSpace(s)
	if len(s) > most {
		s = s[:most] + "…"
	}
	return s
}

// describe reads what stat says: a line for each path that it could look at, in
// their order. A name may hold newlines, and lines like those of stat, but as
// the names are known there is only one way to read it; where there is none,
// nothing of it is believed.
func describe(batch []described, text []byte, code int) {
	why := "the container has no command stat"
	if code != 127 {
		why = "it changed while it was looked at"
	}
	rest := text
	for i := range batch {
		d := &batch[i]
		if d.Meta.State != "" {
			continue
		}
		e := snapshot.Entry{Path: d.Path}
		more, ok := entry(&e, rest)
		if !ok {
			d.Meta = snapshot.Fact{State: snapshot.Failed, Detail: why}
			continue
		}
		d.Entry, rest = e, more
	}
	if len(rest) == 0 {
		return
	}
	for i := range batch {
		if batch[i].Meta.State == snapshot.Present {
			batch[i].Entry = snapshot.Entry{Path: batch[i].Path, Meta: snapshot.Fact{
				State: snapshot.Failed, Detail: "what the container's stat says of this path and others does not fit together",
			}}
		}
	}
}

// entry reads one line of stat, which must be that of e's path.
func entry(e *snapshot.Entry, text []byte) (rest []byte, ok bool) {
	if len(e.Path) >= snapshot.MaxPath {
		return nil, false // no stat can have looked at it
	}
	var number [8]uint64
	for i := range number {
		digits, after, found := bytes.Cut(text[:min(len(text), 256)], []byte(" "))
		if !found {
			return nil, false
		}
		base := 10
		if i == 0 {
			base = 16
		}
		bits := 64
		if i < 3 {
			bits = 32
		}
		signed := i == 4 || i == 5 // times, which may be before 1970
		n, err := strconv.ParseUint(string(digits), base, bits)
		if err != nil && signed {
			var s int64
			s, err = strconv.ParseInt(string(digits), base, bits)
			n = uint64(s)
		}
		if err != nil {
			return nil, false
		}
		number[i] = n
		text = text[len(digits)+1:]
		_ = after
	}
	if number[3] > 1<<62 {
		return nil, false
	}
	e.Mode, e.UID, e.GID, e.Size = uint32(number[0]), uint32(number[1]), uint32(number[2]), int64(number[3])
	e.ModTime, e.ChangeTime = time.Unix(int64(number[4]), 0).UTC(), time.Unix(int64(number[5]), 0).UTC()
	e.Device, e.Inode = number[6], number[7]
	e.Meta = snapshot.Fact{State: snapshot.Present}
	return names(e, text)
}

// names reads what %N is: the name, and behind " -> " where a link points to,
// each in quotes or not.
func names(e *snapshot.Entry, text []byte) (rest []byte, ok bool) {
	text, ok = quoted(text, e.Path)
	if !ok && strings.HasPrefix(e.Path, "/") {
		// What was asked as "//x" is written so.
		text, ok = quoted(text, "/"+e.Path)
	}
	if !ok {
		return nil, false
	}
	if !e.IsSymlink() {
		return bytes.CutPrefix(text, []byte("\n"))
	}
	text, ok = bytes.CutPrefix(text, []byte(" -> "))
	if !ok {
		return nil, false
	}
	return target(e, text)
}

// target reads where a link leads to. Its length tells where it ends, whatever
// is in it; links in /proc do not have one.
func target(e *snapshot.Entry, text []byte) (rest []byte, ok bool) {
	known := e.Size > 0 && e.Size < int64(len(text))
	for _, quote := range []string{"'", ""} {
		after, ok := bytes.CutPrefix(text, []byte(quote))
		if !ok || !known || int64(len(after)) < e.Size {
			continue
		}
		if rest, ok = bytes.CutPrefix(after[e.Size:], []byte(quote+"\n")); ok {
			e.Link, e.LinkFact = string(after[:e.Size]), snapshot.Fact{State: snapshot.Present}
			return rest, true
		}
	}
	line, rest, ok := bytes.Cut(text, []byte("\n"))
	if !ok {
		return nil, false
	}
	if e.Size > 0 && !generated(e.Path) {
		e.LinkFact = snapshot.Fact{State: snapshot.Failed, Detail: "what the container's stat says of the link does not fit its length"}
		return rest, true
	}
	if len(line) > 1 && line[0] == '\'' && line[len(line)-1] == '\'' {
		line = line[1 : len(line)-1]
	}
	e.Link, e.LinkFact = string(line), snapshot.Fact{State: snapshot.Present}
	return rest, true
}

// quoted takes a name away, which may be in quotes.
func quoted(text []byte, name string) (rest []byte, ok bool) {
	for _, form := range []string{name, "'" + name + "'", "`" + name + "'"} {
		if rest, ok = bytes.CutPrefix(text, []byte(form)); ok {
			return rest, true
		}
	}
	return text, false
}

// numberOf reads a UID or GID.
func numberOf(s string) *int64 {
	n, err := strconv.ParseUint(strings.TrimSpace(s), 10, 32)
	if err != nil {
		return nil
	}
	id := int64(n)
	return &id
}

func notEnough(uid *int64) string {
	if uid == nil {
		return "permission denied"
	}
	return fmt.Sprintf("permission denied (asked as uid %d)", *uid)
}
