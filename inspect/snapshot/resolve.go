package snapshot

import (
	"fmt"
	"strings"
)

const (
	maxLinks      = 40   // path_resolution(7): MAXSYMLINKS
	maxLinkTarget = 4095 // PATH_MAX without its final NUL
)

// place is where a path leads: a record, or a path with the reason why there is none.
type place struct {
	at   int32 // -1: no record
	path string
	fact Fact
}

func (p place) found() bool { return p.at >= 0 }

func nowhere(path string, f Fact) place { return place{-1, path, f} }

// Entry is what is known of a path. Links on the way are followed, as the
// kernel does inside the container; if the last name is a link, it is the
// link's entry. Its Path is the one without links. It never fails: what is not
// known has a Meta that says why.
func (s *Snapshot) Entry(path string) Entry { return s.at(s.walk(path, false)) }

// Resolve is Entry, but with a link at the end followed too.
func (s *Snapshot) Resolve(path string) Entry { return s.at(s.walk(path, true)) }

// Content is the content of what a path leads to. How much of it is here, and
// why, the entry's Content tells. The bytes must not be changed.
func (s *Snapshot) Content(path string) ([]byte, Entry) {
	p := s.walk(path, true)
	if !p.found() {
		return nil, s.at(p)
	}
	return s.blobs[s.recs[p.at].blob].data, s.entryAt(p.at)
}

// Missing is the path that a further round would have to collect to know where
// the given one leads and what is there; empty, if that is known, or if asking
// again would not help. It is not the given one where links are on the way.
func (s *Snapshot) Missing(path string) string {
	p := s.walk(path, true)
	if p.found() {
		if s.facts[s.recs[p.at].meta].State == NotCollected {
			return s.recs[p.at].path
		}
		return ""
	}
	if p.fact.State == NotCollected {
		return p.path
	}
	return ""
}

func (s *Snapshot) at(p place) Entry {
	if p.found() {
		return s.entryAt(p.at)
	}
	return unknown(p.path, p.fact)
}

// walk goes along a path as the kernel does with openat2(2) and
// RESOLVE_IN_ROOT: ".." at the root stays there, an absolute target starts at
// the root. It ends, because at most 40 links are followed.
func (s *Snapshot) walk(path string, follow bool) place {
	if i, ok := s.byPath[path]; ok && s.recs[i].straight && (!follow || !s.isLink(&s.recs[i])) {
		return place{at: i, path: path}
	}
	p := s.follow(path, follow)
	if p.found() || p.fact.Known() {
		return p
	}
	// A collector that cannot read links may still have opened this very path.
	if i, ok := s.byPath[path]; ok && (!follow || !s.isLink(&s.recs[i])) && s.reported(i) {
		return place{at: i, path: s.recs[i].path}
	}
	return p
}

// reported: there is something here, whatever is known of the folders above.
func (s *Snapshot) reported(i int32) bool {
	return s.seen(&s.recs[i]) || s.blobs[s.recs[i].blob].here
}

func (s *Snapshot) follow(path string, follow bool) place {
	rest, links := strings.TrimLeft(path, "/"), 0
	cur := place{at: 0, path: "/"}
	for rest != "" {
		if len(cur.path) > longestPath {
			return nowhere(cur.path[:longestPath], Fact{Failed, "the links on the way make the path too long (ENAMETOOLONG)"})
		}
		if f := s.enter(cur); f.State == Absent {
			return nowhere(join(cur.path, rest), f)
		}
		name := rest
		more := false
		if i := strings.IndexByte(rest, '/'); i >= 0 {
			name, more = rest[:i], true
			if rest = strings.TrimLeft(rest[i:], "/"); rest == "" {
				rest = "." // a final "/" asks for a folder
			}
		} else {
			rest = ""
		}
		switch name {
		case ".":
			continue
		case "..":
			// Of a link that nobody read, ".." may be anywhere.
			if !cur.found() || !s.certain(cur.at) {
				return s.vague(cur)
			}
			cur = s.child(place{at: 0, path: "/"}, strings.TrimPrefix(parent(cur.path), "/"))
			continue
		}
		next := s.child(cur, name)
		if !next.found() {
			if next.fact.State == Absent {
				return next
			}
			cur = next
			continue
		}
		r := &s.recs[next.at]
		if s.facts[r.meta].State == Absent {
			return nowhere(next.path, s.facts[r.meta])
		}
		if !s.isLink(r) || !more && !follow {
			cur = next
			continue
		}
		if links++; links > maxLinks {
			return nowhere(next.path, Fact{Failed, fmt.Sprintf("more than %d symbolic links on the way (ELOOP)", maxLinks)})
		}
		target, f := s.target(r)
		if f.State != Present {
			return nowhere(next.path, f)
		}
		if more {
			target += "/" + rest
		}
		if target[0] == '/' {
			cur = place{at: 0, path: "/"}
		}
		rest = strings.TrimLeft(target, "/")
	}
	return cur
}

// enter says what stands against going into a place: nothing, or that it is no folder.
func (s *Snapshot) enter(p place) Fact {
	if !p.found() {
		return Fact{}
	}
	if r := &s.recs[p.at]; s.seen(r) && !r.isDir() {
		return Fact{Absent, quote(r.path) + " is no folder (ENOTDIR)"}
	}
	return Fact{}
}

// certain: it is a folder and no link.
func (s *Snapshot) certain(i int32) bool {
	r := &s.recs[i]
	return i == 0 || s.seen(r) && r.isDir()
}

// vague is a place that must be known before the walk can go on.
func (s *Snapshot) vague(p place) place {
	if !p.found() {
		return p
	}
	f := s.facts[s.recs[p.at].meta]
	if f.State == Present {
		f.State = NotCollected
	}
	if f.Detail == "" {
		f.Detail = "it was not collected, so nobody knows whether it is a link"
	}
	return nowhere(s.recs[p.at].path, f)
}

// target is where a link points to.
func (s *Snapshot) target(r *record) (string, Fact) {
	f := s.facts[r.linked]
	switch {
	case f.State == Absent, f.State == Present && r.link == "":
		return "", Fact{Failed, "the link has no target"}
	case f.State != Present:
		if f.Detail == "" {
			f.Detail = "where the link points to was not collected"
		}
		return "", f
	case len(r.link) > maxLinkTarget:
		return "", Fact{Failed, fmt.Sprintf("the link's target has %d bytes (ENAMETOOLONG)", len(r.link))}
	}
	return r.link, f
}

// child is a name in a folder. Where it is unknown, the folder says why.
func (s *Snapshot) child(folder place, name string) place {
	if name == "" {
		return folder
	}
	path := join(folder.path, name)
	if i, ok := s.byPath[path]; ok {
		return place{at: i, path: path}
	}
	if !folder.found() {
		return nowhere(path, folder.fact)
	}
	r := &s.recs[folder.at]
	listed, meta := s.facts[r.listed], s.facts[r.meta]
	switch {
	case listed.State == Present:
		return nowhere(path, Fact{Absent, "no such name in " + quote(r.path)})
	case listed.State != NotCollected && listed.State != Absent:
		return nowhere(path, Fact{listed.State, "the names in " + about(r.path, listed)})
	case meta.State != NotCollected && meta.State != Present:
		return nowhere(path, Fact{meta.State, about(r.path, meta)})
	case s.over > 0:
		return nowhere(path, Fact{Truncated, fmt.Sprintf("a limit left out %d entries, perhaps this one", s.over)})
	case listed.Detail != "":
		return nowhere(path, Fact{NotCollected, "the names in " + about(r.path, listed)})
	}
	return nowhere(path, Fact{NotCollected, quote(path) + " was not collected"})
}

func join(folder, name string) string {
	if folder == "/" {
		return "/" + name
	}
	return folder + "/" + name
}
