package facts

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubeassay/assay/inspect/snapshot"
)

const (
	dpkgStatus = `Package: bash
Status: install ok installed
Architecture: amd64
Version: 5.2.15-2+b7
Description: GNU Bourne Again SHell
 A long text
 .
 of several lines.

Package: libgone
Status: deinstall ok config-files
Version: 1
Architecture: amd64

Package: libc6
Status: hold ok half-configured
Source: glibc (2.36-9)
Version: 2.36-9+deb12u4
Architecture: amd64
`
	apkInstalled = `C:Q1pSfbd
P:musl
V:1.2.5-r0
A:x86_64
o:musl
F:lib
R:libc.so

P:libcrypto3
V:3.3.0-r2
A:x86_64
o:openssl
`
	statusD    = "Package: base-files\nVersion: 12.4\nArchitecture: amd64\n"
	pacmanDesc = "%NAME%\nzlib\n\n%VERSION%\n1:1.3-1\n"
)

func TestPackages(t *testing.T) {
	bash := Package{Name: "bash", Version: "5.2.15-2+b7", Arch: "amd64", Type: "deb", Database: "/var/lib/dpkg/status"}
	libc := Package{Name: "libc6", Version: "2.36-9+deb12u4", Arch: "amd64", Source: "glibc", Type: "deb", Database: "/var/lib/dpkg/status"}
	for _, c := range []struct {
		name  string
		files map[string]string
		want  []Package
		state snapshot.State
		part  string // of the detail
	}{
		{"none", map[string]string{"/etc/x": ""}, nil, snapshot.Absent, ""},
		{"dpkg", map[string]string{"/var/lib/dpkg/status": dpkgStatus}, []Package{bash, libc}, snapshot.Present, ""},
		{"dpkg, empty", map[string]string{"/var/lib/dpkg/status": ""}, nil, snapshot.Present, ""},
		{"dpkg, damaged", map[string]string{"/var/lib/dpkg/status": "Package: a\nStatus: install ok installed\nVersion: 1\n\nno colon here\n"},
			[]Package{{Name: "a", Version: "1", Type: "deb", Database: "/var/lib/dpkg/status"}}, snapshot.Failed, "/var/lib/dpkg/status"},
		{"dpkg, without a version", map[string]string{"/var/lib/dpkg/status": "Package: a\nStatus: install ok installed\n\n" + dpkgStatus}, []Package{bash, libc}, snapshot.Failed, "1 of 4"},
		{"distroless", map[string]string{"/var/lib/dpkg/status.d/base": statusD, "/var/lib/dpkg/status.d/base.md5sums": "0  a\n"},
			[]Package{{Name: "base-files", Version: "12.4", Arch: "amd64", Type: "deb", Database: "/var/lib/dpkg/status.d/base"}}, snapshot.Present, ""},
		{"distroless, damaged", map[string]string{"/var/lib/dpkg/status.d/base": "Package: x\nnonsense\n"}, nil, snapshot.Failed, "status.d/base"},
		{"apk", map[string]string{"/lib/apk/db/installed": apkInstalled}, []Package{
			{Name: "musl", Version: "1.2.5-r0", Arch: "x86_64", Type: "apk", Database: "/lib/apk/db/installed"},
			{Name: "libcrypto3", Version: "3.3.0-r2", Arch: "x86_64", Source: "openssl", Type: "apk", Database: "/lib/apk/db/installed"}}, snapshot.Present, ""},
		{"apk where /lib is a link", map[string]string{"/usr/lib/apk/db/installed": apkInstalled[strings.Index(apkInstalled, "P:libcrypto3"):], "/lib": "-> usr/lib"},
			[]Package{{Name: "libcrypto3", Version: "3.3.0-r2", Arch: "x86_64", Source: "openssl", Type: "apk", Database: "/lib/apk/db/installed"}}, snapshot.Present, ""},
		{"apk, damaged", map[string]string{"/lib/apk/db/installed": "P:x\nV:1\n\nwhat\n"}, nil, snapshot.Failed, "apk"},
		{"apk, without a version", map[string]string{"/lib/apk/db/installed": "P:x\n\n"}, nil, snapshot.Failed, "1 of 1"},
		{"pacman", map[string]string{"/var/lib/pacman/local/zlib-1/desc": pacmanDesc}, []Package{{Name: "zlib", Version: "1:1.3-1", Type: "pacman", Database: "/var/lib/pacman/local/zlib-1/desc"}}, snapshot.Present, ""},
		{"pacman, damaged", map[string]string{"/var/lib/pacman/local/zlib-1/desc": "%NAME%\n"}, nil, snapshot.Failed, "zlib-1"},
		{"rpm, damaged", map[string]string{"/var/lib/rpm/rpmdb.sqlite": "SQLite format 3\x00"}, nil, snapshot.Failed, "rpmdb.sqlite"},
		{"rpm, not a database", map[string]string{"/usr/lib/sysimage/rpm/Packages.db": "x"}, nil, snapshot.Failed, "no rpm database"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, source := Packages(t.Context(), tree(t, c.files))
			if d := cmp.Diff(c.want, got.Packages); d != "" {
				t.Error(d)
			}
			if source.Fact.State != c.state || !strings.Contains(source.Fact.Detail, c.part) {
				t.Errorf("%+v", source)
			}
		})
	}
}

func TestPackagesAsksForDatabases(t *testing.T) {
	_, source := Packages(t.Context(), snapshot.NewBuilder(snapshot.Limits{}).Snapshot())
	if source.Fact.State != snapshot.NotCollected || len(source.Missing) == 0 || len(source.MissingGlobs) != 2 {
		t.Errorf("%+v", source)
	}
	plan := PackagePlan()
	for _, m := range source.Missing {
		if !slices.Contains(plan.Files, m) {
			t.Errorf("%s is missing, but not in the plan", m)
		}
	}
	truncated := blind("/var/lib/dpkg/status", snapshot.Fact{State: snapshot.Truncated}, dpkgStatus[:150])
	if got, source := Packages(t.Context(), truncated); source.Fact.State != snapshot.Truncated || !got.Has("bash") {
		t.Errorf("%+v %+v", got, source)
	}
}

// TestAgainstDpkg compares with dpkg's own reading of this machine's database.
func TestAgainstDpkg(t *testing.T) {
	query, err := exec.LookPath("dpkg-query")
	if err != nil {
		t.Skip("no dpkg here")
	}
	out, err := exec.CommandContext(t.Context(), query, "-W", "-f", "${db:Status-Status} ${Package} ${Version} ${Architecture} ${source:Package}\n").Output()
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		if len(f) == 5 && f[0] != "config-files" && f[0] != "not-installed" {
			want = append(want, strings.Join(f[1:], " "))
		}
	}
	got, source := Packages(t.Context(), machine(t, "/var/lib/dpkg/status"))
	if !source.Whole() {
		t.Fatalf("%+v", source)
	}
	var ours []string
	for _, p := range got.Packages {
		from := p.Source
		if from == "" {
			from = p.Name
		}
		ours = append(ours, strings.Join([]string{p.Name, p.Version, p.Arch, from}, " "))
	}
	slices.Sort(want)
	slices.Sort(ours)
	if d := cmp.Diff(want, ours); d != "" {
		t.Error(d)
	}
	if len(ours) < 50 {
		t.Errorf("%d packages", len(ours))
	}
}

// TestRealRPM reads the databases that osv-scalibr is tested with through a snapshot.
func TestRealRPM(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/google/osv-scalibr").Output()
	if err != nil {
		t.Skip(err)
	}
	dir := strings.TrimSpace(string(out)) + "/extractor/filesystem/os/rpm/testdata/"
	for _, name := range []string{"Packages", "Packages.db", "rpmdb.sqlite"} {
		data, err := os.ReadFile(dir + name)
		if err != nil {
			t.Fatal(err)
		}
		s := tree(t, map[string]string{"/usr/lib/sysimage/rpm/" + name: string(data), "/var/lib/rpm": "-> ../../usr/lib/sysimage/rpm"})
		got, source := Packages(t.Context(), s)
		if !source.Whole() || len(got.Packages) < 10 || len(got.Databases) != 1 || !got.Has("bash") {
			t.Errorf("%s: %d packages, %+v, %+v", name, len(got.Packages), got.Databases, source)
		}
	}
}
