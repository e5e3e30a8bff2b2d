package guard

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// names is a resolver that knows a few names.
type names map[string][]string

func (n names) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	var ips []netip.Addr
	for _, s := range n[host] {
		ips = append(ips, netip.MustParseAddr(s))
	}
	if ips == nil {
		return nil, errors.New("no such host")
	}
	return ips, nil
}

func TestNamesAreJudgedByAllTheirAddresses(t *testing.T) {
	t.Parallel()
	resolver := names{"localhost": {"::1", "127.0.0.1"}, "mixed": {"127.0.0.1", "192.0.2.1"}, "mixed-too": {"192.0.2.1", "127.0.0.1"}, "outside": {"192.0.2.1"}, "mapped": {"::ffff:127.0.0.1"}}
	for addr, want := range map[string]struct {
		listen string
		ok     bool
	}{
		"localhost:80":          {"127.0.0.1:80", true},
		"mapped:80":             {"127.0.0.1:80", true},
		"[::1]:80":              {"[::1]:80", true},
		"[::ffff:127.0.0.1]:80": {"[::ffff:127.0.0.1]:80", true},
		"mixed:80":              {"", false},
		"mixed-too:80":          {"", false},
		"outside:80":            {"", false},
		"[::]:80":               {"", false},
		":80":                   {"", false},
		"unknown:80":            {"", false},
		"127.0.0.1":             {"", false},
	} {
		got, err := Bind{Addr: addr}.Check(t.Context(), resolver)
		if (err == nil) != want.ok || want.ok && (got.Addr != want.listen || !got.Loopback) {
			t.Errorf("%s: %+v, %v", addr, got, err)
		}
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestTokenFiles(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, complaint string }{
		"good":           {"0123456789abcdef", ""},
		"white space":    {"\n  0123456789abcdef \r\n", ""},
		"empty":          {"", "is empty"},
		"only space":     {" \n\n", "is empty"},
		"short":          {"0123456789abcde", "15 characters"},
		"two lines":      {"0123456789abcdef\nsecond", "spaces"},
		"not ASCII":      {"0123456789abcdefß", "characters"},
		"the wrong file": {strings.Repeat("x", 5000), "longer than"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "token")
			write(t, path, c.text)
			_, err := ReadToken(path, slog.New(slog.DiscardHandler))
			if c.complaint == "" && err != nil || c.complaint != "" && (err == nil || !strings.Contains(err.Error(), c.complaint) || !strings.Contains(err.Error(), path)) {
				t.Errorf("%v", err)
			}
			if err != nil && strings.Contains(err.Error(), "0123456789") {
				t.Errorf("the message has the token: %v", err)
			}
		})
	}
}

func TestTokenFileThatOthersCanReadIsWarnedAbout(t *testing.T) {
	t.Parallel()
	for mode, warned := range map[os.FileMode]bool{0o600: false, 0o640: false, 0o644: true} {
		path := filepath.Join(t.TempDir(), "token")
		write(t, path, "0123456789abcdef")
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		var log strings.Builder
		if _, err := ReadToken(path, slog.New(slog.NewTextHandler(&log, nil))); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(log.String(), "every user") != warned {
			t.Errorf("%v: log %q", mode, log.String())
		}
	}
}

func TestTokenIsReadAgain(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "token")
	write(t, path, "the-first-token-1")
	token, err := ReadToken(path, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	token.now = func() time.Time { return now }
	allows := func(shown string) bool {
		t.Helper()
		ok, err := token.Allows(&http.Request{Header: http.Header{"Authorization": {"Bearer " + shown}}})
		if err != nil {
			t.Errorf("%v", err)
		}
		return ok
	}
	write(t, path, "the-second-token-2")
	if !allows("the-first-token-1") {
		t.Error("the file is read more often than it need be")
	}
	now = now.Add(2 * reread)
	if allows("the-first-token-1") || !allows("the-second-token-2") {
		t.Error("the new token does not count")
	}
	for _, bad := range []func(){func() { write(t, path, "") }, func() { os.Remove(path) }} {
		bad()
		now = now.Add(2 * reread)
		if ok, err := token.Allows(&http.Request{Header: http.Header{"Authorization": {"Bearer the-second-token-2"}}}); ok || !errors.Is(err, ErrUnavailable) {
			t.Errorf("without a token file: %v, %v", ok, err)
		}
	}
	write(t, path, "the-third-token-33")
	now = now.Add(2 * reread)
	if !allows("the-third-token-33") {
		t.Error("the file can be read again")
	}
	two := http.Header{"Authorization": {"Bearer the-third-token-33", "Bearer x"}}
	if ok, _ := token.Allows(&http.Request{Header: two}); ok {
		t.Error("two headers leave it open which counts")
	}
}
