package audit

import (
	"bytes"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestDescribe(t *testing.T) {
	for _, tt := range []struct {
		name, method, url, prefix string
		want                      Record
	}{
		{"list in all namespaces", "GET", "/api/v1/pods?limit=5&continue=secret", "", Record{Verb: "list", Resource: "pods"}},
		{"list in one", "GET", "/api/v1/namespaces/shop/pods", "", Record{Verb: "list", Resource: "pods", Namespace: "shop"}},
		{"watch", "GET", "/api/v1/pods?watch=true", "", Record{Verb: "watch", Resource: "pods"}},
		{"namespaces", "GET", "/api/v1/namespaces", "", Record{Verb: "list", Resource: "namespaces"}},
		{"a namespace", "GET", "/api/v1/namespaces/shop", "", Record{Verb: "get", Resource: "namespaces", Name: "shop"}},
		{"a namespace's status", "PATCH", "/api/v1/namespaces/shop/status", "", Record{Verb: "patch", Resource: "namespaces/status", Name: "shop"}},
		{"group", "GET", "/apis/apps/v1/namespaces/shop/deployments/cart", "", Record{Verb: "get", Resource: "deployments.apps", Namespace: "shop", Name: "cart"}},
		{"exec", "GET", "/api/v1/namespaces/shop/pods/cart-1/exec?command=cat&command=secret", "", Record{Verb: "get", Resource: "pods/exec", Namespace: "shop", Name: "cart-1"}},
		{"create", "POST", "/apis/rbac.authorization.k8s.io/v1/namespaces/shop/roles", "", Record{Verb: "create", Resource: "roles.rbac.authorization.k8s.io", Namespace: "shop"}},
		{"token", "POST", "/api/v1/namespaces/shop/serviceaccounts/assay/token", "", Record{Verb: "create", Resource: "serviceaccounts/token", Namespace: "shop", Name: "assay"}},
		{"delete", "DELETE", "/api/v1/namespaces/shop/pods/x", "", Record{Verb: "delete", Resource: "pods", Namespace: "shop", Name: "x"}},
		{"delete all", "DELETE", "/api/v1/namespaces/shop/pods", "", Record{Verb: "deletecollection", Resource: "pods", Namespace: "shop"}},
		{"update", "PUT", "/api/v1/nodes/n1", "", Record{Verb: "update", Resource: "nodes", Name: "n1"}},
		{"no resource", "GET", "/version?token=secret", "", Record{Verb: "get", Path: "/version"}},
		{"group list", "GET", "/apis/apps/v1", "", Record{Verb: "get", Path: "/apis/apps/v1"}},
		{"server behind a path", "GET", "/k8s/c-1/api/v1/pods", "/k8s/c-1", Record{Verb: "list", Resource: "pods"}},
		{"server behind a path with a slash", "GET", "/k8s/c-1/api/v1/pods", "/k8s/c-1/", Record{Verb: "list", Resource: "pods"}},
		{"root", "GET", "/", "/", Record{Verb: "get", Path: "/"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			u, err := url.Parse("https://user:secret@example.com" + tt.url)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, Describe(tt.method, u, tt.prefix)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func record(name string) Record {
	return Record{
		Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Verb: "list", Resource: "pods", Namespace: name,
		Status: 200, Bytes: 42, Duration: 1500 * time.Microsecond,
	}
}

// trail writes so many lines to a new file and returns its path.
func trail(t testing.TB, lines int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	l, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range lines {
		if err := l.Append(record(string(rune('a' + i)))); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestLogIsContinued(t *testing.T) {
	path := trail(t, 3)
	l, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Append(record("z")); err != nil {
		t.Fatal(err)
	}
	head, lines := l.Head()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	gotLines, gotHead, err := Verify(bytes.NewReader(read(t, path)))
	if err != nil || gotLines != 4 || lines != 4 || gotHead != head {
		t.Errorf("Verify = %d, %s, %v; the log says %d, %s", gotLines, gotHead, err, lines, head)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("mode is %v, want 0600", info.Mode().Perm())
	}
}

func TestLine(t *testing.T) {
	got := string(read(t, trail(t, 1)))
	want := `{"n":1,"time":"2026-01-02T03:04:05Z","verb":"list","resource":"pods","namespace":"a","status":200,"bytes":42,"duration":"1.5ms","prev":"` + start + "\"}\n"
	if got != want {
		t.Errorf("got  %swant %s", got, want)
	}
}

func TestOpenRefuses(t *testing.T) {
	whole := string(read(t, trail(t, 2)))
	for _, tt := range []struct{ name, content, want string }{
		{"cut off", whole[:len(whole)-5], "cut off"},
		{"no newline at the end", strings.TrimSuffix(whole, "\n"), "cut off"},
		{"something else", "hello\n", "not written by this program"},
		{"other JSON", `{"n":1,"level":"info"}` + "\n", "not written by this program"},
		{"blank last line", whole + "\n", "not written by this program"},
		{"record and more", strings.TrimSuffix(whole, "\n") + " {}\n", "not written by this program"},
		{"no hash", `{"n":1,"time":"2026-01-02T03:04:05Z","verb":"list","prev":"12"}` + "\n", "no hash"},
		{"endless line", strings.Repeat("x", 2*longestLine) + "\n", "too long"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "audit.jsonl")
			if err := os.WriteFile(path, []byte(tt.content), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := Open(path)
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("Open = %v, want %q and the file's name", err, tt.want)
			}
			if got := string(read(t, path)); got != tt.content {
				t.Error("the file was changed")
			}
		})
	}
	t.Run("folder", func(t *testing.T) {
		if _, err := Open(t.TempDir()); err == nil {
			t.Error("no error")
		}
	})
}

func TestOneWriterAtATime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	l, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path); err == nil || !strings.Contains(err.Error(), "another run") {
		t.Errorf("second Open = %v, want that another run is writing", err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := Open(path)
	if err != nil {
		t.Fatalf("after Close: %v", err)
	}
	if err := errors.Join(again.Close(), again.Close()); err != nil {
		t.Error(err)
	}
}

func TestAppendAtTheSameTime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	l, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				if err := l.Append(record("x")); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if lines, _, err := Verify(bytes.NewReader(read(t, path))); err != nil || lines != 400 {
		t.Errorf("Verify = %d, %v", lines, err)
	}
}

func TestLongNamesAreClipped(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	l, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Append(Record{Time: time.Unix(1, 0), Verb: "get", Path: strings.Repeat("x", 2*longestLine)}); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Verify(bytes.NewReader(read(t, path))); err != nil {
		t.Error(err)
	}
}

func TestFullDisk(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("this system has no /dev/full")
	}
	l, err := Open("/dev/full")
	if err != nil {
		t.Fatal(err)
	}
	err = l.Append(record("a"))
	var write *WriteError
	if !errors.As(err, &write) || !strings.Contains(err.Error(), "/dev/full") {
		t.Errorf("Append = %v, want a WriteError that names the file", err)
	}
	if l.Err() == nil || l.Append(record("b")) == nil {
		t.Error("the log goes on after a failure")
	}
	if err := l.Close(); err == nil {
		t.Error("Close hides the failure")
	}
}

func TestVerify(t *testing.T) {
	whole := string(read(t, trail(t, 5)))
	lines := strings.SplitAfter(strings.TrimSuffix(whole, "\n"), "\n")
	lines[4] += "\n"
	join := func(order ...int) string {
		var b strings.Builder
		for _, i := range order {
			b.WriteString(lines[i-1])
		}
		return b.String()
	}
	for _, tt := range []struct {
		name, content string
		line          int // that is broken; 0: none
		reason        string
	}{
		{"whole", whole, 0, ""},
		{"empty", "", 0, ""},
		{"changed", strings.Replace(whole, `"namespace":"c"`, `"namespace":"x"`, 1), 3, "was changed"},
		{"one space more", strings.Replace(whole, `"namespace":"b"`, `"namespace": "b"`, 1), 2, "was changed"},
		{"other line ends", strings.ReplaceAll(whole, "\n", "\r\n"), 1, "not a record"},
		{"removed", join(1, 2, 4, 5), 3, "removed"},
		{"first removed", join(2, 3, 4, 5), 1, "beginning is missing"},
		{"reordered", join(1, 3, 2, 4, 5), 2, "removed here, or put elsewhere"},
		{"twice", join(1, 2, 2, 3, 4, 5), 3, "twice"},
		{"renumbered", join(1, 2) + strings.Replace(lines[3], `"n":4`, `"n":3`, 1), 2, "was changed"},
		{"first with a past", strings.Replace(whole, `"prev":"0`, `"prev":"1`, 1), 1, "changed"},
		{"cut off", whole[:len(whole)-3], 5, "cut off"},
		{"not ours", join(1, 2) + "hello\n", 3, "not a record"},
		{"endless", join(1) + strings.Repeat("x", 2*longestLine), 2, "too long"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n, _, err := Verify(strings.NewReader(tt.content))
			var broken *BrokenError
			switch {
			case tt.line == 0 && (err != nil || n != strings.Count(tt.content, "\n")):
				t.Errorf("Verify = %d, %v, want no error", n, err)
			case tt.line == 0:
			case !errors.As(err, &broken) || broken.Line != tt.line || !strings.Contains(broken.Reason, tt.reason):
				t.Errorf("Verify = %v, want line %d: … %s", err, tt.line, tt.reason)
			}
		})
	}
}

func TestVerifyHeadShowsTheEnd(t *testing.T) {
	whole := read(t, trail(t, 3))
	_, head, _ := Verify(bytes.NewReader(whole))
	short := whole[:bytes.LastIndexByte(whole[:len(whole)-1], '\n')+1]
	lines, shortHead, err := Verify(bytes.NewReader(short))
	if err != nil || lines != 2 || shortHead == head {
		t.Errorf("without its last line: %d, %s, %v; the head must differ from %s", lines, shortHead, err, head)
	}
}

// FuzzVerify changes a trail in one place: it must be found, or show in the head.
func FuzzVerify(f *testing.F) {
	whole := read(f, trail(f, 4))
	f.Add(10, byte('x'), false)
	f.Add(len(whole)-1, byte(' '), true)
	f.Add(200, byte('\n'), false)
	_, want, _ := Verify(bytes.NewReader(whole))
	f.Fuzz(func(t *testing.T, at int, b byte, insert bool) {
		if at < 0 || at >= len(whole) {
			t.Skip()
		}
		changed := bytes.Clone(whole)
		if insert {
			changed = append(changed[:at], append([]byte{b}, whole[at:]...)...)
		} else {
			changed[at] = b
		}
		if bytes.Equal(changed, whole) {
			t.Skip()
		}
		if _, head, err := Verify(bytes.NewReader(changed)); err == nil && head == want {
			t.Errorf("a change at %d went unnoticed", at)
		}
	})
}

// FuzzVerifyAnything must not panic, and must not take what it did not count.
func FuzzVerifyAnything(f *testing.F) {
	f.Add(read(f, trail(f, 2)))
	f.Add([]byte("{}\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		n, _, err := Verify(bytes.NewReader(b))
		if err == nil && n != bytes.Count(b, []byte("\n")) {
			t.Errorf("%d lines of %d", n, bytes.Count(b, []byte("\n")))
		}
	})
}
