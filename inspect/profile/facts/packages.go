package facts

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/google/osv-scalibr/extractor"
	"github.com/google/osv-scalibr/extractor/filesystem"
	"github.com/google/osv-scalibr/extractor/filesystem/os/apk"
	apkmeta "github.com/google/osv-scalibr/extractor/filesystem/os/apk/metadata"
	"github.com/google/osv-scalibr/extractor/filesystem/os/dpkg"
	dpkgmeta "github.com/google/osv-scalibr/extractor/filesystem/os/dpkg/metadata"
	"github.com/google/osv-scalibr/extractor/filesystem/os/pacman"

	"github.com/kubeassay/assay/inspect/profile/facts/rpm"
	"github.com/kubeassay/assay/inspect/snapshot"
)

// Package is one installed package.
type Package struct {
	Name string
	// Version is whole: "1:2.3-4" with epoch and revision where there are such.
	Version string
	Arch    string
	// Source is the package that it was built from, where that has another name.
	Source string
	// Type is the format's name in a package URL: deb, apk, rpm, alpm, opkg.
	Type string
	// Database is the path of the file that says so.
	Database string
}

// Database is one place where packages would be listed.
type Database struct {
	Kind     string // dpkg, opkg, apk, rpm, pacman
	Path     string
	Fact     snapshot.Fact
	Packages int
}

// Inventory is what the package databases say is installed.
type Inventory struct {
	Packages  []Package
	Databases []Database // those that are there, or of which that is not known
}

// Has reports whether a package of that name is installed.
func (i Inventory) Has(name string) bool {
	return slices.ContainsFunc(i.Packages, func(p Package) bool { return p.Name == name })
}

// Where databases are. Of a folder that is a link to another, the file behind
// both is read once.
func databasePaths() []Database {
	out := []Database{{Kind: "dpkg", Path: "/var/lib/dpkg/status"}, {Kind: "opkg", Path: "/usr/lib/opkg/status"},
		{Kind: "apk", Path: "/lib/apk/db/installed"}, {Kind: "apk", Path: "/usr/lib/apk/db/installed"}, {Kind: "apk", Path: "/var/lib/apk/db/installed"}}
	for _, dir := range []string{"/var/lib/rpm", "/usr/lib/sysimage/rpm", "/usr/share/rpm"} {
		for _, file := range []string{"rpmdb.sqlite", "Packages.db", "Packages"} {
			out = append(out, Database{Kind: "rpm", Path: dir + "/" + file})
		}
	}
	return out
}

// Databases of one file a package.
func databaseGlobs() []Database {
	return []Database{{Kind: "dpkg", Path: "/var/lib/dpkg/status.d/*"}, {Kind: "pacman", Path: "/var/lib/pacman/local/*/desc"}}
}

const walSuffix = "-wal"

// PackagePlan says what to collect for [Packages].
func PackagePlan() snapshot.Plan {
	var p snapshot.Plan
	for _, d := range databasePaths() {
		p.Files = append(p.Files, d.Path)
		if strings.HasSuffix(d.Path, ".sqlite") {
			p.Files = append(p.Files, d.Path+walSuffix)
		}
	}
	for _, d := range databaseGlobs() {
		p.Globs = append(p.Globs, snapshot.Glob{Pattern: d.Path, Contents: true})
	}
	return p
}

// Packages reads every package database. An image without any has no packages
// that one could know of, and its source says absent.
func Packages(ctx context.Context, s *snapshot.Snapshot) (Inventory, Source) {
	var out Inventory
	source := Source{Fact: snapshot.Fact{State: snapshot.Absent}}
	seen := map[string]bool{}
	for _, db := range databasePaths() {
		d := read(s, db.Path)
		if d.Fact.State == snapshot.Absent || d.Fact.State == snapshot.Present && seen[d.entry.Path] {
			continue
		}
		seen[d.entry.Path] = true
		packages := out.extract(ctx, s, db, &d)
		db.Fact, db.Packages = d.Fact, len(packages)
		out.Packages = append(out.Packages, packages...)
		out.Databases = append(out.Databases, db)
		source = source.and(d.Source)
	}
	for _, db := range databaseGlobs() {
		entries, found := glob(s, db.Path)
		if len(entries) == 0 && found.Fact.State == snapshot.Absent {
			continue
		}
		for _, e := range entries {
			if strings.HasSuffix(e.Path, ".md5sums") {
				continue
			}
			d := read(s, e.Path)
			packages := out.extract(ctx, s, Database{Kind: db.Kind, Path: e.Path}, &d)
			db.Packages += len(packages)
			out.Packages = append(out.Packages, packages...)
			found = found.and(d.Source)
		}
		db.Fact = found.Fact
		out.Databases = append(out.Databases, db)
		source = source.and(found)
	}
	return out, source
}

// glob is Snapshot.Glob with a source: absent where nothing matches, for certain.
func glob(s *snapshot.Snapshot, pattern string) ([]snapshot.Entry, Source) {
	entries, fact := s.Glob(pattern)
	switch {
	case !fact.Known():
		out := Source{Fact: about(pattern, fact, "was not collected")}
		if out.Fact.State == snapshot.NotCollected {
			out.MissingGlobs = []string{pattern}
		}
		return entries, out
	case len(entries) == 0:
		return nil, Source{Fact: snapshot.Fact{State: snapshot.Absent}}
	}
	return entries, Source{Fact: snapshot.Fact{State: snapshot.Present}}
}

// extract reads one file of a database, and sets the source to failed where the
// file is whole and what it says is not understood whole.
func (*Inventory) extract(ctx context.Context, s *snapshot.Snapshot, db Database, d *document) []Package {
	if len(d.data) == 0 {
		return nil
	}
	whole := d.Fact.State == snapshot.Present
	var out []Package
	var err error
	switch db.Kind {
	case "rpm":
		if !whole {
			return nil // the beginning of such a file says nothing
		}
		out, err = rpmPackages(ctx, s, db.Path, d)
	case "apk":
		out, err = scalibr(ctx, apk.Extractor{}, db.Path, d.data)
		if err == nil {
			err = allRead(d.data, "P:", len(out))
		}
	case "pacman":
		out, err = scalibr(ctx, pacman.Extractor{}, db.Path, d.data)
		if err == nil && len(out) == 0 {
			err = fmt.Errorf("it names no package")
		}
	default:
		out, err = scalibr(ctx, dpkg.Extractor{IncludeNotInstalled: true}, db.Path, d.data)
		if err == nil {
			err = allRead(d.data, "Package:", len(out))
		}
		out = slices.DeleteFunc(out, func(p Package) bool { return p.Name == "" }) // see fromScalibr
	}
	if err != nil && whole {
		d.Source = d.and(failed("reading the package database %s: %v", db.Path, err))
	}
	return out
}

// allRead makes sure that no package was passed over: the library logs a
// damaged entry and goes on.
func allRead(data []byte, field string, read int) error {
	want := 0
	for line := range bytes.Lines(data) {
		if len(line) > len(field) && strings.EqualFold(string(line[:len(field)]), field) {
			want++
		}
	}
	if read < want {
		return fmt.Errorf("%d of %d packages could not be understood", want-read, want)
	}
	return nil
}

// scalibr runs one extractor on one file.
func scalibr(ctx context.Context, x filesystem.Extractor, file string, data []byte) ([]Package, error) {
	name := strings.TrimPrefix(file, "/")
	found, err := x.Extract(ctx, &filesystem.ScanInput{FS: bare{}, Path: name, Reader: bytes.NewReader(data)})
	out := make([]Package, 0, len(found.Packages))
	for _, p := range found.Packages {
		out = append(out, fromScalibr(p, file))
	}
	return out, err
}

// fromScalibr takes over what a package says of itself. What is only remembered
// by dpkg and not installed has no name then.
func fromScalibr(p *extractor.Package, file string) Package {
	out := Package{Name: p.Name, Version: p.Version, Type: p.PURLType, Database: file}
	switch m := p.Metadata.(type) {
	case *dpkgmeta.Metadata:
		out.Arch, out.Source = m.Architecture, m.SourceName
		if words := strings.Fields(m.Status); len(words) == 3 && (words[2] == "not-installed" || words[2] == "config-files") {
			out.Name = ""
		}
	case *apkmeta.Metadata:
		out.Arch, out.Source = m.Architecture, m.OriginName
	}
	if out.Source == out.Name {
		out.Source = ""
	}
	return out
}

func rpmPackages(ctx context.Context, s *snapshot.Snapshot, file string, d *document) ([]Package, error) {
	var wal []byte
	if strings.HasSuffix(file, ".sqlite") {
		log := read(s, path.Join(path.Dir(d.entry.Path), path.Base(file)+walSuffix))
		if log.Fact.State != snapshot.Absent {
			d.Source = d.and(log.Source)
			wal = log.data
		}
	}
	found, err := rpm.Read(ctx, d.data, wal)
	out := make([]Package, 0, len(found))
	for _, p := range found {
		out = append(out, Package{Name: p.Name, Version: p.EVR(), Arch: p.Arch, Source: p.SourceRPM, Type: "rpm", Database: file})
	}
	return out, err
}

// bare is a file system with nothing in it: the extractors look for the
// distribution's name beside the database, which is not what they are asked.
type bare struct{}

func (bare) Open(name string) (fs.File, error)          { return nil, bareError("open", name) }
func (bare) ReadDir(name string) ([]fs.DirEntry, error) { return nil, bareError("readdir", name) }
func (bare) Stat(name string) (fs.FileInfo, error)      { return nil, bareError("stat", name) }

func bareError(op, name string) error {
	return &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
}
