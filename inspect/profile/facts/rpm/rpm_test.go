package rpm

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	rpmdb "github.com/erikvarga/go-rpmdb/pkg"
	gocmp "github.com/google/go-cmp/cmp"
)

// header makes what rpm stores for a package.
func header(p Package) []byte {
	type field struct {
		tag, typ uint32
		value    []byte
	}
	number := func(n uint32) []byte { return binary.BigEndian.AppendUint32(nil, n) }
	fields := []field{
		{tagEpoch, typeInt32, number(uint32(p.Epoch))}, {tagInstallTime, typeInt32, number(uint32(p.Installed.Unix()))},
		{tagName, typeString, []byte(p.Name)}, {tagVersion, typeString, []byte(p.Version)}, {tagRelease, typeString, []byte(p.Release)},
		{tagArch, typeString, []byte(p.Arch)}, {tagVendor, typeString, []byte(p.Vendor)}, {tagSourceRPM, typeString, []byte(p.SourceRPM)},
		{1004, typeI18N, []byte("what it is")},
	}
	var index, data []byte
	for _, f := range fields {
		for _, n := range []uint32{f.tag, f.typ, uint32(len(data)), 1} {
			index = binary.BigEndian.AppendUint32(index, n)
		}
		data = append(data, f.value...)
		if f.typ != typeInt32 {
			data = append(data, 0)
		}
	}
	out := binary.BigEndian.AppendUint32(nil, uint32(len(fields)))
	out = binary.BigEndian.AppendUint32(out, uint32(len(data)))
	return append(append(out, index...), data...)
}

var two = []Package{
	{Name: "bash", Version: "5.2.15", Release: "3.fc40", Arch: "x86_64", Vendor: "Some", SourceRPM: "bash-5.2.15-3.fc40.src.rpm", Installed: time.Unix(1700000000, 0).UTC()},
	{Name: "openssl-libs", Version: "3.2.1", Release: "2.fc40", Epoch: 1, Arch: "x86_64", Installed: time.Unix(1700000001, 0).UTC()},
}

// ndbFile lays blobs out as rpm does.
func ndbFile(blobs ...[]byte) []byte {
	le := binary.LittleEndian
	page := make([]byte, ndbPageSize)
	copy(page, ndbMagic)
	le.PutUint32(page[12:], 1)
	for at := 2 * ndbUnit; at < ndbPageSize; at += ndbUnit {
		copy(page[at:], ndbSlotMagic)
	}
	out := page
	for i, blob := range blobs {
		blocks := (ndbUnit + len(blob) + ndbTailSize + ndbUnit - 1) / ndbUnit
		slot := out[(2+i)*ndbUnit:]
		le.PutUint32(slot[4:], uint32(i+1))
		le.PutUint32(slot[8:], uint32(len(out)/ndbUnit))
		le.PutUint32(slot[12:], uint32(blocks))
		b := make([]byte, blocks*ndbUnit)
		copy(b, ndbBlobMagic)
		le.PutUint32(b[4:], uint32(i+1))
		le.PutUint32(b[12:], uint32(len(blob)))
		copy(b[ndbUnit:], blob)
		out = append(out, b...)
	}
	return out
}

// bdbFile has one hash page whose values are off the page, and pages of 512 bytes.
func bdbFile(order binary.ByteOrder, blobs ...[]byte) []byte {
	const size = 512
	page := func(n int, typ byte) []byte {
		p := make([]byte, size)
		order.PutUint32(p[8:], uint32(n))
		p[25] = typ
		return p
	}
	meta, hash := page(0, bdbPageMeta), page(1, bdbPageHash)
	order.PutUint32(meta[12:], bdbHashMagic)
	order.PutUint32(meta[20:], size)
	pages := [][]byte{meta, hash}
	order.PutUint16(hash[20:], uint16(2*len(blobs)+2))
	end, item := size, 0
	put := func(b []byte) {
		end -= len(b)
		copy(hash[end:], b)
		order.PutUint16(hash[bdbHeaderSize+2*item:], uint16(end))
		item++
	}
	put([]byte{bdbItemHere, 0, 0, 0, 0})
	put([]byte{bdbItemHere, 9, 0, 0, 0})
	for i, blob := range blobs {
		put([]byte{bdbItemHere, byte(i + 1), 0, 0, 0})
		off := make([]byte, 12)
		off[0] = bdbItemOffPage
		order.PutUint32(off[4:], uint32(len(pages)))
		order.PutUint32(off[8:], uint32(len(blob)))
		put(off)
		for part := range slices.Chunk(blob, size-bdbHeaderSize) {
			p := page(len(pages), bdbPageOverflow)
			order.PutUint16(p[22:], uint16(len(part)))
			copy(p[bdbHeaderSize:], part)
			order.PutUint32(p[16:], uint32(len(pages)+1))
			pages = append(pages, p)
		}
		order.PutUint32(pages[len(pages)-1][16:], 0)
	}
	order.PutUint32(meta[32:], uint32(len(pages)-1))
	return bytes.Join(pages, nil)
}

// sqliteFile makes a database with the given statements; with a log, what comes
// after the first is only in the log.
func sqliteFile(t testing.TB, log bool, first string, blobs ...[]byte) (data, wal []byte) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "x.sqlite")
	db, err := sql.Open("sqlite", "file:"+file)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	do := func(text string, args ...any) {
		if _, err := db.ExecContext(t.Context(), text, args...); err != nil {
			t.Fatal(err)
		}
	}
	if log {
		do("PRAGMA journal_mode=WAL")
		do("PRAGMA wal_autocheckpoint=0")
	}
	do(first)
	if log {
		do("PRAGMA wal_checkpoint(TRUNCATE)")
	}
	for _, b := range blobs {
		do("INSERT INTO Packages (blob) VALUES (?)", b)
	}
	if data, err = os.ReadFile(file); err != nil {
		t.Fatal(err)
	}
	if wal, err = os.ReadFile(file + "-wal"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return data, wal
}

const packagesTable = "CREATE TABLE IF NOT EXISTS 'Packages' (hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL)"

func TestRead(t *testing.T) {
	a, b := header(two[0]), header(two[1])
	whole, _ := sqliteFile(t, false, packagesTable, a, b)
	logged, wal := sqliteFile(t, true, packagesTable, a, b)
	empty, _ := sqliteFile(t, false, packagesTable)
	for _, c := range []struct {
		name      string
		data, wal []byte
		want      []Package
	}{
		{"ndb", ndbFile(a, b), nil, two},
		{"bdb", bdbFile(binary.LittleEndian, a, b), nil, two},
		{"bdb of a big-endian machine", bdbFile(binary.BigEndian, a, b), nil, two},
		{"sqlite", whole, nil, two},
		{"sqlite with a log", logged, wal, two},
		{"sqlite without its log", logged, nil, nil},
		{"sqlite, empty", empty, nil, nil},
		{"ndb, empty", ndbFile(), nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Read(t.Context(), c.data, c.wal)
			if err != nil {
				t.Fatal(err)
			}
			if d := gocmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
		})
	}
	if got := two[1].EVR(); got != "1:3.2.1-2.fc40" {
		t.Errorf("EVR: %s", got)
	}
}

// What is damaged, or made to hurt, is an error that says what is wrong.
func TestReadRefuses(t *testing.T) {
	a := header(two[0])
	change := func(data []byte, at int, with ...byte) []byte {
		out := slices.Clone(data)
		copy(out[at:], with)
		return out
	}
	sqlite := func(first string, blobs ...[]byte) []byte {
		data, _ := sqliteFile(t, false, first, blobs...)
		return data
	}
	good := bdbFile(binary.LittleEndian, a)
	for _, c := range []struct {
		name string
		data []byte
		want string
	}{
		{"nothing", nil, "no rpm database"},
		{"text", []byte("hello"), "no rpm database"},
		{"sqlite, only the beginning", []byte("SQLite format 3\x00"), "sqlite"},
		{"sqlite, another table", sqlite("CREATE TABLE x (y)"), "no table Packages"},
		{"sqlite, an endless view", sqlite("CREATE VIEW Packages AS WITH RECURSIVE r(blob) AS (SELECT 1 UNION ALL SELECT blob+1 FROM r) SELECT * FROM r"), "not rpm's"},
		{"sqlite, a made-up column", sqlite("CREATE TABLE Packages (hnum, blob AS (zeroblob(1000000))); INSERT INTO Packages (hnum) VALUES (1)"), "more than the file"},
		{"sqlite, no header", sqlite(packagesTable, []byte("short")), "5 bytes"},
		{"ndb, cut off", ndbFile(a)[:100], "shorter than a page"},
		{"ndb, many pages", change(ndbFile(a), 12, 255, 255, 255), "promises"},
		{"ndb, version", change(ndbFile(a), 4, 1), "version 1"},
		{"ndb, bad slot", change(ndbFile(a), 48, 'X'), "slot is damaged"},
		{"ndb, far block", change(ndbFile(a), 40, 255, 255, 255, 255), "outside the file"},
		{"ndb, too long", change(ndbFile(a), ndbPageSize+12, 255, 255), "longer than its blocks"},
		{"ndb, one block for two", func() []byte {
			d := ndbFile(a, a)
			copy(d[48+8:48+16], d[32+8:32+16])
			d[48+4] = 1
			for i := range 200 {
				copy(d[(3+i)*16:], d[32:48])
			}
			return d
		}(), "overlap"},
		{"bdb, cut off", good[:1000], "promises"},
		{"bdb, page size", change(good, 20, 1, 0, 0, 0), "page size of 1"},
		{"bdb, odd items", change(good, 512+20, 3), "promises 3 items"},
		{"bdb, many items", change(good, 512+20, 0xfe, 0xff), "items"},
		{"bdb, item outside", change(good, 512+bdbHeaderSize, 0xff, 0xff), "outside the page"},
		{"bdb, chain in a circle", change(good, 1024+16, 2), "does not end"},
		{"bdb, chain leads out", change(good, 1024+16, 0xff, 0xff), "is not there"},
		{"bdb, chain leads to another kind", change(good, 1024+16, 1), "has type"},
		{"bdb, encrypted", change(good, 24, 1), "encrypted"},
		{"header, promises too much", ndbFile([]byte{255, 255, 255, 255, 0, 0, 0, 1, 0}), "promises"},
		{"header, without a name", ndbFile(header(Package{Version: "1"})), "no name"},
		{"header, text does not end", ndbFile(func() []byte { h := header(two[0]); return h[:len(h)-1] }()), "promises"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Read(t.Context(), c.data, nil)
			if err == nil {
				t.Fatalf("no error, and %d packages", len(got))
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v", err)
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, data := range [][]byte{ndbFile(a), good, sqlite(packagesTable, a)} {
		if _, err := Read(ctx, data, nil); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
	}
}

// TestAgainstLibrary reads real databases of many distributions, which come
// with the libraries that osv-scalibr is made of, as those libraries do.
func TestAgainstLibrary(t *testing.T) {
	seen := map[Backend]int{}
	for _, module := range []string{"github.com/erikvarga/go-rpmdb", "github.com/google/osv-scalibr"} {
		out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", module).Output()
		if err != nil {
			t.Skipf("the module cache has no %s: %v", module, err)
		}
		err = filepath.WalkDir(strings.TrimSpace(string(out)), func(name string, d fs.DirEntry, err error) error {
			if base := filepath.Base(name); err != nil || !slices.Contains([]string{"Packages", "Packages.db", "rpmdb.sqlite", "Packages_epoch"}, base) || d.IsDir() {
				return err
			}
			t.Run(filepath.Base(filepath.Dir(name))+"/"+filepath.Base(name), func(t *testing.T) {
				if strings.Contains(name, "/testdata/timeout/") {
					refuses(t, name) // that library goes on for ever
					return
				}
				seen[compare(t, name)]++
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, b := range []Backend{BDB, NDB, SQLite} {
		if seen[b] == 0 {
			t.Errorf("no database of the form %s was compared", b)
		}
	}
}

func refuses(t *testing.T, name string) {
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := Read(t.Context(), data, nil); err == nil {
		t.Errorf("no error, and %d packages", len(got))
	}
}

func compare(t *testing.T, name string) Backend {
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	wal, err := os.ReadFile(name + "-wal")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	db, err := rpmdb.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	theirs, err := db.ListPackages()
	if err != nil {
		t.Fatal(err)
	}
	var want []Package
	for _, p := range theirs {
		q := Package{Name: p.Name, Version: p.Version, Release: p.Release, Epoch: p.EpochNum(), Arch: p.Arch, Vendor: p.Vendor,
			SourceRPM: p.SourceRpm, Installed: time.Unix(int64(p.InstallTime), 0).UTC()}
		// The library writes what an absent text is.
		for _, s := range []*string{&q.Arch, &q.SourceRPM, &q.Vendor} {
			*s = strings.TrimPrefix(*s, "(none)")
		}
		want = append(want, q)
	}
	got, err := Read(t.Context(), data, wal)
	if err != nil {
		t.Fatal(err)
	}
	order := func(a, b Package) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.EVR(), b.EVR()), cmp.Compare(a.Arch, b.Arch))
	}
	slices.SortFunc(got, order)
	slices.SortFunc(want, order)
	if d := gocmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if len(got) == 0 {
		t.Log("an empty database")
	}
	backend, err := Detect(data)
	if err != nil {
		t.Fatal(err)
	}
	return backend
}

// TestAgainstRPM asks the rpm of this machine, where there is one.
func TestAgainstRPM(t *testing.T) {
	tool, err := exec.LookPath("rpm")
	if err != nil {
		t.Skip("no rpm here")
	}
	dir := t.TempDir()
	data, _ := sqliteFile(t, false, packagesTable, header(two[0]), header(two[1]))
	if err := os.WriteFile(filepath.Join(dir, "rpmdb.sqlite"), data, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), tool, "-qa", "--nosignature", "--nodigest", "--dbpath", dir, "--qf", "%{NAME} %{EVR} %{ARCH}\n").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, p := range two {
		if line := p.Name + " " + strings.TrimPrefix(p.EVR(), "0:") + " " + p.Arch; !strings.Contains(string(out), line) {
			t.Errorf("rpm does not say %q:\n%s", line, out)
		}
	}
}

func FuzzRead(f *testing.F) {
	a, b := header(two[0]), header(two[1])
	f.Add(ndbFile(a, b))
	f.Add(bdbFile(binary.LittleEndian, a, b))
	f.Add(bdbFile(binary.BigEndian, a, b))
	f.Fuzz(func(t *testing.T, data []byte) {
		if b, err := Detect(data); err == nil && b == SQLite {
			t.Skip() // see TestDamagedSQLite
		}
		packages, _ := Read(t.Context(), data, nil)
		for _, p := range packages {
			if p.Name == "" || p.Version == "" {
				t.Errorf("a package without a name or version: %+v", p)
			}
		}
		if len(packages) > len(data) {
			t.Errorf("%d packages in %d bytes", len(packages), len(data))
		}
	})
}
