package snapshot

import (
	"path"
	"slices"
	"strings"
)

// Glob are the entries whose path matches a pattern of path.Match; a "*" does
// not match "/", and matches names that begin with a dot. Folders on the way
// may be links, what is found is not followed. The fact says whether these are
// all: it is Present, or the reason why there may be more.
func (s *Snapshot) Glob(pattern string) ([]Entry, Fact) {
	whole := Fact{State: Present}
	segments := strings.Split(strings.Trim(clean(pattern), "/"), "/")
	for _, segment := range segments {
		if _, err := path.Match(segment, ""); err != nil {
			return nil, Fact{Failed, "the pattern " + quote(pattern) + " is malformed"}
		}
	}
	doubt := func(f Fact) {
		if whole.State == Present {
			whole = f
		}
	}
	places := []place{{at: 0, path: "/"}}
	for i, segment := range segments {
		if segment == "" { // the pattern is "/"
			break
		}
		var next []place
		for _, p := range places {
			next = append(next, s.matches(p, segment, i == len(segments)-1, doubt)...)
		}
		places = next
	}
	found := make([]Entry, 0, len(places))
	for _, p := range places {
		if !s.recs[p.at].implied {
			found = append(found, s.entryAt(p.at))
		}
	}
	slices.SortFunc(found, func(a, b Entry) int { return strings.Compare(a.Path, b.Path) })
	return slices.CompactFunc(found, func(a, b Entry) bool { return a.Path == b.Path }), whole
}

// matches are the places in a folder that match one segment of a pattern.
func (s *Snapshot) matches(folder place, segment string, last bool, doubt func(Fact)) []place {
	if !strings.ContainsAny(segment, `*?[\`) {
		p := s.walk(join(folder.path, segment), !last)
		switch {
		case p.found():
			if m := s.facts[s.recs[p.at].meta]; last && m.State != Present && m.State != Absent {
				doubt(Fact{m.State, about(s.recs[p.at].path, m)})
			}
			if s.facts[s.recs[p.at].meta].State == Absent {
				return nil
			}
			return []place{p}
		case p.fact.State != Absent:
			doubt(p.fact)
		}
		return nil
	}
	r := &s.recs[folder.at]
	if s.seen(r) && !r.isDir() {
		return nil
	}
	if e := r.entry(s.facts, s.blobs); e.Listing.State != Present {
		doubt(Fact{e.Listing.State, "the names in " + about(e.Path, e.Listing)})
	}
	var found []place
	for _, i := range s.names(folder.at) {
		if ok, _ := path.Match(segment, base(s.recs[i].path)); !ok {
			continue
		}
		p := place{at: i, path: s.recs[i].path}
		if !last {
			if p = s.walk(p.path, true); !p.found() {
				if p.fact.State != Absent {
					doubt(p.fact)
				}
				continue
			}
		}
		found = append(found, p)
	}
	return found
}
