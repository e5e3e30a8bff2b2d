package facts

import (
	"bufio"
	"bytes"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubeassay/assay/inspect/snapshot"
)

func TestUsers(t *testing.T) {
	for _, c := range []struct {
		name, file string
		want       []User
		notes      int
	}{
		{"ordinary", "root:x:0:0:root:/root:/bin/sh\n", []User{{"root", "shadowed", 0, 0, "root", "/root", "/bin/sh", 1}}, 0},
		{"no newline at the end", "a:*:1:2:g:/h:/s", []User{{"a", "none", 1, 2, "g", "/h", "/s", 1}}, 0},
		{"empty password", "a::1:2:::", []User{{"a", "empty", 1, 2, "", "", "", 1}}, 0},
		{"hash in passwd", "a:$6$x$y:1:2:::", []User{{"a", "sha512", 1, 2, "", "", "", 1}}, 0},
		{"four fields are enough", "a:x:0:0\n", []User{{"a", "shadowed", 0, 0, "", "", "", 1}}, 0},
		{"shell with colons", "a:x:1:1:::/bin/sh:rest", []User{{"a", "shadowed", 1, 1, "", "", "/bin/sh:rest", 1}}, 0},
		{"comment and blank lines", "# x:x:0:0\n\n \t\na:x:1:1:::\n", []User{{"a", "shadowed", 1, 1, "", "", "", 4}}, 0},
		{"blanks before a name and a uid", "  a:x: 0:+0:::\n", []User{{"a", "shadowed", 0, 0, "", "", "", 1}}, 0},
		{"too large a uid", "a:x:4294967296:99999999999999999999:::\n", []User{{"a", "shadowed", 4294967295, 4294967295, "", "", "", 1}}, 0},
		{"negative uid", "a:x:-2:0:::\n", []User{{"a", "shadowed", 4294967295, 0, "", "", "", 1}}, 0},
		{"no uid", "a:x::0:::\nb:x:0x0:0:::\nc:x:0:0:::\n", []User{{"c", "shadowed", 0, 0, "", "", "", 3}}, 2},
		{"too few fields", "a:x:0\n", nil, 1},
		{"directory service", "+:::::::\n+@admins::0:0:::\n-nobody\n", nil, 3},
		{"cut at a zero byte", "a:x:1:1:g\x00:/h:/s\n", []User{{"a", "shadowed", 1, 1, "g", "", "", 1}}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, source := Users(tree(t, map[string]string{"/etc/passwd": c.file}))
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
			if !source.Whole() || len(source.Notes) != c.notes {
				t.Errorf("source: %+v", source)
			}
		})
	}
}

func TestGroups(t *testing.T) {
	got, source := Groups(tree(t, map[string]string{"/etc/group": "root:x:0:\nwheel:!:10:a, b,,c\nbad:x:y:\nshort\nopen::3\n"}))
	want := []Group{{"root", "shadowed", 0, nil, 1}, {"wheel", "locked", 10, []string{"a", "b", "c"}, 2}, {"open", "empty", 3, nil, 5}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if len(source.Notes) != 2 {
		t.Errorf("notes: %q", source.Notes)
	}
}

func TestShadows(t *testing.T) {
	day := func(n int64) *int64 { return &n }
	for _, c := range []struct{ field, kind, hash string }{
		{"", "empty", "empty"}, {"*", "none", "none"}, {"x", "none", "none"}, {"!", "locked", "none"}, {"!!", "locked", "none"}, {"!*", "locked", "none"},
		{"!$6$a$b", "locked", "sha512"}, {"$6$a$b", "sha512", "sha512"}, {"$5$a$b", "sha256", "sha256"}, {"$1$a$b", "md5", "md5"},
		{"$y$j9T$a$b", "yescrypt", "yescrypt"}, {"$gy$j9T$a$b", "gost-yescrypt", "gost-yescrypt"}, {"$7$a", "scrypt", "scrypt"},
		{"$2b$12$a", "bcrypt", "bcrypt"}, {"$2y$12$a", "bcrypt", "bcrypt"}, {"$3$$a", "nt", "nt"}, {"$sha1$1$a$b", "sha1", "sha1"},
		{"$md5,rounds=1$a$b", "sunmd5", "sunmd5"}, {"ab/./CDEFGHIJ", "des", "des"}, {"_J9..abcdefghijklmno", "bsdi", "bsdi"}, {"*NP*", "none", "none"},
	} {
		t.Run("password "+c.field, func(t *testing.T) {
			got, source := Shadows(tree(t, map[string]string{"/etc/shadow": "u:" + c.field + ":19000:0:99999:7:::\n"}))
			want := []Shadow{{Name: "u", Kind: c.kind, Hash: c.hash, LastChange: day(19000), Min: day(0), Max: day(99999), Warn: day(7), Line: 1}}
			if d := cmp.Diff(want, got); d != "" || !source.Whole() {
				t.Error(d, source)
			}
			after, source := Shadows(saved(t, tree(t, map[string]string{"/etc/shadow": "u:" + c.field + ":19000:0:99999:7:::\n"})))
			if d := cmp.Diff(want, after); d != "" || !source.Whole() {
				t.Errorf("once saved: %s %+v", d, source)
			}
		})
	}
	t.Run("odd lines", func(t *testing.T) {
		got, source := Shadows(tree(t, map[string]string{"/etc/shadow": "alone\na::x::::::\nb:*\n"}))
		want := []Shadow{{Name: "a", Kind: "empty", Hash: "empty", Line: 2}, {Name: "b", Kind: "none", Hash: "none", Line: 3}}
		if d := cmp.Diff(want, got); d != "" || len(source.Notes) != 2 {
			t.Error(d, source.Notes)
		}
	})
}

// What is not known is said, and never taken for empty.
func TestStates(t *testing.T) {
	for _, c := range []struct {
		name    string
		s       *snapshot.Snapshot
		want    snapshot.State
		users   int
		missing []string
	}{
		{"nobody asked", snapshot.NewBuilder(snapshot.Limits{}).Snapshot(), snapshot.NotCollected, 0, []string{"/etc/passwd"}},
		{"absent", tree(t, nil), snapshot.Absent, 0, nil},
		{"dangling link", tree(t, map[string]string{"/etc/passwd": "-> /nowhere"}), snapshot.Absent, 0, nil},
		{"link", tree(t, map[string]string{"/etc/passwd": "-> ../../usr/passwd", "/usr/passwd": "a:x:0:0:::"}), snapshot.Present, 1, nil},
		{"folder", tree(t, map[string]string{"/etc/passwd/x": ""}), snapshot.Failed, 0, nil},
		{"denied", blind("/etc/passwd", snapshot.Fact{State: snapshot.Denied, Detail: "permission denied"}, ""), snapshot.Denied, 0, nil},
		{"truncated", blind("/etc/passwd", snapshot.Fact{State: snapshot.Truncated}, "a:x:0:0:::\n"), snapshot.Truncated, 1, nil},
		{"failed", blind("/etc/passwd", snapshot.Fact{State: snapshot.Failed, Detail: "input/output error"}, ""), snapshot.Failed, 0, nil},
		{"only metadata", blind("/etc/passwd", snapshot.Fact{}, ""), snapshot.NotCollected, 0, []string{"/etc/passwd"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			users, source := Users(c.s)
			if source.Fact.State != c.want || len(users) != c.users {
				t.Errorf("%d users, %+v", len(users), source)
			}
			if d := cmp.Diff(c.missing, source.Missing); d != "" {
				t.Error(d)
			}
			if !source.Whole() && !strings.Contains(source.Fact.Detail, "/etc/passwd") {
				t.Errorf("the detail does not name the file: %q", source.Fact.Detail)
			}
			if plan := source.Plan(); !slices.Equal(plan.Files, c.missing) {
				t.Errorf("plan: %v", plan)
			}
		})
	}
}

// TestAgainstLibc compares with the C library's own reading of this machine's files.
func TestAgainstLibc(t *testing.T) {
	getent, err := exec.LookPath("getent")
	if err != nil {
		t.Skip("no getent here")
	}
	lines := func(database string) [][]string {
		out, err := exec.CommandContext(t.Context(), getent, "-s", "files", database).Output()
		if err != nil {
			t.Fatal(err)
		}
		var all [][]string
		for sc := bufio.NewScanner(bytes.NewReader(out)); sc.Scan(); {
			all = append(all, strings.Split(sc.Text(), ":"))
		}
		return all
	}
	s := machine(t, "/etc/passwd", "/etc/group")
	users, _ := Users(s)
	var got [][]string
	for _, u := range users {
		got = append(got, []string{u.Name, strconv.Itoa(int(u.UID)), strconv.Itoa(int(u.GID)), u.Gecos, u.Home, u.Shell})
	}
	var want [][]string
	for _, f := range lines("passwd") {
		want = append(want, slices.Concat(f[:1], f[2:]))
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	groups, _ := Groups(s)
	got, want = nil, nil
	for _, g := range groups {
		got = append(got, []string{g.Name, strconv.Itoa(int(g.GID)), strings.Join(g.Members, ",")})
	}
	for _, f := range lines("group") {
		want = append(want, []string{f[0], f[2], f[3]})
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}
