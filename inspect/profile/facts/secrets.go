package facts

import (
	"bytes"
	"cmp"
	"context"
	"path"
	"slices"
	"strings"

	"github.com/kubeassay/assay/inspect/snapshot"
)

// Secret says that a file holds a secret, and of which kind: never which.
type Secret struct {
	Path string
	// Kind is one of SecretKinds.
	Kind string
	// Class is "private-key", "cloud" (credentials of a cloud provider) or "token".
	Class string
}

// SecretLimits bound the search. Zero values mean the defaults.
type SecretLimits struct {
	// FileBytes: larger files are passed over, unless they are named one by one. 256 KiB.
	FileBytes int64
	// Files is how many are read at most. 10,000.
	Files int
}

func (l SecretLimits) withDefaults() SecretLimits {
	if l.FileBytes == 0 {
		l.FileBytes = 256 << 10
	}
	if l.Files == 0 {
		l.Files = 10_000
	}
	return l
}

// SecretPlan says where secrets are looked for if nothing else is said: in
// files of a folder's file system whose names are those that such files have.
func SecretPlan(folder string) snapshot.Plan {
	return snapshot.Plan{Trees: []snapshot.Tree{{Path: folder, ContentsUpTo: SecretLimits{}.withDefaults().FileBytes, Contents: []string{
		"*.pem", "*.key", "*.p8", "*.pk8", "*.der", "*.ppk", "*.gpg", "*.asc", "id_rsa*", "id_dsa*", "id_ecdsa*", "id_ed25519*", "ssh_host_*_key",
		".env", ".env.*", "*.env", ".netrc", ".pypirc", ".npmrc", ".yarnrc*", ".git-credentials", ".dockercfg", ".dockerconfigjson",
		"credentials", "credentials.*", "config.json", "secrets.*", "secret.*", "*secret*.json", "*credential*.json", "*service*account*.json",
		"application_default_credentials.json", "accessTokens.json", "azureProfile.json", "kubeconfig*", ".vault-token", "token", "*.token",
		".s3cfg", ".boto", ".terraformrc", "terraform.tfvars", "*.tfstate", "settings.xml", "wp-config.php", ".pgpass", ".my.cnf",
	}}}}
}

// Secrets searches the contents that a plan asks for: its files, what its
// globs match where contents are wanted, and in its trees the files with the
// given names that are not too large. A tree ends where another file system is
// mounted.
func Secrets(ctx context.Context, s *snapshot.Snapshot, where snapshot.Plan, limits SecretLimits) ([]Secret, Source) {
	h := &hunt{s: s, limits: limits.withDefaults(), read: map[string]bool{}, detectors: detectors(),
		Source: Source{Fact: snapshot.Fact{State: snapshot.Absent}}}
	for _, file := range where.Files {
		h.file(ctx, file)
	}
	for _, g := range where.Globs {
		if !g.Contents {
			continue
		}
		entries, source := glob(s, g.Pattern)
		h.Source = h.and(source)
		for _, e := range entries {
			h.file(ctx, e.Path)
		}
	}
	for _, t := range where.Trees {
		h.tree(ctx, t)
	}
	slices.SortFunc(h.found, func(a, b Secret) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Kind, b.Kind))
	})
	return h.found, h.Source
}

// hunt is one search.
type hunt struct {
	s         *snapshot.Snapshot
	limits    SecretLimits
	read      map[string]bool // resolved paths
	detectors []detector
	found     []Secret
	Source
}

func (h *hunt) tree(ctx context.Context, t snapshot.Tree) {
	if len(t.Contents) == 0 {
		return
	}
	top := h.s.Resolve(t.Path)
	if top.Meta.State == snapshot.Absent {
		return
	}
	h.folder(&top)
	mounted, wanted := mountsOf(h.s), newNames(t.Contents)
	skip := "" // what is below is another file system's
	for e := range h.s.Below(t.Path) {
		switch {
		case skip != "" && strings.HasPrefix(e.Path, skip):
		case e.Meta == snapshot.UnseenMount():
			skip = e.Path + "/"
		case e.IsDir():
			switch elsewhere, certain := mounted.boundary(&top, &e); {
			case elsewhere:
				skip = e.Path + "/"
			case !certain:
				skip = e.Path + "/"
				h.Source = h.and(Source{Fact: snapshot.Fact{State: snapshot.NotCollected, Detail: "whether something is mounted at " + e.Path + " was not collected"}})
			default:
				h.folder(&e)
			}
		case !e.Meta.Known():
			h.Source = h.and(Source{Fact: about(e.Path, e.Meta, "is unknown")})
		case e.IsRegular() && wanted.match(path.Base(e.Path)) && e.Size <= h.sizeLimit(t):
			if elsewhere, _ := mounted.boundary(&top, &e); !elsewhere {
				h.file(ctx, e.Path)
			}
		}
	}
}

// mounted are the places where something is mounted, and whether these are all.
type mounted struct {
	at    map[string]bool
	whole bool
}

func mountsOf(s *snapshot.Snapshot) mounted {
	mounts, fact := s.Mounts()
	m := mounted{make(map[string]bool, len(mounts)), fact.State == snapshot.Present}
	for i := range mounts {
		m.at[mounts[i].Target] = true
	}
	return m
}

// boundary reports whether something else than the tree's file system is
// mounted there, and whether that is certain. Devices decide where they are
// known, and else the list of mounts.
func (m mounted) boundary(top, e *snapshot.Entry) (elsewhere, certain bool) {
	if top.Device != 0 && e.Device != 0 {
		return top.Device != e.Device, true
	}
	return m.at[e.Path], m.whole || m.at[e.Path]
}

func (h *hunt) sizeLimit(t snapshot.Tree) int64 {
	if t.ContentsUpTo == 0 {
		return h.limits.FileBytes
	}
	return min(h.limits.FileBytes, t.ContentsUpTo)
}

// folder takes into account that names in a folder may be unknown.
func (h *hunt) folder(e *snapshot.Entry) {
	if !e.Listing.Known() {
		h.Source = h.and(Source{Fact: about("the names in "+e.Path, e.Listing, "were not collected")})
	}
}

func (h *hunt) file(ctx context.Context, file string) {
	if err := ctx.Err(); err != nil {
		h.Source = h.and(failed("searching for secrets: %v", err))
		return
	}
	d := read(h.s, file)
	if d.Fact.State == snapshot.Absent || !d.entry.IsRegular() && d.entry.Meta.State == snapshot.Present || h.read[d.entry.Path] {
		return
	}
	h.read[d.entry.Path] = true
	if len(h.read) > h.limits.Files {
		h.Source = h.and(Source{Fact: snapshot.Fact{State: snapshot.Truncated, Detail: "more files than are searched for secrets"}})
		return
	}
	h.Source = h.and(d.Source)
	found := h.search(d.data, d.entry.Redacted)
	if d.entry.Redacted {
		h.Source = h.and(Source{Fact: snapshot.Fact{State: snapshot.NotCollected, Detail: d.entry.Path + ": secrets were taken out when the snapshot was saved"}})
	}
	for _, f := range found {
		h.found = append(h.found, Secret{Path: d.entry.Path, Kind: f.kind, Class: f.class})
	}
}

// search looks into one content. In a saved snapshot secrets are gone, but the
// frame of a key is still to be seen.
func (h *hunt) search(data []byte, redacted bool) []finding {
	found := keys(data, redacted)
	for i := range h.detectors {
		d := &h.detectors[i]
		if d.in(data) && !slices.Contains(found, d.finding) {
			found = append(found, d.finding)
		}
	}
	// A token is also what every kind of token that is built of one is.
	if slices.ContainsFunc(found, func(f finding) bool { return f.kind == "azure-token" }) {
		found = slices.DeleteFunc(found, func(f finding) bool { return f.kind == "json-web-token" })
	}
	return found
}

// finding is what one detector says.
type finding struct{ kind, class string }

// window and step are what detectors of pairs see at a time: they compare
// every half with every other, which a hostile file would make last for ever.
func windows(data []byte, needles int) func(func([]byte) bool) {
	window, step := 24<<10, 12<<10
	if needles > 100 {
		window, step = 2<<10, 1<<10
	}
	return func(yield func([]byte) bool) {
		for start := 0; ; start += step {
			end := min(start+window, len(data))
			if !yield(data[start:end]) || end == len(data) {
				return
			}
		}
	}
}

// in reports whether data holds what the detector looks for.
func (d *detector) in(data []byte) bool {
	needles := 0
	for _, n := range d.needles {
		if d.pair {
			needles += bytes.Count(data, []byte(n))
		} else if bytes.Contains(data, []byte(n)) {
			needles++
		}
	}
	if needles == 0 {
		return false
	}
	if !d.pair {
		found, _ := d.Detect(data)
		return len(found) > 0
	}
	for w := range windows(data, needles) {
		if found, _ := d.Detect(w); len(found) > 0 {
			return true
		}
	}
	return false
}
