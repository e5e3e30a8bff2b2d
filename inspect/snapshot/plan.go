package snapshot

import (
	"slices"
	"time"
)

// Plan says what to collect. The zero value asks for nothing but the identity
// of the system (uname, the collector's own IDs).
type Plan struct {
	// Files are absolute paths whose metadata and contents are wanted. Symbolic
	// links are followed inside the root: each link on the way and the last
	// target get their entries.
	Files []string `json:"files,omitempty"`
	// Stats are absolute paths whose metadata alone are wanted (a folder's
	// also with the names in it).
	Stats []string `json:"stats,omitempty"`
	// Globs are patterns of path.Match over absolute paths.
	Globs []Glob `json:"globs,omitempty"`
	// Trees are folders to walk.
	Trees []Tree `json:"trees,omitempty"`
	// Processes, Mounts and Sockets: those of the container.
	Processes bool `json:"processes,omitempty"`
	Mounts    bool `json:"mounts,omitempty"`
	Sockets   bool `json:"sockets,omitempty"`
	// FileCapabilities: the security.capability attribute of executables in Trees.
	FileCapabilities bool   `json:"fileCapabilities,omitempty"`
	Limits           Limits `json:"limits,omitzero"`
}

// Glob is a pattern such as "/etc/ssh/*.conf". The first segment has no
// wildcards; a * does not match "/", and unlike in a shell matches names that
// begin with a dot.
type Glob struct {
	Pattern string `json:"pattern"`
	// Contents: of the regular files that match, not only the metadata.
	Contents bool `json:"contents,omitempty"`
}

// Tree asks for the metadata of everything below a folder. It stays on the
// folder's file system: what is mounted below it gets a Listing that says so.
type Tree struct {
	Path string `json:"path"`
	// Contents are patterns of path.Match on base names ("*.pem", "id_*"): regular
	// files that match one, and are no larger than ContentsUpTo, are read too.
	Contents     []string `json:"contents,omitempty"`
	ContentsUpTo int64    `json:"contentsUpTo,omitempty"` // 0: as Limits.FileBytes
}

// Limits bound one collection. Zero values mean the defaults.
type Limits struct {
	FileBytes  int64         `json:"fileBytes,omitempty"`  // of one file's content
	TotalBytes int64         `json:"totalBytes,omitempty"` // of all contents
	Files      int           `json:"files,omitempty"`      // entries
	Time       time.Duration `json:"time,omitempty"`       // of one round trip, in nanoseconds
}

// WithDefaults fills in what is zero: 64 MiB, 256 MiB, 500,000 entries, two minutes.
func (l Limits) WithDefaults() Limits {
	if l.FileBytes == 0 {
		l.FileBytes = 64 << 20
	}
	if l.TotalBytes == 0 {
		l.TotalBytes = 256 << 20
	}
	if l.Files == 0 {
		l.Files = 500_000
	}
	if l.Time == 0 {
		l.Time = 2 * time.Minute
	}
	return l
}

// Empty reports whether the plan asks for nothing.
func (p *Plan) Empty() bool {
	return len(p.Files)+len(p.Stats)+len(p.Globs)+len(p.Trees) == 0 &&
		!p.Processes && !p.Mounts && !p.Sockets && !p.FileCapabilities
}

// Add makes the plan ask also for what another one asks for. Limits stay.
func (p *Plan) Add(o Plan) {
	p.Files = union(p.Files, o.Files)
	p.Stats = union(p.Stats, o.Stats)
	for _, g := range o.Globs {
		i := slices.IndexFunc(p.Globs, func(x Glob) bool { return x.Pattern == g.Pattern })
		if i < 0 {
			p.Globs = append(p.Globs, g)
			continue
		}
		p.Globs[i].Contents = p.Globs[i].Contents || g.Contents
	}
	for _, t := range o.Trees {
		i := slices.IndexFunc(p.Trees, func(x Tree) bool { return x.Path == t.Path })
		if i < 0 {
			t.Contents = slices.Clone(t.Contents)
			p.Trees = append(p.Trees, t)
			continue
		}
		tree := &p.Trees[i]
		switch {
		case len(t.Contents) == 0: // its ContentsUpTo says nothing
		case len(tree.Contents) == 0:
			tree.ContentsUpTo = t.ContentsUpTo
		case tree.ContentsUpTo == 0 || t.ContentsUpTo == 0:
			tree.ContentsUpTo = 0 // as much as Limits.FileBytes
		default:
			tree.ContentsUpTo = max(tree.ContentsUpTo, t.ContentsUpTo)
		}
		tree.Contents = union(tree.Contents, t.Contents)
	}
	p.Processes = p.Processes || o.Processes
	p.Mounts = p.Mounts || o.Mounts
	p.Sockets = p.Sockets || o.Sockets
	p.FileCapabilities = p.FileCapabilities || o.FileCapabilities
}

// union appends what is new, in the order in which it comes.
func union(to, from []string) []string {
	to = slices.Clone(to)
	for _, s := range from {
		if !slices.Contains(to, s) {
			to = append(to, s)
		}
	}
	return to
}
