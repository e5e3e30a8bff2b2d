package facts

import (
	"fmt"
	"slices"

	"github.com/kubeassay/assay/inspect/snapshot"
)

// Source says how far an answer can be trusted.
type Source struct {
	// Fact is Present where everything that the answer rests on was read,
	// Absent where there is nothing to read (the answer is then empty, and
	// certain), and otherwise the worst of what stood in the way.
	Fact snapshot.Fact
	// Missing are paths whose contents are needed and were not collected: one
	// more round can bring them.
	Missing []string
	// MissingGlobs are patterns (see [snapshot.Glob]) of which the same is true.
	MissingGlobs []string
	// Notes say what was passed over as the system itself passes over it: a
	// malformed line of /etc/passwd.
	Notes []string
}

// Whole reports whether the answer is the whole truth.
func (s Source) Whole() bool { return s.Fact.Known() }

// Plan asks for what is missing.
func (s Source) Plan() snapshot.Plan {
	p := snapshot.Plan{Files: slices.Clone(s.Missing)}
	for _, pattern := range s.MissingGlobs {
		p.Globs = append(p.Globs, snapshot.Glob{Pattern: pattern, Contents: true})
	}
	return p
}

// badness orders states by what they mean for an answer that rests on several things.
func badness(s snapshot.State) int {
	switch s {
	case snapshot.Absent:
		return 0
	case snapshot.Present:
		return 1
	case snapshot.NotCollected, "":
		return 2
	case snapshot.Denied:
		return 3
	case snapshot.Truncated:
		return 4
	default:
		return 5
	}
}

// and joins two sources of one answer: present where one is there and the
// other is not, and otherwise the worse of the two.
func (s Source) and(other Source) Source {
	out := s
	if badness(other.Fact.State) > badness(s.Fact.State) {
		out.Fact = other.Fact
	}
	out.Missing = appendNew(out.Missing, other.Missing)
	out.MissingGlobs = appendNew(out.MissingGlobs, other.MissingGlobs)
	out.Notes = append(slices.Clip(out.Notes), other.Notes...)
	return out
}

func appendNew(to, from []string) []string {
	to = slices.Clip(to)
	for _, f := range from {
		if !slices.Contains(to, f) {
			to = append(to, f)
		}
	}
	return to
}

// maxNotes keeps a hostile file from filling a report.
const maxNotes = 20

func (s *Source) note(format string, args ...any) {
	switch len(s.Notes) {
	case maxNotes:
		s.Notes = append(s.Notes, "and more")
	case maxNotes + 1:
	default:
		s.Notes = append(s.Notes, fmt.Sprintf(format, args...))
	}
}

func failed(format string, args ...any) Source {
	return Source{Fact: snapshot.Fact{State: snapshot.Failed, Detail: fmt.Sprintf(format, args...)}}
}

// document is the content of one file as a reader sees it.
type document struct {
	data  []byte
	entry snapshot.Entry
	Source
}

// read returns the content behind a path. Data may be the beginning of a file;
// the source then says truncated.
func read(s *snapshot.Snapshot, path string) document {
	data, e := s.Content(path)
	d := document{data: data, entry: e}
	switch {
	case e.Meta.State == snapshot.Absent:
		d.Fact = e.Meta
	case e.Meta.State == snapshot.NotCollected, e.Meta.State == "":
		d.Fact = about(path, e.Meta, "was not collected")
		if m := s.Missing(path); m != "" {
			d.Missing = []string{m}
		}
	case !e.Meta.Known():
		d.Fact = about(path, e.Meta, "is "+string(e.Meta.State))
	case !e.IsRegular():
		d.Source = failed("%s is no regular file", path)
	case e.Content.State == snapshot.NotCollected, e.Content.State == "":
		d.Fact = about(path, e.Content, "was not collected")
		d.Missing = []string{path}
	case e.Content.State != snapshot.Present:
		d.Fact = about(path, e.Content, "is "+string(e.Content.State))
	default:
		d.Fact = e.Content
	}
	return d
}

// about names the path in a fact that stands for several, where it doesn't say.
func about(path string, f snapshot.Fact, what string) snapshot.Fact {
	if f.State == "" {
		f.State = snapshot.NotCollected
	}
	if f.Detail == "" {
		f.Detail = path + " " + what
	} else {
		f.Detail = path + ": " + f.Detail
	}
	return f
}
